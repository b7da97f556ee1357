"""The Hessian at a point where a descent rests, and Newton's steps from there to where rounding hides the rest."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from steepest.descent.plan import EARLY, FEW_VARIABLES
from steepest.descent.verdict.audit import Audit, audit, cost_of_audit, rounding_of
from steepest.descent.verdict.excursion import Excursion
from steepest.descent.verdict.goal import Goal
from steepest.descent.verdict.modes import NARROW

# Newton's steps with one Hessian: how many, what each must leave of the gain at the most, and what one leaves that
# shows the Hessian to be right.
MOST_CHORDS, CONTRACTED, EXACT = 8, 0.25, 1e-4
# How many Hessians a point may be polished by, where one costs little and where it costs much.
ROUNDS, FEW_ROUNDS = 12, 3
# If Newton's step fails, the Hessian is taken again, by differences over this part of the step.
REACH = 0.1
# Newton's steps that are each such a part of the one before, in the same direction, are those towards a minimum
# without curvature. Those that hardly become shorter are followed, up to so many at once.
LEAST_Q, MOST_Q, STRAIGHT, MOST_TIMES = 0.3, 0.97, 0.99, 1e6
# How far to move, in roundings of the point, to see how a gradient is rounded.
ROUGH = 8


class Polish:
    """Looks at the Hessian of the best point, and takes Newton's steps where the rules were not the user's."""

    def __init__(self, excursion: Excursion, goal: Goal) -> None:
        self.excursion, self.goal, self.solver = excursion, goal, excursion.solver
        # The value at the last look, and whether Hessians come from traced code since.
        self.anchor, self.exact = self.solver.status.first_value, False

    def __call__(self) -> Audit | None:
        """Return the audit of the best point, after Newton's steps have brought it as near as they can."""
        report = self.descended()
        self.anchor = self.excursion.best_value
        return report

    def ahead(self) -> None:
        """Take Newton's steps from the best point as long as they lead on, up to a few Hessians."""
        for _ in range(FEW_ROUNDS):
            x = self.excursion.best
            report = self.audited(x, None) if self.excursion.affords(cost_of_audit(self.solver.objective)) else None
            if report is None:
                break
            report, taken = self.stepped(x, report)
            descent = self.solver.status.first_value - self.excursion.best_value
            if not taken or report.decrement <= EARLY * descent:
                break

    def descended(self) -> Audit | None:
        """Take Newton's steps by one Hessian after another; return the audit of where they end."""
        x = self.excursion.best
        report = wide = before = reach = None
        for _ in range(ROUNDS if x.size <= FEW_VARIABLES else FEW_ROUNDS):
            new = self.audited(x, reach)
            if new is None:
                break
            if before is not None and self.stretched(x, before, new):
                before, report, wide, x = None, None, None, self.excursion.best
                continue
            if self.doubts(new):
                self.exact = True
                continue
            report, taken = self.stepped(x, new)
            if wide is not None and not taken:
                # A Hessian over a shorter way has led no farther.
                return wide
            x = self.excursion.best
            near = self.is_near(report, taken)
            affords = self.excursion.helps and self.excursion.affords(cost_of_audit(self.solver.objective))
            if near and not taken and affords:
                report = report.beside(x, self.excursion.gradient, self.excursion.size(x))
            wide = report if report.vanishes else None
            tested = taken > 0 or not self.excursion.is_long(x, report.step)
            report = replace(report, holds=not self.excursion.helps or (near and tested))
            if not affords or (near and wide is None) or not (near or taken or reach is None):
                break
            # The curvature may change over less than the differences that it was had from.
            assert report.step is not None
            reach = NARROW * self.excursion.size(x) if wide else REACH * np.abs(report.step)
            before = new.step if taken == 1 else None
        if report is None and (report := self.audited(x, reach)) is not None:
            # No step has shown yet whether this Hessian holds over the way to the minimum.
            report = replace(report, holds=not self.excursion.helps)
        return self.roughened(x, report)

    def is_near(self, report: Audit, taken: int) -> bool:
        """Tell whether no more is left to gain than was asked, or than can be seen; also true of a possible saddle."""
        if report.bend < 0:
            return True
        asked = self.goal.asked
        foretold = report.left <= EXACT and report.modes is not None and report.modes.foretold
        within = report.decrement <= report.floor or (foretold and report.decrement <= asked)
        known = report.unknown <= max(asked, self.excursion.unseen(self.anchor), report.floor)
        return within and known and not (taken and self.goal.missed(report))

    def audited(self, x: np.ndarray, reach: np.ndarray | None) -> Audit | None:
        """Return an audit of a point, and count what it costs."""
        solver = self.solver
        self.excursion.meter.aside += cost_of_audit(solver.objective)
        return audit(solver.objective, x, solver.start, solver.sign, solver.box, reach, self.exact)

    def doubts(self, report: Audit) -> bool:
        """Tell whether the Hessian by differences says too little, and traced code may say more."""
        objective = self.solver.objective
        if self.exact or not self.excursion.helps or objective.compiled is None or objective.kind != "traced":
            return False
        if not self.excursion.affords(2 * cost_of_audit(objective)):
            return False
        return report.bend < 0 or report.unknown > self.excursion.unseen(self.anchor)

    def stepped(self, x: np.ndarray, report: Audit) -> tuple[Audit, int]:
        """Take Newton's steps by one Hessian while each leaves a quarter of what is to gain, or less.

        Return the audit of the point that they lead to, and how many were taken.
        """
        taken, value, gradient, slack = 0, self.excursion.best_value, None, report.floor
        if not self.excursion.helps or report.modes is None or report.bend < 0:
            return report, taken
        while taken < MOST_CHORDS and report.decrement > 0 and self.excursion.goes_on():
            if taken > 1 and self.is_near(report, taken) and report.decrement <= self.goal.asked:
                break
            assert report.step is not None
            new = self.excursion.inside(x + report.step)
            if self.excursion.is_rounding(x, report.step) or np.array_equal(new, x):
                break
            seen, slope = self.excursion.slope(new)
            if not np.all(np.isfinite(slope)):
                break
            ahead = report.at(slope)
            if not ahead.decrement <= CONTRACTED * report.decrement:
                break
            if seen > value + slack:
                # If large terms cancel in f, its rounding is larger than its value suggests: measure it.
                slack = max(slack, self.excursion.noise(x))
            if not seen <= value + slack:
                break
            x, value, gradient, report, taken = new, seen, slope, ahead, taken + 1
        if gradient is not None:
            detail = f"{taken} of Newton's steps by the Hessian" if taken > 1 else "a step of Newton's by the Hessian"
            self.excursion.go_on(x, "newton", detail, known=(value, gradient))
            assert report.modes is not None
            # The gradient is rounded by the size of the new point.
            size = np.maximum(np.abs(x), self.excursion.least)
            rounding = rounding_of(report.modes.hessian, size, self.solver.objective.precision)
            report = replace(report, modes=report.modes.roughened(rounding))
        return report, taken

    def stretched(self, x: np.ndarray, before: np.ndarray, report: Audit) -> bool:
        """Take a longer step where Newton's are each a part q of the one before, as they add up to step / (1 - q).

        They do so where the curvature is 0 at the minimum: for the p-th power q = (p - 2) / (p - 1). Down an
        exponential q is 1, and the way is followed as far as f falls along it.
        """
        if report.step is None or not self.excursion.helps or not self.excursion.goes_on():
            return False
        size = self.excursion.size(x)
        first, second = before / size, report.step / size
        lengths = float(np.linalg.norm(first)), float(np.linalg.norm(second))
        q = lengths[1] / lengths[0] if lengths[0] else math.inf
        if not (q > LEAST_Q and first @ second > STRAIGHT * lengths[0] * lengths[1]):
            return False
        longer = 1 / (1 - q) if q < MOST_Q else self.farthest(x, report.step)
        new = self.excursion.inside(x + longer * report.step)
        value, gradient = self.excursion.slope(new)
        if not (value < self.excursion.best_value and np.all(np.isfinite(gradient))):
            return False
        detail = "a step of Newton's, made longer as the last ones went the same way"
        self.excursion.go_on(new, "newton", detail, known=(value, gradient))
        return True

    def farthest(self, x: np.ndarray, step: np.ndarray) -> float:
        """Return how many times a step may be taken at once: twice as many as long as f falls."""
        times, value = 1.0, self.excursion.best_value
        while times < MOST_TIMES and (new := self.excursion.value(x + 2 * times * step)) < value:
            times, value = 2 * times, new
        return times

    def roughened(self, x: np.ndarray, report: Audit | None) -> Audit | None:
        """Return the audit by the rounding that the gradient shows a few roundings of the point away."""
        if report is None or report.modes is None or not self.excursion.helps or not self.excursion.goes_on():
            return report
        modes, signs = report.modes, np.where(np.arange(x.size) % 2, -1.0, 1.0)
        way = ROUGH * self.solver.objective.precision * self.excursion.size(x) * signs
        seen = self.excursion.gradient(x + way) - modes.gradient - modes.hessian @ way
        return replace(report, modes=modes.roughened(2 * np.abs(seen))) if np.all(np.isfinite(seen)) else report
