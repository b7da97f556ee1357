"""The values of leaves: the best constants of their rows, drawn a little towards that of all rows."""

from __future__ import annotations

import numpy as np

from steepest.fitting.tree.criterion import Criterion


def leaf_values(
    leaf: np.ndarray, leaves: int, y: np.ndarray, weight: np.ndarray, criterion: Criterion
) -> np.ndarray:  # fmt: skip
    """Return the value of each leaf, of shape (leaves, outputs).

    Besides its own rows a leaf has one more row of mean weight, whose target is spread like those of all rows. So no
    share of a class is 0, and the value of a leaf without rows is that of all rows.

    Parameters
    ----------
    leaf : array of int of shape (rows,)
        The leaf of each row.
    leaves : int
        The number of leaves.
    y, weight : array of shape (rows,)
        The targets and the weights.
    criterion : Criterion
        What a leaf does best.

    Returns
    -------
    array of shape (leaves, outputs)
        The values.
    """
    whole = criterion.best(y, weight)
    light = weight.mean() * weight / weight.sum()
    values = np.tile(whole, (leaves, 1))
    for k in np.unique(leaf):
        own = leaf == k
        values[k] = criterion.best(np.append(y[own], y), np.append(weight[own], light))
    return values
