"""`Growing`: lines by evaluation or epoch that are drawn as far as the run has come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.motion.frames import Frames, captions_of
from steepest.inspection.picture import Descent, descent_of
from steepest.inspection.plots import style
from steepest.inspection.plots.descent import DescentDisplay
from steepest.inspection.protocol import RunLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Growing:
    """The lines of finished pictures, drawn as far as the run has come.

    Parameters
    ----------
    axes : iterable of axes
        The axes of the pictures, whose x is the number of evaluations or epochs.
    reached : array of shape (frames,)
        The number that is reached at each frame.
    """

    def __init__(self, axes: Iterable[Axes], reached: np.ndarray) -> None:
        axes = list(axes)
        self.reached = reached
        self.lines = [line for ax in axes for line in ax.lines]
        # A text belongs to the mark of the best value, and would tell the end before it comes.
        self.texts = [text for ax in axes for text in ax.texts]
        self.data = [tuple(np.asarray(part) for part in line.get_data()) for line in self.lines]
        self.moving = [*self.lines, *self.texts]

    def draw(self, k: int) -> None:
        """Draw the lines as far as they have come at frame k."""
        for line, (x, y) in zip(self.lines, self.data, strict=True):
            drawn = x <= self.reached[k]
            line.set_data(x[drawn], y[drawn])
            line.set_visible(bool(drawn.any()))
        for text in self.texts:
            text.set_visible(k == len(self.reached) - 1)


class DescentScene(Growing):
    """The descent of a run: its value and gradient norm, or the losses of the members of a network or of restarts.

    Parameters
    ----------
    run : run or fit
        The run.
    most : int
        The largest number of frames.
    """

    def __init__(self, run: RunLike, most: int) -> None:
        frames, display = Frames.of(run, most), descent_of(run)
        self.figure, self.title, self.captions = style.blank(), run.title, captions_of(run, frames)
        super().__init__(_plotted(display, self), reached_of(run, frames))


def _plotted(display: Descent, scene: DescentScene) -> tuple[Axes, ...]:
    if isinstance(display, DescentDisplay):
        return display.plot(style.stacked(scene.figure)).axes_
    return (display.plot(style.dress(scene.figure.add_subplot())).ax_,)


def reached_of(run: RunLike, frames: Frames) -> np.ndarray:
    """Return the number that a run has reached at each frame, in the unit in which its descent is drawn.

    Parameters
    ----------
    run : run or fit
        The run.
    frames : Frames
        The frames.

    Returns
    -------
    array of shape (frames,)
        The epochs of a fit, and the evaluations of every other run.
    """
    return run.trace.columns["epoch"][frames.rows] if "epoch" in run.trace.columns else frames.counts
