"""`Journal`: the rows of a recorder on the disk as they come, so that a crash loses at most a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from steepest.places import shown
from steepest.saving.record import RECORD
from steepest.trace import dumps
from steepest.types import Json

# The header has one line of JSON; the blocks follow each other in another file, each as `numpy.save` writes it.
HEADER, BLOCKS = "journal.json", "journal.npy"


class Journal:
    """The rows of a recorder on the disk as they come.

    Parameters
    ----------
    folder : Path
        The folder, which exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: BinaryIO | None = None

    def begin(self, header: dict[str, Json], rows: np.ndarray) -> None:
        """Begin again, with other columns or fewer rows.

        Parameters
        ----------
        header : dict
            What the columns are.
        rows : array
            All rows so far.
        """
        self.close()
        # A reader needs both files to agree, so the header names the file of its blocks.
        number = 1 + max([int(path.stem.partition("-")[2]) for path in self.folder.glob("journal-*.npy")], default=0)
        name = f"journal-{number}.npy"
        self._file = (self.folder / name).open("wb")
        self.append(rows)
        draft = self.folder / f"{HEADER}.part"
        draft.write_text(dumps({**header, "blocks": name}), encoding="utf-8")
        draft.replace(self.folder / HEADER)
        for path in self.folder.glob("journal-*.npy"):
            if path.name != name:
                path.unlink(missing_ok=True)

    def append(self, rows: np.ndarray) -> None:
        """Add rows.

        Parameters
        ----------
        rows : array
            The rows.
        """
        if self._file is not None and len(rows):
            np.save(self._file, np.ascontiguousarray(rows, dtype=float), allow_pickle=False)
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Remove the files, once the finished run is saved beside them."""
        self.close()
        for path in [*self.folder.glob("journal-*.npy"), self.folder / HEADER, self.folder / f"{HEADER}.part"]:
            path.unlink(missing_ok=True)


def is_journal(folder: Path) -> bool:
    """Tell whether a folder holds a journal and no finished run.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    bool
        Whether it does.
    """
    return (folder / HEADER).is_file() and not (folder / RECORD).exists()


def read_journal(folder: Path) -> tuple[dict[str, Any], np.ndarray]:
    """Return the header of a journal and all rows that were written whole.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    header : dict
        What the columns are.
    rows : array
        The rows.

    Raises
    ------
    ValueError
        If the header is damaged.
    """
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        width = len(header["columns"]) + len(header["names"])
        name = Path(header["blocks"]).name
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{shown(folder)} can't be loaded: {HEADER} is damaged ({error})") from None
    blocks = [np.empty((0, width))]
    try:
        with (folder / name).open("rb") as file:
            while file.peek(1):
                block = np.load(file, allow_pickle=False)
                if block.ndim != 2 or block.shape[1] != width:
                    break
                blocks.append(block)
    except (OSError, ValueError, EOFError):
        # The last block was cut off by the crash.
        pass
    return header, np.concatenate(blocks)
