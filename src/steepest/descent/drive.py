"""From chunk to chunk: recording, stopping, auditing and naming how a run ended."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.check import Verdict, check_slope
from steepest.derivatives.compiled import drop
from steepest.derivatives.differences import EPS, scale_of
from steepest.derivatives.objective import Objective, agree, slack_of
from steepest.descent.budget import Budget
from steepest.descent.engine import Engine, chunk_sizes
from steepest.descent.leaving import Left, along_ridge, by_newton, scales
from steepest.descent.run import Run
from steepest.descent.state import BOTTOMLESS, CANDIDATE, COLUMNS, NON_FINITE, RUNNING, STALLED, UNBOUNDED, Rules
from steepest.descent.verdict import LARGEST_AUDIT, Audit, audit, auditable, cost_of_audit, message
from steepest.descent.view import View
from steepest.reading.progress import Progress
from steepest.trace import Certificate, Event, Outcome, Recorder

MOST_AUDITS = 24
MOST_POLISHED = 8
PATIENCE = 4
ASIDE = 0.1


@dataclass
class Ending:
    """How a run ended, with the evidence."""

    outcome: Outcome
    facts: str
    certificate: Certificate


@dataclass(frozen=True)
class Plan:
    """What is descended, by which rules, and within which budget; from where is another matter.

    Where the rules were not chosen by the user, what the Hessian says at the end may help them on.
    """

    objective: Objective
    view: View
    rules: Rules
    sign: float
    budget: Budget
    box: Box | None = None
    engine: Callable[..., Any] = Engine
    helped: bool = False

    def drive(self, start: np.ndarray, callback: Callable[..., Any] | None = None, shown: Any = None) -> Drive:
        """Return a descent that stands at a start."""
        return Drive(self, start, callback, shown or Progress())

    def by(self, rules: Rules) -> Plan:
        """Return the same plan by other rules."""
        return replace(self, rules=rules)

    def progress(self, wanted: bool | None) -> Progress:
        """Return what shows a run while it goes on."""
        return Progress.of(wanted, self.view.counted, self.view.names)


def descend(plan: Plan, start: np.ndarray, callback: Callable[..., Any] | None, progress: bool | None) -> Run:
    """Run a descent to its end, whatever that is, and return it."""
    with plan.progress(progress) as shown:
        drive = plan.drive(start, callback, shown)
        run = drive.finish(drive.go())
        shown.finish(run.trace)
    return run


class Drive:
    """One descent on its way from chunk to chunk: its engine, what it records, and how it is judged."""

    def __init__(
        self, plan: Plan, start: np.ndarray, callback: Callable[..., Any] | None, progress: Progress
    ) -> None:  # fmt: skip
        self.view, self.budget, self.start, self.helped = plan.view, plan.budget, start, plan.helped
        self.callback, self.progress = callback, progress
        self.counted = plan.budget.counts(plan.rules)
        tolerance = -1.0 if self.counted else plan.budget.tolerance
        self.engine = plan.engine(plan.objective, plan.rules, plan.sign, tolerance, start, plan.box)
        epoch = ("epoch",) if self.view.counted == "epoch" else ()
        self.recorder = Recorder(self.view.names, (*COLUMNS, "seconds", *epoch))
        self.began = time.perf_counter()
        self.called = 0
        self.audits = 0
        self.polished = 0
        helped = self.helped and self.engine.rules.learns and auditable(plan.objective)
        self.probe_after = PATIENCE * (start.size + 10) if helped else math.inf
        self.audit_cost = 0
        self.checks = 0
        self.last_value = float(self.engine.state.value)
        self.record(self.engine.row()[None], 0.0)

    @property
    def iterations(self) -> int:
        return self.budget.most if self.budget.iterations is None else int(self.budget.iterations)

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.began

    def spent(self) -> int:
        return int(self.engine.state.evaluations) * self.engine.objective.cost + self.audit_cost

    def record(self, rows: np.ndarray, since: float) -> None:
        """Keep rows, their values in the user's sign; times inside a chunk are spread evenly."""
        if not len(rows):
            return
        rows = rows.copy()
        self.last_value = float(rows[-1, 2])
        rows[:, 1] *= self.engine.objective.cost
        rows[:, 2] *= self.engine.sign
        seconds = np.linspace(since, self.elapsed, len(rows) + 1)[1:, None]
        scalars, points = rows[:, : len(COLUMNS)], self.view.rows(rows[:, len(COLUMNS) :])
        epochs = scalars[:, :1].copy() if self.view.counted == "epoch" else scalars[:, :0]
        scalars[:, 0] *= self.engine.objective.updates
        self.recorder.append(np.hstack([scalars, seconds, epochs]), points)
        self.progress.show(rows[-1, 0], rows[-1, 2], rows[-1, 3], points[-1], self.elapsed)

    def go(self) -> Ending:
        sizes = chunk_sizes(time.perf_counter, self.engine.objective.heavy)
        since = self.elapsed
        try:
            while True:
                ending = self.verdict()
                if ending is not None:
                    return ending
                if self.called_back():
                    return self.plain(Outcome.CALLBACK, "the callback raised StopIteration")
                since = self.elapsed
                size, together = next(sizes)
                self.record(self.engine.run(*self.allowance(size), together), since)
                if self.called_back():
                    return self.plain(Outcome.CALLBACK, "the callback raised StopIteration")
        except KeyboardInterrupt:
            self.rescue(since)
            return self.interrupted()
        except Exception as error:
            if self.engine.objective.compiled is not None:
                raise
            self.rescue(since)
            facts = f"{type(error).__name__}: {error}, on the way from {_point(self.engine.state.x)}"
            return self.plain(Outcome.RAISED, facts)

    def rescue(self, since: float) -> None:
        """Record what a chunk has done that was cut short."""
        if hasattr(self.engine, "rescued"):
            self.record(self.engine.rescued(), since)

    def interrupted(self) -> Ending:
        return self.plain(Outcome.INTERRUPTED, "stopped from the keyboard; this is the best point so far")

    def allowance(self, size: int) -> tuple[int, int]:
        done = int(self.engine.state.iteration)
        rows = 1 if self.callback is not None else int(min(self.iterations, self.probe_after)) - done
        if self.budget.evaluations is not None:
            left = (self.budget.evaluations - self.spent()) // self.engine.objective.cost
            size = min(size, max(left, 0))
        return rows, size

    def called_back(self) -> bool:
        """Call back where an iteration was done since, and tell whether that ends the run."""
        state = self.engine.state
        if self.callback is None or int(state.iteration) == self.called:
            return False
        self.called = int(state.iteration)
        result = SimpleNamespace(
            x=self.view.point(np.asarray(state.x)),
            fun=self.engine.sign * float(state.value),
            nit=int(state.iteration),
            nfev=self.spent(),
        )
        try:
            self.callback(result)
        except StopIteration:
            return True
        return False

    def plain(self, outcome: Outcome, facts: str) -> Ending:
        return Ending(outcome, facts, Certificate())

    def verdict(self) -> Ending | None:
        """Return how the run ended, or None while it goes on."""
        state, budget = self.engine.state, self.budget
        code, done = int(state.code), int(state.iteration)
        if code in (CANDIDATE, STALLED):
            return self.examined(code)
        if code == UNBOUNDED:
            beyond = ("fell below", "falls") if self.engine.sign > 0 else ("rose above", "rises")
            facts = f"the value {beyond[0]} {self.engine.sign * float(state.best_value):.3g} and still {beyond[1]}"
            return self.plain(Outcome.UNBOUNDED, facts)
        if code == BOTTOMLESS:
            facts = f"the value is {-self.engine.sign * math.inf:+} one step from {_point(state.x)}"
            return self.plain(Outcome.UNBOUNDED, facts)
        if code == NON_FINITE:
            return self.broken_off()
        if done >= self.iterations:
            if self.counted:
                return self.completed(done)
            facts = f"{self.count(done)} done, not within the tolerance yet"
            return self.plain(Outcome.ITERATION_LIMIT, facts)
        if budget.evaluations is not None and self.spent() + self.engine.objective.cost > budget.evaluations:
            return self.plain(Outcome.EVALUATION_LIMIT, f"{self.spent():,} values taken, not within the tolerance yet")
        if budget.seconds is not None and self.elapsed >= budget.seconds:
            return self.plain(Outcome.TIME_LIMIT, f"{self.elapsed:.2g} s spent, {self.count(done)} done")
        if done >= self.probe_after:
            self.probe()
        return None

    def probe(self) -> None:
        """Look at the curvature of each coordinate, and go on in coordinates in which they are alike."""
        self.probe_after = math.inf
        engine = self.engine
        if not self.affords((2 * self.start.size + 1) * engine.objective.cost):
            return
        x = np.asarray(engine.state.best_x)
        steps = scale_of(x, engine.start) * EPS ** (1 / 3)
        found = scales(lambda x: engine.objective.slope(x)[1], x, steps)
        self.audit_cost += 2 * x.size * engine.objective.cost
        if found is None:
            return
        engine.begin_at(x, found)
        detail = f"the curvatures of coordinates differ {found.max() / found.min():.2g}-fold, which is made up for"
        self.recorder.events.append(Event(int(engine.state.iteration), "probe", detail))
        self.record(engine.row()[None], self.elapsed)

    def completed(self, done: int) -> Ending:
        first = float(self.engine.state.first_value)
        if self.last_value > first:
            return self.diverged(self.last_value)
        return self.plain(Outcome.COMPLETED, f"{self.count(done)} done as asked; no claim of convergence")

    def broken_off(self) -> Ending:
        state = self.engine.state
        if float(state.value) > float(state.first_value):
            return self.diverged(float(state.value))
        return self.plain(
            Outcome.NON_FINITE,
            f"after {self.view.counted} {int(state.iteration):,} the step led to a value that is not finite",
        )

    def diverged(self, last: float) -> Ending:
        state, sign = self.engine.state, self.engine.sign
        first = float(state.first_value)
        moved = "rose" if sign > 0 else "fell"
        count = self.count(int(state.iteration))
        facts = f"the value {moved} from {sign * first:.4g} to {sign * last:.4g} in {count}"
        steepest = float(state.steepest)
        if steepest > 0:
            facts += f"; the curvature seen is up to {steepest:.3g}, so keep the step below {2 / steepest:.3g}"
        return self.plain(Outcome.DIVERGED, facts)

    def examined(self, code: int) -> Ending | None:
        """Judge a point that looks like a minimum: audit it, and go on where it is none yet."""
        engine, state = self.engine, self.engine.state
        x = np.asarray(state.best_x)
        asked = self.budget.tolerance * (float(state.first_value) - float(state.best_value))
        report, kind = self.certified(x, code), "certified"
        if report is None and auditable(engine.objective):
            if not self.affords(cost_of_audit(engine.objective)):
                facts = f"{self.spent():,} values taken, and too few are left to look at the curvature"
                return self.plain(Outcome.EVALUATION_LIMIT, facts)
            report = audit(engine.objective, x, engine.start, engine.sign, engine.box)
            kind = "certified" if engine.objective.quadratic else "audited"
        if report is None:
            return self.estimated(code, asked)
        self.audits += 1
        self.audit_cost += report.cost
        bound = max(asked, report.floor)
        certificate = Certificate(kind, report.decrement, bound, report.curvature)
        if report.endless:
            return self.plain(Outcome.NO_FINITE_OPTIMUM, report.endless)
        if report.is_saddle:
            facts = f"the slope is flat, but the curvature is {report.smallest:.3g} along one direction"
            left = self.leave(along_ridge, x, report.way, report.floor)
            if left.x is not None:
                self.go_on(left.x, "saddle", f"{facts}: the descent leaves along it")
                return None
            if left.endless:
                facts += f", along which the value {'falls' if self.engine.sign > 0 else 'rises'} without end"
            return Ending(Outcome.SADDLE, facts, certificate)
        if report.is_flat:
            return Ending(Outcome.FLAT, "neither slope nor curvature here", replace(certificate, kind="none"))
        sure = self.helped or engine.objective.kind != "differences"
        if report.decrement <= bound and kind == "audited" and sure:
            left = self.lower(x, report, bound)
            if left.endless:
                way = "falls" if engine.sign > 0 else "rises"
                return self.plain(Outcome.UNBOUNDED, f"slope and curvature are flat, but the value {way} without end")
            if left.x is not None:
                if self.helped and int(state.iteration) < self.iterations:
                    self.go_on(left.x, "audit", "a lower value lies near: the descent goes on from there")
                    return None
                report = replace(report, decrement=math.inf)
        if report.decrement <= bound:
            facts = f"the value is within {_gap(report.decrement)} of the {self.extreme}, {_gap(bound)} was asked"
            return Ending(Outcome.CONVERGED, facts, certificate)
        if code == STALLED:
            left = self.leave(by_newton, x, report.step, report.floor)
            if left.x is None:
                return self.stalled(report.decrement, bound, certificate)
            self.go_on(left.x, "newton", f"{self.left(report.decrement)}: a step by the Hessian")
            # A few such steps come to the end where one is near; elsewhere the descent is the better guide.
            self.polished += 1
            engine.mark(RUNNING if self.polished % MOST_POLISHED == 0 else STALLED)
            return None
        if self.audits >= MOST_AUDITS:
            return self.stalled(report.decrement, bound, certificate)
        engine.tolerance *= min(0.1, bound / report.decrement) or 0.01
        engine.mark(RUNNING)
        self.recorder.events.append(
            Event(int(state.iteration), "audit", f"{self.left(report.decrement)}: the descent goes on")
        )
        return None

    def leave(self, by: Callable[..., Left], x: np.ndarray, way: np.ndarray | None, least: float) -> Left:
        """Look for a lower point from one where the descent rests, if its rules were not the user's."""
        state = self.engine.state
        if not self.helped or way is None or self.audits >= MOST_AUDITS or int(state.iteration) >= self.iterations:
            return Left(None)
        return by(self.trial, x, float(state.best_value), way, least)

    def trial(self, x: np.ndarray) -> float:
        """Return the value to be made least at a point off the descent's way, NaN where no more may be asked for."""
        engine = self.engine
        late = self.budget.seconds is not None and self.elapsed >= self.budget.seconds
        if late or not self.affords(1 + engine.objective.cost):
            return math.nan
        self.audit_cost += 1
        try:
            return engine.sign * engine.objective.value(x if engine.box is None else np.clip(x, *engine.box))
        except Exception:  # noqa: BLE001 - far away the user's function may raise anything
            return math.nan

    def affords(self, values: int) -> bool:
        """Tell whether so many more values may be taken."""
        return self.budget.evaluations is None or self.spent() + values <= self.budget.evaluations

    def lower(self, x: np.ndarray, report: Audit, bound: float) -> Left:
        """Look for values that contradict the audit: along Newton's step, and where there is hardly any curvature."""
        value = float(self.engine.state.best_value)
        for way in (report.step, *report.soft):
            if way is not None and np.any(way):
                left = along_ridge(self.trial, x, value, way, report.floor)
                if left.value < value - bound:
                    return left
        return Left(None)

    def go_on(self, x: np.ndarray, kind: str, detail: str) -> None:
        """Go on from a point that lies off the descent's own way."""
        engine = self.engine
        engine.begin_at(x if engine.box is None else np.clip(x, *engine.box))
        self.recorder.events.append(Event(int(engine.state.iteration), kind, detail))
        self.record(engine.row()[None], self.elapsed)

    def certified(self, x: np.ndarray, code: int) -> Audit | None:
        """Return what a certificate says of a point: None where there is none and no more steps could bring one."""
        certify = self.engine.objective.certify
        report = certify(x) if certify else None
        if report is None or math.isfinite(report.decrement) or report.endless or not self.engine.objective.smooth:
            return report
        return None if code == STALLED or self.audits + 1 >= MOST_AUDITS else report

    def estimated(self, code: int, asked: float) -> Ending:
        state = self.engine.state
        gap = float(state.estimate)
        bound = max(asked, 4 * EPS * abs(float(state.best_value)))
        certificate = Certificate("estimated", gap, bound)
        if not int(state.iteration) and not np.any(state.gradient):
            return Ending(Outcome.FLAT, "no slope at the start", Certificate())
        if gap <= bound:
            facts = f"the value is within about {_gap(gap)} of the {self.extreme}, {_gap(bound)} was asked"
            return Ending(Outcome.CONVERGED, facts, certificate)
        return self.stalled(gap, bound, certificate)

    def left(self, gap: float) -> str:
        return f"{gap:.2g} still to go" if math.isfinite(gap) else "no certificate yet"

    def stalled(self, gap: float, bound: float, certificate: Certificate) -> Ending:
        facts = f"about {_gap(gap)} from the {self.extreme}, {_gap(bound)} was asked"
        if math.isinf(gap):
            facts = f"how far the {self.extreme} lies can't be told from here"
        optimum = getattr(self.engine.rules.step, "optimum", None)
        if optimum is not None and float(self.engine.state.best_value) <= optimum:
            facts = f"the optimum given, {self.engine.sign * optimum:g}, has been reached and is not the {self.extreme}"
        if int(self.engine.state.non_finite):
            facts += "; steps from here led to where the function is not finite, so the best may lie at that edge"
        return Ending(Outcome.STALLED, facts, certificate)

    def count(self, done: int) -> str:
        return f"{done:,} {self.view.counted}{'s' * (done != 1)}"

    @property
    def extreme(self) -> str:
        return "minimum" if self.engine.sign > 0 else "maximum"

    def finish(self, ending: Ending) -> Run:
        """Return the run that ended so, its answer held against a plain call."""
        engine, view, objective = self.engine, self.view, self.engine.objective
        state = engine.state
        best = np.array(state.best_x)
        gradient = _gradient_at(engine, best)
        ending, value = _checked(self, ending, best, gradient)
        for count, kind, detail in (
            (int(state.resets), "reset", "the direction lost descent and began anew"),
            (int(state.non_finite), "non-finite", "trial points where the function is not finite"),
            (engine.gaps, "differences", "points with a finite value and no exact gradient"),
        ):
            if count:
                self.recorder.events.append(Event(int(state.iteration), kind, detail, count))
        trace = self.recorder.trace()
        trace.cost = objective.cost
        evaluations = self.spent()
        return Run(
            x=view.point(best),
            fun=value,
            jac=view.gradient(gradient),
            nit=int(state.iteration) * objective.updates,
            nfev=evaluations + self.checks,
            njev=evaluations // objective.cost,
            outcome=ending.outcome,
            message=message(ending.outcome, ending.facts, ending.certificate, view.counted),
            certificate=ending.certificate,
            trace=trace,
            kind=objective.kind,
            why=objective.why,
            maximized=engine.sign < 0,
            objective=objective,
            view=view,
        )


