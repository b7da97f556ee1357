"""One writer of a folder at a time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The seconds to wait for another process, and between two tries. Chosen, not measured: a save holds the folder for
# a fraction of a second.
PATIENCE, PAUSE = 10.0, 0.005


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder until the end of the block, or the death of the process. Windows has no such lock.

    Raises
    ------
    TimeoutError
        If another process holds the folder for longer than a save takes.
    """
    if sys.platform == "win32":
        yield
    else:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
        try:
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise TimeoutError(
                            f"another process has held {folder} for {PATIENCE:g} s: end it, or name another folder"
                        ) from None
                    time.sleep(PAUSE)
            yield
        finally:
            os.close(descriptor)
