"""Words that several warnings share: lists of names, and the option that leaves columns out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from steepest.printable import MOST_LETTERS, printable

# The most columns or rows that a warning names; the rest are counted.
MOST_NAMED = 5


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


def option(name: str, columns: Sequence[str]) -> str:
    """Return an option with columns, as it is written in Python and in a shell.

    Parameters
    ----------
    name : {"drop", "features"}
        The option.
    columns : sequence of str
        The columns.

    Returns
    -------
    str
        Both ways to write it.

    Examples
    --------
    >>> option("drop", ["net", "total bill"])
    "drop=['net', 'total bill'] (--drop 'net,total bill')"
    """
    return f"{name}={list(columns)!r} (--{name} {shlex.quote(','.join(columns))})"
