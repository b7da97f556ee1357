"""Columns of numbers that are missing in most rows, where their mean is filled in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from steepest.finding import Finding
from steepest.tabular.encoders import Flag, Moment, Number
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.words import listed, option

# Mostly: in more than this part of the training rows.
MOSTLY = 0.5


def mostly_missing(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding if columns of numbers or times are missing in most training rows, and were filled in.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        One at most.
    """
    rows, found = len(fitted.y), dict[str, int]()
    for part, _ in fitted.parts:
        if isinstance(part, (Number, Flag, Moment)) and not math.isnan(part.mean):
            # The matrix has lost which values were filled in; the note that was made then has their count.
            said = re.compile(rf"{re.escape(part.names[0])}: ([\d,]+) missing values? filled")
            for match in filter(None, map(said.match, fitted.ready.encoding.notes)):
                count = int(match[1].replace(",", ""))
                if count > MOSTLY * rows:
                    found[part.column] = count
    if not found:
        return
    shares = [f"{name} in {count:,} ({100 * count / rows:.3g} %)" for name, count in found.items()]
    yield Finding(
        "warning",
        "mostly missing",
        f"Of {rows:,} training rows values are missing of {listed(shares)}, where the mean of the others is filled in. "
        "So what is learned of it comes from the few others.",
        f"To leave out what is hardly known: {option('drop', list(found))}.",
    )
