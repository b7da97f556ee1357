"""Products of some rows with vectors, in NumPy and SciPy, and the Gram matrix of these rows.

The coordinates are those in which the penalty is λ/2 ‖w‖². Compiled code would need a compilation for each number of
rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from steepest.data.sparse.segments import SparseRows
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic.products import BLOCK_NUMBERS, stored_rows

# A Gram matrix of rows and its factor take about as long as one product of conjugate gradients for each so many rows.
# Measured on text, with 2,320 rows of 63 entries: 0.45 s against 0.3 ms. Of dense rows, both are bound by memory alone.
SPARSE_ROWS, DENSE_ROWS = 2, 16


def read_rows(glm: Glm) -> Sparse | Dense:
    """Return the rows of a model in the coordinates in which its penalty is λ/2 ‖w‖²; dense rows are not copied."""
    scale = 1 / np.asarray(glm.transform)
    if not isinstance(glm.X, SparseRows):
        return Dense(np.asarray(glm.X), scale)
    return Sparse.of(glm.X, scale)


@dataclass(frozen=True)
class Sparse:
    """Sparse rows, from each of which the same numbers are subtracted.

    Attributes
    ----------
    X : csr_array
        The rows.
    mean : array of shape (columns,)
        What is subtracted.
    """

    X: csr_array
    mean: np.ndarray

    @classmethod
    def of(cls, rows: SparseRows, scale: np.ndarray) -> Sparse:
        """Return rows that are split into segments, in order, with another scale of their columns."""
        X = stored_rows(rows)
        factor = scale if rows.transform is None else np.asarray(rows.transform) * scale
        X.data *= factor[X.indices]
        return cls(X, np.zeros(X.shape[1]) if rows.mean is None else np.asarray(rows.mean) * factor)

    def absolute(self) -> Sparse:
        """Return rows that bound the absolute entries."""
        return Sparse(abs(self.X), -np.abs(self.mean))

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and of columns."""
        return self.X.shape[0], self.X.shape[1]

    @cached_property
    def squared(self) -> csr_array:
        """The squared entries, before the subtraction."""
        return csr_array((self.X.data**2, self.X.indices, self.X.indptr), shape=self.X.shape)

    @property
    def patience(self) -> int:
        """How many products take as long as a factorisation of the Gram matrix."""
        return self.shape[0] // SPARSE_ROWS

    def take(self, rows: np.ndarray) -> Sparse:
        """Return some of the rows."""
        return Sparse(self.X[rows], self.mean)

    def along(self, v: np.ndarray) -> np.ndarray:
        """Return X v."""
        return self.X @ v - self.mean @ v

    def slopes(self, r: np.ndarray) -> np.ndarray:
        """Return Xᵀ r."""
        return self.X.T @ r - self.mean * r.sum()

    def spread(self, r: np.ndarray) -> np.ndarray:
        """Return the diagonal of Xᵀ diag(r) X, for X without the mean that r ≥ 0 weighs."""
        # The mean that is subtracted already changes nothing.
        return np.maximum(self.squared.T @ r - (self.X.T @ r) ** 2 / r.sum(), 0.0)

    def lengths(self) -> np.ndarray:
        """Return the norm of each row."""
        each = self.squared.sum(axis=1) - 2 * (self.X @ self.mean) + self.mean @ self.mean
        return np.sqrt(np.maximum(each, 0.0))

    def gram(self) -> np.ndarray:
        """Return X Xᵀ, before the subtraction: it changes only rows and columns by constants."""
        return (self.X @ self.X.T).toarray()


@dataclass(frozen=True)
class Dense:
    """Dense rows whose columns are scaled; single precision is made double a block at a time.

    Attributes
    ----------
    X : array of shape (rows, columns)
        The rows, before they are scaled.
    scale : array of shape (columns,)
        The factor of each column.
    is_absolute : bool
        Whether entries are made absolute when they are read.
    """

    X: np.ndarray
    scale: np.ndarray
    is_absolute: bool = False

    def absolute(self) -> Dense:
        """Return the absolute entries."""
        return replace(self, scale=np.abs(self.scale), is_absolute=True)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and of columns."""
        return self.X.shape[0], self.X.shape[1]

    @property
    def patience(self) -> int:
        """How many products take as long as a factorisation of the Gram matrix."""
        return self.shape[0] // DENSE_ROWS

    def take(self, rows: np.ndarray) -> Dense:
        """Return some of the rows."""
        return replace(self, X=self.X[rows])

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield (slice, block) for each block of rows, in double precision, before columns are scaled."""
        size = max(BLOCK_NUMBERS // max(self.shape[1], 1), 1)
        for start in range(0, len(self.X), size):
            rows = slice(start, start + size)
            block = np.asarray(self.X[rows], float)
            yield rows, np.abs(block) if self.is_absolute else block

    def along(self, v: np.ndarray) -> np.ndarray:
        """Return X v."""
        v = self.scale * v
        return np.concatenate([block @ v for _, block in self.blocks()])

    def slopes(self, r: np.ndarray) -> np.ndarray:
        """Return Xᵀ r."""
        return self.scale * sum(block.T @ r[rows] for rows, block in self.blocks())

    def spread(self, r: np.ndarray) -> np.ndarray:
        """Return the diagonal of Xᵀ diag(r) X, for X without the mean that r ≥ 0 weighs."""
        squares = self.scale**2 * sum((block**2).T @ r[rows] for rows, block in self.blocks())
        return np.maximum(squares - self.slopes(r) ** 2 / r.sum(), 0.0)

    def lengths(self) -> np.ndarray:
        """Return the norm of each row."""
        return np.sqrt(np.concatenate([block**2 @ self.scale**2 for _, block in self.blocks()]))

    def gram(self) -> np.ndarray:
        """Return X Xᵀ."""
        scaled = self.X * self.scale
        return np.asarray(scaled @ scaled.T)
