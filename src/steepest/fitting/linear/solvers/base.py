"""The solver of a linear model as the driver sees it: chunks of compiled steps, its status, and its certificate."""

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

# A chunk writes at most so many rows, of at most so many numbers in all (2 MiB): each is copied once a step.
MOST_ROWS, MOST_NUMBERS = 64, 2**18
# The gap that is small enough for a loss with kinks if no tolerance was given, as a part of what is left of the loss,
# and the gap that bounds of such losses reach in any case, at which the certificate is first computed. What smaller
# ones cost and bring was measured: see docs/certificates.md.
NEAR_KINKS, NEAR_STATED = 1e-9, 1e-6


def capacity_of(size: int) -> int:
    """Return how many rows of the trace a chunk may hold."""
    return int(np.clip(MOST_NUMBERS // (len(COLUMNS) + size), 1, MOST_ROWS))


class LinearState(Protocol):
    """The fields that the state of every solver of linear models has, a named tuple of JAX's arrays."""

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
    """Epochs in batches, which come near the minimum at little cost; called with a model, a state and what is left.

    Attributes
    ----------
    epochs : int
        How many there are at most.
    step_size : float
        The step size of the updates.
    """

    epochs: int
    step_size: float

    def __call__(self, glm: Glm, state: S, left: int, begin: Callable[[Array], S]) -> tuple[S, bool]:
        """Return the state after one epoch, and whether it has lowered the value."""


def chunk_of(step: Callable[[M, S, Array, Array], tuple[S, Array]]) -> Callable[[M, S, Array], tuple[S, Array]]:
    """Return the loop around a step: (model, state, limits) -> (state, rows).

    The limits are the rows, the evaluations, the tolerance, and whether to watch for a loss that falls without end.
    """

    def chunk(model: M, state: S, limits: Array) -> tuple[S, Array]:
        first, stop = state.iteration, state.evaluations + limits[1]

        def going(carry: tuple[S, Array]) -> Array:
            here = carry[0]
            return (here.code == RUNNING) & (here.iteration - first < limits[0]) & (here.evaluations < stop)

        def body(carry: tuple[S, Array]) -> tuple[S, Array]:
            here, rows = carry
            there, t = step(model, here, limits[2], limits[3])
            # The row of a step that was not taken is overwritten, or cut off with the rest.
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
    """A solver of generalised linear models, whose step is compiled with its products with the rows.

    Parameters
    ----------
    model : Glm, SmoothStep, L1Step or tuple
        The model on its rows, with λ for an L1 penalty, as the step takes it.
    first : float or array
        The curvature or the metric to begin with.
    certifier : Certifier or L1Certifier
        The certificate of the problem.
    objective, rules, sign, tolerance, start, box
        As for `RuleSolver`; a linear model has no bounds, and the rules do not matter.
    opening : Opening or None
        Epochs in batches that come before steps over all rows.
    """

    begin: Callable[[M, Array, Array], S]
    chunk: Callable[[M, S, Array], tuple[S, Array]]
    noise = 0.0
    gaps = 0
    ending: Ending | None = None

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

    @property
    @abstractmethod
    def glm(self) -> Glm:
        """The model on its rows."""

    @property
    def status(self) -> Status:
        """The progress so far; no step goes up, so that the current point is the best."""
        state = self.state
        return Status(
            x=np.asarray(state.x), gradient=np.asarray(state.gradient), value=float(state.value),
            iteration=int(state.iteration), evaluations=int(state.evaluations), first_value=float(state.first_value),
            best_x=np.asarray(state.x), best_value=float(state.value), estimate=self.estimate, code=int(state.code),
            steepest=float(state.steepest),
        )  # fmt: skip

    @property
    @abstractmethod
    def estimate(self) -> float:
        """An estimate of how far the value is above the minimum."""

    @property
    @abstractmethod
    def smoothing(self) -> Array | None:
        """The smoothing of a loss with kinks at the current point; None for a loss that is not smoothed."""

    @property
    def rises(self) -> bool:
        """Whether the value may rise on the way, as it may where the smoothing of a loss is sharpened."""
        return self.smoothing is not None

    def arrays(self) -> list[np.ndarray]:
        """Return the state as arrays that a file can hold.

        A product of the rows is left out if it can be computed again bit for bit, and if the descent has ended.
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
            if not getattr(state, name).size:
                state = state._replace(**{name: self.product(getattr(state, of))})
        self.go_to(state)

    def product(self, d: Array) -> Array:
        """Return A d."""
        with compiled_code():
            return _along(self.glm, d)

    def go_to(self, state: S) -> None:
        """Stand at a state; what the driver reads of it becomes NumPy's."""
        self._state = state
        small = {name: value for name, value in state._asdict().items() if name not in _LARGE}
        self.state = state._replace(**jax.device_get(small))
        if int(self.state.code) == CANDIDATE:
            self.known = self.measurement()

    def measurement(self) -> Measurement | None:
        """Return the parts of the bound that the step has computed where the descent rests, if it has."""
        return None

    def measured_by(self, seen: BoundParts, beside: Array) -> Measurement | None:
        """Return these parts of a bound; None if there are too many coefficients for one."""
        return Measurement(np.asarray(self.state.x), seen, beside, 0) if self.state.x.size <= CERTIFIED else None

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return the certificate at a point, at no cost where the step has computed its parts."""
        known = self.known if self.known is not None and np.array_equal(self.known.x, x) else None
        return self.certifier(x, known or self.certifier.measure(x, self.smoothing), self.near)

    @property
    def near(self) -> float:
        """The gap that is small enough if no tolerance was given."""
        if self.tolerance:
            return 0.0
        value, lowest = self.status.best_value, self.objective.lowest
        return self.stated * (value - lowest if math.isfinite(lowest) else abs(value))

    def mark(self, code: int) -> None:
        """Set the code of the status."""
        with compiled_code():
            self.go_to(self._state._replace(code=jnp.asarray(code)))

    def begin_at(
        self, x: np.ndarray, scale: np.ndarray | None = None, known: tuple[float, np.ndarray] | None = None
    ) -> None:
        """Continue from another point; the products with the rows are computed there anew."""
        before = self._state
        with compiled_code():
            here = self.begun(x)
            counts = {"iteration": before.iteration + 1, "evaluations": before.evaluations + here.evaluations}
            self.go_to(here._replace(first_value=before.first_value, code=jnp.asarray(RUNNING), **counts))

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the current point as a row of the trace; t is the step size that led there."""
        with compiled_code():
            return np.array(row_of(self._state, t))

    def unfinished(self) -> np.ndarray:
        """Return the rows of a chunk that was cut short: none, as compiled code ends all of it or nothing."""
        return np.empty((0, len(COLUMNS) + self.start.size))

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Take steps until so many rows or evaluations are reached; return the rows of the trace."""
        if self.opening and self.epochs_left:
            return self.opened(self.opening)
        rows = min(rows, capacity_of(self.start.size))
        before = int(self.state.iteration)
        with compiled_code():
            limits = np.array([rows, evaluations, self.asked, self.certifier.recession.watch])
            state, recorded = self.chunk(self.model, self._state, limits)
            recorded = np.array(recorded)
        # Only now: Ctrl-C that was held back is raised before, and would lose the rows.
        self.go_to(state)
        if (
            int(self.state.code) == CANDIDATE
            and self.tolerance == 0
            and self.stated > self.nearest
            and not self.certified
        ):
            report = self.bound(np.asarray(self.state.x))
            self.certified = True
            if report is not None and not report.endless:
                LinearSolver.mark(self, RUNNING)
        return recorded[: int(self.state.iteration) - before]

    def begun(self, x: np.ndarray) -> S:
        """Return the state at another point, with the metric that holds now."""
        return self.begin(self.model, x, self.first)

    def opened(self, opening: Opening) -> np.ndarray:
        """Go through the batches once if that lowers the value; else begin with the steps over all rows."""
        left = self.epochs_left - 1
        with compiled_code():
            state, fell = opening(self.glm, self._state, left, self.begun)
        # Only now: Ctrl-C that was held back is raised before, and the epoch is done again.
        self.epochs_left = left if fell else 0
        self.go_to(state)
        return self.row(opening.step_size)[None] if fell else self.unfinished()

    @property
    def asked(self) -> float:
        """The tolerance as a part of the descent; below 0, as a part of what is left of the loss."""
        if self.tolerance:
            return self.tolerance
        return -max(self.nearest, 0.0 if self.certified else self.stated)

    @property
    def nearest(self) -> float:
        """How near is near enough if no tolerance was given: on kinks further steps prove little more."""
        return NEAR_KINKS if self.glm.loss.kinked else 0.0

    @property
    def stated(self) -> float:
        """The nearness that is certified first if no tolerance was given, before the descent goes on."""
        return NEAR_STATED if self.glm.loss.kinked else self.nearest


def _products(state: LinearState) -> list[tuple[str, str]]:
    """Return the fields of a state that are products of the rows, each with the factor's name."""
    known = state._asdict()
    return [(name, of) for name, of in _PRODUCTS.items() if known.get(name) is not None]


_PRODUCTS = {"z": "x", "along_step": "step"}
# Fields that the driver does not read: they stay where they are, in JAX's memory.
_LARGE = ("z", "along_step", "metric", "pairs", "hessian", "moved")
_along = shared(lambda glm, d: glm.along(d))
