"""Newton's method for linear models with few coefficients; the step is the same with and without an L1 penalty.

The Hessian is formed in the same reading of X as the gradient. The product of the rows with the step, which the search
needs, also gives a bound on the distance to the minimum, so the test for the end costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeVar

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
from steepest.types import Array, PyTree

# The tolerance, as a share of the descent, of least squares in whitened coordinates, where one or two steps reach it.
ROUNDED = EPS**1.5
# Closing steps at the end of a descent go on as long as each reduces the bound to less than this share. Further steps
# would change only rounding errors. Chosen, not measured: a larger share takes more steps that gain little.
CLOSER = 1 / 16
# A step that moves no output by so many eps of the largest output is a rounding error. On 1,000 tables with bounds: two
# descents never ended without this rule, as values rose and fell by rounding; with 16, one lost its tenth digit.
STILL = 2
# A step of bounded least squares that lowers the value by less than this share counts as one without a fall: the model
# is exact, so that the first step should reach the minimum, and the next ones its last digits. Chosen, not measured.
VISIBLE = 1e-4


class State(NamedTuple):
    """The state of Newton's method, smooth, proximal or in a box; a field that a method does not use is None.

    Saved folders hold the fields in this order.

    Attributes
    ----------
    x : array of shape (n,)
        The coefficients.
    value, height : float
        The objective, and the objective with the smoothed loss, which the steps lower.
    slope : array of shape (n,) or None
        With an L1 penalty, the gradient without that penalty; with bounds, the whole gradient.
    gradient : array of shape (n,)
        The gradient; with an L1 penalty, the shortest subgradient; with bounds, without the entries that press against
        them.
    z : array
        The outputs A x.
    metric, condition : array of shape (n, n) or None, float or None
        M with Mᵀ H M = I, and the condition number of H; if this number is infinite, M belongs to an earlier point.
    hessian : array of shape (n, n) or None
        H, for an L1 penalty and for bounds.
    smoothing : float or None
        The smoothing of the loss.
    step, along_step : array or None
        The last step and its product with the rows, for the search in the plane.
    parts : BoundParts
        The parts of the bound.
    max_moves : array of shape (n,) or (3, n), or None
        With an L1 penalty, how far each coefficient may still move; with bounds, as `bound_parts` returns it.
    iteration, evaluations, first_value, steepest, idle, code
        As in `Status`; `idle` counts the steps without a fall.
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
    parts: BoundParts
    max_moves: Array
    iteration: Array
    evaluations: Array
    first_value: Array
    steepest: Array
    idle: Array
    code: Array


class SearchResult(NamedTuple):
    """The result of a line search.

    Attributes
    ----------
    step : array of shape (n,)
        The step.
    along : array or None
        The product of the step with the rows, if the next search needs it.
    part : float
        The coefficient of the direction in the step.
    promise : float
        The gain of a full step by the quadratic model.
    stuck : bool
        Whether no step lowers the value.
    """

    step: Array
    along: Array | None
    part: Array
    promise: Array
    stuck: Array


class Method(Protocol):
    """The parts in which the smooth step, the proximal one and the one in a box differ.

    The descent has stalled after `most_idle` steps without a fall. If `rests`, it ends at a step that moves no output
    by more than a rounding error.
    """

    most_idle: ClassVar[int]
    rests: ClassVar[bool]

    @property
    def glm(self) -> Glm: ...

    def smoothed(self, smoothing: Array | None) -> Self:
        """Return the method for the loss with another smoothing."""

    def at(self, glm: Glm, x: Array, known: Array) -> dict[str, Array]:
        """Return the fields of the state that depend on the point alone.

        `known` is the metric at an earlier point, or the Hessian of a method without a metric; None at the start if it
        has none.
        """

    def measured(self, here: State, d: Array, along: Array) -> dict[str, PyTree]:
        """Return the fields with the parts of the bound, from the product of the rows with the direction."""

    def closes(self, here: State, gap: Array, target: Array, rounding: Array, tolerance: Array) -> Array:
        """Return whether one more step, a closing one, is worth it at a point that meets the tolerance."""

    def search(self, here: State, d: Array, along: Array, rounding: Array, closing: Array) -> SearchResult:
        """Return the step to take; a closing step is the whole direction."""

    def reached(self, here: State, step: Array) -> Array:
        """Return the point a step away."""


