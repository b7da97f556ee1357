"""The polish of a tree: each node is solved again while the rest stays as it is, until no node can do better.

Carreira-Perpiñán and Tavallali, "Alternating optimization of decision trees" (2018).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steepest.fitting.tree.hard.columns import Columns
from steepest.fitting.tree.hard.leaves import LeafFitter
from steepest.fitting.tree.hard.search import RESOLUTION, Split, best_along, best_split
from steepest.fitting.validation import LabelledRows
from steepest.models.leaves import Leaves
from steepest.models.losses import Loss
from steepest.models.splits import Splits

# A sweep goes through all nodes. Chosen by measurement: more than 10 are rare.
MOST_SWEEPS = 50
EVERY_ROW_LEFT = Split(0.0, {}, np.inf, False)
EVERY_ROW_RIGHT = Split(0.0, {}, -np.inf, True)


@dataclass(frozen=True)
class Polished:
    """A tree after its polish.

    Attributes
    ----------
    splits : Splits
        The splits.
    leaves : Leaves
        The leaves.
    is_optimal : bool
        Whether no other split of a single node, by any column or category and with its rows on either side, lowers
        the loss while the other nodes and the values of the leaves stay as they are.
    """

    splits: Splits
    leaves: Leaves
    is_optimal: bool


def polished(
    splits: Splits, columns: Columns, rows: LabelledRows, loss: Loss, fit_leaves: LeafFitter,
    sweeps: int = MOST_SWEEPS, is_over: Callable[[], bool] = lambda: False,
) -> Polished:  # fmt: skip
    """Return a tree whose nodes were solved again, from the lowest level to the root, and whose leaves were refitted.

    Parameters
    ----------
    splits : Splits
        The tree.
    columns : Columns
        All rows, in the order of each column.
    rows : LabelledRows
        All rows.
    loss : Loss
        The loss.
    fit_leaves : LeafFitter
        Fits the leaves.
    sweeps : int
        The most sweeps.
    is_over : callable
        Tells whether to end before the next level is solved.

    Returns
    -------
    Polished
        The tree.
    """
    splits, count = splits.copy(), len(splits.thresholds) + 1
    leaves = fit_leaves(splits.leaves(rows.X), count, rows)
    for _ in range(sweeps):
        changed = False
        for level in reversed(range(splits.depth)):
            if is_over():
                leaves = fit_leaves(splits.leaves(rows.X), count, rows)
                return Polished(splits.without_empty_sides(rows.X), leaves, False)
            changed |= _solve_level(splits, level, leaves, columns, rows, loss)
        if not changed:
            plain = splits.without_empty_sides(rows.X)
            if plain.same_as(splits):
                return Polished(splits, leaves, True)
            # Rows of other splits would now take other ways.
            splits = plain
        leaves = fit_leaves(splits.leaves(rows.X), count, rows)
    return Polished(splits.without_empty_sides(rows.X), leaves, False)


def _solve_level(
    splits: Splits, level: int, leaves: Leaves, columns: Columns, rows: LabelledRows, loss: Loss
) -> bool:  # fmt: skip
    """Solve each node of a level again; return whether any changed."""
    X, y, weight = rows
    at = splits.nodes(X, level)
    # The loss of each row if it goes left at its node, and if it goes right.
    left, right = (losses_of(loss, leaves.outputs(splits.leaves(X, 2 * at + side), X), y) for side in (1, 2))
    # The loss of each row if it goes left, minus its loss if it goes right.
    excess = weight * (left - right)
    changed, in_category = False, {column for category in columns.categories for column in category}
    for node, part in columns.parts(at):
        own = excess[part.rows]
        scale, total = float(np.abs(own).sum()), float(own.sum())
        if scale == 0:
            continue
        present = float(own[~splits.goes_right(node, X[part.rows])].sum())
        direction = splits.direction(node)
        others = [best_split(part, excess[:, None], _gain, scale)]
        if len(direction) > 1 and next(iter(direction)) not in in_category:
            others.append(best_along(direction, part, excess[:, None], _gain))
        found = [(-total, EVERY_ROW_LEFT), (0.0, EVERY_ROW_RIGHT), *((s.gain, s) for s in others if s)]
        gain, best = max(found, key=lambda pair: pair[0])
        if gain > -present + RESOLUTION * scale:
            splits.put(node, best.weights, best.threshold, best.missing)
            on_left = float(own[~splits.goes_right(node, X[part.rows])].sum())
            if on_left > total - on_left:
                leaves.reorder(splits.swap_children(node))
            changed = True
    return changed


def _gain(left: np.ndarray, both: np.ndarray) -> np.ndarray:
    """Return what the loss falls by from that with all rows on the right; the children may also swap their places."""
    return np.maximum(-left, left - both)[..., -1]


def losses_of(loss: Loss, z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the loss of each row for outputs of shape (rows, outputs)."""
    return np.asarray(loss(z if z.shape[1] > 1 else z[:, 0], y))
