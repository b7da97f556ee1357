"""Columns into numbers: an encoding is learned once, from the rows to learn from, and applied to any later table.

Every kind of column is one small class below. It learns from a column (or says why there is nothing
to learn), names the columns of the matrix that it makes, and fills them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from steepest.data.columns import (
    DAY,
    allowed,
    as_codes,
    as_flags,
    as_microseconds,
    as_numbers,
    column_of,
    family_of,
    is_text,
    stray_hint,
    unit_of,
)
from steepest.data.tables import TableError, arrow, counted, nearest

if TYPE_CHECKING:
    import pyarrow as pa

    Missing = Literal["mean", "drop", "error"]

Rows = np.ndarray | slice


class Part(Protocol):
    """What is known of one column of the table: a frozen record that JSON can hold."""

    @property
    def column(self) -> str:
        """The column of the table that is read."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the matrix that are made of it."""
        ...

    @classmethod
    def learn(cls, column: str, data: Any, rows: Rows, most: int) -> tuple[Part | None, str]:
        """Learn from some rows: the part, or None where they teach nothing, and a sentence to say, or ""."""

    def fill(self, out: np.ndarray, data: Any, rows: Rows) -> str:
        """Write some rows into `out`, one column a name; return a sentence to say, or ""."""
        ...


@dataclass(frozen=True)
class Number:
    """A column of numbers, as it is.

    Parameters
    ----------
    column : str
        The column of the table.
    mean : float
        The mean of the training rows, which stands in for a missing value.
    """

    column: str
    mean: float

    @classmethod
    def learn(cls, column: str, data: Any, rows: Rows, most: int) -> tuple[Number | None, str]:
        numbers = as_numbers(column, data)[rows]
        if useless := _useless(column, numbers):
            return None, useless
        part = cls(column, float(np.nanmean(numbers)))
        return part, _filled(column, numbers, part.mean)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.column,)

    def fill(self, out: np.ndarray, data: Any, rows: Rows) -> str:
        numbers = as_numbers(self.column, data)[rows]
        out[:, 0] = np.where(np.isnan(numbers), self.mean, numbers)
        return _filled(self.column, numbers, self.mean)


@dataclass(frozen=True)
class Flag:
    """A column of true and false, as 1 and 0.

    Parameters
    ----------
    column : str
        The column of the table.
    mean : float
        The share of true among the training rows, which stands in for a missing value.
    """

    column: str
    mean: float

    @classmethod
    def learn(cls, column: str, data: Any, rows: Rows, most: int) -> tuple[Flag | None, str]:
        flags = as_flags(column, data)[rows]
        if useless := _useless(column, flags):
            return None, useless
        part = cls(column, float(np.nanmean(flags)))
        return part, _filled(column, flags, part.mean)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.column,)

    def fill(self, out: np.ndarray, data: Any, rows: Rows) -> str:
        flags = as_flags(self.column, data)[rows]
        out[:, 0] = np.where(np.isnan(flags), self.mean, flags)
        return _filled(self.column, flags, self.mean)


