"""The state in which the compiled loop of a small descent begins, made without a compiled call."""

from __future__ import annotations

import math

import numpy as np

from steepest.descent.loop.state import SCALARS, VECTORS, Packed
from steepest.rules.directions import BFGS
from steepest.rules.pair import Rules
from steepest.rules.steps import Wolfe

# The rules of a small descent: the default ones.
RULES = Rules(BFGS(), Wolfe())
# The scalars of a state at the start that are neither 0 nor depend on the start.
AT_START = {"high": math.inf, "fresh": 1.0, "evaluations": 1.0, "flattest": math.inf, "estimate": math.inf}
TEMPLATE = [AT_START.get(name, 0.0) for name in SCALARS]
PLACES = {name: place for place, name in enumerate(SCALARS)}
assert VECTORS == ("x", "gradient", "direction", "best_x"), "the state below has the vectors in this order"


def begun(x: list[float], value: float, gradient: list[float]) -> Packed:
    """Return the state at a start with a gradient, as `begin` has it: the first direction is that of steepest descent.

    The last numbers are the memory of BFGS: its two matrices, D, γ, the number of pairs, and the last x and gradient.
    """
    n, length = len(x), math.hypot(*gradient)
    scalars = TEMPLATE.copy()
    scalars[PLACES["value"]] = scalars[PLACES["first_value"]] = scalars[PLACES["best_value"]] = value
    scalars[PLACES["slope"]] = -length * length
    scalars[PLACES["t"]] = RULES.step.begin(length, math.hypot(*x) or 1.0)
    direction = [-slope for slope in gradient]
    memory = [*[0.0] * (2 * n * n), *[1.0] * n, 1.0, 0.0]
    return Packed(np.array([*scalars, *x, *gradient, *direction, *x, *memory, *x, *gradient]), (), n)
