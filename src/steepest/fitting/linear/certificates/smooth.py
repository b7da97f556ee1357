"""How far a linear model is from its optimum at the most: a bound that is proven, for any convex loss and penalty.

The derivation is in docs/certificates.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.sparse.segments import SparseRows
from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.descent.loop.bound import Bound
from steepest.fitting.linear.certificates.base import WIDEST, BoundParts, Measurement
from steepest.fitting.linear.certificates.recession import Recession, falls_forever, is_separated, tilt
from steepest.fitting.linear.classes import ClassCoordinates
from steepest.fitting.linear.coordinates import Coordinates, edges
from steepest.fitting.linear.glm import Glm, whitening
from steepest.models.losses import squared

Array = Any

# Sums of n terms, each rounded: what they are off by, in units of eps times the sum of their sizes.
ROUNDINGS = 16
MOST_LOST = 0.1
# A bound that is more of what a loss of changing curvature can gain says nothing of the distance.
MOST_BENT = 0.9
# How far rounding may move an output for the slope and the curvature to say what that does to the loss.
FINE = 0.5


def bound_parts(
    glm: Glm, theta: Array, value: Array, gradient: Array, z: Array, d: Array, along: Array, condition: Array
) -> BoundParts:  # fmt: skip
    """Return what the bound is made of, at the price of no reading of X.

    By tangents of slopes ℓ′ + ℓ″ A d, f* ≥ f - Σ p shortfall - λ/2 ‖T d‖². Where d is not Newton's step, by
    those of slopes ℓ′, less half the decrement, which is no proof. Where H is nearly singular there is none: along
    what it is singular a loss may fall for ever, which further steps show.
    """
    sharp, blurred = jnp.isfinite(condition), jnp.isfinite(condition) & (ROUNDINGS * EPS * condition >= MOST_LOST)
    short = glm.fenchel_young_gap(z, jnp.where(sharp, along, 0.0))
    W = glm.weights(d)
    rest = jnp.where(sharp, glm.ridge / 2 * (W @ W), -(gradient @ d) / 2)
    gap = jnp.where(blurred, jnp.inf, short + rest)
    seen = sums(glm, gap, value, gradient, z, d, condition)
    endless = is_separated(glm, z) | falls_forever(glm, along)
    return seen._replace(endless=endless, largest_move=jnp.where(sharp & ~blurred, tilt(glm, along), jnp.inf))


def sums(glm: Glm, gap: Array, value: Array, gradient: Array, z: Array, d: Array, condition: Array) -> BoundParts:
    """Return a bound with what tells how rounding may have changed it."""
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
def _measured(glm: Glm, theta: Array) -> tuple[BoundParts, Array]:
    """Return what the bound is made of and M with Mᵀ H M = I, in two readings of X."""
    value, gradient, z, H = glm.value_grad_hessian(theta)
    metric, condition = whitening(H, gradient)
    d = -metric @ (metric.T @ gradient)
    value = value if glm.smoothing is None else glm.unsmoothed(theta, z)
    return bound_parts(glm, theta, value, gradient, z, d, glm.along(d), condition), metric


def bounded(
    seen: BoundParts, metric: np.ndarray, theta: np.ndarray, coordinates: Coordinates, glm: Glm, measured: bool = True
) -> Bound | None:
    """Return the bound of what was seen, with what rounding may hide; None where H is singular to rounding."""
    numbers = BoundParts(*map(float, seen))
    known = Rounding.at(numbers, theta, coordinates, glm)
    if known is not None and (least := lowest_of(numbers, known, glm)) is not None:
        return least
    lost = rounded_of(numbers, coordinates, measured)
    if known is None or not lost < MOST_LOST:
        return None
    pulled = np.where(np.isfinite(metric), np.abs(metric), 0.0).T @ known.slope
    # ‖Mᵀ error of g‖ is added to the decrement that a gap of ½ λ² stands for.
    error = float(np.linalg.norm(pulled))
    gap = (math.sqrt(2 * max(numbers.gap, 0.0)) + error) ** 2 / 2 * (1 + lost) ** 2
    return Bound(gap + known.value, 4 * (error**2 / 2 + known.value), 1)


def errors(
    seen: BoundParts, metric: np.ndarray, theta: np.ndarray, frame: Coordinates | ClassCoordinates,
    coordinates: Coordinates, glm: Glm, measured: bool = True,
) -> np.ndarray | None:  # fmt: skip
    """Return how far each parameter, in the user's units, may lie from the best; None where no bound is known.

    With h² = eᵀ H e for the error e, f - f* ≥ [1 - (1 + w) e^(-w)] / R² with w = R h, where |ℓ‴| ≤ M ℓ″ and R is M
    times the length of the longest row as H⁻¹ measures it. So the bound of f - f* is one of h, and |cᵀe| ≤ h ‖Mᵀ c‖.
    """
    seen = BoundParts(*map(float, seen))
    known = Rounding.at(seen, theta, coordinates, glm)
    lost = rounded_of(seen, coordinates, measured)
    if known is None or not (math.isfinite(glm.loss.unsteady) and lost < MOST_LOST and math.isfinite(seen.gap)):
        return None
    reach, precision = np.append(reach_of(glm, coordinates), 1.0), float(np.finfo(np.dtype(glm.X.dtype)).eps)
    # Columns that were turned are rounded as the terms that they are sums of.
    terms = reach if coordinates.basis is None else np.append(coordinates.reach @ np.abs(coordinates.basis), 1.0)
    written = ROUNDINGS * precision * seen.slope_sum * terms + seen.curvature_sum * known.outputs * reach
    blurred = np.abs(metric).T @ (known.slope + np.repeat(written, max(glm.loss.outputs, 1)))
    gap = (math.sqrt(2 * max(seen.gap, 0.0)) + float(np.linalg.norm(blurred))) ** 2 / 2 * (1 + lost) ** 2
    gap += seen.curvature_sum * known.outputs**2
    sizes = shaped(np.linalg.norm(metric, axis=1), glm)
    longest = glm.loss.unsteady * float(np.linalg.norm(reach @ sizes)) * (1 + lost)
    away = distance(gap, longest)
    if not math.isfinite(away):
        return None
    found = away * (1 + lost) * np.linalg.norm(frame.to_user(metric.T), axis=0)
    found += EPS * (len(reach) + ROUNDINGS) * frame.terms(theta)
    if not metric.any(axis=1).all():
        # A coordinate without curvature may be anything.
        found[np.any(frame.to_user(np.eye(theta.size)[~metric.any(axis=1)]) != 0, axis=0)] = math.inf
    return np.where(frame.undetermined, math.inf, found)


def distance(gap: float, longest: float) -> float:
    """Return the largest h with [1 - (1 + w) e^(-w)] / R² ≤ gap and w = R h; infinite where the gap is too large."""
    scaled = gap * longest**2
    if scaled < 1e-8:
        # 1 - (1 + w) e^(-w) is w² / 2 - w³ / 3 or more.
        return math.sqrt(2 * gap) * (1 + math.sqrt(2 * scaled))
    if scaled > MOST_BENT:
        return math.inf
    low, high = 0.0, 4.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - (1 + middle) * math.exp(-middle) <= scaled else (low, middle)
    return high / longest


def rounded_of(seen: BoundParts, coordinates: Coordinates, measured: bool) -> float:
    """Return what part of H⁻¹ rounding hides.

    Of a Hessian that is known without being formed, columns that are nearly dependent say how exact that is.
    """
    blurred = coordinates.condition if coordinates.condition > 1e5 else coordinates.condition**2
    return ROUNDINGS * EPS * (seen.condition if measured else blurred)


def lowest_of(seen: BoundParts, known: Rounding, glm: Glm) -> Bound | None:
    """Return the bound where the value is, to rounding, what none is below, as where all targets are met; else None."""
    value = float(seen.value) - float(glm.lowest)
    # Rows without a loss have neither slope nor curvature, and may have both where outputs are rounded.
    hidden = known.outputs if glm.loss.kinked else glm.loss.steepest * known.outputs**2
    slack = known.value + hidden
    if not (glm.loss.vanishes and value <= slack < math.inf):
        return None
    return Bound(max(value, 0.0) + slack, 4 * slack, 1)


@dataclass(frozen=True)
class Rounding:
    """How far rounding may have moved each part of the gradient, the value, and outputs."""

    slope: np.ndarray
    value: float
    outputs: float

    @classmethod
    def at(cls, seen: BoundParts, theta: np.ndarray, coordinates: Coordinates, glm: Glm) -> Rounding | None:
        """Return what it may hide at θ; None where it may move outputs too far to say."""
        shaped = theta.reshape(-1, max(glm.loss.outputs, 1))
        reach = np.append(reach_of(glm, coordinates), 1.0)
        # How large the terms are, at the most, that an output is the sum of.
        terms = float((reach @ np.abs(shaped)).max())
        uneven, shift = (ROUNDINGS * max(blur) for blur in zip(*map(coordinates.blur, shaped.T), strict=True))
        if uneven + shift > FINE and glm.loss is not squared:
            return None
        # Tangents take the slopes that were computed, however z was rounded: at a kink the step alone changes them.
        spread = min(terms, float(np.linalg.norm(reach)) * seen.step_norm) if glm.loss.kinked else terms
        each = seen.slope_sum + seen.curvature_sum * spread + seen.term_sum
        precision = float(np.finfo(np.dtype(glm.X.dtype)).eps)
        summed = (ROUNDINGS * EPS + precision) * terms
        outputs = summed + uneven + shift
        value = ROUNDINGS * EPS * abs(seen.value) + seen.slope_sum * (summed + uneven)
        value += seen.intercept_slope * shift + seen.curvature_sum * outputs**2
        return cls(ROUNDINGS * EPS * each * np.repeat(reach, shaped.shape[1]), value, outputs)


def moved_by(known: Rounding | None, metric: np.ndarray, coordinates: Coordinates, glm: Glm) -> float:
    """Return how far rounding of the gradient may move an output in Newton's step; infinite where that is unknown."""
    if known is None or not np.all(np.isfinite(metric)):
        return math.inf
    step = np.abs(metric) @ (np.abs(metric).T @ known.slope)
    return math.sqrt(2) * float((np.append(reach_of(glm, coordinates), 1.0) @ shaped(step, glm)).max())


