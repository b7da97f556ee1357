"""Read a sheet of an Excel workbook."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from steepest.printable import quoted
from steepest.tabular.reading.arrow import TableError, first_line, nearest
from steepest.tabular.reading.byte_limit import STEP, ByteCount
from steepest.tabular.reading.csv_files import NULLS
from steepest.tabular.reading.layout.above import MOST_ABOVE, left_out, titles_of
from steepest.tabular.reading.layout.separators import LINES
from steepest.tabular.reading.values import as_text, table_of

if TYPE_CHECKING:
    import pyarrow as pa

# Words of the sentences on formulas and on other sheets, by which a later error finds them.
WITHOUT_VALUE = "without a value"
OTHER_SHEET = "sheet=, or --sheet in the shell, takes another"
# A cell whose formula has no value behind it, and its name.
_FORMULA = re.compile(rb"(<c\s[^>]*>)\s*<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>|</c>)")
_CELL = re.compile(rb'\sr="([A-Z]+\d+)"')


def _calamine() -> ModuleType:
    """Import python-calamine at first use, because it is an optional dependency."""
    try:
        import python_calamine
    except ModuleNotFoundError:
        raise ModuleNotFoundError('reading workbooks needs python-calamine: pip install "steepest[excel]"') from None
    return python_calamine


def read_excel(path: Path, most: int, sheet: str | None = None) -> tuple[pa.Table, list[str]]:
    """Read a sheet of an Excel workbook.

    Parameters
    ----------
    path : Path
        The workbook.
    most : int
        The most bytes that it may hold once it is unpacked.
    sheet : str, optional
        The name of the sheet; by default the first with a table.

    Returns
    -------
    table : pyarrow.Table
        The table. Rows without a value are left out, and titles above the header.
    notes : list of str
        Sentences on the sheet, on what was left out, and on formulas whose values the workbook lacks.

    Raises
    ------
    TableError
        If the file is damaged, there is no such sheet, or no sheet holds a table.
    """
    calamine, count = _calamine(), ByteCount(path.name, most)
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                while data := stream.read(STEP):
                    count.add(len(data))
    try:
        with calamine.CalamineWorkbook.from_path(path) as workbook:
            sheets = workbook.sheet_names
            if sheet is not None and sheet not in sheets:
                raise TableError(f"there is no sheet {quoted(sheet)} in {path.name}: {nearest(str(sheet), sheets)}")
            for name in sheets if sheet is None else [sheet]:
                rows = [row for row in workbook.get_sheet_by_name(name).to_python() if any(map(_filled, row))]
                if len(rows) > 1:
                    table, notes = _table(rows)
                    if len(sheets) > 1 and sheet is None:
                        others = ", ".join(quoted(each) for each in sheets if each != name)
                        what = f"the sheet {quoted(name)} is read, and {others} is not"
                        notes.insert(0, f"{what} ({OTHER_SHEET})")
                    return table, notes + [note for note in [formulas_without_values(path, name)] if note]
    except (calamine.CalamineError, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise TableError(f"{path.name} is not a valid workbook ({first_line(error)}): save it again") from None
    where = "no sheet" if sheet is None else f"no table in the sheet {quoted(sheet)},"
    raise TableError(f"{path.name} has {where} with a header and rows: give at least one row")


def _filled(value: object) -> bool:
    return value is not None and value != ""


def _table(rows: list[list[object]]) -> tuple[pa.Table, list[str]]:
    used = [k for k in range(len(rows[0])) if any(_filled(row[k]) for row in rows)]
    rows = [[row[k] for k in used] for row in rows]
    first = [[as_text(value) if _filled(value) else "" for value in row] for row in rows[: MOST_ABOVE + LINES]]
    above = titles_of(first)
    # In a sheet, unlike in a CSV, a lone text above a table of texts is no error, so it needs no numbers below it.
    lone = (k for k, row in enumerate(first[:-1]) if len(used) == 1 or sum(map(bool, row)) != 1)
    above = above or min(next(lone, 0), len(rows) - 2)
    titles = [" ".join(filter(None, row)) for row in first[:above]]
    names, body = first[above], rows[above + 1 :]
    kept = [k for k in range(len(used)) if names[k] or any(_filled(row[k]) for row in body)]
    table = table_of([names[k] for k in kept], ([_value(row[k]) for row in body] for k in kept))
    return table, [note for note in [left_out(titles, "row")] if note]


def _value(value: object) -> object:
    return None if isinstance(value, str) and value.strip() in NULLS else value


def formulas_without_values(path: Path, sheet: str) -> str:
    """Return a sentence on the formulas of a sheet whose values are not in the file; "" if there are none.

    Programs other than Excel may write formulas without calculating them.

    Parameters
    ----------
    path : Path
        The workbook.
    sheet : str
        The name of the sheet.

    Returns
    -------
    str
        The sentence.
    """
    with zipfile.ZipFile(path) as archive:
        part = _part_of(archive, sheet)
        # A formula whose value is the empty text is not one without a value.
        cells = [cell for cell in _FORMULA.findall(archive.read(part)) if b't="str"' not in cell] if part else []
    if not cells:
        return ""
    first = _CELL.search(cells[0])
    which = f", the first {first[1].decode()}" if first else ""
    holds = "cell holds a formula" if len(cells) == 1 else "cells hold formulas"
    what = f"{len(cells):,} {holds} {WITHOUT_VALUE}{which}, so missing"
    return f"{what}: open {path.name} in Excel or LibreOffice and save it, which calculates them"


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the name of the file of a sheet in a workbook; "" if it is not where workbooks have it."""
    try:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    except (KeyError, ElementTree.ParseError):
        return ""
    sheets = (each.attrib for each in book.iter() if each.tag.endswith("}sheet"))
    ids = {each.get("name"): next((each[key] for key in each if key.endswith("}id")), None) for each in sheets}
    target = next((each.get("Target", "") for each in links if each.get("Id") == ids.get(sheet)), "")
    name = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return name if name in archive.namelist() else ""
