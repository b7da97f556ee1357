"""Recompilation: the time of a run went to compiling, and the descent had almost none of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.words import FROM_RECORD
from steepest.trace import Outcome

NAME = "recompilation"
# The share of the time that must have gone to compiling. A first call that compiles is healthy, unless a limit of time
# ended the run because of it.
SHARE = 0.5
# In a recorded loop a step that takes so many times longer than the others did something else, and if more than a few
# do, and together take most of the time, it was not the first compilation.
LONGER, LEAST_SLOW, LEAST_SECONDS = 20.0, 3, 0.02
# A step with a search takes about so many calls.
CALLS = 3.0
# Other programs interrupt a quick loop, too, and that costs less than this in all.
LEAST_TOTAL = 0.3


def compiling(case: Case) -> Iterator[Finding]:
    """Yield a finding if compiling took the time that the descent needed.

    Parameters
    ----------
    case : Case
        The case.

    Yields
    ------
    Finding
        The finding.
    """
    seconds = case.column("seconds")
    if not len(seconds) or not np.isfinite(seconds).all():
        return
    spent = np.diff(seconds, prepend=0.0)
    if case.outcome is Outcome.RECORDED and len(spent) > LEAST_SLOW:
        yield from _recorded(case, spent[1:])
    elif case.outcome is Outcome.TIME_LIMIT and case.run.kind == "traced" and case.call is not None:
        total = float(np.nan_to_num(getattr(case.run, "seconds", seconds[-1]), nan=seconds[-1]))
        # The rows of the first chunk share its time, with that of compiling, so that a call now tells more.
        usual = min(float(np.median(spent[1:])) if len(spent) > 1 else np.inf, CALLS * _of_gradient(case))
        compiled = total - usual * len(spent)
        if compiled < SHARE * total or usual * LONGER > total:
            return
        yield Finding(
            "warning",
            NAME,
            f"About {compiled:.2g} of the {total:.2g} s went to compiling the function, and the time was over after "
            f"{case.run.nit:,} steps, which take only {1e3 * usual:.2g} ms each.",
            "Call again without the limit: the function is compiled now, if it is the same object. Define it once,"
            " outside of loops, and pass numbers that change by args=.",
            "Compiled code is kept for the function object, the shapes of its arrays and the rules of the descent.",
            str(case.call.changed(seconds=None)),
            "",
            0.85,
        )


def _of_gradient(case: Case) -> float:
    """Return the seconds of a gradient, the second of two as the first may compile; infinite if it is not at hand."""
    if case.points is None:
        return math.inf
    began = 0.0
    for k in range(2):
        began = time.perf_counter()
        if case.function.gradient(case.points[-1] * (1 + (k + 1) * 1e-9)) is None:
            return math.inf
    return time.perf_counter() - began


def _recorded(case: Case, spent: np.ndarray) -> Iterator[Finding]:
    """Yield a finding for a recorded loop in which some steps take far longer than the others."""
    usual = float(np.median(spent))
    slow = (spent > LONGER * usual) & (spent > LEAST_SECONDS)
    # A validation loss takes time of its own.
    validated = np.isfinite(case.validation[1:])
    if validated.any() and not validated.all():
        slow &= ~validated
    share = float(spent[slow].sum()) / max(float(spent.sum()), 1e-300)
    # Steps at equal distances are those that log or save.
    apart = np.diff(np.flatnonzero(slow))
    if slow.sum() < LEAST_SLOW or spent[slow].sum() < LEAST_TOTAL or share < SHARE or np.ptp(apart) == 0:
        return
    yield Finding(
        "warning",
        NAME,
        f"{slow.sum():,} of {len(spent):,} steps took {100 * share:.0f} % of the time, {spent[slow].mean():.2g} s "
        f"each, and the others {usual:.2g} s: such steps compile the code again, or wait for something.",
        "Keep the shapes of the arrays the same from step to step, such as by dropping a short last batch, and don't"
        " make a new function or a new compiled function in the loop.",
        f"Only the times were looked at. {FROM_RECORD}",
        "",
        "",
        0.55,
    )
