"""Rows that the caller has in memory, checked once: numbers, finite, and as many targets as rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.data.sparse.csr import is_sparse, read_dtype, read_rows


def read_features(X: Any, dtype: Any = None, what: str = "X") -> tuple[Any, list[str] | None]:
    """Return X as an array of floats, sparse where it is, and the names of its columns where it has any.

    Parameters
    ----------
    X : array, DataFrame or sparse array of shape (rows,) or (rows, columns, …)
        What predictions are made from.
    dtype : float32, float64 or None
        What to compute with; None keeps a float X as it is and takes float64 for the rest.
    what : str
        What it is called in an error.

    Returns
    -------
    array or csr_array, list of str or None
        The numbers, not copied where they need no change, and the names.

    Raises
    ------
    TypeError
        If X is not numbers.
    ValueError
        If it has no rows, or values that are not finite.
    """
    columns = getattr(X, "columns", None)
    names = None if columns is None or callable(columns) else [str(name) for name in columns]
    if is_sparse(X):
        return read_rows(X, dtype, what, names), names
    if names and hasattr(X, "sparse"):
        # A frame whose columns are all sparse.
        return read_rows(X.sparse.to_coo(), dtype, what, names), names
    array = np.asarray(X)
    if array.dtype.kind not in "fiub":
        found = f"columns {', '.join(_not_numbers(X))}" if names else f"values such as {_first_text(array)!r}"
        raise TypeError(f"{what} must hold numbers, and has {found}: encode them, or use fit_table")
    if not array.ndim or not len(array):
        raise ValueError(f"{what} has no rows (its shape is {array.shape}): give one row an observation")
    array = array.astype(read_dtype(dtype, array.dtype), copy=False)
    require_finite(array, what, names)
    return array, names


def read_target(y: Any, rows: int, what: str = "y", features: str = "X") -> np.ndarray:
    """Return y as float64, one number a row.

    Parameters
    ----------
    y : array of shape (rows,)
        Targets.
    rows : int
        How many there must be.
    what, features : str
        What y and X are called in an error.

    Returns
    -------
    array
        The numbers.

    Raises
    ------
    TypeError
        If they are not numbers.
    ValueError
        If there are more or fewer, or some are not finite.
    """
    array = np.asarray(y)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{what} must hold numbers, and has {_first_text(array)!r}: encode it, or use fit_table")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{what} has the shape {array.shape}: give one number a row")
    if len(array) != rows:
        raise ValueError(f"{features} has {rows:,} rows and {what} has {len(array):,}: give one for each row")
    array = array.astype(np.float64)
    require_finite(array, what, None)
    return array


def read_weight(weight: Any, rows: int) -> np.ndarray:
    """Return row weights, all 1 where none are given.

    Parameters
    ----------
    weight : array of shape (rows,) or None
        How often each row counts.
    rows : int
        How many there must be.

    Returns
    -------
    array
        The weights.

    Raises
    ------
    ValueError
        If some are negative, or all are zero.
    """
    if weight is None:
        return np.ones(rows)
    array = read_target(weight, rows, "sample_weight")
    if (array < 0).any():
        row = int(np.flatnonzero(array < 0)[0])
        raise ValueError(f"sample_weight has {array[row]:g} in row {row}: weights must be 0 or more")
    if not array.any():
        raise ValueError("sample_weight is zero in every row: give some row a weight")
    return array


def require_finite(array: np.ndarray, what: str, names: list[str] | None) -> None:
    """Raise where some value is NaN or infinite, naming its row and column.

    Parameters
    ----------
    array : array
        The numbers.
    what : str
        What they are called.
    names : list of str or None
        The names of the columns.

    Raises
    ------
    ValueError
        If some are not finite.
    """
    # The sum is finite unless some entry is not (or it overflows): no second array as large as X.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum(dtype=np.float64)):
            return
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        row, *column = wrong[0].tolist()
        where = f", column {names[column[0]] if names else column[0]}" if column else ""
        raise ValueError(f"{what} has {array[tuple(wrong[0])]} in row {row}{where}: fill it in or leave the row out")


def _not_numbers(X: Any) -> list[str]:
    return [str(name) for name in X.columns if np.asarray(X[name]).dtype.kind not in "fiub"][:5]


def _first_text(array: np.ndarray) -> Any:
    first = next((v for v in array.flat if not isinstance(v, (int, float))), array.flat[0] if array.size else "nothing")
    return first.item() if isinstance(first, np.generic) else first
