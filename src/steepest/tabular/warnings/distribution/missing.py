"""Columns of numbers that are missing in most rows, where their mean is filled in, and targets missing in many."""

from __future__ import annotations

import math
from collections.abc import Iterator

from steepest.finding import Finding
from steepest.printable import listed
from steepest.tabular.encoders import Flag, Moment, Number
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.words import option

# Mostly: in more than this part of the rows.
MOSTLY = 0.5
# Many rows without a target: this part of the table. Chosen, not measured.
MANY = 0.2


def mostly_missing(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding if columns of numbers or times are missing in most rows, and were filled in.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        One at most.
    """
    gaps, rows = fitted.ready.gaps, fitted.ready.size - fitted.ready.gaps.get(fitted.target, 0)
    filled = [
        part.column
        for part, _ in fitted.parts
        if isinstance(part, (Number, Flag, Moment)) and not math.isnan(part.mean)
    ]
    found = {name: gaps[name] for name in filled if gaps.get(name, 0) > MOSTLY * rows}
    if not found:
        return
    shares = [f"{name} in {count:,} ({100 * count / rows:.3g} %)" for name, count in found.items()]
    yield Finding(
        "warning",
        "mostly missing",
        f"Of {rows:,} rows values are missing of {listed(shares)}, where the mean of the others is filled in. "
        "So what is learned of it comes from the few others.",
        f"To leave out what is hardly known: {option('drop', list(found))}.",
    )


def rows_without_a_target(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding if many rows of the table have no target, and so were dropped.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        One at most.
    """
    lost, rows = fitted.ready.gaps.get(fitted.target, 0), fitted.ready.size
    if lost < MANY * rows:
        return
    yield Finding(
        "warning",
        "many rows without a target",
        f"{fitted.target} has no value in {lost:,} of {rows:,} rows ({100 * lost / rows:.3g} %), which were dropped. "
        "Words such as NA, null and n/a mean that there is none.",
        "If one of them is a value here, write another word for it. If the rows without a target differ from the "
        "others, the fit does not hold for them.",
    )
