"""The one loop: propose a point, evaluate it, accept or reject it, record it.

It is written twice, once compiled and once in plain Python for functions that can't be traced; both
share `advance`, in which every rule lives. A chunk is as many evaluations as fit in about 0.1 s, so
that progress, Ctrl-C and time limits work at compiled speed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.differences import EPS
from steepest.derivatives.objective import Compiled, Objective, differences_at
from steepest.derivatives.precision import double_precision
from steepest.descent.steps import Trial

RUNNING, CANDIDATE, STALLED, NON_FINITE, UNBOUNDED, NO_GRADIENT = range(6)
COLUMNS = ("iteration", "evaluations", "value", "gradient_norm", "step_size")
MOST_TRIALS = 60
CAUTIOUS = 200
CHUNK_SECONDS = 0.1
MOST_EVALUATIONS = 2**30
MOST_TABLED = 2**16

Array = Any


class State(NamedTuple):
    """Where a descent stands: the accepted point, the way from it, and what was seen so far."""

    x: Array
    value: Array
    gradient: Array
    direction: Array
    slope: Array
    t: Array
    low: Array
    high: Array
    memory: Any
    fresh: Array
    iteration: Array
    evaluations: Array
    trials: Array
    first_value: Array
    best_x: Array
    best_value: Array
    flattest: Array
    steepest: Array
    estimate: Array
    resets: Array
    non_finite: Array
    code: Array


class Limits(NamedTuple):
    """What a chunk may spend and when it is near enough: numbers, so that none recompiles."""

    rows: Any
    evaluations: Any
    tolerance: Any
    sign: Any
    sizes: Any = ()


@dataclass(frozen=True)
class Rules:
    """A direction and a step size, with what the loop must know about them when it is compiled."""

    direction: Any
    step: Any
    tabled: bool = False
    optax: bool = False

    @property
    def searches(self) -> bool:
        return getattr(self.step, "searches", False)

    def size(self, k: Array, sizes: Array, first: Array) -> Array:
        """Return the fixed size of step k; a table of sizes begins at step `first`."""
        if self.optax:
            return jnp.asarray(1.0)
        return jnp.asarray(sizes[k - first] if self.tabled else self.step.at(k), float)

    def turn(self, g: Array, memory: Any, x: Array, value: Array) -> tuple[Array, Any]:
        """Return the direction at x, and what it remembers."""
        if self.optax:
            return self.direction(g, memory, x, value=value, grad=g)
        return self.direction(g, memory, x)


jax.tree_util.register_dataclass(Rules, ["direction", "step"], ["tabled", "optax"])


def begin(rules: Rules, x: Array, value: Array, gradient: Array, limits: Limits) -> State:
    """Return the state at the start: the first direction and the first step to try."""
    memory = rules.direction.start(x)
    direction, memory = rules.turn(gradient, memory, x, value)
    zero, none = jnp.zeros((), int), jnp.asarray(0.0)
    gnorm = jnp.linalg.norm(gradient)
    size = jnp.linalg.norm(x)
    size = jnp.where(size == 0, 1.0, size)
    t = rules.step.begin(gnorm, size) if rules.searches else rules.size(zero, limits.sizes, zero)
    code = jnp.where((gnorm == 0) & (limits.tolerance >= 0), CANDIDATE, RUNNING)
    return State(
        x, value, gradient, direction, gradient @ direction, jnp.asarray(t, float), none, jnp.asarray(jnp.inf), memory,
        jnp.asarray(True), zero, zero + 1, zero, value, x, value, jnp.asarray(jnp.inf), none,
        jnp.asarray(jnp.inf), zero, zero, code,
    )  # fmt: skip


def advance(rules: Rules, state: State, value: Array, gradient: Array, limits: Limits, first: Array) -> State:
    """Take in the value and gradient at the trial point x + t d: accept it and turn, or try another t."""
    finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
    # A trial that is rejected can still be the best point seen.
    better = finite & (value < state.best_value)
    state = state._replace(
        evaluations=state.evaluations + 1,
        non_finite=state.non_finite + ~finite,
        best_x=jnp.where(better, state.x + state.t * state.direction, state.best_x),
        best_value=jnp.where(better, value, state.best_value),
    )
    accept = partial(_accept, rules, state, value, gradient, limits, first)
    if not rules.searches:
        fail = jnp.where(value == -jnp.inf, UNBOUNDED, NON_FINITE)
        return jax.lax.cond(finite, accept, lambda: state._replace(code=fail))
    rounding = 4 * EPS * jnp.abs(state.value)
    slope = gradient @ state.direction
    trial = Trial(state.t, state.low, state.high, state.value, state.slope, value, slope, rounding)
    verdict = rules.step.judge(trial)
    return jax.lax.cond(verdict.accepted & finite, accept, partial(_reject, rules, state, value, verdict, limits))


def _accept(rules: Rules, state: State, value: Array, gradient: Array, limits: Limits, first: Array) -> State:
    x = state.x + state.t * state.direction
    direction, memory = rules.turn(gradient, state.memory, x, value)
    slope, fresh, resets = gradient @ direction, jnp.asarray(False), state.resets
    if rules.searches:
        lost = ~(slope < 0)
        direction, memory = jax.lax.cond(
            lost,
            lambda: rules.turn(gradient, rules.direction.start(x), x, value),
            lambda: (direction, memory),
        )
        slope, fresh, resets = gradient @ direction, lost, resets + lost
        t = rules.step.again(state.t, rules.direction.metric)
    else:
        t = rules.size(state.iteration + 1, limits.sizes, first)
    settled = _settle(state, x, value, gradient, limits, -slope / 2 if rules.direction.metric else None)
    return settled._replace(
        direction=direction, slope=slope, memory=memory, fresh=fresh, resets=resets, t=jnp.asarray(t, float),
        low=jnp.asarray(0.0), high=jnp.asarray(jnp.inf), trials=jnp.zeros((), int),
    )  # fmt: skip


def _settle(
    state: State, x: Array, value: Array, gradient: Array, limits: Limits, decrement: Array | None = None
) -> State:
    """Move to x: note the curvature on the way there, and judge whether it is near enough to a minimum.

    `decrement` is ½ gᵀBg where the direction has a metric B: its own estimate of f - f*.
    """
    s, y = x - state.x, gradient - state.gradient
    curvature = (s @ y) / (s @ s)
    curved = curvature > 0
    flattest = jnp.where(curved, jnp.minimum(state.flattest, curvature), state.flattest)
    steepest = jnp.where(curved, jnp.maximum(state.steepest, curvature), state.steepest)
    squared = gradient @ gradient
    estimate = squared / (2 * flattest)
    if decrement is not None:
        estimate = jnp.maximum(decrement, estimate) if x.size > CAUTIOUS else decrement
    target = jnp.maximum(limits.tolerance * (state.first_value - value), 4 * EPS * jnp.abs(value))
    near = (limits.tolerance >= 0) & ((estimate <= target) | (squared == 0))
    stuck = (limits.tolerance >= 0) & jnp.all(x == state.x)
    return state._replace(
        x=x, value=value, gradient=gradient, iteration=state.iteration + 1,
        flattest=flattest, steepest=steepest, estimate=estimate,
        code=jnp.where(near, CANDIDATE, jnp.where(stuck, STALLED, RUNNING)),
    )  # fmt: skip


def _after_epoch(state: State, x: Array, value: Array, gradient: Array, limits: Limits) -> State:
    """Take in where an epoch of updates led to, with the value and gradient over all rows there."""
    finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
    better = finite & (value < state.best_value)
    # An epoch is two passes over the rows: one of updates, one to know the value.
    state = state._replace(
        evaluations=state.evaluations + 2,
        non_finite=state.non_finite + ~finite,
        best_x=jnp.where(better, x, state.best_x),
        best_value=jnp.where(better, value, state.best_value),
    )
    fail = jnp.where(value == -jnp.inf, UNBOUNDED, NON_FINITE)
    settle = partial(_settle, state, x, value, gradient, limits)
    return jax.lax.cond(finite, settle, lambda: state._replace(code=fail))


def _reject(rules: Rules, state: State, value: Array, verdict: Any, limits: Limits) -> State:
    t = jnp.where(jnp.isfinite(value), verdict.t, verdict.low + 0.1 * (state.t - verdict.low))
    high = jnp.where(jnp.isfinite(value), verdict.high, state.t)
    lost = jnp.all(state.x + t * state.direction == state.x) | (state.trials >= MOST_TRIALS)
    lost = lost | (jnp.isfinite(high) & (high - verdict.low <= 4 * EPS * high))
    falls_forever = (value == -jnp.inf) | (lost & jnp.isinf(high) & (verdict.low > 0))
    stays = state._replace(t=t, low=verdict.low, high=high, trials=state.trials + 1)

    def restart() -> State:
        direction, memory = rules.turn(state.gradient, rules.direction.start(state.x), state.x, state.value)
        gnorm, size = jnp.linalg.norm(state.gradient), jnp.linalg.norm(state.x)
        t = rules.step.begin(gnorm, jnp.where(size == 0, 1.0, size))
        return state._replace(
            direction=direction, memory=memory, slope=state.gradient @ direction, t=jnp.asarray(t, float),
            low=jnp.asarray(0.0), high=jnp.asarray(jnp.inf), trials=jnp.zeros((), int),
            fresh=jnp.asarray(True), resets=state.resets + 1,
        )  # fmt: skip

    code = jnp.where(falls_forever, UNBOUNDED, jnp.where(lost, STALLED, RUNNING))
    again = lost & ~state.fresh & ~falls_forever
    return jax.lax.cond(again, restart, lambda: stays._replace(code=code))


def _row(state: State, t: Array) -> Array:
    head = [state.iteration, state.evaluations, state.value, jnp.linalg.norm(state.gradient), t]
    return jnp.concatenate([jnp.stack([jnp.asarray(h, float) for h in head]), state.x])


Chunk = tuple[State, np.ndarray]
_begin = jax.jit(begin)
_advance = jax.jit(advance)
_fresh_memory = jax.jit(lambda rules, x: rules.direction.start(x))
_first_row = jax.jit(lambda state: _row(state, jnp.asarray(0.0)))


def compiled_chunk(compiled: Compiled, capacity: int) -> Callable[..., Any]:
    """Compile the loop around a function: (rules, state, arrays, limits) -> (state, rows, how many)."""
    pure, epoch = compiled.pure, compiled.epoch

    def trial(rules: Rules, state: State, arrays: Any, limits: Limits, first: Array) -> State:
        value, gradient = pure(state.x + state.t * state.direction, arrays)
        value, gradient = limits.sign * value, limits.sign * gradient
        missing = jnp.isfinite(value) & ~jnp.all(jnp.isfinite(gradient))
        return jax.lax.cond(
            missing,
            lambda: state._replace(code=jnp.asarray(NO_GRADIENT)),
            lambda: advance(rules, state, value, gradient, limits, first),
        )

    def updates(rules: Rules, state: State, arrays: Any, limits: Limits, first: Array) -> State:
        assert epoch is not None
        x, memory, t = epoch(rules, state.x, state.memory, state.iteration, arrays, limits.sizes, first)
        return _after_epoch(state._replace(memory=memory, t=t), x, *pure(x, arrays), limits)

    go = updates if epoch else trial

    def chunk(rules: Rules, state: State, arrays: Any, limits: Limits) -> tuple[State, Array, Array]:
        rows = jnp.zeros((capacity, len(COLUMNS) + state.x.size))
        first, stop = state.iteration, state.evaluations + limits.evaluations

        def going(carry: tuple[State, Array]) -> Array:
            state, _ = carry
            within = (state.iteration - first < limits.rows) & (state.evaluations < stop)
            return within & (state.code == RUNNING)

        def body(carry: tuple[State, Array]) -> tuple[State, Array]:
            state, rows = carry
            new = go(rules, state, arrays, limits, first)
            # A rejected trial writes the row of its iteration too; the accepted one overwrites it.
            t = new.t if epoch else state.t
            return new, rows.at[new.iteration - first - 1].set(_row(new, t), mode="drop")

        state, rows = jax.lax.while_loop(going, body, (state, rows))
        return state, rows, state.iteration - first

    return jax.jit(chunk)


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

    def limits(self, rows: int, evaluations: int, k: int, count: int) -> Limits:
        """Return the limits of a chunk of `count` rows that begins with row k."""
        sizes: Any = ()
        if self.rules.tabled:
            updates = self.objective.updates
            sizes = np.resize(self.rules.step.table(k * updates, count * updates + 1), self.capacity * updates + 1)
        return Limits(rows, evaluations, self.tolerance, self.sign, sizes)

    def mended(self, x: np.ndarray, value: float, gradient: np.ndarray) -> np.ndarray:
        """Return the gradient, by differences where the value is finite and the gradient is not."""
        if np.isfinite(value) and not np.all(np.isfinite(gradient)):
            self.gaps += 1
            return differences_at(self.objective, x, self.start)
        return gradient

    def first_row(self) -> np.ndarray:
        with double_precision():
            return np.asarray(_first_row(self.state))[None]

    def run(self, rows: int, evaluations: int) -> np.ndarray:
        """Go on for at most so many rows and evaluations, and return the rows."""
        rows = min(rows, self.capacity)
        return self._compiled(rows, evaluations) if self.objective.compiled else self._plain(rows, evaluations)

    def _compiled(self, rows: int, evaluations: int) -> np.ndarray:
        assert self.objective.compiled is not None
        loops, capacity = self.objective.compiled.loops, self.capacity
        if capacity not in loops:
            loops[capacity] = compiled_chunk(self.objective.compiled, capacity)
        limits = self.limits(rows, evaluations, int(self.state.iteration) if self.rules.tabled else 0, rows)
        with double_precision():
            state, recorded, count = loops[capacity](self._bare, self.state, self.objective.arrays, limits)
            if int(state.code) == NO_GRADIENT:
                at = np.asarray(state.x + state.t * state.direction)
                value = self.objective.value(at)
                gradient = self.mended(at, value, np.full(at.size, np.nan))
                state = self._absorb(state._replace(code=jnp.asarray(RUNNING)), value, gradient)
                if int(state.iteration) > int(self.state.iteration) + int(count):
                    row = np.asarray(_first_row(state))
                    row[4] = np.nan
                    recorded = np.vstack([np.asarray(recorded)[: int(count)], row])
                    count = int(count) + 1
        self.state = state
        return np.asarray(recorded)[: int(count)].copy()

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
                row = self.first_row()[0].copy()
                row[4] = t
                recorded.append(row)
            if time.perf_counter() > until:
                break
        width = len(COLUMNS) + self.start.size
        return np.stack(recorded) if recorded else np.empty((0, width))


def chunk_sizes(clock: Callable[[], float], heavy: bool) -> Iterator[int]:
    """Yield how many evaluations the next chunk may take: more, until one lasts about 0.1 s."""
    size = 1 if heavy else 64
    while True:
        began = clock()
        yield size
        lasted = clock() - began
        if lasted < CHUNK_SECONDS / 4:
            size = min(4 * size, MOST_EVALUATIONS)
        elif lasted > 2 * CHUNK_SECONDS:
            size = max(1, size // 2)
