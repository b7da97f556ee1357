"""Slopes of a function at a point by differences, beside those that a gradient claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steepest.inspection.plots.causes.steps import computed, evenly
from steepest.printable import quoted

WHAT = "a check of a gradient"
EPS = float(np.finfo(float).eps)
# The share of the coordinate at which four values give its slope best: eps^(1/5).
SHARE = EPS**0.2
# The most coordinates whose slopes are measured.
MOST_MEASURED = 40
# A claim is wrong if it differs by more than this share and this many errors of the differences, as for the check that
# every run with a gradient of its own gets.
RIGHT, SURE = 3e-7, 8.0
# A claim that seems wrong is measured again with these multiples of the step, before it is called so.
AGAIN = (30.0, 0.2, 0.03, 0.003)


class Probe:
    """The slopes of some coordinates at one point by differences, beside those that are claimed."""

    def __init__(
        self, f: Callable[[np.ndarray], Any], x: np.ndarray, claimed: np.ndarray, named: Sequence[int],
        coordinate: int | None,
    ) -> None:  # fmt: skip
        if claimed.size != x.size:
            raise ValueError(f"the gradient has {claimed.size} entries and the point {x.size}: return one for each")
        self.f, self.x, self.claimed = f, x, claimed
        self.centre = float(self.value([x])[0])
        if not np.isfinite(self.centre):
            raise ValueError(f"the function is {self.centre} at the point: check where it is finite")
        if coordinate is not None and not -x.size <= coordinate < x.size:
            raise ValueError(f"coordinate={quoted(coordinate)}: the point has {x.size}, counted from 0")
        asked = [] if coordinate is None else [coordinate % x.size]
        always = np.array([*asked, *named][:MOST_MEASURED], dtype=int)
        self.chosen = np.union1d(evenly(np.arange(x.size), MOST_MEASURED), always)
        self.scale = np.where(x == 0, 1.0, np.abs(x))
        self.measured, self.error = np.array([self._slope(int(k)) for k in self.chosen]).T
        claims = claimed[self.chosen]
        self.wrong = is_wrong(claims, self.measured, self.error)
        if coordinate is not None:
            self.place = int(np.flatnonzero(self.chosen == coordinate % x.size)[0])
        elif not self.wrong.any():
            self.place = int(np.argmax(np.abs(self.measured)))
        else:
            size = np.maximum(np.maximum(np.abs(claims), np.abs(self.measured)), self.error)
            off = np.abs(claims - self.measured) / np.where(size > 0, size, 1.0)
            off = np.where(np.isfinite(claims), off, np.inf)
            # A slope that is drowned in rounding may seem far off; one that is wrong is meant.
            self.place = int(np.argmax(np.where(self.wrong & ~np.isnan(off), off, -1.0)))

    def value(self, points: Sequence[np.ndarray]) -> np.ndarray:
        """Return the value at each point, NaN where f raises an exception."""
        return computed(self.f, points, 1, WHAT)[:, 0]

    def _slope(self, k: int) -> tuple[float, float]:
        """Return the slope of a coordinate and its error, from other steps too if the claim seems wrong."""
        h, claim = SHARE * self.scale[k], self.claimed[k]
        slope, error = self._quotient(k, h)
        if np.isfinite(slope) and not is_wrong(claim, np.array(slope), np.array(error)):
            return slope, error
        tried = [(slope, error), *(self._quotient(k, part * h) for part in AGAIN)]
        tried = [each for each in tried if np.isfinite(each).all()]
        if not tried:
            return slope, error
        slope, error = min(tried, key=lambda each: each[1])
        # Two steps that disagree by more than their errors show that these are too small, as noise and kinks make them.
        gaps = [abs(slope - other) - far for other, far in tried if (other, far) != (slope, error)]
        return slope, max(error, min(gaps, default=0.0))

    def _quotient(self, k: int, h: float) -> tuple[float, float]:
        """Return the slope of a coordinate by four values, and its error as estimated."""
        f = self.value(moved(self.x, k, self.x[k] + h * np.array([-2, -1, 1, 2])))
        near, far = (f[2] - f[1]) / (2 * h), (f[3] - f[0]) / (4 * h)
        slope = (4 * near - far) / 3
        # Differences of the fourth order are about as large as the noise of the values.
        noise = abs(f[0] - 4 * f[1] + 6 * self.centre - 4 * f[2] + f[3]) / np.sqrt(70)
        noise = max(noise, EPS * max(np.abs(f).max(), abs(self.centre)), EPS * abs(slope * self.x[k]))
        # The extrapolation removes the error of `near`; what remains is smaller by about h², but a kink keeps it all.
        return slope, abs(slope - near) * 1e-2 + 4 * noise / h


def moved(x: np.ndarray, k: int, ends: np.ndarray) -> list[np.ndarray]:
    """Return copies of a point with one coordinate set to each of some numbers."""
    points = np.tile(x, (len(ends), 1))
    points[:, k] = ends
    return list(points)


def is_wrong(claimed: np.ndarray, measured: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Tell which claims differ from differences by more than their error; a claim that is not finite is wrong."""
    size = np.maximum(np.abs(claimed), np.abs(measured))
    off = np.abs(claimed - measured) > SURE * error + RIGHT * size
    return np.where(np.isfinite(claimed), off & np.isfinite(measured), True)
