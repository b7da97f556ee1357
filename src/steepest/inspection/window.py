"""Where a picture of a function looks, the values that it finds there, and the levels that it draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.trace import Outcome

FAR = 4  # where a run blew up, rows that many times farther off than the start was widen no window
BLOWN_UP = (Outcome.DIVERGED, Outcome.NON_FINITE)
HUGE = 1e150  # larger numbers are drawn as this one: ticks and margins would overflow
LEVELS = 12
SPAN = 1_000  # heights that span more than this get logarithmic levels: even ones would leave a valley empty
NOT_AT_HAND = "function not at hand"  # how a run that was loaded answers a call of evaluate


def window_around(path: np.ndarray, best: int, outcome: str) -> np.ndarray:
    """Return where to look: the box of the path, widened by a quarter of its width on every side.

    Parameters
    ----------
    path : array of shape (rows, parameters)
        Finite points.
    best : int
        The row of the best point.
    outcome : str
        How the run ended: of one that blew up, only the first steps are looked at.

    Returns
    -------
    array of shape (parameters, 2)
        Low and high of each parameter, never equal: one that did not move gets the width of the widest.

    Examples
    --------
    >>> window_around(np.array([[0.0, 5.0], [4.0, 5.0]]), best=1, outcome="converged")
    array([[-1.,  5.],
           [ 3.,  7.]])
    """
    path = np.clip(path, -HUGE, HUGE)
    if outcome in BLOWN_UP:
        distance = np.abs(path - path[best]).max(axis=1)
        first = distance[: max(best, 1) + 1].max()  # where the start was the best: the first step
        path = path[distance <= FAR * first]
    low, high = path.min(axis=0), path.max(axis=0)
    middle, half = low / 2 + high / 2, high / 2 - low / 2
    still = half <= 1e-9 * np.maximum(half.max(), np.abs(middle))
    room = np.maximum(1.0, np.abs(middle)) if still.all() else np.maximum(half.max(), 1e-6 * np.abs(middle))
    half = np.where(still, room, 1.5 * half)
    return np.column_stack([middle - half, middle + half])


def window_given(window: Any, parameters: int) -> np.ndarray:
    """Return a user's window as an array of (low, high), one row a parameter, or say what is wrong with it.

    Parameters
    ----------
    window : sequence of (low, high)
        One pair a parameter; for one parameter the pair alone will do.
    parameters : int
        How many there are.

    Returns
    -------
    array of shape (parameters, 2)
        The window.

    Raises
    ------
    ValueError
        Where it is anything but finite pairs with low < high.

    Examples
    --------
    >>> window_given(((-2, 2), (-1, 3)), parameters=2).tolist()
    [[-2.0, 2.0], [-1.0, 3.0]]
    """
    pairs = np.asarray(window, dtype=float)
    sound = pairs.size == 2 * parameters and np.isfinite(pairs).all()
    if not sound or (np.diff(pairs.reshape(-1, 2)) <= 0).any():
        shape = "(low, high)" if parameters == 1 else "((x_low, x_high), (y_low, y_high))"
        raise ValueError(f"window={window!r} is not finite with low < high: give window={shape}")
    return pairs.reshape(parameters, 2)


def values_at(run: Any, points: np.ndarray) -> np.ndarray | None:
    """Return f at each point, NaN where it raises, or None where the run was loaded without its function.

    Parameters
    ----------
    run : run or fit
        Whose ``evaluate`` is asked, point by point.
    points : array of shape (points, parameters)
        Where.

    Returns
    -------
    array of shape (points,) or None
        The values; infinities stay.
    """
    with np.errstate(all="ignore"):
        values = np.full(len(points), np.nan)
        for row, point in enumerate(points):
            try:
                values[row] = float(run.evaluate(point))
            except Exception as error:  # noqa: BLE001 - f is the user's, and off its domain may raise anything
                if isinstance(error, RuntimeError) and NOT_AT_HAND in str(error):
                    return None
    return values


def sampled(f: Callable[[Any], Any], points: np.ndarray, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Return f of each point, NaN where it raises; where it raises at every point, so does this.

    Parameters
    ----------
    f : callable
        Of one row of the points.
    points : array of shape (points, ...)
        Where.
    shape : tuple of int, optional
        The shape of what f returns; a number's where left out.

    Returns
    -------
    array of shape (points, *shape)
        What f returned; infinities stay.

    Examples
    --------
    >>> sampled(lambda x: 1 / x, np.array([4.0, 2.0]))
    array([0.25, 0.5 ])
    """
    values = np.full((len(points), *shape), np.nan)
    problems = []
    with np.errstate(all="ignore"):
        for row, point in enumerate(points):
            try:
                values[row] = np.reshape(np.asarray(f(point), dtype=float), shape)
            except Exception as error:  # noqa: BLE001 - f is the user's, and off its domain may raise anything
                problems.append(error)
    if len(problems) == len(points):
        raise problems[0]
    return values


def levels_of(height: np.ndarray, count: int = LEVELS) -> np.ndarray:
    """Return at which heights above the best value to draw contour lines.

    Parameters
    ----------
    height : array
        Values less the best value, of any shape; what is not finite is left out.
    count : int, optional
        How many levels, at the most.

    Returns
    -------
    array
        Quantiles, so that every line encloses as much more of the window as the last; past a span of a
        factor of 1,000 evenly spaced logarithms. Empty for a constant.

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
        return np.geomspace(low, high, count)
    levels = np.unique(np.quantile(above, np.linspace(0.02, 0.98, count)))
    return levels if levels[0] < above.max() else above[:1] / 2  # a single step is drawn half-way
