"""A curve through a point of a set, along which a function can be evaluated without leaving the set."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Curve:
    """A line, or an arc of a circle, through a point x; the parameter t is 0 there.

    Attributes
    ----------
    direction : array
        The direction at x.
    dual : array
        What a slope along the curve adds to the gradient: the gradient is the sum of slope · dual over all curves.
    low, high : float
        The range of t inside the set. If `low` is negative and `high` positive, the curve runs within the face of x.
    arm : array or None
        For an arc: x minus the centre of the circle, whose length is the radius.
    """

    direction: np.ndarray
    dual: np.ndarray
    low: float
    high: float
    arm: np.ndarray | None = None

    @property
    def in_face(self) -> bool:
        """Whether the curve leads to both sides."""
        return self.low < 0 < self.high

    def move(self, t: float) -> np.ndarray:
        """Return how far the point at t is from x."""
        if self.arm is None:
            return t * self.direction
        radius = float(np.linalg.norm(self.arm))
        # 1 - cos φ = 2 sin²(φ/2) loses no digits.
        return radius * math.sin(t / radius) * self.direction - 2 * math.sin(t / radius / 2) ** 2 * self.arm

    def placed(self, first: int, size: int) -> Curve:
        """Return the curve in a longer vector, in which the coordinates of this one begin at `first`."""

        def longer(part: np.ndarray) -> np.ndarray:
            whole = np.zeros(size)
            whole[first : first + part.size] = part
            return whole

        arm = None if self.arm is None else longer(self.arm)
        return replace(self, direction=longer(self.direction), dual=longer(self.dual), arm=arm)


def lines(low: np.ndarray, high: np.ndarray) -> list[Curve]:
    """Return a line along each coordinate, with these ranges."""
    units = np.eye(low.size)
    return [Curve(unit, unit, float(a), float(b)) for unit, a, b in zip(units, low, high, strict=True)]
