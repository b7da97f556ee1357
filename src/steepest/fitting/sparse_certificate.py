"""How far a model with an L1 penalty is from its optimum at the most.

By the bound of `certificate` at the subgradient that H⁻¹ finds shortest; where H is singular, by the
duality gap. The derivations are in docs/certificates.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import xlogy

from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.descent.audit import Audit
from steepest.fitting.certificate import ALIKE, ROUNDINGS, WIDEST, bounded, precision, radius_and_noise
from steepest.fitting.glm import Glm, length, whitened
from steepest.fitting.proximal import least
from steepest.fitting.recession import falls_forever
from steepest.fitting.scaling import Coordinates
from steepest.models.losses import Loss, log_loss, squared

Array = Any

CENTRINGS = 30


@shared
def _measured(glm: Glm, lam: Array, theta: Array) -> dict[str, Array]:
    """Return what the bound is made of, the decrement that of the shortest subgradient."""
    f, g, z = glm.slope(theta)
    H = glm.hessian(theta)
    metric, condition = whitened(H)
    kept = theta != 0
    fixed = jnp.where(kept, lam * jnp.sign(theta), 0.0)
    free = jnp.where(kept, 0.0, lam)
    # Least in d is ½ dᵀHd + Σ max over v of vⱼ dⱼ, and -H d is the shortest v. Any in its bounds is sound.
    none, sound = jnp.zeros_like(theta), ROUNDINGS * EPS * condition < 1
    d = jax.lax.cond(sound, lambda: least(H, g + fixed, none, free), lambda: none)
    v = jnp.clip(-(H @ d), g + fixed - free, g + fixed + free)
    return {
        "value": f + lam @ jnp.abs(theta), "decrement": length(metric, v), "condition": condition,
        "lean": jnp.abs(g[-1]), **radius_and_noise(glm, theta, z, metric),
    }  # fmt: skip


@shared
def _dual(glm: Glm, lam: Array, theta: Array) -> dict[str, Array]:
    """Return F and the dual at the residuals, with an intercept that balances them, shrunk until they are feasible."""
    f, _, z = glm.slope(theta)
    p = glm.weight / glm.mass

    def centre(_: Any, shift: Array) -> Array:
        _, first, second = glm.losses(z + shift, glm.y, p)
        return shift - first.sum() / second.sum()

    shift = jax.lax.fori_loop(0, CENTRINGS, centre, jnp.asarray(0.0))
    residuals = glm.losses(z + shift, glm.y, jnp.where(p > 0, 1.0, 0.0))[1]

    def part(X: Array, p: Array, r: Array) -> tuple[Array, tuple[()]]:
        return (p * r) @ X, ()

    q, _ = glm.over_blocks(part, jnp.zeros(theta.size - 1), residuals)
    bend = glm.ridge * (0.0 if glm.turn is None else glm.turn**2)
    over = jnp.where(lam[:-1] > 0, lam[:-1] / jnp.where(q == 0, 1.0, jnp.abs(q)), jnp.where(q == 0, jnp.inf, 0.0))
    shrink = jnp.where(glm.ridge > 0, 1.0, jnp.minimum(1.0, jnp.min(over, where=q != 0, initial=jnp.inf)))
    beyond = jnp.maximum(jnp.abs(shrink * q) - lam[:-1], 0.0) ** 2
    penalty = jnp.where(glm.ridge > 0, beyond / (2 * jnp.where(glm.ridge > 0, bend, 1.0)), 0.0).sum()
    dual = -jnp.where(p > 0, p * conjugate(glm.loss, shrink * residuals, glm.y), 0.0).sum() - penalty
    value = f + lam @ jnp.abs(theta)
    unbalanced = jnp.abs(p @ residuals) * (1 + jnp.max(jnp.abs(z)))
    terms = jnp.abs(p * residuals) @ (jnp.abs(z) + jnp.abs(glm.y) + 1 + abs(glm.X) @ jnp.abs(theta[:-1]))
    ones = jnp.zeros_like(theta).at[-1].set(1.0)
    return {
        "value": value, "gap": value - dual, "unbalanced": unbalanced, "terms": terms,
        "endless": falls_forever(glm, ones) | falls_forever(glm, -ones),
    }  # fmt: skip


def conjugate(loss: Loss, a: Array, y: Array) -> Array:
    """Return ℓ*(a) = max over z of a z - ℓ(z, y)."""
    if loss is squared:
        return a**2 / 4 + a * y
    q = jnp.maximum(a + y, 0.0)
    if loss is log_loss:
        q = jnp.minimum(q, 1.0)
        return xlogy(q, q) + xlogy(1 - q, 1 - q)
    return xlogy(q, q) - q


@dataclass
class SparseCertifier:
    """The certificate of a generalised linear model with an L1 penalty, λⱼ |θⱼ| in its coordinates.

    It costs as much as one evaluation, and one more where the duality gap must do.
    """

    glm: Glm
    lam: np.ndarray
    coordinates: Coordinates

    def __call__(self, theta: np.ndarray) -> Audit | None:
        """Return the bound at θ, infinite where there is none yet."""
        with compiled_code():
            if theta.size <= WIDEST:
                seen = jax.device_get(_measured(self.glm, self.lam, theta))
                report = bounded(seen, self.coordinates.blur(theta), self.glm.loss, precision(self.glm))
                if report is not None and math.isfinite(report.decrement):
                    return report
            seen = jax.device_get(_dual(self.glm, self.lam, theta))
        cost = 1 + (theta.size <= WIDEST)
        if seen["endless"]:
            return Audit(math.inf, 0.0, math.nan, math.nan, 0.0, cost, endless=ALIKE)
        slack = (ROUNDINGS * EPS + precision(self.glm)) * (abs(seen["value"]) + seen["terms"]) + seen["unbalanced"]
        found = max(float(seen["gap"]), 0.0) + float(slack)
        return Audit(found if math.isfinite(found) else math.inf, 4 * float(slack), math.nan, math.nan, 0.0, cost)
