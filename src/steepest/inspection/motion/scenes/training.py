"""`TrainingScene`: the line of a fit that turns into place."""

from __future__ import annotations

import numpy as np

from steepest.inspection.motion.frames import Frames, captions_of
from steepest.inspection.motion.scenes.growing import Growing, reached_of
from steepest.inspection.motion.scenes.scene import figure_of
from steepest.inspection.plots import style
from steepest.inspection.plots.training import TrainingDisplay
from steepest.inspection.protocol import FitLike


class TrainingScene:
    """The line of a fit on one column, which turns into place, beside its loss, which grows with it.

    Parameters
    ----------
    run : fit
        The fit.
    most : int
        The largest number of frames.
    """

    def __init__(self, run: FitLike, most: int) -> None:
        frames = Frames.of(run, most)
        epochs = reached_of(run, frames)
        display = TrainingDisplay.from_run(run, epochs.tolist())
        # An epoch whose parameters are not finite has no line, and the line before stays. A trace that holds only a
        # sketch of the parameters has none at all.
        curves = display.curves if len(display.epochs) else display.line.line_y[None]
        self.lines = curves[np.maximum(np.searchsorted(display.epochs, epochs, side="right") - 1, 0)]
        display.epochs, display.curves = display.epochs[:1], display.curves[:1]
        left, right = display.room(style.blank)
        display.plot([left, right])
        self.figure, self.title, self.captions = figure_of(left), run.title, captions_of(run, frames)
        (self.line,) = (line for line in left.lines if line.get_label() == "fit")
        self.loss = Growing(display.axes_[1:], epochs)
        self.moving = [self.line, *self.loss.moving]

    def draw(self, k: int) -> None:
        """Draw the line and the loss of frame k."""
        self.line.set_ydata(self.lines[k])
        self.loss.draw(k)
