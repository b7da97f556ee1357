"""Values that fall without end, or towards a best value that no point has."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import by_itself
from steepest.inspection.diagnosis.pictures import ANY, of_function
from steepest.inspection.diagnosis.shape.ground import (
    best_row,
    is_of_function,
    named,
    rounding,
    start_of,
)
from steepest.inspection.diagnosis.words import FROM_RECORD, falls, shown
from steepest.trace import Outcome

# How far beyond the end the function is followed: the number of points, the last as a multiple of the last part of the
# way, and at least as a multiple of the size of the point.
PLACES, FURTHEST, FAR = 5, 1e6, 1e3
# Values fall without end if they fall over the last powers of ten at least by this share of the fall over the first: a
# logarithm falls by the same, and 1/x by a thousandth.
ENDLESS = 0.3
# A best value is not at infinity if the fall beyond the end is below this share of the descent.
CLEAR = 1e-9


def endless(case: Case) -> Iterator[Finding]:
    """Find values without a lower limit, and those whose limit lies at infinity."""
    if case.outcome in (Outcome.UNBOUNDED, Outcome.NO_FINITE_OPTIMUM):
        name = "unbounded below" if case.outcome is Outcome.UNBOUNDED else "no finite optimum"
        facts = case.run.message.split(": ", 1)[-1].split(";", 1)[0]
        yield _finding(
            case, name, f"{facts[:1].upper()}{facts[1:]}.", "The run followed the values outwards (measured).", 0.95
        )
        return
    if case.is_batched or _has_classes(case) or len(case.trace) < 3:
        return
    found = _followed(case) if case.function.is_at_hand and case.points is not None else _traced(case)
    if found:
        yield _finding(case, *found)


def _finding(case: Case, name: str, text: str, evidence: str, confidence: float) -> Finding:
    if name == "unbounded below":
        other = "st.minimize" if case.run.maximized else "st.maximize"
        cure = f"Check the sign of the function, or whether you want {other}; or give bounds= for what is possible."
    else:
        cure = "Give bounds= for what is possible, or add a small penalty on the parameters to the function."
    # Around a path that goes outwards for ever, a function that dies away looks level.
    picture = of_function(case) if name == "unbounded below" else ANY
    return Finding("warning", name, text, cure, evidence, _bounded(case), picture, confidence)


def _bounded(case: Case) -> str:
    """Return the call with bounds around the start; "" if it has some or takes none."""
    call, x = case.call, case.points
    if call is None or not is_of_function(case) or x is None:
        return ""
    if call.get("bounds") is not None or not np.isfinite(x[0]).all():
        return ""
    reach = 10 * max(float(np.abs(x[0]).max()), 1.0)
    low, high = float(f"{-reach:.1g}"), float(f"{reach:.1g}")
    start = start_of(case)
    if start is None or isinstance(start, dict) or len(x[0]) > 8:
        return ""
    return by_itself(case, bounds=[(low, high)] * len(x[0]) if np.ndim(start) else (low, high))


def _has_classes(case: Case) -> bool:
    """Return whether a fit has classes as targets: that they are separable is found elsewhere."""
    data = getattr(case.fit, "data", None)
    if data is None:
        return False
    y = np.asarray(data[1])
    return y.dtype.kind not in "f" or bool(np.isin(y, (-1.0, 0.0, 1.0)).all())


def _followed(case: Case) -> tuple[str, str, str, float] | None:
    """Follow the values beyond the end of the descent, along its last part."""
    x, end = case.points, best_row(case)
    assert x is not None
    if end is None or end < 2 or not np.isfinite(x[: end + 1]).all() or x.shape[1] > 1_000:
        return None
    # What the run has left behind is not followed: coordinates that move ever less.
    late, before = x[end] - x[end // 2], x[end // 2] - x[end // 4]
    kept = np.where(np.abs(late) >= 0.5 * np.abs(before), late, 0.0)
    if not kept.any():
        return None
    base = case.value[end]
    fall = float(np.nanmax(case.value[: end + 1]) - base)
    values: list[float] = []
    size = max(float(np.abs(x[end]).max()), float(np.abs(x[end] - x[0]).max()))
    reaches = np.geomspace(1.0, max(FURTHEST, FAR * size / float(np.abs(kept).max())), PLACES)
    for reach in reaches:
        each = case.function.value(x[end] + reach * kept)
        if each is None or np.isnan(each) or each > (values[-1] if values else base) + rounding(base):
            return None
        values.append(each)
        if each == -np.inf:
            break
    drop = base - values[-1]
    if not drop > CLEAR * fall + rounding(base) and not (base == 0 and fall > 0):
        return None
    middle = values[len(values) // 2]
    where = f"{case.trace.names[int(np.argmax(np.abs(kept)))]} moves outwards"
    if values[-1] == -np.inf or middle - values[-1] > ENDLESS * (base - middle):
        # The function is followed over six powers of ten: a valley as long as that has no bottom for its user either.
        text = (
            f"The value {falls(case)} without end: it was {case.sign * base:.4g} at the end, and is "
            f"{case.sign * values[-1]:.3g} far out, as {where}."
        )
        return (
            "unbounded below",
            text,
            f"Measured by values out to {named(case, x[end] + reaches[len(values) - 1] * kept)}.",
            0.95,
        )
    text = (
        f"There is no best point: the value gets better for ever as {where}, from {case.sign * base:.4g} towards "
        f"{case.sign * values[-1]:.4g}, which no point has."
    )
    return "no finite optimum", text, f"Measured by values out to {named(case, x[end] + reaches[-1] * kept)}.", 0.93


def _traced(case: Case) -> tuple[str, str, str, float] | None:
    """Judge by the record alone whether the fall grows, or the way grows as a logarithm while the slope falls."""
    value, slope = case.value, case.slope
    n = len(value)
    if n < 12:
        return None
    evidence = FROM_RECORD
    with np.errstate(all="ignore"):
        falling = bool(np.all(np.diff(value[n // 2 :]) < 0))
        late, early = value[n // 2] - value[-1], value[0] - value[n // 2]
        # Over each quarter of the steps the mean slope is no smaller than before.
        quarters = [float(np.mean(each)) for each in np.array_split(slope[n // 4 :], 3)]
        steady = quarters[2] > 0.9 * quarters[1] > 0.8 * quarters[0]
    deep = value[-1] < 0 and late >= 0.7 * early > 0 and -value[-1] > abs(value[0])
    if falling and steady and deep and late > 0.1 * abs(value[0]):
        text = (
            f"The value {falls(case)} without end: it is {case.sign * value[-1]:.4g} at the end, and the slope has not "
            f"got smaller, {slope[-1]:.3g}."
        )
        return "unbounded below", text, evidence, 0.75
    x = case.points
    # A network falls along flat directions for long, and its weights move on slowly while it learns.
    if x is None or n < 40 or not np.isfinite(x).all() or not falling or case.is_network:
        return None
    # Over each doubling of the number of steps a logarithm grows by the same, and its slope halves.
    ends = [n // 8, n // 4, n // 2, n - 1]
    moved = np.array([np.linalg.norm(x[b] - x[a]) for a, b in pairwise(ends)])
    halved = np.array([slope[b] / slope[a] for a, b in pairwise(ends[1:])])
    grown = moved[1:] / np.maximum(moved[:-1], 1e-300)
    if np.all((grown > 0.85) & (grown < 1.3)) and np.all((halved > 0.35) & (halved < 0.65)):
        text = (
            f"There seems to be no best point: the parameters grow for ever, by {shown(moved[-1])} with each "
            "doubling of the steps, while the slope dies away."
        )
        return "no finite optimum", text, evidence, 0.65
    return None
