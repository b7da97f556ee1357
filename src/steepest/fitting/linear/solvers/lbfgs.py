"""L-BFGS with an exact search in the plane of the direction and the last step, for linear models.

A step costs two readings of X, one for A d and one for the gradient, which is one evaluation: the
search goes along vectors that are carried. Where the curvature has changed so much that L-BFGS has
not arrived after a number of steps, the Hessian is formed, and descent goes on in coordinates in
which it is the identity; its reading of X counts as an evaluation. A loss with kinks is smoothed as
in `newton`.
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
from steepest.fitting.linear.certificates.base import WIDEST
from steepest.fitting.linear.certificates.separation import is_separated
from steepest.fitting.linear.coordinates import WIDEST_GRAM
from steepest.fitting.linear.glm import Glm, whitening
from steepest.fitting.linear.solvers.base import LinearSolver, Opening, chunk_of
from steepest.fitting.linear.solvers.plane_search import search
from steepest.fitting.linear.solvers.smoothing import CENTRED, MOST_IDLE, idle_steps, is_suspect, sharpened
from steepest.rules.directions import LBFGS
from steepest.types import Array

CAUTIOUS = 200
# The arithmetic of a Hessian is that of half as many gradients as there are columns: it must not be the most of it.
RENEWED_AFTER = 6
COLUMNS_A_STEP = 16


class State(NamedTuple):
    """Where the descent stands: the point, the way from it, the last step with its product, and what was seen.

    L-BFGS sees θ = M q, where `metric` is M, absent for the identity; it has been so for `since` steps.
    """

    x: Array
    value: Array
    height: Array
    smoothing: Any
    gradient: Array
    z: Array
    direction: Array
    step: Array
    along_step: Array
    metric: Any
    q: Array
    way: Array
    last: Array
    pairs: Any
    since: Array
    iteration: Array
    evaluations: Array
    first_value: Array
    estimate: Array
    flattest: Array
    steepest: Array
    resets: Array
    idle: Array
    code: Array


def begin(glm: Glm, x: Array, metric: Any) -> State:
    """State at a start."""
    height, gradient, z = glm.value_and_grad(x)
    value = height if glm.smoothing is None else glm.unsmoothed(x, z)
    zero, none, q = jnp.zeros((), int), jnp.zeros(()), jnp.zeros_like(x)
    here = faced(State(
        x, value, height, glm.smoothing, gradient, z, q, q, jnp.zeros_like(z), metric, q, q, q, LBFGS().start(q), zero,
        zero, zero + 1, glm.reference_value(value), none, none + jnp.inf, none, zero, zero, zero,
    ))  # fmt: skip
    code = jnp.where(here.estimate <= glm.rounding(value), CANDIDATE, RUNNING)
    return here._replace(resets=zero, code=code)


def pushed(metric: Any, q: Array) -> Array:
    """Return M q."""
    return metric @ q if metric.ndim == 2 else metric * q


def pulled(metric: Any, g: Array) -> Array:
    """Return Mᵀ g, the gradient by q."""
    return metric.T @ g if metric.ndim == 2 else metric * g


def patience(size: int) -> int:
    """Return after how many steps a metric is renewed."""
    return max(RENEWED_AFTER, size // COLUMNS_A_STEP)


def renewed(here: State, metric: Array) -> State:
    """Return the stand in coordinates of another metric, with no step remembered; the same where that is not finite."""
    none = jnp.zeros_like(here.x)
    there = here._replace(
        metric=metric, q=none, last=none, step=none, along_step=jnp.zeros_like(here.z), pairs=LBFGS().start(none)
    )
    sound = jnp.all(jnp.isfinite(metric))
    there = jax.tree.map(lambda new, old: jnp.where(sound, new, old), there, here)
    return there._replace(since=jnp.zeros_like(here.since))


def faced(here: State) -> State:
    """Return the stand with its next direction, and with what that promises: half the decrement."""
    pull = pulled(here.metric, here.gradient)
    way, pairs = LBFGS()(pull, here.pairs, here.q)
    lost = ~(pull @ way < 0)
    way = jnp.where(lost, -pull, way)
    return here._replace(
        way=way, pairs=pairs, direction=pushed(here.metric, way), estimate=-(pull @ way) / 2, resets=here.resets + lost
    )


def step(glm: Glm, here: State, tolerance: Array, watch: Array) -> tuple[State, Array]:
    """Take one step, and turn at its end; also return the part of it that went along the direction."""
    glm = replace(glm, smoothing=here.smoothing)
    d, s = here.direction, here.step
    along = glm.along(d)
    w, W = glm.weights(here.x), jnp.stack([glm.weights(d), glm.weights(s)])
    a, found = search(glm, here.z, (along, here.along_step), w, W, here.height)
    move = a[0] * d + a[1] * s
    x = here.x + move
    if here.smoothing is not None:
        centred = -(here.gradient @ d) / 2 <= CENTRED * kinks_gap(glm, here.z)
        glm = sharpened(glm, centred, along)
    height, gradient, z = glm.value_and_grad(x)
    value = height if glm.smoothing is None else glm.unsmoothed(x, z)
    y = gradient - here.gradient
    curvature = (move @ y) / (move @ move)
    rounding = glm.rounding(value)
    there = here._replace(
        x=x, value=value, height=height, smoothing=glm.smoothing, gradient=gradient, z=z, step=move,
        along_step=a[0] * along + a[1] * here.along_step,
        q=here.q + a[0] * here.way + a[1] * here.last, last=a[0] * here.way + a[1] * here.last, since=here.since + 1,
        iteration=here.iteration + 1, evaluations=here.evaluations + 1,
        flattest=jnp.where(curvature > 0, jnp.minimum(here.flattest, curvature), here.flattest),
        steepest=jnp.where(curvature > 0, jnp.maximum(here.steepest, curvature), here.steepest),
        idle=idle_steps(glm, here, height, rounding),
    )  # fmt: skip
    if here.metric.ndim == 2:
        late = there.since >= patience(x.size)
        there = jax.lax.cond(late, lambda: renewed(there, whitening(glm.hessian(x), gradient)[0]), lambda: there)
        there = there._replace(evaluations=there.evaluations + late)
    there = faced(there)
    estimate = there.estimate
    if x.size > CAUTIOUS and here.metric.ndim == 1:
        estimate = jnp.maximum(estimate, gradient @ gradient / (2 * there.flattest))
    if glm.smoothing is not None:
        estimate = estimate + kinks_gap(glm, z)
    near = estimate <= jnp.maximum(glm.target_gap(tolerance, here.first_value, value), rounding)
    idle = there.idle >= MOST_IDLE
    code = jnp.where(near | is_suspect(is_separated(glm, z), watch), CANDIDATE, jnp.where(idle, STALLED, RUNNING))
    there = there._replace(estimate=estimate, code=code)
    worse = ~(found <= here.height + rounding) | jnp.all(move == 0)
    stays = here._replace(evaluations=there.evaluations, code=jnp.asarray(STALLED))
    return jax.tree.map(lambda old, new: jnp.where(worse, old, new), stays, there), a[0]


def closed(glm: Glm, here: State) -> State:
    """Take Newton's step from where L-BFGS can't tell values apart: it squares the error.

    The stand stays as it is where the Hessian is singular, or a step would move outputs far.
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


