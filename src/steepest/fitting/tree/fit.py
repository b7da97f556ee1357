"""The beginning of a tree's fit: its arguments are checked, and the trees are made."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steepest.descent.budget import Budget
from steepest.fitting.options import read_rows, refuse
from steepest.fitting.setup import TrainingData
from steepest.fitting.tree.hard.criterion import read_loss
from steepest.fitting.tree.result import TreeFit
from steepest.fitting.tree.resume import LiveTree
from steepest.fitting.tree.setup import TreeOptions, TreeSetup
from steepest.models import Tree
from steepest.models.penalties import L2
from steepest.printable import quoted
from steepest.types import Callback, Function

# The arguments of `fit` that a tree does not take, and why.
REASONS = {
    "bounds": "its splits are searched, and its leaves follow from the rows; leave it out",
    "fixed": "its splits are searched, and its leaves follow from the rows; leave it out",
    "start": "its restarts begin at random, and the greedy tree is always beside them; go on with fit.more()",
    "direction": "its soft gates descend by Adam, and its splits are then solved exactly; leave it out",
    "step": "its soft gates descend by Adam, and its splits are then solved exactly; leave it out",
    "shuffle": "it learns from the rows in another order in each epoch; leave it out",
    "tolerance": "no optimum is certified; limit the fit by epochs= or seconds=",
    "rescale": "its splits do not depend on the units of the columns; leave it out",
    "dtype": "its thresholds need every digit of the columns; leave it out",
}


def fit_tree(
    tree: Tree, data: TrainingData, loss: Function, budget: Budget, random: np.random.Generator,
    callback: Callback | None, progress: bool | None, *, batch_size: int | None, penalty: Function | None,
    refused: Mapping[str, object],
) -> TreeFit:  # fmt: skip
    """Fit a tree to rows that were read and checked.

    Parameters
    ----------
    tree : Tree
        The tree.
    data : TrainingData
        The rows.
    loss : callable
        The loss.
    budget : Budget
        The epochs and the seconds.
    random : numpy.random.Generator
        Draws the seeds.
    callback, progress, batch_size
        As for `fit`.
    penalty : L2 or None
        How far the values of leaves are drawn towards that of all rows; by default as their scatter suggests.
    refused : mapping
        The arguments of `fit` that a tree does not take; each must be None.

    Returns
    -------
    TreeFit
        The fit.
    """
    refuse("a tree", {**refused, "tolerance": budget.tolerance or None}, REASONS)
    if not (penalty is None or isinstance(penalty, L2)):
        raise ValueError(f"penalty={quoted(penalty)}: a tree takes only penalties.L2, on the values of its leaves")
    if penalty is not None and tree.leaves == "linear":
        raise ValueError(f"penalty={quoted(penalty)} is not for linear leaves, which find their own: leave it out")
    epochs = None if budget.iterations is None else int(budget.iterations)
    seed = int(random.integers(2**31))
    drawn = int(random.integers(2**31)) if isinstance(data.validation, float) else None
    options = TreeOptions(tree, read_loss(loss), read_rows(batch_size), epochs, seed, drawn, penalty)
    setup = TreeSetup.of(options, data, budget)
    fitted, checkpoint, kept = setup.go(callback, progress)
    fitted.resumable = LiveTree(setup, checkpoint, kept)
    return fitted
