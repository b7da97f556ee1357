"""The solver of a soft descent: epochs of all restarts, in two programs side by side."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.process.interrupts import check_interrupt
from steepest.descent.ending import Ending
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import RUNNING
from steepest.fitting.tree.soft.kernel import SHARPNESS, Soft, Span, State
from steepest.fitting.tree.soft.task import SoftTask
from steepest.rules.pair import Rules
from steepest.trace import Outcome
from steepest.types import Json


class SoftSolver:
    """A solver whose steps are epochs of soft trees, which sharpen until the schedule ends.

    Its value is the mean loss of the restarts on the batches of the last epoch.

    Attributes
    ----------
    states : list of State
        The restarts of each program.
    losses : array of shape (restarts,)
        The loss of each restart in the last epoch, in the user's units; before the first, on all rows.
    epoch : int
        How many epochs are done.
    round, began, epochs : int
        The number of the round of restarts, from 0; the epoch at which it began, and the epochs of its schedule.
    snapshots : dict of int to Soft
        The soft trees of all restarts before the first epoch of the round and after 1, 2, 4, 8 and so on.
    """

    noise = 0.0
    negligible_gap = 0.0
    gaps = 0
    rises = False
    ending: Ending | None

    def __init__(
        self, objective: Objective, rules: Rules, sign: float, tolerance: float, start: np.ndarray,
        box: Box | None = None, *, task: SoftTask,
    ) -> None:  # fmt: skip
        self.objective, self.sign, self.tolerance, self.start, self.box = objective, sign, tolerance, start, box
        self.task = task
        self.epoch = self.round = 0
        self.begin_round(task.epochs)
        self.first_value = float(self.losses.mean())
        # The rows of the epochs of a call of `run`.
        self.made: list[np.ndarray] = []

    def begin_round(self, epochs: int) -> None:
        """Begin a schedule of so many epochs, from the random starts of the round."""
        self.began, self.epochs = self.epoch, epochs
        self.states = [_fresh(soft) for soft in self.task.starts(self.round)]
        self.losses = np.array([self.task.loss(soft, SHARPNESS[0]) for soft in self.softs])
        self.snapshots = {0: joined([state.soft for state in self.states])}
        self.ending = self.completed() if self.is_done else None
        self.code = RUNNING

    def completed(self) -> Ending:
        """Return the ending at the end of the schedule."""
        done = self.epoch - self.began
        return Ending(Outcome.COMPLETED, f"{done:,} epoch{'s' * (done != 1)} of {self.task.restarts} restarts")

    @property
    def is_done(self) -> bool:
        """Whether the schedule of the round is complete."""
        return self.epoch >= self.began + self.epochs

    @property
    def columns(self) -> tuple[str, ...]:
        """The further columns of the trace: the loss of each restart."""
        return tuple(f"restart {k}" for k in range(1, self.task.restarts + 1))

    @property
    def softs(self) -> list[Soft]:
        """The soft trees of all restarts, one by one."""
        every = joined([state.soft for state in self.states])
        return [Soft(*(part[k].astype(float) for part in every)) for k in range(self.task.restarts)]

    @property
    def status(self) -> Status:
        """The progress so far."""
        value, x = float(self.losses.mean()), flat([state.soft for state in self.states])
        return Status(
            x=x, gradient=np.full(x.size, math.nan), value=value, iteration=self.epoch, evaluations=self.epoch,
            first_value=self.first_value, best_x=x, best_value=value, estimate=math.inf, code=self.code,
        )  # fmt: skip

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Make at most this many epochs; return a row for each."""
        self.made, most = [], min(rows, evaluations, self.began + self.epochs - self.epoch)
        with ThreadPoolExecutor(min(len(self.states), os.cpu_count() or 1)) as pool:
            while len(self.made) < most and self.ending is None:
                check_interrupt()
                self.objective.clock.check()
                with compiled_code():
                    learn = partial(self.learn, orders=self.task.orders(self.epoch))
                    states = list(pool.map(learn, self.states))
                # Ctrl-C before this line leaves the epoch before.
                self.states = [jax.tree.map(np.asarray, state) for state in states]
                self.epoch += 1
                self.losses = self.task.target.factor * np.concatenate([state.loss for state in self.states])
                done = self.epoch - self.began
                if done & (done - 1) == 0 or self.is_done:
                    self.snapshots = {**self.snapshots, done: joined([state.soft for state in self.states])}
                if self.is_done:
                    self.ending = self.completed()
                self.made.append(self.row())
        return self.unfinished()

    def learn(self, state: State, orders: np.ndarray) -> State:
        """Return the restarts of a program after another epoch."""
        task = self.task
        done, total = ((epochs * task.batches) for epochs in (self.epoch - self.began, self.epochs))
        span = Span(np.int32(done), np.int32(task.batches), np.int32(total), np.int32(task.size))
        return jax.block_until_ready(task.sharpen(state, *task.arrays, task.allowed, orders, span))

    def unfinished(self) -> np.ndarray:
        """Return the rows of the epochs that are complete."""
        made, self.made = self.made, []
        return np.array(made) if made else np.empty((0, len(self.row())))

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the present point as a row of the trace."""
        sizes = [math.sqrt(np.square(part, dtype=float).mean()) for part in joined([s.soft for s in self.states])]
        return np.concatenate([[self.epoch, self.epoch, self.losses.mean(), math.nan, t], self.losses, sizes])

    def mark(self, code: int) -> None:
        """Set the code of the status."""
        self.code = code

    def begin_at(
        self, x: np.ndarray, scale: np.ndarray | None = None, known: tuple[float, np.ndarray] | None = None
    ) -> None:
        """Refuse: the restarts have nowhere else to begin."""
        raise NotImplementedError

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return None: nothing is proven of a tree."""

    def arrays(self) -> list[np.ndarray]:
        """Return the states of the restarts."""
        return [np.asarray(leaf) for leaf in jax.tree.leaves(self.states)]

    def counters(self) -> dict[str, Json]:
        """Return the place in the schedule."""
        return {
            **{name: getattr(self, name) for name in ("epoch", "round", "began", "epochs", "first_value")},
            "losses": self.losses.tolist(),
        }

    def restore(self, arrays: list[np.ndarray], counters: dict[str, Json]) -> None:
        """Continue from the state that `arrays` and `counters` returned."""
        leaves, layout = jax.tree.flatten(self.states)
        if [np.shape(leaf) for leaf in leaves] != [np.shape(array) for array in arrays]:
            raise ValueError("the states of the restarts have the wrong shapes")
        self.states = jax.tree.unflatten(layout, arrays)
        self.losses = np.array(counters["losses"], float)
        for name in ("epoch", "round", "began", "epochs", "first_value"):
            setattr(self, name, counters[name])


def joined(softs: list[Soft]) -> Soft:
    """Return the restarts of several programs together."""
    return Soft(*(np.concatenate(parts) for parts in zip(*softs, strict=True)))


def flat(softs: list[Soft]) -> np.ndarray:
    """Return the parameters of all restarts as one vector."""
    return np.concatenate([np.ravel(part) for part in joined(softs)]).astype(float)


def _fresh(soft: Soft) -> State:
    single = Soft(*(np.asarray(part, np.float32) for part in soft))
    nothing = Soft(*(np.zeros_like(part) for part in single))
    return State(single, nothing, nothing, jnp.zeros(len(single.threshold), jnp.float32))
