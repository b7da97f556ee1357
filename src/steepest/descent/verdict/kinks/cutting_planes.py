"""The minimum at a kink, found and proven by cutting planes.

Each gradient gives a plane that a convex function never lies below. A linear program minimises the largest of the
planes in a box around the best point: its value bounds how much lower f can be, and its solution is the next trial.
Kelley, "The cutting-plane method for solving convex programs" (1960); here a box follows the best point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from steepest.derivatives.differences import EPS

# A point to the value, the gradient and the error of each of its entries there.
Plane = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]

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
# A plane counts if the errors of its slopes are at most this share of the steepest slope. Chosen, not measured.
BLURRED = 0.1
# The rounding error of a plane, in units of the precision of its terms. Chosen, not measured.
ROUNDINGS = 2


class PlaneMinimum(NamedTuple):
    """The lowest point found by cutting planes, with its value and gradient, and a bound on the gain that is left.

    The bound holds in a box of `REACH` sizes around the point, and includes rounding errors of the planes. It is
    infinite if a plane lies above f somewhere: f is then not convex. `kinked` is true if planes of different slopes
    meet at the point, and `steepest` is the largest slope of them in each coordinate.
    """

    x: np.ndarray
    value: float
    gradient: np.ndarray
    gap: float
    kinked: bool
    steepest: np.ndarray


def minimize_by_planes(
    plane: Plane, x: np.ndarray, first: tuple[float, np.ndarray, np.ndarray], size: np.ndarray, enough: float,
    precision: float = EPS,
) -> PlaneMinimum:  # fmt: skip
    """Descend by cutting planes until at most `enough` is left to gain, or no step helps; `size` is that of x.

    `first` is the plane at x, and `precision` the relative rounding error of the values.
    """
    planes = Planes([x], [first[0]], [first[1]], [first[2]], size, precision)
    reach, gap, proven = REACH, math.inf, False
    most = MOST_PLANES + 10 * x.size
    while len(planes.values) <= most:
        step, least = planes.least(reach)
        if step is None:
            break
        best = planes.best
        gap = max(planes.values[best] - least, 0.0)
        new = planes.places[best] + step
        if gap <= enough + planes.hidden and reach < REACH and not proven:
            # The planes prove a gap only within their box, so prove it again in the large one.
            reach, proven = REACH, True
            continue
        if gap <= enough + planes.hidden or np.array_equal(new, planes.places[best]):
            break
        f, g, error = plane(new)
        if not (math.isfinite(f) and np.all(np.isfinite(g))):
            reach *= SHRINK
            continue
        fell = planes.values[best] - f
        planes.add(new, f, g, error)
        inside = np.max(np.abs(step) / size) < 0.99 * reach
        reach *= SHRINK if fell < 0 else GROWTH if fell > ENOUGH * gap and not inside else 1.0
    best, value = planes.best, planes.values[planes.best]
    gap = max(value - planes.least(max(reach, REACH))[1], 0.0) + planes.hidden
    if not planes.are_below():
        gap = math.inf
    return PlaneMinimum(planes.places[best], value, planes.slopes[best], gap, *planes.meeting())


@dataclass
class Planes:
    """The planes of a search.

    Attributes
    ----------
    places, slopes, errors : list of array
        Where each plane touches f, its slopes, and the largest error of each slope.
    values : list of float
        The value of f there.
    size : array
        The size of the first point, in which boxes are measured.
    precision : float
        The relative rounding error of a value.
    """

    places: list[np.ndarray]
    values: list[float]
    slopes: list[np.ndarray]
    errors: list[np.ndarray]
    size: np.ndarray
    precision: float

    def add(self, x: np.ndarray, value: float, slope: np.ndarray, error: np.ndarray) -> None:
        """Add the plane at a point."""
        for old, new in ((self.places, x), (self.slopes, slope), (self.errors, error)):
            old.append(new)
        self.values.append(value)

    @property
    def best(self) -> int:
        """The number of the lowest value."""
        return int(np.argmin(self.values))

    @property
    def hidden(self) -> float:
        """The rounding error of the best value."""
        best = self.best
        terms = abs(self.values[best]) + float(np.abs(self.slopes[best]) @ np.abs(self.places[best]))
        return ROUNDINGS * self.precision * terms

    def sharp(self) -> np.ndarray:
        """Return which planes have slopes of small errors: differences across a kink have none of its two slopes."""
        G, errors = np.array(self.slopes), np.array(self.errors)
        sharp = errors @ self.size <= BLURRED * float((np.abs(G) @ self.size).max())
        return sharp if sharp.any() else np.ones(sharp.size, dtype=bool)

    def least(self, reach: float) -> tuple[np.ndarray | None, float]:
        """Return the step from the best point to the minimum of the planes in a box, and a lower bound on the minimum.

        The planes are lowered by their errors at the best point, so that those from far away count for less.
        """
        kept, here = np.flatnonzero(self.sharp()), self.places[self.best]
        P, V, G, E = (np.array(part)[kept] for part in (self.places, self.values, self.slopes, self.errors))
        heights = V + np.sum(G * (here - P), axis=1)
        terms = np.abs(V) + np.sum(np.abs(G) * (np.abs(P) + np.abs(here)), axis=1)
        heights = heights - ROUNDINGS * self.precision * terms - np.sum(E * np.abs(here - P), axis=1)
        return _least(heights, self.values[self.best], G, E, reach * self.size)

    def are_below(self) -> bool:
        """Tell whether no plane lies above f where f is known, as is true of convex functions."""
        P, V, G, E = (np.array(part) for part in (self.places, self.values, self.slopes, self.errors))
        off = np.sum(E[:, None] * np.abs(P[None] - P[:, None]), axis=2)
        return not np.any(_heights(V, G, P) > V + _noise(V, G, P) + off)

    def meeting(self) -> tuple[bool, np.ndarray]:
        """Tell whether sharp planes of different slopes meet at the best point, and return their largest slopes."""
        P, V, G, best = np.array(self.places), np.array(self.values), np.array(self.slopes), self.best
        short = V[best] - _heights(V, G, P)[:, best]
        steepness = np.linalg.norm(G * self.size, axis=1)
        largest = float(steepness.max())
        meets = self.sharp() & (short <= _noise(V, G, P)[:, best] + CLOSE * largest)
        differ = np.linalg.norm((G - G[best]) * self.size, axis=1) > JUMP * largest
        return bool(np.any(meets & differ)), np.abs(G[meets]).max(axis=0, initial=0.0)


def _least(
    heights: np.ndarray, value: float, G: np.ndarray, errors: np.ndarray, reach: np.ndarray
) -> tuple[np.ndarray | None, float]:  # fmt: skip
    """Return the step to the minimum of planes in a box, and a lower bound on it, given their heights at its centre."""
    from scipy.optimize import linprog

    # Scale by the box and the slopes, so that the absolute tolerances of linprog suit the numbers.
    unit = float(np.abs(G * reach).sum(axis=1).max()) or 1.0
    scaled = G * reach / unit
    if not (math.isfinite(unit) and np.all(np.isfinite(heights))):
        return None, -math.inf
    found = linprog(
        np.append(np.zeros(reach.size), 1.0), A_ub=np.column_stack([scaled, -np.ones(len(G))]),
        b_ub=(value - heights) / unit, bounds=[(-1, 1)] * reach.size + [(None, None)], method="highs",
    )  # fmt: skip
    if found.x is None:
        return None, -math.inf
    weights = np.maximum(-found.ineqlin.marginals, 0.0)
    bound = max(_bound(w, heights, G, errors, reach) for w in (weights, _sharpened(weights, G * reach)))
    return found.x[:-1] * reach, bound


def _bound(
    weights: np.ndarray, heights: np.ndarray, G: np.ndarray, errors: np.ndarray, reach: np.ndarray
) -> float:  # fmt: skip
    """Return a lower bound on the largest of the planes in the box: the minimum of their weighted mean."""
    if not weights.sum() > 0:
        return -math.inf
    weights = weights / weights.sum()
    return float(weights @ heights - (np.abs(weights @ G) + weights @ errors) @ reach)


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
