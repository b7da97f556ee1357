"""Levenberg-Marquardt: steps that minimise a sum of squares, from the R of a QR decomposition of its residuals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.rules.directions.direction import Direction
from steepest.rules.steps.step import StepSize

# The most steps of Newton's method that search for a damping. Two or three are usual; extreme scales take more.
MOST_SEARCHED = 30
# A singular value counts as 0 if it is below this many times n eps times the largest. Chosen, not measured: with a
# smaller number rounding errors of the QR decomposition pass for information; with a larger number directions that the
# rows determine are left out.
ROUNDED = 8.0


@dataclass(frozen=True)
class LevenbergMarquardt(Direction):
    """The step p that minimises ‖ρ + J p‖ subject to ‖D p‖ ≤ Δ.

    The step solves (JᵀJ + μ D²) p = -Jᵀρ, with μ = 0 if the Gauss-Newton step is short enough. D contains the largest
    norm so far of each column of J, so that the units of the parameters do not matter. The radius Δ grows or shrinks
    with how well the linear model predicted the last value.

    Parameters
    ----------
    reach : float
        The first Δ, in multiples of ‖D x‖ at the start.

    Notes
    -----
    Moré, "The Levenberg-Marquardt algorithm: implementation and theory" (1978), with the constants of
    MINPACK, except that `reach` is 100 there: a first step longer than the point itself often ends at
    parameters of which some no longer influence the model.

    Examples
    --------
    >>> LevenbergMarquardt().reach
    1.0
    """

    reach: float = 1.0

    def next_region(self, region: float, step: Step, ratio: float, fall: float) -> float:
        """Return the next Δ after a step; the value fell by `fall`, which is `ratio` times the predicted fall."""
        if ratio > 0.25:
            if not (ratio >= 0.75 or step.damping == 0):
                return region
            # A bound that made the step shorter tells nothing of how far the linear model holds.
            return max(2 * step.length, region) if step.stopped else 2 * step.length
        # The minimum of the parabola through the old value, with its slope, and the new value.
        least = 0.5 if fall >= 0 else step.slope / (2 * (step.slope + fall))
        return float(np.clip(least, 0.1, 0.5)) * min(region, 10 * step.length)


class TrustRegion(StepSize):
    """The step size of `LevenbergMarquardt`: the solver itself tries steps, and shrinks Δ after a failed one."""

    searches: ClassVar[bool] = True


@dataclass(frozen=True)
class Step:
    """A step p, with ‖D p‖, the damping μ, the slope 2 ρᵀJ p, and the fall of the value by the linear model.

    `stopped` tells whether a bound made the step shorter.
    """

    p: np.ndarray
    length: float
    damping: float
    slope: float
    predicted: float
    stopped: bool = False


@dataclass(frozen=True)
class LinearModel:
    """Residuals as a linear function of the step, ρ + J p, by singular values: J = U S V D, c = Uᵀρ.

    Directions whose singular value is rounding noise next to the largest are left out.

    Attributes
    ----------
    singular : array of shape (rank,)
        S.
    directions : array of shape (rank, n)
        V.
    c : array of shape (rank,)
        Uᵀρ.
    scale : array of shape (n,)
        The diagonal of D.
    """

    singular: np.ndarray
    directions: np.ndarray
    c: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, triangle: np.ndarray, scale: np.ndarray) -> LinearModel:
        """Return the model for the R of a QR decomposition of [J ρ], and the diagonal of D."""
        U, singular, V = np.linalg.svd(triangle[:, :-1] / scale, full_matrices=False)
        known = rank(singular, scale.size)
        return cls(singular[:known], V[:known], U.T[:known] @ triangle[:, -1], scale)

    @property
    def decrement(self) -> float:
        """The fall of the value that the linear model predicts for the Gauss-Newton step: ‖Uᵀρ‖²."""
        return float(self.c @ self.c)

    @property
    def full_length(self) -> float:
        """The length ‖D p‖ of the Gauss-Newton step."""
        return float(np.linalg.norm(self.damped(0.0)))

    def step(self, region: float) -> Step:
        """Return the best step with ‖D p‖ ≤ region."""
        mu = self.damping(region)
        q = self.damped(mu)
        length, slope = float(np.linalg.norm(q)), 2 * float(self.singular * self.c @ q)
        predicted = float(((self.singular**2 + 2 * mu) * q) @ q)
        return Step(self.directions.T @ q / self.scale, length, mu, slope, predicted)

    def damped(self, mu: float) -> np.ndarray:
        """Return V D p for a damping μ: -s c / (s² + μ)."""
        return -self.singular * self.c / (self.singular**2 + mu)

    def damping(self, region: float) -> float:
        """Return the μ for which ‖D p‖ is Δ within 10 %, by Newton's method for 1 / ‖D p‖ between bounds."""
        if self.full_length <= 1.1 * region:
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
    """Return how many singular values, in falling order, are more than rounding noise next to the first."""
    return int(np.sum(singular > ROUNDED * EPS * size * max(singular[0], 1e-300)))
