"""A function of two parameters as contour lines, with the path of its descent over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.path import draw_path, path_of
from steepest.inspection.window import HUGE, NOT_AT_HAND, levels_of, values_at, window_around, window_given

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ContourDisplay:
    """Contour lines of a function of two parameters, with the path of its descent.

    Parameters
    ----------
    grid_x, grid_y : array of shape (size,)
        Where the function was evaluated: every pair of them.
    values : array of shape (size, size)
        ``values[i, j]`` is f(grid_x[j], grid_y[i]), NaN where f has none; None where f is not at hand.
    path : array of shape (rows, 2)
        The points of the run; None where there is none.
    best : int, optional
        The row of the best point.
    maximized : bool, optional
        Whether the best value is the largest.
    names : pair of str, optional
        What the parameters are called.
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
    >>> ContourDisplay([0, 1], [0, 1], [[0, 1], [1, 2]], [[1, 1], [0, 0]], best=1).values[1, 0]
    np.float64(1.0)
    """

    def __init__(
        self,
        grid_x: Any,
        grid_y: Any,
        values: Any,
        path: Any,
        *,
        best: int = -1,
        maximized: bool = False,
        names: tuple[str, str] = ("x", "y"),
        title: str = "",
    ) -> None:
        self.grid_x, self.grid_y = np.asarray(grid_x, dtype=float), np.asarray(grid_y, dtype=float)
        self.values = None if values is None else np.asarray(values, dtype=float)
        self.path = None if path is None else np.asarray(path, dtype=float)
        self.best = best
        self.maximized = maximized
        self.names = names
        self.title = title

    @classmethod
    def from_run(cls, run: Any, window: Any = None, size: int = 100) -> ContourDisplay:
        """Evaluate the function of a run around its path.

        Parameters
        ----------
        run : run or fit
            A run of two parameters.
        window : ((x_low, x_high), (y_low, y_high)), optional
            Where to look; the path widened by a quarter on every side where left out.
        size : int, optional
            How many points the grid has each way.

        Returns
        -------
        ContourDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            Where the run has not two parameters or no finite point, or the window is empty.
        """
        path, _, best = path_of(run, 2)
        look = window_around(path, best, run.outcome) if window is None else window_given(window, 2)
        grid_x, grid_y = (np.linspace(low, high, size) for low, high in look)
        values = values_at(run, np.stack(np.meshgrid(grid_x, grid_y), axis=-1).reshape(-1, 2))
        return cls(
            grid_x,
            grid_y,
            None if values is None else values.reshape(size, size),
            path,
            best=best,
            maximized=run.maximized,
            names=tuple(run.trace.names),
            title=run.title,
        )

    def plot(self, ax: Axes | None = None) -> ContourDisplay:
        """Draw the contour lines and the path.

        Parameters
        ----------
        ax : axes, optional
            Where to draw; a new figure where left out.

        Returns
        -------
        ContourDisplay
            This display.
        """
        self.ax_ = ax = style.one_axes(ax)
        self.figure_ = ax.figure
        ax.set(xlim=self.grid_x[[0, -1]], ylim=self.grid_y[[0, -1]])
        if 1 / 2 <= np.ptp(self.grid_x) / np.ptp(self.grid_y) <= 3:
            ax.set_aspect("equal")
        if self.values is not None and np.isfinite(self.values).any():
            seen = np.ma.masked_invalid(self.values).clip(-HUGE, HUGE)
            height = seen.max() - seen if self.maximized else seen - seen.min()
            levels = levels_of(height.compressed())
            if levels.size:
                ax.contour(self.grid_x, self.grid_y, height, levels, colors=style.BLUE, linewidths=0.8)
        if self.path is not None:
            draw_path(ax, self.path, self.best)
        note = NOT_AT_HAND if self.values is None else ""
        style.words(ax, title=self.title, note=note, x=self.names[0], y=self.names[1], legend=3)
        return self
