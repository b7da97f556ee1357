"""Lines of numbers by row: thinned to what can be seen, and broken where a number is not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.plots.style.colours import MAX_MARKERS, Look, rows_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOT_FINITE = "not finite"


def broken_line(ax: Axes, x: np.ndarray, y: np.ndarray, look: Look, cross: str = "") -> None:
    """Draw numbers by row, with a gap where they are not finite, and a cross at each end of a line that breaks off.

    Parameters
    ----------
    ax : axes
        The axes.
    x : array of shape (rows,)
        Finite numbers.
    y : array of shape (rows,)
        Numbers; those that are not finite are gaps.
    look : dict
        Keyword arguments of `matplotlib.axes.Axes.plot` for the line.
    cross : str, optional
        The label of the crosses; by default the legend leaves them out.
    """
    finite = np.isfinite(y)
    rows = np.flatnonzero(finite)
    if not rows.size:
        ax.plot([], [], **look)
        return
    rows = rows[rows_to_draw(y[rows])]
    missing = np.cumsum(~finite)
    breaks = np.flatnonzero(np.diff(missing[rows])) + 1
    # The gap has the x of the row before it, so that what cuts a line at an x cuts the gap with it.
    ax.plot(np.insert(x[rows].astype(float), breaks, x[rows[breaks - 1]]), np.insert(y[rows], breaks, np.nan), **look)
    ends = [rows[breaks - 1], rows[:1][missing[rows[:1]] > 0], rows[-1:][missing[-1] > missing[rows[-1:]]]]
    broken = np.unique(np.concatenate(ends))
    if broken.size:
        shown = broken[np.unique(np.linspace(0, broken.size - 1, MAX_MARKERS).astype(int))]
        mark: Look = {"color": look["color"], "markersize": 7, "markeredgewidth": 1.8, "linestyle": "", "zorder": 3}
        ax.plot(x[shown], y[shown], marker="x", label=cross or "_", **mark)
