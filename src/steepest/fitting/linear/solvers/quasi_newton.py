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

from steepest.descent.loop.state import CANDIDATE, RUNNING, STALLED
from steepest.fitting.linear.certificates.recession import is_separated
from steepest.fitting.linear.glm import Glm, whitened
from steepest.fitting.linear.solvers.newton import CENTRED, MOST_IDLE, rested, sharpened, suspect
from steepest.fitting.linear.solvers.plane_search import search
from steepest.rules.directions import LBFGS

Array = Any

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
    height, gradient, z = glm.slope(x)
    value = height if glm.smoothing is None else glm.actual(x, z)
    zero, none, q = jnp.zeros((), int), jnp.zeros(()), jnp.zeros_like(x)
    here = faced(State(
        x, value, height, glm.smoothing, gradient, z, q, q, jnp.zeros_like(z), metric, q, q, q, LBFGS().start(q), zero,
        zero, zero + 1, glm.first(value), none, none + jnp.inf, none, zero, zero, zero,
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


def turn(glm: Glm, here: State, tolerance: Array, watch: Array) -> tuple[State, Array]:
    """Take one step, and turn at its end; also return the part of it that went along the direction."""
    glm = replace(glm, smoothing=here.smoothing)
    d, s = here.direction, here.step
    along = glm.along(d)
    w, W = glm.weights(here.x), jnp.stack([glm.weights(d), glm.weights(s)])
    a, found = search(glm, here.z, (along, here.along_step), w, W, here.height)
    step = a[0] * d + a[1] * s
    x = here.x + step
    if here.smoothing is not None:
        centred = -(here.gradient @ d) / 2 <= CENTRED * kinks_gap(glm, here.z)
        glm = sharpened(glm, centred, along)
    height, gradient, z = glm.slope(x)
    value = height if glm.smoothing is None else glm.actual(x, z)
    y = gradient - here.gradient
    curvature = (step @ y) / (step @ step)
    rounding = glm.rounding(value)
    there = here._replace(
        x=x, value=value, height=height, smoothing=glm.smoothing, gradient=gradient, z=z, step=step,
        along_step=a[0] * along + a[1] * here.along_step,
        q=here.q + a[0] * here.way + a[1] * here.last, last=a[0] * here.way + a[1] * here.last, since=here.since + 1,
        iteration=here.iteration + 1, evaluations=here.evaluations + 1,
        flattest=jnp.where(curvature > 0, jnp.minimum(here.flattest, curvature), here.flattest),
        steepest=jnp.where(curvature > 0, jnp.maximum(here.steepest, curvature), here.steepest),
        idle=rested(glm, here, height, rounding),
    )  # fmt: skip
    if here.metric.ndim == 2:
        late = there.since >= patience(x.size)
        there = jax.lax.cond(late, lambda: renewed(there, whitened(glm.hessian(x), gradient)[0]), lambda: there)
        there = there._replace(evaluations=there.evaluations + late)
    there = faced(there)
    estimate = there.estimate
    if x.size > CAUTIOUS and here.metric.ndim == 1:
        estimate = jnp.maximum(estimate, gradient @ gradient / (2 * there.flattest))
    if glm.smoothing is not None:
        estimate = estimate + kinks_gap(glm, z)
    near = estimate <= jnp.maximum(glm.asked(tolerance, here.first_value, value), rounding)
    idle = there.idle >= MOST_IDLE
    code = jnp.where(near | suspect(is_separated(glm, z), watch), CANDIDATE, jnp.where(idle, STALLED, RUNNING))
    there = there._replace(estimate=estimate, code=code)
    worse = ~(found <= here.height + rounding) | jnp.all(step == 0)
    stays = here._replace(evaluations=there.evaluations, code=jnp.asarray(STALLED))
    return jax.tree.map(lambda old, new: jnp.where(worse, old, new), stays, there), a[0]


def closed(glm: Glm, here: State) -> State:
    """Take Newton's step from where L-BFGS can't tell values apart: it squares the error.

    The stand stays as it is where the Hessian is singular, or a step would move outputs far.
    """
    glm = replace(glm, smoothing=here.smoothing)
    metric, condition = whitened(glm.hessian(here.x), here.gradient)
    d = -metric @ (metric.T @ here.gradient)
    x = here.x + d
    height, gradient, z = glm.slope(x)
    value = height if glm.smoothing is None else glm.actual(x, z)
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
