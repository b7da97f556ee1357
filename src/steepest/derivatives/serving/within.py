"""`within=`: the sets that a point, or some of its parameters, are held to."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from steepest.arguments import guess
from steepest.derivatives.bounds import Box
from steepest.derivatives.structure import Calling, Layout, Leaf
from steepest.printable import quoted
from steepest.sets import box as boxes
from steepest.sets.affine import Affine
from steepest.sets.base import ConvexSet
from steepest.sets.chart import Chart
from steepest.sets.region import Region
from steepest.types import PyTree

# The name of a parameter, or the names of several numbers that one set holds together.
Names = str | tuple[str, ...]
# The value of within=: a set for the whole point, or sets by the names of parameters.
Within = ConvexSet | Mapping[Names, ConvexSet]
# A start may miss its set by this share of its size: numbers of a few digits, typed in, seldom fit to the last digit.
TYPED = 1e-9
# The most numbers of a nearest point in an error.
MOST_SHOWN = 4


class Part(NamedTuple):
    """A part of the flat point, with its set."""

    first: int
    last: int
    set: ConvexSet
    # How messages name the part: the start as a whole, or a parameter.
    name: str


class Domain(NamedTuple):
    """The sets and bounds that a descent keeps to, in the coordinates that it uses.

    Attributes
    ----------
    chart : Chart or None
        The coordinates of the loop, if some parts lie in affine sets.
    region : Region or None
        The other sets and the bounds, in the coordinates of the loop.
    box : Box or None
        The bounds in the coordinates of the loop, if there are no other sets.
    parts : list of Part
        The sets, in the coordinates of the user.
    """

    chart: Chart | None
    region: Region | None
    box: Box | None
    parts: list[Part]

    def entered(self, x: np.ndarray, what: str = "the start") -> np.ndarray:
        """Return a user's flat point in the coordinates of the loop; raise an error if it lies outside its sets."""
        x = x.copy()
        for first, last, one, name in self.parts:
            if not one.contains(x[first:last], TYPED):
                given, part = f"{name} of {what}" if name else what, f"[{name}]" if ", " in name else name or "start"
                verb = "lie" if ", " in name else "lies"
                nearest = ", ".join(f"{value:.6g}" for value in one.nearest(x[first:last])[:MOST_SHOWN])
                inside = f"set.project({part})" if last - first > MOST_SHOWN else nearest
                raise ValueError(f"{given} {verb} outside {one!r}: take the nearest point inside, {inside}")
            x[first:last] = one.nearest(x[first:last])
        return x if self.chart is None else self.chart.inward(x)


def read_within(within: Within | None, box: Box | None, calling: Calling) -> Domain:
    """Return where a descent may go, given its sets and its bounds."""
    if within is None:
        return Domain(None, None, box, [])
    parts = _parts(within, calling)
    size, names = calling.structure.size, calling.structure.names
    low, high = (np.full(size, -np.inf), np.full(size, np.inf)) if box is None else (box.low, box.high)
    chart_parts: list[tuple[int, int, Affine]] = []
    sets: list[ConvexSet] = []
    ends: list[int] = []
    inner: list[np.ndarray] = []
    at = reached = 0
    for first, last, one, _ in [*parts, Part(size, size, boxes.Box(), "")]:
        if at < first:
            sets.append(boxes.Box(low[at:first], high[at:first]))
            inner.append(np.arange(at, first))
            reached += first - at
            ends.append(reached)
        if first == last:
            break
        bounded = np.flatnonzero(np.isfinite(low[first:last]) | np.isfinite(high[first:last]))
        if bounded.size:
            held = names[first + bounded[0]]
            raise ValueError(f"{held} is held by both bounds= and within=: give one of the two, such as sets.Box(…)")
        width = last - first
        if isinstance(one, Affine):
            chart_parts.append((first, last, one))
            width -= one.A.shape[0]
            inner.append(np.full(width, -1))
            one = boxes.Box()
        sets.append(one)
        reached += width
        ends.append(reached)
        at = last
    if not reached:
        raise ValueError(f"within={quoted(within)} leaves a single point: there is nothing to minimise")
    chart = Chart(tuple(chart_parts), size) if chart_parts else None
    if len(chart_parts) < len(parts):
        kept = [k for k, end in enumerate(ends) if end > (ends[k - 1] if k else 0)]
        return Domain(chart, Region(tuple(sets[k] for k in kept), tuple(ends[k] for k in kept)), None, parts)
    if box is not None:
        places = np.concatenate(inner)
        sides = [np.where(places < 0, none, side[places]) for none, side in ((-np.inf, low), (np.inf, high))]
        box = Box(*sides)
    return Domain(chart, None, box, parts)


