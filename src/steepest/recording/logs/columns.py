"""`Columns`: a log as columns of numbers by name, in which a cell that was not logged differs from a NaN that was."""

from __future__ import annotations

import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

# A number; None if the cell is empty, and NaN if the log says so: a loss of NaN is what a diagnosis looks for.
Cell: TypeAlias = float | None
Columns: TypeAlias = dict[str, list[Cell]]

MISSING = {"", "none", "null", "na", "n/a", "<na>", "-", "--"}
# How PyTorch prints a number: tensor(0.25, device='cuda:0', grad_fn=<MseLossBackward0>).
TENSOR = re.compile(r"tensor\(\s*([^\s,)]+)")


def cell_of(value: Any) -> Cell:
    """Return an entry of a log as a number; None if it is missing or no number.

    Parameters
    ----------
    value : object
        A number, a text, an array or tensor of one number, or anything else.

    Returns
    -------
    float or None
        The number.

    Examples
    --------
    >>> cell_of("0.25"), cell_of("tensor(0.25, device='cuda:0')"), cell_of(""), cell_of("NaN"), cell_of("adam")
    (0.25, 0.25, None, nan, None)
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip().strip("\"'")
        if text.lower() in MISSING:
            return None
        if found := TENSOR.match(text):
            text = found[1]
        try:
            return float(text)
        except ValueError:
            return None
    if isinstance(value, numbers.Real):
        return float(value)
    if getattr(value, "size", None) == 1 or (callable(getattr(value, "numel", None)) and value.numel() == 1):
        value = value.detach().cpu() if hasattr(value, "detach") else value
        try:
            return float(value)
        except (TypeError, ValueError):
            return None
    return None


def of_rows(rows: Iterable[Mapping[str, Any]]) -> Columns:
    """Return rows, each a mapping with some of the columns, as columns; entries that are no numbers are left out.

    Parameters
    ----------
    rows : iterable of mapping
        The rows.

    Returns
    -------
    dict of str to list
        The columns, of one length.

    Examples
    --------
    >>> of_rows([{"loss": 2.0, "step": 1}, {"eval": {"loss": 3.0}, "step": 1}])
    {'loss': [2.0, None], 'step': [1.0, 1.0], 'eval/loss': [None, 3.0]}
    """
    columns: Columns = {}
    count = 0
    for row in rows:
        for name, value in _flat(row):
            column = columns.setdefault(name, [])
            column += [None] * (count - len(column))
            if len(column) == count:
                column.append(cell_of(value))
        count += 1
    for column in columns.values():
        column += [None] * (count - len(column))
    return {name: column for name, column in columns.items() if any(cell is not None for cell in column)}


def of_mapping(log: Mapping[str, Any]) -> Columns:
    """Return a mapping from names to sequences of numbers as columns of one length.

    A shorter one, such as a validation loss per epoch beside the loss of each batch, is spread evenly, with its last
    entry at the end.

    Parameters
    ----------
    log : mapping
        The sequences, or mappings of them.

    Returns
    -------
    dict of str to list
        The columns, of one length.

    Examples
    --------
    >>> of_mapping({"loss": [4, 3, 2, 1], "val": {"loss": [5, 6]}})
    {'loss': [4.0, 3.0, 2.0, 1.0], 'val/loss': [None, 5.0, None, 6.0]}
    """
    found: Columns = {}
    for name, values in _flat(log):
        if isinstance(values, str | bytes) or not hasattr(values, "__len__") or not hasattr(values, "__iter__"):
            continue
        cells = [cell_of(value) for value in values]
        if any(cell is not None for cell in cells):
            found[name] = cells
    most = max(map(len, found.values()), default=0)
    return {name: _spread(cells, most) for name, cells in found.items()}


def is_empty(cell: Cell) -> bool:
    """Tell whether a cell of a column of counts, such as steps, can't be used: floats count to 2**53."""
    return cell is None or not abs(cell) < 2**53


def _spread(cells: Sequence[Cell], most: int) -> list[Cell]:
    if len(cells) == most:
        return list(cells)
    spread: list[Cell] = [None] * most
    for k, cell in enumerate(cells, 1):
        spread[round(k * most / len(cells)) - 1] = cell
    return spread


def _flat(log: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Yield the entries of nested mappings, with their names joined by slashes."""
    for name, value in log.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}/")
        else:
            yield path, value
