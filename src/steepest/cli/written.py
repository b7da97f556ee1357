"""The files of a command, so that the message of an interrupt says which of them were written."""

from __future__ import annotations

from pathlib import Path

from steepest.printable import printable
from steepest.writing import is_draft

# The name of a file, with its inode, its time and its size: another file with the same name differs in these.
Identity = tuple[str, int, int, int]


class Written:
    """The paths that a command may write to, with the files that were there before.

    Attributes
    ----------
    before : dict of path to set
        The files at each path, which is that of a file or a folder.
    printing : bool
        Whether the command has begun to print its predictions.
    """

    def __init__(self) -> None:
        self.before: dict[Path, set[Identity]] = {}
        self.printing = False

    def expect(self, path: Path) -> None:
        """Note a path that the command may write to."""
        self.before[path] = _files_at(path)

    def __str__(self) -> str:
        """Return in words what was written."""
        if self.printing:
            return "the predictions may not be complete"
        changed = [printable(path) for path, before in self.before.items() if _files_at(path) - before]
        return f"{' and '.join(changed) or 'nothing'} {'were' if len(changed) > 1 else 'was'} written"


def _files_at(path: Path) -> set[Identity]:
    """Return the file at a path, or the files of a folder, without those that are not complete yet."""
    try:
        files = path.iterdir() if path.is_dir() else [path]
        return {_identity(file) for file in files if not is_draft(file)}
    except OSError:
        return set()


def _identity(path: Path) -> Identity:
    status = path.lstat()
    return path.name, status.st_ino, status.st_mtime_ns, status.st_size
