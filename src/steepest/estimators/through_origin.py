"""Fits without an intercept: the rows and their mirror images, whose best intercept is 0.

Each of the losses here is symmetric: a row (x, y) costs as much at z as its mirror image (-x, y') costs at -z, where
y' is -y or the other class. So the mean loss over rows and images is that over the rows if the intercept b is 0. It is
the same at b and -b, and convex, so it is least at b = 0. Any solver then finds the fit without an intercept.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from steepest.models import losses
from steepest.types import Function, Rows

# How the target of a row's mirror image follows from that of the row, for each symmetric loss.
IMAGES: dict[type, Callable[[np.ndarray], np.ndarray]] = {
    type(losses.squared): np.negative,
    type(losses.absolute): np.negative,
    losses.Huber: np.negative,
    losses.EpsilonInsensitive: np.negative,
    type(losses.log_loss): lambda y: 1 - y,
    type(losses.hinge): lambda y: 1 - y,
    type(losses.squared_hinge): lambda y: 1 - y,
}


def check_symmetric(loss: Function, is_linear: bool) -> None:
    """Raise if a fit can't leave out the intercept.

    Parameters
    ----------
    loss : callable
        The loss.
    is_linear : bool
        Whether the model is linear in the columns.

    Raises
    ------
    ValueError
        If the model is not linear in the columns, or the loss is not symmetric.
    """
    if not is_linear:
        raise ValueError(
            "fit_intercept=False is for models that are linear in the columns: "
            "leave the intercept out of your own function, and fit_intercept= out here"
        )
    if type(loss) not in IMAGES:
        name = f"the {loss.name} loss" if isinstance(loss, losses.Loss) else "a loss of your own"
        raise ValueError(
            f"fit_intercept=False does not support {name}: use st.fit with a function such as lambda X, w: X @ w, "
            "or a loss for numbers or two classes that is symmetric, such as squared, absolute, huber or hinge"
        )


def with_images(X: Rows, target: np.ndarray, weight: np.ndarray, loss: Function) -> tuple[Rows, np.ndarray, np.ndarray]:
    """Return the rows and their mirror images, with targets and weights.

    Parameters
    ----------
    X : array or sparse array of shape (rows, columns)
        The rows.
    target, weight : array of shape (rows,)
        Their targets and weights.
    loss : Loss
        The loss, which must be symmetric.

    Returns
    -------
    array or sparse array, array, array
        Twice as many rows, targets and weights.

    Examples
    --------
    >>> with_images(np.array([[2.0]]), np.array([3.0]), np.ones(1), losses.squared)[:2]
    (array([[ 2.],
           [-2.]]), array([ 3., -3.]))
    """
    both = sparse.vstack([X, -X], format="csr") if sparse.issparse(X) else np.concatenate([X, -X])
    return both, np.append(target, IMAGES[type(loss)](target)), np.append(weight, weight)
