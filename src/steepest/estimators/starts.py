"""The starts of the fits of the outputs: in the first call, and after an earlier fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from steepest.fitting.result import Fit
from steepest.printable import quoted
from steepest.types import Function, PyTree, Rows

# The values that start= takes: parameters by name or in order, or a function of X that returns parameters.
Start = Mapping[str, ArrayLike] | Sequence[ArrayLike] | Function | None


def first_starts(start: Start, model: str | Function, X: Rows, outputs: int) -> list[PyTree]:
    """Return the start of each output in a first fit.

    Parameters
    ----------
    start : mapping, sequence, callable or None
        The estimator's parameter.
    model : str or callable
        The estimator's model.
    X : array or sparse array of shape (rows, columns)
        The rows.
    outputs : int
        The number of outputs.

    Returns
    -------
    list
        The same start for each output; None for the default start of the model.

    Raises
    ------
    ValueError
        If a model of the library is given a start.
    """
    if isinstance(model, str) and start is not None:
        raise ValueError(
            f"start= is for a model of your own, but the model is {quoted(model)}, which starts from 0: leave it out, "
            "or give warm_start=True to start from the last fit"
        )
    return [start(X) if callable(start) else start] * outputs


def mean_start(target: np.ndarray, weight: np.ndarray, for_classes: bool, columns: int) -> tuple[np.ndarray, float]:
    """Return coefficients of 0 and, as the intercept, the mean of the targets (0 for classes).

    The intercept is often the parameter that is farthest from its optimum, and the mean is near that optimum.

    Parameters
    ----------
    target : array of shape (rows,)
        Targets.
    weight : array of shape (rows,)
        The weights of the targets.
    for_classes : bool
        Whether targets are classes.
    columns : int
        The number of columns.

    Returns
    -------
    array of shape (columns,), float
        Coefficients and intercept.

    Examples
    --------
    >>> mean_start(np.array([1.0, 3.0]), np.ones(2), False, columns=2)
    (array([0., 0.]), 2.0)
    """
    return np.zeros(columns), 0.0 if for_classes else float(np.average(target, weights=weight))


def next_starts(
    runs: Sequence[Fit], coefficients: tuple[np.ndarray, np.ndarray] | None, columns: int, outputs: int, joint: bool
) -> list[PyTree]:
    """Return the start of each output: the parameters of its last fit.

    Parameters
    ----------
    runs : sequence of Fit
        The last fits.
    coefficients : (array, array) or None
        The coefficients and intercepts of a linear model, a row for each output or class; None for other models.
    columns : int
        The number of columns of the new rows.
    outputs : int
        The number of fits to start.
    joint : bool
        Whether a single fit outputs the scores of all classes.

    Returns
    -------
    list
        The start of each output.

    Raises
    ------
    ValueError
        If the number of columns or of fits differs from the last fit.
    """
    starts: list[PyTree] = [run.params for run in runs]
    if coefficients is not None:
        coef, intercept = coefficients
        if coef.shape[1] != columns:
            raise ValueError(
                f"warm_start=True: X has {columns} columns, but the last fit had {coef.shape[1]}: "
                "give the same columns, or set warm_start=False"
            )
        starts = [{"coef": coef, "intercept": intercept}] if joint else list(zip(coef, intercept, strict=True))
    if len(starts) != outputs:
        raise ValueError(
            f"y needs {outputs} fits, but the last call made {len(starts)}: "
            "give as many outputs or classes as before, or begin with a new estimator"
        )
    return starts
