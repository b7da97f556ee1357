"""How rough a function is between near points: what is left of its values when a smooth curve is taken off."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from steepest.inspection.diagnosis.case import Case

# The points of a window, through which a cubic is laid: 4 numbers are left to tell the noise from.
COUNT, DEGREE = 8, 3
# The widths of two windows, as shares of the distance that the run travelled. Noise is equally large in both. What a
# cubic misses of a kink is 8 times larger in the second, and what it misses of a smooth curve 4,096 times. Waves count
# as noise if a narrow window holds one, so if the run has crossed 64 of them.
NARROW, WIDE = 2.0**-6, 2.0**-3
# Levels that differ by less than this factor count as equal: chance makes two of 4 numbers each differ by more in one
# of twenty cases, by the F distribution.
ALIKE = 3.0
# A run that has travelled less than this share of the size of its points is stuck. Chosen, not measured.
STUCK = 1e-3
# A function in double precision may round by this share of its values: a sum of a thousand terms, at most.
ROUNDING = 1e3 * np.finfo(float).eps
# Values count as rounded to decimals only if there are so few of these.
DECIMALS = 8


class Roughness(NamedTuple):
    """The roughness of a function between the first and the best point of a run.

    Parameters
    ----------
    level : float
        The standard deviation of the noise.
    distance : float
        The typical distance between the points that showed it.
    decimals : int or None
        The decimals to which the values are rounded; None if they are not.
    """

    level: float
    distance: float
    decimals: int | None = None


def roughness(case: Case) -> Roughness | None:
    """Return the noise of a function whose values repeat; None if it is smooth, or not at hand. It takes 16 values.

    Parameters
    ----------
    case : Case
        The case.

    Returns
    -------
    Roughness or None
        The noise.
    """
    points, values = case.points, case.value
    if points is None or not case.function.is_at_hand or not np.isfinite(values).any():
        return None
    first, best = points[0], points[int(np.nanargmin(values))]
    path = best - first
    far = float(np.linalg.norm(path))
    size = max(float(np.linalg.norm(best)), float(np.linalg.norm(first)), 1.0)
    length = far if far > STUCK * size else size
    if not math.isfinite(length):
        return None
    limited = bool(getattr(case.run, "bounds", None)) or getattr(case.run, "within", None) is not None
    rng = np.random.default_rng(1)
    # Coordinates that are fixed stay. The path itself may follow a valley of the noise, so leave it, unless points
    # beside it may be forbidden.
    direction = path if limited else rng.standard_normal(best.size) * (path != 0 if far else 1.0)
    norm = float(np.linalg.norm(direction))
    # At the best point values may be equal by rounding, or a minimum; half way to it they change.
    middle, offsets = first + path / 2, np.sort(rng.uniform(-0.5, 0.5, COUNT))
    if norm == 0:
        return None
    levels, seen = [], []
    for width in (NARROW, WIDE):
        row = [case.function.value(middle + width * length / norm * offset * direction) for offset in offsets]
        known = [value for value in row if value is not None and math.isfinite(value)]
        if len(known) < COUNT:
            return None
        seen += known
        levels.append(_rest(offsets, np.array(known)))
    largest = max(map(abs, seen))
    if not ROUNDING * largest < max(levels) <= ALIKE * min(levels):
        return None
    return Roughness(math.sqrt(sum(level**2 for level in levels) / 2), NARROW * length, _decimals(seen))


def _rest(offsets: np.ndarray, values: np.ndarray) -> float:
    """Return the standard deviation of values around the cubic through them."""
    powers = np.vander(2 * offsets, DEGREE + 1)
    rest = values - powers @ np.linalg.lstsq(powers, values, rcond=None)[0]
    return math.sqrt(float(rest @ rest) / (COUNT - DEGREE - 1))


def _decimals(values: list[float]) -> int | None:
    """Return the decimals to which all values are rounded."""
    distinct = np.unique(values)
    for decimals in range(DECIMALS + 1):
        if np.allclose(np.round(distinct, decimals), distinct, rtol=4e-16, atol=0):
            return decimals
    return None
