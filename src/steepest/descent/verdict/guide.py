"""The guide of a descent at a point that is no minimum yet: how to continue, or why no step improves the value."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from steepest.descent.ending import Ending
from steepest.descent.loop.state import RUNNING, STALLED
from steepest.descent.plan import Plan
from steepest.descent.verdict.audit import Audit
from steepest.descent.verdict.escape import LineSearch, by_newton
from steepest.descent.verdict.evaluator import Evaluator
from steepest.descent.verdict.goal import Evidence, Goal
from steepest.descent.verdict.kinks.search import KinkSearch
from steepest.descent.verdict.rays import Rays
from steepest.descent.verdict.wording import Wording, in_words, left_in_words
from steepest.rules.steps.adaptive import Polyak
from steepest.trace import Certificate, Outcome

# After this many audits the `Judge` takes no more steps, and the rules descend as far as rounding errors allow. Chosen,
# not measured: more audits cost more gradients.
MOST_AUDITS = 24
# After this many Newton steps the rules continue. Chosen, not measured: a few steps reach a minimum that is near.
MOST_POLISHED = 8


class Guide:
    """Lets a descent continue from a point that is no minimum yet, or returns the ending if no step improves the value.

    Attributes
    ----------
    audits, newton_steps : int
        The number of bounds and audits so far, and that of damped Newton steps.
    resting_since : int
        The iteration at which the rules were last let to descend as far as rounding errors allow; -1 before that.
    left : array or None
        The last rejected trial from which the rules descended again.
    """

    def __init__(self, plan: Plan, evaluator: Evaluator, goal: Goal, wording: Wording, rays: Rays) -> None:
        self.plan, self.evaluator, self.goal, self.wording, self.rays = plan, evaluator, goal, wording, rays
        self.solver, self.meter = evaluator.solver, evaluator.meter
        self.kink = KinkSearch(evaluator, goal, wording)
        self.audits = self.newton_steps = 0
        self.resting_since = -1
        self.left: np.ndarray | None = None

    @property
    def may_move(self) -> bool:
        """Whether the `Judge` may move the best point: the rules are not the user's, and the budget allows it."""
        return bool(self.plan.help) and self.audits < MOST_AUDITS and not self.meter.out_of_iterations

    def onward(
        self, code: int, evidence: Evidence, certificate: Certificate, audit: Audit | None
    ) -> Ending | None:  # fmt: skip
        """Continue from the best point; if a kink is suspected there, search for a minimum at the kink first."""
        x = self.evaluator.best
        if self.kink.is_suspected(x, code == STALLED, self.audits, audit):
            return self.at_kink(x, lambda: self.nearer(code, x, evidence, certificate, audit))
        return self.nearer(code, x, evidence, certificate, audit)

    def nearer(
        self, code: int, x: np.ndarray, evidence: Evidence, certificate: Certificate, audit: Audit | None
    ) -> Ending | None:  # fmt: skip
        """Continue by Newton's step if the descent stalls, else by the rules."""
        left = left_in_words(evidence.gain)
        # The rules left this point once already, and came back without a better one.
        returned = self.left is not None and np.array_equal(x, self.left)
        if code == STALLED or evidence.gain <= evidence.floor or returned:
            search = self.search(by_newton, x, None if audit is None else audit.step, evidence.floor)
            if search.x is None:
                return self.at_rest(x, evidence, certificate)
            self.evaluator.restart_at(search.x, "newton", f"{left}: a step by the Hessian")
            # If a minimum is near, a few Newton steps reach it; if it is far away, the rules descend faster.
            self.newton_steps += 1
            self.solver.mark(RUNNING if self.newton_steps % MOST_POLISHED == 0 else STALLED)
            return None
        if self.plan.help and not self.meter.out_of_iterations and not np.array_equal(x, self.solver.status.x):
            # The best point is a rejected trial: restart from it.
            self.left = x.copy()
            self.evaluator.restart_at(x, "audit", f"{left} at the best trial: the descent continues from there")
            return None
        factor = min(0.1, certificate.tolerance / evidence.gain) or 0.01
        if self.audits < MOST_AUDITS:
            self.sharpen(factor, left)
            return None
        # After many audits without an ending, let the rules descend as far as rounding errors allow; once they take no
        # step even so, they never will.
        iteration = self.solver.status.iteration
        if self.solver.tolerance == 0 and self.resting_since == iteration:
            return self.without_step(x, certificate)
        self.resting_since = iteration
        self.sharpen(0.0, left)
        return None

    def sharpen(self, factor: float, reason: str) -> None:
        """Let the solver continue with a smaller tolerance."""
        self.solver.tolerance *= factor
        self.solver.mark(RUNNING)
        self.evaluator.log.add_event("audit", f"{reason}: the descent continues")

    def search(
        self, by: Callable[..., LineSearch], x: np.ndarray, direction: np.ndarray | None, least: float
    ) -> LineSearch:  # fmt: skip
        """Search along a direction for a lower point than the best one, if the best point may be moved."""
        if direction is None or not self.may_move:
            return LineSearch(None)
        return by(self.evaluator.value, x, self.evaluator.best_value, direction, least)

    def at_kink(self, x: np.ndarray, otherwise: Callable[[], Ending | None]) -> Ending | None:
        """Return the ending if a minimum lies at a kink; else continue from a lower point, or call `otherwise`."""
        ending = self.kink(x)
        return ending or (otherwise() if np.array_equal(x, self.evaluator.best) else None)

    def at_rest(self, x: np.ndarray, evidence: Evidence, certificate: Certificate) -> Ending | None:
        """Judge a point at which Newton's step fails: noise hides the rest, f falls without end, or there is a kink."""
        if evidence.gain <= certificate.tolerance and (missed := self.goal.missed(evidence.error)):
            return Ending(Outcome.STALLED, f"{missed}: rounding hides more", certificate)
        if not self.evaluator.has_full_help:
            return self.stalled(certificate)
        # Errors of the gradient, which the floor includes, may hide more than the noise of values does.
        noise = max(self.evaluator.noise(x), evidence.floor)
        hidden = max(evidence.gain, evidence.unknown_gain) <= noise and self.evaluator.is_small(noise)
        if hidden and not self.goal.missed(evidence.error):
            return self.wording.converged(certificate, noise)
        return self.without_step(x, certificate)

    def without_step(self, x: np.ndarray, certificate: Certificate) -> Ending | None:
        """Judge a point that no step improves: f falls without end, or there is a kink, or the run stalls."""
        return self.rays.along_path() or self.at_kink(x, lambda: self.stalled(certificate))

    def stalled(self, certificate: Certificate) -> Ending:
        """Return the ending of a run whose value no step improves; state the gap only if it is proven."""
        if ending := self.meter.limit_reached(1 + self.solver.objective.cost):
            return ending
        extreme = self.wording.extreme
        facts = f"no step improves the value, and how far the {extreme} lies can't be told from here"
        if certificate.kind == "certified" and math.isfinite(certificate.gap):
            facts = f"no step improves the value, which is within {in_words(certificate.gap)} of the {extreme}"
        else:
            certificate = Certificate(tolerance=certificate.tolerance, curvature=certificate.curvature)
        step = self.plan.rules.step
        optimum = step.optimum if isinstance(step, Polyak) else None
        if optimum is not None and self.evaluator.best_value <= optimum:
            facts = f"the optimum given, {self.solver.sign * optimum:g}, has been reached and is not the {extreme}"
        if self.solver.status.non_finite:
            facts += "; steps led to points where the function is not finite, so the best point may lie at that edge"
        return Ending(Outcome.STALLED, facts, certificate)
