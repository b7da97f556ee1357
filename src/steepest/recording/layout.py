"""`Layout`: how a point or gradient becomes the numbers of a row, which are a sketch if there are too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steepest.derivatives.structure import Structure
from steepest.recording.arrays import Kept, kept, norm_of, size_of
from steepest.recording.trees import Leaves
from steepest.trace import MOST_COORDINATES, SKETCH

# A point with more coordinates is sampled evenly before it is projected, so that a step of a large model costs about
# as much as reading its parameters once, and a projection takes 8 MB.
MOST_SAMPLED = 65_536


@dataclass(frozen=True)
class Layout:
    """How a point or gradient becomes the numbers of a row.

    Parameters
    ----------
    leaves : tuple of str
        The names of the arrays.
    shapes : tuple of tuple of int
        Their shapes.
    """

    leaves: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, leaves: Leaves, what: str) -> Layout:
        """Return the layout of the arrays of a point.

        Parameters
        ----------
        leaves : list of (str, array)
            The arrays.
        what : str
            The argument, for errors.

        Returns
        -------
        Layout
            The layout.
        """
        if not leaves or not sum(size_of(each) for _, each in leaves):
            raise ValueError(f"{what} holds no numbers: give an array, or leave it out")
        shapes = [tuple(getattr(each, "shape", np.shape(each))) for _, each in leaves]
        return cls(tuple(name for name, _ in leaves), tuple(shapes))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each array has."""
        return tuple(int(np.prod(shape)) for shape in self.shapes)

    @property
    def size(self) -> int:
        """How many numbers all arrays have."""
        return sum(self.sizes)

    @property
    def described(self) -> str:
        """The arrays with their shapes, in words."""
        few = [f"{name or 'an array'} {shape}" for name, shape in zip(self.leaves, self.shapes, strict=True)][:6]
        return ", ".join(few) + ", …" * (len(self.leaves) > 6)

    @property
    def is_sketch(self) -> bool:
        """Whether a row holds a sketch of the point, and not all its coordinates."""
        return self.size > MOST_COORDINATES

    @property
    def stride(self) -> int:
        """Every so many numbers of each array are read into a sketch."""
        return -(-self.size // MOST_SAMPLED)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the numbers of a row."""
        if self.is_sketch:
            pairs = zip(self.leaves, self.sizes, strict=True)
            first = [f"{name or 'x'}[{k}]" for name, size in pairs for k in range(size)[:SKETCH]]
            return (*first[:SKETCH], *(f"projection {k}" for k in range(SKETCH)))
        zeros = [np.zeros(shape) for shape in self.shapes]
        if self.leaves == ("",):
            return Structure.of(zeros[0])[0].names
        return Structure.of(dict(zip(self.leaves, zeros, strict=True)))[0].names

    @cached_property
    def _projection(self) -> np.ndarray:
        sampled = sum(len(range(0, size, self.stride)) for size in self.sizes)
        return np.random.default_rng(0).standard_normal((sampled, SKETCH)) / np.sqrt(sampled)

    def keep(self, leaves: Leaves, what: str) -> list[Kept]:
        """Return copies of what a row needs of the arrays: all numbers, or a sample of them and the norms.

        Parameters
        ----------
        leaves : list of (str, array)
            The arrays.
        what : str
            The argument, for errors.

        Returns
        -------
        list of array or OnDevice
            The copies.
        """
        if not self.is_sketch:
            return [kept(each, what) for _, each in leaves]
        every, beginning = slice(None, None, self.stride), slice(SKETCH)
        parts = [kept(each, what, every) for _, each in leaves]
        first = [kept(each, what, beginning) for _, each in leaves[:SKETCH]]
        return [*parts, *(norm_of(each, what) for _, each in leaves), *first]

    def numbers(self, copies: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of a row, and the norm of each array.

        Parameters
        ----------
        copies : sequence of array
            What `keep` returned, on the host.

        Returns
        -------
        numbers : array
            The coordinates, or their sketch.
        norms : array
            The norm of each array.
        """
        count = len(self.leaves)
        if not self.is_sketch:
            return np.concatenate(copies), np.array([np.linalg.norm(each) for each in copies])
        sample = np.concatenate(copies[:count])
        first = np.concatenate(copies[2 * count :])[:SKETCH]
        return np.concatenate([first, sample @ self._projection]), np.concatenate(copies[count : 2 * count])
