"""A function of two parameters as a surface, with the path of its descent on it, beside its contour lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.contour import ContourDisplay
from steepest.inspection.plots.path import draw_path, path_of
from steepest.inspection.window import HUGE, NOT_AT_HAND

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS = 50  # more facets each way take long to draw and show no more
TICKS = 4


class SurfaceDisplay:
    """A function of two parameters as a translucent surface, with the path of its descent, beside its contour lines.

    A path in three dimensions is seen through the hill before it and seems to cross what it goes round: the
    contour lines beside it say where it is.

    Parameters
    ----------
    grid_x, grid_y : array of shape (size,)
        Where the function was evaluated: every pair of them.
    values : array of shape (size, size)
        ``values[i, j]`` is f(grid_x[j], grid_y[i]), NaN where f has none; None where f is not at hand.
    path : array of shape (rows, 3)
        Both parameters and the value of each row of the run.
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
    ax_ : mpl_toolkits.mplot3d.axes3d.Axes3D
        The axes of the surface.
    axes_ : tuple of matplotlib.axes.Axes
        Those, and the axes of the contour lines where these were drawn.

    Examples
    --------
    >>> SurfaceDisplay([0, 1], [0, 1], [[0, 1], [1, 2]], [[1, 1, 2], [0, 0, 0]], best=1).path[0]
    array([1., 1., 2.])
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
        self.path = np.asarray(path, dtype=float)
        self.best = best
        self.maximized = maximized
        self.names = names
        self.title = title

    @classmethod
    def from_run(cls, run: Any, window: Any = None, size: int = 100) -> SurfaceDisplay:
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
        SurfaceDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            Where the run has not two parameters or no finite point, or the window is empty.
        """
        flat = ContourDisplay.from_run(run, window, size)
        points, height, best = path_of(run, 2)
        path = np.column_stack([points, height])
        look: dict[str, Any] = {"best": best, "maximized": flat.maximized, "names": flat.names, "title": flat.title}
        return cls(flat.grid_x, flat.grid_y, flat.values, path, **look)

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, Axes]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            Width and height in inches to an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            Three-dimensional axes, and plain ones beside them.
        """
        return style.beside(make(*style.WIDE), projection="3d")

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> SurfaceDisplay:
        """Draw the surface with the path, and the contour lines beside it.

        Parameters
        ----------
        ax : axes or two axes, optional
            Where to draw: three-dimensional axes for the surface alone, or these and plain ones; a new
            figure where left out.

        Returns
        -------
        SurfaceDisplay
            This display.

        Raises
        ------
        ValueError
            Where the axes for the surface are not three-dimensional, or those for the contour lines are.
        """
        pair = self.room(style.pyplot_figure) if ax is None else style.one_or_two(ax, "a surface")
        solid, plain = pair
        if not style.is_solid(solid):
            raise ValueError(
                "the axes given for the surface are flat, and it needs three dimensions: "
                'make them with figure.add_subplot(projection="3d")'
            )
        if style.is_solid(plain):
            raise ValueError("the second axes given are three-dimensional, and contour lines need flat ones: give both")
        self.ax_, self.figure_ = solid, solid.figure
        self.axes_ = (solid,) if plain is None else (solid, plain)
        self._draw(solid)
        if plain is not None:
            path = self.path[:, :2]
            look: dict[str, Any] = {"best": self.best, "maximized": self.maximized, "names": self.names}
            ContourDisplay(self.grid_x, self.grid_y, self.values, path, **look).plot(plain)
        return self

    def _draw(self, ax: Any) -> None:
        # What lies outside the window would be drawn outside the box: three dimensions clip nothing.
        x, y, height = self.path.T
        inside = (x >= self.grid_x[0]) & (x <= self.grid_x[-1]) & (y >= self.grid_y[0]) & (y <= self.grid_y[-1])
        inside &= np.abs(height) <= HUGE
        ax.computed_zorder = False  # else the path, which is on the surface, flickers between above and below
        if self.values is not None and np.isfinite(self.values).any():
            seen = np.where(np.abs(self.values) <= HUGE, self.values, np.nan)
            facets: dict[str, Any] = {"rcount": ROWS, "ccount": ROWS, "linewidth": 0.2, "edgecolor": style.BLUE}
            ax.plot_surface(*np.meshgrid(self.grid_x, self.grid_y), seen, color=style.BLUE, alpha=0.4, **facets)
        draw_path(ax, np.where(inside[:, None], self.path, np.nan), self.best)
        ax.set(xlim=self.grid_x[[0, -1]], ylim=self.grid_y[[0, -1]])
        note = NOT_AT_HAND if self.values is None else ""
        style.words(ax, title=self.title, note=note, x=self.names[0], y=self.names[1], legend=3)
        ax.set_zlabel("value")
        # More would collide where two edges of the box meet.
        ax.locator_params(nbins=TICKS)
