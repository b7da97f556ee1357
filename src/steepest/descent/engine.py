"""A descent under way, chunk by chunk: compiled where the function can be traced, in plain Python elsewhere.

Both loops share `advance`, in which every rule lives. A chunk is as many evaluations as fit in about
0.1 s, so that progress, Ctrl-C and time limits work at compiled speed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.objective import Objective, differences_at
from steepest.derivatives.precision import double_precision
from steepest.descent.loop import PATH_ROWS, advance, compiled_chunk
from steepest.descent.state import COLUMNS, NO_GRADIENT, NON_FINITE, RUNNING, Limits, Rules, State, begin

CHUNK_SECONDS = 0.1
CHEAP_SECONDS = 1e-3
MOST_EVALUATIONS = 2**30
MOST_TABLED = 2**16

_begin = jax.jit(begin)
_advance = jax.jit(advance)
_fresh_memory = jax.jit(lambda rules, x: rules.direction.start(x))


@dataclass
class Engine:
    """One descent under way: where it stands, and how it goes on for a chunk."""

    objective: Objective
    rules: Rules
    sign: float
    tolerance: float
    start: np.ndarray
    state: State = None  # type: ignore[assignment]
    gaps: int = 0

    @classmethod
    def at(cls, objective: Objective, rules: Rules, sign: float, tolerance: float, x: np.ndarray) -> Engine:
        """Evaluate the start and get ready."""
        value, gradient = objective.slope(x)
        engine = cls(objective, rules, sign, tolerance, x)
        gradient = engine.mended(x, value, gradient)
        with double_precision():
            engine.state = _begin(
                engine._bare, jnp.asarray(x), sign * value, sign * gradient, engine.limits(0, 0, 0, 1)
            )
            if objective.updates > 1:
                # Only the updates of an epoch, each on its batch, may teach the direction.
                memory = _fresh_memory(engine._bare, jnp.asarray(x))
                engine.state = engine.state._replace(memory=memory)
        return engine

    @property
    def capacity(self) -> int:
        rows = 2**18 // (len(COLUMNS) + self.start.size)
        if self.rules.tabled:
            rows = min(rows, MOST_TABLED // self.objective.updates)
        return int(np.clip(rows, 1 if self.rules.tabled else 16, 4096))

    def limits(self, rows: int, evaluations: int, k: int, count: int, together: int = 1) -> Limits:
        """Return the limits of a chunk of `count` rows that begins with row k."""
        sizes: Any = ()
        if self.rules.tabled:
            updates = self.objective.updates
            sizes = np.resize(self.rules.step.table(k * updates, count * updates + 1), self.capacity * updates + 1)
        return Limits(rows, evaluations, self.tolerance, self.sign, together, sizes)

    def mended(self, x: np.ndarray, value: float, gradient: np.ndarray) -> np.ndarray:
        """Return the gradient, by differences where the value is finite and the gradient is not."""
        if np.isfinite(value) and not np.all(np.isfinite(gradient)):
            self.gaps += 1
            return differences_at(self.objective, x, self.start)
        return gradient

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return where the descent stands as a row of the trace; t is the step that led there."""
        state = self.state
        gradient = np.asarray(state.gradient)
        head = [state.iteration, state.evaluations, state.value, np.sqrt((gradient * gradient).sum()), t]
        return np.concatenate([[float(number) for number in head], np.asarray(state.x)])

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Go on for at most so many rows and evaluations, and return the rows."""
        rows = min(rows, self.capacity)
        if self.objective.compiled:
            return self._compiled(rows, evaluations, together)
        return self._plain(rows, evaluations)

    def _compiled(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        assert self.objective.compiled is not None
        loops, capacity = self.objective.compiled.loops, self.capacity
        if capacity not in loops:
            loops[capacity] = compiled_chunk(self.objective.compiled, capacity)
        k = int(self.state.iteration) if self.rules.tabled else 0
        limits = self.limits(rows, evaluations, k, rows, together)
        with double_precision():
            self.state, recorded, count = loops[capacity](self._bare, self.state, self.objective.arrays, limits)
        kept = np.asarray(recorded)[: int(count)]
        if int(self.state.code) != NO_GRADIENT:
            return kept.copy()
        if self.objective.updates > 1:
            self.state = self.state._replace(code=np.asarray(NON_FINITE))
            return kept.copy()
        before = self.state
        at = np.asarray(before.x + before.t * before.direction)
        gradient = self.mended(at, self.objective.value(at), np.full(at.size, np.nan))
        self.state = self._absorb(before._replace(code=np.asarray(RUNNING)), self.objective.value(at), gradient)
        moved = int(self.state.iteration) > int(before.iteration)
        return np.vstack([kept, self.row(float(before.t))]) if moved else kept.copy()

    @property
    def _bare(self) -> Rules:
        # A table of sizes stands in for the user's function, which must not enter the cache key.
        return Rules(self.rules.direction, None, tabled=True) if self.rules.tabled else self.rules

    def _absorb(self, state: State, value: float, gradient: np.ndarray) -> State:
        k = int(state.iteration)
        limits = self.limits(1, 1, k, 1)
        with double_precision():
            return _advance(self._bare, state, self.sign * value, self.sign * gradient, limits, np.asarray(k))

    def _plain(self, rows: int, evaluations: int) -> np.ndarray:
        recorded: list[np.ndarray] = []
        stop = int(self.state.evaluations) + evaluations
        until = time.perf_counter() + CHUNK_SECONDS
        while len(recorded) < rows and int(self.state.evaluations) < stop and int(self.state.code) == RUNNING:
            before, t = self.state, float(self.state.t)
            at = np.asarray(before.x) + t * np.asarray(before.direction)
            value, gradient = self.objective.slope(at)
            self.state = self._absorb(before, value, self.mended(at, value, gradient))
            if int(self.state.iteration) > int(before.iteration):
                recorded.append(self.row(t))
            if time.perf_counter() > until:
                break
        width = len(COLUMNS) + self.start.size
        return np.stack(recorded) if recorded else np.empty((0, width))


def chunk_sizes(clock: Callable[[], float], heavy: bool) -> Iterator[tuple[int, int]]:
    """Yield how many evaluations the next chunk may take, and how many together: more, until it lasts about 0.1 s."""
    size, together = (1, 1) if heavy else (64, PATH_ROWS)
    while True:
        began = clock()
        yield size, together
        lasted = clock() - began
        together = PATH_ROWS if lasted / size < CHEAP_SECONDS else 1
        if lasted < CHUNK_SECONDS / 4:
            size = min(4 * size, MOST_EVALUATIONS)
        elif lasted > 2 * CHUNK_SECONDS:
            size = max(1, size // 2)
