"""Proximal Newton steps for L1 penalties: the quadratic model with its kinks is solved, and exact zeros come of it.

F(θ) = f(θ) + Σ λⱼ |θⱼ|. Lee, Sun and Saunders, "Proximal Newton-type methods for minimizing composite
functions" (2014). As in `newton`, the product with the step bounds how far the optimum is, and a kinked
loss is smoothed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from steepest.descent.loop.state import CANDIDATE, RUNNING, STALLED
from steepest.fitting.linear.certificates.smooth import Seen
from steepest.fitting.linear.certificates.sparse import look
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic_l1 import least, shortest
from steepest.fitting.linear.solvers.newton import CENTRED, rested, sharpened, suspect
from steepest.fitting.linear.solvers.spectral import MOST_IDLE, SUFFICIENT

Array = Any

MOST_HALVINGS = 60


class State(NamedTuple):
    """Where the descent stands; `smooth` is ∇f, `gradient` the shortest subgradient of F, and `height` F smoothed."""

    x: Array
    value: Array
    height: Array
    smooth: Array
    gradient: Array
    z: Array
    H: Array
    smoothing: Any
    seen: Seen
    moved: Array
    iteration: Array
    evaluations: Array
    first_value: Array
    steepest: Array
    idle: Array
    code: Array


def begin(glm: Glm, lam: Array, x: Array, curvature: Array) -> State:
    """State at a start; the Hessian says what the curvature is."""
    zero, none = jnp.zeros((), int), jnp.zeros(())
    height, value, smooth, z, H = bottom(glm, lam, x)
    numbers = Seen(none + jnp.inf, value, none, none, none, none, none != 0, none, none, none)
    return State(
        x, value, height, smooth, shortest(smooth, x, lam), z, H, glm.smoothing, numbers, jnp.abs(x), zero, zero + 1,
        glm.first(value), none, zero, zero + RUNNING,
    )  # fmt: skip


def bottom(glm: Glm, lam: Array, x: Array) -> tuple[Array, ...]:
    """Return the height, the value, the gradient of f, the outputs and the Hessian at a point."""
    height, smooth, z, H = glm.curved(x)
    kinks = lam @ jnp.abs(x)
    value = height if glm.smoothing is None else glm.actual(x, z)
    return height + kinks, value + kinks, smooth, z, H


def turn(glm: Glm, lam: Array, here: State, tolerance: Array, watch: Array) -> tuple[State, Array]:
    """Take one step, unless the product with it shows that none is needed; also return how much of it was taken."""
    glm = replace(glm, smoothing=here.smoothing)
    d = glm.told(least(here.H, here.smooth, here.x, lam) - here.x)
    along = glm.along(d)
    seen, moved = look(glm, lam, here.x, here.value, here.smooth, here.z, here.H, d, along)
    rounding = glm.rounding(here.value)
    asked = jnp.maximum(glm.asked(tolerance, here.first_value, here.value), rounding)
    near = seen.gap <= asked
    # One more step where no tolerance was given, as in `newton`; the bound itself is a difference here.
    last = (tolerance == 0) & (here.seen.gap > asked) & (not glm.loss.kinked)
    # The start itself is no answer, also where a way without an end leads from it.
    over = (near & ~last) | (suspect(seen.endless, watch) & (here.iteration > 0))
    here = here._replace(seen=seen, moved=moved)
    rests = here._replace(code=jnp.full_like(here.code, CANDIDATE))
    return jax.lax.cond(
        over, lambda: (rests, jnp.zeros(())), lambda: stepped(glm, lam, here, d, along, rounding, near & last)
    )


def stepped(
    glm: Glm, lam: Array, here: State, d: Array, along: Array, rounding: Array, closing: Array
) -> tuple[State, Array]:  # fmt: skip
    """Go along the step, halved until F falls enough unless it closes; the loss may be taken harder there."""
    w, W, p = glm.weights(here.x), glm.weights(d), glm.weight / glm.mass
    fall = here.smooth @ d + lam @ (jnp.abs(here.x + d) - jnp.abs(here.x))

    def height(t: Array) -> Array:
        weights = w + t * W
        loss = glm.losses(here.z + t * along, glm.y, p)[0].sum()
        return loss + glm.ridge / 2 * (weights @ weights) + lam @ jnp.abs(here.x + t * d)

    def short(carry: tuple[Array, Array]) -> Array:
        t, halvings = carry
        high = ~(height(t) <= here.height + SUFFICIENT * t * fall + rounding)
        return high & ~closing & (halvings < MOST_HALVINGS)

    t, halvings = jax.lax.while_loop(short, lambda carry: (carry[0] / 2, carry[1] + 1), (jnp.ones(()), 0))
    if here.smoothing is not None:
        centred = jnp.isfinite(here.seen.gap) & (-fall / 2 <= CENTRED * here.seen.gap)
        glm = sharpened(glm, centred, along)
    x = here.x + t * d
    above, value, smooth, z, H = bottom(glm, lam, x)
    s = x - here.x
    curvature = (s @ (smooth - here.smooth)) / (s @ s)
    idle = rested(glm, here, above, rounding)
    there = here._replace(
        x=x, value=value, height=above, smooth=smooth, gradient=shortest(smooth, x, lam), z=z, H=H,
        smoothing=glm.smoothing, iteration=here.iteration + 1, evaluations=here.evaluations + 1,
        steepest=jnp.where(curvature > 0, jnp.maximum(here.steepest, curvature), here.steepest), idle=idle,
        code=jnp.where(idle >= MOST_IDLE, STALLED, RUNNING).astype(here.code.dtype),
    )  # fmt: skip
    stays = here._replace(evaluations=there.evaluations, code=jnp.full_like(here.code, STALLED))
    return jax.tree.map(lambda old, new: jnp.where(halvings >= MOST_HALVINGS, old, new), stays, there), t
