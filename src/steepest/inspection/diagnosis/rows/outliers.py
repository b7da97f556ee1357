"""Rows that own the loss, or decide the coefficients of a linear model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from steepest.call import Code
from steepest.finding import Finding
from steepest.inspection.diagnosis.at_hand import RowsAtHand
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import changed
from steepest.inspection.diagnosis.rows.cures import without_rows
from steepest.inspection.protocol import TableFitLike
from steepest.printable import listed
from steepest.statistics.influence import WeightedStep, cooks_distances

# A residual is far at so many times the spread of the usual ones: of normal errors one in a billion is.
FAR = 6.0
# Errors with long tails have such rows, too, but with all sizes between: outliers lie beyond a gap, which is so many
# times wider than what is below it. They are few, and own so much of the squared loss.
GAP, FEW, OWNED = 1.5, 0.1, 0.3
# Where a target bends, rows at the ends are far from a line; so squares are fitted, too, of columns up to so many
# deviations, beyond which a row could bend the curve to itself.
BENT = 3.0
# Far rows are no outliers if a polynomial of so many degrees at most, through the others, predicts them so well that
# this share of their squared distances from a plane through the others is left; of more columns none is tried.
DEGREE, PREDICTED, MOST_CURVED = 4, 0.25, 12
# A row that is so much of what determines the coefficients draws a line to itself, also by Huber's loss.
LEVERAGE = 0.2
# The median of absolute normal errors is this part of their standard deviation.
NORMAL = 0.6745
# The threshold of Huber's loss, in standard deviations, that loses 5 % of the precision if errors are normal.
HUBER = 1.345
# Fewer rows than this for each column are all influential.
ROWS_PER_COLUMN, FEWEST, MOST_COLUMNS = 5, 12, 200


class Outliers(NamedTuple):
    """Rows that own the loss.

    Parameters
    ----------
    rows : array of int
        Their numbers, the worst first.
    share : float
        Their part of the squared loss.
    least, usual : float
        How far the nearest of them is off, and how far rows usually are.
    """

    rows: np.ndarray
    share: float
    least: float
    usual: float


def outlying_rows(case: Case) -> Iterator[Finding]:
    """Yield a finding if a few rows own the squared loss, or decide the coefficients of a linear model.

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
    if rows is None or rows.loss != "squared" or not np.isfinite(rows.X).all():
        return
    if any(each.name == "outliers" for each in getattr(case.run, "warnings", ())):
        return
    if found := outliers_of(rows, case.function.is_at_hand, has_settled(case)):
        numbers = found.rows
        which = [f"row {number}" for number in _in_table(case, numbers).tolist()]
        many = len(which) > 1
        told = f"{listed(which)} ({len(which):,} of {rows.count:,} rows)" if many else which[0]
        told = told[:1].upper() + told[1:]
        call = without_rows(case, numbers) if _draws(rows, numbers) else ""
        loss = "huber" if isinstance(case.run, TableFitLike) else _huber(found.usual)
        call = call or changed(case, loss=loss)
        yield Finding(
            "warning",
            "outliers",
            f"{told} {'make' if many else 'makes'} up {100 * found.share:.0f} % of the squared loss, "
            f"so the fit follows {'them' if many else 'it'} more than the other rows.",
            f"Look at {'these rows' if many else 'this row'}; if {'they are' if many else 'it is'} right, Huber's loss "
            "gives far rows less weight.",
            f"{'They are' if many else 'It is'} off by {found.least:.3g} or more, and rows are usually off by "
            f"{found.usual:.3g}, measured from a line through most rows. {_counted(case)}",
            call,
            "ResidualsDisplay",
            0.9,
        )
        return
    if rows.kind == "linear" and not rows.is_penalised and not isinstance(case.run, TableFitLike):
        yield from _deciding(case, rows)


def _draws(rows: RowsAtHand, numbers: np.ndarray) -> bool:
    """Return whether one of these rows draws the line to itself, as it is far from the others in a column."""
    if rows.kind != "linear":
        return False
    spread = rows.moments.deviation
    Z = (rows.whole[0][numbers] - rows.moments.mean) / np.where(spread > 0, spread, np.inf)
    return bool((Z**2).max() > LEVERAGE * len(rows.y))


def _in_table(case: Case, numbers: np.ndarray) -> np.ndarray:
    """Return the numbers of rows as a user counts them: in a table from 1, and with the rows that were held out."""
    learnt = getattr(case.run, "learnt", None)
    if not isinstance(case.run, TableFitLike) or learnt is None or len(numbers) == 0:
        return numbers
    return np.flatnonzero(learnt)[numbers] + 1


