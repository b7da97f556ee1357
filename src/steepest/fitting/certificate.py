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
from steepest.derivatives.precision import compiled_code
from steepest.descent.audit import Audit
from steepest.fitting.glm import Glm, length, whitened
from steepest.fitting.recession import falls_forever, separates
from steepest.fitting.scaling import Coordinates
from steepest.models.losses import Loss, squared

Array = Any

WIDEST = 2_000
# Sums of n terms, each rounded: what they are off by, in units of eps times the sum of their sizes.
ROUNDINGS = 16
# How far rounding may move an output for the slope and the curvature to say what that does to the loss.
FINE = 0.5
ENDLESS = "the loss falls for ever as coefficients grow; add penalty=L2(1e-3), or so"
ALIKE = "every target that counts is alike, so that the loss falls for ever as the intercept grows"


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
    if straight or not u < 1:
        return decrement**2 / 2 if straight else math.inf
    if u < 1e-4:
        # The series of the bracket, u²/2 + u³/6 + …, whose rest is below u⁴/6.
        return decrement**2 * (1 / 2 + u / 6 + u**2 / 6)
    return (u + (1 - u) * math.log1p(-u)) / radius**2


@shared
def _measured(glm: Glm, theta: Array) -> dict[str, Array]:
    """Return what the bound is made of: one reading of X for H and the gradient, one for R and the noise."""
    value, gradient, z = glm.slope(theta)
    metric, condition = whitened(glm.hessian(theta))
    newton = -metric @ (metric.T @ gradient)
    intercept = jnp.zeros_like(theta).at[-1].set(1.0)
    alike = falls_forever(glm, intercept) | falls_forever(glm, -intercept)

    return {
        "value": value, "decrement": length(metric, gradient), "condition": condition, "metric": metric,
        "lean": jnp.abs(gradient[-1]), "endless": separates(glm, z) | falls_forever(glm, newton), "alike": alike,
        **radius_and_noise(glm, theta, z, metric),
    }  # fmt: skip


def radius_and_noise(glm: Glm, theta: Array, z: Array, metric: Array) -> dict[str, Array]:
    """Return R, and what says how far rounding moves the gradient, as H⁻¹ measures it, and the value."""

    def part(X: Array, p: Array, y: Array, z: Array) -> tuple[dict[str, Array], Array]:
        rows = X @ metric[:-1] + metric[-1]
        lengths = jnp.where(p > 0, jnp.sqrt((rows**2).sum(axis=1)), 0.0)
        # How large the terms are that z is the sum of.
        terms = abs(X) @ jnp.abs(theta[:-1]) + jnp.abs(theta[-1])
        _, first, second = glm.losses(z, y, p)
        # ‖error of g‖ ≤ Σ pᵢ |error of ℓ′ᵢ| ‖aᵢ‖.
        noise = jnp.abs(first) + second * terms + 2 * p * jnp.abs(y)
        pull = jnp.abs(first)
        sums = {"slope_noise": noise @ lengths, "value_noise": pull @ terms, "pull": pull.sum(), "bend": second.sum()}
        return sums, lengths

    sums, lengths = glm.over_blocks(
        part, dict.fromkeys(("slope_noise", "value_noise", "pull", "bend"), jnp.asarray(0.0)), glm.y, z
    )
    return sums | {"radius": jnp.max(lengths)}


def bounded(seen: dict[str, Any], blur: tuple[float, float], loss: Loss, precision: float) -> Audit | None:
    """Return the bound of what was measured, with what rounding may hide; None where H is singular to rounding.

    `blur` is what the user's coefficients round, and `precision` the eps of the rows.
    """
    seen = {name: float(number) for name, number in seen.items() if name not in ("endless", "alike", "metric")}
    lost = ROUNDINGS * EPS * seen["condition"]
    if not lost < 0.1:
        return None
    decrement = (seen["decrement"] + ROUNDINGS * EPS * seen["slope_noise"]) * (1 + lost)
    uneven, shift = ROUNDINGS * blur[0], ROUNDINGS * blur[1]
    if uneven + shift > FINE and loss is not squared:
        return None
    slack = ROUNDINGS * EPS * abs(seen["value"]) + (ROUNDINGS * EPS + precision) * seen["value_noise"]
    slack += seen["pull"] * uneven + seen["lean"] * shift + seen["bend"] * (uneven + shift) ** 2
    bound = gap(decrement, seen["radius"] * (1 + lost), loss is squared) + slack
    return Audit(bound, 4 * slack, math.nan, math.nan, 0.0, 1)


def precision(glm: Glm) -> float:
    """Return the eps of the numbers that the rows are made of."""
    return float(jnp.finfo(glm.X.dtype).eps)


@dataclass
class Certifier:
    """The certificate of a smooth generalised linear model.

    It costs two readings of X, as much as one evaluation, though the arithmetic of two Hessians.

    Attributes
    ----------
    glm : Glm
        The model on its rows.
    coordinates : Coordinates
        What its θ are in the user's units.
    metric : array or None
        M with Mᵀ H M = I at the last point looked at, with which descent may go on.
    """

    glm: Glm
    coordinates: Coordinates
    metric: Any = None

    def __call__(self, theta: np.ndarray) -> Audit | None:
        """Return the bound at θ, infinite where there is none yet; None where there can be none."""
        if theta.size > WIDEST:
            return None
        with compiled_code():
            seen = _measured(self.glm, theta)
            self.metric = seen.pop("metric")
            seen = jax.device_get(seen)
        if seen["endless"]:
            facts = ALIKE if seen["alike"] else ENDLESS
            return Audit(math.inf, 0.0, math.nan, math.nan, 0.0, 1, endless=facts)
        return bounded(seen, self.coordinates.blur(theta), self.glm.loss, precision(self.glm))
