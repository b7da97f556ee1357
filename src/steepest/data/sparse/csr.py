"""Sparse rows in CSR form: how they are read and checked, moments of their columns, and a layout for compiled code.

Products and moments read a block of rows at a time; reading a matrix that is not in CSR form copies it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array

from steepest.data.batches import Layout, aligned
from steepest.printable import quoted
from steepest.types import Rows

if TYPE_CHECKING:
    from steepest.data.sparse.segments import SparseRows

FLOATS = (np.float32, np.float64)
# Entries in a block of rows (3 MB in double precision). Chosen, not measured: larger blocks take more memory, smaller
# ones more calls.
BLOCK_ENTRIES = 2**18
# The most memory that segments may take, relative to a CSR. Chosen, not measured: more memory allows wider segments,
# which are faster to read and hold more zeros.
ENLARGED = 1.15
# Tables with at most this many segments are padded to a power of two, so that those of similar size share compiled
# code. Chosen, not measured: a higher limit would save compilations of larger tables, at up to twice the memory.
FEW_SEGMENTS = 2**14
# Compiled code numbers segments and columns by integers of four bytes.
MOST_SEGMENTS = MOST_COLUMNS = 2**31 - 1


def is_sparse(X: Rows) -> bool:
    """Return whether X is sparse: in one of SciPy's formats, or another object with ``tocsr``."""
    return hasattr(X, "tocsr")


def read_rows(X: Rows, dtype: DTypeLike | None, what: str, names: list[str] | None) -> csr_array:
    """Return sparse rows in CSR form, as floats without duplicate entries; copied only if they change.

    Parameters
    ----------
    X : sparse array or matrix of shape (rows, columns)
        The rows, in one of SciPy's formats or another with ``tocsr``.
    dtype : dtype or None
        The precision; None keeps float32 and float64, and converts all other types to float64.
    what : str
        The name of X in an error message.
    names : list of str or None
        The names of the columns.

    Returns
    -------
    csr_array
        The rows.

    Raises
    ------
    TypeError
        If X does not hold numbers.
    ValueError
        If X has no rows, no columns, too many columns, entries outside its shape or values that are not finite, or is
        not two-dimensional.
    """
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) != 2:
        raise ValueError(f"{what} is sparse with the shape {shape}: a sparse {what} needs (rows, columns)")
    if not shape[0]:
        raise ValueError(f"{what} has no rows (its shape is {shape}): give one row an observation")
    if not shape[1]:
        raise ValueError(f"{what} has no columns (its shape is {shape}): give at least one column")
    kind = np.dtype(X.dtype)
    if kind.kind not in "fiub":
        raise TypeError(f"{what} must hold numbers, and is sparse of dtype {kind}: encode it, or give floats")
    check_places(X, what)
    rows = csr_array(X.tocsr())
    # The conversion of another format or library may be wrong, too.
    check_places(rows, what)
    if shape[1] > MOST_COLUMNS:
        raise ValueError(f"{what} has {shape[1]:,} columns, more than can be counted in four bytes: hash them to fewer")
    # Copy the matrix first: sorting or summing in place would change the caller's matrix.
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    narrower = read_dtype(dtype, kind)
    if kind.kind == "f" and narrower.itemsize < kind.itemsize:
        size = np.zeros(shape[1])
        np.maximum.at(size, rows.indices, np.abs(rows.data))
        check_range(size, narrower, what, names)
    rows = rows.astype(narrower, copy=False)
    for place, block in blocks(rows):
        wrong = np.flatnonzero(~np.isfinite(block.data))
        if wrong.size:
            entry = int(wrong[0])
            row = place.start + int(np.searchsorted(block.indptr, entry, side="right")) - 1
            column = int(block.indices[entry])
            where = f"in row {row}, column {names[column] if names else column}"
            raise ValueError(f"{what} has {block.data[entry]} {where}: fill it in or leave the row out")
    return rows


def check_places(X: Rows, what: str) -> None:
    """Raise if the index arrays of a sparse matrix contradict each other or its shape: compiled code trusts them.

    Parameters
    ----------
    X : sparse array or matrix
        The matrix, which stays as it is.
    what : str
        Its name in an error message.

    Raises
    ------
    ValueError
        If an index array is wrong.
    """
    try:
        if hasattr(X, "check_format"):
            # check_format trims the arrays that it checks, so give it another matrix on the same arrays.
            checked = type(X)((X.data, X.indices, X.indptr), shape=X.shape, copy=False)
            checked.check_format(full_check=True)
        elif hasattr(X, "coords"):
            type(X)((X.data, X.coords), shape=X.shape, copy=False)
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(
            f"{what} is a sparse matrix whose index arrays are wrong ({error}): "
            "build it from its entries, for example by scipy.sparse.coo_array"
        ) from None


def read_dtype(dtype: DTypeLike | None, kind: np.dtype) -> np.dtype:
    """Return the precision to compute with: `dtype` if given, else `kind` if float32 or float64, else float64."""
    if dtype is None:
        return kind if kind in FLOATS else np.dtype(np.float64)
    if np.dtype(dtype) not in FLOATS:
        raise ValueError(f"dtype={quoted(dtype)}: give float32 or float64")
    return np.dtype(dtype)


