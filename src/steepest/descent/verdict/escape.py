"""Searches along lines from a point where a descent stopped, and tests of the curvature there by plain values."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import numpy as np

Value = Callable[[np.ndarray], float]
Grad = Callable[[np.ndarray], np.ndarray]

# The smallest share of Newton's step that is tried. Chosen, not measured: a smaller share costs more values, and gains
# less.
SHORTEST = 1 / 64
# The factor from one step along a ray to the next, and the longest step in sizes of the point. Chosen, not measured:
# with a larger factor the steps jump over more rises of f, with a smaller factor they cost more values.
GROWTH = 4.0
FARTHEST = 1e12
# Coordinates are rescaled only if their curvatures differ by more than this factor. Chosen, not measured: L-BFGS
# handles smaller factors by itself, and rescaling discards its curvature pairs.
ALIKE = 100.0
# Curvatures below this share of the largest are rounding errors of the gradients, and are raised to this share.
FAINT = 1e-14
# The fewest falls along a ray that count as an endless fall: a floor is reached in a step or two, but a limit is never
# reached.
APPROACHED = 4
# Each step along a ray is four times as long as the last. If the last fall is at most LIMITED times the fall before, f
# has a limit; if at least STEADY times, f has none. Chosen, not measured: between the two numbers nothing is claimed.
LIMITED, STEADY = 0.9, 0.999
# f has reached its limit if the last fall is at most this share of the sum of all falls. Chosen, not measured.
SETTLED = 1e-9


class Tail(Enum):
    """The behaviour of a function far out along a ray."""

    TURNS = "turns up, or reaches a floor"
    FALLS = "falls without end"
    LEVELS = "approaches a limit that it never reaches"
    UNSURE = "falls more and more slowly, as far as it was followed"


class LineSearch(NamedTuple):
    """The result of a search along a line: a lower point or None, the least value, and how f behaves far out."""

    x: np.ndarray | None
    value: float = math.inf
    tail: Tail = Tail.TURNS

    @property
    def endless(self) -> bool:
        """Whether f fell as far as the search went."""
        return self.tail is not Tail.TURNS


def by_newton(f: Value, x: np.ndarray, value: float, step: np.ndarray, least: float) -> LineSearch:
    """Halve Newton's step until the step lowers f by more than `least`."""
    t = 1.0
    while t >= SHORTEST:
        if f(x + t * step) < value - least:
            return LineSearch(x + t * step)
        t /= 2
    return LineSearch(None)


def along_line(f: Value, x: np.ndarray, value: float, direction: np.ndarray, least: float) -> LineSearch:
    """Follow a direction to both sides, in longer and longer steps, until f rises.

    If f never rises on one side, no point is returned: there is no minimum on that side. If it never rises on either,
    the result is that of the side on which it falls farther.
    """
    searches = [along_ray(f, x, value, side, least) for side in (direction, -direction)]
    endless = [search for search in searches if search.endless]
    found = endless or [search for search in searches if search.x is not None]
    return min(found, key=lambda search: search.value, default=LineSearch(None))


def along_ray(f: Value, x: np.ndarray, value: float, direction: np.ndarray, least: float) -> LineSearch:
    """Follow a ray, each step four times as long as the last, until f rises; f must first fall by `least`."""
    farthest = FARTHEST * max(1.0, (1 + np.abs(x).max()) / np.abs(direction).max())
    t, best, lowest = 1.0, 0.0, value
    falls: list[float] = []
    while t < farthest:
        new = f(x + t * direction)
        if new == -math.inf:
            return LineSearch(None, new, Tail.FALLS)
        if math.isnan(new) and falls and falls[-1] <= SETTLED * sum(falls) and tail_of(falls) is Tail.LEVELS:
            # f overflows far out, after the falls have reached a limit.
            return LineSearch(None, lowest, Tail.LEVELS)
        if math.isnan(new) or new > (lowest if best else value + least):
            break
        if best or new < value - least:
            falls.append(lowest - new)
            best, lowest = (t, new) if new < lowest else (best, lowest)
        t *= GROWTH
    else:
        tail = tail_of(falls)
        if tail is not Tail.TURNS:
            return LineSearch(None, lowest, tail)
    return LineSearch(x + best * direction, lowest) if best else LineSearch(None)


def tail_of(falls: list[float]) -> Tail:
    """Return the behaviour of f far out along a ray, given how much f fell at each step."""
    strict = [fall for fall in falls if fall > 0]
    if len(strict) < APPROACHED:
        return Tail.TURNS
    first, second = strict[-1] / strict[-2], strict[-2] / strict[-3]
    if len(strict) < len(falls):
        # The values have stopped falling: near a limit if the falls became smaller and smaller, else at a floor.
        return Tail.LEVELS if max(first, second) <= LIMITED else Tail.TURNS
    return Tail.FALLS if first >= STEADY else Tail.LEVELS if first <= LIMITED else Tail.UNSURE


def curves_down(f: Value, x: np.ndarray, value: float, direction: np.ndarray, noise: float) -> bool:
    """Tell whether plain values confirm negative curvature along a direction; a convex function never has any.

    The test is f(x + t d) + f(x - t d) < 2 f(x) by more than rounding errors, for t = 1, the step of the Hessian's
    differences, and for powers of ten up to t = 10⁴.
    """
    for t in (1.0, 10.0, 100.0, 1_000.0, 1e4):
        up, down = f(x + t * direction), f(x - t * direction)
        if not (math.isfinite(up) and math.isfinite(down)):
            return False
        if up + down - 2 * value < -4 * noise - 1e-13 * (abs(up) + abs(down)):
            return True
    return False


def inverse_curvatures(grad: Grad, x: np.ndarray, steps: np.ndarray, free: np.ndarray) -> np.ndarray | None:
    """Return the largest curvature divided by that of each coordinate; None if the curvatures are alike or not finite.

    The curvatures are central differences of the gradient, and cost 2 gradients for each of the coordinates in `free`.
    """
    moves = np.diag(steps)
    second = [(grad(x + moves[k])[k] - grad(x - moves[k])[k]) / (2 * steps[k]) for k in free]
    curvature = np.abs(np.array(second))
    largest = curvature.max()
    if not (np.isfinite(largest) and largest > ALIKE * curvature.min()):
        return None
    return largest / np.maximum(curvature, FAINT * largest)
