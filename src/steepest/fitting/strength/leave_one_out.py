"""Exact leave-one-out of ridge regression, at all strengths from one decomposition."""

from __future__ import annotations

import numpy as np

from steepest.fitting.strength.columns import Directions

# A row that its fit goes through has a leverage of 1 but for rounding. Its prediction without itself is then the limit
# of weaker and weaker penalties, which this share of the least variance comes near.
ALONE, LIMIT = 1e-9, 1e-8


def squared_errors(directions: Directions, y: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """Return the squared error of each row, predicted by the fit to the others, at each strength.

    Leaving a row out changes neither how the columns are standardised, nor how much the penalty weighs beside the
    squared error of one row. A row of weight 2 counts as two rows, of which one is left out.

    Parameters
    ----------
    directions : Directions
        The rows.
    y : array of shape (rows,)
        The targets.
    strengths : array of shape (strengths,)
        λ of the penalty λ/2 ‖w‖² beside the mean squared error, for standardised columns; 0 for none.

    Returns
    -------
    array of shape (strengths, rows)
        The squared errors.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0], [4.0]])
    >>> directions = Directions.of(x, np.ones(4))
    >>> squared_errors(directions, 3 * x[:, 0] + 1, np.array([0.0])).round(12)
    array([[0., 0., 0., 0.]])
    """
    # With the weights summed to W, λ/2 beside the mean of squares is λ W / 2 beside their sum.
    curves = strengths * directions.mass / 2
    found = np.array([_at(directions, y, curve) for curve in curves])
    for k in np.flatnonzero(curves == 0):
        left = _left(directions, 0.0)
        if (alone := left <= ALONE).any() and directions.size.size:
            found[k, alone] = _at(directions, y, LIMIT * float(directions.size.min()) ** 2)[alone]
    return found


def mean_square(directions: Directions, y: np.ndarray) -> float:
    """Return the mean squared error of the rows that a fit without a penalty learnt from.

    Parameters
    ----------
    directions : Directions
        The rows.
    y : array of shape (rows,)
        The targets.

    Returns
    -------
    float
        The error.

    Examples
    --------
    >>> mean_square(Directions.of(np.array([[0.0], [1.0], [2.0]]), np.ones(3)), np.array([0.0, 3.0, 0.0]))
    2.0
    """
    mean = directions.weight @ y / directions.mass
    error = np.sqrt(directions.weight) * (y - mean)
    error = error - directions.U @ (directions.U.T @ error)
    return float(error @ error) / directions.mass


def _left(directions: Directions, curve: float) -> np.ndarray:
    """Return 1 less the leverage of the part of each row that is left out."""
    squares = directions.size**2
    own = directions.U**2 @ (squares / (squares + curve)) / directions.weight
    return 1 - directions.once * (1 / directions.mass + own)


def _at(directions: Directions, y: np.ndarray, curve: float) -> np.ndarray:
    squares, root = directions.size**2, np.sqrt(directions.weight)
    mean = directions.weight @ y / directions.mass
    along = directions.U.T @ (root * (y - mean))
    error = (y - mean) - directions.U @ (squares / (squares + curve) * along) / root
    with np.errstate(all="ignore"):
        return np.asarray((error / _left(directions, curve)) ** 2)
