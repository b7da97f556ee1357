"""Sparse rows in compiled code: what dense rows do in a product, without the zeros.

A row is cut into segments of equal width, as few as hold it, so that one long row does not make the
others long: Monakov, Lokhmotov and Avetisyan, "Automatically tuning sparse matrix-vector
multiplication for GPU architectures" (2010), cut rows alike for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

Array = Any

# Segments are multiplied some at a time, as many as fit in a core's cache with what they are multiplied by.
TOGETHER, NUMBERS = 64, 2**13


@dataclass(frozen=True)
class SparseRows:
    """Some rows of (X - mean) turn, X being sparse: neither the difference nor a slice of rows is ever formed.

    ``rows @ u`` is X v - mean · v with v = turn u, and ``r @ rows`` is (r X - Σr mean) turn.

    Attributes
    ----------
    values, columns : array of shape (segments, width)
        The entries, and which columns they are in; what a segment lacks is 0 in column 0.
    owner : array of shape (segments,)
        The row that a segment belongs to.
    starts : array of shape (rows + 1,)
        Where the segments of each row begin, and where the last one's end.
    first : int
        The first row; that of `picked`, where there is one, does not count.
    picked : array of shape (count,) or None
        Which rows, where they do not follow one another.
    mean : array of shape (wide,) or None
        What the columns are centred by.
    turn : array of shape (wide,) or (wide, directions), or None
        What they are then multiplied by.
    count : int
        How many rows.
    wide : int
        How many columns X has.
    most : int
        As many segments as a row has at the most, or more.
    each : callable
        What the entries are read through.
    """

    values: Array
    columns: Array
    owner: Array
    starts: Array
    first: Array
    picked: Array | None
    mean: Array | None
    turn: Array | None
    count: int
    wide: int
    most: int
    each: Callable[[Array], Array] = jnp.asarray

    # NumPy's arrays leave products with these rows to them.
    __array_ufunc__ = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, as a product sees them."""
        return self.count, self.wide if self.turn is None or self.turn.ndim == 1 else self.turn.shape[1]

    @property
    def size(self) -> int:
        """How many entries are held."""
        return int(self.values.size)

    @property
    def dtype(self) -> Any:
        """What the entries are made of."""
        return self.values.dtype

    def __len__(self) -> int:
        return self.count

    def __matmul__(self, u: Array) -> Array:
        v = self._turned(u)
        z = self._times(v)
        return z if self.mean is None else z - self.mean @ v

    def __rmatmul__(self, r: Array) -> Array:
        r = jnp.asarray(r).T
        sums = self.scattered(jnp.zeros((self.wide, *r.shape[1:]), jnp.result_type(r, self.dtype)), r)
        if self.mean is not None:
            sums = sums - (self.mean if r.ndim == 1 else self.mean[:, None]) * r.sum(axis=0)
        if self.turn is None:
            return sums.T
        return sums.T @ self.turn if self.turn.ndim == 2 else sums.T * self.turn

    def __abs__(self) -> SparseRows:
        """Return rows whose products bound those of |(X - mean) turn| with numbers of 0 or more."""
        mean = None if self.mean is None else -abs(self.mean)
        return replace(self, each=jnp.abs, mean=mean, turn=None if self.turn is None else abs(self.turn))

    def scattered(self, sums: Array, r: Array) -> Array:
        """Return sums with r X added to them, one row of r for each of X."""

        def add(sums: Array, values: Array, columns: Array, row: Array) -> Array:
            # A row past the last pulls nothing.
            entries, pull = self.each(values), r.at[row].get(mode="fill", fill_value=0.0)[:, None]
            share = entries * pull if r.ndim == 1 else entries[..., None] * pull
            return sums.at[columns].add(share, mode="promise_in_bounds")

        return self._over(add, sums, r[0].size)

    def squares(self) -> Array:
        """Return the square of the length of each row."""
        if self.turn is not None and self.turn.ndim == 2:
            return ((self @ jnp.eye(self.shape[1])) ** 2).sum(axis=1)
        weight = jnp.ones(self.wide) if self.turn is None else self.turn**2
        squared = replace(self, each=jnp.square)._times(weight)
        if self.mean is None:
            return squared
        return jnp.maximum(squared - 2 * self._times(weight * self.mean) + weight @ self.mean**2, 0.0)

    def slice(self, first: Array, count: int) -> SparseRows:
        """Return rows that follow one another."""
        return replace(self, first=self.first + jnp.asarray(first, self.starts.dtype), count=count)

    def take(self, rows: Array) -> SparseRows:
        """Return rows by their numbers."""
        return replace(self, picked=self.first + jnp.asarray(rows, self.starts.dtype), count=len(rows))

    def dense(self) -> Array:
        """Return the rows with their zeros."""

        def put(out: Array, values: Array, columns: Array, row: Array) -> Array:
            return out.at[row[:, None], columns].add(self.each(values), mode="drop")

        out = self._over(put, jnp.zeros((self.count, self.wide), self.dtype))
        if self.mean is not None:
            out = out - self.mean
        if self.turn is None:
            return out
        return out @ self.turn if self.turn.ndim == 2 else out * self.turn

    def _turned(self, u: Array) -> Array:
        if self.turn is None:
            return jnp.asarray(u)
        if self.turn.ndim == 2:
            return self.turn @ u
        return self.turn * u if u.ndim == 1 else self.turn[:, None] * u

    def _times(self, v: Array) -> Array:
        """Return X v, with the entries as they are read."""

        def add(z: Array, values: Array, columns: Array, row: Array) -> Array:
            entries, taken = self.each(values), v.at[columns].get(mode="promise_in_bounds")
            sums = (entries * taken).sum(axis=-1) if v.ndim == 1 else (entries[..., None] * taken).sum(axis=-2)
            return z.at[row].add(sums, mode="drop")

        z = jnp.zeros((self.count, *v.shape[1:]), jnp.result_type(v, self.dtype))
        return self._over(add, z, v[0].size)

    def _over(self, part: Callable[[Any, Array, Array, Array], Any], carry: Any, each: int = 1) -> Any:
        """Return what comes of a carry that ``part(carry, values, columns, rows)`` takes on, some segments at a time.

        `each` numbers are made of an entry. Segments of other rows, and such as were seen, have rows past the last.
        """
        total, width = self.values.shape
        if self.picked is not None:
            return self._over_picked(part, carry)
        likely = self.count * total // (self.starts.size - 1)
        some = max(min(TOGETHER, NUMBERS // (width * each), total, -(-likely // 2)), 1)
        if self.count * self.most <= min(TOGETHER, total):
            some = self.count * self.most
        begin, end = self.starts[self.first], self.starts[self.first + self.count]

        def go_on(k: Array, carry: Any) -> Any:
            at = begin + k * some
            here = jnp.minimum(at, total - some)
            arrays = (jax.lax.dynamic_slice_in_dim(a, here, some) for a in (self.values, self.columns, self.owner))
            values, columns, owner = arrays
            fresh = here + jnp.arange(some) >= at
            return part(carry, values, columns, jnp.where(fresh, owner - self.first, self.count))

        if self.count * self.most <= some:
            return go_on(jnp.zeros((), begin.dtype), carry)
        return jax.lax.fori_loop(0, (end - begin + some - 1) // some, go_on, carry)

    def _over_picked(self, part: Callable[[Any, Array, Array, Array], Any], carry: Any) -> Any:
        """Go over the segments of rows that do not follow one another."""

        def of_row(k: Array, carry: Any) -> Any:
            row = self.picked[k]  # type: ignore[index]

            def of_segment(i: Array, carry: Any) -> Any:
                return part(carry, self.values[i][None], self.columns[i][None], jnp.full(1, k))

            return jax.lax.fori_loop(self.starts[row], self.starts[row + 1], of_segment, carry)

        return jax.lax.fori_loop(0, self.count, of_row, carry)


jax.tree_util.register_dataclass(
    SparseRows,
    ["values", "columns", "owner", "starts", "first", "picked", "mean", "turn"],
    ["count", "wide", "most", "each"],
)


def rows_of(a: Array, first: Array, count: int) -> Array:
    """Return rows of an array, dense or sparse, that follow one another."""
    return a.slice(first, count) if isinstance(a, SparseRows) else jax.lax.dynamic_slice_in_dim(a, first, count)


def picked_from(a: Array, rows: Array) -> Array:
    """Return rows of an array, dense or sparse, by their numbers."""
    return a.take(rows) if isinstance(a, SparseRows) else a[rows]


def dense(a: Array) -> Array:
    """Return a few rows as an array."""
    return a.dense() if isinstance(a, SparseRows) else a


def squares(a: Array) -> Array:
    """Return the square of the length of each row."""
    return a.squares() if isinstance(a, SparseRows) else (a**2).sum(axis=1)