def check_range(size: np.ndarray, kind: np.dtype, what: str, names: list[str] | None) -> None:
    """Raise if a column overflows or vanishes in a type of fewer digits.

    Parameters
    ----------
    size : array
        The largest absolute value of each column.
    kind : dtype
        The type.
    what : str
        The name of the matrix in an error message.
    names : list of str or None
        The names of the columns.

    Raises
    ------
    ValueError
        If the largest absolute value of a column is out of range.
    """
    limits = np.finfo(kind)
    wrong = np.flatnonzero(np.isfinite(size) & ((size > limits.max) | ((size > 0) & (size < limits.tiny))))
    if wrong.size:
        column = names[wrong[0]] if names else wrong[0]
        raise ValueError(
            f"column {column} of {what} has values up to {size[wrong[0]]:.2g}, which {kind} can't hold: "
            f"leave dtype= out, or scale the column"
        )


def blocks(X: csr_array, order: np.ndarray | None = None) -> Iterator[tuple[slice, csr_array]]:
    """Yield (slice, block) for each block of rows, in `order` if given; the slice is the place of the block."""
    rows = X.shape[0]
    step = max(BLOCK_ENTRIES * rows // max(X.nnz, 1), 1)
    for start in range(0, rows, step):
        place = slice(start, min(start + step, rows))
        yield place, _part(X, place) if order is None else X[order[place]]


def _part(X: csr_array, place: slice) -> csr_array:
    """Return consecutive rows as a view."""
    starts = X.indptr[place.start : place.stop + 1]
    entries = slice(starts[0], starts[-1])
    return _on(X.data[entries], X.indices[entries], starts - starts[0], X.shape[1])


def _on(data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, columns: int) -> csr_array:
    """Return a matrix on these arrays as they are: SciPy's constructor copies those that are parts of larger ones."""
    block = csr_array((len(indptr) - 1, columns), dtype=data.dtype)
    block.data, block.indices, block.indptr = data, indices, indptr
    return block


def edges(X: csr_array) -> np.ndarray:
    """Return the minimum and the maximum of each column, zeros included."""
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    entries = np.zeros(X.shape[1], np.int64)
    for _, block in blocks(X):
        # Arrays that were unpickled have a type of their own, with which `at` takes twenty times as long.
        data = block.data.view(block.dtype.type)
        np.minimum.at(low, block.indices, data)
        np.maximum.at(high, block.indices, data)
        entries += np.bincount(block.indices, minlength=X.shape[1])
    has_zeros = entries < X.shape[0]
    return np.stack([np.where(has_zeros, np.minimum(low, 0.0), low), np.where(has_zeros, np.maximum(high, 0.0), high)])


def moments(X: csr_array, weight: np.ndarray | None, mean: np.ndarray | None = None) -> np.ndarray:
    """Return the weighted mean of each column, or the variance if `mean` is given; zeros included."""
    weight = np.ones(X.shape[0]) if weight is None else weight
    sums, counted = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for place, block in blocks(X):
        if mean is None:
            sums += block.T @ weight[place]
            continue
        squares = (block.data - mean[block.indices]) ** 2
        sums += _on(squares, block.indices, block.indptr, X.shape[1]).T @ weight[place]
        counted += _on(np.ones(block.nnz), block.indices, block.indptr, X.shape[1]).T @ weight[place]
    total = weight.sum()
    # Each zero that is not stored deviates from the mean by the mean itself, and adds its square.
    return sums / total if mean is None else (sums + (total - counted) * mean**2) / total


@dataclass(frozen=True)
class SparseColumns:
    """Rows of (X - mean) transform, with X sparse; the product is never formed.

    `transform` is a factor for each column, or a matrix. `arranged` copies the rows for compiled code. The copy takes
    as much memory as a CSR with four-byte indices if all rows have equally many entries, otherwise at most 1.5 times
    as much (1⅓ times in double precision). With `rounded`, the sizes of the copy are powers of two, so that blocks of
    similar size share compiled code.
    """

    X: csr_array
    mean: np.ndarray | None = None
    transform: np.ndarray | None = None
    rounded: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of (X - mean) transform."""
        if self.transform is None or self.transform.ndim == 1:
            return self.X.shape[0], self.X.shape[1]
        return self.X.shape[0], self.transform.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """The type of the entries."""
        return np.dtype(self.X.dtype)

    @property
    def width(self) -> int:
        """The mean number of entries in a row, rounded up."""
        return -(-self.X.nnz // max(self.X.shape[0], 1))

    def __matmul__(self, u: np.ndarray) -> np.ndarray:
        v = u
        if self.transform is not None:
            v = self.transform @ u if self.transform.ndim == 2 else (self.transform * u.T).T
        z = np.concatenate([block @ v for _, block in blocks(self.X)])
        return z if self.mean is None else z - self.mean @ v

    def arranged(self, layout: Layout, order: np.ndarray | None) -> SparseRows:
        """Return the rows as segments, in `order` if given, padded with empty rows to the number in the layout."""
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
            values, columns, owner, starts.astype(np.int32), np.int32(0), None, self.mean, self.transform, len(counts),
            self.X.shape[1], 1 << (max(int(counts.max()), 1) - 1).bit_length(),
        )  # fmt: skip


def segment_width(lengths: np.ndarray, itemsize: int) -> int:
    """Return the number of entries in a segment: the length of the longest row, or a power of two.

    Return the largest of these widths at which segments take at most 15 % more memory than a CSR. If there is none,
    return the width at which they take least.
    """
    longest = max(int(lengths.max(initial=1)), 1)
    widths = [longest, *(2**k for k in range(longest.bit_length() - 1, -1, -1) if 2**k < longest)]
    csr_bytes = int(lengths.sum()) * (itemsize + 4) + 4 * len(lengths)
    sizes = {}
    for width in widths:
        segments = int((-(-lengths // width)).sum())
        sizes[width] = segments * (width * (itemsize + 4) + 4)
        if sizes[width] <= ENLARGED * csr_bytes:
            return width
    return min(sizes, key=lambda width: sizes[width])
