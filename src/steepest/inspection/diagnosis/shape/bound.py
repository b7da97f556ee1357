"""A bound that holds the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.pictures import of_function
from steepest.inspection.diagnosis.shape.ground import last_row
from steepest.inspection.diagnosis.words import FROM_RECORD, shown
from steepest.trace import Outcome

# How far outside the value is told, as a share of the size of the coordinate.
OUTSIDE = 0.1
# A coordinate of a loop is held if it stood still in the last LAST rows, and each step would have moved it by the share
# MOVES of its size: far more than rounding hides.
LAST, MOVES = 4, 1e-6


def answer_at_a_bound(case: Case) -> Iterator[Finding]:
    """Find coordinates that only a bound keeps from getting better."""
    held = getattr(case.run, "at_bound", {})
    if case.outcome is Outcome.RECORDED:
        yield from _of_loop(case)
    if not held:
        return
    names = list(case.trace.names)
    row, gain = last_row(case), None
    slope = None
    if case.points is not None and row is not None and case.function.is_at_hand:
        # The function must not be called outside; its slope tells what a bound costs.
        slope = case.function.gradient(case.points[row])
    if slope is not None and np.isfinite(slope).all():
        x = case.points[row]  # type: ignore[index]
        gain = sum(abs(slope[k]) * OUTSIDE * max(abs(x[k]), 1.0) for k in map(names.index, held) if k < len(slope))
    which = ", ".join(
        f"{name} at its {'lower' if side == 'low' else 'upper'} bound" for name, side in list(held.items())[:4]
    )
    text = f"A bound holds the answer: {which}."
    evidence = (
        FROM_RECORD if gain is None
        else f"Measured by the slope: a tenth further out the value would be better by about {shown(gain)}."
    )  # fmt: skip
    cure = "If the bound is no part of the problem, widen it or leave it out."
    call = "" if case.call is None else str(case.call.changed(bounds=_without(case, held)))
    yield Finding(
        "note", "answer at a bound", text, cure, evidence, call, of_function(case), 0.7 if gain is None else 0.88
    )


def _of_loop(case: Case) -> Iterator[Finding]:
    """Find coordinates of a loop that stand still although the steps would move them, as a bound makes them."""
    x, g, size = case.points, case.gradients, case.size
    if x is None or g is None or len(x) <= LAST or g.shape != x.shape or case.is_batched:
        return
    # One that never moved may be left out of the steps on purpose.
    moved = np.ptp(x, axis=0) > 0
    x, g, size = x[-LAST:], g[-LAST:], size[-LAST:]
    with np.errstate(all="ignore"):
        would = size[:, None] * np.abs(g)
        held = (np.ptp(x, axis=0) == 0) & (would > MOVES * np.maximum(np.abs(x), MOVES)).all(axis=0)
        one_side = (np.sign(g) == np.sign(g[0])).all(axis=0)
    stuck = np.flatnonzero(moved & held & one_side)
    if not stuck.size:
        return
    places = ", ".join(f"{case.trace.names[k]} = {shown(float(x[-1, k]))}" for k in stuck[:4])
    text = f"A bound seems to hold the answer at {places}: steps no longer move it, though the slope there is not 0."
    yield Finding(
        "note", "answer at a bound", text,
        "If the bound is no part of the problem, widen it or leave it out.", FROM_RECORD, "", of_function(case), 0.85,
    )  # fmt: skip


def _without(case: Case, held: dict[str, str]) -> Any:
    """Return the bounds without those that hold the answer; None if none is left or the layout has names."""
    bounds = {name: list(sides) for name, sides in case.run.bounds.items()}  # type: ignore[attr-defined]
    for name, side in held.items():
        bounds[name][0 if side == "low" else 1] = None
    if not any(each is not None for sides in bounds.values() for each in sides):
        return None
    asked = case.asked("bounds")
    if isinstance(asked, dict):
        known = set(asked) >= set(bounds)
        return {name: tuple(sides) for name, sides in bounds.items()} if known else None
    return [tuple(bounds.get(name, (None, None))) for name in case.trace.names]
