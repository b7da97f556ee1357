"""A small descent in a few compiled calls: the loop, the differences of its audit, and Newton's steps.

A small descent spends most of its time between calls of compiled code. Here the loop runs once, from the start to the
first point at which it stops, and `settle` decides whether that is the end. Only a minimum beyond doubt is one; all
other descents are begun again by the `Driver`, with whose words, counts and rows this file agrees.
"""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import jax
import numpy as np

from steepest.derivatives.agreement import agree, slack_of
from steepest.derivatives.compiled import Compiled, Slope
from steepest.derivatives.differences import EPS, least_size
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.scatter import differ
from steepest.derivatives.tracing.work import work_of
from steepest.descent.ending import message
from steepest.descent.loop.loop import PATH_ROWS, chunk_of
from steepest.descent.loop.state import CANDIDATE, COLUMNS, STALLED, Packed
from steepest.descent.plan import EARLY
from steepest.descent.quick.settle import Point, Settled, settle
from steepest.descent.quick.start import RULES, begun
from steepest.descent.run import Run
from steepest.descent.verdict.polish import PATIENCE
from steepest.descent.verdict.wording import within_rounding
from steepest.descent.view import View
from steepest.trace import Certificate, Event, Outcome, Trace
from steepest.types import Function, PyTree

# The most operations of one evaluation, and the most evaluations of the loop: together they take less than the 0.1 s
# after which the `Driver` shows progress, and notices Ctrl-C. Chosen, not measured.
MOST_WORK, MOST_EVALUATIONS = 20_000, 1_000
# The rows that the compiled loop of so few variables holds, as `RuleSolver.capacity` has it.
CAPACITY = 256


class Programs(NamedTuple):
    """The compiled code of a small function.

    Attributes
    ----------
    slope, slopes : callable
        The gradient and the value at a point, and the gradients at several.
    loop : callable
        The loop of the descent.
    """

    slope: Function
    slopes: Function
    loop: Function

    @classmethod
    def of(cls, compiled: Compiled, start: np.ndarray, arrays: PyTree) -> Programs:
        """Compile the code for starts of a size, as far as it is not compiled yet."""
        loop = compiled.loop((CAPACITY, jax.tree.structure(RULES)), lambda: chunk_of(compiled, CAPACITY))
        state, limits = begun(start, 0.0, np.ones(start.size)), limits_at(start, 1.0)
        return cls(
            compiled.jitted.program(start, arrays),
            compiled.slopes().program(np.zeros((2 * start.size, start.size)), arrays),
            loop.program(RULES, state, arrays, limits, (), None),
        )


class Reached(NamedTuple):
    """The point at which the loop stopped, with the rows of the trace and the counters of the loop."""

    point: Point
    rows: np.ndarray
    iteration: int
    evaluations: int
    resets: int
    non_finite: int


def quick(objective: Objective, view: View, sign: float, start: np.ndarray, began: float) -> Run | None:
    """Return the run of a small descent with the default rules; None unless it converges beyond doubt.

    The function must have been compared with plain calls at the start. `began` is the time of the user's call.
    """
    compiled, arrays = objective.compiled, objective.arrays
    if compiled is None or objective.kind != "traced" or objective.precision > EPS or not compiled.get_or_make(
        "is light", lambda: _is_light(compiled, start, arrays)
    ):  # fmt: skip
        return None
    value, gradient = objective.slope(start)
    first = sign * value
    begins = time.perf_counter() - began
    with compiled_code():
        programs = compiled.get_or_make("quick", lambda: Programs.of(compiled, start, arrays))

        def slope(x: np.ndarray) -> Slope:
            both = np.asarray(programs.slope(x, arrays))
            return sign * float(both[-1]), sign * both[:-1]

        def slopes(points: np.ndarray) -> np.ndarray:
            return sign * np.asarray(programs.slopes(points, arrays))

        reached = _descended(programs.loop, start, first, sign * gradient, sign, arrays)
        end = settle(slope, slopes, reached.point, start, first) if reached else None
    if reached is None or end is None:
        return None
    plain = _confirmed(objective, end, sign, value)
    if plain is None:
        return None
    elapsed = time.perf_counter() - began
    head = np.concatenate([[0.0, 1.0, first, math.sqrt(float(gradient.dot(gradient))), 0.0], start])
    norm = math.sqrt(float(end.gradient.dot(end.gradient)))
    last = np.concatenate([[reached.iteration + 1, reached.evaluations, end.value, norm, 0.0], end.x])
    rows = np.concatenate([head[None], reached.rows, last[None]])
    spent = reached.evaluations + end.spent
    certificate = Certificate("audited", end.gap, end.tolerance, end.curvature, end.error)
    extreme = "minimum" if sign > 0 else "maximum"
    return Run(
        x=view.point(end.x),
        fun=plain,
        jac=view.gradient(sign * end.gradient),
        nit=reached.iteration + 1,
        nfev=spent,
        njev=spent,
        outcome=Outcome.CONVERGED,
        message=message(Outcome.CONVERGED, within_rounding(end.gap, extreme), certificate),
        certificate=certificate,
        trace=_trace(rows, sign, view, _events(reached, end), (begins, elapsed)),
        kind=objective.kind,
        why=objective.why,
        maximized=sign < 0,
        direction=RULES.direction.described(),
        seconds=elapsed,
        objective=objective,
        view=view,
    )


