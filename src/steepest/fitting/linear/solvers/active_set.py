"""The minimum of a quadratic model with an L1 penalty, in NumPy: Newton steps in the coordinates that are not 0.

Each step solves for the coordinates that are not 0, or that the slope moves away from 0, by a Cholesky factorisation.
Hintermüller, Ito and Kunisch, "The primal-dual active set strategy as a semismooth Newton method" (2003). A step that
does not lower the model enough is cut short, and a sweep of coordinate descent follows, which always gains.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dposv

from steepest.derivatives.differences import EPS

# The most steps, and the share of the subgradient at which they end. Chosen, not measured: a step of proximal Newton
# is as good if its model is not solved to the last digit.
MOST_STEPS, LEFT = 100, 1e-3
# A step is accepted if the model falls by this share of the fall of its tangent; it is halved at most HALVINGS times,
# then cut where the first coordinate crosses 0. Both chosen, not measured.
ENOUGH, HALVINGS = 1e-2, 3
# How often coordinates that would leave 0 on the wrong side are taken out of a step before it is cut.
CORRECTIONS = 3
# The share of the diagonal that is added to it, and its growth if the factorisation fails.
RIDGE, GROWTH = 16 * EPS, 1e3


def shortest_subgradient(g: np.ndarray, x: np.ndarray, lam: np.ndarray) -> np.ndarray:
    """Return the shortest subgradient of f + Σ λⱼ |xⱼ| at x, given the gradient g of f."""
    return np.where(x != 0, g + lam * np.sign(x), np.sign(g) * np.maximum(np.abs(g) - lam, 0.0))


def minimize_model(H: np.ndarray, g: np.ndarray, x: np.ndarray, lam: np.ndarray) -> np.ndarray:
    """Return a y that nearly minimises gᵀ(y - x) + ½ (y - x)ᵀ H (y - x) + Σ λⱼ |yⱼ|; the model never rises.

    The diagonal of H must be above 0 wherever g or x is not 0.
    """
    y, r = x.copy(), g.copy()
    root = np.sqrt(np.where(H.diagonal() > 0, H.diagonal(), 1.0))
    until = LEFT * np.max(np.abs(shortest_subgradient(r, y, lam)) / root)
    for _ in range(MOST_STEPS):
        if np.max(np.abs(shortest_subgradient(r, y, lam)) / root) <= until:
            break
        y, r, whole = newton_step(H, y, r, lam)
        if not whole:
            y, r = sweep(H, y, r, lam)
    return y


def newton_step(
    H: np.ndarray, y: np.ndarray, r: np.ndarray, lam: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:  # fmt: skip
    """Return the point after a Newton step and the gradient of the model there; and whether it fell enough."""
    sign = np.where(lam > 0, np.where(y != 0, np.sign(y), -np.sign(r)), 0.0)
    free = np.flatnonzero((y != 0) | (np.abs(r) > lam))
    for _ in range(CORRECTIONS):
        d = solution(H, r + lam * sign, free)
        wrong = (y[free] == 0) & (d * sign[free] < 0)
        if not wrong.any():
            break
        free = free[~wrong]
    else:
        d = solution(H, r + lam * sign, free)
    d = np.where((y[free] == 0) & (d * sign[free] < 0), 0.0, d)
    fall, t = float((r + lam * sign)[free] @ d), 1.0
    if not fall < 0:
        return y, r, False
    for _ in range(HALVINGS):
        new = y[free] + t * d
        new = np.where(new * sign[free] < 0, 0.0, new)
        there, slope, change = moved(H, y, r, lam, free, new)
        if change <= ENOUGH * t * fall:
            return there, slope, True
        t /= 2
    crosses = (y[free] + d) * sign[free] < 0
    reach = np.where(crosses, -y[free] / np.where(crosses, d, 1.0), np.inf)
    t = min(1.0, float(reach.min(initial=np.inf)))
    there, slope, change = moved(H, y, r, lam, free, np.where(reach <= t, 0.0, y[free] + t * d))
    return (there, slope, False) if change < 0 else (y, r, False)


def moved(
    H: np.ndarray, y: np.ndarray, r: np.ndarray, lam: np.ndarray, free: np.ndarray, new: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:  # fmt: skip
    """Return the point with new values of some coordinates, the gradient of the model there, and the model's change."""
    step = new - y[free]
    turn = step @ H[free]
    change = r[free] @ step + step @ turn[free] / 2 + lam[free] @ (np.abs(new) - np.abs(y[free]))
    there = y.copy()
    there[free] = new
    return there, r + turn, float(change)


def solution(H: np.ndarray, slope: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the step -H⁻¹ slope in some coordinates, with a small share of the diagonal added if H is singular."""
    part = H[np.ix_(free, free)]
    diagonal, ridge = part.diagonal().copy(), RIDGE
    while free.size:
        np.fill_diagonal(part, diagonal * (1 + ridge))
        _, d, failed = dposv(part, -slope[free])
        if not failed and np.all(np.isfinite(d)):
            return d
        if ridge > 1:
            break
        ridge *= GROWTH
    return np.zeros(free.size)


def sweep(H: np.ndarray, y: np.ndarray, r: np.ndarray, lam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the point after a sweep of coordinate descent, and the gradient of the model there.

    Coordinates that are 0 and stay there are left out.
    """
    y, r = y.copy(), r.copy()
    for j in np.flatnonzero((y != 0) | (np.abs(r) > lam)):
        h = H[j, j]
        if h <= 0:
            continue
        ahead = y[j] - r[j] / h
        new = np.sign(ahead) * max(abs(ahead) - lam[j] / h, 0.0)
        if new != y[j]:
            r += (new - y[j]) * H[j]
            y[j] = new
    return y, r
