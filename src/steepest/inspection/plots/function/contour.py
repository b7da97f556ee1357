"""`ContourDisplay`: a function of two parameters as contour lines, with the path of its descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.function.heights import above_best, draw_heights
from steepest.inspection.plots.function.path import describe_path, draw_path, path_of
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE, NOT_AT_HAND, values_at, window_around, window_given

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class GridDisplay(Display):
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
    path_values : array of shape (rows,), optional
        The value at each point of the path.
    names : pair of str, optional
        The names of the parameters.
    title : str, optional
        The text above the picture.
    """

    path: np.ndarray | None
    # Whether the bands between contour lines have colours; without them, several paths keep theirs apart.
    is_filled = True
    # Whether contour lines have their values.
    is_labelled = True

    def __init__(
        self,
        grid_x: ArrayLike,
        grid_y: ArrayLike,
        values: ArrayLike | None,
        path: ArrayLike | None,
        *,
        best: int = -1,
        maximized: bool = False,
        path_values: ArrayLike | None = None,
        names: Sequence[str] = ("x", "y"),
        title: str = "",
    ) -> None:
        self.grid_x, self.grid_y = np.asarray(grid_x, dtype=float), np.asarray(grid_y, dtype=float)
        self.values = None if values is None else np.asarray(values, dtype=float)
        self.path = None if path is None else np.asarray(path, dtype=float)
        self.path_values = None if path_values is None else np.asarray(path_values, dtype=float)
        self.best, self.maximized, self.names, self.title = best, maximized, names, title

    @property
    def height(self) -> np.ma.MaskedArray:
        """How much worse each value of the grid is than the best one of the grid and the path."""
        return self._above_best[0]

    @property
    def best_value(self) -> float:
        """The best value of the grid and the path."""
        return self._above_best[1]

    @property
    def _above_best(self) -> tuple[np.ma.MaskedArray, float]:
        assert self.values is not None
        known = np.nan if self.path_values is None else np.clip(self.path_values[self.best], -HUGE, HUGE)
        return above_best(self.values, self.maximized, known)

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the run."""
        said = [] if self.path is None else [describe_path(self.path[:, :2], self.path_values, self.best)]
        if self.values is not None and np.isfinite(self.values).any():
            finite = self.values[np.isfinite(self.values)]
            known = [] if self.path_values is None else [self.path_values[self.best]]
            # The best point of a path may lie between the points of the grid.
            low, high = style.apart(np.nanmin([*known, finite.min()]), np.nanmax([*known, finite.max()]))
            said.append(f"Dark is {'high' if self.maximized else 'low'}: values here go from {low} to {high}.")
            if np.abs(finite).max() > HUGE:
                said.append(f"Values above {style.number(HUGE)} are drawn as if they were equal.")
        return " ".join(said)

    def table(self) -> dict[str, np.ndarray]:
        path = np.empty((0, 2)) if self.path is None else self.path
        columns = {name: path[:, k] for k, name in enumerate(self.names)}
        return columns if self.path_values is None else columns | {"value": self.path_values}


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
    path_values : array of shape (rows,), optional
        The value at each point of the path.
    names : pair of str, optional
        The names of the parameters.
    title : str, optional
        The text above the picture.

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
        path, path_values, best = path_of(run, 2)
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
            path_values=path_values,
            names=tuple(run.trace.names),
            title=run.title,
        )

    def _draw(self, ax: Axes) -> None:
        ax.set(xlim=self.grid_x[[0, -1]], ylim=self.grid_y[[0, -1]])
        if 1 / 2 <= np.ptp(self.grid_x) / np.ptp(self.grid_y) <= 3:
            ax.set_aspect("equal")
        if self.values is not None:
            draw_heights(ax, self)
        if self.path is not None:
            draw_path(ax, self.path, self.best, cased=self.values is not None and self.is_filled)
        note = NOT_AT_HAND if self.values is None else ""
        style.label(ax, title=self.title, note=note, x=self.names[0], y=self.names[1], legend=5)
