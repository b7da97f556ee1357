"""One column of a table as an array: numbers, flags and times become floats, texts become codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from steepest.printable import quoted
from steepest.tabular.reading.arrow import TableError, arrow, nearest

if TYPE_CHECKING:
    import pyarrow as pa

# A day in microseconds, the unit in which times are read.
DAY = 24 * 3_600_000_000

# Patterns of the texts that pyarrow reads as a number, as true or false, and (roughly) as a time. After pyarrow refused
# a column, they find the value to name in the message.
NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
FLAG = r"^(?i:true|false|0|1)$"
ISO_DATE = r"^\d{4}-\d{2}-\d{2}"
# Numbers above this are refused, as infinities are: sums of them overflow (the largest float is about 1.8e308).
LARGEST = 1e300


def column_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return a column of a table by its name.

    Parameters
    ----------
    table : pyarrow.Table
        The table.
    name : str
        The name of the column.

    Returns
    -------
    pyarrow.ChunkedArray
        The column.

    Raises
    ------
    TableError
        If the table has no such column; the message gives the closest name.
    TypeError
        If the name is not a text.
    """
    if not isinstance(name, str):
        raise TypeError(f"{quoted(name)} is not the name of a column: give a text, such as {str(name)!r}")
    if name not in table.column_names and name.strip() in table.column_names:
        # A table has no spaces around its names, but a folder of an earlier version may hold such a name.
        name = name.strip()
    if name not in table.column_names:
        raise TableError(f"there is no column {quoted(name)} in the table: {nearest(name, table.column_names)}")
    return table.column(name)


# The key in the metadata of a table for the decimal mark that its file suggests.
DECIMAL_HINT = b"decimal mark"


def decimal_hint(table: pa.Table) -> str:
    """Return the decimal mark that the file of a table suggests; "" if it suggests none.

    Parameters
    ----------
    table : pyarrow.Table
        The table, as `read_table` returns it.

    Returns
    -------
    {".", ",", ""}
        The mark.
    """
    return (table.schema.metadata or {}).get(DECIMAL_HINT, b"").decode()


def check_choice(argument: str, value: str, choices: Sequence[str]) -> None:
    """Refuse a value that an argument does not accept.

    Parameters
    ----------
    argument : str
        The name of the argument.
    value : str
        The value that was given.
    choices : sequence of str
        The values that the argument accepts.

    Raises
    ------
    ValueError
        If the value is not among the choices.
    """
    if value not in choices:
        raise ValueError(f"{argument}={quoted(value)} is unknown: {nearest(str(value), choices)}")


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds texts.

    Parameters
    ----------
    kind : pyarrow.DataType
        The type.

    Returns
    -------
    bool
        True for texts, and for dictionaries of texts (categories).
    """
    types = arrow().types
    texts = (types.is_string, types.is_large_string, types.is_string_view, types.is_dictionary)
    return any(matches(kind) for matches in texts)


def family_of(kind: pa.DataType) -> str:
    """Return the kind of time that a type holds.

    Parameters
    ----------
    kind : pyarrow.DataType
        The type.

    Returns
    -------
    {"date", "instant", "time", "duration", ""}
        A date or timestamp without a time zone, a timestamp with a time zone, a time of day, a span of time; "" if the
        type holds no times.
    """
    types = arrow().types
    if types.is_timestamp(kind):
        return "instant" if kind.tz else "date"
    families = {"date": types.is_date, "time": types.is_time, "duration": types.is_duration}
    return next((family for family, matches in families.items() if matches(kind)), "")


def unit_of(family: str) -> int:
    """Return the unit of times that are used as numbers.

    Parameters
    ----------
    family : {"date", "instant", "time", "duration"}
        The kind of time.

    Returns
    -------
    int
        A day for dates and instants, an hour for the others, in microseconds.
    """
    return DAY if family in ("date", "instant") else DAY // 24


def texts_of(data: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as texts, whatever type holds them.

    Parameters
    ----------
    data : pyarrow.ChunkedArray
        The column.

    Returns
    -------
    pyarrow.ChunkedArray
        The same as large strings.
    """
    pyarrow = arrow()
    if pyarrow.types.is_dictionary(data.type):
        data = data.cast(data.type.value_type)
    return data.cast(pyarrow.large_string())


def whole_as_texts(data: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return a column of whole numbers as texts, as they were written.

    Parameters
    ----------
    data : pyarrow.ChunkedArray
        The column.

    Returns
    -------
    pyarrow.ChunkedArray or None
        The texts; None if the column holds something else than whole numbers.
    """
    pyarrow = arrow()
    if pyarrow.types.is_floating(data.type):
        # A column of whole numbers of which some are missing comes as floats from many libraries.
        try:
            data = pyarrow.compute.if_else(pyarrow.compute.is_nan(data), None, data).cast(pyarrow.int64())
        except pyarrow.ArrowInvalid:
            return None
    return data.cast(pyarrow.large_string()) if pyarrow.types.is_integer(data.type) else None


def as_codes(data: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Return the distinct texts of a column in order of appearance, and the code of each row's text.

    Parameters
    ----------
    data : pyarrow.ChunkedArray
        A column of texts.

    Returns
    -------
    codes : array of int
        The index of each row's text in `texts`; -1 for a missing value.
    texts : list of str
        The distinct texts.
    """
    coded = texts_of(data).dictionary_encode().combine_chunks()
    return coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), coded.dictionary.to_pylist()


