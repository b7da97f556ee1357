"""The texts of all pictures: titles, labels, legends and captions."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.plots.style.colours import GREY, Look
from steepest.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

# The letters in an inch of a legend or a caption, and the width of the line before a label, in letters.
LETTERS, HANDLE = 15.3, 8
NEAR = 7.0  # how near a text may come to points that stay free, in pixels: as far as a mark at a point reaches
LINE = 0.16  # the height of a line of a caption in inches
# Small figures round the widths of letters up, so the lines of a caption hold fewer.
CAPTION_LETTERS = 14.0
ROOMIER = 1.12  # the layout, which is computed later, widens axes by about this factor


def legend_columns(labels: Sequence[str], inches: float, most: int = 4) -> int:
    """Return the number of columns in which a legend with these labels fits above axes of a width in inches."""
    for count in range(min(most, len(labels)), 1, -1):
        parts = np.array_split(np.array([len(label) for label in labels]), count)  # as matplotlib fills columns
        if sum(part.max() + HANDLE for part in parts) <= LETTERS * inches:
            return count
    return 1


def label(ax: Axes, *, title: str = "", note: str = "", x: str = "", y: str = "", legend: int = 0) -> int:
    """Write the title with a note, the labels and, above the axes, a legend; return how many lines the legend has.

    Parameters
    ----------
    ax : axes
        The axes.
    title, note : str, optional
        The text above them, and what follows it in brackets.
    x, y : str, optional
        The labels of the axes.
    legend : int, optional
        The most columns of the legend; 0 for none.

    Returns
    -------
    int
        The lines of the legend.
    """
    handles, labels = ax.get_legend_handles_labels() if legend else ([], [])
    width = ROOMIER * ax.get_window_extent().width / ax.figure.dpi
    legend = legend_columns(labels, width, legend)
    rows = -(-len(handles) // legend)
    title = printable(title, 60 - len(note))
    title = f"{title} ({note})" if note else title
    ax.set_title(title, fontsize=11, pad=12 + 14 * rows if rows else 8, parse_math=False)
    # The labels of three-dimensional axes would lie on their numbers.
    pad = 12 if ax.name == "3d" else 4
    ax.set_xlabel(printable(x, 60), parse_math=False, labelpad=pad)
    ax.set_ylabel(printable(y, 60), parse_math=False, labelpad=pad)
    if rows:
        place: Look = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "borderaxespad": 0.3}
        colour = ax.xaxis.label.get_color()
        look: Look = {"frameon": False, "fontsize": 9, "columnspacing": 1.5, "labelcolor": colour}
        shown = ax.legend(handles, ["·" for _ in labels], ncols=legend, **place, **look)
        # The labels are set afterwards, because a legend would read a $ in them as the start of a formula.
        for text, content in zip(shown.get_texts(), labels, strict=True):
            text.set(parse_math=False, text=content)
    return rows


def legend_beside(ax: Axes) -> None:
    """Add the legend to the right of axes, where it takes nothing from their height."""
    handles, labels = ax.get_legend_handles_labels()
    look: Look = {"frameon": False, "fontsize": 9, "labelcolor": ax.xaxis.label.get_color()}
    shown = ax.legend(handles, ["·" for _ in labels], loc="upper left", bbox_to_anchor=(1.0, 1.0), **look)
    # A legend would read a $ as the start of a formula.
    for text, content in zip(shown.get_texts(), labels, strict=True):
        text.set(parse_math=False, text=content)


def write_caption(figure: Figure, caption: str) -> None:
    """Write a sentence below the axes of a figure, in lines that fit its width."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    lines = textwrap.wrap(printable(caption, 10_000), int(CAPTION_LETTERS * figure.get_figwidth()))
    if not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        _make_room(figure, (len(lines) + 1) * LINE)
    if any(ax.name == "3d" for ax in figure.axes):
        lines.insert(0, "")  # the layout leaves no room for the labels of three-dimensional axes
    shown = figure.supxlabel("·", x=0.01, ha="left", fontsize=9, color=GREY)
    shown.set(parse_math=False, text="\n".join(lines))


def _make_room(figure: Figure, inches: float) -> None:
    """Make a figure that nothing lays out higher, with its axes where they were below its top."""
    height = figure.get_figheight()
    figure.set_figheight(height + inches)
    for ax in figure.axes:
        box = ax.get_position(original=True)
        places = np.array([box.y0, box.height]) * height
        ax.set_position((box.x0, (places[0] + inches) / (height + inches), box.width, places[1] / (height + inches)))


def number(value: float, digits: int = 4) -> str:
    """Return a number as captions and labels show it: in four digits, with the minus sign of printed texts.

    Parameters
    ----------
    value : float
        The number.
    digits : int, optional
        The most significant digits.

    Returns
    -------
    str
        Its text.

    Examples
    --------
    >>> number(-1234567.8), number(0.25), number(3e-21)
    ('−1.235e6', '0.25', '3e−21')
    """
    value += 0.0  # so that -0.0 has no sign
    text = f"{value:,.0f}" if digits == 4 and 1000 <= abs(value) < 1e6 else f"{value:.{digits}g}"
    return text.replace("e+0", "e").replace("e+", "e").replace("e-0", "e-").replace("-", "−")


def apart(*values: float) -> list[str]:
    """Return numbers as texts in four digits, or in as many more as tell different numbers apart.

    Parameters
    ----------
    *values : float
        The numbers.

    Returns
    -------
    list of str
        Their texts.

    Examples
    --------
    >>> apart(24.2, 0.0), apart(1e12, 1e12 + 24.2)
    (['24.2', '0'], ['1e12', '1.00000000002e12'])
    """
    texts = [number(value) for value in values]
    for digits in range(5, 18):
        if len(set(texts)) == len({float(value) for value in values}):
            break
        texts = [number(value, digits) for value in values]
    return texts


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural if it is not 1.

    Parameters
    ----------
    count : int
        The count.
    noun : str
        The noun, whose plural ends in s.

    Returns
    -------
    str
        Both.

    Examples
    --------
    >>> counted(1, "step"), counted(40_000, "step")
    ('1 step', '40,000 steps')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def drop_overlapping(ax: Axes, texts: Sequence[Text], points: np.ndarray | None = None) -> None:
    """Remove each text that would lie on an earlier one or on a point, or that would leave the axes.

    Parameters
    ----------
    ax : axes
        The axes, with their limits.
    texts : sequence of matplotlib.text.Text
        The texts, the most important first.
    points : array of shape (points, 2), optional
        Points to leave free, in the units of the axes.
    """
    kept: list[Bbox] = []
    frame = ax.get_window_extent()
    free = np.empty((0, 2)) if points is None else ax.transData.transform(points)
    for text in texts:
        box = text.get_window_extent()
        inside = frame.contains(*box.min) and frame.contains(*box.max)
        low, high = np.array(box.min) - NEAR, np.array(box.max) + NEAR
        covered = ((free >= low) & (free <= high)).all(axis=1).any()
        if not inside or covered or any(box.padded(NEAR).overlaps(other) for other in kept):
            text.remove()
        else:
            kept.append(box)
