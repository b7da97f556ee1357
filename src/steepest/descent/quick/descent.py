"""A small descent in a few compiled calls: the loop, the differences of its audit, and Newton's steps.

A small descent spends most of its time between calls of compiled code. Here the loop runs once, from the start to the
first point at which it stops, and `settle` decides whether that is the end. Only a minimum beyond doubt is one; all
other descents are begun again by the `Driver`, whose words, counts and rows these are; a first step size may differ
from its in the last digit.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from steepest.derivatives.agreement import agree, slack_from
from steepest.derivatives.compiled import Compiled, Slope
from steepest.derivatives.differences import EPS
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code, double_precision
from steepest.derivatives.scatter import differ
from steepest.derivatives.serving.serve import agrees_nearby
from steepest.derivatives.tracing.work import work_of
from steepest.descent.ending import message
from steepest.descent.loop.loop import PATH_ROWS, chunk_of
from steepest.descent.loop.state import CANDIDATE, COLUMNS, SCALARS, STALLED
from steepest.descent.plan import EARLY
from steepest.descent.quick.settle import Matrix, Point, Settled, Vector, settle
from steepest.descent.quick.start import PLACES, RULES, begun
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
# Up to this many variables two gradients are computed in a call for 2 n points. Chosen, not measured.
FEWEST = 3
# The words of the events, as the `Driver` and `Polish` have them.
RESET, NON_FINITE = (
    "the direction no longer led downhill and was reset",
    "trial points where the function is not finite",
)
DIRECTION = RULES.direction.described()


@dataclass(frozen=True)
class Programs:
    """The compiled code of a small function.

    Attributes
    ----------
    slope, slopes : callable
        The gradient and the value at a point, in one array; and at 2 n points, a row each.
    loop : callable
        The loop of the descent.
    """

    slope: Function
    slopes: Function
    loop: Function

    @classmethod
    def of(cls, compiled: Compiled, start: np.ndarray, arrays: PyTree) -> Programs | None:
        """Compile the code for starts of a size, as far as it is not compiled yet; None if it is too much work."""
        n = start.size
        with compiled_code():
            if work_of(compiled.jitted.code(start, arrays)) > MOST_WORK:
                return None
            loop = compiled.loop((CAPACITY, jax.tree.structure(RULES)), lambda: chunk_of(compiled, CAPACITY))
            state, limits = begun([1.0] * n, 0.0, [1.0] * n), limits_at([1.0] * n, 1.0)
            return cls(
                compiled.jitted.program(start, arrays),
                compiled.slopes().program(np.zeros((2 * n, n)), arrays),
                loop.program(RULES, state, arrays, limits, (), None),
            )


class Descent(NamedTuple):
    """The descent of a function from a start, by compiled code.

    Attributes
    ----------
    programs : Programs
        The code.
    arrays : tree
        The data that it takes.
    sign : float
        1 to minimise, -1 to maximise.
    """

    programs: Programs
    arrays: PyTree
    sign: float

    def slope(self, x: Vector) -> tuple[float, Vector]:
        """Return the value and the gradient at a point, in the sign in which they are minimised."""
        found = np.asarray(self.programs.slope(np.array(x), self.arrays))
        *gradient, value = (found if self.sign > 0 else -found).tolist()
        return value, gradient

    def users_slope(self, x: np.ndarray) -> Slope:
        """Return the value and the gradient at a point, in the user's sign."""
        with double_precision():
            found = np.asarray(self.programs.slope(x, self.arrays))
        return float(found[-1]), found[:-1]

    def slopes(self, points: Matrix) -> Matrix:
        """Return the gradients and the values at up to 2 n points: a row each, with the value at its end."""
        n, count = len(points[0]), len(points)
        if n > FEWEST and count < 2 * n:
            return [[*gradient, value] for value, gradient in map(self.slope, points)]
        # One call for all: with so few variables it takes less time than another call, even if it has more points.
        found = np.asarray(self.programs.slopes(np.array(points + points[:1] * (2 * n - count)), self.arrays))
        rows: Matrix = (found[:count] if self.sign > 0 else -found[:count]).tolist()
        return rows

    def reached(self, start: Vector, value: float, gradient: Vector) -> Reached | None:
        """Run the loop until it stops; return None unless it stops at its best point, which may be a minimum."""
        if not (math.isfinite(value + sum(gradient)) and any(gradient)):
            return None
        state, limits = begun(start, value, gradient), limits_at(start, self.sign)
        packed, recorded = self.programs.loop(RULES, state, self.arrays, limits, (), None)
        numbers, n = np.asarray(packed.numbers).tolist(), len(start)
        # The vectors x, gradient, direction and best_x follow the scalars.
        k = len(SCALARS)
        x, slope, best = numbers[k : k + n], numbers[k + n : k + 2 * n], numbers[k + 3 * n : k + 4 * n]
        if numbers[PLACES["code"]] not in (CANDIDATE, STALLED) or x != best:
            return None
        iteration = int(numbers[PLACES["iteration"]])
        point = Point(x, numbers[PLACES["value"]], slope)
        return Reached(
            point, np.asarray(recorded)[:iteration], iteration, int(numbers[PLACES["evaluations"]]),
            int(numbers[PLACES["resets"]]), int(numbers[PLACES["non_finite"]]),
        )  # fmt: skip


class Reached(NamedTuple):
    """The point at which the loop stopped, with the rows of the trace and the counters of the loop."""

    point: Point
    rows: np.ndarray
    iteration: int
    evaluations: int
    resets: int
    non_finite: int


