"""The greedy tree: from the root down, each node gets the split that lowers the loss most."""

from __future__ import annotations

import numpy as np

from steepest.fitting.tree.hard.columns import Columns
from steepest.fitting.tree.hard.criterion import Criterion
from steepest.fitting.tree.hard.search import best_split
from steepest.models.splits import Splits


def grown(
    columns: Columns, y: np.ndarray, weight: np.ndarray, criterion: Criterion, depth: int, above: Splits | None = None
) -> Splits:  # fmt: skip
    """Return the greedy tree of a depth: Breiman et al., "Classification and regression trees" (1984).

    Parameters
    ----------
    columns : Columns
        The rows.
    y, weight : array of shape (rows,)
        The targets and the weights.
    criterion : Criterion
        What a leaf does best.
    depth : int
        The number of levels.
    above : Splits, optional
        The splits of the first levels, which stay as they are.

    Returns
    -------
    Splits
        The splits; a node that no split improves sends all rows to the left.
    """

    def gain(left: np.ndarray, both: np.ndarray) -> np.ndarray:
        return criterion.least(both) - criterion.least(left) - criterion.least(both - left)

    splits = Splits.none(depth, columns.X.shape[1])
    known = 0 if above is None else len(above.thresholds)
    for node in range(known):
        assert above is not None
        splits.put(node, above.direction(node), float(above.thresholds[node]), bool(above.missing[node]))
    waiting = [(0, columns)]
    while waiting:
        node, own = waiting.pop()
        if node >= len(splits.thresholds) or not len(own.rows):
            continue
        if node >= known:
            found = criterion.sums(y[own.rows], weight[own.rows])
            at_stake = float(criterion.least(found.sum(axis=0)) - criterion.least(found).sum())
            sums = np.zeros((len(y), found.shape[1]))
            sums[own.rows] = found
            split = best_split(own, sums, gain, at_stake)
            if split is None:
                continue
            splits.put(node, split.weights, split.threshold, split.missing)
        right = np.zeros(len(y), dtype=bool)
        right[own.rows] = splits.goes_right(node, columns.X[own.rows])
        waiting += [(2 * node + 1, own.part(~right)), (2 * node + 2, own.part(right))]
    return splits
