"""The base of the solvers of linear models: chunks of compiled steps, the status, and the certificate."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, Self, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import shared
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code
from steepest.descent.ending import Ending
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import CANDIDATE, COLUMNS, RUNNING
from steepest.fitting.limits import CERTIFIED
from steepest.fitting.linear.certificates.base import BoundParts, LinearCertifier, Measurement
from steepest.fitting.linear.glm import Glm
from steepest.rules.pair import Rules
from steepest.types import Array, Json

# The most rows of the trace that a chunk records, and the most numbers in them (2 MiB), as each step copies them once.
# Chosen, not measured: more rows mean fewer calls of compiled code, and slower steps.
MOST_ROWS, MOST_NUMBERS = 64, 2**18
# If the loss has kinks and no tolerance was given: the gap at which the descent ends, and the larger gap at which the
# certificate is first computed, as shares of the remaining loss. The cost and the gain of smaller gaps were measured:
# see docs/certificates.md.
NEAR_KINKS, NEAR_STATED = 1e-9, 1e-6


def capacity_of(size: int) -> int:
    """Return how many rows of the trace a chunk may hold."""
    return int(np.clip(MOST_NUMBERS // (len(COLUMNS) + size), 1, MOST_ROWS))


class LinearState(Protocol):
    """The fields that the states of all solvers of linear models share; a state is a named tuple of JAX arrays."""

    @property
    def x(self) -> Array: ...

    @property
    def value(self) -> Array: ...

    @property
    def gradient(self) -> Array: ...

    @property
    def z(self) -> Array: ...

    @property
    def iteration(self) -> Array: ...

    @property
    def evaluations(self) -> Array: ...

    @property
    def first_value(self) -> Array: ...

    @property
    def steepest(self) -> Array: ...

    @property
    def code(self) -> Array: ...

    @property
    def _replace(self) -> Callable[..., Self]: ...

    @property
    def _asdict(self) -> Callable[[], dict[str, Array]]: ...


M = TypeVar("M")
S = TypeVar("S", bound=LinearState)


class Opening(Protocol):
    """Epochs in batches before the steps over all rows: they come near the minimum at little cost.

    Attributes
    ----------
    epochs : int
        The number of epochs, at most.
    step_size : float
        The step size of the updates.
    """

    epochs: int
    step_size: float

    def __call__(self, glm: Glm, state: S, gradient: Array, left: int, begin: Callable[[Array], S]) -> tuple[S, bool]:
        """Return the state after one epoch, and whether the epoch has lowered the value.

        `gradient` is that without an L1 penalty, `left` is the number of epochs that come after this one, and `begin`
        returns the state at a point.
        """


def chunk_of(step: Callable[[M, S, Array, Array], tuple[S, Array]]) -> Callable[[M, S, Array], tuple[S, Array]]:
    """Return the loop around a step: (model, state, limits) -> (state, rows).

    The limits are the rows, the evaluations, the tolerance, and `watch`: see `is_suspect` in `smoothing`.
    """

    def chunk(model: M, state: S, limits: Array) -> tuple[S, Array]:
        first, stop = state.iteration, state.evaluations + limits[1]

        def going(carry: tuple[S, Array]) -> Array:
            here = carry[0]
            return (here.code == RUNNING) & (here.iteration - first < limits[0]) & (here.evaluations < stop)

        def body(carry: tuple[S, Array]) -> tuple[S, Array]:
            here, rows = carry
            there, t = step(model, here, limits[2], limits[3])
            # The row of a rejected step is overwritten by the next row, or cut off at the end.
            return there, rows.at[here.iteration - first].set(row_of(there, t))

        rows = jnp.zeros((capacity_of(state.x.size), len(COLUMNS) + state.x.size))
        return jax.lax.while_loop(going, body, (state, rows))

    return shared(chunk)


def row_of(state: LinearState, t: Array) -> Array:
    """Return a row of the trace; t is the step that led there."""
    norm = jnp.linalg.norm(state.gradient)
    head = [state.iteration, state.evaluations, state.value, norm, t]
    return jnp.concatenate([jnp.stack([jnp.asarray(number, float) for number in head]), state.x])


class LinearSolver(ABC, Generic[M, S]):
    """The base of the solvers of generalised linear models; their steps are compiled, with all products with the rows.

    Parameters
    ----------
    model : Glm, SmoothStep, L1Step or tuple
        The model on its rows, with λ for an L1 penalty, as the step takes it.
    first : float or array
        The first curvature or metric.
    certifier : Certifier or L1Certifier
        The certificate of the problem.
    objective, rules, sign, tolerance, start, box
        As for `RuleSolver`; a linear model has no bounds, and these solvers ignore the rules.
    opening : Opening or None
        Epochs in batches that come before steps over all rows.
    """

    begin: Callable[[M, Array, Array], S]
    chunk: Callable[[M, S, Array], tuple[S, Array]]
    noise = 0.0
    gaps = 0
    columns: tuple[str, ...] = ()
    ending: Ending | None = None
    # A state with its status, which the driver and the judge read many times.
    _known_status: tuple[S, Status] | None = None

    def __init__(
        self, model: M, first: Array, certifier: LinearCertifier, objective: Objective, rules: Rules,
        sign: float, tolerance: float, start: np.ndarray, box: Box | None = None, *, opening: Opening | None = None,
    ) -> None:  # fmt: skip
        self.opening, self.epochs_left = opening, opening.epochs if opening else 0
        self.model, self.first, self.certifier, self.objective = model, first, certifier, objective
        self.sign, self.box, self.tolerance, self.start = sign, box, tolerance, start
        self.certified = False
        self.known: Measurement | None = None
        with compiled_code():
            self.go_to(self.begin(model, start, first))
            if not (self.status.value <= self.status.first_value < math.inf or np.array_equal(start, self.origin)):
                self.go_to(self.lower(self.begin(model, self.origin, first), self._state))

    @property
    def origin(self) -> np.ndarray:
        """Coefficients of 0, where a descent begins if the user's start is worse.

        A linear model has one minimum, so that the start decides only how long the way is. Where predictions are far
        too large, the slope and the curvature say nothing of that minimum, or overflow.
        """
        return np.zeros_like(self.start)

    @staticmethod
    def lower(one: S, other: S) -> S:
        """Return the state with the lower value; the first if the other has none that is finite."""
        return other if float(other.value) <= float(one.value) else one

    @property
    @abstractmethod
    def glm(self) -> Glm:
        """The model on its rows."""

    @property
    def status(self) -> Status:
        """The progress so far; the current point is the best, as no step raises the value."""
        state = self.state
        if self._known_status is None or self._known_status[0] is not state:
            self._known_status = state, self._status_of(state)
        return self._known_status[1]

    def _status_of(self, state: S) -> Status:
        return Status(
            x=np.asarray(state.x), gradient=np.asarray(state.gradient), value=float(state.value),
            iteration=int(state.iteration), evaluations=int(state.evaluations), first_value=float(state.first_value),
            best_x=np.asarray(state.x), best_value=float(state.value), estimate=self.estimate, code=int(state.code),
            steepest=float(state.steepest),
        )  # fmt: skip

    @property
    def smooth_gradient(self) -> Array:
        """The gradient at the current point, without that of an L1 penalty."""
        return self._state.gradient

    @property
    @abstractmethod
    def estimate(self) -> float:
        """An estimate of how far the value is above the minimum."""

    @property
    @abstractmethod
    def smoothing(self) -> Array | None:
        """The smoothing μ of the loss at the current point; None if the loss is not smoothed."""

    @property
    def rises(self) -> bool:
        """Whether the value may rise during the descent: it may if the smoothing of a loss becomes sharper."""
        return self.smoothing is not None

    def arrays(self) -> list[np.ndarray]:
        """Return the state as arrays that a file can hold.

        A product with the rows is left out if the descent has ended, or if it can be computed again bit for bit.
        """
        state = self._state
        ended = int(self.state.code) != RUNNING
        for name, of in _products(state):
            if ended or np.array_equal(self.product(getattr(state, of)), getattr(state, name)):
                state = state._replace(**{name: np.empty(0)})
        return [np.asarray(leaf) for leaf in jax.tree.leaves(state)]

    def counters(self) -> dict[str, Json]:
        """Return the rest of the state: how many epochs in batches are left."""
        return {"left": self.epochs_left}

    def restore(self, arrays: list[np.ndarray], counters: dict[str, Json]) -> None:
        """Continue from the state that `arrays` and `counters` returned."""
        self.epochs_left = int(counters.get("left", 0))
        state = jax.tree.unflatten(jax.tree.structure(self._state), arrays)
        for name, of in _products(state):
            # It was left out, or an earlier version padded the rows to another number.
            if len(getattr(state, name)) != len(self.glm.y):
                state = state._replace(**{name: self.product(getattr(state, of))})
        self.go_to(state)

    def product(self, d: Array) -> Array:
        """Return A d."""
        with compiled_code():
            return _along(self.glm, d)

    def go_to(self, state: S) -> None:
        """Make a state the current one; copy the fields that the driver reads from JAX to NumPy."""
        self._state = state
        small = {name: value for name, value in state._asdict().items() if name not in _LARGE}
        # `jax.device_get` does the same, and takes twice as long for so many small arrays.
        self.state = state._replace(**jax.tree.map(np.asarray, small))
        if int(self.state.code) == CANDIDATE:
            self.known = self.measurement()

    def measurement(self) -> Measurement | None:
        """Return the parts of the bound at the current point if the last step has computed them, else None."""
        return None

    def measurement_of(self, parts: BoundParts, sensitivity: Array) -> Measurement | None:
        """Return these parts of a bound as a measurement; None if there are too many coefficients for a bound."""
        if self.state.x.size > CERTIFIED:
            return None
        return Measurement(np.asarray(self.state.x), parts, sensitivity, 0)

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return the certificate at a point; it costs nothing if the last step has computed its parts."""
        known = self.known if self.known is not None and np.array_equal(self.known.x, x) else None
        return self.certifier(x, known or self.certifier.measure(x, self.smoothing), self.negligible_gap)

    @property
    def negligible_gap(self) -> float:
        """The gap at which a descent without a tolerance ends although rounding allows more; 0 if there is none."""
        if self.tolerance:
            return 0.0
        value, lowest = self.status.best_value, self.objective.lowest
        return self.first_tolerance * (value - lowest if math.isfinite(lowest) else abs(value))

    def mark(self, code: int) -> None:
        """Set the code of the status."""
        with compiled_code():
            self.go_to(self._state._replace(code=jnp.asarray(code)))

    def begin_at(
        self, x: np.ndarray, scale: np.ndarray | None = None, known: tuple[float, np.ndarray] | None = None
    ) -> None:
        """Continue from another point, where the products with the rows are computed again."""
        before = self._state
        with compiled_code():
            here = self.state_at(x)
            counts = {"iteration": before.iteration + 1, "evaluations": before.evaluations + here.evaluations}
            self.go_to(here._replace(first_value=before.first_value, code=jnp.asarray(RUNNING), **counts))

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the current point as a row of the trace; t is the step size that led there."""
        with compiled_code():
            return np.array(_row_of(self._state, np.float64(t)))

    def unfinished(self) -> np.ndarray:
        """Return no rows: compiled code completes a chunk, or leaves nothing of it."""
        return np.empty((0, len(COLUMNS) + self.start.size))

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Take steps until this many rows or evaluations are reached; return the rows of the trace."""
        if self.opening and self.epochs_left:
            return self.opening_epoch(self.opening)
        rows = min(rows, capacity_of(self.start.size))
        before = int(self.state.iteration)
        with compiled_code():
            limits = np.array([rows, evaluations, self.step_tolerance, self.certifier.recession.watch])
            state, recorded = self.chunk(self.model, self._state, limits)
            recorded = np.array(recorded)
        # Change the state only now. A delayed Ctrl-C is raised at the end of the context above, and loses the rows; the
        # state must then be the one before these rows.
        self.go_to(state)
        if (
            int(self.state.code) == CANDIDATE
            and self.tolerance == 0
            and self.first_tolerance > self.last_tolerance
            and not self.certified
        ):
            # Certify here first, as a certificate of the last digits may fail. Then go on to the last tolerance.
            report = self.bound(np.asarray(self.state.x))
            self.certified = True
            if report is not None and not report.endless:
                LinearSolver.mark(self, RUNNING)
        return recorded[: int(self.state.iteration) - before]

    def state_at(self, x: np.ndarray) -> S:
        """Return the state at another point, with the current metric."""
        return self.begin(self.model, x, self.first)

    def opening_epoch(self, opening: Opening) -> np.ndarray:
        """Go through the batches once; if that does not lower the value, begin with the steps over all rows."""
        left = self.epochs_left - 1
        with compiled_code():
            state, fell = opening(self.glm, self._state, self.smooth_gradient, left, self.state_at)
        # Change the state only now. A delayed Ctrl-C is raised at the end of the context above; the epoch is then done
        # again.
        self.epochs_left = left if fell else 0
        self.go_to(state)
        return self.row(opening.step_size)[None] if fell else self.unfinished()

    @property
    def step_tolerance(self) -> float:
        """The tolerance of the compiled steps: a share of the descent, or, with a minus sign, of the remaining loss."""
        if self.tolerance:
            return self.tolerance
        return -max(self.last_tolerance, 0.0 if self.certified else self.first_tolerance)

    @property
    def last_tolerance(self) -> float:
        """The share of the remaining loss to stop at if no tolerance was given; above 0 if the loss has kinks."""
        return NEAR_KINKS if self.glm.loss.kinked else 0.0

    @property
    def first_tolerance(self) -> float:
        """The share of the remaining loss at which the certificate is first computed if no tolerance was given."""
        return NEAR_STATED if self.glm.loss.kinked else self.last_tolerance


def _products(state: LinearState) -> list[tuple[str, str]]:
    """Return the fields of a state that are products with the rows, each with the field that is the other factor."""
    known = state._asdict()
    return [(name, of) for name, of in _PRODUCTS.items() if known.get(name) is not None]


_PRODUCTS = {"z": "x", "along_step": "step"}
# Fields that the driver does not read: they stay in the memory of JAX.
_LARGE = ("z", "along_step", "metric", "pairs", "hessian", "max_moves")
_along = shared(lambda glm, d: glm.along(d))
_row_of = shared(row_of)
