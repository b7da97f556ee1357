"""Texts and values of users, such as names of columns, as a terminal and a message may show them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

# The most letters of a name in a table or a list. Chosen, not measured: longer names push the numbers off the screen.
MOST_LETTERS = 40
# The most characters of a value in a message. Chosen, not measured: so that a message stays one readable line.
MOST_QUOTED = 80
# The most columns or rows that a warning names; the rest are counted.
MOST_NAMED = 5


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


def quoted(value: object) -> str:
    """Return a value as a message quotes it: on one line, with the middle of a long text left out.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    str
        Its representation, of at most 80 characters.

    Examples
    --------
    >>> quoted("abc"), len(quoted("x" * 1000))
    ("'abc'", 80)
    """
    try:
        return cut(repr(value))
    except ValueError:
        # Python refuses to write whole numbers of more than 4,300 digits.
        return f"a {type(value).__name__} too long to show"


def cut(text: str, most: int = MOST_QUOTED) -> str:
    """Return a text on one line, with the middle left out if it is long.

    Parameters
    ----------
    text : str
        The text.
    most : int
        The most characters to return.

    Returns
    -------
    str
        The text, or its two ends.

    Examples
    --------
    >>> cut("abcdefghi", 5)
    'ab…hi'
    """
    text = " ".join(text.split("\n"))
    end = (most - 1) // 2
    return text if len(text) <= most else f"{text[: most - 1 - end]}…{text[-end:]}"


def listed(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names as a list in words, the last ones counted if there are many.

    Parameters
    ----------
    names : sequence of str
        The names.
    most : int
        The most names to list.

    Returns
    -------
    str
        The list.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b", "c", "d"], 2)
    ('a', 'a, b and c', 'a, b and 2 more')
    """
    shown = [printable(name, MOST_LETTERS) for name in names]
    if len(shown) > most:
        shown = [*shown[:most], f"{len(names) - most:,} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _shown(letter: str) -> str:
    # Spaces of other widths, as in French numbers, can be seen.
    return letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else repr(letter)[1:-1]
