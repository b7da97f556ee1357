"""An estimate of the gap where no Hessian can be formed: from the solver's steps, or by conjugate gradients."""

from __future__ import annotations

import math

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.descent.verdict.evaluator import Evaluator
from steepest.descent.verdict.goal import Goal
from steepest.trace import Certificate

# How many conjugate gradients are allowed: at least the first number, or this part of the gradients that the descent
# took. Chosen, not measured: more find smaller curvatures, and cost one gradient each.
FEWEST, PART = 50, 0.25
# Conjugate gradients end at this part of the first residual. At 1e-3 they missed a coordinate with a millionth of the
# others' curvature, and f lay up to 168 times as far above the minimum as was asked. A curvature that is not positive
# counts as rounding once the residual is below the other part. Chosen, not measured.
SOLVED, MOSTLY_SOLVED = 1e-8, 1e-3
# The most Newton steps, and the part of the gradient that each may leave. Chosen, not measured.
MOST_STEPS, LEFT = 8, 0.5


class Estimate:
    """Estimates the gap of the best point, and takes Newton's steps where rounding hides any fall of the values."""

    def __init__(self, evaluator: Evaluator, goal: Goal) -> None:
        self.evaluator, self.goal, self.solver = evaluator, goal, evaluator.solver

    def __call__(self, stalled: bool) -> Certificate:
        """Return what is known of the best point, after Newton's steps if the descent stalled."""
        evaluator, status, x = self.evaluator, self.solver.status, self.evaluator.best
        gap, allowed = status.estimate, self.allowed(x, status.gradient)
        if not (self.has_products and (stalled or self.goal.asked >= allowed)):
            return Certificate("estimated", gap, allowed)
        # The solver's steps have met only some of the curvatures: conjugate gradients meet more.
        gradient = evaluator.grad(x)
        gain, step = self.conjugate_gradients(x, gradient)
        if not stalled:
            return Certificate("estimated", max(gap, gain), allowed)
        allowed = max(allowed, self.floor(x, gradient)) if gain > allowed else allowed
        noise = evaluator.noise(x) if gain > allowed else 0.0
        for _ in range(MOST_STEPS):
            if gain <= allowed or not self.stepped(x, gradient, step, max(allowed, noise)):
                break
            x = evaluator.best
            gradient = evaluator.grad(x)
            gain, step = self.conjugate_gradients(x, gradient)
        return Certificate("estimated", gain, max(allowed, noise) if evaluator.is_small(noise) else allowed)

    def allowed(self, x: np.ndarray, gradient: np.ndarray) -> float:
        """Return how far f may be above the minimum: as far as was asked, or as rounding hides."""
        hidden = EPS * float(np.abs(gradient) @ np.maximum(np.abs(x), self.evaluator.least))
        return max(self.goal.asked, 4 * EPS * abs(self.evaluator.best_value), hidden)

    def floor(self, x: np.ndarray, gradient: np.ndarray) -> float:
        """Return how far rounding δ of the point moves the value, about ½ δᵀ|H|δ."""
        signs = np.where(np.arange(x.size) % 2, -1.0, 1.0)
        rounding = self.solver.objective.precision * np.maximum(np.abs(x), self.evaluator.least) * signs
        change = self.evaluator.grad(self.evaluator.clip(x + rounding)) - gradient
        return float(np.abs(rounding) @ np.abs(change)) if np.all(np.isfinite(change)) else 0.0

    @property
    def has_products(self) -> bool:
        """Whether gradients are exact enough for products with the Hessian."""
        objective = self.solver.objective
        return bool(objective.smooth and objective.kind != "differences" and objective.updates == 1)

    def conjugate_gradients(self, x: np.ndarray, gradient: np.ndarray) -> tuple[float, np.ndarray]:
        """Return about ½ gᵀH⁻¹g and -H⁻¹g; the first is infinite if f curves down, with the step so far.

        After k products the gain is below the true one, so the gain of the last half of them is added once more. The
        products H d are differences of gradients, along the coordinates that no edge of the box holds.

        Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems" (1952).
        """
        box, size = self.solver.box, self.evaluator.size(x)
        free = np.ones(x.size, dtype=bool) if box is None else ~box.held(x, gradient)
        length = self.solver.objective.precision ** (1 / 3) * float(np.linalg.norm(size))
        most = max(FEWEST, int(PART * self.solver.status.evaluations))
        residual, step, gains = np.where(free, -gradient, 0.0), np.zeros(x.size), [0.0]
        squared = first = float(residual @ residual)
        direction = residual
        while len(gains) <= most and squared > SOLVED**2 * first:
            t = length / math.sqrt(float(direction @ direction))
            product = np.where(free, self.evaluator.grad(x + t * direction) - gradient, 0.0) / t
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
        """Take Newton's step if it shrinks the gradient and raises the value by no more than `slack`; tell whether."""
        evaluator, box = self.evaluator, self.solver.box
        if not (evaluator.has_full_help and np.any(step) and evaluator.can_continue()):
            return False
        new = evaluator.clip(x + step)
        new_value, new_gradient = evaluator.value_and_grad(new)
        free = np.ones(x.size, dtype=bool) if box is None else ~box.held(x, gradient)
        most = LEFT * float(np.linalg.norm(gradient[free]))
        if not (new_value <= evaluator.best_value + slack and float(np.linalg.norm(new_gradient[free])) <= most):
            return False
        evaluator.restart_at(new, "newton", "a Newton step by conjugate gradients", known=(new_value, new_gradient))
        return True
