"""The certificate of a linear model without an L1 penalty: a proven bound on how far a point is above the minimum.

The bound holds for every convex loss, also for a loss with kinks. The derivation is in docs/certificates.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.descent.loop.bound import Bound
from steepest.fitting.limits import CERTIFIED
from steepest.fitting.linear.certificates.base import BoundParts, Measurement
from steepest.fitting.linear.certificates.recession import Recession
from steepest.fitting.linear.certificates.rounding import (
    ROUNDINGS,
    Rounding,
    bound_at_lowest,
    by_output,
    column_reach,
    hessian_rounding,
    step_rounding,
)
from steepest.fitting.linear.certificates.separation import falls_without_end, is_separated, largest_move
from steepest.fitting.linear.classes import ClassCoordinates
from steepest.fitting.linear.coordinates import Coordinates
from steepest.fitting.linear.glm import Glm, whitening
from steepest.models.losses import squared
from steepest.types import Array

# A bound is claimed if the relative rounding error of H⁻¹ is below this: the error costs a factor of 1.21 at most.
MOST_LOST = 0.1
# For a bound on the distance to the minimiser, R² times the gap must be at most this: see `parameter_errors`. As
# 1 - (1 + w) e⁻ʷ stays below 1, a gap of 1 / R² bounds no distance, and a slightly smaller gap gives a huge bound.
MOST_BENT = 0.9


def bound_parts(
    glm: Glm, theta: Array, value: Array, gradient: Array, z: Array, d: Array, along: Array, condition: Array
) -> BoundParts:
    """Return the parts of the bound at θ from a step d and the product `along` = A d; X is not read.

    Tangents of slopes ℓ′ + ℓ″ A d prove f - f* ≤ Σ p Δ + λ/2 ‖T d‖² if d is Newton's step. If the Hessian is not
    positive definite, tangents of slopes ℓ′ and -∇fᵀd / 2 give only an estimate of the gap. If the Hessian is nearly
    singular, the gap is infinite: the loss may fall without end along a direction of little curvature.
    """
    definite = jnp.isfinite(condition)
    nearly_singular = definite & (ROUNDINGS * EPS * condition >= MOST_LOST)
    losses_gap = glm.fenchel_young_gap(z, jnp.where(definite, along, 0.0))
    W = glm.weights(d)
    rest = jnp.where(definite, glm.ridge / 2 * (W @ W), -(gradient @ d) / 2)
    gap = jnp.where(nearly_singular, jnp.inf, losses_gap + rest)
    parts = sums(glm, gap, value, gradient, z, d, condition)
    endless = is_separated(glm, z) | falls_without_end(glm, along)
    move = jnp.where(definite & ~nearly_singular, largest_move(glm, along), jnp.inf)
    return parts._replace(endless=endless, largest_move=move)


def sums(glm: Glm, gap: Array, value: Array, gradient: Array, z: Array, d: Array, condition: Array) -> BoundParts:
    """Return a gap and the sums over the rows that bound its rounding error."""
    p = glm.weight / glm.mass
    _, first, second = glm.losses(z, glm.y, p)
    gap = jnp.where(glm.at_the_lowest(value), value - glm.lowest, gap)
    return BoundParts(
        gap=gap, value=value, slope_sum=jnp.abs(first).sum(), curvature_sum=jnp.abs(second).sum(),
        term_sum=p @ stack(glm.loss.terms(Traced(glm.y))), intercept_slope=jnp.abs(glm.reshape(gradient)[-1]).max(),
        endless=jnp.asarray(False), largest_move=jnp.asarray(jnp.inf), step_norm=jnp.linalg.norm(d),
        condition=condition,
    )  # fmt: skip


@shared
def measured_parts(glm: Glm, theta: Array) -> tuple[BoundParts, Array]:
    """Read X twice; return the parts of the bound at θ, and M with Mᵀ H M = I."""
    value, gradient, z, H = glm.value_grad_hessian(theta)
    metric, condition = whitening(H, gradient)
    d = -metric @ (metric.T @ gradient)
    value = value if glm.smoothing is None else glm.unsmoothed(theta, z)
    return bound_parts(glm, theta, value, gradient, z, d, glm.along(d), condition), metric


def bound_of(
    parts: BoundParts, metric: np.ndarray, theta: np.ndarray, coordinates: Coordinates, glm: Glm, measured: bool = True
) -> Bound | None:
    """Return the bound with the rounding errors of its parts added; None if H is singular up to rounding errors.

    `measured` is whether H was computed from the rows. Otherwise H is known from whitening.
    """
    numbers = BoundParts(*map(float, parts))
    rounding = Rounding.at(numbers, theta, coordinates, glm)
    if rounding is not None and (at_lowest := bound_at_lowest(numbers, rounding, glm)) is not None:
        return at_lowest
    lost = hessian_rounding(numbers, coordinates, measured)
    if rounding is None or not lost < MOST_LOST:
        return None
    by_metric = np.where(np.isfinite(metric), np.abs(metric), 0.0).T @ rounding.gradient
    # The gap is ½ λ², where λ = ‖Mᵀ g‖ is the Newton decrement. An error e of the gradient adds at most ‖Mᵀ e‖ to λ.
    error = float(np.linalg.norm(by_metric))
    gap = (math.sqrt(2 * max(numbers.gap, 0.0)) + error) ** 2 / 2 * (1 + lost) ** 2
    return Bound(gap + rounding.value, 4 * (error**2 / 2 + rounding.value), 1)


def parameter_errors(
    parts: BoundParts, metric: np.ndarray, theta: np.ndarray, frame: Coordinates | ClassCoordinates,
    coordinates: Coordinates, glm: Glm, measured: bool = True,
) -> np.ndarray | None:  # fmt: skip
    """Return how far each parameter, in the user's units, may lie from the minimiser; None if no bound is known.

    A parameter in the user's units is cᵀθ with a vector c. Let e be the error of θ, and h² = eᵀ H e. As Mᵀ H M = I for
    M = `metric`, the error of the parameter is |cᵀe| ≤ h ‖Mᵀ c‖.

    The gap bounds h: let |ℓ‴| ≤ m ℓ″, let R be m times the largest √(aᵀ H⁻¹ a) of a row a, and w = R h. Then f - f* ≥
    [1 - (1 + w) e^(-w)] / R², and the right side grows with h.
    """
    parts = BoundParts(*map(float, parts))
    rounding = Rounding.at(parts, theta, coordinates, glm)
    lost = hessian_rounding(parts, coordinates, measured)
    if rounding is None or not (math.isfinite(glm.loss.unsteady) and lost < MOST_LOST and math.isfinite(parts.gap)):
        return None
    reach, precision = np.append(column_reach(glm, coordinates), 1.0), float(np.finfo(np.dtype(glm.X.dtype)).eps)
    # A column along a basis is a sum of columns, and its rounding error depends on the size of the terms.
    terms = reach if coordinates.basis is None else np.append(coordinates.reach @ np.abs(coordinates.basis), 1.0)
    of_columns = ROUNDINGS * precision * parts.slope_sum * terms + parts.curvature_sum * rounding.outputs * reach
    by_metric = np.abs(metric).T @ (rounding.gradient + np.repeat(of_columns, max(glm.loss.outputs, 1)))
    gap = (math.sqrt(2 * max(parts.gap, 0.0)) + float(np.linalg.norm(by_metric))) ** 2 / 2 * (1 + lost) ** 2
    gap += parts.curvature_sum * rounding.outputs**2
    sizes = by_output(np.linalg.norm(metric, axis=1), glm)
    longest = glm.loss.unsteady * float(np.linalg.norm(reach @ sizes)) * (1 + lost)
    h = hessian_distance(gap, longest)
    if not math.isfinite(h):
        return None
    found = h * (1 + lost) * np.linalg.norm(frame.to_user(metric.T), axis=0)
    found += EPS * (len(reach) + ROUNDINGS) * frame.terms(theta)
    if not metric.any(axis=1).all():
        # A coordinate without curvature may have any value.
        found[np.any(frame.to_user(np.eye(theta.size)[~metric.any(axis=1)]) != 0, axis=0)] = math.inf
    return np.where(frame.undetermined, math.inf, found)


def hessian_distance(gap: float, longest: float) -> float:
    """Return the largest h with [1 - (1 + w) e^(-w)] / R² ≤ gap, w = R h, R = `longest`; infinite for a large gap."""
    scaled = gap * longest**2
    if scaled < 1e-8:
        # A small w needs no search, because 1 - (1 + w) e^(-w) is at least w² / 2 - w³ / 3.
        return math.sqrt(2 * gap) * (1 + math.sqrt(2 * scaled))
    if scaled > MOST_BENT:
        return math.inf
    low, high = 0.0, 4.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - (1 + middle) * math.exp(-middle) <= scaled else (low, middle)
    return high / longest


@dataclass
class LowerBound:
    """The best lower bound on the minimum so far, which stays valid at later points that give looser bounds."""

    lowest: float = -math.inf
    floor: float = 0.0

    def tighten(self, report: Bound | None, parts: BoundParts, rounding: Rounding | None) -> Bound | None:
        """Return the tighter of a new bound and the bound proven before; remember the better lower bound."""
        if rounding is None:
            return report
        above = float(parts.value - self.lowest + rounding.value)
        if report is not None and report.gap <= above:
            self.lowest, self.floor = float(parts.value) - report.gap, report.floor
            return report
        if not math.isfinite(above):
            return report
        return Bound(max(above, 0.0), max(self.floor, 4 * rounding.value), 1)


@dataclass
class Certifier:
    """The certificate of a linear model with a convex loss and a quadratic penalty: a `LinearCertifier`.

    Attributes
    ----------
    glm : Glm
        The model on its rows.
    coordinates : Coordinates
        The map from the coordinates of the descent to the user's units, for one output.
    recession : Recession
        Whether the loss falls without end.
    lower_bound : LowerBound
        The best lower bound on the minimum so far.
    """

    glm: Glm
    coordinates: Coordinates
    recession: Recession
    lower_bound: LowerBound = field(default_factory=LowerBound)

    @property
    def frame(self) -> Coordinates | ClassCoordinates:
        """The map from the coordinates of the descent to all parameters in the user's units."""
        contrasts = self.glm.loss.contrasts
        return self.coordinates if contrasts is None else ClassCoordinates(self.coordinates, contrasts)

    def measure(self, theta: np.ndarray, smoothing: Array | None = None) -> Measurement | None:
        """Return the parts of a bound at θ; None if the Hessian would be too large, or if there is no minimum."""
        if theta.size > CERTIFIED or self.recession.endless:
            return None
        glm = self.glm if smoothing is None else replace(self.glm, smoothing=smoothing)
        with compiled_code():
            parts, metric = jax.device_get(measured_parts(glm, theta))
        return Measurement(theta, parts, metric, 1)

    def __call__(self, theta: np.ndarray, known: Measurement | None = None, near: float = 0.0) -> Bound | None:
        """Return a bound on f(θ) - f*: infinite if none is proven so far, None if none can be computed.

        `known` is the measurement at θ, if it was made before. A gap up to `near` counts as rounding error.
        """
        if self.recession.endless:
            return Bound(math.inf, 0.0, 0, endless=self.recession.decide().endless)
        known = known or self.measure(theta)
        if known is None:
            return None
        parts, metric, coordinates = known.parts, np.asarray(known.sensitivity), self.coordinates
        # For whitened least squares, Newton's method takes the Hessian 2 I, and does not compute it from the rows.
        measured = known.cost > 0 or not (self.glm.is_whitened and self.glm.loss is squared)
        rounding = Rounding.at(parts, theta, coordinates, self.glm)
        if float(parts.largest_move) + step_rounding(rounding, metric, coordinates, self.glm) < 1:
            self.recession.exclude()
        finding = self.recession.decide(self.frame.to_user(theta))
        if finding.endless or not finding.sure:
            return Bound(math.inf, 0.0, known.cost, endless=finding.endless)
        report = bound_of(parts, metric, theta, coordinates, self.glm, measured)
        report = self.lower_bound.tighten(report, parts, rounding)
        error = parameter_errors(parts, metric, theta, self.frame, coordinates, self.glm, measured)
        return report and replace(report, cost=known.cost, floor=max(report.floor, near), x_error=error)
