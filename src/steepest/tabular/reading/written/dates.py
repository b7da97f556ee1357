"""Dates as people write them: 2012/01/31, 31.1.2012, 1/31/2012 5:30 pm, "Jan 31, 2012"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from steepest.printable import quoted
from steepest.tabular.reading.arrow import TableError, arrow, counted
from steepest.tabular.reading.columns import DAY, is_text, whole_as_texts
from steepest.tabular.reading.written.marks import Marks
from steepest.tabular.reading.written.missing import is_missing
from steepest.tabular.reading.written.numbers import MOST_STRAYS
from steepest.tabular.reading.written.words import SHARE, Words, part_of

if TYPE_CHECKING:
    import pyarrow as pa

# fmt: off
MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december"]
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
# fmt: on
# Whole numbers such as 20201231 are dates if all are dates between these years, and this many differ. One in 27 of all
# numbers between these years is a date, so that five others are dates by chance in 1 of 10 million columns.
YEARS, FEWEST = (1800, 2200), 5
# Whole numbers for a date that is missing or never comes, as databases have them.
NEVER = ("0", "00000000", "99991231", "99999999")
# Years of two digits from here on are of the last century. Chosen, not measured.
CENTURY = 50
# The zones that RFC 2822 names, and those of central Europe, in hours from UTC.
ZONES = {"z": 0, "utc": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8,
         "pdt": -7, "cet": 1, "cest": 2}  # fmt: skip

_TIME = (
    r"(?:(?:t|,?\s+)(?P<hour>00?):(?P<minute>00)(?::(?P<second>00)(?:[.,](?P<fraction>0{1,9}))?)?"
    rf"(?:\s?(?P<half>[ap])\.?m\.?)?(?:\s?(?P<zone>{'|'.join(ZONES)}|(?P<east>[+-])(?P<zone_hour>00)(?::?(?P<zone_minute>00))?))?)?"
)
_DAY_NAME = r"(?:(?P<weekday>[a-z]{2,9})\.?,?\s+)?"
_NAME = r"(?P<name>[a-z]{3,9})\.?"
_DAY = r"(?P<day>00?)(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>0000|00)"
# The shapes of dates, in which each digit is 0 and each letter is small. In the second, `first` and `other` are day and
# month, in an order that the values tell.
_DATES = tuple(re.compile(date + time) for date, time in (
    (r"(?P<year>0000)(?P<month>00)(?P<day>00)", _TIME),
    (r"(?P<year>0000)(?P<mark>[-/.\s])(?P<month>00?)(?P=mark)(?P<day>00?)", _TIME),
    (rf"(?P<first>00?)(?P<mark>[-/.]\s?)(?P<other>00?)(?P=mark){_YEAR}", _TIME),
    (rf"(?P<year>0000)[-/.\s]{_NAME}[-/.\s]{_DAY}", _TIME),
    (rf"{_DAY_NAME}{_NAME}[-/\s]\s?{_DAY},?[-/\s]\s?{_YEAR}", _TIME),
    (rf"{_DAY_NAME}{_DAY}[-./\s]?\s?(?:of\s)?{_NAME},?[-/\s]?\s?{_YEAR}", _TIME),
    (r"(?P<year>0000)[-/](?P<month>00)", ""),
    (r"(?P<month>00)[-/](?P<year>0000)", ""),
    (rf"{_NAME}[-,/\s]\s?(?P<year>0000)", ""),
    (r"(?P<year>0000)\s?[-:/]?\s?q(?P<quarter>0)", ""),
    (r"q(?P<quarter>0)\s?[-:/]?\s?(?P<year>0000)", ""),
    (r"(?P<year>0000)m(?P<month>00?)", ""),
))  # fmt: skip


@lru_cache(4096)
def _date(shape: str) -> re.Match[str] | None:
    """Return the parts of a date in a shape of texts, None if it is none."""
    if len(shape) > 60:
        return None
    for pattern in _DATES:
        found = pattern.fullmatch(shape.lower())
        if found and _named(found, "name", MONTHS) and _named(found, "weekday", WEEKDAYS):
            return found
    return None


def _named(found: re.Match[str], part: str, names: list[str]) -> bool:
    """Tell whether a part of a date, if there, is one of these names or the beginning of one."""
    given = found.groupdict().get(part)
    return given is None or any(name.startswith(given[:4] if given == "sept" else given) for name in names)


class _Parsed(NamedTuple):
    """The dates of different texts: microseconds since 1970, which texts are dates, and which of these have a zone."""

    ticks: np.ndarray
    valid: np.ndarray
    zoned: np.ndarray


class Order(NamedTuple):
    """Whether the day comes first in dates such as 3/4/2020.

    `why` is why it is taken so if no date tells it, and "" if one does; `example` is the index of a text that could be
    either.
    """

    day_first: bool
    example: int = 0
    why: str = ""

    @property
    def words(self) -> str:
        return "day first" if self.day_first else "month first"


@dataclass(frozen=True)
class WrittenDate:
    """How the dates of a column are written.

    Parameters
    ----------
    column : str
        The column.
    day_first : bool
        Whether 3/4/2020 is the third of April, and not the fourth of March.
    zoned : bool
        Whether the times have a zone.
    na : tuple of str
        Texts that mean a missing value, besides the usual ones.
    strays : tuple of str
        Texts that are no dates, and were read as missing values when the format was learned.
    ordered : bool
        Whether `day_first` was told, by the user or by dates such as 3/4/2020 when the format was learned. If not, the
        dates of each table that is read tell it, or a sentence says what was taken.

    Examples
    --------
    >>> days = WrittenDate("when", day_first=True)
    >>> found, _ = days.read(arrow().chunked_array([["3/4/2020", "Apr 5, 2020 6:30 pm", "?"]]))
    >>> [str(day) for day in found.to_pylist()]
    ['2020-04-03 00:00:00', '2020-04-05 18:30:00', 'None']
    """

    column: str
    day_first: bool = False
    zoned: bool = False
    na: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()
    # Folders of earlier versions do not say it.
    ordered: bool = True

    def read(self, data: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
        """Read a column in this format.

        Parameters
        ----------
        data : pyarrow.ChunkedArray
            Texts, or times.

        Returns
        -------
        times, note : pyarrow.ChunkedArray, str
            Times, null where they are missing; sentences on texts that are no dates, and on those that could be two;
            or "".

        Raises
        ------
        TableError
            If more than a tenth of the values are no dates.
        """
        pyarrow = arrow()
        if (whole := whole_as_texts(data)) is not None:
            data = whole
        if not is_text(data.type):
            return data, ""
        words = Words.of(data)
        order = Order(self.day_first) if self.ordered else _order(words)
        ticks, valid, zoned = _parse(words, order.day_first)
        valid &= zoned == self.zoned
        missing = is_missing(words.texts, (*self.na, *self.strays))
        valid, strays = valid & ~missing, ~valid & ~missing
        what = f"a date{' with a time zone' * self.zoned}{' (day first)' * order.day_first}"
        lost = words.lost(self.column, strays, valid, what)
        kind = pyarrow.timestamp("us", "UTC" if self.zoned else None)
        times = words.per_row(pyarrow.array(ticks, mask=~valid)).cast(kind)
        said = [f"{self.column}: no dates, so missing: {words.listed(strays)}"] if lost else []
        if order.why:
            text, day = words.texts[order.example].as_py(), np.datetime64(int(ticks[order.example]), "us")
            could = f"{self.column}: {quoted(text)} could be day/month or month/day, and is read {order.words}"
            said.append(f"{could}, as {day.astype('M8[D]')}, {order.why}: write dates as year-month-day")
        return times, "; ".join(said)


def _dated(words: Words) -> Iterator[tuple[re.Match[str], np.ndarray, pa.Array]]:
    """Give the groups of texts that are dates, with the parts of their shape."""
    for shape, indices, texts in words.groups:
        if found := _date(shape):
            yield found, indices, texts


def _parse(words: Words, day_first: bool) -> _Parsed:
    """Return the dates of all texts; `valid` also needs a day that exists, such as no 30 February."""
    size = len(words.texts)
    ticks, valid, zoned = np.zeros(size, np.int64), np.zeros(size, bool), np.zeros(size, bool)
    for found, indices, texts in _dated(words):
        days, real = _days(found, texts, day_first)
        time, possible = _time(found, texts)
        ticks[indices] = days * DAY + time
        valid[indices] = real & possible
        zoned[indices] = found.groupdict().get("zone") is not None
    return _Parsed(ticks, valid, zoned)


def _days(found: re.Match[str], texts: pa.Array, day_first: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the days since 1970, and which of them exist."""
    parts = found.groupdict()
    if "first" in parts:
        first, other = (part_of(found, part, texts) for part in ("first", "other"))
        day, month = (first, other) if day_first else (other, first)
    else:
        day, month = part_of(found, "day", texts, 1), part_of(found, "month", texts)
    if parts.get("name"):
        month = np.full(len(texts), next(k for k, name in enumerate(MONTHS, 1) if name.startswith(parts["name"][:3])))
    if parts.get("quarter"):
        quarter = part_of(found, "quarter", texts)
        month = np.where(quarter <= 4, 3 * quarter - 2, 0)
    year = part_of(found, "year", texts)
    if len(parts["year"]) == 2:
        year = year + np.where(year >= CENTURY, 1900, 2000)
    real = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1)
    months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("M8[M]")
    days = months.astype("M8[D]") + (day - 1)
    return days.astype(np.int64), real & (days.astype("M8[M]") == months)


