"""How far a model with an L1 penalty is from its optimum at the most.

By tangents, at the step that makes the quadratic model with its kinks least; of more columns than a Hessian
is formed for, by the duality gap at the residuals. The derivations are in docs/certificates.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import xlogy

from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.descent.loop.bound import Bound
from steepest.fitting.linear.certificates.base import WIDEST, BoundParts, Measurement
from steepest.fitting.linear.certificates.recession import Recession
from steepest.fitting.linear.certificates.smooth import ROUNDINGS, Proven, Rounding, lowest_of, sums
from steepest.fitting.linear.coordinates import Coordinates
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic_l1 import minimize_quadratic_l1
from steepest.models.losses.base import Loss
from steepest.models.losses.smooth import LogLoss, Poisson, Squared

Array = Any

CENTRINGS = 30
# The quadratic model counts as solved where its slope is this part of those of losses and penalties, or less.
UNSOLVED = 1e-8
CONJUGATES = (Squared, LogLoss, Poisson)


def bound_parts(
    glm: Glm, lam: Array, theta: Array, value: Array, g: Array, z: Array, H: Array, d: Array, along: Array
) -> tuple[BoundParts, Array]:  # fmt: skip
    """Return what the bound is made of, and how far coefficients may differ, at the price of no reading of X.

    With d the step that makes the model with kinks least, v = -(g + H d) is a subgradient of Σ λⱼ |θⱼ| at
    θ + d, and f* ≥ f - Σ p shortfall - λ/2 ‖T d‖² - Σ (λⱼ |θⱼ| - vⱼ θⱼ). Where the model was not solved,
    as where it is straight along the intercept, v is no subgradient and there is no bound.
    """
    pull = -(g + H @ d)
    v = jnp.clip(pull, -lam, lam)
    W, moved = glm.weights(d), jnp.abs(theta) + jnp.abs(theta + d)
    # An intercept far from 0 is as near to its best: it moves outputs by what is left of the loss, or so.
    pulls = jnp.abs(glm.losses(z, glm.y, glm.weight / glm.mass)[1]).sum()
    left = jnp.where(pulls > 0, jnp.abs(value) / jnp.where(pulls > 0, pulls, 1.0), 0.0)
    moved = jnp.where(lam > 0, moved, jnp.minimum(moved, jnp.abs(d) + left))
    beside = (lam * jnp.abs(theta) - v * theta).sum() + jnp.abs(pull - v) @ moved
    gap = glm.fenchel_young_gap(z, along) + glm.ridge / 2 * (W @ W) + beside
    seen = sums(glm, gap, value, g, z, d, jnp.asarray(1.0))
    solved = jnp.all(jnp.abs(pull - v) <= UNSOLVED * (lam + seen.slope_sum + seen.curvature_sum * jnp.abs(z).max()))
    solved |= glm.at_the_lowest(value)
    return seen._replace(gap=jnp.where(solved, seen.gap, jnp.inf)), moved


@shared
def _measured(glm: Glm, lam: Array, theta: Array) -> tuple[BoundParts, Array]:
    """Return what the bound is made of, in two readings of X."""
    f, g, z, H = glm.value_grad_hessian(theta)
    d = glm.without_common_shift(minimize_quadratic_l1(H, g, theta, lam) - theta)
    value = (f if glm.smoothing is None else glm.unsmoothed(theta, z)) + lam @ jnp.abs(theta)
    return bound_parts(glm, lam, theta, value, g, z, H, d, glm.along(d))


@shared
def _dual(glm: Glm, lam: Array, theta: Array) -> dict[str, Array]:
    """Return F and the dual at the residuals, with an intercept that balances them, shrunk until they are feasible."""
    f, _, z = glm.value_and_grad(theta)
    p = glm.weight / glm.mass

    def centre(_: Any, shift: Array) -> Array:
        _, first, second = glm.losses(z + shift, glm.y, p)
        return shift - first.sum() / second.sum()

    shift = jax.lax.fori_loop(0, CENTRINGS, centre, jnp.asarray(0.0))
    residuals = glm.losses(z + shift, glm.y, jnp.where(p > 0, 1.0, 0.0))[1]

    def part(X: Array, p: Array, r: Array) -> tuple[Array, tuple[()]]:
        return (p * r) @ X, ()

    q, _ = glm.over_blocks(part, jnp.zeros(theta.size - 1), residuals)
    bend = glm.ridge * (0.0 if glm.transform is None else glm.transform**2)
    over = jnp.where(lam[:-1] > 0, lam[:-1] / jnp.where(q == 0, 1.0, jnp.abs(q)), jnp.where(q == 0, jnp.inf, 0.0))
    shrink = jnp.where(glm.ridge > 0, 1.0, jnp.minimum(1.0, jnp.min(over, where=q != 0, initial=jnp.inf)))
    beyond = jnp.maximum(jnp.abs(shrink * q) - lam[:-1], 0.0) ** 2
    penalty = jnp.where(glm.ridge > 0, beyond / (2 * jnp.where(glm.ridge > 0, bend, 1.0)), 0.0).sum()
    dual = -jnp.where(p > 0, p * conjugate(glm.loss, shrink * residuals, glm.y), 0.0).sum() - penalty
    value = f + lam @ jnp.abs(theta)
    unbalanced = jnp.abs(p @ residuals) * (1 + jnp.max(jnp.abs(z)))
    terms = jnp.abs(p * residuals) @ (jnp.abs(z) + jnp.abs(glm.y) + 1 + abs(glm.X) @ jnp.abs(theta[:-1]))
    return {"value": value, "gap": value - dual, "unbalanced": unbalanced, "terms": terms}


def conjugate(loss: Loss, a: Array, y: Array) -> Array:
    """Return ℓ*(a) = max over z of a z - ℓ(z, y)."""
    if isinstance(loss, Squared):
        return a**2 / 4 + a * y
    q = jnp.maximum(a + y, 0.0)
    if isinstance(loss, LogLoss):
        q = jnp.minimum(q, 1.0)
        return xlogy(q, q) + xlogy(1 - q, 1 - q)
    return xlogy(q, q) - q


def bounded(seen: BoundParts, moved: np.ndarray, theta: np.ndarray, coordinates: Coordinates, glm: Glm) -> Bound | None:
    """Return the bound of what was seen, with what rounding may hide; None where that is too much to say."""
    if not math.isfinite(seen.gap):
        return Bound(math.inf, 0.0, 1)
    rounding = Rounding.at(seen, theta, coordinates, glm)
    if rounding is None:
        return None
    if (least := lowest_of(seen, rounding, glm)) is not None:
        return least
    slack = rounding.value + float(rounding.slope @ moved)
    return Bound(max(float(seen.gap), 0.0) + slack, 4 * slack, 1)


@dataclass
class SparseCertifier:
    """The certificate of a linear model with a convex loss and an L1 penalty, λⱼ |θⱼ| in its coordinates.

    Attributes
    ----------
    glm, coordinates, recession, proven
        As for `Certifier`.
    lam : array of shape (n,)
        λ.
    """

    glm: Glm
    lam: np.ndarray
    coordinates: Coordinates
    recession: Recession
    proven: Proven = field(default_factory=Proven)

    def measure(self, theta: np.ndarray, smoothing: Array | None = None) -> Measurement | None:
        """Return the parts of a bound at θ; None if a Hessian would be too large, or if there is no minimum."""
        if theta.size > WIDEST or self.recession.endless:
            return None
        glm = self.glm if smoothing is None else replace(self.glm, smoothing=smoothing)
        with compiled_code():
            sums, moved = jax.device_get(_measured(glm, self.lam, theta))
        return Measurement(theta, sums, moved, 1)

    def __call__(self, theta: np.ndarray, known: Measurement | None = None, near: float = 0.0) -> Bound | None:
        """Return the bound at θ, infinite if there is none yet; None if there can be none.

        `known` are its parts, if they were computed before. A gap up to `near` counts as rounding.
        """
        if self.recession.endless:
            return Bound(math.inf, 0.0, 0, endless=self.recession.decided().endless)
        known = known or self.measure(theta)
        if known is None:
            return self.by_duality(theta, near) if type(self.glm.loss) in CONJUGATES else None
        report = bounded(known.parts, np.asarray(known.sensitivity), theta, self.coordinates, self.glm)
        rounding = Rounding.at(known.parts, theta, self.coordinates, self.glm)
        report = self.proven.tightened(report, known.parts, rounding)
        return report and replace(report, cost=known.cost, floor=max(report.floor, near))

    def by_duality(self, theta: np.ndarray, near: float) -> Bound:
        """Return the duality gap, at the price of one evaluation: loose, but without a Hessian."""
        with compiled_code():
            seen = jax.device_get(_dual(self.glm, self.lam, theta))
        precision = float(np.finfo(np.dtype(self.glm.X.dtype)).eps)
        slack = (ROUNDINGS * EPS + precision) * (abs(seen["value"]) + seen["terms"]) + seen["unbalanced"]
        found = max(float(seen["gap"]), 0.0) + float(slack)
        floor = max(4 * float(slack), near)
        return Bound(found if math.isfinite(found) else math.inf, floor, 1)
