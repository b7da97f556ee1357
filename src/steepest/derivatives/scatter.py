"""The scatter of a function whose values differ from call to call at the same point."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from steepest.derivatives.differences import EPS

# Values of one point that differ by at most this many rounding errors count as equal: sums by several threads may add
# their terms in any order. Chosen, not measured: a larger number takes more noise for rounding.
REORDERED = 64.0
# The calls at one point from which the standard deviation is estimated, to about a quarter. Chosen, not measured.
CALLS = 8


def differ(first: float, again: float) -> bool:
    """Tell whether two values of one point differ by more than rounding."""
    if not (math.isfinite(first) and math.isfinite(again)):
        return False
    return abs(first - again) > REORDERED * EPS * max(abs(first), abs(again))


class Repeated(NamedTuple):
    """The last value of a function at a point that was called again, and whether its values differ there."""

    value: float
    differs: bool


def deviation(first: float, again: float) -> float:
    """Return the standard deviation of two values."""
    return abs(first - again) / math.sqrt(2)


class Scatter:
    """The noise of a function whose values differ from call to call.

    Parameters
    ----------
    value : callable
        A value of the function at a point, which may be the mean of several calls.
    x : array
        The point at which the noise is measured first.
    repeats : int
        The calls that one value is the mean of.
    least : float
        A standard deviation that is known to be reached: two values of one point have shown it.

    Attributes
    ----------
    level : float
        The standard deviation of a value, as measured last.
    relative : float
        The standard deviation relative to the value, where the value was largest.
    """

    def __init__(
        self, value: Callable[[np.ndarray], float], x: np.ndarray, repeats: int = 1, least: float = 0.0
    ) -> None:
        self.value, self.repeats, self.least = value, repeats, max(least, np.finfo(float).tiny)
        self.level, self.relative, self.largest = self.least, 0.0, 0.0
        self.mean_at(x)

    def mean_at(self, x: np.ndarray) -> float:
        """Return the mean of several values at a point, and measure the level there."""
        values = np.array([self.value(x) for _ in range(CALLS)])
        values = values[np.isfinite(values)]
        if len(values) < 2:
            return math.nan
        mean = float(values.mean())
        # Values that repeat by chance, as whole numbers or rare noise may, must not hide the noise.
        self.level = max(float(values.std(ddof=1)), REORDERED * EPS * abs(mean), self.least)
        if abs(mean) > self.largest:
            self.largest, self.relative = abs(mean), self.level / abs(mean)
        return mean

    def at(self, value: float) -> float:
        """Return the noise of a value elsewhere, which may grow with the value."""
        return max(self.level, self.relative * abs(value))

    def part_of(self, value: float) -> float:
        """Return the noise relative to the size of a value."""
        return self.level / max(abs(value), 1e-300)
