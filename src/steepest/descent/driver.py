"""From chunk to chunk: stopping at limits, asking the judge, and handing over the run."""

from __future__ import annotations

import copy
import math
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.derivatives.clock import OutOfTime
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.ending import Ending, message
from steepest.descent.log import Log
from steepest.descent.loop.rule_solver import CHUNK_SECONDS, FIRST_CHUNK, chunk_sizes
from steepest.descent.loop.state import BOTTOMLESS, CANDIDATE, NON_FINITE, STALLED, UNBOUNDED
from steepest.descent.meter import Meter
from steepest.descent.plan import Plan
from steepest.descent.progress import Progress
from steepest.descent.run import Run
from steepest.descent.verdict.answer import checked, gradient_at
from steepest.descent.verdict.judge import Judge
from steepest.trace import Certificate, Outcome, Trace

# More evaluations without an iteration than any search makes. Compiled code may work a value out twice and round it in
# two ways, so that a trial that moves nothing is taken for accepted here and for rejected there, for ever.
MOST_IDLE = 2_000
# Rooms whose errors are not those of the user's function.
OURS = ("steepest.descent", "steepest.rules", "steepest.minimizing")


def descend(plan: Plan, start: np.ndarray, callback: Callable[..., Any] | None, progress: bool | None) -> Run:
    """Run a descent to its end, whatever that is, and return it."""
    with plan.progress(progress) as shown:
        driver = Driver(plan, start, callback, shown)
        run = driver.finish(driver.go())
        shown.finish(run.trace)
    return run


