"""The minimum of a quadratic model with an L1 penalty, in NumPy: coordinate descent, and Newton steps where it rests.

Sweeps of coordinate descent find which coordinates are 0, and always gain. A Newton step in the others, by a Cholesky
factorisation, then takes the model to its minimum at once; it is cut short where it does not lower the model.
Hintermüller, Ito and Kunisch, "The primal-dual active set strategy as a semismooth Newton method" (2003), show when
such steps alone are enough. `l1` does the same in compiled code, for one size at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg.blas import daxpy
from scipy.linalg.lapack import dposv

from steepest.derivatives.differences import EPS

# The most rounds of sweeps and Newton steps, and the share of the subgradient at which they end. Chosen, not measured:
# a step of proximal Newton is as good if its model is not solved to the last digit.
MOST_ROUNDS, LEFT = 10, 1e-3
# How many sweeps come before Newton steps, and how many of those come before the next sweeps. Measured on text: without
# sweeps, Newton steps were cut short up to 86 times in one model.
SWEEPS, STEPS = 3, 10
# A step is accepted if the model falls by this share of the fall of its tangent. If none of so many attempts is, a
# step in those that are not 0 is cut where a coordinate reaches 0. Both chosen, not measured.
ENOUGH, ATTEMPTS = 1e-2, 4
# The share of the diagonal that is added to it, and its growth if the factorisation fails.
RIDGE, GROWTH = 16 * EPS, 1e3


class Model(NamedTuple):
    """A point y with the gradient r there of the quadratic model, whose Hessian is H, beside Σ λⱼ |yⱼ|."""

    H: np.ndarray
    lam: np.ndarray
    y: np.ndarray
    r: np.ndarray

    @property
    def violation(self) -> float:
        """The largest element of the shortest subgradient, each scaled to the curvature 1."""
        diagonal = self.H.diagonal()
        scaled = np.abs(shortest_subgradient(self.r, self.y, self.lam)) / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        return float(scaled.max())

    def moved(self, new: np.ndarray) -> tuple[Model, float]:
        """Return the model at another point, and by how much it changes."""
        step = new - self.y
        turn = self.H @ step
        change = self.r @ step + step @ turn / 2 + self.lam @ (np.abs(new) - np.abs(self.y))
        return self._replace(y=new, r=self.r + turn), float(change)


def shortest_subgradient(g: np.ndarray, x: np.ndarray, lam: np.ndarray) -> np.ndarray:
    """Return the shortest subgradient of f + Σ λⱼ |xⱼ| at x, given the gradient g of f."""
    return np.where(x != 0, g + lam * np.sign(x), np.sign(g) * np.maximum(np.abs(g) - lam, 0.0))


def minimize_model(
    H: np.ndarray, g: np.ndarray, x: np.ndarray, lam: np.ndarray, is_over: Callable[[], bool]
) -> np.ndarray:  # fmt: skip
    """Return a y that nearly minimises gᵀ(y - x) + ½ (y - x)ᵀ H (y - x) + Σ λⱼ |yⱼ|; the model never rises.

    H is positive semidefinite, with a diagonal above 0 where there is a slope. `is_over` tells whether to end early.
    """
    here = Model(H, lam, x, g)
    until = LEFT * here.violation
    for _ in range(MOST_ROUNDS):
        before = here.violation
        for _ in range(SWEEPS):
            here = swept(here)
        for k in range(STEPS):
            # Sweeps may be slow long before they are near, so take at least one step.
            if (k and here.violation <= until) or is_over():
                return here.y
            y = here.y
            here, whole = newton_step(here)
            if not whole and np.array_equal(here.y, y):
                break
        if here.violation <= until or np.array_equal(here.y, x) or before <= rounding(here, x):
            break
    return here.y


def rounding(here: Model, x: np.ndarray) -> float:
    """Return the rounding error of the largest scaled slope, after steps from x."""
    diagonal = here.H.diagonal()
    terms = np.abs(here.r) + here.lam + diagonal * np.abs(here.y - x)
    return 4 * EPS * float((terms / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))).max())


def newton_step(here: Model) -> tuple[Model, bool]:
    """Return the model after a Newton step in the coordinates that are free, and whether it fell enough.

    Free are those that are not 0, and those that the slope moves away from 0. Those that the step would lead beyond 0
    end there; if the model then does not fall enough, the others are solved for again.
    """
    H, lam, y, r = here
    sign = np.where(lam > 0, np.where(y != 0, np.sign(y), -np.sign(r)), 0.0)
    slope, d = r + lam * sign, np.zeros_like(y)
    free = (y != 0) | (np.abs(r) > lam)
    for attempt in range(ATTEMPTS):
        d = d + solution(H, slope + H @ d if attempt else slope, np.flatnonzero(free))
        # A coordinate that would leave 0 on the wrong side stays.
        crosses = (y + d) * sign < 0
        d = np.where(crosses, -y, d)
        fall = float(slope @ d)
        if fall < 0:
            there, change = here.moved(y + d)
            if change <= ENOUGH * fall:
                return there, True
        if not (crosses & free).any():
            break
        free &= ~crosses
    # No step was accepted: columns depend on one another, and the step is long along directions without curvature. Go
    # only as far as the first coordinate that reaches 0.
    d = solution(H, slope, np.flatnonzero((y != 0) | (lam == 0)))
    crosses = (y + d) * sign < 0
    reach = np.where(crosses, -y / np.where(crosses, d, 1.0), np.inf)
    t = min(1.0, float(reach.min()))
    there, change = here.moved(np.where(reach <= t, 0.0, y + t * d))
    return (there if change < 0 else here), False


def solution(H: np.ndarray, slope: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the step -H⁻¹ slope in the free coordinates, with a share of the diagonal added if H is singular."""
    step, diagonal, ridge = np.zeros_like(slope), H.diagonal()[free], RIDGE
    while free.size and ridge < 1:
        part = H[np.ix_(free, free)]
        np.fill_diagonal(part, diagonal * (1 + ridge))
        # H is symmetric: LAPACK reads the transpose in place, where it would copy the matrix itself.
        _, d, failed = dposv(part.T, -slope[free], overwrite_a=True)
        if not failed and np.all(np.isfinite(d)):
            step[free] = d
            break
        ridge *= GROWTH
    return step


def swept(here: Model) -> Model:
    """Return the model after a sweep of coordinate descent; coordinates that are 0 and stay there are left out."""
    H, lam, y, r = here
    diagonal = H.diagonal()
    # A coordinate without curvature changes only the penalty.
    y, r = np.where((diagonal <= 0) & (np.abs(r) < lam), 0.0, y), r.copy()
    for j in np.flatnonzero(((y != 0) | (np.abs(r) > lam)) & (diagonal > 0)).tolist():
        h, old = diagonal.item(j), y.item(j)
        ahead, least = old - r.item(j) / h, lam.item(j) / h
        new = ahead - least if ahead > least else ahead + least if ahead < -least else 0.0
        if new != old:
            daxpy(H[j], r, a=new - old)
            y[j] = new
    return Model(H, lam, y, r)