class CompiledMethod(Method, Protocol):
    """A method whose direction is compiled with the step."""

    def direction(self, here: State) -> Array:
        """Return the step to the minimum of the quadratic model."""


def initial_state(method: Method, x: Array, metric: Array, **own: Array) -> State:
    """Return the state at a start; `own` are fields that only this method has."""
    zero, none = jnp.zeros((), int), jnp.zeros(())
    fields: dict[str, PyTree] = dict.fromkeys(State._fields) | method.at(method.glm, x, metric) | own
    condition = none if fields["condition"] is None else fields["condition"]
    parts = BoundParts(none + jnp.inf, fields["value"], none, none, none, none, none != 0, none, none, condition)
    counts = {"iteration": zero, "evaluations": zero + 1, "first_value": method.glm.reference_value(fields["value"])}
    status = {"steepest": none, "idle": zero, "code": zero + RUNNING, "parts": parts}
    return State(**fields | counts | status | {"x": x, "smoothing": method.glm.smoothing})


def step(method: CompiledMethod, here: State, tolerance: Array, watch: Array) -> tuple[State, Array]:
    """Take one step, unless the bound shows that none is needed; also return the coefficient of the direction."""
    return step_along(method, here, method.smoothed(here.smoothing).direction(here), tolerance, watch)


def step_along(method: Method, here: State, d: Array, tolerance: Array, watch: Array) -> tuple[State, Array]:
    """Take one step along d, which leads to the minimum of the quadratic model, as `step` does."""
    method = method.smoothed(here.smoothing)
    glm = method.glm
    along = glm.along(d)
    measured = method.measured(here, d, along)
    gap, rounding = measured["parts"].gap, glm.rounding(here.value)
    target = jnp.maximum(glm.target_gap(tolerance, here.first_value, here.value), rounding)
    near = gap <= target
    closing = method.closes(here, gap, target, rounding, tolerance)
    # Never return the start, even if the loss falls without end from there.
    finished = (near & ~closing) | (is_suspect(measured["parts"].endless, watch) & (here.iteration > 0))
    if method.rests and glm.smoothing is None:
        finished |= jnp.max(jnp.abs(along)) <= STILL * EPS * jnp.max(jnp.abs(here.z))
    here = here._replace(**measured)
    at_rest = here._replace(code=jnp.full_like(here.code, CANDIDATE))
    return jax.lax.cond(
        finished, lambda: (at_rest, jnp.zeros(())), lambda: advanced(method, here, d, along, rounding, near & closing)
    )


def advanced(
    method: Method, here: State, d: Array, along: Array, rounding: Array, closing: Array
) -> tuple[State, Array]:  # fmt: skip
    """Return the state at the point that the search finds, with a sharper loss if the smoothed one is solved.

    If no step lowers the value the state stays, with the code STALLED.
    """
    found, glm = method.search(here, d, along, rounding, closing), method.glm
    if here.smoothing is not None:
        centred = jnp.isfinite(here.parts.gap) & (found.promise <= CENTRED * here.parts.gap)
        glm = sharpened(glm, centred, along)
    x = method.reached(here, found.step)
    known = here.metric if here.hessian is None else here.hessian
    there = here._replace(x=x, smoothing=glm.smoothing, **method.at(glm, x, known))
    before, after = (state.gradient if state.slope is None else state.slope for state in (here, there))
    curvature = (found.step @ (after - before)) / (found.step @ found.step)
    is_exact = method.rests and glm.smoothing is None and glm.loss is squared
    idle = idle_steps(glm, here, there.height, rounding, VISIBLE if is_exact else 0.0)
    there = there._replace(
        iteration=here.iteration + 1, evaluations=here.evaluations + 1,
        steepest=jnp.where(curvature > 0, jnp.maximum(here.steepest, curvature), here.steepest), idle=idle,
        code=jnp.where(idle >= method.most_idle, STALLED, RUNNING).astype(here.code.dtype),
    )  # fmt: skip
    if found.along is not None:
        there = there._replace(step=found.step, along_step=found.along)
    stays = here._replace(evaluations=there.evaluations, code=jnp.full_like(here.code, STALLED))
    return jax.tree.map(lambda old, new: jnp.where(found.stuck, old, new), stays, there), found.part


