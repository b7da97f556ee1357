"""The leaves of a tree: what they predict for the rows that come to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.types import Array


@dataclass(frozen=True, eq=False)
class Leaves:
    """The outputs of leaves, constant or linear: value + slope · x, within the targets that the fit has seen.

    Parameters
    ----------
    values : array of shape (leaves, outputs)
        The constants.
    slopes : array of shape (leaves, columns), optional
        The slopes of linear leaves, which have one output.
    filled : array of shape (columns,), optional
        What takes the place of missing values in linear leaves.
    bounds : array of shape (2,), optional
        The least and the largest output of linear leaves.

    Examples
    --------
    >>> leaves = Leaves(np.array([[1.0], [2.0]]), np.array([[0.0], [3.0]]), np.zeros(1), np.array([0.0, 10.0]))
    >>> leaves.outputs(np.array([0, 1, 1]), np.array([[5.0], [1.0], [9.0]])).ravel()
    array([ 1.,  5., 10.])
    """

    values: np.ndarray
    slopes: np.ndarray | None = None
    filled: np.ndarray | None = None
    bounds: np.ndarray | None = None

    def reorder(self, order: np.ndarray) -> None:
        """Put other leaves in place of each.

        Parameters
        ----------
        order : array of int of shape (leaves,)
            The numbers of the leaves that come in place of each.
        """
        for part in (self.values, self.slopes):
            if part is not None:
                part[:] = part[order]

    def outputs(self, leaf: np.ndarray, X: Array) -> np.ndarray:
        """Return the outputs of rows.

        Parameters
        ----------
        leaf : array of int of shape (rows,)
            The leaf of each row.
        X : array of shape (rows, columns)
            The rows.

        Returns
        -------
        array of shape (rows, outputs)
            The outputs.
        """
        z = self.values[leaf]
        if self.slopes is None:
            return z
        assert self.filled is not None
        assert self.bounds is not None
        known = np.where(np.isnan(X), self.filled, X)
        z = z + (known * self.slopes[leaf]).sum(axis=1, keepdims=True)
        return np.clip(z, *self.bounds)
