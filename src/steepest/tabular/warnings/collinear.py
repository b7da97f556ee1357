"""Columns that depend on each other, named with the combination; and columns that add up to the target."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.models.losses.smooth import Squared
from steepest.printable import listed
from steepest.statistics.dependence import EXACT, INFLATION, ROUNDING, Relation, relations_of
from steepest.tabular.categories.levels import Category
from steepest.tabular.encoders import Moment
from steepest.tabular.method import has_coefficients
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.giveaways import TITLE
from steepest.tabular.warnings.words import option

# With more columns than this their relations are not looked for: it would take seconds.
MOST_COLUMNS = 500
# The most terms of a combination that is written out.
MOST_TERMS = 6
# The titles of reports for the same, which they then leave out.
_NO_CODES = np.zeros(1, dtype=int)
DEPENDENT, NEARLY = "columns depend on each other", "columns nearly depend on each other"


def collinear_columns(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding for each column of the table that depends on others, exactly or nearly.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        One for each column of the table.
    """
    rows, columns = fitted.matrix.shape
    if not has_coefficients(fitted.fit.model) or columns > MOST_COLUMNS or columns >= rows - 1:  # type: ignore[arg-type]
        return
    by_owner: dict[str, list[Relation]] = {}
    for relation in relations_of(fitted.moments.correlation):
        if not _of_gaps(fitted, relation):
            by_owner.setdefault(fitted.owners[relation.column], []).append(relation)
    for owner, relations in by_owner.items():
        exact = [each for each in relations if each.whole == 1]
        yield _exact(fitted, owner, exact) if exact else _near(fitted, owner, relations)


