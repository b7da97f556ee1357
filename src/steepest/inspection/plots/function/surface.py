"""`SurfaceDisplay`: a function of two parameters as a surface, with the path of its descent, and contour lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.function.contour import ContourDisplay, GridDisplay
from steepest.inspection.plots.function.path import draw_path, path_of
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE, NOT_AT_HAND, levels_of, window_around

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d.axes3d import Axes3D

AROUND = 0.6  # how far the window goes on the side of the best point where it is short, as a share of the other side
LIFT = 0.012  # how far above the surface the path is drawn, as a share of its height, so that it stays in sight
DIMMEST, BRIGHTEST = 0.72, 1.18  # by what the light multiplies the colours of heights; chosen by eye
FACETS = 60  # the facets in each direction: more would take long to draw and add no detail
TICKS = 4  # the most ticks of an axis: more would collide where two edges of the box meet


class SurfaceDisplay(GridDisplay):
    """A function of two parameters as a lit surface, with the path of its descent, and contour lines.

    The path is drawn over the surface, so a path behind a hill seems to cross the hill. The contour lines to the right
    show where it runs.

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
            The part of the plane to draw; by default the path, widened on every side.
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
        points, height, best = path_of(run, 2)
        if window is None:
            # A bowl that ended at its lowest point would not look like one.
            low, high = window_around(points, best, run.outcome).T
            reach = AROUND * np.maximum(points[best] - low, high - points[best])
            window = np.column_stack([np.minimum(low, points[best] - reach), np.maximum(high, points[best] + reach)])
        flat = ContourDisplay.from_run(run, window, size)
        path = np.column_stack([points, height])
        look: style.Look = {"best": best, "maximized": flat.maximized, "names": flat.names, "title": flat.title}
        return cls(flat.grid_x, flat.grid_y, flat.values, path, path_values=height, **look)

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

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        upright, flat = style.one_or_two(ax, "a surface")
        if not style.is_3d(upright):
            raise ValueError(
                "the axes given for the surface are flat, and it needs three dimensions: "
                'make them with figure.add_subplot(projection="3d")'
            )
        if style.is_3d(flat):
            raise ValueError("the second axes given are three-dimensional, and contour lines need flat ones: give both")
        return (upright,) if flat is None else (upright, flat)

    def _draw(self, upright: Axes3D, flat: Axes | None = None) -> None:
        self._draw_surface(upright)
        if flat is not None:
            path = self.path[:, :2]
            look: style.Look = {"best": self.best, "maximized": self.maximized, "names": self.names}
            look["path_values"] = self.path_values
            ContourDisplay(self.grid_x, self.grid_y, self.values, path, **look).plot(flat)

    def _draw_surface(self, ax: Axes3D) -> None:
        # Three-dimensional axes do not clip, so points outside the window would be drawn outside the box.
        x, y, height = self.path.T
        inside = (x >= self.grid_x[0]) & (x <= self.grid_x[-1]) & (y >= self.grid_y[0]) & (y <= self.grid_y[-1])
        inside &= np.abs(height) <= HUGE
        ax.computed_zorder = False  # else the surface would hide parts of the path, which lies on the surface
        path = self.path
        grid_z = np.full((1, 1), np.nan) if self.values is None else self.values
        grid_z = np.where(np.abs(grid_z) <= HUGE, grid_z, np.nan)
        if np.isfinite(grid_z).any():
            path = np.column_stack([x, y, height + LIFT * (np.nanmax(grid_z) - np.nanmin(grid_z))])
            # The colours are of the corners of the facets, so both are thinned alike.
            rows, columns = (np.unique(np.linspace(0, n - 1, FACETS + 1).round().astype(int)) for n in grid_z.shape)
            corners = np.ix_(rows, columns)
            mesh = np.meshgrid(self.grid_x[columns], self.grid_y[rows])
            look: style.Look = {"facecolors": shaded(self.height)[corners], "shade": False}
            ax.plot_surface(*mesh, grid_z[corners], rstride=1, cstride=1, linewidth=0, antialiased=False, **look)
        draw_path(ax, np.where(inside[:, None], path, np.nan), self.best, cased=self.values is not None)
        ax.set(xlim=self.grid_x[[0, -1]], ylim=self.grid_y[[0, -1]])
        note = NOT_AT_HAND if self.values is None else ""
        style.label(ax, title=self.title, note=note, x=self.names[0], y=self.names[1], legend=3)
        ax.set_zlabel("value")
        ax.locator_params(nbins=TICKS)


def shaded(height: np.ma.MaskedArray) -> np.ndarray:
    """Return the colour of each point of a surface: that of its band between contour lines, lit from the upper left.

    Parameters
    ----------
    height : masked array of shape (rows, columns)
        How much worse each value is than the best one.

    Returns
    -------
    array of shape (rows, columns, 4)
        Red, green, blue and opacity, from 0 to 1.

    Examples
    --------
    >>> shaded(np.ma.masked_invalid([[0.0, 1.0], [2.0, np.nan]]))[..., 3]
    array([[1., 1.],
           [1., 0.]])
    """
    from matplotlib.colors import LightSource

    levels, relief = levels_of(height.compressed()), height.filled(0.0)
    place = np.interp(relief, levels, np.linspace(0, 1, len(levels))) if levels.size else np.zeros_like(relief)
    # The surface is drawn in a box about as high as it is wide.
    steep = relief / (relief.max() or 1.0) * max(relief.shape)
    light = LightSource(azdeg=315, altdeg=45).hillshade(steep, fraction=0.8)
    colours = style.ramp()(place)
    colours[..., :3] = np.clip(colours[..., :3] * (DIMMEST + (BRIGHTEST - DIMMEST) * light[..., None]), 0, 1)
    colours[..., 3] = ~np.ma.getmaskarray(height)
    return colours