def _point(x: Any) -> str:
    return np.array2string(np.asarray(x), precision=6, threshold=6)


def _gap(gap: float) -> str:
    return "rounding" if gap < 1e-300 else f"{gap:.2g}"


def _gradient_at(engine: Engine, x: np.ndarray) -> np.ndarray:
    if np.array_equal(x, np.asarray(engine.state.x)):
        return engine.sign * np.asarray(engine.state.gradient)
    try:
        return engine.objective.slope(x)[1]
    except Exception:  # noqa: BLE001 - a function that raised before may raise here again
        return np.full(x.size, np.nan)


def _checked(drive: Drive, ending: Ending, x: np.ndarray, gradient: np.ndarray) -> tuple[Ending, float]:
    """Hold the answer against a plain call, whose value is returned, and a given gradient against differences."""
    engine = drive.engine
    objective, seen = engine.objective, engine.sign * float(engine.state.best_value)
    none = Certificate()
    try:
        value = objective.value(x)
        wrong = _wrong_slope(drive, {"start": drive.start, "end": x}) if objective.kind == "given" else ""
    except Exception as error:  # noqa: BLE001 - the user's function may raise anything
        if ending.outcome is Outcome.RAISED:
            return ending, seen
        return Ending(Outcome.RAISED, f"{type(error).__name__}: {error}, at the best point", none), seen
    if wrong:
        return Ending(Outcome.WRONG_GRADIENT, wrong, none), value
    slack = slack_of([value, float(engine.state.first_value)], x, gradient)
    if objective.compiled is not None and not agree(seen, value, slack):
        drop(objective.key)
        facts = f"compiled code gives {seen:.6g} here and a plain call {value:.6g}: does f change between calls?"
        return Ending(Outcome.WRONG_GRADIENT, facts, none), value
    return ending, value


def _wrong_slope(drive: Drive, points: dict[str, np.ndarray]) -> str:
    """Return what is wrong with a gradient that was given, where that is sure at one of the points, else nothing."""
    objective, box = drive.engine.objective, drive.engine.box
    for place, x in points.items():
        free = np.ones(x.size, dtype=bool)
        if box is not None:
            # At an edge nothing can be seen of what lies beyond.
            x, free = box.within(x, ASIDE * scale_of(x, x)), ~box.fixed
        value, given = objective.slope(x)
        if not (math.isfinite(value) and free.any()):
            continue

        def seen(part: np.ndarray, x: np.ndarray = x, free: np.ndarray = free) -> float:
            whole = x.copy()
            whole[free] = part
            return objective.value(whole)

        names = [name for name, kept in zip(drive.view.names, free, strict=True) if kept]
        check = check_slope(seen, given[free], x[free], names, most_named=LARGEST_AUDIT)
        drive.checks += check.evaluations
        if check.verdict is Verdict.WRONG:
            slip = f" ({check.slip})" if check.slip else ""
            return f"at the {place}{slip}, {check.evidence}"
    return ""
