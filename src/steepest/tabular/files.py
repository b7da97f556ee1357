"""Tables from files and DataFrames; the parsing is pyarrow's, the words when it fails are ours."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import os
import re
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from steepest.arguments import closest

if TYPE_CHECKING:
    import pyarrow as pa

NULLS = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "None"]

_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".zip", ".parquet")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_BLOCK = 1 << 22
_LONGEST_HEADER = 100_000
_DISGUISES = {
    b"\xff\xfe": ("UTF-16 text", "save it again as CSV in UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "save it again as CSV in UTF-8"),
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "name it .zip, or save the workbook as CSV in UTF-8"),
    b"\x1f\x8b": ("gzip-compressed data", "name it .csv.gz"),
    b"PAR1": ("a Parquet file", "name it .parquet"),
}


class TableError(ValueError):
    """A file or a table that its owner must mend; the message is one line: what, where and what to do."""

    def __init__(self, message: str) -> None:
        # Names and values come from the table, and may have line breaks in them.
        super().__init__(" ".join(message.split()))


def arrow() -> Any:
    """Return pyarrow, imported at first use because it is an optional extra.

    Returns
    -------
    module
        pyarrow, with its compute, csv and parquet modules loaded.

    Raises
    ------
    ModuleNotFoundError
        Where it is not installed; the message says what to install.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise ModuleNotFoundError('reading tables needs pyarrow: pip install "steepest[table]"') from None
    return pyarrow


