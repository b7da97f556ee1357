"""Texts that stay texts: without the spaces around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steepest.tabular.reading.arrow import arrow
from steepest.tabular.reading.columns import is_text, texts_of, whole_as_texts
from steepest.tabular.reading.written.words import Words

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class WrittenText:
    """How the texts of a column are written.

    Parameters
    ----------
    column : str
        The column.
    na : tuple of str
        Texts that mean a missing value, besides the empty one.

    Examples
    --------
    >>> colours = WrittenText("colour", na=("unknown",))
    >>> colours.read(arrow().chunked_array([[" red", "red ", "", "unknown"]]))[0].to_pylist()
    ['red', 'red', None, None]
    """

    column: str
    na: tuple[str, ...] = ()

    def read(self, data: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
        """Return the texts of a column without the spaces around them, and null where they are missing; and "".

        Parameters
        ----------
        data : pyarrow.ChunkedArray
            Texts, or numbers that are labels.

        Returns
        -------
        texts, note : pyarrow.ChunkedArray, str
            The texts; there is nothing to say of them.
        """
        if not is_text(data.type):
            whole = whole_as_texts(data)
            data = texts_of(data) if whole is None else whole
        pyarrow, words = arrow(), Words.of(data)
        known = pyarrow.array(["", *(word.lower() for word in self.na)], words.texts.type)
        missing = pyarrow.compute.is_in(pyarrow.compute.utf8_lower(words.texts), known)
        return words.per_row(pyarrow.compute.if_else(missing, None, words.texts)), ""
