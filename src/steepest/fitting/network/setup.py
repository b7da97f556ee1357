"""The set-up of a network's fit: its frame, its members and its plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import NamedTuple, Self

import numpy as np

from steepest.derivatives.objective import Objective
from steepest.derivatives.process.forks import check_fork
from steepest.derivatives.process.interrupts import interruptible
from steepest.derivatives.structure import Calling, Structure
from steepest.descent.budget import Budget
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.driver import Driver
from steepest.descent.plan import Plan
from steepest.descent.progress import Progress
from steepest.descent.view import View
from steepest.fitting.network.framing import framed
from steepest.fitting.network.health import SAMPLE, events_of
from steepest.fitting.network.options import NetworkOptions
from steepest.fitting.network.recipe import batch_rows, epochs_of, members_of
from steepest.fitting.network.result import NetworkFit
from steepest.fitting.network.solver import NetworkSolver
from steepest.fitting.network.start import LinearStart, LinearStarts, linear_fit
from steepest.fitting.network.task import Before, NetworkTask, task_of
from steepest.fitting.options import read_rows
from steepest.fitting.result import Fit
from steepest.fitting.setup import TrainingData
from steepest.fitting.validation import LabelledRows, check_validation_targets
from steepest.models import Network, losses
from steepest.rules import directions, steps
from steepest.rules.pair import Rules
from steepest.trace import Event, Trace
from steepest.types import Array, Callback, Function

# The shares of the members that are tried, the whole first.
SHARES = tuple(1 - k / 10 for k in range(11))
# The names of solvers.
BY_RECIPE, BY_RULES = "Adam on a schedule of cosines: a network", "the rules given: a network"
# A limit on epochs that no schedule reaches: the solver itself ends at that of its schedule.
ENDLESS = 2**62


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


class Shares(NamedTuple):
    """The rows of each member.

    Attributes
    ----------
    own : list of array
        The numbers of the rows that each member learns from.
    judged_on : list
        The rows on which each member is judged: their numbers, other rows, or None.
    members : array of int or None
        The number of the member that leaves out each row; None if no rows are left out by turns.
    """

    own: list[np.ndarray]
    judged_on: list[LabelledRows | np.ndarray | None]
    members: np.ndarray | None

    @classmethod
    def of(cls, options: NetworkOptions, rows: LabelledRows, held: LabelledRows | None, count: int) -> Shares:
        """Share out the rows among members: all of them to each, if there are others to be judged on."""
        every = [np.arange(len(rows.y))] * count
        if held is not None:
            return cls(every, [held._replace(X=options.network.shaped(held.X))] * count, None)
        if count == 1:
            return cls(every, [None], None)
        random = np.random.default_rng([options.seed, 2**32])
        members = parts_of(rows.y, options.is_classes, count, random)
        left_out = [np.flatnonzero(members == k) for k in range(count)]
        return cls([np.flatnonzero(members != k) for k in range(count)], [*left_out], members)


@dataclass(frozen=True)
class NetworkSetup:
    """A network's fit that is ready to run.

    Attributes
    ----------
    options, data
        What the user gave.
    task : NetworkTask
        The members with their rows.
    members : array of int or None
        The number of the member that leaves out each row; None if no rows are left out by turns.
    starts : LinearStarts
        The linear models of the members and of all rows.
    plan : Plan
        What the driver is to do.
    """

    options: NetworkOptions
    data: TrainingData
    task: NetworkTask
    members: np.ndarray | None
    starts: LinearStarts
    plan: Plan

    @classmethod
    def of(
        cls, options: NetworkOptions, data: TrainingData, budget: Budget, known: Network | None = None,
        before: Before | None = None,
    ) -> NetworkSetup:  # fmt: skip
        """Fit the linear starts, and set up the members.

        A `known` network and the states of its members are those of an earlier fit, from which this one goes on.
        """
        check_fork()
        rows, held = data.split(options.drawn)
        counted = rows.weight > 0
        rows = rows if counted.all() else rows.at(counted)
        rows = rows._replace(X=options.network.shaped(rows.X))
        outputs = options.outputs(data.targets_of(options.loss, rows, held))
        if held is not None:
            check_validation_targets(options.loss, held, outputs if options.loss is losses.softmax else None)
        linear = None
        if not options.network.hidden:
            linear = linear_fit(rows, data.names, options.loss, outputs, data.source, options.penalty)
        asked = options.network.members if linear is None else 1
        count = known.members if known and known.members else members_of(asked, len(rows.y))
        shares = Shares.of(options, rows, held, count)
        own = shares.own
        starts = LinearStarts.of(linear) if linear else LinearStart(options.loss, outputs).alternating(rows, own)
        frame, targets = framed(options.loss, rows, own, starts, known.frame if known else None, linear is not None)
        network = replace(options.network, members=count, frame=frame)
        batch = batch_rows(read_rows(options.batch_size), len(own[0]))
        epochs = epochs_of(options.epochs, -(-len(own[0]) // batch))
        idle = ""
        if linear is not None:
            idle = f"no hidden layer, so this is the linear fit, {linear.message}"
        elif rows.y.min() == rows.y.max() and not options.is_classes:
            idle = f"every target is {rows.y[0]:g}, and so is every prediction"
        elif epochs == 0:
            idle = "0 epochs, so these are the linear starts"
        task = task_of(
            network, options.loss, targets, rows, own, shares.judged_on, batch, epochs, options.seed,
            np.dtype(options.dtype), options.penalty.strength if options.penalty else 0.0, options.rules,
        )  # fmt: skip
        task = replace(task, before=before, idle=idle)
        return cls(options, data, task, shares.members, starts, _plan(task, budget))

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        # Nothing here changes, and compiled code can't be copied.
        return self

    @property
    def start(self) -> np.ndarray:
        """The parameters before the first epoch."""
        return self.task.outer([np.asarray(part.start.theta) for part in self.task.parts])

    @interruptible()
    def go(
        self, callback: Callback | None, progress: bool | None, checkpoint: Checkpoint | None = None,
        trace: Trace | None = None,
    ) -> tuple[NetworkFit, Checkpoint]:  # fmt: skip
        """Descend from the start, or from a checkpoint and its trace; return the fit and its own checkpoint."""
        plan, task = self.plan, self.task
        with Progress.of(progress, "epoch", (), validated=task.judges) as shown:
            driver = Driver(plan, self.start, callback, shown, checkpoint, trace)
            run = driver.finish(driver.go())
            shown.finish(run.trace)
        solver = driver.solver
        assert isinstance(solver, NetworkSolver)
        known = {f.name: getattr(run, f.name) for f in fields(run)}
        best = solver.best_epochs if task.judges else [solver.epoch] * task.members
        fitted = NetworkFit(
            **known, model=task.network, columns=self.data.names, data=self.data.source,
            solver=BY_RULES if task.rules else BY_RECIPE, best_epochs=best,
            linear_of=self.linear_fit, loss_of=self.member_loss,
            snapshots={epoch: plan.view.point(x) for epoch, x in solver.snapshots.items()},
        )  # fmt: skip
        self.annotate(fitted)
        assert driver.checkpoint is not None
        return fitted, driver.checkpoint

    def linear_fit(self) -> Fit:
        """Return the certified linear fit to the same rows."""
        task = self.task
        outputs = len(task.frame.low)
        return linear_fit(task.rows, self.data.names, task.cost, outputs, self.data.source, self.options.penalty)

    def member_loss(self, member: int, rows: int) -> Function:
        """Return the loss of one member on at most so many rows that it learns from."""
        task, own = self.task, self.task.parts[member].own
        sample = task.rows.at(own[spread(len(own), rows)])

        def loss(parts: Mapping[str, Array]) -> float:
            return task.loss(task.network.of_member(sample.X, member, parts, bounded=False), sample)

        return loss

    def annotate(self, fitted: NetworkFit) -> None:
        """Add the outputs out of fold, the share of a linear model, and events that name what is left out or wrong."""
        task, asked = self.task, self.options.network.members
        if self.members is not None:
            z, line = (np.empty((len(self.members), len(task.frame.low))) for _ in range(2))
            for k, parts in enumerate(task.members_of(_flat(fitted))):
                own = self.members == k
                X = task.rows.X[own]
                z[own] = task.network.of_member(X, k, parts)
                line[own] = X @ self.starts.fold_coef[k].T + self.starts.fold_intercept[k]
            share = self.best_share(z, line)
            z = share * z + (1 - share) * line if share < 1 else z
            fitted.model = replace(task.network, frame=replace(task.frame, share=np.array(share)))
            fitted.out_of_fold_loss = task.loss(z, task.rows)
            fitted.out_of_fold = z if z.shape[1] > 1 else z[:, 0]
        events = fitted.trace.stored_events
        if asked is not None and task.members < asked:
            detail = f"{task.members} members in place of {asked}: {len(task.rows.y):,} rows bear no more"
            events.append(Event(0, "members", detail))
        if (constant := int((task.frame.factor == 0).sum())) > 0:
            columns = f"{constant} column{'s' * (constant > 1)}"
            events.append(Event(0, "features", f"{columns} with one value: the network leaves them out"))
        if not task.idle:
            rows = task.rows.X[spread(len(task.rows.y), SAMPLE)]
            events += events_of(task.network, task.members_of(_flat(fitted)), rows, fitted.trace)

    def best_share(self, z: np.ndarray, line: np.ndarray) -> float:
        """Return the share of the members that predicts best out of fold, beside a linear model.

        Few rows with a heavy tail, or targets that are linear, need a linear model more than a network.
        """
        if not self.task.parts[0].target.is_located:
            return 1.0
        losses = [self.task.loss(share * z + (1 - share) * line, self.task.rows) for share in SHARES]
        return SHARES[int(np.argmin(losses))]


def _flat(fitted: NetworkFit) -> np.ndarray:
    return np.concatenate([np.ravel(part) for parts in fitted.params.values() for part in parts.values()])


def spread(rows: int, most: int) -> np.ndarray:
    """Return the numbers of at most so many rows, spread evenly over all."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(int))


def _plan(task: NetworkTask, budget: Budget) -> Plan:
    groups = {
        kind: {name: np.zeros((own.count, *shape)) for name, shape in own.layers.shapes.items()}
        for kind, own in task.kinds.items()
    }
    structure, _ = Structure.of(groups)

    def value(x: np.ndarray) -> float:
        each = [
            task.loss(task.network.of_member(task.rows.X[part.own], k, own, bounded=False), task.rows.at(part.own))
            for k, (own, part) in enumerate(zip(task.members_of(x), task.parts, strict=True))
        ]
        return float(np.mean(each))

    def slope(x: np.ndarray) -> tuple[float, np.ndarray]:
        return value(x), task.slope(x)

    why = "exact: the network was traced and compiled"
    objective = Objective(structure.size, value, slope, "traced", why, heavy=task.together == 1)
    view = View(
        Calling(structure, spread=False),
        [f"{kind} {name}" for kind, parts in groups.items() for name in parts],
        "epoch",
    )
    rules = Rules(directions.Plain(), steps.DoG())
    return Plan(
        objective,
        view,
        rules,
        1.0,
        replace(budget, iterations=None, most=ENDLESS),
        solver=partial(NetworkSolver, task=task),
    )
