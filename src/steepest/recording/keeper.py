"""`Keeper`: the folder of a recording, into which a thread writes the steps as they come."""

from __future__ import annotations

import atexit
import os
import threading
import warnings
from collections.abc import Callable, Mapping

import numpy as np

from steepest.places import path_of, shown
from steepest.recording.log import NAME, Log
from steepest.recording.run import RecordedRun
from steepest.saving.folder import check_folder
from steepest.saving.record import files_of
from steepest.types import Json

# The seconds between two writes: a crash loses at most as much, and the time of a write.
PAUSE = 0.4


class Keeper:
    """The folder of a recording.

    Parameters
    ----------
    folder : path
        The folder, which is made if missing.
    overwrite : bool
        Whether a run that is saved there may be removed.
    flush : callable
        Called again and again; it appends what has come.

    Raises
    ------
    FileExistsError
        If the folder holds a run, and `overwrite` is false, or other files.
    """

    def __init__(self, folder: str | os.PathLike[str], overwrite: bool, flush: Callable[[], None]) -> None:
        path = path_of(folder, "folder")
        if (path / NAME).exists() and not overwrite:
            raise FileExistsError(
                f"{shown(path)} holds a recording, which still goes on or whose process has died: name another folder, "
                "or give overwrite=True to lose it"
            )
        path = check_folder(folder, overwrite=overwrite)
        old = files_of(path) | ({NAME} if (path / NAME).exists() else set())
        if old and not overwrite:
            raise FileExistsError(
                f"{shown(path)} holds a run already: name another folder, or give overwrite=True to lose that run"
            )
        path.mkdir(parents=True, exist_ok=True)
        for name in old:
            (path / name).unlink(missing_ok=True)
        self.folder, self.flush, self.fails = path, flush, False
        self.log = Log(path)
        self.ended = threading.Event()
        threading.Thread(target=self._write, name="steepest recorder", daemon=True).start()
        # A script that ends without `close` loses nothing either.
        atexit.register(flush)

    def append(self, header: Mapping[str, Json], arrays: Mapping[str, np.ndarray]) -> None:
        """Write rows into the log; after a failure, which is said once, they are only kept in memory."""
        if self.fails:
            return
        try:
            if self.log.is_in_place():
                self.log.append(header, arrays)
            else:
                self._fail("its log was removed or replaced, perhaps by another recorder")
        except OSError as error:
            self._fail(error)

    def close(self, run: RecordedRun | None) -> None:
        """End the writing, and put the run in the place of the log; without a run, leave nothing."""
        self.ended.set()
        atexit.unregister(self.flush)
        if self.log.process != os.getpid():
            return
        try:
            if not self.log.is_in_place() and (self.log.path.exists() or files_of(self.folder)):
                self._fail("another recorder or result has its place")
                self.log.file.close()
                return
            if run is not None:
                run.save(self.folder, overwrite=True)
            self.log.remove()
        except OSError as error:
            self._fail(error)

    def _write(self) -> None:
        while not self.ended.wait(PAUSE):
            try:
                self.flush()
            except Exception as error:  # noqa: BLE001 - the steps wait on, and the loop's next look at them raises
                self._fail(f"{type(error).__name__}: {error}"[:200])

    def _fail(self, error: OSError | str) -> None:
        if not self.fails:
            self.fails = True
            warnings.warn(
                f"the recording can't be written to {shown(self.folder)} any more: {error}; it is kept in memory, so "
                "save rec.run elsewhere",
                RuntimeWarning,
                stacklevel=3,
            )
