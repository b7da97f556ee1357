"""The units and factors beside numbers: "KM" and "km" are the same, "mW" and "MW" are not, "1.2M" is 1200000."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

MONEY = "$€£¥₹₽₩₺₪฿₫₴₦¢"
CODES = "USD|EUR|GBP|JPY|CHF|CAD|AUD|NZD|CNY|INR|BRL|MXN|SEK|NOK|DKK|PLN|CZK|HUF|RUB|TRY|ZAR|KRW|SGD|HKD|THB|ILS"

# The powers of ten that words stand for, in any case of their letters.
_WORDS = {
    "hundred": 2, "thousand": 3, "tausend": 3, "tsd": 3, "lakh": 5, "lac": 5,
    "million": 6, "millionen": 6, "millone": 6, "milione": 6, "milioni": 6, "miljoen": 6, "mio": 6, "mn": 6, "mill": 6,
    "crore": 7, "milliard": 9, "milliarde": 9, "milliarden": 9, "mrd": 9, "mld": 9, "mlrd": 9, "billion": 9, "bn": 9,
    "trillion": 12, "tn": 12,
}  # fmt: skip
# In languages that have a milliard, a billion is a thousand of them.
_MILLIARDS = {"milliard", "milliarde", "milliarden", "mrd", "mld", "mlrd"}
_BILLIONS = {"billion", "trillion"}
# The powers of ten of letters. Only k has no other meaning: K is also kelvin, m metre, M a concentration, and B and T
# are letters of codes. `are_factors` decides from the whole column.
_LETTERS = {"k": 3, "K": 3, "m": 6, "M": 6, "B": 9, "b": 9, "T": 12}
# The powers of ten of Chinese and Japanese.
_HAN = {"千": 3, "万": 4, "萬": 4, "億": 8, "亿": 8}
_CURRENCY = re.compile(rf"[{MONEY}]|{CODES}|(?i:euro|dollar)")
_FACTOR = re.compile(
    rf"(?P<word>(?i:{'|'.join(sorted(_WORDS, key=len, reverse=True))}))s?\.?"
    rf"(?:\s*(?P<money>[{MONEY}])|\s+(?P<rest>.+))?"
    rf"|(?P<han>[{''.join(_HAN)}])(?P<count>[^\W\d_]*)"
    rf"|(?P<letter>[kKmMBbT])(?:\s?(?P<after>[{MONEY}]|{CODES})|(?<=[kKM])\s(?P<other>.+))?"
)
# Units of two or three letters that mean the same in any case. The others may not: mW and MW, mm and Mm, Mb and MB.
_SAMES = """km cm kg kW kWh kHz Hz ml cl dl mi ft in yd lb oz hr min sec yr mph kph rpm psi bar ppm pcs sqm sqft day"""
_SAME = {unit.lower(): unit for unit in (*_SAMES.split(), *CODES.split("|"))}
_PERCENT = {"percent", "pct", "per cent", "prozent"}
# Bits and bytes, of which there are eight to one.
_BYTES = re.compile(r"[kKMGTP]?i?[bB](?:ps|it)?")


class Unit(NamedTuple):
    """What stands beside a number.

    Parameters
    ----------
    written : str
        The text.
    name : str
        The unit in one spelling, if letters such as k do not multiply.
    factor : str
        The factor, such as "k" or "mio"; "" if there is none.
    rest : str
        The unit in one spelling, if the factor multiplies.
    attached : bool
        Whether no space is before it.
    """

    written: str
    name: str
    factor: str
    rest: str
    attached: bool = False

    @property
    def power(self) -> int:
        """The power of ten of the factor."""
        if self.written in ("T€", "TEUR", "TCHF"):
            # In German, these are thousands.
            return 3
        return (_LETTERS | _WORDS | _HAN).get(self.factor, 0)


def unit_from(front: str, behind: str, attached: bool) -> Unit | None:
    """Return what stands before and behind a number.

    Parameters
    ----------
    front, behind : str
        The texts; "" if there are none.
    attached : bool
        Whether no space is between the number and what is behind it.

    Returns
    -------
    Unit or None
        The unit; None if there is one before and one behind.

    Examples
    --------
    >>> unit_from("$", "M", True)
    Unit(written='$M', name='$ M', factor='M', rest='$', attached=True)
    >>> unit_from("", "KM", False).name, unit_from("", "mW", False).name, unit_from("", "Years", False).name
    ('km', 'mW', 'year')
    """
    found = _FACTOR.fullmatch(behind.strip())
    factor = rest = ""
    if found:
        word = found["word"]
        factor = word.lower() if word else found["han"] or found["letter"].replace("b", "B")
        rest = next(filter(None, (found[group] for group in ("money", "rest", "count", "after", "other"))), "")
    if front and behind and (not factor or rest):
        return None
    name = f"{front} {behind}" if front and behind else one_spelling(front or behind)
    return Unit(
        front + behind, name, factor, one_spelling(rest or (front if factor else "")) if factor else name, attached
    )


def one_spelling(written: str) -> str:
    """Return a unit in one spelling.

    Parameters
    ----------
    written : str
        The unit.

    Returns
    -------
    str
        "years", "Year" and "year." are the same, and "KM" and "km"; "mW" and "MW" are not.

    Examples
    --------
    >>> [one_spelling(unit) for unit in ("Years", "KG", "Km/h", "MW", "MB/s", "pct", "Euros")]
    ['year', 'kg', 'km/h', 'MW', 'MB/s', '%', 'euro']
    """
    unit = written.strip().rstrip(".")
    if unit.lower() in _PERCENT:
        return "%"
    if (
        len(unit) > 2
        and unit.endswith("s")
        and unit[-2].isalpha()
        and not unit.endswith("ss")
        and not _BYTES.fullmatch(unit)
    ):
        unit = unit[:-1]
    parts = re.split(r"([/.·^* ]+)", unit)
    # Behind a stroke, H is an hour and S a second.
    return "".join(part.lower() if k and part in ("H", "S") else _one_case(part) for k, part in enumerate(parts))


def _one_case(part: str) -> str:
    # ML are megalitres.
    if part.lower() in _SAME and part != "ML":
        return _SAME[part.lower()]
    return part.lower() if len(part) > 3 and not _BYTES.fullmatch(part) else part


def is_factor(unit: str) -> bool:
    """Tell whether a unit multiplies its number, as % does, so that a number without it is in another unit.

    Parameters
    ----------
    unit : str
        The unit.

    Returns
    -------
    bool
        True for a percent sign, and for the factors of `are_factors`, if they do not multiply.
    """
    first = unit.partition(" ")[0]
    # A small m is a metre.
    return first in ("M", "%", "‰", "B", "T") or first.lower() == "k" or first in _WORDS or first[:1] in _HAN


def are_factors(units: Iterable[Unit]) -> bool:
    """Tell whether letters and words such as k, M and Mio multiply the numbers of a column.

    A small k and words do. M does if the column has no m, and m if there are other factors or it is of a currency. K is
    kelvin if it alone stands behind a space, and B and T are factors beside others or of a currency alone.

    Parameters
    ----------
    units : iterable of Unit
        What stands beside the numbers of the column.

    Returns
    -------
    bool
        False also if nothing multiplies.

    Examples
    --------
    >>> are_factors([unit_from("", "k", True), unit_from("", "M", True)])
    True
    >>> are_factors([unit_from("", "m", False)]), are_factors([unit_from("£", "m", True)])
    (False, True)
    """
    given = [unit for unit in units if unit.factor]
    factors = {unit.factor for unit in given}
    if not factors or {"m", "M"} <= factors or (factors & _MILLIARDS and factors & _BILLIONS):
        return False
    money = all(_CURRENCY.fullmatch(unit.rest) for unit in given)
    if factors == {"K"}:
        return money or all(unit.attached for unit in given)
    return money or not factors <= {"m", "B", "T"} or len(factors & {"m", "B", "T"}) > 1


def is_currency(unit: str) -> bool:
    """Tell whether a unit is a currency.

    Parameters
    ----------
    unit : str
        The unit.

    Returns
    -------
    bool
        True for signs and codes of currencies.
    """
    return _CURRENCY.fullmatch(unit) is not None
