"""Newton's method for linear models of few coefficients: one step, with or without the kinks of an L1 penalty.

The Hessian is formed in the same reading of X as the gradient. The product with the step, which the search needs, also
bounds how far the optimum is, so that it costs nothing to know that the descent is over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.descent.loop.state import CANDIDATE, RUNNING, STALLED
from steepest.fitting.linear.certificates.base import BoundParts, Measurement
from steepest.fitting.linear.certificates.smooth import bound_parts
from steepest.fitting.linear.glm import Glm, whitening
from steepest.fitting.linear.solvers.base import LinearSolver, Opening, chunk_of
from steepest.fitting.linear.solvers.plane_search import search
from steepest.fitting.linear.solvers.smoothing import CENTRED, MOST_IDLE, idle_steps, is_suspect, sharpened
from steepest.models.losses import squared
from steepest.types import Array

# The tolerance, as a part of the descent, of least squares in whitened coordinates: a step or two get there.
ROUNDED = EPS**1.5
# A closing step is taken as long as the bound falls to this part with each: later ones move only rounding.
CLOSER = 1 / 16


class State(NamedTuple):
    """The state of Newton's method, smooth or proximal; a field that a method does not use is None.

    Attributes
    ----------
    x : array of shape (n,)
        The coefficients.
    value, height : float
        The objective, and the same with a smoothed loss, which is what falls.
    slope : array of shape (n,) or None
        With an L1 penalty the gradient of all but that penalty.
    gradient : array of shape (n,)
        The gradient; with an L1 penalty the shortest subgradient.
    z : array
        The outputs A x.
    metric, condition : array of shape (n, n) or None, float or None
        M with Mᵀ H M = I if the condition number of H is finite; else the last such M.
    hessian : array of shape (n, n) or None
        H, if the kinks of an L1 penalty need it.
    smoothing : float or None
        The smoothing of the loss.
    step, along_step : array or None
        The last step and its product with the rows, for a search in the plane.
    seen : BoundParts
        The parts of the bound.
    moved : array of shape (n,) or None
        With an L1 penalty how far each coefficient may move.
    iteration, evaluations, first_value, steepest, idle, code
        As in `Status`; `idle` counts the steps that have lowered nothing.
    """

    x: Array
    value: Array
    height: Array
    slope: Array
    gradient: Array
    z: Array
    metric: Array
    condition: Array
    hessian: Array
    smoothing: Array
    step: Array
    along_step: Array
    seen: BoundParts
    moved: Array
    iteration: Array
    evaluations: Array
    first_value: Array
    steepest: Array
    idle: Array
    code: Array


class Found(NamedTuple):
    """The result of a search: the step, its product with the rows, the part of the direction, and its promise.

    `promise` is what a full step would gain by the quadratic model; `stuck` tells that no step lowers the value.
    """

    step: Array
    along: Array | None
    part: Array
    promise: Array
    stuck: Array


class Method(Protocol):
    """The parts in which a smooth and a proximal step differ.

    `patience` is the number of steps that may lower nothing.
    """

    patience: ClassVar[int]

    @property
    def glm(self) -> Glm: ...

    def smoothed(self, smoothing: Array | None) -> Self:
        """Return the method for a loss of another smoothing."""

    def at(self, glm: Glm, x: Array, metric: Array) -> dict[str, Any]:
        """Return the fields of the state that depend on the point alone."""

    def direction(self, here: State) -> Array:
        """Return the step to the minimum of the quadratic model."""

    def measured(self, here: State, d: Array, along: Array) -> dict[str, Any]:
        """Return the parts of the bound, from the product of the rows with the direction."""

    def closes(self, here: State, gap: Array, asked: Array, rounding: Array, tolerance: Array) -> Array:
        """Tell whether one more step is worth it at a point that is near enough."""

    def search(self, here: State, d: Array, along: Array, rounding: Array, closing: Array) -> Found:
        """Return the step to take; the whole direction if it closes."""


def begun(method: Method, x: Array, metric: Array, **unlike: Array) -> State:
    """Return the state at a start; `unlike` are the fields in which methods differ."""
    zero, none = jnp.zeros((), int), jnp.zeros(())
    fields: dict[str, Any] = dict.fromkeys(State._fields) | method.at(method.glm, x, metric) | unlike
    condition = none if fields["condition"] is None else fields["condition"]
    seen = BoundParts(none + jnp.inf, fields["value"], none, none, none, none, none != 0, none, none, condition)
    counts = {"iteration": zero, "evaluations": zero + 1, "first_value": method.glm.reference_value(fields["value"])}
    status = {"steepest": none, "idle": zero, "code": zero + RUNNING, "seen": seen}
    return State(**fields | counts | status | {"x": x, "smoothing": method.glm.smoothing})


def step(method: Method, here: State, tolerance: Array, watch: Array) -> tuple[State, Array]:
    """Take one step unless the product with it shows that none is needed; also return the part that was taken."""
    method = method.smoothed(here.smoothing)
    glm, d = method.glm, method.direction(here)
    along = glm.along(d)
    measured = method.measured(here, d, along)
    gap, rounding = measured["seen"].gap, glm.rounding(here.value)
    asked = jnp.maximum(glm.target_gap(tolerance, here.first_value, here.value), rounding)
    near = gap <= asked
    last = method.closes(here, gap, asked, rounding, tolerance)
    # Never return the start, even if the loss falls without end from there.
    over = (near & ~last) | (is_suspect(measured["seen"].endless, watch) & (here.iteration > 0))
    here = here._replace(**measured)
    rests = here._replace(code=jnp.full_like(here.code, CANDIDATE))
    return jax.lax.cond(
        over, lambda: (rests, jnp.zeros(())), lambda: advanced(method, here, d, along, rounding, near & last)
    )


def advanced(
    method: Method, here: State, d: Array, along: Array, rounding: Array, closing: Array
) -> tuple[State, Array]:  # fmt: skip
    """Go to the point that the search finds, and sharpen the loss there; stall if no step lowers the value."""
    found, glm = method.search(here, d, along, rounding, closing), method.glm
    if here.smoothing is not None:
        centred = jnp.isfinite(here.seen.gap) & (found.promise <= CENTRED * here.seen.gap)
        glm = sharpened(glm, centred, along)
    x = here.x + found.step
    there = here._replace(x=x, smoothing=glm.smoothing, **method.at(glm, x, here.metric))
    before, after = (state.gradient if state.slope is None else state.slope for state in (here, there))
    curvature = (found.step @ (after - before)) / (found.step @ found.step)
    idle = idle_steps(glm, here, there.height, rounding)
    there = there._replace(
        iteration=here.iteration + 1, evaluations=here.evaluations + 1,
        steepest=jnp.where(curvature > 0, jnp.maximum(here.steepest, curvature), here.steepest), idle=idle,
        code=jnp.where(idle >= method.patience, STALLED, RUNNING).astype(here.code.dtype),
    )  # fmt: skip
    if found.along is not None:
        there = there._replace(step=found.step, along_step=found.along)
    stays = here._replace(evaluations=there.evaluations, code=jnp.full_like(here.code, STALLED))
    return jax.tree.map(lambda old, new: jnp.where(found.stuck, old, new), stays, there), found.part


@dataclass(frozen=True)
class SmoothStep:
    """Newton's step without kinks: the search is exact, in the plane of the direction and the last step."""

    patience: ClassVar[int] = MOST_IDLE
    glm: Glm

    def smoothed(self, smoothing: Array | None) -> SmoothStep:
        """Return the method for a loss of another smoothing."""
        return replace(self, glm=replace(self.glm, smoothing=smoothing))

    def at(self, glm: Glm, x: Array, metric: Array) -> dict[str, Any]:
        """Return the fields of the state that depend on the point alone."""
        if glm.is_whitened and glm.loss is squared:
            height, gradient, z = glm.value_and_grad(x)
            condition = jnp.asarray(1.0)
        else:
            height, gradient, z, H = glm.value_grad_hessian(x)
            new, condition = whitening(H, gradient)
            metric = jnp.where(jnp.isfinite(condition), new, metric)
        value = height if glm.smoothing is None else glm.unsmoothed(x, z)
        return {
            "height": height, "value": value, "gradient": gradient, "z": z, "metric": metric, "condition": condition,
        }  # fmt: skip

    def direction(self, here: State) -> Array:
        """Return -H⁻¹ ∇f, as -M Mᵀ ∇f."""
        return -here.metric @ (here.metric.T @ here.gradient)

    def measured(self, here: State, d: Array, along: Array) -> dict[str, Any]:
        """Return the parts of the bound, from the product of the rows with the direction."""
        return {"seen": bound_parts(self.glm, here.x, here.value, here.gradient, here.z, d, along, here.condition)}

    def closes(self, here: State, gap: Array, asked: Array, rounding: Array, tolerance: Array) -> Array:
        """Tell whether one more step is worth it where the bound is rounding already, and no tolerance was given.

        Values differ no more there, but Newton's step squares its error, so that coefficients gain the other half of
        their digits. It is worth it as long as the last such step has gained much.
        """
        if self.glm.loss.kinked or (self.glm.is_whitened and self.glm.loss is squared):
            return jnp.asarray(False)
        gained = (here.seen.gap > asked) | (gap < CLOSER * here.seen.gap)
        return (tolerance == 0) & (gap > EPS * rounding) & gained

    def search(self, here: State, d: Array, along: Array, rounding: Array, closing: Array) -> Found:
        """Return the step to the least point of the plane; Newton's step alone if it closes."""
        glm, s = self.glm, here.step
        w, W = glm.weights(here.x), jnp.stack([glm.weights(d), glm.weights(s)])
        a, height = search(glm, here.z, (along, here.along_step), w, W, here.height)
        a, height = jnp.where(closing, jnp.array([1.0, 0.0]), a), jnp.where(closing, here.height, height)
        step = a[0] * d + a[1] * s
        stuck = ~(height <= here.height + rounding) | (jnp.all(step == 0) & (glm.smoothing is None))
        return Found(step, a[0] * along + a[1] * here.along_step, a[0], -(here.gradient @ d) / 2, stuck)


