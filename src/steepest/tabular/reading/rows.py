"""Rows that are given one by one, as dicts or Series: a table with one column for each of their names."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from steepest.printable import quoted
from steepest.tabular.reading.arrow import TableError, arrow
from steepest.types import Table

# Values of a row have no length, except these.
TEXTS = (str, bytes)


def as_columns(source: Table) -> Table:
    """Return rows as columns by name, and any other source unchanged.

    Parameters
    ----------
    source : object
        A dict of single values or a pandas Series, which is one row, or a list of such rows; or another table.

    Returns
    -------
    object
        A dict of columns, or the source.

    Raises
    ------
    TableError
        If a dict has columns beside single values, or a list has something that is not a row.

    Examples
    --------
    >>> {name: column.to_pylist() for name, column in as_columns([{"age": 5, "sex": "m"}, {"age": 7}]).items()}
    {'age': [5, 7], 'sex': ['m', None]}
    """
    if (row := _row(source)) is not None:
        rows = [row]
    elif isinstance(source, (list, tuple)) and source:
        rows = [_row(each) or {} for each in source]
        if strange := [k for k, row in enumerate(rows, 1) if not row]:
            what = f"entry {strange[0]:,} of the list is {quoted(source[strange[0] - 1])}, and not a row"
            raise TableError(f"{what}: give a dict of values by column for each row")
    else:
        return source
    # A dict keeps the order in which the names appear.
    names = dict.fromkeys(name for row in rows for name in row)
    # As from pandas: a text that is missing may be NaN.
    return {str(name): arrow().array([row.get(name) for row in rows], from_pandas=True) for name in names}


def _row(source: Any) -> Mapping[Any, Any] | None:
    """Return an object as a row, or None if it is none."""
    # If pandas has not been imported, the source can't be a Series.
    pandas = sys.modules.get("pandas")
    if pandas and isinstance(source, pandas.Series):
        return dict(source)
    if not isinstance(source, dict) or not source:
        return None
    single = {name: isinstance(value, TEXTS) or not hasattr(value, "__len__") for name, value in source.items()}
    if not any(single.values()):
        return None
    if not all(single.values()):
        one, column = (next(name for name, is_one in single.items() if is_one is kind) for kind in (True, False))
        what = f"{one} is a single value, {quoted(source[one])}, and {column} is a column"
        raise TableError(f"{what}: give columns of one length, or single values for one row")
    return source
