"""The textbook's difference quotients, and the sizes that steps begin with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steepest.derivatives.structure import positional_names

EPS = float(np.finfo(float).eps)


def difference_quotient(f: Callable[[Any], Any], x: Any, h: float | None = None) -> Any:
    """Return the slope of the secant of f through x and x + h.

    (f(x + h) - f(x)) / h, which tends to the derivative f'(x) as h tends to 0.

    Parameters
    ----------
    f : callable
        A function of one variable.
    x : float or array
        Where to take the slope; an array is taken point by point, if f takes arrays.
    h : float, optional
        The step, of either sign, in the units of x. By default √eps times the size of x (or 1 at
        0), where rounding and curvature err about equally.

    Returns
    -------
    float or array
        The difference quotient at each x.

    Raises
    ------
    ValueError
        If h is 0 or not finite.
    TypeError
        If f takes several arguments: then the slope needs a direction, see `partial_derivative`.

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
            f"f takes {len(names)} arguments ({', '.join(names)}), so it has no single slope: "
            "use partial_derivative(f, point, var_idx, h)"
        )
    x = np.asarray(x, dtype=float)
    step = np.where(x == 0, 1.0, np.abs(x)) * math.sqrt(EPS) if h is None else _step(h)
    # The step really taken, after rounding x + h.
    taken = (x + step) - x
    if h is not None:
        _refuse_lost(taken, x, h)
        taken = step
    quotient = (np.asarray(f((x + step)[()])) - np.asarray(f(x[()]))) / taken
    return quotient if quotient.ndim else float(quotient)


def partial_derivative(
    f: Callable[..., Any], point: Sequence[float] | np.ndarray, var_idx: int, h: float | None = None
) -> float:
    """Return the difference quotient of f along one of its variables, the others held.

    (f(x + h eᵢ) - f(x)) / h, with eᵢ the unit vector of variable i.

    Parameters
    ----------
    f : callable
        A function of several scalars, ``f(*point)``, or of one vector, ``f(point)``.
    point : sequence of float
        Where to take the slope.
    var_idx : int
        Which variable to move, counted from 0.
    h : float, optional
        The step in the units of that variable; by default as in `difference_quotient`.

    Returns
    -------
    float
        The slope along that variable.

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
        raise ValueError(f"point has {x.ndim} dimensions: it must be a list of numbers, one a variable")
    if not -x.size <= var_idx < x.size:
        raise IndexError(f"var_idx={var_idx}: the point has {x.size} variables, counted from 0")
    names = positional_names(f)
    spread = names is not None and len(names) > 1

    def along(value: Any) -> Any:
        moved = x.copy()
        moved[var_idx] = value
        return f(*moved) if spread else f(moved)

    return float(difference_quotient(along, x[var_idx], h))


def _step(h: float) -> float:
    if not (isinstance(h, (int, float, np.number)) and math.isfinite(h) and h != 0):
        raise ValueError(f"h={h!r}: the step must be a finite number other than 0")
    return float(h)


def _refuse_lost(taken: np.ndarray, x: np.ndarray, h: float) -> None:
    if np.any(taken == 0):
        at = np.ravel(x)[np.ravel(taken == 0)][0]
        raise ValueError(f"h={h!r} is lost in rounding beside x = {at}: take a larger h")


def tentative(value: Callable[[np.ndarray], float], x: np.ndarray) -> float:
    """Return a value near a point of interest, NaN where the function raises."""
    try:
        return value(x)
    except Exception:  # noqa: BLE001 - beyond a wall the user's function may raise anything
        return math.nan


def scale_of(x: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the size that each coordinate has shown, 1 where it has shown none."""
    size = np.maximum(np.abs(x), np.abs(start))
    return np.where(size == 0, 1.0, size)


def least_size(start: np.ndarray) -> np.ndarray:
    """Return the size below which each coordinate counts as 0: that of the start, but not more than 1.

    The minimum may lie at 0, where no size of its own tells when a coordinate has arrived.
    """
    return np.minimum(np.abs(start), 1.0)