jax.tree_util.register_dataclass(SmoothStep, ["glm"], [])


def begin(method: SmoothStep, x: Array, metric: Array) -> State:
    """Return the state at a start, with a metric that holds until a Hessian is positive definite."""
    start = begun(method, x, metric, step=jnp.zeros_like(x))
    return start._replace(along_step=jnp.zeros_like(start.z))


class NewtonSolver(LinearSolver[SmoothStep, State]):
    """Newton's method with an exact search in the plane of its direction and the last step.

    `curvature` is the loss's second derivative at the mean of the targets.
    """

    begin, chunk = staticmethod(shared(begin)), staticmethod(chunk_of(step))

    def __init__(self, glm: Glm, curvature: float, *arguments: Any, opening: Opening | None = None) -> None:
        size = (glm.X.shape[1] + 1) * max(glm.loss.outputs, 1)
        super().__init__(SmoothStep(glm), np.eye(size) / np.sqrt(curvature), *arguments, opening=opening)

    @property
    def glm(self) -> Glm:
        """The model on its rows."""
        return self.model.glm

    @property
    def smoothing(self) -> Array | None:
        """The smoothing of a loss with kinks at the current point."""
        return self.state.smoothing

    def begun(self, x: np.ndarray) -> State:
        """Return the state at another point, with the metric that holds now."""
        return self.begin(self.model, x, self._state.metric)

    @property
    def estimate(self) -> float:
        """The bound on how far the value is above the minimum, but for rounding."""
        return float(self.state.seen.gap)

    def measurement(self) -> Measurement | None:
        """Return the parts of the bound that the last step has computed."""
        return self.measured_by(self.state.seen, self._state.metric)

    @property
    def asked(self) -> float:
        """The tolerance; least squares that is whitened is solved to rounding by a step or two."""
        glm = self.glm
        return min(ROUNDED, super().asked) if glm.is_whitened and glm.loss is squared else super().asked
