"""The separator between the columns of a CSV, told from its first lines."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from functools import partial

from steepest.tabular.reading.layout.streams import split_at_spaces

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
# How many lines are compared to find the separator. Chosen, not measured.
LINES = 20


def separator_of(lines: list[str], expected: str, row_names: bool) -> str:
    """Return the separator of a CSV: the one that gives all of its first lines the same number of fields, above one.

    Parameters
    ----------
    lines : list of str
        The first lines that are not blank.
    expected : str
        The separator that the name of the file suggests, which is taken if several serve.
    row_names : bool
        Whether lines with a field more than the header are allowed where spaces are the separator, as R writes tables.

    Returns
    -------
    str
        The separator, one of `SEPARATORS`.

    Examples
    --------
    >>> separator_of(["size;weight", "1,5;3", "2;4,5"], ",", row_names=False)
    ';'
    """
    marks = [mark for mark in (expected, *SEPARATORS) if mark != " "]
    widths = {mark: _widths(lines, partial(csv.reader, delimiter=mark)) for mark in marks}
    equal = {mark: each[0] for mark, each in widths.items() if len(set(each)) == 1 and each[0] > 1}
    if equal:
        return expected if expected in equal else max(equal, key=equal.__getitem__)
    split = _widths(lines, split_at_spaces)
    if len(set(split[1:])) <= 1 and split[-1] > 1 and split[0] in (split[-1], split[-1] - row_names):
        return " "
    # No separator serves all lines; take that of the header, so that the line that differs is named.
    header = {mark: each[0] for mark, each in widths.items()}
    if header[expected] > 1:
        common = Counter(widths[expected]).most_common(1)[0][0]
        return expected if common > 1 else max(marks, key=header.__getitem__)
    return max(marks, key=header.__getitem__)


def _widths(lines: list[str], split: Callable[[list[str]], object]) -> list[int]:
    try:
        return [len(row) for row in split(lines) if row] or [0]  # type: ignore[attr-defined]
    except csv.Error:
        return [0]
