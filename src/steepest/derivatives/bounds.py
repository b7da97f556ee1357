"""`bounds=` and `fixed=`: the box in which a function may be evaluated, with one interval per coordinate."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from steepest.arguments import guess
from steepest.printable import quoted
from steepest.sets.base import library_of
from steepest.types import Array, Bounds, Fixed

# The most names that a message lists.
MOST_NAMED = 8
# An interval of one coordinate, with None for a missing bound.
Interval = tuple[float | None, float | None]


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

    @property
    def any_fixed(self) -> bool:
        """Whether a coordinate has equal bounds."""
        return bool(np.any(self.fixed))

    @property
    def bounded(self) -> np.ndarray:
        """Which coordinates have a bound and can move."""
        return (np.isfinite(self.low) | np.isfinite(self.high)) & ~self.fixed

    def pushed(self, x: np.ndarray, gradient: np.ndarray, least: np.ndarray) -> dict[int, str]:
        """Return the side, "low" or "high", for each coordinate that rests at a bound and would descend across it.

        A slope of at most `least` counts as none.
        """
        held = self.bounded & self.held(x, gradient) & (np.abs(gradient) > least)
        return {int(k): "low" if gradient[k] > 0 else "high" for k in np.flatnonzero(held)}

    def on_edge(self, x: np.ndarray) -> dict[int, str]:
        """Return the side, "low" or "high", for each coordinate that is exactly at a bound, wherever f descends."""
        found = self.bounded & ((x <= self.low) | (x >= self.high))
        return {int(k): "low" if x[k] <= self.low[k] else "high" for k in np.flatnonzero(found)}

    def intervals(self, names: Sequence[str]) -> dict[str, Interval]:
        """Return the bounds of the coordinates that have some and can move, by name."""
        places = np.flatnonzero(self.bounded[: len(names)]).tolist()
        return {names[k]: (_or_none(self.low[k]), _or_none(self.high[k])) for k in places}

    def values(self, names: Sequence[str]) -> dict[str, float]:
        """Return the values of the coordinates with equal bounds, by name."""
        return {names[k]: float(self.low[k]) for k in np.flatnonzero(self.fixed[: len(names)]).tolist()}

    def within(self, x: np.ndarray, margin: np.ndarray) -> np.ndarray:
        """Return the point moved away from the edges by a margin, but by at most a quarter of the interval."""
        margin = np.minimum(margin, (self.high - self.low) / 4)
        return np.clip(x, self.low + margin, self.high - margin)

    def neighbour(self, x: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Return a point one step away, inside the box: a coordinate that would leave the box steps the other way."""
        inward = np.where(x + step > self.high, -step, step)
        return np.clip(x + inward, self.low, self.high)


def read_box(bounds: Bounds | None, fixed: Fixed | None, names: Sequence[str]) -> Box | None:
    """Return the box that bounds= and fixed= describe for coordinates with these names; None if neither says anything.

    A coordinate that is fixed has two equal bounds.
    """
    values = read_fixed(fixed, names)
    held = ~np.isnan(values)
    if bounds is None and not held.any():
        return None
    size = len(names)
    box = Box(np.full(size, -np.inf), np.full(size, np.inf)) if bounds is None else read_bounds(bounds, names)
    outside = np.flatnonzero(held & ~((values >= box.low) & (values <= box.high)))
    if outside.size:
        k = outside[0]
        raise ValueError(
            f"{names[k]} is fixed at {values[k]:g}, outside its bounds ({box.low[k]:g}, {box.high[k]:g}): "
            "change one of the two"
        )
    if isinstance(bounds, Mapping):
        for label, places, _ in _entries(bounds, names, "bounds"):
            if held[places].all():
                raise ValueError(f"{label} has bounds and is fixed, so that it can't move: give one of the two")
    box = Box(np.where(held, values, box.low), np.where(held, values, box.high))
    if bool(np.all(box.fixed)):
        raise ValueError("every parameter is fixed, so there is nothing to look for: leave one of them free")
    return box


