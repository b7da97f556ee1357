"""Turn columns into numbers: an encoding is learned once, from the training rows, and applied to any later table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from steepest.activity import doing
from steepest.printable import quoted
from steepest.saving.schema import checked
from steepest.tabular.categories.answers import Answers
from steepest.tabular.categories.levels import Category
from steepest.tabular.categories.means import TargetMean
from steepest.tabular.encoders import ENCODERS, Encoder, Moment, Number, Selection, learn_encoder, reason_left_out
from steepest.tabular.reading.arrow import MOST_NAMES, TableError, arrow, counted, nearest
from steepest.tabular.reading.columns import check_choice, column_of, is_text
from steepest.tabular.reading.written.dates import learn_date
from steepest.tabular.reading.written.ids import has_no_name, left_out
from steepest.tabular.reading.written.learn import WRITTEN, Spelling, Written, kind_of, learn_spelling, usual_mark
from steepest.tabular.reading.written.marks import Marks
from steepest.tabular.reading.written.numbers import WrittenNumber, has_comma, learn_number
from steepest.tabular.reading.written.times import learn_time
from steepest.tabular.reading.written.words import Words
from steepest.types import Bounds, Json

if TYPE_CHECKING:
    import pyarrow as pa

Missing = Literal["mean", "drop", "error", "keep"]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Encoded:
    """A table as numbers.

    Parameters
    ----------
    X : array of shape (rows kept, columns)
        The numbers, row by row in memory.
    kept : array of bool of shape (rows,)
        Which rows of the table are in X: all, unless rows with missing values are dropped.
    notes : tuple of str
        Sentences about values that were filled in or dropped.
    unseen : tuple of str
        Sentences about texts that the training rows lack.
    strays : tuple of str
        Sentences about texts that are no numbers or dates where the training rows have them, and so are missing; and
        about those that could be two dates or numbers.
    gaps : mapping of str to int
        How many values each column of the table lacks.
    """

    X: np.ndarray
    kept: np.ndarray
    notes: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()
    gaps: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoding:
    """How the columns of a table become the columns of a matrix, as learned by `learn_encoding`.

    Parameters
    ----------
    parts : tuple of Encoder
        One encoder per used column of the table, in order.
    missing : {"mean", "drop", "error", "keep"}
        How missing values are treated.
    notes : tuple of str
        Sentences on what each column became, and on the columns that were dropped.
    written : tuple of Written
        How the texts of columns are written: as numbers, as dates or as texts. A column of a later table is read in the
        same way. That of the target is among them, if it is one of texts.
    left_out : tuple of (str, str)
        The columns that tell nothing, and why each was left out: "row" (the numbers or names of the rows, in a column
        without a name), "id" (numbers), "text" (a different one in each row), "constant", "empty" or "other".

    Examples
    --------
    >>> from steepest.tabular.reading.files import read_table
    >>> table, _ = read_table({"size": [1.0, None, 5.0], "colour": ["red", "blue", "red"]})
    >>> encoding = learn_encoding(table)
    >>> encoding.names
    ('size', 'colour=blue')
    >>> encoding.transform(table).X
    array([[1., 0.],
           [3., 1.],
           [5., 0.]])
    >>> Encoding.from_dict(encoding.to_dict()) == encoding
    True
    """

    parts: tuple[Encoder, ...]
    missing: Missing = "mean"
    notes: tuple[str, ...] = ()
    written: tuple[Written, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def spelling(self) -> Spelling:
        """How the texts of columns are written, by column."""
        return Spelling({each.column: each for each in self.written}, {})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns of the matrix."""
        return tuple(name for part in self.parts for name in part.names)

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """The columns of the matrix that each column of the table became."""
        start, found = 0, dict[str, tuple[int, ...]]()
        for part in self.parts:
            stop = start + len(part.names)
            found[part.column] = tuple(range(start, stop))
            start = stop
        return found

    @property
    def categories(self) -> tuple[tuple[int, ...], ...]:
        """The columns of the matrix that are the levels of each category."""
        groups = self.groups
        return tuple(groups[part.column] for part in self.parts if isinstance(part, Category))

    @property
    def baselines(self) -> tuple[str, ...]:
        """The level of each category that has no column."""
        return tuple(part.baseline for part in self.parts if isinstance(part, Category))

    def by_coefficient(self, given: Bounds | None) -> Bounds | None:
        """Return values by the names of coefficients, from those by names that may be columns of the table.

        Parameters
        ----------
        given : mapping or None
            Values by name; the name of a category stands for all its levels.

        Returns
        -------
        mapping or None
            The same values by the names in `names`; other names, and what is no mapping, are left as they are.
        """
        if not isinstance(given, Mapping):
            return given
        levels = {part.column: part.names for part in self.parts if part.names != (part.column,)}
        known = set(self.names)
        wide = {name for name in given if name in levels and name not in known}
        found = {level: given[name] for name in wide for level in levels[name]}
        return found | {name: value for name, value in given.items() if name not in wide}

    @property
    def category_names(self) -> list[str]:
        """The columns of the table that are categories, in the order of `categories`."""
        return [part.column for part in self.parts if isinstance(part, Category)]

    def transform(
        self, table: pa.Table, dtype: type[np.floating] = np.float64, answers: Answers | None = None
    ) -> Encoded:
        """Turn a table into a matrix, with the learned encoders.

        Parameters
        ----------
        table : pyarrow.Table
            A table with the columns that the encoding uses; other columns are ignored.
        dtype : dtype
            The floating-point type of the matrix.
        answers : Answers, optional
            The targets of the table of the fit, whose training rows then get means of the target from other rows.

        Returns
        -------
        Encoded
            The matrix, a mask of the table's rows that are in the matrix, and notes.

        Raises
        ------
        TableError
            If a column is missing, can't be read as the kind of column that was learned, holds an infinity, or
            lacks values although ``missing="error"``.
        """
        names = set(table.column_names)
        if absent := [part.column for part in self.parts if names.isdisjoint((part.column, part.column.strip()))]:
            raise TableError(_absent(absent, table.column_names))
        spelling, data, read, strays = self.spelling, {}, list[str](), list[str]()
        for part in self.parts:
            data[part.column], note, stray = _read(part, table, spelling.get(part.column))
            read.append(note)
            strays.append(stray)
        kept, notes = _complete(data, np.ones(table.num_rows, dtype=bool), self.missing)
        rows: Selection = slice(None) if kept.all() else kept
        X = np.empty((np.count_nonzero(kept), len(self.names)), dtype)
        notes, start, unseen = [*read, *notes], 0, list[str]()
        for k, part in enumerate(self.parts):
            doing("encoding", k, len(self.parts), "columns")
            stop = start + len(part.names)
            note = part.fill(X[:, start:stop], data[part.column], rows)
            (unseen if isinstance(part, (Category, TargetMean)) else notes).append(note)
            if answers is not None and isinstance(part, TargetMean):
                training = answers.training & kept
                X[training[kept], start:stop] = part.out_of_fold(data[part.column], training, answers)
            start = stop
        is_null = arrow().compute.is_null
        gaps = {name: int(is_null(column, nan_is_null=True).to_numpy().sum()) for name, column in data.items()}
        said = [tuple(filter(None, each)) for each in (notes, unseen, strays)]
        return Encoded(X, kept, said[0], said[1], said[2], gaps)

    def to_dict(self) -> dict[str, Json]:
        """Return the encoding as a dict that JSON can hold with every digit.

        Returns
        -------
        dict
            The argument of `from_dict`.
        """
        parts = [{"kind": type(part).__name__.lower(), **asdict(part)} for part in self.parts]
        written = [{"kind": kind_of(each), **asdict(each)} for each in self.written]
        left_out = [list(each) for each in self.left_out]
        return {
            "missing": self.missing,
            "parts": parts,
            "notes": list(self.notes),
            "written": written,
            "left_out": left_out,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Json]) -> Encoding:
        """Rebuild an encoding from the dict that `to_dict` returned, even after a round trip through JSON.

        Parameters
        ----------
        stored : mapping
            The dict.

        Returns
        -------
        Encoding
            An equal encoding.
        """
        parts = tuple(_from_stored(record, ENCODERS) for record in stored["parts"])
        # Folders of earlier versions lack these: their texts are read as they are.
        written = tuple(_from_stored(record, WRITTEN) for record in stored.get("written", ()))
        left_out = tuple((str(column), str(reason)) for column, reason in stored.get("left_out", ()))
        return cls(parts, stored["missing"], tuple(stored["notes"]), written, left_out)