def kinks_gap(glm: Glm, z: Array) -> Array:
    """Return how far tangents at the smoothed loss lie below the loss: no proof here, but what is left to harden."""
    return glm.fenchel_young_gap(z, jnp.zeros_like(z))


_closed = shared(closed)
_renewed = shared(lambda state, metric: faced(renewed(state, metric)))


class LbfgsSolver(LinearSolver[Glm, State]):
    """L-BFGS with an exact search in the plane of its direction and the last step.

    `curvature` is the loss's second derivative at the mean of the targets.
    """

    begin, chunk = staticmethod(shared(begin)), staticmethod(chunk_of(step))

    def __init__(self, glm: Glm, curvature: float, *arguments: Any, opening: Opening | None = None) -> None:
        size = (glm.X.shape[1] + 1) * max(glm.loss.outputs, 1)
        root = np.full(size, 1 / np.sqrt(curvature))
        self.metric: np.ndarray | None = None
        super().__init__(glm, np.diag(root) if size <= WIDEST_GRAM + 1 else root, *arguments, opening=opening)

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

    def begun(self, x: np.ndarray) -> State:
        """Return the state at another point, with the metric that holds now."""
        return self.begin(self.model, x, self._state.metric)

    @property
    def estimate(self) -> float:
        """An estimate of how far the value is above the minimum."""
        return float(self.state.estimate)

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Take steps until so many rows or evaluations are reached, and close with a step of Newton's."""
        recorded = super().run(rows, evaluations, together)
        glm, state = self.glm, self.state
        near = int(state.code) == CANDIDATE and not self.certifier.recession.endless
        if near and self.tolerance == 0 and state.x.size <= WIDEST and not glm.loss.kinked and len(recorded) < rows:
            with compiled_code():
                self.go_to(_closed(glm, self._state))
            if int(self.state.iteration) > int(state.iteration):
                return np.concatenate([recorded, self.row(1.0)[None]])
        return recorded

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return the certificate at a point; its metric serves the descent, if that goes on."""
        known = self.certifier.measure(x, self.smoothing)
        self.metric = None if known is None else known.sensitivity
        return self.certifier(x, known, self.near)

    def mark(self, code: int) -> None:
        """Set the code of the status, and take the metric of the last certificate."""
        if self.metric is not None and self._state.metric.ndim == 2:
            with compiled_code():
                self.go_to(_renewed(self._state, self.metric))
        super().mark(code)
