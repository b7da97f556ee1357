"""The directions in which a Hessian is diagonal, and what they say of the distance to the minimum."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from steepest.derivatives.differences import EPS

Slope = Callable[[np.ndarray], np.ndarray]

# Over such a part of the point a curvature must hold that was had over a longer way.
NARROW = math.sqrt(EPS)
# A part of a direction that is less than this is rounding.
FAINT = 1e-6
# The part of the curvature that may have gone over the last step for what is left of it to be known.
MOST_LEFT = 0.9
# The part of the slope along a mode that a step may leave where the curvature hardly changes over it.
FORETOLD = 0.01


@dataclass(frozen=True)
class Modes:
    """Directions w, a column each, with the curvature wᵀHw along each, at a point with a gradient.

    Attributes
    ----------
    ways : array of shape (coordinates, modes)
        The directions.
    bends : array
        The curvatures, 0 where one is not positive beyond rounding.
    sure : array of bool
        Which curvatures are positive beyond the error of the Hessian.
    reach, far : array
        The length along each over which its curvature was had, and that at which a coordinate moves by its size.
    gradient, slack : array
        The gradient, and how far rounding may move each entry of it.
    left : array
        The part of the slope along each that the last of Newton's steps has left there, before rounding hid it.
    unseen, vanishing : array of bool
        Along which rounding hides whether the curvature is the same right beside the point, and along which it is not.
    """

    ways: np.ndarray
    bends: np.ndarray
    sure: np.ndarray
    reach: np.ndarray
    far: np.ndarray
    gradient: np.ndarray
    slack: np.ndarray
    left: np.ndarray
    unseen: np.ndarray
    vanishing: np.ndarray

    @classmethod
    def of(
        cls, ways: np.ndarray, bends: np.ndarray, sure: np.ndarray, lengths: tuple[np.ndarray, np.ndarray],
        gradient: np.ndarray, slack: np.ndarray,
    ) -> Modes:  # fmt: skip
        """Return modes of which nothing else is known; `lengths` of coordinates are a difference step and the size."""
        none = np.zeros(bends.size, dtype=bool)
        reach, far = (1 / np.max(np.abs(ways) / length[:, None], axis=0, initial=0.0) for length in lengths)
        return cls(ways, bends, sure, reach, far, gradient, slack, np.zeros(bends.size), none, none)

    @cached_property
    def inverse(self) -> np.ndarray:
        """The inverse of the Hessian, 0 along directions without curvature."""
        solid = self.bends > 0
        return (self.ways[:, solid] / self.bends[solid]) @ self.ways[:, solid].T

    @cached_property
    def hessian(self) -> np.ndarray:
        """The Hessian, as far as it has a positive curvature."""
        back = np.linalg.pinv(self.ways)
        return back.T @ (self.bends[:, None] * back)

    @property
    def step(self) -> np.ndarray:
        """Newton's step, along the modes that have a curvature."""
        return -self.inverse @ self.gradient

    @property
    def decrement(self) -> float:
        """The gain of that step, ½ gᵀH⁻¹g, and of one as long as the point along directions without curvature."""
        flat = float((self.steepness * self.far)[self.bends == 0].sum())
        return float(self.gradient @ self.inverse @ self.gradient) / 2 + flat

    @cached_property
    def steepness(self) -> np.ndarray:
        """The slope along each mode, as far as it is more than rounding."""
        return np.maximum(np.abs(self.ways.T @ self.gradient) - np.abs(self.ways).T @ self.slack, 0.0)

    @cached_property
    def foreign(self) -> np.ndarray:
        """Along which a step has not done what the curvature foretold, so that this says nothing of the minimum."""
        return (2 * self.left > MOST_LEFT) & (self.steepness > 0)

    @property
    def foretold(self) -> bool:
        """Whether the last step has done what the curvature foretold along every mode."""
        return not np.any((self.left > FORETOLD) & (self.steepness > 0))

    @cached_property
    def unknown(self) -> float:
        """The gain that may be left along modes whose curvature is not known beside the point, beyond rounding."""
        within, lost = self.sure & (self.unseen | self.vanishing), ~self.sure | self.foreign
        return float((self.steepness * self.reach)[within].sum() + (self.steepness * self.far)[lost].sum())

    @property
    def longer(self) -> np.ndarray:
        """How much longer the way along each mode is than by the curvature.

        Where the last step has left a part q of the slope, the curvature over it was 1 - q of that at its beginning on
        the average, and so about 1 - 2q of it at its end.
        """
        return 1 / (1 - np.minimum(2 * self.left, MOST_LEFT))

    @cached_property
    def lengths(self) -> np.ndarray:
        """How far the minimum lies along each mode."""
        slopes = np.abs(self.ways.T @ self.gradient)
        return self.longer * np.divide(slopes, self.bends, out=np.zeros_like(slopes), where=self.bends > 0)

    @cached_property
    def error(self) -> np.ndarray:
        """How far each coordinate may lie from the minimiser; infinite where a curvature vanishes, or nearly."""
        size = np.abs(self.ways)
        error = size @ self.lengths + float(self.longer.max(initial=1.0)) * np.abs(self.inverse) @ self.slack
        error += (size * self.reach)[:, self.unseen & self.sure].sum(axis=1)
        lost = size[:, self.vanishing | self.foreign | ~self.sure] > FAINT * size.max(
            axis=1, initial=0.0, keepdims=True
        )
        error[lost.any(axis=1)] = math.inf
        return error

    @cached_property
    def gap(self) -> float:
        """The gain that may be left: by the steps to come, by rounding of the gradient, and along loose modes."""
        rounding = np.abs(self.ways).T @ self.slack
        loose = ~self.sure | self.unseen | self.vanishing
        left = self.bends @ self.lengths**2 / 2 + (rounding * self.reach)[loose].sum()
        return float(left) + self.hidden + self.unknown

    @cached_property
    def hidden(self) -> float:
        """The gain that rounding of the gradient may hide, ½ δᵀ|H⁻¹|δ."""
        return float(self.longer.max(initial=1.0) * self.slack @ np.abs(self.inverse) @ self.slack) / 2

    def at(self, gradient: np.ndarray) -> Modes:
        """Return the modes at the end of Newton's step, by the same Hessian."""
        before, now = (np.abs(self.ways.T @ g) for g in (self.gradient, gradient))
        seen = (before > 0) & (now > np.abs(self.ways).T @ self.slack)
        left = np.divide(now, before, out=self.left.copy(), where=seen)
        return replace(self, gradient=gradient, left=left)

    def beside(self, x: np.ndarray, slope: Slope, size: np.ndarray) -> Modes:
        """Return what one gradient right beside x says of the curvature there; `size` is that of the point.

        The Hessian is had from differences over a part of the point. Where the curvature vanishes at the minimum, as
        that of x⁴ does, it is another over a shorter way: what is left to gain then is no more than the slope times
        the way that was looked at. The same holds where rounding hides the curvature over the shorter way.
        """
        signs = np.where(np.arange(self.bends.size) % 2, -1.0, 1.0)
        way = self.ways @ signs
        t = NARROW * float(np.min(size[way != 0] / np.abs(way[way != 0]), initial=math.inf))
        if not 0 < t < math.inf:
            return self
        found = signs * (self.ways.T @ (slope(x + t * way) - self.gradient)) / t
        if not np.all(np.isfinite(found)):
            return self
        unseen = 8 * np.abs(self.ways).T @ self.slack / t >= self.bends / 2
        holds = (found >= self.bends / 2) & (found <= 2 * self.bends)
        return replace(self, unseen=unseen, vanishing=self.sure & ~holds & ~unseen)

    def roughened(self, noise: np.ndarray) -> Modes:
        """Return the modes where the gradient is known to be rounded by so much, or more."""
        return replace(self, slack=np.maximum(self.slack, noise))
