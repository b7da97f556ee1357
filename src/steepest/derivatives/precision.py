"""Contexts for compiled code: double precision, and Ctrl-C held back until the code is through."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.differences import EPS


def double_precision() -> AbstractContextManager[None]:
    """Return a context in which JAX computes in 64 bits, for this thread alone."""
    return jax.enable_x64(True)


class compiled_code:  # noqa: N801 - a context, named as its kin are
    """A context for compiled code: in 64 bits, and with Ctrl-C held back until it is through.

    XLA goes on compiling after an interrupt, and a process that ends meanwhile crashes. Plain code of
    the user's never runs in here but to be traced, so that it can always be interrupted.
    """

    def __enter__(self) -> None:
        self.pressed = False
        ours = threading.current_thread() is threading.main_thread()
        self.holds = ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self.holds:
            signal.signal(signal.SIGINT, self.press)
        self.double = double_precision()
        self.double.__enter__()

    def press(self, *_: Any) -> None:
        """Remember that Ctrl-C was pressed; who presses it again does not want to wait."""
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self.double.__exit__(kind, error, trace)
        if self.holds:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if self.pressed and error is None:
                raise KeyboardInterrupt


def rounding_of(value: Any) -> float:
    """Return the rounding of a number as a part of it, by its type: that of a double where it is no floating number."""
    dtype = getattr(value, "dtype", None)
    return float(np.finfo(dtype).eps) if dtype is not None and dtype.kind == "f" and dtype.itemsize < 8 else EPS


def in_words(precision: float) -> str:
    """Return what is said of code that computes in a coarser type than doubles, nothing of other code."""
    if precision <= EPS:
        return ""
    name, digits = ("half", 3) if precision > 1e-5 else ("single", 7)
    return f"; the code computes in {name} precision, so its values have about {digits} digits"


def coarseness(jaxpr: Any, depends: list[bool] | None = None) -> float:
    """Return the coarsest rounding of what traced code computes from its first argument.

    Data that are stored in single precision are exact as they are; what is computed from the point in single
    precision is not.
    """
    jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    tainted = {
        var for k, var in enumerate(jaxpr.invars) if (k == 0 if depends is None else depends[min(k, len(depends) - 1)])
    }
    coarsest = EPS
    for equation in jaxpr.eqns:
        taken = [not hasattr(var, "val") and var in tainted for var in equation.invars]
        if not any(taken):
            continue
        tainted.update(equation.outvars)
        coarsest = max((coarsest, *(rounding_of(var.aval) for var in equation.outvars)))
        for inner in _inner(equation.params.values()):
            inputs = getattr(inner, "jaxpr", inner).invars
            # A loop's parts take other arguments than the loop: then all may depend on the point.
            coarsest = max(coarsest, coarseness(inner, taken if len(inputs) == len(taken) else [True]))
    return coarsest


def _inner(values: Any) -> Any:
    """Yield the traced code inside the parameters of an operation."""
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _inner(value)
        elif hasattr(getattr(value, "jaxpr", value), "eqns"):
            yield value


def precisely(f: Callable[[Any], Any], x: np.ndarray) -> Any:
    """Return what a user's function gives at a point; code written for JAX would round to 32 bits by itself."""
    with np.errstate(all="ignore"):
        returned = f(x.copy())
        if not isinstance(returned, jax.Array):
            return returned
        with double_precision():
            return np.asarray(f(jnp.asarray(x)))
