"""A saved result is a folder, which is replaced in one step, and in which only files of a saved result are replaced."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steepest.derivatives.process.interrupts import interruptible, uninterrupted
from steepest.places import check_folders, naming, path_of, shown
from steepest.saving.exchange import exchange
from steepest.saving.lock import locked
from steepest.saving.record import RECORD, files_of, foreign_files
from steepest.writing import check_replaceable, draft_in, is_draft, sync

# A draft is removed after this many seconds: its writer has died. Chosen, not measured: a save takes seconds.
ABANDONED = 3600.0
# The most names that an error shows.
SHOWN = 3


@contextmanager
def staged(folder: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder to write a result to; once it is complete and on the disk, it takes the name of `folder`.

    Linux and macOS swap the two folders in one step. The files move one by one instead, the record last, if the system
    can't swap them, if `folder` is a mount point or the working folder, or if it keeps files of the user. A death
    between two moves then leaves a result that loads, perhaps beside the picture or the predictions of the other.

    Parameters
    ----------
    folder : path-like
        The folder, which is created if missing. A result that was saved there is replaced.
    overwrite : bool
        Also write into a folder with other files. Of these, only those with a name that the result needs are replaced.

    Yields
    ------
    pathlib.Path
        The folder to write to.

    Raises
    ------
    FileExistsError
        If the folder holds other files.
    OSError
        If the folder can't be written.
    """
    given, folder = folder, check_folder(folder, overwrite)
    with naming(given, folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        room = folder if _stays(folder) else folder.parent
        _sweep(room)
        draft = draft_in(room)
        draft.mkdir()
        try:
            yield draft
            for path in [*draft.iterdir(), draft]:
                sync(path)
            # Ctrl-C waits, so that it leaves the old result or the new one, and no file of either beside the other.
            with interruptible(), uninterrupted():
                if room == folder or foreign_files(folder) or not _swapped(draft, folder):
                    _move(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        sync(folder)
        sync(folder.parent)


def check_folder(folder: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Return the folder that a path names, links followed; raise FileExistsError if it holds files of the user.

    Parameters
    ----------
    folder : path-like
        The folder, which need not exist.
    overwrite : bool
        Whether files of the user may be there, and be replaced by files with the same names.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    FileExistsError
        If it holds files that are not those of a saved result.
    NotADirectoryError
        If it is a file, or lies below a file.
    TypeError, ValueError
        If it is no path of a folder.
    """
    path, name = path_of(folder, "folder"), shown(folder)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{name} is a file: give a folder to write into")
    check_folders(path, name)
    path = path.resolve()
    foreign = sorted(foreign_files(path))
    if foreign and not overwrite:
        names = ", ".join(repr(name)[1:-1] for name in foreign[:SHOWN]) + ", …" * (len(foreign) > SHOWN)
        raise FileExistsError(
            f"{name} holds files that are not those of a saved result, or that have changed since ({names}): name "
            "another folder, or allow files with the same names to be replaced by overwrite=True or --overwrite"
        )
    return path


def _stays(folder: Path) -> bool:
    """Tell whether a folder must stay the same folder: it is a mount point, or a shell may have it open."""
    writable = os.access(folder.parent, os.W_OK | os.X_OK)
    return folder.is_dir() and (folder.is_mount() or not writable or Path.cwd().is_relative_to(folder))


def _swapped(draft: Path, folder: Path) -> bool:
    """Put the draft in the place of the folder; False, with both as they were, if that takes more than one step."""
    if folder.exists():
        shutil.copymode(folder, draft)
    try:
        # The system replaces an empty folder, and no other.
        draft.rename(folder)
    except OSError:
        try:
            exchange(draft, folder)
        except OSError:
            return False
        if foreign_files(draft):
            # Somebody has put a file there in the meantime.
            exchange(draft, folder)
            return False
    return True


def _move(draft: Path, folder: Path) -> None:
    """Move the files of the draft into the folder, the record last, and remove those that the old record lists."""
    folder.mkdir(exist_ok=True)
    new = {path.name for path in draft.iterdir()}
    for name in new:
        check_replaceable(folder / name)
    with locked(folder):
        old = files_of(folder)
        for name in sorted(new, key=RECORD.__eq__):
            (draft / name).replace(folder / name)
        for name in old - new:
            (folder / name).unlink(missing_ok=True)


def _sweep(room: Path) -> None:
    """Remove the drafts of writers that have died."""
    for draft in filter(is_draft, room.iterdir()):
        try:
            abandoned = time.time() - draft.lstat().st_mtime > ABANDONED
        except OSError:
            continue
        if abandoned and draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        elif abandoned:
            draft.unlink(missing_ok=True)
