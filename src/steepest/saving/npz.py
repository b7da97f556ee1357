"""Read the compressed arrays of the first version of the format."""

from __future__ import annotations

import io
import math
import zipfile
import zlib

import numpy as np
from numpy.lib import format as npy

# The most bytes that the arrays of a file may have once expanded. Chosen, not measured: the trace of a run has at most
# 80 MB, and a folder has one for each start.
MOST = 1 << 30


def arrays_of_npz(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file; sizes are compared before anything is allocated.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    dict of str to array
        The arrays by name.

    Raises
    ------
    ValueError
        If the file is faulty, or expands to more than 1 GiB.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> np.savez_compressed(file, x=np.arange(3.0))
    >>> arrays_of_npz(file.getvalue())
    {'x': array([0., 1., 2.])}
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MOST:
                raise ValueError(f"it expands to more than {MOST:,} bytes")
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(f"it is no file of arrays ({error})") from None


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        if npy.read_magic(file) != (1, 0):
            raise ValueError(f"{member.filename} has another format than this library wrote")
        shape, by_columns, dtype = npy.read_array_header_1_0(file)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or size > member.file_size:
            raise ValueError(f"the header of {member.filename} does not fit its size")
        values = np.frombuffer(bytearray(file.read(size)), dtype)
    return values.reshape(shape, order="F" if by_columns else "C")
