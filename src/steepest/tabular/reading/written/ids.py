"""Columns that only number or name the rows: nothing can be learned from them, but each row by heart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from steepest.tabular.reading.arrow import arrow
from steepest.tabular.reading.columns import almost_numeric, is_text

if TYPE_CHECKING:
    import pyarrow as pa

# The fewest values that must differ. Chosen, not measured: in fewer rows different values are no surprise.
FEWEST = 10
# The names that programs give to a column that had none, or to one of row numbers: this library, pandas, and R.
_UNNAMED = re.compile(r"column \d+|unnamed: \d+|\.\.\.\d+|level_0|row[._ ]?names?", re.IGNORECASE)
# A name that pandas gives to row numbers, and people give to other numbers, too.
_INDEX = "index"
# Words in the names of identifiers. Whole numbers that differ from row to row are one only under such a name, as years
# and amounts of money may differ, too.
_ANYWHERE = {"id", "ids", "uid", "uuid", "guid", "rowid", "identifier"}
_LAST = {"no", "nr", "num", "number", "key", "code", "serial", "row", "obs", "observation"}


def left_out(name: str, data: pa.ChunkedArray) -> str:
    """Return why a column only numbers or names the rows; "" if it does not.

    Parameters
    ----------
    name : str
        The column.
    data : pyarrow.ChunkedArray
        Its values, as numbers if they are written so.

    Returns
    -------
    str
        A sentence for the user.

    Examples
    --------
    >>> numbers = arrow().chunked_array([list(range(101, 121))])
    >>> left_out("PassengerId", numbers)
    'PassengerId: a different value in each row, so it only tells the rows apart and is left out; features= takes it in'
    >>> left_out("year", numbers), left_out("size", numbers.cast("float64"))
    ('', '')
    """
    pyarrow = arrow()
    types, kind = pyarrow.types, data.type
    values = data.drop_null()
    whole = types.is_integer(kind) or types.is_floating(kind)
    if len(values) < FEWEST or not (whole or is_text(kind)):
        return ""
    if whole:
        numbers = values.cast(pyarrow.float64(), safe=False).to_numpy()
        numbers = numbers[~np.isnan(numbers)]
        if len(numbers) < FEWEST or (numbers != np.floor(numbers)).any():
            return ""
        if _numbers_rows(name, numbers):
            return f"{name}: the numbers of the rows, so left out; features= takes it in"
        if not names_ids(name) or len(np.unique(numbers)) < len(numbers):
            return ""
    elif len(values.unique()) < len(values):
        return ""
    why = "so it only tells the rows apart and is left out; features= takes it in"
    remark = "" if whole else almost_numeric(data)
    return f"{name}: a different {'value' if whole else 'text'} in each row, {why}{remark}"


def has_no_name(name: str) -> bool:
    """Tell whether a name is one that programs give to a column without a name, or to one of row numbers.

    Parameters
    ----------
    name : str
        The name of a column.

    Returns
    -------
    bool
        True if it is.

    Examples
    --------
    >>> has_no_name("column 1"), has_no_name("Unnamed: 0"), has_no_name("customer_id")
    (True, True, False)
    """
    return name.lower() == _INDEX or _UNNAMED.fullmatch(name) is not None


def _numbers_rows(name: str, numbers: np.ndarray) -> bool:
    """Tell whether the whole numbers of a column are those of rows: all of a table, some of them, or in any order."""
    if not has_no_name(name):
        return False
    counts_up = float((np.diff(numbers) == 1).mean()) >= 0.5
    if name.lower() == _INDEX:
        return counts_up and numbers.min() in (0, 1)
    distinct = len(np.unique(numbers)) / len(numbers)
    # Two tables, one below the other, count up twice; the hours of days count up again and again.
    return distinct == 1 or (counts_up and distinct >= 0.5)


def names_ids(name: str, surely: bool = False) -> bool:
    """Tell whether a name is that of identifiers.

    Parameters
    ----------
    name : str
        The name of a column.
    surely : bool
        Whether words are not enough that others than identifiers have, too, such as "number".

    Returns
    -------
    bool
        True if it is.

    Examples
    --------
    >>> names_ids("PassengerId"), names_ids("Order no."), names_ids("Order no.", surely=True), names_ids("width")
    (True, True, False, False)
    """
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    return bool(words) and (not _ANYWHERE.isdisjoint(words) or (not surely and words[-1] in _LAST))
