"""Calls whose values stand out from those around them, as rare noise makes them do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from steepest.derivatives.differencing.quotients import Line
from steepest.derivatives.noise import Call
from steepest.derivatives.scatter import REORDERED

# A second difference stands out if the curvature that it gives is this many times the one before or after, along the
# same coordinate. Chosen, not measured: a smaller number calls smooth functions again, a larger one misses weak noise.
SHARP = 100.0
# The most second differences whose calls are made again. Chosen, not measured.
MOST_BENDS = 4


class Bend(NamedTuple):
    """A second difference: its calls, its curvature, and the largest curvature that rounding may hide in it."""

    calls: tuple[Call, Call, Call]
    curvature: float
    rounding: float

    @classmethod
    def of(cls, here: Call, up: Call, down: Call, h: float, precision: float) -> Bend:
        """Return the second difference of step h."""
        largest = max(abs(up.value), abs(down.value), abs(here.value))
        curvature = abs(up.value - 2 * here.value + down.value) / h**2
        return cls((here, up, down), curvature, REORDERED * precision * largest / h**2)

    @property
    def most(self) -> float:
        """The largest curvature that f may have there."""
        return max(self.curvature, self.rounding)


def sharp_bends(gradients: Iterable[Sequence[Line]], precision: float) -> list[Call]:
    """Return the calls of those second differences of the gradients of a run that stand out most."""
    by_coordinate = zip(*gradients, strict=True)
    return sharpest([bend for line in lines for bend in _bends(line, precision)] for lines in by_coordinate)


def sharpest(coordinates: Iterable[Sequence[Bend]]) -> list[Call]:
    """Return the calls of those second differences that stand out most, the sharpest first.

    There is a sequence for each coordinate, in the order of the calls. The curvature of a smooth function changes
    gradually. One value that is off by δ gives the curvature δ / h², and neither the gradient before nor the gradient
    after shows it.
    """
    found: list[tuple[float, Bend]] = []
    for bends in coordinates:
        for before, bend, after in zip([*bends[1:2], *bends], bends, [*bends[1:], *bends[-2:-1]], strict=False):
            usual = min(before.most, after.most)
            if bend.curvature > bend.rounding and bend.curvature > SHARP * usual:
                found.append((bend.curvature / usual if usual else math.inf, bend))
    found.sort(key=lambda pair: -pair[0])
    return [call for _, bend in found[:MOST_BENDS] for call in bend.calls]


def _bends(line: Line, precision: float) -> list[Bend]:
    """Return the second differences along a line, in the order of their calls."""
    bends = []
    for h, up in line.values.items():
        down = line.values.get(-h, math.nan)
        if h > 0 and math.isfinite(up) and math.isfinite(down):
            here = Call(line.x, line.values[0.0])
            bends.append(Bend.of(here, Call(line.point(h), up), Call(line.point(-h), down), h, precision))
    return bends


def odd_calls(calls: Sequence[Call]) -> list[Call]:
    """Return the call of a row of neighbours whose value is farthest from the line between its two neighbours, first.

    Return the two neighbours, too: one of them may be the odd value, at an end of the row.
    """
    if len(calls) < 3:
        return list(calls)
    values = np.array([call.value for call in calls])
    k = int(np.argmax(np.abs(values[:-2] - 2 * values[1:-1] + values[2:]))) + 1
    return [calls[k], calls[k - 1], calls[k + 1]]
