"""The rows of a model as a matrix, and the shapes of its parameters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steepest.types import Array, Rows


def as_matrix(X: Rows, width: int | None, model: str) -> Rows:
    """Return rows as a matrix; a vector becomes one column.

    Parameters
    ----------
    X : array or CSR of shape (rows,) or (rows, columns)
        The rows.
    width : int or None
        The number of columns of the fit; None before the fit.
    model : str
        The name of the model in a message, such as "a network".

    Returns
    -------
    array or CSR of shape (rows, columns)
        The same numbers.

    Raises
    ------
    ValueError
        If X is not a matrix, or has more or fewer columns than in the fit.

    Examples
    --------
    >>> import numpy as np
    >>> as_matrix(np.arange(3.0), None, "a network").shape
    (3, 1)
    """
    if X.ndim == 1 and width in (None, 1):
        X = X[:, None]
    if X.ndim != 2:
        raise ValueError(f"X has the shape {X.shape}: {model} takes (rows, columns)")
    if width is not None and X.shape[1] != width:
        raise ValueError(f"X has {X.shape[1]} columns and the model was fitted on {width}")
    return X


def check_shapes(known: Mapping[str, Array], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Raise ValueError if an array of a model is missing or has another shape.

    Parameters
    ----------
    known : mapping of str to array
        The arrays.
    wanted : mapping of str to tuple of int
        Their shapes.

    Raises
    ------
    ValueError
        If an array is missing or has another shape.
    """
    for name, shape in wanted.items():
        found = np.shape(known[name]) if name in known else None
        if found != shape:
            raise ValueError(f"{name} of the model has the shape {found}, not {shape}")
