"""`SurfaceDisplay`: a function of two parameters as a surface, with the path of its descent, and contour lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.contour import ContourDisplay, GridDisplay
from steepest.inspection.plots.path import draw_path, path_of
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE, NOT_AT_HAND

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d.axes3d import Axes3D

FACETS = 50  # the facets in each direction: more would take long to draw and add no detail
TICKS = 4  # the most ticks of an axis: more would collide where two edges of the box meet


class SurfaceDisplay(GridDisplay):
    """A function of two parameters as a translucent surface, with the path of its descent, and contour lines.

    Because the surface is translucent, a path behind a hill seems to cross the hill. The contour lines to the right
    show where the path runs.

    Parameters
    ----------
    grid_x, grid_y : array of shape (size,)
        The grid on which the function was evaluated.
    values : array of shape (size, size)
        ``values[i, j]`` is f(grid_x[j], grid_y[i]), NaN if f has no value there; None if f was not saved.
    path : array of shape (rows, 3)
        Both parameters and the value of each row of the run.
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
    ax_ : mpl_toolkits.mplot3d.axes3d.Axes3D
        The axes of the surface.
    axes_ : tuple of matplotlib.axes.Axes
        The axes of the surface, then the axes of the contour lines if these were drawn.

    Examples
    --------
    >>> SurfaceDisplay([0, 1], [0, 1], [[0, 1], [1, 2]], [[1, 1, 2], [0, 0, 0]], best=1).path[0]
    array([1., 1., 2.])
    """

    path: np.ndarray

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike, window: ArrayLike | None = None, size: int = 100) -> SurfaceDisplay:
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
        SurfaceDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the run does not have two parameters or has no finite point, or the window is empty.
        """
        flat = ContourDisplay.from_run(run, window, size)
        points, height, best = path_of(run, 2)
        path = np.column_stack([points, height])
        look: style.Look = {"best": best, "maximized": flat.maximized, "names": flat.names, "title": flat.title}
        return cls(flat.grid_x, flat.grid_y, flat.values, path, **look)

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, Axes]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            Three-dimensional axes, and flat axes to the right.
        """
        return style.side_by_side(make(*style.WIDE), projection="3d")

    @np.errstate(all="ignore")
    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> SurfaceDisplay:
        """Draw the surface with the path, and the contour lines to the right.

        Parameters
        ----------
        ax : axes or two axes, optional
            Three-dimensional axes for the surface alone, or three-dimensional axes and flat axes for the contour
            lines; a new figure by default.

        Returns
        -------
        SurfaceDisplay
            This display.

        Raises
        ------
        ValueError
            If the axes for the surface are not three-dimensional, or the axes for the contour lines are.
        """
        pair = self.room(style.pyplot_figure) if ax is None else style.one_or_two(ax, "a surface")
        upright, flat = pair
        if not style.is_3d(upright):
            raise ValueError(
                "the axes given for the surface are flat, and it needs three dimensions: "
                'make them with figure.add_subplot(projection="3d")'
            )
        if style.is_3d(flat):
            raise ValueError("the second axes given are three-dimensional, and contour lines need flat ones: give both")
        self.ax_, self.figure_ = upright, upright.figure
        self.axes_ = (upright,) if flat is None else (upright, flat)
        self._draw(upright)
        if flat is not None:
            path = self.path[:, :2]
            look: style.Look = {"best": self.best, "maximized": self.maximized, "names": self.names}
            ContourDisplay(self.grid_x, self.grid_y, self.values, path, **look).plot(flat)
        return self

    def _draw(self, ax: Axes3D) -> None:
        # Three-dimensional axes do not clip, so points outside the window would be drawn outside the box.
        x, y, height = self.path.T
        inside = (x >= self.grid_x[0]) & (x <= self.grid_x[-1]) & (y >= self.grid_y[0]) & (y <= self.grid_y[-1])
        inside &= np.abs(height) <= HUGE
        ax.computed_zorder = False  # else the surface would hide parts of the path, which lies on the surface
        if self.values is not None and np.isfinite(self.values).any():
            grid_z = np.where(np.abs(self.values) <= HUGE, self.values, np.nan)
            facets: style.Look = {"rcount": FACETS, "ccount": FACETS, "linewidth": 0.2, "edgecolor": style.BLUE}
            ax.plot_surface(*np.meshgrid(self.grid_x, self.grid_y), grid_z, color=style.BLUE, alpha=0.4, **facets)
        draw_path(ax, np.where(inside[:, None], self.path, np.nan), self.best)
        ax.set(xlim=self.grid_x[[0, -1]], ylim=self.grid_y[[0, -1]])
        note = NOT_AT_HAND if self.values is None else ""
        style.label(ax, title=self.title, note=note, x=self.names[0], y=self.names[1], legend=3)
        ax.set_zlabel("value")
        ax.locator_params(nbins=TICKS)
