"""Objectives of noisy functions, whose values or gradients differ from call to call at the same point."""

from __future__ import annotations

import math

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.derivatives.differencing.noisy import NoisyDifferences
from steepest.derivatives.objective import Objective
from steepest.derivatives.scatter import REORDERED, Repeated, Scatter, deviation, differ
from steepest.derivatives.serving.caller import Caller, flat_gradient
from steepest.derivatives.serving.plain import differenced, given, given_slope
from steepest.types import Function

NOISY = "values at one point differ from call to call"


def is_noisy(caller: Caller, gradient: Function | None, start: np.ndarray, start_value: float) -> bool:
    """Tell whether a second call at the start gives another value, or a second gradient differs from the first."""
    try:
        if differ(start_value, caller(start)):
            return True
        if gradient is not None:
            slopes = [flat_gradient(caller.calling, caller.calling(gradient, start.copy())) for _ in range(2)]
        elif caller.paired:
            slopes = [flat_gradient(caller.calling, caller.raw(start)[1]) for _ in range(2)]
        else:
            return False
    except Exception:  # noqa: BLE001 - an error of the function or its gradient is raised where it is used
        return False
    return bool(np.any(np.abs(slopes[0] - slopes[1]) > REORDERED * EPS * np.abs(slopes).max()))


def noisy_objective(
    caller: Caller, gradient: Function | None, start: np.ndarray, start_value: float
) -> Objective:  # fmt: skip
    """Return the objective of a noisy function: nothing is traced, as a trace would repeat one value of the noise."""
    if gradient is not None or caller.paired:
        objective = given(caller, gradient, start, start_value, NOISY)
    else:
        objective = differenced(caller, start, start_value, NOISY)
    make_noisy(objective, caller, gradient, start)
    return objective


def make_noisy(
    objective: Objective, caller: Caller, gradient: Function | None, x: np.ndarray, least: float = 0.0
) -> None:  # fmt: skip
    """Let an objective take its values and gradients from plain calls, with the noise of those at a point.

    `least` is a standard deviation that was seen already.
    """
    scatter = Scatter(caller, x, caller.repeats, least)
    objective.scatter, objective.compiled, objective.arrays, objective.check_repeats = scatter, None, (), None
    objective.by_calls, objective.differences, objective.slope_seconds = True, None, 0.0
    if gradient is not None or caller.paired:
        objective.slope, objective.kind = given_slope(caller, gradient), "given"
        objective.why = f"the gradient given, called plainly, because {NOISY}"
        return
    objective.noisy_differences = NoisyDifferences(scatter, x, objective.box)
    objective.slope, objective.kind, objective.cost = objective.noisy_differences, "differences", 2 * x.size + 1
    objective.why = f"central differences over steps that stand clear of the noise, because {NOISY}"


def watch_repeats(objective: Objective, caller: Caller, gradient: Function | None, repeats: int) -> Objective:
    """Let an objective be checked for noise at another point than the start; return it."""

    def check(x: np.ndarray, known: float | None, best: np.ndarray) -> Repeated | None:
        try:
            first = caller(x) if known is None else known
            again = caller(x)
        except Exception:  # noqa: BLE001 - the last check of the answer calls f there, too, and names the error
            return None
        differs = differ(first, again)
        # Within sets there are no differences for noisy values: the descent then ends.
        if differs and caller.region is None:
            caller.repeats = repeats
            # One call in many may differ, so that some more calls show no noise at all.
            make_noisy(objective, caller, gradient, best, deviation(first, again) / math.sqrt(repeats))
        return Repeated(again, differs)

    objective.check_repeats = check
    return objective
