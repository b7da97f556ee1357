"""`SlopesScene`: a secant that turns into the tangent."""

from __future__ import annotations

import copy

import numpy as np

from steepest.inspection.motion.frames import chosen, number
from steepest.inspection.motion.scenes.scene import figure_of
from steepest.inspection.plots import style
from steepest.inspection.plots.function.slopes import SlopesDisplay


class SlopesScene:
    """A secant that turns into the tangent as h shrinks, above the difference quotient and the derivative.

    Parameters
    ----------
    display : SlopesDisplay
        The slopes, with one h for each frame.
    most : int
        The largest number of frames.

    Raises
    ------
    ValueError
        If there is only one h.
    """

    def __init__(self, display: SlopesDisplay, most: int) -> None:
        if len(display.h) < 2:
            raise ValueError(
                "the slopes have one h, and an animation needs several: give from_function h=np.geomspace(1, 0.01, 100)"
            )
        self.display, self.shown = display, chosen(range(len(display.h)), most)
        first = copy.copy(display)
        first.h, first.quotients = display.h[:1], display.quotients[:1]
        first.secant_slopes = display.secant_slopes[:1]
        upper, lower = first.room(style.blank)
        first.plot([upper, lower])
        self.figure, self.title = figure_of(upper), display.title
        _, self.secant, *_ = upper.lines
        self.quotient, self.dot, *_ = lower.lines
        for ax, k, text in ((upper, 1, "secant"), (lower, 0, "difference quotient")):
            legend = ax.get_legend()
            assert legend is not None
            legend.get_texts()[k].set_text(text)
        # The tangent and its point lie above the secant.
        self.moving = [self.secant, *upper.lines[2:], self.quotient, self.dot, *lower.lines[2:]]
        known = [(number(display.h[k]), number(display.secant_slopes[k])) for k in self.shown]
        tangent = number(display.tangent_slope)
        self.captions = [f"h = {h}: slope {slope} of the secant, {tangent} of the tangent" for h, slope in known]

    def draw(self, k: int) -> None:
        """Draw the secant and the difference quotient of frame k."""
        display, row = self.display, self.shown[k]
        through = np.array([display.x[0], display.at + display.h[row], display.x[-1]])
        self.secant.set_data(through, display.value_at + display.secant_slopes[row] * (through - display.at))
        self.quotient.set_ydata(display.quotients[row])
        self.dot.set_ydata([display.secant_slopes[row]])
