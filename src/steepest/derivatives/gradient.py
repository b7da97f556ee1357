"""`gradient(f)` and `value_and_gradient(f)`: derivatives of any function, plain NumPy code included."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.derivatives.objective import Objective, differences_at, serve
from steepest.derivatives.structure import Calling, read_call


class Gradient:
    """The gradient of a function, as a function of what the function takes.

    Parameters
    ----------
    f : callable
        The function.
    with_value : bool
        Whether calls return (value, gradient) instead of the gradient alone.

    Attributes
    ----------
    kind : str
        How the last call was served: "traced", "eager" or "differences"; "not called" before.
    why : str
        One sentence on that.
    """

    def __init__(self, f: Callable[..., Any], with_value: bool = False) -> None:
        if not callable(f):
            raise TypeError(f"gradient() takes a function, not {type(f).__name__}")
        self.f = f
        self.with_value = with_value
        self.kind = "not called"
        self.why = "the gradient has not been asked for yet"

    def __repr__(self) -> str:
        return f"<gradient of {getattr(self.f, '__name__', self.f)!s}: {self.kind}>"

    def __call__(self, *point: Any) -> Any:
        if not point:
            raise TypeError("the gradient takes what the function takes: give it a point")
        calling, x = read_call(self.f, point[0] if len(point) == 1 else point)
        objective = serve(self.f, calling, x)
        value, gradient, self.kind, self.why = slope_at(objective, x)
        shaped = _shape_like(calling, gradient)
        return (value, shaped) if self.with_value else shaped


def slope_at(objective: Objective, x: np.ndarray) -> tuple[float, np.ndarray, str, str]:
    """Return value and gradient at a point, differences where the exact gradient is NaN, and how."""
    value, gradient = objective.slope(x)
    if math.isfinite(value) and not np.all(np.isfinite(gradient)):
        why = "central differences: the value is finite here and the exact gradient is not"
        return value, differences_at(objective, x, x), "differences", why
    return value, gradient, objective.kind, objective.why


def _shape_like(calling: Calling, gradient: np.ndarray) -> Any:
    return gradient if calling.spread else calling.structure.build(gradient)


def gradient(f: Callable[..., Any]) -> Gradient:
    """Return the gradient of f, as a function that takes what f takes.

    The gradient is the vector of partial derivatives, ∇f(x) = (∂f/∂x₁, …, ∂f/∂xₙ): the direction
    in which f rises fastest. Plain NumPy code is traced by JAX and differentiated exactly; code that
    can't be traced gets central differences. `kind` and `why` of the result say which.

    Parameters
    ----------
    f : callable
        A function of one point (scalar, array, dict or tree) or of several scalars.

    Returns
    -------
    Gradient
        Call it as f is called. It returns NumPy: an array, or a tree like the point.

    Raises
    ------
    TypeError
        If f is not callable.

    Examples
    --------
    >>> import numpy as np
    >>> g = gradient(lambda x: np.sum(np.sin(x) ** 2))
    >>> g(np.array([0.0, np.pi / 4]))
    array([0., 1.])
    >>> g.kind
    'traced'
    >>> gradient(lambda x, y: x**2 * y)(3.0, 2.0)
    array([12.,  9.])
    """
    return Gradient(f)


def value_and_gradient(f: Callable[..., Any]) -> Gradient:
    """Return a function that gives the value and the gradient of f in one call.

    Parameters
    ----------
    f : callable
        A function of one point or of several scalars, as for `gradient`.

    Returns
    -------
    Gradient
        Call it as f is called. It returns the pair (value, gradient).

    Raises
    ------
    TypeError
        If f is not callable.

    Examples
    --------
    >>> value, slope = value_and_gradient(lambda x: x**3)(2.0)
    >>> float(value), float(slope)
    (8.0, 12.0)
    """
    return Gradient(f, with_value=True)
