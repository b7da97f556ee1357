"""The largest eigenvalue of a Hessian, from products with vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# The most products at a point. Chosen: with a gap of a few percent above the second eigenvalue, fewer are enough.
MOST_PRODUCTS = 30
# No more products are computed once the error of the eigenvalue is below this share of it.
SHARE = 1e-8
# The share of a random vector in a start from a known eigenvector, without which a new largest one would stay hidden.
FRESH = 0.1


def largest_curvature(
    product: Callable[[np.ndarray], np.ndarray], start: np.ndarray, most: int = MOST_PRODUCTS
) -> tuple[float, np.ndarray]:  # fmt: skip
    """Return the largest eigenvalue of a symmetric matrix and its eigenvector, by the method of Lanczos.

    Parameters
    ----------
    product : callable
        The product of the matrix with a vector.
    start : array of shape (size,)
        A guess at the eigenvector.
    most : int, optional
        The most products.

    Returns
    -------
    value : float
        The eigenvalue; NaN if a product is not finite.
    vector : array of shape (size,)
        The eigenvector, of length 1.

    Notes
    -----
    Lanczos, "An iteration method for the solution of the eigenvalue problem" (1950), with each vector made orthogonal
    to all earlier ones. The error is at most the norm r of the residual, and about r² over the gap to the next
    eigenvalue. The products are divided by a power of 2 about as large as the first one that is not 0, so that the
    squares of very large or very small entries neither overflow nor vanish.

    Examples
    --------
    >>> value, vector = largest_curvature(lambda v: np.array([2.0, 5.0, -9.0]) * v, np.ones(3))
    >>> round(value, 9), np.abs(vector).round(6)
    (5.0, array([0., 1., 0.]))
    """
    size = len(start)
    draw = np.random.default_rng(size).standard_normal(size)
    vector = start / (np.linalg.norm(start) or 1.0) + FRESH * draw / np.linalg.norm(draw)
    basis = np.empty((min(most, size), size))
    image = np.empty_like(basis)
    matrix = np.empty((len(basis), len(basis)))
    count, value, best, power = 0, np.nan, vector, None
    while count < len(basis):
        basis[count] = vector / np.linalg.norm(vector)
        image[count] = product(basis[count])
        if not np.isfinite(image[count]).all():
            return np.nan, start
        if power is None and image[count].any():
            power = int(np.frexp(np.abs(image[count]).max())[1])
        image[count] = np.ldexp(image[count], -(power or 0))
        matrix[count, : count + 1] = basis[: count + 1] @ image[count]
        count += 1
        values, vectors = np.linalg.eigh(matrix[:count, :count])
        value, best = float(values[-1]), vectors[:, -1] @ basis[:count]
        residual = vectors[:, -1] @ image[:count] - value * best
        vector = residual - basis[:count].T @ (basis[:count] @ residual)
        vector -= basis[:count].T @ (basis[:count] @ vector)  # once more, against rounding errors
        error, gap = np.linalg.norm(vector), value - values[-2] if count > 1 else 0.0
        if min(error, error**2 / gap if gap > 0 else np.inf) <= SHARE * np.abs(values).max():
            break
    return float(np.ldexp(value, power or 0)), best
