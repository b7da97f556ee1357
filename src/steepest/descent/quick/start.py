"""The state in which the compiled loop of a small descent begins, without a compiled call."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from steepest.descent.loop.state import SCALARS, VECTORS, Packed
from steepest.rules.directions import BFGS
from steepest.rules.pair import Rules
from steepest.rules.steps import Wolfe

# The rules of a small descent: the default ones.
RULES = Rules(BFGS(), Wolfe())
# The scalars of a state at the start that are neither 0 nor depend on the start.
AT_START = {"high": math.inf, "fresh": 1.0, "evaluations": 1.0, "flattest": math.inf, "estimate": math.inf}


def begun(x: np.ndarray, value: float, gradient: np.ndarray) -> Packed:
    """Return the state at a start with a gradient, as `begin` has it: the first direction is that of steepest descent.

    The last numbers are the memory of BFGS: its two matrices, D, γ, the number of pairs, and the last x and gradient.
    """
    n = x.size
    template, places = _template(n)
    numbers = template.copy()
    square = float(gradient.dot(gradient))
    t = RULES.step.begin(math.sqrt(square), math.sqrt(float(x.dot(x))) or 1.0)
    for place, entry in zip(places, (value, value, value, -square, t, x, x, x, gradient, gradient, -gradient), strict=True):
        numbers[place] = entry
    return Packed(numbers, (), n)


@cache
def _template(n: int) -> tuple[np.ndarray, tuple[int | slice, ...]]:
    """Return a state at a start, and the places of all that depends on the start."""
    scalars = [AT_START.get(name, 0.0) for name in SCALARS]
    numbers = np.array([*scalars, *[0.0] * (len(VECTORS) * n + 2 * n * n), *[1.0] * n, 1.0, 0.0, *[0.0] * (2 * n)])
    packed = Packed(numbers, (), n)
    names = "value", "first_value", "best_value", "slope", "t", "x", "best_x", None, "gradient", "", "direction"
    last = {None: slice(-2 * n, -n), "": slice(-n, None)}
    return numbers, tuple(last[name] if not name else packed.place(name) for name in names)
