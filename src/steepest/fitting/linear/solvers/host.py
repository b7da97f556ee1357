"""Solvers whose steps are taken in NumPy and SciPy, which need no compilation for each number of columns."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Protocol, TypeVar

import jax
import numpy as np

from steepest.derivatives.compiled import shared
from steepest.derivatives.precision import compiled_code
from steepest.descent.loop.state import RUNNING
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.solvers.base import LinearSolver, LinearState, M, capacity_of
from steepest.types import Array


class HostState(LinearState, Protocol):
    """The fields that the states of these solvers share."""

    @property
    def estimate(self) -> Array: ...


S = TypeVar("S", bound=HostState)


class HostSolver(LinearSolver[M, S]):
    """The base of solvers whose states are NumPy's arrays; `step` takes the place of the compiled chunk."""

    @abstractmethod
    def step(self, here: S) -> tuple[S, float]:
        """Return the state after a step, and the size of the step; the same iteration if there was none."""

    @property
    def estimate(self) -> float:
        """An estimate of how far the value is above the minimum."""
        return float(self.state.estimate)

    def is_over(self) -> bool:
        """Tell whether the time limit has passed: a step then ends early, but is complete."""
        return bool(self.objective.clock.over)

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Take steps until this many rows or evaluations are reached; return the rows of the trace."""
        if self.opening and self.epochs_left:
            return self.opening_epoch(self.opening)
        recorded: list[np.ndarray] = []
        most = min(rows, evaluations, capacity_of(self.start.size))
        while len(recorded) < most and int(self.state.code) == RUNNING and not (recorded and self.is_over()):
            before = int(self.state.iteration)
            with compiled_code():
                state, t = self.step(self.state)
            # A delayed Ctrl-C is raised at the end of the context above: the state is then the one before the step.
            self.go_to(state)
            if int(self.state.iteration) > before:
                recorded.append(self.row(t))
        return np.stack(recorded) if recorded else self.unfinished()

    def go_to(self, state: S) -> None:
        """Make a state the current one."""
        self._state = self.state = state._replace(**{name: np.asarray(leaf) for name, leaf in state._asdict().items()})

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the current point as a row of the trace; t is the step size that led there."""
        state = self.state
        norm = float(np.linalg.norm(state.gradient))
        head = [float(state.iteration), float(state.evaluations), float(state.value), norm, t]
        return np.concatenate([head, state.x])


class RowLosses:
    """The losses of a model's rows, which are the only compiled code of most of these solvers.

    Parameters
    ----------
    glm : Glm
        The model on its rows.
    """

    def __init__(self, glm: Glm) -> None:
        # Leave X out: the losses do not need it, and each call of compiled code would pass it again.
        self.glm = replace(glm, X=np.zeros((len(glm.y), 0)), transform=None)

    def __call__(self, z: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the sum of the losses at outputs, and the first and second derivatives of each row's loss."""
        loss, first, second = jax.device_get(_losses(self.glm, z))
        return float(loss), first, second

    def reference(self, value: Array) -> np.ndarray:
        """Return the value from which progress is measured: see `Glm.reference_value`."""
        return np.asarray(_reference(self.glm, value))

    def targets(self, tolerance: float, first: Array, value: Array) -> tuple[float, float]:
        """Return the gap at which to stop, and the rounding error of the value."""
        target, rounding = _targets(self.glm, tolerance, first, value)
        return float(target), float(rounding)


@shared
def _losses(glm: Glm, z: Array) -> tuple[Array, Array, Array]:
    loss, first, second = glm.losses(z, glm.y, glm.weight / glm.mass)
    return loss.sum(), first, second


@shared
def _targets(glm: Glm, tolerance: Array, first: Array, value: Array) -> tuple[Array, Array]:
    return glm.target_gap(tolerance, first, value), glm.rounding(value)


_reference = shared(lambda glm, value: glm.reference_value(value))
