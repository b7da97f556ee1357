"""Read the blocks of a stream and check them one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

from steepest.data.arrays import read_features, read_target, read_weight
from steepest.data.sparse.csr import is_sparse
from steepest.fitting.linear.coordinates import edges
from steepest.fitting.linear.units import check_columns
from steepest.models import Linear, losses
from steepest.types import Array, Rows


@dataclass(frozen=True)
class Block:
    """A block of rows, checked; X may be sparse."""

    X: Rows
    y: np.ndarray
    weight: np.ndarray
    names: list[str] | None


@dataclass
class Blocks:
    """An iterator of blocks. All must have the same columns; blocks in which no row has a weight are skipped.

    Attributes
    ----------
    stream : iterator
        The user's iterator of (X, y) or (X, y, weight).
    whitened : bool
        Whether the user asked for whitened columns, which sparse rows can't have.
    number : int
        The number of the block that was read last, or that could not be read.
    layout : (int, list of str or None) or None
        The number and the names of the columns of the first block.
    """

    stream: Iterator[tuple[Array, ...]]
    model: Linear
    loss: losses.Loss
    dtype: DTypeLike | None
    whitened: bool = False
    number: int = field(default=-1, init=False)
    layout: tuple[int, list[str] | None] | None = field(default=None, init=False)

    def __iter__(self) -> Iterator[Block]:
        return self

    def __next__(self) -> Block:
        while True:
            self.number += 1
            block = self.read(next(self.stream))
            if block is not None:
                return block

    def read(self, item: tuple[Array, ...]) -> Block | None:
        """Return an item of the stream as a block; None if no row has a weight."""
        k = self.number
        if not (isinstance(item, (tuple, list)) and len(item) in (2, 3)):
            raise TypeError(f"block {k} of the stream is {type(item).__name__}: give (X, y) or (X, y, weight)")
        if not (item[0].shape[0] if is_sparse(item[0]) else len(item[0])):
            return None
        X, names = read_features(item[0], self.dtype, f"X of block {k}")
        if self.whitened and is_sparse(X):
            raise ValueError(
                "a stream of sparse rows can't be whitened: give rescale='scale' in place of rescale='whiten'"
            )
        X = self.model.shaped(X)
        y = read_target(item[1], X.shape[0], f"y of block {k}", f"X of block {k}")
        losses.check_targets(self.loss, y)
        weight = item[2] if len(item) == 3 else None
        is_weightless = weight is not None and np.shape(weight) == y.shape and not np.any(weight)
        self.layout = self.layout or (X.shape[1], names)
        width, known = self.layout
        if X.shape[1] != width:
            raise ValueError(f"block {k} has {X.shape[1]} columns, and the blocks before it {width}")
        if names != known:
            raise ValueError(f"block {k} has the columns {names}, and the blocks before it {known}")
        if is_weightless:
            return None
        low, high = edges(X)
        try:
            # Units of columns can't be chosen before all rows are known, so their squares must be of ordinary size.
            check_columns(low, high, names, rescaled=False)
        except ValueError as error:
            raise ValueError(f"block {k}: {error}") from None
        return Block(X, y, read_weight(weight, len(y)), names)
