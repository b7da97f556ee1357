"""Numbers and words of findings, written alike by all finders."""

from __future__ import annotations

import math

from steepest.inspection.diagnosis.case import Case

# How a finding says that the function was not evaluated for it.
FROM_RECORD = "Judged from the record alone."
# Numbers up to here are written out, as 5,100 is read more easily than 5.1e+03.
WRITTEN_OUT = 1e6


def shown(number: float, digits: int = 3) -> str:
    """Return a number with a few digits, written out up to a million.

    Parameters
    ----------
    number : float
        The number.
    digits : int, optional
        How many digits count.

    Returns
    -------
    str
        The number.

    Examples
    --------
    >>> shown(0.012345), shown(5123.0, 2), shown(-2.5e9)
    ('0.0123', '5,100', '-2.5e+09')
    """
    short = float(f"{number:.{digits}g}")
    if math.isfinite(short) and 10**digits <= abs(short) < WRITTEN_OUT:
        return f"{short:,.0f}"
    return f"{number:.{digits}g}"


def step_word(case: Case) -> str:
    """Return what the user calls the size of a step: "learning rate" in a loop of their own, and here "step".

    Parameters
    ----------
    case : Case
        The run.

    Returns
    -------
    str
        The word.
    """
    is_named = case.call is not None and case.call.name == "gradient_descent"
    return "learning rate" if case.is_loop or is_named else "step"


def falls(case: Case) -> str:
    """Return the word for values that get better.

    Parameters
    ----------
    case : Case
        The run.

    Returns
    -------
    str
        The word.
    """
    return "rises" if case.run.maximized else "falls"
