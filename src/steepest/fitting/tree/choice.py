"""The choice among finished trees: the greedy tree stays unless another one is clearly better on rows held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.fitting.tree.pool import (
    BY_GINI,
    CLEARLY,
    GREEDY,
    MOST_POLISHED,
    POLISHED,
    SCOUT,
    Candidate,
    Grower,
    hardened,
)
from steepest.fitting.tree.soft.solver import SoftSolver
from steepest.fitting.tree.soft.task import SoftTask
from steepest.fitting.validation import LabelledRows
from steepest.models.leaves import Leaves
from steepest.models.splits import Splits


@dataclass(frozen=True)
class Choice:
    """The tree that is kept, and those that it was compared with.

    Attributes
    ----------
    kept : Candidate
        The tree.
    pool : list of Candidate
        All trees, the greedy one first.
    soft_losses, hard_losses : list of float
        The loss of each restart on the rows of the descent, before and after its gates became hard splits.
    """

    kept: Candidate
    pool: list[Candidate]
    soft_losses: list[float]
    hard_losses: list[float]


def choose(
    grower: Grower, own: LabelledRows, held: LabelledRows, task: SoftTask, solver: SoftSolver,
    scout: Candidate | None, before: Candidate | None,
) -> Choice:  # fmt: skip
    """Harden and polish the restarts, and compare them with the greedy tree and with the tree of an earlier fit.

    Parameters
    ----------
    grower : Grower
        Makes finished trees. If its time is over, trees stay without polish.
    own, held : LabelledRows
        The rows of the descent, and those that choose.
    task, solver : SoftTask, SoftSolver
        The soft descent at its end.
    scout : Candidate or None
        The tree that set the depth, found on some of the rows.
    before : Candidate or None
        The tree that an earlier fit to these rows kept.

    Returns
    -------
    Choice
        The choice.
    """
    columns = grower.columns(own)
    greedy = grower.greedy(own, columns, task.depth)
    pool = [grower.candidate(GREEDY, greedy, own, held), *([before] if before else [])]
    if grower.has_classes:
        pool.append(grower.candidate(BY_GINI, grower.by_gini(own, columns, task.depth), own, held))
    softs = solver.softs
    trees = [hardened(soft, task) for soft in softs]
    losses = [float(grower.losses(tree, grower.leaves(tree, own), own).mean()) for tree in trees]
    starts = {} if grower.is_over() else {POLISHED: greedy}
    if scout is not None:
        starts[SCOUT] = scout.splits
    best = np.argsort(losses, kind="stable")[:MOST_POLISHED]
    starts |= {f"restart {solver.round * task.restarts + k + 1}": trees[k] for k in best}
    ends = starts.values() if grower.is_over() else grower.all_polished(list(starts.values()), own, columns)
    pool += [grower.candidate(name, tree, own, held) for name, tree in zip(starts, ends, strict=True)]
    return Choice(kept_of(pool, before or pool[0]), pool, [task.loss(soft) for soft in softs], losses)


def kept_of(pool: list[Candidate], stays: Candidate) -> Candidate:
    """Return the best of the trees that are clearly better than the one that else stays, which is that one if none is.

    Parameters
    ----------
    pool : list of Candidate
        The trees.
    stays : Candidate
        The greedy tree, or the one that an earlier fit kept.

    Returns
    -------
    Candidate
        The tree.
    """
    rivals = [rival for rival in pool if rival.beats(stays, 1.0 if rival.name in (POLISHED, BY_GINI) else CLEARLY)]
    return min(rivals, key=lambda rival: rival.loss, default=stays)


@dataclass(frozen=True)
class Refitted:
    """The kept tree after it was made again from all rows.

    Attributes
    ----------
    splits, leaves : Splits, Leaves
        The tree.
    is_optimal : bool or None
        Whether no other split of a single node lowers the loss; None if this was not checked.
    """

    splits: Splits
    leaves: Leaves
    is_optimal: bool | None


def refitted(grower: Grower, kept: Candidate, rows: LabelledRows, depth: int) -> Refitted:
    """Return the kept tree after it was made again from all rows.

    Parameters
    ----------
    grower : Grower
        Makes finished trees. If its time is over, the tree stays without polish.
    kept : Candidate
        The tree. A greedy one is grown again, unless it is then worse.
    rows : LabelledRows
        All rows.
    depth : int
        The depth of trees.

    Returns
    -------
    Refitted
        The tree.
    """
    columns, splits = grower.columns(rows), kept.splits.without_empty_sides(rows.X)
    grow = {GREEDY: grower.greedy, BY_GINI: grower.by_gini}.get(kept.name)
    if grow is None and not grower.is_over():
        polish = grower.polished(splits, rows, columns)
        # A polish that did not come to its end does not know.
        return Refitted(polish.splits, polish.leaves, polish.is_optimal or None)
    if grow is not None:
        trees = (grow(rows, columns, depth), splits)
        splits = min(trees, key=lambda tree: float(grower.losses(tree, grower.leaves(tree, rows), rows).mean()))
    # A first sweep changes nothing if no split of one node is better.
    is_optimal = grower.polished(splits, rows, columns, 1).is_optimal
    return Refitted(splits, grower.leaves(splits, rows), None if grower.is_over() else is_optimal)
