"""Rows as a cloud: single points if they are few, else cells that are the denser the more rows they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Cells across the width of the axes. Chosen, not measured: more cells show finer detail, and each holds fewer rows.
CELLS = 60


def draw_cloud(ax: Axes, x: np.ndarray, y: np.ndarray, label: str, k: int = 0) -> None:
    """Draw rows at (x, y): as points, or beyond 2,000 rows as cells, each as dense as the logarithm of its rows.

    Parameters
    ----------
    ax : axes
        The axes, whose limits were set.
    x, y : array of shape (rows,)
        The places.
    label : str
        The name in the legend.
    k : int
        The number of the series, which has its colour and marker.
    """
    colour = style.COLOURS[k]
    if len(x) <= style.MAX_POINTS:
        alpha = 0.85 if len(x) <= 300 else 0.7
        ax.scatter(x, y, s=16, color=colour, marker=style.MARKERS[k], alpha=alpha, linewidths=0, label=label)
        return
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgb

    # Cells of few rows are nearly transparent, so that they fade into light and dark pages alike.
    fade = LinearSegmentedColormap.from_list("cloud", [(*to_rgb(colour), 0.18), (*to_rgb(colour), 1.0)])
    box = (*ax.get_xlim(), *ax.get_ylim())
    cells = ax.hexbin(x, y, gridsize=CELLS, extent=box, mincnt=1, norm=LogNorm(), cmap=fade, linewidths=0.0)
    cells.set_rasterized(True)
    most = int(np.append(np.asarray(cells.get_array()), 1).max())
    ax.scatter([], [], s=40, color=colour, marker="h", linewidths=0, label=f"{label} (cells of 1 to {most:,})")
    ax.axis(box)


def limits(values: np.ndarray) -> tuple[float, float]:
    """Return the range of finite values, with a margin of a twentieth; of one value, a range around it.

    Parameters
    ----------
    values : array
        Finite numbers.

    Returns
    -------
    low, high : float
        The range.

    Examples
    --------
    >>> limits(np.array([0.0, 20.0])), limits(np.array([3.0]))
    ((-1.0, 21.0), (2.85, 3.15))
    """
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or 0.05 * abs(low) or 1.0
    return low - margin, high + margin
