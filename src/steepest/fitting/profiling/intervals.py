"""The profile intervals of all parameters of a fit, with the reasons for ends that do not exist."""

from __future__ import annotations

import math

import numpy as np

from steepest.derivatives.objective import Objective
from steepest.descent.view import View
from steepest.fitting.function.residuals import ModelResiduals
from steepest.fitting.profiling.begin import Problem, profile_of
from steepest.fitting.profiling.profile import BetterFitError
from steepest.fitting.uncertainty.answer import Ends, Uncertainty
from steepest.fitting.uncertainty.families import Family, family_of
from steepest.fitting.validation import LabelledRows
from steepest.models.penalties import ridge_of
from steepest.types import Function

# The reasons for ends that are not where the profile crosses its level; {side} is "lower" or "upper", {more} "small" or
# "large".
ENDS = {
    "flat": "it has no {side} end: however {more} it is, the rest can be fitted nearly as well",
    "edge": "its {side} end is where the model stops being finite",
    "limit": "its {side} end is its bound",
}


def profile_intervals(
    problem: Problem, loss: Function, objective: Objective, view: View, residuals: ModelResiduals | None,
    rows: LabelledRows, uncertainty: Uncertainty, level: float,
) -> Ends:  # fmt: skip
    """Return the profile interval of each parameter.

    Parameters
    ----------
    problem : LinearProblem, CustomProblem or NativeProblem
        The model on its rows.
    loss : callable
        The loss, as the user gave it.
    objective, view
        Its objective, and how points are shown to the user.
    residuals : ModelResiduals or None
        The residuals, if the fit has them.
    rows : LabelledRows
        The rows that it learnt from.
    uncertainty : Uncertainty
        The Wald errors, from which the searches begin.
    level : float
        The level.

    Returns
    -------
    Ends
        The intervals.

    Raises
    ------
    ValueError
        If there is a penalty.
    RuntimeError
        If a refit is better than the fit.
    """
    family = family_of(loss)
    # A loss of the user's own is taken as minus a log likelihood. Those that are none were refused before.
    unit = family.unit if isinstance(family, Family) else 1.0
    if ridge_of(problem.user_penalty):
        raise ValueError(
            'method="profile" follows a likelihood, and a penalty draws the fit away from its maximum: '
            'give method="wald", or fit without the penalty'
        )
    profile = profile_of(problem, objective, view, residuals, rows, uncertainty, unit)
    target, errors = uncertainty.quantile(level), uncertainty.flat_errors
    low, high = np.full((2, errors.size), math.nan)
    reasons = dict(uncertainty.reasons)
    try:
        profile.check(target)
        for k, name in enumerate(uncertainty.names):
            if math.isinf(errors[k]):
                low[k], high[k] = -math.inf, math.inf
            estimate = float(uncertainty.estimates[k])
            error = profile.unit(k, estimate) if math.isnan(errors[k]) else float(errors[k])
            if not 0 < error < math.inf:
                continue
            found = profile.interval(k, estimate, error, target)
            low[k], high[k] = found.low, found.high
            if words := _words(found.why_low, found.why_high):
                reasons[name] = words
    except BetterFitError as better:
        raise RuntimeError(_better(better, profile.value, uncertainty.names, view)) from None
    return Ends(low, high, reasons)


def _words(low: str, high: str) -> str:
    sides = (("lower", "small", low), ("upper", "large", high))
    return "; ".join(ENDS[why].format(side=side, more=more) for side, more, why in sides if why)


def _better(better: BetterFitError, value: float, names: tuple[str, ...], view: View) -> str:
    """Return that a refit is better than the fit, and where."""
    x = view.rows(better.point[None])[0]
    where = ", ".join(f"{each} = {number:.6g}" for each, number in list(zip(names, x, strict=True))[:8])
    return (
        f"the profile met a better fit than this one: the loss is {better.value:.6g} at {where}"
        f"{', …' if len(names) > 8 else ''}, against {value:.6g} here; intervals around this fit would be wrong: "
        "fit again with these values as start="
    )
