"""How far from the minimum a point may lie where no Hessian can be had: by the steps, and by conjugate gradients."""

from __future__ import annotations

import math

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.descent.verdict.excursion import Excursion
from steepest.descent.verdict.goal import Goal
from steepest.trace import Certificate

# How many conjugate gradients may be taken at the least, and the part of the gradients that the descent took.
FEWEST, PART = 50, 0.25
# The part of the first residual at which they are enough: coordinates of little curvature hide in what is left. At the
# other part a curvature that is not positive may be rounding.
SOLVED, MOSTLY_SOLVED = 1e-8, 1e-3
# How many of Newton's steps are taken, and the part of the gradient that each may leave.
MOST_STEPS, LEFT = 8, 0.5


class Estimate:
    """Estimates the gap of the best point, and takes Newton's steps where values show no way down any more."""

    def __init__(self, excursion: Excursion, goal: Goal) -> None:
        self.excursion, self.goal, self.solver = excursion, goal, excursion.solver

    def __call__(self, stalled: bool) -> Certificate:
        """Return what is known of the best point, after the steps that led there."""
        status, x = self.solver.status, self.excursion.best
        gap, bound = status.estimate, self.bound(x, status.gradient)
        if not (self.looks and (stalled or self.goal.asked >= bound)):
            return Certificate("estimated", gap, bound)
        # The steps have seen only some of the curvatures.
        gradient = self.excursion.gradient(x)
        seen, step = self.conjugate(x, gradient)
        if not stalled:
            return Certificate("estimated", max(gap, seen), bound)
        bound = max(bound, self.floor(x, gradient)) if seen > bound else bound
        noise = self.excursion.noise(x) if seen > bound else 0.0
        for _ in range(MOST_STEPS):
            if seen <= bound or not self.stepped(x, gradient, step, max(bound, noise)):
                break
            x = self.excursion.best
            gradient = self.excursion.gradient(x)
            seen, step = self.conjugate(x, gradient)
        return Certificate("estimated", seen, max(bound, noise) if self.excursion.tells(noise) else bound)

    def bound(self, x: np.ndarray, gradient: np.ndarray) -> float:
        """Return how far f may be above the minimum: as was asked, or as rounding hides."""
        hidden = EPS * float(np.abs(gradient) @ np.maximum(np.abs(x), self.excursion.least))
        return max(self.goal.asked, 4 * EPS * abs(self.excursion.best_value), hidden)

    def floor(self, x: np.ndarray, gradient: np.ndarray) -> float:
        """Return how far the value may be off at the nearest point that doubles have, as by ½ δᵀ|H|δ."""
        signs = np.where(np.arange(x.size) % 2, -1.0, 1.0)
        rounding = self.solver.objective.precision * np.maximum(np.abs(x), self.excursion.least) * signs
        moved = self.excursion.gradient(self.excursion.inside(x + rounding)) - gradient
        return float(np.abs(rounding) @ np.abs(moved)) if np.all(np.isfinite(moved)) else 0.0

    @property
    def looks(self) -> bool:
        """Whether gradients are exact enough for products with the Hessian."""
        objective = self.solver.objective
        return bool(objective.smooth and objective.kind != "differences" and objective.updates == 1)

    def conjugate(self, x: np.ndarray, gradient: np.ndarray) -> tuple[float, np.ndarray]:
        """Return about ½ gᵀH⁻¹g and -H⁻¹g by conjugate gradients; infinite, and the step so far, where f bends down.

        What k of them have gained is less than the decrement, so that what the last half of them gained is added once
        more. The products H d are differences of gradients, along the coordinates that no edge of the box holds.

        Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems" (1952).
        """
        box, size = self.solver.box, self.excursion.size(x)
        free = np.ones(x.size, dtype=bool) if box is None else ~box.held(x, gradient)
        length = self.solver.objective.precision ** (1 / 3) * float(np.linalg.norm(size))
        most = max(FEWEST, int(PART * self.solver.status.evaluations))
        residual, step, gains = np.where(free, -gradient, 0.0), np.zeros(x.size), [0.0]
        squared = first = float(residual @ residual)
        direction = residual
        while len(gains) <= most and squared > SOLVED**2 * first:
            t = length / math.sqrt(float(direction @ direction))
            product = np.where(free, self.excursion.gradient(x + t * direction) - gradient, 0.0) / t
            curvature = float(direction @ product)
            if not curvature > 0:
                return (sum(gains) if squared <= MOSTLY_SOLVED**2 * first else math.inf), step
            along = squared / curvature
            gains.append(along * squared / 2)
            step, residual = step + along * direction, residual - along * product
            squared, before = float(residual @ residual), squared
            direction = residual + squared / before * direction
        solved = squared <= SOLVED**2 * first
        return sum(gains) + (0.0 if solved else sum(gains[(len(gains) + 1) // 2 :])), step

    def stepped(self, x: np.ndarray, gradient: np.ndarray, step: np.ndarray, slack: float) -> bool:
        """Take Newton's step if the gradient is less at its end, and the value no more than is hidden; tell whether."""
        if not (self.excursion.helps and np.any(step) and self.excursion.goes_on()):
            return False
        new = self.excursion.inside(x + step)
        value, slope = self.excursion.slope(new)
        free = np.ones(x.size, dtype=bool) if self.solver.box is None else ~self.solver.box.held(x, gradient)
        least = LEFT * float(np.linalg.norm(gradient[free]))
        if not (value <= self.excursion.best_value + slack and float(np.linalg.norm(slope[free])) <= least):
            return False
        self.excursion.go_on(new, "newton", "a step of Newton's by conjugate gradients", known=(value, slope))
        return True
