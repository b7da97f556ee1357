"""Descents of linear models under way, chunk by chunk, as the driver sees them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import CANDIDATE, COLUMNS, RUNNING
from steepest.fitting.linear.certificates.smooth import WIDEST, Certifier, Measurement
from steepest.fitting.linear.certificates.sparse import SparseCertifier
from steepest.fitting.linear.coordinates import WIDEST_GRAM
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.solvers import newton, proximal_newton, quasi_newton, spectral
from steepest.models.losses import squared
from steepest.rules.pair import Rules
from steepest.types import Array, Json

LinearCertifier = Certifier | SparseCertifier

MOST_ROWS = 64
# The tolerance, as a part of the descent, of least squares in whitened coordinates: a step or two get there.
ROUNDED = EPS**1.5
MOST_NUMBERS = 2**18
# How near is near enough where no tolerance was given: for losses with kinks, for those with an L1 penalty, and for an
# L1 penalty of very many columns. What more would cost and bring was measured: see docs/certificates.md.
# Nearness that bounds of kinked losses reach in any case is certified first.
NEAR_KINKS, NEAR_BOTH, NEAR_WIDE, NEAR_STATED = 1e-9, 1e-8, 1e-8, 1e-6


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

    def __call__(self, glm: Glm, state: Any, left: int, begin: Callable[..., Any]) -> tuple[Any, bool]:
        """Return the state after one epoch, and whether it has lowered the value."""


def capacity_of(size: int) -> int:
    """Return how many rows of the trace a chunk may hold."""
    return int(np.clip(MOST_NUMBERS // (len(COLUMNS) + size), 1, MOST_ROWS))


def chunk_of(step: Callable[..., tuple[Any, Array]]) -> Callable[..., tuple[Any, Array]]:
    """Return the loop around a step: (data, stand, limits) -> (stand, rows).

    The limits are those of rows, evaluations and tolerance, and whether ways along which the loss falls for ever are
    watched for.
    """

    def chunk(data: tuple[Any, ...], stand: Any, limits: Array) -> tuple[Any, Array]:
        first, stop = stand.iteration, stand.evaluations + limits[1]

        def going(carry: tuple[Any, Array]) -> Array:
            here = carry[0]
            return (here.code == RUNNING) & (here.iteration - first < limits[0]) & (here.evaluations < stop)

        def body(carry: tuple[Any, Array]) -> tuple[Any, Array]:
            here, rows = carry
            there, t = step(*data, here, limits[2], limits[3])
            # The row of a step that was not taken is overwritten, or cut off with the rest.
            return there, rows.at[here.iteration - first].set(row_of(there, t))

        rows = jnp.zeros((capacity_of(stand.x.size), len(COLUMNS) + stand.x.size))
        return jax.lax.while_loop(going, body, (stand, rows))

    return shared(chunk)


def row_of(stand: Any, t: Array) -> Array:
    """Return a row of the trace; t is the step that led there."""
    norm = jnp.linalg.norm(stand.gradient)
    head = [stand.iteration, stand.evaluations, stand.value, norm, t]
    return jnp.concatenate([jnp.stack([jnp.asarray(number, float) for number in head]), stand.x])


class LinearSolver(ABC):
    """A solver of generalised linear models, whose step is compiled with its products with the rows.

    Parameters
    ----------
    data : tuple
        The arguments of the step that do not change: the model on its rows, and λ for an L1 penalty.
    first : float or array
        The curvature or the metric to begin with.
    certifier : Certifier or SparseCertifier
        The certificate of the problem.
    objective, rules, sign, tolerance, start, box
        As for `RuleSolver`; a linear model has no bounds, and the rules do not matter.
    opening : Opening or None
        Epochs in batches that come before steps over all rows.
    """

    begin: Callable[..., Any]
    chunk: Callable[..., tuple[Any, Array]]
    noise = 0.0
    gaps = 0

    def __init__(
        self, data: tuple[Any, ...], first: Any, certifier: LinearCertifier, objective: Objective, rules: Rules,
        sign: float, tolerance: float, start: np.ndarray, box: Box | None = None, *, opening: Opening | None = None,
    ) -> None:  # fmt: skip
        self.opening, self.epochs_left = opening, opening.epochs if opening else 0
        self.data, self.first, self.certifier, self.objective = data, first, certifier, objective
        self.sign, self.box, self.tolerance, self.start = sign, box, tolerance, start
        self.certified = False
        self.known: Measurement | None = None
        with compiled_code():
            self.stand(self.begin(*data, start, first))

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
    def smoothing(self) -> Array | None:
        """The smoothing of a loss with kinks at the current point; None for a loss that is not smoothed."""
        return self.state.smoothing

    @property
    def rises(self) -> bool:
        """Whether the value may rise on the way, as it may where the smoothing of a loss is sharpened."""
        return self.smoothing is not None

    def arrays(self) -> list[np.ndarray]:
        """Return the state as arrays that a file can hold.

        A product of the rows is left out if it can be computed again bit for bit, and if the descent has ended.
        """
        state = self._stand
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
        state = jax.tree.unflatten(jax.tree.structure(self._stand), arrays)
        for name, of in _products(state):
            if not getattr(state, name).size:
                state = state._replace(**{name: self.product(getattr(state, of))})
        self.stand(state)

    def product(self, d: Array) -> Array:
        """Return A d."""
        with compiled_code():
            return _along(self.data[0], d)

    def stand(self, state: Any) -> None:
        """Stand at a state; what the driver reads of it becomes NumPy's."""
        self._stand = state
        small = {name: value for name, value in state._asdict().items() if name not in _CARRIED}
        self.state = state._replace(**jax.device_get(small))
        if int(self.state.code) == CANDIDATE:
            self.known = self.measurement()

    def measurement(self) -> Measurement | None:
        """Return the parts of the bound that the step has computed where the descent rests, if it has."""
        return None

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
            self.stand(self._stand._replace(code=jnp.asarray(code)))

    def begin_at(
        self, x: np.ndarray, scale: np.ndarray | None = None, known: tuple[float, np.ndarray] | None = None
    ) -> None:
        """Continue from another point; the products with the rows are computed there anew."""
        before = self._stand
        with compiled_code():
            here = self.begin(*self.data, x, self.first)
            counts = {"iteration": before.iteration + 1, "evaluations": before.evaluations + here.evaluations}
            self.stand(here._replace(first_value=before.first_value, code=jnp.asarray(RUNNING), **counts))

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the current point as a row of the trace; t is the step size that led there."""
        with compiled_code():
            return np.array(row_of(self._stand, t))

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
            state, recorded = self.chunk(self.data, self._stand, limits)
            recorded = np.array(recorded)
        # Only now: Ctrl-C that was held back is raised before, and would lose the rows.
        self.stand(state)
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

    def opened(self, opening: Opening) -> np.ndarray:
        """Go through the batches once if that lowers the value; else begin with the steps over all rows."""
        left = self.epochs_left - 1
        with compiled_code():
            state, fell = opening(self.data[0], self._stand, left, self.begin)
        # Only now: Ctrl-C that was held back is raised before, and the epoch is done again.
        self.epochs_left = left if fell else 0
        self.stand(state)
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
        return NEAR_KINKS if self.data[0].loss.kinked else 0.0

    @property
    def stated(self) -> float:
        """The nearness that is certified first if no tolerance was given, before the descent goes on."""
        return NEAR_STATED if self.data[0].loss.kinked else self.nearest


class LbfgsSolver(LinearSolver):
    """L-BFGS with the search in the plane; `first` is the loss's second derivative at the mean of the targets."""

    begin, chunk = staticmethod(shared(quasi_newton.begin)), staticmethod(chunk_of(quasi_newton.turn))

    def __init__(self, glm: Glm, first: float, *arguments: Any, opening: Opening | None = None) -> None:
        size = (glm.X.shape[1] + 1) * max(glm.loss.outputs, 1)
        root = np.full(size, 1 / np.sqrt(first))
        self.metric: np.ndarray | None = None
        super().__init__((glm,), np.diag(root) if size <= WIDEST_GRAM + 1 else root, *arguments, opening=opening)

    @property
    def status(self) -> Status:
        """The progress so far."""
        return super().status._replace(resets=int(self.state.resets))

    @property
    def estimate(self) -> float:
        """An estimate of how far the value is above the minimum."""
        return float(self.state.estimate)

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Take steps until so many rows or evaluations are reached, and close with a step of Newton's."""
        recorded = super().run(rows, evaluations, together)
        (glm,), state = self.data, self.state
        near = int(state.code) == CANDIDATE and not self.certifier.recession.endless
        if near and self.tolerance == 0 and state.x.size <= WIDEST and not glm.loss.kinked and len(recorded) < rows:
            with compiled_code():
                self.stand(_closed(glm, self._stand))
            if int(self.state.iteration) > int(state.iteration):
                return np.concatenate([recorded, self.row(1.0)[None]])
        return recorded

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return the certificate at a point; its metric serves the descent, if that goes on."""
        known = self.certifier.measure(x, self.smoothing)
        self.metric = None if known is None else known.beside
        return self.certifier(x, known, self.near)

    def mark(self, code: int) -> None:
        """Set the code of the status, and take the metric of the last certificate."""
        if self.metric is not None and self._stand.metric.ndim == 2:
            with compiled_code():
                self.stand(_renewed(self._stand, self.metric))
        super().mark(code)


class NewtonSolver(LinearSolver):
    """Newton's method with the search in the plane; `first` as for `LbfgsSolver`."""

    begin, chunk = staticmethod(shared(newton.begin)), staticmethod(chunk_of(newton.turn))

    def __init__(self, glm: Glm, first: float, *arguments: Any, opening: Opening | None = None) -> None:
        size = (glm.X.shape[1] + 1) * max(glm.loss.outputs, 1)
        super().__init__((glm,), np.eye(size) / np.sqrt(first), *arguments, opening=opening)

    @property
    def estimate(self) -> float:
        """The bound on how far the value is above the minimum, but for rounding."""
        return float(self.state.seen.gap)

    def measurement(self) -> Measurement | None:
        """Return the parts of the bound that the last step has computed."""
        return _measurement(self.state, self._stand.metric)

    @property
    def asked(self) -> float:
        """The tolerance; least squares that is whitened is solved to rounding by a step or two."""
        (glm,) = self.data
        return min(ROUNDED, super().asked) if glm.white and glm.loss is squared else super().asked


