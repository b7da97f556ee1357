"""Streams that turn a text in another encoding, or with columns between spaces, into a CSV in UTF-8 as it is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from steepest.tabular.reading.byte_limit import STEP

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _Encoded(io.RawIOBase):
    """A stream of the pieces of a text, in UTF-8."""

    def __init__(self, stream: IO[bytes], pieces: Iterator[str]) -> None:
        self.stream, self.pieces = stream, pieces
        self.left = memoryview(b"")

    def readable(self) -> bool:
        """Tell that the stream can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read into a buffer, and return how many bytes were read."""
        if not self.left:
            self.left = memoryview(next(self.pieces, "").encode())
        view = memoryview(buffer)
        size = min(len(view), len(self.left))
        view[:size] = self.left[:size]
        self.left = self.left[size:]
        return size

    def close(self) -> None:
        """Close the stream."""
        self.stream.close()
        super().close()


def transcoded(stream: IO[bytes], encoding: str) -> io.BufferedReader:
    """Return a text in UTF-8.

    Parameters
    ----------
    stream : binary stream
        The text.
    encoding : str
        Its encoding.

    Returns
    -------
    binary stream
        The same text.

    Examples
    --------
    >>> transcoded(io.BufferedReader(io.BytesIO("größe".encode("cp1252"))), "cp1252").read().decode()
    'größe'
    """
    text = io.TextIOWrapper(stream, encoding, newline="")
    return io.BufferedReader(_Encoded(stream, iter(lambda: text.read(STEP), "")), STEP)


def between_tabs(stream: IO[bytes]) -> io.BufferedReader:
    r"""Return a text whose columns are separated by one or more spaces, with a tab between them instead.

    If the header has a name less than the other lines have values, as R writes tables, the first column has no name.

    Parameters
    ----------
    stream : binary stream
        The text, in UTF-8.

    Returns
    -------
    binary stream
        The same table.

    Examples
    --------
    >>> between_tabs(io.BufferedReader(io.BytesIO(b"a   b\n1  'x y' 2.5\n".replace(b"'", b'"')))).read()
    b'\ta\tb\r\n1\tx y\t2.5\r\n'
    """
    return io.BufferedReader(_Encoded(stream, _lines(io.TextIOWrapper(stream, "utf-8-sig", newline=""))), STEP)


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    rows = split_at_spaces(text)
    header, first = next(rows, []), next(rows, [])
    if len(header) == len(first) - 1:
        header = ["", *header]
    yield _written(header)
    if first:
        yield _written(first)
    yield from map(_written, rows)


def split_at_spaces(lines: io.TextIOWrapper | list[str]) -> Iterator[list[str]]:
    """Give the fields of each line that is not blank; a field in quotes may hold spaces.

    Parameters
    ----------
    lines : iterable of str
        The lines.

    Yields
    ------
    list of str
        The fields.
    """
    shown = (" ".join(line.split("\t")).strip() for line in lines)
    return csv.reader(filter(None, shown), delimiter=" ", skipinitialspace=True)


def _written(row: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter="\t").writerow(row)
    return line.getvalue()
