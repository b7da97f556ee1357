"""The last check of an answer: its value against a plain call, and a given gradient against differences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from steepest.derivatives.agreement import agree, slack_of
from steepest.derivatives.check import Verdict, check_slope
from steepest.derivatives.clock import OutOfTime
from steepest.derivatives.compiled import drop
from steepest.derivatives.differences import scale_of
from steepest.descent.ending import Ending
from steepest.descent.loop.solver import Solver
from steepest.descent.verdict.audit import LARGEST_AUDIT
from steepest.trace import Outcome

# The distance from the edges of the box at which a given gradient is checked, as a share of each coordinate:
# differences need room on both sides. Chosen, not measured.
MARGIN = 0.1


def gradient_at(solver: Solver, x: np.ndarray) -> np.ndarray:
    """Return the gradient at a point in the user's own sign; NaN if the function raises there."""
    if np.array_equal(x, solver.status.x):
        return solver.sign * solver.status.gradient
    try:
        return solver.objective.slope(x)[1]
    except (Exception, OutOfTime):  # noqa: BLE001 - a function that raised before may raise here again
        return np.full(x.size, np.nan)


def checked(
    solver: Solver, names: Sequence[str], start: np.ndarray, ending: Ending, x: np.ndarray, value: float,
    gradient: np.ndarray,
) -> tuple[Ending, float, int]:  # fmt: skip
    """Check the value of the answer against a plain call, and a gradient that the user gave against differences.

    Return the ending after these checks, the plain value, and how many values the check of the gradient computed.
    """
    objective, descended, spent = solver.objective, solver.sign * value, 0
    try:
        if objective.compiled is None and objective.clock.over:
            # Without compiled code, the value comes from a plain call already.
            return ending, descended, spent
        with objective.clock.ends(math.inf):
            plain = objective.value(x)
        wrong = ""
        if objective.kind == "given":
            wrong, spent = _wrong_slope(solver, names, {"start": start, "end": x})
    except OutOfTime:
        if ending.outcome is not Outcome.CONVERGED:
            return ending, plain, spent
        return Ending(Outcome.TIME_LIMIT, "no time was left to check the gradient that was given"), plain, spent
    except Exception as error:  # noqa: BLE001 - the user's function may raise anything
        if ending.outcome is Outcome.RAISED:
            return ending, descended, spent
        return Ending(Outcome.RAISED, f"{type(error).__name__}: {error}, at the best point"), descended, spent
    if wrong:
        return Ending(Outcome.WRONG_GRADIENT, wrong), plain, spent
    slack = slack_of([plain, solver.status.first_value], x, gradient, objective.precision)
    # If f is a small difference of large numbers, its rounding error is larger than its value suggests. The solver
    # estimates this error.
    slack += 100 * solver.noise
    if objective.compiled is not None and not agree(descended, plain, slack):
        drop(objective.key)
        facts = f"compiled code gives {descended:.6g} here and a plain call {plain:.6g}: does f change between calls?"
        return Ending(Outcome.WRONG_GRADIENT, facts), plain, spent
    return ending, plain, spent


def _wrong_slope(solver: Solver, coordinates: Sequence[str], points: dict[str, np.ndarray]) -> tuple[str, int]:
    """Return an error of the given gradient in words, "" if none is certain, and how many values the check computed."""
    objective, box, spent = solver.objective, solver.box, 0
    for place, x in points.items():
        free = np.ones(x.size, dtype=bool)
        if box is not None:
            # f can't be evaluated beyond an edge, so check a point inside.
            x, free = box.within(x, MARGIN * scale_of(x, x)), ~box.fixed
        value, given = objective.slope(x)
        if not (math.isfinite(value) and free.any()):
            continue

        def of_free(part: np.ndarray, x: np.ndarray = x, free: np.ndarray = free) -> float:
            whole = x.copy()
            whole[free] = part
            return objective.value(whole)

        names = [name for name, is_free in zip(coordinates, free, strict=True) if is_free]
        check = check_slope(of_free, given[free], x[free], names, most_named=LARGEST_AUDIT)
        spent += check.evaluations
        if check.verdict is Verdict.WRONG:
            slip = f" ({check.slip})" if check.slip else ""
            return f"at the {place}{slip}, {check.evidence}", spent
    return "", spent
