"""Read the first table of an Excel workbook."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from steepest.printable import quoted
from steepest.tabular.reading.arrow import TableError, first_line
from steepest.tabular.reading.byte_limit import STEP, ByteCount
from steepest.tabular.reading.csv_files import NULLS
from steepest.tabular.reading.values import as_text, table_of

if TYPE_CHECKING:
    import pyarrow as pa


def _calamine() -> ModuleType:
    """Import python-calamine at first use, because it is an optional dependency."""
    try:
        import python_calamine
    except ModuleNotFoundError:
        raise ModuleNotFoundError('reading workbooks needs python-calamine: pip install "steepest[excel]"') from None
    return python_calamine


def read_excel(path: Path, most: int) -> tuple[pa.Table, list[str]]:
    """Read the first sheet with a table of an Excel workbook.

    Parameters
    ----------
    path : Path
        The workbook.
    most : int
        The most bytes that it may hold once it is unpacked.

    Returns
    -------
    table : pyarrow.Table
        The table. Rows without a value are left out, and those with one above the header.
    notes : list of str
        Sentences on what was left out.

    Raises
    ------
    TableError
        If the file is damaged, or no sheet holds a table.
    """
    calamine, count = _calamine(), ByteCount(path.name, most)
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                while data := stream.read(STEP):
                    count.add(len(data))
    try:
        with calamine.CalamineWorkbook.from_path(path) as workbook:
            for name in workbook.sheet_names:
                rows = [row for row in workbook.get_sheet_by_name(name).to_python() if any(map(_filled, row))]
                if len(rows) > 1:
                    return _table(rows, name, workbook.sheet_names)
    except (calamine.CalamineError, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise TableError(f"{path.name} is not a valid workbook ({first_line(error)}): save it again") from None
    raise TableError(f"{path.name} has no sheet with a header and rows: give at least one row")


def _filled(value: object) -> bool:
    return value is not None and value != ""


def _table(rows: list[list[object]], sheet: str, sheets: list[str]) -> tuple[pa.Table, list[str]]:
    notes = []
    if len(sheets) > 1:
        others = ", ".join(quoted(name) for name in sheets if name != sheet)
        notes.append(f"the sheet {quoted(sheet)} is read, and {others} is not")
    while len(rows) > 2 and len(rows[0]) > 1 and sum(map(_filled, rows[0])) == 1:
        title = next(value for value in rows.pop(0) if _filled(value))
        notes.append(f"the row {quoted(title)} above the header is left out")
    header, *body = rows
    used = [k for k in range(len(header)) if any(_filled(row[k]) for row in rows)]
    names = [as_text(header[k]) if _filled(header[k]) else "" for k in used]
    return table_of(names, ([_value(row[k]) for row in body] for k in used)), notes


def _value(value: object) -> object:
    return None if isinstance(value, str) and value.strip() in NULLS else value
