"""The search in the plane of the direction and the last step, exact, and at the cost of no product with X."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from steepest.derivatives.differences import EPS
from steepest.fitting.linear.glm import Glm

Array = Any

MOST_TRIALS = 100
SUFFICIENT = 1e-4
PART_LEFT = 1e-4
# A step that would lead so many times as far as what was asked, or as all before, has little curvature to tell.
FARTHEST = 1e6


class Corner(NamedTuple):
    """A point of the plane: its coordinates a, φ(a) with gradient and Hessian, and the next step to try from it."""

    a: Array
    value: Array
    slope: Array
    bend: Array
    step: Array
    trials: Array


def search(glm: Glm, z: Array, V: tuple[Array, Array], w: Array, W: Array, value: Array) -> tuple[Array, Array]:
    """Return the least point a of φ(a) = f(θ + a₁ d + a₂ s), by Newton's method with halved steps, and its value.

    The problem is convex and its data are vectors: z = A θ and V = (A d, A s), and for the penalty
    w = T u and W = (T d, T s).
    """
    p = glm.weight / glm.mass
    # In units in which an output changes by 1 at the most, so that nothing overflows.
    size = jnp.stack([jnp.max(jnp.abs(v)) for v in V])
    unit = 1 / jnp.where(size > 0, size, 1.0)
    u, v = (along * one for along, one in zip(V, unit, strict=True))
    W = W * unit[:, None]

    def look(a: Array, trials: Array) -> Corner:
        loss, first, second = glm.losses(z + a[0] * u + a[1] * v, glm.y, p)
        weights = w + a @ W
        f = loss.sum() + glm.ridge / 2 * (weights @ weights)
        # As products of vectors: for one of matrices so narrow no code is fast.
        slope = jnp.stack([jnp.vdot(u, first), jnp.vdot(v, first)]) + glm.ridge * (W @ weights)
        bent = glm.curvature_product(second, u)
        uu, uv, vv = jnp.vdot(u, bent), jnp.vdot(v, bent), jnp.vdot(v, glm.curvature_product(second, v))
        bend = jnp.array([[uu, uv], [uv, vv]]) + glm.ridge * (W @ W.T)
        return Corner(a, f, slope, bend, _newton(a, slope, bend, jnp.maximum(size, 1.0)), trials)

    def going(here: Corner) -> Array:
        left = -here.slope @ here.step / 2
        near = left <= PART_LEFT * (value - here.value) + EPS * jnp.abs(here.value)
        return ~near & (here.trials < MOST_TRIALS) & jnp.all(jnp.isfinite(here.step))

    def body(here: Corner) -> Corner:
        there = look(here.a + here.step, here.trials + 1)
        finite = jnp.isfinite(there.value) & jnp.all(jnp.isfinite(there.slope)) & jnp.all(jnp.isfinite(there.bend))
        enough = here.value + SUFFICIENT * (here.slope @ here.step) + 4 * EPS * jnp.abs(here.value)
        shorter = here._replace(step=here.step * jnp.where(finite, 0.5, 0.01), trials=there.trials)
        return jax.tree.map(lambda new, old: jnp.where(finite & (there.value <= enough), new, old), there, shorter)

    found = jax.lax.while_loop(going, body, look(jnp.zeros(2), jnp.asarray(0)))
    return found.a * unit, found.value


def _newton(a: Array, slope: Array, bend: Array, whole: Array) -> Array:
    """Return -bend⁻¹ slope; where one vector has no curvature, or both say the same, what is left of it.

    `whole` is how far each vector goes as it was given.
    """
    steep = jnp.abs(slope) > FARTHEST * jnp.maximum(jnp.abs(a), whole) * jnp.diag(bend)
    curved = (jnp.diag(bend) > 0) & ~steep
    unit = jnp.where(curved, 1 / jnp.sqrt(jnp.where(curved, jnp.diag(bend), 1.0)), 0.0)
    both = unit[0] * unit[1] * bend[0, 1] * (1 - 1e-10)
    g = unit * slope
    newton = -unit * jnp.array([g[0] - both * g[1], g[1] - both * g[0]]) / (1 - both**2)
    # Where a loss is straight, or nearly so, steps that double lead on.
    straight = -jnp.sign(slope) * jnp.maximum(jnp.abs(a), 1.0)
    return jnp.where(curved | (curved.any() & ~steep), newton, straight)
