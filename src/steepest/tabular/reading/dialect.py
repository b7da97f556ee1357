"""How a CSV file is written: its encoding and its separator, told from its first lines."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Callable
from functools import partial

from steepest.tabular.reading.text_streams import split_at_spaces

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
# How many lines are compared to find the separator. Chosen, not measured.
LINES = 20
# The encoding of texts that are not in UTF-8, as old programs of Windows write them. It holds Latin-1.
FALLBACK = "cp1252"
NAMES = {FALLBACK: "Windows-1252", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32"}


def encoding_of(start: bytes) -> str:
    r"""Return the encoding of a file by its first bytes.

    Parameters
    ----------
    start : bytes
        The first bytes.

    Returns
    -------
    str
        The encoding: UTF-8 unless a mark, or a zero in every other byte, tells that of wide letters.

    Examples
    --------
    >>> encoding_of("a,b".encode("utf-16")), encoding_of(b"a\x00,\x00b\x00"), encoding_of(b"a,b")
    ('utf-16', 'utf-16-le', 'utf-8')
    """
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = [start[parity::2].count(0) for parity in (0, 1)]
    # Texts in Latin letters have a zero in nearly every other byte, and in no other.
    if max(zeros) > len(start) // 4 and min(zeros) == 0:
        return "utf-16-le" if zeros[1] else "utf-16-be"
    return "utf-8"


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
