"""The textbook's difference quotients, and the typical sizes of coordinates, from which steps are chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from steepest.derivatives.structure import array_of, positional_names
from steepest.printable import quoted
from steepest.types import Array, Function

EPS = float(np.finfo(float).eps)


@np.errstate(all="ignore")
def difference_quotient(f: Function, x: Array, h: float | None = None) -> Array:
    """Return the slope of the secant of f through x and x + h.

    The slope is (f(x + h) - f(x)) / h, which tends to the derivative f'(x) as h tends to 0.

    Parameters
    ----------
    f : callable
        A function of one variable.
    x : float or array
        The point; for an array, if f takes arrays, one slope per entry is returned.
    h : float, optional
        The step, of either sign, in the units of x. By default √eps times |x| (or √eps at x = 0):
        with that step the errors from rounding and from curvature are about equal.

    Returns
    -------
    float or array
        The difference quotient at each x.

    Raises
    ------
    ValueError
        If h is 0 or not finite.
    TypeError
        If f takes several arguments: use `partial_derivative`.

    Examples
    --------
    >>> difference_quotient(lambda x: x**2, 3.0, h=0.5)
    6.5
    >>> round(difference_quotient(lambda x: x**2, 3.0), 6)
    6.0
    """
    names = positional_names(f)
    if names is not None and len(names) > 1:
        raise TypeError(
            f"f takes {len(names)} arguments ({', '.join(names)}), so it has one slope per argument: "
            "use partial_derivative(f, point, var_idx, h)"
        )
    x = np.asarray(x, dtype=float)
    step = np.where(x == 0, 1.0, np.abs(x)) * math.sqrt(EPS) if h is None else _step(h)
    # Rounding of x + h changes the step. The default step is corrected for that; a step that the user gave is not.
    actual = (x + step) - x
    if h is not None:
        _refuse_lost(actual, x, h)
        actual = step
    ahead, here = (array_of(f(at[()])) for at in (x + step, x))
    quotient = (ahead - here) / actual
    return quotient if quotient.ndim else float(quotient)


@np.errstate(all="ignore")
def partial_derivative(f: Function, point: Sequence[float] | np.ndarray, var_idx: int, h: float | None = None) -> float:
    """Return the difference quotient of f in one of its variables, with the others fixed.

    The quotient is (f(x + h eᵢ) - f(x)) / h, with eᵢ the unit vector of variable i.

    Parameters
    ----------
    f : callable
        A function of several scalars, ``f(*point)``, or of one vector, ``f(point)``.
    point : sequence of float
        The point.
    var_idx : int
        The index of the variable, counted from 0.
    h : float, optional
        The step in the units of that variable; the default is that of `difference_quotient`.

    Returns
    -------
    float
        The slope in that variable.

    Raises
    ------
    ValueError
        If h is 0 or not finite.
    IndexError
        If the point has no such variable.

    Examples
    --------
    >>> round(partial_derivative(lambda x, y: x**2 + 3 * y, [1.0, 2.0], 0, h=0.01), 10)
    2.01
    """
    x = np.array(point, dtype=float)
    if x.ndim != 1:
        raise ValueError(f"point has {x.ndim} dimensions: it must be a list of numbers, one per variable")
    if not -x.size <= var_idx < x.size:
        raise IndexError(f"var_idx={var_idx}: the point has {x.size} variables, counted from 0")
    names = positional_names(f)
    spread = names is not None and len(names) > 1

    def in_one_variable(value: Array) -> Array:
        at = x.copy()
        at[var_idx] = value
        return f(*at) if spread else f(at)

    return float(difference_quotient(in_one_variable, x[var_idx], h))


def _step(h: float) -> float:
    if not (isinstance(h, (int, float, np.number)) and math.isfinite(h) and h != 0):
        raise ValueError(f"h={quoted(h)}: the step must be a finite number other than 0")
    return float(h)


def _refuse_lost(actual: np.ndarray, x: np.ndarray, h: float) -> None:
    if np.any(actual == 0):
        at = np.ravel(x)[np.ravel(actual == 0)][0]
        raise ValueError(f"h={quoted(h)} is lost in rounding, as x + h = x at x = {at}: give a larger h")


def tentative(value: Callable[[np.ndarray], float], x: np.ndarray) -> float:
    """Return the value at a trial point, or NaN if the function raises."""
    try:
        return value(x)
    except Exception:  # noqa: BLE001 - outside its domain the user's function may raise anything
        return math.nan


def scale_of(x: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the typical size of each coordinate: the larger of |x| and |start|, or 1 if both are 0."""
    size = np.maximum(np.abs(x), np.abs(start))
    return np.where(size == 0, 1.0, size)


def least_size(start: np.ndarray) -> np.ndarray:
    """Return the size below which each coordinate counts as 0: |start|, but at most 1.

    The minimum may be at 0, where a coordinate has no size of its own to compare errors with.
    """
    return np.minimum(np.abs(start), 1.0)
