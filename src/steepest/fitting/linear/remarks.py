"""Warnings about a linear fit: dependent columns, no finite optimum, a loss above that of a constant prediction."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from steepest.data.sparse.csr import is_sparse
from steepest.descent.ending import message
from steepest.fitting.linear.spec import LinearSpec
from steepest.fitting.result import Fit
from steepest.models.frame import column_deviations
from steepest.models.losses.base import Loss
from steepest.models.penalties import ridge_of
from steepest.models.svm import SVM
from steepest.printable import printable
from steepest.trace import Certificate, Event, Outcome

# Outcomes that the user chose. After these no linear program is solved, because the user does not want to wait.
CHOSEN_ENDS = (Outcome.COMPLETED, Outcome.CALLBACK, Outcome.INTERRUPTED, Outcome.TIME_LIMIT)
UNDECIDED = (
    "it is not known whether finite coefficients are best: the loss may keep falling as some of them grow; "
    "add a penalty, for example penalty=L2(1e-3): the best coefficients are then finite"
)
# The user is warned if the condition number of the columns exceeds this. At 1e8 the coefficients lose half of their
# digits, and a Gram matrix loses all.
ILL = 1e7
# A penalty that shrinks a coefficient to less than half is warned of if it shrinks others by so much less, because
# units then decide what is shrunk; or if it leaves hardly anything. Chosen, not measured.
UNLIKE, EXTREME = 100.0, 100.0
# The deviations of columns are taken from so many numbers at most.
LOOKED_AT = 10**6
# The most columns that are named.
MOST_NAMED = 5


def remark(problem: LinearSpec, fitted: Fit, y: np.ndarray, weight: np.ndarray) -> None:
    """Add events and sentences to a fit, and change the outcome if the answer is useless."""
    remark_on_columns(problem, fitted)
    remark_on_penalty(problem, fitted)
    # Early stopping by validation keeps coefficients finite, so separable rows do no harm.
    if problem.is_convex and "validation" not in fitted.trace.columns:
        remark_on_optimum(problem, fitted)
    if fitted.outcome is Outcome.COMPLETED and isinstance(problem.loss, Loss) and problem.allows_constants:
        compare_with_constant(problem, problem.loss, fitted, y, weight)


def remark_on_columns(problem: LinearSpec, fitted: Fit) -> None:
    """Report the error of features that approximate a kernel, and columns that are dependent or nearly so."""
    columns, events = problem.coordinates, fitted.trace.stored_events
    if isinstance(problem.model, SVM) and (features := problem.model.map) is not None:
        error = f"a relative error of {features.error:.2g}"
        detail = f"{features.size} {features.kind} features approximate the kernel with {error}"
        events.append(Event(0, "features", detail))
        fitted.message += f"; {detail}"
        return
    if problem.rescale == "whiten" and (lost := problem.X.shape[1] - columns.varying):
        detail = (
            f"{lost} of {problem.X.shape[1]} columns are constant or depend on others: "
            f"many coefficients fit equally well, and small ones were chosen"
        )
        events.append(Event(0, "collinear", detail))
    if columns.condition > ILL:
        digits = f"the coefficients lose about {math.log10(columns.condition):.0f} of 16 digits"
        detail = f"the columns are nearly dependent, with a condition number of {columns.condition:.1e}: {digits}"
        events.append(Event(0, "ill-conditioned", detail))
        fitted.message += f"; ill-conditioned: {detail}"


def remark_on_penalty(problem: LinearSpec, fitted: Fit) -> None:
    """Report columns in whose units an L2 penalty outweighs the rows.

    Sparse rows are left out: a word of few texts varies little in any units, and is shrunk because it is rare.
    """
    ridge = ridge_of(problem.user_penalty)
    has_units = problem.scales is None and getattr(problem.model, "map", None) is None and not is_sparse(problem.X)
    if not (ridge and has_units and problem.is_convex):
        return
    X, weight = problem.X, problem.weight
    step = -(-math.prod(X.shape) // LOOKED_AT)
    deviation = column_deviations(X[::step], weight[::step])
    varying = deviation > 0
    if not varying.any():
        return
    # Along a column the rows have this curvature, and the penalty λ: of the coefficient is left 1 / (1 + pull).
    pull = np.divide(ridge, problem.curvature * deviation**2, out=np.zeros(len(deviation)), where=varying)
    heavy = (pull > 1) & ((pull > UNLIKE * pull[varying].min()) | (pull > EXTREME))
    if not heavy.any():
        return
    names = [f"coef[{k}]" for k in range(len(deviation))] if problem.names is None else problem.names
    found = [printable(names[int(k)]) for k in np.flatnonzero(heavy)]
    more = len(found) - MOST_NAMED
    shown = ", ".join(found[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    detail = (
        f"the penalty outweighs the rows in the units of {shown}: of a column alone it leaves less than half of the "
        f"coefficient, and about 1/{1 + float(pull.max()):.3g} at worst"
    )
    fitted.trace.stored_events.append(Event(0, "penalty", detail))
    fitted.message += f"; {detail}: scales='standard' measures a penalty on standardised columns"


def remark_on_optimum(problem: LinearSpec, fitted: Fit) -> None:
    """Correct the outcome of a fit if no finite coefficients are best, whatever the outcome was.

    A convex objective has no saddle points, so rounding errors explain the outcome SADDLE.
    """
    if fitted.certificate.kind != "certified":
        point = np.concatenate([np.ravel(part) for part in fitted.params.values()])
        finding = problem.recession.decide(point, brief=fitted.outcome in CHOSEN_ENDS)
        if finding.endless:
            fitted.outcome, fitted.certificate = Outcome.NO_FINITE_OPTIMUM, Certificate()
            fitted.message = message(fitted.outcome, finding.endless, fitted.certificate)
            return
        if not finding.sure and fitted.outcome in (Outcome.CONVERGED, Outcome.STALLED):
            fitted.outcome = Outcome.STALLED
            fitted.certificate = replace(fitted.certificate, kind="none", gap=math.nan)
            fitted.message = message(fitted.outcome, UNDECIDED, fitted.certificate)
    if fitted.outcome is Outcome.SADDLE:
        fitted.outcome, fitted.certificate = Outcome.STALLED, Certificate()
        fitted.message = message(fitted.outcome, "rounding hides how far the minimum lies", fitted.certificate)


def compare_with_constant(problem: LinearSpec, loss: Loss, fitted: Fit, y: np.ndarray, weight: np.ndarray) -> None:
    """If a fit that made all its updates has a larger loss than a constant prediction, change its outcome."""
    with np.errstate(all="ignore"):
        if loss.outputs:
            shares = np.bincount(y.astype(int), weights=weight) / weight.sum()
            constant = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
        else:
            mean = np.average(y, weights=weight)
            # A constant score of -1 or 1 predicts the same class for every row.
            levels = [loss.link(mean), *((-1.0, 1.0, 2 * mean - 1) if loss.classes else ())]
            constant = min(float(np.average(loss(np.full(len(y), level), y), weights=weight)) for level in levels)
        z = problem.model(problem.X, *fitted.params.values())
        z = z if loss.contrasts is None else z @ loss.contrasts
        reached = float(np.average(loss(z, y), weights=weight))
    if reached > constant + 1e-9 * abs(constant):
        facts = f"all {fitted.nit:,} updates were made, but the loss of {reached:.4g} is above {constant:.4g}"
        fitted.outcome = Outcome.ITERATION_LIMIT
        fitted.message = message(fitted.outcome, f"{facts}, that of a constant prediction", fitted.certificate, "epoch")
