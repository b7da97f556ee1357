"""`Finding`: something that a reader of a result should know, with its evidence and its cure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["warning", "note"]
# What the message of a run ends with, if the run failed and the message does not have the whole cause.
HINT = "; diagnose() looks for the cause"


@dataclass(frozen=True)
class Finding:
    """Something that a reader of a result should know.

    Parameters
    ----------
    level : {"warning", "note"}
        Whether it casts doubt on the result, or merely happened.
    name : str
        What was found, in a few words.
    text : str
        One plain sentence that says it, with the numbers that matter.
    cure : str
        What to do, as a sentence; "" if there is nothing to do.
    evidence : str
        Further numbers that it rests on; "" if the text has them all.
    call : str
        The cure as code to paste; "" if no code does it.
    picture : str
        The display of `steepest.inspection` that shows it; "" if none does.
    confidence : float
        How sure it is, from 0 to 1.

    Examples
    --------
    >>> print(Finding("warning", "few rows", "There are 12 rows and 9 columns.", "Give more rows."))
    few rows: There are 12 rows and 9 columns. Give more rows.
    """

    level: Level
    name: str
    text: str
    cure: str = ""
    evidence: str = ""
    call: str = ""
    picture: str = ""
    confidence: float = 1.0

    def __str__(self) -> str:
        return f"{self.name}: {' '.join(filter(None, [self.text, self.evidence, self.cure, self.call]))}"
