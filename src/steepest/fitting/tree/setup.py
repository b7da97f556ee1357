"""The set-up of a tree's fit: rows held out, the soft descent, and the choice among finished trees."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Self

import numpy as np

from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.objective import Objective
from steepest.derivatives.process.forks import check_fork
from steepest.derivatives.process.interrupts import answer_interrupt, interrupt_waits, interruptible, uninterrupted
from steepest.derivatives.structure import Calling, Structure
from steepest.descent.budget import Budget
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.driver import Driver
from steepest.descent.plan import Plan
from steepest.descent.progress import Progress
from steepest.descent.view import View
from steepest.fitting.setup import TrainingData
from steepest.fitting.target import response_of
from steepest.fitting.tree.choice import Choice, Refitted, choose, refitted
from steepest.fitting.tree.hard.criterion import criterion_of
from steepest.fitting.tree.hard.leaves import ConstantLeaves, LinearLeaves, medians
from steepest.fitting.tree.pool import Candidate, Grower
from steepest.fitting.tree.result import TreeFit
from steepest.fitting.tree.soft.kernel import Soft, sharpness_at
from steepest.fitting.tree.soft.solver import SoftSolver, flat, joined
from steepest.fitting.tree.soft.task import SoftTask
from steepest.fitting.validation import LabelledRows, check_validation_targets
from steepest.models import losses
from steepest.models.losses import Loss
from steepest.models.penalties import L2
from steepest.models.splits import Splits
from steepest.models.tree import Form, Tree
from steepest.printable import quoted
from steepest.rules import directions, steps
from steepest.rules.pair import Rules
from steepest.trace import Outcome, Trace
from steepest.types import Callback, Rows

# One row in so many is held out, to choose among the trees; with fewer rows in all, none are.
HELD_EVERY, FEWEST_PARTED = 5, 20
# The most numbers of sparse rows that are laid out densely: 0.8 GB.
MOST_NUMBERS = 10**8
SOLVER = "Adam on soft gates that sharpen, then exact splits: a tree"
ENDLESS = 2**62


@dataclass(frozen=True)
class TreeOptions:
    """The options of a tree's fit, without its data and its budget.

    Attributes
    ----------
    tree : Tree
        The tree that the user gave.
    loss : Loss
        The loss.
    batch_size, epochs : int or None
        As for `fit`.
    seed : int
        The seed of everything random.
    drawn : int or None
        The seed that draws the validation rows, if a fraction of the rows is held out.
    penalty : L2 or None
        How far the values of leaves are drawn towards that of all rows; None for as far as their scatter suggests.
    """

    tree: Tree
    loss: Loss
    batch_size: int | None
    epochs: int | None
    seed: int
    drawn: int | None
    penalty: L2 | None = None


@dataclass(frozen=True)
class TreeSetup:
    """A tree's fit that is ready to run.

    Attributes
    ----------
    options, data
        What the user gave.
    rows, own, held : LabelledRows
        All rows that the tree may learn from; those of the descent; and those that choose among the trees.
    grower : Grower
        Makes finished trees.
    task : SoftTask
        The soft descent.
    plan : Plan
        What the driver is to do.
    scout : Candidate or None
        The tree that set the depth, found on some of the rows, if the user gave no depth.
    before : Candidate or None
        The tree that an earlier fit to these rows kept.
    """

    options: TreeOptions
    data: TrainingData
    rows: LabelledRows
    own: LabelledRows
    held: LabelledRows
    grower: Grower
    task: SoftTask
    plan: Plan
    scout: Candidate | None = None
    before: Candidate | None = None

    @classmethod
    def of(cls, options: TreeOptions, data: TrainingData, budget: Budget) -> TreeSetup:
        """Hold rows out, choose the depth, and set up the descent."""
        check_fork()
        tree, loss = options.tree, options.loss
        rows, validation = data.split(options.drawn)
        rows = rows.weighted()
        X = dense(tree.shaped(rows.X))
        check_categories(tree.categories, X)
        middle = medians(X)
        spread = np.abs(np.where(np.isnan(X), middle, X) - middle).mean(axis=0)
        tree = replace(tree, form=Form(len(middle), response_of(loss), bool(np.isnan(X).any()), middle, spread))
        rows = rows._replace(X=tree.filled(X))
        outputs, classes = _outputs(loss, data.targets_of(loss, rows, validation))
        criterion = criterion_of(loss, classes, outputs)
        is_linear = tree.leaves == "linear"
        if is_linear and loss is not losses.squared:
            raise ValueError(f"loss={loss!r} is not for linear leaves, which take the squared loss: use constant ones")
        fit_leaves = LinearLeaves() if is_linear else ConstantLeaves(criterion, options.penalty)
        grower = Grower(
            loss, criterion, fit_leaves, tuple(map(tuple, tree.categories)),
            lambda: time.perf_counter() > budget.deadline,
        )  # fmt: skip
        if validation is not None:
            check_validation_targets(loss, validation, outputs if loss is losses.softmax else None)
            own, held = rows, validation._replace(X=tree.filled(dense(tree.shaped(validation.X))))
        else:
            own, held = parted(rows, options.seed)
        scout, depth = None, tree.depth
        if depth is None:
            scout = grower.scout(own, held, np.random.default_rng([options.seed, 1]))
            depth = scout.splits.depth
        center = np.asarray(criterion.best(own.y, own.weight))
        task = SoftTask.of(
            own, depth, loss, center, tree.restarts, options.epochs, options.batch_size, options.seed,
            tree.splits == "all",
        )  # fmt: skip
        return cls(replace(options, tree=tree), data, rows, own, held, grower, task, _plan(task, budget), scout)

    @property
    def start(self) -> np.ndarray:
        """The parameters before the first epoch."""
        return flat(self.task.starts(0))

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        # Nothing here changes, and compiled code can't be copied.
        return self

    def judged(self, name: str, splits: Splits) -> Candidate:
        """Return a tree with its losses on the rows held out."""
        return self.grower.candidate(name, splits, self.own, self.held)

    @interruptible()
    def go(
        self, callback: Callback | None, progress: bool | None, checkpoint: Checkpoint | None = None,
        trace: Trace | None = None,
    ) -> tuple[TreeFit, Checkpoint, Candidate]:  # fmt: skip
        """Descend from the start, or from a checkpoint and its trace; return the fit, its checkpoint and its tree.

        The tree is the one that was kept, before it was fitted to the rows held out.
        """
        with Progress.of(progress, "epoch", (), validated=False) as shown:
            driver = Driver(self.plan, self.start, callback, shown, checkpoint, trace)
            run = driver.finish(driver.go())
            shown.finish(run.trace)
        meter, solver = driver.meter, driver.solver
        assert isinstance(solver, SoftSolver)
        is_whole, waits = run.outcome is Outcome.COMPLETED, interrupt_waits()
        grower = replace(self.grower, is_over=lambda: not is_whole or waits() or time.perf_counter() > meter.deadline)
        outcome, facts = run.outcome, run.message
        with uninterrupted():
            choice = choose(grower, self.own, self.held, self.task, solver, self.scout, self.before)
            tree = refitted(grower, choice.kept, self.rows, self.task.depth)
            if is_whole and grower.is_over():
                outcome = Outcome.INTERRUPTED if waits() else Outcome.TIME_LIMIT
                facts = f"{outcome}: the descent is complete, and the polish of its trees is not"
            answer_interrupt()
        known = {f.name: getattr(run, f.name) for f in fields(run)} | {"outcome": outcome, "seconds": meter.elapsed}
        fitted = self.fit_of(known, facts, choice, tree)
        fitted.coordinates = self.task.coordinates
        fitted.snapshots = {
            epoch: soft._asdict() | {"sharpness": sharpness_at(epoch / max(solver.epochs, 1))}
            for epoch, soft in solver.snapshots.items()
        }
        assert driver.checkpoint is not None
        return fitted, driver.checkpoint, choice.kept

    def fit_of(self, known: dict[str, Any], facts: str, choice: Choice, kept: Refitted) -> TreeFit:
        """Return the fit of the tree that was kept, with what is known of its descent."""
        splits, leaves, rows, tree = kept.splits, kept.leaves, self.rows, self.options.tree
        assert tree.form is not None
        params = {
            "weights": splits.weights, "thresholds": splits.thresholds,
            "missing": splits.missing.astype(float), "values": leaves.values,
        } | ({} if leaves.slopes is None else {"slopes": leaves.slopes})  # fmt: skip
        greedy, chosen = choice.pool[0], choice.kept
        count, where = len(self.held.y), ", too few to hold any out" if self.held is self.rows else " held out"
        beside = "" if chosen.name == greedy.name else f", and {greedy.loss:.6g} with the greedy tree"
        message = (
            f"{facts}; {chosen.name} is kept, of depth {self.task.depth}: its loss is {chosen.loss:.6g} on "
            f"{count:,} row{'s' * (count != 1)}{where}{beside}; no optimum is certified"
        )
        return TreeFit(
            **known | {
                "x": params, "jac": {name: np.full_like(part, np.nan) for name, part in params.items()},
                "fun": float(self.grower.losses(splits, leaves, rows).mean()), "message": message,
            },
            model=replace(tree, depth=self.task.depth, form=replace(tree.form, bounds=leaves.bounds)),
            columns=self.data.names, data=self.data.source, weight=self.data.rows.weight, learnt=rows,
            loss=self.options.loss,
            solver=SOLVER, kept=chosen.name,
            locally_optimal=kept.is_optimal if tree.splits == "one" else None,
            soft_losses=choice.soft_losses, hard_losses=choice.hard_losses,
            candidates={one.name: one.loss for one in choice.pool},
            leaf_rows=np.bincount(splits.leaves(rows.X), minlength=2**self.task.depth),
        )  # fmt: skip


def parted(rows: LabelledRows, seed: int) -> tuple[LabelledRows, LabelledRows]:
    """Return the rows to learn from and those that choose, with targets spread alike; with few rows both are all."""
    count = len(rows.y)
    if count < FEWEST_PARTED:
        return rows, rows
    order = np.random.default_rng(seed).permutation(count)
    order = order[np.argsort(rows.y[order], kind="stable")]
    held = np.zeros(count, dtype=bool)
    held[order[HELD_EVERY // 2 :: HELD_EVERY]] = True
    return rows.at(~held), rows.at(held)


def dense(X: Rows) -> np.ndarray:
    """Return rows as a dense array of double precision."""
    if is_sparse(X):
        if X.shape[0] * X.shape[1] > MOST_NUMBERS:
            raise ValueError(
                f"X is sparse, of shape {X.shape}: a tree takes dense rows, and these are more than {MOST_NUMBERS:,} "
                "numbers; choose fewer columns, or models.Linear()"
            )
        X = X.toarray()
    return np.asarray(X, dtype=float)


def check_categories(categories: Sequence[Sequence[int]], X: np.ndarray) -> None:
    """Raise ValueError if columns are not the levels of a category: 0 or 1, with at most one 1 in a row."""
    for own in map(list, categories):
        if max(own, default=-1) >= X.shape[1]:
            raise ValueError(f"categories has the column {max(own)}, and X has {X.shape[1]} columns, from 0")
        part = X[:, own]
        if not np.isin(part, (0.0, 1.0)).all() or (part.sum(axis=1) > 1).any():
            raise ValueError(f"categories={quoted(own)}: these columns must be 0 or 1, with at most one 1 in a row")


def _outputs(loss: Loss, y: np.ndarray) -> tuple[int, int]:
    """Return the numbers of outputs and of classes, once the targets are checked."""
    losses.check_targets(loss, y)
    if loss is losses.softmax:
        classes = int(y.max()) + 1
        if classes < 2:
            raise ValueError("softmax needs 2 classes or more, and every target is 0: add rows of other classes")
        return classes, classes
    if loss is losses.log_loss and y.min() == y.max():
        raise ValueError(f"every target is {y[0]:g}: a tree of two classes needs rows of both")
    if loss is losses.poisson and not y.any():
        raise ValueError("every target is 0: a tree of counts needs rows with other counts")
    return 1, 2


def _plan(task: SoftTask, budget: Budget) -> Plan:
    structure, _ = Structure.of(joined(task.starts(0))._asdict())

    def value(x: np.ndarray) -> float:
        parts = Soft(**structure.build(x))
        return float(np.mean([task.loss(Soft(*(part[k] for part in parts))) for k in range(task.restarts)]))

    def slope(x: np.ndarray) -> tuple[float, np.ndarray]:
        return value(x), np.full(structure.size, np.nan)

    why = "exact: the soft tree was traced and compiled"
    objective = Objective(structure.size, value, slope, "traced", why, heavy=True)
    rules = Rules(directions.Plain(), steps.DoG())
    return Plan(
        objective, View(Calling(structure, spread=False), list(Soft._fields), "epoch"), rules, 1.0,
        replace(budget, iterations=None, most=ENDLESS), solver=partial(SoftSolver, task=task),
    )  # fmt: skip
