"""What is said of a point where a descent rests, and how the descent goes on where that is no minimum yet."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.derivatives.differences import EPS, least_size, scale_of
from steepest.derivatives.noise import noise_level
from steepest.descent.audit import Audit, audit, auditable, cost_of_audit, rounding_of
from steepest.descent.engine import Engine
from steepest.descent.kink import WIDEST, settle
from steepest.descent.leaving import Left, Tail, along_ray, along_ridge, bends_down, by_newton, scales
from steepest.descent.modes import NARROW
from steepest.descent.plateau import described
from steepest.descent.state import RUNNING, STALLED
from steepest.descent.verdict import Ending
from steepest.trace import Certificate, Event, Outcome

if TYPE_CHECKING:
    from steepest.descent.drive import Drive

MOST_AUDITS = 24
MOST_POLISHED = 8
PATIENCE = 4
# How far to move, in roundings of the point, to see how a gradient is rounded.
ROUGH = 8
# What is less than so many times the noise of f can't be told from nothing.
NOISES = 4.0
# How often a kink is looked for, and after how many audits without an end it is without another sign of one.
MOST_KINKS, STEADY_AUDITS = 3, 2
# Newton's steps with one Hessian: how many, what each must leave of the gain at the most, and what one leaves that
# shows the Hessian to be right.
MOST_CHORDS, CONTRACTED, EXACT = 8, 0.25, 0.02
# How many Hessians a point may be polished by, where one costs little and where it costs much.
ROUNDS, FEW_ROUNDS, FEW_VARIABLES = 12, 3, 20
# Where Newton's step fails, the curvature is looked at again over such a part of its length.
REACH = 0.1
# Newton's steps that are each such a part of the one before, in the same direction, are those towards a minimum
# without curvature.
LEAST_Q, MOST_Q, STRAIGHT = 0.3, 0.97, 0.99
# A Newton step longer than this part of the point, where hardly anything is left to gain, may lead to infinity.
LONG = 1e-3
# How much farther than the start a point must lie to have been driven there, and the first step on the ray to it.
DRIVEN, FIRST = 1e6, 4.0**-8
# The part of a value that planes at a kink may leave to gain, where no tolerance was asked for.
AT_KINK = 1e-8


class Judge:
    """Judges a descent by certificates, audits and values, whose cost it counts, and helps it on.

    Where the rules are the user's it only judges.
    """

    def __init__(self, drive: Drive) -> None:
        # In a circle the two, and the rows of a fit with them, would stay in memory until garbage is collected.
        self.drive, self.engine = weakref.proxy(drive), drive.engine
        self.audits = self.polished = self.kinks = self.cost = 0
        # The value at the last audit without an end, and whether the Hessian comes from traced code since.
        self.anchor, self.exact = float(drive.engine.state.first_value), False
        self.least = least_size(drive.start)
        # Engines of fits have their own ways to come near.
        self.helps = drive.helped and type(drive.engine) is Engine
        probes = drive.helped and drive.rules.learns and auditable(self.engine.objective)
        self.probe_after = PATIENCE * (drive.start.size + 10) if probes else math.inf

    def probe(self) -> None:
        """Look at the curvature of each coordinate, and go on in coordinates in which they are alike."""
        self.probe_after = math.inf
        engine = self.engine
        if not self.drive.affords((2 * self.drive.start.size + 1) * engine.objective.cost):
            return
        x = np.asarray(engine.state.best_x)
        steps = engine.objective.scales(x, engine.start) * engine.objective.precision ** (1 / 3)
        found = scales(lambda x: engine.objective.slope(x)[1], x, steps)
        self.cost += 2 * x.size * engine.objective.cost
        if found is not None:
            unlike = f"the curvatures of coordinates differ {found.max() / found.min():.2g}-fold, which is made up for"
            self.go_on(x, "probe", unlike, found)

    def examined(self, code: int) -> Ending | None:
        """Judge a point that looks like a minimum: how the run ended there, or None where it goes on."""
        objective = self.engine.objective
        x = np.asarray(self.engine.state.best_x)
        report = self.certified(x, code)
        if report is not None:
            self.audits += 1
            self.cost += report.cost
            return self.judged(code, x, report, "certified")
        if not auditable(objective):
            return self.estimated(code)
        if not self.drive.affords(cost_of_audit(objective)):
            facts = f"{self.drive.spent():,} values taken, and too few are left to look at the curvature"
            return Ending(Outcome.EVALUATION_LIMIT, facts)
        self.audits += 1
        # Far from a minimum curvatures may overflow.
        with np.errstate(all="ignore"):
            report = self.looked_at(x)
        if report is None:
            return self.estimated(code)
        kind = "certified" if objective.quadratic else "audited"
        ending = self.judged(code, np.asarray(self.engine.state.best_x), report, kind)
        self.anchor = float(self.engine.state.best_value)
        return ending

    def judged(self, code: int, x: np.ndarray, report: Audit, kind: str) -> Ending | None:
        """Judge a point by what is known of the Hessian there."""
        certificate = self.certificate(kind, report)
        if report.endless:
            return Ending(Outcome.NO_FINITE_OPTIMUM, report.endless)
        if kind == "audited" and (ending := self.endless(x, report)):
            return ending
        if report.is_saddle:
            return self.off_the_ridge(x, report, certificate)
        if report.is_flat:
            return self.flat(x)
        if report.holds and report.decrement <= certificate.tolerance and not self.missed(report):
            return self.near(x, report, certificate)
        return self.onward(code, x, report, certificate)

    def certificate(self, kind: str, report: Audit) -> Certificate:
        """Return what a report says of the answer, beside what was asked for."""
        error = () if report.error is None else tuple(map(float, report.error))
        gap = report.decrement if report.gap is None else report.gap
        # A gap that is wider than the decrement is all that can be said where the curvature vanishes.
        asked = max(self.asked if math.isfinite(self.asked) else gap, report.floor, gap - report.decrement)
        return Certificate(kind, gap, asked, report.curvature, error)

    @property
    def asked(self) -> float:
        """What may be left to gain, in the units of f; 0 where the descent is to go on to rounding."""
        state, budget = self.engine.state, self.drive.budget
        scale = self.engine.objective.scale(float(state.first_value), float(state.best_value))
        by_descent = budget.tolerance * scale
        if not budget.wishes:
            return by_descent
        by_value = budget.wishes.value * abs(float(state.best_value)) if budget.wishes.value < math.inf else math.inf
        return min(by_descent or math.inf, by_value)

    def missed(self, report: Audit) -> str:
        """Return which wish of the user's the best point does not meet, or nothing."""
        wishes = self.drive.budget.wishes
        if not wishes:
            return ""
        error = () if report.error is None else tuple(map(float, report.error))
        return wishes.missed(error, self.drive.view.slope(self.slope(np.asarray(self.engine.state.best_x))[1]))

    def looked_at(self, x: np.ndarray) -> Audit | None:
        """Return an audit of the best point, after Newton's steps have brought it as near as they can."""
        report, wide = None, None
        before = reach = None
        for _ in range(ROUNDS if x.size <= FEW_VARIABLES else FEW_ROUNDS):
            new = self.audit(x, reach)
            if new is None:
                break
            if before is not None and self.stretch(x, before, new):
                before, report, wide, x = None, None, None, np.asarray(self.engine.state.best_x)
                continue
            if self.doubts(new):
                self.exact = True
                continue
            report, taken = self.polish(x, new)
            if wide is not None and not taken:
                # Over a shorter way nothing better can be had either.
                return wide
            x = np.asarray(self.engine.state.best_x)
            near = report.decrement <= (self.asked if report.left <= EXACT else 0.0) or report.decrement <= report.floor
            near = near and report.unknown <= max(self.asked, self.unseen, report.floor)
            near = (near and not (taken and self.missed(report))) or report.bend < 0
            affords = self.helps and self.drive.affords(cost_of_audit(self.engine.objective))
            if near and not taken and affords:
                report = report.beside(x, lambda x: self.slope(x)[1], self.size(x))
            wide = report if report.vanishes else None
            long = not taken and report.step is not None and self.is_long(x, report.step)
            report = replace(report, holds=not self.helps or (near and not long))
            if not affords or (near and not wide) or not (near or taken or reach is None):
                break
            # The curvature may change over less than the differences that it was had from.
            assert report.step is not None
            reach = NARROW * self.size(x) if wide else REACH * np.abs(report.step)
            before = new.step if taken == 1 else None
        return self.roughened(x, report or self.audit(x, reach))

    def roughened(self, x: np.ndarray, report: Audit | None) -> Audit | None:
        """Return an audit by the rounding that the gradient shows where the point moves by hardly more than its own."""
        if report is None or report.modes is None or not self.helps or not self.goes_on():
            return report
        modes = report.modes
        way = ROUGH * self.engine.objective.precision * self.size(x) * np.where(np.arange(x.size) % 2, -1.0, 1.0)
        seen = self.slope(x + way)[1] - modes.gradient - modes.hessian @ way
        return report.seen(modes.roughened(2 * np.abs(seen))) if np.all(np.isfinite(seen)) else report

    def audit(self, x: np.ndarray, reach: np.ndarray | None) -> Audit | None:
        """Return an audit of a point, and count what it costs."""
        engine = self.engine
        self.cost += cost_of_audit(engine.objective)
        return audit(engine.objective, x, engine.start, engine.sign, engine.box, reach, self.exact)

    def doubts(self, report: Audit) -> bool:
        """Tell whether the Hessian by differences says too little, and traced code may say more."""
        objective = self.engine.objective
        if self.exact or not self.helps or objective.compiled is None or objective.kind != "traced":
            return False
        if not self.drive.affords(2 * cost_of_audit(objective)):
            return False
        return report.bend < 0 or report.unknown > self.unseen

    @property
    def unseen(self) -> float:
        """How small a gain can't be seen any more in values as large as those on the way since the last audit."""
        value = float(self.engine.state.best_value)
        return EPS * max(abs(value), self.anchor - value)

    def size(self, x: np.ndarray) -> np.ndarray:
        """Return the size of each coordinate of a point, 1 where nothing tells it."""
        return np.maximum(np.abs(x), np.where(self.least > 0, self.least, 1.0))

    def stretch(self, x: np.ndarray, before: np.ndarray, report: Audit) -> bool:
        """Take a longer step where Newton's are each a part q of the one before: they add up to step / (1 - q).

        So they do where the curvature is 0 at the minimum: for the p-th power q = (p - 2) / (p - 1).
        """
        step, size = report.step, self.size(x)
        if step is None or not self.helps or not self.goes_on():
            return False
        first, second = before / size, step / size
        lengths = float(np.linalg.norm(first)), float(np.linalg.norm(second))
        q = lengths[1] / lengths[0]
        if not (LEAST_Q < q < MOST_Q and first @ second > STRAIGHT * lengths[0] * lengths[1]):
            return False
        new = x + step / (1 - q)
        value, gradient = self.slope(new if self.engine.box is None else np.clip(new, *self.engine.box))
        if not (value < float(self.engine.state.best_value) and np.all(np.isfinite(gradient))):
            return False
        self.go_on(new, "newton", "a step of Newton's, made longer as the curvature vanishes", known=(value, gradient))
        return True

    def polish(self, x: np.ndarray, report: Audit) -> tuple[Audit, int]:
        """Take Newton's steps by one Hessian while each leaves a quarter of what is to gain, or less.

        Return the audit of the point that they lead to, and how many were taken.
        """
        engine, taken = self.engine, 0
        if not self.helps or report.modes is None or report.bend < 0:
            return report, taken
        value, gradient = float(engine.state.best_value), None
        while taken < MOST_CHORDS and report.decrement > 0 and self.goes_on():
            if taken > 1 and report.left <= EXACT and report.decrement <= self.asked and not self.missed(report):
                break
            assert report.step is not None
            new = x + report.step if engine.box is None else np.clip(x + report.step, *engine.box)
            if self.is_rounding(x, report.step) or np.array_equal(new, x):
                break
            seen, slope = self.slope(new)
            ahead = report.at(slope) if np.all(np.isfinite(slope)) else report
            if not (ahead.decrement <= CONTRACTED * report.decrement and seen <= value + report.floor):
                break
            x, value, gradient, report, taken = new, seen, slope, ahead, taken + 1
        if gradient is not None:
            detail = f"{taken} of Newton's steps by the Hessian" if taken > 1 else "a step of Newton's by the Hessian"
            self.go_on(x, "newton", detail, known=(value, gradient))
            assert report.modes is not None
            # At the new point gradients are rounded as its size has it.
            rounded = rounding_of(report.modes.hessian, np.maximum(np.abs(x), self.least), engine.objective.precision)
            report = report.seen(report.modes.roughened(rounded))
        return report, taken

    def is_rounding(self, x: np.ndarray, step: np.ndarray) -> bool:
        """Tell whether a step is lost in the rounding of the point."""
        size = np.maximum(np.abs(x), self.least)
        return bool(np.all(np.abs(step) <= self.engine.objective.precision * size))

    def is_long(self, x: np.ndarray, step: np.ndarray) -> bool:
        """Tell whether the curvature may change over a step."""
        return bool(np.any(np.abs(step) > NARROW * self.size(x)))

    def goes_on(self) -> bool:
        """Tell whether another gradient may be had."""
        drive = self.drive
        over = drive.done() or drive.late() or drive.stopped
        return not over and drive.affords(self.engine.objective.cost)

    def slope(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value to be made least and its gradient off the descent's way, NaN where none may be had."""
        engine = self.engine
        outside = engine.box is not None and not engine.box.contains(x)
        if outside or self.drive.late() or not self.drive.affords(engine.objective.cost):
            return math.nan, np.full(x.size, math.nan)
        self.cost += engine.objective.cost
        try:
            value, gradient = engine.objective.slope(x)
        except Exception:  # noqa: BLE001 - off the way the user's function may raise anything
            return math.nan, np.full(x.size, math.nan)
        return engine.sign * value, engine.sign * gradient

    def endless(self, x: np.ndarray, report: Audit) -> Ending | None:
        """Say that there is no minimum where f falls for ever on the way that the descent was on."""
        if report.step is not None and np.any(np.abs(report.step) > LONG * np.maximum(np.abs(x), self.least)):
            left = along_ray(self.trial, x, float(self.engine.state.best_value), report.step, 0.0)
            if left.endless:
                return self.without_end(left)
        far = np.any(np.abs(x) > DRIVEN * np.maximum(np.abs(self.drive.start), 1.0))
        return self.far_out() if far or report.is_flat else None

    def far_out(self) -> Ending | None:
        """Say what becomes of the value on the rays that the descent followed, where it never turns up on one.

        They begin on the way, as near the end rounding may hide how the value fell.
        """
        state = self.engine.state
        trace = self.drive.recorder.trace()
        if trace.x.shape[1] != self.drive.start.size or not len(trace):
            return None
        for row in {0, len(trace) // 2}:
            start, value = self.drive.view.inward(trace.x[row]), self.engine.sign * float(trace.value[row])
            way = np.asarray(state.best_x) - start
            if np.any(way):
                left = along_ray(self.trial, start, value, way * FIRST, 0.0)
                if left.endless:
                    return self.without_end(left)
        return None

    def without_end(self, left: Left) -> Ending:
        """Say that f falls for ever, and whether that is towards a limit."""
        falls, value = self.falls, f"{self.engine.sign * left.value:.6g}"
        if left.tail is Tail.FALLS:
            return Ending(Outcome.UNBOUNDED, f"the value {falls} without end: it is {value} far out, and still {falls}")
        if left.tail is Tail.LEVELS:
            facts = f"the value {falls} towards {value} as the point goes to infinity, and never gets there"
        else:
            facts = f"the value still {falls}, ever more slowly, as far out as it was followed, to {value}"
        return Ending(Outcome.NO_FINITE_OPTIMUM, f"{facts}; no point is best: add a penalty, or bounds=")

    def flat(self, x: np.ndarray) -> Ending:
        """Say what kind of flatness it is."""
        state = self.engine.state
        values = float(state.best_value), float(state.first_value)
        size = scale_of(x, self.drive.start)
        facts = described(self.trial, x, size, *values, self.engine.sign, self.engine.objective.relative_noise)
        return Ending(Outcome.FLAT, facts)

    def off_the_ridge(self, x: np.ndarray, report: Audit, certificate: Certificate) -> Ending | None:
        """Leave a saddle along its negative curvature, where that leads to a lower point."""
        value = float(self.engine.state.best_value)
        # Where the way leads into the box from an edge, values lie on one side alone.
        if report.way is not None and not bends_down(self.trial, x, value, report.way, report.floor):
            return self.unconfirmed(x, certificate)
        facts = f"the slope is flat, but the curvature is {report.smallest:.3g} along one direction"
        left = self.leave(along_ridge, x, report.way, report.floor)
        if left.x is not None:
            self.go_on(left.x, "saddle", f"{facts}: the descent leaves along it")
            return None
        if left.endless:
            facts += f", along which the value {self.falls} without end"
        return Ending(Outcome.SADDLE, facts, replace(certificate, gap=math.nan, x_error=()))

    def unconfirmed(self, x: np.ndarray, certificate: Certificate) -> Ending | None:
        """Judge a point whose Hessian has a negative eigenvalue that plain values do not confirm: a kink, or noise."""
        return self.far_out() or self.at_kink(x) or self.stalled(replace(certificate, kind="none"))

    def at_kink(self, x: np.ndarray) -> Ending | None:
        """Look for the minimum at a kink by planes; None where there is none."""
        engine, state = self.engine, self.engine.state
        if not self.helps or x.size > WIDEST or engine.box is not None or self.drive.done():
            return None
        value = float(state.best_value)
        size = self.size(x)
        enough = max(self.asked, 4 * engine.objective.relative_noise * abs(value))
        gradient = self.slope(x)[1]
        if not np.all(np.isfinite(gradient)):
            return None

        def slope(x: np.ndarray) -> tuple[float, np.ndarray]:
            return self.slope(x) if self.goes_on() else (math.nan, np.full(x.size, math.nan))

        found = settle(slope, x, value, gradient, size, enough)
        if found.value < value:
            self.go_on(found.x, "kink", "the planes of slopes around a kink lead to a lower point", known=found[1:3])
        if not found.kinked or not math.isfinite(found.gap):
            return None
        spread = EPS * float(np.abs(found.gradient) @ size)
        certificate = Certificate("audited", found.gap, max(enough, AT_KINK * abs(found.value), 64 * spread))
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
        sure = self.drive.helped or self.engine.objective.kind != "differences"
        left = self.lower(x, report, certificate.tolerance) if certificate.kind == "audited" and sure else Left(None)
        if left.endless:
            return self.without_end(left)
        value = float(self.engine.state.best_value)
        if left.x is not None and (noise := self.noise(x)) < value - left.value:
            if not self.drive.helped or self.drive.done() or self.audits >= MOST_AUDITS:
                return self.stalled(certificate)
            self.go_on(left.x, "audit", "a lower value lies near: the descent goes on from there")
            if float(self.engine.state.best_value) < value:
                return None
            # Compiled code rounds in its own way, and sees no lower value there.
            noise = value - left.value
        if left.x is not None:
            certificate = replace(certificate, tolerance=max(certificate.tolerance, noise))
        return Ending(Outcome.CONVERGED, self.within(certificate), certificate)

    def noise(self, x: np.ndarray) -> float:
        """Return how far the function's own noise, as measured right beside a point, may move its value."""
        return NOISES * noise_level(self.trial, x, float(self.engine.state.best_value))

    def within(self, certificate: Certificate) -> str:
        """Say how near the answer is."""
        gap = f"the value is within {_gap(certificate.gap)} of the {self.extreme}"
        if math.inf > self.asked >= certificate.tolerance > 0:
            return f"{gap}, {_gap(certificate.tolerance)} was asked"
        if self.drive.budget.wishes:
            return f"{gap}, as near as was asked"
        return f"{gap}: rounding hides the rest"

    def onward(self, code: int, x: np.ndarray, report: Audit, certificate: Certificate) -> Ending | None:
        """Go on from a point that is no minimum yet: by Newton's steps where the descent stalls, else as it was."""
        missed = self.helps and report.decrement <= report.floor
        if self.suspects(code, x, report):
            self.kinks += 1
            if (ending := self.at_kink(x)) is not None:
                return ending
            x = np.asarray(self.engine.state.best_x)
        if code == STALLED or missed or self.audits >= MOST_AUDITS:
            left = self.leave(by_newton, x, report.step, report.floor)
            if left.x is None:
                return self.rests(x, report, certificate)
            self.go_on(left.x, "newton", f"{_left(report.decrement)}: a step by the Hessian")
            # A few such steps come to the end where one is near; elsewhere the descent is the better guide.
            self.polished += 1
            self.engine.mark(RUNNING if self.polished % MOST_POLISHED == 0 else STALLED)
            return None
        if self.drive.helped and not self.drive.done() and not np.array_equal(x, np.asarray(self.engine.state.x)):
            # A trial that was rejected was the best so far: to go on from elsewhere would lead nowhere.
            self.go_on(x, "audit", f"{_left(report.decrement)} at the best trial: the descent goes on from there")
            return None
        self.engine.tolerance *= min(0.1, certificate.tolerance / report.decrement) or 0.01
        self.engine.mark(RUNNING)
        self.tell("audit", f"{_left(report.decrement)}: the descent goes on")
        return None

    def suspects(self, code: int, x: np.ndarray, report: Audit) -> bool:
        """Tell whether the point may lie at a kink: the descent makes no way, or beside it there is no curvature."""
        if not self.helps or self.kinks >= MOST_KINKS or not self.goes_on():
            return False
        if code == STALLED or self.audits == STEADY_AUDITS:
            return self.kinks == 0
        return report.beside(x, lambda x: self.slope(x)[1], self.size(x)).vanishes

    def rests(self, x: np.ndarray, report: Audit, certificate: Certificate) -> Ending:
        """Say why no step leads on: the noise of f hides what is left, or a kink, or something unknown."""
        if report.decrement <= certificate.tolerance and (missed := self.missed(report)):
            return Ending(Outcome.STALLED, f"{missed}: rounding hides more", certificate)
        if self.helps:
            noise = self.noise(x)
            if report.decrement <= noise and not self.missed(report):
                certificate = replace(certificate, tolerance=max(certificate.tolerance, noise))
                return Ending(Outcome.CONVERGED, self.within(certificate), certificate)
            if (ending := self.far_out() or self.at_kink(x)) is not None:
                return ending
        return self.stalled(certificate)

    def leave(self, by: Callable[..., Left], x: np.ndarray, way: np.ndarray | None, least: float) -> Left:
        """Look for a lower point from one where the descent rests, if its rules were not the user's."""
        if not self.drive.helped or way is None or self.audits >= MOST_AUDITS or self.drive.done():
            return Left(None)
        return by(self.trial, x, float(self.engine.state.best_value), way, least)

    def trial(self, x: np.ndarray) -> float:
        """Return the value to be made least at a point off the descent's way, NaN where no more may be asked for."""
        engine = self.engine
        if self.drive.late() or not self.drive.affords(1 + engine.objective.cost):
            return math.nan
        self.cost += 1
        try:
            return engine.sign * engine.objective.value(x if engine.box is None else np.clip(x, *engine.box))
        except Exception:  # noqa: BLE001 - far away the user's function may raise anything
            return math.nan

    def lower(self, x: np.ndarray, report: Audit, bound: float) -> Left:
        """Look for values that contradict the audit: along Newton's step, and where there is hardly any curvature."""
        value = float(self.engine.state.best_value)
        for way in (report.step, *report.soft):
            # A shorter step was put to the test by the gradient at its end.
            if way is not None and self.is_long(x, way):
                left = along_ridge(self.trial, x, value, way, report.floor)
                if left.value < value - max(bound, 2 * report.decrement):
                    return left
        return Left(None)

    def go_on(
        self, x: np.ndarray, kind: str, detail: str, scale: np.ndarray | None = None,
        known: tuple[float, np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        """Go on from a point off the descent's own way; `known` are the value to be made least and its slope."""
        engine = self.engine
        more: dict[str, Any] = {} if scale is None else {"scale": scale}
        if known is not None:
            more["known"] = (engine.sign * known[0], engine.sign * known[1])
        engine.begin_at(x if engine.box is None else np.clip(x, *engine.box), **more)
        self.tell(kind, detail)
        self.drive.record(engine.row()[None], self.drive.elapsed)
        self.drive.called_back()

    def tell(self, kind: str, detail: str) -> None:
        """Add an event to the trace."""
        self.drive.recorder.events.append(Event(int(self.engine.state.iteration), kind, detail))

    def certified(self, x: np.ndarray, code: int) -> Audit | None:
        """Return what a certificate says of a point: None where there is none and no more steps could bring one."""
        certify = self.engine.objective.certify
        report = certify(x) if certify else None
        if report is None or math.isfinite(report.decrement) or report.endless or not self.engine.objective.smooth:
            return report
        return None if code == STALLED or self.audits + 1 >= MOST_AUDITS else report

    def estimated(self, code: int) -> Ending | None:
        """Say how the run ended by what the steps alone have shown."""
        state = self.engine.state
        x, value, gradient = np.asarray(state.best_x), float(state.best_value), np.asarray(state.gradient)
        hidden = EPS * float(np.abs(gradient) @ np.maximum(np.abs(x), self.least))
        gap, bound = float(state.estimate), max(self.asked, 4 * EPS * abs(value), hidden)
        certificate = Certificate("estimated", gap, bound)
        if not np.any(gradient) and not int(state.iteration):
            return self.flat(x)
        if gap <= bound:
            return Ending(Outcome.CONVERGED, self.within(certificate), certificate)
        return (self.at_kink(x) if code == STALLED else None) or self.stalled(certificate)

    def stalled(self, certificate: Certificate) -> Ending:
        """Say that no step lowers the value; how far the minimum lies is said only where it is proven."""
        if ending := self.drive.spent_out(1 + self.engine.objective.cost):
            return ending
        facts = f"no step lowers the value, and how far the {self.extreme} lies can't be told from here"
        if certificate.kind == "certified" and math.isfinite(certificate.gap):
            facts = f"no step lowers the value, which is within {_gap(certificate.gap)} of the {self.extreme}"
        else:
            certificate = Certificate(tolerance=certificate.tolerance, curvature=certificate.curvature)
        optimum = getattr(self.drive.rules.step, "optimum", None)
        if optimum is not None and float(self.engine.state.best_value) <= optimum:
            facts = f"the optimum given, {self.engine.sign * optimum:g}, has been reached and is not the {self.extreme}"
        if int(self.engine.state.non_finite):
            facts += "; steps from here led to where the function is not finite, so the best may lie at that edge"
        return Ending(Outcome.STALLED, facts, certificate)

    @property
    def falls(self) -> str:
        return "falls" if self.engine.sign > 0 else "rises"

    @property
    def extreme(self) -> str:
        return "minimum" if self.engine.sign > 0 else "maximum"


def _gap(gap: float) -> str:
    return "rounding" if gap < 1e-300 else f"{gap:.2g}"


def _left(gap: float) -> str:
    return f"{gap:.2g} still to go" if math.isfinite(gap) else "no certificate yet"
