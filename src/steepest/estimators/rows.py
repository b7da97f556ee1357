"""Rows as scikit-learn checks them, with the place named where something is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

FLOATS = (np.float64, np.float32)


def checked(estimator: BaseEstimator, X: Any, y: Any = "no_validation", *, reset: bool, **asked: Any) -> Any:
    """Return X, and y where it is given, as arrays; feature names and their number are learnt or compared.

    Parameters
    ----------
    estimator : estimator
        Whose rows they are.
    X : array, sparse array or DataFrame of shape (rows, columns)
        What predictions are made from.
    y : array, optional
        Targets.
    reset : bool
        Whether to learn the columns, and not to compare them with those of the fit.
    **asked : Any
        What else is asked of y.

    Returns
    -------
    array or tuple of arrays
        Floats, single precision where X has it.

    Raises
    ------
    ValueError
        If they are no numbers, not finite, or do not go together.
    """
    formats = "csr" if estimator.__sklearn_tags__().input_tags.sparse else False
    try:
        return validate_data(estimator, X, y, reset=reset, accept_sparse=formats, dtype=list(FLOATS), **asked)
    except (TypeError, ValueError) as error:
        if (where := _trouble(X)) and not hasattr(error, "columns"):
            raise ValueError(where) from error
        raise


def _trouble(X: Any) -> str:
    """Return which column of a table holds no number, or one that is not finite."""
    names = [str(name) for name in X.columns] if hasattr(X, "columns") and not callable(X.columns) else None
    if names:
        # By place, as a name may be a number, or be there twice.
        numbers = [_numbers(_column(X, k)) for k in range(len(names))]
        texts = [name for name, column in zip(names, numbers, strict=True) if column is None]
        if texts:
            return f"X must hold numbers, and the columns {', '.join(texts[:5])} do not: encode them, or use fit_table"
    if sparse.issparse(X):
        return ""
    try:
        told = np.column_stack([column for column in numbers if column is not None]) if names else X
        values = np.asarray(told, dtype=float)
    except (TypeError, ValueError):
        return ""
    wrong = np.argwhere(~np.isfinite(values))
    if values.ndim != 2 or not len(wrong):
        return ""
    row, column = wrong[0]
    what = "NaN" if np.isnan(values[row, column]) else "infinity"
    where = names[column] if names else column
    return f"Input X contains {what}, in row {row}, column {where}: fill it in or leave the row out"


def _column(X: Any, place: int) -> Any:
    return X.iloc[:, place] if hasattr(X, "iloc") else X[:, place]


def _numbers(column: Any) -> np.ndarray | None:
    """Return a column as floats, with NaN for what it lacks; None where it holds something else."""
    for read in (np.asarray, lambda column: column.to_numpy(dtype=float, na_value=np.nan)):
        try:
            values = read(column)
            return None if values.dtype.kind not in "fiubO" else values.astype(float)
        except (AttributeError, TypeError, ValueError):
            continue
    return None