class Driver:
    """One descent on its way from chunk to chunk: its solver, what it records, and how it is judged.

    It begins at a start, or goes on from a checkpoint, after the trace of the descent that left it.
    """

    def __init__(
        self, plan: Plan, start: np.ndarray, callback: Callable[..., Any] | None = None,
        progress: Progress | None = None, checkpoint: Checkpoint | None = None, trace: Trace | None = None,
    ) -> None:  # fmt: skip
        objective = plan.objective
        self.plan, self.start = plan, start
        self.meter = Meter(plan.budget, objective, plan.view.counted, checkpoint.seconds if checkpoint else 0.0)
        with objective.clock.ends(self.meter.until):
            self.solver = checkpoint.solver_for(plan.near) if checkpoint else plan.begun(start)
        self.meter.attend(self.solver)
        self.log = Log(self.solver, plan.view, plan.watch, self.meter, callback, progress or Progress())
        self.judge = Judge(self.solver, plan, start, self.meter, self.log)
        # The state before the judge's last verdict: a longer run goes on from there.
        self.checkpoint: Checkpoint | None = None
        self.moved = 0, 0
        if checkpoint is None:
            self.log.record(self.solver.row()[None], 0.0)
            return
        assert trace is not None
        self.log.resume(trace, checkpoint.events, checkpoint.best)
        self.judge.resume(checkpoint)

    def stands(self) -> Checkpoint:
        """Return where the descent stands, for another to go on from."""
        return Checkpoint(
            copy.copy(self.solver), self.plan.near, float(self.solver.tolerance), events=self.log.events,
            seconds=self.meter.elapsed, best=self.log.best, **self.judge.known(),
        )  # fmt: skip

    def go(self) -> Ending:
        with self.solver.objective.clock.ends(self.meter.until):
            return self.gone()

    def gone(self) -> Ending:
        """Go on to the end, and return it."""
        objective = self.solver.objective
        sizes = chunk_sizes(time.perf_counter, objective.heavy or objective.slope_seconds > CHUNK_SECONDS / FIRST_CHUNK)
        since = self.meter.elapsed
        try:
            while True:
                ending = self.verdict()
                if ending is not None and not self.log.stopped:
                    return ending
                if self.log.called_back():
                    return Ending(Outcome.CALLBACK, "the callback raised StopIteration")
                since = self.meter.elapsed
                size, together = next(sizes)
                self.log.record(self.solver.run(*self.allowance(size), together), since)
                if self.log.called_back():
                    return Ending(Outcome.CALLBACK, "the callback raised StopIteration")
        except KeyboardInterrupt:
            self.rescue(since)
            return self.interrupted()
        except OutOfTime:
            self.rescue(since)
            return self.meter.timed_out()
        except Exception as error:
            if self.solver.objective.compiled is not None or not _of_function(error):
                raise
            self.rescue(since)
            facts = f"{type(error).__name__}: {error}, on the way from {_point(self.solver.status.x)}"
            return Ending(Outcome.RAISED, facts)

    def rescue(self, since: float) -> None:
        """Record what a chunk has done that was cut short."""
        self.log.record(self.solver.unfinished(), since)

    def interrupted(self) -> Ending:
        return Ending(Outcome.INTERRUPTED, "stopped from the keyboard; this is the best point so far")

    def allowance(self, size: int) -> tuple[int, int]:
        done = self.solver.status.iteration
        watched = self.log.callback is not None or self.plan.watch is not None
        rows = 1 if watched else int(min(self.meter.iterations, self.judge.probe_after)) - done
        if self.plan.budget.evaluations is not None:
            left = (self.plan.budget.evaluations - self.meter.spent) // self.solver.objective.cost
            size = min(size, max(left, 0))
        return rows, size

    def verdict(self) -> Ending | None:
        """Return how the run ended, or None while it goes on."""
        status = self.solver.status
        code, done = status.code, status.iteration
        if self.solver.ending is not None:
            return self.solver.ending
        if code in (CANDIDATE, STALLED):
            before, limited = self.stands(), self.meter.done
            ending = self.judge.examined(code)
            if ending is not None or limited:
                # At the limit the judge takes no steps, which a longer run would take.
                self.checkpoint = before
            return ending or self.overfitted(done)
        if code == UNBOUNDED:
            if ending := self.judge.far_out():
                return ending
            beyond = ("fell below", "falls") if self.solver.sign > 0 else ("rose above", "rises")
            facts = f"the value {beyond[0]} {self.solver.sign * status.best_value:.3g} and still {beyond[1]}"
            return Ending(Outcome.UNBOUNDED, facts)
        if code == BOTTOMLESS:
            facts = f"the value is {-self.solver.sign * math.inf:+} one step from {_point(status.x)}"
            return Ending(Outcome.UNBOUNDED, facts)
        if code == NON_FINITE:
            return self.broken_off()
        if ending := self.overfitted(done):
            return ending
        if self.meter.done:
            if self.plan.counted:
                return self.completed(done)
            facts = f"{self.meter.count(done)} done, and the descent was still going on"
            return Ending(Outcome.ITERATION_LIMIT, facts)
        if ending := self.meter.over(self.solver.objective.cost):
            return ending
        if self.plan.rules.searches and self.idle(done) > MOST_IDLE:
            scale = self.solver.objective.scale(status.first_value, status.best_value)
            asked = self.plan.budget.tolerance * scale
            return self.judge.stalled(Certificate(tolerance=asked))
        if done >= self.judge.probe_after:
            self.judge.probe()
        return None

    def idle(self, done: int) -> int:
        """Return how many evaluations were made since the last iteration."""
        evaluations = self.solver.status.evaluations
        if done != self.moved[0]:
            self.moved = done, evaluations
        return evaluations - self.moved[1]

    def overfitted(self, done: int) -> Ending | None:
        """Return the end of a descent that has not lowered the validation loss for as long as that may be."""
        watch = self.plan.watch
        if watch is None or done - self.log.best.epoch < watch.patience:
            return None
        facts = f"the validation loss has not fallen for {self.meter.count(watch.patience)}"
        return Ending(Outcome.COMPLETED, facts)

    def completed(self, done: int) -> Ending:
        first = self.solver.status.first_value
        if self.log.last_value > first:
            return self.diverged(self.log.last_value)
        return Ending(Outcome.COMPLETED, f"{self.meter.count(done)} done as asked; no claim of convergence")

    def broken_off(self) -> Ending:
        status = self.solver.status
        if status.value > status.first_value:
            return self.diverged(status.value)
        return Ending(
            Outcome.NON_FINITE,
            f"after {self.plan.view.counted} {status.iteration:,} the step led to a value that is not finite",
        )

    def diverged(self, last: float) -> Ending:
        status, sign = self.solver.status, self.solver.sign
        first = status.first_value
        moved = "rose" if sign > 0 else "fell"
        count = self.meter.count(status.iteration)
        facts = f"the value {moved} from {sign * first:.4g} to {sign * last:.4g} in {count}"
        steepest = status.steepest
        if steepest > 0:
            facts += f"; the curvature seen is up to {steepest:.3g}, so keep the step below {2 / steepest:.3g}"
        return Ending(Outcome.DIVERGED, facts)

    def finish(self, ending: Ending) -> Run:
        """Return the run that ended so, its answer held against a plain call."""
        solver, view, objective = self.solver, self.plan.view, self.solver.objective
        status = solver.status
        self.checkpoint = self.checkpoint or self.stands()
        if self.plan.watch is None:
            best, seen = np.array(status.best_x), status.best_value
            # If values tie within rounding, keep the last one: it is the least smoothed.
            risen = self.log.best.value < seen - 1e-9 * abs(seen)
            if self.log.best.x is not None and risen and ending.outcome is not Outcome.CONVERGED:
                best, seen = self.log.best.x, self.log.best.value
        else:
            best, seen = self.log.best.among(status)
            ending = self.log.best.told(ending, status.iteration)
        with objective.clock.ends(self.meter.until):
            gradient = gradient_at(solver, best)
            ending, value, checks = checked(solver, view.names, self.start, ending, best, seen, gradient)
        for count, kind, detail in (
            (status.resets, "reset", "the direction lost descent and began anew"),
            (status.non_finite, "non-finite", "trial points where the function is not finite"),
            (solver.gaps, "differences", "points with a finite value and no exact gradient"),
        ):
            if count:
                self.log.tell(kind, detail, count)
        trace = self.log.trace()
        trace.cost = objective.cost
        evaluations = self.meter.spent
        return Run(
            x=view.point(best),
            fun=value,
            jac=view.gradient(gradient),
            nit=status.iteration * objective.updates,
            nfev=evaluations + checks,
            njev=evaluations // objective.cost,
            outcome=ending.outcome,
            message=message(ending.outcome, ending.facts, ending.certificate, view.counted),
            certificate=ending.certificate,
            trace=trace,
            kind=objective.kind,
            why=objective.why,
            maximized=solver.sign < 0,
            objective=objective,
            view=view,
        )


def _of_function(error: Exception) -> bool:
    """Tell whether an error comes from a call of the user's function, and not from a callback or the descent itself."""
    names = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [name for name in names if name.partition(".")[0] == "steepest"]
    return not ours[-1].startswith(OURS)


def _point(x: Any) -> str:
    return np.array2string(np.asarray(x), precision=6, threshold=6)
