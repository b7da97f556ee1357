"""How to go on where a descent came to rest or makes its way too slowly, by what the Hessian there says."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import numpy as np

SHORTEST = 1 / 64
GROWTH = 4.0
FARTHEST = 1e12
ALIKE = 100.0
FAINT = 1e-14
# A function that falls to a floor does so in a step or two of Newton's; one that approaches a limit never arrives.
APPROACHED = 4
# Each step is four times the last. What falls less each time, by such a part, has a limit; what falls as much has none.
LIMITED, STEADY = 0.9, 0.999
# The part of the whole fall that the last may be where f has come to its limit.
SETTLED = 1e-9

Function = Callable[[np.ndarray], float]


class Tail(Enum):
    """The behaviour of a function far out along a ray."""

    TURNS = "turns up, or comes to a floor"
    FALLS = "falls without end"
    LEVELS = "approaches a limit that it never reaches"
    UNSURE = "falls ever more slowly, as far as it was followed"


class Left(NamedTuple):
    """The end of a way, None if it led nowhere; the least value on it, and the behaviour of f far out."""

    x: np.ndarray | None
    value: float = math.inf
    tail: Tail = Tail.TURNS

    @property
    def endless(self) -> bool:
        """Whether f fell as far as one could see."""
        return self.tail is not Tail.TURNS


def by_newton(f: Function, x: np.ndarray, value: float, step: np.ndarray, least: float) -> Left:
    """Take Newton's step, or half of it, or half of that, where it lowers f by more than `least`."""
    t = 1.0
    while t >= SHORTEST:
        if f(x + t * step) < value - least:
            return Left(x + t * step)
        t /= 2
    return Left(None)


def along_ridge(f: Function, x: np.ndarray, value: float, way: np.ndarray, least: float) -> Left:
    """Go along a direction in longer and longer steps, to either side, until f turns up again.

    Where f never does, no minimum lies that way, and the point stays where it is.
    """
    ends = []
    for side in (way, -way):
        left = along_ray(f, x, value, side, least)
        if left.endless:
            return left
        if left.x is not None:
            ends.append(left)
    return min(ends, key=lambda left: left.value) if ends else Left(None)


def along_ray(f: Function, x: np.ndarray, value: float, way: np.ndarray, least: float) -> Left:
    """Go along a ray in steps four times as long each time, until f turns up again; fall by `least` at first."""
    farthest = FARTHEST * max(1.0, (1 + np.abs(x).max()) / np.abs(way).max())
    t, best, lowest = 1.0, 0.0, value
    falls: list[float] = []
    while t < farthest:
        new = f(x + t * way)
        if new == -math.inf:
            return Left(None, new, Tail.FALLS)
        if math.isnan(new) and falls and falls[-1] <= SETTLED * sum(falls) and tail_of(falls) is Tail.LEVELS:
            # An overflow far out, where f had come to its limit.
            return Left(None, lowest, Tail.LEVELS)
        if math.isnan(new) or new > (lowest if best else value + least):
            break
        if best or new < value - least:
            falls.append(lowest - new)
            best, lowest = (t, new) if new < lowest else (best, lowest)
        t *= GROWTH
    else:
        tail = tail_of(falls)
        if tail is not Tail.TURNS:
            return Left(None, lowest, tail)
    return Left(x + best * way, lowest) if best else Left(None)


def tail_of(falls: list[float]) -> Tail:
    """Tell from how much f fell at each step what it does far out."""
    strict = [fall for fall in falls if fall > 0]
    if len(strict) < APPROACHED:
        return Tail.TURNS
    first, second = strict[-1] / strict[-2], strict[-2] / strict[-3]
    if len(strict) < len(falls):
        # Values that come to rest after smaller and smaller falls have met rounding, after others a floor.
        return Tail.LEVELS if max(first, second) <= LIMITED else Tail.TURNS
    return Tail.FALLS if first >= STEADY else Tail.LEVELS if first <= LIMITED else Tail.UNSURE


def bends_down(f: Function, x: np.ndarray, value: float, way: np.ndarray, noise: float) -> bool:
    """Tell whether plain values confirm that f curves down along a direction: a convex function never does.

    f(x + t d) + f(x - t d) < 2 f(x) by more than their rounding, for a step of the Hessian's own or a longer one.
    """
    for t in (1.0, 10.0, 100.0, 1_000.0, 1e4):
        up, down = f(x + t * way), f(x - t * way)
        if not (math.isfinite(up) and math.isfinite(down)):
            return False
        if up + down - 2 * value < -4 * noise - 1e-13 * (abs(up) + abs(down)):
            return True
    return False


def scales(slope: Callable[[np.ndarray], np.ndarray], x: np.ndarray, steps: np.ndarray) -> np.ndarray | None:
    """Return the inverse of the curvature of each coordinate, None where all are alike or one can't be had.

    They are central differences of the gradient: 2n of them.
    """
    moves = np.diag(steps)
    bends = [(slope(x + move)[k] - slope(x - move)[k]) / (2 * steps[k]) for k, move in enumerate(moves)]
    curvature = np.abs(np.array(bends))
    largest = curvature.max()
    if not (np.isfinite(largest) and largest > ALIKE * curvature.min()):
        return None
    # A coordinate of hardly any curvature says nothing of its scale: no more is made of it than differences bear.
    return largest / np.maximum(curvature, FAINT * largest)
