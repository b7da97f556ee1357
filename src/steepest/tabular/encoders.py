"""What is learnt of one column of a table: each kind of column is one small class.

It learns from a column (or says why there is nothing to learn), names the columns of the matrix that
it makes, and fills them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from steepest.tabular.columns import (
    DAY,
    as_codes,
    as_flags,
    as_microseconds,
    as_numbers,
    family_of,
    is_text,
    stray_hint,
    unit_of,
)
from steepest.tabular.files import arrow, counted

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


PARTS: dict[str, type[Part]] = {"number": Number, "flag": Flag, "moment": Moment, "category": Category}


def learn_part(name: str, data: Any, rows: Rows, most: int) -> tuple[Part | None, str]:
    """Return what is learnt of a column by its type, or None where that is nothing, and a sentence to say, or "".

    Parameters
    ----------
    name : str
        The column.
    data : pyarrow.ChunkedArray
        Its values.
    rows : array of bool or slice
        The rows to learn from.
    most : int
        How many values a column of texts may have.

    Returns
    -------
    part, sentence : Part or None, str
        What was learnt, and what to say.
    """
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


def _useless(column: str, numbers: np.ndarray) -> str:
    seen = numbers[~np.isnan(numbers)]
    if not seen.size:
        return f"{column}: no value in any row, so dropped"
    return "" if seen.min() < seen.max() else f"{column}: one value in all rows, so dropped"


def _filled(name: str, numbers: np.ndarray, mean: float) -> str:
    count = int(np.count_nonzero(np.isnan(numbers)))
    return f"{name}: {counted(count, 'missing value')} filled with the mean, {mean:.4g}" if count else ""
