"""The rows that each member of a network learns from, and those that it leaves out."""

from __future__ import annotations

import numpy as np


def parts_of(y: np.ndarray, is_classes: bool, members: int, random: np.random.Generator) -> np.ndarray:
    """Return for each row the number of the member that leaves it out; each class is shared out evenly.

    Parameters
    ----------
    y : array of shape (rows,)
        The targets.
    is_classes : bool
        Whether they are classes.
    members : int
        The number of members.
    random : numpy.random.Generator
        Draws the parts.

    Returns
    -------
    array of int of shape (rows,)
        Numbers from 0 to members - 1.
    """
    order = random.permutation(len(y))
    if is_classes:
        order = order[np.argsort(y[order], kind="stable")]
    part = np.empty(len(y), dtype=int)
    part[order] = np.arange(len(y)) % members
    return part


def weighted_rows(weight: np.ndarray, count: int) -> np.ndarray:
    """Return the numbers of rows at even distances, in proportion to their weights.

    A row of weight 2 is taken as two neighbouring rows of weight 1 would be.
    """
    upto = np.cumsum(weight)
    places = (np.arange(count) + 0.5) / count * upto[-1]
    return np.minimum(np.searchsorted(upto, places, side="right"), len(weight) - 1)
