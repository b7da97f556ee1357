"""`CurveDisplay`: a function of one parameter as a curve, with the path of its descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.function.path import describe_path, draw_path, numbered_steps, path_of, round_steps
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE, NOT_AT_HAND, gradients_at, values_at, window_around, window_given

if TYPE_CHECKING:
    from matplotlib.axes import Axes


TANGENT = 0.06  # the length of a tangent to each side of its point, as a share of the window; chosen by eye


class CurveDisplay(Display):
    """A function of one parameter as a curve, with the path of its descent.

    Parameters
    ----------
    x : array of shape (size,)
        The points at which the function was evaluated.
    value : array of shape (size,)
        The value at each point, NaN if there is none; None if the function was not saved.
    path : array of shape (rows, 2)
        The point and the value of each row of the run.
    best : int, optional
        The row of the best point.
    slopes : array of shape (rows,), optional
        The slope of the function at each row of the run, NaN where it is not known.
    name : str, optional
        The name of the parameter.
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
    >>> CurveDisplay([-1, 0, 1], [1, 0, 1], [[1, 1], [0.5, 0.25]], best=1).path[1]
    array([0.5 , 0.25])
    """

    def __init__(
        self,
        x: ArrayLike,
        value: ArrayLike | None,
        path: ArrayLike,
        *,
        best: int = -1,
        slopes: ArrayLike | None = None,
        name: str = "x",
        title: str = "",
    ) -> None:
        self.x = np.asarray(x, dtype=float)
        self.value = None if value is None else np.asarray(value, dtype=float)
        self.path = np.asarray(path, dtype=float)
        self.best = best
        self.slopes = np.full(len(self.path), np.nan) if slopes is None else np.asarray(slopes, dtype=float)
        self.name = name
        self.title = title

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike, window: tuple[float, float] | None = None, size: int = 200) -> CurveDisplay:
        """Evaluate the function of a run around its path.

        Parameters
        ----------
        run : run
            A run of one parameter.
        window : (low, high), optional
            The interval to draw; by default the path, widened by a quarter on both sides.
        size : int, optional
            The number of points of the curve.

        Returns
        -------
        CurveDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the run has more than one parameter or no finite point, or the window is empty.
        """
        points, height, best = path_of(run, 1)
        box = window_around(points, best, run.outcome) if window is None else window_given(window, 1)
        x = np.linspace(box[0, 0], box[0, 1], size)
        path = np.column_stack([points[:, 0], height])
        slopes, rows = np.full(len(path), np.nan), np.array([0, *round_steps(len(path))])
        if (known := gradients_at(run, points, rows)) is not None:
            slopes[rows] = known[:, 0]
        look: style.Look = {"best": best, "slopes": slopes, "name": run.trace.names[0], "title": run.title}
        return cls(x, values_at(run, x[:, None]), path, **look)

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the run."""
        return describe_path(self.path[:, :1], self.path[:, 1], self.best)

    def table(self) -> dict[str, np.ndarray]:
        return {self.name: self.path[:, 0], "value": self.path[:, 1]}

    def _draw(self, ax: Axes) -> None:
        inside = self.path[(self.path[:, 0] >= self.x[0]) & (self.path[:, 0] <= self.x[-1]), 1]
        heights = np.concatenate([inside, [] if self.value is None else self.value])
        heights = np.clip(heights[np.isfinite(heights)], -HUGE, HUGE)
        ax.set_xlim(self.x[0], self.x[-1])
        if heights.size:
            low, high = heights.min(), heights.max()
            margin = 0.05 * (high - low) or max(1.0, abs(low))
            ax.set_ylim(low - margin, high + margin)
        if self.value is not None:
            shown = np.where(np.isfinite(self.value), np.clip(self.value, -HUGE, HUGE), np.nan)
            ax.plot(self.x, shown, label="function", **style.series(0))
        self._draw_tangents(ax)
        draw_path(ax, self.path, self.best)
        note = NOT_AT_HAND if self.value is None else ""
        style.label(ax, title=self.title, note=note, x=self.name, y="value", legend=6)

    def _draw_tangents(self, ax: Axes) -> None:
        """Draw the tangents at the start and at the steps with a number, each as long on the page as the others."""
        width, height = np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())
        label = "tangent"
        for step in [0, *numbered_steps(self.path, self.best, ax)]:
            (x, value), slope = self.path[step], self.slopes[step]
            if np.isfinite([value, slope]).all():
                reach = TANGENT * width / np.hypot(1.0, slope * width / height) * np.array([-1, 1])
                look: style.Look = {"color": style.GREEN, "linewidth": 2.4, "alpha": 0.9, "solid_capstyle": "round"}
                ax.plot(x + reach, value + slope * reach, label=label, **look)
                label = "_"  # the legend leaves it out