def quick(
    objective: Objective, view: View, sign: float, start: np.ndarray, began: float, changes: bool = False
) -> Run | None:  # fmt: skip
    """Return the run of a small descent with the default rules; None unless it converges beyond doubt.

    The compiled code is compared with plain calls at the start and at the answer, and also near the start if `changes`
    of the function since it was traced may have gone unseen. `began` is the time of the user's call.
    """
    compiled = objective.compiled
    if compiled is None or objective.kind != "traced" or objective.precision > EPS:
        return None
    try:
        programs = compiled.get_or_make("quick", lambda: Programs.of(compiled, start, objective.arrays))
    except Exception:  # noqa: BLE001 - the function may raise an exception while it is traced, which the usual way names
        return None
    if programs is None:
        return None
    begins = time.perf_counter() - began
    descent = Descent(programs, objective.arrays, sign)
    try:
        with double_precision():
            found = _descended(objective, descent, start.tolist())
    except ArithmeticError:
        # The numbers of Python raise an error where those of arrays become 0 or infinite.
        return None
    if found is None:
        return None
    begin, reached, end = found
    x, value, slope = np.array(end.point.x), end.point.value, end.point.gradient
    try:
        plain = objective.value(x)
        is_plain = _is_same(sign * value, plain, begin.value, end.point) and _repeats(objective, x, plain, sign * value)
        # A slope of 0 at the start may be one that the trace has lost.
        is_sure = (all(begin.gradient) and not changes) or agrees_nearby(objective, descent.users_slope, start)
    except Exception:  # noqa: BLE001 - the usual way calls the function there, too, and names the error
        return None
    if not (is_plain and is_sure):
        return None
    elapsed = time.perf_counter() - began
    # Newton's steps count as one iteration.
    done, spent = reached.iteration + (end.taken > 0), reached.evaluations + end.spent
    certificate = Certificate("audited", end.gap, end.tolerance, end.curvature, end.error)
    facts = within_rounding(end.gap, "minimum" if sign > 0 else "maximum")
    return Run(
        x=view.point(x),
        fun=plain,
        jac=view.gradient(sign * np.array(slope)),
        nit=done,
        nfev=spent,
        njev=spent,
        outcome=Outcome.CONVERGED,
        message=message(Outcome.CONVERGED, facts, certificate),
        certificate=certificate,
        trace=_trace(_rows(begin, reached, end), sign, view, _events(reached, end.taken, done), (begins, elapsed)),
        kind=objective.kind,
        why=objective.why,
        maximized=sign < 0,
        direction=DIRECTION.copy(),
        seconds=elapsed,
        objective=objective,
        view=view,
    )


def _descended(objective: Objective, descent: Descent, start: Vector) -> tuple[Point, Reached, Settled] | None:
    """Return the start, where the loop stopped, and the minimum; None unless there is one beyond doubt."""
    begin = Point(start, *descent.slope(start))
    if not _is_same(descent.sign * begin.value, objective.start_value, begin.value, begin):
        return None
    reached = descent.reached(*begin)
    end = reached and settle(descent.slopes, reached.point, start, begin.value)
    return None if reached is None or end is None else (begin, reached, end)


def _repeats(objective: Objective, x: np.ndarray, plain: float, served: float) -> bool:
    """Tell whether a plain value shows no noise: it is that of compiled code, or a second call gives it again."""
    return not differ(plain, served) or not differ(plain, objective.value(x))


def limits_at(start: Vector, sign: float) -> np.ndarray:
    """Return the limits of the loop: those of the `Driver`, up to the iteration at which it probes the curvature."""
    rows, least = PATIENCE * (len(start) + 10), [min(abs(begun), 1.0) for begun in start]
    return np.array([rows, MOST_EVALUATIONS, EARLY, sign, PATH_ROWS, EPS, *least])


def _is_same(served: float, plain: float, first: float, point: Point) -> bool:
    """Tell whether a value of compiled code is that of a plain call, up to rounding; `first` is that at the start."""
    inputs = sum(abs(a * b) for a, b in zip(point.x, point.gradient, strict=True))
    return agree(served, plain, slack_from(abs(plain), inputs + abs(first)))


def _events(reached: Reached, taken: int, last: int) -> list[Event]:
    """Return the events of a descent with so many Newton steps, in the words of the `Driver`."""
    events = []
    if taken:
        detail = f"{taken} Newton steps by the Hessian" if taken > 1 else "a Newton step by the Hessian"
        events.append(Event(last, "newton", detail))
    if reached.resets:
        events.append(Event(last, "reset", RESET, reached.resets))
    if reached.non_finite:
        events.append(Event(last, "non-finite", NON_FINITE, reached.non_finite))
    return events


def _rows(begin: Point, reached: Reached, end: Settled) -> np.ndarray:
    """Return the rows of the trace: the start, the steps of the loop, and one for Newton's steps if there were any."""
    head = [0.0, 1.0, begin.value, math.hypot(*begin.gradient), 0.0, *begin.x]
    rows = np.empty((reached.iteration + 1 + (end.taken > 0), len(head)))
    rows[0], rows[1 : reached.iteration + 1] = head, reached.rows
    if end.taken:
        x, value, slope = end.point
        rows[-1] = [len(rows) - 1, reached.evaluations, value, math.hypot(*slope), 0.0, *x]
    return rows


def _trace(rows: np.ndarray, sign: float, view: View, events: list[Event], times: tuple[float, float]) -> Trace:
    """Return the trace; each row gets an equal share of the time."""
    columns = dict(zip(COLUMNS, rows.T[: len(COLUMNS)].copy(), strict=True))
    for name in ("iteration", "evaluations"):
        columns[name] = columns[name].astype(np.int64)
    if sign < 0:
        columns["value"] *= sign
    begins, elapsed = times
    share = (elapsed - begins) / (len(rows) - 1)
    columns["seconds"] = np.array([begins + share * k for k in range(len(rows))])
    return Trace(columns, rows[:, len(COLUMNS) :].copy(), list(view.names), events)
