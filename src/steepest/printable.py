"""Texts of users, such as names of columns, as a terminal may show them."""

from __future__ import annotations

import unicodedata

# The most letters of a name in a table or a list. Chosen, not measured: longer names push the numbers off the screen.
MOST_LETTERS = 40


def printable(text: object, most: int | None = None) -> str:
    r"""Return a text on one line, with escapes in place of characters that act on a terminal or can't be seen.

    These are control characters, such as line breaks and the beginning of an escape code, and those that have no width
    or change the direction of writing. With them, the name of a column could pass for another line of the output.

    Parameters
    ----------
    text : object
        The text, or an object whose `str` is shown.
    most : int, optional
        The most letters; a longer text is cut.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> printable("height\x1b[2J\nconverged"), printable("a long name", 6)
    ('height\\x1b[2J\\nconverged', 'a lon…')
    """
    text = str(text)
    # Most texts need no escape; a prefix is enough of one that will be cut.
    shown = text if text.isprintable() else "".join(map(_shown, text if most is None else text[: most + 1]))
    return shown if most is None or len(shown) <= most else shown[: most - 1] + "…"


def _shown(letter: str) -> str:
    # Spaces of other widths, as in French numbers, can be seen.
    return letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else repr(letter)[1:-1]
