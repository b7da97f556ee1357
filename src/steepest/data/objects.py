"""Turn the caller's object into an array, also if it holds Python objects, missing values or masked ones."""

from __future__ import annotations

import numbers
import sys
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike

from steepest.printable import quoted

# The kinds of arrays that hold real numbers: floats, whole numbers and booleans.
NUMBERS = "fiub"
# pandas' markers of a missing value, which are known by name so that pandas need not be imported.
MISSING = ("NAType", "NaTType", "NoneType")


def as_array(values: ArrayLike, what: str, names: list[str] | None, gaps: bool = False) -> np.ndarray:
    """Return an array; Python numbers become floats, and other objects stay objects.

    Parameters
    ----------
    values : array-like
        What the caller gave.
    what : str
        Its name in an error message.
    names : list of str or None
        The names of the columns.
    gaps : bool
        Whether values may be missing; they become NaN.

    Returns
    -------
    array
        The values.

    Raises
    ------
    ValueError
        If a value is missing, masked or too large for a float, or the rows have different lengths.
    """
    if np.ma.isMaskedArray(values) and np.ma.is_masked(values):
        if gaps:
            return np.ma.filled(values.astype(float), np.nan)
        place = np.argwhere(np.ma.getmaskarray(values))[0]
        raise ValueError(f"{what} is masked {_where(place, names)}: fill it in or leave the row out")
    try:
        array = np.asarray(values)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(f"{what} has rows of different lengths: give each row the same number of values") from None
    return _from_objects(array, what, names, gaps) if array.dtype == object and array.ndim else array


def _from_objects(array: np.ndarray, what: str, names: list[str] | None, gaps: bool) -> np.ndarray:
    """Return an array of objects as floats if all are numbers, else as it is."""
    if gaps:
        array = array.copy()
    for place, value in np.ndenumerate(array):
        if type(value).__name__ in MISSING:
            if gaps:
                array[place] = np.nan
                continue
            raise ValueError(f"{what} has {value} {_where(place, names)}: fill it in or leave the row out")
        if not isinstance(value, (numbers.Real, Decimal)):
            return array
    try:
        return array.astype(float)
    except OverflowError:
        place, value = next((place, v) for place, v in np.ndenumerate(array) if abs(v) > sys.float_info.max)
        where = _where(place, names)
        raise ValueError(f"{what} has {quoted(value)} {where}, more than a float can hold: divide it") from None


def _where(place: tuple[int, ...] | np.ndarray, names: list[str] | None) -> str:
    row, *column = map(int, place)
    return f"in row {row}" + (f", column {names[column[0]] if names else column[0]}" if column else "")
