"""The losses of rows held out in folds: for losses with kinks, which have no Newton step from all rows, and for many
coefficients of several classes, for which it takes too long.
"""

from __future__ import annotations

import numpy as np

from steepest.fitting.strength.columns import Directions
from steepest.fitting.strength.conjugate import fitted_classes
from steepest.fitting.strength.newton import descend
from steepest.fitting.strength.slopes import Slopes

COUNT = 5


def folds_of(columns: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the fold of each row; equal rows share a fold, so that a row of weight 2 is as good as two rows.

    The folds depend neither on the order of the rows nor on their weights alone: distinct rows are sorted, and dealt in
    a fixed random order.

    Parameters
    ----------
    columns : array of shape (rows, columns)
        Some columns, or directions in which the rows vary, by which rows are told apart.
    y : array of shape (rows,)
        The targets.

    Returns
    -------
    array of int of shape (rows,)
        Numbers from 0 to 4.
    """
    # Rounding differs between rows and copies of them, so few digits of a few directions tell rows apart.
    keys = np.column_stack([y, columns[:, :8]])
    size = np.abs(keys).max(axis=0)
    keys = np.round(keys / np.where(size > 0, size, 1.0), 6) + 0.0
    # The sign of a direction is arbitrary.
    keys[:, 1:] = np.abs(keys[:, 1:])
    distinct, which = np.unique(keys, axis=0, return_inverse=True)
    dealt = np.random.default_rng(0).permutation(len(distinct)) % COUNT
    return np.asarray(dealt[which.ravel()])


def held_out_losses(
    slopes: Slopes, directions: Directions, y: np.ndarray, strength: float, start: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss of each row at the fit to the other folds, and the parameters of the fits.

    Parameters
    ----------
    slopes : Slopes
        The loss.
    directions : Directions
        The rows.
    y : array of shape (rows,)
        The targets.
    strength : float
        λ.
    start : array of shape (folds, directions + 1, outputs) or None
        The parameters to begin from, of the fits at a larger strength.

    Returns
    -------
    array of shape (rows,), array of shape (folds, directions + 1, outputs)
        The losses, infinite where a fit has no end, and the parameters.
    """
    A, weight, fold = directions.columns, directions.weight, folds_of(directions.columns, y)
    found = np.full(len(y), np.inf)
    ends = np.zeros((COUNT, A.shape[1], slopes.outputs)) if start is None else start.copy()
    for k in range(COUNT):
        held, rest = fold == k, fold != k
        if not held.any() or not rest.any():
            continue
        curve = strength * directions.mass
        if slopes.outputs > 1:
            by_class, converged = fitted_classes(A[rest], y[rest].astype(int), weight[rest], curve, ends[k].T)
            theta = by_class.T
        else:
            point = descend(slopes, A[rest], y[rest], weight[rest], curve, ends[k])
            theta, converged = point.theta, point.converged
        if converged:
            ends[k] = theta
            found[held] = slopes.exact(A[held] @ theta, y[held])
    return found, ends
