"""The beginning of a tree's fit: its arguments are checked, and the trees are made."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steepest.descent.budget import Budget
from steepest.fitting.options import read_rows
from steepest.fitting.setup import TrainingData
from steepest.fitting.tree.hard.criterion import read_loss
from steepest.fitting.tree.result import TreeFit
from steepest.fitting.tree.resume import LiveTree
from steepest.fitting.tree.setup import TreeOptions, TreeSetup
from steepest.models import Tree
from steepest.printable import quoted
from steepest.types import Callback, Function

# The arguments of `fit` that a tree does not take, and why.
REASONS = {
    "start": "its restarts begin at random, and the greedy tree is always beside them; go on with fit.more()",
    "penalty": "its depth limits it; give models.Tree(depth=...)",
    "direction": "its soft gates descend by Adam, and its splits are then solved exactly; leave it out",
    "step": "its soft gates descend by Adam, and its splits are then solved exactly; leave it out",
    "shuffle": "it learns from the rows in another order in each epoch; leave it out",
    "tolerance": "no optimum is certified; limit the fit by epochs= or seconds=",
    "rescale": "its splits do not depend on the units of the columns; leave it out",
    "dtype": "its thresholds need every digit of the columns; leave it out",
}


def fit_tree(
    tree: Tree, data: TrainingData, loss: Function, budget: Budget, random: np.random.Generator,
    callback: Callback | None, progress: bool | None, *, batch_size: int | None, refused: Mapping[str, object],
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
    refused : mapping
        The arguments of `fit` that a tree does not take; each must be None.

    Returns
    -------
    TreeFit
        The fit.
    """
    for name, value in {**refused, "tolerance": budget.tolerance or None}.items():
        if value is not None:
            raise ValueError(f"{name}={quoted(value)} is not for a tree: {REASONS[name]}")
    epochs = None if budget.iterations is None else int(budget.iterations)
    seed = int(random.integers(2**31))
    drawn = int(random.integers(2**31)) if isinstance(data.validation, float) else None
    options = TreeOptions(tree, read_loss(loss), read_rows(batch_size), epochs, seed, drawn)
    setup = TreeSetup.of(options, data, budget)
    fitted, checkpoint, kept = setup.go(callback, progress)
    fitted.resumable = LiveTree(setup, checkpoint, kept)
    return fitted
