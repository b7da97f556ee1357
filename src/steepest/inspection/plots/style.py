"""How a figure is made: colours, lines and markers that read on light and dark pages, and for every eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# matplotlib is imported where a figure is first drawn: what is read off a run as words or numbers needs none.

GREY = "#7d7d7d"  # text, ticks and spines: contrast 4.1 on white and 4.0 on #1e1e1e
# Okabe and Ito (2008), their blue a little lighter: contrast at least 3 on white and on #1e1e1e.
BLUE, ORANGE, GREEN, PURPLE = COLOURS = ("#1580c4", "#d55e00", "#009e73", "#cc79a7")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D")
SHAPES = (*MARKERS, "v", "P", "X", "<", ">", "p", "h", "d")

FEW = 60  # up to so many points each gets a marker
MOST = 2_000  # more points than this cannot be told apart in a figure
LETTERS, HANDLE = 15.3, 8  # how many letters of a legend an inch holds, and how many a line beside a label takes
ROOMIER = 1.12  # a layout makes axes about so much wider than they are at first
WIDE = (11, 4.8)  # inches: two pictures side by side


def series(k: int, points: int = MOST) -> dict[str, Any]:
    """Return how series number k is drawn: its own colour and line, and markers where the points are few.

    Parameters
    ----------
    k : int
        The number of the series, from 0; the cycle starts anew after four.
    points : int, optional
        How many points are drawn.

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
    marker = MARKERS[k] if points <= FEW else ""
    return {"color": COLOURS[k], "linestyle": LINES[k], "marker": marker, "markersize": 4, "linewidth": 1.6}


def distinct(k: int) -> dict[str, Any]:
    """Return how line number k of many is drawn: after four, the same colours come with other lines.

    Parameters
    ----------
    k : int
        The number of the line, from 0; the first 48 all differ, and 16 differ in colour and line alone.

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


def another(k: int) -> dict[str, Any]:
    """Return how line number k beside series 0 and 1 is drawn: in neither's colour, and never solid.

    Parameters
    ----------
    k : int
        The number of the line, from 0; the first nine differ in colour and line.

    Returns
    -------
    dict
        Keyword arguments of `matplotlib.axes.Axes.plot`.

    Examples
    --------
    >>> [another(k)["linestyle"] for k in (0, 3, 6)], another(3)["color"] == another(0)["color"]
    (['--', '-.', ':'], True)
    """
    colour, line = (GREEN, PURPLE, GREY)[k % 3], LINES[1 + (k + k // 3) % 3]
    return {"color": colour, "linestyle": line, "marker": SHAPES[(k + 1) % 12], "markersize": 5, "linewidth": 1.4}


def thinned(values: np.ndarray, most: int = MOST) -> np.ndarray:
    """Return which rows to draw: all of a few, else the lowest and the highest of every block, and both ends.

    Parameters
    ----------
    values : array of shape (rows,)
        Finite numbers.
    most : int, optional
        About how many rows to keep.

    Returns
    -------
    array of int
        Rows in order.

    Examples
    --------
    >>> thinned(np.array([0, 0, 9, 0, 0, 0, -5, 0, 0, 1]), most=4)
    array([0, 2, 6, 9])
    """
    rows = len(values)
    if rows <= most:
        return np.arange(rows)
    block = -(-2 * rows // most)
    kept = [0, rows - 1]
    for low in range(0, rows, block):
        part = values[low : low + block]
        kept += [low + int(np.argmin(part)), low + int(np.argmax(part))]
    return np.unique(kept)


def dress(ax: Axes) -> Axes:
    """Give new axes no background, and a grey for text, ticks and spines that reads on every page."""
    ax.set_facecolor("none")
    if is_solid(ax):
        _dress_solid(ax)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(which="both", colors=GREY)
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
        text.set_color(GREY)
    return ax


def is_solid(ax: Any) -> bool:
    """Return whether axes are three-dimensional."""
    return getattr(ax, "name", "") == "3d"


def _dress_solid(ax: Any) -> None:
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.pane.set(facecolor="none", edgecolor=GREY, alpha=None)
        axis.line.set_color(GREY)
    ax.grid(False)  # its colour is that of rcParams and no other, and glares on dark pages
    ax.zaxis.label.set_color(GREY)


def blank(width: float = 6.4, height: float = 4.8) -> Figure:
    """Return an empty, transparent figure that pyplot knows nothing of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="none", layout="constrained")


