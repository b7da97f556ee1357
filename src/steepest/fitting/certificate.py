"""How far a linear model is from its optimum at the most: a bound that is proven, for any convex loss and penalty.

The derivation is in docs/certificates.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.sparse import SparseRows
from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.tracing import Traced, stack
from steepest.descent.audit import Audit
from steepest.fitting.glm import Glm, whitened
from steepest.fitting.recession import falls_forever, separates
from steepest.fitting.scaling import Coordinates, edges
from steepest.models.losses import squared

Array = Any

WIDEST = 2_000
# Sums of n terms, each rounded: what they are off by, in units of eps times the sum of their sizes.
ROUNDINGS = 16
MOST_LOST = 0.1
# How far rounding may move an output for the slope and the curvature to say what that does to the loss.
FINE = 0.5
ENDLESS = "the loss falls for ever as coefficients grow; add penalty=L2(1e-3), or so"
UNSEEN = "no row is of some class, so that the loss falls for ever as its intercept does"
ALIKE = "every target that counts is alike, so that the loss falls for ever as the intercept grows"


class Seen(NamedTuple):
    """What a bound is made of: sums over the rows at θ, and along Newton's step d from it.

    `gap` is the bound without rounding; `condition` is that of the Hessian, infinite where d is not its step.
    """

    gap: Array
    value: Array
    pull: Array
    bend: Array
    size: Array
    lean: Array
    endless: Array
    alike: Array
    condition: Array


def look(
    glm: Glm, theta: Array, value: Array, gradient: Array, z: Array, d: Array, along: Array, condition: Array
) -> Seen:  # fmt: skip
    """Return what the bound is made of, at the price of no reading of X.

    By tangents of slopes ℓ′ + ℓ″ A d, f* ≥ f - Σ p shortfall - λ/2 ‖T d‖². Where d is not Newton's step, by
    those of slopes ℓ′, less half the decrement, which is no proof. Where H is nearly singular there is none: along
    what it is singular a loss may fall for ever, which further steps show.
    """
    sharp, blurred = jnp.isfinite(condition), jnp.isfinite(condition) & (ROUNDINGS * EPS * condition >= MOST_LOST)
    short = glm.shortfall(z, jnp.where(sharp, along, 0.0))
    W = glm.weights(d)
    rest = jnp.where(sharp, glm.ridge / 2 * (W @ W), -(gradient @ d) / 2)
    gap = jnp.where(blurred, jnp.inf, short + rest)
    return sums(glm, theta, gap, value, gradient, z, d, along, condition)


def sums(
    glm: Glm, theta: Array, gap: Array, value: Array, gradient: Array, z: Array, d: Array, along: Array,
    condition: Array,
) -> Seen:  # fmt: skip
    """Return a bound with what tells how rounding may have changed it."""
    p = glm.weight / glm.mass
    _, first, second = glm.losses(z, glm.y, p)
    gap = jnp.where(glm.at_the_lowest(value), value - glm.lowest, gap)
    alike, terms = jnp.asarray(False), stack(glm.loss.terms(Traced(glm.y)))
    if not glm.loss.outputs:
        intercept, ones = jnp.zeros_like(theta).at[-1].set(1.0), jnp.ones_like(z)
        alike = falls_forever(glm, intercept, ones) | falls_forever(glm, -intercept, -ones)
    return Seen(
        gap=gap, value=value, pull=jnp.abs(first).sum(), bend=jnp.abs(second).sum(), size=p @ terms,
        lean=jnp.abs(glm.shaped(gradient)[-1]).max(), endless=separates(glm, z) | falls_forever(glm, d, along),
        alike=alike, condition=condition,
    )  # fmt: skip


@shared
def _measured(glm: Glm, theta: Array) -> tuple[Seen, Array]:
    """Return what the bound is made of and M with Mᵀ H M = I, in two readings of X."""
    value, gradient, z, H = glm.curved(theta)
    metric, condition = whitened(H, gradient)
    d = -metric @ (metric.T @ gradient)
    value = value if glm.softness is None else glm.actual(theta, z)
    return look(glm, theta, value, gradient, z, d, glm.along(d), condition), metric


def bounded(
    seen: Seen, metric: np.ndarray, theta: np.ndarray, coordinates: Coordinates, glm: Glm, measured: bool = True
) -> Audit | None:
    """Return the bound of what was seen, with what rounding may hide; None where H is singular to rounding."""
    numbers = Seen(*map(float, seen))
    known = Rounding.at(numbers, theta, coordinates, glm)
    if known is not None and (least := lowest_of(numbers, known, glm)) is not None:
        return least
    # Of a Hessian that is known without being formed, columns that are nearly dependent say how exact that is.
    blurred = coordinates.condition if coordinates.condition > 1e5 else coordinates.condition**2
    lost = ROUNDINGS * EPS * (numbers.condition if measured else blurred)
    if known is None or not lost < MOST_LOST:
        return None
    pulled = np.where(np.isfinite(metric), np.abs(metric), 0.0).T @ known.slope
    # ‖Mᵀ error of g‖ is added to the decrement that a gap of ½ λ² stands for.
    error = float(np.linalg.norm(pulled))
    gap = (math.sqrt(2 * max(numbers.gap, 0.0)) + error) ** 2 / 2 * (1 + lost) ** 2
    return Audit(gap + known.value, 4 * (error**2 / 2 + known.value), math.nan, math.nan, 0.0, 1)


def or_unseen(report: Audit | None, glm: Glm) -> Audit | None:
    """Return a bound, or where there is none that a class which no row is of lets the loss fall for ever."""
    if not glm.loss.outputs or (report is not None and math.isfinite(report.decrement)):
        return report
    seen = np.unique(np.asarray(glm.y)[np.asarray(glm.weight) > 0]).size
    told = glm.loss.contrasts.shape[0]  # type: ignore[attr-defined]
    return Audit(math.inf, 0.0, math.nan, math.nan, 0.0, 1, endless=UNSEEN) if seen < told else report


def lowest_of(seen: Seen, known: Rounding, glm: Glm) -> Audit | None:
    """Return the bound where the value is, to rounding, what none is below, as where all targets are met; else None."""
    value = float(seen.value) - float(glm.lowest)
    # Rows without a loss have neither slope nor curvature, and may have both where outputs are rounded.
    hidden = known.outputs if glm.loss.kinked else glm.loss.steepest * known.outputs**2
    slack = known.value + hidden
    if not (glm.loss.vanishes and value <= slack < math.inf):
        return None
    return Audit(max(value, 0.0) + slack, 4 * slack, math.nan, math.nan, 0.0, 1)


@dataclass(frozen=True)
class Rounding:
    """How far rounding may have moved each part of the gradient, the value, and outputs."""

    slope: np.ndarray
    value: float
    outputs: float

    @classmethod
    def at(cls, seen: Seen, theta: np.ndarray, coordinates: Coordinates, glm: Glm) -> Rounding | None:
        """Return what it may hide at θ; None where it may move outputs too far to say."""
        shaped = theta.reshape(-1, max(glm.loss.outputs, 1))
        reach = np.append(reach_of(glm, coordinates), 1.0)
        # How large the terms are, at the most, that an output is the sum of.
        terms = float((reach @ np.abs(shaped)).max())
        uneven, shift = (ROUNDINGS * max(blur) for blur in zip(*map(coordinates.blur, shaped.T), strict=True))
        if uneven + shift > FINE and glm.loss is not squared:
            return None
        each = seen.pull + seen.bend * terms + seen.size
        precision = float(np.finfo(np.dtype(glm.X.dtype)).eps)
        summed = (ROUNDINGS * EPS + precision) * terms
        outputs = summed + uneven + shift
        value = ROUNDINGS * EPS * abs(seen.value) + seen.pull * (summed + uneven)
        value += seen.lean * shift + seen.bend * outputs**2
        return cls(ROUNDINGS * EPS * each * np.repeat(reach, shaped.shape[1]), value, outputs)


def reach_of(glm: Glm, coordinates: Coordinates) -> np.ndarray:
    """Return the largest entry of each column that is descended in, or more."""
    if coordinates.basis is None:
        return np.zeros(len(coordinates.scale)) if coordinates.reach is None else coordinates.reach
    if isinstance(glm.X, SparseRows):
        return coordinates.reach @ np.abs(coordinates.basis)
    low, high = edges(np.asarray(glm.X))
    return np.maximum(high, -low)


@dataclass
class Certifier:
    """The certificate of a linear model with a convex loss and a quadratic penalty.

    Where a descent has seen at a point what the bound is made of, it costs nothing; else two readings of X, as
    much as one evaluation.

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
    _known: tuple[np.ndarray, Seen, Any] | None = None

    def learn(self, x: Any, seen: Seen, metric: Any, softness: Any) -> None:
        """Remember what a descent has seen where it stands."""
        self._known = np.asarray(x), jax.device_get(seen), metric
        self.glm = replace(self.glm, softness=softness)

    def __call__(self, theta: np.ndarray) -> Audit | None:
        """Return the bound at θ, infinite where there is none yet; None where there can be none."""
        if theta.size > WIDEST:
            return None
        known = self._known is not None and np.array_equal(self._known[0], theta)
        if known:
            assert self._known is not None
            _, seen, self.metric = self._known
        else:
            with compiled_code():
                seen, self.metric = jax.device_get(_measured(self.glm, theta))
        cost = 0 if known else 1
        if seen.endless or seen.alike:
            # A penalty leaves free the intercepts alone.
            facts = ALIKE if seen.alike else ENDLESS if self.glm.turn is None else UNSEEN
            return Audit(math.inf, 0.0, math.nan, math.nan, 0.0, cost, endless=facts)
        measured = not (known and self.glm.white and self.glm.loss is squared)
        report = bounded(seen, np.asarray(self.metric), theta, self.coordinates, self.glm, measured)
        return or_unseen(report and replace(report, cost=cost), self.glm)
