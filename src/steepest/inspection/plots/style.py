"""The look of all figures: colours, lines and markers that suit light and dark pages and colour-blind readers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d.axes3d import Axes3D

# The functions import matplotlib when called: it loads slowly, and a run can be read as numbers without it.

# Keyword arguments of matplotlib's plotting methods.
Look = dict[str, Any]

GREY = "#7d7d7d"  # for text, ticks and spines, with a contrast of 4.1 on white and 4.0 on #1e1e1e
# The palette of Okabe and Ito (2008), with a lighter blue, so that each contrast is at least 3 on white and on #1e1e1e.
BLUE, ORANGE, GREEN, PURPLE = COLOURS = ("#1580c4", "#d55e00", "#009e73", "#cc79a7")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D")
SHAPES = (*MARKERS, "v", "P", "X", "<", ">", "p", "h", "d")

MAX_MARKERS = 60  # a line of more points has no markers, which would hide each other; chosen, not measured
MAX_POINTS = 2_000  # a figure about 1,000 pixels wide cannot show more points as separate
# The letters in an inch of a legend, and the width of the line before a label, in letters.
LETTERS, HANDLE = 15.3, 8
ROOMIER = 1.12  # the layout, which is computed later, widens axes by about this factor
WIDE = (11, 4.8)  # the width and height of two pictures side by side, in inches


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


def dress(ax: Axes) -> Axes:
    """Give new axes no background, and text, ticks and spines in a grey that suits light and dark pages."""
    ax.set_facecolor("none")
    if is_3d(ax):
        _dress_3d(ax)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(which="both", colors=GREY)
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
        text.set_color(GREY)
    return ax


def is_3d(ax: Axes | None) -> bool:
    """Return whether axes are three-dimensional."""
    return ax is not None and ax.name == "3d"


def _dress_3d(ax: Axes3D) -> None:
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.pane.set(facecolor="none", edgecolor=GREY, alpha=None)
        axis.line.set_color(GREY)
    ax.grid(False)  # the colour of a grid can be set in rcParams only, and the default is too bright on dark pages
    ax.zaxis.label.set_color(GREY)


def blank(width: float = 6.4, height: float = 4.8) -> Figure:
    """Return an empty, transparent figure that is not registered with pyplot, so that notebooks do not show it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="none", layout="constrained")


def pyplot_figure(width: float = 6.4, height: float = 4.8) -> Figure:
    """Return an empty, transparent figure that is registered with pyplot, so that notebooks show it."""
    from matplotlib import pyplot as plt

    return plt.figure(figsize=(width, height), facecolor="none", layout="constrained")


def side_by_side(figure: Figure, projection: str | None = None) -> tuple[Axes, Axes]:
    """Add two dressed axes to a figure, side by side; `projection` applies to the left axes."""
    left, right = figure.add_subplot(1, 2, 1, projection=projection), figure.add_subplot(1, 2, 2)
    return dress(left), dress(right)


def one_or_two(ax: Axes | Sequence[Axes], what: str) -> tuple[Axes, Axes | None]:
    """Return the axes for the left and the right picture of a display; the right axes are None if not given."""
    given = np.ravel(np.asarray(ax, dtype=object))
    if len(given) > 2 or not len(given):
        raise ValueError(f"got {len(given)} axes, and {what} is drawn on 2 side by side: give ax=(left, right) or one")
    return given[0], given[1] if len(given) == 2 else None


def only(ax: Axes | Sequence[Axes]) -> Axes:
    """Return the given axes, or the only ones in a sequence."""
    given = np.ravel(np.asarray(ax, dtype=object))
    if len(given) != 1:
        raise ValueError(f"got {len(given)} axes, and this picture is drawn on one: give ax=ax")
    return given[0]


def axes_or_new(ax: Axes | None) -> Axes:
    """Return the given axes unchanged, or the axes of a new figure, which notebooks show."""
    return dress(pyplot_figure().add_subplot()) if ax is None else ax


def stacked(figure: Figure) -> tuple[Axes, Axes]:
    """Add two dressed axes to a figure, one above the other."""
    top, bottom = (dress(each) for each in figure.subplots(2, 1, sharex=True))
    return top, bottom