def pyplot_figure(width: float = 6.4, height: float = 4.8) -> Figure:
    """Return an empty, transparent figure that pyplot knows, and so a notebook shows."""
    from matplotlib import pyplot as plt

    return plt.figure(figsize=(width, height), facecolor="none", layout="constrained")


def beside(figure: Figure, projection: str | None = None) -> tuple[Axes, Axes]:
    """Fill a figure with two dressed axes side by side, the left one of a projection of its own."""
    left, right = figure.add_subplot(1, 2, 1, projection=projection), figure.add_subplot(1, 2, 2)
    return dress(left), dress(right)


def one_or_two(ax: Axes | Sequence[Axes], what: str) -> tuple[Axes, Axes | None]:
    """Return the axes of a picture and those of what stands beside it, None where one alone was given."""
    given = np.ravel(np.asarray(ax, dtype=object))
    if len(given) > 2 or not len(given):
        raise ValueError(f"got {len(given)} axes, and {what} is drawn on 2 side by side: give ax=(left, right) or one")
    return given[0], given[1] if len(given) == 2 else None


def one_axes(ax: Axes | None) -> Axes:
    """Return the axes given, as they are, or those of a new pyplot figure, which a notebook shows."""
    return dress(pyplot_figure().add_subplot()) if ax is None else ax


def stacked(figure: Figure) -> tuple[Axes, Axes]:
    """Fill a figure with two dressed axes, one above the other."""
    top, bottom = (dress(each) for each in figure.subplots(2, 1, sharex=True))
    return top, bottom


def stacked_axes(ax: Axes | Sequence[Axes] | None, what: str = "a descent") -> tuple[Axes, Axes]:
    """Return two axes, one above the other: both as given, or the room of one shared, or a new figure's."""
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
            room = (box.x0, box.y0, box.width, 0.45 * box.height)
            top, bottom = ax, ax.figure.add_axes(room, sharex=ax)
        _dress_alike(top, bottom)
    top.tick_params(labelbottom=False)
    return top, bottom


def _dress_alike(model: Axes, ax: Axes) -> None:
    ax.set_facecolor(model.get_facecolor())
    for side, spine in model.spines.items():
        ax.spines[side].set_visible(spine.get_visible())
        ax.spines[side].set_color(spine.get_edgecolor())
    colours = {name: value for name, value in model.yaxis.get_tick_params().items() if name.endswith("color")}
    ax.tick_params(which="both", **colours)
    for text in (ax.xaxis.label, ax.yaxis.label):
        text.set_color(model.yaxis.label.get_color())


def columns(labels: Sequence[str], inches: float, most: int = 4) -> int:
    """Return in how many columns a legend with these labels fits over axes so wide."""
    for count in range(min(most, len(labels)), 1, -1):
        parts = np.array_split(np.array([len(label) for label in labels]), count)  # as a legend parts them
        if sum(part.max() + HANDLE for part in parts) <= LETTERS * inches:
            return count
    return 1


def words(ax: Axes, *, title: str = "", note: str = "", x: str = "", y: str = "", legend: int = 0) -> None:
    """Write title, note, labels and, above the axes, a legend of at most so many columns; a $ in a name stays a $."""
    handles, labels = ax.get_legend_handles_labels() if legend else ([], [])
    wide = ROOMIER * ax.get_window_extent().width / ax.figure.dpi
    legend = columns(labels, wide, legend)
    rows = -(-len(handles) // legend)
    title = " ".join(title.split())
    room = 60 - len(note)
    title = title if len(title) <= room else title[: room - 1] + "…"
    title = f"{title} ({note})" if note else title
    ax.set_title(title, fontsize=11, pad=12 + 14 * rows if rows else 8, parse_math=False)
    ax.set_xlabel(x, parse_math=False)
    ax.set_ylabel(y, parse_math=False)
    if rows:
        place: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "borderaxespad": 0.3}
        ink = ax.xaxis.label.get_color()
        look: dict[str, Any] = {"frameon": False, "fontsize": 9, "columnspacing": 1.5, "labelcolor": ink}
        shown = ax.legend(handles, ["·" for _ in labels], ncols=legend, **place, **look)
        # Set afterwards, so that a $ begins no formula.
        for text, label in zip(shown.get_texts(), labels, strict=True):
            text.set(parse_math=False, text=label)
