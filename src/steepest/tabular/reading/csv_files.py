"""Read and write CSV files. pyarrow parses them; if a line can't be parsed, this module finds and names the line."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import os
import re
import threading
import time
import weakref
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from steepest.tabular.reading.arrow import TableError, arrow, counted, first_line
from steepest.tabular.reading.byte_limit import STEP, ByteCount, ByteStream, LimitedStream
from steepest.writing import new_file

if TYPE_CHECKING:
    import pyarrow as pa

# Texts that mean a missing value, quoted or not.
NULLS = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "None"]
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# The bytes that pyarrow parses at a time, as one block (by default 2**20). Chosen, not measured: a row must fit in a
# block, and larger blocks take more memory.
BLOCK = 1 << 22
# How many seconds pyarrow has to let go of a file after its last read. Chosen, not measured.
PATIENCE = 5.0
# The most bytes to read in search of the header: a file that is no CSV may have no line break at all.
LONGEST_HEADER = 100_000
# The first bytes of files of other kinds that are named like a CSV; each with the kind, and what the user can do.
DISGUISES = {
    b"\xff\xfe": ("UTF-16 text", "save it again as CSV in UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "save it again as CSV in UTF-8"),
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "name it .zip, or save the workbook as CSV in UTF-8"),
    b"\x1f\x8b": ("gzip-compressed data", "name it .csv.gz"),
    b"PAR1": ("a Parquet file", "name it .parquet"),
}


@dataclass(frozen=True)
class CsvFile:
    """A CSV that can be opened several times, plain, compressed or inside an archive.

    Parameters
    ----------
    path : Path
        The file, or the archive.
    ending : str
        The ending of the file's name, such as ".csv.gz".
    most : int
        The most bytes that the CSV may hold.
    member : str
        The name of the CSV inside the archive; empty if there is no archive.
    """

    path: Path
    ending: str
    most: int
    member: str = ""

    @classmethod
    def at(cls, path: Path, ending: str, most: int) -> CsvFile:
        """Return the CSV at a path; refuse an archive that does not hold exactly one CSV."""
        if ending != ".zip":
            if ending.endswith(".gz"):
                with path.open("rb") as stream:
                    if stream.read(2) != b"\x1f\x8b":
                        plain = "if it is plain text, rename it without .gz"
                        raise TableError(f"{path.name} is not gzip-compressed: {plain}")
            return cls(path, ending, most)
        with zipfile.ZipFile(path) as archive:
            inside = [entry for entry in archive.infolist() if not entry.is_dir() and "__MACOSX" not in entry.filename]
        tables = [entry for entry in inside if entry.filename.lower().endswith((".csv", ".tsv"))]
        if len(tables) != 1:
            shown = (tables or inside)[:10]
            names = ", ".join(entry.filename for entry in shown) or "nothing"
            raise TableError(f"{path.name} must hold exactly one CSV and holds {names}: unpack it and give one CSV")
        if tables[0].flag_bits & 1:
            raise TableError(f"{path.name} is locked with a password: unpack it and give the CSV")
        return cls(path, ending, most, tables[0].filename)

    @property
    def label(self) -> str:
        """The name of the file in messages."""
        return f"{self.member} (in {self.path.name})" if self.member else self.path.name

    @property
    def separator(self) -> str:
        """The separator expected from the ending of the name: a tab for .tsv, else a comma."""
        return "\t" if (self.member or self.ending).lower().startswith(".tsv") else ","

    def open(self) -> io.BufferedReader:
        """Open the file as a stream of bytes, decompressed as they are read, up to the limit."""
        return io.BufferedReader(LimitedStream(self._stream(), ByteCount(self.label, self.most)), STEP)

    def _stream(self) -> ByteStream:
        if self.member:
            with zipfile.ZipFile(self.path) as archive:
                return archive.open(self.member)
        if self.ending.endswith(".gz"):
            return gzip.open(self.path)
        return self.path.open("rb")


def read_csv(path: Path, ending: str, most: int) -> tuple[pa.Table, str, list[str]]:
    """Read a CSV file, and recognise its separator and decimal commas.

    Parameters
    ----------
    path : Path
        The file: plain, gzip-compressed, or a zip archive with one CSV in it.
    ending : str
        The ending of the file's name, such as ".csv.gz".
    most : int
        The most bytes that the CSV may hold once it is unpacked.

    Returns
    -------
    table : pyarrow.Table
        The table.
    label : str
        The name of the file in messages.
    notes : list of str
        Sentences on the separator, decimal commas and header, if they are unusual.

    Raises
    ------
    TableError
        If the file is not a CSV in UTF-8, or a row has not as many fields as the header.
    """
    pyarrow, file = arrow(), CsvFile.at(path, ending, most)
    separator = _separator(_header(file), file.separator)
    try:
        table = _parse(file, separator)
        notes = [] if separator == file.separator else [f"the columns are separated by {SEPARATORS[separator]}"]
        if separator != "," and pyarrow.string() in table.schema.types:
            # Texts may be numbers with decimal commas.
            commas = _parse(file, separator, decimal_point=",")
            if _numeric_columns(commas) > _numeric_columns(table):
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
    return table, file.label, notes


def _header(file: CsvFile) -> str:
    """Return the first line that is not blank; refuse a file that is empty or of another kind."""
    with file.open() as stream:
        first = next((line for line in iter(lambda: stream.readline(LONGEST_HEADER), b"") if line.strip()), b"")
    for magic, (what, remedy) in DISGUISES.items():
        if first.startswith(magic):
            raise TableError(f"{file.label} holds {what}, not CSV text in UTF-8: {remedy}")
    if not first:
        raise TableError(f"{file.label} is empty: give a file with a header and rows")
    return first.decode(errors="replace").strip("\r\n").splitlines()[0]


def _separator(header: str, expected: str) -> str:
    """Return the expected separator if it splits the header, else the separator that makes the most columns of it."""
    widths = {mark: len(next(csv.reader([header], delimiter=mark))) for mark in SEPARATORS}
    return expected if widths[expected] > 1 else max([expected, *SEPARATORS], key=widths.__getitem__)


def _parse(file: CsvFile, separator: str, decimal_point: str = ".") -> pa.Table:
    reader = arrow().csv
    with file.open() as stream:
        counter = _QuoteCounter(stream)
        with counter.to_pyarrow() as lend:
            table = reader.read_csv(
                lend(),
                read_options=reader.ReadOptions(block_size=BLOCK),
                parse_options=reader.ParseOptions(delimiter=separator, newlines_in_values=True),
                convert_options=reader.ConvertOptions(
                    null_values=NULLS, strings_can_be_null=True, decimal_point=decimal_point
                ),
            )
    if counter.quotes % 2 and (line := _open_quote(file, separator)):
        raise TableError(f"line {line:,} of {file.label} opens a quote that is never closed: close it or remove it")
    return table


class _QuoteCounter:
    """Counts the quotation marks in a stream while pyarrow reads it: if the count is odd, a quote may be left open."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream, self.quotes = stream, 0
        self.reading, self.ended = threading.Lock(), False
        # The objects that pyarrow may still refer to: the file, and the blocks that were read.
        self.lent: list[weakref.ref[object]] = []

    def read(self, size: int) -> memoryview:
        """Read and count; once `ended` is set, the stream is at its end."""
        with self.reading:
            data = b"" if self.ended else self.stream.read(size)
            self.quotes += data.count(b'"')
            # Unlike bytes, a view can be watched until pyarrow releases it.
            block = memoryview(data)
            self.lent.append(weakref.ref(block))
        return block

    @contextlib.contextmanager
    def to_pyarrow(self) -> Iterator[Callable[[], io.RawIOBase]]:
        """Give a maker of a file that pyarrow may read, and at the end wait until pyarrow has released all it got.

        pyarrow reads the file in a thread of its own, parses the blocks in others, and leaves these threads alone after
        Ctrl-C or an error. A process that ends while one of them calls Python, or releases a block, crashes. So the
        file is at its end from here on, and the wait lasts for at most `PATIENCE` seconds.
        """

        def lend() -> io.RawIOBase:
            file = _LentFile(self)
            self.lent.append(weakref.ref(file))
            return file

        try:
            yield lend
        finally:
            self.ended = True
            with self.reading:
                until = time.monotonic() + PATIENCE
            while any(lent() is not None for lent in self.lent) and time.monotonic() < until:
                time.sleep(1e-3)


