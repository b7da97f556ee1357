"""Objectives whose gradients come from plain calls: differences of values, or a gradient that the user gave."""

from __future__ import annotations

import math

import numpy as np

from steepest.derivatives.compiled import Slope
from steepest.derivatives.differencing.slopes import Differences
from steepest.derivatives.objective import Objective, by_differences
from steepest.derivatives.serving.caller import Caller, flat_gradient, number
from steepest.types import Function


def differenced(caller: Caller, start: np.ndarray, start_value: float, obstacle: str) -> Objective:
    """Return an objective whose gradients are differences of values."""
    slope = Differences(caller, start, caller.box, lambda: caller.precision)
    return Objective(
        start.size, caller, slope, "differences", by_differences(obstacle), cost=2 * start.size + 1,
        differences=slope, precision=caller.precision, clock=caller.clock, start_value=start_value, box=caller.box,
        obstacle=obstacle,
    )  # fmt: skip


def given(
    caller: Caller, gradient: Function | None, start: np.ndarray, start_value: float, obstacle: str
) -> Objective:  # fmt: skip
    """Return an objective with the user's own gradient, by plain calls.

    If `gradient` is None, f returns the value and the gradient.
    """
    calling = caller.calling

    def slope(x: np.ndarray) -> Slope:
        if not caller.allows(x):
            return math.nan, np.full(x.size, math.nan)
        value, slope = caller.raw(x)
        if gradient is not None:
            caller.clock.check()
            with np.errstate(all="ignore"):
                slope = calling(gradient, x.copy())
        return number(value), flat_gradient(calling, slope)

    why = f"the gradient given, called plainly, because {obstacle}"
    return Objective(
        start.size, caller, slope, "given", why, clock=caller.clock, start_value=start_value, box=caller.box,
        obstacle=obstacle,
    )  # fmt: skip
