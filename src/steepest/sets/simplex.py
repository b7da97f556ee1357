"""The simplex: shares that are 0 or more and add up to a total."""

from __future__ import annotations

import math

import numpy as np

from steepest.sets.base import ConvexSet, convex_set, library_of, positive
from steepest.sets.curve import Curve
from steepest.types import Array

# How often the threshold of a projection is corrected, so that the sum is right to the last digit.
CORRECTIONS = 2


@convex_set
class Simplex(ConvexSet):
    """The simplex: all vectors with entries of 0 or more that add up to a total, such as weights or probabilities.

    Parameters
    ----------
    total : float
        The sum of the entries.

    Examples
    --------
    >>> Simplex().project([0.9, 0.5, -2.0])
    array([0.7, 0.3, 0. ])
    >>> Simplex(100).contains([25, 75, 0])
    True
    """

    is_thin = True

    total: float = 1.0

    def __post_init__(self) -> None:
        rule = "no entries of 0 or more, not all of them 0, add up to it"
        object.__setattr__(self, "total", positive(self.total, f"Simplex({self.total!r:.40})", rule))

    @property
    def is_bounded(self) -> bool:
        """Whether the set is bounded."""
        return True

    @property
    def size(self) -> float:
        """The size of the numbers that describe the set."""
        return self.total

    def nearest(self, x: Array) -> Array:
        """Return the nearest point, max(0, x - τ) with the threshold τ that makes the sum right."""
        return library_of(x, self.total).where(self._is_in(x), x, onto_simplex(x, self.total))

    def _is_in(self, x: Array) -> Array:
        return (x >= 0).all() & (abs(x.sum() - self.total) <= 1e-15 * math.sqrt(x.size) * self.total)

    def farthest(self, slope: np.ndarray) -> np.ndarray:
        """Return the corner at which slope · x is least."""
        corner = np.zeros(slope.size)
        corner[np.argmin(slope)] = self.total
        return corner

    def gap(self, x: np.ndarray, slope: np.ndarray) -> float:
        """Return the Frank–Wolfe gap, as a sum in which nothing cancels."""
        return float(x @ (slope - slope.min()))

    def steepest(self, x: Array, slope: Array) -> Array:
        """Return the projection of -slope onto the directions that lead into the simplex."""
        xp = library_of(x, slope, self.total)
        inner = x > 0
        down = -slope - (xp.where(inner, -slope, 0.0).sum() / xp.maximum(inner.sum(), 1))
        left = down - threshold(down, inner, 0.0)
        return xp.where(inner, left, xp.maximum(left, 0.0))

    def along(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return v on the positive entries, less its mean there."""
        inner = x > 0
        return np.where(inner, v - v[inner].mean(), 0.0)

    def face(self, x: np.ndarray) -> bytes:
        """Return which entries are positive."""
        return np.packbits(x > 0).tobytes()

    def curves(self, x: np.ndarray) -> list[Curve]:
        """Return lines that move an amount from the largest entry to each other one.

        A constant that is added to all slopes changes nothing in the simplex, so the slope of the largest entry is 0.
        """
        j, units = int(np.argmax(x)), np.eye(x.size)
        return [
            Curve(units[i] - units[j], units[i], -float(x[i]), float(x[j]))
            if i != j
            else Curve(np.zeros(x.size), np.zeros(x.size), 0.0, 0.0)
            for i in range(x.size)
        ]

    def drawn(self, draws: np.random.Generator, around: np.ndarray) -> np.ndarray:
        """Return a random point, every one as likely as another."""
        return self.nearest(self.total * draws.dirichlet(np.ones(around.size)))


def onto_simplex(x: Array, total: Array) -> Array:
    """Return the nearest vector with entries of 0 or more that add up to a total."""
    xp = library_of(x, total)
    # Entries farther below the largest than the total are 0 in any case; cut off there, they cost no digits.
    shifted = xp.maximum(x - x.max(), -total)
    tau = threshold(shifted, xp.zeros_like(shifted, dtype=bool), total)
    for _ in range(CORRECTIONS):
        kept = shifted > tau
        tau = tau + (xp.where(kept, shifted - tau, 0.0).sum() - total) / xp.maximum(kept.sum(), 1)
    return xp.maximum(shifted - tau, 0.0)


def threshold(values: Array, unclipped: Array, total: Array) -> Array:
    """Return the τ at which the entries of values - τ add up to a total, those below 0 left out unless `unclipped`.

    Held, Wolfe and Crowder, "Validation of subgradient optimization" (1974): in descending order, an entry counts if it
    exceeds the threshold of those before it and itself.
    """
    xp = library_of(values, total)
    free = unclipped.sum()
    fixed = xp.where(unclipped, values, 0.0).sum() - total
    ordered = xp.sort(xp.where(unclipped, -xp.inf, values))[::-1]
    finite = xp.isfinite(ordered)
    counts = free + xp.arange(1, values.size + 1)
    sums = fixed + xp.cumsum(xp.where(finite, ordered, 0.0))
    inside = finite & (ordered * counts > sums)
    kept = inside.sum()
    chosen = fixed + xp.where(xp.arange(values.size) < kept, xp.where(finite, ordered, 0.0), 0.0).sum()
    return chosen / xp.maximum(free + kept, 1)
