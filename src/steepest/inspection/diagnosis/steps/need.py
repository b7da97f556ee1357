"""How many steps a run needs to reach the end."""

from __future__ import annotations

import numpy as np

from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.steps.way import Way

# A run has arrived when this share of the whole descent is left, unless the user gave a tolerance.
ARRIVED = 0.01
# No count is predicted beyond this.
MOST = 1e9


def arrival(case: Case, way: Way, step: float | None = None) -> float:
    """Return how many more steps lead to the end, at another step size or as before; infinite if that is not known.

    Parameters
    ----------
    case : Case
        The run.
    way : Way
        What it did.
    step : float, optional
        The size of fixed steps of plain descent.

    Returns
    -------
    float
        The number of steps: by the curvature that was measured, else by the rate of the last values.
    """
    gap, pace, found = case.gap_left, case.pace, case.curvature
    target = _wanted(case) * (case.fall + gap)
    if gap == np.inf:
        # The values have not slowed down, so nothing tells where they end.
        return np.inf
    if not gap > target:
        return 0.0 if gap <= target else np.inf
    size = pace.last if step is None else step
    if found is not None and found.is_whole and pace.is_given and pace.rule == "Plain" and found.downward == 0:
        count = 1.0
        while count < MOST and found.after(size, count) > target:
            count *= 1.1
        return count if count < MOST else np.inf
    if pace.is_scaled and found is not None:
        # Steps about as long as the rate, which shorten towards the end.
        return 3 * float(np.abs(found.newton).max()) / size
    rate = case.tail.rate * (1.0 if step is None else step / pace.peak)
    if np.isfinite(rate) and rate > 0:
        # The values slow down as their fast parts fade, so half as many again.
        return 1.5 * float(np.log(gap / target)) / rate
    if np.isfinite(way.ahead) and np.isfinite(size) and pace.is_given and not pace.is_scaled:
        return float(np.log(gap / target)) / (2 * size / (1 - pace.decay) * way.ahead)
    return np.inf


def _wanted(case: Case) -> float:
    asked = case.asked("tolerance")
    return float(asked) if isinstance(asked, (int, float)) and 0 < asked < ARRIVED else ARRIVED / 2
