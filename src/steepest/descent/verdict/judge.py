"""The judge of a point where a descent rests: how the run ended, or how the descent goes on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.derivatives.differences import EPS, scale_of
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.ending import Ending
from steepest.descent.log import Log
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.solver import Solver
from steepest.descent.loop.state import RUNNING, STALLED
from steepest.descent.meter import Meter
from steepest.descent.plan import Help, Plan
from steepest.descent.verdict.audit import Audit, auditable, cost_of_audit
from steepest.descent.verdict.escape import Left, Tail, along_ray, along_ridge, bends_down, by_newton, scales
from steepest.descent.verdict.estimate import Estimate
from steepest.descent.verdict.excursion import Excursion
from steepest.descent.verdict.goal import Goal
from steepest.descent.verdict.kink import WIDEST, settle
from steepest.descent.verdict.plateau import described, rises
from steepest.descent.verdict.polish import Polish
from steepest.trace import Certificate, Outcome

MOST_AUDITS = 24
MOST_POLISHED = 8
PATIENCE = 4
# A function whose values scatter by such a part of their size is noisy, and not only rounded.
NOISY = 1e-12
# How much nearer the descent goes on where a wish is not met, and the last tolerance before it goes on to rounding.
SHARPER, FINEST = 1e-4, 1e-20
# A Newton step longer than this part of the point, where hardly anything is left to gain, may lead to infinity.
LONG = 1e-3
# How much farther than the start a point must lie to have been driven there, and the first step on the ray to it.
DRIVEN, FIRST = 1e6, 4.0**-8
# The part of a value that planes at a kink may leave to gain, where no tolerance was asked for.
AT_KINK = 1e-8
# How often a kink is looked for, at most, and where it is only suspected; after how many audits without an end it is.
MOST_LOOKS, MOST_KINKS, STEADY_AUDITS = 8, 3, 2


class Judge:
    """Judges a descent by certificates, audits and values, whose cost it counts, and helps it on.

    Where the rules are the user's it only judges.
    """

    def __init__(self, solver: Solver, plan: Plan, start: np.ndarray, meter: Meter, log: Log) -> None:
        self.solver, self.plan, self.start, self.meter, self.log = solver, plan, start, meter, log
        self.excursion = Excursion(solver, start, plan.help is Help.FULL, meter, log)
        self.helps = self.excursion.helps
        self.goal = Goal(plan.budget, plan.view, self.excursion)
        self.polish, self.estimate = Polish(self.excursion, self.goal), Estimate(self.excursion, self.goal)
        self.audits = self.polished = self.kinks = 0
        probes = plan.help and plan.rules.learns and auditable(solver.objective)
        self.first_probe = self.probe_after = PATIENCE * (start.size + 10) if probes else math.inf

    def known(self) -> dict[str, Any]:
        """Return what the judge knows, by the names that a `Checkpoint` keeps it under."""
        polish, cost = self.polish, self.meter.aside
        counts = {"audits": self.audits, "polished": self.polished, "kinks": self.kinks, "cost": cost}
        return counts | {"anchor": polish.anchor, "exact": polish.exact, "probe_after": self.probe_after}

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on with what was known at a checkpoint."""
        self.audits, self.polished, self.kinks = checkpoint.audits, checkpoint.polished, checkpoint.kinks
        self.polish.anchor, self.polish.exact = checkpoint.anchor, checkpoint.exact
        self.probe_after, self.meter.aside = checkpoint.probe_after, checkpoint.cost

    def probe(self) -> None:
        """Look at the curvature where the descent is slow: of each coordinate at first, later for Newton's steps.

        The next look comes after twice as many iterations, so that all looks cost no more than the descent does.
        """
        first, self.probe_after = self.probe_after == self.first_probe, 2 * self.probe_after
        if not self.excursion.affords(cost_of_audit(self.solver.objective)):
            return
        if first:
            self.even_out()
        else:
            self.polish.ahead()

    def even_out(self) -> None:
        """Look at the curvature of each coordinate, and go on in coordinates in which they are alike."""
        objective, x = self.solver.objective, self.excursion.best
        if not self.excursion.affords((2 * x.size + 1) * objective.cost):
            return
        steps = objective.scales(x, self.excursion.start) * objective.precision ** (1 / 3)
        found = scales(lambda x: objective.slope(x)[1], x, steps)
        self.meter.aside += 2 * x.size * objective.cost
        if found is not None:
            unlike = f"the curvatures of coordinates differ {found.max() / found.min():.2g}-fold, which is made up for"
            self.excursion.go_on(x, "probe", unlike, found)

    # Far from a minimum slopes and curvatures may overflow.
    @np.errstate(all="ignore")
    def examined(self, code: int) -> Ending | None:
        """Judge a point that looks like a minimum: how the run ended there, or None where it goes on."""
        objective = self.solver.objective
        x = self.excursion.best
        bound = self.certified(x, code)
        if bound is not None:
            self.audits += 1
            self.meter.aside += bound.cost
            return self.judged(code, x, Audit.of(bound), "certified")
        if not auditable(objective):
            return self.estimated(code)
        if not self.meter.affords(cost_of_audit(objective)):
            facts = f"{self.meter.spent:,} values taken, and too few are left to look at the curvature"
            return Ending(Outcome.EVALUATION_LIMIT, facts)
        self.audits += 1
        report = self.polish()
        if report is None:
            return self.estimated(code)
        return self.judged(code, self.excursion.best, report, "certified" if objective.quadratic else "audited")

    def judged(self, code: int, x: np.ndarray, report: Audit, kind: str) -> Ending | None:
        """Judge a point by what is known of the Hessian there."""
        certificate = self.certificate(kind, report)
        if report.endless:
            return Ending(Outcome.NO_FINITE_OPTIMUM, report.endless)
        if kind == "audited" and (ending := self.endless(x, report)):
            return ending
        if report.is_saddle:
            return self.off_the_ridge(x, report, certificate)
        if report.is_flat and not rises(self.excursion.value, x, self.excursion.best_value, self.excursion.size(x)):
            return self.flat(x)
        near = report.holds and report.decrement <= certificate.tolerance and not self.goal.missed(report)
        if near and (kind == "certified" or self.convinces(report)):
            return self.near(x, report, certificate)
        return self.onward(code, x, report, certificate)

    def convinces(self, report: Audit) -> bool:
        """Tell whether the gap, but for what rounding of the gradient adds to it, is as small as that of a minimum."""
        gap = report.gap - report.hidden
        return gap <= max(self.goal.asked, report.floor) or self.excursion.tells(gap)

    def certificate(self, kind: str, report: Audit) -> Certificate:
        """Return what a report says of the answer, beside what was asked for."""
        error, gap = () if report.error is None else tuple(map(float, report.error)), report.gap
        # A gap that is wider than the decrement is all that can be said where the curvature vanishes.
        asked = max(self.goal.asked if math.isfinite(self.goal.asked) else gap, report.floor, gap - report.decrement)
        return Certificate(kind, gap, asked, report.curvature, error)

    def endless(self, x: np.ndarray, report: Audit) -> Ending | None:
        """Say that there is no minimum where f falls for ever on the way that the descent was on."""
        if report.step is not None and np.any(np.abs(report.step) > LONG * np.maximum(np.abs(x), self.excursion.least)):
            left = along_ray(self.excursion.value, x, self.excursion.best_value, report.step, 0.0)
            if left.endless:
                return self.without_end(left)
        far = np.any(np.abs(x) > DRIVEN * np.maximum(np.abs(self.start), 1.0))
        return self.far_out() if far or report.is_flat else None

    def far_out(self) -> Ending | None:
        """Say what becomes of the value on the rays that the descent followed, where it never turns up on one.

        They begin on the way, as near the end rounding may hide how the value fell.
        """
        status = self.solver.status
        trace = self.log.trace()
        if trace.x.shape[1] != self.start.size or not len(trace):
            return None
        for row in {0, len(trace) // 2}:
            start, value = self.plan.view.inward(trace.x[row]), self.solver.sign * float(trace.value[row])
            way = status.best_x - start
            if np.any(way):
                left = along_ray(self.excursion.value, start, value, way * FIRST, 0.0)
                if left.endless:
                    return self.without_end(left)
        return None

    def without_end(self, left: Left) -> Ending:
        """Say that f falls for ever, and whether that is towards a limit."""
        falls, value = self.falls, f"{self.solver.sign * left.value:.6g}"
        if left.tail is Tail.FALLS:
            return Ending(Outcome.UNBOUNDED, f"the value {falls} without end: it is {value} far out, and still {falls}")
        if left.tail is Tail.LEVELS:
            facts = f"the value {falls} towards {value} as the point goes to infinity, and never gets there"
        else:
            facts = f"the value still {falls}, ever more slowly, as far out as it was followed, to {value}"
        return Ending(Outcome.NO_FINITE_OPTIMUM, f"{facts}; no point is best: add a penalty, or bounds=")

    def flat(self, x: np.ndarray) -> Ending:
        """Say what kind of flatness it is."""
        status = self.solver.status
        values = status.best_value, status.first_value
        size = scale_of(x, self.start)
        noise = self.solver.objective.relative_noise
        facts = described(self.excursion.value, x, size, *values, self.solver.sign, noise)
        return Ending(Outcome.FLAT, facts)

    def off_the_ridge(self, x: np.ndarray, report: Audit, certificate: Certificate) -> Ending | None:
        """Leave a saddle along its negative curvature, where that leads to a lower point."""
        value = self.excursion.best_value
        # From an edge of the box the way leads to one side alone, and no second difference can be had.
        if report.way is not None and not bends_down(self.excursion.value, x, value, report.way, report.floor):
            return self.unconfirmed(x, certificate)
        facts = f"the slope is flat, but the curvature is {report.smallest:.3g} along one direction"
        left = self.leave(along_ridge, x, report.way, report.floor)
        if left.x is not None:
            self.excursion.go_on(left.x, "saddle", f"{facts}: the descent leaves along it")
            return None
        if left.endless:
            facts += f", along which the value {self.falls} without end"
        return Ending(Outcome.SADDLE, facts, replace(certificate, gap=math.nan, x_error=()))

    def unconfirmed(self, x: np.ndarray, certificate: Certificate) -> Ending | None:
        """Judge a point whose Hessian has a negative eigenvalue that plain values do not confirm: a kink, or noise."""
        return self.far_out() or self.at_kink(x, lambda: self.stalled(replace(certificate, kind="none")))

    def at_kink(self, x: np.ndarray, otherwise: Callable[[], Ending | None]) -> Ending | None:
        """Judge a point as the minimum at a kink; where it is none, go on from a lower one, or end `otherwise`."""
        ending = self.by_planes(x)
        return ending or (otherwise() if np.array_equal(x, self.excursion.best) else None)

    def by_planes(self, x: np.ndarray) -> Ending | None:
        """Look for the minimum at a kink by planes; None where there is none."""
        unfit = x.size > WIDEST or self.solver.box is not None or self.kinks >= MOST_LOOKS
        if not self.helps or unfit or self.meter.done:
            return None
        self.kinks += 1
        value, size, asked = self.excursion.best_value, self.excursion.size(x), self.goal.asked
        rounding = 4 * self.solver.objective.relative_noise * abs(value)
        enough = max(asked, rounding) if math.isfinite(asked) else rounding
        gradient = self.excursion.gradient(x)
        if not np.all(np.isfinite(gradient)):
            return None

        def slope(x: np.ndarray) -> tuple[float, np.ndarray]:
            return self.excursion.slope(x) if self.excursion.goes_on() else (math.nan, np.full(x.size, math.nan))

        found = settle(slope, x, value, gradient, size, enough)
        if found.value < value and (found.kinked or found.value < value - self.excursion.noise(x)):
            detail = "the planes of slopes around a kink lead to a lower point"
            self.excursion.go_on(found.x, "kink", detail, known=found[1:3])
        if not found.kinked or not math.isfinite(found.gap):
            return None
        spread = EPS * float(np.abs(found.gradient) @ size)
        certificate = Certificate("audited", found.gap, max(enough, AT_KINK * abs(found.value), 64 * spread))
        if found.gap <= certificate.tolerance and (missed := self.goal.missed()):
            return Ending(Outcome.STALLED, f"the minimum lies at a kink: {missed}, which can't be told there")
        if found.gap <= certificate.tolerance:
            facts = (
                f"the value is within {_gap(found.gap)} of the {self.extreme}, which lies at a kink: "
                "the slopes around it cancel"
            )
            return Ending(Outcome.CONVERGED, facts, certificate)
        facts = (
            "the function has a kink here, where slopes and curvature tell nothing; planes around it leave up to "
            f"{_gap(found.gap)} to gain"
        )
        return Ending(Outcome.STALLED, facts, Certificate(tolerance=certificate.tolerance))

    def near(self, x: np.ndarray, report: Audit, certificate: Certificate) -> Ending | None:
        """Say that the run has converged, unless values contradict the audit."""
        sure = self.plan.help or self.solver.objective.kind != "differences"
        left = self.lower(x, report, certificate.tolerance) if certificate.kind == "audited" and sure else Left(None)
        if left.endless:
            return self.without_end(left)
        value = self.excursion.best_value
        if left.x is not None and (noise := self.excursion.noise(x)) < value - left.value:
            if not self.plan.help or self.meter.done or self.audits >= MOST_AUDITS:
                return self.stalled(certificate)
            self.excursion.go_on(left.x, "audit", "a lower value lies near: the descent goes on from there")
            if self.excursion.best_value < value:
                return None
            # Compiled code rounds in its own way, and sees no lower value there.
            noise = value - left.value
        if left.x is not None:
            certificate = replace(certificate, tolerance=max(certificate.tolerance, noise))
        return Ending(Outcome.CONVERGED, self.within(certificate), certificate)

    def within(self, certificate: Certificate) -> str:
        """Say how near the answer is."""
        gap = f"the value is within {_gap(certificate.gap)} of the {self.extreme}"
        if math.inf > self.goal.asked >= certificate.tolerance > 0:
            return f"{gap}, {_gap(certificate.tolerance)} was asked"
        if self.plan.budget.wishes:
            return f"{gap}, as near as was asked"
        objective = self.solver.objective
        if objective.precision > EPS:
            return f"{gap}: rounding in single or half precision hides the rest"
        return (
            f"{gap}: {'the noise of the function' if objective.relative_noise > NOISY else 'rounding'} hides the rest"
        )

    def onward(self, code: int, x: np.ndarray, report: Audit, certificate: Certificate) -> Ending | None:
        """Go on from a point that is no minimum yet, unless it lies at a kink."""
        if self.suspects(code, x, report):
            return self.at_kink(x, lambda: self.go_nearer(code, x, report, certificate))
        return self.go_nearer(code, x, report, certificate)

    def go_nearer(self, code: int, x: np.ndarray, report: Audit, certificate: Certificate) -> Ending | None:
        """Go on by a step of Newton's from where the descent stalls, else as it was."""
        hidden = report.decrement <= report.floor
        if code == STALLED or hidden:
            left = self.leave(by_newton, x, report.step, report.floor)
            if left.x is None:
                return self.rests(x, report, certificate)
            self.excursion.go_on(left.x, "newton", f"{_left(report.decrement)}: a step by the Hessian")
            # A few such steps come to the end where one is near; elsewhere the descent is the better guide.
            self.polished += 1
            self.solver.mark(RUNNING if self.polished % MOST_POLISHED == 0 else STALLED)
            return None
        if self.plan.help and not self.meter.done and not np.array_equal(x, self.solver.status.x):
            # A trial that was rejected was the best so far: to go on from elsewhere would lead nowhere.
            detail = f"{_left(report.decrement)} at the best trial: the descent goes on from there"
            self.excursion.go_on(x, "audit", detail)
            return None
        sharper = min(0.1, certificate.tolerance / report.decrement) or 0.01
        # After many audits without a verdict, let the descent run to rounding before the next one.
        self.solver.tolerance *= sharper if self.audits < MOST_AUDITS else 0.0
        self.solver.mark(RUNNING)
        self.excursion.tell("audit", f"{_left(report.decrement)}: the descent goes on")
        return None

    def suspects(self, code: int, x: np.ndarray, report: Audit) -> bool:
        """Tell whether the point may lie at a kink: the descent makes no way, or beside it there is no curvature."""
        if not self.helps or self.kinks >= MOST_KINKS or not self.excursion.goes_on():
            return False
        if code == STALLED or self.audits == STEADY_AUDITS:
            return self.kinks == 0
        return report.beside(x, self.excursion.gradient, self.excursion.size(x)).vanishes

    def rests(self, x: np.ndarray, report: Audit, certificate: Certificate) -> Ending | None:
        """Say why no step leads on: the noise of f hides what is left, or a kink, or something unknown."""
        if report.decrement <= certificate.tolerance and (missed := self.goal.missed(report)):
            return Ending(Outcome.STALLED, f"{missed}: rounding hides more", certificate)
        if self.helps:
            noise = self.excursion.noise(x)
            hidden = max(report.decrement, report.unknown) <= noise and self.excursion.tells(noise)
            if hidden and not self.goal.missed(report):
                certificate = replace(certificate, tolerance=max(certificate.tolerance, noise))
                return Ending(Outcome.CONVERGED, self.within(certificate), certificate)
            return self.far_out() or self.at_kink(x, lambda: self.stalled(certificate))
        return self.stalled(certificate)

    def leave(self, by: Callable[..., Left], x: np.ndarray, way: np.ndarray | None, least: float) -> Left:
        """Look for a lower point from one where the descent rests, if its rules were not the user's."""
        if not self.plan.help or way is None or self.audits >= MOST_AUDITS or self.meter.done:
            return Left(None)
        return by(self.excursion.value, x, self.excursion.best_value, way, least)

    def lower(self, x: np.ndarray, report: Audit, bound: float) -> Left:
        """Look for values that contradict the audit: along Newton's step, and where there is hardly any curvature."""
        value = self.excursion.best_value
        for way in (report.step, *report.soft):
            # A shorter step was put to the test by the gradient at its end.
            if way is not None and self.excursion.is_long(x, way):
                left = along_ridge(self.excursion.value, x, value, way, report.floor)
                if left.value < value - max(bound, 2 * report.decrement):
                    return left
        return Left(None)

    def certified(self, x: np.ndarray, code: int) -> Bound | None:
        """Return the certificate at a point; None if there is none and further steps could not bring one."""
        bound = self.solver.bound(x)
        if bound is None or math.isfinite(bound.gap) or bound.endless or not self.solver.objective.smooth:
            return bound
        return None if code == STALLED or self.audits + 1 >= MOST_AUDITS else bound

    def estimated(self, code: int) -> Ending | None:
        """Say how the run ended where no Hessian can be had."""
        status = self.solver.status
        if not np.any(status.gradient) and not status.iteration:
            return self.flat(self.excursion.best)
        certificate = self.estimate(code == STALLED)
        missed = _left(certificate.gap) if certificate.gap > certificate.tolerance else self.goal.missed()
        if not missed:
            return Ending(Outcome.CONVERGED, self.within(certificate), certificate)
        if code != STALLED and self.solver.tolerance:
            self.solver.tolerance *= SHARPER if self.solver.tolerance > FINEST else 0.0
            self.solver.mark(RUNNING)
            self.excursion.tell("audit", f"{missed}: the descent goes on")
            return None
        if certificate.gap <= certificate.tolerance:
            return Ending(Outcome.STALLED, f"{missed}: rounding hides more, or it can't be told here")
        return self.at_kink(self.excursion.best, lambda: self.stalled(certificate))

    def stalled(self, certificate: Certificate) -> Ending:
        """Say that no step lowers the value; how far the minimum lies is said only where it is proven."""
        if ending := self.meter.over(1 + self.solver.objective.cost):
            return ending
        facts = f"no step lowers the value, and how far the {self.extreme} lies can't be told from here"
        if certificate.kind == "certified" and math.isfinite(certificate.gap):
            facts = f"no step lowers the value, which is within {_gap(certificate.gap)} of the {self.extreme}"
        else:
            certificate = Certificate(tolerance=certificate.tolerance, curvature=certificate.curvature)
        optimum = getattr(self.plan.rules.step, "optimum", None)
        if optimum is not None and self.excursion.best_value <= optimum:
            facts = f"the optimum given, {self.solver.sign * optimum:g}, has been reached and is not the {self.extreme}"
        if self.solver.status.non_finite:
            facts += "; steps from here led to where the function is not finite, so the best may lie at that edge"
        return Ending(Outcome.STALLED, facts, certificate)

    @property
    def falls(self) -> str:
        return "falls" if self.solver.sign > 0 else "rises"

    @property
    def extreme(self) -> str:
        return "minimum" if self.solver.sign > 0 else "maximum"


def _gap(gap: float) -> str:
    return "rounding" if gap < 1e-300 else f"{gap:.2g}"


def _left(gap: float) -> str:
    return f"{gap:.2g} still to go" if math.isfinite(gap) else "no certificate yet"
