"""Paths that users give: what they must name, and errors that name them and not the draft beside them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steepest.printable import cut, printable, quoted

# The most letters of a path in a message. Chosen, not measured: longer ones are cut in the middle.
MOST_LETTERS = 300
FREE = "free some space, or name another place"
REMEDIES = {errno.ENOSPC: FREE, errno.EDQUOT: FREE, errno.ENAMETOOLONG: "give a shorter name"}
OTHERWISE = "name another place"
# The errors of a path at which nothing lies yet.
MISSING = (errno.ENOENT, errno.ENOTDIR)


def shown(path: object) -> str:
    """Return a path as a message shows it, on one line.

    Parameters
    ----------
    path : path
        The path.

    Returns
    -------
    str
        The text, of at most 300 letters.
    """
    return cut(printable(path), MOST_LETTERS)


def path_of(given: str | os.PathLike[str], kind: str) -> Path:
    """Return the path that a user gave, after checking that it can name a file or a folder.

    Parameters
    ----------
    given : str or path
        The path.
    kind : str
        What it names, for messages: "file" or "folder".

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    TypeError
        If it is no path.
    ValueError
        If it is empty, or holds the character NUL, or leads through links in a circle.
    OSError
        If the system refuses it, for example because a name is too long.

    Examples
    --------
    >>> path_of("", "folder")
    Traceback (most recent call last):
    ...
    ValueError: the path of the folder is empty: give its name
    """
    text = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(text, str):
        raise TypeError(f"{quoted(given)} is no path: give the name of a {kind}, as a text or a pathlib.Path")
    if not text.strip():
        raise ValueError(f"the path of the {kind} is empty: give its name")
    if "\0" in text:
        raise ValueError(f"{shown(text)} holds the character NUL, which no name may have: give another name")
    path = Path(text)
    for place in (*reversed(path.parents), path):
        try:
            place.stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                circle = f"{shown(place)} is a link that leads back to itself"
                raise ValueError(f"{shown(text)}: {circle}: name another {kind}") from None
            if error.errno not in MISSING:
                raise named(error, text, "reached") from error
    return path


def file_of(given: str | os.PathLike[str]) -> Path:
    """Return the path of a file to write, after checking that it names a file in a folder that exists.

    Parameters
    ----------
    given : str or path
        The path.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    TypeError, ValueError
        As for `path_of`.
    OSError
        If it names a folder, or a file in a folder that does not exist.
    """
    path = path_of(given, "file")
    name = shown(os.fspath(given))
    if path.is_dir():
        raise IsADirectoryError(f"{name} is a folder: name a file in it")
    if os.fspath(given).endswith((os.sep, os.altsep or os.sep)):
        raise IsADirectoryError(f"{name} ends with a slash, as only the name of a folder does: name a file")
    check_folders(path, name)
    if not path.parent.exists():
        raise FileNotFoundError(f"{name}: there is no folder {shown(path.parent)}; make it first")
    return path


def check_folders(path: Path, name: str) -> None:
    """Raise NotADirectoryError if a file lies where a path needs a folder.

    Parameters
    ----------
    path : pathlib.Path
        The path.
    name : str
        The path as messages show it.
    """
    nearest = next((place for place in path.absolute().parents if os.path.lexists(place)), path)
    if nearest is not path and not nearest.is_dir():
        file = next(place for place in path.parents if place.absolute() == nearest)
        raise NotADirectoryError(f"{name}: {shown(file)} is a file, not a folder; name another")


def named(error: OSError, path: object, doing: str = "written") -> OSError:
    """Return an error of the same class, whose message names a path of the user, the reason and a remedy.

    Parameters
    ----------
    error : OSError
        An error of the system.
    path : path
        The path that the user gave.
    doing : str
        What can't be done: "written", "read" or "reached".

    Returns
    -------
    OSError
        The error to raise.

    Examples
    --------
    >>> named(OSError(errno.ENOSPC, "", "answer/.steepest-0123"), "answer")
    OSError("answer can't be written (no space left on device): free some space, or name another place")
    """
    code = error.errno or 0
    reason = os.strerror(code)
    remedy = REMEDIES.get(code, OTHERWISE)
    new = type(error)(f"{shown(path)} can't be {doing} ({reason[:1].lower()}{reason[1:]}): {remedy}")
    new.errno = code
    return new


@contextmanager
def naming(given: object, path: Path) -> Iterator[None]:
    """Make errors of the system inside this context name the path that the user gave, and not a draft.

    Parameters
    ----------
    given : path
        The path that the user gave.
    path : pathlib.Path
        The same path as the code uses it. Errors of files elsewhere stay as they are.
    """
    try:
        yield
    except OSError as error:
        if error.errno and _concerns(error, path):
            raise named(error, given) from error
        raise


def _concerns(error: OSError, path: Path) -> bool:
    """Tell whether an error is of a path, of its folders, or of a draft beside it; writing to a file names nothing."""
    if not isinstance(error.filename, str):
        return error.filename is None
    place = Path(error.filename)
    return place.is_relative_to(path.parent) or path.is_relative_to(place)