@dataclass(frozen=True)
class Moment:
    """A column of dates, instants, times of day or durations, as days or hours.

    Parameters
    ----------
    column : str
        The column of the table.
    family : {"date", "instant", "time", "duration"}
        A date or clock time without a zone, one with a zone, a time of day, or a span of time.
    origin : int
        What 0 stands for: microseconds since 1970, at the start of the earliest training day.
    mean : float
        The mean of the training rows, which stands in for a missing value.
    """

    column: str
    family: str
    origin: int
    mean: float

    @classmethod
    def learn(cls, column: str, data: Any, rows: Rows, most: int) -> tuple[Moment | None, str]:
        family = family_of(data.type)
        ticks = as_microseconds(column, data, family)[rows]
        if useless := _useless(column, ticks):
            return None, useless
        origin = int(np.nanmin(ticks) // DAY * DAY) if family in ("date", "instant") else 0
        part = cls(column, family, origin, float(np.nanmean((ticks - origin) / unit_of(family))))
        return part, _filled(part.names[0], ticks, part.mean)

    @property
    def names(self) -> tuple[str, ...]:
        day = np.datetime64(self.origin, "us").astype("M8[D]")
        units = {
            "date": f"days since {day}",
            "instant": f"days since {day} UTC",
            "time": "hours since midnight",
            "duration": "hours",
        }
        return (f"{self.column} ({units[self.family]})",)

    def fill(self, out: np.ndarray, data: Any, rows: Rows) -> str:
        ticks = as_microseconds(self.column, data, self.family)[rows]
        out[:, 0] = np.where(np.isnan(ticks), self.mean, (ticks - self.origin) / unit_of(self.family))
        return _filled(self.names[0], ticks, self.mean)


@dataclass(frozen=True)
class Category:
    """A column of texts: for each but one a column that is 1 where it stands, and 0 elsewhere.

    Parameters
    ----------
    column : str
        The column of the table.
    baseline : str
        The commonest text, which has no column: all zeros, so that the others are told from it.
    categories : tuple of (str or None)
        The others in alphabetical order; None, the last, is a missing value.
    """

    column: str
    baseline: str
    categories: tuple[str | None, ...]

    @classmethod
    def learn(cls, column: str, data: Any, rows: Rows, most: int) -> tuple[Category | None, str]:
        codes, texts = as_codes(data)
        missing, *counts = np.bincount(codes[rows] + 1, minlength=len(texts) + 1).tolist()
        seen = {text: count for text, count in zip(texts, counts, strict=True) if count}
        if not seen:
            return None, f"{column}: no value in any row, so dropped"
        if len(seen) > most:
            how = f"raise max_categories, or encode it yourself{stray_hint(data)}"
            return None, f"{column}: {len(seen):,} different values, more than {most}, so dropped; {how}"
        if len(seen) == 1 and not missing:
            return None, f"{column}: {next(iter(seen))!r} in every row, so dropped"
        baseline = max(sorted(seen), key=seen.__getitem__)
        others = sorted(seen.keys() - {baseline})
        part = cls(column, baseline, (*others, None) if missing else tuple(others))
        size = counted(len(part.names), "column")
        return part, f"{column}: {size} against the baseline {column}={baseline}, the commonest"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.column}={'(missing)' if text is None else text}" for text in self.categories)

    def fill(self, out: np.ndarray, data: Any, rows: Rows) -> str:
        codes, texts = as_codes(data)
        place = {text: k for k, text in enumerate(self.categories)} | {self.baseline: -1}
        # The last entry answers to code -1, a missing value.
        places = np.array([place.get(text, -2) for text in [*texts, None]])[codes[rows]]
        out[:] = 0
        known = np.flatnonzero(places >= 0)
        out[known, places[known]] = 1
        if not (strange := np.flatnonzero(places == -2)).size:
            return ""
        found = [texts[code] if code >= 0 else "(missing)" for code in np.unique(codes[rows][strange])[:3]]
        what = f"{counted(len(strange), 'row')} with values that training had not, such as {', '.join(found)}"
        return f"{self.column}: {what}: taken as the baseline {self.column}={self.baseline}"


