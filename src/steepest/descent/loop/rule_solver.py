"""The descent by rules, chunk by chunk: compiled if the function can be traced, else in plain Python.

Both loops call `advance`, which applies the rules. A chunk takes about 0.1 s: between chunks the progress
is shown, and Ctrl-C and time limits are noticed, although the loop is compiled.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.clock import OutOfTime
from steepest.derivatives.compiled import Slope, shared
from steepest.derivatives.differences import least_size
from steepest.derivatives.objective import Objective, differences_at
from steepest.derivatives.precision import compiled_code
from steepest.descent.ending import Ending
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.loop import PATH_ROWS, advance, begin_of, chunk_of
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import (
    CANDIDATE,
    COLUMNS,
    NO_GRADIENT,
    NON_FINITE,
    RUNNING,
    Limits,
    Packed,
    State,
    begin,
    layout_of,
    pack,
    unpack,
)
from steepest.rules.pair import Rules
from steepest.sets.region import Region
from steepest.types import Json

CHUNK_SECONDS = 0.1
FIRST_CHUNK = 64
CHEAP_SECONDS = 1e-3
MOST_EVALUATIONS = 2**30
FASTEST_GROWTH = 64
MOST_TABLED = 2**16


@shared
def _begin(
    rules: Rules, x: Any, value: Any, gradient: Any, numbers: Any, sizes: Any, box: Box | Region | None, scale: Any
) -> Packed:  # fmt: skip
    return pack(begin(rules, x, value, gradient, Limits.unpack(numbers, sizes, box), scale=scale))


@shared
def _advance(
    rules: Rules, packed: Packed, value: Any, gradient: Any, numbers: Any, sizes: Any, box: Box | Region | None,
    first: Any,
) -> Packed:  # fmt: skip
    return pack(
        advance(
            rules, unpack(layout_of(rules, packed), packed), value, gradient, Limits.unpack(numbers, sizes, box), first
        )
    )


@shared
def _unlearned(rules: Rules, packed: Packed) -> Packed:
    """Return the state with an empty memory of the rules."""
    state = unpack(layout_of(rules, packed), packed)
    return pack(state._replace(memory=rules.start(state.x)))


class RuleSolver:
    """A descent by a direction and a step size: in compiled code, or in plain Python if the function can't be traced.

    Attributes
    ----------
    status : Status
        The progress so far.
    width : int
        How many descents run side by side and share the memory for rows.
    scale : array
        The inverse curvature of each coordinate, if a probe found that the curvatures differ; else 1.
    level : float
        The present value, which the noise of a noisy function is compared with.
    certifier : callable or None
        A function from a point to its proven bound, for problems that have one.
    """

    noise = 0.0
    negligible_gap = 0.0
    rises = False
    columns: tuple[str, ...] = ()
    ending: Ending | None = None

    def __init__(
        self, objective: Objective, rules: Rules, sign: float, tolerance: float, start: np.ndarray,
        box: Box | None = None, *, certifier: Callable[[np.ndarray], Bound | None] | None = None,
    ) -> None:  # fmt: skip
        self.objective, self.rules, self.sign, self.box, self.certifier = objective, rules, sign, box, certifier
        self.tolerance, self.start, self.gaps, self.width = tolerance, start, 0, 1
        self.scale = np.ones(start.size)
        self.least = least_size(start)
        self._recorded: list[np.ndarray] = []
        # The arguments of `_begin` and the changes to its result, if the state is not computed yet.
        self._due: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        # A table replaces the user's function of step sizes, because that function must not enter the cache key.
        self.bare = rules.for_loop()
        value, gradient = self.first(start)
        self.level = value
        with compiled_code():
            packed = self._begun(start, value, gradient)
            if objective.in_epochs:
                # The direction learns only from the updates of an epoch, each on its batch. So forget the gradient at
                # the start, which was computed from all rows.
                packed = _unlearned(self.bare, packed)
        self.stand(packed)

    @property
    def domain(self) -> Box | Region | None:
        """The bounds, or the sets that the point is held to."""
        return self.objective.region or self.box

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return the proven bound at a point; None if the problem has none."""
        return self.certifier(x) if self.certifier else None

    def first(self, start: np.ndarray) -> Slope:
        """Return the value and the gradient at the start; the gradient is NaN if there is no time to compute it."""
        try:
            value, gradient = self.objective.slope(start)
            return value, self.mended(start, value, gradient)
        except OutOfTime:
            return self.objective.start_value, np.full(start.size, np.nan)

    def arrays(self) -> list[np.ndarray]:
        """Return the arrays of the state, for a file."""
        return [np.asarray(leaf) for leaf in jax.tree.leaves(self.packed)]

    def counters(self) -> dict[str, Json]:
        """Return the parts of the state that are not arrays: how many gradients were computed by differences."""
        return {"gaps": self.gaps}

    def restore(self, arrays: list[np.ndarray], counters: dict[str, Json]) -> None:
        """Continue from the state that `arrays` and `counters` returned."""
        self.gaps = int(counters.get("gaps", 0))
        self.stand(jax.tree.unflatten(jax.tree.structure(self.packed), arrays))

    @property
    def packed(self) -> Packed:
        """The whole state, in one vector."""
        self._catch_up()
        return self._packed

    @property
    def state(self) -> State:
        """The state without the memory of the rules."""
        self._catch_up()
        return self._state

    def _catch_up(self) -> None:
        """Compute the state at the point of `begin_at`, if that was left for later."""
        if self._due is not None:
            (arguments, changes), self._due = self._due, None
            with compiled_code():
                packed = _begin(*arguments)
            self.stand(packed.amended(**changes))

    def stand(self, packed: Packed) -> None:
        """Set the state."""
        self._due = None
        self._packed = Packed(np.asarray(packed.numbers), packed.others, packed.size)
        self._state = state = self._packed.state
        self.level = state.value
        self.status = Status(
            x=state.x, gradient=state.gradient, value=state.value, iteration=int(state.iteration),
            evaluations=int(state.evaluations), first_value=state.first_value, best_x=state.best_x,
            best_value=state.best_value, estimate=state.estimate, code=int(state.code), steepest=state.steepest,
            resets=int(state.resets), non_finite=int(state.non_finite),
        )  # fmt: skip

    def begin_at(
        self, x: np.ndarray, scale: np.ndarray | None = None, known: tuple[float, np.ndarray] | None = None
    ) -> None:  # fmt: skip
        """Continue from x with an empty memory of the rules; keep the counts, the first value and the best point.

        `scale` is the inverse curvature of each coordinate, if a probe measured it; by default, the last scale.
        `known` are the value and the gradient at x, if they were computed before; x then becomes the best point, even
        if its value is higher by noise.
        """
        before = self.status
        self.scale = self.scale if scale is None else scale
        value, gradient = known or self.objective.slope(x)
        gradient, self.level = self.mended(x, value, gradient), value
        arguments = self._begun_from(x, value, gradient)
        changes = {name: getattr(before, name) for name in ("first_value", "steepest", "resets", "non_finite")}
        changes |= {"iteration": before.iteration + 1, "evaluations": before.evaluations + (known is None)}
        signed, slope = arguments[2], arguments[3]
        best = {"best_x": x, "best_value": signed}
        if known is None and not signed < before.best_value:
            best = {"best_x": before.best_x, "best_value": before.best_value}
            changes |= best
        # Often the run ends here: the compiled code, which chooses a direction, waits until the descent continues.
        self._due = arguments, changes
        flat = self.tolerance >= 0 and not self._norm(x, slope)
        self.status = Status(
            x=x, gradient=slope, value=signed, estimate=math.inf, code=CANDIDATE if flat else RUNNING, **changes | best
        )

    def mark(self, code: int) -> None:
        """Set the code of the status."""
        if self._due is not None:
            self._due[1]["code"] = code
            self.status = self.status._replace(code=code)
        else:
            self.stand(self.packed.amended(code=code))

    def _norm(self, x: np.ndarray, gradient: np.ndarray) -> float:
        """Return the norm of the gradient, without the entries that press against an edge of the box."""
        free = gradient if self.domain is None else self.domain.free(x, gradient)
        with np.errstate(over="ignore"):
            return math.sqrt((free * free).sum())

    def _begun_from(self, x: np.ndarray, value: float, gradient: np.ndarray) -> tuple[Any, ...]:
        """Return the arguments of `_begin`: they always have the same types, so that it is compiled once."""
        slope = self.sign * float(value), self.sign * gradient
        return self.bare, x, *slope, *self.limits(0, 0, 0, 1), self.domain, self.scale

    def _begun(self, x: np.ndarray, value: float, gradient: np.ndarray) -> Packed:
        here, compiled = self._begun_from(x, value, gradient), self.objective.compiled
        if not (self.rules.direction.evaluates and compiled):
            return _begin(*here)
        return compiled.loop("begin", lambda: begin_of(compiled))(*here[:-1], self.objective.arrays)

    @property
    def capacity(self) -> int:
        rows = 2**20 // (len(COLUMNS) + self.start.size) // self.width
        if self.rules.step.tabled:
            rows = min(rows, MOST_TABLED // self.objective.updates)
        return min(max(rows, 1 if self.rules.step.tabled else 16), 256 if self.rules.searches else 4096)

    def limits(self, rows: int, evaluations: int, k: int, count: int, together: int = 1) -> tuple[np.ndarray, Any]:
        """Return the limits of a chunk of `count` rows from row k on, in the form that compiled code takes."""
        sizes: Any = ()
        if self.rules.step.tabled:
            updates = self.objective.updates
            sizes = np.resize(self.rules.step.table(k * updates, count * updates + 1), self.capacity * updates + 1)
        numbers = [rows, evaluations, self.tolerance, self.sign, together, self.objective.relative_noise_of(self.level)]
        return np.concatenate([numbers, self.least]), sizes

    def mended(self, x: np.ndarray, value: float, gradient: np.ndarray) -> np.ndarray:
        """Return the gradient, computed by differences if the value is finite and the gradient is not."""
        if np.isfinite(value) and not np.all(np.isfinite(gradient)):
            self.gaps += 1
            return differences_at(self.objective, x, self.start)
        return gradient

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the current point as a row of the trace; t is the step size that led there."""
        status = self.status
        norm = self._norm(status.x, status.gradient)
        return np.concatenate([[status.iteration, status.evaluations, status.value, norm, t], status.x])

    def trial_point(self) -> np.ndarray:
        """Return the point at which the function is evaluated next."""
        at = self.state.x + self.state.t * self.state.direction
        return at if self.domain is None else self.domain.nearest(at)

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Continue for at most this many rows and evaluations; return the rows."""
        rows = min(rows, self.capacity)
        if self.objective.compiled:
            return self._compiled(rows, evaluations, together)
        return self._plain(rows, evaluations)

    def _compiled(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        compiled, capacity = self.objective.compiled, self.capacity
        assert compiled is not None
        chunk = compiled.loop((capacity, jax.tree.structure(self.bare)), lambda: chunk_of(compiled, capacity))
        limits = self.limits(rows, evaluations, self.status.iteration, rows, together)
        with compiled_code():
            packed, recorded = chunk(self.bare, self.packed, self.objective.arrays, *limits, self.domain)
        return self.reach(packed, np.asarray(recorded))

    def reach(self, packed: Packed, recorded: np.ndarray) -> np.ndarray:
        """Set the state after a chunk, compute a missing gradient by differences, and return the rows of the chunk."""
        before = self.state
        self.stand(packed)
        kept = recorded[: int(self.state.iteration - before.iteration)]
        if self.state.code != NO_GRADIENT:
            return kept
        if self.objective.in_epochs:
            self.mark(NON_FINITE)
            return kept
        self.mark(RUNNING)
        before = self.state
        at = self.trial_point()
        value = self.objective.value(at)
        self._absorb(value, self.mended(at, value, np.full(at.size, np.nan)))
        return np.vstack([kept, self.row(before.t)]) if self.state.iteration > before.iteration else kept

    def _absorb(self, value: float, gradient: np.ndarray) -> None:
        if not np.all(np.isfinite(gradient)):
            # Neither the function nor differences give a gradient there: reject the point like one without a value.
            value = math.nan
        k = int(self.state.iteration)
        limits = self.limits(1, 1, k, 1)
        with compiled_code():
            self.stand(
                _advance(self.bare, self.packed, self.sign * value, self.sign * gradient, *limits, self.domain, k)
            )

    def _plain(self, rows: int, evaluations: int) -> np.ndarray:
        self._recorded = []
        stop = self.state.evaluations + evaluations
        until = time.perf_counter() + CHUNK_SECONDS
        while len(self._recorded) < rows and self.state.evaluations < stop and self.state.code == RUNNING:
            before = self.state
            at = self.trial_point()
            value, gradient = self.objective.slope(at)
            self._absorb(value, self.mended(at, value, gradient))
            if self.state.iteration > before.iteration:
                self._recorded.append(self.row(before.t))
            if time.perf_counter() > until:
                break
        return self.unfinished()

    def unfinished(self) -> np.ndarray:
        """Return the rows of a chunk in plain Python that the user's function or Ctrl-C may have cut short."""
        width = len(COLUMNS) + self.start.size
        rows, self._recorded = self._recorded, []
        return np.stack(rows) if rows else np.empty((0, width))


def chunk_sizes(clock: Callable[[], float], heavy: bool) -> Iterator[tuple[int, int]]:
    """Yield how many evaluations the next chunk may take, and how many fixed steps are judged together.

    The number of evaluations grows until a chunk takes about 0.1 s.
    """
    size, together = (1, 1) if heavy else (FIRST_CHUNK, PATH_ROWS)
    while True:
        began = clock()
        yield size, together
        lasted = clock() - began
        together = PATH_ROWS if lasted / size < CHEAP_SECONDS else 1
        if lasted < CHUNK_SECONDS / 4:
            size = min(int(size * min(CHUNK_SECONDS / 2 / lasted, FASTEST_GROWTH)), MOST_EVALUATIONS)
        elif lasted > 2 * CHUNK_SECONDS:
            size = max(1, size // 2)
