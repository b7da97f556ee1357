"""How to go on where a descent came to rest or makes its way too slowly, by what the Hessian there says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SHORTEST = 1 / 64
GROWTH = 4.0
FARTHEST = 1e12
ALIKE = 100.0
FAINT = 1e-14

Function = Callable[[np.ndarray], float]


class Left(NamedTuple):
    """Where a way led, None where it led nowhere; how often f was called; whether f fell as far as one could see."""

    x: np.ndarray | None
    calls: int
    endless: bool = False


def by_newton(f: Function, x: np.ndarray, value: float, step: np.ndarray, least: float) -> Left:
    """Take Newton's step, or half of it, or half of that, where it lowers f by more than `least`."""
    t, calls = 1.0, 0
    while t >= SHORTEST:
        calls += 1
        if f(x + t * step) < value - least:
            return Left(x + t * step, calls)
        t /= 2
    return Left(None, calls)


def along_ridge(f: Function, x: np.ndarray, value: float, way: np.ndarray, least: float) -> Left:
    """Go along a way of negative curvature, in longer and longer steps to either side, until f turns up again.

    Where f falls for ever that way, no minimum lies there, and the point stays where it is.
    """
    calls, ends = 0, []
    for sign in (1.0, -1.0):
        t, best, lowest = 1.0, 0.0, value
        while t < FARTHEST:
            calls += 1
            new = f(x + sign * t * way)
            if math.isnan(new) or (new >= lowest and best > 0) or (new > value + least and best == 0):
                break
            if new < lowest - least:
                best, lowest = t, new
            t *= GROWTH
        else:
            return Left(None, calls, endless=best > 0)
        if best > 0:
            ends.append((lowest, sign * best))
    return Left(x + min(ends)[1] * way, calls) if ends else Left(None, calls)


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
