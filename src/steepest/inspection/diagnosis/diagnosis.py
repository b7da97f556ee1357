"""`Diagnosis`: the findings in a run, the most important first."""

from __future__ import annotations

from steepest.finding import Finding
from steepest.printable import printable


class Diagnosis(tuple[Finding, ...]):
    """The findings in a run, the most important first: a tuple that prints as a text to read."""

    __slots__ = ()

    def __str__(self) -> str:
        if not self:
            return "Nothing suspicious was found."
        return "\n\n".join(f"{place}. {_told(finding)}" for place, finding in enumerate(self, 1))

    def __repr__(self) -> str:
        return str(self)


def _told(finding: Finding) -> str:
    head = f"{finding.name[:1].upper()}{finding.name[1:]} ({100 * finding.confidence:.0f} % sure)"
    lines = [head, finding.text, finding.evidence, finding.cure, finding.call]
    return "\n   ".join(printable(line) for line in lines if line)
