"""Other coordinates for the parameters of a linear model: the path changes, the answer does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.data.sparse import csr

WIDEST_GRAM = 500
BLOCK_ROWS, ABREAST = 4096, 64
CHOICES = ("auto", "whiten", "scale", "none")
EPS = float(np.finfo(float).eps)
# Below it, as a part of the largest, an eigenvalue of a Gram matrix is mostly rounding.
BLURRED = 1e-10
# The part of a coefficient that may lie in directions left out as rounding.
LEFT_OUT = 1e-9


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
    reach : array of shape (columns,)
        The largest entry of each centred and scaled column.
    condition : float
        The condition number of the scaled columns, where it was looked at.
    """

    mean: np.ndarray
    scale: np.ndarray
    basis: np.ndarray | None = None
    reach: np.ndarray | None = None
    condition: float = 1.0

    @property
    def turn(self) -> np.ndarray:
        """The matrix that makes coefficients of u, or the diagonal that it is."""
        return 1 / self.scale if self.basis is None else self.basis / self.scale[:, None]

    @property
    def directions(self) -> int:
        """How many numbers u holds."""
        return len(self.scale) if self.basis is None else self.basis.shape[1]

    def to_user(self, theta: np.ndarray) -> np.ndarray:
        """Return (coef, intercept) in the user's units, for each row of θ."""
        u = theta[..., :-1]
        if self.basis is not None:
            # One product a row: a product of matrices rounds by how many rows there are.
            rows = [self.basis @ row[:-1] for row in theta.reshape(-1, theta.shape[-1])]
            u = np.reshape(rows, (*u.shape[:-1], len(self.basis)))
        coef = u / self.scale
        intercept = theta[..., -1] - (coef * self.mean).sum(axis=-1)
        return np.concatenate([coef, intercept[..., None]], axis=-1)

    def from_user(self, point: np.ndarray) -> np.ndarray:
        """Return the θ of (coef, intercept); what the data can't tell apart is left out."""
        coef, intercept = point[:-1], point[-1]
        u = coef * self.scale
        if self.basis is not None:
            u = np.linalg.lstsq(self.basis, u, rcond=None)[0] if u.any() else np.zeros(self.directions)
        return np.append(u, intercept + coef @ self.mean)

    def blur(self, theta: np.ndarray) -> tuple[float, float]:
        """Return what writing θ as coefficients in the user's units may add to an output: row by row, and to all alike.

        Where directions are nearly dependent the coefficients are small differences of large numbers,
        and far from 0 the intercept is one of b and coef · mean.
        """
        u = np.abs(theta[:-1])
        summed = u if self.basis is None else np.abs(self.basis) @ u
        reach = 0.0 if self.reach is None else self.reach
        shift = np.abs(self.mean / self.scale) @ summed + abs(theta[-1])
        return EPS * float((reach * summed).sum()), EPS * float(shift)

    def terms(self, theta: np.ndarray) -> np.ndarray:
        """Return how large the terms are, at the most, that coefficients and the intercept are summed of."""
        u = np.abs(theta[:-1])
        coef = (u if self.basis is None else np.abs(self.basis) @ u) / self.scale
        return np.append(coef, abs(theta[-1]) + coef @ np.abs(self.mean))

    @property
    def undetermined(self) -> np.ndarray:
        """Which of the coefficients, and whether the intercept, the directions that are left out would change."""
        none = np.zeros(len(self.scale) + 1, bool)
        if self.basis is None or self.directions == len(self.scale):
            return none
        V = self.basis / np.linalg.norm(self.basis, axis=0)
        centre = self.mean / self.scale
        beside = np.linalg.norm(centre - V @ (V.T @ centre))
        return np.append((V**2).sum(axis=1) < 1 - LEFT_OUT, beside > LEFT_OUT * np.linalg.norm(centre))

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


