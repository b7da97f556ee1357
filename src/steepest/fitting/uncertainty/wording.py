"""Estimates, errors and probabilities as text, with the digits that mean something."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

# The most significant digits of an estimate: beyond them an error is smaller than rounding.
MOST_DIGITS = 10
# Numbers with more digits before or after the point than this are written with an exponent.
LONGEST = 9
# The most names before a reason that they share.
MOST_ALIKE = 6


def stated(value: float, error: float) -> tuple[str, str]:
    """Return an estimate and its error as text: the error with two significant digits, the estimate with its last one.

    Parameters
    ----------
    value, error : float
        The estimate and its error; one that is 0, infinite or NaN rounds nothing.

    Returns
    -------
    str, str
        The texts.

    Examples
    --------
    >>> stated(1.00736931, 0.01749)
    ('1.007', '0.017')
    >>> stated(12345678.9, 43210.0)
    ('12346000', '43000')
    >>> stated(6.02214076e23, 1.2e19)
    ('6.02214e+23', '1.2e+19')
    >>> stated(2.5, float("nan"))
    ('2.5', '—')
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return f"{value:.8g}", "—" if math.isnan(error) else f"{error:.2g}"
    # The place of the second digit of the error, after it was rounded.
    second = _exponent(float(f"{error:.1e}")) - 1
    size = max(_exponent(value), second + 1) if value else second + 1
    last = max(second, size - MOST_DIGITS + 1)
    # The sum with 0 has no sign if it is 0.
    rounded = round(value, -last) + 0.0
    if not (last >= -LONGEST and size <= LONGEST):
        return f"{rounded:.{size - last}e}", f"{error:.1e}"
    places = max(-last, 0)
    return f"{rounded:.{places}f}", f"{round(error, -last):.{places}f}" if last == second else f"{error:.2g}"


def _exponent(value: float) -> int:
    """Return the power of ten of the first digit of a number that is not 0."""
    return math.floor(math.log10(abs(value)))


def ratio(value: float) -> str:
    """Return a t or z statistic as text.

    Parameters
    ----------
    value : float
        The statistic.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> ratio(57.5912), ratio(-0.94871), ratio(123456.7)
    ('57.6', '-0.95', '1.2e+05')
    """
    if not math.isfinite(value):
        return "—"
    if abs(value) >= 1e4:
        return f"{value:.1e}"
    places = 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{round(value, places) + 0.0:.{places}f}"


def chance(p: float) -> str:
    """Return a p value as text.

    Parameters
    ----------
    p : float
        The p value.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> chance(0.03141), chance(5.3e-7), chance(0.0), chance(0.9999)
    ('0.031', '5.3e-07', '< 1e-300', '1.00')
    """
    if math.isnan(p):
        return "—"
    if p < 1e-300:
        return "< 1e-300"
    return f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def grouped(reasons: Mapping[str, str]) -> list[str]:
    """Return reasons as texts, each once, after the names of the parameters that share it.

    Parameters
    ----------
    reasons : mapping
        The reasons by the names of the parameters.

    Returns
    -------
    list of str
        The texts.

    Examples
    --------
    >>> grouped({"a": "held at this value", "b": "on its lower bound", "c": "held at this value"})
    ['a, c: held at this value', 'b: on its lower bound']
    """
    names: dict[str, list[str]] = {}
    for name, why in reasons.items():
        names.setdefault(why, []).append(name)
    return [
        f"{', '.join(alike[:MOST_ALIKE])}{', …' * (len(alike) > MOST_ALIKE)}: {why}" for why, alike in names.items()
    ]


def aligned(rows: Sequence[Sequence[str]], left: Sequence[int] = ()) -> list[str]:
    """Return rows of texts as lines with columns of equal width, to the right but for the columns in `left`.

    Parameters
    ----------
    rows : sequence of sequences of str
        The texts, of which the first row is the heading.
    left : sequence of int
        The columns that are set to the left.

    Returns
    -------
    list of str
        The lines.

    Examples
    --------
    >>> aligned([["", "t"], ["slope", "-1.5"]])
    ['          t', 'slope  -1.5']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if k in left else text.rjust(width)
            for k, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
