"""Newton's method for several classes with many coefficients: each step by conjugate gradients, without a Hessian."""

from __future__ import annotations

import numpy as np

from steepest.fitting.strength.newton import ENDLESS, SEPARATED, VANISHED

# Half the squared length of Newton's step, as a share of the loss, at which that step is the last.
ENOUGH = 1e-6
# Conjugate gradients end at this share of the length of the gradient, and after so many products at most.
FORCED, MOST_PRODUCTS = 0.1, 60
MOST_STEPS = 40


def fitted_classes(
    A: np.ndarray, y: np.ndarray, weight: np.ndarray, curve: float, theta: np.ndarray
) -> tuple[np.ndarray, bool]:
    """Minimise Σ w ℓ(z, y) + curve/2 ‖θ‖² for the softmax loss ℓ of scores z = A θᵀ, without a penalty of intercepts.

    The products of the Hessian with a vector take two products with the rows. Where the columns of A are orthogonal, as
    directions are, the diagonal of the Hessian is a good guide to it.

    Parameters
    ----------
    A : array of shape (rows, directions + 1)
        The rows along the directions, and a column of ones.
    y : array of int of shape (rows,)
        The classes.
    weight : array of shape (rows,)
        How often each row counts.
    curve : float
        The curvature of the penalty.
    theta : array of shape (classes, directions + 1)
        The start.

    Returns
    -------
    array of shape (classes, directions + 1), bool
        The end, and whether it is the minimum: not if the coefficients grow without end.
    """
    classes, each = len(theta), np.arange(len(y))
    shrunk = np.append(np.full(A.shape[1] - 1, curve), 0.0)
    # A row whose classes are equally likely has the curvature (1 - 1/K) / K of each class.
    diagonal = (weight @ A**2) * (1 - 1 / classes) / classes + shrunk
    diagonal = np.where(diagonal > 0, diagonal, 1.0)

    def at(theta: np.ndarray) -> tuple[float, np.ndarray]:
        scores = theta @ A.T
        scores -= scores.max(axis=0)
        odds = np.exp(scores)
        total = odds.sum(axis=0)
        value = float(weight @ (np.log(total) - scores[y, each])) + float(((theta**2) @ shrunk).sum()) / 2
        return (value if np.isfinite(value) else np.inf), odds / total

    def product(p: np.ndarray, v: np.ndarray) -> np.ndarray:
        t = v @ A.T
        bent = p * (t - (p * t).sum(axis=0)) * weight
        return np.asarray(bent @ A + v * shrunk)

    value, p = at(theta)
    for _ in range(MOST_STEPS):
        residual = p * weight
        residual[y, each] -= weight
        gradient = residual @ A + theta * shrunk
        step = _solved(lambda v, p=p: product(p, v), gradient, diagonal)
        gain = float((gradient * step).sum()) / 2
        if gain <= (ENOUGH if curve else ENDLESS) * (value + 1e-6 * weight.sum()):
            return theta - step, bool(np.isfinite(gain)) and (bool(curve) or _is_bent(A, weight, p, step))
        t = 1.0
        for _ in range(30):
            new, p_new = at(theta - t * step)
            if new <= value - 1e-4 * t * gain:
                break
            t /= 2
        if not new < value:
            # Rounding hides what is left.
            return theta, gain <= 1e-6 * value and (bool(curve) or _is_bent(A, weight, p, step))
        theta, value, p = theta - t * step, new, p_new
        if not curve and value < SEPARATED * weight.sum():
            break
    return theta, False


def _solved(product, right: np.ndarray, diagonal: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Solve a system by conjugate gradients, in units in which the diagonal is 1."""
    x, r = np.zeros_like(right), right
    z = r / diagonal
    d, length = z, float((r * z).sum())
    end = FORCED**2 * length
    for _ in range(MOST_PRODUCTS):
        if length <= end:
            break
        h = product(d)
        bend = float((d * h).sum())
        if not bend > 0:
            break
        x, r = x + length / bend * d, r - length / bend * h
        z = r / diagonal
        before, length = length, float((r * z).sum())
        d = z + length / before * d
    return x if x.any() else right / diagonal


def _is_bent(A: np.ndarray, weight: np.ndarray, p: np.ndarray, step: np.ndarray) -> bool:
    """Return whether the loss has a curvature along the last step: if coefficients grow without end, it vanishes."""
    t = step @ A.T
    t -= t.mean(axis=0)
    bent = float(((p * (t - (p * t).sum(axis=0)) * t) @ weight).sum())
    return bent > VANISHED / len(p) * float(((t**2) @ weight).sum())
