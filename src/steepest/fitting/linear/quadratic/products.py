"""Products of the rows with some of their columns, in NumPy and SciPy: a working set takes other columns in each round.

Compiled code would need a compilation for each size of a set.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csc_array, csr_array

from steepest.data.sparse.segments import SparseRows
from steepest.types import Array

# The most numbers of dense rows that are copied at once (16 MiB). Chosen, not measured.
BLOCK_NUMBERS = 2**21
# A product of two sparse matrices takes about this many times as long for a multiplication as one of dense matrices.
# Measured: 12 to 20 times.
SPARSE_COST = 16
# How many rows of a Gram matrix are changed at once, so that intermediate results stay in the cache. Chosen, not
# measured.
BLOCK_ROWS = 32


def read_columns(X: Array) -> DenseColumns | SparseColumns:
    """Return the rows of a `Glm` for products with some of their columns; dense rows are not copied."""
    return SparseColumns.of(X) if isinstance(X, SparseRows) else DenseColumns(np.asarray(X))


def stored_rows(rows: SparseRows) -> csr_array:
    """Return the entries of rows that are split into segments, in double precision, without mean and transform."""
    used = int(rows.starts[-1])
    values = np.asarray(rows.values)[:used]
    entries = values != 0
    counts = np.append(0, np.cumsum(np.count_nonzero(entries, axis=1)))[np.asarray(rows.starts)]
    data, columns = values[entries].astype(float, copy=False), np.asarray(rows.columns)[:used][entries]
    return csr_array((data, columns, counts.astype(columns.dtype)), shape=(len(rows), rows.width))


class _Columns(ABC):
    """The base of dense and sparse columns: the Hessian from their products."""

    @abstractmethod
    def slopes(self, r: np.ndarray) -> np.ndarray:
        """Return Xᵀ r."""

    @abstractmethod
    def gram(self, r: np.ndarray) -> np.ndarray:
        """Return Xᵀ diag(r) X."""

    def hessian(self, r: np.ndarray, added: np.ndarray) -> np.ndarray:
        """Return Aᵀ diag(r) A + diag(added), where A has a last column of ones."""
        crossed = self.slopes(r)
        H = np.empty((len(added), len(added)))
        H[:-1, :-1], H[:-1, -1], H[-1, :-1], H[-1, -1] = self.gram(r), crossed, crossed, r.sum()
        H[np.diag_indices_from(H)] += added
        return H


@dataclass(frozen=True)
class DenseColumns(_Columns):
    """Columns of dense rows; single precision is made double a block at a time.

    Attributes
    ----------
    X : array of shape (rows, columns)
        The rows.
    chosen : array or None
        The numbers of the columns that are in use; None for all.
    entrywise : callable
        A function such as `numpy.abs`, applied to each block when it is read.
    """

    X: np.ndarray
    chosen: np.ndarray | None = None
    entrywise: Callable[[np.ndarray], np.ndarray] = np.asarray

    def __abs__(self) -> DenseColumns:
        """Return the products with the absolute entries."""
        return replace(self, entrywise=np.abs)

    @property
    def width(self) -> int:
        """The number of columns in use."""
        return self.X.shape[1] if self.chosen is None else len(self.chosen)

    def take(self, chosen: np.ndarray) -> DenseColumns:
        """Return the same rows with some of the columns."""
        return DenseColumns(self.X, chosen)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield (slice, block) for each block of rows, in double precision."""
        size = max(BLOCK_NUMBERS // max(self.width, 1), 1)
        for start in range(0, len(self.X), size):
            rows = slice(start, start + size)
            block = self.X[rows] if self.chosen is None else self.X[rows][:, self.chosen]
            yield rows, self.entrywise(np.asarray(block, float))

    def along(self, u: np.ndarray) -> np.ndarray:
        """Return X u."""
        return np.concatenate([block @ u for _, block in self.blocks()])

    def slopes(self, r: np.ndarray) -> np.ndarray:
        """Return Xᵀ r."""
        return np.asarray(sum(block.T @ r[rows] for rows, block in self.blocks()))

    def squares(self, r: np.ndarray) -> np.ndarray:
        """Return the diagonal of Xᵀ diag(r) X."""
        return np.asarray(sum((block**2).T @ r[rows] for rows, block in self.blocks()))

    def gram(self, r: np.ndarray) -> np.ndarray:
        """Return Xᵀ diag(r) X."""
        return np.asarray(sum(block.T @ (r[rows, None] * block) for rows, block in self.blocks()))


@dataclass(frozen=True)
class SparseColumns(_Columns):
    """Columns of (X - mean) transform with X sparse, which is never formed.

    Attributes
    ----------
    X : csc_array
        The rows, a column at a time.
    by_rows : csr_array or None
        The same rows, a row at a time, whose products with all columns are quicker; None for a working set.
    mean, transform : array of shape (columns,)
        The number that is subtracted from each column, and the factor of the difference.
    """

    X: csc_array
    mean: np.ndarray
    transform: np.ndarray
    by_rows: csr_array | None = None

    @classmethod
    def of(cls, rows: SparseRows) -> SparseColumns:
        """Return the columns of rows that are split into segments."""
        by_rows, width = stored_rows(rows), rows.shape[1]
        mean = np.zeros(width) if rows.mean is None else np.asarray(rows.mean)
        transform = np.ones(width) if rows.transform is None else np.asarray(rows.transform)
        return cls(by_rows.tocsc(), mean, transform, by_rows)

    def take(self, chosen: np.ndarray) -> SparseColumns:
        """Return the same rows with some of the columns."""
        return SparseColumns(self.X[:, chosen], self.mean[chosen], self.transform[chosen])

    def along(self, u: np.ndarray) -> np.ndarray:
        """Return (X - mean) transform u."""
        v = (self.transform * u.T).T
        return (self.X if self.by_rows is None else self.by_rows) @ v - self.mean @ v

    def slopes(self, r: np.ndarray) -> np.ndarray:
        """Return transform (X - mean)ᵀ r."""
        return (self.transform * (self.X.T @ r - np.multiply.outer(self.mean, r.sum(axis=0))).T).T

    def __abs__(self) -> SparseColumns:
        """Return the products with (|X| + |mean|) |transform|, an upper bound of each absolute entry."""
        return SparseColumns(abs(self.X), -np.abs(self.mean), np.abs(self.transform))

    def squares(self, r: np.ndarray) -> np.ndarray:
        """Return the diagonal of the matrix that `gram` returns."""
        X, mean = self.X, self.mean
        squared = csc_array((X.data**2, X.indices, X.indptr), shape=X.shape)
        cross, total = (X.T @ r).T, np.multiply.outer(mean**2, r.sum(axis=0)).T
        return (self.transform**2 * np.maximum((squared.T @ r).T - 2 * mean * cross + total, 0.0)).T

    def gram(self, r: np.ndarray) -> np.ndarray:
        """Return transform (X - mean)ᵀ diag(r) (X - mean) transform."""
        # With s = Σ r, add m mᵀ s - c mᵀ - m cᵀ to the raw matrix, in place: that is h mᵀ + m hᵀ for h = s m / 2 - c.
        gram, mean = self.raw_gram(r), self.mean
        half = r.sum() / 2 * mean - self.X.T @ r
        for start in range(0, len(gram), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            block = gram[rows]
            block += np.stack([half[rows], mean[rows]], axis=1) @ np.stack([mean, half])
            block *= np.multiply.outer(self.transform[rows], self.transform)
        return gram

    def raw_gram(self, r: np.ndarray) -> np.ndarray:
        """Return Xᵀ diag(r) X, by whichever of the two products is quicker."""
        rows = self.X.tocsr()
        lengths = np.diff(rows.indptr)
        if SPARSE_COST * float(lengths.astype(float) @ lengths) > rows.shape[0] * rows.shape[1] ** 2:
            size = max(BLOCK_NUMBERS // max(rows.shape[1], 1), 1)
            blocks = ((slice(k, k + size), rows[k : k + size].toarray()) for k in range(0, rows.shape[0], size))
            return np.asarray(sum(block.T @ (r[place, None] * block) for place, block in blocks))
        scaled = csr_array((rows.data * np.repeat(r, lengths), rows.indices, rows.indptr), shape=rows.shape)
        return (self.X.T @ scaled).toarray()