def holds_curved(within: Within | None) -> bool:
    """Tell whether a point is held to more than equations, so that steps must be projected."""
    sets = within.values() if isinstance(within, Mapping) else [within]
    return any(one is not None and not isinstance(one, Affine) for one in sets)


def like(within: Within | None) -> PyTree:
    """Return a point with the layout that the sets suggest, as a template for a random start; None if they do not."""
    if within is None or isinstance(within, ConvexSet):
        return None if within is None or within.numbers is None else np.zeros(within.numbers)
    template: dict[str, PyTree] = {}
    for name, one in within.items():
        if isinstance(name, tuple):
            template |= dict.fromkeys(name, 0.0)
        elif (size := getattr(one, "numbers", None)) is None:
            return None
        else:
            template[name] = np.zeros(size)
    return template


def _parts(within: Within, calling: Calling) -> list[Part]:
    """Return the parts of the flat point that are held to sets, in order."""
    structure = calling.structure
    if isinstance(within, ConvexSet):
        if not isinstance(structure.layout, Leaf):
            names = list(_places(calling))
            cure = (
                f"name the part, such as within={{{names[0]!r}: {within!r}}}"
                if names
                else "give the start as one array, or as a dict, whose parts have names"
            )
            raise ValueError(f"within={within!r} holds a point that is one array, and the start has parts: {cure}")
        found = [Part(0, structure.size, within, "")]
    elif isinstance(within, Mapping):
        places = _places(calling)
        taken = dict[str, Names]()
        for key in within:
            for name in key if isinstance(key, tuple) else (key,):
                if name not in places:
                    known = ", ".join(map(str, places)) or "one array, so give a single set"
                    raise ValueError(
                        f"within names {quoted(name)}{guess(str(name), list(places))}; the point has {known}"
                    )
                if taken.setdefault(name, key) is not key:
                    raise ValueError(f"within names {quoted(name)} in two sets: give it one")
        found = sorted((_part(key, one, places) for key, one in within.items()), key=lambda part: part.first)
    else:
        found = [Part(0, structure.size, within, "")]
    for first, last, one, name in found:
        where = f"within[{name!r}]" if name else "within"
        if not isinstance(one, ConvexSet):
            hint = f": write {one.__name__}(…)" if isinstance(one, type) else ""
            raise TypeError(f"{where}={quoted(one)}: give a set of steepest.sets, or a dict of them by name{hint}")
        if why := one.misfit(last - first):
            raise ValueError(f"{where}: {why}")
    return found


def _part(names: Names, one: ConvexSet, places: Mapping[str, tuple[int, int]]) -> Part:
    """Return the part of the flat point that a parameter is, or several that lie side by side."""
    each = names if isinstance(names, tuple) else (names,)
    if not each:
        raise ValueError("within has a set for no parameter: name one, or several as a tuple")
    spans = [places[name] for name in each]
    if any(before[1] != after[0] for before, after in itertools.pairwise(spans)):
        raise ValueError(
            f"within={{{names!r}: …}}: a set holds neighbours, in the order of the point, {', '.join(places)}"
        )
    return Part(spans[0][0], spans[-1][1], one, ", ".join(each))


def _places(calling: Calling) -> dict[str, tuple[int, int]]:
    """Return where the parameters with names lie in the flat point."""
    structure = calling.structure
    if calling.spread:
        return {name: (k, k + 1) for k, name in enumerate(structure.names)}
    layout = structure.layout
    if isinstance(layout, Leaf):
        return {}
    kind, children = layout
    pairs = children if kind == "dict" else zip(getattr(kind, "_fields", ()), children, strict=False)
    places, at = {}, 0
    for name, child in pairs:
        places[name] = at, at + _size(child)
        at += _size(child)
    return places


def _size(layout: Layout) -> int:
    if isinstance(layout, Leaf):
        return layout.size
    kind, children = layout
    return sum(_size(child) for child in (dict(children).values() if kind == "dict" else children))
