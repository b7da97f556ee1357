"""How near a descent was asked to come, and whether it has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.descent.budget import Budget
from steepest.descent.verdict.audit import Audit
from steepest.descent.verdict.excursion import Excursion
from steepest.descent.view import View


@dataclass(frozen=True)
class Goal:
    """The tolerance and the wishes of a run, in the units of where the descent stands."""

    budget: Budget
    view: View
    excursion: Excursion

    @property
    def asked(self) -> float:
        """How far f may be above the minimum; 0 for rounding, infinite where other wishes alone were given."""
        status, wishes = self.excursion.solver.status, self.budget.wishes
        best = status.best_value
        by_descent = self.budget.tolerance * self.excursion.solver.objective.scale(status.first_value, best)
        if not wishes:
            return by_descent
        by_value = wishes.value * abs(best) if math.isfinite(wishes.value) else math.inf
        return min(by_descent or math.inf, by_value)

    def missed(self, report: Audit | None = None) -> str:
        """Return which wish the best point does not meet by what is known of it, or nothing where it meets all."""
        wishes = self.budget.wishes
        if not wishes:
            return ""
        gradient = np.zeros(0)
        if math.isfinite(wishes.gradient):
            x, box = self.excursion.best, self.excursion.solver.box
            gradient = self.excursion.gradient(x)
            # A slope that only pushes against an edge of the box does not count.
            gradient = self.view.slope(gradient if box is None else gradient * ~box.held(x, gradient))
        error = None if report is None else report.error
        return wishes.missed(() if error is None else tuple(map(float, error)), gradient)