def coordinates(X: Any, weight: np.ndarray | None, how: str, ridge: float = 0.0) -> Coordinates:
    """Choose coordinates in which a linear model on these columns is well conditioned.

    "scale" centres the columns and divides them by √(variance + ρ), rounded to a power of two: then
    columns in units that are powers of two apart give the same fit, bit for bit. "whiten" turns
    them, further, into directions in which C + ρ I is the identity, C being their covariance, and
    leaves out those in which they do not vary beyond rounding.

    Parameters
    ----------
    X : array or csr_array of shape (rows, columns)
        The columns; of sparse ones a block of rows at a time is made dense, where they are whitened.
    weight : array of shape (rows,) or None
        Row weights.
    how : {"whiten", "scale", "none"}
        Which.
    ridge : float
        ρ, the strength of an L2 penalty beside the curvature of the loss.

    Returns
    -------
    Coordinates
        The change of coordinates.
    """
    columns = X.shape[1]
    if how == "none":
        return Coordinates(np.zeros(columns), np.ones(columns), reach=np.abs(edges(X)).max(axis=0))
    if weight is not None and np.all(weight == weight[0]):
        weight = None
    low, high = edges(X)
    # The mean of a column of one value is that value, and not what a sum of many rounds to.
    mean = np.where(low == high, low, _mean(X, weight))
    spread, gram = _moments(X, mean, weight, full=how == "whiten")
    if not np.isfinite(gram).all():
        raise ValueError("X varies too widely to take squares of it (beyond 1e150): divide its columns first")
    reach = np.maximum(high - mean, mean - low)
    spread = np.where(spread > (8 * EPS * mean) ** 2, spread, 0.0)
    scale = _power_of_two(np.sqrt(spread + ridge))
    if how == "scale":
        return Coordinates(mean, scale, reach=reach / scale)
    penalty = np.sqrt(ridge) / scale
    values, vectors = np.linalg.eigh(gram / np.outer(scale, scale) + np.diag(penalty**2))
    if values[0] < BLURRED * values[-1]:
        singular, vectors = _triangular(X, mean, scale, weight, penalty)
    else:
        singular = np.sqrt(values)
    # Centring leaves a part of its mean's rounding in each column, and so in each direction.
    blurred = 8 * EPS * np.sqrt((mean / scale) ** 2 @ vectors**2)
    kept = singular > 8 * EPS * columns * max(singular.max(initial=0.0), 1e-300) + blurred
    condition = singular[kept].max() / singular[kept].min() if kept.any() else 1.0
    return Coordinates(mean, scale, vectors[:, kept] / singular[kept], reach / scale, float(condition))


def _mean(X: Any, weight: np.ndarray | None) -> np.ndarray:
    """Return the mean of each column."""
    if csr.is_sparse(X):
        return csr.moments(X, weight)
    each = np.ones(len(X)) if weight is None else weight
    places = (slice(first, first + BLOCK_ROWS) for first in range(0, len(X), BLOCK_ROWS))
    return sum(each[rows] @ X[rows] for rows in places) / each.sum()


def _dense(rows: Any) -> np.ndarray:
    """Return a block of rows as an array."""
    return rows.toarray() if csr.is_sparse(rows) else rows


def edges(X: Any) -> np.ndarray:
    """Return the least and the largest of each column.

    Parameters
    ----------
    X : array or csr_array of shape (rows, columns)
        The columns.

    Returns
    -------
    array of shape (2, columns)
        Both.
    """
    if csr.is_sparse(X):
        return csr.edges(X)
    return np.stack([_down(np.minimum, X), _down(np.maximum, X)]).astype(float)


def _down(which: np.ufunc, X: np.ndarray) -> np.ndarray:
    """Return what a ufunc reduces each column to, many rows side by side first, as loops over short rows are slow."""
    whole = len(X) // ABREAST * ABREAST
    if not X.flags.c_contiguous or whole == 0 or X.shape[1] == 0:
        return which.reduce(X, axis=0)
    some = which.reduce(X[:whole].reshape(-1, ABREAST * X.shape[1]), axis=0).reshape(ABREAST, -1)
    return which.reduce(np.concatenate([some, X[whole:]]), axis=0)


def _power_of_two(scale: np.ndarray) -> np.ndarray:
    """Return the powers of two nearest to positive numbers, and 1 for 0."""
    fraction, exponent = np.frexp(np.where(scale > 0, scale, 1.0))
    return np.ldexp(1.0, exponent - (fraction < np.sqrt(0.5)))


def _triangular(
    X: Any, mean: np.ndarray, scale: np.ndarray, weight: np.ndarray | None, penalty: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the singular values and right vectors of the scaled rows, above those of the penalty.

    By QR, a block of rows at a time: the eigenvalues of their Gram matrix would square the condition number.
    """
    total = float(X.shape[0]) if weight is None else float(weight.sum())
    R: np.ndarray = np.diag(penalty)
    for start in range(0, X.shape[0], BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        part = np.sqrt((1.0 if weight is None else weight[rows, None]) / total)
        R = np.asarray(np.linalg.qr(np.vstack([R, (_dense(X[rows]) - mean) / scale * part]), mode="r"))
    _, singular, vectors = np.linalg.svd(R)
    return singular, vectors.T


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


def _moments(X: Any, mean: np.ndarray, weight: np.ndarray | None, full: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances and, where asked, the covariances of the columns, in blocks of rows."""
    if csr.is_sparse(X) and not full:
        spread = csr.moments(X, weight, mean)
        return spread, spread
    total = float(X.shape[0]) if weight is None else float(weight.sum())
    gram = np.zeros((X.shape[1], X.shape[1]) if full else X.shape[1])
    for start in range(0, X.shape[0], BLOCK_ROWS):
        centred = _dense(X[start : start + BLOCK_ROWS]) - mean
        weighted = centred if weight is None else centred * weight[start : start + BLOCK_ROWS, None]
        gram += centred.T @ weighted if full else np.einsum("ij,ij->j", centred, weighted)
    gram /= total
    return (np.diag(gram).copy(), gram) if full else (gram, gram)
