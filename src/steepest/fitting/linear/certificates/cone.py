"""The directions along which no row's loss grows: a cone, which linear inequalities of the rows describe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS
from steepest.fitting.linear.coordinates import coordinates, edges
from steepest.models.losses.base import Loss
from steepest.types import Array, Rows

# A bound on the rounding error of a sum, in units of eps times the sum of the absolute terms. Chosen, not measured: a
# larger bound proves fewer directions, a smaller bound might prove wrong directions.
ROUNDINGS = 64
# The numbers in a block of rows: 32 MB in double precision.
BLOCK_NUMBERS = 2**22
# The loss of a row falls if the row's margin exceeds this share of the largest entry of the direction. Chosen, not
# measured: well above the error of a linear program, 1e-10, so that such errors do not count as a fall.
FALLS = 1e-7


def growth_signs(loss: Loss, y: np.ndarray) -> np.ndarray:
    """Return where an output may move without end while the loss of its row does not grow: 1 up, -1 down, 0 nowhere."""
    with np.errstate(all="ignore"):
        up, down = (np.asarray(loss.asymptote(np.full(len(y), sign), y)) <= 0 for sign in (1.0, -1.0))
    return up.astype(int) - down


@dataclass
class Cone:
    """The directions v along which no row's loss grows, as linear inequalities in scaled columns.

    A direction is a matrix V with a column for each output, a row for each column of X, and a last row for the
    intercept. Row i of X has the inequalities cₖ · (aᵢ V) ≥ 0, with a vector cₖ for each k. A row whose output may not
    move has c = 1 and c = -1.

    Attributes
    ----------
    X : array of shape (rows, columns)
        The rows of positive weight.
    mean, scale : array of shape (columns,)
        The columns have `mean` subtracted and are then divided by `scale`.
    kind : array of int of shape (rows,)
        The kind of each row's target: rows of a kind have the same vectors c.
    normals : array of shape (kinds, m, outputs)
        The vectors c of each kind.
    exists : array of bool of shape (kinds, m)
        Which vectors c each kind has.
    contrasts : array or None
        The matrix that maps outputs to the scores of several classes.
    within : array of shape (columns + 1, 2) or None
        With bounds of the parameters, the range of each component of a direction that is cut off at ±1: a component
        has no way down from a lower bound, or up from an upper bound.
    """

    X: Rows
    mean: np.ndarray
    scale: np.ndarray
    kind: np.ndarray
    normals: np.ndarray
    exists: np.ndarray
    contrasts: np.ndarray | None
    within: np.ndarray | None = None

    @classmethod
    def of(cls, X: Rows, y: np.ndarray, weight: np.ndarray, loss: Loss, bounds: Box | None = None) -> Cone:
        """Return the cone of a loss on the rows of positive weight; `bounds` are those of the parameters."""
        counts = weight > 0
        X = X if counts.all() else X[counts]
        y = y[counts]
        chosen = coordinates(X, None, "scale")
        # Centring removes an offset that is much larger than the spread of a column. A sparse column contains zeros, so
        # it has no such offset, and centring would make it dense.
        within = None if bounds is None else np.c_[-1.0 * np.isinf(bounds.low), 1.0 * np.isinf(bounds.high)]
        # Bounds of the intercept are those of a component only if the columns are not centred.
        uncentred = is_sparse(X) or (within is not None and not within[-1].all())
        mean = np.zeros_like(chosen.mean) if uncentred else chosen.mean
        scale = chosen.scale
        if is_sparse(X):
            largest = np.abs(edges(X)).max(axis=0)
            scale = 2.0 ** np.round(np.log2(np.where(largest > 0, largest, 1.0)))
        if (Q := loss.contrasts) is not None:
            return cls(X, mean, scale, y.astype(int), Q[:, None] - Q[None], ~np.eye(len(Q), dtype=bool), Q)
        # The kinds of rows: the output may fall, may not move, may grow.
        exists = np.array([[False, True], [True, True], [True, False]])
        normals = np.tile(np.array([[[1.0], [-1.0]]]), (3, 1, 1))
        return cls(X, mean, scale, growth_signs(loss, y) + 1, normals, exists, None, within)

    @property
    def outputs(self) -> int:
        """How many outputs a row has."""
        return int(self.normals.shape[2])

    @property
    def entries(self) -> int:
        """How many numbers the rows store."""
        return int(self.X.nnz if is_sparse(self.X) else self.X.size)

    @cached_property
    def present(self) -> np.ndarray:
        """Which inequalities each row has: an array of bool of shape (rows, m)."""
        return np.asarray(self.exists[self.kind])

    @cached_property
    def fixed(self) -> np.ndarray:
        """Whether each row's output may not move; the two inequalities of such a row form an equation."""
        return np.asarray(self.present.all(axis=1)) & (self.contrasts is None)

    @property
    def size(self) -> int:
        """How many components a direction has."""
        return (self.X.shape[1] + 1) * self.outputs

    def from_user(self, point: np.ndarray) -> np.ndarray:
        """Return coefficients and intercepts in the user's units as a direction."""
        if self.contrasts is None:
            return np.append(point[:-1] * self.scale, point[-1] + point[:-1] @ self.mean)[:, None]
        classes = len(self.contrasts)
        coef, intercept = point[:-classes].reshape(classes, -1), point[-classes:]
        return np.vstack([(coef * self.scale).T, intercept + coef @ self.mean]) @ self.contrasts

    def columns(self, V: np.ndarray) -> list[int]:
        """Return the columns where a direction exceeds 1/1000 of its largest entry, in falling order of the entries."""
        size = np.linalg.norm(V[:-1], axis=1)
        order = np.argsort(-size, kind="stable")
        return [int(j) for j in order if size[j] > 1e-3 * size.max(initial=0.0)]

    def allowed(self, V: np.ndarray) -> np.ndarray:
        """Return a direction without the components that bounds of the parameters stop."""
        if self.within is None:
            return V
        down, up = (self.within != 0).T
        return np.clip(V, np.where(down, -np.inf, 0.0)[:, None], np.where(up, np.inf, 0.0)[:, None])

    def rows(self, which: slice | np.ndarray) -> Rows:
        """Return some rows in scaled columns, with a last column of ones for the intercept."""
        part = self.X[which]
        if is_sparse(part):
            from scipy.sparse import csr_array, diags_array, hstack

            return csr_array(hstack([part.astype(float) @ diags_array(1 / self.scale), np.ones((part.shape[0], 1))]))
        return np.c_[(part.astype(float) - self.mean) / self.scale, np.ones(len(part))]

    def blocks(self) -> Iterator[tuple[slice, Rows]]:
        """Yield the positions and the scaled columns of the rows, a block at a time."""
        rows, columns = self.X.shape
        step = max(BLOCK_NUMBERS // (columns + 1), 1) if not is_sparse(self.X) else rows
        for first in range(0, rows, step):
            place = slice(first, min(first + step, rows))
            yield place, self.rows(place)

    def margins(self, V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the left side of each inequality, infinite where a row has none, and each row's rounding error."""
        found, rounding = np.full(self.present.shape, np.inf), np.empty(len(self.present))
        for place, A in self.blocks():
            each = np.einsum("no,nmo->nm", A @ V, self.normals[self.kind[place]])
            found[place] = np.where(self.present[place], each, np.inf)
            rounding[place] = ROUNDINGS * EPS * 2 * (abs(A) @ np.abs(V)).sum(axis=1)
        return found, rounding

    def proves(self, V: np.ndarray) -> bool:
        """Tell whether, along a direction, no row's loss grows beyond rounding and some row's loss falls."""
        if not np.all(np.isfinite(V)) or not V.any() or not np.array_equal(V, self.allowed(V)):
            return False
        margins, rounding = self.margins(V)
        # A row whose output may not move has two margins of opposite signs; take the larger.
        falls = np.where(np.isfinite(margins), margins, 0.0).max(axis=1)
        return bool(np.all(margins >= -rounding[:, None]) and np.any(falls > FALLS * np.abs(V).max() + 1e3 * rounding))

    def matrix(self, places: np.ndarray) -> Array:
        """Return the inequalities at these positions of the flattened `present`, as the rows of a matrix."""
        row, k = np.unravel_index(places, self.present.shape)
        A, normals = self.rows(row), self.normals[self.kind[row], k]
        if is_sparse(A):
            from scipy.sparse import csr_array

            A = csr_array(A)
            each = np.repeat(normals, np.diff(A.indptr), axis=0)
            data = (A.data[:, None] * each).ravel()
            columns = (A.indices[:, None] * self.outputs + np.arange(self.outputs)).ravel()
            return csr_array((data, columns, A.indptr * self.outputs), shape=(A.shape[0], self.size))
        return (A[:, :, None] * normals[:, None, :]).reshape(len(A), -1)
