"""Plain calls of the user's function on flat vectors, and checks of what it returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.clock import Clock
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import double_precision, rounding_of
from steepest.derivatives.structure import Calling, leaves_of
from steepest.types import Array, Function, Tree


@dataclass
class Caller:
    """The user's function, called without tracing on flat vectors.

    Attributes
    ----------
    f : callable
        The user's function.
    calling : Calling
        How it takes its point.
    paired : bool
        Whether it returns a pair, the value and the gradient.
    native : bool
        Whether it is written for JAX, so that it must run in the 64-bit context. The first call finds out.
    box : Box or None
        Where it may be called; elsewhere the value is NaN.
    clock : Clock
        The time after which it may no longer be called.
    precision : float
        The relative rounding error of the coarsest type that it has returned.
    """

    f: Function
    calling: Calling
    paired: bool = False
    native: bool = False
    box: Box | None = None
    clock: Clock = field(default_factory=Clock)
    precision: float = EPS

    def __call__(self, x: np.ndarray) -> float:
        return number(self.raw(x)[0]) if self.allows(x) else math.nan

    def allows(self, x: np.ndarray) -> bool:
        """Tell whether the function may be called at a point."""
        return self.box is None or self.box.contains(x)

    def raw(self, x: np.ndarray) -> tuple[Array, Tree]:
        """Return the value as f returns it, with the gradient if f returns a pair, else None."""
        self.clock.check()
        # Each call gets a copy: code that writes into its argument must not change the point of the run.
        with np.errstate(all="ignore"):
            if self.native:
                with double_precision():
                    returned = self.calling(self.f, jnp.asarray(x))
            else:
                returned = self.calling(self.f, x.copy())
                if isinstance(returned, jax.Array):
                    # Outside the 64-bit context, code written for JAX rounds to 32 bits: call it again.
                    self.native = True
                    return self.raw(x)
        value, gradient = returned, None
        if self.paired:
            try:
                value, gradient = returned
            except (TypeError, ValueError):
                raise ValueError("gradient=True: the function must return a pair, (value, gradient)") from None
        self.precision = max(self.precision, rounding_of(value))
        return value, gradient


def number(returned: Array) -> float:
    """Return what a function returned as a float, or raise an error that says what is wrong with it."""
    if isinstance(returned, (tuple, list)) or np.size(returned) != 1:
        shape = getattr(returned, "shape", None)
        what = f"an array of shape {shape}" if shape is not None else f"{type(returned).__name__} {returned!r:.60}"
        raise ValueError(f"the function returned {what}: it must return one number")
    try:
        value = np.asarray(returned).reshape(()).item()
        if isinstance(value, complex):
            raise TypeError("complex")
        return float(value)
    except (TypeError, ValueError):
        what = f"{returned!r:.60} ({type(returned).__name__})"
        raise ValueError(f"the function returned {what}: it must return one real number") from None


def flat_gradient(calling: Calling, gradient: Tree) -> np.ndarray:
    """Return a gradient that plain code returned as a flat vector, or raise an error if it does not fit the point."""
    size = calling.structure.size
    leaves = leaves_of(calling.layout, gradient)
    try:
        flat = np.concatenate([np.ravel(np.asarray(leaf, dtype=float)) for leaf in leaves])
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f"the gradient returned {gradient!r:.60}, which does not fit the point: {error}") from None
    if flat.size != size:
        raise ValueError(f"the gradient returned {flat.size} numbers where the function takes {size}")
    return flat
