"""The calls that cure: without columns or rows, with more columns, or with another model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.call import Code
from steepest.inspection.diagnosis.at_hand import RowsAtHand
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import changed

# What belongs to a descent or to another model, and is left to the defaults.
DESCENT = ("step", "direction", "rescale", "epochs", "batch_size", "shuffle", "tolerance", "seconds", "forget")
OWN = ("start", "bounds", "fixed", "loss", "penalty", "validation")
# The most rows that are written out.
MOST_ROWS = 20


def without_columns(case: Case, rows: RowsAtHand, columns: Sequence[int]) -> str:
    """Return the call without some columns.

    Parameters
    ----------
    case : Case
        The run.
    rows : RowsAtHand
        Its rows.
    columns : sequence of int
        The columns to leave out.

    Returns
    -------
    str
        The code.
    """
    if rows.fit.columns:
        X = f"X.drop(columns={[rows.fit.columns[k] for k in columns]!r})"
    else:
        X = f"np.delete(X, {list(columns)!r}, axis=1)"
    return changed(case, X=Code(X), start=None)


def with_products(case: Case, rows: RowsAtHand, pairs: Sequence[tuple[int, int]]) -> str:
    """Return the call with more columns, each the product of two, or the square of one.

    Parameters
    ----------
    case : Case
        The run.
    rows : RowsAtHand
        Its rows.
    pairs : sequence of (int, int)
        The two columns of each; equal ones for a square.

    Returns
    -------
    str
        The code.
    """
    if rows.fit.columns:
        names = [(rows.fit.columns[i], rows.fit.columns[j]) for i, j in pairs]
        added = [f"product_{k}=X[{one!r}] * X[{two!r}]" for k, (one, two) in enumerate(names)]
        X = f"X.assign({', '.join(added)})"
    elif rows.X.shape[1] == 1:
        X = "np.column_stack([X, np.square(X)])"
    else:
        X = f"np.column_stack([X, {', '.join(f'X[:, {i}] * X[:, {j}]' for i, j in pairs)}])"
    return changed(case, X=Code(X), start=None)


def without_rows(case: Case, numbers: np.ndarray) -> str:
    """Return the call without some rows; "" if they are too many to write.

    Parameters
    ----------
    case : Case
        The run.
    numbers : array of int
        Their numbers.

    Returns
    -------
    str
        The code.
    """
    if (
        len(numbers) > MOST_ROWS
        or (case.fit is not None and case.fit.columns)
        or case.asked("sample_weight") is not None
    ):
        return ""
    which = numbers.tolist()
    return changed(case, X=Code(f"np.delete(X, {which}, axis=0)"), y=Code(f"np.delete(y, {which})"))


def with_model(case: Case, model: str, **changes: object) -> str:
    """Return the call with another model and its own way of descent.

    Parameters
    ----------
    case : Case
        The run.
    model : {"Network", "Tree"}
        The model.
    **changes : object
        Other arguments.

    Returns
    -------
    str
        The code.
    """
    if case.call is None:
        return ""
    arguments: dict[str, Any] = {name: None for name in (*DESCENT, *OWN) if name in case.call.arguments}
    if case.call.name == "fit_table":
        return changed(case, **{**arguments, "model": model.lower(), **changes})
    return changed(case, **{**arguments, "model": Code(f"st.models.{model}()"), **changes})
