"""`bounds=`: the box in which a function may be evaluated, with one interval per coordinate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.derivatives.structure import Calling, Structure
from steepest.printable import quoted
from steepest.sets.base import library_of
from steepest.types import Array

# The value of bounds=: pairs (low, high), a mapping of them, or a `scipy.optimize.Bounds`.
Bounds = Any


class Box(NamedTuple):
    """The lower and upper bound of each coordinate, infinite if there is none."""

    low: Array
    high: Array

    def contains(self, x: np.ndarray) -> bool:
        """Tell whether a point lies inside the box or on its edge."""
        return bool(np.all((x >= self.low) & (x <= self.high)))

    def held(self, x: Array, gradient: Array) -> Array:
        """Tell which coordinates can't descend: at an edge that the descent would cross, or with equal bounds."""
        return ((x <= self.low) & (gradient > 0)) | ((x >= self.high) & (gradient < 0)) | (self.low == self.high)

    def free(self, x: Array, gradient: Array) -> Array:
        """Return the gradient without the entries that press against an edge."""
        return library_of(x, gradient).where(self.held(x, gradient), 0.0, gradient)

    def turned(self, x: Array, gradient: Array, direction: Array) -> Array:
        """Return the direction of a search along the face of x."""
        return library_of(x, direction).where(self.held(x, gradient), 0.0, direction)

    def nearest(self, x: Array) -> Array:
        """Return the nearest point of the box."""
        return library_of(x, self.low).clip(x, self.low, self.high)

    @property
    def fixed(self) -> np.ndarray:
        """Which coordinates have equal bounds."""
        return self.low == self.high

    def within(self, x: np.ndarray, margin: np.ndarray) -> np.ndarray:
        """Return the point moved away from the edges by a margin, but by at most a quarter of the interval."""
        margin = np.minimum(margin, (self.high - self.low) / 4)
        return np.clip(x, self.low + margin, self.high - margin)

    def neighbour(self, x: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Return a point one step away, inside the box: a coordinate that would leave the box steps the other way."""
        inward = np.where(x + step > self.high, -step, step)
        return np.clip(x + inward, self.low, self.high)


def read_bounds(bounds: Bounds, calling: Calling) -> Box:
    """Return the box that a user's bounds describe.

    The user gives a pair ``(low, high)`` per coordinate, with None for a missing bound; one pair for a scalar; a
    mapping from names to pairs if the coordinates have names; or a `scipy.optimize.Bounds`.
    """
    structure = calling.structure
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        low, high = np.broadcast_arrays(bounds.lb, bounds.ub)
        pairs = list(zip(np.ravel(low), np.ravel(high), strict=True))
        pairs = pairs * structure.size if len(pairs) == 1 else _pairs(pairs, structure)
    else:
        pairs = _pairs(bounds, structure)
    sides = [_sides(pair, name) for pair, name in zip(pairs, structure.names, strict=True)]
    low, high = np.array(sides).T
    return Box(np.ascontiguousarray(low), np.ascontiguousarray(high))


def _pairs(bounds: Bounds, structure: Structure) -> list[Bounds]:
    if isinstance(bounds, Mapping):
        unknown = [name for name in bounds if name not in structure.names]
        if unknown:
            raise ValueError(f"bounds name {quoted(unknown[0])}; the point has {', '.join(structure.names[:8])}")
        return [bounds.get(name) for name in structure.names]
    try:
        pairs = list(bounds)
    except TypeError:
        raise TypeError(f"bounds={quoted(bounds)}: give pairs (low, high), one per coordinate") from None
    if structure.size == 1 and len(pairs) == 2 and all(side is None or np.ndim(side) == 0 for side in pairs):
        return [tuple(pairs)]
    if len(pairs) != structure.size:
        plural = "s" * (structure.size != 1)
        raise ValueError(f"bounds has {len(pairs)} pairs where the point has {structure.size} coordinate{plural}")
    return pairs


def _sides(pair: Bounds, name: str) -> tuple[float, float]:
    if pair is None:
        return -np.inf, np.inf
    try:
        low, high = pair
        low, high = (-np.inf if low is None else float(low)), (np.inf if high is None else float(high))
    except (TypeError, ValueError):
        raise ValueError(
            f"the bounds of {name} are {quoted(pair)}: give (low, high), with None for a missing bound"
        ) from None
    if not low <= high:
        raise ValueError(f"the bounds of {name} are ({low:g}, {high:g}): low must not exceed high")
    return low, high


def check_inside(box: Box, x: np.ndarray, names: Sequence[str], what: str = "the start") -> None:
    """Raise an error that names the first coordinate outside the box, if there is one."""
    outside = np.flatnonzero(~((x >= box.low) & (x <= box.high)))
    if outside.size:
        k = outside[0]
        edges = f"({box.low[k]:g}, {box.high[k]:g})"
        raise ValueError(f"{what} has {names[k]} = {x[k]:g}, outside its bounds {edges}: put it inside")
