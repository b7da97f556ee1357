"""`Finding`: something that a reader of a result should know, with its evidence and its cure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something that a reader of a result should know.

    Parameters
    ----------
    level : {"warning", "note"}
        Whether it casts doubt on the result, or merely happened.
    title : str
        What was found, in a few words.
    text : str
        The evidence: a sentence with its numbers and where they were seen.
    cure : str
        What to do, as a sentence; "" if there is nothing to do.

    Examples
    --------
    >>> print(Finding("warning", "few rows", "There are 12 rows and 9 columns.", "Give more rows."))
    few rows: There are 12 rows and 9 columns. Give more rows.
    """

    level: Level
    title: str
    text: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.title}: {' '.join(filter(None, [self.text, self.cure]))}"
