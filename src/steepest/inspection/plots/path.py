"""The path of a run: its points, and how they are drawn over the picture of a function."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.inspection.plots import style


def path_of(run: Any, parameters: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the finite points of a run, their values, and which row of them is the best.

    Parameters
    ----------
    run : run or fit
        What was descended.
    parameters : int
        How many parameters the picture has room for.

    Returns
    -------
    path : array of shape (rows, parameters)
        The finite points of the trace.
    value : array of shape (rows,)
        Their values, in the sign of the user's function; they need not be finite.
    best : int
        The row with the lowest value, or the highest where the run was maximised.

    Raises
    ------
    ValueError
        Where the run has another number of parameters, or no finite point.
    """
    x = np.asarray(run.trace.x, dtype=float)
    if x.shape[1] != parameters:
        names = ", ".join(run.trace.names[:4]) + (", …" if x.shape[1] > 4 else "")
        raise ValueError(
            f"the run has {x.shape[1]} parameters ({names}) and this picture needs exactly {parameters}: "
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


def draw_path(ax: Any, path: np.ndarray, best: int, look: dict[str, Any] | None = None) -> None:
    """Draw a path into axes whose limits are set: its start a hollow square and its best point a star.

    A path of three columns goes into three-dimensional axes. One of several gets the `look` of its line.
    """
    solid = np.where(np.isnan(path), path[best], path)
    rows = np.unique(np.concatenate([style.thinned(column) for column in solid.T]))
    dots = "." if len(rows) <= style.FEW else ""
    look = {"color": style.ORANGE, "linewidth": 1.4, "marker": dots, "label": "path"} | (look or {})
    if len(path) > 1:
        ax.plot(*path[rows].T, **look)
    mark: dict[str, Any] = {"color": look["color"], "zorder": 3}
    start, end = path[:1].T, path[[best]].T
    ax.plot(*start, "s", markersize=12, fillstyle="none", markeredgewidth=1.8, label="start", **mark)
    ax.plot(*end, "*", markersize=11, label="best", **mark)
