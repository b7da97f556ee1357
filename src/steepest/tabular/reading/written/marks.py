"""The options for how a table is written: the marks of numbers, the order in dates, and the kinds of columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from steepest.printable import quoted

SPACES = " \u00a0\u2009\u202f"
APOSTROPHES = "'\u2019"
KINDS = ("number", "date", "text")


@dataclass(frozen=True)
class Marks:
    """How a table is written, as far as the user says it; the texts of each column tell the rest.

    Parameters
    ----------
    decimal : {".", ","} or None
        The decimal mark.
    thousands : str or None
        The mark between thousands; "" if there is none.
    na : tuple of str
        Texts that mean a missing value, besides the usual ones.
    day_first : bool or None
        Whether 3/4/2020 is the third of April; None if the dates of a column tell it.
    kinds : mapping of str to {"number", "date", "text"}
        What columns hold, by name.

    Examples
    --------
    >>> Marks.read(",", None, "unknown").conventions
    ((',', ".'’ \\xa0\\u2009\\u202f"),)
    >>> Marks.read(",", ",", ())
    Traceback (most recent call last):
    ...
    ValueError: decimal=',' and thousands=',' are the same mark: give two different ones
    """

    decimal: str | None = None
    thousands: str | None = None
    na: tuple[str, ...] = ()
    day_first: bool | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        decimal: str | None,
        thousands: str | None,
        na: str | Iterable[str],
        day_first: bool | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> Marks:
        """Check the arguments of the user.

        Parameters
        ----------
        decimal, thousands : str or None
            The marks.
        na : str or iterable of str
            One text that means a missing value, or several.
        day_first : bool or None
            Whether the day comes before the month.
        kinds : mapping or None
            What columns hold.

        Returns
        -------
        Marks
            The same.

        Raises
        ------
        ValueError
            If a mark is no mark, the two are the same, or a kind is none.
        TypeError
            If `na` holds something else than texts, `day_first` is no bool, or `kinds` is no mapping.
        """
        if decimal not in (None, ".", ","):
            raise ValueError(f"decimal={quoted(decimal)}: give '.' or ','")
        known = (None, "", ".", ",", "_", *SPACES, *APOSTROPHES)
        if thousands not in known:
            raise ValueError(f"thousands={quoted(thousands)}: give ',', '.', ' ', \"'\" or '_', or '' for none")
        if decimal is not None and decimal == thousands:
            raise ValueError(
                f"decimal={decimal!r} and thousands={thousands!r} are the same mark: give two different ones"
            )
        if not isinstance(na, str) and not isinstance(na, Iterable):
            raise TypeError(f"na={quoted(na)}: give a text that means a missing value, or a list of them")
        words = (na,) if isinstance(na, str) else tuple(na)
        for word in words:
            if isinstance(word, bool) or not isinstance(word, (str, int, float)):
                raise TypeError(f"na={quoted(word)}: give texts that mean a missing value")
        if day_first is not None and not isinstance(day_first, bool):
            raise TypeError(f"day_first={quoted(day_first)}: give True or False, or leave it out")
        if kinds is not None and not isinstance(kinds, Mapping):
            raise TypeError(f"kinds={quoted(kinds)}: give kinds by column, such as {{'zip': 'text'}}")
        if unknown := next((each for each in (kinds or {}).items() if each[1] not in KINDS), None):
            raise ValueError(f"kinds={{{quoted(unknown[0])}: {quoted(unknown[1])}}}: give 'number', 'date' or 'text'")
        return cls(decimal, thousands, tuple(str(word).strip() for word in words), day_first, dict(kinds or {}))

    @property
    def conventions(self) -> tuple[tuple[str, str], ...]:
        """The decimal mark and the marks between thousands, for each convention that is possible."""
        if self.thousands is not None and self.decimal is None:
            decimals = (",",) if self.thousands == "." else (".",) if self.thousands == "," else (".", ",")
        else:
            decimals = (".", ",") if self.decimal is None else (self.decimal,)
        return tuple((decimal, self._between(decimal)) for decimal in decimals)

    def _between(self, decimal: str) -> str:
        if self.thousands is None:
            return ("," if decimal == "." else ".") + APOSTROPHES + SPACES
        # A space or an apostrophe stands for those that look like it.
        alike = [kind for kind in (SPACES, APOSTROPHES) if self.thousands and self.thousands in kind]
        return alike[0] if alike else self.thousands