@dataclass(frozen=True)
class SmoothStep:
    """Newton's step without an L1 penalty: the search is exact, in the plane of the direction and the last step."""

    most_idle: ClassVar[int] = MOST_IDLE
    rests: ClassVar[bool] = False
    glm: Glm

    def smoothed(self, smoothing: Array | None) -> SmoothStep:
        """Return the method for the loss with another smoothing."""
        return replace(self, glm=replace(self.glm, smoothing=smoothing))

    def at(self, glm: Glm, x: Array, known: Array) -> dict[str, Array]:
        """Return the fields of the state that depend on the point alone; `known` is the metric at an earlier point."""
        metric = known
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

    def measured(self, here: State, d: Array, along: Array) -> dict[str, PyTree]:
        """Return the fields with the parts of the bound, from the product of the rows with the direction."""
        return {"parts": bound_parts(self.glm, here.x, here.value, here.gradient, here.z, d, along, here.condition)}

    def closes(self, here: State, gap: Array, target: Array, rounding: Array, tolerance: Array) -> Array:
        """Return whether one more step is worth it although the bound is within rounding; only without a tolerance.

        Values are equal up to rounding there, but Newton's step squares the error, so that coefficients gain the other
        half of their digits. Such steps are worth it as long as each reduces the bound by a large factor.
        """
        if self.glm.loss.kinked or (self.glm.is_whitened and self.glm.loss is squared):
            return jnp.asarray(False)
        gained = (here.parts.gap > target) | (gap < CLOSER * here.parts.gap)
        return (tolerance == 0) & (gap > EPS * rounding) & gained

    def search(self, here: State, d: Array, along: Array, rounding: Array, closing: Array) -> SearchResult:
        """Return the step to the minimum in the plane; a closing step is Newton's step alone."""
        glm, s = self.glm, here.step
        w, W = glm.weights(here.x), jnp.stack([glm.weights(d), glm.weights(s)])
        a, height = search(glm, here.z, (along, here.along_step), w, W, here.height)
        a, height = jnp.where(closing, jnp.array([1.0, 0.0]), a), jnp.where(closing, here.height, height)
        step = a[0] * d + a[1] * s
        stuck = ~(height <= here.height + rounding) | (jnp.all(step == 0) & (glm.smoothing is None))
        return SearchResult(step, a[0] * along + a[1] * here.along_step, a[0], -(here.gradient @ d) / 2, stuck)

    def reached(self, here: State, step: Array) -> Array:
        """Return the point a step away."""
        return here.x + step


jax.tree_util.register_dataclass(SmoothStep, ["glm"], [])


def begin(method: SmoothStep, x: Array, metric: Array) -> State:
    """Return the state at a start, with a metric that holds until a Hessian is positive definite."""
    start = initial_state(method, x, metric, step=jnp.zeros_like(x))
    return start._replace(along_step=jnp.zeros_like(start.z))


N = TypeVar("N", bound=Method)


class HessianSolver(LinearSolver[N, State]):
    """The base of Newton's method, with the kinks of an L1 penalty, with bounds or with neither: all have one state."""

    @property
    def glm(self) -> Glm:
        """The model on its rows."""
        return self.model.glm

    @property
    def smoothing(self) -> Array | None:
        """The smoothing of a loss with kinks at the current point."""
        return self.state.smoothing

    @property
    def estimate(self) -> float:
        """The bound on how far the value is above the minimum, without rounding."""
        return float(self.state.parts.gap)


class NewtonSolver(HessianSolver[SmoothStep]):
    """Newton's method with an exact search in the plane of its direction and the last step.

    `curvature` is the second derivative of the loss at the mean of the targets.
    """

    begin, chunk = staticmethod(shared(begin)), staticmethod(chunk_of(step))

    def __init__(self, glm: Glm, curvature: float, *arguments: Any, opening: Opening | None = None) -> None:
        size = (glm.X.shape[1] + 1) * max(glm.loss.outputs, 1)
        super().__init__(SmoothStep(glm), np.eye(size) / np.sqrt(curvature), *arguments, opening=opening)

    def state_at(self, x: np.ndarray) -> State:
        """Return the state at another point, with the current metric."""
        return self.begin(self.model, x, self._state.metric)

    def measurement(self) -> Measurement | None:
        """Return the parts of the bound that the last step has computed."""
        return self.measurement_of(self.state.parts, self._state.metric)

    @property
    def step_tolerance(self) -> float:
        """The tolerance of the compiled steps; one or two steps solve whitened least squares to rounding."""
        glm, tolerance = self.glm, super().step_tolerance
        return min(ROUNDED, tolerance) if glm.is_whitened and glm.loss is squared else tolerance
