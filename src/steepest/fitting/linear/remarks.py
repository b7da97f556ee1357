"""Warnings about a linear fit: dependent columns, separable classes, a loss above that of the mean alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from steepest.descent.ending import message
from steepest.fitting.result import Fit
from steepest.models.losses.base import Loss
from steepest.trace import Certificate, Event, Outcome

if TYPE_CHECKING:
    from steepest.fitting.linear.spec import LinearSpec

# Ends that were asked for, after which no programme is solved to tell whether there is a finite best.
LEFT = (Outcome.COMPLETED, Outcome.CALLBACK, Outcome.INTERRUPTED, Outcome.TIME_LIMIT)
OPEN = (
    "whether finite coefficients are best could not be told: the loss may fall for ever as some of them grow; "
    "add penalty=L2(1e-3), or so, with which there is a best"
)
# Half the digits are lost beyond it, and all of them in a Gram matrix.
ILL = 1e7


def remark(problem: LinearSpec, fitted: Fit, y: np.ndarray, weight: np.ndarray) -> None:
    """Add events and words to a fit, and take success from one that has come to nothing."""
    of_columns(problem, fitted)
    # Early stopping by validation keeps coefficients finite, so that separable rows do no harm.
    if problem.is_convex and "validation" not in fitted.trace.columns:
        of_recession(problem, fitted)
    if fitted.outcome is Outcome.COMPLETED and isinstance(problem.loss, Loss):
        of_the_mean(problem, fitted, y, weight)


def of_columns(problem: LinearSpec, fitted: Fit) -> None:
    """Tell of features that stand for a kernel, and of columns that are dependent, or nearly so."""
    features, where, events = getattr(problem.model, "map", None), problem.coordinates, fitted.trace.stored_events
    if features is not None:
        detail = f"{features.size} {features.kind} features make the kernel but for {features.error:.2g} of it"
        events.append(Event(0, "features", detail))
        fitted.message += f"; {detail}"
        return
    if problem.rescale == "whiten" and (lost := problem.X.shape[1] - where.directions):
        detail = f"{lost} of {problem.X.shape[1]} columns say nothing new: of many coefficients, short ones"
        events.append(Event(0, "collinear", detail))
    if where.condition > ILL:
        digits = f"of 16 digits the coefficients lose about {math.log10(where.condition):.0f}"
        detail = f"the columns are nearly dependent, with a condition number of {where.condition:.1e}: {digits}"
        events.append(Event(0, "ill-conditioned", detail))
        fitted.message += f"; ill-conditioned: {detail}"


def of_recession(problem: LinearSpec, fitted: Fit) -> None:
    """Tell of a loss that falls for ever, whose coefficients have no finite best, however the descent ended.

    A convex objective has no saddle either: what looks like one is rounding.
    """
    if fitted.certificate.kind != "certified":
        point = np.concatenate([np.ravel(part) for part in fitted.params.values()])
        finding = problem.recession.decided(point, brief=fitted.outcome in LEFT)
        if finding.endless:
            fitted.outcome, fitted.certificate = Outcome.NO_FINITE_OPTIMUM, Certificate()
            fitted.message = message(fitted.outcome, finding.endless, fitted.certificate)
            return
        if not finding.sure and fitted.outcome in (Outcome.CONVERGED, Outcome.STALLED):
            fitted.outcome = Outcome.STALLED
            fitted.certificate = replace(fitted.certificate, kind="none", gap=math.nan)
            fitted.message = message(fitted.outcome, OPEN, fitted.certificate)
    if fitted.outcome is Outcome.SADDLE:
        fitted.outcome, fitted.certificate = Outcome.STALLED, Certificate()
        fitted.message = message(fitted.outcome, "rounding hides how far the minimum lies", fitted.certificate)


def of_the_mean(problem: LinearSpec, fitted: Fit, y: np.ndarray, weight: np.ndarray) -> None:
    """Take success from steps that were done as asked, and have led to less than the mean, or the share, tells."""
    loss = problem.loss
    assert isinstance(loss, Loss)
    with np.errstate(all="ignore"):
        if loss.outputs:
            shares = np.bincount(y.astype(int), weights=weight) / weight.sum()
            guess = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
        else:
            mean = np.average(y, weights=weight)
            # A constant score of -1 or 1 predicts the same class for every row.
            levels = [loss.link(mean), *((-1.0, 1.0, 2 * mean - 1) if loss.classes else ())]
            guess = min(float(np.average(loss(np.full(len(y), level), y), weights=weight)) for level in levels)
        z = problem.model(problem.X, *fitted.params.values())
        z = z if loss.contrasts is None else z @ loss.contrasts
        reached = float(np.average(loss(z, y), weights=weight))
    if reached > guess + 1e-9 * abs(guess):
        facts = f"{fitted.nit:,} updates done as asked, and the loss of {reached:.4g} is above that of the mean alone"
        fitted.outcome = Outcome.ITERATION_LIMIT
        fitted.message = message(fitted.outcome, f"{facts}, {guess:.4g}", fitted.certificate, "epoch")
