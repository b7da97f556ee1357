"""Tell from the texts of each column of a table how they are written: as numbers, as dates, or as texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from steepest.activity import doing
from steepest.tabular.reading.arrow import arrow, counted
from steepest.tabular.reading.columns import decimal_hint, is_text
from steepest.tabular.reading.written.dates import WrittenDate, learn_date
from steepest.tabular.reading.written.marks import Marks
from steepest.tabular.reading.written.numbers import LearntNumber, WrittenNumber, learn_number, sentinels_in
from steepest.tabular.reading.written.texts import WrittenText
from steepest.tabular.reading.written.words import Words

if TYPE_CHECKING:
    import pyarrow as pa

Written = WrittenNumber | WrittenDate | WrittenText

# The formats by the kind that a saved encoding names. Renaming one makes old folders unreadable.
WRITTEN: dict[str, type[Written]] = {"number": WrittenNumber, "date": WrittenDate, "text": WrittenText}
# Names of a row that holds totals.
TOTALS = r"(?i)^(grand |sub-?)?totals?:?$"
# A total is one row among many; a category may have that name. Chosen, not measured.
MOST_TOTALS = 0.05


class Spelling(dict[str, Written]):
    """How the columns of a table are written, by name, with what there is to say of each.

    Columns of numbers, dates and so on, which need no reading, have no entry.

    Attributes
    ----------
    notes : dict of str to str
        Sentences for the user, by column.
    """

    def __init__(self, formats: Mapping[str, Written], notes: Mapping[str, str]) -> None:
        super().__init__(formats)
        self.notes = dict(notes)


def learn_spelling(table: pa.Table, marks: Marks | None = None, names: Iterable[str] | None = None) -> Spelling:
    """Tell how each column of a table is written.

    Parameters
    ----------
    table : pyarrow.Table
        The table.
    marks : Marks, optional
        What the user says of it.
    names : iterable of str, optional
        The columns to look at; all by default.

    Returns
    -------
    Spelling
        The formats by column.

    Examples
    --------
    >>> table = arrow().table({"price": ["$1,200", "$80"], "zip": ["01234", "12345"], "day": ["1/31/2020", "2/1/2020"]})
    >>> spelling = learn_spelling(table)
    >>> {name: type(each).__name__ for name, each in spelling.items()}
    {'price': 'WrittenNumber', 'zip': 'WrittenText', 'day': 'WrittenDate'}
    >>> spelling.notes["zip"]
    "zip: '01234' begins with 0, so its texts are identifiers, not numbers"
    """
    marks = marks or Marks()
    formats: dict[str, Written] = {}
    notes: dict[str, str] = {}
    numbers: dict[str, LearntNumber] = {}
    words: dict[str, Words] = {}
    looked_at = list(table.column_names if names is None else names)
    for k, name in enumerate(looked_at):
        doing("reading numbers and dates", k, len(looked_at), "columns")
        data = table.column(name)
        types, kind = arrow().types, data.type
        if types.is_dictionary(kind):
            # Categories were made on purpose, so they are no numbers.
            formats[name] = WrittenText(name, marks.na)
        elif is_text(kind):
            words[name] = Words.of(data)
            numbers[name] = learn_number(name, words[name], marks)
        elif sentinels_in(marks.na) and (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
            formats[name] = WrittenNumber(name, na=marks.na)
            if len(marks.conventions) == 1 and not types.is_floating(kind):
                # Decimal numbers that needed no reading have a point, whatever the user says.
                decimal, thousands = marks.conventions[0]
                formats[name] = WrittenNumber(name, decimal, thousands, na=marks.na)
    usual = usual_mark(table, numbers)
    for name, each in numbers.items():
        if usual[0] and each.format and not each.clear:
            each = learn_number(name, words[name], marks, *usual)
        found: Written | None = each.format
        note = each.note
        if found is None and not note:
            found, note = learn_date(name, words[name], marks)
        formats[name] = found or WrittenText(name, marks.na)
        notes[name] = "; ".join(filter(None, [note, _totals(name, words[name])]))
    return Spelling(formats, {name: note for name, note in notes.items() if note})


def usual_mark(table: pa.Table, numbers: Mapping[str, LearntNumber] | None = None) -> tuple[str, str]:
    """Return the decimal mark for columns that do not tell theirs.

    Parameters
    ----------
    table : pyarrow.Table
        The table, as `read_table` returns it.
    numbers : mapping, optional
        What the texts of its columns tell.

    Returns
    -------
    mark, why : str
        The mark, and what tells it; "" if nothing does.
    """
    clear = {each.clear for each in (numbers or {}).values() if each.clear}
    if len(clear) == 1:
        return next(iter(clear)), "as in other columns"
    return (hint, "as is usual between semicolons") if (hint := decimal_hint(table)) else ("", "")


def _totals(name: str, words: Words) -> str:
    """Return a remark on rows that are called a total, which may hold the sum of the others; "" if there are none."""
    called = arrow().compute.match_substring_regex(words.texts, TOTALS).to_numpy(zero_copy_only=False)
    count = int(words.counts[called].sum())
    if not 0 < count <= max(1, MOST_TOTALS * len(words.codes)):
        return ""
    row = int(np.argmax(np.append(called, False)[words.codes])) + 1
    which = f"row {row:,} is" if count == 1 else f"{counted(count, 'row')} are, row {row:,} first,"
    text = words.texts[int(words.codes[row - 1])].as_py()
    return f"{name}: {which} called {text!r}: kept, so remove it if it sums up the other rows"


def kind_of(written: Written) -> str:
    """Return the kind of a format, by which a saved encoding names it."""
    return next(kind for kind, each in WRITTEN.items() if type(written) is each)
