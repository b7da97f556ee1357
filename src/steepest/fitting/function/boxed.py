"""Levenberg-Marquardt steps in a box: the minimum of a damped linear model between bounds, by an active set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS
from steepest.fitting.function.levenberg import LinearModel, Step

# The most changes of the active set, for each parameter. An active set seldom changes more than once for each
# parameter; the limit only ends cycles among parameters that rounding errors move on and off a bound.
MOST_CHANGES = 4
# A slope that pushes a parameter off its bound counts as one only beyond this many rounding errors. Chosen, not
# measured: with a smaller number rounding releases parameters, with a larger one they stay though they should move.
ROUNDINGS = 8.0


@dataclass(frozen=True)
class BoxedModel:
    """Residuals as a linear function of the step, ρ + R p, with steps that end at bounds: low ≤ p ≤ high.

    Attributes
    ----------
    triangle : array
        The R of a QR decomposition of [J ρ].
    scale : array of shape (n,)
        The diagonal of D.
    low, high : array of shape (n,)
        How far each parameter is from its bounds.
    held : array of bool of shape (n,)
        The parameters that rest at a bound, where the value would fall only outside.
    """

    triangle: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    held: np.ndarray

    @classmethod
    def of(cls, triangle: np.ndarray, scale: np.ndarray, x: np.ndarray, box: Box) -> BoxedModel:
        """Return the model at a point, from the R of a QR decomposition of [J ρ] and the diagonal of D."""
        held = box.held(x, triangle[:, :-1].T @ triangle[:, -1])
        return cls(triangle, scale, box.low - x, box.high - x, held)

    @property
    def decrement(self) -> float:
        """The fall of the value that the linear model predicts for the step without damping."""
        return self.full.predicted

    @property
    def full_length(self) -> float:
        """The length ‖D p‖ of the step without damping."""
        return self.full.length

    @cached_property
    def full(self) -> Step:
        """The step without damping: that of Gauss-Newton, between the bounds."""
        return self.described(self.between(0.0), 0.0)

    def step(self, region: float) -> Step:
        """Return the best step for the damping with which the parameters that are free at first keep ‖D p‖ ≤ region."""
        if self.full.length <= 1.1 * region:
            return self.full
        damping = self.among(~self.held, np.zeros(self.scale.size)).damping(region)
        return self.described(self.between(damping), damping)

    def among(self, free: np.ndarray, p: np.ndarray) -> LinearModel:
        """Return the linear model of the free parameters, with the steps `p` of the others taken."""
        J, rho = self.triangle[:, :-1], self.triangle[:, -1]
        return LinearModel.of(np.column_stack([J[:, free], rho + J[:, ~free] @ p[~free]]), self.scale[free])

    def between(self, damping: float) -> np.ndarray:
        """Return the step that minimises ‖ρ + J p‖² + μ ‖D p‖² between the bounds.

        The free parameters move to their minimum, or up to the first bound on the way, which takes a parameter out of
        the free ones. At a minimum, the parameter whose slope pulls hardest off its bound becomes free again.

        Notes
        -----
        Stark and Parker, "Bounded-variable least-squares: an algorithm and applications" (1995), beginning with the
        parameters that are free at the point.
        """
        p, free = np.zeros(self.scale.size), ~self.held
        is_fixed = self.low == self.high
        released = -1
        for _ in range(MOST_CHANGES * p.size + 1):
            share, target = 1.0, p.copy()
            if free.any():
                linear = self.among(free, p)
                target[free] = linear.directions.T @ linear.damped(damping) / self.scale[free]
                ahead = target - p
                room = np.where(ahead < 0, self.low, self.high) - p
                with np.errstate(divide="ignore", invalid="ignore"):
                    shares = np.where(free & (ahead != 0), room / ahead, np.inf)
                first = int(np.argmin(shares))
                share = min(1.0, max(float(shares[first]), 0.0))
            if share < 1.0:
                side = self.low[first] if ahead[first] < 0 else self.high[first]
                p = np.clip(p + share * ahead, self.low, self.high)
                p[first], free[first] = side, False
                if first == released and share == 0.0:
                    # Rounding released a parameter that must not move.
                    is_fixed[first] = True
                continue
            p = np.clip(target, self.low, self.high)
            slopes, noise = self.slopes(p, damping)
            inward = np.where(p <= self.low, -slopes, slopes)
            pulled = ~free & ~is_fixed & (inward > noise)
            if not pulled.any():
                break
            released = int(np.argmax(np.where(pulled, inward / self.scale, -np.inf)))
            free[released] = True
        return p

    def slopes(self, p: np.ndarray, damping: float) -> tuple[np.ndarray, np.ndarray]:
        """Return half the slope of the damped model along each parameter after a step, and its rounding error."""
        J = self.triangle[:, :-1]
        left = self.triangle[:, -1] + J @ p
        size = np.abs(self.triangle[:, -1]) + np.abs(J) @ np.abs(p)
        return J.T @ left + damping * self.scale**2 * p, ROUNDINGS * EPS * np.abs(J).T @ size

    def described(self, p: np.ndarray, damping: float) -> Step:
        """Return a step with its length, its slope, and the fall that the linear model predicts."""
        J, rho = self.triangle[:, :-1], self.triangle[:, -1]
        moved = J @ p
        slope = 2 * float(rho @ moved)
        stops = ~self.held & ((p == self.low) | (p == self.high))
        return Step(
            p, float(np.linalg.norm(self.scale * p)), damping, slope, max(-slope - float(moved @ moved), 0.0),
            bool(stops.any()),
        )  # fmt: skip
