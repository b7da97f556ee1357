"""The window of a picture of a function, the values in it, and the levels of its contour lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.protocol import RunLike
from steepest.printable import quoted
from steepest.trace import Outcome
from steepest.types import Function

# If a run blew up, its window holds only the rows within this many times the distance of the first steps from the best
# point. Chosen, not measured: a larger window shows more of the divergence, but shows the first steps smaller.
FAR = 4
BLOWN_UP = (Outcome.DIVERGED, Outcome.NON_FINITE)
HUGE = 1e150  # larger numbers are drawn as this number, because matplotlib's ticks and margins would overflow
LEVELS = 12  # the most contour lines; chosen, not measured: more lines show more of the shape, but crowd the path
# Heights that span more than this factor get logarithmic levels. Quantiles would leave the floor of a narrow valley
# without lines. Chosen, not measured.
SPAN = 1_000
NOT_AT_HAND = "function not at hand"  # begins the message of a loaded run's `evaluate`


class NotAtHandError(ValueError):
    """A picture suits a run, but needs its function or its rows, and these were not saved with it."""


def window_around(path: np.ndarray, best: int, outcome: str) -> np.ndarray:
    """Return the box of a path, widened by a quarter of its width on every side.

    Parameters
    ----------
    path : array of shape (rows, parameters)
        Finite points.
    best : int
        The row of the best point.
    outcome : str
        How the run ended. If the run blew up, the box is that of the first steps.

    Returns
    -------
    array of shape (parameters, 2)
        Low and high of each parameter. A parameter that did not change gets the width of the widest parameter.

    Examples
    --------
    >>> window_around(np.array([[0.0, 5.0], [4.0, 5.0]]), best=1, outcome="converged")
    array([[-1.,  5.],
           [ 3.,  7.]])
    """
    path = np.clip(path, -HUGE, HUGE)
    if outcome in BLOWN_UP:
        distance = np.abs(path - path[best]).max(axis=1)
        first = distance[: max(best, 1) + 1].max()  # at least the first step, if the start is the best point
        path = path[distance <= FAR * first]
    low, high = path.min(axis=0), path.max(axis=0)
    middle, half = low / 2 + high / 2, high / 2 - low / 2
    constant = half <= 1e-9 * np.maximum(half.max(), np.abs(middle))
    width = np.maximum(1.0, np.abs(middle)) if constant.all() else np.maximum(half.max(), 1e-6 * np.abs(middle))
    half = np.where(constant, width, 1.5 * half)
    return np.column_stack([middle - half, middle + half])


def window_given(window: ArrayLike, parameters: int) -> np.ndarray:
    """Return a user's window as an array, after checking it.

    Parameters
    ----------
    window : sequence of (low, high)
        One pair for each parameter. For one parameter, the pair itself is enough.
    parameters : int
        The number of parameters.

    Returns
    -------
    array of shape (parameters, 2)
        Low and high of each parameter.

    Raises
    ------
    ValueError
        If the window is not made of finite pairs with low < high.

    Examples
    --------
    >>> window_given(((-2, 2), (-1, 3)), parameters=2).tolist()
    [[-2.0, 2.0], [-1.0, 3.0]]
    """
    pairs = np.asarray(window, dtype=float)
    complete = pairs.size == 2 * parameters and np.isfinite(pairs).all()
    if not complete or (np.diff(pairs.reshape(-1, 2)) <= 0).any():
        shape = "(low, high)" if parameters == 1 else "((x_low, x_high), (y_low, y_high))"
        raise ValueError(f"window={quoted(window)} is not finite with low < high: give window={shape}")
    return pairs.reshape(parameters, 2)


def values_at(run: RunLike, points: np.ndarray) -> np.ndarray | None:
    """Return the value of a run's function at each point, or None if the run was loaded without its function.

    Parameters
    ----------
    run : run or fit
        The run, whose ``evaluate`` is called with one point at a time.
    points : array of shape (points, parameters)
        The points.

    Returns
    -------
    array of shape (points,) or None
        The values, NaN where the function raised an exception.
    """
    with np.errstate(all="ignore"):
        values = np.full(len(points), np.nan)
        for row, point in enumerate(points):
            try:
                values[row] = float(run.evaluate(point))
            except Exception as error:  # noqa: BLE001 - a user's function may raise anything outside its domain
                if isinstance(error, RuntimeError) and NOT_AT_HAND in str(error):
                    return None
    return values


def gradients_at(run: RunLike, points: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
    """Return the gradient of a run's function at some of its points, or None if the function is not at hand.

    Parameters
    ----------
    run : run or fit
        The run.
    points : array of shape (points, parameters)
        The points.
    rows : array of int of shape (frames,)
        The rows of the points.

    Returns
    -------
    array of shape (frames, parameters) or None
        The gradients, NaN where the function raised an exception.
    """
    needed, places = np.unique(rows, return_inverse=True)
    gradients = np.full((len(needed), points.shape[1]), np.nan)
    with np.errstate(all="ignore"):
        for k, row in enumerate(needed):
            try:
                gradients[k] = run.gradient_at(points[row])
            except Exception as error:  # noqa: BLE001 - a user's function may raise anything outside its domain
                if isinstance(error, RuntimeError) and NOT_AT_HAND in str(error):
                    return None
    return gradients[places]


def sampled(f: Function, points: np.ndarray, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Return f at each point; if f raises an exception at every point, raise the first.

    Parameters
    ----------
    f : callable
        A function of one row of the points.
    points : array of shape (points, ...)
        The points.
    shape : tuple of int, optional
        The shape of a value of f; by default that of a number.

    Returns
    -------
    array of shape (points, *shape)
        The values, NaN where f raised an exception.

    Examples
    --------
    >>> sampled(lambda x: 1 / x, np.array([4.0, 2.0]))
    array([0.25, 0.5 ])
    """
    values = np.full((len(points), *shape), np.nan)
    errors = []
    with np.errstate(all="ignore"):
        for row, point in enumerate(points):
            try:
                values[row] = np.reshape(np.asarray(f(point), dtype=float), shape)
            except Exception as error:  # noqa: BLE001 - a user's function may raise anything outside its domain
                errors.append(error)
    if len(errors) == len(points):
        raise errors[0]
    return values


