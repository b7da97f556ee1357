"""How much work a call of traced code is: the numbers that its operations read and make."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from steepest.derivatives.precision import inner_codes
from steepest.types import Array

if TYPE_CHECKING:
    from jax.extend.core import ClosedJaxpr, Jaxpr


def work_of(code: Jaxpr | ClosedJaxpr) -> float:
    """Return how many numbers the operations of traced code read and make; infinite if it has loops.

    The count depends on the code alone, and not on the machine or on what else runs there.
    """
    total = 0.0
    for equation in getattr(code, "jaxpr", code).eqns:
        if equation.primitive.name in ("while", "scan"):
            return math.inf
        inner = [work_of(each) for each in inner_codes(equation.params.values())]
        total += sum(inner) if inner else _numbers(equation)
    return total


def _numbers(equation: Array) -> float:
    """Return the numbers that one operation takes; for a product of matrices, how many numbers are multiplied."""
    sizes = [math.prod(getattr(var.aval, "shape", ())) for var in (*equation.invars, *equation.outvars)]
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        shape = equation.invars[0].aval.shape
        return float(sizes[-1] * math.prod(shape[axis] for axis in contracted))
    return float(sum(sizes))
