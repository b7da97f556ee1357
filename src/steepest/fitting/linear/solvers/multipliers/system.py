"""Newton's step of the smoothed objective, by products with the rows whose loss is curved, or by a factorisation.

The Hessian by the coefficients, with the intercept at its best, is λ I + X̄ᵀ diag(h) X̄, where h are the curvatures of
the rows and X̄ their entries without the mean that h weighs. Only rows with a curvature count, and often they are few.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg.lapack import dposv

from steepest.fitting.linear.solvers.multipliers.rows import Dense, Sparse

# The most products of a step, and the most rows of a factorisation, whose Gram matrix then takes 128 MB.
MOST_PRODUCTS, MOST_FACTORED = 1_000, 4_000
# If more than this share of the rows are curved, products take all rows, which saves a copy. A copy takes about as long
# as a product.
NEARLY_ALL = 0.9


def newton_step(
    rows: Sparse | Dense, h: np.ndarray, lam: float, g: np.ndarray, left: float,
    is_over: Callable[[], bool],
) -> tuple[np.ndarray, int]:  # fmt: skip
    """Return a step d with (λ I + X̄ᵀ diag(h) X̄) d ≈ -g, and how many products it took; 0 if by a factorisation.

    Conjugate gradients end when the residual is the share `left` of g, both in the norm of the preconditioner.
    """
    curved = np.flatnonzero(h)
    if curved.size <= NEARLY_ALL * len(h):
        rows, h = rows.take(curved), h[curved]
    if not curved.size:
        return -g / lam, 0
    can_factor = curved.size <= MOST_FACTORED and rows.shape[0] == curved.size
    most = min(rows.patience, MOST_PRODUCTS) if can_factor else MOST_PRODUCTS
    d, products, solved = conjugate_gradients(rows, h, lam, g, left, most, is_over)
    if solved or not can_factor or is_over():
        return d, products
    exact = factored(rows, h, lam, g)
    return (d, products) if exact is None else (exact, 0)


def conjugate_gradients(
    rows: Sparse | Dense, h: np.ndarray, lam: float, g: np.ndarray, left: float, most: int,
    is_over: Callable[[], bool],
) -> tuple[np.ndarray, int, bool]:  # fmt: skip
    """Return a step by at most so many products, how many it took, and whether it is near enough; it leads down."""
    total = h.sum()
    diagonal = lam + rows.spread(h)
    d, r = np.zeros_like(g), -g
    scaled = r / diagonal
    p, size = scaled, r @ scaled
    until = left**2 * size
    for k in range(most):
        along = rows.along(p)
        turned = h * (along - (h @ along) / total)
        product = lam * p + rows.slopes(turned)
        t = size / (p @ product)
        d, r = d + t * p, r - t * product
        scaled = r / diagonal
        size, before = r @ scaled, size
        if size <= until or is_over():
            return d, k + 1, size <= until
        p = scaled + (size / before) * p
    return d, most, False


def factored(rows: Sparse | Dense, h: np.ndarray, lam: float, g: np.ndarray) -> np.ndarray | None:
    """Return the step by a Cholesky factorisation of λ diag(1 / h) + X Xᵀ; None if that is singular up to rounding.

    With ν = h (X d + t), where t moves the intercept, d = -(g + Xᵀ ν) / λ and Σ ν = 0.
    """
    gram = rows.gram()
    mean = gram.mean(axis=0)
    gram += mean.mean() - mean - mean[:, None]
    gram[np.diag_indices_from(gram)] += lam / h
    _, both, failed = dposv(gram, np.stack([-rows.along(g), np.ones(len(h))], axis=1), lower=1, overwrite_a=1)
    if failed or not np.all(np.isfinite(both)):
        return None
    nu = both[:, 0] - both[:, 1] * (both[:, 0].sum() / both[:, 1].sum())
    d = -(g + rows.slopes(nu)) / lam
    return d if g @ d < 0 else None
