"""The solver of a network: epochs of its members, side by side in threads."""

from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count

import jax
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code, double_precision
from steepest.derivatives.process.interrupts import check_interrupt
from steepest.descent.ending import Ending
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import RUNNING
from steepest.fitting.network.kernel import Member, Span
from steepest.fitting.network.recipe import RATE, coslog
from steepest.fitting.network.snapshots import is_kept, next_kept
from steepest.fitting.network.task import NetworkTask
from steepest.rules.pair import Rules
from steepest.trace import Outcome
from steepest.types import Json

# Compiled code runs for about so many seconds before Ctrl-C and the clock are looked at.
SPAN_SECONDS = 0.1
FIRST_BATCHES = 16


class NetworkSolver:
    """A solver whose steps are the epochs of a network.

    Its point is the answer so far: the parameters of the best epoch of each member. Its value is the mean loss of the
    members on the batches of the last epoch, and its gradient the mean gradient on them.

    Attributes
    ----------
    members : list of Member
        The states of the members.
    best_epochs, least : list of int, array of shape (members,)
        The best epoch of each member so far, and its loss on the rows left out, in the units of compiled code.
    losses, unseen : array of shape (members,)
        The losses of the last epoch: on its batches, and on the rows left out.
    factors : array of shape (members,)
        What the loss in the units of each member is multiplied by.
    epoch : int
        How many epochs are done.
    began, epochs : int
        The epoch at which the present schedule began, and how many epochs it has.
    age : int
        The epochs of an earlier fit, from which this one went on.
    snapshots : dict of int to array
        The parameters of all members after some epochs; empty if they are too many to keep.
    """

    noise = 0.0
    negligible_gap = 0.0
    gaps = 0
    rises = False

    def __init__(
        self, objective: Objective, rules: Rules, sign: float, tolerance: float, start: np.ndarray,
        box: Box | None = None, *, task: NetworkTask,
    ) -> None:  # fmt: skip
        self.objective, self.sign, self.tolerance, self.start, self.box = objective, sign, tolerance, start, box
        self.task = task
        self.members = [part.start for part in task.parts]
        self.best_epochs = [0] * task.members
        self.least = np.array([part.start.least for part in task.parts])
        self.factors = np.array([part.target.factor for part in task.parts])
        self.epoch = self.began = 0
        self.epochs, self.age = task.epochs, 0
        frame, rows = task.frame, task.rows
        self.losses = np.array([
            task.loss(frame.linear(rows.X[part.own], k), rows.at(part.own)) for k, part in enumerate(task.parts)
        ])  # fmt: skip
        self.unseen = self.factors * self.least
        self.first_value = float(self.losses.mean())
        self.per_batch = 0.0
        self.ending: Ending | None = Ending(Outcome.COMPLETED, task.idle) if task.idle else None
        self.code = RUNNING
        if task.before is not None:
            # The parameters and the moments go on; the best epoch is that of the new rows.
            self.members = [
                own._replace(theta=m.theta, memory=m.memory, best=m.theta, least=own.least + np.inf)
                for own, m in zip(self.members, task.before.members, strict=True)
            ]
            self.age, self.least = task.before.age, self.least + np.inf
            self.unseen = np.full(task.members, math.nan)
        # The rows of the epochs of a call of `run`.
        self.made: list[np.ndarray] = []
        self.snapshots: dict[int, np.ndarray] = {}
        self.keep_snapshot()
        # The status, once it was asked for after the last change.
        self.known: Status | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The further columns of the trace: the losses of each member, on its rows and on those that it leaves out."""
        numbers = range(1, self.task.members + 1)
        names = tuple(f"training {k}" for k in numbers)
        return ("validation", *names, *(f"validation {k}" for k in numbers)) if self.task.judges else names

    @property
    def status(self) -> Status:
        """The progress so far."""
        if self.known is None:
            task, value = self.task, float(self.losses.mean())
            x = task.outer([m.best if task.judges else m.theta for m in self.members])
            gradient = task.outer(self.slopes()) / task.members if self.epoch else np.full(x.size, math.nan)
            self.known = Status(
                x=x, gradient=gradient, value=value, iteration=self.epoch, evaluations=self.epoch,
                first_value=self.first_value, best_x=x, best_value=value, estimate=math.inf, code=self.code,
            )  # fmt: skip
        return self.known

    def slopes(self) -> list[np.ndarray]:
        """Return the mean gradient of each member on the batches of the last epoch."""
        task = self.task
        counts = [task.batches(part)[0] for part in task.parts]
        return [f / n * m.slope for f, n, m in zip(self.factors, counts, self.members, strict=True)]

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Make at most this many epochs; return a row for each."""
        self.made, most = [], min(rows, evaluations, self.began + self.epochs - self.epoch)
        with ThreadPoolExecutor(min(self.task.members, os.cpu_count() or 1)) as pool:
            while len(self.made) < most and self.ending is None:
                self.made += self.learn_epochs(pool, most - len(self.made))
        return self.unfinished()

    def learn_epochs(self, pool: ThreadPoolExecutor, most: int) -> list[np.ndarray]:
        """Make the next epochs, as many as fit into one call; if they are interrupted, nothing has changed."""
        task, members = self.task, self.members
        batches = max(task.batches(part)[0] for part in task.parts)
        at_once = self.batches_at_once()
        epochs = max(1, min(most, task.together, at_once // batches, next_kept(self.epoch) - self.epoch))
        orders = [task.orders(k, self.epoch, epochs) for k in range(task.members)]
        done, tables = 0, list[np.ndarray]()
        while done < batches:
            check_interrupt()
            self.objective.clock.check()
            stop = min(done + at_once, batches)
            began = time.perf_counter()
            with compiled_code():
                learn = partial(self.learn, epochs=epochs, first=done, stop=stop)
                pairs = list(pool.map(learn, count(), members, orders))
            self.per_batch = (time.perf_counter() - began) / (epochs * (stop - done))
            members, done = [member for member, _ in pairs], stop
            # A member with one batch less has its rows from the call before.
            found = [np.asarray(table, float)[:epochs] for _, table in pairs]
            tables = [np.where(np.isnan(new), old, new) for new, old in zip(found, tables or found, strict=True)]
        self.members, self.known = [jax.tree.map(np.asarray, member) for member in members], None
        rows = [self.finish_epoch([table[k] for table in tables]) for k in range(epochs)]
        self.keep_snapshot()
        return rows

    def keep_snapshot(self) -> None:
        """Keep the parameters if this epoch is one whose parameters are kept."""
        task = self.task
        if is_kept(self.epoch, sum(kind.count * kind.layers.size for kind in task.kinds.values())):
            x = task.outer([np.asarray(member.theta) for member in self.members]).astype(np.float32)
            # A copy of this solver shares the dictionary, and may go on by itself.
            self.snapshots = self.snapshots | {self.epoch: x}

    def learn(
        self, k: int, member: Member, orders: np.ndarray, epochs: int, first: int, stop: int
    ) -> tuple[Member, np.ndarray]:  # fmt: skip
        """Return the state of member k after some epochs, or after a span of one, and their rows."""
        task, part = self.task, self.task.parts[k]
        batches, size = task.batches(part)
        span = Span(
            epochs=np.int32(epochs if first < batches else 0), first=np.int32(first),
            stop=np.int32(min(stop, batches)), batches=np.int32(batches), size=np.int32(size),
            before=np.int32((self.epoch - self.began) * batches), total=np.int32(self.epochs * batches),
            age=np.int32((self.age + self.epoch) * batches),
            seed=np.uint32((1_000_003 * task.seed + 7_919 * k + 1) % 2**32),
        )  # fmt: skip
        rates = part.rates
        if task.rules is not None and task.rules.step.tabled:
            sizes = task.rules.step.table(int(span.age), task.together * batches)
            rates = rates._replace(sizes=np.array(sizes, dtype=float))
        with double_precision():
            return jax.block_until_ready(part.kind.learn(member, part.rows, part.left_out, orders, span, rates))

    def batches_at_once(self) -> int:
        """Return how many batches take about `SPAN_SECONDS`."""
        return max(1, int(SPAN_SECONDS / self.per_batch)) if self.per_batch else FIRST_BATCHES

    def finish_epoch(self, rows: list[np.ndarray]) -> np.ndarray:
        """Take over the numbers of an epoch, a row for each member; return its row of the trace."""
        self.epoch += 1
        numbers = np.array([row[:3] for row in rows])
        self.losses, self.unseen = self.factors * numbers[:, 0], self.factors * numbers[:, 1]
        for k in np.flatnonzero(numbers[:, 1] < self.least):
            self.best_epochs[k], self.least[k] = self.epoch, numbers[k, 1]
        norm = math.sqrt(float(((self.factors * numbers[:, 2]) ** 2).sum())) / len(rows)
        if not np.isfinite(self.losses).any():
            facts = f"the loss of every member was not finite in epoch {self.epoch:,}; these are the best epochs before"
            self.ending = Ending(Outcome.NON_FINITE, facts)
        elif self.epoch >= self.began + self.epochs:
            self.ending = Ending(Outcome.COMPLETED, self.facts())
        return self.row_of(norm, self.sizes([row[3:] for row in rows]))

    def row_of(self, norm: float, sizes: np.ndarray) -> np.ndarray:
        """Return a row of the trace; `sizes` are the root mean squares of the groups of parameters."""
        further = [self.unseen.mean(), *self.losses, *self.unseen] if self.task.judges else self.losses
        rate = self.step_size()
        return np.concatenate([[self.epoch, self.epoch, self.losses.mean(), norm, rate], further, sizes])

    def step_size(self) -> float:
        """Return the last step size; NaN for a rule of the user."""
        if self.task.rules is not None:
            return math.nan
        return float(RATE * coslog((self.epoch - self.began) / self.epochs)) if self.epoch else 0.0

    def facts(self) -> str:
        """Return the facts at the end of the schedule."""
        done = f"{self.epoch:,} epoch{'s' * (self.epoch != 1)}"
        if not self.task.judges:
            return f"{done} of the schedule, whose last one counts; no optimum is certified"
        low, high = min(self.best_epochs), max(self.best_epochs)
        which = f"epoch {low:,}" if low == high else f"epochs {low:,} to {high:,}"
        members = self.task.members
        who = "the rows left out are predicted"
        if members > 1:
            who = f"the {members} members predict the rows that they leave out"
        return f"{done} of the schedule; {who} best at {which}; no optimum is certified"

    def began_again(self, epochs: int) -> None:
        """Begin another schedule, with the parameters and moments of the last epoch."""
        self.began, self.epochs, self.ending, self.known = self.epoch, epochs, None, None

    def unfinished(self) -> np.ndarray:
        """Return the rows of the epochs that are complete."""
        made, self.made = self.made, []
        return np.array(made) if made else np.empty((0, len(self.row())))

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the present point as a row of the trace."""
        squares = [
            np.array([np.square(group.astype(float)).sum() for group in part.kind.padded.split(m.theta).values()])
            for part, m in zip(self.task.parts, self.members, strict=True)
        ]
        return self.row_of(math.nan, self.sizes(squares))

    def sizes(self, squares: list[np.ndarray]) -> np.ndarray:
        """Return the root mean square of each group of parameters, for the squared lengths of those of each member."""
        found, kinds = [], self.task.kinds.values()
        for k, kind in enumerate(kinds):
            counts = [kind.count * math.prod(shape) for shape in kind.layers.shapes.values()]
            found.append(np.sqrt(np.sum(squares[k :: len(kinds)], axis=0) / counts))
        return np.concatenate(found)

    def mark(self, code: int) -> None:
        """Set the code of the status."""
        self.code, self.known = code, None

    def begin_at(
        self, x: np.ndarray, scale: np.ndarray | None = None, known: tuple[float, np.ndarray] | None = None
    ) -> None:
        """Continue from other parameters."""
        self.known, kind = None, self.members[0].theta.dtype
        vectors = [vector.astype(kind) for vector in self.task.inner(x)]
        self.members = [m._replace(theta=theta) for m, theta in zip(self.members, vectors, strict=True)]

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return None: nothing is proven of a network."""

    def arrays(self) -> list[np.ndarray]:
        """Return the states of the members."""
        return [np.asarray(leaf) for leaf in jax.tree.leaves(self.members)]

    def counters(self) -> dict[str, Json]:
        """Return the place in the schedule."""
        return {
            "epoch": self.epoch, "began": self.began, "epochs": self.epochs, "best_epochs": self.best_epochs,
            "losses": self.losses.tolist(), "unseen": self.unseen.tolist(), "first_value": self.first_value,
            "age": self.age,
        }  # fmt: skip

    def restore(self, arrays: list[np.ndarray], counters: dict[str, Json]) -> None:
        """Continue from the state that `arrays` and `counters` returned."""
        self.known, self.snapshots = None, {}
        starts = [part.start for part in self.task.parts]
        leaves, layout = jax.tree.flatten(starts)
        if [np.shape(leaf) for leaf in leaves] != [np.shape(array) for array in arrays]:
            raise ValueError("the states of the members have the wrong shapes")
        self.members = jax.tree.unflatten(layout, arrays)
        self.epoch, self.began, self.epochs = counters["epoch"], counters["began"], counters["epochs"]
        self.best_epochs, self.least = list(counters["best_epochs"]), np.array([m.least for m in self.members])
        self.losses, self.unseen = (np.array(counters[name], float) for name in ("losses", "unseen"))
        self.first_value, self.age = counters["first_value"], counters["age"]