class _LentFile(io.RawIOBase):
    """A file for pyarrow, which alone refers to it."""

    def __init__(self, counter: _QuoteCounter) -> None:
        self.counter = counter

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> memoryview:
        return self.counter.read(size)


def _open_quote(file: CsvFile, separator: str) -> int:
    """Return the line that opens a quote without an end, or 0; pyarrow reads the rest of the file as its last field."""
    start = 1
    with file.open() as stream:
        lines = csv.reader(io.TextIOWrapper(stream, errors="replace", newline=""), delimiter=separator, strict=True)
        try:
            for _ in lines:
                start = lines.line_num + 1
        except csv.Error as error:
            return start if "unexpected end" in str(error) else 0
    return 0


def _numeric_columns(table: pa.Table) -> set[int]:
    types = arrow().types
    return {i for i, kind in enumerate(table.schema.types) if types.is_integer(kind) or types.is_floating(kind)}


def _not_utf8(file: CsvFile) -> TableError:
    with file.open() as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = line[error.start]
                what = f"line {number:,} of {file.label} holds the byte 0x{byte:02X} ({chr(byte)!r} in Latin-1)"
                return TableError(f"{what}, which is not UTF-8: save the file again in UTF-8")
    return TableError(f"{file.label} is not UTF-8 text: save it again in UTF-8")


