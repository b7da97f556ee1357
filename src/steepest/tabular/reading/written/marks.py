"""The options for how numbers are written in a table: the marks, and the words for a missing value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from steepest.printable import quoted

SPACES = " \u00a0\u2009\u202f"
APOSTROPHES = "'\u2019"


@dataclass(frozen=True)
class Marks:
    """How numbers are written in a table, as far as the user says it; the texts of each column tell the rest.

    Parameters
    ----------
    decimal : {".", ","} or None
        The decimal mark.
    thousands : str or None
        The mark between thousands; "" if there is none.
    na : tuple of str
        Texts that mean a missing value, besides the usual ones.

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

    @classmethod
    def read(cls, decimal: str | None, thousands: str | None, na: str | Iterable[str]) -> Marks:
        """Check the arguments of the user.

        Parameters
        ----------
        decimal, thousands : str or None
            The marks.
        na : str or iterable of str
            One text that means a missing value, or several.

        Returns
        -------
        Marks
            The same.

        Raises
        ------
        ValueError
            If a mark is no mark, or the two are the same.
        TypeError
            If `na` holds something else than texts.
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
        return cls(decimal, thousands, tuple(str(word).strip() for word in words))

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
