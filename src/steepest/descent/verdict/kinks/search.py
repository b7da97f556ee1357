"""The search for a minimum at a kink, where the slope jumps and no Hessian exists."""

from __future__ import annotations

import math

import numpy as np

from steepest.descent.ending import Ending
from steepest.descent.verdict.audit import Audit
from steepest.descent.verdict.evaluator import Evaluator
from steepest.descent.verdict.goal import Goal
from steepest.descent.verdict.kinks.cutting_planes import PlaneMinimum, minimize_by_planes
from steepest.descent.verdict.wording import Wording, in_words
from steepest.trace import Certificate, Outcome

# The most variables for a search by planes: each plane costs a gradient, and the linear programs grow. Chosen, not
# measured.
WIDEST = 50
# If no tolerance was given, a search at a kink ends once at most this share of the value is left to gain. Chosen, not
# measured: near the accuracy of the linear programs.
AT_KINK = 1e-8
# The search for a minimum of about 0 ends when the gap is this share of the rise of f over the size of the point.
# Chosen, not measured.
AT_ZERO = 1e-11
# The most searches of a run, the most searches that a suspicion of a kink may begin, and the number of audits after
# which a kink is suspected. Chosen, not measured: each search costs up to 40 gradients, plus 10 for each variable.
MOST_SEARCHES, MOST_SUSPICIONS, STEADY_AUDITS = 8, 3, 2
# A search from a point that was this many times larger says little of the point that it found. Chosen, not measured.
REMOTE = 1e3


class KinkSearch:
    """Searches for a minimum at a kink by cutting planes, which also bound the gap.

    Attributes
    ----------
    searches : int
        How many searches there were.
    """

    def __init__(self, evaluator: Evaluator, goal: Goal, wording: Wording) -> None:
        self.evaluator, self.goal, self.wording = evaluator, goal, wording
        self.searches = 0

    def is_suspected(self, x: np.ndarray, stalled: bool, audits: int, audit: Audit | None) -> bool:
        """Tell whether a kink is likely: the descent stalls, two audits brought no ending, or the curvature changes."""
        evaluator = self.evaluator
        if not evaluator.has_full_help or self.searches >= MOST_SUSPICIONS or not evaluator.can_continue():
            return False
        if stalled or audits == STEADY_AUDITS:
            return self.searches == 0
        return audit is not None and audit.checked_close(x, evaluator.grad, evaluator.size(x)).curvature_changes

    def __call__(self, x: np.ndarray) -> Ending | None:
        """Search from a point: return the ending at a kink, or None if there is none.

        The descent restarts at the point that the search found, if that point is lower.
        """
        evaluator = self.evaluator
        solver = evaluator.solver
        free = np.ones(x.size, dtype=bool) if solver.box is None else ~solver.box.fixed
        is_bounded = solver.box is not None and bool(np.any(solver.box.bounded))
        unfit = np.count_nonzero(free) > WIDEST or is_bounded or self.searches >= MOST_SEARCHES
        if not evaluator.has_full_help or unfit or evaluator.meter.out_of_iterations:
            return None
        self.searches += 1
        value, size, asked = evaluator.best_value, evaluator.size(x)[free], self.goal.asked
        rounding = 4 * solver.objective.relative_noise * abs(value)
        enough = max(asked, rounding) if math.isfinite(asked) else rounding
        _, gradient, error = evaluator.plane(x)
        if not np.all(np.isfinite(gradient)):
            return None

        def whole(part: np.ndarray) -> np.ndarray:
            point = x.copy()
            point[free] = part
            return point

        def plane(part: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            if not evaluator.can_continue():
                return math.nan, np.full(part.size, math.nan), np.zeros(part.size)
            there, slope, off = evaluator.plane(whole(part))
            return there, slope[free], off[free]

        first = value, gradient[free], error[free]
        found = minimize_by_planes(plane, x[free], first, size, enough, solver.objective.precision)
        if found.value < value and (found.kinked or found.value < value - evaluator.noise(x)):
            detail = "the planes of slopes around a kink lead to a lower point"
            known = (found.value, found.gradient) if free.all() else None
            evaluator.restart_at(whole(found.x), "kink", detail, known=known)
        if not (found.kinked and math.isfinite(found.gap)):
            return None
        there = evaluator.size(whole(found.x))[free]
        ending = self.ending(found, there, enough)
        # Planes in boxes that suit a point far away say little of a point that is far smaller: descend from there.
        remote = np.any(size > REMOTE * there) and not np.array_equal(x, evaluator.best)
        return None if remote and ending.outcome is not Outcome.CONVERGED else ending

    def ending(self, found: PlaneMinimum, size: np.ndarray, enough: float) -> Ending:
        """Return the ending at a kink: converged if the planes prove that the minimum is near enough."""
        rise, by_values = float(found.steepest @ size), self.evaluator.solver.objective.kind == "differences"
        # Near a kink the steps of differences must be short, so that noise blurs the slopes.
        tolerance = max(enough, AT_KINK * abs(found.value), (AT_KINK if by_values else AT_ZERO) * rise)
        extreme, gap = self.wording.extreme, in_words(found.gap)
        if not found.gap <= tolerance:
            facts = (
                "the function has a kink here, where slope and curvature do not show how near the "
                f"{extreme} is; planes around it leave up to {gap} to gain"
            )
            return Ending(Outcome.STALLED, facts, Certificate(tolerance=tolerance))
        if missed := self.goal.missed():
            return Ending(Outcome.STALLED, f"the {extreme} lies at a kink, where more can't be proven: {missed}")
        facts = f"the value is within {gap} of the {extreme}, which lies at a kink: the slopes around it cancel"
        return Ending(Outcome.CONVERGED, facts, Certificate("audited", found.gap, tolerance))