def _ragged(file: CsvFile, separator: str, error: Exception) -> TableError:
    """Return the error for a file that pyarrow refused, with the first line whose field count differs.

    pyarrow does not give the line: it parses blocks in parallel and does not count blank lines.
    """
    with file.open() as stream:
        lines = csv.reader(io.TextIOWrapper(stream, errors="replace", newline=""), delimiter=separator)
        start, width = 1, 0
        with contextlib.suppress(csv.Error):
            for row in lines:
                width = width or len(row)
                if row and len(row) != width:
                    what = f"line {start:,} of {file.label} has {counted(len(row), 'field')} and the header {width:,}"
                    if lines.line_num > start:
                        return TableError(f"{what} (the row ends in line {lines.line_num:,}): is a quote left open?")
                    return TableError(f"{what}: correct the line, or put quotes around a text with a separator in it")
                start = lines.line_num + 1
            # The csv module found only rows of the same length, so pyarrow refused the file for another reason.
            start = 0
    if start:
        return TableError(f"line {start:,} of {file.label} has a field without an end: is a quote left open?")
    return TableError(f"{file.label} is not a CSV file ({first_line(error)}): save it again as CSV in UTF-8")


def write_csv(file: str | os.PathLike[str] | IO[bytes], columns: Mapping[str, np.ndarray]) -> None:
    """Write columns as a CSV file; an existing file is replaced only after everything is written.

    Parameters
    ----------
    file : path or binary stream
        The file to write.
    columns : mapping of str to array
        The columns by name; NaN and None become empty fields.
    """
    pyarrow = arrow()
    table = pyarrow.table({name: pyarrow.array(column, from_pandas=True) for name, column in columns.items()})
    options = pyarrow.csv.WriteOptions(quoting_style="needed")
    if not isinstance(file, str | os.PathLike):
        pyarrow.csv.write_csv(table, file, options)
        return
    with new_file(file) as draft:
        pyarrow.csv.write_csv(table, draft, options)
