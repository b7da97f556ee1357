"""What is said of a point where a descent rests, and how the descent goes on where that is no minimum yet."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from steepest.derivatives.differences import EPS, scale_of
from steepest.descent.audit import Audit, audit, auditable, cost_of_audit
from steepest.descent.leaving import Left, along_ridge, by_newton, scales
from steepest.descent.state import RUNNING, STALLED
from steepest.descent.verdict import Ending
from steepest.trace import Certificate, Event, Outcome

if TYPE_CHECKING:
    from steepest.descent.drive import Drive

MOST_AUDITS = 24
MOST_POLISHED = 8
PATIENCE = 4


class Judge:
    """Judges a descent by certificates, audits and values, whose cost it counts, and helps it on.

    Where the rules are the user's it only judges.
    """

    def __init__(self, drive: Drive) -> None:
        # In a circle the two, and the rows of a fit with them, would stay in memory until garbage is collected.
        self.drive, self.engine = weakref.proxy(drive), drive.engine
        self.audits = self.polished = self.cost = 0
        probes = drive.helped and drive.rules.learns and auditable(self.engine.objective)
        self.probe_after = PATIENCE * (drive.start.size + 10) if probes else math.inf

    def probe(self) -> None:
        """Look at the curvature of each coordinate, and go on in coordinates in which they are alike."""
        self.probe_after = math.inf
        engine = self.engine
        if not self.drive.affords((2 * self.drive.start.size + 1) * engine.objective.cost):
            return
        x = np.asarray(engine.state.best_x)
        steps = scale_of(x, engine.start) * EPS ** (1 / 3)
        found = scales(lambda x: engine.objective.slope(x)[1], x, steps)
        self.cost += 2 * x.size * engine.objective.cost
        if found is not None:
            unlike = f"the curvatures of coordinates differ {found.max() / found.min():.2g}-fold, which is made up for"
            self.go_on(x, "probe", unlike, found)

    def examined(self, code: int) -> Ending | None:
        """Judge a point that looks like a minimum: how the run ended there, or None where it goes on."""
        state, objective = self.engine.state, self.engine.objective
        x = np.asarray(state.best_x)
        asked = self.drive.budget.tolerance * objective.scale(float(state.first_value), float(state.best_value))
        report, kind = self.certified(x, code), "certified"
        if report is None and auditable(objective):
            if not self.drive.affords(cost_of_audit(objective)):
                facts = f"{self.drive.spent():,} values taken, and too few are left to look at the curvature"
                return Ending(Outcome.EVALUATION_LIMIT, facts)
            report = audit(objective, x, self.engine.start, self.engine.sign, self.engine.box)
            kind = "certified" if objective.quadratic else "audited"
        if report is None:
            return self.estimated(asked)
        self.audits += 1
        self.cost += report.cost
        error = () if report.error is None else tuple(map(float, report.error))
        certificate = Certificate(kind, report.decrement, max(asked, report.floor), report.curvature, error)
        if report.endless:
            return Ending(Outcome.NO_FINITE_OPTIMUM, report.endless)
        if report.is_saddle:
            return self.off_the_ridge(x, report, certificate)
        if report.is_flat:
            return Ending(Outcome.FLAT, "neither slope nor curvature here", replace(certificate, kind="none"))
        if report.decrement <= certificate.tolerance:
            return self.near(x, report, certificate)
        return self.onward(code, x, report, certificate)

    def off_the_ridge(self, x: np.ndarray, report: Audit, certificate: Certificate) -> Ending | None:
        """Leave a saddle along its negative curvature, where that leads to a lower point."""
        facts = f"the slope is flat, but the curvature is {report.smallest:.3g} along one direction"
        left = self.leave(along_ridge, x, report.way, report.floor)
        if left.x is not None:
            self.go_on(left.x, "saddle", f"{facts}: the descent leaves along it")
            return None
        if left.endless:
            facts += f", along which the value {self.falls} without end"
        return Ending(Outcome.SADDLE, facts, certificate)

    def near(self, x: np.ndarray, report: Audit, certificate: Certificate) -> Ending | None:
        """Say that the run has converged, unless values contradict the audit."""
        sure = self.drive.helped or self.engine.objective.kind != "differences"
        left = self.lower(x, report, certificate.tolerance) if certificate.kind == "audited" and sure else Left(None)
        if left.endless:
            return Ending(Outcome.UNBOUNDED, f"slope and curvature are flat, but the value {self.falls} without end")
        if left.x is None:
            gap, asked = _gap(certificate.gap), _gap(certificate.tolerance)
            return Ending(
                Outcome.CONVERGED, f"the value is within {gap} of the {self.extreme}, {asked} was asked", certificate
            )
        if self.drive.helped and not self.drive.done():
            self.go_on(left.x, "audit", "a lower value lies near: the descent goes on from there")
            return None
        return self.stalled(float(self.engine.state.best_value) - left.value, certificate)

    def onward(self, code: int, x: np.ndarray, report: Audit, certificate: Certificate) -> Ending | None:
        """Go on from a point that is no minimum yet: by Newton's steps where the descent stalls, else as it was."""
        if code == STALLED:
            left = self.leave(by_newton, x, report.step, report.floor)
            if left.x is None:
                return self.stalled(report.decrement, certificate)
            self.go_on(left.x, "newton", f"{_left(report.decrement)}: a step by the Hessian")
            # A few such steps come to the end where one is near; elsewhere the descent is the better guide.
            self.polished += 1
            self.engine.mark(RUNNING if self.polished % MOST_POLISHED == 0 else STALLED)
            return None
        if self.audits >= MOST_AUDITS:
            return self.stalled(report.decrement, certificate)
        if self.drive.helped and not self.drive.done() and not np.array_equal(x, np.asarray(self.engine.state.x)):
            # A trial that was rejected was the best so far: to go on from elsewhere would lead nowhere.
            self.go_on(x, "audit", f"{_left(report.decrement)} at the best trial: the descent goes on from there")
            return None
        self.engine.tolerance *= min(0.1, certificate.tolerance / report.decrement) or 0.01
        self.engine.mark(RUNNING)
        self.tell("audit", f"{_left(report.decrement)}: the descent goes on")
        return None

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
            if way is not None and np.any(way):
                left = along_ridge(self.trial, x, value, way, report.floor)
                if left.value < value - bound:
                    return left
        return Left(None)

    def go_on(self, x: np.ndarray, kind: str, detail: str, scale: np.ndarray | None = None) -> None:
        """Go on from a point that lies off the descent's own way."""
        known = {} if scale is None else {"scale": scale}
        self.engine.begin_at(x if self.engine.box is None else np.clip(x, *self.engine.box), **known)
        self.tell(kind, detail)
        self.drive.record(self.engine.row()[None], self.drive.elapsed)

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

    def estimated(self, asked: float) -> Ending:
        """Say how the run ended by what the steps alone have shown."""
        state = self.engine.state
        gap, bound = float(state.estimate), max(asked, 4 * EPS * abs(float(state.best_value)))
        certificate = Certificate("estimated", gap, bound)
        if not int(state.iteration) and not np.any(state.gradient):
            return Ending(Outcome.FLAT, "no slope at the start")
        if gap <= bound:
            facts = f"the value is within about {_gap(gap)} of the {self.extreme}, {_gap(bound)} was asked"
            return Ending(Outcome.CONVERGED, facts, certificate)
        return self.stalled(gap, certificate)

    def stalled(self, gap: float, certificate: Certificate) -> Ending:
        """Say that no step lowers the value, and how much there is still to gain."""
        facts = f"about {_gap(gap)} from the {self.extreme}, {_gap(certificate.tolerance)} was asked"
        if math.isinf(gap):
            facts = f"how far the {self.extreme} lies can't be told from here"
        optimum = getattr(self.drive.rules.step, "optimum", None)
        if optimum is not None and float(self.engine.state.best_value) <= optimum:
            facts = f"the optimum given, {self.engine.sign * optimum:g}, has been reached and is not the {self.extreme}"
        if int(self.engine.state.non_finite):
            facts += "; steps from here led to where the function is not finite, so the best may lie at that edge"
        return Ending(Outcome.STALLED, facts, replace(certificate, gap=gap))

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
