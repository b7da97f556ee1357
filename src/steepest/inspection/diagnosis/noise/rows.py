"""The gradients of rows at the end of a fit, and how far the loss is above what it could be."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.noise.written import number
from steepest.inspection.protocol import BatchedFitLike
from steepest.trace import Outcome

# Gradients are computed of at most this many rows, in blocks of neighbours, so that both their noise and their order
# show. Chosen, not measured: a spread from 2,000 rows has an error of 2 %.
MOST_ROWS, BLOCKS = 2_000, 50
# The loss is too high if it is above what is possible by this share of the descent, or by this share of itself. A fit
# that got 99 % of the way did what it could be expected to.
OF_DESCENT, OF_LOSS, LEAST = 0.01, 0.05, 1e-3
# The ends of fits that took their steps: others stop for a reason of their own.
ENDED = (
    Outcome.COMPLETED,
    Outcome.ITERATION_LIMIT,
    Outcome.EVALUATION_LIMIT,
    Outcome.TIME_LIMIT,
    Outcome.STALLED,
    Outcome.NOISE_FLOOR,
    Outcome.CALLBACK,
    Outcome.INTERRUPTED,
    # A fit that hovers above its start is called diverged, too.
    Outcome.DIVERGED,
)


class Batches(NamedTuple):
    """A fit in batches with steps that the user chose.

    Parameters
    ----------
    size : int
        Rows per batch.
    rows : int
        The number of rows; 0 if it is not known.
    rate : float
        The step size at the end.
    """

    size: int
    rows: int
    rate: float


def batches(case: Case) -> Batches | None:
    """Return the batches of a fit that ended with steps that had not become smaller; None for other runs.

    Parameters
    ----------
    case : Case
        The case.

    Returns
    -------
    Batches or None
        The batches.
    """
    size = number(case.asked("batch_size"))
    if case.outcome not in ENDED or size is None or case.call is None:
        return None
    # The rules that choose themselves make their steps smaller.
    if case.asked("step") in (None, "auto") and case.asked("direction") is None:
        return None
    rates = case.size[np.isfinite(case.size) & (case.size > 0)]
    if not len(rates) or rates[-1] < 0.5 * rates.max():
        return None
    count = _count(case)
    return Batches(int(size), count, float(rates[-1])) if count == 0 or size < count else None


def _count(case: Case) -> int:
    try:
        return int(case.fit.rows_learnt) if isinstance(case.fit, BatchedFitLike) else 0
    except RuntimeError:
        # A fit that was loaded has no rows.
        return 0


def row_numbers(batch: Batches) -> np.ndarray:
    """Return the numbers of the rows that are looked at: all of them, or blocks of neighbours.

    Parameters
    ----------
    batch : Batches
        The batches of the fit.

    Returns
    -------
    array of int
        The numbers, in order.
    """
    if batch.rows <= MOST_ROWS:
        return np.arange(batch.rows)
    starts = np.linspace(0, batch.rows - MOST_ROWS // BLOCKS, BLOCKS).astype(int)
    return (starts[:, None] + np.arange(MOST_ROWS // BLOCKS)).ravel()


def row_gradients(case: Case, batch: Batches) -> np.ndarray | None:
    """Return the gradients of single rows at the last point, in the order of the rows, in blocks of neighbours.

    Parameters
    ----------
    case : Case
        The case.
    batch : Batches
        The batches of the fit.

    Returns
    -------
    array of shape (rows, parameters) or None
        The gradients; None if they are not at hand.
    """
    if (
        case.points is None
        or not case.function.is_at_hand
        or not isinstance(case.fit, BatchedFitLike)
        or not batch.rows
    ):
        return None
    found = case.function.on_rows(case.fit, case.points[-1], row_numbers(batch)[:, None])
    return found if found is not None and np.isfinite(found).all() else None


def is_much(excess: float, start: float, hovers: float) -> bool:
    """Return whether a loss that is so much above the possible is worth saying.

    Parameters
    ----------
    excess : float
        How far the loss is above the possible.
    start : float
        The loss at the start.
    hovers : float
        The loss at the end.

    Returns
    -------
    bool
        Whether it is.
    """
    possible = hovers - excess
    descent = start - possible
    return bool(excess > OF_DESCENT * descent or (excess > OF_LOSS * abs(possible) and excess > LEAST * descent))


def gain(case: Case, batch: Batches, gradients: np.ndarray) -> float | None:
    """Return what one step along the gradient of all rows gains at the last point.

    Parameters
    ----------
    case : Case
        The case.
    batch : Batches
        The batches of the fit.
    gradients : array of shape (rows, parameters)
        The gradients of `row_gradients`.

    Returns
    -------
    float or None
        The gain; None if it can't be told.
    """
    if case.points is None:
        return None
    x = case.points[-1]
    full = gradients.mean(axis=0) if batch.rows <= MOST_ROWS else case.function.gradient(x)
    here = case.function.value(x)
    if full is None or here is None:
        return None
    # The steps of an epoch add up to this one, if they go one way; shorter ones are safe where it curves.
    longest = batch.rate * max(1.0, batch.rows / batch.size)
    found = [case.function.value(x - longest / 4**k * full) for k in range(5)]
    return max([here - value for value in found if value is not None and math.isfinite(value)], default=None)
