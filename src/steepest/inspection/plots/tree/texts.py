"""The texts in the boxes of a drawn tree, and the room that they take."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from steepest.inspection.protocol import NodeLike
from steepest.printable import printable

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

# Sizes in points, chosen by eye: of letters, of small letters, and of the space between texts and the edge of a box.
SIZE, SMALL, PADDING = 9.0, 8.0, 5.0
LINE = 1.3  # the height of a line, in sizes of its letters
# A question has at most so many lines for its subject and as many for the rest, each of so many letters.
MOST_LINES, LETTERS = 2, 22


class Piece(NamedTuple):
    """A text in a box.

    Attributes
    ----------
    text : str
        The text, on one line.
    row : int
        The line of the box that it is on, from 0 at the top.
    across : float
        Where it is on this line: 0 at the left, 0.5 in the middle, 1 at the right.
    size : float
        Its size in points.
    is_bold : bool
        Whether it is bold.
    """

    text: str
    row: int
    across: float = 0.5
    size: float = SIZE
    is_bold: bool = False


def question(node: NodeLike) -> list[Piece]:
    """Return the condition of a split in a few short lines.

    Parameters
    ----------
    node : NodeLike
        The split.

    Returns
    -------
    list of Piece
        The lines.

    Examples
    --------
    >>> from types import SimpleNamespace as Record
    >>> [piece.text for piece in question(Record(question=('"mean radius"', "is at most 14.5")))]
    ['mean radius', 'is at most 14.5']
    """
    assert node.question is not None
    subject, predicate = node.question
    # A name that is alone on its line needs no quotes.
    if re.fullmatch(r'"(?:[^"\\]|\\.)*"', subject):
        subject = printable(json.loads(subject))
    lines = [*_wrapped(subject), *_wrapped(predicate)]
    return [Piece(text, row) for row, text in enumerate(lines)]


def answer(said: Sequence[str], node: NodeLike, rows: int, is_beside: bool) -> list[Piece]:
    """Return the prediction of a leaf, and how many of the rows it has, below or beside it.

    Parameters
    ----------
    said : sequence of str
        The prediction, in one or two parts.
    node : NodeLike
        The leaf.
    rows : int
        How many rows there are in all.
    is_beside : bool
        Whether the rows are written on the same line.

    Returns
    -------
    list of Piece
        The texts.
    """
    count = f"{node.rows:,} row{'s' * (node.rows != 1)}, {node.rows / max(rows, 1):.0%}"
    if is_beside:
        return [Piece(", ".join(said), 0, 0.0, is_bold=True), Piece(count, 0, 1.0, SMALL)]
    below = [Piece(text, row, size=SMALL) for row, text in enumerate([*said[1:], count], 1)]
    return [Piece(said[0], 0, is_bold=True), *below]


def measured(pieces: Sequence[Piece]) -> tuple[float, float]:
    """Return the width and height of a box for some texts.

    Parameters
    ----------
    pieces : sequence of Piece
        The texts.

    Returns
    -------
    width, height : float
        The size of the box, in points.
    """
    from matplotlib.textpath import text_to_path

    widths: dict[int, float] = {}
    for piece in pieces:
        width, _, _ = text_to_path.get_text_width_height_descent(piece.text, _font(piece), ismath=False)
        widths[piece.row] = widths[piece.row] + 2 * PADDING + width if piece.row in widths else width
    return max(widths.values()) + 2 * PADDING, sum(heights(pieces)) + PADDING


def heights(pieces: Sequence[Piece]) -> list[float]:
    """Return the height of each line of a box.

    Parameters
    ----------
    pieces : sequence of Piece
        The texts.

    Returns
    -------
    list of float
        The heights, in points.

    Examples
    --------
    >>> [round(height, 1) for height in heights([Piece("yes", 0, size=10.0), Piece("no", 1, size=20.0)])]
    [13.0, 26.0]
    """
    return [LINE * max(piece.size for piece in pieces if piece.row == row) for row in range(pieces[-1].row + 1)]


def _font(piece: Piece) -> FontProperties:
    from matplotlib.font_manager import FontProperties

    return FontProperties(size=piece.size, weight="bold" if piece.is_bold else "normal")


def _wrapped(text: str) -> list[str]:
    # A word that fills more than a line would be broken, and is shortened instead.
    text = " ".join(printable(word, LETTERS) for word in text.split())
    return textwrap.wrap(text, LETTERS, max_lines=MOST_LINES, placeholder="…", break_on_hyphens=False)
