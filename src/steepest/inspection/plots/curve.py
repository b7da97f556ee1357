"""`CurveDisplay`: a function of one parameter as a curve, with the path of its descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.path import describe_path, draw_path, path_of
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE, NOT_AT_HAND, values_at, window_around, window_given

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
        name: str = "x",
        title: str = "",
    ) -> None:
        self.x = np.asarray(x, dtype=float)
        self.value = None if value is None else np.asarray(value, dtype=float)
        self.path = np.asarray(path, dtype=float)
        self.best = best
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
        return cls(x, values_at(run, x[:, None]), path, best=best, name=run.trace.names[0], title=run.title)

    @property
    def caption(self) -> str:
        """What to see, with the numbers of the run."""
        return describe_path(self.path[:, :1], self.path[:, 1], self.best)

    def table(self) -> dict[str, np.ndarray]:
        """Return the points and the values of the run.

        Returns
        -------
        dict of str to array
            The parameter and the value of each row.
        """
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
        draw_path(ax, self.path, self.best)
        note = NOT_AT_HAND if self.value is None else ""
        style.label(ax, title=self.title, note=note, x=self.name, y="value", legend=4)
