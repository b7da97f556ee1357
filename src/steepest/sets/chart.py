"""Coordinates in which affine sets need no equations: x = origin + N y, with the open directions as columns of N."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steepest.sets.affine import Affine
from steepest.sets.base import SLACK
from steepest.types import Array


@dataclass(frozen=True)
class Chart:
    """Flat coordinates y of a point x whose parts may lie in affine sets; the other parts keep their coordinates.

    Attributes
    ----------
    parts : tuple of (first, last, Affine)
        The parts of x that lie in affine sets, in order.
    size : int
        The number of coordinates of x.
    origin, matrix : array
        The point at y = 0, and N.
    """

    parts: tuple[tuple[int, int, Affine], ...]
    size: int
    origin: np.ndarray = field(init=False, compare=False)
    matrix: np.ndarray = field(init=False, compare=False)

    def __post_init__(self) -> None:
        origin, blocks, at = np.zeros(self.size), [], 0
        for first, last, one in self.parts:
            blocks += [(at, first, np.eye(first - at)), (first, last, one.open_directions)]
            origin[first:last], at = one.origin, last
        blocks.append((at, self.size, np.eye(self.size - at)))
        widths = [block.shape[1] for _, _, block in blocks]
        matrix, column = np.zeros((self.size, sum(widths))), 0
        for (first, last, block), width in zip(blocks, widths, strict=True):
            matrix[first:last, column : column + width] = block
            column += width
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "matrix", matrix)

    def outward(self, y: Array) -> Array:
        """Return the point x of coordinates y, or of each row."""
        return self.origin + y @ self.matrix.T

    def inward(self, x: np.ndarray) -> np.ndarray:
        """Return the coordinates of a point, or of the nearest one that lies in the sets."""
        return np.asarray((x - self.origin) @ self.matrix)

    def sizes(self, y: np.ndarray) -> np.ndarray:
        """Return the size of the numbers that each coordinate is computed from: of all entries of its affine set.

        A coordinate may be 0 where no entry is. Other parts keep their coordinates, and have the size 0 here.
        """
        x, found, column = np.abs(self.outward(y)), np.zeros(self.matrix.shape[1]), 0
        at = 0
        for first, last, one in self.parts:
            column += first - at
            width = one.open_directions.shape[1]
            found[column : column + width] = x[first:last].max()
            column, at = column + width, last
        return found

    def across(self, y: np.ndarray) -> list[np.ndarray]:
        """Return moves of the point across the sets, one for each equation, as long as rounding errors of the point."""
        x, moves = self.outward(y), []
        for first, last, one in self.parts:
            size = SLACK * float(np.abs(x[first:last]).max())
            for direction in one.fixed_directions.T:
                move = np.zeros(self.size)
                move[first:last] = size * direction
                moves.append(move)
        return moves
