"""`CurveScene`: the path of a run on the curve of its function, with the tangent."""

from __future__ import annotations

import numpy as np

from steepest.inspection.motion.frames import Frames, captions_of
from steepest.inspection.motion.scenes.trail import Trail
from steepest.inspection.plots import style
from steepest.inspection.plots.function.curve import CurveDisplay
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import NOT_AT_HAND, gradients_at

# The length of the tangent to each side of the point, as a share of the window. Chosen by eye.
REACH = 0.22


class CurveScene:
    """The path of a run of one parameter on the curve of its function, with the tangent at the current point.

    A run that was loaded without its function has a path, but no curve and no tangent.

    Parameters
    ----------
    run : run
        The run.
    display : CurveDisplay
        Its picture.
    most : int
        The largest number of frames.
    """

    def __init__(self, run: RunLike, display: CurveDisplay, most: int) -> None:
        frames = Frames.of(run, most)
        rows = frames.among(np.isfinite(run.trace.x).all(axis=1))
        self.figure, self.title, self.captions = style.blank(), run.title, captions_of(run, frames)
        ax = style.dress(self.figure.add_subplot())
        display.plot(ax)
        # The display draws the whole path, which sets the height of the axes.
        for drawn in [*ax.lines[display.value is not None :], *ax.texts]:
            drawn.remove()
        self.slopes = gradients_at(run, display.path[:, :1], rows)
        (self.tangent,) = ax.plot([], [], color=style.GREEN, linewidth=2.2, label="tangent", zorder=2.5)
        self.trail = Trail(ax, display.path, display.best, rows)
        if self.slopes is None:
            self.tangent.set_label("_")
        note = NOT_AT_HAND if self.slopes is None else ""
        style.label(ax, title=display.title, note=note, x=display.name, y="value", legend=5)
        self.moving = [self.tangent, *self.trail.moving]
        self._window = np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())

    def draw(self, k: int) -> None:
        """Draw the path and the tangent of frame k."""
        self.trail.draw(k)
        if self.slopes is None:
            return
        width, height = self._window
        x, value = self.trail.path[self.trail.rows[k]]
        slope = float(self.slopes[k, 0])
        # A tangent has the same length on the page, however steep it is.
        reach = REACH * width / np.hypot(1.0, slope * width / height) * np.array([-1, 1])
        self.tangent.set_data(x + reach, value + slope * reach)
