"""Times of day and durations as people write them: 14:30, "2:30 PM", 14h30, "36:12:05"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from steepest.printable import quoted
from steepest.tabular.reading.arrow import arrow, counted
from steepest.tabular.reading.columns import DAY, is_text
from steepest.tabular.reading.written.marks import Marks
from steepest.tabular.reading.written.missing import is_missing
from steepest.tabular.reading.written.numbers import MOST_STRAYS
from steepest.tabular.reading.written.words import SHARE, Words, part_of

if TYPE_CHECKING:
    import pyarrow as pa

HOUR = DAY // 24
# The shapes of times, in which each digit is 0 and each letter is small.
_TIMES = tuple(map(re.compile, (
    r"(?:(?P<days>0+) days?,?\s)?(?P<hour>0{1,3}):(?P<minute>00)(?::(?P<second>00)(?:[.,](?P<fraction>0{1,9}))?)?"
    r"(?:\s?(?:(?P<half>[ap])\.?m\.?|h|hrs?|uhr))?",
    r"(?P<hour>00?)(?:[.:](?P<minute>00))?\s?(?P<half>[ap])\.?m\.?",
    r"(?P<hour>00?)\s?h\s?(?P<minute>00)",
)))  # fmt: skip


@dataclass(frozen=True)
class WrittenTime:
    """How the times of a column are written.

    Parameters
    ----------
    column : str
        The column.
    long : bool
        Whether they are durations, which may be longer than a day, and not times of day.
    na : tuple of str
        Texts that mean a missing value, besides the usual ones.
    strays : tuple of str
        Texts that are no times, and were read as missing values when the format was learned.

    Examples
    --------
    >>> opened = WrittenTime("opened")
    >>> [str(time) for time in opened.read(arrow().chunked_array([["14:30", "2:05 PM", "9h15", "?"]]))[0].to_pylist()]
    ['14:30:00', '14:05:00', '09:15:00', 'None']
    """

    column: str
    long: bool = False
    na: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()

    def read(self, data: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
        """Read a column in this format.

        Parameters
        ----------
        data : pyarrow.ChunkedArray
            Texts, or times.

        Returns
        -------
        times, note : pyarrow.ChunkedArray, str
            Times, null where they are missing; a sentence on texts that are no times, or "".

        Raises
        ------
        TableError
            If more than a tenth of the values are no times.
        """
        pyarrow = arrow()
        kind = pyarrow.duration("us") if self.long else pyarrow.time64("us")
        if not is_text(data.type):
            # Readers of CSV take 14:30 for a time of day, also where other files have durations.
            of_day = self.long and pyarrow.types.is_time(data.type)
            return (data.cast(pyarrow.time64("us")).cast(pyarrow.int64()).cast(kind) if of_day else data), ""
        words = Words.of(data)
        ticks, valid = _parse(words, self.long)
        missing = is_missing(words.texts, (*self.na, *self.strays))
        valid, strays = valid & ~missing, ~valid & ~missing
        what = "a duration" if self.long else "a time of day"
        lost = words.lost(self.column, strays, valid, what)
        times = words.per_row(pyarrow.array(ticks, mask=~valid)).cast(kind)
        return times, f"{self.column}: no times, so missing: {words.listed(strays)}" if lost else ""


def _timed(words: Words) -> Iterator[tuple[re.Match[str], np.ndarray, pa.Array]]:
    """Give the groups of texts that are times, with the parts of their shape."""
    for shape, indices, texts in words.groups:
        small = shape.lower() if len(shape) <= 40 else ""
        if found := next(filter(None, (pattern.fullmatch(small) for pattern in _TIMES)), None):
            yield found, indices, texts


def _parse(words: Words, long: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the microseconds of all texts, and which of them are times."""
    ticks, valid = np.zeros(len(words.texts), np.int64), np.zeros(len(words.texts), bool)
    for found, indices, texts in _timed(words):
        days, hour, minute, second = (part_of(found, part, texts) for part in ("days", "hour", "minute", "second"))
        possible = (minute <= 59) & (second <= 59)
        if half := found.groupdict().get("half"):
            possible &= (hour >= 1) & (hour <= 12)
            hour = hour % 12 + 12 * (half == "p")
        if not long:
            possible &= (hour <= 23) & (found.groupdict().get("days") is None)
        time = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000
        if fraction := found.groupdict().get("fraction"):
            time = time + part_of(found, "fraction", texts) * 10**6 // 10 ** len(fraction)
        ticks[indices], valid[indices] = time, possible
    return ticks, valid


def learn_time(column: str, words: Words, marks: Marks) -> tuple[WrittenTime | None, str]:
    """Tell from its texts whether a column holds times of day or durations.

    Parameters
    ----------
    column : str
        The column.
    words : Words
        Its texts.
    marks : Marks
        What the user says of missing values.

    Returns
    -------
    format, note : WrittenTime or None, str
        The format, None if the column holds something else; a sentence on it for the user.

    Examples
    --------
    >>> words = Words.of(arrow().chunked_array([["2:30 PM", "11:05 AM", "?"]]))
    >>> found, note = learn_time("opened", words, Marks())
    >>> found.long, note
    (False, "opened: texts read as times of day, such as '2:30 PM' as 14:30; missing: '?' (1)")
    """
    missing = is_missing(words.texts, marks.na)
    needed = max(1, SHARE * words.counts[~missing].sum())
    ticks, valid = _parse(words, long=True)
    if words.counts[valid & ~missing].sum() < needed:
        return None, ""
    of_day = _parse(words, long=False)[1]
    long = bool((valid & ~of_day & ~missing).any())
    if any(found.groupdict().get("half") for found, _, _ in _timed(words)):
        # Durations have no halves of a day.
        long, valid = False, of_day
    strays = ~valid & ~missing
    names = words.texts.filter(arrow().array(strays)).to_pylist()[:MOST_STRAYS]
    # The longest duration tells most, and the latest time of day shows whether it is one of an afternoon.
    k = int(np.argmax(np.where(valid, ticks, -1)))
    text = words.texts[k].as_py()
    note = f"{column}: texts read as {'durations' if long else 'times of day'}"
    if long:
        note += f", such as {quoted(text)} as {ticks[k] / HOUR:.4g} hours"
        if text.count(":") == 1:
            note += " (read as minutes and seconds, all would be 60 times shorter)"
    elif text != (shown := str(np.datetime64(int(ticks[k]), "us"))[11:19].removesuffix(":00")):
        note += f", such as {quoted(text)} as {shown}"
    if listed := words.listed(missing):
        note += f"; missing: {listed}"
    if listed := words.listed(strays):
        lost = counted(int(words.counts[strays].sum()), "other value")
        note += f"; no times, so missing, too: {lost}, {listed}"
    return replace(WrittenTime(column, long, marks.na), strays=tuple(names)), note
