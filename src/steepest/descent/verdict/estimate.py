"""An estimate of the gap where no Hessian can be formed: from the solver's steps, or by conjugate gradients."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.descent.verdict.evaluator import Evaluator
from steepest.descent.verdict.goal import Goal
from steepest.trace import Certificate

# The most steps of conjugate gradients: the first number, or this share of the descent's evaluations if that is more.
# Chosen, not measured: more steps find smaller curvatures, and cost one gradient each.
FEWEST, PART = 50, 0.25
# Conjugate gradients stop once the residual is SOLVED times the first one. At 1e-3 they missed a coordinate with a
# millionth of the others' curvature, and f lay up to 168 times as far above the minimum as was asked. Once the residual
# is MOSTLY_SOLVED times the first one, a curvature that is not positive counts as a rounding error: chosen, not
# measured.
SOLVED, MOSTLY_SOLVED = 1e-8, 1e-3
# The most Newton steps, and the share of the gradient that each may leave. Chosen, not measured.
MOST_STEPS, LEFT = 8, 0.5
# How many squared rounding errors of the rows a value of a linear model may be off by. Chosen, not measured.
BY_ROWS = 8


class Estimate:
    """Estimates the gap of the best point, and takes Newton steps where rounding errors hide any fall of the values."""

    def __init__(self, evaluator: Evaluator, goal: Goal) -> None:
        self.evaluator, self.goal, self.solver = evaluator, goal, evaluator.solver

    def __call__(self, stalled: bool) -> Certificate:
        """Return a certificate with the estimated gap of the best point, after Newton steps if the descent stalled.

        Where the descent may end, the gap is at least what rounding of the point hides. For a linear model it is at
        least the rounding error of the value, as proven gaps are.
        """
        found = self.estimated(stalled)
        if not found.gap <= found.tolerance:
            return found
        x, value, of_rows = self.evaluator.best, abs(self.evaluator.best_value), self.solver.objective.rows_precision
        gradient = self.evaluator.grad(x)
        least = self.floor(x, gradient) if self.has_products else 0.0
        if of_rows:
            # Rounding errors of the rows move the minimiser: the gap is their square, since the slope is 0 there.
            least += self.hidden(x, gradient) + BY_ROWS * of_rows**2 * value
        return replace(found, gap=max(found.gap, least), tolerance=max(found.tolerance, least))

    def estimated(self, stalled: bool) -> Certificate:
        """Return the certificate without the rounding errors of the value and the point."""
        evaluator, status, x = self.evaluator, self.solver.status, self.evaluator.best
        gap, allowed = status.estimate, self.allowed(x, status.gradient)
        if not (self.has_products and (stalled or self.goal.asked >= allowed)):
            return Certificate("estimated", gap, allowed)
        # The solver's steps have measured only some of the curvatures: conjugate gradients measure more.
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
        """Return the largest gap allowed: the gap asked for, or the rounding error of the value if that is larger."""
        return max(self.goal.asked, self.hidden(x, gradient))

    def hidden(self, x: np.ndarray, gradient: np.ndarray) -> float:
        """Return the rounding error of the value, or the change by the slope at a rounded point if that is larger."""
        by_slope = EPS * float(np.abs(gradient) @ np.maximum(np.abs(x), self.evaluator.least))
        return max(4 * EPS * abs(self.evaluator.best_value), by_slope)

    def floor(self, x: np.ndarray, gradient: np.ndarray) -> float:
        """Return how far rounding errors δ of the point may move the value, |δ|ᵀ|Hδ|, by one more gradient."""
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
        """Return about ½ gᵀH⁻¹g and -H⁻¹g; if f curves down or has no gradient, infinity and the step so far.

        The gain after k products is less than the true one, so the gain of the last half of the products is added once
        more. The products H d are differences of gradients, along the coordinates that no edge of the box holds.

        Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems" (1952).
        """
        if not np.all(np.isfinite(gradient)):
            return math.inf, np.zeros(x.size)
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
        """Take a step if it shrinks the gradient and raises the value by at most `slack`; return True if taken."""
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
