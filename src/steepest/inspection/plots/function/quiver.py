"""`QuiverDisplay`: a function of two variables as contour lines, with its gradient as arrows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.function.contour import ContourDisplay, GridDisplay
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE, sampled, window_given

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REACH = 0.9  # the length of the longest arrow, in cells: below 1, so that arrows do not touch


class QuiverDisplay(GridDisplay):
    """Contour lines of a function of two variables, with its gradient as an arrow in each cell of a grid.

    The arrow at (x, y) is c · (∂f/∂x, ∂f/∂y), in the units of the axes and with the same c everywhere. So its
    length is proportional to the slope, and the longest arrow is 0.9 cells long; c is the attribute `length`.
    A `power` p below 1 helps if steep slopes dwarf the others: lengths are then proportional to slope^p, and
    with p = 0 all arrows have the same length.

    Parameters
    ----------
    grid_x, grid_y : array of shape (size,)
        The grid on which the function was evaluated.
    values : array of shape (size, size)
        ``values[i, j]`` is f(grid_x[j], grid_y[i]), NaN if f has no value there.
    arrow_x, arrow_y : array of shape (arrows,)
        The coordinates of the midpoints of the arrows.
    slopes : array of shape (arrows, arrows, 2)
        ``slopes[i, j]`` is the gradient of f at (arrow_x[j], arrow_y[i]), which points uphill.
    path : array of shape (rows, 2), optional
        The points of a run.
    best : int, optional
        The row of the best point.
    maximized : bool, optional
        Whether the best value is the largest.
    path_values : array of shape (rows,), optional
        The value at each point of the path.
    downhill : bool, optional
        Whether the arrows point downhill, as a descent goes.
    power : float, optional
        The length of an arrow is proportional to this power of the slope.
    names : pair of str, optional
        The names of the variables.
    title : str, optional
        The text above the picture.

    Examples
    --------
    >>> display = QuiverDisplay.from_function(lambda x, y: x * y, lambda x, y: (y, x), ((0, 4), (0, 4)), arrows=2)
    >>> display.slopes[1, 0]
    array([3., 1.])
    """

    def __init__(
        self,
        grid_x: ArrayLike,
        grid_y: ArrayLike,
        values: ArrayLike,
        arrow_x: ArrayLike,
        arrow_y: ArrayLike,
        slopes: ArrayLike,
        *,
        path: ArrayLike | None = None,
        best: int = -1,
        maximized: bool = False,
        path_values: ArrayLike | None = None,
        downhill: bool = False,
        power: float = 1.0,
        names: Sequence[str] = ("x", "y"),
        title: str = "",
    ) -> None:
        known: style.Look = {"best": best, "maximized": maximized, "path_values": path_values}
        super().__init__(grid_x, grid_y, values, path, names=names, title=title, **known)
        self.arrow_x, self.arrow_y = np.asarray(arrow_x, dtype=float), np.asarray(arrow_y, dtype=float)
        self.slopes = np.asarray(slopes, dtype=float)
        self.downhill, self.power = downhill, power

    @classmethod
    @np.errstate(all="ignore")
    def from_function(
        cls,
        f: Callable[[float, float], ArrayLike],
        gradient: Callable[[float, float], ArrayLike],
        window: ArrayLike,
        size: int = 100,
        *,
        arrows: int = 15,
        downhill: bool = False,
        power: float = 1.0,
        names: Sequence[str] = ("x", "y"),
        title: str = "",
    ) -> QuiverDisplay:
        """Evaluate a function and its gradient over a window.

        Parameters
        ----------
        f : callable
            A function of two numbers. It is called with one pair at a time.
        gradient : callable
            A function of two numbers that returns the two partial derivatives.
        window : ((x_low, x_high), (y_low, y_high))
            The part of the plane to draw.
        size : int, optional
            The number of grid points of the contour lines in each direction.
        arrows : int, optional
            The number of arrows in each direction.
        downhill : bool, optional
            Whether the arrows point downhill, as a descent goes.
        power : float, optional
            The length of an arrow is proportional to this power of the slope.
        names : pair of str, optional
            The names of the variables.
        title : str, optional
            The text above the picture.

        Returns
        -------
        QuiverDisplay
            The display, not drawn yet. Points at which f or the gradient raises an exception
            have no contour line or no arrow.

        Raises
        ------
        ValueError
            If the window is empty, `arrows` is below 1, or the gradient is not two numbers.
        """
        grid_x, grid_y = (np.linspace(low, high, size) for low, high in window_given(window, 2))
        values = sampled(lambda p: f(float(p[0]), float(p[1])), _pairs(grid_x, grid_y)).reshape(size, size)
        field = _field(lambda p: gradient(float(p[0]), float(p[1])), grid_x, grid_y, arrows)
        return cls(grid_x, grid_y, values, *field, downhill=downhill, power=power, names=names, title=title)

    @classmethod
    @np.errstate(all="ignore")
    def from_run(
        cls,
        run: RunLike,
        window: ArrayLike | None = None,
        size: int = 100,
        *,
        arrows: int = 15,
        downhill: bool = False,
        power: float = 1.0,
    ) -> QuiverDisplay:
        """Evaluate the function of a run and its gradient around the path.

        Parameters
        ----------
        run : run or fit
            A run of two parameters.
        window : ((x_low, x_high), (y_low, y_high)), optional
            The part of the plane to draw; by default the path, widened by a quarter on every side.
        size : int, optional
            The number of grid points of the contour lines in each direction.
        arrows : int, optional
            The number of arrows in each direction.
        downhill : bool, optional
            Whether the arrows point downhill, as a descent goes.
        power : float, optional
            The length of an arrow is proportional to this power of the slope.

        Returns
        -------
        QuiverDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the run does not have two parameters, or has no finite point or no function, the window is
            empty, or `arrows` is below 1.
        """
        lines = ContourDisplay.from_run(run, window, size)
        if lines.values is None:
            raise ValueError(
                "the run was loaded without its function, and arrows need its gradient: "
                "use ContourDisplay.from_run(run), which draws the path"
            )
        field = _field(run.gradient_at, lines.grid_x, lines.grid_y, arrows)
        known: style.Look = {"path": lines.path, "best": lines.best, "maximized": lines.maximized, "names": lines.names}
        known |= {"title": lines.title, "path_values": lines.path_values, "downhill": downhill, "power": power}
        return cls(lines.grid_x, lines.grid_y, lines.values, *field, **known)

    @property
    def length(self) -> float:
        """The length of the arrow of a slope of 1, in the units of the axes; 0 if every slope is 0 or not finite."""
        cell = np.ptp(self.grid_x) / len(self.arrow_x), np.ptp(self.grid_y) / len(self.arrow_y)
        return _length(_arrows(self.slopes, self.power) / cell)

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the slopes."""
        lengths = np.hypot(*self.slopes.reshape(-1, 2).T)
        steepest = lengths[np.isfinite(lengths)].max(initial=0.0)
        way = "downhill, as a descent goes" if self.downhill else "uphill, across the contour lines"
        return f"Arrows point {way}; the longest is a slope of {style.number(steepest)}. {super().caption}"

    def _draw(self, ax: Axes) -> None:
        look: style.Look = {"best": self.best, "maximized": self.maximized, "names": self.names}
        look["path_values"] = self.path_values
        lines = ContourDisplay(self.grid_x, self.grid_y, self.values, self.path, title=self.title, **look)
        lines.is_labelled = False  # the arrows would cover the values
        lines.plot(ax)
        if self.length:
            _draw_arrows(ax, self)
        style.label(ax, title=self.title, x=self.names[0], y=self.names[1], legend=4)