def shaped(theta: np.ndarray, glm: Glm) -> np.ndarray:
    """Return θ with a column an output."""
    return theta.reshape(-1, max(glm.loss.outputs, 1))


def reach_of(glm: Glm, coordinates: Coordinates) -> np.ndarray:
    """Return the largest entry of each column that is descended in, or more."""
    if coordinates.basis is None:
        return np.zeros(len(coordinates.scale)) if coordinates.reach is None else coordinates.reach
    if isinstance(glm.X, SparseRows):
        return coordinates.reach @ np.abs(coordinates.basis)
    low, high = edges(np.asarray(glm.X))
    return np.maximum(high, -low)


@dataclass
class Proven:
    """The best lower bound on the optimum so far; it holds at later points, too, where their own bound is looser."""

    lowest: float = -math.inf
    floor: float = 0.0

    def tightened(self, report: Bound | None, seen: BoundParts, known: Rounding | None) -> Bound | None:
        """Return the better of a bound and of what was proven before; remember it."""
        if known is None:
            return report
        above = float(seen.value - self.lowest + known.value)
        if report is not None and report.gap <= above:
            self.lowest, self.floor = float(seen.value) - report.gap, report.floor
            return report
        if not math.isfinite(above):
            return report
        return Bound(max(above, 0.0), max(self.floor, 4 * known.value), 1)


