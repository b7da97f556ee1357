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
    """Return rows as floats, after checking them against the columns of the fit.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator.
    X : array, sparse array or DataFrame of shape (rows, columns)
        The rows.

    Returns
    -------
    array or sparse array
        The rows as floats, in single precision if X is.

    Raises
    ------
    ValueError
        If X holds values other than finite numbers, or has other columns than the rows of the fit.
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
    """Return rows as floats with their targets, after checking them, and store or compare the columns.

    Parameters
    ----------
    estimator : estimator
        The estimator to fit.
    X : array, sparse array or DataFrame of shape (rows, columns)
        The rows.
    y : array of shape (rows,) or (rows, outputs)
        The targets.
    reset : bool
        Whether to store the number and names of the columns in the estimator, or else to compare them with its fit.
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
        If X holds values other than finite numbers, has other columns than the fit, or does not match y.
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
    """Return the sparse format that an estimator accepts, or False, for the parameter `accept_sparse`."""
    return "csr" if estimator.__sklearn_tags__().input_tags.sparse else False


def _fault(X: Rows) -> str:
    """Return a message on columns of X without numbers, or on a value that is not finite; "" if there is neither."""
    names = [str(name) for name in X.columns] if hasattr(X, "columns") and not callable(X.columns) else None
    if names:
        # Read the columns by position, because names may be numbers or occur twice.
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
    """Return a column as floats, with NaN for missing values; None if a value is not a number."""
    for read in (np.asarray, lambda column: column.to_numpy(dtype=float, na_value=np.nan)):
        try:
            values = read(column)
            return None if values.dtype.kind not in "fiubO" else values.astype(float)
        except (AttributeError, TypeError, ValueError):
            continue
    return None
