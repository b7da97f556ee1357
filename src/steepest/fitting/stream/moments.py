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

    Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983), which is
    Welford's (1962) for more than one row at a time.
    """

    full: bool
    rows: int = 0
    mass: float = 0.0
    mean: Array = 0.0
    squares: Array = 0.0

    def add(self, X: Rows, weight: np.ndarray) -> None:
        """Add the rows of a block; sparse rows stay sparse."""
        mass = float(weight.sum())
        if is_sparse(X):
            low, high = edges(X)
            mean = moments(X, weight)
            # A column of equal numbers has no variance at all.
            new = np.where(low == high, 0.0, mass * moments(X, weight, mean))
        else:
            X = X.astype(float)
            # Relative to the first row, so that a column of equal numbers has no variance at all.
            mean = X[0] + weight @ (X - X[0]) / mass
            centred = X - mean
            weighted = centred * weight.reshape(-1, *[1] * (X.ndim - 1))
            new = weighted.T @ centred if self.full else (weighted * centred).sum(axis=0)
        shift, both = mean - self.mean, self.mass + mass
        jump = np.outer(shift, shift) if self.full else shift**2
        self.squares = self.squares + new + jump * (self.mass * mass / both)
        self.mean, self.mass, self.rows = self.mean + shift * (mass / both), both, self.rows + len(weight)

    def alone(self) -> Moments:
        """Return the same without covariances."""
        return replace(self, full=False, squares=np.diag(self.squares) if self.rows else 0.0)

    @property
    def scale(self) -> np.ndarray:
        """The standard deviation of each column, 1 if it has not varied yet."""
        spread = (np.diag(self.squares) if self.full else self.squares) / self.mass
        return np.where(spread > (8 * EPS * self.mean) ** 2, np.sqrt(spread), 1.0)

    def coordinates(self, ridge: float) -> Coordinates:
        """Return coordinates in which the columns so far are centred and uncorrelated, or at least of one size.

        As in a fit, ρ, the strength of a penalty beside the curvature of the loss, counts as variance, so that both
        are curved alike. Correlations are shrunk by columns / rows, as those of few rows are mostly chance.
        """
        scale = np.sqrt(self.scale**2 + ridge)
        if not self.full:
            return Coordinates(self.mean, scale)
        values, vectors = np.linalg.eigh(self.squares / self.mass / np.outer(scale, scale) + np.diag(ridge / scale**2))
        return Coordinates(self.mean, scale, vectors / np.sqrt(np.maximum(values, 0) + len(scale) / self.rows))
