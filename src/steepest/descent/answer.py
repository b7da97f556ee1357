"""The last check of an answer: its value against a plain call, and a given gradient against differences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from steepest.derivatives.agreement import agree, slack_at
from steepest.derivatives.check import Verdict, check_slope
from steepest.derivatives.clock import OutOfTime
from steepest.derivatives.compiled import drop
from steepest.derivatives.differences import scale_of
from steepest.derivatives.differencing.noisy import NoisyDifferences
from steepest.derivatives.objective import Objective
from steepest.derivatives.scatter import CALLS, Scatter
from steepest.descent.ending import Ending
from steepest.descent.loop.solver import Solver
from steepest.descent.verdict.audit import LARGEST_AUDIT
from steepest.sets.region import Region
from steepest.trace import Outcome

# The distance from the edges of the box at which a given gradient is checked, as a share of each coordinate:
# differences need room on both sides. Chosen, not measured.
MARGIN = 0.1
# The gradient of a noisy function is wrong if it differs from differences by more than this many standard deviations
# and this share: its steps are long, and the curvature may change along them. Chosen, not measured.
SURE, ROUGHLY = 8.0, 0.2
# If compiled code and a plain call disagree, f is called at so many points beside the answer. Their values may differ
# by so many times less than the two. Chosen, not measured: more calls find a rarer rounding error.
NEIGHBOURS, ROUNDINGS = 8, 10.0
# Nothing has converged if such a rounding error is more than this share of the descent. Chosen, not measured.
VAGUE = 1e-6


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
    gradient: np.ndarray, again: float | None = None,
) -> tuple[Ending, float, int]:  # fmt: skip
    """Check the value of the answer against a plain call, and a gradient that the user gave against differences.

    `again` is a plain value at the answer, if there was a second call. Return the ending after these checks, the plain
    value, and how many values the check of the gradient computed.
    """
    objective, descended, spent = solver.objective, solver.sign * value, 0
    try:
        if objective.clock.over or (objective.scatter is not None and objective.kind != "given"):
            # No further call may begin, or it would give one value of the noise for the mean of several.
            return ending, descended, spent
        with objective.clock.ends(math.inf):
            plain = objective.value(x) if again is None else again
        wrong = ""
        if objective.scatter is not None:
            plain = descended
        elif objective.compiled is None and math.isfinite(descended) and not math.isfinite(plain):
            facts = f"the function was {descended:.6g} at the best point, and is {plain} there in another call"
            return Ending(Outcome.NON_FINITE, facts), descended, spent
        if objective.kind == "given":
            check = _wrong_slope if objective.scatter is None else _wrong_noisy_slope
            wrong, spent = check(solver, names, {"start": start, "end": x})
    except OutOfTime:
        if ending.outcome is not Outcome.CONVERGED:
            return ending, plain, spent
        return Ending(Outcome.TIME_LIMIT, "no time was left to check the gradient that was given"), plain, spent
    except Exception as error:  # noqa: BLE001 - the user's function may raise anything
        if ending.outcome is Outcome.RAISED:
            return ending, descended, spent
        return Ending(Outcome.RAISED, f"{type(error).__name__}: {error}, at the best point"), descended, spent
    if wrong:
        return Ending(Outcome.WRONG_GRADIENT, f"{wrong}; fix gradient=, or leave it out"), plain, spent
    if objective.scatter is not None:
        return ending, plain, spent
    slack = slack_at(plain, solver.status.first_value, x, gradient, objective.precision)
    # If f is a small difference of large numbers, its rounding error is larger than its value suggests. The solver
    # estimates this error.
    slack += 100 * solver.noise
    if objective.compiled is not None and not agree(descended, plain, slack):
        rounding, cost = _rounding(solver, x, plain)
        spent += cost
        if agree(descended, plain, slack + ROUNDINGS * rounding):
            hidden = max(rounding, abs(descended - plain))
            if ending.outcome is Outcome.CONVERGED and hidden > VAGUE * abs(solver.status.first_value - plain):
                facts = f"rounding errors may change the value by {hidden:.2g} here, which may hide a better point"
                ending = Ending(Outcome.STALLED, facts, ending.certificate)
            return ending, plain, spent
        drop(objective.key)
        facts = f"compiled code gives {descended:.6g} here and a plain call {plain:.6g}: does f change between calls?"
        return Ending(Outcome.WRONG_GRADIENT, facts), plain, spent
    return ending, plain, spent


def _rounding(solver: Solver, x: np.ndarray, value: float) -> tuple[float, int]:
    """Return the rounding error of f at x, and how many values that took.

    Large terms that cancel leave a rounding error that neither the value nor its slopes show. Values at points that
    differ from x by rounding alone show it. It is 0 if a second call at x gives another value: f then changes.
    """
    objective, box = solver.objective, solver.box
    draws, largest = np.random.default_rng(0), 0.0
    try:
        with objective.clock.ends(math.inf):
            if objective.value(x) != value:
                return 0.0, 1
            for _ in range(NEIGHBOURS):
                near = x * (1 + 2 * objective.precision * draws.uniform(-1, 1, x.size))
                near = near if box is None else box.nearest(near)
                near = near if objective.region is None else objective.region.nearest(near)
                largest = max(largest, abs(objective.value(near) - value))
    except Exception:  # noqa: BLE001 - f may be undefined beside the answer
        return 0.0, NEIGHBOURS + 1
    return (largest if math.isfinite(largest) else 0.0), NEIGHBOURS + 1


def _wrong_slope(solver: Solver, coordinates: Sequence[str], points: dict[str, np.ndarray]) -> tuple[str, int]:
    """Return an error of the given gradient in words, "" if none is certain, and how many values the check computed."""
    objective, box, spent = solver.objective, solver.box, 0
    for place, x in points.items():
        free = np.ones(x.size, dtype=bool)
        if objective.region is not None:
            wrong, cost = _wrong_along_curves(objective, objective.region, coordinates, place, x)
            spent += cost
            if wrong:
                return wrong, spent
            continue
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


def _wrong_along_curves(
    objective: Objective, region: Region, coordinates: Sequence[str], place: str, x: np.ndarray
) -> tuple[str, int]:  # fmt: skip
    """Return an error of the given gradient as `_wrong_slope` does, by slopes along curves within a region."""
    # On an edge there is room on one side only, so check a point inside.
    x = region.nearest(x + MARGIN * region.inward(x))
    value, given = objective.slope(x)
    curves = [curve for curve in region.curves(x) if curve.in_face]
    if not (math.isfinite(value) and curves):
        return "", 0

    def along(t: np.ndarray) -> float:
        return objective.value(x + sum(curve.move(length) for curve, length in zip(curves, t, strict=True)))

    slopes = np.array([given @ curve.direction for curve in curves])
    names = []
    for curve in curves:
        own, other = coordinates[int(np.argmax(np.abs(curve.dual)))], int(np.argmin(curve.direction))
        names.append(f"{own} less {coordinates[other]}" if curve.direction[other] < 0 else own)
    check = check_slope(along, slopes, np.zeros(len(curves)), names, most_named=LARGEST_AUDIT)
    if check.verdict is Verdict.WRONG:
        return f"near the {place}, {check.evidence}", check.evaluations
    return "", check.evaluations


def _wrong_noisy_slope(solver: Solver, coordinates: Sequence[str], points: dict[str, np.ndarray]) -> tuple[str, int]:
    """Return an error of the given gradient of a noisy function at the start, as `_wrong_slope` does."""
    objective, x = solver.objective, points["start"]
    scatter = Scatter(objective.value, x)
    model = NoisyDifferences(scatter, x, solver.box).model(x, scatter.mean_at(x), mixed=False)
    given = np.array([objective.slope(x)[1] for _ in range(CALLS)])
    mean, error = given.mean(axis=0), np.hypot(given.std(axis=0, ddof=1) / math.sqrt(CALLS), model.error)
    off, size = np.abs(mean - model.gradient), np.maximum(np.abs(mean), np.abs(model.gradient))
    wrong = np.flatnonzero((off > SURE * error + ROUGHLY * size) & (model.steps > 0))
    if not wrong.size:
        return "", 0
    k = wrong[0]
    return f"at the start, {coordinates[k]} is given as {mean[k]:.6g}, and differences give {model.gradient[k]:.6g}", 0
