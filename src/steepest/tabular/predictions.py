"""Predictions as a CSV file: a line a row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steepest.tabular.files import arrow


def columns_of(
    rows: np.ndarray, target: str, truth: np.ndarray | None, labels: np.ndarray, beside: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Return the columns of the file.

    Parameters
    ----------
    rows : array of int of shape (rows,)
        The number of each row in its table, from 0.
    target : str
        What is predicted.
    truth : array of shape (rows,) or None
        What it was, if known.
    labels : array of shape (rows,)
        Predictions; NaN or None where there is none.
    beside : mapping of str to array
        More columns, such as probabilities.

    Returns
    -------
    dict
        The number of each row from 1, the truth if known, the prediction, and the rest.
    """
    columns: dict[str, Any] = {"row": rows + 1}
    if truth is not None:
        columns[f"{target} (truth)" if target in ("row", "predicted", *beside) else target] = truth
    columns["predicted"] = labels
    return columns | dict(beside)


def write_csv(file: Any, columns: Mapping[str, Any]) -> None:
    """Write columns as CSV; a path is replaced when all is written.

    Parameters
    ----------
    file : path or binary stream
        Where.
    columns : mapping of str to array
        What; NaN and None are left empty.
    """
    pyarrow = arrow()
    table = pyarrow.table({name: pyarrow.array(column, from_pandas=True) for name, column in columns.items()})
    plainly = pyarrow.csv.WriteOptions(quoting_style="needed")
    if hasattr(file, "write"):
        pyarrow.csv.write_csv(table, file, plainly)
        return
    path = Path(file)
    draft = path.with_name(f".writing-{path.name}")
    try:
        pyarrow.csv.write_csv(table, str(draft), plainly)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