def _draw_arrows(ax: Axes, display: QuiverDisplay) -> None:
    """Draw the arrows, and describe them in the legend."""
    arrows = _arrows(display.slopes, display.power)
    across, up = np.moveaxis(-arrows if display.downhill else arrows, 2, 0)
    look: style.Look = {"angles": "xy", "scale_units": "xy", "scale": 1 / display.length, "pivot": "middle"}
    # Pale with a dark edge, the arrows stand out from all bands of colour.
    pale: style.Look = {"facecolor": style.PAPER, "edgecolor": style.INK, "linewidth": 0.7}
    ax.quiver(
        display.arrow_x,
        display.arrow_y,
        across,
        up,
        width=0.006,
        headwidth=3.5,
        headlength=4,
        headaxislength=3.5,
        zorder=2.5,
        **look | pale,
    )
    slopes = np.hypot(*_finite(display.slopes).T)
    label = f"{'downhill' if display.downhill else 'uphill'}, slopes up to {np.nanmax(slopes):,.4g}"
    mark: style.Look = {"markerfacecolor": style.PAPER, "markeredgecolor": style.INK, "markersize": 8}
    ax.plot([], [], linestyle="", marker=">", label=label, **mark)


def _length(arrows: np.ndarray) -> float:
    """Return the factor that makes the longest arrow REACH cells long; `arrows` are in cells."""
    arrows = arrows.reshape(-1, 2)
    longest = np.hypot(*arrows[np.isfinite(arrows).all(axis=1)].T).max(initial=0.0)
    return float(REACH / longest) if longest else 0.0


def _arrows(slopes: np.ndarray, power: float) -> np.ndarray:
    """Return gradients as arrows, whose lengths are the slopes raised to the power."""
    slopes = _finite(slopes)
    steepness = np.hypot(slopes[..., 0], slopes[..., 1])[..., None]
    return np.where(steepness > 0, slopes * np.where(steepness > 0, steepness, 1.0) ** (power - 1), slopes)


def _pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _field(
    gradient: Callable[[np.ndarray], ArrayLike], grid_x: np.ndarray, grid_y: np.ndarray, arrows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the coordinates of the midpoints of the cells, and the gradient at each midpoint."""
    if arrows < 1:
        raise ValueError(f"arrows={arrows} and there must be one at least in each direction: give a number, such as 15")
    ends = grid_x[[0, -1]], grid_y[[0, -1]]
    x, y = (low + (np.arange(arrows) + 0.5) * (high - low) / arrows for low, high in ends)

    def checked(point: np.ndarray) -> np.ndarray:
        slope = np.asarray(gradient(point), dtype=float)
        if slope.size != 2:
            raise ValueError(f"the gradient has the shape {slope.shape}: return two numbers, ∂f/∂x and ∂f/∂y")
        return slope

    return x, y, sampled(checked, _pairs(x, y), (2,)).reshape(arrows, arrows, 2)


def _finite(slopes: np.ndarray) -> np.ndarray:
    """Return gradients, with NaN for each gradient that is too large to be drawn or has no value."""
    return np.where((np.abs(slopes) <= HUGE).all(axis=-1, keepdims=True), slopes, np.nan)
