"""The look of all figures: colours, lines and markers that suit light and dark pages and colour-blind readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patheffects import AbstractPathEffect

# Keyword arguments of matplotlib's plotting methods.
Look = dict[str, Any]

GREY = "#7d7d7d"  # for text, ticks and spines, with a contrast of 4.1 on white and 4.0 on #1e1e1e
# The palette of Okabe and Ito (2008), with a lighter blue, so that each contrast is at least 3 on white and on #1e1e1e.
BLUE, ORANGE, GREEN, PURPLE = COLOURS = ("#1580c4", "#d55e00", "#009e73", "#cc79a7")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D")
SHAPES = (*MARKERS, "v", "P", "X", "<", ">", "p", "h", "d")

# From the best value to the worst: one hue whose lightness rises evenly, so that heights are read in the same order
# on screen, in print and by colour-blind readers. Computed in OKLab (Ottosson, 2020): lightness 0.33 to 0.95.
RAMP = ("#173560", "#185388", "#2974a5", "#4c96bb", "#7ab6cd", "#acd5e0", "#e0f3f5")
INK, PAPER = "#102a43", "#ffffff"  # for texts and lines on the ramp

MAX_MARKERS = 60  # a line of more points has no markers, which would hide each other; chosen, not measured
MAX_POINTS = 2_000  # a figure about 1,000 pixels wide cannot show more points as separate


def series(k: int, points: int = MAX_POINTS) -> Look:
    """Return the look of series number k, with markers if it has few points.

    Parameters
    ----------
    k : int
        The number of the series, from 0. The looks repeat after four.
    points : int, optional
        The number of points.

    Returns
    -------
    dict
        Keyword arguments of `matplotlib.axes.Axes.plot`.

    Examples
    --------
    >>> series(1)["linestyle"], series(1)["marker"], series(1, points=5)["marker"]
    ('--', '', 's')
    """
    k %= len(COLOURS)
    marker = MARKERS[k] if points <= MAX_MARKERS else ""
    return {"color": COLOURS[k], "linestyle": LINES[k], "marker": marker, "markersize": 4, "linewidth": 1.6}


def distinct(k: int) -> Look:
    """Return the look of line number k of many: after four lines the colours repeat, with other line styles.

    Parameters
    ----------
    k : int
        The number of the line, from 0. The first 48 all differ; the first 16 differ even without their markers.

    Returns
    -------
    dict
        Keyword arguments of `matplotlib.axes.Axes.plot`.

    Examples
    --------
    >>> [distinct(k)["linestyle"] for k in (0, 4, 8)], distinct(4)["color"] == distinct(0)["color"]
    (['-', '--', '-.'], True)
    """
    colour, line = COLOURS[k % 4], LINES[(k + k // 4) % 4]
    return {"color": colour, "linestyle": line, "marker": SHAPES[k % 12], "markersize": 5, "linewidth": 1.6}


def additional(k: int) -> Look:
    """Return the look of line number k in addition to series 0 and 1: not in their colours, and never solid.

    Parameters
    ----------
    k : int
        The number of the line, from 0. The first nine differ even without their markers.

    Returns
    -------
    dict
        Keyword arguments of `matplotlib.axes.Axes.plot`.

    Examples
    --------
    >>> [additional(k)["linestyle"] for k in (0, 3, 6)], additional(3)["color"] == additional(0)["color"]
    (['--', '-.', ':'], True)
    """
    colour, line = (GREEN, PURPLE, GREY)[k % 3], LINES[1 + (k + k // 3) % 3]
    return {"color": colour, "linestyle": line, "marker": SHAPES[(k + 1) % 12], "markersize": 5, "linewidth": 1.4}


def rows_to_draw(values: np.ndarray, most: int = MAX_POINTS) -> np.ndarray:
    """Return the rows to draw: all rows if they are few, else the first, the last and the extremes of each block.

    Parameters
    ----------
    values : array of shape (rows,)
        Finite numbers.
    most : int, optional
        The largest number of rows, approximately.

    Returns
    -------
    array of int
        The rows, in order.

    Examples
    --------
    >>> rows_to_draw(np.array([0, 0, 9, 0, 0, 0, -5, 0, 0, 1]), most=4)
    array([0, 2, 6, 9])
    """
    rows = len(values)
    if rows <= most:
        return np.arange(rows)
    block = -(-2 * rows // most)
    drawn = [0, rows - 1]
    for low in range(0, rows, block):
        part = values[low : low + block]
        drawn += [low + int(np.argmin(part)), low + int(np.argmax(part))]
    return np.unique(drawn)


def ramp() -> LinearSegmentedColormap:
    """Return the colours of heights, from dark at the best value to pale at the worst."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("steepest", RAMP)


def casing(width: float = 3.0) -> list[AbstractPathEffect]:
    """Return the effect that draws a pale edge around a line or a text, so that it stands out from filled bands.

    Parameters
    ----------
    width : float, optional
        The width of the edge in points, line included.

    Returns
    -------
    list of matplotlib.patheffects.AbstractPathEffect
        The effect.
    """
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground=PAPER, alpha=0.85)]
