"""`Log`: the file to which a recorder writes its steps as they come, and which a crash leaves readable.

The file is a row of blocks. Each is its length in 8 bytes, its CRC-32 in 4, and a file of safetensors with arrays and a
header in JSON. A last block that was not written whole fails its check, and is left out.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from steepest.saving.record import FAULTS, MOST_ARRAYS
from steepest.saving.regular import read_regular
from steepest.types import Json

NAME = "recording.log"
HEAD = struct.Struct("<QI")


class Log:
    """An open log.

    Parameters
    ----------
    folder : path
        The folder, which has no log yet.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        # Without a buffer each block is in the hands of the system at once, which a death of the process survives.
        self.file = self.path.open("xb", buffering=0)
        self.process = os.getpid()

    def append(self, header: Mapping[str, Json], arrays: Mapping[str, np.ndarray]) -> None:
        """Write a block; a child that was forked from the recording process writes none."""
        from safetensors.numpy import save

        if self.process != os.getpid():
            return
        ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        content = save(ordered, metadata={"header": json.dumps(header)})
        block = memoryview(HEAD.pack(len(content), zlib.crc32(content)) + content)
        while block:
            block = block[self.file.write(block) :]

    def is_in_place(self) -> bool:
        """Tell whether the file still has its name, which another recorder may have taken."""
        try:
            return os.path.samestat(os.fstat(self.file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False

    def remove(self) -> None:
        """Close the log and remove its file."""
        self.file.close()
        if self.process == os.getpid():
            self.path.unlink(missing_ok=True)


def blocks(folder: Path) -> Iterator[tuple[dict[str, Json], dict[str, np.ndarray]]]:
    """Yield the headers and arrays of the blocks of a log, up to the first that is not whole.

    Parameters
    ----------
    folder : path
        The folder with the log.

    Yields
    ------
    tuple of dict and dict
        A header and its arrays.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = memoryview(read_regular(folder / NAME, MOST_ARRAYS))
    while len(content) >= HEAD.size:
        size, check = HEAD.unpack(content[: HEAD.size])
        block = bytes(content[HEAD.size : HEAD.size + size])
        if len(block) != size or zlib.crc32(block) != check:
            return
        try:
            # The header of a file of safetensors is JSON, whose length is in the first 8 bytes.
            (length,) = struct.unpack("<Q", block[:8])
            header = json.loads(json.loads(block[8 : 8 + length])["__metadata__"]["header"])
            yield header, load(block)
        except (SafetensorError, *FAULTS):
            return
        content = content[HEAD.size + size :]
