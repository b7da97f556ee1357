"""The importance of columns: what the loss grows by if the values of a column are shuffled among the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

# The most rows that are shuffled. Chosen, not measured: more rows know the growth better, and take longer.
MOST_ROWS = 10_000


def importance_of(
    groups: Mapping[str, Sequence[int]], used: set[int], loss: Callable[[np.ndarray], float], X: np.ndarray,
    repeats: int, random: np.random.Generator,
) -> dict[str, float]:  # fmt: skip
    """Return the mean growth of a loss when the columns of each group are shuffled together, the largest first.

    Breiman, "Random forests" (2001).

    Parameters
    ----------
    groups : mapping of str to sequence of int
        The columns of each group, such as the levels of a category.
    used : set of int
        The columns that the model looks at; shuffling others changes nothing.
    loss : callable
        Returns the loss for rows in place of X.
    X : array of shape (rows, columns)
        The rows.
    repeats : int
        How often each group is shuffled.
    random : numpy.random.Generator
        Draws the orders.

    Returns
    -------
    dict of str to float
        The growth by group.
    """
    before, found = loss(X), {}
    for name, columns in groups.items():
        grown, own = [], list(columns)
        for _ in range(repeats if used.intersection(own) else 0):
            shuffled = X.copy()
            shuffled[:, own] = X[random.permutation(len(X))][:, own]
            grown.append(loss(shuffled) - before)
        found[name] = float(np.mean(grown)) if grown else 0.0
    return dict(sorted(found.items(), key=lambda item: -item[1]))
