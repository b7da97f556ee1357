"""Check rows as scikit-learn does, with errors that name the row and the column at fault."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from steepest.types import Array, Rows

FLOATS = [np.float64, np.float32]


def check_rows(estimator: BaseEstimator, X: Rows) -> Rows:
    """Return the rows to predict from as floats.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator.
    X : array, sparse array or DataFrame of shape (rows, columns)
        The rows.

    Returns
    -------
    array or sparse array
        Floats, in single precision if X is.

    Raises
    ------
    ValueError
        If X holds anything but finite numbers, or has other columns than the rows of the fit.
    """
    try:
        return validate_data(estimator, X, reset=False, accept_sparse=_formats(estimator), dtype=FLOATS)
    except (TypeError, ValueError) as error:
        if fault := _fault(X):
            raise ValueError(fault) from error
        raise


def check_rows_and_targets(
    estimator: BaseEstimator,
    X: Rows,
    y: ArrayLike,
    *,
    reset: bool,
    multi_output: bool = False,
    y_numeric: bool = False,
) -> tuple[Rows, np.ndarray]:
    """Return rows as floats with their targets, and store or compare the number and names of the columns.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    X : array, sparse array or DataFrame of shape (rows, columns)
        The rows.
    y : array of shape (rows,) or (rows, outputs)
        The targets.
    reset : bool
        Whether to store the columns in the estimator, rather than compare them with those of its fit.
    multi_output : bool
        Whether y may have several columns.
    y_numeric : bool
        Whether y must hold numbers.

    Returns
    -------
    array or sparse array, array
        X as floats, in single precision if X is; and y.

    Raises
    ------
    ValueError
        If X holds anything but finite numbers, has other columns than before, or does not match y.
    """
    try:
        X, y = validate_data(
            estimator, X, y, reset=reset, accept_sparse=_formats(estimator), dtype=FLOATS,
            multi_output=multi_output, y_numeric=y_numeric,
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        if fault := _fault(X):
            raise ValueError(fault) from error
        raise
    return X, np.asarray(y)


def _formats(estimator: BaseEstimator) -> str | bool:
    """Return the sparse formats that an estimator accepts, as scikit-learn asks for them."""
    return "csr" if estimator.__sklearn_tags__().input_tags.sparse else False


def _fault(X: Rows) -> str:
    """Return which columns of X hold no numbers, or where X is not finite; empty if neither is found."""
    names = [str(name) for name in X.columns] if hasattr(X, "columns") and not callable(X.columns) else None
    if names:
        # Columns are read by position, as names may be numbers or occur twice.
        columns = [_as_floats(_column(X, k)) for k in range(len(names))]
        texts = [name for name, column in zip(names, columns, strict=True) if column is None]
        if texts:
            return (
                f"X must hold numbers, but the columns {', '.join(texts[:5])} do not: "
                "encode them as numbers, or use steepest.fit_table"
            )
    if sparse.issparse(X):
        return ""
    try:
        table = np.column_stack([column for column in columns if column is not None]) if names else X
        values = np.asarray(table, dtype=float)
    except (TypeError, ValueError):
        return ""
    wrong = np.argwhere(~np.isfinite(values))
    if values.ndim != 2 or not len(wrong):
        return ""
    row, column = wrong[0]
    value = "NaN" if np.isnan(values[row, column]) else "infinity"
    name = names[column] if names else column
    return f"Input X contains {value}, in row {row}, column {name}: fill the gap, or leave the row out"


def _column(X: Rows, position: int) -> Array:
    return X.iloc[:, position] if hasattr(X, "iloc") else X[:, position]


def _as_floats(column: Array) -> np.ndarray | None:
    """Return a column as floats, with NaN for missing values; None if it holds anything but numbers."""
    for read in (np.asarray, lambda column: column.to_numpy(dtype=float, na_value=np.nan)):
        try:
            values = read(column)
            return None if values.dtype.kind not in "fiubO" else values.astype(float)
        except (AttributeError, TypeError, ValueError):
            continue
    return None