def _counted(case: Case) -> str:
    return f"Rows are counted from {int(isinstance(case.run, TableFitLike))}."


def _huber(usual: float) -> Code:
    return Code(f"st.losses.Huber({HUBER * usual:.3g})")


def has_settled(case: Case) -> bool:
    """Return whether the residuals of the fit are what the model leaves, and not what a network has still to learn.

    Parameters
    ----------
    case : Case
        The run.

    Returns
    -------
    bool
        Whether they are.
    """
    return bool(case.run.success) and not case.is_network


def outliers_of(rows: RowsAtHand, may_predict: bool, settled: bool = True) -> Outliers | None:
    """Return the rows that own the squared loss; None if no rows do.

    Parameters
    ----------
    rows : RowsAtHand
        The rows.
    may_predict : bool
        Whether predictions of the fit may be computed.
    settled : bool, optional
        Whether the residuals are what the model leaves. Where it has not learnt the target yet, a row is an outlier
        only if its target is far from the others, too.

    Returns
    -------
    Outliers or None
        The rows; None, too, if they lie where a curve through the other rows leads.
    """
    found = _far(rows, may_predict, settled)
    return None if found is None or on_a_curve(rows, found.rows) else found


def bends_to_far_rows(rows: RowsAtHand) -> bool:
    """Return whether rows that own the squared loss of a line lie where a curve through the other rows leads.

    Parameters
    ----------
    rows : RowsAtHand
        The rows.

    Returns
    -------
    bool
        Whether they do.
    """
    found = _far(rows, may_predict=False, settled=True)
    return found is not None and on_a_curve(rows, found.rows)


def on_a_curve(rows: RowsAtHand, numbers: np.ndarray) -> bool:
    """Return whether polynomials through the other rows predict some rows, so that the target bends.

    Wrong targets are predicted by no curve through the others, however it bends.

    Parameters
    ----------
    rows : RowsAtHand
        The rows.
    numbers : array of int
        The numbers of the far ones.

    Returns
    -------
    bool
        Whether they do.
    """
    far = np.isin(rows.numbers, numbers)
    spread = rows.moments.deviation
    Z, y = (rows.X - rows.moments.mean) / np.where(spread > 0, spread, 1), rows.y - rows.y.mean()
    columns = Z.shape[1]
    if not far.any() or columns > MOST_CURVED or not np.isfinite(Z).all():
        return False
    terms, straight = [np.ones((len(Z), 1)), Z], np.inf
    for degree in range(1, DEGREE + 1):
        if degree > 1:
            terms.append(_products(Z, degree))
        base = np.column_stack(terms)
        if len(Z) - far.sum() < ROWS_PER_COLUMN * base.shape[1]:
            return False
        coefficients = np.linalg.lstsq(base[~far], y[~far], rcond=1e-10)[0]
        left = float(((y[far] - base[far] @ coefficients) ** 2).sum())
        straight = left if degree == 1 else straight
        if left < PREDICTED * straight:
            return True
    return False


def _products(Z: np.ndarray, degree: int) -> np.ndarray:
    """Return the products of so many columns, of which two may differ."""
    pairs = [(i, j) for i in range(Z.shape[1]) for j in range(Z.shape[1]) if i != j]
    mixed = [Z[:, i] ** (degree - 1) * Z[:, j] for i, j in pairs if degree > 2 or i < j]
    return np.column_stack([Z**degree, *mixed])