@dataclass
class Certifier:
    """The certificate of a linear model with a convex loss and a quadratic penalty.

    Attributes
    ----------
    glm : Glm
        The model on its rows.
    coordinates : Coordinates
        What its columns are in the user's units.
    recession : Recession
        Whether the loss falls for ever.
    proven : Proven
        The best lower bound on the minimum so far.
    """

    glm: Glm
    coordinates: Coordinates
    recession: Recession
    proven: Proven = field(default_factory=lambda: Proven())

    @property
    def frame(self) -> Coordinates | ClassCoordinates:
        """The coordinates in which the model is descended."""
        contrasts = self.glm.loss.contrasts
        return self.coordinates if contrasts is None else ClassCoordinates(self.coordinates, contrasts)

    def measure(self, theta: np.ndarray, smoothing: Array | None = None) -> Measurement | None:
        """Return the parts of a bound at θ; None if a Hessian would be too large, or if there is no minimum."""
        if theta.size > WIDEST or self.recession.endless:
            return None
        glm = self.glm if smoothing is None else replace(self.glm, smoothing=smoothing)
        with compiled_code():
            sums, metric = jax.device_get(_measured(glm, theta))
        return Measurement(theta, sums, metric, 1)

    def __call__(self, theta: np.ndarray, known: Measurement | None = None, near: float = 0.0) -> Bound | None:
        """Return the bound at θ, infinite if there is none yet; None if there can be none.

        `known` are its parts, if they were computed before. A gap up to `near` counts as rounding.
        """
        if self.recession.endless:
            return Bound(math.inf, 0.0, 0, endless=self.recession.decided().endless)
        known = known or self.measure(theta)
        if known is None:
            return None
        sums, metric, where = known.parts, np.asarray(known.sensitivity), self.coordinates
        # The metric of whitened least squares is exact, and was not computed from the rows.
        measured = known.cost > 0 or not (self.glm.is_whitened and self.glm.loss is squared)
        rounding = Rounding.at(sums, theta, where, self.glm)
        if float(sums.largest_move) + moved_by(rounding, metric, where, self.glm) < 1:
            self.recession.exclude()
        finding = self.recession.decided(self.frame.to_user(theta))
        if finding.endless or not finding.sure:
            return Bound(math.inf, 0.0, known.cost, endless=finding.endless)
        report = self.proven.tightened(bounded(sums, metric, theta, where, self.glm, measured), sums, rounding)
        error = errors(sums, metric, theta, self.frame, where, self.glm, measured)
        return report and replace(report, cost=known.cost, floor=max(report.floor, near), x_error=error)
