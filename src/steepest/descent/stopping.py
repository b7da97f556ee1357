"""The endings of a descent that need no `Judge`: limits, values that rise or are not finite, and early stopping."""

from __future__ import annotations

import math

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.descent.ending import Ending
from steepest.descent.log import Log
from steepest.descent.loop.solver import Solver
from steepest.descent.meter import Meter
from steepest.descent.plan import Plan
from steepest.trace import Outcome

# The most letters of a point in a message, more than six coordinates have: a message is one line.
MOST_LETTERS = 1_000


class Stopping:
    """Returns the endings that need no `Judge`."""

    def __init__(self, solver: Solver, plan: Plan, meter: Meter, log: Log) -> None:
        self.solver, self.plan, self.meter, self.log = solver, plan, meter, log

    def approached(self) -> Ending | None:
        """Return the ending if only rounding lies between the value and a limit that no point reaches."""
        status, limit = self.solver.status, self.solver.objective.limit
        if self.plan.is_exact_count or not math.isfinite(limit):
            return None
        if not status.best_value - limit <= EPS * (status.first_value - limit):
            return None
        facts = (
            f"the value is {status.best_value:.3g}, and falls towards {limit:g} as the point goes to infinity, and "
            "never reaches it; no point is best: add a penalty, such as penalties.L2(1e-3)"
        )
        return Ending(Outcome.NO_FINITE_OPTIMUM, facts)

    def limit_reached(self) -> Ending | None:
        """Return the ending if a limit of the budget is reached."""
        if not self.meter.out_of_iterations:
            return self.meter.limit_reached(self.solver.objective.cost)
        status = self.solver.status
        count = self.meter.count(status.iteration)
        if not self.plan.is_exact_count:
            return Ending(Outcome.ITERATION_LIMIT, f"{count} done, and the descent was still going on")
        if self.log.last_value > status.first_value:
            return self.diverged(self.log.last_value)
        return Ending(Outcome.COMPLETED, f"{count} done as asked; no claim of convergence")

    def overfitted(self, done: int) -> Ending | None:
        """Return the ending if the validation loss has not fallen for as many epochs as early stopping waits."""
        early_stopping = self.plan.early_stopping
        if early_stopping is None or done - self.log.best.epoch < early_stopping.patience:
            return None
        facts = f"the validation loss has not fallen for {self.meter.count(early_stopping.patience)}"
        return Ending(Outcome.COMPLETED, facts)

    def unbounded(self) -> Ending:
        """Return the ending of a descent whose value falls without end."""
        sign = self.solver.sign
        fell, falls = ("fell below", "falls") if sign > 0 else ("rose above", "rises")
        facts = f"the value {fell} {sign * self.solver.status.best_value:.3g} and still {falls}"
        return Ending(Outcome.UNBOUNDED, facts)

    def infinite(self) -> Ending:
        """Return the ending of a descent that is one step from an infinite value."""
        facts = f"the value is {-self.solver.sign * math.inf:+} one step from {in_words(self.solver.status.x)}"
        return Ending(Outcome.UNBOUNDED, facts)

    def not_finite(self) -> Ending:
        """Return the ending after a step to a value that is not finite."""
        status = self.solver.status
        if status.value > status.first_value:
            return self.diverged(status.value)
        facts = f"after {self.plan.view.counted} {status.iteration:,} the step led to a value that is not finite"
        return Ending(Outcome.NON_FINITE, facts)

    def without_gradient(self) -> Ending:
        """Return the ending at a point with a value, where neither the function nor differences give a gradient."""
        facts = f"the function has no gradient one step from {in_words(self.solver.status.x)}"
        return Ending(Outcome.NON_FINITE, facts)

    def diverged(self, last: float) -> Ending:
        """Return the ending of a descent whose value rose; the message names a step size that is small enough."""
        status, sign = self.solver.status, self.solver.sign
        rose = "rose" if sign > 0 else "fell"
        count = self.meter.count(status.iteration)
        facts = f"the value {rose} from {sign * status.first_value:.4g} to {sign * last:.4g} in {count}"
        if status.steepest == math.inf:
            facts += "; the curvature overflowed, so take a far smaller step, or step='auto'"
        elif status.steepest > 0:
            largest, longest = f"{status.steepest:.3g}", f"{2 / status.steepest:.3g}"
            facts += f"; the curvature is up to {largest}, so keep the step below {longest}"
        return Ending(Outcome.DIVERGED, facts)


def in_words(x: np.ndarray) -> str:
    """Return a point with six digits and at most six coordinates."""
    return np.array2string(x, precision=6, threshold=6, max_line_width=MOST_LETTERS)
