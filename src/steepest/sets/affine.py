"""An affine set: the solutions of linear equations."""

from __future__ import annotations

from dataclasses import field

import numpy as np

from steepest.sets.base import SLACK, ConvexSet, convex_set, vector
from steepest.sets.curve import Curve
from steepest.types import Array

# A row of A counts as a combination of the rows above if what they leave of it is below this share of the row. Chosen,
# not measured: with a smaller share, rounding errors would fix directions that the equations leave open.
DEPENDENT = 1e-11


@convex_set
class Affine(ConvexSet):
    """An affine set: all vectors x that solve the linear equations A x = b.

    Parameters
    ----------
    A : array of shape (equations, entries)
        The coefficients; no row may be a combination of the others.
    b : array
        The right-hand side of each equation.

    Examples
    --------
    >>> Affine([[1, 1]], [2]).project([3.0, 1.0]).round(12)
    array([2., 0.])
    """

    is_thin = True

    A: Array
    b: Array
    # Orthonormal directions: those that the equations fix, and those that they leave open; and the least solution.
    fixed_directions: np.ndarray = field(init=False)
    open_directions: np.ndarray = field(init=False)
    origin: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        a = np.asarray(self.A) if not isinstance(self.A, (list, tuple)) else self.A
        if np.ndim(a) == 1:
            raise ValueError("A has 1 dimension: give a matrix, a row for each equation, such as [[1, 1]]")
        object.__setattr__(self, "A", vector(a, "A", ndim=2))
        object.__setattr__(self, "b", vector(np.atleast_1d(np.asarray(self.b)), "b"))
        rows, entries = self.A.shape
        if self.b.size != rows:
            raise ValueError(f"A has {rows} rows and b has {self.b.size} entries: give one for each row")
        if rows > entries:
            raise ValueError(f"A has {rows} equations for {entries} entries, so some depend on others: leave those out")
        sizes = np.linalg.norm(self.A, axis=1)
        if not np.all(sizes > 0):
            raise ValueError(f"row {int(np.argmin(sizes))} of A is 0 in every entry: leave it out")
        # A = R.T Q.T with orthonormal columns of Q; each row is divided by its size first.
        basis, triangle = np.linalg.qr((self.A / sizes[:, None]).T, mode="complete")
        left = np.abs(np.diag(triangle))
        if left.min() <= DEPENDENT:
            self._refuse(int(np.argmax(left <= DEPENDENT)))
        object.__setattr__(self, "fixed_directions", basis[:, :rows])
        object.__setattr__(self, "open_directions", basis[:, rows:])
        least = basis[:, :rows] @ np.linalg.solve(triangle[:rows].T, self.b / sizes)
        # One correction: the first solution misses the equations by the condition of A times a rounding error.
        missed = (self.A @ least - self.b) / sizes
        object.__setattr__(self, "origin", least - basis[:, :rows] @ np.linalg.solve(triangle[:rows].T, missed))

    def _refuse(self, k: int) -> None:
        """Raise the error for row k, which is a combination of the rows above it."""
        parts = np.linalg.lstsq(self.A[:k].T, self.A[k], rcond=None)[0]
        if abs(float(parts @ self.b[:k]) - float(self.b[k])) > 1e-9 * (
            np.abs(parts) @ np.abs(self.b[:k]) + abs(self.b[k])
        ):
            raise ValueError(f"no x solves A x = b: row {k} of A is a combination of those above, and b contradicts it")
        raise ValueError(
            f"row {k} of A is a combination of those above, so the equation says nothing new: leave it out"
        )

    @property
    def is_bounded(self) -> bool:
        """Whether the set is bounded: only if it is a single point."""
        return self.A.shape[0] == self.A.shape[1]

    @property
    def size(self) -> float:
        """The size of the numbers that describe the set: the largest entry of its nearest point to the origin."""
        return float(np.abs(self.origin).max())

    @property
    def numbers(self) -> int:
        """How many numbers a point has."""
        return int(self.A.shape[1])

    def nearest(self, x: Array) -> Array:
        """Return the nearest point."""
        # The second pass removes the rounding errors of the first.
        for _ in range(2):
            x = x - self.fixed_directions @ (self.fixed_directions.T @ (x - self.origin))
        return x

    def farthest(self, slope: np.ndarray) -> np.ndarray | None:
        """Return a point if slope · x is the same in the whole set, else None."""
        open_part = self.along(self.origin, slope)
        return None if np.abs(open_part).max() > SLACK * np.abs(slope).max() else self.origin.copy()

    def steepest(self, x: Array, slope: Array) -> Array:
        """Return the part of -slope within the set."""
        return -(self.open_directions @ (self.open_directions.T @ slope))

    def along(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the part of v within the set."""
        return np.asarray(self.open_directions @ (self.open_directions.T @ v))

    def face(self, x: np.ndarray) -> bytes:
        """Return the only face."""
        return b"whole"

    def curves(self, x: np.ndarray) -> list[Curve]:
        """Return lines within the set; there are fewer than coordinates, so the last ones have no length."""
        found = [Curve(along, along, -np.inf, np.inf) for along in self.open_directions.T]
        still = np.zeros(x.size)
        return found + [Curve(still, still, 0.0, 0.0)] * (x.size - len(found))

    def drawn(self, draws: np.random.Generator, around: np.ndarray) -> np.ndarray:
        """Return a random point, within max(1, |x|) of each entry before it is projected."""
        return self.nearest(around + draws.uniform(-1.0, 1.0, around.size) * np.maximum(1.0, np.abs(around)))
