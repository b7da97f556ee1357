"""Newton steps where a descent stops, until rounding errors hide the gain; and probes during a slow descent."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from steepest.descent.plan import EARLY, FEW_VARIABLES
from steepest.descent.verdict.audit import FLOORS, Audit, audit, auditable, cost_of_audit, rounding_of
from steepest.descent.verdict.escape import inverse_curvatures
from steepest.descent.verdict.evaluator import Evaluator
from steepest.descent.verdict.goal import Goal
from steepest.descent.verdict.modes import NARROW

# The most Newton steps with one Hessian; the largest share of the gain that each may leave; and the largest share that
# a step leaves if the Hessian is right. Chosen, not measured: a larger CONTRACTED takes more steps for each Hessian.
MOST_CHORDS, CONTRACTED, EXACT = 8, 0.25, 1e-4
# The most Hessians of one polish, for few variables and for many. Chosen, not measured: each Hessian costs gradients.
ROUNDS, FEW_ROUNDS = 12, 3
# After a Newton step that failed, the next Hessian comes from differences over this share of the step: the curvature
# may have changed over the whole step. Chosen, not measured.
REACH = 0.1
# A Hessian from a point that was farther away than this multiple of the size of the new one, or than its own size, is
# measured again there. Chosen, not measured: starts are seldom so far off that it matters, and one more Hessian costs
# little.
REMOTE = 1e3
# Newton steps towards a minimum without curvature have the same direction, and each is q times as long as the one
# before: q = 1/2 for |x|³, 2/3 for x⁴. A step is made longer if q exceeds LEAST_Q and the cosine between two steps
# exceeds STRAIGHT. If q is at least MOST_Q, as down an exponential, at most about MOST_TIMES steps are taken at once.
# Chosen, not measured: with a lower LEAST_Q or STRAIGHT, more steps are made longer that should not be.
LEAST_Q, MOST_Q, STRAIGHT, MOST_TIMES = 0.3, 0.97, 0.99, 1e6
# The gradient is computed again at this distance, in rounding errors of the point, to measure its rounding error.
# Chosen, not measured: much closer to the point, both gradients may have the same rounding error, and their difference
# would not show the error.
ROUGH = 8
# The first probe of n variables comes after PATIENCE · (n + 10) iterations. Chosen, not measured: an earlier probe
# costs more than it saves on easy problems, a later probe leaves a slow descent alone for longer.
PATIENCE = 4


class Polish:
    """Computes the Hessian at the best point, and takes Newton steps if the rules are not the user's.

    Attributes
    ----------
    anchor : float
        The value at the last audit.
    exact : bool
        Whether Hessians come from traced code, because differences were too inaccurate.
    """

    def __init__(self, evaluator: Evaluator, goal: Goal) -> None:
        self.evaluator, self.goal, self.solver = evaluator, goal, evaluator.solver
        self.anchor, self.exact = self.solver.status.first_value, False

    def __call__(self) -> Audit | None:
        """Take Newton steps from the best point as long as they help; return the audit of the point that they reach."""
        report = self.descended()
        self.anchor = self.evaluator.best_value
        return report

    def ahead(self) -> None:
        """Take Newton steps from the best point with a few Hessians, as long as much is left to gain."""
        for _ in range(FEW_ROUNDS):
            x = self.evaluator.best
            report = self.audited(x, None) if self.evaluator.affords(cost_of_audit(self.solver.objective)) else None
            if report is None:
                break
            report, taken = self.stepped(x, report)
            descent = self.solver.status.first_value - self.evaluator.best_value
            if not taken or report.decrement <= EARLY * descent:
                break

    def descended(self) -> Audit | None:
        """Take Newton steps with one Hessian after another; return the audit of the point that they reach."""
        evaluator = self.evaluator
        x = evaluator.best
        report = wide = before = reach = None
        for _ in range(ROUNDS if x.size <= FEW_VARIABLES else FEW_ROUNDS):
            new = self.audited(x, reach)
            if new is None:
                break
            if before is not None and self.stretched(x, before, new):
                before, report, wide, x = None, None, None, evaluator.best
                continue
            if self.doubts(new):
                self.exact = True
                continue
            report, taken = self.stepped(x, new)
            if wide is not None and not taken:
                # The Hessian over a shorter distance allowed no step: return the audit over the longer distance.
                return wide
            left, x = x, evaluator.best
            near = self.is_near(report, taken) and not (taken and self.is_remote(left, x, reach))
            affords = evaluator.has_full_help and evaluator.affords(cost_of_audit(self.solver.objective))
            if near and not taken and affords:
                report = report.checked_close(x, evaluator.grad, evaluator.size(x))
            wide = report if report.curvature_changes else None
            tested = taken > 0 or not evaluator.is_long(x, report.step)
            report = replace(report, holds=not evaluator.has_full_help or (near and tested))
            if not affords or (near and wide is None) or not (near or taken or reach is None):
                break
            # The curvature may change over the step of the differences: take a shorter step for the next Hessian.
            assert report.step is not None
            reach = NARROW * evaluator.size(x) if wide else REACH * np.abs(report.step)
            before = new.step if taken == 1 else None
        if report is None and (report := self.audited(x, reach)) is not None:
            # No step has tested yet whether this Hessian is right as far as the minimum.
            report = replace(report, holds=not evaluator.has_full_help)
        return self.with_rounding(x, report)

    def is_near(self, report: Audit, taken: int) -> bool:
        """Tell whether the gain left is as small as asked, or hidden by rounding; also true at a possible saddle."""
        if report.negative_curvature < 0:
            return True
        asked = self.goal.asked
        predicted = report.remaining <= EXACT and report.modes is not None and report.modes.predicted
        within = report.decrement <= report.floor or (predicted and report.decrement <= asked)
        known = report.unknown_gain <= max(asked, self.evaluator.rounding_since(self.anchor), report.floor)
        return within and known and not (taken and self.misses(report))

    def is_remote(self, left: np.ndarray, x: np.ndarray, reach: np.ndarray | None) -> bool:
        """Tell whether the Hessian that led to x was measured so far away, or so widely, that it says nothing at x."""
        objective, size = self.solver.objective, self.evaluator.size(x)
        if objective.quadratic:
            return False
        scale, move = objective.scales(left, self.solver.start), np.abs(x - left)
        wide = scale * objective.precision ** (1 / 3) if reach is None else reach
        return bool(np.any(move > REMOTE * size) or np.any(move > scale) or np.any(wide > size))

    def misses(self, report: Audit) -> bool:
        """Tell whether x or the gradient misses the accuracy asked; if none was asked, no error is computed."""
        return bool(self.goal.budget.accuracy) and bool(self.goal.missed(report.error))

    def audited(self, x: np.ndarray, reach: np.ndarray | None) -> Audit | None:
        """Return an audit of a point, and count its cost."""
        solver = self.solver
        self.evaluator.meter.judged += cost_of_audit(solver.objective)
        return audit(solver.objective, x, solver.start, solver.sign, solver.box, reach, self.exact)

    def doubts(self, report: Audit) -> bool:
        """Tell whether the Hessian by differences is too inaccurate while the Hessian of traced code is available."""
        objective = self.solver.objective
        if self.exact or not self.evaluator.has_full_help or objective.compiled is None or objective.kind != "traced":
            return False
        if not self.evaluator.affords(2 * cost_of_audit(objective)):
            return False
        return report.negative_curvature < 0 or report.unknown_gain > self.evaluator.rounding_since(self.anchor)

    def stepped(self, x: np.ndarray, report: Audit) -> tuple[Audit, int]:
        """Take Newton steps with one Hessian while each leaves at most a quarter of the gain.

        Return the audit of the point that they reach, and the number of steps.
        """
        evaluator = self.evaluator
        taken, value, gradient, slack = 0, evaluator.best_value, None, report.floor
        if not evaluator.has_full_help or report.modes is None or report.negative_curvature < 0:
            return report, taken
        before, hidden, error = value, report.modes.hidden_gain, None
        while taken < MOST_CHORDS and report.decrement > 0 and evaluator.can_continue():
            if taken > 1 and self.is_near(report, taken) and report.decrement <= self.goal.asked:
                break
            assert report.step is not None
            new = evaluator.clip(x + report.step)
            if evaluator.is_rounding(x, report.step) or np.array_equal(new, x):
                break
            new_value, new_gradient = evaluator.value_and_grad(new)
            if not np.all(np.isfinite(new_gradient)):
                break
            new_error = self.slope_error(new, report)
            after = report.after_step(new_gradient)
            if not after.decrement <= CONTRACTED * report.decrement:
                break
            if new_value > value + slack:
                # If large terms cancel in f, its rounding error is larger than its value suggests: measure the error.
                slack = max(slack, evaluator.noise(x))
            if not new_value <= value + slack:
                break
            x, value, gradient, report, taken = new, new_value, new_gradient, after, taken + 1
            error = new_error
        if gradient is not None:
            detail = f"{taken} Newton steps by the Hessian" if taken > 1 else "a Newton step by the Hessian"
            evaluator.restart_at(x, "newton", detail, known=(value, gradient))
            assert report.modes is not None
            # The rounding error of the gradient grows with the size of the point.
            size = np.maximum(np.abs(x), evaluator.least)
            rounding = rounding_of(report.modes.hessian, size, self.solver.objective.precision)
            # That of the value shrinks with the value, which may have been huge before the steps.
            floor = max(report.floor - self.value_floor(before) + self.value_floor(value), self.value_floor(value))
            modes = report.modes
            if error is not None and np.all(np.isfinite(error)):
                # So do the errors of differences.
                floor, modes = max(floor - hidden, self.value_floor(value)), modes.with_changes(gradient_error=error)
                floor += min(hidden, modes.hidden_gain)
            report = replace(report, floor=floor, modes=modes.with_gradient_error(rounding))
        return report, taken

    def slope_error(self, x: np.ndarray, report: Audit) -> np.ndarray | None:
        """Return the error of the gradient at a point; by differences, also half of a jump nearby."""
        objective = self.solver.objective
        error = objective.slope_error(x)
        if objective.differences is None or error is None or report.modes is None:
            return error
        return np.maximum(error, objective.differences.secants(x).jumps(np.diag(report.modes.hessian)))

    def value_floor(self, value: float) -> float:
        """Return the part of the floor of an audit that comes from the rounding of the value."""
        return FLOORS * self.solver.objective.relative_noise * abs(value)

    def stretched(self, x: np.ndarray, before: np.ndarray, report: Audit) -> bool:
        """Take a longer step if each Newton step is q times as long as the one before: their sum is step / (1 - q).

        Newton steps shrink in this way if the curvature is 0 at the minimum: for the p-th power q = (p - 2) / (p - 1).
        Down an exponential q is 1, and the direction is followed as far as f falls. Return whether the step was taken.
        """
        evaluator = self.evaluator
        if report.step is None or not evaluator.has_full_help or not evaluator.can_continue():
            return False
        size = evaluator.size(x)
        first, second = before / size, report.step / size
        lengths = float(np.linalg.norm(first)), float(np.linalg.norm(second))
        q = lengths[1] / lengths[0] if lengths[0] else math.inf
        if not (q > LEAST_Q and first @ second > STRAIGHT * lengths[0] * lengths[1]):
            return False
        longer = 1 / (1 - q) if q < MOST_Q else self.farthest(x, report.step)
        new = evaluator.clip(x + longer * report.step)
        value, gradient = evaluator.value_and_grad(new)
        if not (value < evaluator.best_value and np.all(np.isfinite(gradient))):
            return False
        detail = "a Newton step, made longer because the step before had the same direction"
        evaluator.restart_at(new, "newton", detail, known=(value, gradient))
        return True

    def farthest(self, x: np.ndarray, step: np.ndarray) -> float:
        """Return how many steps to take at once: the number is doubled as long as f falls."""
        times, value = 1.0, self.evaluator.best_value
        while times < MOST_TIMES and (new := self.evaluator.value(x + 2 * times * step)) < value:
            times, value = 2 * times, new
        return times

    def with_rounding(self, x: np.ndarray, report: Audit | None) -> Audit | None:
        """Return the audit with the rounding error of the gradient, measured a few rounding errors away from x."""
        evaluator = self.evaluator
        if report is None or report.modes is None or not evaluator.has_full_help or not evaluator.can_continue():
            return report
        modes, signs = report.modes, np.where(np.arange(x.size) % 2, -1.0, 1.0)
        move = ROUGH * self.solver.objective.precision * evaluator.size(x) * signs
        if self.solver.box is not None:
            move = np.where(self.solver.box.fixed, 0.0, move)
        error = evaluator.grad(x + move) - modes.gradient - modes.hessian @ move
        if not np.all(np.isfinite(error)):
            return report
        return replace(report, modes=modes.with_gradient_error(2 * np.abs(error)))


class Probes:
    """Probes the curvature during a slow descent: the first probe rescales coordinates, later ones take Newton steps.

    Attributes
    ----------
    after : float
        The iteration after which the next probe comes. The number doubles with each probe, so that all probes cost no
        more than the descent does.
    """

    def __init__(self, evaluator: Evaluator, polish: Polish, allowed: bool) -> None:
        self.evaluator, self.polish, self.objective = evaluator, polish, evaluator.solver.objective
        first = PATIENCE * (evaluator.start.size + 10)
        self.first = self.after = first if allowed and auditable(self.objective) else math.inf

    def __call__(self) -> None:
        """Make the probe that is due."""
        is_first, self.after = self.after == self.first, 2 * self.after
        if not self.evaluator.affords(cost_of_audit(self.objective)):
            return
        if is_first:
            self.rescale()
        else:
            self.polish.ahead()

    def rescale(self) -> None:
        """Measure the curvature of each coordinate; if the curvatures differ, continue with scaled coordinates."""
        objective, x = self.objective, self.evaluator.best
        if not self.evaluator.affords((2 * x.size + 1) * objective.cost):
            return
        steps = objective.scales(x, self.evaluator.start) * objective.precision ** (1 / 3)
        box = self.evaluator.solver.box
        free = np.arange(x.size) if box is None else np.flatnonzero(~box.fixed)
        found = inverse_curvatures(lambda x: objective.slope(x)[1], x, steps, free)
        self.evaluator.meter.judged += 2 * free.size * objective.cost
        scale = None if found is None else np.ones(x.size)
        if scale is not None:
            scale[free] = found
        if scale is not None:
            factor = scale.max() / scale.min()
            detail = f"the curvatures of coordinates differ {factor:.2g}-fold: the descent continues in scaled ones"
            self.evaluator.restart_at(x, "probe", detail, scale)
