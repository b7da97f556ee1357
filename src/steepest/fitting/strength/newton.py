"""Newton's method for a penalised loss along few directions, in NumPy; each fit begins where the last one ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

from steepest.fitting.strength.slopes import Slopes

# Half the squared length of Newton's step, as a share of the loss, at which that step is the last: what it leaves is
# far below what tells two strengths apart.
ENOUGH = 1e-7
# Without a penalty a descent goes on to here: only then a coefficient that grows without end has grown large.
ENDLESS = 1e-13
MOST_STEPS = 40
# Without a penalty, classes whose mean loss falls below this are separated by a plane, and no coefficients are best.
SEPARATED = 1e-4
# The share of its ordinary size at which a curvature has vanished: a descent ends where e⁻²⁰ of it is left.
VANISHED = 1e-7
# The share of the step by the curvature below which the bound of the curvature is tried.
SHORTEST = 1 / 8


@dataclass(frozen=True)
class Point:
    """The end of a descent.

    Attributes
    ----------
    theta : array of shape (directions + 1, outputs)
        The coefficients along the directions, and the intercepts in the last row.
    z : array of shape (rows, outputs)
        The outputs.
    factor : array of shape (n, n)
        The Cholesky factor of the Hessian, as `cholesky` returns it.
    converged : bool
        Whether the descent reached the minimum.
    curve : float
        The curvature of the penalty.
    """

    theta: np.ndarray
    z: np.ndarray
    factor: np.ndarray
    converged: bool
    curve: float


def descend(slopes: Slopes, A: np.ndarray, y: np.ndarray, weight: np.ndarray, curve: float, theta: np.ndarray) -> Point:
    """Minimise Σ w ℓ(z, y) + curve/2 ‖θ‖² from a start, without a penalty of the intercepts.

    Parameters
    ----------
    slopes : Slopes
        The loss.
    A : array of shape (rows, directions + 1)
        The rows along the directions, and a column of ones.
    y, weight : array of shape (rows,)
        The targets, and how often each row counts.
    curve : float
        The curvature of the penalty.
    theta : array of shape (directions + 1, outputs)
        The start.

    Returns
    -------
    Point
        The end.
    """
    shrunk = np.append(np.full(A.shape[1] - 1, curve), 0.0)

    def value_at(theta: np.ndarray, z: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            value = float(weight @ slopes.value(z, y)) + float(shrunk @ (theta**2).sum(axis=1)) / 2
        return value if np.isfinite(value) else np.inf

    def factored(curvature: np.ndarray) -> np.ndarray:
        H = hessian(A, weight[:, None, None] * curvature)
        H[np.diag_indices(len(H))] += np.repeat(shrunk, theta.shape[1])
        # Directions without curvature, as where no row is near a jump of the slope, get a little.
        H[np.diag_indices(len(H))] += 1e-12 * np.trace(H) / len(H) + 1e-300
        return cholesky(H)

    z = A @ theta
    value, factor, converged = value_at(theta, z), None, False
    for _ in range(MOST_STEPS):
        gradient = A.T @ (weight[:, None] * slopes.first(z, y)) + shrunk[:, None] * theta
        try:
            factor = factored(slopes.second(z, y))
        except np.linalg.LinAlgError:
            break
        step = solved(factor, gradient.ravel()).reshape(theta.shape)
        gain = float((gradient * step).sum()) / 2
        if gain <= (ENOUGH if curve else ENDLESS) * (abs(value) + weight.sum() * slopes.unit * 1e-6):
            converged = bool(np.isfinite(gain))
            theta, z = theta - step, z - A @ step
            break
        t, new = _searched(value_at, theta, z, step, A @ step, value, gain)
        if t < SHORTEST and slopes.bound is not None:
            other = solved(factored(slopes.bound(z, y)), gradient.ravel()).reshape(theta.shape)
            by_bound = _searched(value_at, theta, z, other, A @ other, value, float((gradient * other).sum()) / 2)
            if by_bound[1] < new:
                step, (t, new) = other, by_bound
        if not new < value:
            # Rounding hides what is left.
            converged = gain <= 1e-6 * abs(value)
            break
        theta = theta - t * step
        z, value = A @ theta, new
        if not curve and slopes.classes and value < SEPARATED * weight.sum():
            break
    assert factor is not None or not converged
    return Point(theta, z, factor if factor is not None else np.eye(theta.size), converged, curve)


def _searched(value_at, theta, z, step, along, value, gain):  # type: ignore[no-untyped-def]
    """Halve a step until it leads down far enough; return its share and the value reached."""
    t = 1.0
    for _ in range(30):
        new = value_at(theta - t * step, z - t * along)
        if new <= value - 1e-4 * t * 2 * gain:
            return t, new
        t /= 2
    return 0.0, np.inf


# LAPACK itself: the functions of SciPy around it take several times as long for the small systems of small tables.
def cholesky(H: np.ndarray) -> np.ndarray:
    """Return the Cholesky factor of a symmetric matrix, which is overwritten.

    Parameters
    ----------
    H : array of shape (n, n)
        The matrix.

    Returns
    -------
    array of shape (n, n)
        The factor.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite.

    Examples
    --------
    >>> solved(cholesky(np.array([[4.0, 0.0], [0.0, 2.0]])), np.array([4.0, 4.0]))
    array([1., 2.])
    """
    factor, fault = dpotrf(H.T, lower=1, overwrite_a=1)
    if fault:
        raise np.linalg.LinAlgError("not positive definite")
    return np.asarray(factor)


def solved(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the solution of a system whose matrix has a Cholesky factor."""
    return np.asarray(dpotrs(factor, right, lower=1)[0])


def inverse_of(factor: np.ndarray) -> np.ndarray:
    """Return the inverse of the matrix with a Cholesky factor."""
    lower = np.tril(dpotri(factor, lower=1)[0])
    return np.asarray(lower + np.tril(lower, -1).T)


def hessian(A: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """Return Σ aᵢ aᵢᵀ ⊗ Cᵢ for the curvature Cᵢ of each row.

    Parameters
    ----------
    A : array of shape (rows, directions + 1)
        The rows.
    curvature : array of shape (rows, outputs, outputs)
        The curvature.

    Returns
    -------
    array of shape (n, n)
        The sum, in the order of a matrix of parameters with a column for each output.

    Examples
    --------
    >>> hessian(np.array([[1.0, 2.0]]), np.array([[[3.0]]]))
    array([[ 3.,  6.],
           [ 6., 12.]])
    """
    size, outputs = A.shape[1], curvature.shape[1]
    H = np.empty((size, outputs, size, outputs))
    for k in range(outputs):
        for m in range(k + 1):
            if k == m:
                # A product of a matrix with itself takes half the multiplications. The loss is convex.
                B = np.sqrt(np.maximum(curvature[:, k, k, None], 0.0)) * A
                H[:, k, :, k] = B.T @ B
                continue
            H[:, k, :, m] = A.T @ (curvature[:, k, m, None] * A)
            H[:, m, :, k] = H[:, k, :, m].T
    return H.reshape(size * outputs, size * outputs)
