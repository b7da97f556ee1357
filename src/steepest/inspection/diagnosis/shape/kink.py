"""A kink: the slope jumps, so that steps of a fixed size go to and fro over it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.steps.cures import by_itself
from steepest.trace import Outcome

NAME = "kink"
# The last rows that are looked at.
LAST = 30
# The slope at the end of a bounce over a kink is at least this share of the median on the way; over the bottom of a
# bowl it shrinks with the distance.
STEEP = 0.1
# Each halving of a step halves the change of a slope that is smooth, and leaves a jump as it is. So after HALVINGS of
# them a smooth change is 1/8, and one that still has half its size is a jump.
HALVINGS, JUMP = 3, 0.5


def kink(case: Case) -> Iterator[Finding]:
    """Find steps that go to and fro over a kink.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        The finding, with the slopes on both sides.
    """
    if case.outcome not in (Outcome.COMPLETED, Outcome.ITERATION_LIMIT, Outcome.RECORDED, Outcome.TIME_LIMIT):
        return
    if not case.pace.is_given or case.is_batched or case.noisy or not _hovers(case):
        return
    sides = _sides(case)
    if sides is not None:
        low, high = sides
        evidence, confidence = f"Along the last step the slope jumps from {low:.3g} to {high:.3g}.", 0.95
    elif not case.function.is_at_hand and _is_constant(case):
        evidence = "Judged from the trace alone: the slope keeps its size although the value no longer falls."
        confidence = 0.75
    else:
        return
    is_loop = case.call is None
    yield Finding(
        "warning", NAME,
        "The function has a kink, as abs() and max() have, and steps of a fixed size jump to and fro over it without "
        "coming to rest.",
        "Let the step shrink, for example as 1 / √k." if is_loop
        else "Leave the step and the direction out: by itself the descent finds a minimum at a kink. Or let steps "
        "shrink: step=st.steps.Shrinking(...).",
        evidence, "learning_rate = 0.1 / (k + 1) ** 0.5" if is_loop else by_itself(case),
        "LedgerDisplay" if not is_loop else "DescentDisplay", confidence,
    )  # fmt: skip


def _hovers(case: Case) -> bool:
    """Return whether the value of the last rows no longer falls, while the slope is as large as on the way."""
    rows = case.sane[-LAST:]
    if len(rows) < 8 or len(case.sane) < 8:
        return False
    value, slope = case.value[rows], case.slope[rows]
    slopes = case.slope[case.sane]
    if not np.isfinite(slope).all() or not np.isfinite(slopes).any():
        return False
    steep = float(np.median(slope)) >= STEEP * float(np.nanmedian(slopes))
    rises = float(np.mean(np.diff(value) > 0))
    half = len(value) // 2
    falls = float(np.mean(value[:half]) - np.mean(value[half:]))
    swing = float(np.ptp(value))
    # Values that come back on themselves exactly, a cycle of two, have no mean fall either.
    return steep and (rises >= 0.25 or swing <= 1e-9 * max(abs(float(value[-1])), 1e-300)) and falls < 0.25 * swing


def _is_constant(case: Case) -> bool:
    """Return whether the slope has a few sizes only, as between planes."""
    slope = case.slope[case.sane]
    slope = slope[np.isfinite(slope)]
    if slope.size < 8 or slope[-1] == 0:
        return False
    sizes = np.unique(np.round(slope / slope.max(), 6))
    return bool(len(sizes) <= max(4, len(slope) // 20))


def _sides(case: Case) -> tuple[float, float] | None:
    """Return the slopes on both sides of a jump along one of the last steps; None if it changes smoothly."""
    points = case.points
    if points is None or len(case.sane) < 3:
        return None
    for row in case.sane[-3:-1][::-1]:
        low, high = points[row], points[row + 1]
        move = high - low
        length = float(np.linalg.norm(move))
        if not length > 0 or not np.isfinite(length):
            continue
        way = move / length
        first, second = _along(case, low, way), _along(case, high, way)
        if first is None or second is None or not first < 0 < second:
            continue
        whole = second - first
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            between = _along(case, middle, way)
            if between is None:
                return None
            if between < 0:
                low, first = middle, between
            else:
                high, second = middle, between
        return (first, second) if second - first > JUMP * whole else None
    return None


def _along(case: Case, x: np.ndarray, way: np.ndarray) -> float | None:
    found = case.function.gradient(x)
    return None if found is None or not np.isfinite(found).all() else float(found @ way)
