"""How one column of a table becomes columns of a matrix: one small class per kind of column.

Each class learns what it needs from the training rows, names the columns of the matrix that it makes, and fills them
for any later table. To support another kind of column, write such a class, add it to `ENCODERS`, and choose it in
`learn_encoder`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from steepest.tabular.categories.answers import Answers
from steepest.tabular.categories.levels import Category
from steepest.tabular.categories.means import TargetMean
from steepest.tabular.reading.arrow import arrow, counted
from steepest.tabular.reading.columns import (
    DAY,
    as_codes,
    as_flags,
    as_microseconds,
    as_numbers,
    family_of,
    is_text,
    unit_of,
)
from steepest.tabular.reading.cycles import cycles_of, waves
from steepest.types import Json

if TYPE_CHECKING:
    from dataclasses import Field

    import pyarrow as pa

# A selection of rows: a mask, or a slice if all are selected.
Selection = np.ndarray | slice


class Encoder(Protocol):
    """The encoding of one column: a frozen dataclass whose fields JSON can hold.

    Its class has a class method `learn`, which `learn_encoder` calls: it returns the encoder learned from the selected
    rows, or None if the column is useless, and a note or "".
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Json]]]

    @property
    def column(self) -> str:
        """The column of the table that the encoder reads."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the matrix that the encoder makes."""
        ...

    def fill(self, out: np.ndarray, data: pa.ChunkedArray, rows: Selection) -> str:
        """Write the numbers of the selected rows into `out`, one column per name, and return a note or ""."""
        ...


