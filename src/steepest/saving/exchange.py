"""Swap two folders in one step, where the system can."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Swap(NamedTuple):
    """A function of the C library that swaps two paths."""

    name: str
    arguments: Callable[[bytes, bytes], tuple[int | bytes, ...]]


# From the headers of Linux and macOS: relative paths begin at the working folder (AT_FDCWD), and the flag asks for a
# swap (RENAME_EXCHANGE, RENAME_SWAP).
AT_FDCWD = -100
SWAP = 2
SWAPS = {
    "linux": Swap("renameat2", lambda one, other: (AT_FDCWD, one, AT_FDCWD, other, SWAP)),
    "darwin": Swap("renamex_np", lambda one, other: (one, other, SWAP)),
}


def exchange(one: Path, other: Path) -> None:
    """Swap two folders of one file system, so that no moment is without either.

    Parameters
    ----------
    one, other : path
        The folders.

    Raises
    ------
    OSError
        If the system, or the file system, has no such step.
    """
    step = SWAPS.get(sys.platform)
    library = ctypes.CDLL(None, use_errno=True) if step else None
    if step is None or not hasattr(library, step.name):
        raise OSError(errno.ENOSYS, "this system can't swap two folders in one step")
    failed = getattr(library, step.name)(*step.arguments(os.fsencode(one), os.fsencode(other)))
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(one))
