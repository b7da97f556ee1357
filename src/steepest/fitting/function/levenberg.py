"""Levenberg-Marquardt: steps for a sum of squares, from the triangle to which its residuals reduce."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.rules.directions.direction import Direction
from steepest.rules.steps.step import StepSize

MOST_SEARCHED = 30
# How many times eps what is exactly singular may come out by a QR decomposition of many rows.
ROUNDED = 8.0


@dataclass(frozen=True)
class LevenbergMarquardt(Direction):
    """The step p with the least ‖ρ + J p‖ among those with ‖D p‖ ≤ Δ.

    (JᵀJ + μ D²) p = -Jᵀρ, with μ = 0 where the Gauss-Newton step is short enough. D holds the largest
    norm that each column of J has had, so that the units of the parameters do not matter; Δ follows
    how well the linear model foretold the last value.

    Parameters
    ----------
    reach : float
        The first Δ, in multiples of ‖D x‖ at the start.

    Notes
    -----
    Moré, "The Levenberg-Marquardt algorithm: implementation and theory" (1978), with the constants of
    MINPACK but for `reach`, which is 100 there: a first step longer than the point itself often ends
    where some parameter has no influence any more.

    Examples
    --------
    >>> LevenbergMarquardt().reach
    1.0
    """

    reach: float = 1.0

    def next_region(self, region: float, step: Step, ratio: float, fall: float) -> float:
        """Return the next Δ, after a step that brought `ratio` of the fall that it foretold."""
        if ratio > 0.25:
            return 2 * step.length if ratio >= 0.75 or step.damping == 0 else region
        # Where the parabola through the value, the slope and the new value is least.
        least = 0.5 if fall >= 0 else step.slope / (2 * (step.slope + fall))
        return float(np.clip(least, 0.1, 0.5)) * min(region, 10 * step.length)


class TrustRegion(StepSize):
    """The step size of `LevenbergMarquardt`: the solver itself tries steps, and shrinks Δ after one that fails."""

    searches: ClassVar[bool] = True


@dataclass(frozen=True)
class Step:
    """A step p and what the linear model says of it: ‖D p‖, μ, the slope 2 ρᵀJ p, and the fall foretold."""

    p: np.ndarray
    length: float
    damping: float
    slope: float
    foretold: float


@dataclass(frozen=True)
class Linear:
    """Residuals as a linear function of the parameters, ρ + J p, by singular values: J = U S V D, c = Uᵀρ.

    Directions whose singular value is lost in rounding beside the largest are none.
    """

    singular: np.ndarray
    turned: np.ndarray
    c: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, triangle: np.ndarray, scale: np.ndarray) -> Linear:
        """Decompose [J ρ], of which `triangle` is the R of a QR decomposition; `scale` is the diagonal of D."""
        U, singular, V = np.linalg.svd(triangle[:, :-1] / scale, full_matrices=False)
        sure = rank(singular, scale.size)
        return cls(singular[:sure], V[:sure], U.T[:sure] @ triangle[:, -1], scale)

    @property
    def decrement(self) -> float:
        """What the Gauss-Newton step takes from the value by the linear model: the squared length of Uᵀρ."""
        return float(self.c @ self.c)

    def step(self, region: float) -> Step:
        """Return the best step within a region."""
        mu = self.damping(region)
        q = self.damped(mu)
        length, slope = float(np.linalg.norm(q)), 2 * float(self.singular * self.c @ q)
        foretold = float(((self.singular**2 + 2 * mu) * q) @ q)
        return Step(self.turned.T @ q / self.scale, length, mu, slope, foretold)

    def damped(self, mu: float) -> np.ndarray:
        """Return V D p for a damping: -s c / (s² + μ)."""
        return -self.singular * self.c / (self.singular**2 + mu)

    def damping(self, region: float) -> float:
        """Return the μ for which ‖D p‖ is Δ, to a tenth: by Newton's method for 1 / ‖D p‖, between bounds."""
        if np.linalg.norm(self.damped(0.0)) <= 1.1 * region:
            return 0.0
        low, high = 0.0, float(np.linalg.norm(self.singular * self.c)) / region
        mu = 1e-3 * high
        for _ in range(MOST_SEARCHED):
            q = self.damped(mu)
            length = float(np.linalg.norm(q))
            if abs(length - region) <= 0.1 * region:
                break
            low, high = (mu, high) if length > region else (low, mu)
            mu += (length / region - 1) * length**2 / float(q / (self.singular**2 + mu) @ q)
            if not low < mu < high:
                mu = max(1e-3 * high, math.sqrt(low * high))
        return mu


def rank(singular: np.ndarray, size: int) -> int:
    """Return how many singular values, in falling order, are more than rounding beside the first."""
    return int(np.sum(singular > ROUNDED * EPS * size * max(singular[0], 1e-300)))
