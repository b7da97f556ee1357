"""Rows in batches: the tutorial's generator, and the layout that the compiled loop runs over."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from steepest.arguments import generator

SHUFFLES = ("batches", "rows", False)
MANY_ROWS = 100_000
SHUFFLED_ROWS = 256
BLOCK_NUMBERS = 2**20
ALIGNMENT = 64
FEW_ROWS = 4096


def minibatches(dataset: Any, batch_size: int, shuffle: bool = True, rng: Any = None) -> Iterator[Any]:
    """Yield contiguous slices of the rows, the order of the slices shuffled.

    Parameters
    ----------
    dataset : array
        One row an entry along the first axis.
    batch_size : int
        Rows a slice; the last one may be shorter.
    shuffle : bool
        Whether the starts of the slices are shuffled. Rows inside a slice stay in order.
    rng : int, numpy.random.Generator or None
        What shuffles; the same seed gives the same order.

    Yields
    ------
    array
        The rows of a batch, as a view.

    Raises
    ------
    ValueError
        If the batch size is below 1, or nothing can be drawn from `rng`.

    Examples
    --------
    >>> import numpy as np
    >>> [len(batch) for batch in minibatches(np.arange(7), 3, shuffle=False)]
    [3, 3, 1]
    """
    if batch_size != int(batch_size) or batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r}: give a whole number of rows, 1 or more")
    starts = np.arange(0, len(dataset), int(batch_size))
    if shuffle:
        generator(rng).shuffle(starts)
    for start in starts:
        yield dataset[start : start + int(batch_size)]


@dataclass(frozen=True)
class Layout:
    """How n rows lie in memory: one after another, padded so that whole blocks can be read.

    A full pass reads `blocks` blocks of `block` rows each; an epoch of updates visits the `batches`
    batches of `size` rows in the order that `shuffle` says, `together` neighbours at a time.
    """

    rows: int
    size: int
    block: int
    shuffle: Any = False
    together: int = 1

    @classmethod
    def of(cls, rows: int, width: int, size: int | None, shuffle: Any, rounded: bool = False) -> Layout:
        """Choose the blocks for rows of `width` numbers, in batches of `size` (None: all rows at once).

        A few rows may be rounded up to a power of two, so that tables of about one size share compiled code.
        """
        most = int(np.clip(BLOCK_NUMBERS // max(width, 1), 256, 16_384))
        if size is None or size >= rows:
            if rounded and rows <= FEW_ROWS:
                power = 1 << (rows - 1).bit_length()
                return cls(rows, rows, min(power, 1 << (most.bit_length() - 1)))
            return cls(rows, rows, math.ceil(rows / math.ceil(rows / most)))
        together = max(SHUFFLED_ROWS // size, 1) if rows >= MANY_ROWS and shuffle == "batches" else 1
        batches = math.ceil(rows / size)
        blocks = math.ceil(batches / max(most // size, 1))
        block = size * math.ceil(batches / blocks)
        return cls(rows, size, block, shuffle, together)

    @property
    def batches(self) -> int:
        """How many updates an epoch makes."""
        return math.ceil(self.rows / self.size)

    @property
    def blocks(self) -> int:
        """How many blocks a full pass reads."""
        return math.ceil(self.rows / self.block)

    def arrange(self, columns: Any, order: np.ndarray | None, fill: Any = None) -> Any:
        """Return rows, in an order if one is given, padded by `fill` or by copies of the last; not to be written."""
        if hasattr(columns, "arranged"):
            return columns.arranged(self, order)
        arranged = aligned((self.blocks * self.block, *columns.shape[1:]), columns.dtype)
        columns.write(arranged[: self.rows], order)
        # A copy of a real row can't make a model overflow where no real row does; its weight is 0.
        arranged[self.rows :] = arranged[self.rows - 1] if fill is None else fill
        arranged.flags.writeable = False
        return arranged


class Columns(Protocol):
    """Rows that can be written where they are needed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """What they are made of."""
        ...

    def write(self, out: np.ndarray, order: np.ndarray | None) -> None:
        """Write the rows into `out`, in an order if one is given."""


@dataclass(frozen=True)
class AsTheyAre:
    """Rows of an array, unchanged."""

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
            # Checked, it would be gathered into another array first.
            np.take(self.array, order, axis=0, out=out, mode="clip")


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array that JAX can read in place: it copies what does not begin at a multiple of 64 bytes."""
    size = math.prod(shape) * dtype.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)
