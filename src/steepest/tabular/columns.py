"""One column of a table as an array: numbers, flags and times as floats, texts as codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.tabular.files import TableError, arrow, nearest

DAY = 24 * 3_600_000_000

_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
_FLAG = r"^(?i:true|false|0|1)$"
_MOMENT = r"^\d{4}-\d{2}-\d{2}"
_LARGEST = 1e300


def column_of(table: Any, name: str) -> Any:
    """Return a column of a table by its name.

    Parameters
    ----------
    table : pyarrow.Table
        The table.
    name : str
        What the column is called.

    Returns
    -------
    pyarrow.ChunkedArray
        The column.

    Raises
    ------
    TableError
        Where there is none; the message names the nearest.
    """
    if name not in table.column_names:
        raise TableError(f"there is no column {name!r} in the table: {nearest(name, table.column_names)}")
    return table.column(name)


def allowed(argument: str, word: str, words: Sequence[str]) -> None:
    """Refuse a word that is not among those that an argument takes.

    Parameters
    ----------
    argument : str
        The name of the argument.
    word : str
        What was given.
    words : sequence of str
        What may be given.

    Raises
    ------
    ValueError
        Where it is not among them.
    """
    if word not in words:
        raise ValueError(f"{argument}={word!r} is unknown: {nearest(str(word), words)}")


def is_text(kind: Any) -> bool:
    """Tell whether a column of this type holds texts.

    Parameters
    ----------
    kind : pyarrow.DataType
        The type.

    Returns
    -------
    bool
        Whether it does, dictionaries of texts included.
    """
    types = arrow().types
    texts = (types.is_string, types.is_large_string, types.is_string_view, types.is_dictionary)
    return any(holds(kind) for holds in texts)


def family_of(kind: Any) -> str:
    """Return which kind of time a type holds.

    Parameters
    ----------
    kind : pyarrow.DataType
        The type.

    Returns
    -------
    {"date", "instant", "time", "duration", ""}
        A date or clock time without a zone, one with a zone, a time of day, a span; "" for none.
    """
    types = arrow().types
    if types.is_timestamp(kind):
        return "instant" if kind.tz else "date"
    families = {"date": types.is_date, "time": types.is_time, "duration": types.is_duration}
    return next((family for family, holds in families.items() if holds(kind)), "")


def unit_of(family: str) -> int:
    """Return the unit in which a kind of time becomes a number.

    Parameters
    ----------
    family : {"date", "instant", "time", "duration"}
        The kind of time.

    Returns
    -------
    int
        A day or an hour, in microseconds.
    """
    return DAY if family in ("date", "instant") else DAY // 24


def _texts(data: Any) -> Any:
    pyarrow = arrow()
    if pyarrow.types.is_dictionary(data.type):
        data = data.cast(data.type.value_type)
    return data.cast(pyarrow.large_string())


def as_codes(data: Any) -> tuple[np.ndarray, list[str]]:
    """Return the different texts in order of appearance, and for each row the place of its own.

    Parameters
    ----------
    data : pyarrow.ChunkedArray
        A column of texts.

    Returns
    -------
    codes : array of int
        The place of each row's text, -1 where it is missing.
    texts : list of str
        The texts.
    """
    coded = _texts(data).dictionary_encode().combine_chunks()
    return coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), coded.dictionary.to_pylist()


def as_numbers(column: str, data: Any) -> np.ndarray:
    """Return a column as float64, NaN where a value is missing.

    Parameters
    ----------
    column : str
        Its name, for messages.
    data : pyarrow.ChunkedArray
        Numbers, or texts that are all numbers.

    Returns
    -------
    array
        The numbers; whole ones past 2**53 are rounded, as everywhere in floating point.

    Raises
    ------
    TableError
        Where a value is none, or is infinite or close to it.
    """
    pyarrow = arrow()
    if family_of(data.type):
        raise _unlike(column, data, "numbers")
    data = _parsed(column, data, pyarrow.float64(), _NUMBER, "a number")
    numbers = _cast(column, data, pyarrow.float64(), "numbers", safe=False).to_numpy()
    if (wild := np.abs(numbers) > _LARGEST).any():
        row = int(np.argmax(wild))
        what = f"{column}: the value in row {row + 1:,} is {numbers[row]:g}, beyond ±{_LARGEST:g}"
        raise TableError(f"{what}: mend it, or leave it empty")
    return numbers


def as_flags(column: str, data: Any) -> np.ndarray:
    """Return a column of true and false as 1 and 0, NaN where a value is missing.

    Parameters
    ----------
    column : str
        Its name, for messages.
    data : pyarrow.ChunkedArray
        Booleans, 0 and 1, or texts that say so.

    Returns
    -------
    array
        The numbers.

    Raises
    ------
    TableError
        Where a value is neither.
    """
    flags = as_numbers(column, _parsed(column, data, arrow().bool_(), _FLAG, "true or false"))
    if not np.isin(flags[~np.isnan(flags)], (0, 1)).all():
        raise _unlike(column, data, "true and false")
    return flags


def as_microseconds(column: str, data: Any, family: str) -> np.ndarray:
    """Return a column of times in microseconds, NaN where a value is missing.

    Parameters
    ----------
    column : str
        Its name, for messages.
    data : pyarrow.ChunkedArray
        Times of one kind, or texts that say them as ISO 8601 does.
    family : {"date", "instant", "time", "duration"}
        Which kind.

    Returns
    -------
    array
        Since 1970, since midnight, or in all.

    Raises
    ------
    TableError
        Where the column holds anything else.
    """
    pyarrow = arrow()
    kind, what = {
        "date": (pyarrow.timestamp("us"), "dates without a time zone"),
        "instant": (pyarrow.timestamp("us", "UTC"), "instants with a time zone"),
        "time": (pyarrow.time64("us"), "times of day"),
        "duration": (pyarrow.duration("us"), "durations"),
    }[family]
    data = _parsed(column, data, kind, _MOMENT, f"one of {what}")
    if family_of(data.type) != family and not pyarrow.types.is_null(data.type):
        raise _unlike(column, data, what)
    # Unchecked for nanoseconds, which are cut off; the others could overflow.
    ticks = _cast(column, data, kind, what, safe=getattr(data.type, "unit", "") != "ns")
    return ticks.cast(pyarrow.int64()).cast(pyarrow.float64(), safe=False).to_numpy()


def _parsed(column: str, data: Any, kind: Any, pattern: str, what: str) -> Any:
    """A column of texts as another kind, where all can be read so; a column of no texts as it is."""
    pyarrow = arrow()
    if not is_text(data.type):
        return data
    texts = pyarrow.compute.utf8_trim_whitespace(_texts(data))
    try:
        return texts.cast(kind)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
        value, row = _stray(texts, pattern)
        raise TableError(f"{column}: {value!r} in row {row:,} is not {what}: mend it, or leave it empty") from None


def _stray(texts: Any, pattern: str) -> tuple[str, int]:
    """The first text that doesn't fit the pattern, else the first of all, and its row, the first row being 1."""
    compute = arrow().compute
    place = max(compute.index(compute.match_substring_regex(texts, pattern), False).as_py(), 0)
    return texts[place].as_py(), place + 1


def stray_hint(data: Any) -> str:
    """Return what to add about a column of texts that looks like numbers with a stray word among them.

    Parameters
    ----------
    data : pyarrow.ChunkedArray
        The column.

    Returns
    -------
    str
        The first value that is no number, in brackets; "" where most are none.
    """
    compute = arrow().compute
    texts = compute.utf8_trim_whitespace(_texts(data))
    if compute.mean(compute.match_substring_regex(texts, _NUMBER)).as_py() <= 0.5:
        return ""
    value, row = _stray(texts, _NUMBER)
    return f" (most of its values are numbers; the first that is not is {value!r} in row {row:,})"


def _cast(column: str, data: Any, kind: Any, what: str, safe: bool) -> Any:
    try:
        return data.cast(kind, safe=safe)
    except arrow().ArrowException:
        raise _unlike(column, data, what) from None


def _unlike(column: str, data: Any, what: str) -> TableError:
    return TableError(f"{column}: the column holds {data.type} and not {what}: give {what}")
