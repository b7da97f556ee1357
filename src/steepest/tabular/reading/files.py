"""Read a table from a file or from memory into pyarrow, and explain what is wrong with a table that can't be read."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from steepest.activity import doing
from steepest.arguments import closest
from steepest.printable import cut, quoted
from steepest.tabular.reading.arrow import TableError, arrow, counted, first_line
from steepest.tabular.reading.byte_limit import read_limit
from steepest.tabular.reading.csv_files import read_csv
from steepest.tabular.reading.excel_files import read_excel
from steepest.tabular.reading.feather_files import read_feather
from steepest.tabular.reading.json_files import read_json
from steepest.tabular.reading.parquet_files import read_parquet
from steepest.tabular.reading.rows import as_columns
from steepest.types import Table

if TYPE_CHECKING:
    import pyarrow as pa

# File systems refuse longer names.
LONGEST_NAME = 255
ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".zip", ".json", ".jsonl", ".xlsx", ".feather", ".parquet")
# The readers that have nothing to say of a file.
READERS = {".parquet": read_parquet, ".feather": read_feather, ".json": read_json, ".jsonl": read_json}


def read_table(
    source: Table,
    max_bytes: float | None = None,
    *,
    texts: Collection[str] = (),
    decimal: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> tuple[pa.Table, list[str]]:
    """Read a file, a DataFrame or a mapping of columns into a pyarrow table.

    Parameters
    ----------
    source : str, path, DataFrame, pyarrow.Table or dict
        A file that ends in .csv, .csv.gz, .tsv, .tsv.gz, .txt, .zip (with one CSV in it), .json, .jsonl, .xlsx,
        .feather or .parquet; a pandas DataFrame, without its index; any other object with Arrow's C stream interface or
        the protocol `__dataframe__`, such as a DataFrame of polars, Modin or narwhals, or a relation of DuckDB; a
        structured array of NumPy; a dict of columns by name; or rows, of which each is a dict or a pandas Series: one
        of them, or a list.
    max_bytes : number, optional
        The most bytes that a file may hold once it is unpacked; by default a quarter of this machine's memory.
    texts : collection of str
        The columns of a CSV that are read as texts, whatever they hold.
    decimal : {".", ",", None}
        The decimal mark of a CSV, if the user says it: with commas, a text such as 1.234 is no decimal number.
    encoding : str, optional
        The encoding of a CSV, by a name that Python knows, such as "cp1251"; the file tells it by default.
    sheet : str, optional
        The sheet of a workbook; by default the first with a table.

    Returns
    -------
    table : pyarrow.Table
        A table with at least one row, whose column names are unique. In a CSV the encoding and the separator are
        recognised, and these texts mean a missing value, quoted or not: the empty text, NA, N/A, n/a, #N/A, <NA>,
        NaN, nan, null, NULL, None.
    notes : list of str
        Sentences on what was read, and how.

    Raises
    ------
    TableError
        If the file does not exist, or the file or the table must be corrected first.
    TypeError
        If the source is of another type.
    ValueError
        If Python knows no such encoding, or an encoding or a sheet is given for a table that has none.

    Examples
    --------
    >>> table, notes = read_table({"x": [1, 2], "y": [3.5, None]})
    >>> table.column_names, table["y"].null_count
    (['x', 'y'], 1)
    """
    most = read_limit(max_bytes)
    if not isinstance(source, str | os.PathLike):
        _check_unused("a table in memory", encoding=encoding, sheet=sheet)
        return _with_names(_from_memory(source), "the table")[0], []
    path = Path(source)
    label, notes = path.name, list[str]()
    doing(f"reading {label}")
    with _explained(path.name):
        ending = _ending(path)
        if ending in READERS:
            _check_unused(f"a {ending} file", encoding=encoding, sheet=sheet)
            table = READERS[ending](path, most)
        elif ending == ".xlsx":
            _check_unused("a workbook", encoding=encoding)
            table, notes = read_excel(path, most, sheet)
        else:
            _check_unused("a CSV", sheet=sheet)
            table, label, notes = read_csv(path, ending, most, texts, decimal, encoding)
    table, renamed = _with_names(table, label)
    size = f"{counted(table.num_rows, 'row')} and {counted(table.num_columns, 'column')}"
    return table, [f"read {size} from {label}", *notes, *renamed]


def _check_unused(what: str, **given: str | None) -> None:
    """Refuse an option that a table of this kind does not have."""
    for name, value in given.items():
        if value is not None:
            kinds = {"encoding": "CSV files", "sheet": "workbooks"}
            raise ValueError(f"{name}={quoted(value)} is for {kinds[name]}, and this is {what}: leave it out")


def _ending(path: Path) -> str:
    """Return the ending of a file's name, one of `ENDINGS`; refuse a path that is no such file, or an empty file."""
    if "\n" in str(path):
        raise TableError("the source is a text of several lines, not a path: write it to a file, or give a DataFrame")
    if len(path.name) > LONGEST_NAME:
        raise TableError(f"there is no file {cut(path.name)}: its name is longer than {LONGEST_NAME} characters")
    if path.is_dir():
        raise TableError(f"{path} is a folder: give a file in it")
    if path.is_symlink() and not path.exists():
        raise TableError(f"{path} is a link to a file that does not exist: correct the link")
    if not path.exists():
        folder = path.parent
        if not folder.is_dir():
            raise TableError(f"there is no folder {folder}, so no file {path.name} in it: check the path")
        near = closest(path.name, [file.name for file in folder.iterdir()])
        remedy = f"did you mean {near}?" if near else "check the name and the folder"
        raise TableError(f"there is no file {path.name} in {folder.absolute()}: {remedy}")
    name = path.name.lower()
    if not name.endswith(ENDINGS):
        raise TableError(f"{path.name} does not end in {', '.join(ENDINGS)}: save it as one of these, or rename it")
    if path.stat().st_size == 0:
        raise TableError(f"{path.name} is empty: give a file with a header and rows")
    return next(ending for ending in ENDINGS if name.endswith(ending))


