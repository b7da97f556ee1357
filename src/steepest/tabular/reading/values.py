"""Values of Python, as readers of JSON and of workbooks give them, as a column of one kind."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from steepest.tabular.reading.arrow import TableError, arrow, first_line
from steepest.types import Json

if TYPE_CHECKING:
    import pyarrow as pa


def table_of(names: Sequence[str], columns: Iterable[Sequence[object]]) -> pa.Table:
    """Return a table with each column of one kind: of texts, if its values are of several kinds.

    Parameters
    ----------
    names : sequence of str
        The names of the columns; they may hold a name twice.
    columns : iterable of sequences
        The values of each column; None if missing.

    Returns
    -------
    pyarrow.Table
        The table.

    Raises
    ------
    TableError
        If the values of a column can't be put together, such as lists and numbers.

    Examples
    --------
    >>> table_of(["a", "b"], [[1.0, 2.0, None], [1.5, "n/a", 3.0]]).to_pydict()
    {'a': [1, 2, None], 'b': ['1.5', 'n/a', '3']}
    """
    pyarrow, arrays = arrow(), []
    for name, values in zip(names, columns, strict=True):
        try:
            arrays.append(pyarrow.array(_of_one_kind(values)))
        except (pyarrow.ArrowException, OverflowError) as error:
            what = f"{name}: its values can't be read as one column ({first_line(error)})"
            raise TableError(f"{what}: give every column one kind of value") from None
    return pyarrow.table(arrays, names=list(names))


def _of_one_kind(values: Sequence[object]) -> Sequence[object]:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int}:
        # As floats they might be rounded, and identifiers would become equal.
        fits = all(not isinstance(value, int) or -(2**63) <= value < 2**63 for value in values)
        return values if fits else [None if value is None else str(value) for value in values]
    if kinds <= {int, float} and all(value is None or _is_whole(value) for value in values):
        return [None if value is None else int(value) for value in values]  # type: ignore[call-overload]
    if kinds <= {int, float}:
        return [None if value is None else float(value) for value in values]  # type: ignore[arg-type]
    if kinds and kinds <= {datetime.date, datetime.datetime}:
        return [_at_midnight(value) for value in values]
    if len(kinds) == 1 or kinds & {list, dict}:
        return values
    return [None if value is None else as_text(value) for value in values]


def _is_whole(value: object) -> bool:
    # Beyond 2**53 floats can't tell whole numbers apart.
    return isinstance(value, int | float) and abs(value) <= 2**53 and value == int(value)


def _at_midnight(value: object) -> object:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    return value


def as_text(value: object) -> str:
    """Return a value as a text, without the decimals of a whole number.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> as_text(2020.0), as_text("a")
    ('2020', 'a')
    """
    return str(int(value)) if isinstance(value, float) and _is_whole(value) else str(value)


def table_of_records(records: Sequence[dict[str, Json]]) -> pa.Table:
    """Return a table of records, each a mapping from the names of columns to values.

    Parameters
    ----------
    records : sequence of dict
        The records; an entry that a record lacks is missing in its row.

    Returns
    -------
    pyarrow.Table
        The table, with the columns in the order in which they first occur.

    Examples
    --------
    >>> table_of_records([{"a": 1}, {"a": 2, "b": "x"}]).to_pydict()
    {'a': [1, 2], 'b': [None, 'x']}
    """
    names = list(dict.fromkeys(name for record in records for name in record))
    return table_of(names, ([record.get(name) for record in records] for name in names))
