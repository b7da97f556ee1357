"""The pool of finished trees: greedy, polished and descended ones, compared on rows held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

import numpy as np

from steepest.fitting.tree.hard.columns import Columns
from steepest.fitting.tree.hard.criterion import Criterion, Gini, Shares
from steepest.fitting.tree.hard.grow import grown
from steepest.fitting.tree.hard.leaves import LeafFitter
from steepest.fitting.tree.hard.polish import MOST_SWEEPS, Polished, losses_of, polished
from steepest.fitting.tree.soft.kernel import Soft
from steepest.fitting.tree.soft.task import SoftTask
from steepest.fitting.validation import LabelledRows
from steepest.models.leaves import Leaves
from steepest.models.losses import Loss
from steepest.models.splits import Splits

# The restarts of the lowest loss that are polished. Chosen, not measured: each takes as long as the greedy tree.
MOST_POLISHED = 4
# The depths that are tried if the user gives none.
DEPTHS = (2, 3, 4, 5, 6)
# The depth is chosen on at most so many rows, with so many random trees of each depth up to a limit. Measured: two in
# five random trees of depth 4 find a parity of three columns once they are polished, and no greedy one does.
MOST_TRIED, RANDOM_TREES, DEEPEST_RANDOM = 2000, 3, 5
# With fewer rows, two threads wait for each other more than they help. Measured.
MANY_ROWS = 4000
# By how many standard errors a restart must be better than the greedy tree; its own polish, and a tree grown by another
# criterion, need one. Chosen by measurement on 29 tables: with one, the best of several restarts was often better by
# chance.
CLEARLY = 2.0
GREEDY, POLISHED, SCOUT = "the greedy tree", "the polished greedy tree", "the tree that set the depth"
BY_GINI = "the greedy tree by the Gini index"


@dataclass(frozen=True)
class Candidate:
    """A finished tree: how it came about, and its losses on the rows held out, one a row."""

    name: str
    splits: Splits
    losses: np.ndarray

    @property
    def loss(self) -> float:
        """The mean loss on the rows held out."""
        return float(self.losses.mean())

    def beats(self, other: Candidate, errors: float = 1.0) -> bool:
        """Tell whether the mean loss is lower by more than so many standard errors of the differences row by row."""
        gain = other.losses - self.losses
        # One row has no standard error.
        return len(gain) > 1 and bool(gain.mean() > errors * gain.std() / np.sqrt(len(gain) - 1))


@dataclass(frozen=True)
class Grower:
    """Makes finished trees from rows.

    Attributes
    ----------
    loss, criterion, fit_leaves : Loss, Criterion, LeafFitter
        The loss, what a constant leaf does best, and what fits the leaves.
    categories : tuple of tuple of int
        The columns that are the levels of each category.
    is_over : callable
        Tells whether to come to an end, as the time is over or the user pressed Ctrl-C.
    """

    loss: Loss
    criterion: Criterion
    fit_leaves: LeafFitter
    categories: tuple[tuple[int, ...], ...]
    is_over: Callable[[], bool]

    def columns(self, rows: LabelledRows) -> Columns:
        """Return the columns of rows, in order."""
        return Columns.of(rows.X, self.categories)

    def greedy(self, rows: LabelledRows, columns: Columns, depth: int) -> Splits:
        """Return the greedy tree."""
        return grown(columns, rows.y, rows.weight, self.criterion, depth)

    @property
    def has_classes(self) -> bool:
        """Whether the targets are classes."""
        return isinstance(self.criterion, Shares)

    def by_gini(self, rows: LabelledRows, columns: Columns, depth: int) -> Splits:
        """Return the greedy tree of classes by the Gini index, as other libraries grow it."""
        assert isinstance(self.criterion, Shares)
        gini = Gini(self.criterion.classes, self.criterion.outputs)
        return grown(columns, rows.y, rows.weight, gini, depth)

    def polished(
        self, splits: Splits, rows: LabelledRows, columns: Columns, sweeps: int = MOST_SWEEPS
    ) -> Polished:  # fmt: skip
        """Return a tree after its polish, of at most so many sweeps."""
        return polished(splits, columns, rows, self.loss, self.fit_leaves, sweeps, self.is_over)

    def all_polished(self, starts: Sequence[Splits], rows: LabelledRows, columns: Columns) -> list[Splits]:
        """Return several trees after their polish; with many rows, two are polished side by side."""
        # A thread has NumPy's own error state, and not that of the caller.
        contexts = [copy_context() for _ in starts]
        with ThreadPoolExecutor(2 if len(rows.y) >= MANY_ROWS else 1) as pool:
            return list(
                pool.map(lambda own, start: own.run(self.polished, start, rows, columns).splits, contexts, starts)
            )

    def leaves(self, splits: Splits, rows: LabelledRows) -> Leaves:
        """Return the leaves for rows."""
        return self.fit_leaves(splits.leaves(rows.X), len(splits.thresholds) + 1, rows)

    def losses(self, splits: Splits, leaves: Leaves, rows: LabelledRows) -> np.ndarray:
        """Return the loss of each row, times its weight over the mean weight."""
        each = losses_of(self.loss, leaves.outputs(splits.leaves(rows.X), rows.X), rows.y)
        return each * (rows.weight / rows.weight.mean())

    def candidate(self, name: str, splits: Splits, rows: LabelledRows, held: LabelledRows) -> Candidate:
        """Return a tree with the losses on rows held out, for leaves fitted to the others."""
        return Candidate(name, splits, self.losses(splits, self.leaves(splits, rows), held))

    def scout(self, rows: LabelledRows, held: LabelledRows, random: np.random.Generator) -> Candidate:
        """Return the best tree of the least depth that predicts rows held out as well as any, up to a standard error.

        The trees are the greedy one, the best of the depth before with another level, and random ones of smaller
        depths, fitted to some of the rows.
        """
        some = np.sort(random.permutation(len(rows.y))[:MOST_TRIED])
        rows = rows.at(some) if rows.weight[some].any() else rows
        columns = self.columns(rows)
        deepest = self.greedy(rows, columns, DEPTHS[-1])
        found: list[Candidate] = []
        for depth in DEPTHS:
            starts = [deepest.cut(depth)]
            if depth <= DEEPEST_RANDOM:
                starts += [random_splits(rows.X, depth, random) for _ in range(RANDOM_TREES)]
            if found:
                starts.append(grown(columns, rows.y, rows.weight, self.criterion, depth, found[-1].splits))
            trees = [self.candidate(SCOUT, self.polished(own, rows, columns).splits, rows, held) for own in starts]
            found.append(min(trees, key=lambda tree: tree.loss))
        best = min(found, key=lambda tree: tree.loss)
        return next(tree for tree in found if not best.beats(tree))


def random_splits(X: np.ndarray, depth: int, random: np.random.Generator) -> Splits:
    """Return splits at random: each by any column, at the value of any row but those of the largest value."""
    splits, largest = Splits.none(depth, X.shape[1]), np.nanmax(X, axis=0, initial=-np.inf)
    for node in range(2**depth - 1):
        column = int(random.integers(X.shape[1]))
        below = X[X[:, column] < largest[column], column]
        if len(below):
            splits.put(node, {column: 1.0}, float(random.choice(below)), False)
    return splits


def hardened(soft: Soft, task: SoftTask) -> Splits:
    """Return a soft tree with hard splits."""
    splits = Splits.none(task.depth, task.columns)
    for node, (choice, threshold) in enumerate(zip(soft.choice, soft.threshold, strict=True)):
        splits.put(node, *task.coordinates.split(choice[: task.columns], float(threshold)), False)
    return splits
