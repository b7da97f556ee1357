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
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np

from steepest.printable import quoted
from steepest.tabular.reading.arrow import TableError, arrow, counted, first_line
from steepest.tabular.reading.byte_limit import STEP, ByteCount, ByteStream, LimitedStream
from steepest.tabular.reading.columns import DECIMAL_HINT
from steepest.tabular.reading.layout.above import MOST_ABOVE, layout_of
from steepest.tabular.reading.layout.encodings import (
    FALLBACK,
    NAMES,
    encoding_of,
    known_encoding,
    nonsense,
    proposals,
)
from steepest.tabular.reading.layout.separators import LINES, SEPARATORS
from steepest.tabular.reading.layout.streams import between_tabs, transcoded
from steepest.tabular.reading.written.numbers import MOST_DIGITS
from steepest.writing import new_file

if TYPE_CHECKING:
    import pyarrow as pa

# Texts that mean a missing value, quoted or not. "None" is none of them: it is a level where others are "Some", and
# beside numbers and dates those who read these take it for a missing value.
NULLS = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL"]
# Texts that may be numbers with decimal commas, in part of a column.
DECIMAL_COMMA = r"^\s*[-+]?[\d.\s]*,\d+\s*\D{0,4}$"
# Texts that pyarrow reads as decimal numbers, and that are whole ones if commas are decimal marks.
POINTED = r"^\s*[-+]?\d{1,3}\.\d{3}\s*$"
# Texts that pyarrow reads as whole numbers, and that are identifiers, such as 01234.
LEADING_ZERO = r"^\s*0\d"
# The bytes that pyarrow parses at a time, as one block (by default 2**20). Chosen, not measured: a row must fit in a
# block, and larger blocks take more memory.
BLOCK = 1 << 22
# How many seconds pyarrow has to let go of a file after its last read. Chosen, not measured.
PATIENCE = 5.0
# The most bytes to read in search of the header: a file that is no CSV may have no line break at all.
LONGEST_HEADER = 100_000
# The most bytes of lines that are not in UTF-8, from which their encoding is told. Chosen, not measured.
SAMPLE = 20_000
NEITHER = f"and it is not {NAMES[FALLBACK]} either"
# How many bytes are unpacked at a time where only the beginning of a file is read.
SHORT_STEP = 1 << 14
# The first bytes of files of other kinds that are named like a CSV; each with the kind, and what the user can do.
DISGUISES = {
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "name it .zip or .xlsx"),
    b"\x1f\x8b": ("gzip-compressed data", "name it .csv.gz"),
    b"PAR1": ("a Parquet file", "name it .parquet"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save it as .xlsx"),
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
    encoding : str
        The encoding of its text.
    spaced : bool
        Whether its columns are separated by spaces alone.
    above : int
        How many lines above the header are left out.
    """

    path: Path
    ending: str
    most: int
    member: str = ""
    encoding: str = "utf-8"
    spaced: bool = False
    above: int = 0

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
    def size(self) -> int:
        """The number of bytes, if they are not compressed; else 0, as it is not known."""
        return 0 if self.member or self.ending.endswith(".gz") else self.path.stat().st_size

    @property
    def separator(self) -> str:
        """The separator expected from the ending of the name: a tab for .tsv, else a comma."""
        return "\t" if (self.member or self.ending).lower().startswith(".tsv") else ","

    def open(self, step: int = STEP) -> IO[bytes]:
        """Open the table as a stream of bytes in UTF-8, decompressed a step at a time, up to the limit."""
        count = ByteCount(self.label, self.most, self.size)
        stream: IO[bytes] = io.BufferedReader(LimitedStream(self._stream(), count), step)
        if self.encoding != "utf-8":
            stream = transcoded(stream, self.encoding)
        for _ in range(self.above):
            stream.readline()
        return between_tabs(stream) if self.spaced else stream

    def _stream(self) -> ByteStream:
        if self.member:
            with zipfile.ZipFile(self.path) as archive:
                return archive.open(self.member)
        if self.ending.endswith(".gz"):
            return gzip.open(self.path)
        return self.path.open("rb")


def read_csv(
    path: Path,
    ending: str,
    most: int,
    texts: Collection[str] = (),
    decimal: str | None = None,
    encoding: str | None = None,
) -> tuple[pa.Table, str, list[str]]:
    """Read a CSV file, and recognise its encoding and its separator.

    Texts that may be numbers stay texts, for `written` to read: those with decimal commas, and those that begin with 0.

    Parameters
    ----------
    path : Path
        The file: plain, gzip-compressed, or a zip archive with one CSV in it.
    ending : str
        The ending of the file's name, such as ".csv.gz".
    most : int
        The most bytes that the CSV may hold once it is unpacked.
    texts : collection of str
        The columns to read as texts.
    decimal : {".", ",", None}
        The decimal mark, if the user says it.
    encoding : str, optional
        The encoding, if the user says it.

    Returns
    -------
    table : pyarrow.Table
        The table.
    label : str
        The name of the file in messages.
    notes : list of str
        Sentences on the encoding, separator and header, if they are unusual.

    Raises
    ------
    TableError
        If the file is no CSV, it is in another encoding, or a row has not as many fields as the header.
    ValueError
        If Python knows no encoding of that name.
    """
    given = None if encoding is None else known_encoding(encoding)
    file, notes = CsvFile.at(path, ending, most), list[str]()
    file = replace(file, encoding=given or _encoding(file))
    try:
        table, separator, file, note = _table(file, texts, decimal)
    except _NotUtf8Error:
        if given is not None:
            raise TableError(
                f"{file.label} is not in UTF-8 ({_not_utf8(file).found}): give another encoding="
            ) from None
        notes.append(_western(file))
        try:
            table, separator, file, note = _table(replace(file, encoding=FALLBACK), texts, decimal)
        except UnicodeError:
            raise _foreign(file, NEITHER) from None
    except UnicodeError as error:
        raise _not_whole(file, given, error) from None
    if given is None and file.encoding in NAMES and not notes:
        notes.append(f"its encoding is {NAMES[file.encoding]}")
    notes += [note] * bool(note)
    if separator != file.separator:
        notes.append(f"the columns are separated by {SEPARATORS.get(separator, quoted(separator))}")
    if all(re.fullmatch(r"[-+]?\d*\.?\d+", name.strip()) for name in table.column_names):
        notes.append("every column has a number for a name: is the first line of the file a row rather than a header?")
    if separator == ";":
        # Semicolons separate columns where commas are decimal marks.
        table = table.replace_schema_metadata({DECIMAL_HINT: b","})
    return table, file.label, notes


class _NotUtf8Error(Exception):
    """Raised if a file that should be in UTF-8 is not."""


def _encoding(file: CsvFile) -> str:
    """Return the encoding by the first bytes; refuse a file of another kind."""
    with file.open(SHORT_STEP) as stream:
        start = stream.read(SHORT_STEP)
    for magic, (what, remedy) in DISGUISES.items():
        if start.startswith(magic):
            raise TableError(f"{file.label} holds {what}, not CSV text: {remedy}")
    return encoding_of(start)


def _table(file: CsvFile, texts: Collection[str], decimal: str | None) -> tuple[pa.Table, str, CsvFile, str]:
    """Read a file in its encoding; return the table, the separator, the file as opened, and what is left out."""
    pyarrow = arrow()
    above, separator, note = layout_of(_first_lines(file), file.separator, row_names=file.ending == ".txt")
    file = replace(file, above=above, spaced=separator == " ")
    delimiter = "\t" if file.spaced else separator
    try:
        table, zeros = _parse(file, delimiter, texts)
        if any(pyarrow.types.is_binary(kind) for kind in table.schema.types):
            raise _NotUtf8Error
        return _with_texts(file, delimiter, table, texts, zeros, decimal), separator, file, note
    except UnicodeDecodeError:
        if file.encoding == "utf-8":
            raise _NotUtf8Error from None
        raise
    except pyarrow.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise _NotUtf8Error from None
        raise _ragged(file, delimiter, error) from None


def _first_lines(file: CsvFile, most: int = MOST_ABOVE + LINES) -> list[str]:
    """Return the first lines, with as many that are not blank; refuse a file without any."""
    found: list[bytes] = []
    filled = 0
    with file.open(SHORT_STEP) as stream:
        for line in iter(lambda: stream.readline(LONGEST_HEADER), b""):
            found.append(line)
            filled += bool(line.strip())
            if filled == most:
                break
    if not filled:
        raise TableError(f"{file.label} is empty: give a file with a header and rows")
    # A line that is longer is cut. The mark of UTF-8 at the beginning is no part of a name.
    text = b"".join(found).decode(errors="replace").removeprefix("\ufeff")
    return text.splitlines()


def _with_texts(
    file: CsvFile, delimiter: str, table: pa.Table, texts: Collection[str], zeros: bool, decimal: str | None
) -> pa.Table:
    """Put texts in place of numbers that lose something as numbers, or that may be other numbers."""
    pyarrow, compute = arrow(), arrow().compute
    kinds = dict(zip(table.column_names, table.schema.types, strict=True))
    if len(kinds) < table.num_columns:
        # A table with a name used twice is refused later.
        return table
    free = {name: kind for name, kind in kinds.items() if name.strip() not in texts}
    whole = [name for name, kind in free.items() if zeros and pyarrow.types.is_integer(kind)]
    pointed = [name for name, kind in free.items() if pyarrow.types.is_floating(kind)]
    long = [name for name in pointed if (compute.min(table.column(name)).as_py() or 0) >= 10**MOST_DIGITS]
    told = decimal == "," or any(map(_has_decimal_commas, table.columns))
    if decimal == "." or not (pointed and (told or delimiter == ";")):
        pointed = []
    chosen = list(dict.fromkeys([*whole, *pointed, *long]))
    if not chosen:
        return table
    written, _ = _parse(file, delimiter, chosen, chosen)
    losing = {name for name in whole if _matches(written.column(name), LEADING_ZERO, compute.any)}
    losing |= {name for name in long if _matches(written.column(name), r"^\s*\d+\s*$", compute.all)}
    either = {name for name in pointed if _matches(written.column(name), POINTED, compute.all)}
    if not told and len(either) < len(pointed):
        # Semicolons alone suggest decimal commas, and the other columns have decimal points.
        either = set()
    for name in written.column_names:
        if name in losing | either:
            table = table.set_column(table.column_names.index(name), name, written.column(name))
    return table


def _matches(column: pa.ChunkedArray, pattern: str, over: Callable[[pa.ChunkedArray], pa.BooleanScalar]) -> bool:
    """Tell whether any or all of the texts of a column match a pattern."""
    return bool(over(arrow().compute.match_substring_regex(column, pattern)).as_py())


def _has_decimal_commas(column: pa.ChunkedArray) -> bool:
    """Tell whether at least half of a column of texts could be numbers with decimal commas."""
    if not arrow().types.is_string(column.type):
        return False
    compute = arrow().compute
    return (compute.mean(compute.match_substring_regex(column, DECIMAL_COMMA)).as_py() or 0) >= 0.5


def _parse(
    file: CsvFile, delimiter: str, texts: Collection[str], only: list[str] | None = None
) -> tuple[pa.Table, bool]:
    """Return the table, and whether a field may begin with 0 and another digit."""
    reader, pyarrow = arrow().csv, arrow()
    # Names may have spaces around them in the file.
    first = next(filter(str.strip, _first_lines(file, 1)))
    header = next(csv.reader([first], delimiter=delimiter), [])
    wanted = {name.strip() for name in texts}
    types = {name: pyarrow.string() for name in header if name.strip() in wanted}
    with file.open() as stream:
        counter = _QuoteCounter(stream, delimiter)
        with counter.to_pyarrow() as lend:
            table = reader.read_csv(
                lend(),
                read_options=reader.ReadOptions(block_size=BLOCK),
                parse_options=reader.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=reader.ConvertOptions(
                    null_values=NULLS, strings_can_be_null=True, column_types=types, include_columns=only
                ),
            )
    if counter.quotes % 2 and (line := _open_quote(file, delimiter)):
        line += file.above
        raise TableError(f"line {line:,} of {file.label} opens a quote that is never closed: close it or remove it")
    return table, counter.zeros


class _QuoteCounter:
    """Counts the quotation marks in a stream while pyarrow reads it, and looks for fields that begin with 0.

    If the count is odd, a quote may be left open.
    """

    def __init__(self, stream: IO[bytes], delimiter: str) -> None:
        self.stream, self.quotes, self.zeros = stream, 0, False
        # A field that begins with 0 and another digit. It may begin in one block and end in the next. A pattern that
        # begins with fixed bytes is searched for four times as fast as one for all marks.
        self.last = b""
        self.leading_zeros = [re.compile(re.escape(mark.encode()) + rb"0\d") for mark in (delimiter, "\n", '"')]
        self.reading, self.ended = threading.Lock(), False
        self.error: Exception | None = None
        # The objects that pyarrow may still refer to: the file, and the blocks that were read.
        self.lent: list[weakref.ref[object]] = []

    def read(self, size: int) -> memoryview:
        """Read and count; once `ended` is set, the stream is at its end."""
        with self.reading:
            data = b""
            if not self.ended:
                try:
                    data = self.stream.read(size)
                except Exception as error:  # noqa: BLE001
                    # It is raised by `to_pyarrow`. Its traceback would keep the file alive that is waited for there.
                    self.error, self.ended = error.with_traceback(None), True
            self.quotes += data.count(b'"')
            if not self.zeros:
                across = self.last + data[:2]
                self.zeros = any(each.search(data) or each.search(across) for each in self.leading_zeros)
                self.last = data[-2:]
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
        except Exception:
            if self.error is None:
                raise
        finally:
            self.ended = True
            with self.reading:
                until = time.monotonic() + PATIENCE
            while any(lent() is not None for lent in self.lent) and time.monotonic() < until:
                time.sleep(1e-3)
        if self.error is not None:
            raise self.error


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


class _Foreign(NamedTuple):
    """The first byte of a file that is not UTF-8, a sentence on it, and lines from there on with more such bytes.

    `wide` is the first line before it whose letters beyond ASCII are UTF-8, 0 if there is none.
    """

    found: str
    byte: int
    sample: bytes
    wide: int


def _not_utf8(file: CsvFile) -> _Foreign:
    """Look for what is not UTF-8 in a file."""
    found, byte, sample, wide = "a line is not UTF-8", 0, b"", 0
    with file.open() as stream:
        for number, line in enumerate(stream, 1):
            if line.isascii():
                continue
            if not sample:
                try:
                    line.decode()
                    wide = wide or number
                    continue
                except UnicodeDecodeError as error:
                    byte = line[error.start]
                    found = f"line {number:,} holds the byte 0x{byte:02X}, which is not UTF-8"
            sample += line
            if len(sample) > SAMPLE:
                break
    return _Foreign(found, byte, sample, wide)


def _western(file: CsvFile) -> str:
    """Return a note on a file that is read as Windows-1252; refuse one that makes no sense so."""
    found, byte, sample, wide = _not_utf8(file)
    if wide:
        what = f"line {wide:,} of {file.label} is UTF-8, and {found}"
        raise TableError(f"{what}: correct the latter, or give the encoding= of all lines, such as {FALLBACK!r}")
    if word := nonsense(sample):
        raise _foreign(file, NEITHER if "\ufffd" in word else f"and as {NAMES[FALLBACK]} it reads {word!r}")
    shown = bytes([byte]).decode(FALLBACK, errors="replace")
    return f"{found}: read as {NAMES[FALLBACK]}, where it is {shown!r} (encoding= reads it otherwise)"


def _foreign(file: CsvFile, why: str) -> TableError:
    """Return the error for a file in an encoding that the user must say, with those that make sense of it."""
    found, _, sample, _ = _not_utf8(file)
    known = [f"encoding={name!r}, which reads {word!r}" for name, word in proposals(sample)]
    remedy = " or ".join(known) or f"its encoding, such as encoding={FALLBACK!r}"
    return TableError(f"{file.label} is not UTF-8 ({found}), {why}: give {remedy} (--encoding in the shell)")


def _not_whole(file: CsvFile, given: str | None, error: UnicodeError) -> TableError:
    """Return the error for a file that is not in the encoding that its first bytes tell, or the user."""
    if given is None:
        return TableError(f"{file.label} is not whole as {NAMES[file.encoding]}: save it again in UTF-8")
    why = first_line(error)
    if isinstance(error, UnicodeDecodeError):
        why = f"the byte 0x{error.object[error.start]:02X} has no meaning there"
    return TableError(f"{file.label} is not in the encoding {given} ({why}): give another encoding=")


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
                    line = f"line {start + file.above:,} of {file.label}"
                    what = f"{line} has {counted(len(row), 'field')} and the header {width:,}"
                    if lines.line_num > start:
                        return TableError(
                            f"{what} (the row ends in line {lines.line_num + file.above:,}): is a quote left open?"
                        )
                    return TableError(f"{what}: correct the line, or put quotes around a text with a separator in it")
                start = lines.line_num + 1
            # The csv module found only rows of the same length, so pyarrow refused the file for another reason.
            start = 0
    if start:
        return TableError(
            f"line {start + file.above:,} of {file.label} has a field without an end: is a quote left open?"
        )
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
