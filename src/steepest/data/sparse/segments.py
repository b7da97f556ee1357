"""Sparse rows in compiled code; their products skip the zeros.

Compiled code needs arrays of fixed shape. So each row is split into segments of equal width, as few as hold
its entries. If each row were one segment, one long row would make all segments long. Monakov, Lokhmotov and
Avetisyan, "Automatically tuning sparse matrix-vector multiplication for GPU architectures" (2010), split
rows for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from steepest.types import Array

# The most segments, and the most numbers computed from them, in one step of a product. Chosen, not measured: more would
# not fit in a core's cache, fewer would take more steps.
MOST_SEGMENTS, MOST_NUMBERS = 64, 2**13


# A function of the loop's carry and of the values, columns and rows of some segments; returns the next carry.
Part = Callable[[Array, Array, Array, Array], Array]


@dataclass(frozen=True)
class SparseRows:
    """Some rows of (X - mean) transform, with X sparse: neither the difference nor a slice of rows is ever formed.

    ``rows @ u`` is X v - mean · v with v = transform u, and ``r @ rows`` is (r X - Σr mean) transform.

    Attributes
    ----------
    values, columns : array of shape (segments, width)
        The entries and their columns; a segment is padded with entries 0 in column 0.
    owner : array of shape (segments,)
        The row of each segment.
    starts : array of shape (rows + 1,)
        The first segment of each row; the last element is the number of segments in use.
    first : int
        The number of the first row; not used if `picked` is given.
    picked : array of shape (count,) or None
        The numbers of the rows, if they are not consecutive.
    mean : array of shape (width,) or None
        The number subtracted from each column.
    transform : array of shape (width,) or (width, directions), or None
        The factor of each column of X - mean, or the matrix that multiplies X - mean.
    count : int
        The number of rows.
    width : int
        The number of columns of X.
    longest : int
        An upper bound of the number of segments in a row.
    entrywise : callable
        A function such as `jnp.abs`, applied to each entry when it is read.
    """

    values: Array
    columns: Array
    owner: Array
    starts: Array
    first: Array
    picked: Array | None
    mean: Array | None
    transform: Array | None
    count: int
    width: int
    longest: int
    entrywise: Callable[[Array], Array] = jnp.asarray

    # With None, `array @ rows` calls __rmatmul__ below even if the array is NumPy's.
    __array_ufunc__ = None

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of (X - mean) transform."""
        if self.transform is None or self.transform.ndim == 1:
            return self.count, self.width
        return self.count, self.transform.shape[1]

    @property
    def size(self) -> int:
        """The number of entries in memory, padding included."""
        return int(self.values.size)

    @property
    def dtype(self) -> np.dtype:
        """The type of the entries."""
        return self.values.dtype

    def __len__(self) -> int:
        return self.count

    def __matmul__(self, u: Array) -> Array:
        v = self._transformed(u)
        z = self._times(v)
        return z if self.mean is None else z - self.mean @ v

    def __rmatmul__(self, r: Array) -> Array:
        r = jnp.asarray(r).T
        sums = self.scattered(jnp.zeros((self.width, *r.shape[1:]), jnp.result_type(r, self.dtype)), r)
        if self.mean is not None:
            sums = sums - (self.mean if r.ndim == 1 else self.mean[:, None]) * r.sum(axis=0)
        if self.transform is None:
            return sums.T
        return sums.T @ self.transform if self.transform.ndim == 2 else sums.T * self.transform

    def __abs__(self) -> SparseRows:
        """Return (|X| + |mean|) |transform|, an upper bound of each element of |(X - mean) transform|."""
        mean = None if self.mean is None else -abs(self.mean)
        transform = None if self.transform is None else abs(self.transform)
        return replace(self, entrywise=jnp.abs, mean=mean, transform=transform)

    def scattered(self, sums: Array, r: Array) -> Array:
        """Return sums + Xᵀ r, with one row of r for each row of X."""

        def add(sums: Array, values: Array, columns: Array, row: Array) -> Array:
            # A row number past the last marks a segment to skip: the factor of the segment is 0.
            entries, factor = self.entrywise(values), r.at[row].get(mode="fill", fill_value=0.0)[:, None]
            terms = entries * factor if r.ndim == 1 else entries[..., None] * factor
            return sums.at[columns].add(terms, mode="promise_in_bounds")

        return self._over(add, sums, r[0].size)

    def squares(self) -> Array:
        """Return the squared norm of each row."""
        if self.transform is not None and self.transform.ndim == 2:
            return ((self @ jnp.eye(self.shape[1])) ** 2).sum(axis=1)
        weight = jnp.ones(self.width) if self.transform is None else self.transform**2
        squared = replace(self, entrywise=jnp.square)._times(weight)
        if self.mean is None:
            return squared
        return jnp.maximum(squared - 2 * self._times(weight * self.mean) + weight @ self.mean**2, 0.0)

    def slice(self, first: Array, count: int) -> SparseRows:
        """Return `count` consecutive rows from row `first` on."""
        return replace(self, first=self.first + jnp.asarray(first, self.starts.dtype), count=count)

    def take(self, rows: Array) -> SparseRows:
        """Return the rows with the numbers `rows`."""
        return replace(self, picked=self.first + jnp.asarray(rows, self.starts.dtype), count=len(rows))

    def dense(self) -> Array:
        """Return the rows as a dense array."""

        def put(out: Array, values: Array, columns: Array, row: Array) -> Array:
            return out.at[row[:, None], columns].add(self.entrywise(values), mode="drop")

        out = self._over(put, jnp.zeros((self.count, self.width), self.dtype))
        if self.mean is not None:
            out = out - self.mean
        if self.transform is None:
            return out
        return out @ self.transform if self.transform.ndim == 2 else out * self.transform

    def _transformed(self, u: Array) -> Array:
        """Return transform u."""
        if self.transform is None:
            return jnp.asarray(u)
        if self.transform.ndim == 2:
            return self.transform @ u
        return self.transform * u if u.ndim == 1 else self.transform[:, None] * u

    def _times(self, v: Array) -> Array:
        """Return X v, with `entrywise` applied to X."""

        def add(z: Array, values: Array, columns: Array, row: Array) -> Array:
            entries, factors = self.entrywise(values), v.at[columns].get(mode="promise_in_bounds")
            sums = (entries * factors).sum(axis=-1) if v.ndim == 1 else (entries[..., None] * factors).sum(axis=-2)
            return z.at[row].add(sums, mode="drop")

        z = jnp.zeros((self.count, *v.shape[1:]), jnp.result_type(v, self.dtype))
        return self._over(add, z, v[0].size)

    def _over(self, part: Part, carry: Array, each: int = 1) -> Array:
        """Return the carry after calls of ``part(carry, values, columns, rows)`` on all segments, several a call.

        `part` computes `each` numbers from an entry. Segments of other rows, and segments that an earlier call has
        handled, get a row number past the last.
        """
        total, width = self.values.shape
        if self.picked is not None:
            return self._over_picked(part, self.picked, carry)
        expected = self.count * total // (self.starts.size - 1)
        step = max(min(MOST_SEGMENTS, MOST_NUMBERS // (width * each), total, -(-expected // 2)), 1)
        if self.count * self.longest <= min(MOST_SEGMENTS, total):
            step = self.count * self.longest
        begin, end = self.starts[self.first], self.starts[self.first + self.count]

        def body(k: Array, carry: Array) -> Array:
            at = begin + k * step
            # Slices have a fixed size: near the end a slice begins earlier, and repeats segments.
            start = jnp.minimum(at, total - step)
            arrays = (jax.lax.dynamic_slice_in_dim(a, start, step) for a in (self.values, self.columns, self.owner))
            values, columns, owner = arrays
            fresh = start + jnp.arange(step) >= at
            return part(carry, values, columns, jnp.where(fresh, owner - self.first, self.count))

        if self.count * self.longest <= step:
            return body(jnp.zeros((), begin.dtype), carry)
        return jax.lax.fori_loop(0, (end - begin + step - 1) // step, body, carry)

    def _over_picked(self, part: Part, picked: Array, carry: Array) -> Array:
        """Return the carry after a call of `part` on each segment of the rows with the numbers `picked`."""

        def of_row(k: Array, carry: Array) -> Array:
            row = picked[k]

            def of_segment(i: Array, carry: Array) -> Array:
                return part(carry, self.values[i][None], self.columns[i][None], jnp.full(1, k))

            return jax.lax.fori_loop(self.starts[row], self.starts[row + 1], of_segment, carry)

        return jax.lax.fori_loop(0, self.count, of_row, carry)


jax.tree_util.register_dataclass(
    SparseRows,
    ["values", "columns", "owner", "starts", "first", "picked", "mean", "transform"],
    ["count", "width", "longest", "entrywise"],
)


def rows_of(a: Array, first: Array, count: int) -> Array:
    """Return `count` consecutive rows from row `first` on, dense or sparse."""
    return a.slice(first, count) if isinstance(a, SparseRows) else jax.lax.dynamic_slice_in_dim(a, first, count)


def picked_from(a: Array, rows: Array) -> Array:
    """Return the rows with the numbers `rows`, dense or sparse."""
    return a.take(rows) if isinstance(a, SparseRows) else a[rows]


def dense(a: Array) -> Array:
    """Return rows as a dense array."""
    return a.dense() if isinstance(a, SparseRows) else a


def squares(a: Array) -> Array:
    """Return the squared norm of each row."""
    return a.squares() if isinstance(a, SparseRows) else (a**2).sum(axis=1)