def adds_up_to_target(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding if the target is a sum of columns, such as a total of its parts.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        One at most.
    """
    rows, columns = fitted.matrix.shape
    if (
        fitted.ready.classes is not None
        or not isinstance(fitted.loss, Squared)
        or not 1 < columns <= min(MOST_COLUMNS, rows - 5)
    ):
        return
    moments, few = fitted.moments, fitted.few
    weights = _weights(fitted.matrix[few] - moments.mean, fitted.y[few])
    if weights is not None and len(few) < rows:
        weights = _weights(fitted.matrix - moments.mean, fitted.y)
    if weights is None:
        return
    effects = np.abs(weights) * moments.deviation
    used = np.flatnonzero(effects > ROUNDING * effects.max())
    owners = list(dict.fromkeys(fitted.owners[k] for k in used))
    if len(owners) < 2:
        # One column alone is what `giveaways` finds.
        return
    slopes = weights[used]
    sum_ = _sum(fitted, used.tolist(), slopes, float(fitted.y.mean() - slopes @ moments.mean[used]))
    text = f"{listed(owners)} determine {fitted.target} together" + (f" ({fitted.target} = {sum_})." if sum_ else ".")
    cure = f"Are they known before {fitted.target} is? If not: {option('drop', owners)}."
    yield Finding("warning", TITLE.replace("a column", "columns"), text, cure)


def _weights(X: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """Return the coefficients of an exact combination of centred columns, up to a constant; None if there is none."""
    X = np.where(np.isnan(X), 0, X)
    X, y = X - X.mean(axis=0), y - y.mean()
    scale = np.sqrt(np.einsum("ij,ij->j", X, X))
    scale[scale == 0] = np.inf
    X /= scale
    inverse = np.linalg.pinv(X.T @ X, hermitian=True)
    weights = inverse @ (X.T @ y)
    rest = y - X @ weights
    return weights / scale if float(rest @ rest) <= EXACT * float(y @ y) else None


def _of_gaps(fitted: FittedTable, relation: Relation) -> bool:
    """Return whether a relation only says that columns of texts are missing in the same rows, which is no surprise."""
    return all(fitted.names[k].endswith("=(missing)") for k in (relation.column, *relation.others))


def _exact(fitted: FittedTable, owner: str, relations: list[Relation]) -> Finding:
    """Return the finding of a column of the table that others determine."""
    parts = {part.column: part for part, _ in fitted.parts}
    part = parts[owner]
    others = list(dict.fromkeys(fitted.owners[k] for each in relations for k in each.others))
    others = [name for name in others if name != owner]
    names = [fitted.names[each.column] for each in relations]
    whole = len(relations) == len(part.names)
    formula = _formula(fitted, relations[0]) if len(relations) == 1 else None
    other = others[0] if len(others) == 1 and isinstance(parts[others[0]], Category) else ""
    codes, given = (_codes(fitted, owner), _codes(fitted, other)) if other else (_NO_CODES, _NO_CODES)
    short = formula is not None and isinstance(part, Category) and len(part.names) == len(relations[0].others) == 1
    if other and _determines(given, codes) and not short:
        both = isinstance(part, Category) and _determines(codes, given)
        what = f"{owner} and {other} divide the rows into the same groups" if both else (
            f"{other} determines {owner}: each of its values has one value of {owner}"
        )  # fmt: skip
    elif other and isinstance(part, Category) and _determines(codes, given):
        # The finer of the two says more.
        what, owner = f"{owner} determines {other}: each of its values has one value of {other}", other
    elif formula is not None:
        owner, what = fitted.owners[formula[0]], formula[1]
    elif whole:
        what = f"{owner} is determined by {listed(others)}"
    else:
        those = "is a combination" if len(names) == 1 else "are combinations"
        own = [f"others of {owner}"] * any(fitted.owners[k] == owner for each in relations for k in each.others)
        what = f"{listed(names, 3)} {those} of values of {listed([*others, *own])}"
        if other and len(parts[other].names) < len(part.names):
            owner = other
    drop, leave = _dropped(fitted, owner, others)
    cure = f"Their coefficients can't be told apart; {leave}: {option('drop', drop)}."
    return Finding("warning", DEPENDENT, f"{what}.", cure)


def _near(fitted: FittedTable, owner: str, relations: list[Relation]) -> Finding:
    """Return the finding of a column of the table that others nearly determine."""
    worst = max(relations, key=lambda each: each.whole)
    name, few = fitted.names[worst.column], [fitted.names[k] for k in worst.others]
    inflation = 1 / max(1 - worst.whole, 1e-16)
    by = listed(few) if worst.r2 > 1 - 2 / INFLATION else f"{listed(few)} and others"
    # Numbers of so many digits say no more.
    size = f"{inflation:.2g}" if inflation >= 1e6 else f"{float(f'{inflation:.2g}'):,.0f}"
    text = (
        f"{name} is nearly determined by {by}: the variance of its coefficient is {size} times what it would be alone."
    )
    drop, leave = _dropped(fitted, owner, list(dict.fromkeys(fitted.owners[k] for k in worst.others)))
    cure = f"If the coefficients matter, {leave}: {option('drop', drop)}; predictions hardly suffer."
    return Finding("warning", NEARLY, text, cure)


def _dropped(fitted: FittedTable, owner: str, others: list[str]) -> tuple[list[str], str]:
    """Return which of dependent columns to leave out, and the words for it.

    A date also has cycles, such as that of the hours of a day. So the columns that repeat it are left out in its place.
    """
    kinds = {part.column: isinstance(part, Moment) for part, _ in fitted.parts}
    plain = [name for name in others if not kinds[name]] if kinds[owner] else []
    plain = plain or [owner]
    return plain, "leave one out" if len(plain) == 1 else "leave out those that repeat the date"


def _codes(fitted: FittedTable, owner: str) -> np.ndarray:
    """Return a number for each value of a column of the table."""
    part, columns = next(each for each in fitted.parts if each[0].column == owner)
    X = fitted.matrix[:, columns]
    if isinstance(part, Category):
        return np.where(X.any(axis=1), X.argmax(axis=1) + 1, 0)
    return np.unique(X[:, 0], return_inverse=True)[1].ravel()


def _determines(first: np.ndarray, second: np.ndarray) -> bool:
    """Return whether each value of the first has one value of the second."""
    low, high = np.full(first.max() + 1, second.max() + 1), np.full(first.max() + 1, -1)
    np.minimum.at(low, first, second)
    np.maximum.at(high, first, second)
    return bool((low >= high).all())


def _formula(fitted: FittedTable, relation: Relation) -> tuple[int, str] | None:
    """Return the dependent column and a relation in the user's units; None if it has too many terms.

    The column alone on its side is one that makes the other side a sum without minus signs, if there is one. Columns
    that add up to a number, as shares do, are all on one side.
    """
    columns = [relation.column, *relation.others]
    if len(relation.others) > MOST_TERMS:
        return None
    deviation, mean = fitted.moments.deviation[columns], fitted.moments.mean[columns]
    # x₀ = Σ bₖ xₖ + c, as the sum of all terms is 0.
    slopes = np.array([-1.0, *relation.coefficients]) / deviation
    order = np.argsort(columns)
    if len(columns) > 2 and (slopes < 0).all():
        sum_ = _sum(fitted, [columns[k] for k in order], slopes[order] / slopes[0], 0.0)
        return columns[0], f"{sum_} = {float(slopes @ mean / slopes[0]):.6g}"
    alone = next((int(np.argmax(signs)) for signs in (slopes > 0, slopes < 0) if signs.sum() == 1), 0)
    if len(columns) == 2:
        alone = 0
    slopes = -slopes / slopes[alone]
    others = [int(k) for k in order if k != alone]
    constant = float(mean[alone] - slopes[others] @ mean[others])
    right = _sum(fitted, [columns[k] for k in others], slopes[others], constant)
    return columns[alone], f"{fitted.names[columns[alone]]} = {right}"


def _sum(fitted: FittedTable, columns: list[int], slopes: np.ndarray, constant: float) -> str:
    """Return a sum in words; "" if it has too many terms."""
    if len(columns) > MOST_TERMS:
        return ""
    words = ""
    mean, deviation = fitted.moments.mean[columns], fitted.moments.deviation[columns]
    scale = float((np.abs(slopes) * (np.abs(mean) + deviation)).sum())
    for k, slope in zip(columns, slopes.tolist(), strict=True):
        size = "" if abs(abs(slope) - 1) < 1e-6 else f"{abs(slope):.6g} × "
        minus = "-" if slope < 0 else "+"
        words += f" {minus} {size}{fitted.names[k]}" if words else f"{'-' * (slope < 0)}{size}{fitted.names[k]}"
    if abs(constant) > 1e-6 * scale:
        words += f" {'-' if constant < 0 else '+'} {abs(constant):.6g}"
    return words
