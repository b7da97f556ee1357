"""Newton's method with an exact search in the plane of its direction and the last step, for few coefficients.

The Hessian is formed in the reading of X that the gradient takes, and the product with its step, which
the search needs, also bounds how far the optimum is: to know that the descent is over costs nothing.

A loss with kinks is smoothed, and the smoothing taken back as the descent follows: the tangents that
bound the smoothed loss also bound the loss itself, so that what is said is said of the loss that was asked
for. As for following a path of smooth problems: Fiacco and McCormick, "Nonlinear programming" (1968).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from steepest.derivatives.differences import EPS
from steepest.descent.loop.state import CANDIDATE, RUNNING, STALLED
from steepest.fitting.linear.certificates.smooth import Seen, look
from steepest.fitting.linear.glm import Glm, whitened
from steepest.fitting.linear.solvers.plane_search import search
from steepest.models.losses import squared

Array = Any

MOST_IDLE = 4
# How a smoothing is taken back, once this part of the gap is due to not being at the smoothed optimum.
HARDER, CENTRED = 0.2, 0.1
# A closing step gains much where the bound falls to this part.
CLOSER = 1 / 16


class State(NamedTuple):
    """Where the descent stands: `value` is the objective, and `height` what is descended, smoothed.

    M is `metric`, with Mᵀ H M = I where `condition` is finite, and else what it was before.
    """

    x: Array
    value: Array
    height: Array
    gradient: Array
    z: Array
    metric: Array
    condition: Array
    smoothing: Any
    step: Array
    along_step: Array
    seen: Seen
    iteration: Array
    evaluations: Array
    first_value: Array
    steepest: Array
    idle: Array
    code: Array


def begin(glm: Glm, x: Array, metric: Array) -> State:
    """State at a start."""
    zero, none = jnp.zeros((), int), jnp.zeros(())
    height, value, gradient, z, metric, condition = bottom(glm, x, metric)
    numbers = Seen(none + jnp.inf, value, none, none, none, none, none != 0, none, none, condition)
    return State(
        x, value, height, gradient, z, metric, condition, glm.smoothing, jnp.zeros_like(x), jnp.zeros_like(z), numbers,
        zero, zero + 1, glm.first(value), none, zero, zero + RUNNING,
    )  # fmt: skip


def bottom(glm: Glm, x: Array, metric: Array) -> tuple[Array, ...]:
    """Return the height, the value, the gradient, the outputs, the metric and its condition number at a point."""
    if glm.white and glm.loss is squared:
        height, gradient, z = glm.slope(x)
        condition = jnp.asarray(1.0)
    else:
        height, gradient, z, H = glm.curved(x)
        new, condition = whitened(H, gradient)
        metric = jnp.where(jnp.isfinite(condition), new, metric)
    value = height if glm.smoothing is None else glm.actual(x, z)
    return height, value, gradient, z, metric, condition


def turn(glm: Glm, here: State, tolerance: Array, watch: Array) -> tuple[State, Array]:
    """Take one step, unless the product with it shows that none is needed; also return the part along it."""
    glm = replace(glm, smoothing=here.smoothing)
    d = -here.metric @ (here.metric.T @ here.gradient)
    along = glm.along(d)
    seen = look(glm, here.x, here.value, here.gradient, here.z, d, along, here.condition)
    rounding = glm.rounding(here.value)
    asked = jnp.maximum(glm.asked(tolerance, here.first_value, here.value), rounding)
    near = seen.gap <= asked
    last = closes(glm, here, seen.gap, asked, rounding, tolerance)
    # The start itself is no answer, also where a way without an end leads from it.
    over = (near & ~last) | (suspect(seen.endless, watch) & (here.iteration > 0))
    here = here._replace(seen=seen)
    rests = here._replace(code=jnp.full_like(here.code, CANDIDATE))
    return jax.lax.cond(over, lambda: (rests, jnp.zeros(())), lambda: moved(glm, here, d, along, rounding, near & last))


def suspect(endless: Array, watch: Array) -> Array:
    """Tell whether the loss may fall for ever: it looks so, and that is watched for, or it is known."""
    return (endless & (watch > 0)) | (watch > 1)


def closes(glm: Glm, here: Any, gap: Array, asked: Array, rounding: Array, tolerance: Array) -> Array:
    """Tell whether one more step is worth it where a bound is rounding already, and no tolerance was given.

    The values there tell no more, but Newton's step squares its error: coefficients gain the other half of their
    digits. It is worth it as long as the last such step has gained much.
    """
    if glm.loss.kinked or (glm.white and glm.loss is squared):
        return jnp.asarray(False)
    gained = (here.seen.gap > asked) | (gap < CLOSER * here.seen.gap)
    return (tolerance == 0) & (gap > EPS * rounding) & gained


def moved(
    glm: Glm, here: State, d: Array, along: Array, rounding: Array, closing: Array
) -> tuple[State, Array]:  # fmt: skip
    """Go to the least point of the plane, where the loss may be taken harder; closing, go by Newton's step alone."""
    s = here.step
    w, W = glm.weights(here.x), jnp.stack([glm.weights(d), glm.weights(s)])
    a, height = search(glm, here.z, (along, here.along_step), w, W, here.height)
    a, height = jnp.where(closing, jnp.array([1.0, 0.0]), a), jnp.where(closing, here.height, height)
    step = a[0] * d + a[1] * s
    if here.smoothing is not None:
        centred = jnp.isfinite(here.seen.gap) & (-(here.gradient @ d) / 2 <= CENTRED * here.seen.gap)
        glm = sharpened(glm, centred, along)
    stuck = ~(height <= here.height + rounding) | (jnp.all(step == 0) & (glm.smoothing is None))
    x = here.x + step
    height, value, gradient, z, metric, condition = bottom(glm, x, here.metric)
    curvature = (step @ (gradient - here.gradient)) / (step @ step)
    idle = rested(glm, here, height, rounding)
    there = here._replace(
        x=x, value=value, height=height, gradient=gradient, z=z, metric=metric, condition=condition,
        smoothing=glm.smoothing, step=step, along_step=a[0] * along + a[1] * here.along_step,
        iteration=here.iteration + 1, evaluations=here.evaluations + 1,
        steepest=jnp.where(curvature > 0, jnp.maximum(here.steepest, curvature), here.steepest), idle=idle,
        code=jnp.where(idle >= MOST_IDLE, STALLED, RUNNING).astype(here.code.dtype),
    )  # fmt: skip
    stays = here._replace(evaluations=there.evaluations, code=jnp.full_like(here.code, STALLED))
    return jax.tree.map(lambda old, new: jnp.where(stuck, old, new), stays, there), a[0]


def sharpened(glm: Glm, centred: Array, along: Array) -> Glm:
    """Return the model with its loss taken harder, where the descent has followed.

    Beyond its smoothing a loss without kinks is straight, and tells no way if outputs are still to move that far.
    """
    assert glm.smoothing is not None
    if not glm.loss.kinked:
        centred &= jnp.max(jnp.abs(along), where=glm.weight > 0, initial=0.0) <= HARDER * glm.smoothing
    harder = jnp.maximum(HARDER * glm.smoothing, glm.loss.hardest)
    return replace(glm, smoothing=jnp.where(centred, harder, glm.smoothing))


def rested(glm: Glm, here: Any, height: Array, rounding: Array) -> Array:
    """Return for how many steps the height has not fallen; a loss without kinks is higher where it is harder.

    Where rounding lets it rise and fall in turn, rises count for more.
    """
    fell = height < here.height - rounding
    if here.smoothing is not None and not glm.loss.kinked:
        fell |= glm.smoothing < here.smoothing
    return jnp.where(fell, jnp.maximum(here.idle - 1, 0), here.idle + 1 + (height > here.height + rounding))
