"""What the warnings of a table say, as findings of a diagnosis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.causes import ORDER
from steepest.inspection.diagnosis.rows.cures import changed
from steepest.inspection.protocol import TableFitLike

# How sure it is that a warning is what the user has to know first. Causes are measured in the rows; the others, such as
# an identifier that was left out, may well be as the user meant.
CAUSE, OTHER = 0.85, 0.55
# Columns that tell the target are more urgent than all else: whatever the fit learned is of no use.
SURE = {"leaking column": 0.95, "outliers": 0.9, "constant column": 0.7, "nothing learned": 0.55}


def warned_of_table(case: Case) -> Iterator[Finding]:
    """Yield the warnings of the fit of a table.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        One for each warning.
    """
    if not isinstance(case.run, TableFitLike):
        return
    for each in getattr(case.run, "warnings", ()):
        sure = SURE.get(each.name, CAUSE if each.name in ORDER else OTHER)
        changes = dict(each.changes)
        if "drop" in changes:
            dropped = case.asked("drop")
            changes["drop"] = [*([dropped] if isinstance(dropped, str) else dropped or []), *changes["drop"]]
        call = changed(case, **changes) if changes else ""
        yield replace(each, confidence=sure, call=call)
