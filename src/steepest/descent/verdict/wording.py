"""The words of a verdict: how near the minimum is, and whether the value falls or rises."""

from __future__ import annotations

import math
from dataclasses import replace

from steepest.derivatives.differences import EPS
from steepest.descent.ending import Ending
from steepest.descent.loop.solver import Solver
from steepest.descent.verdict.goal import Goal
from steepest.trace import Certificate, Outcome

# In messages, relative noise above this is called the noise of the function, and smaller noise is called rounding.
# Chosen, not measured.
NOISY = 1e-12
# A gap below this is written as "rounding": so small a number does not help a reader.
TINY = 1e-300


class Wording:
    """Puts gaps and endings into words, for a user who minimises or maximises."""

    def __init__(self, solver: Solver, goal: Goal) -> None:
        self.solver, self.objective, self.sign, self.goal = solver, solver.objective, solver.sign, goal

    @property
    def falls(self) -> str:
        """The verb for a value that becomes better."""
        return "falls" if self.sign > 0 else "rises"

    @property
    def extreme(self) -> str:
        """The noun for the best value."""
        return "minimum" if self.sign > 0 else "maximum"

    def value(self, value: float) -> str:
        """Return a value in words, in the user's own sign."""
        return f"{self.sign * value:.6g}"

    def converged(self, certificate: Certificate, noise: float = 0.0) -> Ending:
        """Return the ending of a run that has converged, with a tolerance that is no smaller than the noise."""
        if noise > certificate.tolerance:
            certificate = replace(certificate, tolerance=noise)
        # A bound that is infinite, as where values or slopes overflow, is no evidence, however large the tolerance.
        if not math.isfinite(certificate.gap) or self.goal.knows_nothing(certificate):
            facts = f"no step improves the value, and how far the {self.extreme} lies can't be told from here"
            return Ending(Outcome.STALLED, facts, Certificate(tolerance=certificate.tolerance))
        return Ending(Outcome.CONVERGED, self.reached(certificate), certificate)

    def reached(self, certificate: Certificate) -> str:
        """Return in words how near the answer is, and what limits the accuracy."""
        within = f"the value is within {in_words(certificate.gap)} of the {self.extreme}"
        if math.inf > self.goal.asked >= certificate.tolerance > 0:
            return f"{within}, {in_words(certificate.tolerance)} was asked"
        if self.goal.budget.accuracy:
            return f"{within}, as near as was asked"
        if self.objective.precision > EPS:
            return f"{within}: rounding in single or half precision hides the rest"
        if self.objective.relative_noise > NOISY:
            return f"{within}: the noise of the function hides the rest"
        if self.solver.negligible_gap and certificate.gap > 4 * EPS * abs(self.solver.status.best_value):
            return f"{within}: for a loss with kinks, no more is sought without tolerance="
        return within_rounding(certificate.gap, self.extreme)


def in_words(gap: float) -> str:
    """Return a gap with two digits."""
    return "rounding" if gap < TINY else f"{gap:.2g}"


def within_rounding(gap: float, extreme: str) -> str:
    """Return in words that only rounding limits the accuracy of an answer."""
    return f"the value is within {in_words(gap)} of the {extreme}: rounding hides the rest"


def with_rounding(ending: Ending, hidden: float) -> Ending:
    """Return an ending whose gap, also in its words, counts what rounding hides."""
    certificate = ending.certificate
    gap, tolerance = certificate.gap + hidden, certificate.tolerance + hidden
    facts = ending.facts.replace(f"within {in_words(certificate.gap)} of", f"within {in_words(gap)} of")
    return replace(ending, facts=facts, certificate=replace(certificate, gap=gap, tolerance=tolerance))


def left_in_words(gap: float) -> str:
    """Return in words how much is left to gain."""
    return f"{gap:.2g} still to go" if math.isfinite(gap) else "no certificate yet"
