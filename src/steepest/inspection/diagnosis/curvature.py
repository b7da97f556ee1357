"""`Curvature`: what a few products with the Hessian tell about the way that is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# The most products with the Hessian: with the gradient they cost 11 of the 20 gradients of a diagnosis.
MOST_PRODUCTS = 5
# Eigenvalues below this share of the largest are rounding errors, of products that come from differences, and of exact
# ones: a few hundred roundings of double precision.
ROUNDING, EXACT = 1e-7, 1e-13
# A path shows the Hessian of at most so many parameters, in directions that make up this share of its moves at least.
MOST_SEEN, CLEAR, ALIKE = 20, 1e-5, 0.05


@dataclass(frozen=True)
class Curvature:
    """The Hessian at a point, in the space of a few directions.

    Parameters
    ----------
    values : array of shape (directions,)
        The eigenvalues in this space, in rising order.
    vectors : array of shape (directions, parameters)
        Their vectors, of length 1.
    slope : array of shape (parameters,)
        The gradient at the point.
    is_whole : bool
        Whether the space is that of all parameters, so that the eigenvalues are those of the Hessian.
    is_measured : bool
        Whether the function was evaluated for it, and not only its trace read.
    rounding : float
        The share of the largest eigenvalue below which others are rounding errors.
    """

    values: np.ndarray
    vectors: np.ndarray
    slope: np.ndarray
    is_whole: bool
    is_measured: bool = True
    rounding: float = ROUNDING

    @property
    def top(self) -> float:
        """The largest eigenvalue."""
        return float(self.values[-1])

    @property
    def along(self) -> np.ndarray:
        """The slope along each vector."""
        return self.vectors @ self.slope

    @property
    def is_bowl(self) -> np.ndarray:
        """Whether each eigenvalue is positive beyond rounding."""
        return self.values > self.rounding * max(self.top, 0.0)

    @property
    def gaps(self) -> np.ndarray:
        """How far the quadratic model falls along each vector that curves upwards; 0 along the others."""
        with np.errstate(all="ignore"):
            return np.where(self.is_bowl, 0.5 * self.along**2 / self.values, 0.0)

    @property
    def gap(self) -> float:
        """How far the value lies above the minimum of the quadratic model, ½ gᵀH⁻¹g, in this space."""
        return float(self.gaps.sum())

    @property
    def newton(self) -> np.ndarray:
        """The move to the minimum of the quadratic model."""
        with np.errstate(all="ignore"):
            return -np.where(self.is_bowl, self.along / self.values, 0.0) @ self.vectors

    @property
    def remaining(self) -> float:
        """The curvature along the way that is left: the mean of the eigenvalues, weighed by their gaps."""
        gap = self.gap
        return float(self.gaps @ self.values) / gap if gap > 0 else np.nan

    @property
    def downward(self) -> float:
        """The share of the squared slope along vectors that do not curve upwards."""
        total = float(self.along @ self.along)
        return float((self.along[~self.is_bowl] ** 2).sum()) / total if total > 0 else 0.0

    def after(self, step: float, count: float) -> float:
        """Return the gap of the quadratic model after steps of plain descent.

        Parameters
        ----------
        step : float
            The step size.
        count : float
            The number of steps.

        Returns
        -------
        float
            The gap: the part along a vector shrinks by (1 - tλ)² with each step.

        Examples
        --------
        >>> curvature = Curvature(np.array([1.0, 4.0]), np.eye(2), np.array([1.0, 0.0]), True)
        >>> curvature.after(0.5, 1)
        0.125
        """
        with np.errstate(all="ignore"):
            return float(self.gaps @ np.abs(1 - step * np.where(self.is_bowl, self.values, 0.0)) ** (2 * count))


def measured(
    product: Callable[[np.ndarray], np.ndarray | None],
    slope: np.ndarray,
    other: np.ndarray,
    free: np.ndarray,
    rounding: float = ROUNDING,
) -> Curvature | None:
    """Return the curvature at a point: the whole Hessian of up to five parameters, or else that in a Krylov space.

    Parameters
    ----------
    product : callable
        The product of the Hessian with a vector; None once the budget is spent.
    slope : array of shape (parameters,)
        The gradient.
    other : array of shape (parameters,)
        Another direction to begin from, such as the first step, which sees steep directions that the gradient at the
        end lacks.
    free : array of bool
        Which parameters may move.
    rounding : float, optional
        The relative error of the products.

    Returns
    -------
    Curvature or None
        The curvature; None if a product failed.

    Notes
    -----
    The method of Rayleigh and Ritz in the space of g, Hg, H²g and of another vector and its image. The gap in this
    space is at most the true one.
    """
    slope = np.where(free, slope, 0.0)
    size = int(free.sum())
    is_whole = size <= MOST_PRODUCTS
    queue = list(np.eye(len(slope))[free]) if is_whole else [slope, np.where(free, other, 0.0)]
    basis: list[np.ndarray] = []
    images: list[np.ndarray] = []
    while queue and len(basis) < min(MOST_PRODUCTS, size):
        vector = queue.pop(0)
        length = np.linalg.norm(vector)
        for each in basis + basis:
            vector = vector - each * float(each @ vector)
        left = np.linalg.norm(vector)
        if not left > ROUNDING * length:
            continue
        vector = vector / left
        image = product(vector)
        if image is None or not np.isfinite(image).all():
            break
        basis.append(vector)
        images.append(np.where(free, image, 0.0))
        if not is_whole:
            queue.append(images[-1])
    if not basis or (is_whole and len(basis) < size):
        return None
    space = np.array(basis)
    small = space @ np.array(images).T
    values, vectors = np.linalg.eigh((small + small.T) / 2)
    return Curvature(values, vectors.T @ space, slope, is_whole, rounding=rounding)


def seen(points: np.ndarray, slopes: np.ndarray) -> Curvature | None:
    """Return the curvature that the gradients along a path show, if one Hessian explains them all.

    Parameters
    ----------
    points, slopes : array of shape (rows, parameters)
        Points that follow each other, and the gradients there.

    Returns
    -------
    Curvature or None
        The curvature, with the gradient at the last point; None if the path does not show all of it, or shows that it
        differs from place to place.

    Examples
    --------
    >>> points = np.array([[4.0, 1.0], [2.0, -1.0], [1.0, 2.0], [0.0, 1.0]])
    >>> seen(points, points * [2.0, 8.0]).values.round(9)
    array([2., 8.])
    """
    size = points.shape[1]
    moves, turns = np.diff(points, axis=0), np.diff(slopes, axis=0)
    long = np.linalg.norm(moves, axis=1)
    kept = (long > 0) & np.isfinite(turns).all(axis=1) & np.isfinite(moves).all(axis=1)
    if size > MOST_SEEN or kept.sum() < size:
        return None
    moves, turns = moves[kept] / long[kept, None], turns[kept] / long[kept, None]
    found, _, rank, _ = np.linalg.lstsq(moves, turns, rcond=CLEAR)
    # A Hessian is symmetric, and explains the changes of the gradients up to a few percent.
    left, odd = np.linalg.norm(moves @ found - turns), np.linalg.norm(found - found.T)
    if rank < size or not left <= ALIKE * np.linalg.norm(turns) or not odd <= ALIKE * np.linalg.norm(found):
        return None
    values, vectors = np.linalg.eigh((found + found.T) / 2)
    return Curvature(values, vectors.T, slopes[-1], is_whole=True, is_measured=False)