_PARTS: dict[str, type[Part]] = {"number": Number, "flag": Flag, "moment": Moment, "category": Category}


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
        Plain sentences on what was filled in, dropped or not known from training.
    """

    X: np.ndarray
    kept: np.ndarray
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Encoding:
    """How the columns of a table become the columns of a matrix; `learn_encoding` makes one.

    Parameters
    ----------
    parts : tuple of Part
        One for each column of the table that is read, in order.
    missing : {"mean", "drop", "error"}
        What is done about missing values.
    notes : tuple of str
        Plain sentences on what was made of each column, and which were dropped.

    Examples
    --------
    >>> from steepest.data.tables import read_table
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

    parts: tuple[Part, ...]
    missing: Missing = "mean"
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns of the matrix are called."""
        return tuple(name for part in self.parts for name in part.names)

    def transform(self, table: pa.Table, dtype: Any = np.float64) -> Encoded:
        """Turn a table into a matrix, as learned.

        Parameters
        ----------
        table : pyarrow.Table
            Any table with the columns that were learned; others are not looked at.
        dtype : dtype
            What the matrix holds, float64 unless asked otherwise.

        Returns
        -------
        Encoded
            The matrix, the rows of the table that are in it, and sentences to say.

        Raises
        ------
        TableError
            Where a column is missing, holds what can't be read as it was learned, holds an infinity, or
            has missing values although ``missing="error"``.
        """
        data = {part.column: column_of(table, part.column) for part in self.parts}
        kept, notes = _complete(data, np.ones(table.num_rows, dtype=bool), self.missing)
        rows: Rows = slice(None) if kept.all() else kept
        X = np.empty((np.count_nonzero(kept), len(self.names)), dtype)
        start = 0
        for part in self.parts:
            stop = start + len(part.names)
            notes.append(part.fill(X[:, start:stop], data[part.column], rows))
            start = stop
        return Encoded(X, kept, tuple(filter(None, notes)))

    def to_dict(self) -> dict[str, Any]:
        """Return the encoding as JSON takes it; every number survives exactly.

        Returns
        -------
        dict
            What `from_dict` takes.
        """
        parts = [{"kind": type(part).__name__.lower(), **asdict(part)} for part in self.parts]  # type: ignore[call-overload]
        return {"missing": self.missing, "parts": parts, "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Encoding:
        """Make an encoding again from what `to_dict` returned, through JSON or not.

        Parameters
        ----------
        stored : mapping
            What `to_dict` returned.

        Returns
        -------
        Encoding
            An equal encoding.
        """
        parts = []
        for record in stored["parts"]:
            fields = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
            del fields["kind"]
            parts.append(_PARTS[record["kind"]](**fields))
        return cls(tuple(parts), stored["missing"], tuple(stored["notes"]))


def learn_encoding(
    table: pa.Table,
    target: str | None = None,
    *,
    features: Iterable[str] | None = None,
    drop: Iterable[str] = (),
    missing: Missing = "mean",
    max_categories: int = 50,
    rows: np.ndarray | None = None,
) -> Encoding:
    """Learn how the columns of a table become numbers.

    Numbers stay as they are; true and false become 1 and 0; dates become days since the earliest day,
    times of day and durations hours; a column of k texts becomes k − 1 columns of 0 and 1, against
    the commonest text. A column that can't help (all missing, the same in every row, nested, or of
    too many texts) is dropped, with a note.

    Parameters
    ----------
    table : pyarrow.Table
        The table, as `read_table` returns it.
    target : str, optional
        The column to predict, which is not encoded.
    features : iterable of str, optional
        The columns to use, in this order; all but the target unless given.
    drop : iterable of str
        Columns not to use.
    missing : {"mean", "drop", "error"}
        What to do about missing values: put the mean of the training rows in their place (a missing
        text is a category of its own), drop the row, or refuse the table.
    max_categories : int
        How many different texts a column may have.
    rows : array, optional
        The rows to learn from, as a mask or as row numbers; all unless given.

    Returns
    -------
    Encoding
        What was learned; its `transform` makes the matrix.

    Raises
    ------
    TableError
        Where a name is unknown or given twice, the target is among the features, no feature is left, a
        column holds an infinity, or values are missing although ``missing="error"``.
    ValueError
        Where `missing` is another word.

    Examples
    --------
    >>> from steepest.data.tables import read_table
    >>> table, _ = read_table({"plan": ["a", "b", "b"], "age": [31, 42, 53], "id": ["u", "v", "w"], "y": [1, 2, 3]})
    >>> encoding = learn_encoding(table, "y", max_categories=2)
    >>> encoding.names
    ('plan=a', 'age')
    >>> print(*encoding.notes, sep="; ")
    plan: 1 column against the baseline plan=b, the commonest; id: 3 different values, more than 2, so dropped; ...
    """
    allowed("missing", missing, ("mean", "drop", "error"))
    data = {name: column_of(table, name) for name in _chosen(table.column_names, target, features, drop)}
    learnt = np.zeros(table.num_rows, dtype=bool)
    learnt[slice(None) if rows is None else rows] = True
    if not learnt.any():
        raise TableError("there is no row to learn from: give a table with rows, or other rows=")
    first = [_learn(name, column, learnt, max_categories) for name, column in data.items()]
    notes = [note for part, note in first if part is None]
    useful = {part.column: data[part.column] for part, _ in first if part}
    learnt, gaps = _complete(useful, learnt, missing)
    if not learnt.any():
        raise TableError(f"every row has a missing value ({gaps[0]}): use missing='mean', or drop the column")
    # Once more where rows were dropped: the means and categories are those of the rows that stay.
    second = [_learn(name, column, learnt, max_categories) for name, column in useful.items()] if gaps else first
    parts = tuple(part for part, _ in second if part)
    notes = notes * bool(gaps) + gaps + [note for _, note in second if note]
    if not parts:
        raise TableError(f"no feature is left to learn from ({'; '.join(notes)}): give other columns")
    encoding = Encoding(parts, missing, tuple(notes))
    names = encoding.names
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise TableError(f"two columns would both be called {twice!r}: rename one in the table")
    return encoding


def _learn(name: str, data: Any, rows: Rows, most: int) -> tuple[Part | None, str]:
    kind, types = data.type, arrow().types
    if types.is_null(kind):
        return None, f"{name}: no value in any row, so dropped"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return Number.learn(name, data, rows, most)
    if types.is_boolean(kind):
        return Flag.learn(name, data, rows, most)
    if family_of(kind):
        return Moment.learn(name, data, rows, most)
    if is_text(kind):
        return Category.learn(name, data, rows, most)
    return None, f"{name}: a column of type {kind} can't be made numbers, so dropped"


def _chosen(names: Sequence[str], target: str | None, features: Iterable[str] | None, drop: Iterable[str]) -> list[str]:
    for argument, given in (("features", features), ("drop", drop)):
        if isinstance(given, str):
            raise TableError(f"{argument}={given!r} is one text: give a list of names, {argument}=[{given!r}]")
    chosen = list(names if features is None else features)
    dropped = list(drop)
    for name in [*chosen, *dropped, *([] if target is None else [target])]:
        if name not in names:
            raise TableError(f"there is no column {name!r}: {nearest(name, names)}")
    if twice := next((name for name in chosen if chosen.count(name) > 1), ""):
        raise TableError(f"the feature {twice!r} is given twice: give it once")
    if features is not None and target in chosen:
        raise TableError(f"the target {target!r} is among the features: leave it out of them")
    if left := [name for name in chosen if name != target and name not in dropped]:
        return left
    raise TableError(f"no feature is left: the table has {', '.join(names[:20])}; use or keep at least one of them")


def _complete(data: Mapping[str, Any], rows: np.ndarray, missing: str) -> tuple[np.ndarray, list[str]]:
    """The rows without a gap, unless gaps are filled, and a sentence on those that were lost."""
    if missing == "mean":
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


def _useless(column: str, numbers: np.ndarray) -> str:
    seen = numbers[~np.isnan(numbers)]
    if not seen.size:
        return f"{column}: no value in any row, so dropped"
    return "" if seen.min() < seen.max() else f"{column}: one value in all rows, so dropped"


def _filled(name: str, numbers: np.ndarray, mean: float) -> str:
    count = int(np.count_nonzero(np.isnan(numbers)))
    return f"{name}: {counted(count, 'missing value')} filled with the mean, {mean:.4g}" if count else ""