def read_fixed(fixed: Fixed | None, names: Sequence[str]) -> np.ndarray:
    """Return the values of fixed coordinates, NaN for the others.

    The user gives a mapping from names or positions to values, where an array takes one value for all its entries, or
    a value for each, with None for an entry that is free; or a sequence of a value, or None, for each coordinate.
    """
    values = np.full(len(names), np.nan)
    if fixed is None:
        return values
    if isinstance(fixed, Mapping):
        given = np.zeros(len(names), dtype=bool)
        for label, places, value in _entries(fixed, names, "fixed"):
            if given[places].any():
                raise ValueError(f"fixed gives {label} twice: give each value once")
            given[places], values[places] = True, _numbers(value, len(places), label)
        return values
    if isinstance(fixed, str) or not np.iterable(fixed):
        raise TypeError(f"fixed={quoted(fixed)}: give values by name, such as {{{names[0]!r}: 1.0}}")
    return _numbers(fixed, len(names), "the point")


def read_bounds(bounds: Bounds, names: Sequence[str]) -> Box:
    """Return the box that a user's bounds describe.

    The user gives a pair ``(low, high)`` per coordinate, with None for a missing bound; one pair for a scalar; a
    mapping from names to pairs, where an array takes one pair for all its entries, or a pair for each; or a
    `scipy.optimize.Bounds`.
    """
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        low, high = np.broadcast_arrays(bounds.lb, bounds.ub)
        pairs = list(zip(np.ravel(low), np.ravel(high), strict=True))
        pairs = pairs * len(names) if len(pairs) == 1 else _pairs(pairs, len(names))
    elif isinstance(bounds, Mapping):
        pairs, given = list[Bounds]([None] * len(names)), set[int]()
        for label, places, value in _entries(bounds, names, "bounds"):
            if given & set(places):
                raise ValueError(f"bounds give {label} twice: give each pair once")
            given |= set(places)
            for place, pair in zip(places, _pairs_of_one(value, len(places), label), strict=True):
                pairs[place] = pair
    else:
        pairs = _pairs(bounds, len(names))
    sides = [_sides(pair, name) for pair, name in zip(pairs, names, strict=True)]
    low, high = np.array(sides).T
    return Box(np.ascontiguousarray(low), np.ascontiguousarray(high))


def _entries(
    given: Mapping[Hashable, Bounds], names: Sequence[str], what: str, within: str = ""
) -> Iterator[tuple[str, list[int], Bounds]]:  # fmt: skip
    """Yield each name of a mapping with its coordinates and its value; mappings inside it are read, too."""
    for key, value in given.items():
        label, places = _found(key, names, within)
        if not places:
            tops = [name.partition("[")[0] for name in names]
            known = list(dict.fromkeys([*tops, *names]))
            listed = ", ".join(names[:MOST_NAMED]) + ", …" * (len(names) > MOST_NAMED)
            verb = "name" if what == "bounds" else "names"
            raise ValueError(f"{what} {verb} {quoted(key)}; the point has {listed}{guess(label, known)}")
        if isinstance(value, Mapping):
            yield from _entries(value, names, what, label)
        else:
            yield label, places, value


def _found(key: Hashable, names: Sequence[str], within: str) -> tuple[str, list[int]]:
    """Return a key as a name, and the coordinates that have this name or lie inside of it."""
    position = int(key) if isinstance(key, (int, np.integer)) and not isinstance(key, bool) else None
    is_place = position is not None or isinstance(key, tuple)
    subscript = f"[{', '.join(map(str, key))}]" if isinstance(key, tuple) else f"[{key}]"
    if within:
        labels = [within + subscript if is_place else f"{within}.{key}"]
    else:
        # Without names of its own, a point is called x.
        labels = [str(key), f"x{subscript}"] if is_place else [str(key)]
    for label in labels:
        inside = (f"{label}[", f"{label}.")
        places = [k for k, name in enumerate(names) if name == label or name.startswith(inside)]
        if places:
            return label, places
    if position in range(len(names)) and not within and not any("[" in name for name in names):
        assert position is not None
        return names[position], [position]
    return labels[0], []


