"""What stands above the header of a table: `sep=;`, as Excel writes it, titles, remarks and blank lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

from steepest.printable import quoted
from steepest.tabular.reading.arrow import counted
from steepest.tabular.reading.layout.separators import LINES, SEPARATORS, separator_of
from steepest.tabular.reading.layout.streams import split_at_spaces

# The most lines above a header, and the most letters of one. Chosen, not measured.
MOST_ABOVE, LONGEST = 30, 1000
# The lines from a header on that must have as many fields. Chosen, not measured.
FEWEST = 3
# The most of them that a note quotes.
MOST_QUOTED = 5
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)
# Values below names: numbers, amounts and dates; and those that are no names themselves, unlike a year or 10-19.
_NUMBER = re.compile(r"[^\w]{0,3}\d.*")
_NO_NAME = re.compile(r"(?!(?:19|20)\d\d$)[-+]?\d[\d.,/:]*|\d+-\d+-\d+")


class Layout(NamedTuple):
    """How a CSV begins: how many lines stand above its header, its separator, and a sentence on these lines or ""."""

    above: int
    separator: str
    note: str


def layout_of(lines: Sequence[str], expected: str, row_names: bool) -> Layout:
    """Tell where the header of a CSV is, and what separates its columns.

    A first line `sep=;` names the separator. Lines of one value, remarks behind # and blank lines are above the header
    if the next line could be a header: all following lines have as many fields, and numbers stand below its names.

    Parameters
    ----------
    lines : sequence of str
        The first lines, with blank ones.
    expected : str
        The separator that the name of the file suggests, which is taken if several serve.
    row_names : bool
        As for `separator_of`.

    Returns
    -------
    Layout
        Where the table begins.

    Examples
    --------
    >>> layout_of(["Sales 2020, all shops", "", "shop;sold;price", "A;3;1,50", "B;4;2,50"], ",", row_names=False)
    Layout(above=2, separator=';', note="1 line above the header is left out: 'Sales 2020, all shops'")
    """
    shown = [k for k, line in enumerate(lines) if line.strip()]
    given = _SEPARATOR_LINE.fullmatch(lines[shown[0]]) if len(shown) > 1 else None
    if given:
        first, marks = shown.pop(0) + 1, [given[1]]
    else:
        first, marks = 0, [mark for mark in (expected, *SEPARATORS) if mark != " "]
    texts = [lines[k] for k in shown]
    separator = given[1] if given else separator_of(texts[:LINES], expected, row_names)
    best = 0
    for mark in marks:
        # If a line further down differs, it is named later.
        count = _lines_above(texts, mark, LINES) or _lines_above(texts, mark, FEWEST)
        if count and (not best or count < best):
            best, separator = count, mark
    if not best and not given and (best := _remarks_above_spaces(texts)):
        separator = " "
    if not best:
        return Layout(first, separator, "")
    values = (next(csv.reader([text], delimiter=separator), []) for text in texts[:best])
    left = [" ".join(filter(None, map(str.strip, row))) for row in values]
    return Layout(shown[best], separator, left_out([text for text in left if text], "line"))


def _lines_above(texts: Sequence[str], mark: str, most: int) -> int:
    """Return how many lines that are not blank stand above a header, if this is the separator; 0 if none is told.

    As many lines as `most` from the header on must have as many fields.
    """
    for start in range(min(MOST_ABOVE, len(texts) - 1)):
        try:
            rows = [row for row in csv.reader(texts[start : start + most], delimiter=mark) if row]
            above = next(csv.reader([texts[start]], delimiter=mark), [])
        except csv.Error:
            return 0
        width = len(rows[-1])
        if width > 1 and all(len(row) == width for row in rows):
            inside = titles_of(rows)
            # If the first lines are titles, the row below them is a header; else it must look like one here.
            return start + inside if inside or (start and _is_header(rows[0], rows[1:])) else 0
        if not _is_title(above, width) or len(texts[start]) > LONGEST:
            return 0
    return 0


def _remarks_above_spaces(texts: Sequence[str]) -> int:
    """Return how many lines begin with # above a table between spaces; 0 if the rest is none."""
    count = next((k for k, text in enumerate(texts) if not text.lstrip("\ufeff ").startswith("#")), 0)
    rows = list(split_at_spaces(list(texts[count : count + LINES])))
    equal = len(rows) > 1 and len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows)
    return count if count and equal and _is_header(rows[0], rows[1:]) else 0


def titles_of(rows: Sequence[Sequence[str]]) -> int:
    """Return how many of the first rows of a table are titles above its header.

    Parameters
    ----------
    rows : sequence of sequences of str
        The first rows, of equal length; a value that is missing is "".

    Returns
    -------
    int
        The number of rows.

    Examples
    --------
    >>> titles_of([["Sales", "", ""], ["shop", "sold", "price"], ["A", "3", "1.5"]])
    1
    >>> titles_of([["shop", "sold", "price"], ["A", "3", "1.5"]])
    0
    """
    for k, row in enumerate(rows[:-1]):
        if k and not _is_title(row, len(row)):
            return k if _is_header(row, rows[k + 1 :]) else 0
        # A header may lack a name, but not all names but the first.
        if not k and not (_is_title(row, len(row)) and (row[0].strip() or not any(map(str.strip, row)))):
            return 0
    return 0


def _is_title(row: Sequence[str], width: int) -> bool:
    """Tell whether a row could be a title or a remark: with at most one value, or half as many as the table has."""
    values = sum(bool(value.strip()) for value in row)
    remark = bool(row) and row[0].lstrip("\ufeff ").startswith("#")
    return remark or values <= 1 or (width >= 4 and values <= width // 2)


def _is_header(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Tell whether a row holds names, with numbers below one of them."""
    names = [value.strip() for value in row]
    numbers = [bool(_NUMBER.fullmatch(name)) for name in names]
    if not below or sum(map(bool, names)) < 2 or any(map(_NO_NAME.fullmatch, names)):
        return False
    columns = ([value.strip() for value in column if value.strip()] for column in zip(*below, strict=True))
    return any(
        not is_number and values and all(map(_NUMBER.fullmatch, values))
        for is_number, values in zip(numbers, columns, strict=True)
    )


def left_out(titles: Sequence[str], noun: str) -> str:
    """Return a sentence on the lines or rows above a header.

    Parameters
    ----------
    titles : sequence of str
        Their texts.
    noun : {"line", "row"}
        What they are.

    Returns
    -------
    str
        The sentence; "" if there are none.
    """
    if not titles:
        return ""
    shown = ", ".join(map(quoted, titles[:MOST_QUOTED]))
    rest = f" and {len(titles) - MOST_QUOTED} more" * (len(titles) > MOST_QUOTED)
    verb = "is" if len(titles) == 1 else "are"
    return f"{counted(len(titles), noun)} above the header {verb} left out: {shown}{rest}"
