"""`gradient(f)` and `value_and_gradient(f)`: derivatives of any function, plain NumPy code included."""

from __future__ import annotations

import math

import numpy as np

from steepest.derivatives.objective import Objective, differences_at
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import Calling, read_call
from steepest.types import Function, PyTree


class Gradient:
    """The gradient of a function: a function of the same arguments.

    Parameters
    ----------
    f : callable
        The function.
    with_value : bool
        Whether a call returns (value, gradient) instead of the gradient alone.

    Attributes
    ----------
    kind : str
        How the last call obtained the gradient: "traced", "eager" or "differences"; "not called" before
        the first call.
    why : str
        The reason for that kind, in one sentence.
    """

    def __init__(self, f: Function, with_value: bool = False) -> None:
        if not callable(f):
            raise TypeError(f"gradient() takes a function, not {type(f).__name__}")
        self.f = f
        self.with_value = with_value
        self.kind = "not called"
        self.why = "the gradient has not been called yet"

    def __repr__(self) -> str:
        return f"<gradient of {getattr(self.f, '__name__', self.f)!s}: {self.kind}>"

    @np.errstate(all="ignore")
    def __call__(self, *point: PyTree) -> PyTree:
        if not point:
            raise TypeError("the gradient needs a point: call it with the arguments of the function")
        calling, x = read_call(self.f, point[0] if len(point) == 1 else point)
        objective = serve(self.f, calling, x)
        value, gradient, self.kind, self.why = slope_at(objective, x)
        like_point = _like_point(calling, gradient)
        return (value, like_point) if self.with_value else like_point


def slope_at(objective: Objective, x: np.ndarray) -> tuple[float, np.ndarray, str, str]:
    """Return value and gradient at a point, and how they were obtained: by differences if the exact gradient is NaN."""
    value, gradient = objective.slope(x)
    if math.isfinite(value) and not np.all(np.isfinite(gradient)):
        why = "central differences: the value is finite here and the exact gradient is not"
        return value, differences_at(objective, x, x), "differences", why
    return value, gradient, objective.kind, objective.why


def _like_point(calling: Calling, gradient: np.ndarray) -> PyTree:
    """Return a gradient in the layout of the user's point."""
    return gradient if calling.spread else calling.structure.build(gradient)


def gradient(f: Function) -> Gradient:
    """Return the gradient of f, as a function of the same arguments.

    The gradient is the vector of partial derivatives, ∇f(x) = (∂f/∂x₁, …, ∂f/∂xₙ): the direction
    in which f rises fastest. JAX traces plain NumPy code and differentiates it exactly; code that
    can't be traced gets central differences. The result's `kind` is "traced", "eager" or
    "differences", and `why` is the reason.

    Parameters
    ----------
    f : callable
        A function of one point (scalar, array, dict or tree) or of several scalars.

    Returns
    -------
    Gradient
        Call it like f. It returns NumPy arrays: one, or a tree like the point.

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


def value_and_gradient(f: Function) -> Gradient:
    """Return a function that computes the value and the gradient of f in one call.

    Parameters
    ----------
    f : callable
        A function of one point or of several scalars, as for `gradient`.

    Returns
    -------
    Gradient
        Call it like f. It returns the pair (value, gradient).

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
