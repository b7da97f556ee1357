"""Fits of small curves in one compiled call; whatever is out of the ordinary is left to the usual descent.

The compiled descent ends like that of `LeastSquaresSolver`. Where the `Judge` would then say "converged" without a
further step or value, this file says so in the same words. In any other case the fit begins again in the usual way.
"""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steepest.derivatives.agreement import agree, slack_of
from steepest.derivatives.compiled import drop, remember, stored
from steepest.derivatives.process.forks import check_fork
from steepest.derivatives.structure import positional_names
from steepest.derivatives.tracing.fingerprint import Fingerprint
from steepest.descent.budget import Budget
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.early_stopping import BestEpoch
from steepest.descent.ending import message
from steepest.descent.loop.state import COLUMNS
from steepest.descent.verdict.wording import within_rounding
from steepest.fitting.curves.curve import Closed, Curve
from steepest.fitting.function.kernel import Descended
from steepest.fitting.function.least_squares import COUNTERS
from steepest.fitting.limits import KERNEL_PARAMETERS, KERNEL_ROWS
from steepest.fitting.result import Fit
from steepest.fitting.resume import LateFit, LiveFit
from steepest.fitting.row_gradients import RowGradients
from steepest.fitting.setup import FitOptions, FitSetup, TrainingData
from steepest.fitting.validation import LabelledRows
from steepest.models import Custom
from steepest.models.losses import check_targets, squared
from steepest.rules.choose import LEVENBERG
from steepest.trace import Certificate, Event, Outcome, Trace
from steepest.types import Callback, PyTree

# The types of numbers that a start may hold; other starts are read in the usual way.
PLAIN = (float, int, np.float64)
# The column of the trace that has the norm of the gradient.
GRADIENT_NORM = COLUMNS.index("gradient_norm")
# A row may hold this many numbers. Chosen, not measured: a small curve has few.
MOST_COLUMNS = 32


def _refused() -> None:
    """Mark code that can't be compiled as one descent; the cache holds functions."""


@dataclass(frozen=True)
class Attempt:
    """A fit that may be done in one compiled call.

    Attributes
    ----------
    options, data, budget
        As the set-up of a fit takes them.
    rows : LabelledRows
        The rows that have a weight.
    start : dict
        The number that each parameter starts from.
    closed : tuple of array
        The arrays that the function reads from its surroundings.
    key : hashable
        The key of the compiled code.
    """

    options: FitOptions
    data: TrainingData
    budget: Budget
    rows: LabelledRows
    start: dict[str, float]
    closed: Closed
    key: Hashable

    @classmethod
    def of(
        cls, options: FitOptions, data: TrainingData, budget: Budget, callback: Callback | None, progress: bool | None
    ) -> Attempt | None:
        """Return the attempt, or None if the options or the data ask for more than the compiled descent can do."""
        model, X = options.model, data.rows.X
        if options.bounds is not None or options.fixed is not None:
            return None
        if not isinstance(model, Custom) or model.is_native or options.loss is not squared or callback is not None:
            return None
        if not (options.automatic or (isinstance(options.direction, str) and options.direction == LEVENBERG)):
            return None
        is_usual = isinstance(options.step, str) and options.step == "auto" and options.shuffle == "batches"
        is_whole = options.penalty is None and options.batch_size is None and data.validation is None
        is_open = budget.seconds is None and budget.iterations is None and not budget.asked
        if not (
            is_usual and is_whole and is_open and options.rescale in ("auto", "none") and progress in (None, False)
        ):
            return None
        if type(X) is not np.ndarray or len(X) > KERNEL_ROWS or X.size > MOST_COLUMNS * len(X):
            return None
        rows = data.rows.weighted()
        start = _start_of(model, options.start)
        if start is None or not len(start) <= min(len(rows.y), KERNEL_PARAMETERS):
            return None
        check_fork()
        check_targets(squared, rows.y)
        fingerprint = Fingerprint([model.function])
        key = ("curve", fingerprint.key, tuple(start), rows.X.shape, rows.X.dtype.str)
        return cls(options, data, budget, rows, start, tuple(fingerprint.arrays), key)

    def again(self) -> Fit | None:
        """Return the fit by code that an earlier fit has compiled; None if there is none, or if it does not suit."""
        curve = stored(self.key)
        if not isinstance(curve, Curve):
            return None
        setup = curve.setup(self.options, self.data, self.rows, self.budget, self.start, self.closed)
        try:
            with np.errstate(all="ignore"):
                value = setup.plan.objective.value(setup.start)
        except Exception:  # noqa: BLE001 - the usual way calls the model, too, and names the error
            return None
        found = curve(setup)
        norms = np.array([math.hypot(*setup.start.tolist())]), found.rows[0, GRADIENT_NORM]
        slack = slack_of([value], *norms)
        if not (math.isfinite(value) and agree(found.first_value, value, slack)):
            drop(self.key)
            return None
        return self.answer(setup, found)

    def first(self, setup: FitSetup) -> Fit | None:
        """Return the first fit of a function, which was traced and checked in the usual way; None if it can't be."""
        known = stored(self.key)
        curve = Curve.of(setup, self.closed) if known is None else known
        if not isinstance(curve, Curve):
            return None
        try:
            found = curve(setup)
        except Exception:  # noqa: BLE001 - the user's code may have no second derivative in JAX
            remember(self.key, _refused)
            return None
        remember(self.key, curve)
        return self.answer(setup, found)

    def answer(self, setup: FitSetup, found: Descended) -> Fit | None:
        """Return the fit, or None unless it has converged beyond doubt, and a plain call gives the same value."""
        objective, x = setup.plan.objective, found.x
        if not found.is_clear(setup.start):
            return None
        try:
            value = objective.value(x)
        except Exception:  # noqa: BLE001 - the usual way calls the model, too, and names the error
            return None
        slack = slack_of([value, found.first_value], x, found.gradient) + 100 * found.noise
        if not agree(found.value, value, slack):
            drop(self.key)
            return None
        fitted = fitted_by(setup, found, value, self.data)
        fitted.resumable = LateCurveFit(setup, found)
        return fitted