@dataclass(frozen=True)
class Number:
    """A column of numbers, used unchanged.

    Parameters
    ----------
    column : str
        The column of the table.
    mean : float
        The mean of the training rows, which replaces missing values; NaN to keep them.
    """

    column: str
    mean: float

    @classmethod
    def learn(cls, column: str, data: pa.ChunkedArray, rows: Selection, most: int) -> tuple[Number | None, str]:
        numbers = as_numbers(column, data)[rows]
        if useless := _useless(column, numbers):
            return None, useless
        encoder = cls(column, float(np.nanmean(numbers)))
        return encoder, _filled(column, numbers, encoder.mean)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.column,)

    def fill(self, out: np.ndarray, data: pa.ChunkedArray, rows: Selection) -> str:
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
        The share of true values among the training rows, which replaces missing values; NaN to keep them.
    """

    column: str
    mean: float

    @classmethod
    def learn(cls, column: str, data: pa.ChunkedArray, rows: Selection, most: int) -> tuple[Flag | None, str]:
        flags = as_flags(column, data)[rows]
        if useless := _useless(column, flags):
            return None, useless
        encoder = cls(column, float(np.nanmean(flags)))
        return encoder, _filled(column, flags, encoder.mean)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.column,)

    def fill(self, out: np.ndarray, data: pa.ChunkedArray, rows: Selection) -> str:
        flags = as_flags(self.column, data)[rows]
        out[:, 0] = np.where(np.isnan(flags), self.mean, flags)
        return _filled(self.column, flags, self.mean)


@dataclass(frozen=True)
class Moment:
    """A column of dates, instants, times of day or durations: a number of days or hours, and its place in cycles.

    Parameters
    ----------
    column : str
        The column of the table.
    family : {"date", "instant", "time", "duration"}
        A date or timestamp without a time zone, a timestamp with a time zone, a time of day, or a span of time.
    origin : int
        The time that becomes 0, in microseconds since 1970: the start of the earliest training day. It is 0 for times
        of day and durations.
    mean : float
        The mean of the training rows in days or hours, which replaces missing values; NaN to keep them.
    cycles : tuple of {"hour", "weekday", "month"}
        The cycles that the training rows go through, each with two columns: the sine and the cosine of the angle.
    cycle_means : tuple of float
        The means of these columns, which replace missing values.
    """

    column: str
    family: str
    origin: int
    mean: float
    cycles: tuple[str, ...] = ()
    cycle_means: tuple[float, ...] = ()

    @classmethod
    def learn(cls, column: str, data: pa.ChunkedArray, rows: Selection, most: int) -> tuple[Moment | None, str]:
        family = family_of(data.type)
        ticks = as_microseconds(column, data, family)[rows]
        if useless := _useless(column, ticks):
            return None, useless
        origin = int(np.nanmin(ticks) // DAY * DAY) if family in ("date", "instant") else 0
        mean = float(np.nanmean((ticks - origin) / unit_of(family)))
        cycles = cycles_of(ticks[~np.isnan(ticks)], family)
        means = tuple(float(np.nanmean(wave)) for cycle in cycles for wave in waves(ticks, cycle))
        encoder = cls(column, family, origin, mean, cycles, means)
        return encoder, "; ".join(filter(None, [_filled(encoder.names[0], ticks, mean), encoder._cyclic()]))

    def _cyclic(self) -> str:
        return f"{self.column}: sine and cosine of {', '.join(self.cycles)}, beside the trend" if self.cycles else ""

    @property
    def names(self) -> tuple[str, ...]:
        day = np.datetime64(self.origin, "us").astype("M8[D]")
        units = {
            "date": f"days since {day}",
            "instant": f"days since {day} UTC",
            "time": "hours since midnight",
            "duration": "hours",
        }
        of = [f"{self.column} ({wave} of {cycle})" for cycle in self.cycles for wave in ("sine", "cosine")]
        return (f"{self.column} ({units[self.family]})", *of)

    def fill(self, out: np.ndarray, data: pa.ChunkedArray, rows: Selection) -> str:
        ticks = as_microseconds(self.column, data, self.family)[rows]
        missing = np.isnan(ticks)
        out[:, 0] = np.where(missing, self.mean, (ticks - self.origin) / unit_of(self.family))
        for k, cycle in enumerate(self.cycles):
            for j, wave in enumerate(waves(ticks, cycle), 2 * k):
                out[:, 1 + j] = wave if math.isnan(self.mean) else np.where(missing, self.cycle_means[j], wave)
        return _filled(self.names[0], ticks, self.mean)


# The encoder classes by the kind that `Encoding.to_dict` saves: the name of the class in lower case. The keys are
# derived from the classes, so that every saved encoding can be loaded. Renaming a class makes old folders unreadable.
ENCODERS: dict[str, type[Encoder]] = {
    kind.__name__.lower(): kind for kind in (Number, Flag, Moment, Category, TargetMean)
}


def learn_encoder(
    name: str, data: pa.ChunkedArray, rows: Selection, most: int, keep: bool = False, answers: Answers | None = None
) -> tuple[Encoder | None, str]:  # fmt: skip
    """Learn how a column becomes numbers, with the encoder class for the type of the column.

    Parameters
    ----------
    name : str
        The column.
    data : pyarrow.ChunkedArray
        The values of the column.
    rows : array of bool or slice
        The rows to learn from.
    most : int
        The most distinct texts with a column each. A column with more becomes means of the target if there are answers,
        else its rarest texts are pooled.
    keep : bool
        Whether missing numbers stay missing, as NaN.
    answers : Answers, optional
        The targets of all rows.

    Returns
    -------
    encoder, note : Encoder or None, str
        The encoder, or None if the column carries no information; a sentence about the column, or "".
    """
    types, kind = arrow().types, data.type
    encoder: Encoder | None
    if types.is_null(kind):
        return None, f"{name}: no value in any row, so dropped"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        encoder, note = Number.learn(name, data, rows, most)
    elif types.is_boolean(kind):
        encoder, note = Flag.learn(name, data, rows, most)
    elif family_of(kind):
        encoder, note = Moment.learn(name, data, rows, most)
    elif is_text(kind):
        if answers is not None and _distinct(data, rows) > most:
            return TargetMean.learn(name, data, rows, answers)
        return Category.learn(name, data, rows, most)
    else:
        return None, f"{name}: a column of type {kind} can't be turned into numbers, so dropped"
    if keep and isinstance(encoder, (Number, Flag, Moment)):
        # Without a mean, missing values stay as they are.
        return replace(encoder, mean=math.nan), note.partition(" filled")[0] + " kept" * bool(note)
    return encoder, note


def reason_left_out(data: pa.ChunkedArray, rows: np.ndarray) -> str:
    """Return why a column for which there is no encoder is left out.

    Parameters
    ----------
    data : pyarrow.ChunkedArray
        The values of the column.
    rows : array of bool
        The rows to learn from.

    Returns
    -------
    {"empty", "constant", "text", "other"}
        No value, one value, a text that differs from row to row, or another reason.

    Examples
    --------
    >>> values = arrow().chunked_array([["a", "a", "b"]])
    >>> reason_left_out(values, np.array([True, True, False])), reason_left_out(values, np.array([True, False, True]))
    ('constant', 'text')
    """
    pyarrow = arrow()
    if pyarrow.types.is_nested(data.type):
        return "other"
    learnt = data.filter(pyarrow.array(rows)).drop_null()
    distinct = len(learnt.unique())
    if distinct < 2:
        return ("empty", "constant")[distinct]
    return "text" if is_text(data.type) and distinct == len(learnt) else "other"


def _distinct(data: pa.ChunkedArray, rows: Selection) -> int:
    # A missing value has the code -1, and is not counted.
    return int(np.count_nonzero(np.bincount(as_codes(data)[0][rows] + 1)[1:]))


def _useless(column: str, numbers: np.ndarray) -> str:
    present = numbers[~np.isnan(numbers)]
    if not present.size:
        return f"{column}: no value in any row, so dropped"
    return "" if present.min() < present.max() else f"{column}: one value in all rows, so dropped"


def _filled(name: str, numbers: np.ndarray, mean: float) -> str:
    count = int(np.count_nonzero(np.isnan(numbers)))
    what = "kept" if math.isnan(mean) else f"filled with the mean, {mean:.4g}"
    return f"{name}: {counted(count, 'missing value')} {what}" if count else ""
