"""What the warnings of a table say, as findings of a diagnosis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.causes import ORDER
from steepest.inspection.diagnosis.cures import changed
from steepest.inspection.diagnosis.rows.outliers import bends_to_far_rows
from steepest.inspection.protocol import TableFitLike

# How sure it is that a warning is what the user has to know first. Causes are measured in the rows; the others, such as
# an identifier that was left out, may well be as the user meant.
CAUSE, OTHER = 0.85, 0.55
# Columns that tell the target are more urgent than all else: whatever the fit learned is of no use.
# The displays of fits of tables that show a cause.
PICTURES = {
    "leaking column": "FitDisplay",
    "outliers": "ResidualsDisplay",
    "class imbalance": "ConfusionDisplay",
    "duplicated column": "EffectsDisplay",
    "collinear columns": "EffectsDisplay",
}
# Words of the library at the start of a warning, which are no names of columns; and what two findings share.
LOWER, DEPENDENT = ("of ", "without "), "Their coefficients can't be told apart; "
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
    rows = case.rows
    for each in getattr(case.run, "warnings", ()):
        # Rows where a curve through the others leads tell of a target that bends.
        if each.name == "outliers" and rows is not None and rows.kind == "linear" and bends_to_far_rows(rows):
            continue
        sure = SURE.get(each.name, CAUSE if each.name in ORDER else OTHER)
        changes = dict(each.changes)
        if "drop" in changes:
            dropped = case.asked("drop")
            changes["drop"] = [*([dropped] if isinstance(dropped, str) else dropped or []), *changes["drop"]]
        call = changed(case, **changes) if changes else ""
        text, cure = _in_a_sentence(each)
        picture = PICTURES.get(each.name, each.picture)
        evidence = each.evidence or "Measured in the rows."
        yield replace(each, text=text, evidence=evidence, cure=cure, confidence=sure, call=call, picture=picture)


def _in_a_sentence(warning: Finding) -> tuple[str, str]:
    """Return the text and the cure of a warning as a diagnosis says them: the code of the cure follows as the call."""
    text, cure = warning.text, warning.cure
    if text.startswith(LOWER):
        text = text[:1].upper() + text[1:]
    if cure.startswith(DEPENDENT):
        text, cure = (
            f"{text.removesuffix('.')}, so their coefficients can't be told apart.",
            cure.removeprefix(DEPENDENT),
        )
        cure = cure[:1].upper() + cure[1:]
    head, code, rest = cure.partition(": drop=")
    if code and warning.changes:
        cure = f"{head}: run this{rest.rpartition(')')[2]}"
    return text, cure
