"""Descents of linear models under way, chunk by chunk, as the driver sees them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code
from steepest.descent.state import CANDIDATE, COLUMNS, RUNNING
from steepest.fitting.linear.certificates.smooth import WIDEST
from steepest.fitting.linear.coordinates import WIDEST_GRAM
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.solvers import newton, proximal_newton, quasi_newton, spectral
from steepest.models.losses import squared
from steepest.rules.pair import Rules

Array = Any

MOST_ROWS = 64
# The tolerance, as a part of the descent, of least squares in whitened coordinates: a step or two get there.
ROUNDED = EPS**1.5
MOST_NUMBERS = 2**18
# How near is near enough where no tolerance was given: for losses with kinks, for those with an L1 penalty, and for an
# L1 penalty of very many columns. What more would cost and bring was measured: see docs/certificates.md.
# Nearness that bounds of kinked losses reach in any case is certified first.
NEAR_KINKS, NEAR_BOTH, NEAR_WIDE, NEAR_STATED = 1e-9, 1e-8, 1e-8, 1e-6


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


class LinearSolver:
    """One descent of a generalised linear model under way, as the driver sees it.

    Parameters
    ----------
    data : tuple
        What is descended, as the compiled functions take it.
    objective, rules, sign, tolerance, start, box
        As for `steepest.descent.rule_solver.RuleSolver`; the rules are its own, and there is no box.
    """

    begin: Callable[..., Any]
    chunk: Callable[..., tuple[Any, Array]]
    carried: ClassVar[tuple[str, ...]] = ()
    seen_by: ClassVar[str] = ""
    noise = 0.0

    def __init__(
        self, data: tuple[Any, ...], first: Any, objective: Objective, rules: Rules, sign: float, tolerance: float,
        start: np.ndarray, box: Box | None = None,
    ) -> None:  # fmt: skip
        self.data, self.objective, self.sign, self.box = data, objective, sign, box
        self.certify: Any = objective.certify
        self.certified = False
        self._tolerance, self.start, self.gaps = tolerance, start, 0
        with compiled_code():
            self.stand(self.begin(*data, start, first))

    def arrays(self) -> list[np.ndarray]:
        """Return where it stands as arrays that a file can hold.

        A product of the rows is left out where it is had again bit for bit, and where the descent has ended.
        """
        stand = self._stand
        ended = int(self.state.code) != RUNNING
        for name, of in _PRODUCTS.items():
            known = getattr(stand, name, None)
            if known is not None and (ended or np.array_equal(self.product(getattr(stand, of)), known)):
                stand = stand._replace(**{name: np.empty(0)})
        return [np.asarray(leaf) for leaf in jax.tree.leaves(stand)]

    def restore(self, arrays: list[np.ndarray]) -> None:
        """Stand where another stood that has kept this."""
        stand = jax.tree.unflatten(jax.tree.structure(self._stand), arrays)
        for name, of in _PRODUCTS.items():
            if hasattr(stand, name) and not getattr(stand, name).size:
                stand = stand._replace(**{name: self.product(getattr(stand, of))})
        self.stand(stand)

    def product(self, d: Array) -> Array:
        """Return A d."""
        with compiled_code():
            return _along(self.data[0], d)

    def stand(self, stand: Any) -> None:
        """Stand at a state, of which the certificate learns; what the driver reads of it becomes NumPy's."""
        self._stand = stand
        small = {name: value for name, value in stand._asdict().items() if name not in _CARRIED}
        self.state = stand._replace(**jax.device_get(small))
        if int(self.state.code) != RUNNING:
            self.tell_floor()
            if hasattr(stand, "smoothing"):
                self.certify.glm = replace(self.certify.glm, smoothing=stand.smoothing)
            if int(self.state.code) == CANDIDATE and self.seen_by:
                self.certify.learn(self.state.x, self.state.seen, getattr(stand, self.seen_by))

    def mark(self, code: int) -> None:
        """Change what is said of the point where the descent stands."""
        with compiled_code():
            self.stand(self._stand._replace(code=jnp.asarray(code)))

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return where the descent stands as a row of the trace."""
        with compiled_code():
            return np.array(row_of(self._stand, t))

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Go on for at most so many rows and evaluations, and return the rows."""
        rows = min(rows, capacity_of(self.start.size))
        before = int(self.state.iteration)
        with compiled_code():
            limits = np.array([rows, evaluations, self.asked, self.certify.recession.watch])
            stand, recorded = self.chunk(self.data, self._stand, limits)
            recorded = np.array(recorded)
        # Only here, as what Ctrl-C held back is raised before, and the rows would be lost.
        self.stand(stand)
        if (
            int(self.state.code) == CANDIDATE
            and self.tolerance == 0
            and self.stated > self.nearest
            and not self.certified
        ):
            report = self.certify(np.asarray(self.state.x))
            self.certified = True
            if report is not None and not report.endless:
                LinearSolver.mark(self, RUNNING)
        return recorded[: int(self.state.iteration) - before]

    @property
    def tolerance(self) -> float:
        """The tolerance as a part of the descent; 0 to go on to rounding."""
        return self._tolerance

    @tolerance.setter
    def tolerance(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self.tell_floor()

    def tell_floor(self) -> None:
        """Tell the certificate how near is near enough where no tolerance was given."""
        value, lowest = float(self.state.best_value), self.objective.lowest
        left = value - lowest if math.isfinite(lowest) else abs(value)
        self.certify.near = self.stated * left if self.tolerance == 0 else 0.0

    @property
    def asked(self) -> float:
        """How near is near enough, as a part of the descent; below 0, as one of what is left of the loss."""
        if self.tolerance:
            return self.tolerance
        return -max(self.nearest, 0.0 if self.certified else self.stated)

    @property
    def nearest(self) -> float:
        """How near is near enough where no tolerance was given: on kinks further steps prove little more."""
        return NEAR_KINKS if self.data[0].loss.kinked else 0.0

    @property
    def stated(self) -> float:
        """The nearness that is certified first if no tolerance was given, before the descent goes on."""
        return NEAR_STATED if self.data[0].loss.kinked else self.nearest


class LbfgsSolver(LinearSolver):
    """L-BFGS with the search in the plane; `first` is what the loss's second derivative is on the whole."""

    begin, chunk = staticmethod(shared(quasi_newton.begin)), staticmethod(chunk_of(quasi_newton.turn))

    def __init__(self, glm: Glm, first: float, *arguments: Any) -> None:
        size = (glm.X.shape[1] + 1) * max(glm.loss.outputs, 1)
        root = np.full(size, 1 / np.sqrt(first))
        super().__init__((glm,), np.diag(root) if size <= WIDEST_GRAM + 1 else root, *arguments)

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Go on for at most so many rows and evaluations, and return the rows; close with a step of Newton's."""
        recorded = super().run(rows, evaluations, together)
        (glm,), state = self.data, self.state
        near = int(state.code) == CANDIDATE and not self.certify.recession.endless
        if near and self.tolerance == 0 and state.x.size <= WIDEST and not glm.loss.kinked and len(recorded) < rows:
            with compiled_code():
                self.stand(_closed(glm, self._stand))
            if int(self.state.iteration) > int(state.iteration):
                return np.concatenate([recorded, self.row(1.0)[None]])
        return recorded

    def mark(self, code: int) -> None:
        """Change what is said of the point; go on with what a certificate has learnt."""
        metric = getattr(self.objective.certify, "metric", None)
        if metric is not None and self._stand.metric.ndim == 2:
            with compiled_code():
                self.stand(_renewed(self._stand, metric))
        super().mark(code)


class NewtonSolver(LinearSolver):
    """Newton's method with the search in the plane; `first` as for `PlaneEngine`."""

    seen_by = "metric"

    begin, chunk = staticmethod(shared(newton.begin)), staticmethod(chunk_of(newton.turn))

    def __init__(self, glm: Glm, first: float, *arguments: Any) -> None:
        size = (glm.X.shape[1] + 1) * max(glm.loss.outputs, 1)
        super().__init__((glm,), np.eye(size) / np.sqrt(first), *arguments)

    @property
    def asked(self) -> float:
        """How near is near enough: least squares that is whitened is solved to rounding by a step or two."""
        (glm,) = self.data
        return min(ROUNDED, super().asked) if glm.white and glm.loss is squared else super().asked


class ProximalNewtonSolver(LinearSolver):
    """Proximal Newton steps, for an L1 penalty."""

    seen_by = "moved"
    begin, chunk = staticmethod(shared(proximal_newton.begin)), staticmethod(chunk_of(proximal_newton.turn))

    @property
    def nearest(self) -> float:
        """For a loss with kinks the rounding of the certificate exceeds the gain of further steps."""
        return NEAR_BOTH if self.data[0].loss.kinked else 0.0


class ProximalGradientSolver(LinearSolver):
    """Proximal Barzilai-Borwein steps, for an L1 penalty of more columns than a Hessian is formed for."""

    begin, chunk = staticmethod(shared(spectral.begin)), staticmethod(chunk_of(spectral.spectral))

    @property
    def nearest(self) -> float:
        """Without Hessians it is far to the last digits."""
        return NEAR_WIDE


# Fields of a state that are products of the rows, each with the field that the rows are multiplied by.
_PRODUCTS = {"z": "x", "along_step": "step"}
_along = shared(lambda glm, d: glm.along(d))
_closed = shared(quasi_newton.closed)
_renewed = shared(lambda stand, metric: quasi_newton.faced(quasi_newton.renewed(stand, metric)))
_CARRIED = ("z", "along_step", "metric", "pairs", "H", "moved")
