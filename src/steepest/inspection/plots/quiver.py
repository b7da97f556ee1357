"""A function of two variables as contour lines, with its gradient as arrows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.contour import ContourDisplay
from steepest.inspection.window import HUGE, sampled, window_given

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REACH = 0.9  # of a cell of the arrows' grid: the longest arrow ends before its neighbour begins


class QuiverDisplay:
    """Contour lines of a function of two variables, with an arrow of its partial derivatives in each cell of a grid.

    The arrow at (x, y) is c · (∂f/∂x, ∂f/∂y), in the units of the axes and with the same c everywhere, so that
    its length is proportional to the slope. c, the `length` of a slope of 1, is such that the longest arrow is
    0.9 cells long. Where steep slopes dwarf the others, a `power` p below 1 makes lengths proportional to
    slope^p: directions stay, and with p = 0 all arrows are the arrows of a slope of 1.

    Parameters
    ----------
    grid_x, grid_y : array of shape (size,)
        Where the function was evaluated: every pair of them.
    values : array of shape (size, size)
        ``values[i, j]`` is f(grid_x[j], grid_y[i]), NaN where f has none.
    arrow_x, arrow_y : array of shape (arrows,)
        Where the middles of the arrows are: every pair of them.
    slopes : array of shape (arrows, arrows, 2)
        ``slopes[i, j]`` is the gradient of f at (arrow_x[j], arrow_y[i]): uphill.
    path : array of shape (rows, 2), optional
        The points of a run.
    best : int, optional
        The row of its best point.
    maximized : bool, optional
        Whether the best value is the largest.
    downhill : bool, optional
        Whether the arrows are turned round, as a descent goes.
    power : float, optional
        Lengths are proportional to this power of the slope.
    names : pair of str, optional
        What the variables are called.
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
    >>> display = QuiverDisplay.from_function(lambda x, y: x * y, lambda x, y: (y, x), ((0, 4), (0, 4)), arrows=2)
    >>> display.slopes[1, 0]
    array([3., 1.])
    """

    def __init__(
        self,
        grid_x: Any,
        grid_y: Any,
        values: Any,
        arrow_x: Any,
        arrow_y: Any,
        slopes: Any,
        *,
        path: Any = None,
        best: int = -1,
        maximized: bool = False,
        downhill: bool = False,
        power: float = 1.0,
        names: tuple[str, str] = ("x", "y"),
        title: str = "",
    ) -> None:
        self.grid_x, self.grid_y = np.asarray(grid_x, dtype=float), np.asarray(grid_y, dtype=float)
        self.values = np.asarray(values, dtype=float)
        self.arrow_x, self.arrow_y = np.asarray(arrow_x, dtype=float), np.asarray(arrow_y, dtype=float)
        self.slopes = np.asarray(slopes, dtype=float)
        self.path = None if path is None else np.asarray(path, dtype=float)
        self.best, self.maximized, self.downhill, self.power = best, maximized, downhill, power
        self.names, self.title = names, title

    @classmethod
    def from_function(
        cls,
        f: Callable[[float, float], Any],
        gradient: Callable[[float, float], Any],
        window: Any,
        size: int = 100,
        *,
        arrows: int = 15,
        downhill: bool = False,
        power: float = 1.0,
        names: tuple[str, str] = ("x", "y"),
        title: str = "",
    ) -> QuiverDisplay:
        """Evaluate a function and its gradient over a window.

        Parameters
        ----------
        f : callable
            Of two numbers; it is called with one pair at a time.
        gradient : callable
            Of two numbers, to the partial derivatives by both.
        window : ((x_low, x_high), (y_low, y_high))
            Where to look.
        size : int, optional
            How many points the grid of the contour lines has each way.
        arrows : int, optional
            How many arrows there are each way.
        downhill : bool, optional
            Whether to turn the arrows round, as a descent goes.
        power : float, optional
            Lengths are proportional to this power of the slope.
        names : pair of str, optional
            What the variables are called.
        title : str, optional
            What is written above.

        Returns
        -------
        QuiverDisplay
            Not drawn yet. Where f raises, no line goes; where the gradient raises, there is no arrow.

        Raises
        ------
        ValueError
            Where the window is empty, no arrow is asked for, or the gradient is not two numbers.
        """
        look = window_given(window, 2)
        grid_x, grid_y = (np.linspace(low, high, size) for low, high in look)
        values = sampled(lambda p: f(float(p[0]), float(p[1])), _pairs(grid_x, grid_y)).reshape(size, size)
        field = _field(lambda p: gradient(float(p[0]), float(p[1])), look, arrows)
        return cls(grid_x, grid_y, values, *field, downhill=downhill, power=power, names=names, title=title)

    @classmethod
    def from_run(
        cls,
        run: Any,
        window: Any = None,
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
            Where to look; the path widened by a quarter on every side where left out.
        size : int, optional
            How many points the grid of the contour lines has each way.
        arrows : int, optional
            How many arrows there are each way.
        downhill : bool, optional
            Whether to turn the arrows round, as a descent goes.
        power : float, optional
            Lengths are proportional to this power of the slope.

        Returns
        -------
        QuiverDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            Where the run has not two parameters or no finite point or was loaded without its function, the
            window is empty, or no arrow is asked for.
        """
        flat = ContourDisplay.from_run(run, window, size)
        if flat.values is None:
            raise ValueError(
                "the run was loaded without its function, and arrows need its gradient: "
                "use ContourDisplay.from_run(run), which draws the path"
            )
        look = np.array([flat.grid_x[[0, -1]], flat.grid_y[[0, -1]]])
        return cls(
            flat.grid_x,
            flat.grid_y,
            flat.values,
            *_field(run.gradient_at, look, arrows),
            path=flat.path,
            best=flat.best,
            maximized=flat.maximized,
            downhill=downhill,
            power=power,
            names=flat.names,
            title=flat.title,
        )

    @property
    def length(self) -> float:
        """How long the arrow of a slope of 1 is, in the units of the axes; 0 where no slope is finite and not 0."""
        arrows = (self._arrows() / self._cell()).reshape(-1, 2)
        longest = np.hypot(*arrows[np.isfinite(arrows).all(axis=1)].T).max(initial=0.0)
        return float(REACH / longest) if longest else 0.0

    def plot(self, ax: Axes | None = None) -> QuiverDisplay:
        """Draw the contour lines, the arrows and the path, if there is one.

        Parameters
        ----------
        ax : axes, optional
            Where to draw; a new figure where left out.

        Returns
        -------
        QuiverDisplay
            This display.
        """
        look: dict[str, Any] = {"best": self.best, "maximized": self.maximized, "names": self.names}
        flat = ContourDisplay(self.grid_x, self.grid_y, self.values, self.path, title=self.title, **look).plot(ax)
        self.ax_, self.figure_ = flat.ax_, flat.figure_
        if self.length:
            self._draw_arrows(self.ax_)
        style.words(self.ax_, title=self.title, x=self.names[0], y=self.names[1], legend=4)
        return self

    def _draw_arrows(self, ax: Axes) -> None:
        across, up = np.moveaxis(-self._arrows() if self.downhill else self._arrows(), 2, 0)
        look: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1 / self.length, "pivot": "middle"}
        ax.quiver(self.arrow_x, self.arrow_y, across, up, color=style.GREEN, width=0.004, zorder=2.5, **look)
        slopes = np.hypot(*_finite(self.slopes).T)
        label = f"{'downhill' if self.downhill else 'uphill'}, slopes up to {np.nanmax(slopes):,.4g}"
        ax.plot([], [], color=style.GREEN, marker=">", label=label)

    def _arrows(self) -> np.ndarray:
        """Return the arrows for a length of 1: the slopes, their lengths raised to the power."""
        slopes = _finite(self.slopes)
        steepness = np.hypot(slopes[..., 0], slopes[..., 1])[..., None]
        return np.where(steepness > 0, slopes * np.where(steepness > 0, steepness, 1.0) ** (self.power - 1), slopes)

    def _cell(self) -> np.ndarray:
        ends = np.array([self.grid_x[[0, -1]], self.grid_y[[0, -1]]])
        return np.ptp(ends, axis=1) / [len(self.arrow_x), len(self.arrow_y)]


def _pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _field(gradient: Callable[[Any], Any], look: np.ndarray, arrows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the middles of the cells, and the gradient in them."""
    if arrows < 1:
        raise ValueError(f"arrows={arrows} and there must be one at least each way: give a whole number such as 15")
    x, y = (low + (np.arange(arrows) + 0.5) * (high - low) / arrows for low, high in look)

    def two(point: np.ndarray) -> np.ndarray:
        slope = np.asarray(gradient(point), dtype=float)
        if slope.size != 2:
            raise ValueError(f"the gradient has the shape {slope.shape}: return two numbers, ∂f/∂x and ∂f/∂y")
        return slope

    return x, y, sampled(two, _pairs(x, y), (2,)).reshape(arrows, arrows, 2)


def _finite(slopes: np.ndarray) -> np.ndarray:
    """Return slopes with NaN where either is too large to be drawn, or has no value."""
    return np.where((np.abs(slopes) <= HUGE).all(axis=-1, keepdims=True), slopes, np.nan)
