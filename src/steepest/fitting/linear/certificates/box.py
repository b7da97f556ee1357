"""The certificate of a linear model with bounds: a proven bound on how far a point is above the minimum in the box.

The bound comes from tangents at the minimum of the quadratic model in the box. The derivation is in
docs/certificates.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.descent.loop.bound import Bound
from steepest.fitting.linear.certificates.base import BoundParts, Measurement
from steepest.fitting.linear.certificates.recession import Recession
from steepest.fitting.linear.certificates.rounding import ROUNDINGS, Rounding, bound_at_lowest, column_reach
from steepest.fitting.linear.certificates.separation import falls_without_end, is_separated, largest_move
from steepest.fitting.linear.certificates.smooth import MOST_LOST, LowerBound, sums
from steepest.fitting.linear.certificates.working_set import is_wide, multipliers, step_in_box
from steepest.fitting.linear.coordinates import Coordinates
from steepest.fitting.linear.glm import Glm, whitening
from steepest.types import Array

# A multiplier above this share of the slopes of the losses holds its coordinate; a smaller one may be a rounding error.
# Chosen, not measured: far above rounding errors, and far below any slope that matters.
HELD = 1e-8
# Rounding may hide this share of how far the loss is, or the constants are, above the lowest value that the loss can
# have, and a fit still counts as converged. Chosen, not measured.
MOST_HIDDEN = 1e-3


@dataclass(frozen=True)
class Edges:
    """The bounds of the coordinates, and the slope that an L1 penalty has between them.

    Attributes
    ----------
    box : Box
        The bounds.
    cost : array of shape (n,)
        ±λⱼ: within bounds of one sign, the penalty λⱼ |θⱼ| is linear.
    """

    box: Box
    cost: Array


jax.tree_util.register_dataclass(Edges, ["box", "cost"], [])


def bound_parts(
    glm: Glm, edges: Edges, theta: Array, value: Array, slope: Array, z: Array, H: Array | None, d: Array, along: Array
) -> tuple[BoundParts, Array]:  # fmt: skip
    """Return the parts of the bound at θ, and rows of numbers by coordinate that tell what rounding adds to it.

    Let d be the step to the minimum of the quadratic model in the box. The slope of the model there, r = ∇F + H d, is
    the multiplier of the bounds: above 0 only at a lower, below 0 only at an upper bound. Tangents of slopes
    ℓ′ + ℓ″ A d prove F - F* ≤ Σ p Δ + λ/2 ‖T d‖² + Σ rⱼ (θⱼ - the bound that rⱼ presses against). If a coordinate
    without such a bound has a multiplier that is no rounding error, the gap is infinite. Without H, which would be too
    large, r is computed from products with the rows.

    The rows are: how far each coordinate may be from its optimum; the square root of a bound on the entries of H⁻¹, if
    nothing holds the coordinate, else 0; and the multiplier where nothing holds the coordinate.
    """
    W, low, high = glm.weights(d), theta - edges.box.low, edges.box.high - theta
    if H is None:
        r, error = multipliers(glm, slope, z, d, along)
    else:
        r, error = slope + H @ d, ROUNDINGS * EPS * (jnp.abs(H) @ jnp.abs(d))
    parts = sums(glm, jnp.zeros(()), value, slope, z, d, jnp.ones(()))
    scale = jnp.abs(edges.cost) + parts.slope_sum + parts.curvature_sum * jnp.abs(z).max()
    held = jnp.abs(r) > HELD * scale
    # The optimum of a coordinate that nothing holds is about as far away as the model says. An intercept far from 0 may
    # be near its optimum: it moves by about |d| and the loss divided by the slopes.
    moves = jnp.abs(theta) + jnp.abs(theta + d)
    left = jnp.where(parts.slope_sum > 0, jnp.abs(value) / jnp.where(parts.slope_sum > 0, parts.slope_sum, 1.0), 0.0)
    moves = moves.at[-1].min(jnp.abs(d[-1]) + left)
    pressed = jnp.where(r > 0, low, high)
    moves = jnp.where(held, pressed, jnp.minimum(moves, jnp.maximum(low, high)))
    distance = jnp.minimum(moves, pressed)
    presses = jnp.where((r == 0) | (distance == 0), 0.0, jnp.abs(r) * distance)
    unsure = jnp.where(moves > 0, error * moves, 0.0)
    gap = glm.fenchel_young_gap(z, along) + glm.ridge / 2 * (W @ W) + presses.sum() + unsure.sum()
    gap = jnp.where(glm.at_the_lowest(value), value - glm.lowest, gap)
    free = ~held & (edges.box.low < edges.box.high)
    spread, move = _spread(glm, free, r, H, along)
    endless = is_separated(glm, z) | falls_without_end(glm, along)
    parts = parts._replace(gap=gap, endless=endless, largest_move=move)
    return parts, jnp.stack([moves, spread, jnp.where(free, jnp.abs(r), 0.0)])


def _spread(glm: Glm, free: Array, r: Array, H: Array | None, along: Array) -> tuple[Array, Array]:
    """Return the second row of `bound_parts`, and the most that the step moves an output; infinite if H is singular.

    Both are needed only if the loss may have no minimum.
    """
    if glm.transform is not None or glm.loss.asymptote(np.zeros(1), np.zeros(1)) is None:
        return jnp.zeros_like(r), jnp.zeros(())
    if H is None:
        return jnp.zeros_like(r), jnp.asarray(jnp.inf)
    part = jnp.where(free[:, None] & free, H, jnp.eye(len(r)))
    condition = whitening(part, jnp.zeros_like(r))[1]
    sound = ROUNDINGS * EPS * condition < MOST_LOST
    spread = jnp.where(free & sound, jnp.sqrt(condition / jnp.diag(part)), 0.0)
    return spread, jnp.where(sound, largest_move(glm, along), jnp.inf)


@shared
def point_parts(glm: Glm, edges: Edges, theta: Array) -> tuple[Array, Array, Array, Array | None]:
    """Return the value at θ, the slope, the outputs and the Hessian, which is None if there are many columns."""
    f, g, z, H = (*glm.value_and_grad(theta), None) if is_wide(glm) else glm.value_grad_hessian(theta)
    value = (f if glm.smoothing is None else glm.unsmoothed(theta, z)) + edges.cost @ theta
    return value, g + edges.cost, z, H


@shared
def step_parts(
    glm: Glm, edges: Edges, theta: Array, value: Array, slope: Array, z: Array, H: Array | None, d: Array
) -> tuple[BoundParts, Array]:  # fmt: skip
    """Return what `bound_parts` returns at θ for a step d."""
    return bound_parts(glm, edges, theta, value, slope, z, H, d, glm.along(d))


def measured_parts(glm: Glm, edges: Edges, theta: Array) -> tuple[BoundParts, Array]:
    """Read X twice, or a few times if there are many columns; return what `bound_parts` returns at θ."""
    value, slope, z, H = point_parts(glm, edges, theta)
    d = step_in_box(glm, edges.box, theta, slope, z, H)
    return step_parts(glm, edges, theta, value, slope, z, H, d)


def bound_of(
    parts: BoundParts, rows: np.ndarray, theta: np.ndarray, coordinates: Coordinates, glm: Glm, scale: float
) -> Bound | None:  # fmt: skip
    """Return the bound with the rounding errors of its parts added; None if no bound on these errors is known.

    No value is below the lowest that the loss can have, so the bound is at most the distance from it. `scale` is how
    far the constants are above it: what rounding hides counts as noise up to a small share of the larger of the two.
    """
    if not math.isfinite(parts.gap):
        return Bound(math.inf, 0.0, 1)
    rounding = Rounding.at(parts, theta, coordinates, glm)
    if rounding is None:
        return None
    if (at_lowest := bound_at_lowest(parts, rounding, glm)) is not None:
        return at_lowest
    # A coordinate that is held on its bound does not move.
    moved = rows[0] > 0
    slack = rounding.value + float(rounding.gradient[moved] @ rows[0][moved])
    above = max(float(parts.value) - float(glm.lowest), 0.0)
    gap = min(max(float(parts.gap), 0.0) + slack, above + rounding.value)
    if not math.isfinite(gap):
        return Bound(math.inf, 0.0, 1)
    return Bound(gap, min(4 * slack, MOST_HIDDEN * max(above, scale if math.isfinite(scale) else 0.0)), 1)


def moves_little(
    parts: BoundParts, rows: np.ndarray, theta: np.ndarray, coordinates: Coordinates, glm: Glm
) -> bool:  # fmt: skip
    """Tell whether the slopes of the tangents prove that the loss has a minimum: see `Recession`.

    A step that moves no output by 1 does. The slopes must add up to the multipliers exactly, so what rounding leaves is
    taken away by another step, which moves outputs by at most ‖column reach · spread‖ ‖error · spread‖.
    """
    rounding = Rounding.at(parts, theta, coordinates, glm)
    if rounding is None or not math.isfinite(parts.largest_move):
        return False
    _, spread, residual = rows
    reach = np.append(column_reach(glm, coordinates), 1.0)
    further = np.linalg.norm(reach * spread) * np.linalg.norm((rounding.gradient + residual) * spread)
    return bool(float(parts.largest_move) + further < 1)


@dataclass
class BoxCertifier:
    """The certificate of a linear model with a convex loss and bounds: a `LinearCertifier`.

    Attributes
    ----------
    glm, coordinates, recession, lower_bound
        As for `Certifier`.
    edges : Edges
        The bounds.
    scale : float
        How far the constants are above the lowest value that the loss can have.
    """

    glm: Glm
    edges: Edges
    coordinates: Coordinates
    recession: Recession
    scale: float
    lower_bound: LowerBound = field(default_factory=LowerBound)

    def measure(self, theta: np.ndarray, smoothing: Array | None = None) -> Measurement | None:
        """Return the parts of a bound at θ; None if there is no minimum."""
        if self.recession.endless:
            return None
        glm = self.glm if smoothing is None else replace(self.glm, smoothing=smoothing)
        with compiled_code():
            parts, rows = jax.device_get(measured_parts(glm, self.edges, theta))
        return Measurement(theta, parts, rows, 1)

    def __call__(self, theta: np.ndarray, known: Measurement | None = None, near: float = 0.0) -> Bound | None:
        """Return a bound on f(θ) - f*: infinite if none is proven so far, None if none can be computed.

        `known` is the measurement at θ, if it was made before. A gap up to `near` counts as rounding error.
        """
        if self.recession.endless:
            return Bound(math.inf, 0.0, 0, endless=self.recession.decide().endless)
        known = known or self.measure(theta)
        if known is None:
            return None
        parts, rows = BoundParts(*map(float, known.parts)), np.asarray(known.sensitivity)
        if self.recession.found is None and moves_little(parts, rows, theta, self.coordinates, self.glm):
            self.recession.exclude()
        finding = self.recession.decide(self.coordinates.to_user(theta))
        if finding.endless or not finding.sure:
            return Bound(math.inf, 0.0, known.cost, endless=finding.endless)
        report = bound_of(parts, rows, theta, self.coordinates, self.glm, self.scale)
        rounding = Rounding.at(parts, theta, self.coordinates, self.glm)
        report = self.lower_bound.tighten(report, parts, rounding)
        return report and replace(report, cost=known.cost, floor=max(report.floor, near))