class ProximalNewtonSolver(LinearSolver):
    """Proximal Newton steps, for an L1 penalty."""

    begin, chunk = staticmethod(shared(proximal_newton.begin)), staticmethod(chunk_of(proximal_newton.turn))

    @property
    def estimate(self) -> float:
        """The bound on how far the value is above the minimum, but for rounding."""
        return float(self.state.seen.gap)

    def measurement(self) -> Measurement | None:
        """Return the parts of the bound that the last step has computed."""
        return _measurement(self.state, self._stand.moved)

    @property
    def nearest(self) -> float:
        """For a loss with kinks the rounding of the certificate exceeds the gain of further steps."""
        return NEAR_BOTH if self.data[0].loss.kinked else 0.0


class ProximalGradientSolver(LinearSolver):
    """Proximal Barzilai-Borwein steps, for an L1 penalty of more columns than a Hessian is formed for."""

    begin, chunk = staticmethod(shared(spectral.begin)), staticmethod(chunk_of(spectral.spectral))

    @property
    def status(self) -> Status:
        """The progress so far; steps may go up, so that the best point is remembered."""
        state = self.state
        return super().status._replace(best_x=np.asarray(state.best_x), best_value=float(state.best_value))

    @property
    def estimate(self) -> float:
        """An estimate of how far the value is above the minimum."""
        return float(self.state.estimate)

    @property
    def smoothing(self) -> None:
        """None: only losses without kinks are solved so."""

    @property
    def nearest(self) -> float:
        """Without Hessians it is far to the last digits."""
        return NEAR_WIDE


def _measurement(state: Any, beside: Array) -> Measurement | None:
    if state.x.size > WIDEST:
        return None
    return Measurement(np.asarray(state.x), state.seen, beside, 0)


def _products(state: Any) -> list[tuple[str, str]]:
    """Return the fields of a state that are products of the rows, each with the factor's name."""
    return [(name, of) for name, of in _PRODUCTS.items() if name in state._fields]


_PRODUCTS = {"z": "x", "along_step": "step"}
_along = shared(lambda glm, d: glm.along(d))
_closed = shared(quasi_newton.closed)
_renewed = shared(lambda stand, metric: quasi_newton.faced(quasi_newton.renewed(stand, metric)))
_CARRIED = ("z", "along_step", "metric", "pairs", "H", "moved")