def levels_of(height: np.ndarray, count: int = LEVELS) -> np.ndarray:
    """Return the heights above the best value at which to draw contour lines.

    Parameters
    ----------
    height : array
        Values minus the best value, in any shape. Entries that are not finite are left out.
    count : int, optional
        The largest number of levels.

    Returns
    -------
    array
        Quantiles, so that neighbouring lines enclose equal shares of the window. If the heights span more
        than a factor of 1,000, the numbers 1, 2, 5, 10, 20 and so on, or powers of ten if these are too many.
        Empty if the function is constant.

    Examples
    --------
    >>> levels_of(np.linspace(1, 101, 101), count=3)
    array([ 3., 51., 99.])
    >>> levels_of(np.geomspace(1e-100, 1e100, 101), count=3)
    array([1.e-96, 1.e+00, 1.e+96])
    """
    above = height[np.isfinite(height) & (height > 0)]
    if not above.size:
        return above
    low, high = np.quantile(above, [0.02, 0.98])
    if high / SPAN > low:
        return _round_levels(low, high, count)
    levels = np.unique(np.quantile(above, np.linspace(0.02, 0.98, count)))
    return levels if levels[0] < above.max() else above[:1] / 2  # if there are only two heights, one line between them


def _round_levels(low: float, high: float, count: int) -> np.ndarray:
    """Return at most `count` round numbers between two that are far apart: 1, 2, 5, 10 and so on, or powers of ten."""
    first, last = np.log10(low), np.log10(high)
    powers = np.arange(np.ceil(first), np.floor(last) + 1)
    if len(powers) > count:
        return 10.0 ** np.linspace(powers[0], powers[-1], count).round()
    ones = 10.0 ** np.arange(np.floor(first), np.ceil(last))
    levels = np.sort(np.concatenate([ones, 2 * ones, 5 * ones]))
    levels = levels[(levels >= low) & (levels <= high)]
    return levels if len(levels) <= count else 10.0**powers
