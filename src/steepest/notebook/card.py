"""`card`: a result as a piece of HTML, which a notebook shows in place of its text."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from steepest.printable import printable

if TYPE_CHECKING:
    from jinja2 import Template

# The most characters of each text, and lines of the summary. Chosen, not measured: a notebook stays small.
MOST_CHARACTERS = 12_000
MOST_LINES = 200
MOST_OF_A_LINE = 400


@dataclass(frozen=True)
class Picture:
    """A picture for a card.

    Parameters
    ----------
    png : bytes
        A PNG image.
    width : int
        The width at which it is shown, in pixels of CSS; the image may have more.
    alt : str
        What it is, for those who don't see it.
    """

    png: bytes
    width: int
    alt: str


def card(headline: str, text: str = "", picture: Picture | None = None, caption: str = "") -> str | None:
    """Return a result as HTML that suits light and dark notebooks; None without Jinja2.

    Parameters
    ----------
    headline : str
        How it ended, on one line; "" for none.
    text : str, optional
        More lines, which are shown as they are, in letters of one width.
    picture : Picture, optional
        A picture beside them.
    caption : str, optional
        A sentence below the picture; or why there is none.

    Returns
    -------
    str or None
        The HTML, in which all texts are escaped. A notebook that gets None shows the plain text.

    Examples
    --------
    >>> "&lt;script&gt;" in card("converged", "coef[<script>]  1")
    True
    """
    template = _template()
    if template is None:
        return None
    return template.render(
        headline=printable(headline, MOST_OF_A_LINE),
        text="\n".join(_cut(text.split("\n"))),
        picture=picture and f"data:image/png;base64,{base64.b64encode(picture.png).decode('ascii')}",
        width=picture.width if picture else 0,
        alt=printable(picture.alt, MOST_OF_A_LINE) if picture else "",
        caption=printable(caption, MOST_OF_A_LINE),
    )


def _cut(lines: list[str]) -> list[str]:
    """Return the first lines of a text, as many as a card has room for."""
    shown: list[str] = []
    room = MOST_CHARACTERS
    for line in lines:
        line = printable(line, MOST_OF_A_LINE)
        room -= len(line)
        if room < 0 or len(shown) == MOST_LINES:
            return [*shown, f"… and {len(lines) - len(shown):,} more lines: print it to see them"]
        shown.append(line)
    return shown


@cache
def _template() -> Template | None:
    try:
        from jinja2 import Environment, StrictUndefined
    except ModuleNotFoundError:
        return None
    source = resources.files(__package__).joinpath("card.html").read_text("utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
