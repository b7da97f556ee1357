"""`Trail`: a path that grows, and the gradients along it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.window import HUGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Trail:
    """A path that grows, with a square at its start, a dot where it is, and a star at its best point.

    Parameters
    ----------
    ax : axes
        The axes, with their limits.
    path : array of shape (rows, 2)
        Finite points.
    best : int
        The row of the best point.
    rows : array of int of shape (frames,)
        The row that is reached at each frame.
    look : dict, optional
        Keyword arguments of `matplotlib.axes.Axes.plot` for the path.
    cased : bool, optional
        Whether the path has a pale casing, which keeps it readable on filled bands.
    """

    def __init__(
        self,
        ax: Axes,
        path: np.ndarray,
        best: int,
        rows: np.ndarray,
        look: style.Look | None = None,
        *,
        cased: bool = False,
    ) -> None:
        self.path, self.best, self.rows = np.clip(path, -HUGE, HUGE), best, rows
        # The rows of the frames are drawn also where a long path is thinned.
        self._drawn = np.unique(np.concatenate([rows, *(style.rows_to_draw(column) for column in self.path.T)]))
        dots = "." if len(self._drawn) <= style.MAX_MARKERS else ""
        usual: style.Look = {"color": style.ORANGE, "linewidth": 1.4, "marker": dots, "label": "path"}
        look = usual | (look or {})
        look |= {"path_effects": style.casing()} if cased else {}
        mark: style.Look = {"color": look["color"], "zorder": 3}
        edge: style.Look = {"markeredgecolor": style.PAPER if cased else look["color"]}
        hollow: style.Look = {"markersize": 12, "fillstyle": "none", "markeredgewidth": 1.8}
        (self.line,) = ax.plot([], [], **look)
        (self.start,) = ax.plot(*self.path[:1].T, "s", label="start", **hollow, **mark)
        (self.now,) = ax.plot(*self.path[:1].T, "o", markersize=8, **mark | edge)
        (self.star,) = ax.plot(*self.path[[best]].T, "*", markersize=15, label="best", **mark | edge)
        self.moving = [self.line, self.start, self.now, self.star]

    def draw(self, k: int) -> None:
        """Draw the path as far as it has come at frame k."""
        row = self.rows[k]
        self.line.set_data(*self.path[self._drawn[self._drawn <= row]].T)
        self.now.set_data(*self.path[[row]].T)
        self.star.set_visible(row >= self.best)
        self.now.set_visible(row < len(self.path) - 1 or row != self.best)