def counted(number: int, thing: str) -> str:
    """Return a number with its noun, as a sentence needs it.

    Parameters
    ----------
    number : int
        How many.
    thing : str
        What, in the singular; its plural takes an s.

    Returns
    -------
    str
        The number with its thousands separated, and the noun.

    Examples
    --------
    >>> counted(336776, "row"), counted(1, "column")
    ('336,776 rows', '1 column')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def nearest(name: str, names: Iterable[str]) -> str:
    """Return what to say after a name that does not exist: the one probably meant, else those there are.

    Parameters
    ----------
    name : str
        The name that was given.
    names : iterable of str
        The names that exist.

    Returns
    -------
    str
        A question, or the first 20 names.

    Examples
    --------
    >>> nearest("delay", ["dep_delay", "carrier"])
    "did you mean 'dep_delay'?"
    >>> nearest("x", ["dep_delay", "carrier"])
    'there are dep_delay, carrier'
    """
    names = list(names)
    if near := closest(name, names):
        return f"did you mean {near!r}?"
    return f"there are {', '.join(names[:20])}{', …' if len(names) > 20 else ''}"


def read_table(source: Any) -> tuple[pa.Table, list[str]]:
    """Read a file, a DataFrame or a mapping of columns into a pyarrow table.

    Parameters
    ----------
    source : str, path, DataFrame, pyarrow.Table or dict
        A file that ends in .csv, .csv.gz, .tsv, .tsv.gz, .zip (with one CSV in it) or .parquet; a
        pandas DataFrame (its index is left out), or whatever speaks Arrow's C stream interface,
        polars included; or names mapped to columns.

    Returns
    -------
    table : pyarrow.Table
        At least one row, column names that differ. In a CSV the separator and decimal commas are
        recognised, and these words mean a missing value, quoted or not: the empty text, NA, N/A,
        n/a, #N/A, <NA>, NaN, nan, null, NULL, None.
    notes : list of str
        Plain sentences on what was read and how.

    Raises
    ------
    TableError
        Where there is no such file, or it or the table must be mended first.
    TypeError
        Where the source is none of the above.

    Examples
    --------
    >>> table, notes = read_table({"x": [1, 2], "y": [3.5, None]})
    >>> table.column_names, table["y"].null_count
    (['x', 'y'], 1)
    """
    if not isinstance(source, str | os.PathLike):
        return _named(_from_memory(source), "the table")[0], []
    path = Path(source)
    notes: list[str] = []
    with _readable(path.name):
        ending = _ending(path)
        if ending == ".parquet":
            table, label = _read_parquet(path), path.name
        else:
            file = _csv_file(path, ending)
            label = file.label
            table, notes = _read_csv(file)
    table, renamed = _named(table, label)
    size = f"{counted(table.num_rows, 'row')} and {counted(table.num_columns, 'column')}"
    return table, [f"read {size} from {label}", *notes, *renamed]


def _ending(path: Path) -> str:
    if "\n" in str(path):
        raise TableError("the source is a text of several lines, not a path: write it to a file, or give a DataFrame")
    if path.is_dir():
        raise TableError(f"{path} is a folder: give a file in it")
    if not path.exists():
        folder = path.parent
        if not folder.is_dir():
            raise TableError(f"there is no folder {folder}, so no file {path.name} in it: check the path")
        near = closest(path.name, [file.name for file in folder.iterdir()])
        remedy = f"did you mean {near}?" if near else "check the name and the folder"
        raise TableError(f"there is no file {path.name} in {folder.absolute()}: {remedy}")
    name = path.name.lower()
    if not name.endswith(_ENDINGS):
        raise TableError(f"{path.name} does not end in {', '.join(_ENDINGS)}: save it as one of these, or rename it")
    if path.stat().st_size == 0:
        raise TableError(f"{path.name} is empty: give a file with a header and rows")
    return next(ending for ending in _ENDINGS if name.endswith(ending))


@contextlib.contextmanager
def _readable(label: str) -> Iterator[None]:
    try:
        yield
    except PermissionError:
        raise TableError(f"{label} may not be opened: ask for permission to read it, or copy it") from None
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise TableError(f"{label} is damaged ({_line(error)}): fetch it or write it again") from None


def _line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200].rstrip(".")


@dataclass(frozen=True)
class _CsvFile:
    """A CSV that can be opened afresh, wherever it lies; `member` is its name inside an archive."""

    path: Path
    ending: str
    member: str = ""

    @property
    def label(self) -> str:
        return f"{self.member} (in {self.path.name})" if self.member else self.path.name

    @property
    def separator(self) -> str:
        return "\t" if (self.member or self.ending).lower().startswith(".tsv") else ","

    def open(self) -> IO[bytes]:
        if self.member:
            with zipfile.ZipFile(self.path) as archive:
                return archive.open(self.member)
        if self.ending.endswith(".gz"):
            return gzip.open(self.path)  # type: ignore[return-value]
        return self.path.open("rb")


def _csv_file(path: Path, ending: str) -> _CsvFile:
    if ending != ".zip":
        if ending.endswith(".gz"):
            with path.open("rb") as stream:
                if stream.read(2) != b"\x1f\x8b":
                    raise TableError(f"{path.name} is not gzip-compressed: if it is plain text, rename it without .gz")
        return _CsvFile(path, ending)
    with zipfile.ZipFile(path) as archive:
        inside = [entry for entry in archive.infolist() if not entry.is_dir() and "__MACOSX" not in entry.filename]
    tables = [entry for entry in inside if entry.filename.lower().endswith((".csv", ".tsv"))]
    if len(tables) != 1:
        shown = (tables or inside)[:10]
        names = ", ".join(entry.filename for entry in shown) or "nothing"
        raise TableError(f"{path.name} must hold exactly one CSV and holds {names}: unpack it and give one CSV")
    if tables[0].flag_bits & 1:
        raise TableError(f"{path.name} is locked with a password: unpack it and give the CSV")
    return _CsvFile(path, ending, tables[0].filename)


def _read_csv(file: _CsvFile) -> tuple[pa.Table, list[str]]:
    pyarrow = arrow()
    header = _header(file)
    separator = _separator(header, file.separator)
    try:
        table = _parse(file, separator)
        notes = [] if separator == file.separator else [f"the columns are separated by {_SEPARATORS[separator]}"]
        if separator != "," and pyarrow.string() in table.schema.types:
            commas = _parse(file, separator, decimal_point=",")
            if _numbers(commas) > _numbers(table):
                table = commas
                notes.append("decimal commas are read as points")
        names = table.column_names
    except UnicodeDecodeError:
        raise _not_utf8(file) from None
    except pyarrow.ArrowInvalid as error:
        raise _ragged(file, separator, error) from None
    if any(pyarrow.types.is_binary(kind) for kind in table.schema.types):
        raise _not_utf8(file)
    if all(re.fullmatch(r"[-+]?\d*\.?\d+", name.strip()) for name in names):
        notes.append("every column has a number for a name: is the first line of the file a row rather than a header?")
    return table, notes


def _header(file: _CsvFile) -> str:
    with file.open() as stream:
        first = next((line for line in iter(lambda: stream.readline(_LONGEST_HEADER), b"") if line.strip()), b"")
    for magic, (what, remedy) in _DISGUISES.items():
        if first.startswith(magic):
            raise TableError(f"{file.label} holds {what}, not CSV text in UTF-8: {remedy}")
    if not first:
        raise TableError(f"{file.label} is empty: give a file with a header and rows")
    return first.decode(errors="replace").strip("\r\n").splitlines()[0]


def _separator(header: str, expected: str) -> str:
    widths = {mark: len(next(csv.reader([header], delimiter=mark))) for mark in _SEPARATORS}
    return expected if widths[expected] > 1 else max([expected, *_SEPARATORS], key=widths.__getitem__)


def _parse(file: _CsvFile, separator: str, decimal_point: str = ".") -> pa.Table:
    reader = arrow().csv
    with file.open() as stream:
        counting = _Quotes(stream)
        table = reader.read_csv(
            counting,
            read_options=reader.ReadOptions(block_size=_BLOCK),
            parse_options=reader.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=reader.ConvertOptions(
                null_values=NULLS, strings_can_be_null=True, decimal_point=decimal_point
            ),
        )
    if counting.number % 2 and (line := _open_quote(file, separator)):
        raise TableError(f"line {line:,} of {file.label} opens a quote that nothing closes: close it or take it out")
    return table


class _Quotes(io.RawIOBase):
    """A stream that counts the quotes read from it: an odd number may mean that one is left open."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.number = stream, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size)
        self.number += data.count(b'"')
        return data


