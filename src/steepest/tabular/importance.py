"""How much each column of a table matters: by shuffling it, and by the effect of its coefficients."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence

import numpy as np

from steepest.arguments import generator
from steepest.fitting.result import Fit
from steepest.fitting.tree.importance import MOST_ROWS, importance_of
from steepest.fitting.tree.result import TreeFit
from steepest.models.losses import Loss
from steepest.printable import quoted
from steepest.tabular.one_vs_rest import outputs_of
from steepest.tabular.score import losses_of
from steepest.types import Seed

KINDS = ("permutation", "effect")
# How often each column is shuffled by default. Chosen, not measured: the order of columns that matter about as much can
# differ from one seed to another.
REPEATS = 10


def check_importance(kind: str, repeats: int | None, rng: Seed) -> int:
    """Check the arguments of `TableFit.importance`, and return how often each column is shuffled.

    Parameters
    ----------
    kind, repeats, rng
        The arguments.

    Returns
    -------
    int
        The number of orders.

    Raises
    ------
    ValueError
        If one is not known, or has no meaning beside the others.
    """
    if kind not in KINDS:
        raise ValueError(f'kind={quoted(kind)}: give "permutation" or "effect"')
    if kind == "effect" and not (repeats is None and isinstance(rng, int) and rng == 0):
        raise ValueError('repeats= and rng= are for kind="permutation": an effect draws nothing, so leave them out')
    repeats = REPEATS if repeats is None else repeats
    if isinstance(repeats, bool) or not isinstance(repeats, numbers.Integral) or repeats < 1:
        raise ValueError(f"repeats={quoted(repeats)}: give a whole number, 1 or more")
    return int(repeats)


def shuffled_importance(
    fit: Fit, groups: Mapping[str, Sequence[int]], X: np.ndarray, y: np.ndarray, loss: Loss, repeats: int, rng: Seed
) -> dict[str, float]:
    """Return what the mean loss of rows grows by if the values of a column are shuffled, the largest first.

    Parameters
    ----------
    fit : Fit
        The fit.
    groups : mapping of str to sequence of int
        The columns of X that each column of the table became; they are shuffled together.
    X : array of shape (rows, columns)
        The features.
    y : array of shape (rows,)
        The targets: numbers, or the index of each row's class.
    loss : Loss
        The loss that was minimised.
    repeats : int
        How often each column is shuffled.
    rng : int, numpy.random.Generator or None
        Draws the orders; with more than 10,000 rows, also so many of them.

    Returns
    -------
    dict of str to float
        The growth by column.
    """
    random = generator(rng)
    if len(y) > MOST_ROWS:
        drawn = np.sort(random.permutation(len(y))[:MOST_ROWS])
        X, y = X[drawn], y[drawn]

    def mean(rows: np.ndarray) -> float:
        return float(losses_of(outputs_of(fit, rows), y, loss).mean())

    used = set(np.flatnonzero(_used(fit, X.shape[1])).tolist())
    return importance_of(groups, used, mean, X, repeats, random)


def _used(fit: Fit, columns: int) -> np.ndarray:
    """Return which columns the predictions depend on, as a mask."""
    if isinstance(fit, TreeFit):
        return fit.used
    coef = np.asarray(fit.params["coef"]) if "coef" in fit.params else np.zeros(0)
    if coef.ndim and coef.shape[-1] == columns:
        return (coef.reshape(-1, columns) != 0).any(axis=0)
    return np.ones(columns, dtype=bool)


def effects_of(groups: Mapping[str, Sequence[int]], X: np.ndarray, coef: np.ndarray) -> np.ndarray:
    """Return the standard deviation of what each column of a table adds to the output of a linear model.

    Parameters
    ----------
    groups : mapping of str to sequence of int
        The columns of X that each column of the table became.
    X : array of shape (rows, columns)
        The features of the rows that were fitted.
    coef : array of shape (columns,) or (classes, columns)
        The coefficients.

    Returns
    -------
    array of shape (groups,)
        The effects, in the units of the output; of several classes the largest.

    Examples
    --------
    >>> X = np.array([[0.0, 0, 1], [2, 1, 0], [4, 0, 0]])
    >>> effects_of({"age": [0], "plan": [1, 2]}, X, np.array([1.0, 3.0, -3.0])).round(3)
    array([1.633, 2.449])
    """
    rows = np.atleast_2d(coef)
    with np.errstate(all="ignore"):
        return np.array([(X[:, list(own)] @ rows[:, list(own)].T).std(axis=0).max() for own in groups.values()])