def _far(rows: RowsAtHand, may_predict: bool, settled: bool) -> Outliers | None:
    """Return rows that are far from the prediction, beyond a gap, and own much of the squared loss."""
    if len(rows.y) < FEWEST:
        return None
    if rows.kind == "linear":
        residuals, index = _of_most_rows(rows), rows.whole[2]
    elif rows.kind != "tree" and may_predict and (predicted := rows.predicted) is not None:
        if predicted.shape != rows.few.shape:
            return None
        residuals, index = rows.y[rows.few] - predicted, rows.numbers[rows.few]
    else:
        return None
    if residuals is None:
        return None
    size = np.abs(residuals - np.median(residuals))
    usual = float(np.median(size)) / NORMAL
    # Where most rows are fitted exactly, rounding is the usual size.
    least = max(FAR * usual, 1e-9 * float(np.abs(rows.whole[1]).max()))
    if rows.kind != "linear" and not settled:
        apart = np.abs(rows.y[rows.few] - np.median(rows.y[rows.few]))
        size = np.where(apart > FAR * float(np.median(apart)) / NORMAL, size, np.minimum(size, least))
    far = np.flatnonzero(size > least)
    if not 0 < len(far) <= max(FEW * len(size), 1):
        return None
    order = far[np.argsort(-size[far], kind="stable")]
    ranked = np.append(size[order], size[size <= least].max())
    ratio = ranked[:-1] / np.maximum(ranked[1:], 1e-300)
    place = int(np.argmax(ratio)) + 1
    share = float((ranked[:place] ** 2).sum() / (size**2).sum())
    if ratio[place - 1] < GAP or share < OWNED:
        return None
    return Outliers(index[order[:place]], share, float(ranked[place - 1]), usual)


def _of_most_rows(rows: RowsAtHand) -> np.ndarray | None:
    """Return the residuals of a line that follows most rows, by least squares with far rows weighted down."""
    columns = rows.X.shape[1]
    if columns > MOST_COLUMNS or len(rows.y) < ROWS_PER_COLUMN * (columns + 1):
        return None
    spread = rows.moments.deviation
    Z = (rows.X - rows.moments.mean) / np.where(spread > 0, spread, 1)
    bent = [np.clip(Z, -BENT, BENT) ** 2] * (len(Z) >= ROWS_PER_COLUMN * (2 * columns + 1))
    Z = np.column_stack([np.ones(len(Z)), Z, *bent])
    y = rows.y - np.median(rows.y)
    weight = np.ones(len(y))
    residuals, coefficients = y, np.zeros(Z.shape[1])
    for _ in range(15):
        weighted = Z * weight[:, None]
        products = weighted.T @ Z
        products[np.diag_indices_from(products)] += 1e-10 * np.trace(products) / len(products)
        coefficients = np.linalg.solve(products, weighted.T @ y)
        residuals = y - Z @ coefficients
        scale = float(np.median(np.abs(residuals))) / NORMAL
        if scale <= 1e-12 * float(np.abs(y).max()):
            break
        weight = np.minimum(1, HUBER * scale / np.maximum(np.abs(residuals), 1e-300))
    X, targets, learnt = rows.whole
    if len(learnt) == len(y):
        return residuals
    # Rows that own the loss may be among those that were not drawn.
    found = np.empty(len(targets))
    for start in range(0, len(targets), len(y)):
        part = slice(start, start + len(y))
        Z = (X[part] - rows.moments.mean) / np.where(spread > 0, spread, 1)
        Z = np.column_stack([np.ones(len(Z)), Z, *[np.clip(Z, -BENT, BENT) ** 2] * len(bent)])
        found[part] = targets[part] - np.median(rows.y) - Z @ coefficients
    return np.asarray(found[learnt])


def _deciding(case: Case, rows: RowsAtHand) -> Iterator[Finding]:
    """Yield a finding if the coefficients hang on a few rows, by Cook's distance."""
    X, y, moments = np.asarray(rows.X, dtype=float), rows.y, rows.moments
    columns = X.shape[1]
    if columns > MOST_COLUMNS or len(y) < ROWS_PER_COLUMN * (columns + 1) or len(y) < FEWEST:
        return
    scale = np.where(moments.deviation > 0, moments.deviation, np.inf)
    products = moments.correlation * len(y)
    step = WeightedStep(X, y - y.mean(), np.ones(1), moments.mean, scale, products, known=False, counts=False)
    found = cooks_distances(step, 0.0)
    if found is None or not found.far.size:
        return
    numbers = rows.numbers[found.far]
    if on_a_curve(rows, numbers):
        return
    which = listed([f"row {number}" for number in numbers.tolist()])
    many = len(numbers) > 1
    yield Finding(
        "warning",
        "outliers",
        f"{which[:1].upper() + which[1:]} {'decide' if many else 'decides'} the fit: without "
        f"{'one of them' if many else 'it'} the coefficients would be others.",
        f"Look at {'these rows' if many else 'this row'}; if {'they are' if many else 'it is'} wrong, correct or "
        "delete.",
        f"Cook's distance {found.distance[found.far[0]]:.3g}, leverage {found.leverage[found.far[0]]:.2g}. Rows are "
        "counted from 0.",
        without_rows(case, numbers),
        "ResidualsDisplay",
        0.85,
    )
