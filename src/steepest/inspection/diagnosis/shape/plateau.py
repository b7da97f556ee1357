"""A plateau: the slope almost vanishes where the descent is, and lower ground lies beyond."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import by_itself
from steepest.inspection.diagnosis.pictures import of_function
from steepest.inspection.diagnosis.shape.ground import (
    is_of_function,
    last_row,
    rounding,
    scale_of,
    start_of,
)
from steepest.inspection.diagnosis.shape.saddle import aside
from steepest.inspection.diagnosis.words import FROM_RECORD
from steepest.trace import Outcome

# How far the lower ground is looked for, in sizes of the point.
REACH = (0.1, 0.3, 0.6, 1.0, 2.0)
# On a plateau the slope beyond is this many times steeper than here; in a bowl it only gets flatter.
STEEPER = 10.0
# The share of the steps that must meet a larger slope than the one before, if only the trace is at hand.
GROWING = 0.95
# What the run itself has done at a flat place.
TRIED = "The run tried points around (measured)."
# The descent has hardly begun if it fell by less than this share of what lies beyond.
HARDLY = 0.1


def plateau(case: Case) -> Iterator[Finding]:
    """Find a descent that stays on almost level ground above lower ground."""
    row, x = last_row(case), case.points
    if row is None or case.is_batched or case.outcome is Outcome.CONVERGED:
        return
    flat = case.outcome is Outcome.FLAT
    if x is not None and case.function.is_at_hand and x.shape[1] <= 1_000 and not case.value[row] > case.value[0]:
        found = _lower(case, row)
        if found is not None:
            point, lower, steep = found
            text = (
                f"The descent is on a plateau: the slope is only {steep:.2g} there, so that steps hardly move, "
                "but the value "
                f"gets better beyond, from {case.sign * case.value[row]:.4g} to {case.sign * lower:.4g}."
            )
            yield _finding(case, text, "Measured by a few values further on.", 0.94, point)
            return
    if flat:
        facts = case.run.message.split(": ", 1)[-1].split(";", 1)[0]
        yield _finding(
            case, f"The descent has no slope to follow: {facts.removeprefix('a plateau: ')}.", TRIED, 0.85, None
        )
        return
    slope, value = case.slope, case.value
    known = np.isfinite(slope) & np.isfinite(value)
    if case.function.is_at_hand or known.sum() < 10:
        return
    size = float(np.abs(value[known]).max())
    fall = float(value[known][0] - value[known].min())
    # A descent that blew up has met slopes that are small only beside its last values.
    still = bool((slope[known] <= 1e-6 * max(size, 1e-12)).all()) and float(np.ptp(value[known])) < 1e-4 * size
    # Plain steps down a bowl meet ever smaller slopes. Where they grow, the descent has yet to leave flat ground.
    growing = float(np.mean(np.diff(slope[known]) > 0)) > GROWING and 0 < fall < 0.3 * size
    if still or growing:
        first, most = f"{slope[known][0]:.2g}", f"{slope[known].max():.2g}"
        grown = "" if still or first == most else f", and has grown from {first}"
        text = (
            f"The descent seems to be on a plateau: the slope is at most {most}{grown}, and the "
            f"value has changed only from {case.sign * value[known][0]:.6g} to {case.sign * value[row]:.6g}."
        )
        evidence = f"{'A minimum at the start would look alike. ' * still}{FROM_RECORD}"
        yield _finding(case, text, evidence, 0.6 if still else 0.75, None)


def _finding(case: Case, text: str, evidence: str, confidence: float, point: np.ndarray | None) -> Finding:
    call = case.call
    cure = "Start elsewhere, where the function has a slope."
    if call is not None:
        cure = "Start elsewhere, where the function has a slope; restarts=20 tries several starts."
    if call is None:
        made = ""
    elif not is_of_function(case):
        made = aside(case)
    elif point is not None and len(point) <= 8:
        start = start_of(case)
        near = np.array([float(f"{each:.4g}") for each in point])
        made = (
            by_itself(case, restarts=20, rng=0) if start is None or isinstance(start, dict)
            else by_itself(case, start=near if np.ndim(start) else float(near[0]))
        )  # fmt: skip
    else:
        made = by_itself(case, restarts=20, rng=0)
    return Finding("warning", "plateau", text, cure, evidence, made, of_function(case), confidence)


def _lower(case: Case, row: int) -> tuple[np.ndarray, float, float] | None:
    """Return a point of lower ground beyond, its value, and the slope here; None if there is none."""
    x, base = case.points, case.value[row]
    assert x is not None
    fall = float(np.nanmax(case.value) - base) if case.outcome is not Outcome.FLAT else 0.0
    here = case.slope[row]
    # A descent that was steep on the way and has come to rest is another matter.
    if here < 1e-3 * np.nanmax(np.where(np.isfinite(case.slope), case.slope, 0.0), initial=0.0) and fall > 0:
        return None
    slope = case.function.gradient(x[row])
    if slope is None or not np.isfinite(slope).all():
        return None
    scale, steep = scale_of(case, row), float(np.linalg.norm(slope))
    if steep > 0:
        size = float(np.linalg.norm(scale))
        ways = [(-slope / steep, size)]
    else:
        # Without a slope the axes are tried, towards zero first.
        towards = [(-1.0 if x[row][k] > 0 else 1.0, k) for k in range(min(2, x.shape[1]))]
        ways = [(side * np.eye(x.shape[1])[k], float(scale[k])) for side, k in towards]
        ways += [(-way, size) for way, size in ways][:1]
    for way, size in ways:
        known = [(0.0, base)]
        for reach in REACH:
            value = case.function.value(x[row] + reach * size * way)
            if value is None or not np.isfinite(value):
                break
            known.append((reach * size, value))
        at, values = np.array(known).T
        k = int(np.argmin(values))
        drop = base - values[k]
        if not drop > rounding(base) or fall > HARDLY * drop:
            continue
        steepest = float(np.max(-np.diff(values) / np.diff(at)))
        if steepest > STEEPER * max(steep, 1e-300):
            return x[row] + at[k] * way, float(values[k]), steep
    return None
