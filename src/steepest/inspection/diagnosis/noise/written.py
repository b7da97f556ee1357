"""Arguments of a call as numbers, also if the call was loaded and its arguments are texts."""

from __future__ import annotations

import ast
import numbers
from typing import Any


def number(value: Any) -> float | None:
    """Return a number that was given as one, or as its text; else None.

    Parameters
    ----------
    value : object
        The argument.

    Returns
    -------
    float or None
        The number.

    Examples
    --------
    >>> number(8), number("0.05"), number("auto"), number(False)
    (8.0, 0.05, None, None)
    """
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return None
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return float(value) if real else None


def is_false(value: Any) -> bool:
    """Return whether an argument is False, or its text.

    Parameters
    ----------
    value : object
        The argument.

    Returns
    -------
    bool
        Whether it is.
    """
    return value is False or (isinstance(value, str) and str(value) == "False")