def _start_of(model: Custom, given: PyTree) -> dict[str, float] | None:
    """Return the start by name; None unless it is a number for each parameter."""
    names = positional_names(model.function)
    if names is None or len(names) < 2:
        return None
    names = names[1:]
    if given is None:
        return dict.fromkeys(names, 1.0)
    if isinstance(given, np.ndarray):
        given = given.tolist() if given.ndim == 1 and given.dtype == float else ()
    values = [given.get(name) for name in names] if isinstance(given, Mapping) else given
    if not isinstance(values, (list, tuple)) or len(values) != len(names) or len(given) != len(names):
        return None
    if not all(type(value) in PLAIN and math.isfinite(value) for value in values):
        return None
    return dict(zip(names, map(float, values), strict=True))


def fitted_by(setup: FitSetup, found: Descended, value: float, data: TrainingData) -> Fit:
    """Return the fit that a clear descent has led to; `value` is that of a plain call."""
    plan, view = setup.plan, setup.plan.view
    objective, n = plan.objective, setup.start.size
    certificate = Certificate(
        "audited", found.decrement, found.floor, (found.smallest, found.largest), tuple(found.error.tolist())
    )
    rows = found.rows[: found.iteration + 1]
    elapsed = time.perf_counter() - plan.budget.began
    columns = {name: rows[:, k].copy() for k, name in enumerate(COLUMNS)}
    for name in ("iteration", "evaluations"):
        columns[name] = columns[name].astype(np.int64)
    seconds = np.arange(1, len(rows) + 1) * (elapsed / len(rows))
    columns |= {"seconds": seconds, "epoch": columns["iteration"].copy()}
    events = []
    if found.non_finite:
        detail = "trial points where the function is not finite"
        events.append(Event(found.iteration, "non-finite", detail, found.non_finite))
    # The audit counts as a gradient at two points for each parameter.
    spent = found.evaluations + 2 * n
    fitted = Fit(
        x=view.point(found.x),
        fun=value,
        jac=view.gradient(found.gradient),
        nit=found.iteration,
        nfev=spent,
        njev=spent,
        outcome=Outcome.CONVERGED,
        message=message(Outcome.CONVERGED, within_rounding(found.decrement, "minimum"), certificate),
        certificate=certificate,
        trace=Trace(columns, rows[:, len(COLUMNS) :].copy(), list(view.names), events),
        kind=objective.kind,
        why=objective.why,
        seconds=elapsed,
        objective=objective,
        view=view,
        model=setup.options.model,
        columns=data.names,
        data=data.source,
        solver=str(setup.choice),
    )
    fitted.row_gradients = RowGradients(setup.problem, setup.rows, view, setup.data.check_intact)
    return fitted


@dataclass(frozen=True)
class LateCurveFit(LateFit):
    """A quick fit with its rows in memory, as `Fit.more` needs it; its checkpoint is made only then."""

    ready: FitSetup
    found: Descended

    @property
    def setup(self) -> FitSetup:
        """The set-up of the fit."""
        return self.ready

    @cached_property
    def live(self) -> LiveFit:
        """The fit with the state of the usual solver at the end of the descent, before the verdict."""
        found, plan = self.found, self.setup.plan
        solver = plan.solver_at(self.setup.start)
        solver.restore([found.x, found.scale], {name: getattr(found, name, 0) for name in COUNTERS})
        checkpoint = Checkpoint(
            solver, plan.solver_tolerance, plan.solver_tolerance, audits=0, polished=0, cost=0, events=0,
            seconds=0.0, best=BestEpoch(), anchor=found.first_value,
        )  # fmt: skip
        return LiveFit(self.setup, checkpoint)
