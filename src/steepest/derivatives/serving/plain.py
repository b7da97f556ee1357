"""Objectives whose gradients come from plain calls: differences of values, or a gradient that the user gave."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from steepest.derivatives.compiled import Slope
from steepest.derivatives.differencing.slopes import Differences
from steepest.derivatives.objective import Objective, by_differences
from steepest.derivatives.serving.caller import Caller, flat_gradient, number
from steepest.types import Function


def differenced(caller: Caller, start: np.ndarray, start_value: float, obstacle: str) -> Objective:
    """Return an objective whose gradients are differences of values."""
    # A coordinate with equal bounds has no room for differences.
    free = start.size if caller.box is None else np.count_nonzero(~caller.box.fixed)
    cost = 2 * int(free) + 1
    slope = Differences(caller, start, caller.box, lambda: caller.precision, paid=cost)
    return Objective(
        start.size, caller, slope, "differences", by_differences(obstacle), cost=cost,
        differences=slope, precision=caller.precision, clock=caller.clock, start_value=start_value, box=caller.box,
        obstacle=obstacle, by_calls=True,
    )  # fmt: skip


def given(
    caller: Caller, gradient: Function | None, start: np.ndarray, start_value: float, obstacle: str
) -> Objective:  # fmt: skip
    """Return an objective with the user's own gradient, by plain calls.

    If `gradient` is None, f returns the value and the gradient.
    """
    slope = given_slope(caller, gradient)
    why = f"the gradient given, called plainly, because {obstacle}"
    return Objective(
        start.size, caller, slope, "given", why, clock=caller.clock, start_value=start_value, box=caller.box,
        obstacle=obstacle, by_calls=True,
    )  # fmt: skip


def given_slope(caller: Caller, gradient: Function | None) -> Callable[[np.ndarray], Slope]:
    """Return the function of a point that calls f and the user's gradient; each call is repeated as the caller asks."""
    calling = caller.calling

    def once(x: np.ndarray) -> Slope:
        value, slope = caller.raw(x)
        if gradient is not None:
            caller.clock.check()
            with np.errstate(all="ignore"):
                slope = calling(gradient, x.copy())
        return number(value), flat_gradient(calling, slope)

    def slope(x: np.ndarray) -> Slope:
        if not caller.allows(x):
            return math.nan, np.full(x.size, math.nan)
        if caller.repeats == 1:
            return once(x)
        values, gradients = zip(*(once(x) for _ in range(caller.repeats)), strict=True)
        return float(np.mean(values)), np.mean(gradients, axis=0)

    return slope