def _numbers(value: Fixed, count: int, label: str) -> np.ndarray:
    """Return one number for each of the coordinates of a name, NaN for None."""
    try:
        array = np.array(value, dtype=object)
    except ValueError:
        raise ValueError(f"fixed={quoted(value)} for {label} has rows of different lengths") from None
    if array.ndim and array.size != count:
        raise ValueError(f"fixed has {array.size} values for {label}, which has {count}")
    return np.array([_number(each, label) for each in np.broadcast_to(array, array.shape or count).flat])


def _number(value: object, label: str) -> float:
    if value is None:
        return np.nan
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "fiu":
        raise ValueError(f"{label} is fixed at {quoted(value)}: give the number that it keeps")
    if not np.isfinite(number):
        raise ValueError(f"{label} is fixed at {value}: give a finite number")
    return float(number)


def _pairs(bounds: Bounds, size: int) -> list[Bounds]:
    try:
        pairs = list(bounds)
    except TypeError:
        raise TypeError(f"bounds={quoted(bounds)}: give pairs (low, high), one per coordinate") from None
    if size == 1 and _is_pair(pairs):
        return [tuple(pairs)]
    if len(pairs) != size:
        plural = "s" * (size != 1)
        raise ValueError(f"bounds has {len(pairs)} pairs where the point has {size} coordinate{plural}")
    return pairs


def _pairs_of_one(value: Bounds, count: int, label: str) -> list[Bounds]:
    """Return a pair for each of the coordinates of a name: the same for all, or one for each."""
    if isinstance(value, np.ndarray) and value.ndim > 2:
        value = value.reshape(-1, value.shape[-1])
    if value is None or isinstance(value, str) or not np.iterable(value) or _is_pair(list(value)):
        return [value] * count
    pairs = list(value)
    if len(pairs) == count and (count > 1 or np.iterable(pairs[0])):
        return pairs
    if count == 1:
        return [value]
    raise ValueError(f"bounds has {len(pairs)} pairs for {label}, which has {count} entries: give one pair, or {count}")


def _is_pair(pairs: list[Bounds]) -> bool:
    return len(pairs) == 2 and all(side is None or np.ndim(side) == 0 for side in pairs)


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
    if low == np.inf or high == -np.inf:
        raise ValueError(f"the bounds of {name} are ({low:g}, {high:g}), which no number meets")
    return low, high


def _or_none(side: float) -> float | None:
    return float(side) if np.isfinite(side) else None


def check_values(fixed: Mapping[Hashable, Fixed]) -> None:
    """Raise ValueError if a value of fixed= is no finite number, before it becomes part of a start."""
    for name, value in fixed.items():
        if not isinstance(value, Mapping):
            _numbers(value, np.array(value, dtype=object).size, str(name))


def is_whole(name: Hashable, value: Fixed) -> bool:
    """Tell whether a fixed value is that of a whole name, and not of single entries of an array."""
    entry = isinstance(value, Mapping) or not isinstance(name, str) or "[" in name
    return not entry and all(each is not None for each in np.array(value, dtype=object).flat)


def with_fixed(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a flat point with the fixed values in place of its own; `values` are NaN where it is free."""
    return np.where(np.isnan(values), x, values)


def check_inside(box: Box, x: np.ndarray, names: Sequence[str], what: str = "the start") -> None:
    """Raise an error that names the first coordinate outside the box, if there is one."""
    outside = np.flatnonzero(~((x >= box.low) & (x <= box.high)))
    if outside.size:
        k = outside[0]
        edges = f"({box.low[k]:g}, {box.high[k]:g})"
        raise ValueError(f"{what} has {names[k]} = {x[k]:g}, outside its bounds {edges}: put it inside")
