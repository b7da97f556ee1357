"""Read Parquet files, batch by batch, up to a limit on what they hold once they are decoded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from steepest.tabular.reading.arrow import TableError, arrow, first_line
from steepest.tabular.reading.byte_limit import ByteCount

if TYPE_CHECKING:
    import pyarrow as pa

# The most rows of a batch, and the most numbers in it, of 8 bytes each. A file of a few kilobytes can hold any number
# of equal rows, so the size is known only once a batch is decoded. Chosen, not measured: larger batches read faster.
MOST_ROWS, MOST_NUMBERS = 1 << 16, 1 << 22


def read_parquet(path: Path, most: int) -> pa.Table:
    """Read a Parquet file.

    Parameters
    ----------
    path : Path
        The file.
    most : int
        The most bytes that the table may take in memory.

    Returns
    -------
    pyarrow.Table
        The table, without the index of a DataFrame of pandas.

    Raises
    ------
    TableError
        If the file is damaged, or its table is larger than the limit.
    """
    pyarrow = arrow()
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
        texts = [field.name for field in schema if _is_text(field.type)]
        # Texts are read as codes of a dictionary, so that equal ones are decoded once. pyarrow.parquet.read_table would
        # add columns for names of folders in the path such as year=2013.
        with pyarrow.parquet.ParquetFile(path, read_dictionary=texts) as file:
            rows = max(1, min(MOST_ROWS, MOST_NUMBERS // max(1, sum(map(_width, file.schema_arrow.types)))))
            count = ByteCount(path.name, most)
            batches = []
            for batch in file.iter_batches(rows):
                count.add(sum(map(decoded_size, batch.columns)))
                batches.append(batch)
            table = pyarrow.Table.from_batches(batches, None if batches else file.schema_arrow).cast(schema)
    except (PermissionError, MemoryError):
        raise
    except (pyarrow.ArrowException, OSError) as error:
        raise TableError(f"{path.name} is not a valid Parquet file ({first_line(error)}): write it again") from None
    # pandas writes the index of a DataFrame as columns with these names; an index is not a feature.
    return table.drop_columns([name for name in table.column_names if re.fullmatch(r"__index_level_\d+__", name)])


def _is_text(kind: pa.DataType) -> bool:
    """Tell whether a type holds texts or bytes, whose length differs from row to row."""
    types = arrow().types
    tests = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    return any(matches(kind) for matches in tests)


def _width(kind: pa.DataType) -> int:
    """Return the width of a type in numbers of 8 bytes, at least 1; that of texts is the width of their codes."""
    try:
        return max(1, kind.bit_width // 64)
    except ValueError:
        return 1


def decoded_size(column: pa.Array) -> int:
    """Return the bytes of a column once its texts are no longer codes.

    Parameters
    ----------
    column : pyarrow.Array
        The column.

    Returns
    -------
    int
        The number of bytes.
    """
    pyarrow = arrow()
    if not (pyarrow.types.is_dictionary(column.type) and _is_text(column.type.value_type)):
        return column.nbytes
    lengths = pyarrow.compute.binary_length(column.dictionary).cast(pyarrow.int64())
    return (pyarrow.compute.sum(lengths.take(column.indices)).as_py() or 0) + column.indices.nbytes