@contextlib.contextmanager
def _explained(label: str) -> Iterator[None]:
    """Turn the errors of a file that can't be opened or unpacked into a `TableError`."""
    try:
        yield
    except PermissionError:
        raise TableError(f"{label} can't be opened: ask for permission to read it, or copy it") from None
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise TableError(f"{label} is damaged ({first_line(error)}): download it or write it again") from None
    except MemoryError:
        raise TableError(f"{label} does not fit into memory: give fewer rows or columns") from None


def _from_memory(source: Table) -> pa.Table:
    # If pandas has not been imported, the source can't be a DataFrame of pandas.
    pyarrow, pandas = arrow(), sys.modules.get("pandas")
    if isinstance(source, pyarrow.Table):
        return source
    try:
        source = as_columns(source)
        if pandas and isinstance(source, pandas.DataFrame):
            _check_names([str(name) for name in source.columns], "the table")
            periods = [name for name, kind in source.dtypes.items() if isinstance(kind, pandas.PeriodDtype)]
            source = source.assign(**{name: source[name].dt.to_timestamp() for name in periods}) if periods else source
            return pyarrow.Table.from_pandas(source, preserve_index=False)
        if isinstance(source, dict) or hasattr(source, "__arrow_c_stream__"):
            return pyarrow.table(source)
        if hasattr(source, "__dataframe__"):
            # The older protocol for frames, as Modin and cuDF have it.
            return pyarrow.interchange.from_dataframe(source)
        if isinstance(source, np.ndarray) and source.dtype.names:
            return pyarrow.table({name: pyarrow.array(source[name], from_pandas=True) for name in source.dtype.names})
    except TableError:
        raise
    except OverflowError:
        raise TableError(f"{_too_wide(source)}: give them as texts if they are identifiers, else as floats") from None
    except (pyarrow.ArrowException, TypeError, ValueError, NotImplementedError, RuntimeError) as error:
        why = "; ".join(first_line(part) for part in error.args)
        raise TableError(f"the table cannot be read ({why}): give every column one kind of value") from None
    kind = type(source).__name__
    if collect := next((name for name in ("collect", "compute", "to_table") if hasattr(source, name)), ""):
        raise TypeError(f"the rows of a {kind} are not in memory yet: give what its {collect}() returns")
    raise TypeError(f"a table is a path, a DataFrame, a dict of columns or rows, not {kind}")


def _too_wide(source: Table) -> str:
    """Return what is wrong with whole numbers that no column of a table holds, and name the first if it is known."""
    columns = source if isinstance(source, Mapping) else {}
    for name, values in columns.items():
        for row, value in enumerate(values, start=1):
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                return f"{name}: the whole number in row {row:,}, {value}, has more than 64 bits"
    return "the table has whole numbers of more than 64 bits"


def _check_names(names: list[str], label: str) -> None:
    """Refuse a name that is used twice."""
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise TableError(f"{label} has more than one column named {', '.join(map(repr, twice))}: rename all but one")


def _with_names(table: pa.Table, label: str) -> tuple[pa.Table, list[str]]:
    """Name the columns that have no name; refuse a table without columns or rows, or with a name used twice."""
    if not table.num_columns:
        raise TableError(f"{label} has no columns: give at least one")
    if not table.num_rows:
        raise TableError(f"{label} has a header and no rows: give at least one row")
    names = [name.strip() or f"column {number}" for number, name in enumerate(table.column_names, 1)]
    _check_names(names, label)
    renamed = [name for name, given in zip(names, table.column_names, strict=True) if not given.strip()]
    # Renaming loses the metadata.
    table = table.rename_columns(names).replace_schema_metadata(table.schema.metadata)
    return table, [f"{name} has no name in the header, so it gets this one" for name in renamed]
