"""The option that leaves columns out, in words that several warnings share."""

from __future__ import annotations

import shlex
from collections.abc import Sequence


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
