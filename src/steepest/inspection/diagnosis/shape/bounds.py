"""An answer that a bound holds."""

from __future__ import annotations

from collections.abc import Iterator

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.printable import MOST_LETTERS, printable

NAME = "answer at a bound"
MOST_NAMED = 3
SIDES = {"low": ("lower", 0), "high": ("upper", 1)}


def answer_at_bound(case: Case) -> Iterator[Finding]:
    """Find coordinates that rest at a bound, beyond which the value would get better.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        The finding, with the coordinates and their bounds.
    """
    held = getattr(case.run, "at_bound", {})
    if not held:
        return
    bounds = getattr(case.run, "bounds", {})
    parts = []
    for name, side in list(held.items())[:MOST_NAMED]:
        word, place = SIDES[side]
        bound = bounds.get(name, (None, None))[place]
        number = "" if bound is None else f" {bound:.6g}"
        parts.append(f"{printable(name, MOST_LETTERS)} stopped at its {word} bound{number}")
    more = f", and {len(held) - MOST_NAMED:,} more" if len(held) > MOST_NAMED else ""
    call = "" if case.call is None or "bounds" not in case.call.arguments else str(case.call.changed(bounds=None))
    beyond = "rise" if case.run.maximized else "fall"
    yield Finding(
        "note", NAME, f"{', '.join(parts)}{more}; beyond it the value would {beyond} further.",
        "If the bound is part of the problem, this is the answer; if not, widen it or leave bounds= out.",
        "The slope at the answer points out of the bounds.", call, confidence=0.85,
    )  # fmt: skip
