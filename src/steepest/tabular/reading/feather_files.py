"""Read Feather files, which are files of Arrow's own format, up to a limit on what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steepest.tabular.reading.arrow import TableError, arrow, first_line
from steepest.tabular.reading.byte_limit import ByteCount
from steepest.tabular.reading.parquet_files import decoded_size

if TYPE_CHECKING:
    import pyarrow as pa


def read_feather(path: Path, most: int) -> pa.Table:
    """Read a Feather file.

    Parameters
    ----------
    path : Path
        The file.
    most : int
        The most bytes that the table may take in memory; it is known after each block of rows.

    Returns
    -------
    pyarrow.Table
        The table.

    Raises
    ------
    TableError
        If the file is damaged, of the old version 1, or its table is larger than the limit.
    """
    pyarrow, count, batches = arrow(), ByteCount(path.name, most), []
    try:
        with pyarrow.ipc.open_file(path) as reader:
            for k in range(reader.num_record_batches):
                batch = reader.get_batch(k)
                count.add(sum(map(decoded_size, batch.columns)))
                batches.append(batch)
            return pyarrow.Table.from_batches(batches, reader.schema)
    except (PermissionError, MemoryError):
        raise
    except (pyarrow.ArrowException, OSError) as error:
        what = f"{path.name} is not a valid Feather file of version 2"
        raise TableError(f"{what} ({first_line(error)}): write it again") from None
