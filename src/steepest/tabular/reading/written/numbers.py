"""Numbers as people write them: "$1,234.50", "12 km", "1.234,5", "(300)", "45 %"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from steepest.printable import quoted
from steepest.tabular.reading.arrow import TableError, arrow, counted
from steepest.tabular.reading.columns import is_text
from steepest.tabular.reading.written.marks import APOSTROPHES, SPACES, Marks
from steepest.tabular.reading.written.missing import is_missing
from steepest.tabular.reading.written.units import (
    CODES,
    MONEY,
    Unit,
    are_factors,
    is_currency,
    is_factor,
    unit_from,
)
from steepest.tabular.reading.written.words import SHARE, Words

if TYPE_CHECKING:
    import pyarrow as pa

# The most texts without a number that a format remembers, as each is saved. Chosen, not measured.
MOST_STRAYS = 50
# Whole numbers with more digits than 64 bits hold; if all have as many, they count or measure nothing.
MOST_DIGITS = 18
# The most units that a note lists.
MOST_UNITS = 5

_WORD = r"[^\W\d_](?:[^\W\d_]|[²³/.·^*-])*"
# The shape of a number, in which each digit is 0.
_NUMBER = re.compile(rf"""
    (?P<open>\()?
    (?P<sign>[-+−–])?\s*
    (?P<front>(?:US|CA|AU|NZ|HK|[ACRS])?[{MONEY}]|(?:{CODES}|Rs\.?|kr\.?)(?=[\s0-]))?\s*
    (?P<inner>[-+−–])?
    (?P<late>\()?
    (?P<digits>0(?:[0.,_{APOSTROPHES}{SPACES}]*[0.,])?|[.,]0+)
    (?P<power>[eE][-+]?0+)?
    (?P<after>-(?=$))?
    (?P<space>\s*)(?P<unit>[%‰"″′°℃℉]|[{MONEY}]|[°µμ]?{_WORD}(?:[ ]{_WORD}|[ ]?[{MONEY}]){{0,2}})?
    (?P<close>\))?
""", re.VERBOSE)  # fmt: skip
# Letters after a number that are no unit: those of ordinal numbers, of times of day, and of codes such as 1a and 1b.
_NO_UNIT = re.compile(
    rf"(st|nd|rd|th)( .*)?|[ap]\.?m\.?|o'?clock|[^%‰\"″′°℃℉{MONEY}dghklmsCFKLMVWмгтлчс\u3400-\u9fff]", re.IGNORECASE
)


class _Shape(NamedTuple):
    """A shape of numbers: where the digits are, and what stands around them."""

    digits: str
    start: int
    stop: int
    negative: bool
    unit: Unit
    # Whether the letters behind it are no unit, so that it is a number only if they are a factor.
    lone: bool

    def unit_if(self, scaled: bool) -> str:
        """Return the unit, if factors multiply or if they are units."""
        return self.unit.rest if scaled else self.unit.name


@lru_cache(4096)
def _number(shape: str) -> _Shape | None:
    """Return what a shape of texts says of them as numbers; None if they are none."""
    found = _NUMBER.fullmatch(shape) if len(shape) <= 60 else None
    if not found or (unit := unit_from(found["front"] or "", found["unit"] or "", not found["space"])) is None:
        return None
    opened = [bracket for bracket in (found["open"], found["late"]) if bracket]
    if len(opened) != bool(found["close"]):
        return None
    signs = [sign for sign in (found["sign"], found["inner"], found["after"]) if sign]
    lone = _NO_UNIT.fullmatch(found["unit"] or "") is not None
    if len(signs) + len(opened) > 1 or (lone and not unit.factor) or (found["power"] and unit.factor):
        return None
    start, stop = found.start("digits"), found.end("power") if found["power"] else found.end("digits")
    negative = bool(opened) or any(sign != "+" for sign in signs)
    return _Shape(found["digits"], start, stop, negative, unit, lone)


@lru_cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return the pattern of the digits of numbers, in shapes, if these are the marks."""
    wholes = ["0+", *(rf"0{{1,3}}(?:{re.escape(mark)}000)+" for mark in thousands)]
    if "," in thousands:
        # The digits of India: 12,34,567.
        wholes.append("0{1,2}(?:,00)+,000")
    point = re.escape(decimal)
    return re.compile(rf"(?:{'|'.join(wholes)})(?:{point}0*)?|{point}0+")


def _grouped(digits: str, decimal: str) -> bool:
    """Tell whether digits have a mark between thousands, so that they can't begin with 0."""
    return any(mark not in (decimal, "0") for mark in digits)


@dataclass(frozen=True)
class WrittenNumber:
    """How the numbers of a column are written.

    Parameters
    ----------
    column : str
        The column.
    decimal : {".", ","}
        The decimal mark.
    thousands : str
        The marks that may stand between thousands.
    unit : str
        The unit, before or after the number; "" if there is none.
    scaled : bool
        Whether factors such as k and M multiply.
    na : tuple of str
        Texts that mean a missing value, besides the usual ones.
    strays : tuple of str
        Texts that are no numbers, and were read as missing values when the format was learned.

    Examples
    --------
    >>> prices = WrittenNumber("price", unit="€", decimal=",", thousands=".")
    >>> prices.read(arrow().chunked_array([["1.234,50 €", "€ 7", "?", "(3,5 €)"]]))[0].to_pylist()
    [1234.5, 7.0, None, -3.5]
    """

    column: str
    decimal: str = "."
    thousands: str = "," + APOSTROPHES + SPACES
    unit: str = ""
    scaled: bool = False
    na: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()

    def read(self, data: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
        """Read a column in this format.

        Parameters
        ----------
        data : pyarrow.ChunkedArray
            Texts, or numbers.

        Returns
        -------
        numbers, note : pyarrow.ChunkedArray, str
            Numbers, null where they are missing; a sentence on texts that are no numbers, or "".

        Raises
        ------
        TableError
            If more than a tenth of the values are no numbers.
        """
        pyarrow = arrow()
        if not is_text(data.type):
            return self._without(data), ""
        words = Words.of(data)
        values = self.values(words)
        strays = np.isnan(values) & ~is_missing(words.texts, (*self.na, *self.strays))
        if strays.any():
            self._check_mark(words, values, strays)
        numbers = words.per_row(pyarrow.array(values, from_pandas=True))
        what = f"a number{f' in {self.unit}' * bool(self.unit)}"
        lost = words.lost(self.column, strays, ~np.isnan(values), what)
        note = f"{self.column}: no numbers{f' in {self.unit}' * bool(self.unit)}, so missing: {words.listed(strays)}"
        return self._without(numbers), note if lost else ""

    def _check_mark(self, words: Words, values: np.ndarray, strays: np.ndarray) -> None:
        """Refuse numbers with the other decimal mark: beside 2.25 with commas for decimals, 1.125 is not 1125."""
        decimal, thousands = Marks("." if self.decimal == "," else ",").conventions[0]
        others = replace(self, decimal=decimal, thousands=thousands).values(words)
        theirs, mine = strays & ~np.isnan(others), ~np.isnan(values) & np.isnan(others)
        if words.counts[theirs].sum() > words.counts[mine].sum():
            row = int(np.argmax(np.append(theirs, False)[words.codes]))
            what = f"{self.column}: {quoted(words.texts[int(words.codes[row])].as_py())} in row {row + 1:,}"
            marks = {".": "point", ",": "comma"}
            ours = f"the column is read with the decimal {marks[self.decimal]}"
            raise TableError(f"{what} has a decimal {marks[decimal]}, and {ours}: write its numbers so")

    def _without(self, numbers: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return numbers with null in place of those that mean a missing value, such as -999."""
        pyarrow, types = arrow(), arrow().types
        kinds = (types.is_integer, types.is_floating, types.is_decimal)
        if not any(matches(numbers.type) for matches in kinds) or not (sentinels := sentinels_in(self.na)):
            return numbers
        missing = pyarrow.compute.is_in(numbers.cast(pyarrow.float64(), safe=False), pyarrow.array(sentinels))
        return pyarrow.compute.if_else(missing, None, numbers)

    def values(self, words: Words) -> np.ndarray:
        """Return the number of each text, NaN if it is none in this format."""
        values = np.full(len(words.texts), np.nan)
        for shape, indices, texts in _numeric(words):
            if self._accepts(shape):
                values[indices] = self._parsed(shape, texts)
        return values

    def _accepts(self, shape: _Shape) -> bool:
        unit = shape.unit_if(self.scaled)
        # A share without a sign may be a share of 1, but a length without a unit is in that of the others; 5k beside
        # lengths may be none.
        bare = unit == "" and not is_factor(self.unit) and not (self.unit and shape.unit.factor)
        same = unit == self.unit or bare or (unit == "" and self.scaled and is_currency(self.unit))
        known = self.scaled or not shape.lone
        return same and known and _pattern(self.decimal, self.thousands).fullmatch(shape.digits) is not None

    def _parsed(self, shape: _Shape, texts: pa.Array) -> np.ndarray:
        pyarrow, compute = arrow(), arrow().compute
        digits = compute.utf8_slice_codeunits(texts, shape.start, shape.stop)
        zeros = _begins_with_zero(digits) if _grouped(shape.digits, self.decimal) else None
        for mark in self.thousands:
            if mark in shape.digits:
                digits = compute.replace_substring(digits, mark, "")
        if self.decimal == ",":
            digits = compute.replace_substring(digits, ",", ".")
        if self.scaled and (power := shape.unit.power):
            # As digits, 1.1e6 is exact, and 1.1 * 1e6 need not be.
            exponent, between = (pyarrow.scalar(each, digits.type) for each in (f"e{power}", ""))
            digits = compute.binary_join_element_wise(digits, exponent, between)
        numbers = digits.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
        numbers = -numbers if shape.negative else numbers
        return numbers if zeros is None else np.where(zeros, np.nan, numbers)


def sentinels_in(na: tuple[str, ...]) -> list[float]:
    """Return the numbers among texts that mean a missing value, such as -999.

    Parameters
    ----------
    na : tuple of str
        The texts.

    Returns
    -------
    list of float
        The numbers.

    Examples
    --------
    >>> sentinels_in(("-999", "unknown"))
    [-999.0]
    """
    found = []
    for word in na:
        try:
            found.append(float(word))
        except ValueError:
            continue
    return found


def _numeric(words: Words) -> Iterator[tuple[_Shape, np.ndarray, pa.Array]]:
    """Give the groups of texts that are numbers of some kind."""
    for shape, indices, texts in words.groups:
        if number := _number(shape):
            yield number, indices, texts


def _begins_with_zero(texts: pa.Array) -> np.ndarray:
    return arrow().compute.starts_with(texts, "0").to_numpy(zero_copy_only=False)


class LearntNumber(NamedTuple):
    """The format of a column of texts as numbers, if they are numbers.

    Parameters
    ----------
    format : WrittenNumber or None
        The format; None if the column is one of texts.
    note : str
        A sentence on it for the user; "" if the column has nothing to do with numbers.
    clear : str
        The decimal mark, if texts of the column tell it; else "".
    doubt : str
        A sentence on texts that could be two numbers; "" if there are none.
    """

    format: WrittenNumber | None
    note: str = ""
    clear: str = ""
    doubt: str = ""


def learn_number(
    column: str, words: Words, marks: Marks, usual: str = "", why: str = "as in other columns"
) -> LearntNumber:
    """Tell from its texts whether a column holds numbers, and how they are written.

    Parameters
    ----------
    column : str
        The column.
    words : Words
        Its texts.
    marks : Marks
        What the user says of numbers.
    usual : {".", ",", ""}
        The decimal mark to take for texts that tell none; "" if nothing else tells it.
    why : str
        What tells it, for the note.

    Returns
    -------
    LearntNumber
        The format, with a note.

    Examples
    --------
    >>> words = Words.of(arrow().chunked_array([["12 km", "1,200 km", "0.5 km", "?"]]))
    >>> found = learn_number("way", words, Marks())
    >>> found.format.unit, found.note
    ('km', "way: texts read as numbers in km, such as '1,200 km' as 1200; missing: '?' (1)")
    """
    missing = is_missing(words.texts, marks.na)
    present = words.counts[~missing].sum()
    needed = max(1, SHARE * present)
    if _rows_of_numbers(words.sample(), marks) < SHARE / 2 or not present:
        return LearntNumber(None)
    groups = list(_numeric(words))
    scaled = are_factors(shape.unit for shape, _, _ in groups)
    groups = [group for group in groups if scaled or not group[0].lone]
    if sum(words.counts[indices].sum() for _, indices, _ in groups) < needed:
        return LearntNumber(None)
    if marks.kinds.get(column) != "number" and (reason := _identifier(groups)):
        return LearntNumber(None, f"{column}: {reason}, so its texts are identifiers, not numbers")
    unit, others = _unit_of(groups, words.counts, needed, scaled)
    if others:
        which = ", ".join(f"{one or 'none'} ({rows:,})" for one, rows in others.items())
        return LearntNumber(None, f"{column}: numbers in different units, {which}: its texts stay texts")
    tried = [WrittenNumber(column, *convention, unit, scaled, marks.na) for convention in marks.conventions]
    rows = [int(words.counts[~np.isnan(each.values(words)) & ~missing].sum()) for each in tried]
    best, doubt, clear = max(range(len(tried)), key=rows.__getitem__), "", ""
    if len(tried) > 1:
        by_rows = min(rows) < max(rows)
        clear = tried[best].decimal if by_rows else _told_by_whole_numbers(groups)
        best = next((k for k, each in enumerate(tried) if each.decimal == (clear or usual)), best)
        if not clear:
            doubt = _doubt(words, tried[best], tried[1 - best], why if usual else "")
        elif clear == "," and not by_rows:
            # Some of the numbers may have been written without the mark between thousands.
            doubt = _doubt(words, tried[best], tried[1 - best], "as numbers above 999 have no comma")
    if rows[best] < needed:
        return LearntNumber(None)
    chosen = tried[best]
    values = chosen.values(words)
    strays = np.isnan(values) & ~missing
    names = words.texts.filter(arrow().array(strays)).to_pylist()[:MOST_STRAYS]
    chosen = replace(chosen, strays=tuple(names))
    note = _note(chosen, words, values, missing, strays) + _spellings(groups, words, chosen)
    if doubt:
        other = "." if chosen.decimal == "," else ","
        note += f"; {doubt} (decimal={other!r} reads the other)"
    return LearntNumber(chosen, note, clear, doubt)


def _rows_of_numbers(words: Words, marks: Marks) -> float:
    """Return the share of the rows with a value that hold numbers of any kind."""
    present = words.counts[~is_missing(words.texts, marks.na)].sum()
    numbers = sum(words.counts[indices].sum() for _, indices, _ in _numeric(words))
    return float(numbers / present) if present else 1.0


def _identifier(groups: list[tuple[_Shape, np.ndarray, pa.Array]]) -> str:
    """Return why texts of digits alone are identifiers: they begin with 0, or have too many digits; "" if neither."""
    if len(groups) == 1 and set(groups[0][0].digits) == {"0"} and (size := len(groups[0][0].digits)) > MOST_DIGITS:
        return f"each has {size} digits, more than a number holds"
    for shape, _, texts in groups:
        if len(shape.digits) > 1 and set(shape.digits) == {"0"} and not shape.unit.written and not shape.negative:
            zeros = _begins_with_zero(texts)
            if zeros.any():
                return f"{texts[int(np.argmax(zeros))].as_py()!r} begins with 0"
    return ""


def _unit_of(
    groups: list[tuple[_Shape, np.ndarray, pa.Array]], counts: np.ndarray, needed: float, scaled: bool
) -> tuple[str, dict[str, int]]:
    """Return the unit of a column, and the rows of each unit if there are several, which can't be one column."""
    rows: dict[str, int] = {}
    bare_factors = False
    for shape, indices, _ in groups:
        name = shape.unit_if(scaled)
        rows[name] = rows.get(name, 0) + int(counts[indices].sum())
        bare_factors |= scaled and bool(shape.unit.factor) and not name
    if rows.get("", 0) >= needed:
        return "", {}
    units = {unit: count for unit, count in sorted(rows.items(), key=lambda pair: -pair[1]) if unit}
    if len(units) == 1:
        unit = next(iter(units))
        # A number without a factor may be in the unit of the others, but not one with a factor alone: 5k beside 5 km.
        unclear = is_factor(unit) or (bare_factors and not is_currency(unit))
        if not unclear or "" not in rows or rows[unit] >= needed:
            return unit, {}
        return unit, rows
    shown = dict(list(units.items())[:MOST_UNITS])
    if len(units) > MOST_UNITS:
        shown["others"] = sum(units.values()) - sum(shown.values())
    return "", shown


def _spellings(groups: list[tuple[_Shape, np.ndarray, pa.Array]], words: Words, chosen: WrittenNumber) -> str:
    """Return the end of a note on the factors of a column, and on the spellings of its unit; "" if there are none."""
    used = [(shape, indices) for shape, indices, _ in groups if shape.unit_if(chosen.scaled) in ("", chosen.unit)]
    note = ""
    if chosen.scaled:
        powers = {shape.unit.factor: shape.unit.power for shape, _ in used if shape.unit.factor}
        note = "; " + " and ".join(f"{factor} is {10**power:,}" for factor, power in powers.items())
        plain = [indices[0] for shape, indices in used if not shape.unit.factor]
        if plain:
            note += f", and {quoted(words.texts[int(plain[0])].as_py())} has no factor"
    spellings: dict[str, set[str]] = {}
    for shape, _ in used:
        if shape.unit.written and not shape.unit.factor:
            spellings.setdefault(shape.unit.written.lower(), set()).add(shape.unit.written)
    for several in spellings.values():
        if len(several) > 1:
            note += f"; {' and '.join(sorted(several))} are one unit"
    return note


def _told_by_whole_numbers(groups: list[tuple[_Shape, np.ndarray, pa.Array]]) -> str:
    """Return the decimal mark that texts such as 1,234 have beside whole numbers; "" if those do not tell it.

    Beside 900 they are thousands, as 900 would have decimals, too; beside 1500 they are not, as 1500 has no comma.
    """
    digits = {shape.digits for shape, _, _ in groups}
    if not any("," in each for each in digits):
        return ""
    whole = [len(each) for each in digits if set(each) == {"0"}]
    return ("." if max(whole) <= 3 else ",") if whole else ""


def _doubt(words: Words, chosen: WrittenNumber, other: WrittenNumber, why: str) -> str:
    """Return a sentence on texts that could be two numbers; "" if there are none."""
    differ = chosen.values(words) != other.values(words)
    differ &= ~np.isnan(other.values(words))
    # A lone point is a decimal point, unless something speaks against it.
    if not differ.any() or (chosen.decimal == "." and not has_comma(words, differ)):
        return ""
    k = int(np.argmax(differ))
    text, mine, theirs = words.texts[k].as_py(), chosen.values(words)[k], other.values(words)[k]
    why = why or "as nothing else in the column tells"
    return f"{text!r} could be {mine:.10g} or {theirs:.10g}, and is read as {mine:.10g}, {why}"


def has_comma(words: Words, chosen: np.ndarray | slice = slice(None)) -> bool:
    """Tell whether there is a comma in a text.

    Parameters
    ----------
    words : Words
        The texts of a column.
    chosen : array of bool, optional
        Which of them; all by default.

    Returns
    -------
    bool
        True if there is one.
    """
    found = arrow().compute.match_substring(words.texts, ",").to_numpy(zero_copy_only=False)
    return bool(found[chosen].any())


def _note(chosen: WrittenNumber, words: Words, values: np.ndarray, missing: np.ndarray, strays: np.ndarray) -> str:
    numbers = ~np.isnan(values)
    note = f"{chosen.column}: texts read as numbers" + f" in {chosen.unit}" * bool(chosen.unit)
    plain = arrow().compute.match_substring_regex(words.texts, r"^-?\d+(\.\d+)?$").to_numpy(zero_copy_only=False)
    if (dressed := np.flatnonzero(numbers & ~plain)).size:
        # The longest text shows the most marks.
        lengths = arrow().compute.utf8_length(words.texts).to_numpy(zero_copy_only=False)
        k = int(dressed[np.argmax(lengths[dressed])])
        note += f", such as {quoted(words.texts[k].as_py())} as {values[k]:.10g}"
    if listed := words.listed(missing):
        note += f"; missing: {listed}"
    if listed := words.listed(strays):
        lost = counted(int(words.counts[strays].sum()), "other value")
        note += f"; no numbers, so missing, too: {lost}, {listed}"
    return note
