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
SCALARS_AT_START = {"high": math.inf, "fresh": 1.0, "evaluations": 1.0, "flattest": math.inf, "estimate": math.inf}


def begun(x: np.ndarray, value: float, gradient: np.ndarray) -> Packed:
    """Return the state at a start with a gradient, as `begin` has it: the first direction is that of steepest descent.

    The last numbers are the memory of BFGS: its two matrices, D, γ, the number of pairs, and the last x and gradient.
    """
    n = x.size
    square = float(gradient.dot(gradient))
    t = RULES.step.begin(math.sqrt(square), math.sqrt(float(x.dot(x))) or 1.0)
    numbers = np.concatenate([_scalars(), x, gradient, -gradient, x, *_memory(n), x, gradient])
    packed = Packed(numbers, (), n)
    for name, number in (("value", value), ("slope", -square), ("t", t), ("first_value", value), ("best_value", value)):
        numbers[packed.place(name)] = number
    return packed


@cache
def _scalars() -> np.ndarray:
    return np.array([SCALARS_AT_START.get(name, 0.0) for name in SCALARS])


@cache
def _memory(n: int) -> tuple[np.ndarray, ...]:
    """Return the memory of BFGS before the first step, without the last point."""
    return np.zeros(2 * n * n), np.ones(n), np.array([1.0, 0.0])


assert VECTORS == ("x", "gradient", "direction", "best_x"), "begun has the vectors in this order"
