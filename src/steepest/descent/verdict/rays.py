"""Values along rays: whether f has a minimum at all, and whether lower values contradict an audit."""

from __future__ import annotations

import numpy as np

from steepest.descent.ending import Ending
from steepest.descent.verdict.audit import Audit
from steepest.descent.verdict.escape import LineSearch, Tail, along_line, along_ray
from steepest.descent.verdict.evaluator import Evaluator
from steepest.descent.verdict.wording import Wording
from steepest.descent.view import View
from steepest.trace import Outcome

# A Newton step longer than this share of the point may lead to infinity. Chosen, not measured: a smaller share costs
# values at ordinary minima, a larger share misses slow falls.
LONG = 1e-3
# If a coordinate is more than this many times as large as at the start, f may fall without end, and rays are worth
# their cost. Chosen, not measured.
DRIVEN = 1e6
# The first step along a ray, as a share of the way to the best point. The share is a power of the factor by which steps
# grow, so that the best point is one of the points that are tried.
FIRST = 4.0**-8


class Rays:
    """Follows f along rays, to find out whether f falls without end or a lower value contradicts an audit."""

    def __init__(self, evaluator: Evaluator, view: View, wording: Wording) -> None:
        self.evaluator, self.view, self.wording = evaluator, view, wording

    def beyond(self, x: np.ndarray, audit: Audit) -> Ending | None:
        """Return the ending if f falls without end along Newton's step or the path of the descent."""
        evaluator, step = self.evaluator, audit.step
        if step is not None and np.any(np.abs(step) > LONG * np.maximum(np.abs(x), evaluator.least)):
            search = along_ray(evaluator.value, x, evaluator.best_value, step, 0.0)
            if search.endless and not evaluator.is_confined(step):
                return self.ending(search)
        far = np.any(np.abs(x) > DRIVEN * np.maximum(np.abs(evaluator.start), 1.0))
        return self.along_path() if far or audit.is_flat else None

    def along_path(self) -> Ending | None:
        """Return the ending if f falls without end on a ray through the best point.

        The rays begin at the start and halfway along the path: near the best point rounding errors may hide the fall.
        """
        evaluator, best = self.evaluator, self.evaluator.best
        trace = evaluator.log.trace()
        if trace.x.shape[1] != best.size or not len(trace):
            return None
        for row in sorted({0, len(trace) // 2}):
            start, value = self.view.inward(trace.x[row]), evaluator.solver.sign * float(trace.value[row])
            path = best - start
            if np.any(path):
                search = along_ray(evaluator.value, start, value, path * FIRST, 0.0)
                if search.endless and not evaluator.is_confined(path):
                    return self.ending(search)
        return None

    def lower(self, x: np.ndarray, audit: Audit, tolerance: float) -> LineSearch:
        """Search along Newton's step and directions of little curvature for a value that contradicts the audit."""
        evaluator, value = self.evaluator, self.evaluator.best_value
        for direction in (audit.step, *audit.soft_directions):
            # Over a shorter step the curvature can't change, so no test is needed.
            if direction is not None and evaluator.is_long(x, direction):
                search = along_line(evaluator.value, x, value, direction, audit.floor)
                if search.value < value - max(tolerance, 2 * audit.decrement):
                    return search
        return LineSearch(None)

    def ending(self, search: LineSearch) -> Ending:
        """Return the ending of a descent whose value falls without end, with the limit if there is one."""
        falls, value = self.wording.falls, self.wording.value(search.value)
        if search.tail is Tail.FALLS:
            return Ending(Outcome.UNBOUNDED, f"the value {falls} without end: it is {value} far out, and still {falls}")
        if search.tail is Tail.LEVELS:
            facts = f"the value {falls} towards {value} as the point goes to infinity, and never reaches it"
        else:
            facts = f"the value still {falls}, more and more slowly, as far out as it was followed, to {value}"
        return Ending(Outcome.NO_FINITE_OPTIMUM, f"{facts}; no point is best: add a penalty, or bounds=")
