"""Plain calls of the user's function on flat vectors, and checks of the results."""

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
from steepest.derivatives.structure import Calling, holds_text, leaves_of
from steepest.sets.region import Region
from steepest.types import Array, Function, PyTree

# The types of most values, which need no further look: others take a while to be told apart.
FLOATS = (float, np.float64)


@dataclass
class Caller:
    """The user's function, called without tracing on flat vectors.

    Attributes
    ----------
    f : callable
        The user's function.
    calling : Calling
        How the function takes its point.
    paired : bool
        Whether the function returns a pair, the value and the gradient.
    native : bool
        Whether the function is written for JAX and must run in the 64-bit context; found out by the first call.
    box : Box or None
        Where the function may be called; elsewhere the value is NaN.
    region : Region or None
        The sets in which the function may be called.
    clock : Clock
        The time after which the function may no longer be called.
    precision : float
        The relative rounding error of the coarsest type that the function has returned.
    repeats : int
        How many calls each value is the mean of.
    """

    f: Function
    calling: Calling
    paired: bool = False
    native: bool = False
    box: Box | None = None
    region: Region | None = None
    clock: Clock = field(default_factory=Clock)
    precision: float = EPS
    repeats: int = 1

    def __call__(self, x: np.ndarray) -> float:
        if not self.allows(x):
            return math.nan
        if self.repeats == 1:
            return number(self.raw(x)[0])
        return float(np.mean([number(self.raw(x)[0]) for _ in range(self.repeats)]))

    def allows(self, x: np.ndarray) -> bool:
        """Tell whether the function may be called at a point."""
        if self.calling.chart is not None and not np.all(np.isfinite(x)):
            # A point outside its sets has no coordinates.
            return False
        return (self.box is None or self.box.contains(x)) and (self.region is None or self.region.contains(x))

    def raw(self, x: np.ndarray) -> tuple[Array, PyTree]:
        """Return the value as f returns it, with the gradient if f returns a pair, else None."""
        self.clock.admit()
        # Each call gets a copy: code that writes into its argument must not change the point of the run.
        with np.errstate(all="ignore"):
            if self.native:
                with double_precision():
                    returned = self.calling(self.f, jnp.asarray(x))
            else:
                returned = self.calling(self.f, x.copy())
                if type(returned) not in FLOATS and isinstance(returned, jax.Array):
                    # Outside the 64-bit context, code written for JAX rounds to 32 bits: call it again inside.
                    self.native = True
                    return self.raw(x)
        value, gradient = returned, None
        if self.paired:
            try:
                value, gradient = returned
            except (TypeError, ValueError):
                raise ValueError("gradient=True: the function must return a pair, (value, gradient)") from None
        if type(value) not in FLOATS:
            self.precision = max(self.precision, rounding_of(value))
        return value, gradient


def number(returned: Array) -> float:
    """Return the result of a function as a float, or raise an error that names the problem."""
    if type(returned) in FLOATS:
        return float(returned)
    if isinstance(returned, (tuple, list)) or np.size(returned) != 1:
        shape = getattr(returned, "shape", None)
        what = f"an array of shape {shape}" if shape is not None else f"{type(returned).__name__} {returned!r:.60}"
        raise ValueError(f"the function returned {what}: it must return one number")
    try:
        value = np.asarray(returned).reshape(()).item()
        if isinstance(value, (complex, str, bytes)):
            # `float` would read the text "3" as the number 3.
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        what = f"{returned!r:.60} ({type(returned).__name__})"
        raise ValueError(f"the function returned {what}: it must return one real number") from None


def flat_gradient(calling: Calling, gradient: PyTree) -> np.ndarray:
    """Return a gradient from plain code as a flat vector; raise an error if the gradient does not fit the point."""
    size = calling.structure.size
    leaves = leaves_of(calling.layout, gradient)
    try:
        arrays = [np.asarray(leaf) for leaf in leaves]
        if any(map(holds_text, arrays)):
            raise TypeError("it is text, not numbers")
        flat = np.concatenate([np.ravel(np.asarray(array, dtype=float)) for array in arrays])
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f"the gradient returned {gradient!r:.60}, which does not fit the point: {error}") from None
    if flat.size != size:
        raise ValueError(f"the gradient returned {flat.size} numbers where the function takes {size}")
    return np.asarray(calling.pulled(flat))
