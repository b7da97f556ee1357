"""Batches of rows: a generator for plain Python code, and the layout in memory that the compiled loop reads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from steepest.arguments import generator
from steepest.printable import quoted
from steepest.types import Array, Seed

# The values that shuffle= accepts.
SHUFFLES = ("batches", "rows", False)
# With at least this many rows, small batches are shuffled in groups of neighbours, of about SHUFFLED_ROWS rows, to read
# memory in longer runs. Chosen, not measured: longer runs are faster, and mix the rows less.
MANY_ROWS = 100_000
SHUFFLED_ROWS = 256
# The most numbers in a block of rows (8 MB in double precision), and the fewest and the most rows of a block. Chosen,
# not measured: larger blocks need more memory for intermediate results, smaller ones more calls.
BLOCK_NUMBERS, LEAST_BLOCK, LARGEST_BLOCK = 2**20, 256, 16_384
# JAX reads an array in place if its address is a multiple of this many bytes, and copies other arrays.
ALIGNMENT = 64
# Tables with at most this many rows may be padded to a power of two. Chosen, not measured: a higher limit would save
# compilations of larger tables, at up to twice the work.
FEW_ROWS = 4096
# Smaller tables are padded to this many rows, or numbers: a step on them takes a fraction of a millisecond, and another
# number of rows would take seconds to compile.
LEAST_ROWS, LEAST_NUMBERS = 512, 2**13
# Blocks of larger tables have a number of rows of so many binary digits: at most an eighth is padding, and tables of
# similar size share compiled code. Chosen, not measured.
ROW_BITS = 4


def rounded_up(number: int, bits: int) -> int:
    """Return the least number, at least the given one, of which all but the first `bits` binary digits are 0."""
    unit = 1 << max(number.bit_length() - bits, 0)
    return -(-number // unit) * unit


def minibatches(dataset: Array, batch_size: int, shuffle: bool = True, rng: Seed = None) -> Iterator[Array]:
    """Yield contiguous slices of the rows, in shuffled order.

    Parameters
    ----------
    dataset : array
        The rows, along the first axis.
    batch_size : int
        Rows in a slice; the last slice may be shorter.
    shuffle : bool
        Whether to shuffle the order of the slices. Rows inside a slice stay in order.
    rng : int, numpy.random.Generator or None
        Seed of the order; the same seed gives the same order.

    Yields
    ------
    array
        The rows of a batch, as a view.

    Raises
    ------
    ValueError
        If the batch size is not a whole number above 0, or `rng` is not a seed or generator.

    Examples
    --------
    >>> import numpy as np
    >>> [len(batch) for batch in minibatches(np.arange(7), 3, shuffle=False)]
    [3, 3, 1]
    """
    if batch_size != int(batch_size) or batch_size < 1:
        raise ValueError(f"batch_size={quoted(batch_size)}: give a whole number of rows, 1 or more")
    starts = np.arange(0, len(dataset), int(batch_size))
    if shuffle:
        generator(rng).shuffle(starts)
    for start in starts:
        yield dataset[start : start + int(batch_size)]


@dataclass(frozen=True)
class Layout:
    """The layout of rows in memory: one after another, padded to whole blocks.

    A full pass reads `blocks` blocks of `block` rows each. An epoch of updates visits `batches` batches of
    `size` rows, shuffled as `shuffle` states, in groups of `together` neighbouring batches.
    """

    rows: int
    size: int
    block: int
    shuffle: str | bool = False
    together: int = 1

    @classmethod
    def of(cls, rows: int, width: int, size: int | None, shuffle: str | bool, rounded: bool = False) -> Layout:
        """Choose the size of blocks for rows of `width` numbers, in batches of `size` rows (None: all rows at once).

        With `rounded`, tables are padded, small ones to a power of two, so that tables of similar size share compiled
        code.
        """
        most = int(np.clip(BLOCK_NUMBERS // max(width, 1), LEAST_BLOCK, LARGEST_BLOCK))
        if size is None or size >= rows:
            if rounded and rows <= FEW_ROWS:
                least = max(rows, min(LEAST_NUMBERS // max(width, 1), LEAST_ROWS))
                power = 1 << (least - 1).bit_length()
                return cls(rows, rows, min(power, 1 << (most.bit_length() - 1)))
            block = math.ceil(rows / math.ceil(rows / most))
            return cls(rows, rows, rounded_up(block, ROW_BITS) if rounded else block)
        together = max(SHUFFLED_ROWS // size, 1) if rows >= MANY_ROWS and shuffle == "batches" else 1
        batches = math.ceil(rows / size)
        blocks = math.ceil(batches / max(most // size, 1))
        block = size * math.ceil(batches / blocks)
        return cls(rows, size, block, shuffle, together)

    @property
    def batches(self) -> int:
        """The number of updates in an epoch."""
        return math.ceil(self.rows / self.size)

    @property
    def blocks(self) -> int:
        """The number of blocks in a full pass."""
        return math.ceil(self.rows / self.block)

    def arrange(self, columns: Columns | ArrangedColumns, order: np.ndarray | None, fill: float | None = None) -> Array:
        """Return a read-only copy of the rows, in `order` if given.

        Dense rows are padded to whole blocks, with `fill` or with copies of the first rows.
        """
        if isinstance(columns, ArrangedColumns):
            return columns.arranged(self, order)
        arranged = aligned((self.blocks * self.block, *columns.shape[1:]), columns.dtype)
        columns.write(arranged[: self.rows], order)
        # Padding has weight 0. A copy of a real row makes a model overflow only if the real row does, too. Copies of
        # different rows keep the statistics of a batch, as a batch norm computes them, near those of all rows.
        padding = np.arange(self.blocks * self.block - self.rows) % self.rows
        arranged[self.rows :] = arranged[padding] if fill is None else fill
        arranged.flags.writeable = False
        return arranged


class Columns(Protocol):
    """Dense rows that can write themselves into an array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, rows first."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers."""
        ...

    def write(self, out: np.ndarray, order: np.ndarray | None) -> None:
        """Write the rows into `out`, in `order` if given."""


@runtime_checkable
class ArrangedColumns(Protocol):
    """Rows with a layout of their own, such as sparse rows."""

    def arranged(self, layout: Layout, order: np.ndarray | None) -> Array:
        """Return a copy of the rows for compiled code, in `order` if given, padded to the rows of the layout."""
        ...


@dataclass(frozen=True)
class AsTheyAre:
    """The rows of an array, unchanged."""

    array: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    def write(self, out: np.ndarray, order: np.ndarray | None) -> None:
        if order is None:
            out[...] = self.array
        else:
            # mode="clip" writes straight into `out`; the default, "raise", would first gather the rows in a buffer.
            np.take(self.array, order, axis=0, out=out, mode="clip")


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return a new array whose address is a multiple of 64 bytes, so that JAX reads it in place."""
    size = math.prod(shape) * dtype.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)
