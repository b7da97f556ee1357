"""The minimum of a quadratic model with an L1 penalty, by coordinate descent.

Friedman, Hastie and Tibshirani, "Regularization paths for generalized linear models" (2010).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from steepest.derivatives.differences import EPS
from steepest.types import Array

# The minimisation takes at most MOST_ROUNDS rounds, and fewer if it reaches MODEL_LEFT or rounding errors before. A
# round is SWEEPS sweeps of coordinate descent, then Newton steps. Chosen, not measured: more sweeps find the zeros more
# reliably before the costlier steps.
MOST_ROUNDS = 20
SWEEPS = 8
# A round takes at most CROSSED / x.size Newton steps, limited to 2 to 50. Each may set a coordinate to 0, and costs a
# Cholesky factorisation. Chosen, not measured.
CROSSED = 2_000
# The rounds stop once the squared subgradient has fallen to this share, and so the subgradient to 1e-10. Chosen, not
# measured: the bound of the certificate holds only if the model is solved.
MODEL_LEFT = 1e-20


def soft_threshold(x: Array, threshold: Array) -> Array:
    """Return x moved towards 0 by a threshold, or 0 if |x| is below the threshold: the proximal step of λ|x|."""
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - threshold, 0.0)


def min_norm_subgradient(g: Array, x: Array, lam: Array) -> Array:
    """Return the shortest subgradient of f + Σ λⱼ |xⱼ| at x, given the gradient g of f."""
    return jnp.where(x != 0, g + lam * jnp.sign(x), soft_threshold(g, lam))


def minimize_quadratic_l1(H: Array, g: Array, x: Array, lam: Array) -> Array:
    """Return the y that minimises gᵀ(y - x) + ½ (y - x)ᵀ H (y - x) + Σ λⱼ |yⱼ|.

    Coordinate descent finds which coordinates are 0. Newton steps in the other coordinates then reach the minimum, each
    cut short where a coordinate would change its sign. Coordinate descent alone is slow if columns are correlated.
    """
    h = jnp.diag(H)
    has_curvature = h > 0
    width = jnp.where(has_curvature, h, 1.0)

    def coordinate(j: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        y, r = carry
        ahead = soft_threshold(y[j] - r[j] / width[j], lam[j] / width[j])
        new = jnp.where(has_curvature[j], ahead, jnp.where(lam[j] > 0, 0.0, y[j]))
        return y.at[j].set(new), r + H[j] * (new - y[j])

    def newton(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        y, r, _, steps = carry
        free = has_curvature & ((y != 0) | (lam == 0))
        part = jnp.where(free[:, None] & free, H, 0.0) + jnp.diag(jnp.where(free, 1e-14 * h, 1.0))
        step = -jax.scipy.linalg.cho_solve(
            (jnp.linalg.cholesky(part), True), jnp.where(free, r + lam * jnp.sign(y), 0.0)
        )
        crosses = (lam > 0) & free & (y * (y + step) < 0)
        reach = jnp.where(crosses, -y / jnp.where(crosses, step, 1.0), jnp.inf)
        t = jnp.minimum(1.0, jnp.min(reach))
        new = jnp.where(crosses & (reach == t), 0.0, y + t * step)
        new = jnp.where(jnp.all(jnp.isfinite(new)), new, y)
        return new, r + H @ (new - y), t < 1, steps + 1

    def left(y: Array, r: Array) -> Array:
        return jnp.sum(min_norm_subgradient(r, y, lam) ** 2 / width)

    def unsolved(carry: tuple[Array, Array, Array]) -> Array:
        y, r, rounds = carry
        rounding = jnp.sum((8 * EPS * (jnp.abs(H) @ jnp.abs(y - x) + jnp.abs(g))) ** 2 / width)
        return (rounds < MOST_ROUNDS) & (left(y, r) > MODEL_LEFT * left(x, g) + rounding)

    def one_round(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        y, r, rounds = carry
        y, r = jax.lax.fori_loop(0, SWEEPS, lambda _, carry: jax.lax.fori_loop(0, x.size, coordinate, carry), (y, r))
        # Each Newton step but the last sets a coordinate to 0.
        most = min(max(CROSSED // x.size, 2), 50)
        begin = (y, r, jnp.asarray(True), jnp.asarray(0))
        y, r, _, _ = jax.lax.while_loop(lambda carry: carry[2] & (carry[3] < most), newton, begin)
        return y, r, rounds + 1

    return jax.lax.while_loop(unsolved, one_round, (x, g, jnp.asarray(0)))[0]