def _from_stored(record: Mapping[str, Json], kinds: Mapping[str, type[T]]) -> T:
    """Return the object of a record, of the class that its kind names."""
    return checked({key: value for key, value in record.items() if key != "kind"}, kinds[record["kind"]])


def _read(part: Encoder, table: pa.Table, written: Written | None) -> tuple[pa.ChunkedArray, str, str]:
    """Return a column as it was learned to read it, a note on how, and one on texts that are missing so; or ""."""
    data = column_of(table, part.column)
    if written is not None:
        read, stray = written.read(data)
        return read, "", stray
    # The numbers and dates of the fit were no texts, so they said nothing of how texts are written.
    if isinstance(part, Number) and is_text(data.type):
        words = Words.of(data)
        # A text such as 1.234 would have been a decimal number in the rows of the fit.
        usual = usual_mark(table) if has_comma(words) else ("", "")
        found = learn_number(part.column, words, Marks(), *usual)
        written, note, doubt = found.format, found.note, found.doubt
        if written is None or written.unit:
            written, note, doubt = WrittenNumber(part.column), "", ""
        read, stray = replace(written, strays=()).read(data)
        if doubt:
            stray = "; ".join(
                filter(None, [stray, f"{part.column}: {doubt}: write it without a mark between thousands"])
            )
        return read, "" if doubt else note, stray
    if isinstance(part, Moment) and is_text(data.type) and part.family in ("time", "duration"):
        time, note = learn_time(part.column, Words.of(data), Marks())
        if time is not None and (part.family == "duration" or not time.long):
            read, stray = replace(time, long=part.family == "duration", strays=()).read(data)
            return read, note, stray
    elif isinstance(part, Moment) and is_text(data.type):
        when, note = learn_date(part.column, Words.of(data), Marks())
        if when is not None and part.family == ("instant" if when.zoned else "date"):
            # The order of day and month is that of these dates, and not one that the rows of the fit told.
            read, stray = replace(when, strays=(), ordered=False).read(data)
            return read, "" if stray else note, stray
    return data, "", ""


