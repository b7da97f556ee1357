"""The line search of direct fits: exact, in the plane of Newton's direction and the last step, without reading X.

These are the steps of `plane_search`, in NumPy, so that a direct fit goes the way of the usual descent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.fitting.linear.solvers.plane_search import FARTHEST, MOST_TRIALS, PART_LEFT, SUFFICIENT

# φ(a), ∇φ(a) and ∇²φ(a) at a point of the plane.
Values = tuple[float, np.ndarray, np.ndarray]


def lowest(values: Callable[[np.ndarray], Values], size: np.ndarray, before: float) -> tuple[np.ndarray, float] | None:
    """Return the a that minimises φ by Newton's method with halved steps, and φ(a); None if it is not finite.

    Parameters
    ----------
    values : callable
        Returns φ, ∇φ and ∇²φ, along vectors that change no output by more than 1.
    size : array of shape (2,)
        The most that each vector, as it was given, changes an output.
    before : float
        The value before the search.

    Returns
    -------
    (array of shape (2,), float) or None
        The point, and the value there.
    """
    a, (value, gradient, hessian) = np.zeros(2), values(np.zeros(2))
    whole = np.maximum(size, 1.0)
    step = newton_step(a, gradient, hessian, whole)
    for _ in range(MOST_TRIALS):
        if not np.isfinite(step).all():
            return None
        if -gradient @ step / 2 <= PART_LEFT * (before - value) + EPS * abs(value):
            break
        new, slope, curvature = values(a + step)
        finite = bool(np.isfinite(new) and np.isfinite(slope).all() and np.isfinite(curvature).all())
        if finite and new <= value + SUFFICIENT * float(gradient @ step) + 4 * EPS * abs(value):
            a, value, gradient, hessian = a + step, new, slope, curvature
            step = newton_step(a, gradient, hessian, whole)
        else:
            step = step * (0.5 if finite else 0.01)
    return a, value


def newton_step(a: np.ndarray, gradient: np.ndarray, hessian: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return -H⁻¹ g for two variables; if one has no curvature or both are parallel, only along one with curvature.

    Parameters
    ----------
    a, gradient, hessian : array
        The point, ∇φ and ∇²φ.
    whole : array of shape (2,)
        The coordinate of each vector as it was given, before it was scaled.

    Returns
    -------
    array of shape (2,)
        The step.

    Examples
    --------
    >>> newton_step(np.zeros(2), np.array([2.0, 0.0]), np.diag([4.0, 0.0]), np.ones(2)).tolist()
    [-0.5, -0.0]
    """
    diagonal = np.diag(hessian)
    steep = np.abs(gradient) > FARTHEST * np.maximum(np.abs(a), whole) * diagonal
    curved = (diagonal > 0) & ~steep
    unit = np.where(curved, 1 / np.sqrt(np.where(curved, diagonal, 1.0)), 0.0)
    # The cosine between both vectors, kept below 1 so that the system can be solved if they are parallel.
    cosine = unit[0] * unit[1] * hessian[0, 1] * (1 - 1e-10)
    g = unit * gradient
    newton = -unit * np.array([g[0] - cosine * g[1], g[1] - cosine * g[0]]) / (1 - cosine**2)
    # Without curvature Newton's step is infinite or too long: double the distance with each step instead.
    doubling = -np.sign(gradient) * np.maximum(np.abs(a), 1.0)
    return np.where(curved | (curved.any() & ~steep), newton, doubling)
