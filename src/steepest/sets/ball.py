"""Balls: the points within a distance of a centre, by the Euclidean, the sum or the largest norm."""

from __future__ import annotations

import math
from dataclasses import field

import numpy as np

from steepest.sets.base import SLACK, ConvexSet, convex_set, library_of, positive, vector
from steepest.sets.curve import Curve, lines
from steepest.sets.halfspace import orthonormal
from steepest.sets.simplex import onto_simplex, threshold
from steepest.types import Array

ORDERS = (1, 2, math.inf)


@convex_set
class Ball(ConvexSet):
    """A ball: all vectors within the distance r of a centre.

    Parameters
    ----------
    r : float
        The radius.
    centre : array, optional
        The centre; by default the origin.
    order : {2, 1, inf}
        The norm that measures the distance: 2 is the Euclidean one, 1 the sum of the absolute entries, as in the lasso,
        and inf the largest absolute entry.

    Examples
    --------
    >>> Ball(5).project([6.0, 8.0])
    array([3., 4.])
    >>> Ball(5, order=1).project([6.0, 8.0])
    array([1.5, 3.5])
    >>> Ball(1, centre=[2, 0]).contains([0.5, 0.0])
    False
    """

    r: float
    centre: Array = field(default=None, metadata={"named": True})
    order: float = field(default=2, metadata={"static": True, "named": True})

    def __post_init__(self) -> None:
        call = f"Ball({self.r!r:.40})"
        object.__setattr__(self, "r", positive(self.r, call, "no point is within such a distance"))
        if isinstance(self.order, bool) or self.order not in ORDERS:
            raise ValueError(f"Ball(order={self.order!r:.40}): give 2, 1 or inf")
        object.__setattr__(self, "order", self.order if self.order == math.inf else int(self.order))
        if self.centre is not None:
            object.__setattr__(self, "centre", vector(self.centre, "centre"))

    @property
    def is_bounded(self) -> bool:
        """Whether the set is bounded."""
        return True

    @property
    def size(self) -> float:
        """The size of the numbers that describe the set."""
        return self.r + (0.0 if self.centre is None else float(np.abs(self.centre).max()))

    @property
    def numbers(self) -> int | None:
        """How many numbers a point has."""
        return None if self.centre is None else self.centre.size

    def nearest(self, x: Array) -> Array:
        """Return the nearest point: on the edge for a point outside."""
        arm, length = self._arm(x), self._length(self._arm(x))
        xp = library_of(x, self.r)
        if self.order == 2:
            near = arm * (self.r / xp.maximum(length, self.r))
        elif self.order == 1:
            near = xp.sign(arm) * onto_simplex(abs(arm), self.r)
        else:
            near = xp.clip(arm, -self.r, self.r)
        near = near if self.centre is None else self.centre + near
        return xp.where(length <= self.r + self._slack, x, near)

    def farthest(self, slope: np.ndarray) -> np.ndarray:
        """Return the point at which slope · x is least."""
        length = float(np.linalg.norm(slope))
        if self.order == 2:
            arm = -self.r * slope / length if length else np.zeros(slope.size)
        elif self.order == 1:
            k = np.argmax(np.abs(slope))
            arm = np.zeros(slope.size)
            arm[k] = -self.r * np.sign(slope[k])
        else:
            arm = -self.r * np.sign(slope)
        return arm if self.centre is None else self.centre + arm

    def gap(self, x: np.ndarray, slope: np.ndarray) -> float:
        """Return the Frank–Wolfe gap, as a sum in which nothing cancels."""
        arm, slope_size = self._arm(x), float(np.linalg.norm(slope))
        if self.order == math.inf or not slope_size:
            return super().gap(x, slope)
        if self.order == 1:
            largest = float(np.abs(slope).max())
            left = max(self.r - float(np.abs(arm).sum()), 0.0)
            return float(np.abs(arm) @ (largest + np.sign(arm) * slope)) + left * largest
        length = float(np.linalg.norm(arm))
        along = float(slope @ arm) / length if length else 0.0
        left = max(self.r - length, 0.0) * slope_size
        if along >= 0:
            return length * (slope_size + along) + left
        # ‖g‖ + g·n is the difference of two numbers that are nearly equal near the minimum, but (‖g‖² - (g·n)²) is not.
        across = slope - along * (arm / length)
        return length * float(across @ across) / (slope_size - along) + left

    def steepest(self, x: Array, slope: Array) -> Array:
        """Return the projection of -slope onto the directions that lead into the ball."""
        xp, arm = library_of(x, slope, self.r), self._arm(x)
        at_edge = self._length(arm) >= self.r - self._slack
        if self.order == 2:
            normal = arm / self.r
            return xp.where(at_edge, -slope + xp.minimum(slope @ normal, 0.0) * normal, -slope)
        if self.order == math.inf:
            out = (abs(arm) >= self.r - self._slack) & (slope * arm < 0)
            return xp.where(out, 0.0, -slope)
        # Among entries of 0 any change leads outward, among the others a change of their own sign.
        sign, down = xp.sign(arm), -slope
        outward = xp.where(arm == 0, abs(down), sign * down)
        tau = xp.maximum(threshold(outward, arm != 0, 0.0), 0.0)
        shrunk = xp.where(arm == 0, xp.sign(down) * xp.maximum(abs(down) - tau, 0.0), down - tau * sign)
        return xp.where(at_edge, shrunk, down)

    def along(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the part of v along the edge, if x lies on the edge."""
        arm = self._arm(x)
        if self.order == math.inf:
            return np.where(np.abs(arm) >= self.r - self._slack, 0.0, v)
        if not self._is_at_edge(arm):
            return v
        if self.order == 2:
            normal = arm / np.linalg.norm(arm)
            return v - (v @ normal) * normal
        sign = np.sign(arm)
        return sign * (v * sign - (v @ sign) / np.abs(sign).sum())

    def onward(self, x: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Return the point that a step along the face leads to; no entry of a ball of order 1 changes its sign."""
        arm = self._arm(x)
        if self.order != 1 or not self._is_at_edge(arm):
            return np.asarray(self.nearest(x + step))
        sign = np.sign(arm)
        moved = sign * onto_simplex(np.where(sign == 0, -self.r, sign * (arm + step)), self.r)
        return np.asarray(moved if self.centre is None else self.centre + moved)

    def face(self, x: np.ndarray) -> bytes:
        """Return whether x lies on the edge, and on which side of it."""
        arm = self._arm(x)
        if self.order == math.inf:
            return (np.sign(arm) * (np.abs(arm) >= self.r - self._slack)).astype(np.int8).tobytes()
        if not self._is_at_edge(arm):
            return b"inside"
        return b"edge" if self.order == 2 else np.sign(arm).astype(np.int8).tobytes()

    def bend(self, x: np.ndarray, slope: np.ndarray) -> float:
        """Return -slope · n / r on the edge of a Euclidean ball, with the outward normal n."""
        arm = self._arm(x)
        return -float(slope @ arm) / self.r**2 if self.order == 2 and self._is_at_edge(arm) else 0.0

    def curves(self, x: np.ndarray) -> list[Curve]:
        """Return lines along the coordinates; on the edge, arcs along the edge and a line inward."""
        arm = self._arm(x)
        if self.order == math.inf:
            edge = self.r - self._slack
            low, high = np.where(arm <= -edge, 0.0, -self.r - arm), np.where(arm >= edge, 0.0, self.r - arm)
            return lines(low, high)
        if self.order == 2:
            return self._round_curves(arm)
        return self._pointed_curves(arm)

    def _round_curves(self, arm: np.ndarray) -> list[Curve]:
        if self._is_at_edge(arm):
            # The first column of the basis is the normal, the others lie along the edge.
            basis = orthonormal(arm)
            inward = -arm / np.linalg.norm(arm)
            reach = math.pi * self.r / 2
            edge = [Curve(along, along, -reach, reach, arm) for along in basis.T[1:]]
            return [Curve(inward, inward, 0.0, 2 * self.r), *edge]
        # |arm + t e|² = r² at t = -armₖ ± √(r² - |arm|² + armₖ²)
        length = float(np.linalg.norm(arm))
        half = np.sqrt((self.r - length) * (self.r + length) + arm**2)
        return lines(np.minimum(-arm - half, 0.0), np.maximum(half - arm, 0.0))

    def _pointed_curves(self, arm: np.ndarray) -> list[Curve]:
        size, units = np.abs(arm), np.eye(arm.size)
        if not self._is_at_edge(arm):
            reach = size + max(self.r - float(size.sum()), 0.0)
            return lines(np.minimum(-arm - reach, 0.0), np.maximum(reach - arm, 0.0))
        j, sign = int(np.argmax(size)), np.sign(arm)
        found = []
        for i in range(arm.size):
            own = sign[i] or 1.0
            if i == j:
                # The slope inward, at the largest entry, adds to those of all other curves.
                dual = -np.where(sign == 0, 1.0, sign)
                found.append(Curve(-sign[j] * units[j], dual, 0.0, float(size[j])))
            else:
                found.append(
                    Curve(own * units[i] - sign[j] * units[j], own * units[i], -float(size[i]), float(size[j]))
                )
        return found

    def drawn(self, draws: np.random.Generator, around: np.ndarray) -> np.ndarray:
        """Return a random point, every one as likely as another."""
        n = around.size
        if self.order == 2:
            arm = draws.standard_normal(n)
            arm *= self.r * draws.random() ** (1 / n) / np.linalg.norm(arm)
        elif self.order == 1:
            arm = self.r * draws.dirichlet(np.ones(n + 1))[:n] * draws.choice([-1.0, 1.0], n)
        else:
            arm = draws.uniform(-self.r, self.r, n)
        return self.nearest(arm if self.centre is None else self.centre + arm)

    def _arm(self, x: Array) -> Array:
        return x if self.centre is None else x - self.centre

    def _length(self, arm: Array) -> Array:
        """Return the norm; divided by the largest entry first, because squares of large numbers overflow."""
        xp = library_of(arm, self.r)
        largest = abs(arm).max()
        if self.order == math.inf:
            return largest
        if self.order == 1:
            return abs(arm).sum()
        unit = xp.where(largest > 0, largest, 1.0)
        return unit * xp.sqrt(((arm / unit) ** 2).sum())

    def _is_at_edge(self, arm: np.ndarray) -> bool:
        return bool(self._length(arm) >= self.r - self._slack)

    @property
    def _slack(self) -> Array:
        return SLACK * (self.r if self.centre is None else self.r + abs(self.centre).max())
