"""Rounding of float32: the function or its rows are held in single or half precision, and double was needed."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from steepest.call import Code
from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.noise.tail import Tail
from steepest.inspection.diagnosis.words import FROM_RECORD
from steepest.inspection.protocol import PredictorLike
from steepest.trace import Outcome

NAME = "rounding of float32"
SINGLE, HALF = float(np.finfo(np.float32).eps), float(np.finfo(np.float16).eps)
DOUBLE = float(np.finfo(float).eps)
# Values within so many roundings of each other are on the floor.
ON_FLOOR = 8.0
# Points at these shares of the size of x: a function in double precision has other values at the first two if it has
# them at the fourth, and one in single precision, whose numbers are 2⁻²⁴ apart, has other values at the third.
SHARES = (0.0, 2.0**-30, 2.0**-29, 2.0**-18, 2.0**-12)
# A column is lost if it spreads over fewer steps of its type than this. Chosen, not measured: 100 steps are two digits.
LEAST_STEPS = 100.0
# A gradient that stays above this share of its first size has stopped on the way: in single precision it can fall to
# about its rounding, 1e-7.
STOPPED = 1e-6
# Few rows of a recorded loop say nothing about its floor.
LEAST_ROWS = 20
ENDED = (Outcome.CONVERGED, Outcome.STALLED, Outcome.FLAT, Outcome.NOISE_FLOOR, Outcome.WRONG_GRADIENT)


def single(case: Case) -> Iterator[Finding]:
    """Yield a finding if the descent ended at the rounding of single or half precision.

    Parameters
    ----------
    case : Case
        The case.

    Yields
    ------
    Finding
        The finding.
    """
    if case.outcome is Outcome.RECORDED:
        yield from _recorded(case)
    elif case.fit is not None:
        yield from _of_rows(case)
        yield from _of_model(case)
    else:
        yield from _of_function(case)


def _of_function(case: Case) -> Iterator[Finding]:
    precision, source = _precision(case)
    if precision <= DOUBLE or not _is_on_floor(case, precision):
        return
    name, digits = ("half (float16)", 3) if precision > 1e-5 else ("single (float32)", 7)
    size = float(np.nanmax(np.abs(case.value))) if np.isfinite(case.value).any() else math.nan
    yield Finding(
        "warning",
        NAME,
        f"The function computes in {name} precision, so its values have about {digits} digits, and near the end "
        f"differences below about {precision * size:.1g} are lost to rounding.",
        "Compute in double precision: take np.float32 or astype(np.float32) out of the function, or write float in its"
        " place, also for the constants that it uses.",
        source,
        "",
        "DescentDisplay",
        0.93 if case.function.run is not None and case.function.is_at_hand else 0.85,
    )


def _precision(case: Case) -> tuple[float, str]:
    """Return the rounding error of the function, and how that is known."""
    known = float(getattr(getattr(case.run, "objective", None), "precision", 0.0))
    if known > DOUBLE:
        return known, "The type was read in the code of the function."
    for word, rounding in (("half precision", HALF), ("single precision", SINGLE)):
        if word in case.run.why:
            return rounding, f"The run noted it. {FROM_RECORD}"
    if case.run.kind != "traced" and _has_stairs(case):
        return SINGLE, "Between points that differ from the ninth digit on, the values don't change at all."
    return DOUBLE, ""


def _has_stairs(case: Case) -> bool:
    """Return whether the values are constant over distances that double precision resolves."""
    points, values = case.points, case.value
    if points is None or not case.function.is_at_hand or not np.isfinite(values).any():
        return False
    first, best = points[0], points[int(np.nanargmin(values))]
    middle = first + (best - first) / 2
    size = float(np.linalg.norm(middle))
    step = best - first if np.any(best != first) else np.ones_like(best)
    unit = step / np.linalg.norm(step) * (size or 1.0)
    row = [case.function.value(middle + share * unit) for share in SHARES]
    known = [value for value in row if value is not None and math.isfinite(value)]
    if len(known) < len(SHARES):
        return False
    here, near, nearer, visible, far = known
    # Steps that are wider than the next distance show in the numbers themselves.
    if far != here and _is_single(np.array([*values[np.isfinite(values)], far])):
        visible = far
    # The change that a straight line predicts between the first two points must be well above a rounding of double.
    predicted = abs(far - here) * SHARES[1] / SHARES[-1]
    return near == here == nearer and visible != here and predicted > ON_FLOOR * DOUBLE * abs(here)


def _is_on_floor(case: Case, precision: float) -> bool:
    """Return whether rounding of this size ended the descent."""
    if case.outcome in ENDED:
        # A tolerance that was met was above the rounding.
        return not (
            case.run.success
            and case.call is not None
            and case.asked("tolerance") is not None
            and "hides" not in case.run.message
        )
    tail = Tail(case.value)
    if not tail.is_long or case.outcome not in (Outcome.COMPLETED, Outcome.ITERATION_LIMIT, Outcome.EVALUATION_LIMIT):
        return False
    last = tail.series[-max(4, len(tail.series) // 4) :]
    return float(np.ptp(last)) <= ON_FLOOR * precision * float(np.max(np.abs(last)))


def _of_rows(case: Case) -> Iterator[Finding]:
    """Yield a finding for columns of which float32 leaves almost nothing."""
    basis = case.basis if case.function.is_at_hand else None
    columns = getattr(basis, "X", None)
    if not isinstance(columns, np.ndarray) or columns.dtype not in (np.float32, np.float16) or columns.ndim != 2:
        return
    # As many rows as tell a spread.
    rows = columns[:: max(1, len(columns) // 2_000)]
    with np.errstate(all="ignore"):
        largest, spread = np.abs(rows).max(axis=0), rows.std(axis=0, dtype=float)
        steps = spread / np.spacing(largest).astype(float)
        whole = np.all(rows == np.round(rows), axis=0) & (largest < 1 / np.finfo(columns.dtype).eps)
    lost = np.flatnonzero((steps < LEAST_STEPS) & (spread > 0) & ~whole & np.isfinite(steps))
    if not len(lost):
        return
    names = case.fit.columns if case.fit is not None and case.fit.columns is not None else None
    worst = int(lost[np.argmin(steps[lost])])
    called = f"Column {names[worst] if names else f'x{worst}'}"
    given = case.asked("dtype") is not None
    yield Finding(
        "warning",
        NAME,
        f"{called} has numbers up to {largest[worst]:.3g} that differ by only {spread[worst]:.2g}, and float32, with"
        f" its 7 digits, keeps only about {max(1, round(float(steps[worst])))} different values of it.",
        "Leave out dtype, so that the rows stay in double precision."
        if given
        else "Read or compute the rows in double precision (float64), or subtract the middle of the column before they"
        " are stored in float32.",
        f"{len(lost)} of {len(steps)} columns are like this.",
        str(case.call.changed(dtype=None)) if given and case.call is not None else "",
        "",
        0.95,
    )


def _of_model(case: Case) -> Iterator[Finding]:
    """Yield a finding for a model of the user that computes in single precision, and ended at its rounding."""
    fit = case.fit
    if not case.function.is_at_hand or not isinstance(fit, PredictorLike) or fit.data is None:
        return
    if case.outcome not in (Outcome.STALLED, Outcome.WRONG_GRADIENT, Outcome.NOISE_FLOOR, Outcome.FLAT):
        return
    try:
        kind = np.asarray(fit.predict(fit.data[0][:2])).dtype
    except Exception:  # noqa: BLE001 - the user's model may raise anything
        return
    if kind not in (np.float32, np.float16):
        return
    call = case.call.changed(dtype=Code("float")) if case.call is not None and case.asked("dtype") is not None else ""
    yield Finding(
        "warning",
        NAME,
        f"The model computes its predictions in {kind}, which has about {7 if kind == np.float32 else 3} digits, and "
        "the descent ended where rounding hides what is left to gain.",
        "Compute in double precision: take float32 out of the model.",
        f"Its predictions have the type {kind}.",
        str(call),
        "DescentDisplay",
        0.9,
    )


def _recorded(case: Case) -> Iterator[Finding]:
    """Yield a finding for a recorded loop that stands still in float32 while its gradient is not 0."""
    rows = np.isfinite(case.value) & np.isfinite(case.slope)
    value, slope = case.value[rows], case.slope[rows]
    if len(value) < LEAST_ROWS or not _is_single(value):
        return
    last = len(value) // 4
    still = np.ptp(value[-last:]) <= ON_FLOOR * SINGLE / 2 * np.abs(value[-1])
    tail = slope[-last:]
    stands = tail.min() > 0.5 * tail.max() and tail.max() > STOPPED * slope.max()
    if not (still and stands):
        return
    yield Finding(
        "warning",
        NAME,
        f"The last {last} steps changed nothing: the values are held in float32, with about 7 digits, and the gradient "
        f"is still {tail[-1]:.2g}, so the steps are smaller than the rounding.",
        "Hold the parameters and compute the value in float64, or scale the parameters and the value to about 1.",
        f"All values are numbers of float32. {FROM_RECORD}",
        "",
        "DescentDisplay",
        0.75,
    )


def _is_single(values: np.ndarray) -> bool:
    """Return whether values are numbers of float32, and most of them are not short."""
    distinct = np.unique(values)
    with np.errstate(all="ignore"):
        exact = np.asarray(distinct, np.float32).astype(float) == distinct
        # Numbers of few digits, such as whole numbers, fit float16, too.
        short = np.asarray(distinct, np.float16).astype(float) == distinct
    return bool(exact.all() and np.mean(short) < 0.5)
