"""`SliceDisplay`: a plane through the path of a run of many parameters, and how far the path is from the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.causes.pair import PairDisplay
from steepest.inspection.plots.causes.steps import computed, evenly, measurable, sign_of
from steepest.inspection.plots.function.heights import above_best, draw_heights
from steepest.inspection.plots.function.path import draw_path
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE, window_around

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHAT = "a slice"
# The most rows from which the plane is found, and the most whose values in the plane are compared with their own.
MOST_ROWS, COMPARED = 2_000, 60
# The grid points in each direction. Chosen: contour lines are smooth, and 2,500 values of most functions are cheap.
SIZE = 50
SQUARE = "the direction of this path, which is a straight line, and one that is square to it"
# A second direction with less than this share of the first is rounding, or invisible: the path is a straight line.
STRAIGHT = 1e-6


class SliceDisplay(PairDisplay):
    """Contour lines on a plane through the path of a run, with the path's shadow on it and its distance from it.

    The plane goes through the best point, in the two directions in which the path extends most (its principal
    directions). A straight path gets a second direction that is square to it. A path of more than two parameters
    leaves the plane, so the contour lines are not the values of its points. The right axes say how far each row is
    from the plane, as a share of the length of the whole path.

    Parameters
    ----------
    grid_x, grid_y : array of shape (size,)
        The grid on the plane, in the units of the parameters, from the best point.
    values : array of shape (size, size)
        ``values[i, j]`` is f at ``grid_x[j]`` and ``grid_y[i]``, NaN if f has no value there.
    path : array of shape (rows, 2)
        The points of the run, projected on the plane.
    off : array of shape (rows,)
        The distance of each point from the plane, as a share of the length of the path.
    axes : array of shape (2, parameters)
        The two directions of the plane, of length 1.
    at : array of shape (rows,)
        The iteration or epoch of each row.
    gap : float, optional
        The largest difference between the value of a row and that of its shadow, as a share of the whole descent; NaN
        if it is not known.
    straight : bool, optional
        Whether the path is a straight line, as far as it is drawn.
    best : int, optional
        The row of the best point.
    maximized : bool, optional
        Whether the best value is the largest.
    counted : str, optional
        The unit of `at`: "iteration" or "epoch".
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    axes_ : tuple of matplotlib.axes.Axes
        The left and the right axes; ``ax_`` is the left one.

    Examples
    --------
    >>> import steepest as st
    >>> run = st.gradient_descent(lambda x, y, z: x**2 + 4 * y**2 + z**2, (4, 1, 4), learning_rate=0.1, iterations=9)
    >>> display = SliceDisplay.from_run(run)
    >>> bool(display.off.max() < 1e-12)  # x and z shrink alike, so the path lies in a plane
    True
    """

    what = WHAT
    is_filled = True
    is_labelled = True

    def __init__(
        self,
        grid_x: ArrayLike,
        grid_y: ArrayLike,
        values: ArrayLike,
        path: ArrayLike,
        off: ArrayLike,
        axes: ArrayLike,
        at: ArrayLike,
        *,
        gap: float = np.nan,
        straight: bool = False,
        best: int = -1,
        maximized: bool = False,
        counted: str = "iteration",
        title: str = "",
    ) -> None:
        self.grid_x, self.grid_y = np.asarray(grid_x, dtype=float), np.asarray(grid_y, dtype=float)
        self.values, self.path = np.asarray(values, dtype=float), np.asarray(path, dtype=float)
        self.off, self.axes, self.at = np.asarray(off, dtype=float), np.asarray(axes, dtype=float), np.asarray(at)
        self.gap, self.straight, self.best, self.maximized = gap, straight, best, maximized
        self.counted, self.title = counted, title

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike, size: int = SIZE) -> SliceDisplay:
        """Find the plane of a path, and evaluate the function on it.

        Parameters
        ----------
        run : run or fit
            A run of two parameters or more.
        size : int, optional
            The number of grid points in each direction: the function is evaluated size² + 60 times.

        Returns
        -------
        SliceDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the run has one parameter, no finite point or no move, its points are not at hand, or it was loaded
            without its function.
        """
        run = measurable(run, WHAT)
        x, value = np.asarray(run.trace.x, dtype=float), sign_of(run) * np.asarray(run.trace.value, dtype=float)
        if x.shape[1] < 2:
            raise ValueError(f"the run has one parameter and {WHAT} needs two or more: use CurveDisplay.from_run(run)")
        kept = np.flatnonzero(np.isfinite(x).all(axis=1) & (np.abs(x) <= HUGE).all(axis=1))
        if not kept.size:
            raise ValueError(f"{WHAT} needs a finite point and the run has none in {len(x)} rows: read run.message")
        path, value = x[kept], value[kept]
        best = int(np.argmin(np.where(np.isfinite(value), value, np.inf)))
        moved = path - path[best]
        length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
        if not length:
            raise ValueError(f"{WHAT} needs a path and the run stays at one point: use DescentDisplay.from_run(run)")
        # A run that blew up is seen around its best point, as in other pictures.
        box = window_around(path, best, run.outcome)
        inside = np.flatnonzero(((path >= box[:, 0]) & (path <= box[:, 1])).all(axis=1))
        axes, straight = _plane(moved[evenly(inside, MOST_ROWS)], moved[0])
        shadow = moved @ axes.T
        off = np.linalg.norm(moved - shadow @ axes, axis=1) / length
        window = window_around(shadow, best, run.outcome)
        if straight:
            # The width of the path in the second direction is rounding, which a window around it would magnify.
            window[1] = (window[0, 1] - window[0, 0]) / 2 * np.array([-1.0, 1.0])
        grid_x, grid_y = (np.linspace(low, high, size) for low, high in window)

        def values_on(points: np.ndarray) -> np.ndarray:
            return computed(run.evaluate, list(path[best] + points @ axes), 1, WHAT)[:, 0]

        values = values_on(np.stack(np.meshgrid(grid_x, grid_y), axis=-1).reshape(-1, 2)).reshape(size, size)
        some = evenly(inside, COMPARED)
        differences = np.abs(sign_of(run) * values_on(shadow[some]) - value[some])
        descent = np.nanmax(np.where(np.isfinite(value[inside]), value[inside], np.nan)) - value[best]
        known = differences[np.isfinite(differences)]
        gap = float(known.max() / descent) if known.size and descent > 0 else np.nan
        counted = "epoch" if "epoch" in run.trace.columns else "iteration"
        at = np.asarray(run.trace.columns.get(counted, np.arange(len(x))))[kept]
        return cls(
            grid_x, grid_y, values, shadow, off, axes, at, gap=gap, straight=straight, best=best,
            maximized=run.maximized, counted=counted, title=run.title,
        )  # fmt: skip

    @property
    def height(self) -> np.ma.MaskedArray:
        """How much worse each value of the grid is than the best one."""
        return above_best(self.values, self.maximized)[0]

    @property
    def best_value(self) -> float:
        """The best value of the grid."""
        return above_best(self.values, self.maximized)[1]

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the run."""
        number, far = style.number, int(np.argmax(self.off))
        parameters = self.axes.shape[1]
        begin = f"A plane through the best point of a path in {parameters:,} dimensions"
        begin += f", in {SQUARE if self.straight else 'the two directions in which it extends most'}"
        if not np.isfinite(self.values).any():
            begin += ", on which the function has no finite value"
        else:
            begin += f". Dark is {'high' if self.maximized else 'low'}"
        if self.off[far] < 1e-6:
            return f"{begin}. The path lies in this plane."
        found = (
            f"{begin}. The path leaves it by up to {number(100 * self.off[far])} % of its length, at {self.counted} "
            f"{self.at[far]:,}"
        )
        if self.gap > 1e-4:
            found += (
                f", and its values differ from those of the plane by up to {number(100 * self.gap)} % of the descent"
            )
        return found + "."

    def table(self) -> dict[str, np.ndarray]:
        """Return the path on the plane.

        Returns
        -------
        dict of str to array
            The coordinates of each row on the plane, and its distance from the plane as a share of the path.
        """
        return {self.counted: self.at, "first": self.path[:, 0], "second": self.path[:, 1], "off": self.off}

    def _draw(self, ax: Axes, right: Axes | None = None) -> None:
        if right is not None:
            self._draw_distance(right)
        ax.set(xlim=self.grid_x[[0, -1]], ylim=self.grid_y[[0, -1]])
        if 1 / 2 <= np.ptp(self.grid_x) / np.ptp(self.grid_y) <= 3:
            ax.set_aspect("equal")
        # The layout narrows the axes, and the texts on the picture are placed for its final width.
        ax.figure.figure.draw_without_rendering()
        draw_heights(ax, self)
        draw_path(ax, self.path, self.best, cased=True)
        style.label(ax, title=self.title, x="first direction", y="second direction", legend=5)

    def _draw_distance(self, ax: Axes) -> None:
        """Draw how far each row is from the plane."""
        percent = 100 * np.clip(self.off, 0, HUGE)
        rows = style.rows_to_draw(percent)
        ax.fill_between(self.at[rows], 0, percent[rows], color=style.BLUE, alpha=0.13, linewidth=0)
        ax.plot(self.at[rows], percent[rows], **style.series(0, len(rows)))
        ax.set_ylim(0, 1.15 * percent.max() if percent.max() > 1e-4 else 1.0)
        ax.locator_params(axis="x", integer=True)
        if len(self.at) == 1:
            ax.set_xlim(self.at[0] - 1, self.at[0] + 1)
        style.label(ax, x=self.counted, y="distance from the plane, % of the path")


def _plane(moved: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return two directions, both of which point towards the start, and whether points around 0 lie on a line.

    They are the principal directions of the points; for a line, the second one is square to the first.
    """
    scale = np.abs(moved).max() or 1.0
    _, sizes, directions = np.linalg.svd(moved / scale, full_matrices=False)
    first, is_straight = directions[0], len(sizes) < 2 or bool(sizes[1] <= STRAIGHT * sizes[0])
    if is_straight:
        # Take the coordinate that is most nearly square to the line.
        second = np.eye(len(first))[np.argmin(np.abs(first))]
        second = second - (second @ first) * first
        second /= np.linalg.norm(second)
    else:
        second = directions[1]
    axes = np.array([first, second])
    return np.where(axes @ start < 0, -1.0, 1.0)[:, None] * axes, is_straight
