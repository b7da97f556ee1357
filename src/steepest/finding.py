"""`Finding`: something that a reader of a result should know, with its evidence and its cure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["warning", "note"]
# The end of the message of a run that failed, unless the message already names the whole cause.
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
    changes : mapping of str to object
        The arguments that the cure changes in the call that made the result; empty if that is no cure.

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
    changes: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.name}: {' '.join(filter(None, [self.text, self.evidence, self.cure, self.call]))}"
