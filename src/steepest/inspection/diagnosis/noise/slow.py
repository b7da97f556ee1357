"""Slow function: the time of a run goes to calls of the user's code, not to the descent."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.noise.written import number
from steepest.inspection.diagnosis.words import FROM_RECORD
from steepest.trace import Outcome

NAME = "slow function"
# A value that takes longer than this is slow: plain NumPy on a few hundred numbers takes a hundredth of it, and a busy
# machine makes that ten times longer.
SLOW = 1e-3
# The share of the time that must go to the function, and the seconds that must have been spent on it to be worth saying
# if no limit ended the run.
SHARE, LEAST_SECONDS = 0.5, 0.3
# A limit of time is short for a function if it allows fewer gradients than this: a descent of a few variables takes
# about so many.
AFFORDED = 20
# The calls that are timed; the quickest counts, as other programs make the others longer.
CALLS = 3


def slow(case: Case) -> Iterator[Finding]:
    """Yield a finding if most of the time went to calls of the function.

    Parameters
    ----------
    case : Case
        The case.

    Yields
    ------
    Finding
        The finding.
    """
    # Code that was compiled is as quick as it can be.
    if case.outcome is Outcome.RECORDED or case.fit is not None or case.run.kind == "traced":
        return
    seconds, calls = case.column("seconds"), case.column("evaluations")
    if not len(seconds) or not np.isfinite(seconds[-1]):
        return
    limited = case.outcome is Outcome.TIME_LIMIT
    total = max(float(seconds[-1]), float(np.nan_to_num(getattr(case.run, "seconds", 0.0))))
    each = _each(seconds, calls)
    if total < LEAST_SECONDS or (np.isfinite(each) and each < SLOW / 2):
        return
    timed = _timed(case)
    made, cost = max(float(case.run.nfev), float(calls[-1])), int(getattr(case.trace, "cost", 1))
    # The machine may have been busier during the run than now, or less.
    share = (each if np.isfinite(each) else timed or 0.0) * made / total
    each = each if timed is None else timed
    allowed = min(total, number(case.asked("seconds")) or total) if limited else math.inf
    if not each >= SLOW or (share < SHARE and AFFORDED * each * cost < allowed):
        return
    way = f" A gradient takes {cost} calls, because {_obstacle(case)}." if cost > 1 else ""
    size = 1 if case.points is None else case.points.shape[1]
    call = ""
    if limited and case.call is not None:
        limit = number(case.asked("seconds"))
        call = str(case.call.changed(seconds=10 * limit if limit is not None else None))
    yield Finding(
        "warning" if limited else "note",
        NAME,
        f"One call of the function takes {_in_words(each)}, and the run of {total:.2g} s made {made:,.0f} calls or "
        f"more, so most of the time went to the function.",
        "Write the function in NumPy or JAX on whole arrays, without loops, files or float(), so that it can be "
        "compiled"
        + (f"; or give gradient=, which replaces the {cost} calls by one" if cost > 1 and size > 1 else "")
        + ("; or allow more time." if limited else "."),
        ("The function was timed again (measured)." if timed is not None else FROM_RECORD) + way,
        call,
        "",
        (0.93 if limited else 0.85) - (0.1 if timed is None else 0.0),
    )


def _each(seconds: np.ndarray, calls: np.ndarray) -> float:
    """Return the seconds of a call, as the middle of the rows; the first row holds preparations."""
    spent, made = np.diff(seconds), np.diff(calls)
    rows = made > 0
    return float(np.median(spent[rows] / made[rows])) if rows.any() else np.nan


def _timed(case: Case) -> float | None:
    """Return the seconds of the quickest of a few calls near the best point; None if it can't be called."""
    x = np.asarray(case.trace.x[-1], dtype=float) if case.points is not None else None
    if x is None:
        return None
    times = []
    for k in range(CALLS):
        # Other points, as values of the same one may be kept.
        began = time.perf_counter()
        if case.function.value(x * (1 + (k + 1) * 1e-9)) is None:
            return None
        times.append(time.perf_counter() - began)
    return min(times)


def _obstacle(case: Case) -> str:
    why = str(getattr(getattr(case.run, "objective", None), "obstacle", "")) or case.run.why.partition("because ")[2]
    return why or "it comes from differences of values"


def _in_words(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds >= 0.1 else f"{1e3 * seconds:.2g} ms"