def _open_quote(file: _CsvFile, separator: str) -> int:
    """Return the line where a text begins that never ends, which pyarrow reads as the last row; 0 for none."""
    start = 1
    with file.open() as stream:
        lines = csv.reader(io.TextIOWrapper(stream, errors="replace", newline=""), delimiter=separator, strict=True)
        try:
            for _ in lines:
                start = lines.line_num + 1
        except csv.Error as error:
            return start if "unexpected end" in str(error) else 0
    return 0


def _numbers(table: pa.Table) -> set[int]:
    types = arrow().types
    return {i for i, kind in enumerate(table.schema.types) if types.is_integer(kind) or types.is_floating(kind)}


def _not_utf8(file: _CsvFile) -> TableError:
    with file.open() as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = line[error.start]
                what = f"line {number:,} of {file.label} holds the byte 0x{byte:02X} ({chr(byte)!r} in Latin-1)"
                return TableError(f"{what}, which is not UTF-8: save the file again in UTF-8")
    return TableError(f"{file.label} is not UTF-8 text: save it again in UTF-8")


def _ragged(file: _CsvFile, separator: str, error: Exception) -> TableError:
    """Find the line, which pyarrow doesn't tell: it reads blocks side by side and counts no blank lines."""
    with file.open() as stream:
        lines = csv.reader(io.TextIOWrapper(stream, errors="replace", newline=""), delimiter=separator)
        start, width = 1, 0
        with contextlib.suppress(csv.Error):
            for row in lines:
                width = width or len(row)
                if row and len(row) != width:
                    seen = f"line {start:,} of {file.label} has {counted(len(row), 'field')} and the header {width:,}"
                    if lines.line_num > start:
                        return TableError(f"{seen} (the row ends in line {lines.line_num:,}): is a quote left open?")
                    return TableError(f"{seen}: mend the line, or put quotes around a text with a separator in it")
                start = lines.line_num + 1
            start = 0
    if start:
        return TableError(f"line {start:,} of {file.label} has a field without an end: is a quote left open?")
    return TableError(f"{file.label} is not a CSV file ({_line(error)}): save it again as CSV in UTF-8")


def _read_parquet(path: Path) -> pa.Table:
    pyarrow = arrow()
    try:
        # Not read_table, which makes columns of folder names such as year=2013.
        with pyarrow.parquet.ParquetFile(path) as file:
            table = file.read()
    except PermissionError:
        raise
    except (pyarrow.ArrowException, OSError) as error:
        raise TableError(f"{path.name} is no sound Parquet file ({_line(error)}): write it again") from None
    return table.drop_columns([name for name in table.column_names if re.fullmatch(r"__index_level_\d+__", name)])


def _from_memory(source: Any) -> pa.Table:
    pyarrow, pandas = arrow(), sys.modules.get("pandas")
    if isinstance(source, pyarrow.Table):
        return source
    try:
        if pandas and isinstance(source, pandas.DataFrame):
            return pyarrow.Table.from_pandas(source, preserve_index=False)
        if isinstance(source, dict) or hasattr(source, "__arrow_c_stream__"):
            return pyarrow.table(source)
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        why = "; ".join(_line(part) for part in error.args)
        raise TableError(f"the table cannot be read ({why}): give every column one kind of value") from None
    raise TypeError(f"a table is a path, a DataFrame or a dict of columns, not {type(source).__name__}")


def _named(table: pa.Table, label: str) -> tuple[pa.Table, list[str]]:
    """Give names to columns that have none, and refuse a table without rows or with a name used twice."""
    if not table.num_columns:
        raise TableError(f"{label} has no columns: give at least one")
    if not table.num_rows:
        raise TableError(f"{label} has a header and no rows: give at least one row")
    names = [name or f"column {place}" for place, name in enumerate(table.column_names, 1)]
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise TableError(f"{label} has more than one column named {', '.join(map(repr, twice))}: rename all but one")
    renamed = [name for name, given in zip(names, table.column_names, strict=True) if not given]
    return table.rename_columns(names), [f"{name} has no name in the header, so it is called that" for name in renamed]
