"""Refits with one parameter held fixed, by which a profile follows the best of all others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.objective import Objective
from steepest.descent.loop.state import CANDIDATE, RUNNING
from steepest.fitting.function.hessian import Residuals, value_of
from steepest.fitting.function.least_squares import LeastSquaresSolver
from steepest.fitting.function.levenberg import LevenbergMarquardt, TrustRegion
from steepest.rules.pair import Rules

# The most evaluations of a refit. Chosen, not measured: a refit that starts beside the last one takes about 5.
MOST_EVALUATIONS = 300
# A curvature below this share of the largest counts as none. Chosen, not measured: far above rounding errors.
FLAT = 1e-12
# A Newton step is not shortened below this share. Chosen, not measured: then rounding hides the rest of the descent.
SHORTEST = 1e-6
# A Newton step is taken if the value falls by this share of the predicted fall, as in `LeastSquaresSolver`.
FALL = 1e-4


class Refits(Protocol):
    """The refits of a fit, at points in the coordinates of its descent."""

    def along(self, k: int) -> np.ndarray:
        """Return how the best point moves with parameter k, to first order."""

    def straight(self, k: int) -> np.ndarray:
        """Return how a point moves with parameter k if no other parameter follows."""

    def best(self, k: int | None, start: np.ndarray, enough: float) -> tuple[np.ndarray, float]:
        """Return the best point with the parameter k of `start`, up to a gain of `enough`, and the value there.

        No parameter is held if k is None. The value is infinite if the model is not finite at the start.
        """


class _Solver(LeastSquaresSolver):
    """Levenberg-Marquardt that stops once its next step would gain too little to change an end."""

    enough = 0.0

    def check_tolerance(self) -> None:
        if self.linear.decrement <= max(self.enough, self.noise):
            self.code = CANDIDATE


class SquaresRefits:
    """The refits of a sum of squares, by Levenberg-Marquardt in the box of the fit: `Refits`.

    Parameters
    ----------
    residuals : Residuals
        The residuals.
    objective : Objective
        The objective of the fit, whose clock the residuals obey.
    covariance : array of shape (n, n)
        The covariance of the parameters, up to a factor.
    box : Box or None
        The bounds of the parameters; equal ones hold a parameter.
    """

    def __init__(
        self, residuals: Residuals, objective: Objective, covariance: np.ndarray, box: Box | None = None
    ) -> None:  # fmt: skip
        size = len(covariance)
        self.residuals, self.objective, self.covariance = residuals, objective, covariance
        self.box = Box(np.full(size, -math.inf), np.full(size, math.inf)) if box is None else box

    def along(self, k: int) -> np.ndarray:
        """Return how the best point moves with parameter k, to first order."""
        # A parameter that was held, or rests on a bound, has no covariance: none follows it, and it follows none.
        slope = self.covariance[:, k] / self.covariance[k, k]
        return np.where(np.isfinite(slope), slope, self.straight(k))

    def straight(self, k: int) -> np.ndarray:
        """Return how a point moves with parameter k if no other parameter follows."""
        return np.eye(len(self.covariance))[k]

    def best(self, k: int | None, start: np.ndarray, enough: float) -> tuple[np.ndarray, float]:
        """Return the best point with the parameter k of `start`, up to a gain of `enough`."""
        rules = Rules(LevenbergMarquardt(), TrustRegion())
        low, high = self.box.low.copy(), self.box.high.copy()
        if k is not None:
            low[k] = high[k] = start[k]
        start = np.clip(start, low, high)
        # With nothing held and no bound anywhere, the steps need no box.
        box = Box(low, high) if np.isfinite(low).any() or np.isfinite(high).any() else None
        try:
            if (low == high).all():
                return start, value_of(self.residuals.triangle(start))
            solver = _Solver(self.objective, rules, 1.0, 0.0, start, box, residuals=self.residuals)
            solver.enough = enough
            solver.check_tolerance()
            while solver.code == RUNNING and solver.evaluations < MOST_EVALUATIONS:
                solver.run(MOST_EVALUATIONS, MOST_EVALUATIONS, 1)
        except Exception:  # noqa: BLE001 - outside its domain the user's function may raise anything
            return start, math.inf
        return solver.x, solver.value


class SmoothRefits:
    """The refits of a smooth objective, by Newton's method along a plane of the coordinates of the descent: `Refits`.

    Parameters
    ----------
    objective : Objective
        The objective of the fit.
    hessian : callable
        Takes a point and returns the Hessian there.
    coordinates : array of shape (parameters, n)
        The parameters of the user as linear functions of the point.
    x : array of shape (n,)
        The point of the fit.
    """

    def __init__(
        self, objective: Objective, hessian: Callable[[np.ndarray], np.ndarray], coordinates: np.ndarray, x: np.ndarray
    ) -> None:
        self.objective, self.hessian, self.coordinates = objective, hessian, coordinates
        curvatures, vectors = np.linalg.eigh(hessian(x))
        known = curvatures > FLAT * curvatures[-1]
        # In the coordinates q, x = L q, the Hessian is the identity at the fit.
        self.L = vectors[:, known] / np.sqrt(curvatures[known])

    def along(self, k: int) -> np.ndarray:
        """Return how the best point moves with parameter k, to first order."""
        slope = self.L.T @ self.coordinates[k]
        return self.L @ slope / (slope @ slope)

    def straight(self, k: int) -> np.ndarray:
        """Return how a point moves with parameter k on the shortest way."""
        slope = self.coordinates[k]
        return slope / (slope @ slope)

    def plane(self, k: int | None) -> np.ndarray:
        """Return a basis of the moves of a point that leave parameter k as it is."""
        if k is None:
            return self.L
        slope = self.L.T @ self.coordinates[k]
        return self.L @ np.linalg.qr(slope[:, None], mode="complete")[0][:, 1:]

    def best(self, k: int | None, start: np.ndarray, enough: float) -> tuple[np.ndarray, float]:
        """Return the best point with the parameter k of `start`, up to a gain of `enough`."""
        plane, x = self.plane(k), start
        value, gradient = self.objective.slope(x)
        for _ in range(MOST_EVALUATIONS):
            if not math.isfinite(value):
                return x, math.inf
            curvatures, vectors = np.linalg.eigh(plane.T @ self.hessian(x) @ plane)
            slopes = vectors.T @ (plane.T @ gradient)
            curvatures = np.maximum(np.abs(curvatures), FLAT)
            gain = float(slopes**2 @ (1 / curvatures)) / 2
            if not gain > enough:
                break
            step = -(vectors @ (slopes / curvatures))
            share = 1.0
            there = x + plane @ (share * step)
            found, slope_there = self.objective.slope(there)
            while not value - found >= FALL * share * gain and share > SHORTEST:
                share /= 4
                there = x + plane @ (share * step)
                found, slope_there = self.objective.slope(there)
            if share <= SHORTEST:
                break
            x, value, gradient = there, found, slope_there
        return x, value
