"""Rows on a plane: their columns, a grid over them, and those of them that a picture shows."""

from __future__ import annotations

import numpy as np

from steepest.types import Rows

MOST_POINTS = 400  # the most rows that a panel shows: more would hide what is predicted; chosen by eye


def as_columns(X: Rows) -> np.ndarray:
    """Return rows as a dense matrix of numbers; a vector becomes one column.

    Parameters
    ----------
    X : array, DataFrame or sparse matrix
        The rows.

    Returns
    -------
    array of shape (rows, columns)
        The numbers.

    Examples
    --------
    >>> as_columns([1, 2]).tolist()
    [[1.0], [2.0]]
    """
    dense = X.toarray() if hasattr(X, "tocsr") else X
    array = np.asarray(dense, dtype=float)
    return array[:, None] if array.ndim == 1 else array


def grid_over(column: np.ndarray, size: int) -> np.ndarray:
    """Return a grid over the values of a column, slightly wider.

    Parameters
    ----------
    column : array of shape (rows,)
        Finite values.
    size : int
        The number of grid points.

    Returns
    -------
    array of shape (size,)
        The grid.

    Examples
    --------
    >>> grid_over(np.array([0.0, 20.0]), 3)
    array([-1., 10., 21.])
    """
    low, high = column.min(), column.max()
    margin = 0.05 * (high - low) or max(1.0, abs(low))
    return np.linspace(low - margin, high + margin, size)


def drawn_rows(count: int, most: int = MOST_POINTS) -> np.ndarray:
    """Return the rows to draw: all, or some of them at random, in order.

    Parameters
    ----------
    count : int
        The number of rows.
    most : int, optional
        How many of them to draw at most.

    Returns
    -------
    array of int
        The rows.

    Examples
    --------
    >>> drawn_rows(3), len(drawn_rows(10_000))
    (array([0, 1, 2]), 400)
    """
    return np.sort(np.random.default_rng(0).permutation(count)[:most])
