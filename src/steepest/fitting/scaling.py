"""Other coordinates for the parameters of a linear model: the path changes, the answer does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

WIDEST_GRAM = 500
BLOCK_ROWS = 4096
CHOICES = ("auto", "whiten", "scale", "none")


@dataclass(frozen=True)
class Coordinates:
    """The change from the coordinates θ that are descended in to coefficients in the user's units.

    With X centred by `mean`, the columns divided by `scale`, and coef = basis u / scale:
    θ = (u, b) and X coef + intercept = ((X - mean) / scale) basis u + b.

    Parameters
    ----------
    mean, scale : array of shape (columns,)
        What the columns are centred and divided by.
    basis : array of shape (columns, directions) or None
        Directions in which the scaled columns vary independently; None: the columns themselves.
    """

    mean: np.ndarray
    scale: np.ndarray
    basis: np.ndarray | None = None

    @property
    def turn(self) -> np.ndarray:
        """The matrix that makes coefficients of u."""
        return np.diag(1 / self.scale) if self.basis is None else self.basis / self.scale[:, None]

    @property
    def directions(self) -> int:
        """How many numbers u holds."""
        return len(self.scale) if self.basis is None else self.basis.shape[1]

    def to_user(self, theta: np.ndarray) -> np.ndarray:
        """Return (coef, intercept) in the user's units, for each row of θ."""
        u = theta[..., :-1]
        coef = (u if self.basis is None else u @ self.basis.T) / self.scale
        intercept = theta[..., -1] - coef @ self.mean
        return np.concatenate([coef, intercept[..., None]], axis=-1)

    def from_user(self, point: np.ndarray) -> np.ndarray:
        """Return the θ of (coef, intercept); what the data can't tell apart is left out."""
        coef, intercept = point[:-1], point[-1]
        u = coef * self.scale
        if self.basis is not None:
            u = np.linalg.lstsq(self.basis, u, rcond=None)[0]
        return np.append(u, intercept + coef @ self.mean)

    def weights(self, theta: Any) -> Any:
        """Return the coefficients in the user's units, in traced code too."""
        u = theta[:-1]
        return (u if self.basis is None else self.basis @ u) / self.scale

    def slope(self, gradient: np.ndarray) -> np.ndarray:
        """Return a gradient by θ as one by (coef, intercept)."""
        by_scaled = gradient[:-1]
        if self.basis is not None:
            by_scaled = np.linalg.lstsq(self.basis.T, by_scaled, rcond=None)[0]
        return np.append(self.scale * by_scaled + self.mean * gradient[-1], gradient[-1])


def coordinates(X: np.ndarray, weight: np.ndarray | None, how: str) -> Coordinates:
    """Choose coordinates in which a linear model on these columns is well conditioned.

    "scale" centres the columns and divides them by their standard deviations; "whiten" turns them,
    further, into uncorrelated directions by an eigendecomposition of their Gram matrix, leaving out
    directions in which they do not vary at all.

    Parameters
    ----------
    X : array of shape (rows, columns)
        The columns.
    weight : array of shape (rows,) or None
        Row weights.
    how : {"whiten", "scale", "none"}
        Which.

    Returns
    -------
    Coordinates
        The change of coordinates.
    """
    columns = X.shape[1]
    if how == "none":
        return Coordinates(np.zeros(columns), np.ones(columns))
    mean = np.average(X, axis=0, weights=weight).astype(float)
    spread, gram = _moments(X, mean, weight, full=how == "whiten")
    if not np.isfinite(gram).all():
        raise ValueError("X varies too widely to take squares of it (beyond 1e150): divide its columns first")
    scale = np.where(spread > 0, np.sqrt(spread), 1.0)
    if how == "scale":
        return Coordinates(mean, scale)
    eigenvalues, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    kept = eigenvalues > 8 * np.finfo(float).eps * columns * max(eigenvalues[-1], 1e-300)
    return Coordinates(mean, scale, vectors[:, kept] / np.sqrt(eigenvalues[kept]))


@dataclass(frozen=True)
class Changed:
    """The columns of X that belong to u, written a block of rows at a time in X's own precision."""

    X: np.ndarray
    coordinates: Coordinates

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.X), self.coordinates.directions

    @property
    def dtype(self) -> np.dtype:
        return self.X.dtype

    def write(self, out: np.ndarray, order: np.ndarray | None) -> None:
        mean, scale, basis = self.coordinates.mean, self.coordinates.scale, self.coordinates.basis
        for start in range(0, len(out), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            scaled = (self.X[rows if order is None else order[rows]] - mean) / scale
            out[rows] = scaled if basis is None else scaled @ basis


def _moments(X: np.ndarray, mean: np.ndarray, weight: np.ndarray | None, full: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances and, where asked, the covariances of the columns, in blocks of rows."""
    total = float(len(X)) if weight is None else float(weight.sum())
    gram = np.zeros((X.shape[1], X.shape[1]) if full else X.shape[1])
    for start in range(0, len(X), BLOCK_ROWS):
        centred = X[start : start + BLOCK_ROWS] - mean
        weighted = centred if weight is None else centred * weight[start : start + BLOCK_ROWS, None]
        gram += centred.T @ weighted if full else np.einsum("ij,ij->j", centred, weighted)
    gram /= total
    return (np.diag(gram).copy(), gram) if full else (gram, gram)
