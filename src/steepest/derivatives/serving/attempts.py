"""Attempts to trace a function as a whole, so that JAX can differentiate and compile it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import Compiled, recalled
from steepest.derivatives.differences import EPS
from steepest.derivatives.structure import Calling, leaves_of
from steepest.derivatives.tracing.budget import running, tracing
from steepest.derivatives.tracing.fingerprint import Fingerprint
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.types import Array, Function, PyTree


@dataclass
class TraceAttempt:
    """One way to trace a function.

    Attributes
    ----------
    fingerprint : Fingerprint
        The user's function, its gradient or None, and its further arguments.
    calling : Calling
        How the function takes its point.
    native : bool
        Whether the code is written for JAX and gets JAX's own arrays; NumPy code gets `Traced` arrays.
    given : bool
        Whether the user gave a function for the gradient.
    paired : bool
        Whether the function returns the value and the gradient.
    precision : float
        The relative rounding error of the coarsest type that the code asked for when it was traced.
    """

    fingerprint: Fingerprint
    calling: Calling
    native: bool
    given: bool
    paired: bool
    precision: float = EPS

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The arrays that the code reads, which the compiled function takes as arguments."""
        return tuple(self.fingerprint.arrays)

    @property
    def key(self) -> Hashable:
        return (
            self.fingerprint.key,
            self.calling.structure,
            self.calling.spread,
            self.calling.chart,
            self.native,
            self.given,
            self.paired,
        )

    def compiled(self, fresh: bool) -> Compiled:
        """Return the code to compile, new if `fresh`, else as it is stored; other threads get the same code."""

        def make() -> Compiled:
            return Compiled(self.pure, lambda: self.precision)

        return make() if fresh else recalled(self.key, Compiled, make)

    def pure(self, x: Array, arrays: Sequence[Array]) -> tuple[Array, Array]:
        """Return the value and the gradient by JAX's operations; this is the function that is compiled."""
        with tracing():
            result = self._value_and_gradient(x, arrays)
            self.precision = running.precision
        return result

    def _value_and_gradient(self, x: Array, arrays: Sequence[Array]) -> tuple[Array, Array]:
        f, gradient, *args = self.fingerprint.rebuild(arrays, self.native)

        def call(f: Function, x: Array) -> Array:
            return self.calling(f, x if self.native else Traced(x), tuple(args))

        if self.paired:
            value, slope = call(f, x)
            return scalar(value), self._flat(slope)
        if self.given:
            return scalar(call(f, x)), self._flat(call(gradient, x))
        return jax.value_and_grad(lambda x: scalar(call(f, x)))(x)

    def _flat(self, gradient: PyTree) -> Array:
        leaves = [jnp.ravel(jnp.asarray(stack(leaf))) for leaf in leaves_of(self.calling.layout, gradient)]
        flat = jnp.concatenate(leaves).astype(jnp.float64)
        size = self.calling.structure.size
        if flat.size != size:
            raise ValueError(f"the gradient has {flat.size} numbers where the function takes {size}")
        return self.calling.pulled(flat)


def attempts(f: Function, gradient: Function | None, calling: Calling, paired: bool) -> Iterator[TraceAttempt]:
    """Yield the ways to trace a function, in the order to try them.

    At first the arrays that the code reads are arguments of the compiled function. If the code branches on their
    values, that attempt fails, and the arrays become constants: new data then need a new compilation.
    """
    values = [f, gradient, *calling.args]
    has_gradient = gradient is not None
    with_arrays = Fingerprint(values)
    yield TraceAttempt(with_arrays, calling, False, has_gradient, paired)
    with_constants = Fingerprint(values, constants=True)
    if with_arrays.arrays:
        yield TraceAttempt(with_constants, calling, False, has_gradient, paired)
    # In code written for JAX, arrays from outside are constants; further arguments, such as the rows of a fit, are not.
    with_arguments = Fingerprint(values, constants=True, varying=len(calling.args))
    yield TraceAttempt(with_arguments, calling, True, has_gradient, paired)
    if with_arguments.arrays:
        yield TraceAttempt(with_constants, calling, True, has_gradient, paired)


def scalar(returned: Array) -> Array:
    """Return the result of traced code as one JAX number."""
    value = jnp.asarray(stack(returned))
    if value.size != 1:
        raise ValueError(f"the function returned an array of shape {value.shape}: it must return one number")
    return value.reshape(()).astype(jnp.float64)


def failure_reason(error: Exception) -> str:
    """Return the reason why code could not be traced, as a clause."""
    name = type(error).__name__
    if "Concretization" in name or "TracerBool" in name or "NonConcrete" in name:
        return "the code branches on values"
    lines = str(error).strip().splitlines() or [name]
    return lines[0][:160]
