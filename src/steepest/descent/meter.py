"""The work of a descent so far, and how much the budget still allows: iterations, values and seconds."""

from __future__ import annotations

import math
import time

from steepest.derivatives.objective import Objective
from steepest.descent.budget import Budget
from steepest.descent.ending import Ending
from steepest.descent.loop.solver import Solver
from steepest.trace import Outcome


class Meter:
    """Measures the work of one descent; `seconds` is the time that it took before it was continued.

    Attributes
    ----------
    judged : int
        How many values the `Judge` computed.
    """

    solver: Solver

    def __init__(self, budget: Budget, objective: Objective, counted: str, seconds: float = 0.0) -> None:
        self.budget, self.objective, self.counted = budget, objective, counted
        # The first descent of an objective also counts the calls and the time that set the objective up.
        is_first = objective.clock.begins()
        self.calls_before = 0 if is_first else objective.clock.calls
        self.began, self.seconds_before = (budget.began if is_first else time.perf_counter()) - seconds, seconds
        self.overhead_before = objective.overhead
        self.judged = self.first_iteration = self.carried = 0

    def attach(self, solver: Solver) -> None:
        """Measure the work of this solver; its iterations so far do not count towards the limit."""
        self.solver, self.first_iteration = solver, solver.status.iteration

    @property
    def last_iteration(self) -> int:
        """The iteration at which the descent stops."""
        most = self.budget.most if self.budget.iterations is None else int(self.budget.iterations)
        return self.first_iteration + most

    @property
    def deadline(self) -> float:
        """The time of the clock at which the descent stops."""
        return math.inf if self.budget.seconds is None else self.began + self.seconds_before + self.budget.seconds

    @property
    def elapsed(self) -> float:
        """The seconds that the descent has taken, including those before it was continued."""
        return time.perf_counter() - self.began

    @property
    def spent(self) -> int:
        """The number of values computed so far."""
        if self.objective.by_calls:
            return self.carried + self.objective.clock.calls - self.calls_before
        overhead = self.objective.overhead - self.overhead_before
        return self.solver.status.evaluations * self.objective.cost + self.judged + overhead

    def count_calls(self, spent: int) -> None:
        """Count plain calls from now on, in addition to the values that were `spent` so far."""
        self.carried = spent - (self.objective.clock.calls - self.calls_before)

    @property
    def out_of_iterations(self) -> bool:
        """Whether all iterations of the budget are done."""
        return self.solver.status.iteration >= self.last_iteration

    @property
    def out_of_time(self) -> bool:
        """Whether all seconds of the budget are spent."""
        return self.budget.seconds is not None and self.elapsed - self.seconds_before >= self.budget.seconds

    def affords(self, values: int) -> bool:
        """Tell whether the budget allows this many more values."""
        return self.budget.evaluations is None or self.spent + values <= self.budget.evaluations

    def limit_reached(self, values: int) -> Ending | None:
        """Return the ending if this many more values exceed the budget, or if the time is over."""
        if not self.affords(values):
            facts = f"{self.spent:,} values computed, and the descent was still going on"
            return Ending(Outcome.EVALUATION_LIMIT, facts)
        return self.timed_out() if self.out_of_time else None

    def timed_out(self) -> Ending:
        """Return the ending at the time limit; the message explains an overrun of more than a second."""
        spent, given = self.elapsed - self.seconds_before, self.budget.seconds or 0.0
        facts = f"{spent:.2g} s spent, {self.count(self.solver.status.iteration)} done"
        if spent > given + 1:
            facts += f": a single call of the function, or its compilation, took longer than the {given:.2g} s given"
        return Ending(Outcome.TIME_LIMIT, facts)

    def count(self, done: int) -> str:
        """Return a number of iterations, or of epochs, in words."""
        return f"{done:,} {self.counted}{'s' * (done != 1)}"
