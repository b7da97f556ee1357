"""Values that are not finite, and functions that raise, where the descent stepped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import by_itself
from steepest.inspection.diagnosis.pictures import of_function
from steepest.inspection.diagnosis.shape.ground import last_row, named
from steepest.inspection.diagnosis.words import FROM_RECORD
from steepest.trace import Outcome

# An edge of the domain is met at ordinary values; an overflow is preceded by values that grow without end.
ORDINARY = 1e6
# How often the way to the value that is not finite is halved: the edge is then known to a thousandth.
HALVINGS = 10


def not_finite(case: Case) -> Iterator[Finding]:
    """Find steps into a region where the function has no finite value."""
    bad = np.flatnonzero(~np.isfinite(case.value))
    row = last_row(case)
    if case.outcome is Outcome.RECORDED and len(bad) == len(case.value) > 0:
        yield from _never_finite(case)
    if row is None or (case.outcome is not Outcome.NON_FINITE and not (case.outcome is Outcome.RECORDED and bad.size)):
        return
    known = case.value[np.isfinite(case.value)]
    # A descent whose values grew before is one whose steps were too long.
    if np.abs(known).max() > ORDINARY * max(abs(known[0]), 1e-12) or (
        len(known) > 2 and known[-1] > 10 * abs(known[0]) + known.min()
    ):
        return
    edge, inside = _edge(case, row)
    if edge is None:
        text = (
            "A step led to where the function has no finite value: the last finite one was "
            f"{case.sign * case.value[row]:.4g}."
        )
        if case.outcome is Outcome.RECORDED:
            unit = "epoch" if "epoch" in case.trace.columns else "iteration"
            kind = "NaN" if np.isnan(case.value[bad[0]]) else "infinite"
            text = (
                f"At {unit} {case.column(unit)[bad[0]]:,.0f} the loss became {kind}, which is no number to "
                f"descend by; the last one before was {case.sign * case.value[row]:.4g}."
            )
        yield _finding(case, text, FROM_RECORD, 0.7)
        return
    grows = abs(inside) > ORDINARY * max(abs(case.value[row]), 1e-12)
    text = f"A step led past {named(case, edge)}, and from there on the function has no finite value."
    evidence = f"The last finite value on the way there is {case.sign * inside:.4g} (measured)."
    yield _finding(case, text, evidence, 0.7 if grows else 0.96)


def _never_finite(case: Case) -> Iterator[Finding]:
    """Find a loop whose loss was never a finite number; one that did not record its loss has other numbers."""
    others = np.concatenate([case.slope, case.validation])
    if not np.isfinite(others).any():
        text = "The loss was never a finite number, from the first step on, so the loop could learn nothing."
        yield _finding(case, text, FROM_RECORD, 0.7)


def function_raised(case: Case) -> Iterator[Finding]:
    """Find a function that raised an exception."""
    if case.outcome is not Outcome.RAISED:
        return
    facts = case.run.message.split(": ", 1)[-1].split(";", 1)[0]
    cure = "Correct the function there, or give bounds= that keep it where it is defined."
    yield Finding(
        "warning",
        "function raised",
        f"The function raised an exception: {facts}.",
        cure,
        "The message is that of the function.",
        by_itself(case),
        of_function(case),
        0.98,
    )


def _finding(case: Case, text: str, evidence: str, confidence: float) -> Finding:
    cure = "Leave the step out: the default steps turn back there; or give bounds= that keep the point inside."
    if case.call is None:
        cure = (
            "Take a smaller learning rate; if it happens again, look at that step for a logarithm or a root of a "
            "number below 0, a division by 0, a number too large for its type, or a row with a missing value."
        )
    call = by_itself(case) or "learning_rate = learning_rate / 10"
    return Finding("warning", "not finite", text, cure, evidence, call, of_function(case), confidence)


def _edge(case: Case, row: int) -> tuple[np.ndarray | None, float]:
    """Return where the finite values end on the way of the next step, and the last of them."""
    x = case.points
    if x is None or not case.function.is_at_hand:
        return None, np.nan
    slope = case.function.gradient(x[row])
    size = case.asked("step") if case.asked("step") is not None else case.asked("learning_rate")
    if slope is None or not np.isfinite(slope).all() or not isinstance(size, (int, float)):
        return None, np.nan
    step = -size * slope
    end = case.function.value(x[row] + step)
    if end is None or np.isfinite(end):
        return None, np.nan
    low, high, inside = 0.0, 1.0, case.value[row]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        value = case.function.value(x[row] + middle * step)
        if value is not None and np.isfinite(value):
            low, inside = middle, value
        else:
            high = middle
    return x[row] + high * step, float(inside)
