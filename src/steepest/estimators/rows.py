"""Check rows as scikit-learn does, with errors that name the row and the column at fault."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from steepest.data.objects import as_array
from steepest.data.sparse.csr import check_places
from steepest.printable import cut, quoted
from steepest.types import Array, Rows

# scikit-learn's messages quote whole values; longer ones are cut.
LONGEST = 600
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
    with _explained(X, _allows_gaps(estimator)):
        return validate_data(
            estimator, X, reset=False, accept_sparse=_formats(estimator), dtype=FLOATS,
            ensure_all_finite="allow-nan" if _allows_gaps(estimator) else True,
        )  # fmt: skip


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
    with _explained(X, _allows_gaps(estimator), y):
        X, y = validate_data(
            estimator, X, y, reset=reset, accept_sparse=_formats(estimator), dtype=FLOATS,
            multi_output=multi_output, y_numeric=y_numeric,
            ensure_all_finite="allow-nan" if _allows_gaps(estimator) else True,
        )  # fmt: skip
    return X, np.asarray(y)


@contextlib.contextmanager
def _explained(X: Rows, gaps: bool, y: ArrayLike | None = None) -> Iterator[None]:
    """Refuse rows that scikit-learn would misread, and name the row and the column of a fault that it finds."""
    kind = X.dtype.kind if isinstance(X, np.ndarray) else None
    names = list(map(str, X.columns)) if hasattr(X, "columns") and not callable(X.columns) else []
    if sparse.issparse(X):
        check_places(X, "X")
    elif len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"X has two columns called {quoted(twice)}: rename one")
    elif kind in ("m", "M"):
        raise ValueError(f"X must hold numbers, and has {X.dtype}: encode the times, for example as days since a date")
    elif kind == "O" or np.ma.isMaskedArray(X):
        as_array(X, "X", None)
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        if fault := _fault(X, gaps) or _fault_of_targets(y):
            raise ValueError(fault) from error
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(cut(str(error), LONGEST) if len(str(error)) > LONGEST else str(error)) from error


def _formats(estimator: BaseEstimator) -> str | bool:
    """Return the sparse format that an estimator accepts, or False, for the parameter `accept_sparse`."""
    return "csr" if estimator.__sklearn_tags__().input_tags.sparse else False


def _allows_gaps(estimator: BaseEstimator) -> bool:
    """Return whether an estimator takes missing values."""
    return bool(estimator.__sklearn_tags__().input_tags.allow_nan)


def _fault(X: Rows, gaps: bool) -> str:
    """Return a message on columns of X without numbers, or on a value that is not finite; "" if there is neither."""
    names = [str(name) for name in X.columns] if hasattr(X, "columns") and not callable(X.columns) else None
    if names:
        # Read the columns by position, because names may be numbers or occur twice.
        columns = [_as_floats(_column(X, k)) for k in range(len(names))]
        texts = [name for name, column in zip(names, columns, strict=True) if column is None]
        if texts:
            return (
                f"X must hold numbers, but the columns {', '.join(map(cut, texts[:5]))} do not: "
                "encode them as numbers, or use steepest.fit_table"
            )
    if np.iscomplexobj(X):
        return ""
    if sparse.issparse(X):
        places = sparse.coo_array(X)
        wrong = ~np.isfinite(places.data)
        if places.ndim != 2 or not wrong.any():
            return ""
        # Name the first in the order of the rows, whatever the format.
        row, column, value = min(
            zip(places.row[wrong].tolist(), places.col[wrong].tolist(), places.data[wrong].tolist(), strict=True)
        )
        return _place(value, row, column)
    try:
        table = np.column_stack([column for column in columns if column is not None]) if names else X
        values = np.asarray(table, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return ""
    wrong = np.argwhere(np.isinf(values) if gaps else ~np.isfinite(values))
    if values.ndim != 2 or not len(wrong):
        return ""
    row, column = wrong[0]
    return _place(values[row, column], row, names[column] if names else column)


def _place(value: float, row: int, column: str | int) -> str:
    """Return the message on a value of X that is not finite."""
    kind = "NaN" if np.isnan(value) else "infinity"
    return f"Input X contains {kind}, in row {row}, column {column}: fill the gap, or leave the row out"


def _fault_of_targets(y: ArrayLike | None) -> str:
    """Return a message on a target that is not finite; "" if all are, or they are no numbers."""
    if y is None:
        return ""
    try:
        values = np.asarray(y, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return ""
    wrong = np.argwhere(~np.isfinite(values))
    if values.ndim not in (1, 2) or not len(wrong):
        return ""
    kind = "NaN" if np.isnan(values[tuple(wrong[0])]) else "infinity"
    column = f", column {wrong[0][1]}" if values.ndim == 2 else ""
    return f"Input y contains {kind}, in row {wrong[0][0]}{column}: leave the row out"


def _column(X: Rows, position: int) -> Array:
    return X.iloc[:, position] if hasattr(X, "iloc") else X[:, position]


def _as_floats(column: Array) -> np.ndarray | None:
    """Return a column as floats, with NaN for missing values; None if a value is not a number."""
    for read in (np.asarray, lambda column: column.to_numpy(dtype=float, na_value=np.nan)):
        try:
            values = read(column)
            return None if values.dtype.kind not in "fiubO" else values.astype(float)
        except (AttributeError, TypeError, ValueError, OverflowError):
            continue
    return None
