"""Tell from the texts of each column of a table how they are written: as numbers, as dates, or as texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from steepest.activity import doing
from steepest.printable import quoted
from steepest.tabular.reading.arrow import TableError, arrow, counted, nearest
from steepest.tabular.reading.columns import decimal_hint, family_of, is_text, texts_of, whole_as_texts
from steepest.tabular.reading.written.dates import WrittenDate, learn_date, learn_whole_date
from steepest.tabular.reading.written.ids import names_ids
from steepest.tabular.reading.written.marks import Marks
from steepest.tabular.reading.written.missing import is_missing
from steepest.tabular.reading.written.numbers import LearntNumber, WrittenNumber, learn_number, sentinels_in
from steepest.tabular.reading.written.texts import WrittenText
from steepest.tabular.reading.written.times import WrittenTime, learn_time
from steepest.tabular.reading.written.words import Words

if TYPE_CHECKING:
    import pyarrow as pa

Written = WrittenNumber | WrittenDate | WrittenTime | WrittenText

# The formats by the kind that a saved encoding names. Renaming one makes old folders unreadable.
WRITTEN: dict[str, type[Written]] = {
    "number": WrittenNumber,
    "date": WrittenDate,
    "time": WrittenTime,
    "text": WrittenText,
}
# Names of a row that holds totals.
_TOTALS = "(grand |sub-?)?totals?|total g[eé]n[eé]ral|totale|(gesamt)?summe|(ins)?gesamt|suma|итого|合計|总计|總計"
TOTALS = rf"(?i)^({_TOTALS})\s?:?$"
# Names of columns whose whole numbers may be dates, even if they are identifiers, as the date_key of data warehouses.
DATED = re.compile(r"(?i)date|datum|data|fecha|jour|dt|day")
# A total is one row among many; a category may have that name. Chosen, not measured.
MOST_TOTALS = 0.05


class Spelling(dict[str, Written]):
    """How the columns of a table are written, by name, with what there is to say of each.

    Columns of numbers, dates and so on, which need no reading, have no entry.

    Attributes
    ----------
    notes : dict of str to str
        Sentences for the user, by column.
    refused : dict of str to TableError
        What contradicts the user's own words, by column: an error if the column is used.
    """

    def __init__(
        self, formats: Mapping[str, Written], notes: Mapping[str, str], refused: Mapping[str, TableError] | None = None
    ) -> None:
        super().__init__(formats)
        self.notes = dict(notes)
        self.refused = dict(refused or {})

    def check(self, names: Iterable[str]) -> None:
        """Refuse columns that contradict what the user says of them.

        Parameters
        ----------
        names : iterable of str
            The columns that are used.

        Raises
        ------
        TableError
            If there is one.
        """
        if error := next((self.refused[name] for name in names if name in self.refused), None):
            raise error


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
    if unknown := next((name for name in marks.kinds if name not in table.column_names), None):
        raise TableError(f"kinds= has no column {quoted(unknown)} in the table: {nearest(unknown, table.column_names)}")
    formats: dict[str, Written] = {}
    notes: dict[str, str] = {}
    refused: dict[str, TableError] = {}
    numbers: dict[str, LearntNumber] = {}
    words: dict[str, Words] = {}
    found: tuple[Written | None, str]
    looked_at = list(table.column_names if names is None else names)
    for k, name in enumerate(looked_at):
        doing("reading numbers and dates", k, len(looked_at), "columns")
        data, asked = table.column(name), marks.kinds.get(name)
        types, kind = arrow().types, data.type
        if asked == "text" or (types.is_dictionary(kind) and asked is None):
            # Categories were made on purpose, so they are no numbers.
            formats[name] = WrittenText(name, marks.na)
        elif is_text(kind):
            words[name] = Words.of(texts_of(data))
            numbers[name] = LearntNumber(None) if asked == "date" else learn_number(name, words[name], marks)
        elif (day := _whole_date(name, data, marks)) is not None:
            formats[name], notes[name] = day
        elif marks.day_first is not None and family_of(kind) in ("date", "instant"):
            # Dates that needed no reading; those of a later table may be texts in the order that the user says.
            formats[name] = WrittenDate(name, marks.day_first, family_of(kind) == "instant", marks.na)
        elif sentinels_in(marks.na) and (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
            formats[name] = WrittenNumber(name, na=marks.na)
            if len(marks.conventions) == 1 and not types.is_floating(kind):
                # Decimal numbers that needed no reading have a point, whatever the user says.
                decimal, thousands = marks.conventions[0]
                formats[name] = WrittenNumber(name, decimal, thousands, na=marks.na)
        if asked == "date" and name not in formats and not is_text(kind) and not family_of(kind):
            refused[name] = _none_of(name, Words.of(texts_of(data)), marks)
    usual = usual_mark(table, numbers)
    for name, each in numbers.items():
        if usual[0] and each.format and not each.clear:
            each = learn_number(name, words[name], marks, *usual)
        try:
            found = _of_texts(name, words[name], marks, each)
        except TableError as error:
            refused[name], found = error, (None, "")
        formats[name] = found[0] or WrittenText(name, marks.na)
        notes[name] = "; ".join(filter(None, [found[1], _totals(name, words[name])]))
    return Spelling(formats, {name: note for name, note in notes.items() if note}, refused)


def _of_texts(name: str, words: Words, marks: Marks, number: LearntNumber) -> tuple[Written | None, str]:
    """Return how the texts of a column are written, and a note; refuse those of another kind than the user says."""
    asked = marks.kinds.get(name)
    found, note = learn_whole_date(name, words, marks) if _may_be_dates(name, asked) else (None, "")
    if found is not None:
        return found, note
    if asked == "number" and number.format is None:
        raise _none_of(name, words, marks)
    if number.format is not None or number.note:
        return number.format, number.note
    for learn in (learn_date, learn_time):
        when, note = learn(name, words, marks)
        if when is not None:
            return when, note
    if asked == "date":
        raise _none_of(name, words, marks)
    return None, ""


def _may_be_dates(name: str, asked: str | None) -> bool:
    """Tell whether whole numbers in a column may be dates: not in one of identifiers, but in one called date_key."""
    return asked == "date" or (asked is None and (not names_ids(name) or DATED.search(name) is not None))


def _whole_date(name: str, data: pa.ChunkedArray, marks: Marks) -> tuple[WrittenDate, str] | None:
    """Return how whole numbers are dates, and a note on it; None if they are none."""
    low, high = 10**7, 10**8
    if not _may_be_dates(name, marks.kinds.get(name)):
        return None
    # Most columns of numbers have none of eight digits.
    compute, types = arrow().compute, arrow().types
    if not (types.is_integer(data.type) or types.is_floating(data.type)):
        return None
    largest = compute.max(data).as_py()
    if largest is None or not low <= largest < high or (texts := whole_as_texts(data)) is None:
        return None
    found, note = learn_whole_date(name, Words.of(texts), marks)
    return None if found is None else (found, note)


def _none_of(name: str, words: Words, marks: Marks) -> TableError:
    """Return the error for a column of another kind than the user says, with the first text of another kind."""
    asked = marks.kinds[name]
    missing = is_missing(words.texts, marks.na)
    for code in words.codes:
        if code < 0 or missing[code]:
            continue
        alone = Words(words.texts.slice(int(code), 1), np.zeros(1, int))
        if _of_kind(name, alone, marks):
            continue
        row, text = int(np.argmax(words.codes == code)) + 1, quoted(words.texts[int(code)].as_py())
        return TableError(
            f"{name}: {text} in row {row:,} is no {asked}, as kinds= says: correct it, or give another kind"
        )
    why = learn_number(name, words, marks).note.removeprefix(f"{name}: ") if asked == "number" else ""
    what = f"its texts are no column of {asked}s, as kinds= says{f' ({why})' * bool(why)}"
    return TableError(f"{name}: {what}: give another kind, such as 'text'")


def _of_kind(name: str, words: Words, marks: Marks) -> bool:
    """Tell whether texts are of the kind that the user says, without what the rest of the column tells."""
    if marks.kinds[name] == "number":
        return learn_number(name, words, marks).format is not None
    return any(learn(name, words, marks)[0] is not None for learn in (learn_whole_date, learn_date, learn_time))


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
