"""The function raised an error, or has no finite value where the descent led."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.shape.cures import said
from steepest.trace import Outcome

RAISED, NOT_FINITE = "function raised", "not finite"


def function_raised(case: Case) -> Iterator[Finding]:
    """Find an error that the function raised.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        The finding.
    """
    if case.outcome is Outcome.RAISED:
        yield Finding(
            "warning", RAISED, "The function raised an error, which ended the run.",
            "Mend the error in the function, or keep the descent away from there by bounds=.", said(case.run.message),
            confidence=0.97,
        )  # fmt: skip


def not_finite(case: Case) -> Iterator[Finding]:
    """Find a function that is infinite or not a number where the descent led, without growing before.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        The finding, with the last point that was finite.
    """
    bad = ~np.isfinite(case.value)
    if not (case.outcome is Outcome.NON_FINITE or (case.is_loop and bad.any() and not bad.all())):
        return
    value = case.value[: int(np.argmax(bad))] if bad.any() else case.value
    # A descent that blew up ends above its start, and its steps are to blame.
    if len(value) > 1 and value[-1] > value[0]:
        return
    where = ""
    if case.points is not None and len(value) and len(case.trace.names) <= 6:
        point = case.points[len(value) - 1]
        shown = ", ".join(f"{name} = {x:.6g}" for name, x in zip(case.trace.names, point, strict=True))
        where = f"The last point with a finite value is {shown}."
    yield Finding(
        "warning", NOT_FINITE,
        "A step led to a point where the function is not a finite number, such as the logarithm of a negative number.",
        "Keep the descent where the function is defined by bounds=, or write it so that it is defined everywhere.",
        where, picture="DescentDisplay", confidence=0.8 if case.outcome is Outcome.NON_FINITE else 0.6,
    )  # fmt: skip
