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
    """Where a way led, None where it led nowhere; the least value on it; whether f fell as far as one could see."""

    x: np.ndarray | None
    value: float = math.inf
    endless: bool = False


def by_newton(f: Function, x: np.ndarray, value: float, step: np.ndarray, least: float) -> Left:
    """Take Newton's step, or half of it, or half of that, where it lowers f by more than `least`."""
    t = 1.0
    while t >= SHORTEST:
        if f(x + t * step) < value - least:
            return Left(x + t * step)
        t /= 2
    return Left(None)


def along_ridge(f: Function, x: np.ndarray, value: float, way: np.ndarray, least: float) -> Left:
    """Go along a way of negative curvature, in longer and longer steps to either side, until f turns up again.

    Where f falls for ever that way, no minimum lies there, and the point stays where it is.
    """
    ends, farthest = [], FARTHEST * (1 + np.abs(x).max()) / np.abs(way).max()
    for sign in (1.0, -1.0):
        t, best, lowest = 1.0, 0.0, value
        while t < farthest:
            new = f(x + sign * t * way)
            if math.isnan(new) or (new >= lowest and best > 0) or (new > value + least and best == 0):
                break
            if new < lowest - least:
                best, lowest = t, new
            t *= GROWTH
        else:
            return Left(None, lowest, endless=best > 0)
        if best > 0:
            ends.append((lowest, sign * best))
    return Left(x + min(ends)[1] * way, min(ends)[0]) if ends else Left(None)


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
