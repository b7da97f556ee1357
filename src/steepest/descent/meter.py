"""What a descent has spent, and what it may still spend: iterations, values and seconds."""

from __future__ import annotations

import math
import time

from steepest.derivatives.objective import Objective
from steepest.descent.budget import Budget
from steepest.descent.ending import Ending
from steepest.descent.loop.solver import Solver
from steepest.trace import Outcome


class Meter:
    """The meter of one descent, which may go on from where another has stopped after some seconds.

    Attributes
    ----------
    aside : int
        How many values were taken off the way of the descent.
    """

    solver: Solver

    def __init__(self, budget: Budget, objective: Objective, counted: str, seconds: float = 0.0) -> None:
        self.budget, self.objective, self.counted = budget, objective, counted
        self.began, self.before, self.searched = objective.clock.begin() - seconds, seconds, objective.overhead
        self.aside = self.begun_at = 0

    def attend(self, solver: Solver) -> None:
        """Count what a solver does from now on."""
        self.solver, self.begun_at = solver, solver.status.iteration

    @property
    def iterations(self) -> int:
        """After how many iterations the descent stops."""
        return self.begun_at + (self.budget.most if self.budget.iterations is None else int(self.budget.iterations))

    @property
    def until(self) -> float:
        """When the time is over."""
        return math.inf if self.budget.seconds is None else self.began + self.before + self.budget.seconds

    @property
    def elapsed(self) -> float:
        """How many seconds the descent has taken."""
        return time.perf_counter() - self.began

    @property
    def spent(self) -> int:
        """How many values were taken."""
        searched = self.objective.overhead - self.searched
        return self.solver.status.evaluations * self.objective.cost + self.aside + searched

    @property
    def done(self) -> bool:
        """Whether all iterations are done that may be."""
        return self.solver.status.iteration >= self.iterations

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return self.budget.seconds is not None and self.elapsed - self.before >= self.budget.seconds

    def affords(self, values: int) -> bool:
        """Tell whether so many more values may be taken."""
        return self.budget.evaluations is None or self.spent + values <= self.budget.evaluations

    def over(self, values: int) -> Ending | None:
        """Return the end of a descent that may take no such number of values more, or has no time for them."""
        if not self.affords(values):
            return Ending(Outcome.EVALUATION_LIMIT, f"{self.spent:,} values taken, and the descent was still going on")
        return self.timed_out() if self.late else None

    def timed_out(self) -> Ending:
        """Say that the time is over, and what took longer than was given."""
        spent, given = self.elapsed - self.before, self.budget.seconds or 0.0
        facts = f"{spent:.2g} s spent, {self.count(self.solver.status.iteration)} done"
        if spent > given + 1:
            facts += f": a single call of the function, or its compilation, took longer than the {given:.2g} s given"
        return Ending(Outcome.TIME_LIMIT, facts)

    def count(self, done: int) -> str:
        """Return a number of iterations, or of epochs, in words."""
        return f"{done:,} {self.counted}{'s' * (done != 1)}"
