"""The inverse of an information matrix by singular values, and the parameters that the matrix does not determine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

EPS = float(np.finfo(float).eps)
# A singular value is rounding noise below this many rounding errors of the largest. It is that of the solver
# (`fitting/function/levenberg.py`), so that both name the same parameters.
ROUNDED = 8.0
# A parameter is undetermined if it makes up this share of a direction without information, or more where the smallest
# singular value that counts is so small that rounding mixes directions.
LOOSE = 1e-8

# A linear map from the coordinates of the computation to parameters in the user's units, applied to columns.
Map = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Inverse:
    """G with G Gᵀ = A⁺, the pseudo-inverse of a matrix A in coordinates whose columns have length 1.

    Attributes
    ----------
    root : array of shape (n, rank)
        G.
    null : array of shape (n, n - rank)
        The directions without information.
    """

    root: np.ndarray
    null: np.ndarray

    @classmethod
    def of_triangle(cls, triangle: np.ndarray, noise: float = EPS) -> Self:
        """Return the inverse of RᵀR, for the R of a QR decomposition whose entries have the relative error `noise`."""
        length = column_lengths(triangle)
        _, singular, V = np.linalg.svd(triangle / length, full_matrices=True)
        singular = np.append(singular, np.zeros(len(V) - singular.size))
        return cls._of(singular, V.T, length, noise)

    @classmethod
    def of_symmetric(cls, matrix: np.ndarray, noise: float = EPS) -> Self | None:
        """Return the inverse of a symmetric matrix; None if it has a negative eigenvalue."""
        length = np.sqrt(np.abs(np.diag(matrix)))
        length = np.where(length > 0, length, 1.0)
        values, vectors = np.linalg.eigh(matrix / length / length[:, None])
        floor = ROUNDED * noise * len(values) * max(float(np.abs(values).max()), 1e-300)
        if values[0] < -floor:
            return None
        # Singular values are the roots of the eigenvalues, and those that rounding hides count as 0.
        singular = np.sqrt(np.where(values > floor, values, 0.0))[::-1]
        return cls._of(singular, vectors[:, ::-1], length, noise)

    @classmethod
    def _of(cls, singular: np.ndarray, V: np.ndarray, length: np.ndarray, noise: float) -> Self:
        floor = ROUNDED * noise * len(V) * max(float(singular[0]) if singular.size else 0.0, 1e-300)
        known = int(np.sum(singular > floor))
        least = float(singular[known - 1] / singular[0]) if known else 1.0
        # Smaller shares of a direction are rounding errors.
        loose = V[:, known:]
        loose = np.where(np.abs(loose) > max(LOOSE, 100 * noise / least), loose, 0.0)
        return cls(V[:, :known] / singular[:known] / length[:, None], loose / length[:, None])

    def undetermined(self, to_user: Map, reach: Map) -> np.ndarray:
        """Return which of the user's parameters change along a direction without information.

        Parameters
        ----------
        to_user : callable
            The map to the user's parameters.
        reach : callable
            The same map with absolute values, which bounds the rounding errors of `to_user`.

        Returns
        -------
        array of bool of shape (parameters,)
            Which parameters.
        """
        if not self.null.shape[1]:
            return np.zeros(len(to_user(self.null)), dtype=bool)
        return np.asarray((np.abs(to_user(self.null)) > LOOSE * reach(np.abs(self.null))).any(axis=1))


def column_lengths(columns: np.ndarray) -> np.ndarray:
    """Return the lengths of columns, also of those whose squares would overflow or vanish; 1 for a column of zeros."""
    unit = np.ldexp(1.0, np.frexp(np.abs(columns).max(axis=0, initial=0.0))[1])
    length = unit * np.linalg.norm(columns / unit, axis=0)
    return np.where(length > 0, length, 1.0)


def stacked(triangle: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the R of the QR decomposition of a triangle with more rows."""
    return np.asarray(np.linalg.qr(np.vstack([triangle, rows]), mode="r"))
