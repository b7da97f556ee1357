"""How far a generalised linear model is from its optimum at the most: a bound that is proven, for any convex penalty.

The derivation is in docs/certificates.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import double_precision
from steepest.descent.verdict import Audit
from steepest.fitting.glm import Glm, whitened
from steepest.fitting.recession import falls_forever, separates
from steepest.models.losses import Loss, squared

Array = Any

WIDEST = 2_000
# Sums of n terms, each rounded: what they are off by, in units of eps times the sum of their sizes.
ROUNDINGS = 16
ENDLESS = "the loss falls for ever as coefficients grow"


def gap(decrement: float, radius: float, straight: bool) -> float:
    """Return the bound on f - f*: [u + (1 - u) ln(1 - u)] / R² with u = R λ_N < 1, or λ_N²/2 for a quadratic f.

    Parameters
    ----------
    decrement : float
        λ_N, the length of the gradient as H⁻¹ measures it.
    radius : float
        R, the length of the longest row in that measure.
    straight : bool
        Whether ℓ‴ = 0.

    Returns
    -------
    float
        The bound; infinite where u is 1 or more.

    Examples
    --------
    >>> gap(1e-3, 2.0, straight=True)
    5e-07
    >>> round(gap(1e-3, 2.0, straight=False) / 5e-7, 3)
    1.001
    >>> gap(1.0, 2.0, straight=False)
    inf
    """
    u = radius * decrement
    if straight:
        return decrement**2 / 2
    if not u < 1:
        return math.inf
    if u < 1e-4:
        # The series of the bracket, u²/2 + u³/6 + …, whose rest is below u⁴/6.
        return decrement**2 * (1 / 2 + u / 6 + u**2 / 6)
    return (u + (1 - u) * math.log1p(-u)) / radius**2


@shared
def _measured(glm: Glm, theta: Array) -> dict[str, Array]:
    """Return what the bound is made of: one reading of X for H and the gradient, one for R and the noise."""
    value, gradient, z = glm.slope(theta)
    metric, condition = whitened(glm.hessian(theta))
    turned = metric.T @ gradient
    newton = -metric @ turned

    radius, slope_noise, value_noise = radius_and_noise(glm, theta, z, metric)
    return {
        "value": value, "decrement": jnp.linalg.norm(turned), "radius": radius, "condition": condition,
        "slope_noise": slope_noise, "value_noise": value_noise, "metric": metric,
        "endless": separates(glm, z) | falls_forever(glm, newton),
    }  # fmt: skip


def radius_and_noise(glm: Glm, theta: Array, z: Array, metric: Array) -> tuple[Array, Array, Array]:
    """Return R, and in units of eps how far rounding moves the gradient, as H⁻¹ measures it, and the value."""

    def part(X: Array, p: Array, y: Array, z: Array) -> tuple[Array, Array]:
        rows = X @ metric[:-1] + metric[-1]
        length = jnp.where(p > 0, jnp.sqrt((rows**2).sum(axis=1)), 0.0)
        # How large the terms are that z is the sum of.
        terms = jnp.abs(X) @ jnp.abs(theta[:-1]) + jnp.abs(theta[-1])
        _, first, second = glm.losses(z, y, p)
        # ‖error of g‖ ≤ Σ pᵢ |error of ℓ′ᵢ| ‖aᵢ‖.
        noise = jnp.abs(first) + second * terms + 2 * p * jnp.abs(y)
        return jnp.stack([noise @ length, jnp.abs(first) @ terms]), length

    noises, lengths = glm.over_blocks(part, jnp.zeros(2), glm.y, z)
    return jnp.max(lengths), noises[0], noises[1]


def bounded(seen: dict[str, Any], loss: Loss) -> Audit | None:
    """Return the bound of what was measured, with what rounding may hide; None where H is singular to rounding."""
    lost = ROUNDINGS * EPS * seen["condition"]
    if not lost < 0.1:
        return None
    decrement = (seen["decrement"] + ROUNDINGS * EPS * seen["slope_noise"]) * (1 + lost)
    slack = ROUNDINGS * EPS * (abs(seen["value"]) + seen["value_noise"])
    bound = gap(decrement, seen["radius"] * (1 + lost), loss is squared) + slack
    return Audit(float(bound), 4 * float(slack), math.nan, math.nan, 0.0, 1)


@dataclass
class Certifier:
    """The certificate of a smooth generalised linear model.

    It costs two readings of X, as much as one evaluation, though the arithmetic of two Hessians.

    Attributes
    ----------
    glm : Glm
        The model on its rows.
    metric : array or None
        M with Mᵀ H M = I at the last point looked at, with which descent may go on.
    """

    glm: Glm
    metric: Any = None

    def __call__(self, theta: np.ndarray) -> Audit | None:
        """Return the bound at θ, infinite where there is none yet; None where there can be none."""
        if theta.size > WIDEST:
            return None
        with double_precision():
            seen = _measured(self.glm, theta)
            self.metric = seen.pop("metric")
            seen = jax.device_get(seen)
        if seen["endless"]:
            return Audit(math.inf, 0.0, math.nan, math.nan, 0.0, 1, endless=ENDLESS)
        return bounded(seen, self.glm.loss)
