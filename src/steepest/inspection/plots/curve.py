"""A function of one parameter as a curve, with the path of its descent on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.path import draw_path, path_of
from steepest.inspection.window import HUGE, NOT_AT_HAND, values_at, window_around, window_given

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CurveDisplay:
    """A function of one parameter, with the path of its descent.

    Parameters
    ----------
    x : array of shape (size,)
        Where the function was evaluated.
    value : array of shape (size,)
        Its values there, NaN where it has none; None where the function is not at hand.
    path : array of shape (rows, 2)
        Point and value of each row of the run.
    best : int, optional
        The row of the best point.
    name : str, optional
        What the parameter is called.
    title : str, optional
        What is written above.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        What was drawn on.
    ax_ : matplotlib.axes.Axes
        The axes.

    Examples
    --------
    >>> CurveDisplay([-1, 0, 1], [1, 0, 1], [[1, 1], [0.5, 0.25]], best=1).path[1]
    array([0.5 , 0.25])
    """

    def __init__(self, x: Any, value: Any, path: Any, *, best: int = -1, name: str = "x", title: str = "") -> None:
        self.x = np.asarray(x, dtype=float)
        self.value = None if value is None else np.asarray(value, dtype=float)
        self.path = np.asarray(path, dtype=float)
        self.best = best
        self.name = name
        self.title = title

    @classmethod
    def from_run(cls, run: Any, window: tuple[float, float] | None = None, size: int = 200) -> CurveDisplay:
        """Evaluate the function of a run around its path.

        Parameters
        ----------
        run : run
            A run of one parameter.
        window : (low, high), optional
            Where to look; the path widened by a quarter on both sides where left out.
        size : int, optional
            How many points the curve has.

        Returns
        -------
        CurveDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            Where the run has more parameters or no finite point, or the window is empty.
        """
        points, height, best = path_of(run, 1)
        look = window_around(points, best, run.outcome) if window is None else window_given(window, 1)
        x = np.linspace(look[0, 0], look[0, 1], size)
        path = np.column_stack([points[:, 0], height])
        return cls(x, values_at(run, x[:, None]), path, best=best, name=run.trace.names[0], title=run.title)

    def plot(self, ax: Axes | None = None) -> CurveDisplay:
        """Draw the curve and the path.

        Parameters
        ----------
        ax : axes, optional
            Where to draw; a new figure where left out.

        Returns
        -------
        CurveDisplay
            This display.
        """
        self.ax_ = ax = style.one_axes(ax)
        self.figure_ = ax.figure
        here = self.path[(self.path[:, 0] >= self.x[0]) & (self.path[:, 0] <= self.x[-1]), 1]
        heights = np.concatenate([here, [] if self.value is None else self.value])
        heights = np.clip(heights[np.isfinite(heights)], -HUGE, HUGE)
        ax.set_xlim(self.x[0], self.x[-1])
        if heights.size:
            low, high = heights.min(), heights.max()
            room = 0.05 * (high - low) or max(1.0, abs(low))
            ax.set_ylim(low - room, high + room)
        if self.value is not None:
            shown = np.where(np.isfinite(self.value), np.clip(self.value, -HUGE, HUGE), np.nan)
            ax.plot(self.x, shown, label="function", **style.series(0))
        draw_path(ax, self.path, self.best)
        note = NOT_AT_HAND if self.value is None else ""
        style.words(ax, title=self.title, note=note, x=self.name, y="value", legend=4)
        return self
