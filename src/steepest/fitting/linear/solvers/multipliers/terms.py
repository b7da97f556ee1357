"""Losses whose slope is a clipped line: each is a sum of terms, and a term is the maximum of lines and parabolas.

A term is c max over low ≤ q ≤ high of q s - κ q² / 2, with s = σ z - k linear in the output z. With κ = 0 and q from 0
to 1 it is c max(0, s), the term of a loss with kinks; with κ = 1/2 it is a square, which may have straight arms. The
number q is the *multiplier* of the term, and c σ q is a slope of the loss.

Rockafellar, "Augmented Lagrangians and applications of the proximal point algorithm in convex programming" (1976),
subtracts μ (q - a)² / 2 from a term, with a centre a. The term is then smooth, and its maximum is at the multiplier
(μ a + s) / (κ + μ), clipped. If the centre is the multiplier at the minimum, the minimum is that of the loss itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.fitting.linear.glm import Glm
from steepest.models.losses.base import Loss
from steepest.models.losses.kinked import Kinked
from steepest.models.losses.smooth import Huber, SquaredHinge

# A search along a line takes at most so many steps, and ends when the slope is this share of the first one. An
# intercept is searched until rounding. Both chosen, not measured: steps are Newton's, and most searches take two or
# three.
MOST_STEPS, ENOUGH = 60, 0.1
# The search for an intercept ends, too, if a step gains nothing and the slope is so many rounding errors of its terms.
MARGIN = 16


def is_served(loss: object) -> bool:
    """Tell whether a loss is a sum of such terms."""
    return isinstance(loss, (Kinked, SquaredHinge, Huber))


@dataclass(frozen=True)
class Terms:
    """The terms of the losses of all rows.

    Attributes
    ----------
    weight, sign, knot : array of shape (terms, rows)
        c times the weight of the row, σ and k. All signs are ±1.
    low, high : float
        The range of the multipliers.
    curve : float
        κ; 0 for a loss with kinks.
    """

    weight: np.ndarray
    sign: np.ndarray
    knot: np.ndarray
    low: float
    high: float
    curve: float

    @classmethod
    def of(cls, glm: Glm) -> Self:
        """Return the terms of a model's loss; rows of weight 0 have terms of weight 0."""
        loss, y, p = glm.loss, np.asarray(glm.y), np.asarray(glm.weight) / float(glm.mass)
        parts, low, high, curve = _parts(loss, y)
        weight, sign, knot = (np.stack([np.broadcast_to(part[k], y.shape) for part in parts]) for k in range(3))
        return cls(p * weight, sign + 0.0, np.where(p > 0, knot, 0.0), low, high, curve)

    def inner(self, z: np.ndarray) -> np.ndarray:
        """Return s = σ z - k of each term."""
        return self.sign * z - self.knot

    def multipliers(self, s: np.ndarray, centre: np.ndarray, smoothing: float) -> np.ndarray:
        """Return q at the maximum of each smoothed term."""
        return np.clip((smoothing * centre + s) / (self.curve + smoothing), self.low, self.high)

    def slopes(self, q: np.ndarray) -> np.ndarray:
        """Return the slope of each row's weighted loss."""
        return (self.weight * self.sign * q).sum(axis=0)

    def curvatures(self, q: np.ndarray, smoothing: float) -> np.ndarray:
        """Return the second derivative of each row's smoothed loss; 0 where all multipliers are clipped."""
        free = (q > self.low) & (q < self.high)
        return np.where(free, self.weight, 0.0).sum(axis=0) / (self.curve + smoothing)

    def losses(self, s: np.ndarray) -> np.ndarray:
        """Return the weighted terms themselves, without smoothing."""
        if not self.curve:
            return self.weight * np.maximum(self.low * s, self.high * s)
        q = np.clip(s / self.curve, self.low, self.high)
        return self.weight * q * (s - self.curve / 2 * q)

    def gaps(self, s: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Return how far the tangents of slopes q lie below the weighted terms at s; no gap is below 0."""
        if not self.curve:
            # Both factors are 0 or more, so that nothing cancels.
            return self.weight * np.where(s > 0, (self.high - q) * s, (self.low - q) * s)
        best = np.clip(s / self.curve, self.low, self.high)
        # The first part is the gap of a parabola, the second that of the straight arm beyond it.
        return self.weight * (self.curve / 2 * (best - q) ** 2 + (best - q) * (s - self.curve * best))

    def balance(self, z: np.ndarray, centre: np.ndarray, smoothing: float) -> float:
        """Return the shift of all outputs at which the slopes of the smoothed losses sum to 0."""

        def slope_and_curvature(t: float) -> tuple[float, float]:
            q = self.multipliers(self.inner(z + t), centre, smoothing)
            return float(self.slopes(q).sum()), float(self.curvatures(q, smoothing).sum())

        rounding = EPS * float(np.abs(self.slopes(self.multipliers(self.inner(z), centre, smoothing))).sum())
        return _root(slope_and_curvature, 0.0, self.curve + smoothing, rounding / 4, MARGIN * rounding)

    def step_size(
        self, z: np.ndarray, along: np.ndarray, centre: np.ndarray, smoothing: float, penalty: tuple[float, float]
    ) -> float:
        """Return the step t at which the smoothed objective is lowest.

        `penalty` is the slope of the penalty at t = 0 and its curvature along the step.
        """

        def slope_and_curvature(t: float) -> tuple[float, float]:
            q = self.multipliers(self.inner(z + t * along), centre, smoothing)
            slope = penalty[0] + t * penalty[1] + float(self.slopes(q) @ along)
            return slope, penalty[1] + float(self.curvatures(q, smoothing) @ along**2)

        first = slope_and_curvature(0.0)[0]
        return _root(slope_and_curvature, 1.0, 1.0, ENOUGH * abs(first), 0.0) if first < 0 else 0.0


def _parts(loss: Loss, y: np.ndarray) -> tuple[tuple[tuple[float | np.ndarray, ...], ...], float, float, float]:
    """Return (c, σ, k) of each term of a loss, and low, high and κ."""
    if isinstance(loss, Kinked):
        return loss.parts(y), 0.0, 1.0, 0.0
    if isinstance(loss, Huber):
        return ((1.0, 1.0, y),), -2 * loss.delta, 2 * loss.delta, 0.5
    assert isinstance(loss, SquaredHinge)
    return ((1.0, 1 - 2 * y, -1.0),), 0.0, math.inf, 0.5


def _root(
    function: Callable[[float], tuple[float, float]], t: float, stride: float, enough: float, rounding: float
) -> float:  # fmt: skip
    """Return where a piecewise linear, rising function is at most `enough` from 0, by Newton's steps in a bracket.

    `function` returns the value and the slope. Where it is flat, the bracket is widened by strides that double. A value
    up to `rounding` is also enough if a step does not reduce it.
    """
    low, high, last = -math.inf, math.inf, math.inf
    for _ in range(MOST_STEPS):
        value, slope = function(t)
        if abs(value) <= enough or last <= min(abs(value), rounding):
            break
        last = abs(value)
        low, high = (low, t) if value > 0 else (t, high)
        new = t - value / slope if slope > 0 else math.nan
        if not low < new < high:
            inside = math.isfinite(low) and math.isfinite(high)
            new = (low + high) / 2 if inside else t - math.copysign(stride, value)
            stride *= 2
        if new in (low, high):
            break
        t = new
    return t
