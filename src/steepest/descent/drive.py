"""From chunk to chunk: recording, stopping at limits, and handing over the run."""

from __future__ import annotations

import copy
import math
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.clock import OutOfTime
from steepest.derivatives.objective import Objective
from steepest.descent.budget import Budget
from steepest.descent.engine import CHUNK_SECONDS, FIRST_CHUNK, Engine, chunk_sizes
from steepest.descent.halt import Halt
from steepest.descent.progress import Progress
from steepest.descent.run import Run
from steepest.descent.state import BOTTOMLESS, CANDIDATE, COLUMNS, NON_FINITE, STALLED, UNBOUNDED
from steepest.descent.verdict.answer import checked, gradient_at
from steepest.descent.verdict.ending import Ending, message
from steepest.descent.verdict.judge import Judge
from steepest.descent.verdict.polish import EARLY, FEW_VARIABLES
from steepest.descent.verdict.watch import Best, Watch
from steepest.descent.view import View
from steepest.rules.pair import Rules
from steepest.trace import Certificate, Event, Outcome, Recorder, Trace

# More evaluations without an iteration than any search makes. Compiled code may work a value out twice and round it in
# two ways, so that a trial that moves nothing is taken for accepted here and for rejected there, for ever.
MOST_IDLE = 2_000


@dataclass(frozen=True)
class Plan:
    """The function to descend, the rules, and the budget; descents from several starts share one plan.

    Where the user chose no rules, `helped` allows the judge to take steps by the Hessian.
    """

    objective: Objective
    view: View
    rules: Rules
    sign: float
    budget: Budget
    box: Box | None = None
    engine: Callable[..., Any] = Engine
    helped: bool = False
    watch: Watch | None = None

    def drive(self, start: np.ndarray, callback: Callable[..., Any] | None = None, shown: Any = None) -> Drive:
        """Return a descent that stands at a start."""
        return Drive(self, start, callback, shown or Progress())

    @property
    def counted(self) -> bool:
        """Whether exactly the iterations given are to be done."""
        return self.budget.counts(self.rules)

    @property
    def near(self) -> float:
        """How near is near enough for the engine; below 0, nothing is."""
        if self.counted:
            return -1.0
        early = self.helped and self.engine is Engine and self.objective.size <= FEW_VARIABLES
        early = early or bool(self.budget.wishes)
        return self.budget.tolerance or (EARLY if early else 0.0)

    def begun(self, start: np.ndarray) -> Any:
        """Return an engine that stands at a start."""
        return self.engine(self.objective, self.rules, self.sign, self.near, start, self.box)

    def by(self, rules: Rules) -> Plan:
        """Return the same plan by other rules."""
        return replace(self, rules=rules)

    def progress(self, wanted: bool | None) -> Progress:
        """Return what shows a run while it goes on."""
        return Progress.of(wanted, self.view.counted, self.view.names, validated=self.watch is not None)


def descend(plan: Plan, start: np.ndarray, callback: Callable[..., Any] | None, progress: bool | None) -> Run:
    """Run a descent to its end, whatever that is, and return it."""
    with plan.progress(progress) as shown:
        drive = plan.drive(start, callback, shown)
        run = drive.finish(drive.go())
        shown.finish(run.trace)
    return run


