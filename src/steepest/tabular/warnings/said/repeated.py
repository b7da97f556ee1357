"""What notes say besides the warnings that are printed below them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from steepest.finding import Finding
from steepest.printable import MOST_NAMED
from steepest.tabular.warnings.answer import FEW_TITLE
from steepest.tabular.warnings.rare import ONCE_TITLE
from steepest.tabular.warnings.unused import CONSTANT_TITLE, ID_TITLE, IDENTIFIERS


def not_repeated(
    notes: Sequence[str], warnings: Sequence[Finding], left_out: Sequence[tuple[str, str]]
) -> list[str]:  # fmt: skip
    """Return notes without what warnings repeat.

    Parameters
    ----------
    notes : sequence of str
        The notes.
    warnings : sequence of Finding
        The warnings that are printed.
    left_out : sequence of (str, str)
        The columns that were left out, and why; see `Encoding.left_out`.

    Returns
    -------
    list of str
        The notes to print.

    Examples
    --------
    >>> constant = Finding("warning", "constant column", "a has one value in all training rows, so it was left out.")
    >>> not_repeated(["a: one value in all rows, so dropped", "b: 1 missing value"], [constant], [("a", "constant")])
    ['b: 1 missing value']
    """
    titles = {each.name for each in warnings}
    named = list[str]()
    for title, reasons in ((ID_TITLE, IDENTIFIERS), (CONSTANT_TITLE, ("constant",))):
        if title in titles:
            named += [column for column, reason in left_out if reason in reasons][:MOST_NAMED]
    once = [each.text for each in warnings if each.name == ONCE_TITLE]
    kept = []
    for note in notes:
        if any(note.startswith(f"{name}: ") for name in named) and ("so dropped" in note or "is left out" in note):
            continue
        if FEW_TITLE in titles:
            note = re.sub(r" \(if its \d+ values are labels, use task='classification'\)", "", note)
        if any(f" of {note.partition(': ')[0]} occur in one training row each" in text for text in once):
            note = re.sub(r"; the [\d,]+ values in one row each are pooled as .*", "", note)
        kept.append(note)
    return kept
