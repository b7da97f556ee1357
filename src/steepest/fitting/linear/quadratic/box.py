"""The minimum of a quadratic model in a box, by projected Newton steps in NumPy, which compile nothing.

Bertsekas, "Projected Newton methods for optimization problems with simple constraints" (1982).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs, dpstrf

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS

# The most Newton steps, and how many more for each coordinate: a step sets coordinates to their bounds or frees them.
# Random problems take about ten, nearly collinear ones of 12 columns 14, and polynomials of degree 99 up to 640.
MOST_STEPS, A_COORDINATE = 50, 10
# A column depends on others if it is so many eps times their number away from their span, as the square of its length.
# Chosen, not measured: a few times the rounding error of H.
DEPENDENT = 4
# How often a step is corrected by its own residual.
CORRECTIONS = 2
# The parts of the step that are tried, each projected to the box. The part up to the first edge is tried as well.
PARTS = np.array([1.0, 0.5, 0.25, 0.0625])
# A step gains nothing if the model falls by less than this share of the sum of its terms: by its rounding error.
GAINED = 100 * EPS**2
# At most as many coordinates leave their bounds in a step as are between them, or this many if those are fewer. Chosen,
# not measured: each step factorises a matrix of the free ones, and most that a first step would free return.
FREED = 100
# A coordinate may return to its bound so often. After that, coordinates leave their bounds only at the minimum in those
# between theirs. Each such minimum is lower than the one before, so none is met twice, and the steps come to an end:
# two coordinates that send each other back to their bounds could otherwise go on without end.
RETURNS = 1
# The kinds of steps, each for when the one before gains nothing: all coordinates that are free take part, only one
# leaves its bound, or FAINT is added to the diagonal of H, so that columns that seem dependent take part, too.
ALL, SINGLE, DAMPED = range(3)
# If FAINT is too little, GROWTH times as much is added. Chosen, not measured: 50 eps, and far above.
FAINT, GROWTH = 1e-14, 1e4


def never() -> bool:
    """Return False: there is no time limit."""
    return False


class Scaled(NamedTuple):
    """A quadratic model in units in which each coordinate has the curvature 1, around the point where it was made.

    H has at most this `rank`: more coordinates than that need not be between their bounds.
    """

    H: np.ndarray
    g: np.ndarray
    low: np.ndarray
    high: np.ndarray
    alive: np.ndarray
    rank: int

    def held(self, y: np.ndarray, r: np.ndarray) -> np.ndarray:
        """Tell which coordinates can't descend at y, where the model has the gradient r."""
        low, high = self.low, self.high
        return np.asarray(~self.alive | ((y <= low) & (r >= 0)) | ((y >= high) & (r <= 0)) | (low == high))

    def at_edge(self, y: np.ndarray) -> np.ndarray:
        """Tell which coordinates of y are at an edge."""
        return np.asarray((y <= self.low) | (y >= self.high))

    def freed(self, y: np.ndarray, r: np.ndarray, leave: int) -> np.ndarray:
        """Return the numbers of the coordinates that a step moves: those between bounds, and the steepest others.

        At most `leave` leave their bounds, and no more than so many that independent columns may be between them.
        """
        free, at_edge = ~self.held(y, r), self.at_edge(y)
        leaving, inside = np.flatnonzero(free & at_edge), np.flatnonzero(free & ~at_edge)
        most = min(leave, max(1, min(max(FREED, inside.size), self.rank - inside.size)))
        if leaving.size > most:
            leaving = leaving[np.argsort(-np.abs(r[leaving]), kind="stable")[:most]]
        return np.sort(np.append(inside, leaving))

    def direction(self, y: np.ndarray, r: np.ndarray, free: np.ndarray, damped: bool) -> np.ndarray:
        """Return Newton's step in the free coordinates, without those at an edge that it would cross.

        Without these another step is best for the others, and so on: only a step that is Newton's for all coordinates
        that move can end at the minimum in them.
        """
        solve = damped_solution if damped else solution
        while True:
            s = solve(self.H, r, free)
            crosses = ((y <= self.low) & (s < 0)) | ((y >= self.high) & (s > 0))
            if not crosses.any():
                return s
            free = free[~crosses[free]]

    def step(self, y: np.ndarray, r: np.ndarray, leave: int, damped: bool) -> tuple[np.ndarray, bool]:
        """Return the point after a projected Newton step, and whether the model is lower there."""
        low, high = self.low, self.high
        s = self.direction(y, r, self.freed(y, r, leave), damped)
        curvature, fall = s @ (self.H @ s), -(r @ s)
        best, moves = fall / curvature if curvature > 0 else 1.0, s != 0
        edge = np.where(s > 0, high, low)
        room = np.where(moves, (edge - y) / np.where(moves, s, 1.0), np.inf)
        cut = max(min(best, float(room.min(initial=np.inf))), 0.0)
        trials = np.clip(y + np.append(PARTS, cut)[:, None] * s, low, high)
        # The part up to the first edge ends exactly on it.
        trials[-1] = np.where((room <= cut) & moves, edge, trials[-1])
        steps = trials - y
        falls = steps @ r + ((steps @ self.H) * steps).sum(axis=1) / 2
        k = int(np.argmin(np.where(np.isfinite(falls), falls, np.inf)))
        size = np.abs(trials[k]) @ (np.abs(self.g) + np.abs(self.H) @ np.abs(trials[k]))
        return (trials[k], True) if falls[k] < -GAINED * size else (y, False)


