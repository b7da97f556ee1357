"""The precision of code, and the contexts that compiled code runs in: double precision, and Ctrl-C delayed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.differences import EPS
from steepest.derivatives.process.forks import check_fork
from steepest.derivatives.process.interrupts import Interrupts, interruptible, uninterrupted
from steepest.types import Array, Function

if TYPE_CHECKING:
    # Importing this module takes 20 ms, and only annotations need it.
    from jax.extend.core import ClosedJaxpr, Jaxpr

# A rounding error above this, between those of single (1.2e-7) and half precision (9.8e-4), counts as half precision.
HALF = 1e-5


class double_precision:  # noqa: N801 - a context manager, written as a class because its time counts in small problems
    """A context in which JAX computes in 64 bits, in this thread only.

    Numbers are computed at once, also while JAX traces a function of the user that calls this library itself.
    """

    __slots__ = ("contexts",)

    def __enter__(self) -> None:
        self.contexts = jax.enable_x64(True), jax.core.eval_context()
        for context in self.contexts:
            context.__enter__()

    def __exit__(self, *error: object) -> None:
        double, eager = self.contexts
        eager.__exit__(None, None, None)
        double.__exit__(None, None, None)


class compiled_code:  # noqa: N801 - a context manager, written as a class because its time counts in small problems
    """A context for compiled code: it computes in 64 bits, and Ctrl-C takes effect when the code has finished.

    XLA keeps compiling after an interrupt, and a process that ends meanwhile crashes. The user's own code
    runs in this context only while it is traced, so a plain call of it can always be interrupted.
    """

    __slots__ = ("contexts",)

    def __enter__(self) -> None:
        check_fork()
        watched = () if Interrupts.watched else (interruptible(),)
        self.contexts = (*watched, uninterrupted(), jax.enable_x64(True), jax.core.eval_context())
        for context in self.contexts:
            context.__enter__()

    def __exit__(self, *error: object) -> None:
        *watched, held, double, eager = self.contexts
        eager.__exit__(None, None, None)
        double.__exit__(None, None, None)
        try:
            held.__exit__(None, None, None)
        finally:
            for context in watched:
                context.__exit__(*error)


def rounding_of(value: Array) -> float:
    """Return the relative rounding error of a value's type, that of a double if the type is no float."""
    dtype = getattr(value, "dtype", None)
    if dtype is None or not jnp.issubdtype(dtype, jnp.floating) or dtype.itemsize >= 8:
        return EPS
    return float(jnp.finfo(dtype).eps)


def precision_note(precision: float) -> str:
    """Return a clause that names single or half precision, or "" for double precision."""
    if precision <= EPS:
        return ""
    name, digits = ("half", 3) if precision > HALF else ("single", 7)
    return f"; the code computes in {name} precision, so its values have about {digits} digits"


def coarseness(code: Jaxpr | ClosedJaxpr, depends: list[bool] | None = None) -> float:
    """Return the largest relative rounding error among the values that traced code computes from the point.

    The point is the first argument, or the arguments that `depends` marks. Data stored in single precision do not
    count: they are exact numbers. Numbers computed from the point in single precision do count.
    """
    jaxpr = _open(code)
    # The variables that depend on the point.
    tainted = {
        var for k, var in enumerate(jaxpr.invars) if (k == 0 if depends is None else depends[min(k, len(depends) - 1)])
    }
    coarsest = EPS
    for equation in jaxpr.eqns:
        # Literals, which have a `val`, are constants.
        inputs = [not hasattr(var, "val") and var in tainted for var in equation.invars]
        if not any(inputs):
            continue
        tainted.update(equation.outvars)
        coarsest = max((coarsest, *(rounding_of(var.aval) for var in equation.outvars)))
        for inner in inner_codes(equation.params.values()):
            # If the inner code takes other arguments than the operation, as the body of a loop does, assume that all of
            # them depend on the point.
            matches = len(_open(inner).invars) == len(inputs)
            coarsest = max(coarsest, coarseness(inner, inputs if matches else [True]))
    return coarsest


def _open(code: Array) -> Jaxpr:
    """Return traced code without the constants that it closes over."""
    return code.jaxpr if hasattr(code, "jaxpr") else code


def inner_codes(values: Iterable[Array]) -> Iterator[Jaxpr | ClosedJaxpr]:
    """Yield the traced code inside the parameters of an operation."""
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from inner_codes(value)
        elif hasattr(_open(value), "eqns"):
            yield value


def precisely(f: Function, x: np.ndarray) -> Array:
    """Return the value of a function in double precision; code written for JAX uses 32 bits by default."""
    with np.errstate(all="ignore"):
        returned = f(x.copy())
        if not isinstance(returned, jax.Array):
            return returned
        with double_precision():
            return np.asarray(f(jnp.asarray(x)))
