"""A linear model on a target that bends, jumps or depends on products: what its residuals show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from scipy.stats import chi2
from scipy.stats import f as fisher

from steepest.call import Code
from steepest.finding import Finding
from steepest.inspection.diagnosis.at_hand import RowsAtHand
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import changed
from steepest.inspection.diagnosis.rows.cures import with_model, with_products
from steepest.inspection.diagnosis.rows.outliers import has_settled, outliers_of
from steepest.inspection.protocol import TableFitLike

# What is gained must be so much of the variance of the target, and so much of what the linear model leaves of it.
GAIN, OF_REST = 0.05, 0.1
# How unlikely it must be by chance, times the number of forms that are tried; residuals may have longer tails than the
# test allows for, hence the small number.
CHANCE = 1e-6
# More columns than this have too many forms; of more than `PAIRED` no products are tried.
MOST_COLUMNS, PAIRED = 60, 25
BINS = 10
# A form is named in place of a freer one if it gains so much of what that does.
SIMPLER = 0.9


class Form(NamedTuple):
    """A form that a linear model lacks.

    Parameters
    ----------
    kind : {"square", "bend", "jump", "product"}
        The form.
    columns : tuple of int
        The column, or the two whose product it is; a square has the same column twice.
    gain : float
        The part of the variance of the target that it explains beside the linear model.
    place : float
        Where a jump is.
    also : tuple of (int, ...)
        The columns of other forms of the same kind, which explain enough, too.
    """

    kind: str
    columns: tuple[int, ...]
    gain: float
    place: float = 0.0
    also: tuple[tuple[int, ...], ...] = ()


def curved_targets(case: Case) -> Iterator[Finding]:
    """Yield a finding if the residuals of a linear model follow a curve, a jump or a product of columns.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        One at most.
    """
    rows = case.rows
    if rows is None or rows.X.shape[1] > MOST_COLUMNS or rows.kind not in ("linear", "own"):
        return
    X, y = np.asarray(rows.X, dtype=float)[rows.few], rows.y[rows.few]
    if not np.isfinite(X).all() or np.ptp(y) == 0 or len(y) < 8 * (X.shape[1] + 2):
        return
    if rows.loss == "log loss" and rows.kind == "linear" and case.outcome.success:
        form, r2 = _of_classes(rows, X, y), float("nan")
    elif rows.loss in ("squared", "huber", "absolute"):
        if rows.kind == "own" and not (case.outcome.success and case.function.is_at_hand):
            return
        # A network bends: what it leaves it has still to learn, or is not to learn, if it was stopped early.
        if case.is_network:
            return
        kept = np.ones(len(y), dtype=bool)
        if far := outliers_of(rows, case.function.is_at_hand, has_settled(case)):
            kept = ~np.isin(rows.numbers[rows.few], far.rows)
        form, r2 = _of_numbers(rows, X, y, kept)
    else:
        return
    if form is None:
        return
    name = rows.names[form.columns[0]]
    model = "model" if rows.kind == "own" else "linear model"
    if form.kind == "jump":
        what = f"The target jumps where {name} passes {form.place:.4g}, which a {model} can't follow"
    elif form.kind == "product":
        what = f"The effect of {name} depends on {rows.names[form.columns[1]]}, which a {model} can't follow"
    else:
        what = f"The target bends with {name}, and the {model} does not follow it"
    measured = "deviance" if np.isnan(r2) else "variance"
    add = {"product": "their product", "jump": "a step there"}.get(form.kind, "a curve in it")
    evidence = f"In the rows, for {name}, {add} explains {100 * form.gain:.0f} % more of the {measured} of the target"
    evidence += "." if np.isnan(r2) else f", beside the {100 * r2:.0f} % of the linear terms; other rows confirm it."
    cure, call = _cure(case, rows, form)
    sure = 0.85 if case.outcome.success else 0.7
    yield Finding("warning", "under-fitting", f"{what}.", cure, evidence, call, "ResidualsDisplay", sure)


def _cure(case: Case, rows: RowsAtHand, form: Form) -> tuple[str, str]:
    if isinstance(case.run, TableFitLike) or rows.kind == "own":
        return "Take a model that bends, such as a network or a tree.", with_model(case, "Network")
    if form.kind in ("square", "product"):
        words = "the square of the column" if form.kind == "square" else "the product of the two columns"
        call = with_products(case, rows, [(each[0], each[-1]) for each in (form.columns, *form.also)])
        return f"Add {words}, or take a model that bends, such as st.models.Network().", call
    if form.kind == "jump":
        if rows.fit.columns:
            X = f"X.assign(step=X[{rows.fit.columns[form.columns[0]]!r}] > {form.place:.6g})"
        elif rows.X.shape[1] == 1:
            X = f"np.column_stack([X, np.ravel(X) > {form.place:.6g}])"
        else:
            X = f"np.column_stack([X, X[:, {form.columns[0]}] > {form.place:.6g}])"
        call = changed(case, X=Code(X), start=None)
        return "Add a column that is 1 beyond that place, or take a tree, st.models.Tree().", call
    return "Take a model that bends, such as a network or a tree.", with_model(case, "Network")


def _of_numbers(rows: RowsAtHand, X: np.ndarray, y: np.ndarray, kept: np.ndarray) -> tuple[Form | None, float]:
    """Return the form that explains most of what a linear model leaves, and the R² of that model."""
    X, y = X[kept], y[kept]
    Z = _standard(X)
    basis = _orthonormal(Z)
    fitted = y
    if rows.kind == "own":
        predicted = rows.predicted
        if predicted is None or predicted.shape != kept.shape:
            return None, 0.0
        # A column's own term would explain what a descent that stopped early has left of it.
        fitted = y - predicted[kept]
    rest = fitted - basis @ (basis.T @ fitted)
    total = float(((y - y.mean()) ** 2).sum())
    left = float(rest @ rest)
    r2 = 1 - left / total
    if left < GAIN * total:
        return None, r2
    forms = _forms(Z, X, basis)
    chance = CHANCE / max(len(forms), 1)
    freedom = len(y) - basis.shape[1]
    half = np.random.default_rng(2).permutation(len(y)) % 2 == 0
    found = []
    for form, columns in forms:
        gained = _explained(columns, rest)
        size = columns.shape[1]
        share = gained / left
        if gained < GAIN * total or share < OF_REST:
            continue
        ratio = share / max(1 - share, 1e-16) * (freedom - size) / size
        if fisher.sf(ratio, size, freedom - size) < chance and _is_confirmed(columns, rest, half):
            found.append(form._replace(gain=gained / total))
    return _simplest(found), r2


def _is_confirmed(columns: np.ndarray, rest: np.ndarray, half: np.ndarray) -> bool:
    """Return whether coefficients of half of the rows explain the other half, each way, at least half as well."""
    for part in (half, ~half):
        coefficients = _coefficients(columns[part], rest[part])
        others = rest[~part]
        gained = float(others @ others) - float(((others - columns[~part] @ coefficients) ** 2).sum())
        if gained < 0.5 * _explained(columns, rest) * float((~part).mean()):
            return False
    return True


def _of_classes(rows: RowsAtHand, X: np.ndarray, y: np.ndarray) -> Form | None:
    """Return the form that lowers the deviance of a logistic model most, by the score test of each."""
    coef, intercept = (np.asarray(rows.fit.params[name], dtype=float) for name in ("coef", "intercept"))
    if coef.ndim != 1 or len(coef) != X.shape[1]:
        return None
    p = np.clip(expit(X @ coef + intercept), 1e-9, 1 - 1e-9)
    root = np.sqrt(p * (1 - p))
    mean = y.mean()
    null = -2 * len(y) * float(mean * np.log(mean) + (1 - mean) * np.log(1 - mean))
    deviance = -2 * float((y * np.log(p) + (1 - y) * np.log(1 - p)).sum())
    if not 0 < mean < 1 or deviance < GAIN * null:
        return None
    Z = _standard(X)
    weighted = np.linalg.qr(np.column_stack([np.ones(len(Z)), Z]) * root[:, None])[0]
    rest = (y - p) / root
    # A probability near 0 or 1 that is wrong would decide the test alone.
    rest = np.clip(rest, -10, 10)
    rest = rest - weighted @ (weighted.T @ rest)
    raw = [(Form("square", (j, j), 0), Z[:, j] ** 2) for j in range(Z.shape[1]) if len(np.unique(X[:, j])) > 2]
    if Z.shape[1] <= PAIRED:
        raw += [
            (Form("product", (i, j), 0), Z[:, i] * Z[:, j]) for i in range(Z.shape[1]) for j in range(i + 1, Z.shape[1])
        ]
    found = []
    for form, column in raw:
        own = column * root
        own = own - weighted @ (weighted.T @ own)
        gained = _explained(own[:, None], rest)
        if gained >= GAIN * null and chi2.sf(gained, 1) < CHANCE / len(raw):
            found.append(form._replace(gain=min(gained / null, 1.0)))
    return _simplest(found)


def _forms(Z: np.ndarray, X: np.ndarray, basis: np.ndarray) -> list[tuple[Form, np.ndarray]]:
    """Return forms, each with its columns less what the linear model has of them."""
    raw: list[tuple[Form, np.ndarray]] = []
    for j in range(Z.shape[1]):
        if len(np.unique(X[:, j])) <= 2:
            continue
        raw.append((Form("square", (j, j), 0), Z[:, j : j + 1] ** 2))
        edges = np.unique(np.quantile(X[:, j], np.arange(1, BINS) / BINS))
        bins = np.searchsorted(edges, X[:, j], side="right")
        present = np.unique(bins)
        if len(present) > 2:
            raw.append((Form("bend", (j,), 0), (bins[:, None] == present[1:]).astype(float)))
        fine = np.unique(np.quantile(X[:, j], np.arange(1, 40) / 40))
        raw += [(Form("jump", (j,), 0, float(edge)), (X[:, j : j + 1] > edge).astype(float)) for edge in fine]
    if Z.shape[1] <= PAIRED:
        raw += [
            (Form("product", (i, j), 0), (Z[:, i] * Z[:, j])[:, None])
            for i in range(Z.shape[1])
            for j in range(i + 1, Z.shape[1])
        ]
    if not raw:
        return []
    whole = np.column_stack([columns for _, columns in raw])
    whole = whole - basis @ (basis.T @ whole)
    ends = np.cumsum([columns.shape[1] for _, columns in raw])
    parts = np.split(whole, ends[:-1], axis=1)
    return [(form, part) for (form, _), part in zip(raw, parts, strict=True)]


def _simplest(found: list[Form]) -> Form | None:
    """Return the form that gains most, or a simpler one that gains nearly as much."""
    if not found:
        return None
    best = max(form.gain for form in found)
    order = ("product", "square", "jump", "bend")
    near = (form for form in found if form.gain >= SIMPLER * best)
    chosen = max(near, key=lambda form: (-order.index(form.kind), form.gain))
    return chosen._replace(
        also=tuple(form.columns for form in found if form.kind == chosen.kind and form is not chosen)
    )


def _explained(columns: np.ndarray, rest: np.ndarray) -> float:
    """Return the sum of squares that columns explain."""
    if columns.shape[1] == 1:
        size = float(columns[:, 0] @ columns[:, 0])
        return float(columns[:, 0] @ rest) ** 2 / size if size > 1e-9 * len(rest) else 0.0
    return float(rest @ (columns @ _coefficients(columns, rest)))


def _coefficients(columns: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return the coefficients of least squares, from the products of a few columns."""
    return np.asarray(np.linalg.pinv(columns.T @ columns, rcond=1e-10, hermitian=True) @ (columns.T @ rest))


def _standard(X: np.ndarray) -> np.ndarray:
    spread = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)


def _orthonormal(Z: np.ndarray) -> np.ndarray:
    """Return orthonormal columns that span the constant and those of Z."""
    columns = np.column_stack([np.ones(len(Z)), Z])
    values, vectors = np.linalg.eigh(columns.T @ columns)
    kept = values > 1e-10 * values[-1]
    return np.asarray(columns @ (vectors[:, kept] / np.sqrt(values[kept])))