def minimize_quadratic_box(
    H: np.ndarray, g: np.ndarray, x: np.ndarray, box: Box, is_over: Callable[[], bool] = never,
    most: int | None = None, rank: int | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the y in the box that minimises gᵀ(y - x) + ½ (y - x)ᵀ H (y - x).

    Each step is Newton's in the coordinates that are free to descend, projected to the box. If columns depend on one
    another, H is singular, and many y are best: only independent coordinates then take a step. `rank` is a bound on the
    rank of H. After `most` steps, or once `is_over` becomes true, the best y so far is returned.
    """
    h = H.diagonal()
    alive = h > 0
    scale = np.where(alive, np.sqrt(np.where(alive, h, 1.0)), 1.0)
    low, high = (box.low - x) * scale, (box.high - x) * scale
    model = Scaled(H / scale / scale[:, None], g / scale, low, high, alive, len(x) if rank is None else rank)
    y, r, kind = np.zeros_like(x), model.g, ALL
    # How often each coordinate has left its bound, and whether y is taken for the minimum in those between theirs.
    left, settled = np.zeros(x.size, int), True
    absolute = np.abs(model.H)
    for _ in range(MOST_STEPS + A_COORDINATE * len(x) if most is None else most):
        rounding = 16 * EPS * (np.abs(model.g) + absolute @ np.abs(y))
        if not np.any(~model.held(y, r) & (np.abs(r) > rounding)) or is_over():
            break
        is_patient = left.max(initial=0) > RETURNS
        leave = 0 if is_patient and not settled else 1 if kind == SINGLE else x.size
        before = y
        y, fell = model.step(before, r, leave, kind == DAMPED)
        if fell:
            r = model.g + model.H @ y
            was, now = model.at_edge(before), model.at_edge(y)
            left += was & ~now
            settled = not np.any(now & ~was)
            kind = kind if kind == DAMPED else ALL
        elif leave == 0:
            settled = True
        elif kind == DAMPED:
            break
        else:
            kind += 1
    # Without curvature only an edge can stop a slope.
    g = model.g
    y = np.where(~alive & (g > 0) & np.isfinite(low), low, np.where(~alive & (g < 0) & np.isfinite(high), high, y))
    # In these units a coordinate on its edge has exactly the edge's number, and so it has in those of x.
    return np.where(y <= low, box.low, np.where(y >= high, box.high, np.clip(x + y / scale, box.low, box.high)))


def solution(H: np.ndarray, r: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the step -H⁻¹ r in the free coordinates; those whose columns depend on the others' stay."""
    step = np.zeros_like(r)
    part, b = H[np.ix_(free, free)], -r[free]
    least = DEPENDENT * EPS * free.size
    factor, failed = dpotrf(part, lower=1)
    if failed or (factor.diagonal() ** 2).min(initial=1.0) < least:
        factor, order, rank, _ = dpstrf(part, tol=least, lower=1)
        # The order counts from 1.
        free, kept = free[order[:rank] - 1], order[:rank] - 1
        factor, part, b = factor[:rank, :rank], part[np.ix_(kept, kept)], b[kept]
    step[free] = corrected(factor, part, b)
    return step


def damped_solution(H: np.ndarray, r: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the step -H⁻¹ r in the free coordinates, with as little added to the diagonal of H as it takes."""
    step, part, added = np.zeros_like(r), H[np.ix_(free, free)], FAINT
    while added < 1:
        factor, failed = dpotrf(part + added * np.eye(free.size), lower=1)
        if not failed:
            step[free] = corrected(factor, part, -r[free])
            break
        added *= GROWTH
    return step


def corrected(factor: np.ndarray, part: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the solution of part · s = b by a Cholesky factor that is nearly that of `part`; 0 if it overflows."""
    if not b.size:
        return b
    s = dpotrs(factor, b, lower=1)[0]
    for _ in range(CORRECTIONS):
        s = s + dpotrs(factor, b - part @ s, lower=1)[0]
    return s if np.all(np.isfinite(s)) else 0 * b
