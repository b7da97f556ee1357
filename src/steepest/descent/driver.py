"""The driver of a descent: it runs the solver chunk by chunk until the descent ends, and returns the run."""

from __future__ import annotations

import copy
import math
import time
import traceback
from dataclasses import replace

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.clock import OutOfTime
from steepest.derivatives.differences import scale_of
from steepest.derivatives.process.interrupts import answer_interrupt, check_interrupt
from steepest.descent.answer import checked, gradient_at
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.ending import Ending, message
from steepest.descent.log import Log
from steepest.descent.loop.rule_solver import CHUNK_SECONDS, FIRST_CHUNK, RuleSolver, chunk_sizes
from steepest.descent.loop.state import BOTTOMLESS, CANDIDATE, NON_FINITE, RUNNING, STALLED, UNBOUNDED
from steepest.descent.meter import Meter
from steepest.descent.plan import Plan
from steepest.descent.progress import Progress
from steepest.descent.run import Run
from steepest.descent.stopping import Stopping, in_words
from steepest.descent.verdict.evaluator import NOISES
from steepest.descent.verdict.judge import Judge
from steepest.trace import Certificate, Outcome, Trace
from steepest.types import Callback

# The most evaluations without an iteration, more than any search makes. Compiled code may round the same value
# differently in two calls: a trial may then be accepted and rejected by turns, without end.
MOST_IDLE = 2_000
# If an ending leaves more than this share of the value and the descent, the function is called so often to see whether
# its values repeat. Chosen, not measured: more calls find rarer noise.
DOUBTFUL, REPETITIONS = 1e-8, 16
# Endings that claim something of the point, for which values must repeat there.
CLAIMS = (Outcome.CONVERGED, Outcome.STALLED, Outcome.SADDLE, Outcome.FLAT)
# Packages whose errors are not errors of the user's function.
OURS = ("steepest.descent", "steepest.rules", "steepest.minimizing")


def descend(plan: Plan, start: np.ndarray, callback: Callback | None, progress: bool | None) -> Run:
    """Run a descent until it ends, and return the run."""
    with plan.progress(progress) as shown:
        driver = Driver(plan, start, callback, shown)
        run = driver.finish(driver.go())
        shown.finish(run.trace)
    return run


