"""`Basis`: what a fit rests on, its loss and penalty, and its rows with those that it did not learn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from steepest.types import Array, Function, Rows

# Why rows are of no use, after their name.
CHANGED = (
    "has changed since the fit, which keeps no copy of so large an array: fit again, or change a copy, such as X.copy()"
)

# Why a fit can't be continued whose estimator has dropped the rows; errors know such fits by it.
NO_ROWS = "this fit can't be continued, because its estimator did not keep the rows: fit it again with warm_start=True"


class Basis(NamedTuple):
    """The loss, the penalty and the rows that a fit was made of.

    Attributes
    ----------
    loss : callable
        The loss that was minimised.
    penalty : callable or None
        The penalty.
    X, y, weight : array
        All rows that the user gave, as numbers.
    learnt : array of bool of shape (rows,)
        Which of them the model learnt from: those with a weight, and not drawn for validation.
    validation : (X, y, weight) or None
        The validation rows, if they were given apart from X.
    slopes : callable or None
        The exact derivatives of the predictions by the parameters, flat, in the rows that the model learnt from, by
        code that the fit has compiled; None if it has none.
    intact : bool
        Whether X is what it was in the fit: a large array is the user's own, and may have changed.
    """

    loss: Function
    penalty: Function | None
    X: Rows
    y: np.ndarray
    weight: np.ndarray
    learnt: np.ndarray
    validation: tuple[Array, Array, Array] | None
    slopes: Callable[[np.ndarray], np.ndarray] | None = None
    intact: bool = True