def _time(found: re.Match[str], texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the microseconds since midnight UTC, and which of them are times of a day."""
    parts = found.groupdict()
    hour, minute, second = (part_of(found, part, texts) for part in ("hour", "minute", "second"))
    possible = (hour <= 23) & (minute <= 59) & (second <= 60)
    if half := parts.get("half"):
        possible &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + 12 * (half == "p")
    time = ((hour * 60 + minute) * 60 + second) * 1_000_000
    if fraction := parts.get("fraction"):
        time = time + part_of(found, "fraction", texts) * 10**6 // 10 ** len(fraction)
    offset = np.zeros(len(texts), np.int64)
    if east := parts.get("east"):
        offset = (part_of(found, "zone_hour", texts) * 60 + part_of(found, "zone_minute", texts)) * (
            1 - 2 * (east == "-")
        )
    elif zone := parts.get("zone"):
        offset += ZONES[zone] * 60
    return time - offset * 60_000_000, possible


def learn_date(column: str, words: Words, marks: Marks) -> tuple[WrittenDate | None, str]:
    """Tell from its texts whether a column holds dates, and how they are written.

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
    format, note : WrittenDate or None, str
        The format, None if the column holds something else; a sentence on it for the user.

    Examples
    --------
    >>> words = Words.of(arrow().chunked_array([["31/12/2019", "1/2/2020"]]))
    >>> found, note = learn_date("when", words, Marks())
    >>> found.day_first, note
    (True, "when: texts read as dates, day first, such as '31/12/2019' as 2019-12-31")
    """
    return _learn(column, words, marks, is_missing(words.texts, marks.na), "texts")


def learn_whole_date(column: str, words: Words, marks: Marks) -> tuple[WrittenDate | None, str]:
    """Tell whether the whole numbers of a column are dates, such as 20201231.

    They are if nine tenths are, between 1800 and 2200, and at least five differ; the others, such as 20201345, 0 and
    99999999, are missing then. If the user says that they are dates, any year and any count will do.

    Parameters
    ----------
    column : str
        The column.
    words : Words
        Its numbers, as texts.
    marks : Marks
        What the user says of missing values, and of the kind of the column.

    Returns
    -------
    format, note : WrittenDate or None, str
        The format, None if the column holds something else; a sentence on it for the user.

    Examples
    --------
    >>> words = Words.of(arrow().chunked_array([[str(20191228 + k) for k in range(4)] + ["20200101"]]))
    >>> learn_whole_date("day", words, Marks())[1]
    "day: whole numbers read as dates, such as '20191228' as 2019-12-28 (kinds={'day': 'number'} keeps the numbers)"
    """
    asked = column in marks.kinds
    missing = is_missing(words.texts, (*marks.na, *NEVER))
    if any(shape != "00000000" and not missing[indices].all() for shape, indices, _ in words.groups):
        return None, ""
    ticks, valid, _ = _parse(words, False)
    present = ~missing & (words.counts > 0)
    if not asked:
        years = ticks.astype("M8[us]").astype("M8[Y]").astype(int) + 1970
        dates = present & valid & (years >= YEARS[0]) & (years < YEARS[1])
        if words.counts[dates].sum() < SHARE * words.counts[present].sum() or dates.sum() < FEWEST:
            return None, ""
    found, note = _learn(column, words, replace(marks, na=(*marks.na, *NEVER)), missing, "whole numbers")
    return found, f"{note} (kinds={{{quoted(column)}: 'number'}} keeps the numbers)" if note and not asked else note


def _learn(column: str, words: Words, marks: Marks, missing: np.ndarray, what: str) -> tuple[WrittenDate | None, str]:
    """Return how dates are written, and a note; refuse dates that contradict the order that the user says."""
    present = words.counts[~missing].sum()
    if not present or sum(len(indices) for _, indices, _ in _dated(words.sample())) < SHARE / 2 * len(
        words.sample().texts
    ):
        return None, ""
    needed = max(1, SHARE * present)
    order = _order(words) if marks.day_first is None else Order(marks.day_first)
    day_first = order.day_first
    ticks, valid, zoned = _parse(words, day_first)
    if marks.day_first is not None:
        _check_order(column, words, valid, _parse(words, not day_first).valid & ~missing, day_first, needed)
    has_zone = bool(words.counts[valid & zoned & ~missing].sum() >= needed)
    ordered = any("first" in found.groupdict() for found, _, _ in _dated(words))
    told = ordered or marks.day_first is not None
    chosen = WrittenDate(column, day_first, has_zone, marks.na, ordered=told)
    valid &= (zoned == has_zone) & ~missing
    if words.counts[valid].sum() < needed:
        return None, ""
    strays = ~valid & ~missing
    names = words.texts.filter(arrow().array(strays)).to_pylist()[:MOST_STRAYS]
    k = _telling(words, valid, day_first)
    text, when = words.texts[k].as_py(), np.datetime64(int(ticks[k]), "us")
    day = when.astype("M8[D]")
    shown = str(day) if when == day else str(when.astype("M8[s]")).replace("T", " ")
    note = f"{column}: {what} read as dates{', day first' * (day_first and ordered)}"
    note += f", such as {quoted(text)} as {shown}{' UTC' * has_zone}" * (text != shown)
    if order.why:
        found = re.findall(r"\d+", words.texts[order.example].as_py())
        option = "--month-first" if day_first else "--day-first"
        note += (
            f"; {int(found[0])}/{int(found[1])} could be day/month or month/day, and is read {order.words}, {order.why}"
        )
        note += f" (day_first={not day_first}, or {option} in the shell, reads the other)"
    if any(len(found["year"]) == 2 for found, indices, _ in _dated(words) if valid[indices].any()):
        note += f"; years of two digits are from {1900 + CENTURY} to {1999 + CENTURY}"
    if listed := words.listed(missing):
        note += f"; missing: {listed}"
    if listed := words.listed(strays):
        lost = counted(int(words.counts[strays].sum()), "other value")
        note += f"; no dates, so missing, too: {lost}, {listed}"
    return replace(chosen, strays=tuple(names)), note


def _check_order(
    column: str, words: Words, valid: np.ndarray, others: np.ndarray, day_first: bool, needed: float
) -> None:
    """Refuse dates that are none in the order that the user says, and are in the other."""
    wrong = others & ~valid
    if wrong.any() and words.counts[valid | others].sum() >= needed:
        row = int(np.argmax(np.append(wrong, False)[words.codes]))
        text = f"{column}: {quoted(words.texts[int(words.codes[row])].as_py())} in row {row + 1:,}"
        orders = "the day first", "the month first"
        ours, theirs = orders if day_first else orders[::-1]
        raise TableError(
            f"{text} has {theirs}, and day_first={day_first} says {ours}: correct it, or leave day_first= out"
        )


def _telling(words: Words, valid: np.ndarray, day_first: bool) -> int:
    """Return the index of a text whose day is above 12, which tells the order of day and month; else of any date."""
    for found, indices, texts in _dated(words):
        if "first" in found.groupdict():
            telling = (part_of(found, "first" if day_first else "other", texts) > 12) & valid[indices]
            if telling.any():
                return int(indices[np.argmax(telling)])
    return int(np.argmax(valid))


def _order(words: Words) -> Order:
    """Return whether the day comes first in dates such as 3/4/2020, as they tell it."""
    firsts, others, marks, weights, places = [], [], [], [], []
    for found, indices, texts in _dated(words):
        if "first" in found.groupdict():
            firsts.append(part_of(found, "first", texts))
            others.append(part_of(found, "other", texts))
            weights.append(words.counts[indices])
            places.append(indices)
            marks += [found["mark"].strip()] * len(indices)
    if not firsts:
        return Order(False)
    first, other, rows = (np.concatenate(each) for each in (firsts, others, weights))
    large_first, large_other = (int(rows[part > 12].sum()) for part in (first, other))
    if large_first != large_other:
        return Order(large_first > large_other)
    if (first == other).all():
        return Order(False)
    ones_first, ones_other = (first == 1).all(), (other == 1).all()
    if all(mark == "." for mark in marks):
        day_first, why = True, "as is usual with points"
    elif ones_first != ones_other and len(first) > 2:
        day_first, why = bool(ones_first), "as dates of the first of a month"
    else:
        day_first, why = False, "as no day above 12 tells the order"
    return Order(day_first, int(np.concatenate(places)[np.argmax(first != other)]), why)
