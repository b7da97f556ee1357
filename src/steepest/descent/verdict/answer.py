"""The answer of a descent held against plain calls of the user's own code, before it is handed over."""

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

ASIDE = 0.1


def gradient_at(solver: Solver, x: np.ndarray) -> np.ndarray:
    if np.array_equal(x, solver.status.x):
        return solver.sign * solver.status.gradient
    try:
        return solver.objective.slope(x)[1]
    except (Exception, OutOfTime):  # noqa: BLE001 - a function that raised before may raise here again
        return np.full(x.size, np.nan)


def checked(
    solver: Solver, names: Sequence[str], start: np.ndarray, ending: Ending, x: np.ndarray, seen: float,
    gradient: np.ndarray,
) -> tuple[Ending, float, int]:  # fmt: skip
    """Hold the answer, and the value seen there, against a plain call, and a given gradient against differences.

    Return how the run ended by that, the value of the plain call, and how many values the gradient's check took.
    """
    objective, seen, spent = solver.objective, solver.sign * seen, 0
    try:
        if objective.compiled is None and objective.clock.over:
            # The value came from a plain call already.
            return ending, seen, spent
        with objective.clock.ends(math.inf):
            value = objective.value(x)
        wrong = ""
        if objective.kind == "given":
            wrong, spent = _wrong_slope(solver, names, {"start": start, "end": x})
    except OutOfTime:
        if ending.outcome is not Outcome.CONVERGED:
            return ending, value, spent
        return Ending(Outcome.TIME_LIMIT, "no time was left to check the gradient that was given"), value, spent
    except Exception as error:  # noqa: BLE001 - the user's function may raise anything
        if ending.outcome is Outcome.RAISED:
            return ending, seen, spent
        return Ending(Outcome.RAISED, f"{type(error).__name__}: {error}, at the best point"), seen, spent
    if wrong:
        return Ending(Outcome.WRONG_GRADIENT, wrong), value, spent
    # None of these values shows how much rounding changes small residuals of large numbers.
    slack = slack_of([value, solver.status.first_value], x, gradient, objective.precision)
    slack += 100 * solver.noise
    if objective.compiled is not None and not agree(seen, value, slack):
        drop(objective.key)
        facts = f"compiled code gives {seen:.6g} here and a plain call {value:.6g}: does f change between calls?"
        return Ending(Outcome.WRONG_GRADIENT, facts), value, spent
    return ending, value, spent


def _wrong_slope(solver: Solver, coordinates: Sequence[str], points: dict[str, np.ndarray]) -> tuple[str, int]:
    """Return what is wrong with a gradient that was given, where that is sure at one of the points, else nothing.

    Beside it stands how many values that took.
    """
    objective, box, spent = solver.objective, solver.box, 0
    for place, x in points.items():
        free = np.ones(x.size, dtype=bool)
        if box is not None:
            # At an edge nothing can be seen of what lies beyond.
            x, free = box.within(x, ASIDE * scale_of(x, x)), ~box.fixed
        value, given = objective.slope(x)
        if not (math.isfinite(value) and free.any()):
            continue

        def seen(part: np.ndarray, x: np.ndarray = x, free: np.ndarray = free) -> float:
            whole = x.copy()
            whole[free] = part
            return objective.value(whole)

        names = [name for name, kept in zip(coordinates, free, strict=True) if kept]
        check = check_slope(seen, given[free], x[free], names, most_named=LARGEST_AUDIT)
        spent += check.evaluations
        if check.verdict is Verdict.WRONG:
            slip = f" ({check.slip})" if check.slip else ""
            return f"at the {place}{slip}, {check.evidence}", spent
    return "", spent
