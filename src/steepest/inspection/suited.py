"""`suited`: the display that suits a card in a notebook, if the function is quick enough to be drawn unasked."""

from __future__ import annotations

import math
import time

import numpy as np

from steepest.inspection.picture import descent_of, picture_of
from steepest.inspection.plots.basins import BasinDisplay
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.races.race import RaceDisplay
from steepest.inspection.protocol import BasinsLike, FitLike, RaceLike, RunLike

# The seconds in which a function may be evaluated for the picture of a card, which nobody asked for: below what a
# reader waits for without noticing. POINTS are as many values as a curve, and contour lines, need.
PATIENCE = 0.3
TRIALS = 5
HOPELESS = 0.05  # seconds for one call, once it is compiled
POINTS = {1: 200, 2: 10_000}


def suited(what: object) -> Display:
    """Return the display that suits an object, not drawn yet."""
    # A run has all that a race has, so it comes first.
    if isinstance(what, RunLike):
        quick = isinstance(what, FitLike) or _seconds_of_values(what) <= PATIENCE
        return (picture_of(what) if quick else None) or descent_of(what)
    if isinstance(what, BasinsLike):
        return BasinDisplay.from_basins(what)
    assert isinstance(what, RaceLike)
    seconds = max(map(_seconds_of_values, what.runs.values()))
    if seconds > PATIENCE:
        raise TimeoutError(f"the values for it would take {seconds:.1g} s; plot() draws it")
    return RaceDisplay.from_race(what)


def _seconds_of_values(run: RunLike) -> float:
    """Return about how long the values for a picture of the function of a run would take."""
    points = np.asarray(run.trace.x)
    finite = points[np.isfinite(points).all(axis=1)]
    if points.shape[1] not in POINTS or not len(finite):
        return 0.0
    count, least = POINTS[points.shape[1]], math.inf
    # The first call may compile, and any may be held up by another program.
    for _ in range(TRIALS):
        began = time.perf_counter()
        try:
            run.evaluate(finite[-1])
        except Exception:  # noqa: BLE001 - a function that is not at hand, or raises, takes no time
            return 0.0
        last = time.perf_counter() - began
        hopeless = min(least, last) > HOPELESS and math.isfinite(least)
        least = min(least, last)
        if count * least <= PATIENCE or hopeless:
            break
    return count * least
