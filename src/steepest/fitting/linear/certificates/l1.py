"""The certificate of a linear model with an L1 penalty: a proven bound on how far a point is above the minimum.

The bound comes from tangents at the minimum of the quadratic model with the L1 penalty. If there are too many columns
to form a Hessian, the bound is the duality gap at the residuals. The derivations are in docs/certificates.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import xlogy

from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.descent.loop.bound import Bound
from steepest.fitting.limits import CERTIFIED, PROXIMAL_NEWTON
from steepest.fitting.linear.certificates.base import BoundParts, Measurement
from steepest.fitting.linear.certificates.recession import Recession
from steepest.fitting.linear.certificates.rounding import ROUNDINGS, Rounding, bound_at_lowest
from steepest.fitting.linear.certificates.smooth import LowerBound, sums
from steepest.fitting.linear.coordinates import Coordinates
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic.l1 import minimize_quadratic_l1
from steepest.models.losses.base import Loss
from steepest.models.losses.smooth import LogLoss, Poisson, Squared
from steepest.types import Array

# The most Newton steps that search for the intercept at which the residuals sum to 0. Chosen, not measured: a few
# suffice, and the sum that remains is added to the bound.
CENTRINGS = 30
# The quadratic model counts as solved if its remaining slope is at most this share of the slopes of the losses and the
# penalty. Chosen, not measured: far above rounding errors, and far below any slope that matters.
UNSOLVED = 1e-8
# The losses whose conjugate ℓ* is implemented in `conjugate`.
CONJUGATES = (Squared, LogLoss, Poisson)


def bound_parts(
    glm: Glm, lam: Array, theta: Array, value: Array, g: Array, z: Array, H: Array, d: Array, along: Array
) -> tuple[BoundParts, Array]:  # fmt: skip
    """Return the parts of the bound at θ, and how far each coefficient may move; X is not read.

    F = f + Σ λⱼ |θⱼ|. Let d be the step to the minimum of the quadratic model with the L1 penalty. Then v = -(g + H d)
    is a subgradient of the L1 penalty at θ + d, and F - F* ≤ Σ p Δ + λ/2 ‖T d‖² + Σ (λⱼ |θⱼ| - vⱼ θⱼ). If the model was
    not solved, for example for lack of curvature along the intercept, v is no subgradient, and the gap is infinite.
    """
    negative_slope = -(g + H @ d)
    v = jnp.clip(negative_slope, -lam, lam)
    W, moves = glm.weights(d), jnp.abs(theta) + jnp.abs(theta + d)
    # An intercept far from 0 may be close to its best value, so |θ| + |θ + d| is too large a bound on its move: the
    # intercept moves by at most about |d| + the loss / Σ slopes.
    slopes = jnp.abs(glm.losses(z, glm.y, glm.weight / glm.mass)[1]).sum()
    left = jnp.where(slopes > 0, jnp.abs(value) / jnp.where(slopes > 0, slopes, 1.0), 0.0)
    moves = jnp.where(lam > 0, moves, jnp.minimum(moves, jnp.abs(d) + left))
    penalty_gap = (lam * jnp.abs(theta) - v * theta).sum() + jnp.abs(negative_slope - v) @ moves
    gap = glm.fenchel_young_gap(z, along) + glm.ridge / 2 * (W @ W) + penalty_gap
    parts = sums(glm, gap, value, g, z, d, jnp.asarray(1.0))
    scale = lam + parts.slope_sum + parts.curvature_sum * jnp.abs(z).max()
    solved = jnp.all(jnp.abs(negative_slope - v) <= UNSOLVED * scale)
    solved |= glm.at_the_lowest(value)
    return parts._replace(gap=jnp.where(solved, parts.gap, jnp.inf)), moves


@shared
def measured_parts(glm: Glm, lam: Array, theta: Array) -> tuple[BoundParts, Array]:
    """Read X twice; return the parts of the bound at θ, and how far each coefficient may move."""
    f, g, z, H = glm.value_grad_hessian(theta)
    d = glm.without_common_shift(minimize_quadratic_l1(H, g, theta, lam) - theta)
    value = (f if glm.smoothing is None else glm.unsmoothed(theta, z)) + lam @ jnp.abs(theta)
    return bound_parts(glm, lam, theta, value, g, z, H, d, glm.along(d))


@shared
def _dual(glm: Glm, lam: Array, theta: Array) -> dict[str, Array]:
    """Return F, the duality gap at the residuals, and the sums that bound the error of the gap.

    The residuals are taken at the intercept at which they sum to 0, and scaled down until they are feasible for the
    dual problem.
    """
    f, _, z = glm.value_and_grad(theta)
    p = glm.weight / glm.mass

    def centre(_: Array, shift: Array) -> Array:
        _, first, second = glm.losses(z + shift, glm.y, p)
        return shift - first.sum() / second.sum()

    shift = jax.lax.fori_loop(0, CENTRINGS, centre, jnp.asarray(0.0))
    residuals = glm.losses(z + shift, glm.y, jnp.where(p > 0, 1.0, 0.0))[1]

    def part(X: Array, p: Array, r: Array) -> tuple[Array, tuple[()]]:
        return (p * r) @ X, ()

    q, _ = glm.over_blocks(part, jnp.zeros(theta.size - 1), residuals)
    curvature = glm.ridge * (0.0 if glm.transform is None else glm.transform**2)
    feasible = jnp.where(lam[:-1] > 0, lam[:-1] / jnp.where(q == 0, 1.0, jnp.abs(q)), jnp.where(q == 0, jnp.inf, 0.0))
    shrink = jnp.where(glm.ridge > 0, 1.0, jnp.minimum(1.0, jnp.min(feasible, where=q != 0, initial=jnp.inf)))
    excess = jnp.maximum(jnp.abs(shrink * q) - lam[:-1], 0.0) ** 2
    penalty = jnp.where(glm.ridge > 0, excess / (2 * jnp.where(glm.ridge > 0, curvature, 1.0)), 0.0).sum()
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


def bound_of(
    parts: BoundParts, moves: np.ndarray, theta: np.ndarray, coordinates: Coordinates, glm: Glm
) -> Bound | None:
    """Return the bound with the rounding errors of its parts added; None if no bound on these errors is known."""
    if not math.isfinite(parts.gap):
        return Bound(math.inf, 0.0, 1)
    rounding = Rounding.at(parts, theta, coordinates, glm)
    if rounding is None:
        return None
    if (at_lowest := bound_at_lowest(parts, rounding, glm)) is not None:
        return at_lowest
    slack = rounding.value + float(rounding.gradient @ moves)
    return Bound(max(float(parts.gap), 0.0) + slack, 4 * slack, 1)


@dataclass
class L1Certifier:
    """The certificate of a linear model with a convex loss and an L1 penalty Σ λⱼ |θⱼ|: a `LinearCertifier`.

    Attributes
    ----------
    glm, coordinates, recession, lower_bound
        As for `Certifier`.
    lam : array of shape (n,)
        λⱼ, the strength of the penalty on each coordinate.
    """

    glm: Glm
    lam: np.ndarray
    coordinates: Coordinates
    recession: Recession
    lower_bound: LowerBound = field(default_factory=LowerBound)

    def measure(self, theta: np.ndarray, smoothing: Array | None = None) -> Measurement | None:
        """Return the parts of a bound at θ; None if the Hessian would be too large, or if there is no minimum."""
        # On working sets no Hessian of all coefficients is formed, and the duality gap is as close at their end.
        most = PROXIMAL_NEWTON if type(self.glm.loss) in CONJUGATES else CERTIFIED
        if theta.size > most or self.recession.endless:
            return None
        glm = self.glm if smoothing is None else replace(self.glm, smoothing=smoothing)
        with compiled_code():
            parts, moves = jax.device_get(measured_parts(glm, self.lam, theta))
        return Measurement(theta, parts, moves, 1)

    def __call__(self, theta: np.ndarray, known: Measurement | None = None, near: float = 0.0) -> Bound | None:
        """Return a bound on f(θ) - f*: infinite if none is proven so far, None if none can be computed.

        `known` is the measurement at θ, if it was made before. A gap up to `near` counts as rounding error.
        """
        if self.recession.endless:
            return Bound(math.inf, 0.0, 0, endless=self.recession.decide().endless)
        known = known or self.measure(theta)
        if known is None:
            return self.by_duality(theta, near) if type(self.glm.loss) in CONJUGATES else None
        report = bound_of(known.parts, np.asarray(known.sensitivity), theta, self.coordinates, self.glm)
        rounding = Rounding.at(known.parts, theta, self.coordinates, self.glm)
        report = self.lower_bound.tighten(report, known.parts, rounding)
        return report and replace(report, cost=known.cost, floor=max(report.floor, near))

    def by_duality(self, theta: np.ndarray, near: float) -> Bound:
        """Return the duality gap as the bound: it needs no Hessian, costs one evaluation, and is close at a minimum."""
        with compiled_code():
            found = jax.device_get(_dual(self.glm, self.lam, theta))
        precision = float(np.finfo(np.dtype(self.glm.X.dtype)).eps)
        slack = (ROUNDINGS * EPS + precision) * (abs(found["value"]) + found["terms"]) + found["unbalanced"]
        gap = max(float(found["gap"]), 0.0) + float(slack)
        floor = max(4 * float(slack), near)
        return Bound(gap if math.isfinite(gap) else math.inf, floor, 1)
