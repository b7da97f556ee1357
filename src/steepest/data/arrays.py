"""Read the caller's arrays and check them once: numbers, all finite, and as many targets as rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from steepest.data.objects import NUMBERS, as_array
from steepest.data.sparse.csr import check_range, is_sparse, read_dtype, read_rows
from steepest.printable import quoted
from steepest.types import Rows

# The range of the largest row weight: within it, sums of weights don't overflow, and shares of the sum are exact.
LEAST_WEIGHT, LARGEST_WEIGHT = 1e-250, 1e250


def read_features(
    X: Rows, dtype: DTypeLike | None = None, what: str = "X", gaps: bool = False
) -> tuple[Rows, list[str] | None]:  # fmt: skip
    """Return X as floats, still dense or sparse, and the names of its columns, if there are any.

    Parameters
    ----------
    X : array, DataFrame or sparse array of shape (rows,) or (rows, columns, …)
        The features.
    dtype : float32, float64 or None
        The precision; None keeps float32 and float64, and converts all other types to float64.
    what : str
        The name of X in an error message.
    gaps : bool
        Whether values may be missing (NaN).

    Returns
    -------
    array or csr_array, list of str or None
        The numbers, copied only if they change, and the names.

    Raises
    ------
    TypeError
        If X does not hold numbers.
    ValueError
        If X has no rows or no columns, values that are not finite, or two columns of the same name.
    """
    columns = getattr(X, "columns", None)
    names = None if columns is None or callable(columns) else [str(name) for name in columns]
    if names and len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{what} has two columns called {quoted(twice)}: rename one")
    if is_sparse(X):
        return read_rows(X, dtype, what, names), names
    if names and hasattr(X, "sparse"):
        # X is a DataFrame whose columns are all sparse.
        return read_rows(X.sparse.to_coo(), dtype, what, names), names
    array = as_array(X, what, names, gaps)
    if array.dtype.kind not in NUMBERS:
        found = f"columns {', '.join(_not_numbers(X))}" if names else f"values such as {_first_value(array)}"
        raise TypeError(f"{what} must hold numbers, and has {found}: encode them, or use fit_table")
    if not array.ndim or not len(array):
        raise ValueError(f"{what} has no rows (its shape is {array.shape}): give one row an observation")
    if not array.size:
        raise ValueError(f"{what} has no columns (its shape is {array.shape}): give at least one column")
    kind = read_dtype(dtype, array.dtype)
    if array.dtype.kind == "f" and kind.itemsize < array.dtype.itemsize:
        check_range(np.abs(array).reshape(len(array), -1).max(axis=0), kind, what, names)
    array = array.astype(kind, copy=False)
    require_finite(array, what, names, gaps)
    return array, names


def read_target(y: ArrayLike, rows: int, what: str = "y", features: str = "X") -> np.ndarray:
    """Return y as float64, one number a row.

    Parameters
    ----------
    y : array of shape (rows,)
        Targets.
    rows : int
        The number of rows of X.
    what, features : str
        The names of y and X in an error message.

    Returns
    -------
    array
        The numbers.

    Raises
    ------
    TypeError
        If y does not hold numbers.
    ValueError
        If y is longer or shorter than X, or has values that are missing or not finite.
    """
    array = as_array(y, what, None)
    if array.dtype.kind not in NUMBERS:
        raise TypeError(f"{what} must hold numbers, and has {_first_value(array)}: encode it, or use fit_table")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{what} has the shape {array.shape}: give one number a row; "
            "steepest.estimators.DescentRegressor fits several outputs"
        )
    if len(array) != rows:
        raise ValueError(f"{features} has {rows:,} rows and {what} has {len(array):,}: give one for each row")
    array = array.astype(np.float64)
    require_finite(array, what, None)
    return array


def read_weight(weight: ArrayLike | None, rows: int) -> np.ndarray:
    """Return row weights as float64, by default all 1.

    Parameters
    ----------
    weight : array of shape (rows,) or None
        The weight of each row.
    rows : int
        The number of rows of X.

    Returns
    -------
    array
        The weights.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are zero or of extreme size, or there is not one for each row.
    """
    if weight is None:
        return np.ones(rows)
    array = read_target(weight, rows, "sample_weight")
    if (array < 0).any():
        row = int(np.flatnonzero(array < 0)[0])
        raise ValueError(f"sample_weight has {array[row]:g} in row {row}: weights must be 0 or more")
    if not array.any():
        raise ValueError("sample_weight is zero in every row: give some row a weight")
    if not LEAST_WEIGHT <= array.max() <= LARGEST_WEIGHT:
        raise ValueError(
            f"the largest value of sample_weight is {array.max():.2g}: divide all weights by it, as only their ratios "
            f"count (it has to be between {LEAST_WEIGHT:g} and {LARGEST_WEIGHT:g})"
        )
    return array


def require_finite(array: np.ndarray, what: str, names: list[str] | None, gaps: bool = False) -> None:
    """Raise if a value is infinite, or NaN unless gaps are allowed; the message names its row and column.

    Parameters
    ----------
    array : array
        The numbers.
    what : str
        The name of the array in the message.
    names : list of str or None
        The names of the columns.
    gaps : bool
        Whether values may be missing (NaN).

    Raises
    ------
    ValueError
        If there is such a value.
    """
    # A finite sum proves that all values are finite, without a second array as large as X. A sum that is not finite may
    # only have overflowed, so each value is then tested.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum(dtype=np.float64)):
            return
    wrong = np.argwhere(np.isinf(array) if gaps else ~np.isfinite(array))
    if len(wrong):
        row, *column = wrong[0].tolist()
        where = f", column {names[column[0]] if names else column[0]}" if column else ""
        raise ValueError(f"{what} has {array[tuple(wrong[0])]} in row {row}{where}: fill it in or leave the row out")


def _not_numbers(X: Rows) -> list[str]:
    """Return the names of up to five columns of a DataFrame that do not hold numbers."""
    return [quoted(name) for name in X.columns if np.asarray(X[name]).dtype.kind not in NUMBERS][:5]


def _first_value(array: np.ndarray) -> str:
    """Return the repr of the first value that is not a number."""
    first = next((v for v in array.flat if not isinstance(v, (int, float))), array.flat[0] if array.size else "nothing")
    return quoted(first.item() if isinstance(first, np.generic) else first)
