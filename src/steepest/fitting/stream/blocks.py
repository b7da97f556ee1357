"""The blocks of a stream, checked one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from steepest.data.arrays import read_features, read_target, read_weight
from steepest.data.sparse.csr import is_sparse
from steepest.models import Linear, losses
from steepest.types import Rows


@dataclass(frozen=True)
class Block:
    """Rows of a stream, checked; X may be sparse."""

    X: Rows
    y: np.ndarray
    weight: np.ndarray
    names: list[str] | None


@dataclass
class Blocks:
    """The blocks of a stream; all must have the same columns, and blocks without weight are skipped.

    Attributes
    ----------
    whitened : bool
        Whether columns are to be mixed, which is not possible for sparse ones.
    number : int
        The number of the block that was read last, or could not be read.
    """

    stream: Iterator[Any]
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

    def read(self, pieces: Any) -> Block | None:
        """Return one item of the stream as a block; None if it has no rows with a weight."""
        k = self.number
        if not (isinstance(pieces, (tuple, list)) and len(pieces) in (2, 3)):
            raise TypeError(f"block {k} of the stream is {type(pieces).__name__}: give (X, y) or (X, y, weight)")
        if not (pieces[0].shape[0] if is_sparse(pieces[0]) else len(pieces[0])):
            return None
        X, names = read_features(pieces[0], self.dtype, f"X of block {k}")
        if self.whitened and is_sparse(X):
            raise ValueError("rescale='whiten' is not for a stream of sparse rows: take rescale='scale'")
        X = self.model.shaped(X)
        y = read_target(pieces[1], X.shape[0], f"y of block {k}", f"X of block {k}")
        losses.check_targets(self.loss, y)
        weight = pieces[2] if len(pieces) == 3 else None
        idle = weight is not None and np.shape(weight) == y.shape and not np.any(weight)
        self.layout = self.layout or (X.shape[1], names)
        width, known = self.layout
        if X.shape[1] != width:
            raise ValueError(f"block {k} has {X.shape[1]} columns, and those before it {width}")
        if names != known:
            raise ValueError(f"block {k} has the columns {names}, and those before it {known}")
        return None if idle else Block(X, y, read_weight(weight, len(y)), names)
