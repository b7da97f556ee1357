"""The path of a run, read from its trace and drawn over the picture of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.protocol import RunLike
from steepest.printable import MOST_LETTERS, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def path_of(run: RunLike, parameters: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the finite points of a run, their values, and the row of the best point.

    Parameters
    ----------
    run : run or fit
        The run.
    parameters : int
        The number of parameters that the picture shows.

    Returns
    -------
    path : array of shape (rows, parameters)
        The finite points of the trace.
    value : array of shape (rows,)
        The values at these points, in the sign of the user's function, finite or not.
    best : int
        The row with the lowest value, or with the highest if the run was maximised.

    Raises
    ------
    ValueError
        If the run has another number of parameters, or no finite point.
    """
    x = np.asarray(run.trace.x, dtype=float)
    if x.shape[1] != parameters:
        names = ", ".join(printable(name, MOST_LETTERS) for name in run.trace.names[:4]) + (
            ", …" if x.shape[1] > 4 else ""
        )
        count = f"{x.shape[1]} parameter{'' if x.shape[1] == 1 else 's'}"
        raise ValueError(
            f"the run has {count} ({names}) and this picture needs exactly {parameters}: "
            "use DescentDisplay.from_run(run), which draws any number"
        )
    finite = np.isfinite(x).all(axis=1)
    if not finite.any():
        raise ValueError(
            f"the run has {len(x)} rows and none is a finite point, which a picture needs: read run.message"
        )
    value = np.asarray(run.trace.value, dtype=float)[finite]
    height = np.where(np.isfinite(value), -value if run.maximized else value, np.inf)
    return x[finite], value, int(np.argmin(height))


def describe_path(points: np.ndarray, value: np.ndarray, best: int) -> str:
    """Return a sentence that says where a path began, and where it came best.

    Parameters
    ----------
    points : array of shape (rows, parameters)
        The points.
    value : array of shape (rows,)
        The value of each.
    best : int
        The row of the best point.

    Returns
    -------
    str
        The sentence.

    Examples
    --------
    >>> describe_path(np.array([[9.0, 9.0], [0.0, 0.5]]), np.array([162.0, 0.25]), best=1)
    'The path begins at (9, 9), where the value is 162; its best point is (0, 0.5), with 0.25, after 1 step.'
    """

    def said(row: int) -> str:
        numbers = ", ".join(map(style.number, points[row]))
        return f"({numbers})" if points.shape[1] > 1 else numbers

    best %= len(points)
    if best == 0:
        return f"The path begins at {said(0)}, where the value is {style.number(value[0])}; no later point is better."
    begin = f"The path begins at {said(0)}, where the value is {style.number(value[0])}"
    end = f"its best point is {said(best)}, with {style.number(value[best])}"
    return f"{begin}; {end}, after {style.counted(best, 'step')}."


def draw_path(ax: Axes, path: np.ndarray, best: int, look: style.Look | None = None) -> None:
    """Draw a path with a hollow square at its start and a star at its best point; only the star if it is one point.

    Set the limits of the axes first. A path with three columns needs three-dimensional axes.
    """
    complete = np.where(np.isnan(path), path[best], path)
    rows = np.unique(np.concatenate([style.rows_to_draw(column) for column in complete.T]))
    dots = "." if len(rows) <= style.MAX_MARKERS else ""
    usual: style.Look = {"color": style.ORANGE, "linewidth": 1.4, "marker": dots, "label": "path"}
    look = usual | (look or {})
    mark: style.Look = {"color": look["color"], "zorder": 3}
    start, end = path[:1].T, path[[best]].T
    if len(path) > 1:
        ax.plot(*path[rows].T, **look)
        ax.plot(*start, "s", markersize=12, fillstyle="none", markeredgewidth=1.8, label="start", **mark)
    ax.plot(*end, "*", markersize=11, label="best", **mark)
