"""`ContourDisplay`: a function of two parameters as contour lines, with the path of its descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.path import draw_path, path_of
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE, NOT_AT_HAND, levels_of, values_at, window_around, window_given

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


class GridDisplay:
    """The data of a display of a function of two parameters: values on a grid, and the path of a run.

    Parameters
    ----------
    grid_x, grid_y : array of shape (size,)
        The grid on which the function was evaluated.
    values : array of shape (size, size)
        ``values[i, j]`` is f(grid_x[j], grid_y[i]), NaN if f has no value there; None if f was not saved.
    path : array of shape (rows, columns)
        The points of the run; None for no path.
    best : int, optional
        The row of the best point.
    maximized : bool, optional
        Whether the best value is the largest.
    names : pair of str, optional
        The names of the parameters.
    title : str, optional
        The text above the picture.
    """

    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(
        self,
        grid_x: ArrayLike,
        grid_y: ArrayLike,
        values: ArrayLike | None,
        path: ArrayLike | None,
        *,
        best: int = -1,
        maximized: bool = False,
        names: Sequence[str] = ("x", "y"),
        title: str = "",
    ) -> None:
        self.grid_x, self.grid_y = np.asarray(grid_x, dtype=float), np.asarray(grid_y, dtype=float)
        self.values = None if values is None else np.asarray(values, dtype=float)
        self.path = None if path is None else np.asarray(path, dtype=float)
        self.best, self.maximized, self.names, self.title = best, maximized, names, title


class ContourDisplay(GridDisplay):
    """Contour lines of a function of two parameters, with the path of its descent.

    Parameters
    ----------
    grid_x, grid_y : array of shape (size,)
        The grid on which the function was evaluated.
    values : array of shape (size, size)
        ``values[i, j]`` is f(grid_x[j], grid_y[i]), NaN if f has no value there; None if f was not saved.
    path : array of shape (rows, 2)
        The points of the run; None for no path.
    best : int, optional
        The row of the best point.
    maximized : bool, optional
        Whether the best value is the largest.
    names : pair of str, optional
        The names of the parameters.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes.

    Examples
    --------
    >>> ContourDisplay([0, 1], [0, 1], [[0, 1], [1, 2]], [[1, 1], [0, 0]], best=1).values[1, 0]
    np.float64(1.0)
    """

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike, window: ArrayLike | None = None, size: int = 100) -> ContourDisplay:
        """Evaluate the function of a run around its path.

        Parameters
        ----------
        run : run or fit
            A run of two parameters.
        window : ((x_low, x_high), (y_low, y_high)), optional
            The part of the plane to draw; by default the path, widened by a quarter on every side.
        size : int, optional
            The number of grid points in each direction.

        Returns
        -------
        ContourDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the run does not have two parameters or has no finite point, or the window is empty.
        """
        path, _, best = path_of(run, 2)
        box = window_around(path, best, run.outcome) if window is None else window_given(window, 2)
        grid_x, grid_y = (np.linspace(low, high, size) for low, high in box)
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

    @np.errstate(all="ignore")
    def plot(self, ax: Axes | None = None) -> ContourDisplay:
        """Draw the contour lines and the path.

        Parameters
        ----------
        ax : axes, optional
            The axes to draw on; a new figure by default.

        Returns
        -------
        ContourDisplay
            This display.
        """
        self.ax_ = ax = style.axes_or_new(ax)
        self.figure_ = ax.figure
        ax.set(xlim=self.grid_x[[0, -1]], ylim=self.grid_y[[0, -1]])
        if 1 / 2 <= np.ptp(self.grid_x) / np.ptp(self.grid_y) <= 3:
            ax.set_aspect("equal")
        if self.values is not None and np.isfinite(self.values).any():
            finite = np.ma.masked_invalid(self.values).clip(-HUGE, HUGE)
            height = finite.max() - finite if self.maximized else finite - finite.min()
            levels = levels_of(height.compressed())
            if levels.size:
                ax.contour(self.grid_x, self.grid_y, height, levels, colors=style.BLUE, linewidths=0.8)
        if self.path is not None:
            draw_path(ax, self.path, self.best)
        note = NOT_AT_HAND if self.values is None else ""
        style.label(ax, title=self.title, note=note, x=self.names[0], y=self.names[1], legend=3)
        return self
