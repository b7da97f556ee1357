"""Read files that somebody else may have made: regular files alone, and no more than a limit."""

from __future__ import annotations

import os
import stat
from pathlib import Path

# A file is not opened through a link, and opening a pipe does not wait for its writer. Windows has no such flags.
FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_regular(path: Path, most: int) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    path : path
        The file.
    most : int
        The most bytes that it may have.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    ValueError
        If it is no regular file, or longer.
    OSError
        If it can't be read.

    Examples
    --------
    >>> read_regular(Path(__file__), 10)
    Traceback (most recent call last):
    ...
    ValueError: it has more than 10 bytes
    """
    # Opening some devices moves them, so look at what it is before opening it, and again at what was opened.
    _checked_size(path.lstat(), most)
    with os.fdopen(os.open(path, FLAGS), "rb") as file:
        # Asked for more bytes than the file has, `read` allocates them all.
        return file.read(_checked_size(os.fstat(file.fileno()), most))


def _checked_size(status: os.stat_result, most: int) -> int:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no regular file, but a link, a pipe, a device or a folder")
    if status.st_size > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return status.st_size
