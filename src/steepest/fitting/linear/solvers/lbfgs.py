"""L-BFGS for linear models, with an exact search in the plane of the direction and the last step.

A step costs two readings of X, one for A d and one for the gradient; together they count as one evaluation. The search
reads only vectors that the state carries. If L-BFGS has not converged after a number of steps, because the curvature
has changed a lot, the solver forms the Hessian and continues in coordinates in which the Hessian is the identity. This
reading of X also counts as an evaluation. A loss with kinks is smoothed as in `newton`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import shared
from steepest.derivatives.precision import compiled_code
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import CANDIDATE, RUNNING, STALLED
from steepest.fitting.limits import CERTIFIED, WHITENED
from steepest.fitting.linear.certificates.separation import is_separated
from steepest.fitting.linear.glm import Glm, whitening
from steepest.fitting.linear.solvers.base import LinearSolver, Opening, chunk_of
from steepest.fitting.linear.solvers.plane_search import search
from steepest.fitting.linear.solvers.smoothing import CENTRED, MOST_IDLE, idle_steps, is_suspect, sharpened
from steepest.rules.directions import LBFGS
from steepest.types import Array, PyTree

# Beyond this many coefficients, and without a metric from a Hessian, the larger of two estimates of the gap counts:
# there the decrement of L-BFGS alone may be far too small. Chosen, not measured: a smaller number makes more descents
# go on for longer.
CAUTIOUS = 200
# The metric is computed again from the Hessian after this many steps, or after one step for each COLUMNS_A_STEP
# coefficients if that is more: a Hessian takes the arithmetic of half as many gradients as there are columns. Chosen,
# not measured: fewer steps follow a changing curvature more closely, and form more Hessians.
RENEWED_AFTER = 6
COLUMNS_A_STEP = 16


class State(NamedTuple):
    """The state of L-BFGS, which works on q with θ = M q. Saved folders hold the fields in this order.

    Attributes
    ----------
    x : array of shape (n,)
        The coefficients θ.
    value, height : float
        The objective, and the objective with the smoothed loss, which the steps lower.
    smoothing : float or None
        The smoothing of the loss.
    gradient : array of shape (n,)
        The gradient of the smoothed objective by θ.
    z : array
        The outputs A θ.
    direction, step, along_step : array
        The next direction by θ, the last step, and its product with the rows.
    metric : array of shape (n, n) or (n,)
        M; a vector is the diagonal.
    q, q_direction, q_step : array of shape (n,)
        The point, the direction and the last step by q.
    pairs : tuple
        The memory of `LBFGS`.
    metric_age : int
        How many steps were taken with this metric.
    iteration, evaluations, first_value, estimate, flattest, steepest, resets, idle, code
        As in `Status`; `flattest` is the least curvature met, and `idle` counts the steps without a fall.
    """

    x: Array
    value: Array
    height: Array
    smoothing: Array | None
    gradient: Array
    z: Array
    direction: Array
    step: Array
    along_step: Array
    metric: Array
    q: Array
    q_direction: Array
    q_step: Array
    pairs: PyTree
    metric_age: Array
    iteration: Array
    evaluations: Array
    first_value: Array
    estimate: Array
    flattest: Array
    steepest: Array
    resets: Array
    idle: Array
    code: Array


def begin(glm: Glm, x: Array, metric: Array) -> State:
    """Return the state at a start."""
    height, gradient, z = glm.value_and_grad(x)
    value = height if glm.smoothing is None else glm.unsmoothed(x, z)
    zero, none, q = jnp.zeros((), int), jnp.zeros(()), jnp.zeros_like(x)
    here = with_direction(State(
        x, value, height, glm.smoothing, gradient, z, q, q, jnp.zeros_like(z), metric, q, q, q, LBFGS().start(q), zero,
        zero, zero + 1, glm.reference_value(value), none, none + jnp.inf, none, zero, zero, zero,
    ))  # fmt: skip
    code = jnp.where(here.estimate <= glm.rounding(value), CANDIDATE, RUNNING)
    return here._replace(resets=zero, code=code)


def to_theta(metric: Array, q: Array) -> Array:
    """Return M q."""
    return metric @ q if metric.ndim == 2 else metric * q


def gradient_by_q(metric: Array, g: Array) -> Array:
    """Return Mᵀ g, the gradient by q."""
    return metric.T @ g if metric.ndim == 2 else metric * g


def metric_lifetime(size: int) -> int:
    """Return after how many steps the metric is computed again."""
    return max(RENEWED_AFTER, size // COLUMNS_A_STEP)


def with_metric(here: State, metric: Array) -> State:
    """Return the state with another metric and no remembered steps; with the old metric if the new is not finite."""
    none = jnp.zeros_like(here.x)
    there = here._replace(
        metric=metric, q=none, q_step=none, step=none, along_step=jnp.zeros_like(here.z), pairs=LBFGS().start(none)
    )
    sound = jnp.all(jnp.isfinite(metric))
    there = jax.tree.map(lambda new, old: jnp.where(sound, new, old), there, here)
    return there._replace(metric_age=jnp.zeros_like(here.metric_age))


def with_direction(here: State) -> State:
    """Return the state with its next direction, and with half the decrement as the estimate of the gap."""
    g = gradient_by_q(here.metric, here.gradient)
    q_direction, pairs = LBFGS()(g, here.pairs, here.q)
    uphill = ~(g @ q_direction < 0)
    q_direction = jnp.where(uphill, -g, q_direction)
    return here._replace(
        q_direction=q_direction, pairs=pairs, direction=to_theta(here.metric, q_direction),
        estimate=-(g @ q_direction) / 2, resets=here.resets + uphill,
    )  # fmt: skip


def step(glm: Glm, here: State, tolerance: Array, watch: Array) -> tuple[State, Array]:
    """Take one step and compute the next direction; also return the coefficient of the direction in the step."""
    glm = replace(glm, smoothing=here.smoothing)
    d, s = here.direction, here.step
    along = glm.along(d)
    w, W = glm.weights(here.x), jnp.stack([glm.weights(d), glm.weights(s)])
    a, found = search(glm, here.z, (along, here.along_step), w, W, here.height)
    move = a[0] * d + a[1] * s
    x = here.x + move
    if here.smoothing is not None:
        centred = -(here.gradient @ d) / 2 <= CENTRED * smoothing_gap(glm, here.z)
        glm = sharpened(glm, centred, along)
    height, gradient, z = glm.value_and_grad(x)
    value = height if glm.smoothing is None else glm.unsmoothed(x, z)
    y = gradient - here.gradient
    curvature = (move @ y) / (move @ move)
    rounding = glm.rounding(value)
    q_step = a[0] * here.q_direction + a[1] * here.q_step
    there = here._replace(
        x=x, value=value, height=height, smoothing=glm.smoothing, gradient=gradient, z=z, step=move,
        along_step=a[0] * along + a[1] * here.along_step,
        q=here.q + a[0] * here.q_direction + a[1] * here.q_step, q_step=q_step, metric_age=here.metric_age + 1,
        iteration=here.iteration + 1, evaluations=here.evaluations + 1,
        flattest=jnp.where(curvature > 0, jnp.minimum(here.flattest, curvature), here.flattest),
        steepest=jnp.where(curvature > 0, jnp.maximum(here.steepest, curvature), here.steepest),
        idle=idle_steps(glm, here, height, rounding),
    )  # fmt: skip
    if here.metric.ndim == 2:
        is_old = there.metric_age >= metric_lifetime(x.size)
        there = jax.lax.cond(is_old, lambda: with_metric(there, whitening(glm.hessian(x), gradient)[0]), lambda: there)
        there = there._replace(evaluations=there.evaluations + is_old)
    there = with_direction(there)
    estimate = there.estimate
    if x.size > CAUTIOUS and here.metric.ndim == 1:
        estimate = jnp.maximum(estimate, gradient @ gradient / (2 * there.flattest))
    if glm.smoothing is not None:
        estimate = estimate + smoothing_gap(glm, z)
    near = estimate <= jnp.maximum(glm.target_gap(tolerance, here.first_value, value), rounding)
    stalled = there.idle >= MOST_IDLE
    code = jnp.where(near | is_suspect(is_separated(glm, z), watch), CANDIDATE, jnp.where(stalled, STALLED, RUNNING))
    there = there._replace(estimate=estimate, code=code)
    worse = ~(found <= here.height + rounding) | jnp.all(move == 0)
    stays = here._replace(evaluations=there.evaluations, code=jnp.asarray(STALLED))
    return jax.tree.map(lambda old, new: jnp.where(worse, old, new), stays, there), a[0]


def final_newton_step(glm: Glm, here: State) -> State:
    """Take Newton's step from a point near which L-BFGS can't tell values apart: the step squares the error.

    The state stays as it is if the Hessian is not positive definite, if the estimated gap exceeds rounding, or if the
    step would raise the value beyond rounding.
    """
    glm = replace(glm, smoothing=here.smoothing)
    metric, condition = whitening(glm.hessian(here.x), here.gradient)
    d = -metric @ (metric.T @ here.gradient)
    x = here.x + d
    height, gradient, z = glm.value_and_grad(x)
    value = height if glm.smoothing is None else glm.unsmoothed(x, z)
    there = here._replace(
        x=x, value=value, height=height, gradient=gradient, z=z, iteration=here.iteration + 1,
        evaluations=here.evaluations + 2, step=d, along_step=z - here.z,
    )  # fmt: skip
    rounding = glm.rounding(here.value)
    sound = jnp.isfinite(condition) & (here.estimate <= rounding) & (height <= here.height + 4 * rounding)
    return jax.tree.map(lambda new, old: jnp.where(sound, new, old), there, here)


def smoothing_gap(glm: Glm, z: Array) -> Array:
    """Return how far the tangents of the smoothed loss lie below the loss at z: what sharper smoothing can gain.

    The result is only an estimate, and proves nothing.
    """
    return glm.fenchel_young_gap(z, jnp.zeros_like(z))


_final_newton_step = shared(final_newton_step)
_with_metric = shared(lambda state, metric: with_direction(with_metric(state, metric)))


class LbfgsSolver(LinearSolver[Glm, State]):
    """L-BFGS with an exact search in the plane of its direction and the last step.

    `curvature` is the second derivative of the loss at the mean of the targets.
    """

    begin, chunk = staticmethod(shared(begin)), staticmethod(chunk_of(step))

    def __init__(self, glm: Glm, curvature: float, *arguments: Any, opening: Opening | None = None) -> None:
        size = (glm.X.shape[1] + 1) * max(glm.loss.outputs, 1)
        root = np.full(size, 1 / np.sqrt(curvature))
        self.metric: np.ndarray | None = None
        super().__init__(glm, np.diag(root) if size <= WHITENED + 1 else root, *arguments, opening=opening)

    @property
    def glm(self) -> Glm:
        """The model on its rows."""
        return self.model

    @property
    def smoothing(self) -> Array | None:
        """The smoothing of a loss with kinks at the current point."""
        return self.state.smoothing

    @property
    def status(self) -> Status:
        """The progress so far."""
        return super().status._replace(resets=int(self.state.resets))

    def state_at(self, x: np.ndarray) -> State:
        """Return the state at another point, with the current metric."""
        return self.begin(self.model, x, self._state.metric)

    @property
    def estimate(self) -> float:
        """An estimate of how far the value is above the minimum."""
        return float(self.state.estimate)

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Take steps until this many rows or evaluations are reached; near the minimum, finish with a Newton step."""
        recorded = super().run(rows, evaluations, together)
        glm, state = self.glm, self.state
        near = int(state.code) == CANDIDATE and not self.certifier.recession.endless
        if near and self.tolerance == 0 and state.x.size <= CERTIFIED and not glm.loss.kinked and len(recorded) < rows:
            with compiled_code():
                self.go_to(_final_newton_step(glm, self._state))
            if int(self.state.iteration) > int(state.iteration):
                return np.concatenate([recorded, self.row(1.0)[None]])
        return recorded

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return the certificate at a point, and keep its metric for the descent, if the descent goes on."""
        known = self.certifier.measure(x, self.smoothing)
        self.metric = None if known is None else known.sensitivity
        return self.certifier(x, known, self.negligible_gap)

    def mark(self, code: int) -> None:
        """Set the code of the status; continue with the metric of the last certificate, if there is one."""
        if self.metric is not None and self._state.metric.ndim == 2:
            with compiled_code():
                self.go_to(_with_metric(self._state, self.metric))
        super().mark(code)
