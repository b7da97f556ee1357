"""Write a file whole: a reader finds the old file or the new one, and a failure leaves the old one."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from steepest.places import file_of, naming, shown

# The names of all drafts, files and folders.
DRAFT = re.compile(r"\.steepest-[0-9a-f]{16}")
KINDS: dict[str, Callable[[int], bool]] = {
    "a folder": stat.S_ISDIR,
    "a link": stat.S_ISLNK,
    "a pipe": stat.S_ISFIFO,
    "a socket": stat.S_ISSOCK,
    "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
}


def draft_in(folder: Path) -> Path:
    """Return a path in a folder that nobody can foresee, for a file or a folder that is not complete yet."""
    return folder / f".steepest-{secrets.token_hex(8)}"


def is_draft(path: Path) -> bool:
    """Tell whether a path has the name of a draft."""
    return DRAFT.fullmatch(path.name) is not None


def check_replaceable(path: Path) -> None:
    """Raise FileExistsError if something other than a regular file lies at a path, such as a link or a device."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        kind = next((name for name, is_kind in KINDS.items() if is_kind(mode)), "no file")
        raise FileExistsError(f"{shown(path)} is {kind}, and only a regular file is replaced: give another name")


@contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Yield a new file to write to; once it is complete and on the disk, it takes its name in one step.

    The draft lies in the same folder, so that the last step is a rename. It is created exclusively under a random name,
    so that it follows no link and meets no other writer.

    Parameters
    ----------
    path : path-like
        The file. An existing one keeps its permissions.

    Yields
    ------
    binary file
        The draft.

    Raises
    ------
    TypeError, ValueError
        If it is no path of a file.
    FileExistsError
        If something other than a regular file lies there.
    OSError
        If the file can't be written, for example because the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "answer.txt"
    >>> with new_file(path) as file:
    ...     _ = file.write(b"42")
    >>> path.read_bytes(), len(list(path.parent.iterdir()))
    (b'42', 1)
    """
    file_path = file_of(path)
    check_replaceable(file_path)
    draft = draft_in(file_path.parent)
    with naming(path, file_path):
        try:
            with draft.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if file_path.exists():
                draft.chmod(stat.S_IMODE(file_path.stat().st_mode))
            draft.replace(file_path)
        finally:
            draft.unlink(missing_ok=True)
        sync(file_path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk; some systems can't do so for folders."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
