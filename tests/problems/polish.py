"""The minimum of the basin that a point lies in, by damped Newton steps that are independent of the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Slope = Callable[[np.ndarray], tuple[float, np.ndarray]]
MOST = 300
CONVEX = 1e-9
STATIONARY = 1e-10


def hessian(slope: Slope, x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the Hessian by central differences of gradients, in coordinates divided by their scales."""
    rows = []
    for k, step in enumerate(6e-6 * scale):
        side = step * np.eye(1, x.size, k)[0]
        rows.append((slope(x + side)[1] - slope(x - side)[1]) * scale / 1.2e-5)
    return (np.array(rows) + np.array(rows).T) / 2


def polished(slope: Slope, x: np.ndarray) -> tuple[np.ndarray, float, bool]:
    """Return the point that damped Newton steps (Levenberg) lead down to, its value, and whether it is a minimum.

    It is a minimum if the Hessian, in coordinates divided by their scales, is positive definite, and the next Newton
    step promises no gain.
    """
    value, gradient = slope(x)
    damping, promise, curvature = 1e-3, np.inf, 0.0
    for _ in range(MOST):
        scale = np.maximum(np.abs(x), 1e-3)
        eigenvalues, vectors = np.linalg.eigh(hessian(slope, x, scale))
        largest = float(np.abs(eigenvalues).max()) or 1.0
        along = vectors.T @ (gradient * scale)
        curvature = float(eigenvalues[0]) / largest
        promise = float(np.sum(along**2 / np.maximum(np.abs(eigenvalues), 1e-15 * largest))) / 2
        for _ in range(40):
            step = -scale * (vectors @ (along / (np.abs(eigenvalues) + damping * largest)))
            trial = slope(x + step)
            if trial[0] < value:
                break
            damping = max(4 * damping, 1e-16)
        else:
            break
        gained, x, (value, gradient), damping = value - trial[0], x + step, trial, damping / 10
        if gained <= 1e-16 * abs(value):
            break
    return x, value, curvature > CONVEX and promise <= STATIONARY * max(1e-3, abs(value))


def basin(slope: Slope, x: Any) -> Any:
    """Return the minimum of the basin of a point, or None if no strict minimum was found."""
    _, value, strict = polished(slope, np.asarray(x, dtype=float))
    return value if strict else None
