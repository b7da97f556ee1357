"""The set-up of a tree's fit: rows held out, the soft descent, and the choice among finished trees."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np

from steepest.derivatives.objective import Objective
from steepest.derivatives.process.forks import check_fork
from steepest.derivatives.structure import Calling, Structure
from steepest.descent.budget import Budget
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.driver import Driver
from steepest.descent.plan import Plan
from steepest.descent.progress import Progress
from steepest.descent.view import View
from steepest.fitting.setup import TrainingData
from steepest.fitting.target import response_of
from steepest.fitting.tree.hard.criterion import criterion_of
from steepest.fitting.tree.hard.leaves import ConstantLeaves, LinearLeaves, medians
from steepest.fitting.tree.pool import CLEARLY, GREEDY, MOST_POLISHED, POLISHED, Candidate, Grower, hardened
from steepest.fitting.tree.result import TreeFit
from steepest.fitting.tree.soft.kernel import Soft
from steepest.fitting.tree.soft.solver import SoftSolver, flat, joined
from steepest.fitting.tree.soft.task import SoftTask
from steepest.fitting.validation import LabelledRows, drawn
from steepest.models import losses
from steepest.models.leaves import Leaves
from steepest.models.losses import Loss
from steepest.models.splits import Splits
from steepest.models.tree import Form, Tree
from steepest.rules import directions, steps
from steepest.rules.pair import Rules
from steepest.trace import Outcome, Trace
from steepest.types import Callback

# The share of the rows that choose among the trees, and the least number of them.
HELD_SHARE, LEAST_HELD = 0.2, 10
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
    """

    tree: Tree
    loss: Loss
    batch_size: int | None
    epochs: int | None
    seed: int


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
    """

    options: TreeOptions
    data: TrainingData
    rows: LabelledRows
    own: LabelledRows
    held: LabelledRows
    grower: Grower
    task: SoftTask
    plan: Plan

    @classmethod
    def of(cls, options: TreeOptions, data: TrainingData, budget: Budget) -> TreeSetup:
        """Hold rows out, choose the depth, and set up the descent."""
        check_fork()
        tree, loss = options.tree, options.loss
        rows, held = data.split(options.seed)
        rows = rows.weighted()
        gaps, middle = bool(np.isnan(rows.X).any()), medians(tree.shaped(rows.X))
        tree = replace(tree, form=Form(len(middle), response_of(loss), gaps, middle))
        rows = rows._replace(X=tree.filled(tree.shaped(rows.X)))
        if held is not None:
            losses.check_targets(loss, held.y)
            held = held._replace(X=tree.filled(tree.shaped(held.X)))
        outputs, classes = _outputs(loss, rows.y)
        criterion = criterion_of(loss, classes, outputs)
        is_linear = tree.leaves == "linear"
        if is_linear and loss is not losses.squared:
            raise ValueError(f"loss={loss!r} is not for linear leaves, which take the squared loss: use constant ones")
        fit_leaves = LinearLeaves() if is_linear else ConstantLeaves(criterion)
        grower = Grower(loss, criterion, fit_leaves, tuple(map(tuple, tree.categories)))
        own = rows
        if held is None:
            # With too few rows to hold any out, the same rows learn and choose.
            held = rows
            if len(rows.y) * HELD_SHARE >= LEAST_HELD:
                own, held = drawn(rows, HELD_SHARE, options.seed)
        depth = tree.depth or grower.best_depth(own, held, np.random.default_rng([options.seed, 1]))
        center = np.asarray(criterion.best(own.y, own.weight))
        task = SoftTask.of(
            own, depth, loss, center, tree.restarts, options.epochs, options.batch_size, options.seed,
            tree.splits == "all",
        )  # fmt: skip
        return cls(replace(options, tree=tree), data, rows, own, held, grower, task, _plan(task, budget))

    def go(
        self, callback: Callback | None, progress: bool | None, checkpoint: Checkpoint | None = None,
        trace: Trace | None = None,
    ) -> tuple[TreeFit, Checkpoint]:  # fmt: skip
        """Descend from the start, or from a checkpoint and its trace; return the fit and its own checkpoint."""
        plan = self.plan
        with Progress.of(progress, "epoch", (), validated=False) as shown:
            driver = Driver(plan, flat(self.task.starts), callback, shown, checkpoint, trace)
            run = driver.finish(driver.go())
            shown.finish(run.trace)
        solver = driver.solver
        assert isinstance(solver, SoftSolver)
        known = {f.name: getattr(run, f.name) for f in fields(run)}
        return self.finished(known, solver), driver.checkpoint  # type: ignore[return-value]

    def finished(self, known: dict[str, Any], solver: SoftSolver) -> TreeFit:
        """Return the fit: the restarts are hardened and polished, and the best tree is fitted to all rows."""
        grower, own, held, task = self.grower, self.own, self.held, self.task
        columns = grower.columns(own)
        greedy = grower.greedy(own, columns, task.depth)
        softs = solver.softs
        hard = [hardened(soft, task) for soft in softs]
        spread = [float(grower.losses(s, grower.leaves(s, own), own).mean()) for s in hard]
        best = np.argsort(spread, kind="stable")[:MOST_POLISHED]
        pool = [
            grower.candidate(GREEDY, greedy, own, held),
            grower.candidate(POLISHED, grower.polished(greedy, own, columns).splits, own, held),
            *(
                grower.candidate(f"restart {k + 1}, polished", grower.polished(hard[k], own, columns).splits, own, held)
                for k in best
            ),
        ]
        kept = pool[0]
        rivals = [rival for rival in pool[1:] if rival.beats(kept, 1.0 if rival.name == POLISHED else CLEARLY)]
        if rivals:
            kept = min(rivals, key=lambda rival: rival.loss)
        splits, leaves, is_optimal = self.refitted(kept)
        tree = self.options.tree
        assert tree.form is not None
        form = replace(tree.form, bounds=leaves.bounds)
        params = {
            "weights": splits.weights, "thresholds": splits.thresholds,
            "missing": splits.missing.astype(float), "values": leaves.values,
        } | ({} if leaves.slopes is None else {"slopes": leaves.slopes})  # fmt: skip
        fun = float(grower.losses(splits, leaves, self.rows).mean())
        facts = f"{kept.name} is kept, with depth {task.depth}; no optimum is certified"
        outcome = known["outcome"]
        known |= {
            "x": params, "fun": fun, "jac": {name: np.zeros_like(part) for name, part in params.items()},
            "message": f"{outcome}: {facts}" if outcome is Outcome.COMPLETED else f"{known['message']}; {facts}",
        }  # fmt: skip
        return TreeFit(
            **known, model=replace(tree, depth=task.depth, form=form), columns=self.data.names,
            data=self.data.source, solver=SOLVER, kept=kept.name, locally_optimal=is_optimal,
            soft_loss=min(task.loss(soft) for soft in softs), restarts=spread,
            held_out={one.name: one.loss for one in pool},
            leaf_rows=np.bincount(splits.leaves(self.rows.X), minlength=2**task.depth),
        )  # fmt: skip

    def refitted(self, kept: Candidate) -> tuple[Splits, Leaves, bool]:
        """Return a tree after it was made again from all rows: its splits, its leaves, and whether it is optimal."""
        grower, rows = self.grower, self.rows
        columns = grower.columns(rows)
        splits = kept.splits
        if kept.name in (GREEDY, POLISHED):
            splits = grower.greedy(rows, columns, self.task.depth)
        if kept.name == GREEDY:
            # A first sweep changes nothing if no split of one node is better.
            return splits, grower.leaves(splits, rows), grower.polished(splits, rows, columns, sweeps=1).is_optimal
        polish = grower.polished(splits, rows, columns)
        return polish.splits, polish.leaves, polish.is_optimal


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
    return 1, 2


def _plan(task: SoftTask, budget: Budget) -> Plan:
    structure, _ = Structure.of(joined(task.starts)._asdict())

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