class Driver:
    """Runs one descent with a solver, a `Log`, a `Judge` and the limits of a budget.

    The descent begins at `start`, or continues from `checkpoint`; its rows then follow those of `trace`.

    Attributes
    ----------
    checkpoint : Checkpoint or None
        The state before the judge's last verdict: a longer run continues from there.
    answer : array or None
        The answer in the loop's coordinates, once the run has ended.
    """

    def __init__(
        self, plan: Plan, start: np.ndarray, callback: Callback | None = None, progress: Progress | None = None,
        checkpoint: Checkpoint | None = None, trace: Trace | None = None,
    ) -> None:  # fmt: skip
        objective = plan.objective
        self.plan, self.start = plan, start
        self.meter = Meter(plan.budget, objective, plan.view.counted, checkpoint.seconds if checkpoint else 0.0)
        with objective.clock.ends(self.meter.deadline):
            self.solver = checkpoint.solver_for(plan.solver_tolerance) if checkpoint else plan.solver_at(start)
        self.meter.attach(self.solver)
        self.log = Log(self.solver, plan.view, plan.early_stopping, self.meter, callback, progress or Progress())
        self.judge = Judge(self.solver, plan, start, self.meter, self.log)
        self.stopping = Stopping(self.solver, plan, self.meter, self.log)
        self.checkpoint: Checkpoint | None = None
        self.answer: np.ndarray | None = None
        # A point at which the function was called again, and the value there.
        self.repeated: tuple[np.ndarray, float] | None = None
        # The number of the last iteration, and the number of evaluations up to then.
        self.last_progress = 0, 0
        if checkpoint is None:
            self.log.record(self.solver.row()[None], 0.0)
            return
        assert trace is not None
        self.log.resume(trace, checkpoint.events, checkpoint.best)
        self.judge.resume(checkpoint)

    def current_state(self) -> Checkpoint:
        """Return the state of the descent, from which a longer run can continue."""
        return Checkpoint(
            copy.copy(self.solver), self.plan.solver_tolerance, self.solver.tolerance, events=self.log.events,
            seconds=self.meter.elapsed, best=self.log.best, **self.judge.known(),
        )  # fmt: skip

    def go(self) -> Ending:
        """Run the descent until it ends, and return the ending."""
        with self.solver.objective.clock.ends(self.meter.deadline):
            return self.run_chunks()

    def run_chunks(self) -> Ending:
        """Run chunks until the descent ends, or an error, the clock or Ctrl-C stops it; return the ending."""
        objective = self.solver.objective
        sizes = chunk_sizes(time.perf_counter, objective.heavy or objective.slope_seconds > CHUNK_SECONDS / FIRST_CHUNK)
        since = self.meter.elapsed
        try:
            while True:
                check_interrupt()
                ending = self.verdict()
                if ending is not None and not self.log.stopped:
                    if not self.turns_out_noisy(ending):
                        if ending.outcome is Outcome.CONVERGED:
                            self.log.remember_convergence()
                        return ending
                    if objective.scatter is None:
                        return self.judge.noise_floor.unmeasured()
                    continue
                if self.log.run_callback():
                    return Ending(Outcome.CALLBACK, "the callback raised StopIteration")
                since = self.meter.elapsed
                size, together = next(sizes)
                self.log.record(self.solver.run(*self.allowance(size), together), since)
                if self.log.run_callback():
                    return Ending(Outcome.CALLBACK, "the callback raised StopIteration")
        except KeyboardInterrupt:
            self.rescue(since)
            return self.interrupted()
        except OutOfTime:
            self.rescue(since)
            return self.meter.timed_out()
        except Exception as error:
            if self.solver.objective.compiled is not None or not _is_of_function(error):
                raise
            self.rescue(since)
            facts = f"{type(error).__name__}: {error}, on a step from {in_words(self.solver.status.x)}"
            return Ending(Outcome.RAISED, facts)

    def turns_out_noisy(self, ending: Ending) -> bool:
        """Tell whether values differ where an ending claims something; the descent then goes on.

        The function is called again at its best point, and at points whose values stand out from those around them:
        noise that is rare shows there, and seldom at the best point. A solver that works on residuals can't go on with
        noisy values: its objective then has no `scatter`.
        """
        objective, status, sign = self.solver.objective, self.solver.status, self.solver.sign
        if objective.check_repeats is None or ending.outcome not in CLAIMS:
            return False
        spent, calls, was_counted = self.meter.spent, objective.clock.calls, objective.by_calls
        x, known = status.best_x.copy(), None if objective.compiled else sign * status.best_value
        for point, value in [(x, known)] * self.repetitions(ending) + self.judge.evaluator.outliers():
            if not self.meter.affords(1):
                return False
            repeated = objective.check_repeats(point, value, x)
            if repeated is None:
                return False
            if point is x:
                self.repeated = x, repeated.value
            if repeated.differs:
                if not was_counted:
                    self.meter.count_calls(spent + objective.clock.calls - calls)
                self.log.add_event(
                    "noise", "values at one point differ: gradients come from differences of plain values"
                )
                self.solver.begin_at(x)
                return True
        return False

    def repetitions(self, ending: Ending) -> int:
        """Return how often to call the function again before an ending claims something.

        Noise of a few values, such as 0 or 1, may hide in one call. It leaves a gap that rounding does not explain.
        """
        status, limit = self.solver.status, self.plan.budget.evaluations
        descent = abs(status.first_value - status.best_value)
        if not ending.certificate.gap > DOUBTFUL * (abs(status.best_value) + descent):
            return 1
        return REPETITIONS if limit is None else int(max(1, min(REPETITIONS, limit - self.meter.spent)))

    def rescue(self, since: float) -> None:
        """Record the rows of a chunk that was cut short."""
        self.log.record(self.solver.unfinished(), since)

    def interrupted(self) -> Ending:
        """Return the ending of a descent that Ctrl-C stopped."""
        answer_interrupt()
        return Ending(Outcome.INTERRUPTED, "stopped from the keyboard; this is the best point so far")

    def allowance(self, size: int) -> tuple[int, int]:
        """Return the most rows and the most evaluations of the next chunk, which has at most `size` evaluations."""
        watched = self.log.callback is not None or self.plan.early_stopping is not None
        until = int(min(self.meter.last_iteration, self.next_probe))
        rows = 1 if watched else until - self.solver.status.iteration
        if self.plan.budget.evaluations is not None:
            left = (self.plan.budget.evaluations - self.meter.spent) // self.solver.objective.cost
            size = min(size, max(left, 0))
        return rows, size

    @property
    def next_probe(self) -> float:
        """The iteration after which the judge probes the curvature, which noise would hide."""
        return self.judge.probes.after if self.solver.objective.scatter is None else math.inf

    def verdict(self) -> Ending | None:
        """Return the ending, or None if the descent goes on."""
        status, stopping = self.solver.status, self.stopping
        if self.solver.ending is not None:
            return self.solver.ending
        if ending := stopping.approached():
            return ending
        if status.code in (CANDIDATE, STALLED):
            return self.judged(status.code, status.iteration)
        if status.code == UNBOUNDED:
            is_noisy = self.solver.objective.scatter is not None
            return (None if is_noisy else self.judge.rays.along_path()) or stopping.unbounded()
        if status.code == BOTTOMLESS:
            return stopping.infinite()
        if status.code == NON_FINITE:
            return stopping.not_finite()
        if status.code != RUNNING:
            # No chunk runs from such a state, so that the descent would wait for ever.
            return stopping.without_gradient()
        if ending := stopping.overfitted(status.iteration) or stopping.limit_reached():
            return ending
        if self.plan.rules.searches and self.idle() > MOST_IDLE:
            if self.solver.objective.scatter is not None:
                return self.judge.noise_floor()
            scale = self.solver.objective.scale(status.first_value, status.best_value)
            return self.judge.guide.stalled(Certificate(tolerance=self.plan.budget.tolerance * scale))
        if self.judge.noise_floor.is_reached():
            return self.judge.noise_floor()
        if status.iteration >= self.next_probe:
            self.judge.probes()
        return None

    def judged(self, code: int, done: int) -> Ending | None:
        """Return the judge's ending at a point where the solver stops, or None.

        If the run ends there, the state before the verdict becomes the checkpoint.
        """
        before, limited = self.current_state(), self.meter.out_of_iterations
        ending = self.judge.verdict(code)
        if ending is not None or limited:
            # At the limit of iterations the `Judge` takes no steps, but in a longer run it would: keep the state
            # before.
            self.checkpoint = before
        return ending or self.stopping.overfitted(done) or (self.meter.timed_out() if self.meter.out_of_time else None)

    def idle(self) -> int:
        """Return the number of evaluations since the last iteration."""
        status = self.solver.status
        if status.iteration != self.last_progress[0]:
            self.last_progress = status.iteration, status.evaluations
        return status.evaluations - self.last_progress[1]

    def best(self, ending: Ending) -> tuple[np.ndarray, float, Ending]:
        """Return the answer, its value and the ending; with early stopping, those of the best epoch."""
        status, best = self.solver.status, self.log.best
        if self.plan.early_stopping is not None:
            return *best.answer(status), best.ending(ending, status.iteration)
        scatter = self.solver.objective.scatter
        if scatter is not None and status.value <= min(status.best_value, best.value) + NOISES * scatter.level:
            # The lowest of noisy values is the luckiest one, and not the best point.
            return status.x.copy(), status.value, ending
        # If the values differ by rounding errors alone, return the last point: its loss is the least smoothed.
        was_better = best.value < status.best_value - 1e-9 * abs(status.best_value)
        if best.x is not None and was_better and ending.outcome is not Outcome.CONVERGED:
            return best.x, best.value, ending
        return status.best_x.copy(), status.best_value, ending

    def pushed(self, x: np.ndarray, value: float, gradient: np.ndarray) -> dict[int, str]:
        """Return the side of the box for each coordinate of an answer that only a bound keeps from going on.

        A slope counts if it changes the value by more than rounding, or its noise, over the size of the coordinate.
        """
        box, objective, view = self.box, self.solver.objective, self.plan.view
        if box is None:
            return {}
        downhill = self.solver.sign * gradient
        if objective.slope_rounding is not None and np.any(box.bounded & box.held(x, downhill)):
            with objective.clock.ends(math.inf):
                return box.pushed(x, downhill, objective.slope_rounding(x))
        noise = objective.scatter.level if objective.scatter else objective.relative_noise * abs(value)
        least = NOISES * noise / scale_of(x, self.start)
        if self.plan.bounds is not None:
            # Sets may give the loop coordinates of its own, but none to a parameter with bounds.
            x, downhill, least = view.rows(x), view.slope(downhill), np.array(view.errors(tuple(least)))
        return box.pushed(x, downhill, least)

    @property
    def box(self) -> Box | None:
        """The bounds of the coordinates that the user knows by name."""
        return self.plan.box if self.plan.bounds is None else self.plan.bounds

    def direction(self) -> dict[str, str | int | float | bool]:
        """Return the rule of the direction, if there is one and it works in the coordinates that the user sees."""
        if type(self.solver) is not RuleSolver:
            return {}
        view, ones = self.plan.view, np.ones(len(self.plan.view.names))
        is_own = np.array_equal(view.along(ones)[: ones.size], ones)
        return self.solver.rules.direction.described() if is_own else {}

    def finish(self, ending: Ending) -> Run:
        """Return the run with this ending, after a check of the answer."""
        solver, view, objective = self.solver, self.plan.view, self.solver.objective
        status = solver.status
        self.checkpoint = self.checkpoint or self.current_state()
        x, value, ending = self.best(ending)
        self.answer = x
        gradient, checks, calls = np.full(x.size, np.nan), 0, objective.clock.calls
        spent = self.meter.spent
        again = self.repeated[1] if self.repeated and np.array_equal(self.repeated[0], x) else None
        try:
            with objective.clock.ends(self.meter.deadline):
                gradient = gradient_at(solver, x)
                names = view.inner_names(x.size)
                ending, value, checks = checked(solver, names, self.start, ending, x, value, gradient, again)
        except KeyboardInterrupt:
            # Without the check the end of the descent is not certain, but its best point is.
            ending, value = self.interrupted(), solver.sign * value
        checks = objective.clock.calls - calls if objective.by_calls else checks
        for count, kind, detail in (
            (status.resets, "reset", "the direction no longer led downhill and was reset"),
            (status.non_finite, "non-finite", "trial points where the function is not finite"),
            (solver.gaps, "differences", "points with a finite value and no exact gradient"),
        ):
            if count:
                self.log.add_event(kind, detail, count)
        certificate = replace(ending.certificate, x_error=view.errors(ending.certificate.x_error))
        trace = self.log.trace()
        trace.cost = objective.cost
        box, names = self.box, view.names
        return Run(
            x=view.point(x),
            fun=value,
            jac=view.gradient(gradient),
            nit=status.iteration * objective.updates,
            nfev=spent + checks,
            njev=spent // objective.cost,
            outcome=ending.outcome,
            message=message(ending.outcome, ending.facts, ending.certificate, view.counted),
            certificate=certificate,
            trace=trace,
            kind=objective.kind,
            why=objective.why,
            maximized=solver.sign < 0,
            direction=self.direction(),
            bounds={} if box is None else box.intervals(names),
            fixed={} if box is None else box.values(names),
            at_bound={names[k]: side for k, side in self.pushed(x, value, gradient).items() if k < len(names)},
            seconds=self.meter.elapsed,
            objective=objective,
            view=view,
        )


def _is_of_function(error: Exception) -> bool:
    """Tell whether an error comes from a call of the user's function, and not from a callback or the descent itself."""
    names = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [name for name in names if name.partition(".")[0] == "steepest"]
    return not ours[-1].startswith(OURS)
