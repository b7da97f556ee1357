"""The limit on what a file may hold once it is unpacked: a small compressed file can hold more than memory."""

from __future__ import annotations

import gzip
import io
import numbers
from typing import IO, TYPE_CHECKING

from steepest.activity import current
from steepest.data.machine import memory_of_machine
from steepest.tabular.reading.arrow import TableError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ByteStream = IO[bytes] | gzip.GzipFile

# The share of this machine's memory that a file may hold by default. Chosen, not measured: numbers take up to four
# times as much memory as their digits.
SHARE = 1 / 4
# The limit where the size of memory can't be read.
FALLBACK = 4_000_000_000
# How much is read from a compressed file at a time.
STEP = 1 << 20


def read_limit(max_bytes: float | None) -> int:
    """Return the limit that `max_bytes=` asks for.

    Parameters
    ----------
    max_bytes : number or None
        The limit; None for a quarter of the memory of this machine, or of its container.

    Returns
    -------
    int
        The limit in bytes.

    Raises
    ------
    ValueError
        If the limit is no number above 0.
    """
    if max_bytes is None:
        return int(SHARE * memory_of_machine()) or FALLBACK
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, numbers.Real) or not 0 < max_bytes < 2**63:
        raise ValueError(f"max_bytes={max_bytes!r}: give the most bytes that a file may hold, such as 8e9")
    return int(max_bytes)


class ByteCount:
    """Counts the bytes that are unpacked from a file, and refuses more than a limit.

    Parameters
    ----------
    label : str
        The name of the file in messages.
    most : int
        The limit.
    size : int
        How many bytes there are, if that is known.
    """

    def __init__(self, label: str, most: int, size: int = 0) -> None:
        self.label, self.most, self.count, self.size = label, most, 0, size
        # Arrow reads in a thread of its own.
        self._activity = current()

    def add(self, size: int) -> None:
        """Count more bytes.

        Parameters
        ----------
        size : int
            How many.

        Raises
        ------
        TableError
            If there are more than the limit.
        """
        self.count += size
        whole = f" of {in_units(self.size)}" if self.size else ""
        self._activity.say(f"reading {self.label}", in_units(self.count) + whole)
        if self.count > self.most:
            raise TableError(
                f"{self.label} holds more than {in_units(self.most)} once it is unpacked: if memory holds that, "
                "raise max_bytes=, or --max-bytes in the shell"
            )


class LimitedStream(io.RawIOBase):
    """A stream of bytes that may give no more than a limit.

    Parameters
    ----------
    stream : binary stream
        The stream, decompressed as it is read.
    count : ByteCount
        The limit.
    """

    def __init__(self, stream: ByteStream, count: ByteCount) -> None:
        self.stream, self.count = stream, count

    def readable(self) -> bool:
        """Tell that the stream can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read into a buffer, and return how many bytes were read."""
        view = memoryview(buffer)
        data = self.stream.read(min(len(view), STEP))
        self.count.add(len(data))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the stream."""
        self.stream.close()
        super().close()


def in_units(size: int) -> str:
    """Return a number of bytes with a unit.

    Parameters
    ----------
    size : int
        The number of bytes.

    Returns
    -------
    str
        At most three digits and a unit of which there is at least one.

    Examples
    --------
    >>> in_units(4_000_000_000), in_units(1_500), in_units(12)
    ('4 GB', '1.5 kB', '12 bytes')
    """
    for unit, bytes_in_it in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_in_it:
            return f"{size / bytes_in_it:.3g} {unit}"
    return f"{size} bytes"