def limits_at(start: np.ndarray, sign: float) -> np.ndarray:
    """Return the limits of the loop: those of the `Driver`, up to the iteration at which it probes the curvature."""
    rows = PATIENCE * (start.size + 10)
    return np.concatenate([[rows, MOST_EVALUATIONS, EARLY, sign, PATH_ROWS, EPS], least_size(start)])


def _is_light(compiled: Compiled, start: np.ndarray, arrays: PyTree) -> bool:
    """Tell whether an evaluation is so little work that the descent may be done in one go."""
    with compiled_code():
        return work_of(compiled.jitted.code(start, arrays)) <= MOST_WORK


def _descended(
    loop: Function, start: np.ndarray, value: float, gradient: np.ndarray, sign: float, arrays: PyTree
) -> Reached | None:
    """Run the loop until it stops; return None unless it stops at its best point, which may be a minimum."""
    if not (math.isfinite(value) and math.isfinite(float(gradient.sum())) and gradient.any()):
        return None
    packed, recorded = loop(RULES, begun(start, value, gradient), arrays, limits_at(start, sign), (), None)
    here = Packed(np.asarray(packed.numbers), (), start.size)
    names = ("code", "iteration", "evaluations", "resets", "non_finite")
    code, *counters = (int(here.read(name)) for name in names)
    x = here.read("x")
    if code not in (CANDIDATE, STALLED) or x.tolist() != here.read("best_x").tolist():
        return None
    point = Point(x, float(here.read("value")), here.read("gradient"), np.zeros(start.size))
    return Reached(point, np.asarray(recorded)[: counters[0]], *counters)


def _confirmed(objective: Objective, end: Settled, sign: float, first: float) -> float | None:
    """Return the plain value of the answer; None unless two plain calls repeat it, and agree with compiled code."""
    try:
        plain, again = objective.value(end.x), objective.value(end.x)
    except Exception:  # noqa: BLE001 - the usual way calls the function there, too, and names the error
        return None
    is_same = agree(sign * end.value, plain, slack_of([plain, first], end.x, end.gradient))
    return plain if is_same and not differ(plain, again) else None


def _events(reached: Reached, end: Settled) -> list[Event]:
    """Return the events of a descent, in the words of the `Driver`."""
    detail = f"{end.taken} Newton steps by the Hessian" if end.taken > 1 else "a Newton step by the Hessian"
    iteration = reached.iteration + 1
    events = [Event(iteration, "newton", detail)]
    if reached.resets:
        detail = "the direction no longer led downhill and was reset"
        events.append(Event(iteration, "reset", detail, reached.resets))
    if reached.non_finite:
        detail = "trial points where the function is not finite"
        events.append(Event(iteration, "non-finite", detail, reached.non_finite))
    return events


def _trace(rows: np.ndarray, sign: float, view: View, events: list[Event], times: tuple[float, float]) -> Trace:
    """Return the trace; each row gets an equal share of the time."""
    columns = {name: rows[:, k].copy() for k, name in enumerate(COLUMNS)}
    for name in ("iteration", "evaluations"):
        columns[name] = columns[name].astype(np.int64)
    columns["value"] *= sign
    columns["seconds"] = np.linspace(*times, len(rows))
    return Trace(columns, rows[:, len(COLUMNS) :].copy(), view.names, events)
