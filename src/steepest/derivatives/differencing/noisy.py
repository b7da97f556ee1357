"""Slopes and curvatures of a noisy function, by differences over steps that stand clear of the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import Slope
from steepest.derivatives.differences import scale_of
from steepest.derivatives.differencing.quotients import Line, Quotient
from steepest.derivatives.scatter import Scatter

# The second difference of a good step, in standard deviations of a value: CLEAR, or PER_ROOT (1 + √n) if that is more,
# as the noise of a Hessian grows with its size. A step is accepted within FEWEST and MOST of it. Tried on 52 functions:
# longer steps are less noisy, and err more where the curvature changes.
CLEAR, PER_ROOT, FEWEST, MOST = 40.0, 10.0, 0.6, 2.5
# A second difference below this many standard deviations may be noise alone.
BLURRED = 6.0
# The most steps tried along a coordinate, the largest factor between two of them, and the longest step, in sizes of
# the coordinate. Chosen, not measured: longer steps may leave the region in which f makes sense.
TRIALS, FACTOR, LONGEST = 12, 8.0, 64.0


@dataclass(frozen=True)
class Quadratic:
    """A quadratic model of a noisy function around a point, by values.

    Attributes
    ----------
    gradient, error : array of shape (n,)
        The slopes, and the standard deviation of each.
    hessian : array of shape (n, n)
        The curvatures; without mixed ones, a diagonal matrix.
    steps : array of shape (n,)
        The step along each coordinate; 0 if an edge of the box leaves no room.
    """

    gradient: np.ndarray
    error: np.ndarray
    hessian: np.ndarray
    steps: np.ndarray


class NoisyDifferences:
    """The gradient of a noisy function from 2n + 1 values.

    A slope over the step h has the error σ / (√2 h), with σ the standard deviation of a value. The step along each
    coordinate is the one whose second difference is about 40 σ: a shorter step loses the slope in the noise.

    Moré and Wild, "Estimating derivatives of noisy simulations", ACM Trans. Math. Softw. 38 (2012).

    Parameters
    ----------
    scatter : Scatter
        The values of the function, and their noise.
    start : array
        The start of a descent, whose size is the first guess of the scale of f.
    box : Box or None
        Where f may be called.

    Attributes
    ----------
    steps : array
        The step of each coordinate; 0 before the first search.
    """

    def __init__(self, scatter: Scatter, start: np.ndarray, box: Box | None = None) -> None:
        self.scatter, self.start, self.box = scatter, start, box
        self.steps = np.zeros(start.size)
        self.clear = max(CLEAR, PER_ROOT * (1 + math.sqrt(start.size)))

    @np.errstate(all="ignore")
    def __call__(self, x: np.ndarray) -> Slope:
        """Return a value and the gradient at a point."""
        f0 = self.scatter.value(x)
        if not math.isfinite(f0):
            return f0, np.full(x.size, math.nan)
        lines = self.lines(x, f0)
        if not self.steps.any():
            self.steps = np.array([self.found(line).h for line in lines])
        pairs = zip(lines, self.steps, strict=True)
        return f0, np.array([line.quotient(min(h, line.room / 2)).slope if h else 0.0 for line, h in pairs])

    def lines(self, x: np.ndarray, f0: float) -> list[Line]:
        size = np.maximum(scale_of(x, self.start), self.steps)
        return [Line(self.scatter.value, x, f0, k, size[k], self.box) for k in range(x.size)]

    def found(self, line: Line, h: float = 0.0) -> Quotient:
        """Return the quotient of a good step along a coordinate; `h` is the first to try."""
        longest = min(LONGEST * line.size, line.room / 2)
        if longest <= 0:
            return Quotient(0.0, 0.0, 0.0)
        h = min(h or 0.1 * line.size, longest)
        best = line.quotient(h)
        for _ in range(TRIALS):
            second = abs(best.second) / self.scatter.level
            fewest, most = FEWEST * self.clear, MOST * self.clear
            if not math.isfinite(second):
                # Beyond this step f is not finite, so that no longer step is tried.
                longest = h = h / FACTOR
            elif fewest <= second <= most or (second < fewest and h >= longest):
                break
            else:
                grown = math.sqrt(self.clear / second) if second > BLURRED else FACTOR
                h = min(h * min(max(grown, 1 / FACTOR), FACTOR), longest)
            best = line.quotient(h)
        return best

    @np.errstate(all="ignore")
    def model(self, x: np.ndarray, mean: float, mixed: bool) -> Quadratic:
        """Return the quadratic model at a point with this mean value, by new steps.

        `mixed` asks for all curvatures.
        """
        lines = self.lines(x, mean)
        found = [self.found(line, h) for line, h in zip(lines, self.steps, strict=True)]
        self.steps = np.array([one.h for one in found])
        # A second difference over h is f″h², on one side as well as on both.
        curvature = [one.second / one.h**2 if one.h else 0.0 for one in found]
        noise = [one.amplification * self.scatter.at(one.largest) / math.sqrt(2) for one in found]
        error = [level / one.h if one.h else 0.0 for level, one in zip(noise, found, strict=True)]
        hessian = np.diag(np.array(curvature))
        if mixed:
            for i in range(x.size):
                for j in range(i):
                    hessian[i, j] = hessian[j, i] = self.mixed(x, mean, lines, i, j)
        return Quadratic(np.array([one.slope for one in found]), np.array(error), hessian, self.steps.copy())

    def mixed(self, x: np.ndarray, mean: float, lines: list[Line], i: int, j: int) -> float:
        """Return the mixed curvature of two coordinates, by one value at a corner of their steps; 0 without room."""
        h = self.steps
        if not (h[i] and h[j]):
            return 0.0
        for a in (1.0, -1.0):
            for b in (1.0, -1.0):
                corner = x.copy()
                corner[[i, j]] += a * h[i], b * h[j]
                if self.box is None or self.box.contains(corner):
                    one, two = lines[i].at(a * h[i]), lines[j].at(b * h[j])
                    return a * b * (self.scatter.value(corner) - one - two + mean) / (h[i] * h[j])
        return 0.0
