"""The lines of warnings about a table and its fit."""

from __future__ import annotations

from collections.abc import Sequence

from steepest.finding import Finding
from steepest.printable import printable

# The most warnings that are printed; the rest are counted.
MOST_WARNINGS = 10


def warning_lines(warnings: Sequence[Finding]) -> list[str]:
    """Return a line for each warning, and one that counts the rest if there are many.

    Parameters
    ----------
    warnings : sequence of Finding
        The warnings.

    Returns
    -------
    list of str
        The lines.

    Examples
    --------
    >>> warning_lines([Finding("warning", "few rows", "There are 12 rows.")] * 12)[-2:]
    ['warning: few rows: There are 12 rows.', 'and 2 more warnings, in fit.warnings']
    """
    lines = [f"warning: {printable(each)}" for each in warnings[:MOST_WARNINGS]]
    if (left := len(warnings) - MOST_WARNINGS) > 0:
        lines.append(f"and {left:,} more warning{'s' * (left > 1)}, in fit.warnings")
    return lines
