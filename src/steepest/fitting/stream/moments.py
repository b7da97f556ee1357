"""The mean and the covariance of the rows of a stream so far."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steepest.data.sparse.csr import edges, is_sparse, moments
from steepest.fitting.linear.coordinates import EPS, Coordinates
from steepest.types import Array, Rows


@dataclass
class Moments:
    """The mean and the covariance of the rows so far, updated block by block.

    Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983): Welford's method (1962) for several
    rows at a time.

    Attributes
    ----------
    full : bool
        Whether to compute covariances, and not only variances.
    rows : float
        The number of rows so far, where forgotten rows count less than 1.
    mass : float
        The sum of their weights.
    mean : array of shape (columns,)
        Their mean.
    squares : array of shape (columns,) or (columns, columns)
        The weighted sum of squared deviations from the mean, or of products of deviations.
    """

    full: bool
    rows: float = 0
    mass: float = 0.0
    mean: Array = 0.0
    squares: Array = 0.0

    def add(self, X: Rows, weight: np.ndarray) -> None:
        """Add the rows of a block; sparse rows stay sparse."""
        mass = float(weight.sum())
        if is_sparse(X):
            low, high = edges(X)
            mean = moments(X, weight)
            # Rounding must not give a variance to a column of equal numbers.
            new = np.where(low == high, 0.0, mass * moments(X, weight, mean))
        else:
            X = X.astype(float)
            # Take the mean relative to the first row, so that rounding gives no variance to a column of equal numbers.
            mean = X[0] + weight @ (X - X[0]) / mass
            centred = X - mean
            weighted = centred * weight.reshape(-1, *[1] * (X.ndim - 1))
            new = weighted.T @ centred if self.full else (weighted * centred).sum(axis=0)
        shift, total = mean - self.mean, self.mass + mass
        between = np.outer(shift, shift) if self.full else shift**2
        self.squares = self.squares + new + between * (self.mass * mass / total)
        self.mean, self.mass, self.rows = self.mean + shift * (mass / total), total, self.rows + len(weight)

    def forget(self, keep: float) -> None:
        """Multiply the weights of all rows so far by `keep`."""
        self.rows, self.mass, self.squares = self.rows * keep, self.mass * keep, self.squares * keep

    def variances_only(self) -> Moments:
        """Return the moments without covariances."""
        return replace(self, full=False, squares=np.diag(self.squares) if self.rows else 0.0)

    @property
    def scale(self) -> np.ndarray:
        """The standard deviation of each column; 1 if it has not varied yet."""
        spread = (np.diag(self.squares) if self.full else self.squares) / self.mass
        return np.where(spread > (8 * EPS * self.mean) ** 2, np.sqrt(spread), 1.0)

    def coordinates(self, ridge: float | np.ndarray) -> Coordinates:
        """Return coordinates in which the columns so far are centred, of unit variance, and uncorrelated if `full`.

        As in other fits, `ridge`, the strength of the penalty over the curvature of the loss, is added to the
        variances, so that the objective has the same curvature along each column. Correlations are shrunk by
        columns / rows, because those of few rows are mostly chance.
        """
        scale = np.sqrt(self.scale**2 + ridge)
        if not self.full:
            return Coordinates(self.mean, scale)
        values, vectors = np.linalg.eigh(self.squares / self.mass / np.outer(scale, scale) + np.diag(ridge / scale**2))
        return Coordinates(self.mean, scale, vectors / np.sqrt(np.maximum(values, 0) + len(scale) / self.rows))