def stacked_axes(ax: Axes | Sequence[Axes] | None, what: str = "a descent") -> tuple[Axes, Axes]:
    """Return two axes, one above the other: the two given, or the one given split in half, or those of a new figure."""
    if ax is None:
        return stacked(pyplot_figure())
    if isinstance(ax, Sequence | np.ndarray):
        if len(ax) != 2:
            raise ValueError(f"got {len(ax)} axes, and {what} is drawn on 2: give ax=(upper, lower) or one axes")
        top, bottom = ax
    else:
        spec, box = ax.get_subplotspec(), ax.get_position()
        if spec is not None:
            halves = spec.subgridspec(2, 1)
            ax.set_subplotspec(halves[0])
            top, bottom = ax, ax.figure.add_subplot(halves[1], sharex=ax)
        else:
            ax.set_position((box.x0, box.y0 + 0.55 * box.height, box.width, 0.45 * box.height))
            lower = (box.x0, box.y0, box.width, 0.45 * box.height)
            top, bottom = ax, ax.figure.add_axes(lower, sharex=ax)
        _copy_look(top, bottom)
    top.tick_params(labelbottom=False)
    return top, bottom


def _copy_look(model: Axes, ax: Axes) -> None:
    ax.set_facecolor(model.get_facecolor())
    for side, spine in model.spines.items():
        ax.spines[side].set_visible(spine.get_visible())
        ax.spines[side].set_color(spine.get_edgecolor())
    colours = {name: value for name, value in model.yaxis.get_tick_params().items() if name.endswith("color")}
    ax.tick_params(which="both", **colours)
    for text in (ax.xaxis.label, ax.yaxis.label):
        text.set_color(model.yaxis.label.get_color())


def legend_columns(labels: Sequence[str], inches: float, most: int = 4) -> int:
    """Return the number of columns in which a legend with these labels fits above axes of a width in inches."""
    for count in range(min(most, len(labels)), 1, -1):
        parts = np.array_split(np.array([len(label) for label in labels]), count)  # as matplotlib fills columns
        if sum(part.max() + HANDLE for part in parts) <= LETTERS * inches:
            return count
    return 1


def label(ax: Axes, *, title: str = "", note: str = "", x: str = "", y: str = "", legend: int = 0) -> None:
    """Write the title with a note, the labels and, above the axes, a legend of at most `legend` columns."""
    handles, labels = ax.get_legend_handles_labels() if legend else ([], [])
    width = ROOMIER * ax.get_window_extent().width / ax.figure.dpi
    legend = legend_columns(labels, width, legend)
    rows = -(-len(handles) // legend)
    title = printable(title, 60 - len(note))
    title = f"{title} ({note})" if note else title
    ax.set_title(title, fontsize=11, pad=12 + 14 * rows if rows else 8, parse_math=False)
    ax.set_xlabel(printable(x, 60), parse_math=False)
    ax.set_ylabel(printable(y, 60), parse_math=False)
    if rows:
        place: Look = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "borderaxespad": 0.3}
        colour = ax.xaxis.label.get_color()
        look: Look = {"frameon": False, "fontsize": 9, "columnspacing": 1.5, "labelcolor": colour}
        shown = ax.legend(handles, ["·" for _ in labels], ncols=legend, **place, **look)
        # The labels are set afterwards, because a legend would read a $ in them as the start of a formula.
        for text, content in zip(shown.get_texts(), labels, strict=True):
            text.set(parse_math=False, text=content)


def legend_beside(ax: Axes) -> None:
    """Add the legend to the right of axes, where it takes nothing from their height."""
    handles, labels = ax.get_legend_handles_labels()
    look: Look = {"frameon": False, "fontsize": 9, "labelcolor": ax.xaxis.label.get_color()}
    shown = ax.legend(handles, ["·" for _ in labels], loc="upper left", bbox_to_anchor=(1.0, 1.0), **look)
    # A legend would read a $ as the start of a formula.
    for text, content in zip(shown.get_texts(), labels, strict=True):
        text.set(parse_math=False, text=content)