class Drive:
    """One descent on its way from chunk to chunk: its engine, what it records, and how it is judged.

    It begins at a start, or goes on from where another has come to a halt, after the trace of that one.
    """

    def __init__(
        self, plan: Plan, start: np.ndarray, callback: Callable[..., Any] | None, progress: Progress,
        halt: Halt | None = None, trace: Trace | None = None,
    ) -> None:  # fmt: skip
        self.view, self.budget, self.rules, self.start = plan.view, plan.budget, plan.rules, start
        self.helped, self.watch, self.near, self.counted = plan.helped, plan.watch, plan.near, plan.counted
        self.callback, self.progress = callback, progress
        objective = plan.objective
        self.began, self.known, self.before = objective.clock.begin(), objective.overhead, 0.0
        with objective.clock.ends(self.until):
            self.engine = plan.begun(start) if halt is None else halt.engine_for(self.near)
        # The state before the judge's last verdict: a longer run goes on from there.
        self.halt: Halt | None = None
        self.checks, self.best = 0, Best()
        self.judge = Judge(self)
        self.moved = 0, 0
        # Whether a callback has ended the run.
        self.stopped = False
        self.called = self.begun_at = int(self.engine.state.iteration)
        self.last_value = float(self.engine.state.value)
        epoch = ("epoch",) if self.view.counted == "epoch" else ()
        watched = ("validation",) if self.watch else ()
        self.recorder = Recorder(self.view.names, (*COLUMNS, "seconds", *epoch, *watched))
        if halt is None:
            self.record(self.engine.row()[None], 0.0)
            return
        assert trace is not None
        self.recorder.resume(trace, halt.events)
        self.best, self.before, self.began = halt.best, halt.seconds, self.began - halt.seconds
        self.judge.resume(halt)

    @property
    def iterations(self) -> int:
        return self.begun_at + (self.budget.most if self.budget.iterations is None else int(self.budget.iterations))

    @property
    def until(self) -> float:
        """When the time is over."""
        return math.inf if self.budget.seconds is None else self.began + self.before + self.budget.seconds

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.began

    def halted(self) -> Halt:
        """Return where the descent stands, for another to go on from."""
        return Halt(
            copy.copy(self.engine), self.near, float(self.engine.tolerance), events=len(self.recorder.events),
            seconds=self.elapsed, best=self.best, **self.judge.known(),
        )  # fmt: skip

    def spent(self) -> int:
        searched = self.engine.objective.overhead - self.known
        return int(self.engine.state.evaluations) * self.engine.objective.cost + self.judge.excursion.cost + searched

    def record(self, rows: np.ndarray, since: float) -> None:
        """Keep rows, their values in the user's sign; times inside a chunk are spread evenly."""
        if not len(rows):
            return
        rows = rows.copy()
        self.last_value = float(rows[-1, 2])
        if self.watch is None and self.rises:
            self.remember(rows)
        losses = self.validated(rows)
        rows[:, 1] *= self.engine.objective.cost
        rows[:, 2] *= self.engine.sign
        seconds = np.linspace(since, self.elapsed, len(rows) + 1)[1:, None]
        scalars, points = rows[:, : len(COLUMNS)], self.view.rows(rows[:, len(COLUMNS) :])
        epochs = scalars[:, :1].copy() if self.view.counted == "epoch" else scalars[:, :0]
        scalars[:, 0] *= self.engine.objective.updates
        self.recorder.append(np.hstack([scalars, seconds, epochs, losses]), points)
        self.progress.show(rows[-1, 0], rows[-1, 2], rows[-1, 3], points[-1], self.elapsed, *losses[-1])

    @property
    def rises(self) -> bool:
        """Whether the descent may lead up, as where a loss with kinks is taken softly and then harder."""
        return getattr(self.engine.state, "softness", None) is not None

    def remember(self, rows: np.ndarray) -> None:
        """Remember the least value with its point, of a descent that itself remembers where it stands alone."""
        row = rows[np.argmin(np.where(np.isnan(rows[:, 2]), np.inf, rows[:, 2]))]
        self.best = self.best.beside(float(row[2]), int(row[0]), float(row[2]), row[len(COLUMNS) :])

    def validated(self, rows: np.ndarray) -> np.ndarray:
        """Return the validation loss of each row, in a column, and remember the best; no column where none is asked."""
        if self.watch is None:
            return rows[:, :0]
        losses = []
        for row in rows:
            x = row[len(COLUMNS) :]
            losses.append(self.watch.loss(x))
            self.best = self.best.beside(losses[-1], int(row[0]), float(row[2]), x)
        return np.array(losses)[:, None]

    def go(self) -> Ending:
        with self.engine.objective.clock.ends(self.until):
            return self.gone()

    def gone(self) -> Ending:
        """Go on to the end, and return it."""
        objective = self.engine.objective
        sizes = chunk_sizes(time.perf_counter, objective.heavy or objective.pace > CHUNK_SECONDS / FIRST_CHUNK)
        since = self.elapsed
        try:
            while True:
                ending = self.verdict()
                if ending is not None and not self.stopped:
                    return ending
                if self.called_back():
                    return Ending(Outcome.CALLBACK, "the callback raised StopIteration")
                since = self.elapsed
                size, together = next(sizes)
                self.record(self.engine.run(*self.allowance(size), together), since)
                if self.called_back():
                    return Ending(Outcome.CALLBACK, "the callback raised StopIteration")
        except KeyboardInterrupt:
            self.rescue(since)
            return self.interrupted()
        except OutOfTime:
            self.rescue(since)
            return self.timed_out()
        except Exception as error:
            if self.engine.objective.compiled is not None or not _of_function(error):
                raise
            self.rescue(since)
            facts = f"{type(error).__name__}: {error}, on the way from {_point(self.engine.state.x)}"
            return Ending(Outcome.RAISED, facts)

    def rescue(self, since: float) -> None:
        """Record what a chunk has done that was cut short."""
        if hasattr(self.engine, "rescued"):
            self.record(self.engine.rescued(), since)

    def timed_out(self) -> Ending:
        """Say that the time is over, and what took longer than was given."""
        spent, given = self.elapsed - self.before, self.budget.seconds or 0.0
        facts = f"{spent:.2g} s spent, {self.count(int(self.engine.state.iteration))} done"
        if spent > given + 1:
            facts += f": a single call of the function, or its compilation, took longer than the {given:.2g} s given"
        return Ending(Outcome.TIME_LIMIT, facts)

    def interrupted(self) -> Ending:
        return Ending(Outcome.INTERRUPTED, "stopped from the keyboard; this is the best point so far")

    def allowance(self, size: int) -> tuple[int, int]:
        done = int(self.engine.state.iteration)
        watched = self.callback is not None or self.watch is not None
        rows = 1 if watched else int(min(self.iterations, self.judge.probe_after)) - done
        if self.budget.evaluations is not None:
            left = (self.budget.evaluations - self.spent()) // self.engine.objective.cost
            size = min(size, max(left, 0))
        return rows, size

    def called_back(self) -> bool:
        """Call back where an iteration was done since, and tell whether that ends the run, or did before."""
        state = self.engine.state
        if self.stopped or self.callback is None or int(state.iteration) == self.called:
            return self.stopped
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
            self.stopped = True
        return self.stopped

    def done(self) -> bool:
        """Tell whether all iterations are done that may be."""
        return int(self.engine.state.iteration) >= self.iterations

    def affords(self, values: int) -> bool:
        """Tell whether so many more values may be taken."""
        return self.budget.evaluations is None or self.spent() + values <= self.budget.evaluations

    def late(self) -> bool:
        """Tell whether the time is over."""
        return self.budget.seconds is not None and self.elapsed - self.before >= self.budget.seconds

    def verdict(self) -> Ending | None:
        """Return how the run ended, or None while it goes on."""
        state = self.engine.state
        code, done = int(state.code), int(state.iteration)
        if code in (CANDIDATE, STALLED):
            before, limited = self.halted(), self.done()
            ending = self.judge.examined(code)
            if ending is not None or limited:
                # At the limit the judge takes no steps, which a longer run would take.
                self.halt = before
            return ending or self.overfitted(done)
        if code == UNBOUNDED:
            if ending := self.judge.far_out():
                return ending
            beyond = ("fell below", "falls") if self.engine.sign > 0 else ("rose above", "rises")
            facts = f"the value {beyond[0]} {self.engine.sign * float(state.best_value):.3g} and still {beyond[1]}"
            return Ending(Outcome.UNBOUNDED, facts)
        if code == BOTTOMLESS:
            facts = f"the value is {-self.engine.sign * math.inf:+} one step from {_point(state.x)}"
            return Ending(Outcome.UNBOUNDED, facts)
        if code == NON_FINITE:
            return self.broken_off()
        if ending := self.overfitted(done):
            return ending
        if self.done():
            if self.counted:
                return self.completed(done)
            facts = f"{self.count(done)} done, and the descent was still going on"
            return Ending(Outcome.ITERATION_LIMIT, facts)
        if ending := self.spent_out(self.engine.objective.cost):
            return ending
        if self.rules.searches and self.idle(done) > MOST_IDLE:
            scale = self.engine.objective.scale(float(state.first_value), float(state.best_value))
            asked = self.budget.tolerance * scale
            return self.judge.stalled(Certificate(tolerance=asked))
        if done >= self.judge.probe_after:
            self.judge.probe()
        return None

    def spent_out(self, values: int) -> Ending | None:
        """Return the end of a run that may take no such number of values more, or has no time for them."""
        if not self.affords(values):
            facts = f"{self.spent():,} values taken, and the descent was still going on"
            return Ending(Outcome.EVALUATION_LIMIT, facts)
        return self.timed_out() if self.late() else None

    def idle(self, done: int) -> int:
        """Return how many evaluations were made since the last iteration."""
        evaluations = int(self.engine.state.evaluations)
        if done != self.moved[0]:
            self.moved = done, evaluations
        return evaluations - self.moved[1]

    def overfitted(self, done: int) -> Ending | None:
        """Return the end of a descent that has not lowered the validation loss for as long as that may be."""
        if self.watch is None or done - self.best.epoch < self.watch.patience:
            return None
        return Ending(Outcome.COMPLETED, f"the validation loss has not fallen for {self.count(self.watch.patience)}")

    def completed(self, done: int) -> Ending:
        first = float(self.engine.state.first_value)
        if self.last_value > first:
            return self.diverged(self.last_value)
        return Ending(Outcome.COMPLETED, f"{self.count(done)} done as asked; no claim of convergence")

    def broken_off(self) -> Ending:
        state = self.engine.state
        if float(state.value) > float(state.first_value):
            return self.diverged(float(state.value))
        return Ending(
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
        return Ending(Outcome.DIVERGED, facts)

    def count(self, done: int) -> str:
        return f"{done:,} {self.view.counted}{'s' * (done != 1)}"

    def finish(self, ending: Ending) -> Run:
        """Return the run that ended so, its answer held against a plain call."""
        engine, view, objective = self.engine, self.view, self.engine.objective
        state = engine.state
        self.halt = self.halt or self.halted()
        if self.watch is None:
            best, seen = np.array(state.best_x), float(state.best_value)
            # If values tie within rounding, keep the last one: it is the least smoothed.
            risen = self.best.value < seen - 1e-9 * abs(seen)
            if self.best.x is not None and risen and ending.outcome is not Outcome.CONVERGED:
                best, seen = self.best.x, self.best.value
        else:
            best, seen = self.best.among(state)
            ending = self.best.told(ending, int(state.iteration))
        with objective.clock.ends(self.until):
            gradient = gradient_at(engine, best)
            ending, value = checked(self, ending, best, seen, gradient)
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


def _of_function(error: Exception) -> bool:
    """Tell whether an error comes from a call of the user's function, and not from a callback or the descent itself."""
    names = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [name for name in names if name.partition(".")[0] == "steepest"]
    return not ours[-1].startswith("steepest.descent")


def _point(x: Any) -> str:
    return np.array2string(np.asarray(x), precision=6, threshold=6)
