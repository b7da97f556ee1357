"""A half-space: one linear inequality."""

from __future__ import annotations

import math

import numpy as np

from steepest.sets.base import SLACK, ConvexSet, convex_set, library_of, real, vector
from steepest.sets.curve import Curve, lines
from steepest.types import Array


@convex_set
class Halfspace(ConvexSet):
    """A half-space: all vectors x with a · x ≤ b, such as those that cost no more than a budget.

    Parameters
    ----------
    a : array
        The vector that x is multiplied with.
    b : float
        The largest value of the product.

    Examples
    --------
    >>> Halfspace([1, 1], 2).project([3.0, 1.0])
    array([2., 0.])
    """

    a: Array
    b: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", vector(self.a, "a"))
        object.__setattr__(self, "b", real(self.b, f"Halfspace(b={self.b!r:.40})"))
        if not np.any(self.a):
            raise ValueError("Halfspace: a is 0 in every entry: give a vector that is not 0")
        if not math.isfinite(self.b):
            raise ValueError(f"Halfspace(b={self.b}): give a finite number")

    @property
    def is_bounded(self) -> bool:
        """Whether the set is bounded: only on a line, and not even there."""
        return False

    @property
    def size(self) -> float:
        """The size of the numbers that describe the set: the distance from the origin."""
        return abs(self.b) / float(np.linalg.norm(self.a))

    @property
    def numbers(self) -> int:
        """How many numbers a point has."""
        return int(self.a.size)

    def nearest(self, x: Array) -> Array:
        """Return the nearest point."""
        xp = library_of(x, self.a)
        # The second pass removes the rounding errors of the first, which are those of a point far away.
        for _ in range(2):
            excess = self.a @ x - self.b
            x = xp.where(excess <= self._slack(x), x, x - self.a * (excess / (self.a @ self.a)))
        return x

    def farthest(self, slope: np.ndarray) -> np.ndarray | None:
        """Return the nearest point to the origin if slope · x is least there; None if slope · x falls without end."""
        part = float(slope @ self.a) / float(self.a @ self.a)
        across = slope - part * self.a
        if part > 0 or np.abs(across).max() > SLACK * np.abs(slope).max(initial=0.0):
            return None
        return self.a * (self.b / float(self.a @ self.a)) if part else self.nearest(np.zeros(slope.size))

    def gap(self, x: np.ndarray, slope: np.ndarray) -> float:
        """Return how far slope · x is above its least value in the set: the Frank–Wolfe gap; infinite without one."""
        if self.farthest(slope) is None:
            return math.inf
        # The slope is a multiple of a, but for rounding: nothing is to be gained along the edge. The distance from the
        # edge is uncertain by rounding errors.
        distance = max(self.b - float(self.a @ x), 0.0) + float(self._slack(x))
        return abs(float(slope @ self.a)) / float(self.a @ self.a) * distance

    def steepest(self, x: Array, slope: Array) -> Array:
        """Return -slope, without its part that leads out."""
        xp = library_of(x, slope, self.a)
        outward = xp.minimum(slope @ self.a, 0.0) / (self.a @ self.a)
        return xp.where(self.a @ x - self.b >= -self._slack(x), -slope + outward * self.a, -slope)

    def along(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the part of v along the edge, if x lies on the edge."""
        return v - (v @ self.a / (self.a @ self.a)) * self.a if self._is_at_edge(x) else v

    def face(self, x: np.ndarray) -> bytes:
        """Return whether x lies on the edge."""
        return b"edge" if self._is_at_edge(x) else b"inside"

    def curves(self, x: np.ndarray) -> list[Curve]:
        """Return lines along the coordinates; on the edge, lines along the edge and one inward."""
        if not self._is_at_edge(x):
            room = max(self.b - float(self.a @ x), 0.0)
            reach = np.divide(room, self.a, out=np.full(x.size, math.inf), where=self.a != 0)
            low, high = np.where(self.a < 0, reach, -math.inf), np.where(self.a > 0, reach, math.inf)
            return lines(low, high)
        inward = -self.a / np.linalg.norm(self.a)
        edge = [Curve(along, along, -math.inf, math.inf) for along in orthonormal(self.a).T[1:]]
        return [Curve(inward, inward, 0.0, math.inf), *edge]

    def drawn(self, draws: np.random.Generator, around: np.ndarray) -> np.ndarray:
        """Return a random point within max(1, |x|) of each entry, or its projection."""
        return self.nearest(around + draws.uniform(-1.0, 1.0, around.size) * np.maximum(1.0, np.abs(around)))

    def _is_at_edge(self, x: np.ndarray) -> bool:
        return bool(self.a @ x - self.b >= -self._slack(x))

    def _slack(self, x: Array) -> Array:
        return SLACK * (abs(self.a) @ abs(x) + abs(self.b))


def orthonormal(first: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis whose first column has the direction of a vector, or the opposite one.

    The columns are those of Householder's reflection.
    """
    unit = first / np.linalg.norm(first)
    reflector = unit.copy()
    reflector[0] += math.copysign(1.0, unit[0])
    reflector /= np.linalg.norm(reflector)
    return np.eye(first.size) - 2 * np.outer(reflector, reflector)
