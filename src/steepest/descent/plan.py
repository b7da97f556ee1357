"""The plan of a descent: function, rules, budget, and the help that the `Judge`, which ends a descent, may give."""

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

# With few variables, the `Judge` computes a Hessian once the estimated gap is this share of the descent: Newton steps
# then finish sooner than the rules. Chosen, not measured: with a larger share, the Hessian may be wrong at the minimum.
EARLY = 1e-8
# Up to this many variables a Hessian costs little. Chosen, not measured.
FEW_VARIABLES = 20


class Help(IntEnum):
    """The help that the `Judge` of a descent may give, if the rules are not the user's own."""

    NONE = 0
    # Take damped Newton steps.
    NEWTON = 1
    # Also take Newton steps early, rescale coordinates, measure noise, and search for a minimum at a kink.
    FULL = 2


@dataclass(frozen=True)
class Plan:
    """The function to descend, the rules, the budget, and the help of the `Judge`; several starts can share a plan.

    Attributes
    ----------
    box : Box or None
        The bounds in the coordinates of the loop, where they are kept by a box.
    bounds : Box or None
        The bounds in the coordinates of the user, where some parts of the point are also held to sets.
    """

    objective: Objective
    view: View
    rules: Rules
    sign: float
    budget: Budget
    box: Box | None = None
    solver: Callable[..., Solver] = RuleSolver
    help: Help = Help.NONE
    early_stopping: EarlyStopping | None = None
    bounds: Box | None = None

    @property
    def is_exact_count(self) -> bool:
        """Whether to do exactly the iterations given."""
        return self.budget.is_exact_count(self.rules)

    @property
    def solver_tolerance(self) -> float:
        """The share of the descent that may be left when the solver stops; if below 0, it never stops by itself."""
        if self.is_exact_count:
            return -1.0
        early = self.help is Help.FULL and self.objective.size <= FEW_VARIABLES
        early = early or bool(self.budget.accuracy)
        return self.budget.tolerance or (EARLY if early else 0.0)

    def solver_at(self, start: np.ndarray) -> Solver:
        """Return a new solver at a start."""
        return self.solver(self.objective, self.rules, self.sign, self.solver_tolerance, start, self.box)

    def with_rules(self, rules: Rules) -> Plan:
        """Return the same plan with other rules."""
        return replace(self, rules=rules)

    def progress(self, wanted: bool | None) -> Progress:
        """Return the display of the running descent; `wanted` is the user's ``progress=``."""
        return Progress.of(wanted, self.view.counted, self.view.names, validated=self.early_stopping is not None)
