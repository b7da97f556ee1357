"""The axis of gaps, which the pictures of a race share: logarithmic if they span much, with stars for gaps of zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.descent import SPAN
from steepest.inspection.window import HUGE
from steepest.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A run that climbs past this many times the largest gap at a start leaves the picture. Chosen, not measured: a
# larger factor shows more of a run that blows up, and squeezes the other runs on a linear axis.
CLIMB = 10
# Gaps below this share of the largest are hidden by rounding, and would squeeze those that can be told apart.
ROUNDING = 2.0**-52
MAX_LETTERS = 28  # the most letters of a name in the legend, so that two columns fit above axes of the usual width


def shown_name(name: str) -> str:
    """Return a name as legends show it."""
    name = printable(name, MAX_LETTERS)
    return f" {name}" if name.startswith("_") else name  # matplotlib hides labels that begin with an underscore


def set_gap_axis(ax: Axes, gaps: Sequence[np.ndarray], starts: Sequence[float]) -> bool:
    """Set the scale and the limits of the axis of gaps, and return whether it is logarithmic.

    Parameters
    ----------
    ax : axes
        The axes.
    gaps : sequence of array
        The gaps that are drawn; those that are not finite are left out.
    starts : sequence of float
        The gaps at the starts, which say what leaves the picture.

    Returns
    -------
    bool
        Whether the axis is logarithmic.
    """
    together = np.concatenate([gap[np.isfinite(gap)] for gap in gaps])
    top = CLIMB * max(starts, default=0.0) or together.max(initial=1.0)
    shown = together[together <= top]
    positive = shown[shown > 0]
    log = bool(positive.size and shown.max() > SPAN * positive.min())
    if log:
        ax.set_yscale("log")
        low, high = max(positive.min(), positive.max() * ROUNDING, 1 / HUGE), min(positive.max(), HUGE)
        margin = (high / low) ** 0.05
        ax.set_ylim(low / margin, high * margin)
    elif shown.size:
        margin = 0.05 * min(shown.max(), HUGE) or 1.0
        ax.set_ylim(-margin, min(shown.max(), HUGE) + margin)
    return log


def draw_gaps(ax: Axes, x: np.ndarray, gap: np.ndarray, look: style.Look, log: bool, crosses: bool = True) -> None:
    """Draw the gaps of one run; on a logarithmic axis a star at its foot marks the first gap of zero.

    Parameters
    ----------
    ax : axes
        The axes, with their limits.
    x, gap : array of shape (rows,)
        The horizontal axis, and the gaps, which may be infinite or NaN.
    look : dict
        Keyword arguments of `matplotlib.axes.Axes.plot`.
    log : bool
        Whether the axis of gaps is logarithmic.
    crosses : bool, optional
        Whether crosses mark where the line breaks off.
    """
    shown = np.where(np.isfinite(gap), np.clip(gap, 1 / HUGE if log else 0, HUGE), np.nan)
    drawn = ~(log & (gap == 0))
    if crosses:
        style.broken_line(ax, x[drawn], shown[drawn], look)
    else:
        ax.plot(x[drawn], shown[drawn], **look)
    if log and (gap == 0).any():
        foot: style.Look = {"transform": ax.get_xaxis_transform(), "clip_on": False}
        ax.plot(x[gap == 0][0], 0, "*", markersize=11, color=look["color"], label="_", **foot)
