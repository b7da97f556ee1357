"""`ContourScene`: the path of a run on contour lines, with the way of steepest descent."""

from __future__ import annotations

import numpy as np

from steepest.inspection.motion.frames import Frames, captions_of
from steepest.inspection.motion.scenes.trail import Trail
from steepest.inspection.plots import style
from steepest.inspection.plots.function.contour import ContourDisplay
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import NOT_AT_HAND, gradients_at

# The lengths of the longest arrow and of the shortest that is drawn, as shares of the window. Chosen by eye: the head
# of a shorter arrow would hide the point.
REACH, LEAST = 0.25, 0.03
# The power of the slope that is the length of an arrow. Chosen by eye: valleys are a hundred times less steep than
# the slopes above them, where an arrow in proportion would be invisible.
POWER = 1 / 3


class ContourScene:
    """The path of a run of two parameters on contour lines.

    At the current point, an arrow shows the way of steepest descent, or of ascent for a run that was maximised. The
    length of the arrow is proportional to the cube root of the slope, so that gentle slopes stay visible. A run that
    was loaded without its function has a path, but no contour lines and no arrow.

    Parameters
    ----------
    run : run
        The run.
    display : ContourDisplay
        Its picture.
    most : int
        The largest number of frames.
    """

    def __init__(self, run: RunLike, display: ContourDisplay, most: int) -> None:
        from matplotlib.patches import FancyArrowPatch

        frames, path = Frames.of(run, most), display.path
        assert path is not None
        display.path = None
        rows = frames.among(np.isfinite(run.trace.x).all(axis=1))
        self.figure, self.title, self.captions = style.blank(), run.title, captions_of(run, frames)
        ax = style.dress(self.figure.add_subplot())
        display.plot(ax)
        self.trail = Trail(ax, path, display.best, rows, cased=display.values is not None)
        gradients = gradients_at(run, path, rows)
        ways = None if gradients is None else gradients if run.maximized else -gradients
        self.arrows = None if ways is None else _arrows(display, path[rows], ways)
        self.arrow = FancyArrowPatch((0, 0), (0, 0), arrowstyle="simple", mutation_scale=16, shrinkA=0, shrinkB=0)
        pale: style.Look = {"facecolor": style.PAPER, "edgecolor": style.INK}
        self.arrow.set(**pale, linewidth=0.8, zorder=4, visible=False)
        ax.add_patch(self.arrow)
        if self.arrows is not None:
            label = "steepest ascent" if run.maximized else "steepest descent"
            mark: style.Look = {"markerfacecolor": style.PAPER, "markeredgecolor": style.INK, "markersize": 8}
            ax.plot([], [], linestyle="", marker=">", label=label, **mark)
        note = NOT_AT_HAND if self.arrows is None else ""
        style.label(ax, title=display.title, note=note, x=display.names[0], y=display.names[1], legend=4)
        self.moving = [*self.trail.moving, self.arrow]

    def draw(self, k: int) -> None:
        """Draw the path and the arrow of frame k."""
        self.trail.draw(k)
        arrow = np.full(2, np.nan) if self.arrows is None else self.arrows[k]
        self.arrow.set_visible(bool(np.isfinite(arrow).all()))
        if self.arrow.get_visible():
            at = self.trail.path[self.trail.rows[k]]
            self.arrow.set_positions(at, at + arrow)


@np.errstate(all="ignore")
def _arrows(display: ContourDisplay, points: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """Return ways as arrows, whose lengths are powers of the slopes, scaled to the window; NaN for no arrow."""
    low, high = np.array([display.grid_x[[0, -1]], display.grid_y[[0, -1]]]).T
    # The slopes outside the window, where a run has diverged, would leave no arrow long enough to be seen.
    ways = np.where(((points >= low) & (points <= high)).all(axis=1, keepdims=True), ways, np.nan)
    slopes = np.linalg.norm(ways, axis=1, keepdims=True)
    arrows = np.where(slopes > 0, ways * slopes ** (POWER - 1), ways)
    shares = np.abs(arrows / (high - low)).max(axis=1, keepdims=True)
    scale = REACH / shares[np.isfinite(shares)].max(initial=np.finfo(float).tiny)
    return np.where(shares * scale >= LEAST, arrows * scale, np.nan)
