"""The profile intervals of all parameters of a fit, with the reasons for ends that do not exist."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from steepest.descent.view import View
from steepest.fitting.profiling.profile import BetterFitError, Profile
from steepest.fitting.uncertainty.answer import Uncertainty

# What an end that is not an ordinary one is called; {side} is "lower" or "upper", {more} "smaller" or "larger".
ENDS = {
    "flat": "it has no {side} end: however {more} it is, the rest can be fitted so that the loss stays below the threshold",
    "edge": "its {side} end is where the model stops being finite",
    "limit": "its {side} end is its bound",
}


class ProfileIntervals(NamedTuple):
    """Profile intervals, flat in the order of the trace.

    Attributes
    ----------
    low, high : array of shape (parameters,)
        The ends; infinite where there is none, and NaN for a parameter without an error.
    reasons : dict
        What is special about the ends of a parameter, by its name.
    """

    low: np.ndarray
    high: np.ndarray
    reasons: dict[str, str]


def profile_intervals(
    uncertainty: Uncertainty, profile: Profile, view: View, level: float, bounds: Mapping[str, tuple[float, float]]
) -> ProfileIntervals:
    """Return the profile interval of each parameter.

    Parameters
    ----------
    uncertainty : Uncertainty
        The Wald errors, from which the searches begin.
    profile : Profile
        The profile of the fit.
    view : View
        How points of the descent are shown to the user.
    level : float
        The level.
    bounds : mapping
        The bounds of parameters by their names.

    Returns
    -------
    ProfileIntervals
        The intervals.

    Raises
    ------
    RuntimeError
        If a refit is better than the fit.
    """
    target, errors = uncertainty.quantile(level), uncertainty.flat_errors
    low, high = np.full((2, errors.size), math.nan)
    reasons = dict(uncertainty.reasons)
    for k, name in enumerate(uncertainty.names):
        if math.isinf(errors[k]):
            low[k], high[k] = -math.inf, math.inf
        if not 0 < errors[k] < math.inf:
            continue
        limits = bounds.get(name, (-math.inf, math.inf))
        try:
            found = profile.interval(k, float(uncertainty.estimates[k]), float(errors[k]), target, limits)
        except BetterFitError as better:
            raise RuntimeError(_better(name, better, profile.value, uncertainty.names, view)) from None
        low[k], high[k] = found.low, found.high
        if words := _words(found.why_low, found.why_high):
            reasons[name] = words
    return ProfileIntervals(low, high, reasons)


def _words(low: str, high: str) -> str:
    sides = (("lower", "small", low), ("upper", "large", high))
    return "; ".join(ENDS[why].format(side=side, more=more) for side, more, why in sides if why)


def _better(name: str, better: BetterFitError, value: float, names: tuple[str, ...], view: View) -> str:
    """Return that a refit is better than the fit, and where."""
    x = view.rows(better.point[None])[0]
    where = ", ".join(f"{each} = {number:.6g}" for each, number in list(zip(names, x, strict=True))[:8])
    return (
        f"the profile of {name} met a better fit than this one: the loss is {better.value:.6g} at {where}"
        f"{', …' if len(names) > 8 else ''}, against {value:.6g} here; intervals around this fit would be wrong: "
        "fit again with these values as start="
    )
