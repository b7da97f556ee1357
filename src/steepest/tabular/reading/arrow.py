"""pyarrow, which holds tables in memory, and the errors that are raised about tables."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from steepest.arguments import closest
from steepest.printable import printable

# One class of a classification, as the table holds it.
Label = str | bool | int | float

# The most names listed in an error message, and the most letters quoted from another library's error. Chosen, not
# measured: longer messages are hard to read.
MOST_NAMES = 20
MOST_LETTERS = 200


class TableError(ValueError):
    """Raised for a file or table that its owner must correct; the message is one line: what, where, what to do."""

    def __init__(self, message: str) -> None:
        # The message quotes names and values of the table, which may contain line breaks and escape codes.
        super().__init__(printable(message))


def arrow() -> ModuleType:
    """Import pyarrow at first use, because it is an optional dependency.

    Returns
    -------
    module
        pyarrow, with its modules compute, csv, interchange, json and parquet loaded.

    Raises
    ------
    ModuleNotFoundError
        If pyarrow is not installed; the message says how to install it.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.interchange
        import pyarrow.json
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise ModuleNotFoundError('reading tables needs pyarrow: pip install "steepest[table]"') from None
    return pyarrow


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the singular or the plural.

    Parameters
    ----------
    number : int
        The count.
    noun : str
        What is counted, in the singular; its plural must be formed with an s.

    Returns
    -------
    str
        The number, with commas between thousands, and the noun.

    Examples
    --------
    >>> counted(336776, "row"), counted(1, "column")
    ('336,776 rows', '1 column')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the name probably meant, or else the names that exist.

    Parameters
    ----------
    name : str
        The name that was given.
    names : iterable of str
        The names that exist.

    Returns
    -------
    str
        A question with the closest name, or the first 20 names.

    Examples
    --------
    >>> nearest("delay", ["dep_delay", "carrier"])
    "did you mean 'dep_delay'?"
    >>> nearest("x", ["dep_delay", "carrier"])
    'there are dep_delay, carrier'
    """
    names = list(names)
    if near := closest(name, names):
        return f"did you mean {near!r}?"
    return f"there are {', '.join(names[:MOST_NAMES])}{', …' if len(names) > MOST_NAMES else ''}"


def first_line(error: object) -> str:
    """Return the first line of another library's error, shortened, to be quoted in a message of this library.

    Parameters
    ----------
    error : Exception or str
        The error, or a part of its message.

    Returns
    -------
    str
        At most 200 letters, without the full stop at the end.

    Examples
    --------
    >>> first_line(ValueError("no such column.\\n(and more)"))
    'no such column'
    """
    return str(error).strip().split("\n")[0][:MOST_LETTERS].rstrip(".")
