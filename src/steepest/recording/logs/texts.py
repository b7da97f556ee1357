"""Read a log that is text: CSV with commas, semicolons, tabs or spaces, JSON, JSON Lines, or one number a line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from typing import Any

from steepest.recording.logs.columns import Columns, cell_of, of_mapping, of_rows

# The separators of a CSV, the one that occurs in the first line first.
SEPARATORS = ",;\t|"
# The most letters of a printed line that are read.
MOST_LETTERS = 2_000
# What loops print: "iter 100: loss 2.31", "Epoch [3/10], Train Loss: 0.5 | lr=1e-3".
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)"
WORD = r"[A-Za-z_][\w./-]{0,40}"
PRINTED = re.compile(rf"((?:{WORD}[ \t]+){{0,2}}{WORD})[\s:=\[(]*({NUMBER})(?![\w.])", re.IGNORECASE)
# The key under which the Trainer of Hugging Face keeps its log in trainer_state.json.
HISTORY = "log_history"


def of_text(text: str, what: str) -> Columns:
    """Return the columns of a log that is text.

    Parameters
    ----------
    text : str
        The text.
    what : str
        The file, for messages.

    Returns
    -------
    dict of str to list
        The columns of numbers.

    Raises
    ------
    ValueError
        If the text is no log.

    Examples
    --------
    >>> of_text("epoch,loss\\n0,4\\n1,nan", "losses.csv")
    {'epoch': [0.0, 1.0], 'loss': [4.0, nan]}
    >>> of_text("4\\n3\\n2.5", "losses.txt")
    {'loss': [4.0, 3.0, 2.5]}
    >>> of_text("iter 0: loss 4.0, time 9ms\\niter 1: loss nan, time 8ms", "train.log")
    {'iter': [0.0, 1.0], 'loss': [4.0, nan]}
    """
    text = text.lstrip("\ufeff").strip()
    if not text:
        raise ValueError(f"{what} is empty: give a file with a loss in each row")
    columns = _of_json(text, what) if text[0] in "{[" else _of_csv(text) or of_prints(text)
    if not columns:
        raise ValueError(f"{what} has no column of numbers: give a file with a loss in each row")
    return columns


def of_json(found: Any, what: str) -> Columns:
    """Return the columns of a log in JSON: rows, columns, or the state of a Trainer of Hugging Face.

    Parameters
    ----------
    found : object
        What the file holds.
    what : str
        The file, for messages.

    Returns
    -------
    dict of str to list
        The columns.

    Raises
    ------
    ValueError
        If it holds no log.

    Examples
    --------
    >>> of_json({"log_history": [{"loss": 2.0, "step": 10}, {"eval_loss": 3.0, "step": 10}]}, "trainer_state.json")
    {'loss': [2.0, None], 'step': [10.0, 10.0], 'eval_loss': [None, 3.0]}
    """
    if isinstance(found, Mapping) and isinstance(found.get(HISTORY), list):
        found = found[HISTORY]
    if isinstance(found, list) and found and all(isinstance(row, Mapping) for row in found):
        return of_rows(found)
    if isinstance(found, list):
        return of_mapping({"loss": found})
    if isinstance(found, Mapping):
        return of_mapping(found)
    raise ValueError(f"{what} holds {type(found).__name__} in JSON: give rows, such as [{{'step': 1, 'loss': 0.5}}]")


def of_prints(text: str) -> Columns:
    """Return the numbers that a loop has printed, each with the words before it as its name, one row for each line.

    Parameters
    ----------
    text : str
        The lines.

    Returns
    -------
    dict of str to list
        The columns.

    Examples
    --------
    >>> of_prints("Epoch [1/2], Train Loss: 0.5 | lr=1e-3")
    {'Epoch': [1.0], 'Train Loss': [0.5], 'lr': [0.001]}
    """
    # Bars of progress are overwritten after a carriage return.
    return of_rows(dict(PRINTED.findall(line[:MOST_LETTERS])) for line in re.split(r"[\r\n]+", text))


def _of_json(text: str, what: str) -> Columns:
    try:
        return of_json(json.loads(text), what)
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply for a log: give rows, or columns by name") from None
    except json.JSONDecodeError as error:
        rows = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            try:
                rows.append(json.loads(line))
            except (json.JSONDecodeError, RecursionError):
                # The last line of a run that is still going on, or was killed, may be cut.
                if number == len(text.splitlines()) and rows:
                    break
                raise ValueError(
                    f"{what} is not valid JSON: {error.msg} in line {error.lineno}; give a JSON document, or one JSON "
                    "object a line"
                ) from None
        return of_rows(row for row in rows if isinstance(row, Mapping))


def _of_csv(text: str) -> Columns:
    lines = [line for line in text.splitlines() if line.strip()]
    # NumPy's savetxt writes its header as a comment.
    lines[0] = lines[0].lstrip("#").strip() if lines[0].startswith("#") else lines[0]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        return {}
    separator = next((mark for mark in SEPARATORS if mark in lines[0]), None)
    if separator is None and any(len(line.split()) > 1 for line in lines[1:2] or lines):
        rows = [line.split() for line in lines]
    else:
        try:
            rows = list(csv.reader(lines, delimiter=separator or ","))
        except csv.Error:
            return {}
    if separator and separator != ",":
        # With another separator a comma is a decimal mark: 0,25.
        rows = [[re.sub(r"^\s*([-+]?\d*),(\d+(?:[eE][-+]?\d+)?)\s*$", r"\1.\2", cell) for cell in row] for row in rows]
    header = [name.strip() for name in rows[0]]
    are_numbers = [cell_of(name) is not None for name in header if name]
    if any(are_numbers) and not all(are_numbers):
        return {}  # a printed line, and no header
    if all(are_numbers):
        header = ["loss"] if len(header) == 1 else _unnamed(rows)
    else:
        rows = rows[1:]
    taken: dict[str, int] = {}
    for k, name in enumerate(header):
        taken.setdefault(name or f"column {k}", k)
    # A header that is repeated, as by a run that was started again, is a row without numbers.
    found: Columns = {name: [cell_of(row[k]) if k < len(row) else None for row in rows] for name, k in taken.items()}
    return {name: cells for name, cells in found.items() if any(cell is not None for cell in cells)}


def _unnamed(rows: list[list[str]]) -> list[str]:
    """Return names for columns without a header: a first column that counts up is the step, one beside it the loss."""
    names = [f"column {k}" for k in range(len(rows[0]))]
    first = [cell for row in rows if (cell := cell_of(row[0])) is not None]
    if all(cell == int(cell) for cell in first if abs(cell) < 1e15) and sorted(set(first)) == first:
        names[0] = "step"
        if len(names) == 2:
            names[1] = "loss"
    return names
