"""Classes: one is rare, or a plane separates them, so that the log loss has no minimum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.call import Code
from steepest.finding import Finding
from steepest.inspection.diagnosis.at_hand import RowsAtHand
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import changed
from steepest.inspection.diagnosis.words import shown
from steepest.inspection.protocol import TableFitLike
from steepest.trace import Outcome

# A class is rare below this share of the rows; of many classes, below half of what each had if all were alike.
RARE = 0.05
# Fewer rows than this tell nothing of shares.
FEWEST = 20


def rare_classes(case: Case) -> Iterator[Finding]:
    """Yield a finding if a class has hardly any weight.

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
    if rows is None or isinstance(case.run, TableFitLike) or not rows.has_classes or len(rows.y) < FEWEST:
        return
    classes, codes = np.unique(rows.y, return_inverse=True)
    counts = np.bincount(codes)
    shares = np.bincount(codes, rows.weight) / rows.weight.sum()
    limit = min(RARE, 0.5 / len(classes))
    if len(classes) < 2 or shares.min() >= limit:
        return
    rare = int(shares.argmin())
    # Classes count alike if each row weighs 1 / (classes × its class's share).
    weights = [f"{classes[k]:g}: {len(codes) / len(classes) / counts[k]:.3g}" for k in range(len(classes))]
    two = len(classes) == 2 and set(classes.tolist()) <= {0.0, 1.0}
    each = [len(codes) / 2 / count for count in counts.tolist()]
    code = (
        f"np.where(np.asarray(y) == 1, {each[1]:.4g}, {each[0]:.4g})"
        if two
        else f"np.vectorize({{{', '.join(weights)}}}.get)(np.asarray(y))"
    )
    yield Finding(
        "warning",
        "class imbalance",
        f"Class {classes[rare]:g} has {counts[rare]:,} of {len(codes):,} rows ({100 * counts[rare] / len(codes):.2g} %)"
        f", so always guessing class {classes[int(shares.argmax())]:g} is right in "
        f"{100 * counts.max() / len(codes):.3g} % of them, and accuracy says little.",
        f"Judge the fit by its log loss or by how many of class {classes[rare]:g} it finds; with sample_weight= the "
        "classes count alike.",
        "Counted in the rows.",
        changed(case, sample_weight=Code(code)),
        picture="ConfusionDisplay",
        confidence=0.85,
    )


def separable_classes(case: Case) -> Iterator[Finding]:
    """Yield a finding if a plane separates the classes, so that the log loss falls as long as coefficients grow.

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
    if rows is None or rows.loss not in ("log loss", "softmax") or rows.is_penalised:
        return
    unbounded = case.outcome is Outcome.NO_FINITE_OPTIMUM
    if rows.kind == "linear":
        is_found = unbounded or _all_right(rows)
    elif rows.kind == "own":
        # A network tells its rows apart by learning them by heart; a plane that does says that no fit is the best.
        is_found = unbounded or (case.function.is_at_hand and _own_all_right(rows))
    else:
        return
    if not is_found:
        return
    largest = float(np.abs(np.concatenate([np.ravel(leaf) for leaf in _numbers(case)])).max(initial=0))
    yield Finding(
        "warning",
        "separable classes",
        f"The classes of all {rows.count:,} rows can be told apart without a mistake, so the log loss falls as long as "
        "the coefficients grow, and there is no best fit.",
        "Add a penalty, which keeps the coefficients finite.",
        f"The largest coefficient came to {shown(largest)}.",
        changed(case, penalty=Code("st.penalties.L2(1e-3)"), step=None, direction=None, epochs=None, batch_size=None),
        "CoefficientsDisplay",
        0.93,
    )


def _numbers(case: Case) -> list[np.ndarray]:
    params = case.fit.params if case.fit is not None else {}
    leaves = params.values() if isinstance(params, dict) else ()
    return [np.asarray(leaf, dtype=float) for leaf in leaves if np.asarray(leaf).dtype.kind in "biuf"] or [np.zeros(1)]


def _own_all_right(rows: RowsAtHand) -> bool:
    """Return whether a model of the user's own is linear in its parameters, and right in every row."""
    if rows.loss != "log loss" or len(rows.few) != rows.count or len(np.unique(rows.y)) < 2:
        return False
    z = rows.predicted
    if z is None or z.shape != rows.y.shape or not rows.is_linear_in_parameters:
        return False
    return bool(((rows.y > 0.5) == (z > 0)).all() and (z != 0).all())


def _all_right(rows: RowsAtHand) -> bool:
    """Return whether the output of the fit has the right class in every row: such a plane separates the classes."""
    coef, intercept = (np.asarray(rows.fit.params[name], dtype=float) for name in ("coef", "intercept"))
    if coef.shape[-1] != rows.X.shape[1] or len(np.unique(rows.y)) < 2 or not np.isfinite(coef).all():
        return False
    z = rows.X @ coef.T + intercept
    if coef.ndim == 1:
        return bool(((rows.y > 0.5) == (z > 0)).all() and (z != 0).all())
    own = np.take_along_axis(z, rows.y.astype(int)[:, None], axis=1)
    return bool(((z >= own).sum(axis=1) == 1).all())
