"""Sparse rows that the caller has in memory: what is measured of their columns, and how they are laid out.

Everything is done a block of rows at a time, so that nothing of the size of X is held but what is returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from steepest.data.batches import Layout, aligned

if TYPE_CHECKING:
    from steepest.data.sparse.segments import SparseRows

FLOATS = (np.float32, np.float64)
BLOCK_ENTRIES = 2**18
# By how much segments may enlarge the rows: wide ones are faster.
ENLARGED = 1.15
# Up to so many segments their number is rounded up, so that tables of much the same size share compiled code.
FEW_SEGMENTS = 2**14
MOST_SEGMENTS = MOST_COLUMNS = 2**31 - 1


def is_sparse(X: Any) -> bool:
    """Tell whether rows are sparse."""
    return hasattr(X, "tocsr")


def read_rows(X: Any, dtype: Any, what: str, names: list[str] | None) -> csr_array:
    """Return sparse rows as CSR of floats, with one entry a place; what needs no change is not copied.

    Parameters
    ----------
    X : sparse array or matrix of shape (rows, columns)
        The rows, in any of SciPy's formats, or whatever has ``tocsr``.
    dtype : dtype or None
        What to compute with; None keeps floats as they are and takes float64 for the rest.
    what : str
        What it is called in an error.
    names : list of str or None
        The names of the columns.

    Returns
    -------
    csr_array
        The rows.

    Raises
    ------
    TypeError
        If they are not numbers.
    ValueError
        If there are none, they are not two-dimensional, or some are not finite.
    """
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) != 2:
        raise ValueError(f"{what} is sparse with the shape {shape}: a sparse {what} needs (rows, columns)")
    if not shape[0]:
        raise ValueError(f"{what} has no rows (its shape is {shape}): give one row an observation")
    kind = np.dtype(X.dtype)
    if kind.kind not in "fiub":
        raise TypeError(f"{what} must hold numbers, and is sparse of dtype {kind}: encode it, or give floats")
    rows = csr_array(X.tocsr())
    if shape[1] > MOST_COLUMNS:
        raise ValueError(f"{what} has {shape[1]:,} columns, more than can be counted in four bytes: hash them to fewer")
    # Sorting in place, or summing, would change what is the caller's.
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    rows = rows.astype(read_dtype(dtype, kind), copy=False)
    for place, block in blocks(rows):
        wrong = np.flatnonzero(~np.isfinite(block.data))
        if wrong.size:
            entry = int(wrong[0])
            row = place.start + int(np.searchsorted(block.indptr, entry, side="right")) - 1
            column = int(block.indices[entry])
            where = f"in row {row}, column {names[column] if names else column}"
            raise ValueError(f"{what} has {block.data[entry]} {where}: fill it in or leave the row out")
    return rows


def read_dtype(dtype: Any, kind: np.dtype) -> Any:
    """Return what numbers of a kind are computed with."""
    if dtype is None:
        return kind if kind in FLOATS else np.float64
    if np.dtype(dtype) not in FLOATS:
        raise ValueError(f"dtype={dtype!r}: give float32 or float64")
    return np.dtype(dtype)


def blocks(X: csr_array, order: np.ndarray | None = None) -> Iterator[tuple[slice, csr_array]]:
    """Yield blocks of rows, in an order if one is given, with where they begin and end in it."""
    rows = X.shape[0]
    step = max(BLOCK_ENTRIES * rows // max(X.nnz, 1), 1)
    for start in range(0, rows, step):
        place = slice(start, min(start + step, rows))
        yield place, X[place] if order is None else X[order[place]]


def edges(X: csr_array) -> np.ndarray:
    """Return the least and the largest of each column, the zeros among them."""
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    held = np.zeros(X.shape[1], np.int64)
    for _, block in blocks(X):
        np.minimum.at(low, block.indices, block.data)
        np.maximum.at(high, block.indices, block.data)
        held += np.bincount(block.indices, minlength=X.shape[1])
    gaps = held < X.shape[0]
    return np.stack([np.where(gaps, np.minimum(low, 0.0), low), np.where(gaps, np.maximum(high, 0.0), high)])


def moments(X: csr_array, weight: np.ndarray | None, mean: np.ndarray | None = None) -> np.ndarray:
    """Return the means of the columns, or with their means their variances, the zeros among what they are of."""
    weight = np.ones(X.shape[0]) if weight is None else weight
    sums, shares = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for place, block in blocks(X):
        share = np.repeat(weight[place], np.diff(block.indptr))
        part = block.data if mean is None else (block.data - mean[block.indices]) ** 2
        sums += np.bincount(block.indices, weights=share * part, minlength=X.shape[1])
        shares += np.bincount(block.indices, weights=share, minlength=X.shape[1])
    total = weight.sum()
    return sums / total if mean is None else (sums + (total - shares) * mean**2) / total


@dataclass(frozen=True)
class SparseColumns:
    """Sparse rows as the loop sees them, (X - mean) turn, which is not formed.

    The copy that compiled code reads takes as many bytes as a CSR of four-byte indices where rows are of even
    length, and at most 1.5 times as many (1⅓ times in double precision) however uneven they are. Where it is
    `rounded`, powers of two hold them, so that blocks of much the same size share compiled code.
    """

    X: csr_array
    mean: np.ndarray | None = None
    turn: np.ndarray | None = None
    rounded: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, as the loop sees them."""
        return self.X.shape[0], self.X.shape[1] if self.turn is None or self.turn.ndim == 1 else self.turn.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """What the entries are made of."""
        return np.dtype(self.X.dtype)

    @property
    def width(self) -> int:
        """How many numbers a row holds, on the whole."""
        return -(-self.X.nnz // max(self.X.shape[0], 1))

    def __matmul__(self, u: np.ndarray) -> np.ndarray:
        v = u
        if self.turn is not None:
            v = self.turn @ u if self.turn.ndim == 2 else (self.turn * u.T).T
        z = np.concatenate([block @ v for _, block in blocks(self.X)])
        return z if self.mean is None else z - self.mean @ v

    def arranged(self, layout: Layout, order: np.ndarray | None) -> SparseRows:
        """Return the rows in an order, with rows without entries behind them, as a layout has them."""
        from steepest.data.sparse.segments import SparseRows

        lengths = np.diff(self.X.indptr)
        width = segment_width(lengths, self.dtype.itemsize)
        if self.rounded:
            width = 1 << (width - 1).bit_length()
        ordered = lengths if order is None else lengths[order]
        counts = np.zeros(layout.blocks * layout.block, np.int64)
        counts[: len(ordered)] = -(-ordered // width)
        starts = np.append(0, np.cumsum(counts))
        total = max(int(starts[-1]), 1)
        if total > MOST_SEGMENTS:
            raise ValueError(f"X has {self.X.nnz:,} entries, more than can be counted in four bytes: give fewer rows")
        if total <= FEW_SEGMENTS or self.rounded:
            total = 1 << (total - 1).bit_length()
        values, columns = aligned((total, width), self.dtype), aligned((total, width), np.dtype(np.int32))
        owner = aligned((total,), np.dtype(np.int32))
        values[...], columns[...], owner[...] = 0, 0, len(counts) - 1
        owner[: starts[-1]] = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        for place, block in blocks(self.X, order):
            shift = starts[:-1][place] * width - block.indptr[:-1]
            at = np.arange(block.nnz) + np.repeat(shift, np.diff(block.indptr))
            values.ravel()[at], columns.ravel()[at] = block.data, block.indices
        for array in (values, columns, owner):
            array.flags.writeable = False
        return SparseRows(
            values, columns, owner, starts.astype(np.int32), np.int32(0), None, self.mean, self.turn, len(counts),
            self.X.shape[1], 1 << (max(int(counts.max()), 1) - 1).bit_length(),
        )  # fmt: skip


def segment_width(lengths: np.ndarray, itemsize: int) -> int:
    """Return how many entries a segment holds: as many as the longest row, or a power of two.

    The widest that makes the rows no more than 15 % larger than they are, or else what makes them smallest.
    """
    longest = max(int(lengths.max(initial=1)), 1)
    widths = [longest, *(2**k for k in range(longest.bit_length() - 1, -1, -1) if 2**k < longest)]
    held = int(lengths.sum()) * (itemsize + 4) + 4 * len(lengths)
    sizes = {}
    for width in widths:
        segments = int((-(-lengths // width)).sum())
        sizes[width] = segments * (width * (itemsize + 4) + 4)
        if sizes[width] <= ENLARGED * held:
            return width
    return min(sizes, key=lambda width: sizes[width])
