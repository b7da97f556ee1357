"""`bounds=`: the box in which a function may be evaluated, one interval a coordinate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from steepest.derivatives.structure import Calling, Structure


class Box(NamedTuple):
    """The lowest and the highest that each coordinate may be; infinite where it is free."""

    low: Any
    high: Any

    def contains(self, x: np.ndarray) -> bool:
        """Tell whether a point lies inside, its edges included."""
        return bool(np.all((x >= self.low) & (x <= self.high)))

    def held(self, x: Any, gradient: Any) -> Any:
        """Tell which coordinates descent would push out of the box: at an edge, with the slope against it; or fixed."""
        return ((x <= self.low) & (gradient > 0)) | ((x >= self.high) & (gradient < 0)) | (self.low == self.high)

    @property
    def fixed(self) -> np.ndarray:
        """Which coordinates have no room at all."""
        return self.low == self.high

    def within(self, x: np.ndarray, margin: np.ndarray) -> np.ndarray:
        """Return the point moved away from the edges by a margin, or by a quarter of the room where there is less."""
        margin = np.minimum(margin, (self.high - self.low) / 4)
        return np.clip(x, self.low + margin, self.high - margin)

    def beside(self, x: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Return a point a step away that is inside: a coordinate that would leave goes the other way."""
        turned = np.where(x + step > self.high, -step, step)
        return np.clip(x + turned, self.low, self.high)


def read_bounds(bounds: Any, calling: Calling) -> Box:
    """Return the box that a user's bounds describe.

    Pairs ``(low, high)``, one a coordinate, None where there is no bound; one pair for a scalar; by
    name where the point has names; or a `scipy.optimize.Bounds`.
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


def _pairs(bounds: Any, structure: Structure) -> list[Any]:
    if isinstance(bounds, Mapping):
        unknown = [name for name in bounds if name not in structure.names]
        if unknown:
            raise ValueError(f"bounds name {unknown[0]!r}; the point has {', '.join(structure.names[:8])}")
        return [bounds.get(name) for name in structure.names]
    try:
        pairs = list(bounds)
    except TypeError:
        raise TypeError(f"bounds={bounds!r}: give pairs (low, high), one a coordinate") from None
    if structure.size == 1 and len(pairs) == 2 and all(side is None or np.ndim(side) == 0 for side in pairs):
        return [tuple(pairs)]
    if len(pairs) != structure.size:
        plural = "s" * (structure.size != 1)
        raise ValueError(f"bounds has {len(pairs)} pairs where the point has {structure.size} coordinate{plural}")
    return pairs


def _sides(pair: Any, name: str) -> tuple[float, float]:
    if pair is None:
        return -np.inf, np.inf
    try:
        low, high = pair
        low, high = (-np.inf if low is None else float(low)), (np.inf if high is None else float(high))
    except (TypeError, ValueError):
        raise ValueError(f"the bounds of {name} are {pair!r}: give (low, high), None where there is none") from None
    if not low <= high:
        raise ValueError(f"the bounds of {name} are ({low:g}, {high:g}): low must not exceed high")
    return low, high


def check_inside(box: Box, x: np.ndarray, names: Any, what: str = "the start") -> None:
    """Refuse a point outside of the box, naming the coordinate."""
    outside = np.flatnonzero(~((x >= box.low) & (x <= box.high)))
    if outside.size:
        k = outside[0]
        edges = f"({box.low[k]:g}, {box.high[k]:g})"
        raise ValueError(f"{what} has {names[k]} = {x[k]:g}, outside its bounds {edges}: put it inside")
