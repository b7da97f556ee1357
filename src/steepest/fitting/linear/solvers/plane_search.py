"""The line search of linear models: exact, in the plane of the direction and the last step, without reading X."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from steepest.derivatives.differences import EPS
from steepest.fitting.linear.glm import Glm
from steepest.types import Array

# The most points of the plane that are tried; each costs a pass over the outputs, and a few are usual.
MOST_TRIALS = 100
# A trial is accepted if the value falls by this share of the linear prediction: Armijo's constant, as in Nocedal and
# Wright, "Numerical optimization" (2006), section 3.1.
SUFFICIENT = 1e-4
# The search ends when Newton's step would gain at most this share of the fall so far. Chosen, not measured: a smaller
# share makes the search more exact, and takes more passes over the outputs.
PART_LEFT = 1e-4
# A curvature is too small to use if Newton's step would be longer than this many times the given vector and the
# distance so far. Chosen, not measured: a larger number trusts curvatures that are nearly rounding noise.
FARTHEST = 1e6


class PlanePoint(NamedTuple):
    """A point of the plane: its coordinates a, φ(a), ∇φ(a), ∇²φ(a), the next step to try, and the trials so far."""

    a: Array
    value: Array
    gradient: Array
    hessian: Array
    step: Array
    trials: Array


def search(
    glm: Glm, z: Array, products: tuple[Array, Array], w: Array, W: Array, value: Array
) -> tuple[Array, Array]:  # fmt: skip
    """Return the a that minimises φ(a) = f(θ + a₁ d + a₂ s), by Newton's method with halved steps, and φ(a).

    The problem is convex. Its data are vectors: the outputs z = A θ and the `products` A d and A s, and for the penalty
    w = T u and W = (T d, T s).
    """
    p = glm.weight / glm.mass
    # Scale both vectors so that no output changes by more than 1: nothing can overflow then.
    size = jnp.stack([jnp.max(jnp.abs(product)) for product in products])
    unit = 1 / jnp.where(size > 0, size, 1.0)
    u, v = (product * one for product, one in zip(products, unit, strict=True))
    W = W * unit[:, None]

    def evaluate(a: Array, trials: Array) -> PlanePoint:
        loss, first, second = glm.losses(z + a[0] * u + a[1] * v, glm.y, p)
        weights = w + a @ W
        f = loss.sum() + glm.ridge / 2 * (weights @ weights)
        # Products of vectors, because no code is fast for matrices of two columns.
        gradient = jnp.stack([jnp.vdot(u, first), jnp.vdot(v, first)]) + glm.ridge * (W @ weights)
        curved = glm.curvature_product(second, u)
        uu, uv, vv = jnp.vdot(u, curved), jnp.vdot(v, curved), jnp.vdot(v, glm.curvature_product(second, v))
        hessian = jnp.array([[uu, uv], [uv, vv]]) + glm.ridge * (W @ W.T)
        return PlanePoint(a, f, gradient, hessian, _newton_step(a, gradient, hessian, jnp.maximum(size, 1.0)), trials)

    def unfinished(here: PlanePoint) -> Array:
        left = -here.gradient @ here.step / 2
        near = left <= PART_LEFT * (value - here.value) + EPS * jnp.abs(here.value)
        return ~near & (here.trials < MOST_TRIALS) & jnp.all(jnp.isfinite(here.step))

    def try_step(here: PlanePoint) -> PlanePoint:
        there = evaluate(here.a + here.step, here.trials + 1)
        finite = (
            jnp.isfinite(there.value) & jnp.all(jnp.isfinite(there.gradient)) & jnp.all(jnp.isfinite(there.hessian))
        )
        enough = here.value + SUFFICIENT * (here.gradient @ here.step) + 4 * EPS * jnp.abs(here.value)
        shorter = here._replace(step=here.step * jnp.where(finite, 0.5, 0.01), trials=there.trials)
        return jax.tree.map(lambda new, old: jnp.where(finite & (there.value <= enough), new, old), there, shorter)

    found = jax.lax.while_loop(unfinished, try_step, evaluate(jnp.zeros(2), jnp.asarray(0)))
    return found.a * unit, found.value


def _newton_step(a: Array, gradient: Array, hessian: Array, whole: Array) -> Array:
    """Return -H⁻¹ g for two variables; if one has no curvature or both are parallel, only along one with curvature.

    `whole` is the coordinate of each vector as it was given, before it was scaled.
    """
    steep = jnp.abs(gradient) > FARTHEST * jnp.maximum(jnp.abs(a), whole) * jnp.diag(hessian)
    curved = (jnp.diag(hessian) > 0) & ~steep
    unit = jnp.where(curved, 1 / jnp.sqrt(jnp.where(curved, jnp.diag(hessian), 1.0)), 0.0)
    # The cosine between both vectors, kept below 1 so that the system can be solved if they are parallel.
    cosine = unit[0] * unit[1] * hessian[0, 1] * (1 - 1e-10)
    g = unit * gradient
    newton = -unit * jnp.array([g[0] - cosine * g[1], g[1] - cosine * g[0]]) / (1 - cosine**2)
    # Without curvature Newton's step is infinite or too long: double the distance with each step instead.
    doubling = -jnp.sign(gradient) * jnp.maximum(jnp.abs(a), 1.0)
    return jnp.where(curved | (curved.any() & ~steep), newton, doubling)
