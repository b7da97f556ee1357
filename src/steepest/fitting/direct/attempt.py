"""Fits of small tables without compiled code; whatever is out of the ordinary is left to the usual descent.

The steps and the certificate are those of Newton's method, and so are the words. Where the `Judge` would not say
"converged" at once, the fit begins again in the usual way.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from steepest.derivatives.objective import Objective
from steepest.derivatives.structure import Calling, Structure
from steepest.descent.budget import Budget
from steepest.descent.ending import message
from steepest.descent.loop.state import COLUMNS
from steepest.descent.verdict.wording import within_rounding
from steepest.fitting.basis import Basis
from steepest.fitting.direct.solution import Solution, solution
from steepest.fitting.limits import DIRECT, NEWTON, WHITENED
from steepest.fitting.linear.problem import LinearProblem
from steepest.fitting.linear.remarks import remark_on_penalty
from steepest.fitting.result import Fit
from steepest.fitting.resume import LateFit, LiveFit, begun, descended
from steepest.fitting.row_gradients import RowGradients
from steepest.fitting.setup import FitOptions, FitSetup, TrainingData
from steepest.fitting.solvers import TABLE
from steepest.fitting.validation import LabelledRows
from steepest.models import Gamma, Linear, Logistic, Multinomial, Poisson
from steepest.models.losses import check_targets, gamma, log_loss, poisson, softmax, squared
from steepest.models.penalties import L1, L2, ElasticNet, kink_of
from steepest.trace import Certificate, Outcome, Trace
from steepest.types import Callback, Json

WHY = "exact: the gradient of the loss, computed in NumPy"
SOLVER = next(str(choice) for choice in TABLE if choice.name == "Newton's method")
# The models and losses that are fitted in this way.
MODELS = (Linear, Logistic, Poisson, Gamma, Multinomial)
LOSSES = (squared, log_loss, softmax, poisson, gamma)


def direct_fit(
    options: FitOptions, data: TrainingData, budget: Budget, callback: Callback | None, progress: bool | None
) -> Fit | None:
    """Return the fit of a small table by a loss of steady curvature; None if the usual descent is needed."""
    model, rows, loss = options.model, data.rows, options.loss
    if not isinstance(model, Linear) or type(model) not in MODELS or loss not in LOSSES or callback is not None:
        return None
    if not (options.penalty is None or type(options.penalty) in (L1, L2, ElasticNet)) or kink_of(options.penalty):
        return None
    is_usual = options.automatic and options.batch_size is None and options.rescale == "auto"
    is_whole = options.bounds is None and options.fixed is None and data.validation is None
    is_open = budget.seconds is None and budget.iterations is None and not budget.asked
    if not (is_usual and is_whole and is_open and progress in (None, False) and options.shuffle == "batches"):
        return None
    if type(rows.X) is not np.ndarray or rows.X.dtype != float or rows.X.size > DIRECT:
        return None
    rows = rows.weighted()
    rows = rows._replace(X=model.shaped(rows.X))
    if not 0 < rows.X.shape[1] <= min(len(rows.y) - 1, WHITENED):
        return None
    check_targets(loss, rows.y)
    names = data.names if rows.X.shape[1] == len(data.names or ()) else None
    problem = LinearProblem.of(
        model, rows.X, rows.y, options.start, rows.weight, loss, options.penalty, "whiten", names
    )  # fmt: skip
    if loss is not squared and (problem.size > NEWTON or problem.start.any()):
        return None
    found = solution(problem)
    return None if found is None else _fit(problem, found, LateTableFit(options, data, budget, problem), rows)


def _fit(problem: LinearProblem, found: Solution, late: LateTableFit, rows: LabelledRows) -> Fit:
    """Return the fit that a solution leads to."""
    structure, _ = Structure.of(problem.start)
    view, bound, data, budget = problem.view(Calling(structure, spread=False)), found.bound, late.data, late.budget
    error = () if bound.x_error is None else tuple(bound.x_error.tolist())
    certificate = Certificate("certified", bound.gap, bound.floor, (), error)
    table, first = found.rows, len(COLUMNS)
    elapsed = time.perf_counter() - budget.began
    columns = {name: table[:, k].copy() for k, name in enumerate(COLUMNS)}
    for name in ("iteration", "evaluations"):
        columns[name] = columns[name].astype(np.int64)
    columns |= {"seconds": found.times - budget.began, "epoch": columns["iteration"].copy()}
    points, evaluations = view.rows(table[:, first:]), int(table[-1, 1])
    fitted = Fit(
        x=view.calling.point(points[-1]),
        fun=float(table[-1, 2]),
        jac=view.calling.point(in_users_units(problem, found.gradient)),
        nit=int(table[-1, 0]),
        nfev=evaluations,
        njev=evaluations,
        outcome=Outcome.CONVERGED,
        message=message(Outcome.CONVERGED, within_rounding(bound.gap, "minimum"), certificate, "epoch"),
        certificate=certificate,
        trace=Trace(columns, points, list(view.names)),
        kind="traced",
        why=WHY,
        seconds=elapsed,
        objective=cast(Objective, LateObjective(late)),
        # The objective that is made later has padded columns.
        view=problem.padded().view(view.calling),
        model=problem.model,
        columns=data.names,
        data=data.source,
        solver=SOLVER,
    )
    fitted.row_gradients = RowGradients(problem, rows, view, data.check_intact)
    fitted.resumable = late
    remark_on_penalty(problem, fitted)
    return fitted


def in_users_units(problem: LinearProblem, gradient: np.ndarray) -> np.ndarray:
    """Return the gradient by the coefficients and the intercept, as `Coordinates.gradient_to_user` does.

    The columns of the basis are orthogonal, so that no equations need be solved for a single output.
    """
    if problem.outputs:
        return problem.frame.gradient_to_user(gradient)
    frame = problem.coordinates
    assert frame.basis is not None
    by_scaled = frame.basis @ (gradient[:-1] / (frame.basis**2).sum(axis=0))
    return np.append(frame.scale * by_scaled + frame.mean * gradient[-1], gradient[-1])


@dataclass
class LateTableFit(LateFit):
    """A direct fit with its rows in memory; it is set up for a descent only once something asks for that."""

    options: FitOptions
    data: TrainingData
    budget: Budget
    problem: LinearProblem

    @cached_property
    def setup(self) -> FitSetup:
        """The set-up of the usual descent."""
        self.data.check_intact()
        return FitSetup.of(self.options, self.data, self.budget)

    @cached_property
    def live(self) -> LiveFit:
        """The fit with the state of the usual solver at the end of its descent."""
        return descended(self.setup)

    def saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        """Return how the fit began as JSON, without a state: a loaded fit makes the usual descent before it goes on."""
        self.data.check_intact()
        return begun(self.options, self.problem, self.data, self.budget), {}

    def basis(self) -> Basis | None:
        """Return the loss, the penalty and the rows, without the set-up of a descent."""
        return self.data.basis(self.options.loss, self.options.penalty, self.options.drawn)


class LateObjective:
    """Stands for the objective of a direct fit, which is made at the first use."""

    # Each print of a fit reads it: the values of a table repeat.
    scatter = None

    def __init__(self, late: LateTableFit) -> None:
        self.late = late

    def __getattr__(self, name: str) -> Any:
        # Without the second, a copy that has no attributes yet would ask for `late` without an end.
        if name.startswith("__") or name == "late":
            raise AttributeError(name)
        return getattr(self.late.setup.plan.objective, name)
