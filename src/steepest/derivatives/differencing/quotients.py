"""Difference quotients along one coordinate, and a test of whether two of them come from one smooth function."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import tentative
from steepest.derivatives.noise import Noise
from steepest.sets.curve import Curve

# Two quotients are consistent if their slopes differ by at most the share ALIKE, and if the growth of their second
# differences differs from h² by at most the share SQUARED. Chosen, not measured: larger shares accept longer steps
# across features of f, smaller ones refuse more good steps.
ALIKE = 0.03
SQUARED = 0.25
# An error bar covers this many standard deviations of the noise, so that most errors are smaller.
UNLUCKY = 1.5


@dataclass(frozen=True)
class Quotient:
    """A difference quotient of step h: a slope along one coordinate.

    Attributes
    ----------
    h : float
        The step.
    slope : float
        The slope.
    second : float
        The second difference of the values, about f″h²; NaN if there are only two values.
    amplification : float
        The noise of f adds up to amplification · noise / h to the slope: 1 for a central quotient, and more for a
        one-sided quotient, used where f is undefined on the other side.
    order : int
        The truncation error shrinks as h to this power: 2, or 1 if there are only two values.
    largest : float
        The largest absolute value of f in the quotient.
    """

    h: float
    slope: float
    second: float
    amplification: float = 1.0
    order: int = 2
    largest: float = 0.0

    @property
    def jump(self) -> float:
        """How much the slopes of the secants to both sides differ; infinite if there are only two values."""
        return abs(self.second) / self.h if self.order == 2 else math.inf

    def error(self, third: float, noise: Noise) -> float:
        """Return the error of the slope: the truncation error, from f‴/6 given as `third`, plus the noise."""
        if self.order == 1:
            # With two values alone nothing bounds the error from the curvature.
            return math.inf
        truncation = third * self.h**2 * (1 if self.amplification == 1 else 2)
        return truncation + UNLUCKY * self.amplification * noise.at(self.largest) / self.h


class Line:
    """The values of f along one coordinate of a point; each is computed once, and only inside the box.

    Attributes
    ----------
    size : float
        The typical size of the coordinate.
    values : dict
        Values by their distance from the point; NaN outside the box, or if the function raises.
    """

    def __init__(
        self, value: Callable[[np.ndarray], float], x: np.ndarray, f0: float, k: int, size: float, box: Box | None
    ) -> None:  # fmt: skip
        self.value, self.x, self.k, self.size = value, x, k, size
        self.low, self.high = (-math.inf, math.inf) if box is None else (float(box.low[k]), float(box.high[k]))
        self.values = {0.0: f0}

    @property
    def room(self) -> float:
        """The distance to the farther of the two bounds."""
        return max(self.x[self.k] - self.low, self.high - self.x[self.k])

    @property
    def shortest(self) -> float:
        """The shortest useful step: below this length, rounding of x ± h dominates the quotient."""
        return 4 * float(np.spacing(abs(self.x[self.k])))

    def point(self, t: float) -> np.ndarray:
        """Return the point at this distance."""
        x = self.x.copy()
        x[self.k] += t
        return x

    def at(self, t: float) -> float:
        if t not in self.values:
            x = self.point(t)
            inside = self.low <= x[self.k] <= self.high
            self.values[t] = tentative(self.value, x) if inside else math.nan
        return self.values[t]

    def quotient(self, h: float) -> Quotient:
        """Return the central quotient of step h, or a one-sided quotient if f is undefined on the other side."""
        f0, up, down = self.values[0.0], self.at(h), self.at(-h)
        if math.isfinite(up) and math.isfinite(down):
            largest = max(abs(up), abs(down), abs(f0))
            return Quotient(h, (up - down) / (2 * h), up - 2 * f0 + down, largest=largest)
        side, one = (1.0, up) if math.isfinite(up) else (-1.0, down)
        two = self.at(2 * side * h) if math.isfinite(one) else math.nan
        if math.isfinite(two):
            slope, largest = side * (4 * one - two - 3 * f0) / (2 * h), max(abs(one), abs(two), abs(f0))
            return Quotient(h, slope, two - 2 * one + f0, 4.0, largest=largest)
        return Quotient(h, side * (one - f0) / h, math.nan, 2.0, 1, max(abs(one), abs(f0)))

    def step_near(self, h: float) -> float:
        """Return the power of 2 nearest to a step, within `shortest` and an eighth of the room; 0 if there is no room.

        The limit is an eighth, because a one-sided quotient of four times the step needs a value at eight times the
        step.
        """
        room = self.room / 8
        if room <= 0:
            return 0.0
        h = power_of_two(max(h, self.shortest)) if h > 0 else self.shortest
        return min(h, 2.0 ** math.floor(math.log2(room))) if math.isfinite(room) else h


class CurveLine(Line):
    """The values of f along a curve that stays inside a region, such as an arc of its edge."""

    def __init__(
        self, value: Callable[[np.ndarray], float], x: np.ndarray, f0: float, curve: Curve, size: float
    ) -> None:  # fmt: skip
        self.value, self.x, self.curve, self.size = value, x, curve, size
        self.low, self.high, self.values = curve.low, curve.high, {0.0: f0}

    @property
    def room(self) -> float:
        """The distance to the farther of the two ends."""
        return max(-self.low, self.high)

    @property
    def shortest(self) -> float:
        """The shortest useful step: below this length, rounding of the point dominates the quotient."""
        return 4 * float(np.spacing(np.abs(self.x[self.curve.direction != 0]).max(initial=0.0)))

    def point(self, t: float) -> np.ndarray:
        """Return the point at this distance."""
        return self.x + self.curve.move(t)

    def at(self, t: float) -> float:
        if t not in self.values:
            self.values[t] = tentative(self.value, self.point(t)) if self.low <= t <= self.high else math.nan
        return self.values[t]


def consistent(near: Quotient, wide: Quotient, noise: float) -> bool:
    """Tell whether two quotients come from one smooth function.

    Their slopes must be alike, and their second differences must grow as h². A step that is longer than the scale of
    f fails one of the two tests: across a narrow bump both slopes may be 0, but the second differences do not grow;
    across a kink the second differences grow as h.
    """
    if not (math.isfinite(near.slope) and math.isfinite(wide.slope)):
        return False
    ratio = wide.h / near.h
    hidden = 3 * (near.amplification / near.h + wide.amplification / wide.h) * noise
    if near.order == 1 or wide.order == 1:
        return abs(wide.slope - near.slope) <= ALIKE * max(abs(near.slope), abs(wide.slope)) + hidden
    grown = ratio**2 * abs(near.second)
    blurred = 8 * ratio**2 * noise
    # Second differences of a smooth f may also grow faster than h²: as h⁴ if f″ is 0.
    curved = (1 - SQUARED) * grown - blurred <= abs(wide.second) <= (1 + SQUARED) * ratio**2 * grown + blurred
    # At an inflection with a horizontal tangent f is cubic in h, so the slope of a quotient grows as h².
    level = abs(wide.slope - ratio**2 * near.slope) <= SQUARED * abs(wide.slope) >= abs(wide.second) / wide.h
    size = max(abs(near.slope), abs(wide.slope), abs(wide.second) / wide.h)
    return curved and (level or abs(wide.slope - near.slope) <= ALIKE * size + hidden)


def power_of_two(h: float) -> float:
    """Return the power of 2 nearest to h; with such a step x ± h is exact."""
    return 2.0 ** round(math.log2(h))
