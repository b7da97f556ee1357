"""The rows in standardised columns, turned to few directions in which they vary: what strengths are compared on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steepest.data.sparse.csr import is_sparse
from steepest.models.frame import column_deviations
from steepest.types import Rows

EPS = float(np.finfo(float).eps)
# Up to this many multiplications, columns are decomposed themselves, which keeps all digits; beyond, their products,
# which keep half. Chosen, not measured: the decomposition takes a second there.
DECOMPOSED = 2 * 10**9
# A direction along which products vary by a smaller share than this may be a rounding error.
BLURRED = 1e-7


@dataclass(frozen=True)
class Directions:
    """Scaled columns √w (X - mean) / scale = U diag(size) Vᵀ, without directions in which nothing varies.

    Attributes
    ----------
    U : array of shape (rows, rank)
        Orthonormal columns.
    size : array of shape (rank,)
        How far the weighted rows reach along each direction, the largest first.
    weight : array of shape (rows,)
        w, how often each row counts.
    varying : int
        How many columns vary.
    """

    U: np.ndarray
    size: np.ndarray
    weight: np.ndarray
    varying: int

    @classmethod
    def of(cls, X: Rows, weight: np.ndarray, scales: np.ndarray | None = None) -> Directions:
        """Return the directions of rows, by the smaller of their two products if they are many.

        Parameters
        ----------
        X : array or sparse array of shape (rows, columns)
            The rows.
        weight : array of shape (rows,)
            How often each row counts, above 0.
        scales : array of shape (columns,), optional
            What the columns are divided by, 0 for one that is left out; by default their deviations.

        Returns
        -------
        Directions
            The directions.
        """
        deviation = column_deviations(X, weight) if scales is None else scales
        varies = np.flatnonzero(deviation > 0)
        root, share = np.sqrt(weight), weight / weight.sum()
        rows, columns = X.shape[0], len(varies)
        if not columns:
            return cls(np.zeros((rows, 0)), np.zeros(0), weight, 0)
        if is_sparse(X) and columns > rows:
            # Products of sparse rows, centred afterwards, need no dense rows.
            scaled = X[:, varies].astype(float)
            scaled.data = scaled.data / deviation[varies][scaled.indices]
            product = (scaled @ scaled.T).toarray()
            left = product - (share @ product)
            product = (left - (left @ share)[:, None]) * root * root[:, None]
            U, size = _of_product(product)
            return cls(U, size, weight, columns)
        dense = (X.toarray() if is_sparse(X) else X)[:, varies].astype(float)
        dense = (dense - share @ dense) / deviation[varies]
        dense *= root[:, None]
        if rows * columns * min(rows, columns) <= DECOMPOSED:
            U, size, _ = np.linalg.svd(dense, full_matrices=False)
            kept = size > max(dense.shape) * EPS * size.max(initial=0.0)
            return cls(U[:, kept], size[kept], weight, columns)
        if columns > rows:
            U, size = _of_product(dense @ dense.T)
            return cls(U, size, weight, columns)
        values, vectors = np.linalg.eigh(dense.T @ dense)
        size = np.sqrt(np.maximum(values[::-1], 0.0))
        kept = size > BLURRED * size.max()
        return cls(dense @ (vectors[:, ::-1][:, kept] / size[kept]), size[kept], weight, columns)

    @cached_property
    def columns(self) -> np.ndarray:
        """The rows along the directions, without their weights, and a column of ones for the intercept."""
        rows = self.U * self.size / np.sqrt(self.weight)[:, None]
        return np.column_stack([rows, np.ones(len(rows))])

    @property
    def mass(self) -> float:
        """How many rows there are, each as often as it counts."""
        return float(self.weight.sum())

    @property
    def once(self) -> np.ndarray:
        """How much of a row's weight is left out with it: once, or all of it if the row counts less than once."""
        return np.minimum(self.weight, 1.0)

    @property
    def determined(self) -> bool:
        """Whether the rows leave something over beside their directions and the intercept."""
        return len(self.size) + 1 < float((self.weight / self.once).sum()) - 1e-9

    @property
    def reach(self) -> float:
        """The largest variance along a direction."""
        return float(self.size.max(initial=0.0) ** 2) / self.mass


def _of_product(product: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh(product)
    size = np.sqrt(np.maximum(values[::-1], 0.0))
    kept = size > BLURRED * size.max(initial=0.0)
    return vectors[:, ::-1][:, kept], size[kept]