def as_numbers(column: str, data: pa.ChunkedArray) -> np.ndarray:
    """Return a column as float64, with NaN for missing values.

    Parameters
    ----------
    column : str
        The name of the column, for messages.
    data : pyarrow.ChunkedArray
        Numbers, or texts that are all numbers.

    Returns
    -------
    array
        The numbers; integers beyond 2**53 are rounded to the nearest float.

    Raises
    ------
    TableError
        If a value is not a number, or is larger than 1e300 in size.
    """
    pyarrow = arrow()
    if family_of(data.type):
        raise _wrong_type(column, data, "numbers")
    data = _parsed(column, data, pyarrow.float64(), NUMBER, "a number")
    numbers = _cast(column, data, pyarrow.float64(), "numbers", safe=False).to_numpy()
    if (too_large := np.abs(numbers) > LARGEST).any():
        row = int(np.argmax(too_large))
        what = f"{column}: the value in row {row + 1:,} is {numbers[row]:g}, beyond ±{LARGEST:g}"
        raise TableError(f"{what}: correct it, or leave it empty")
    return numbers


def as_flags(column: str, data: pa.ChunkedArray) -> np.ndarray:
    """Return a column of true and false as 1 and 0, with NaN for missing values.

    Parameters
    ----------
    column : str
        The name of the column, for messages.
    data : pyarrow.ChunkedArray
        Booleans, numbers 0 and 1, or texts such as "true" and "false".

    Returns
    -------
    array
        The numbers.

    Raises
    ------
    TableError
        If a value is neither true nor false.
    """
    flags = as_numbers(column, _parsed(column, data, arrow().bool_(), FLAG, "true or false"))
    if not np.isin(flags[~np.isnan(flags)], (0, 1)).all():
        raise _wrong_type(column, data, "true and false")
    return flags


def as_microseconds(column: str, data: pa.ChunkedArray, family: str) -> np.ndarray:
    """Return a column of times in microseconds, with NaN for missing values.

    Parameters
    ----------
    column : str
        The name of the column, for messages.
    data : pyarrow.ChunkedArray
        Times of one kind, or texts in the format of ISO 8601.
    family : {"date", "instant", "time", "duration"}
        The kind of time.

    Returns
    -------
    array
        Microseconds since 1970 for dates and instants, since midnight for times of day, in total for durations.

    Raises
    ------
    TableError
        If the column holds other values.
    """
    pyarrow = arrow()
    kind, what = {
        "date": (pyarrow.timestamp("us"), "dates without a time zone"),
        "instant": (pyarrow.timestamp("us", "UTC"), "instants with a time zone"),
        "time": (pyarrow.time64("us"), "times of day"),
        "duration": (pyarrow.duration("us"), "durations"),
    }[family]
    data = _parsed(column, data, kind, ISO_DATE, f"one of {what}")
    if family_of(data.type) != family and not pyarrow.types.is_null(data.type):
        raise _wrong_type(column, data, what)
    # A cast from nanoseconds must be unsafe, because it drops digits, which a safe cast refuses. A cast from other
    # units must be safe, because it could overflow.
    ticks = _cast(column, data, kind, what, safe=getattr(data.type, "unit", "") != "ns")
    return ticks.cast(pyarrow.int64()).cast(pyarrow.float64(), safe=False).to_numpy()


def _parsed(column: str, data: pa.ChunkedArray, kind: pa.DataType, pattern: str, what: str) -> pa.ChunkedArray:
    """Parse texts as another type, or name the first that can't be parsed; return other columns unchanged."""
    pyarrow = arrow()
    if not is_text(data.type):
        return data
    texts = pyarrow.compute.utf8_trim_whitespace(texts_of(data))
    try:
        return texts.cast(kind)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
        value, row = _first_mismatch(texts, pattern)
        raise TableError(
            f"{column}: {quoted(value)} in row {row:,} is not {what}: correct it, or leave it empty"
        ) from None


def _first_mismatch(texts: pa.ChunkedArray, pattern: str) -> tuple[str, int]:
    """Return the first text that does not match a pattern (or the first of all) and its row, counted from 1."""
    compute = arrow().compute
    row = max(compute.index(compute.match_substring_regex(texts, pattern), False).as_py(), 0)
    return texts[row].as_py(), row + 1


def almost_numeric(data: pa.ChunkedArray) -> str:
    """Return a remark on a column of texts, if most of the texts are numbers.

    Parameters
    ----------
    data : pyarrow.ChunkedArray
        The column.

    Returns
    -------
    str
        The first value that is not a number, in brackets; "" if most values are not numbers.
    """
    compute = arrow().compute
    texts = compute.utf8_trim_whitespace(texts_of(data))
    if compute.mean(compute.match_substring_regex(texts, NUMBER)).as_py() <= 0.5:
        return ""
    value, row = _first_mismatch(texts, NUMBER)
    return f" (most of its values are numbers; the first that is not is {value!r} in row {row:,})"


def _cast(column: str, data: pa.ChunkedArray, kind: pa.DataType, what: str, safe: bool) -> pa.ChunkedArray:
    try:
        return data.cast(kind, safe=safe)
    except arrow().ArrowException:
        raise _wrong_type(column, data, what) from None


def _wrong_type(column: str, data: pa.ChunkedArray, what: str) -> TableError:
    return TableError(f"{column}: the column holds {data.type} and not {what}: give {what}")
