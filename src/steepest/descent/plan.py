"""What a descent is to do: its function, its rules and its budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.objective import Objective
from steepest.descent.budget import Budget
from steepest.descent.early_stopping import EarlyStopping
from steepest.descent.loop.rule_solver import RuleSolver
from steepest.descent.loop.solver import Solver
from steepest.descent.progress import Progress
from steepest.descent.view import View
from steepest.rules.pair import Rules

# The part of the descent that may be left when the judge first looks at the curvature, where that costs little: its
# steps by the Hessian come to the end sooner than the descent does.
EARLY = 1e-8
# Up to so many variables a Hessian costs little.
FEW_VARIABLES = 20


class Help(IntEnum):
    """What the judge may do beyond judging, if the rules are not the user's own."""

    NONE = 0
    # Take Newton's steps.
    NEWTON = 1
    # Also begin with them early, even out the coordinates, and look for a minimum at a kink.
    FULL = 2


@dataclass(frozen=True)
class Plan:
    """The function to descend, the rules, the budget, and the judge's help; several starts can share one plan."""

    objective: Objective
    view: View
    rules: Rules
    sign: float
    budget: Budget
    box: Box | None = None
    solver: Callable[..., Solver] = RuleSolver
    help: Help = Help.NONE
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
        early = self.help is Help.FULL and self.objective.size <= FEW_VARIABLES
        early = early or bool(self.budget.wishes)
        return self.budget.tolerance or (EARLY if early else 0.0)

    def begun(self, start: np.ndarray) -> Solver:
        """Return a solver that stands at a start."""
        return self.solver(self.objective, self.rules, self.sign, self.near, start, self.box)

    def by(self, rules: Rules) -> Plan:
        """Return the same plan by other rules."""
        return replace(self, rules=rules)

    def progress(self, wanted: bool | None) -> Progress:
        """Return what shows a run while it goes on."""
        return Progress.of(wanted, self.view.counted, self.view.names, validated=self.watch is not None)