def learn_encoding(
    table: pa.Table,
    target: str | None = None,
    *,
    features: Iterable[str] | None = None,
    drop: Iterable[str] = (),
    missing: Missing = "mean",
    max_categories: int = 50,
    rows: np.ndarray | None = None,
    spelling: Spelling | None = None,
    answers: Answers | None = None,
) -> Encoding:
    """Learn how the columns of a table become numbers.

    Texts are read as numbers or dates, if they are written so. Numbers stay as they are; true and false become 1 and 0;
    dates become days since the earliest day, with a sine and a cosine for each cycle that they go through; times of day
    and durations become hours; a column of k texts becomes k − 1 columns of 0 and 1, against the most frequent text. If
    a column holds more than `max_categories` different texts, the mean of the target in the training rows of each text
    takes their place, or, without answers, the rarest texts share one column. A column is dropped, with a note, if it
    is empty, has one value in all rows or a different text in each, or is of another type, such as lists. Columns that
    only number or name the rows are dropped, too, unless `features` names them.

    Parameters
    ----------
    table : pyarrow.Table
        The table, as `read_table` returns it.
    target : str, optional
        The column to predict, which is not encoded.
    features : iterable of str, optional
        The columns to use, in this order; by default all but the target.
    drop : iterable of str
        Columns not to use.
    missing : {"mean", "drop", "error", "keep"}
        How missing values are treated: "mean" replaces them by the mean of the training rows (a missing
        text is a category of its own), "drop" drops the row, "error" refuses the table, "keep" leaves NaN.
    max_categories : int
        The most texts of a column that get a column each.
    rows : array, optional
        The rows to learn from, as a mask or as row numbers; all by default.
    spelling : Spelling, optional
        How the texts of the columns are written; learned from the table by default.
    answers : Answers, optional
        The targets of all rows.

    Returns
    -------
    Encoding
        The encoding; its `transform` makes the matrix.

    Raises
    ------
    TableError
        If a name is unknown or given twice, the target is among the features, no feature is left, a
        column holds an infinity, or values are missing although ``missing="error"``.
    ValueError
        If `missing` is another value.

    Examples
    --------
    >>> from steepest.tabular.reading.files import read_table
    >>> table, _ = read_table({"plan": ["a", "b", "b"], "age": [31, 42, 53], "id": ["u", "v", "w"], "y": [1, 2, 3]})
    >>> encoding = learn_encoding(table, "y", max_categories=2)
    >>> encoding.names
    ('plan=a', 'age')
    >>> print(*encoding.notes, sep="; ")
    plan: 1 column against the baseline plan=b, the most frequent; id: a different value in each row, so dropped
    """
    check_choice("missing", missing, ("mean", "drop", "error", "keep"))
    asked = features if features is None or isinstance(features, str) else list(features)
    data = {name: column_of(table, name) for name in _selected(table.column_names, target, asked, drop)}
    spelling = learn_spelling(table, names=data) if spelling is None else spelling
    spelling.check(data)
    data = {name: spelling[name].read(column)[0] if name in spelling else column for name, column in data.items()}
    useless = {name: reason for name, column in data.items() if asked is None and (reason := left_out(name, column))}
    why = [(name, "row" if has_no_name(name) else "text" if is_text(data[name].type) else "id") for name in useless]
    data = {name: column for name, column in data.items() if name not in useless}
    training = np.zeros(table.num_rows, dtype=bool)
    training[slice(None) if rows is None else rows] = True
    if not training.any():
        raise TableError("there is no row to learn from: give a table with rows, or other rows=")

    def learn(columns: Mapping[str, pa.ChunkedArray], keep: bool) -> list[tuple[Encoder | None, str]]:
        found = []
        for k, (name, column) in enumerate(columns.items()):
            doing("learning the encoding", k, len(columns), "columns")
            found.append(learn_encoder(name, column, training, max_categories, keep, answers))
        return found

    first = learn(data, missing == "keep")
    notes = [note for encoder, note in first if encoder is None]
    said = [*useless.values(), *(spelling.notes[name] for name in data if name in spelling.notes)]
    useful = {encoder.column: data[encoder.column] for encoder, _ in first if encoder}
    training, gaps = _complete(useful, training, missing)
    if not training.any():
        raise TableError(f"every row has a missing value ({gaps[0]}): use missing='mean', or drop the column")
    second = first
    if gaps:
        # Rows were dropped, so learn again: means and categories must come from the remaining rows.
        second = learn(useful, False)
    parts = tuple(encoder for encoder, _ in second if encoder)
    notes = said + notes * bool(gaps) + gaps + [note for _, note in second if note]
    if not parts:
        raise TableError(f"no feature is left to learn from ({'; '.join(notes)}): give other columns")
    written = tuple(spelling[part.column] for part in parts if part.column in spelling)
    used = {part.column for part in parts}
    lost = [(name, reason_left_out(column, training)) for name, column in data.items() if name not in used]
    encoding = Encoding(parts, missing, tuple(notes), written, (*why, *lost))
    names = encoding.names
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise TableError(f"two columns would both be called {quoted(twice)}: rename one in the table")
    return encoding


