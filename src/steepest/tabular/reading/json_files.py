"""Read JSON files: records, columns, or a record on each line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from steepest.tabular.reading.arrow import TableError, arrow, first_line
from steepest.tabular.reading.byte_limit import ByteCount
from steepest.tabular.reading.values import table_of, table_of_records
from steepest.types import Json

if TYPE_CHECKING:
    import pyarrow as pa


def read_json(path: Path, most: int) -> pa.Table:
    """Read a JSON file: a list of records, a mapping of columns by name as pandas writes it, or a record on each line.

    Parameters
    ----------
    path : Path
        The file.
    most : int
        The most bytes that it may hold.

    Returns
    -------
    pyarrow.Table
        The table.

    Raises
    ------
    TableError
        If the file is no JSON, or no table.
    """
    ByteCount(path.name, most).add(path.stat().st_size)
    if path.suffix.lower() == ".jsonl" and (table := _quickly(path)) is not None:
        return table
    try:
        content = path.read_bytes()
        text = content.decode(json.detect_encoding(content))
        return _table(_parsed(text, path.name), path.name)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise TableError(f"{path.name} is not valid JSON ({first_line(error)}): write it again") from None


def _quickly(path: Path) -> pa.Table | None:
    """Return the table of a file with a record on each line; None if its columns hold several kinds of values."""
    pyarrow = arrow()
    try:
        return pyarrow.json.read_json(path)
    except pyarrow.ArrowException:
        return None


def _parsed(text: str, label: str) -> Json:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise
    # There is more after the first value, so each line is one. In a text there may be other line breaks than these.
    lines = enumerate(text.split("\n"), 1)
    return [_record(line, f"line {number:,} of {label}") for number, line in lines if line.strip()]


def _record(line: str, where: str) -> dict[str, Json]:
    """Return the record on a line; name a line that holds none."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise TableError(f"{where} is not valid JSON ({error.msg}): correct it") from None
    if not isinstance(record, dict):
        raise TableError(f'{where} holds no record: write a record on each line, such as {{"a": 1, "b": "x"}}')
    return record


def _table(content: Json, label: str) -> pa.Table:
    if isinstance(content, dict) and isinstance(content.get("data"), list):
        # pandas writes so with orient="table" and orient="split".
        names, content = content.get("columns"), content["data"]
        if isinstance(names, list) and all(isinstance(row, list) and len(row) == len(names) for row in content):
            return table_of([str(name) for name in names], ([row[k] for row in content] for k in range(len(names))))
    if isinstance(content, list) and content and all(isinstance(record, dict) for record in content):
        return table_of_records(content)
    if isinstance(content, dict) and content:
        values = list(content.values())
        if all(isinstance(column, list) for column in values) and len({len(column) for column in values}) == 1:
            return table_of(list(content), values)
        if all(isinstance(column, dict) for column in values):
            # pandas writes columns as mappings from the index to values.
            rows = list(dict.fromkeys(row for column in values for row in column))
            return table_of(list(content), ([column.get(row) for row in rows] for column in values))
        if not any(isinstance(value, list | dict) for value in values):
            return table_of_records([content])
    raise TableError(f'{label} holds no table: write a list of records, such as [{{"a": 1, "b": "x"}}]')
