"""The different texts of a column, and their shapes: how a text is read depends on its shape, and shapes are few."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from steepest.printable import quoted
from steepest.tabular.reading.arrow import TableError, arrow
from steepest.tabular.reading.columns import texts_of

if TYPE_CHECKING:
    import pyarrow as pa

# How many rows are looked at first. Chosen, not measured: enough to tell 50 % from 90 %.
SAMPLE = 1000
# The share of the values of a column that must be numbers, or dates, so that the rest are missing values.
SHARE = 0.9


@dataclass(frozen=True)
class Words:
    """The different texts of a column.

    Parameters
    ----------
    texts : pyarrow.Array
        The different texts, without spaces around them.
    codes : array of int of shape (rows,)
        The index of each row's text in `texts`; -1 for a missing value.

    Examples
    --------
    >>> words = Words.of(arrow().chunked_array([["$1.50", "n/a", None, "$2.75", "$1.50 "]]))
    >>> words.texts.to_pylist(), words.codes.tolist(), words.counts.tolist()
    (['$1.50', 'n/a', '$2.75'], [0, 1, -1, 2, 0], [2, 1, 1])
    >>> [(shape, texts.to_pylist()) for shape, _, texts in words.groups]
    [('$0.00', ['$1.50', '$2.75']), ('n/a', ['n/a'])]
    """

    texts: pa.Array
    codes: np.ndarray

    @classmethod
    def of(cls, data: pa.ChunkedArray) -> Words:
        """Return the different texts of a column of texts."""
        compute = arrow().compute
        coded = texts_of(data).dictionary_encode().combine_chunks()
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        trimmed = compute.utf8_trim_whitespace(coded.dictionary)
        if not trimmed.equals(coded.dictionary):
            # Texts that differed by spaces alone are now equal.
            coded = trimmed.dictionary_encode()
            again = np.append(coded.indices.to_numpy(), -1)
            return cls(coded.dictionary, again[codes])
        return cls(coded.dictionary, codes)

    @cached_property
    def counts(self) -> np.ndarray:
        """In how many rows each text occurs."""
        return np.bincount(self.codes + 1, minlength=len(self.texts) + 1)[1:]

    def sample(self) -> Words:
        """Return the texts of some rows, spread evenly over the column."""
        present = self.codes[self.codes >= 0]
        step = max(1, len(present) // SAMPLE)
        chosen, codes = np.unique(present[::step], return_inverse=True)
        return Words(self.texts.take(arrow().array(chosen)), codes)

    @cached_property
    def groups(self) -> list[tuple[str, np.ndarray, pa.Array]]:
        """Each shape, the indices of the texts of that shape, and these texts.

        The shape of a text has "0" in place of each digit. Texts of one shape have the same parts at the same places.
        """
        pyarrow = arrow()
        shapes = self._shapes.dictionary_encode()
        codes = shapes.indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        ordered = self.texts.take(pyarrow.array(order))
        ends = np.cumsum(np.bincount(codes, minlength=len(shapes.dictionary)))
        starts = [0, *ends.tolist()]
        return [
            (shape, order[start:end], ordered.slice(start, end - start))
            for shape, start, end in zip(shapes.dictionary.to_pylist(), starts, ends.tolist(), strict=False)
        ]

    @property
    def _shapes(self) -> pa.Array:
        pyarrow, texts = arrow(), self.texts
        valid, offsets, letters = texts.buffers()
        if letters is None:
            return texts
        # In UTF-8 the bytes of digits occur in digits alone.
        zeros = np.arange(256, dtype=np.uint8)
        zeros[ord("1") : ord("9") + 1] = ord("0")
        shaped = pyarrow.py_buffer(zeros[np.frombuffer(letters, np.uint8)])
        return pyarrow.Array.from_buffers(texts.type, len(texts), [valid, offsets, shaped], offset=texts.offset)

    def per_row(self, by_text: pa.Array) -> pa.ChunkedArray:
        """Return a value for each row, from those of the different texts; missing rows stay missing."""
        pyarrow = arrow()
        rows = pyarrow.array(self.codes, mask=self.codes < 0)
        return pyarrow.chunked_array([by_text.take(rows)])

    def lost(self, column: str, strays: np.ndarray, valid: np.ndarray, what: str) -> int:
        """Return in how many rows the texts can't be read.

        Parameters
        ----------
        column : str
            The column, for the message.
        strays, valid : array of bool
            Which of the different texts can't be read, and which can; the others are missing values.
        what : str
            What a text should be, for the message.

        Returns
        -------
        int
            The rows.

        Raises
        ------
        TableError
            If they are more than a tenth of the values.
        """
        lost, present = (int(self.counts[chosen].sum()) for chosen in (strays, strays | valid))
        if lost > (1 - SHARE) * present:
            row = int(np.argmax(np.append(strays, False)[self.codes]))
            text = f"{column}: {quoted(self.texts[int(self.codes[row])].as_py())} in row {row + 1:,}"
            raise TableError(f"{text} is not {what}: correct it, or leave it empty")
        return lost

    def listed(self, chosen: np.ndarray, most: int = 5) -> str:
        """Return the most frequent of some texts with their counts, to be shown in a note.

        Parameters
        ----------
        chosen : array of bool
            Which of the different texts.
        most : int
            How many to list; the others are counted.

        Returns
        -------
        str
            The texts.
        """
        indices = np.flatnonzero(chosen & (self.counts > 0))
        first = indices[np.argsort(-self.counts[indices], kind="stable")]
        shown = [f"{quoted(self.texts[int(k)].as_py())} ({self.counts[k]:,})" for k in first[:most]]
        if len(first) > most:
            shown.append(f"{len(first) - most:,} others ({self.counts[first[most:]].sum():,})")
        return ", ".join(shown)


def part_of(found: re.Match[str], part: str, texts: pa.Array, default: int = 0) -> np.ndarray:
    """Return a part of each of some texts as a whole number.

    Parameters
    ----------
    found : re.Match
        The parts of their shape, by name.
    part : str
        The part, of digits alone.
    texts : pyarrow.Array
        The texts, all of that shape.
    default : int
        The number if the shape lacks the part.

    Returns
    -------
    array of int
        The numbers.

    Examples
    --------
    >>> part_of(re.match("(?P<day>00)/(?P<month>00)", "00/00"), "month", arrow().array(["31/12", "05/01"])).tolist()
    [12, 1]
    """
    if found.groupdict().get(part) is None:
        return np.full(len(texts), default)
    pyarrow = arrow()
    digits = pyarrow.compute.utf8_slice_codeunits(texts, *found.span(part))
    return digits.cast(pyarrow.int64()).to_numpy(zero_copy_only=False)
