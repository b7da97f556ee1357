"""A box: an interval for each coordinate."""

from __future__ import annotations

from dataclasses import field

import numpy as np

from steepest.printable import quoted
from steepest.sets.base import ConvexSet, convex_set, library_of
from steepest.sets.curve import Curve, lines
from steepest.types import Array


@convex_set
class Box(ConvexSet):
    """A box: all vectors whose entries lie between two bounds, such as ``Box(low=0)``, the vectors without negatives.

    Parameters
    ----------
    low, high : float or array, optional
        The least and the largest value of each entry, one for all or one for each; None for no bound.

    Examples
    --------
    >>> Box(low=0).project([1.5, -2.0])
    array([1.5, 0. ])
    >>> Box([0, 0], [1, 2]).project([3.0, 3.0])
    array([1., 2.])
    """

    low: Array = field(default=None, metadata={"named": True})
    high: Array = field(default=None, metadata={"named": True})

    def __post_init__(self) -> None:
        low, high = _side(self.low, "low", -np.inf), _side(self.high, "high", np.inf)
        if low.ndim and high.ndim and low.size != high.size:
            # Broadcasting would hold every entry to a bound that was given for one.
            raise ValueError(f"low has {low.size} entries and high {high.size}: give as many of both")
        wrong = np.flatnonzero(~(low <= high))
        if wrong.size:
            k = int(wrong[0])
            pair = f"({np.resize(low, k + 1)[k]:g}, {np.resize(high, k + 1)[k]:g})"
            raise ValueError(f"Box: entry {k} has the bounds {pair}: low must not exceed high")
        object.__setattr__(self, "low", low if low.ndim else float(low))
        object.__setattr__(self, "high", high if high.ndim else float(high))

    def __repr__(self) -> str:
        open_sides = {"low": -np.inf, "high": np.inf}
        sides = [
            f"{name}={np.array2string(np.asarray(side), separator=', ', threshold=6)}"
            for name, none in open_sides.items()
            if not np.all((side := getattr(self, name)) == none)
        ]
        return f"Box({', '.join(sides)})"

    @property
    def is_bounded(self) -> bool:
        """Whether the set is bounded."""
        return bool(np.all(np.isfinite(self.low)) and np.all(np.isfinite(self.high)))

    @property
    def size(self) -> float:
        """The size of the numbers that describe the set."""
        sides = np.concatenate([np.ravel(self.low), np.ravel(self.high)])
        return float(np.abs(sides[np.isfinite(sides)]).max(initial=0.0))

    @property
    def numbers(self) -> int | None:
        """How many numbers a point has."""
        most = max(np.size(self.low), np.size(self.high))
        return most if np.ndim(self.low) or np.ndim(self.high) else None

    def nearest(self, x: Array) -> Array:
        """Return the nearest point."""
        return library_of(x, self.low).clip(x, self.low, self.high)

    def farthest(self, slope: np.ndarray) -> np.ndarray | None:
        """Return the corner at which slope · x is least; None if it is infinitely far away."""
        zero = np.zeros(slope.size)
        low, high = zero + self.low, zero + self.high
        corner = np.where(slope > 0, low, np.where(slope < 0, high, self.nearest(zero)))
        return corner if np.all(np.isfinite(corner)) else None

    def steepest(self, x: Array, slope: Array) -> Array:
        """Return -slope, 0 for entries that it would push across a bound."""
        xp = library_of(x, slope, self.low)
        out = ((x <= self.low) & (slope > 0)) | ((x >= self.high) & (slope < 0))
        return xp.where(out, 0.0, -slope)

    def along(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return v, 0 for entries at a bound."""
        return np.where((x <= self.low) | (x >= self.high), 0.0, v)

    def face(self, x: np.ndarray) -> bytes:
        """Return which entries are at a bound."""
        return np.packbits([x <= self.low, x >= self.high]).tobytes()

    def curves(self, x: np.ndarray) -> list[Curve]:
        """Return lines along the coordinates."""
        return lines(self.low - x, self.high - x)

    def drawn(self, draws: np.random.Generator, around: np.ndarray) -> np.ndarray:
        """Return a random point; an entry without a bound on a side lies up to max(1, |x|) away on that side."""
        reach = np.maximum(1.0, np.abs(around))
        low, high = np.broadcast_to(self.low, around.shape), np.broadcast_to(self.high, around.shape)
        low, high = np.where(np.isfinite(low), low, around - reach), np.where(np.isfinite(high), high, around + reach)
        part = draws.random(around.size)
        return self.nearest((1 - part) * low + part * high)


def _side(side: Array, name: str, none: float) -> np.ndarray:
    """Return the bounds on one side, infinite where there is none."""
    if side is None:
        return np.array(none)
    entries = [none if entry is None else entry for entry in side] if isinstance(side, (list, tuple)) else side
    try:
        array = np.array(entries, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name}={quoted(side)}: give a number or a vector of numbers, with None for no bound"
        ) from None
    if array.ndim > 1 or not array.size:
        raise ValueError(f"{name} has the shape {array.shape}: give a number or a vector")
    if np.any(np.isnan(array)):
        raise ValueError(f"{name} holds nan: give numbers, with None for no bound")
    if np.any(array == -none):
        raise ValueError(f"{name} holds {-none:g}: no number is {'above' if none < 0 else 'below'} it")
    array.flags.writeable = False
    return array
