"""What a descent is to do: its function, its rules and its budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.objective import Objective
from steepest.descent.budget import Budget
from steepest.descent.early_stopping import EarlyStopping
from steepest.descent.progress import Progress
from steepest.descent.rule_solver import RuleSolver
from steepest.descent.view import View
from steepest.rules.pair import Rules

# The part of the descent that may be left when the judge first looks at the curvature, where that costs little: its
# steps by the Hessian come to the end sooner than the descent does.
EARLY = 1e-8
# Up to so many variables a Hessian costs little.
FEW_VARIABLES = 20


@dataclass(frozen=True)
class Plan:
    """The function to descend, the rules, and the budget; descents from several starts share one plan.

    Where the user chose no rules, `helped` allows the judge to take steps by the Hessian.
    """

    objective: Objective
    view: View
    rules: Rules
    sign: float
    budget: Budget
    box: Box | None = None
    solver: Callable[..., Any] = RuleSolver
    helped: bool = False
    watch: EarlyStopping | None = None

    @property
    def counted(self) -> bool:
        """Whether exactly the iterations given are to be done."""
        return self.budget.counts(self.rules)

    @property
    def near(self) -> float:
        """How near is near enough for the solver; below 0, nothing is."""
        if self.counted:
            return -1.0
        early = self.helped and self.solver is RuleSolver and self.objective.size <= FEW_VARIABLES
        early = early or bool(self.budget.wishes)
        return self.budget.tolerance or (EARLY if early else 0.0)

    def begun(self, start: np.ndarray) -> Any:
        """Return a solver that stands at a start."""
        return self.solver(self.objective, self.rules, self.sign, self.near, start, self.box)

    def by(self, rules: Rules) -> Plan:
        """Return the same plan by other rules."""
        return replace(self, rules=rules)

    def progress(self, wanted: bool | None) -> Progress:
        """Return what shows a run while it goes on."""
        return Progress.of(wanted, self.view.counted, self.view.names, validated=self.watch is not None)
