"""Far more rows held out than were asked for, since rows of one value or one group stay together."""

from __future__ import annotations

from collections.abc import Iterator

from steepest.finding import Finding
from steepest.tabular.reading.arrow import counted
from steepest.tabular.warnings.fitted import FittedTable

# A share this many times that asked for is named.
TOO_MANY = 2.0


def large_held_out_part(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a warning if more than twice as many rows are held out as were asked for.

    Only one group, or the last value of an order, can be that large: `parts_of` takes several only up to that.

    Parameters
    ----------
    fitted : FittedTable
        The table and the fit.

    Yields
    ------
    Finding
        The warning.
    """
    parts = fitted.ready.parts
    if parts is None or not (parts.ordered_by or parts.grouped_by):
        return
    rows, held_out = len(parts.training), int((~parts.training).sum())
    if held_out <= TOO_MANY * parts.asked * rows:
        return
    if parts.grouped_by:
        cause, better = f"even the smallest group of {parts.grouped_by} has as many", "with smaller groups"
    else:
        cause, better = f"they all have the last value of {parts.ordered_by}", "that orders the rows more finely"
    yield Finding(
        "warning",
        "far more rows are held out than asked for",
        f"{held_out:,} of {counted(rows, 'row')} are held out, {100 * held_out / rows:.0f} % in place of "
        f"{100 * parts.asked:.3g} %: {cause}.",
        f"The fit learns from fewer rows than it could: split by a column {better}, or at random.",
    )
