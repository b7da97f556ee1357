"""`Diagnosis`: the findings in a run, the most important first, as a text to read."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import SupportsIndex, overload

from steepest.finding import HINT, Finding
from steepest.notebook.card import card
from steepest.printable import printable

# The columns of a text. Chosen, not measured: so wide a window is usual. Code is not broken, so that it can be pasted.
WIDTH = 100
NOTHING = "Nothing suspicious was found."
# The advice for a run that failed when no finder has a cause.
TRY = (
    "Things to try: leave out step= and direction=, so that each step chooses its size; start elsewhere; "
    "if you wrote the gradient yourself, test it with st.check_gradient."
)


class Diagnosis(tuple[Finding, ...]):
    """The findings in a run, the most important first: a tuple that prints as a text to read.

    Parameters
    ----------
    findings : iterable of Finding
        The findings.
    failure : str, optional
        The message of the run, if it failed; "" if it did not.
    from_trace : bool, optional
        Whether the record alone was judged, without evaluating the function again.
    of : int, optional
        How many findings there are in all, if these are a part of them.

    Examples
    --------
    >>> found = Diagnosis([Finding("warning", "few rows", "There are 12 rows.", "Give more rows.", confidence=0.9)])
    >>> print(found)
    1. Few rows (90 % sure)
       There are 12 rows.
       What to do: Give more rows.
    >>> print(Diagnosis())
    Nothing suspicious was found.
    """

    failure: str
    from_trace: bool
    of: int

    def __new__(
        cls, findings: Iterable[Finding] = (), *, failure: str = "", from_trace: bool = False, of: int | None = None
    ) -> Diagnosis:
        """Make the tuple."""
        self = super().__new__(cls, findings)
        self.failure, self.from_trace, self.of = failure, from_trace, len(self) if of is None else of
        return self

    @overload
    def __getitem__(self, key: SupportsIndex) -> Finding: ...

    @overload
    def __getitem__(self, key: slice) -> Diagnosis: ...

    def __getitem__(self, key: SupportsIndex | slice) -> Finding | Diagnosis:
        """Return a finding, or a part of the diagnosis, which prints alike."""
        if not isinstance(key, slice):
            return super().__getitem__(key)
        return Diagnosis(super().__getitem__(key), failure=self.failure, from_trace=self.from_trace, of=self.of)

    def __str__(self) -> str:
        return "\n\n".join([*(told(finding, place) for place, finding in enumerate(self, 1)), *self.remarks()])

    def __repr__(self) -> str:
        return str(self)

    def remarks(self) -> list[str]:
        """Return what holds for the whole diagnosis: that nothing was found, or that the record alone was judged.

        Returns
        -------
        list of str
            Paragraphs, broken into lines.
        """
        alone = "This was judged from the record alone: the function was not evaluated again."
        if self:
            return [_broken(alone)] if self.from_trace else []
        if self.of:
            return [f"None of the {self.of} findings is in this part."]
        if self.failure:
            failed = f"No cause was found. The run itself says: {printable(self.failure.replace(HINT, ''))}"
            return [_broken(failed), _broken(TRY), *([_broken(alone)] if self.from_trace else [])]
        return [_broken(f"{NOTHING} {alone}" if self.from_trace else NOTHING)]

    def _repr_html_(self) -> str | None:
        """Return the findings as HTML for a notebook; None without Jinja2, so that the notebook shows the text."""
        headline, _, text = str(self).partition("\n")
        return card(headline, textwrap.dedent(text))


def told(finding: Finding, place: int, pictures: bool = True) -> str:
    """Return a finding as lines to read, with the code of its cure on a line of its own.

    Parameters
    ----------
    finding : Finding
        The finding.
    place : int
        Its number.
    pictures : bool, optional
        Whether to name the call that draws it.

    Returns
    -------
    str
        The lines.

    Examples
    --------
    >>> finding = Finding("warning", "step too long", "Each step was too long.", "Take 0.1.", call="st.minimize(f, 9)")
    >>> print(told(finding, 1))
    1. Step too long (100 % sure)
       Each step was too long.
       What to do: Take 0.1.
           st.minimize(f, 9)
    """
    paragraphs = [
        finding.text,
        finding.evidence and f"Evidence: {finding.evidence}",
        (finding.cure or finding.call) and f"What to do: {finding.cure or 'run this:'}",
    ]
    name = printable(finding.name)
    lines = [f"{place}. {name[:1].upper()}{name[1:]} ({100 * finding.confidence:.0f} % sure)"]
    lines += [_broken(printable(text), "   ") for text in paragraphs if text]
    lines += [f"       {printable(line)}" for line in finding.call.splitlines()]
    if pictures and finding.picture:
        lines.append(f"   To see it: st.inspection.{printable(finding.picture)}.from_run(run).plot()")
    return "\n".join(lines)


def _broken(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
