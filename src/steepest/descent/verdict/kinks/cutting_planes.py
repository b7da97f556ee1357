"""The minimum at a kink, found and proven by cutting planes.

Each gradient gives a plane that a convex function never lies below. A linear program minimises the largest of the
planes in a box around the best point: its value bounds how much lower f can be, and its solution is the next trial.
Kelley, "The cutting-plane method for solving convex programs" (1960); here a box follows the best point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from steepest.derivatives.differences import EPS

ValueAndGrad = Callable[[np.ndarray], tuple[float, np.ndarray]]

# The half-width of the first box, in sizes of the point; the factors by which the box grows after a step that gained
# enough, and shrinks after a step that rose. Chosen, not measured: a smaller box needs more steps, a larger box uses
# planes from farther away.
REACH, GROWTH, SHRINK = 1e-2, 4.0, 0.25
# The box grows after a step that gained more than this share of the gain that the planes allow. Chosen, not measured.
ENOUGH = 0.1
# The most planes, plus 10 for each variable. Chosen, not measured: each plane costs a gradient.
MOST_PLANES = 40
# Planes whose weight is below this share of the largest weight are dropped. Chosen, not measured: a smaller share keeps
# planes whose weight is a rounding error, a larger share drops planes that the proof needs.
UNUSED = 1e-6
# Planes meet at a kink if their heights at the best point are within CLOSE times the steepest slope of the best value,
# and if their slopes differ by more than JUMP times the steepest slope. Chosen, not measured: a smaller JUMP mistakes
# strong curvature for a kink.
CLOSE, JUMP = 1e-8, 0.1


class PlaneMinimum(NamedTuple):
    """The lowest point found by cutting planes, with its value and gradient, and a bound on the gain that is left.

    The bound is infinite if a plane lies above f somewhere: f is then not convex. `kinked` is true if planes of
    different slopes meet at the point.
    """

    x: np.ndarray
    value: float
    gradient: np.ndarray
    gap: float
    kinked: bool


def minimize_by_planes(
    value_and_grad: ValueAndGrad, x: np.ndarray, value: float, gradient: np.ndarray, size: np.ndarray, enough: float
) -> PlaneMinimum:  # fmt: skip
    """Descend by cutting planes until at most `enough` is left to gain, or no step helps; `size` is that of x."""
    places, values, slopes = [x], [value], [gradient]
    best, reach, gap = 0, REACH, math.inf
    most = MOST_PLANES + 10 * x.size
    while len(values) <= most:
        step, least = _least(places, values, slopes, best, reach * size)
        if step is None:
            break
        gap = max(values[best] - least, 0.0)
        new = places[best] + step
        if gap <= enough or np.array_equal(new, places[best]):
            break
        f, g = value_and_grad(new)
        if not (math.isfinite(f) and np.all(np.isfinite(g))):
            reach *= SHRINK
            continue
        places.append(new)
        values.append(f)
        slopes.append(g)
        fell = values[best] - f
        inside = np.max(np.abs(step) / size) < 0.99 * reach
        reach *= SHRINK if fell < 0 else GROWTH if fell > ENOUGH * gap and not inside else 1.0
        best = int(np.argmin(values))
    P, V, G = np.array(places), np.array(values), np.array(slopes)
    if np.any(_heights(V, G, P) > V + _noise(V, G, P)):
        gap = math.inf
    return PlaneMinimum(places[best], values[best], slopes[best], gap, _kinked(P, V, G, best, size))


def _least(
    places: list[np.ndarray], values: list[float], slopes: list[np.ndarray], best: int, reach: np.ndarray
) -> tuple[np.ndarray | None, float]:
    """Return the step from the best point to the minimum of the planes in a box, and a lower bound on the minimum."""
    from scipy.optimize import linprog

    here, G = places[best], np.array(slopes)
    heights = np.array([f + g @ (here - x) for f, g, x in zip(values, slopes, places, strict=True)])
    # Scale by the box and the slopes, so that the absolute tolerances of linprog suit the numbers.
    unit = float(np.abs(G * reach).sum(axis=1).max()) or 1.0
    scaled = G * reach / unit
    if not (math.isfinite(unit) and np.all(np.isfinite(heights))):
        return None, -math.inf
    found = linprog(
        np.append(np.zeros(here.size), 1.0), A_ub=np.column_stack([scaled, -np.ones(len(G))]),
        b_ub=(values[best] - heights) / unit, bounds=[(-1, 1)] * here.size + [(None, None)], method="highs",
    )  # fmt: skip
    if found.x is None:
        return None, -math.inf
    weights = np.maximum(-found.ineqlin.marginals, 0.0)
    bound = max(_bound(w, heights, G, reach) for w in (weights, _sharpened(weights, G * reach)))
    return found.x[:-1] * reach, bound


def _bound(weights: np.ndarray, heights: np.ndarray, G: np.ndarray, reach: np.ndarray) -> float:
    """Return a lower bound on the largest of the planes in the box: the minimum of their weighted mean."""
    if not weights.sum() > 0:
        return -math.inf
    weights = weights / weights.sum()
    return float(weights @ heights - np.abs(weights @ G) @ reach)


def _sharpened(weights: np.ndarray, G: np.ndarray) -> np.ndarray:
    """Return weights with which the slopes of the same planes cancel up to rounding errors, if such weights exist."""
    from scipy.optimize import nnls

    used = np.flatnonzero(weights > UNUSED * weights.max(initial=0.0))
    if not used.size:
        return weights
    unit = np.abs(G[used]).max() or 1.0
    rows = np.vstack([G[used].T / unit, np.ones(used.size)])
    sharp = np.zeros_like(weights)
    sharp[used] = nnls(rows, np.append(np.zeros(G.shape[1]), 1.0))[0]
    return sharp


def _noise(values: np.ndarray, slopes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the rounding error of the height of each plane at each place."""
    own = np.abs(values) + np.sum(np.abs(slopes * places), axis=1)
    return 64 * EPS * (own[:, None] + np.abs(values) + np.abs(slopes) @ np.abs(places).T)


def _heights(values: np.ndarray, slopes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the height of each plane at each place."""
    return (values - np.sum(slopes * places, axis=1))[:, None] + slopes @ places.T


def _kinked(places: np.ndarray, values: np.ndarray, slopes: np.ndarray, best: int, size: np.ndarray) -> bool:
    """Tell whether planes of different slopes meet at the best point, as they do at a kink."""
    short = values[best] - _heights(values, slopes, places)[:, best]
    G = slopes * size
    largest = float(np.linalg.norm(G, axis=1).max())
    meets = short <= _noise(values, slopes, places)[:, best] + CLOSE * largest
    return bool(np.any(meets & (np.linalg.norm(G - G[best], axis=1) > JUMP * largest)))