def _selected(
    names: Sequence[str], target: str | None, features: Iterable[str] | None, drop: Iterable[str]
) -> list[str]:
    """Return the names of the columns to use."""
    for argument, given in (("features", features), ("drop", drop)):
        if isinstance(given, str):
            raise TableError(
                f"{argument}={quoted(given)} is one text: give a list of names, {argument}=[{quoted(given)}]"
            )
    selected = list(names if features is None else features)
    dropped = list(drop)
    for name in [*selected, *dropped, *([] if target is None else [target])]:
        if name not in names:
            raise TableError(f"there is no column {quoted(name)}: {nearest(str(name), names)}")
    if twice := next((name for name in selected if selected.count(name) > 1), ""):
        raise TableError(f"the feature {quoted(twice)} is given twice: give it once")
    if features is not None and target in selected:
        raise TableError(f"the target {quoted(target)} is among the features: leave it out of them")
    if left := [name for name in selected if name != target and name not in dropped]:
        return left
    shown = ", ".join(names[:MOST_NAMES])
    raise TableError(f"no feature is left: the table has {shown}; use or keep at least one of them")


def _absent(absent: Sequence[str], names: Sequence[str]) -> str:
    """Return the message about columns that a table lacks."""
    if len(absent) == 1:
        return f"there is no column {quoted(absent[0])} in the table: {nearest(absent[0], names)}"
    shown = ", ".join(map(quoted, absent[:MOST_NAMES])) + ", …" * (len(absent) > MOST_NAMES)
    return f"there are no columns {shown} in the table: {nearest('', names)}"


def _complete(data: Mapping[str, pa.ChunkedArray], rows: np.ndarray, missing: str) -> tuple[np.ndarray, list[str]]:
    """Return the rows without those to drop for missing values, and a note on how many are dropped, if any."""
    if missing in ("mean", "keep"):
        return rows, []
    is_null = arrow().compute.is_null
    gaps = {name: is_null(column, nan_is_null=True).to_numpy() & rows for name, column in data.items()}
    counts = {name: int(np.count_nonzero(gap)) for name, gap in gaps.items() if gap.any()}
    if not counts:
        return rows, []
    which = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    if missing == "error":
        raise TableError(f"values are missing ({which}): fill them in, or use missing='mean' or missing='drop'")
    complete = rows & ~np.logical_or.reduce(list(gaps.values()))
    lost = int(np.count_nonzero(rows & ~complete))
    return complete, [f"{counted(lost, 'row')} with missing values dropped ({which})"]
