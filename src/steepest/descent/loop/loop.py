"""The compiled loop: propose a point, evaluate it, accept or reject it, record it.

Fixed steps are taken several at a time and judged together: on a small problem judging costs more than the steps. A
search advances trial by trial.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import Compiled
from steepest.derivatives.differences import EPS
from steepest.descent.loop.state import (
    BOTTOMLESS,
    COLUMNS,
    NO_GRADIENT,
    NON_FINITE,
    RUNNING,
    STALLED,
    UNBOUNDED,
    Limits,
    Packed,
    Path,
    State,
    begin,
    follow,
    layout_of,
    pack,
    row_of,
    table,
    unpack,
)
from steepest.rules.pair import Rules
from steepest.rules.steps.searches import Trial, Verdict
from steepest.sets.region import Region
from steepest.types import Array, Function, PyTree

# The most trials along a direction: after 60 halvings, a step is smaller than the rounding error of its first length.
MOST_TRIALS = 60
# How many fixed steps are judged together; no measurement is recorded. With a larger number more steps after the last
# row are wasted.
PATH_ROWS = 32
# Above this many variables, steps are judged one by one: storing several steps would cost more than judging them
# together saves. No measurement is recorded.
MARCHED = 1_000
# Up to this many variables the loop carries its state as one vector; with more variables, copies of the vector cost
# more than many small arrays do. No measurement is recorded.
SMALL = 48
# A step longer than this, in a box with an open side, means that f falls without end. Chosen, not measured.
ENDLESS = 1e50


def advance(rules: Rules, state: State, value: Array, gradient: Array, limits: Limits, first: Array) -> State:
    """Judge the trial point x + t d by its value and gradient: step there and choose a direction, or try another t."""
    x = limits.inside(state.x + state.t * state.direction)
    if not rules.searches:
        direction, memory = rules.next_direction(gradient, state.memory, x, value)
        t = rules.size(state.iteration + 1, limits.sizes, first, memory)
        return follow(rules, state, _step(x, state.t, value, gradient, direction, t, memory), 1, limits)[0]
    slopes = jnp.all(jnp.isfinite(gradient))
    finite, missing = jnp.isfinite(value) & slopes, jnp.isfinite(value) & ~slopes
    before = state
    # A rejected trial can still be the best point so far.
    better = finite & (value < state.best_value)
    state = state._replace(
        evaluations=state.evaluations + 1,
        non_finite=state.non_finite + ~finite,
        best_x=jnp.where(better, x, state.best_x),
        best_value=jnp.where(better, value, state.best_value),
    )
    rounding = limits.rounding(state.value)
    slope = gradient @ state.direction
    # The box may clip the step, so the expected fall is that of the clipped step.
    fall = state.slope if limits.box is None else state.gradient @ (x - state.x) / state.t
    reference = rules.reference(state.value, state.memory)
    trial = Trial(state.t, state.low, state.high, reference, fall, value, slope, rounding, state.search)
    verdict = rules.step.judge(trial)
    accepted = verdict.accepted & finite
    stays, again = _rejected(rules, state, value, verdict, limits)
    steps, rest = rules.learn(state.memory, gradient, x, accepted)
    # Without a gradient the state stays as it is, until differences supply the gradient.
    moving = ("evaluations", "non_finite", "t", "low", "high", "trials", "search")
    lacking = before._replace(code=jnp.asarray(NO_GRADIENT))
    stays = stays._replace(
        code=jnp.where(missing, lacking.code, stays.code),
        memory=rest,
        **{
            name: jax.tree.map(partial(jnp.where, missing), getattr(before, name), getattr(stays, name))
            for name in moving
        },
    )
    turn = partial(_turn, rules, state._replace(memory=rest), steps, accepted, x, value, gradient, limits)
    # The steps that the direction remembers stay outside of the branch, because the branch would copy them.
    new = jax.lax.cond((accepted | again) & ~missing, turn, lambda: stays)
    return new._replace(memory=(steps, new.memory)) if rules.learns else new


def _step(x: Array, t: Array, value: Array, gradient: Array, direction: Array, next_t: Array, memory: PyTree) -> Path:
    """Return the path of one step of size t that led to x."""
    path = Path(x, value, gradient, direction, t, jnp.asarray(next_t, float), memory)
    return jax.tree.map(lambda array: jnp.asarray(array)[None], path)


def _rejected(rules: Rules, state: State, value: Array, verdict: Verdict, limits: Limits) -> tuple[State, Array]:
    """Return the state after a rejected trial, with the next size to try, and whether to reset the direction."""
    t = jnp.where(jnp.isfinite(value), verdict.t, verdict.low + 0.1 * (state.t - verdict.low))
    high = jnp.where(jnp.isfinite(value), verdict.high, state.t)
    moves = jnp.any(limits.inside(state.x + t * state.direction) != state.x)
    lost = ~moves | (state.trials >= MOST_TRIALS)
    lost = lost | (jnp.isfinite(high) & (high - verdict.low <= 4 * EPS * high))
    # If the expected fall is below the rounding error, values can't show which step is better, so the search is lost.
    lost = lost | (jnp.isfinite(high) & (verdict.low == 0) & (t * jnp.abs(state.slope) <= limits.rounding(state.value)))
    # A step too short to move the point has the slope of the point, too: f need not fall far along it.
    falls_forever = lost & moves & jnp.isinf(high) & (verdict.low > 0)
    bottomless = value == -jnp.inf
    code = jnp.where(falls_forever, UNBOUNDED, jnp.where(lost, STALLED, RUNNING))
    code = jnp.where(bottomless, BOTTOMLESS, code)
    stays = state._replace(
        t=t, low=verdict.low, high=high, trials=state.trials + 1, search=verdict.memory, code=code
    )  # fmt: skip
    return stays, lost & ~state.fresh & ~falls_forever & ~bottomless


def _turn(
    rules: Rules, state: State, steps: PyTree, accepted: Array, x: Array, value: Array, gradient: Array, limits: Limits
) -> State:  # fmt: skip
    """Choose a direction at the trial point if it was accepted; else at the old point, with an empty memory."""
    here, f, g = (
        jnp.where(accepted, new, old) for new, old in ((x, state.x), (value, state.value), (gradient, state.gradient))
    )
    direction, memory, tries = _downhill(rules, here, f, g, steps, state.memory, jnp.where(accepted, 0, 1), limits)
    anew = tries == 2

    def onward() -> State:
        t = rules.tried_first(state.t, memory)
        path = _step(x, state.t, value, gradient, direction, t, ())
        reached, _ = follow(rules, state._replace(memory=()), path, 1, limits, cost=0, accepted=True)
        reached = reached._replace(memory=memory)
        if limits.box is None:
            return reached
        # The box cuts off searches along a line to infinity, so detect an f that falls without end by the step length.
        endless = (reached.code == RUNNING) & (jnp.max(jnp.abs(x - state.x)) > ENDLESS)
        return reached._replace(code=jnp.where(endless, UNBOUNDED, reached.code))

    def stay() -> State:
        length, size = jnp.linalg.norm(direction), jnp.linalg.norm(here)
        t = rules.step.begin(length, jnp.where(size == 0, 1.0, size))
        return state._replace(direction=direction, memory=memory, t=jnp.asarray(t, float))

    return jax.lax.cond(accepted, onward, stay)._replace(
        slope=g @ direction, fresh=anew, resets=state.resets + anew,
        low=jnp.asarray(0.0), high=jnp.asarray(jnp.inf), trials=jnp.zeros((), int), search=rules.remember(),
    )  # fmt: skip


def _downhill(
    rules: Rules, x: Array, value: Array, gradient: Array, steps: PyTree, rest: PyTree, tries: Array, limits: Limits
) -> tuple[Array, PyTree, Array]:
    """Return a direction at x, its memory, and how many directions were tried: 2 if the first led uphill.

    The second direction is computed with an empty memory. A loop around both directions compiles the code of the
    direction once instead of twice.
    """
    anew = rules.restarted(rest, x)

    def turn(carry: tuple[Array, PyTree, Array]) -> tuple[Array, PyTree, Array]:
        _, rest, tries = carry
        rest = jax.tree.map(lambda old, new: jnp.where(tries == 0, old, new), rest, anew)
        direction, rest = rules.search_direction(steps, rest, gradient, x, value, limits.box)
        return direction, rest, tries + 1

    def uphill(carry: tuple[Array, PyTree, Array]) -> Array:
        direction, _, tries = carry
        return (tries < 2) & ~(gradient @ direction < 0)

    return jax.lax.while_loop(uphill, turn, (jnp.zeros_like(x), rest, tries))


def chunk_of(compiled: Compiled, capacity: int, alone: bool = True) -> Callable[..., tuple[Packed, Array]]:
    """Return the loop for a function: (rules, packed state, arrays, limits) -> (packed state, rows).

    `alone` is false if several descents run side by side: then each of them advances trial by trial.
    """

    def chunk(
        rules: Rules, packed: Packed, arrays: PyTree, numbers: Array, sizes: Array, box: Box | Region | None
    ) -> tuple[Packed, Array]:
        layout = layout_of(rules, packed)
        state, limits = unpack(layout, packed), Limits.unpack(numbers, sizes, box)
        first, stop = state.iteration, state.evaluations + limits.evaluations
        go = (_search if rules.searches else _march)(compiled, rules, arrays, limits, first)

        # With few variables, each array that the loop carries costs as much as all of the computation: carry a single
        # one.
        whole = state.x.size > SMALL
        if alone and rules.searches and not whole:
            return _in_one_thread(compiled, rules, packed, arrays, (numbers, sizes, box), capacity)
        stand: Function = (lambda state: state) if whole else pack
        standing: Callable[[PyTree], State] = (lambda state: state) if whole else partial(unpack, layout)
        here: PyTree = state if whole else packed

        def going(carry: tuple[PyTree, Array]) -> Array:
            here, names = carry[0], ("iteration", "evaluations", "code")
            iteration, evaluations, code = (getattr(here, name) if whole else here.read(name) for name in names)
            return (iteration - first < limits.rows) & (evaluations < stop) & (code == RUNNING)

        def body(carry: tuple[PyTree, Array]) -> tuple[PyTree, Array]:
            state, rows = standing(carry[0]), carry[1]
            left = jnp.minimum(first + limits.rows - state.iteration, stop - state.evaluations)
            new, written = go(state, left)
            # Surplus rows are overwritten by the rows of the next pass.
            return stand(new), jax.lax.dynamic_update_slice(rows, written, (state.iteration - first, 0))

        rows = jnp.zeros((capacity + PATH_ROWS, len(COLUMNS) + state.x.size))
        here, rows = jax.lax.while_loop(going, body, (here, rows))
        return (pack(here) if whole else here), rows

    return chunk


def _in_one_thread(
    compiled: Compiled, rules: Rules, packed: Packed, arrays: PyTree, given: tuple[Array, Array, Box | Region | None],
    capacity: int,
) -> tuple[Packed, Array]:  # fmt: skip
    """Search until the limits of a chunk, in code that XLA runs without handing its parts to other threads.

    XLA hands parts out if there are more than 8 and one of their arrays has more than 512 bytes. So the trials are made
    in a loop of their own, whose arrays are small, and the loop around it, which has the rows, does little. The limits
    are in the vector of the state: XLA would move the parts that read them out of both loops.
    """
    numbers, sizes, box = given
    layout, few = layout_of(rules, packed), len(packed.numbers)

    def state_in(here: Packed) -> Packed:
        return replace(here, numbers=here.numbers[:few])

    def limits_in(here: Packed) -> Limits:
        return Limits.unpack(here.numbers[few:-2], sizes, box)

    def going(here: Packed, before: Array) -> Array:
        """Tell whether the search goes on: no step was taken since, and the limits allow another trial."""
        stop = here.numbers[-2]
        searching = (here.read("code") == RUNNING) & (here.read("iteration") == before)
        return searching & (here.read("evaluations") < stop)

    def attempt(carry: tuple[Packed, Array]) -> tuple[Packed, Array]:
        here, limits = carry[0], limits_in(carry[0])
        state = unpack(layout, state_in(here))
        x = limits.inside(state.x + state.t * state.direction)
        value, gradient = _signed(compiled, x, arrays, limits)
        new = pack(advance(rules, state, value, gradient, limits, state.iteration))
        return replace(new, numbers=jnp.concatenate([new.numbers, here.numbers[few:]])), state.t

    def more(carry: tuple[Packed, Array]) -> Array:
        here = carry[0]
        return going(here, here.read("iteration")) & (here.read("iteration") - here.numbers[-1] < here.numbers[few])

    def step(carry: tuple[Packed, Array]) -> tuple[Packed, Array]:
        here, rows = carry
        before = here.read("iteration")
        row = (before - here.numbers[-1]).astype(int)
        here, t = jax.lax.while_loop(lambda carry: going(carry[0], before), attempt, (here, jnp.zeros(())))
        # The row of a search that the limits end is overwritten, or is beyond the rows of the chunk.
        return here, jax.lax.dynamic_update_slice(rows, row_of(here, t, limits_in(here)), (row, 0))

    stop = packed.read("evaluations") + numbers[1]
    both = jnp.concatenate([packed.numbers, numbers, jnp.stack([stop, packed.read("iteration")])])
    rows = jnp.zeros((capacity + 1, len(COLUMNS) + packed.size))
    here, rows = jax.lax.while_loop(more, step, (replace(packed, numbers=both), rows))
    return state_in(here), rows


def begin_of(compiled: Compiled) -> Callable[..., Packed]:
    """Return the function that begins a descent whose direction evaluates f itself."""

    def start(
        rules: Rules,
        x: Array,
        value: Array,
        gradient: Array,
        numbers: Array,
        sizes: Array,
        box: Box | Region | None,
        arrays: PyTree,
    ) -> Packed:
        limits = Limits.unpack(numbers, sizes, box)
        return pack(begin(rules, x, value, gradient, limits, lambda x: _signed(compiled, x, arrays, limits)[0]))

    return start


def settle_of(compiled: Compiled) -> Callable[..., Array]:
    """Return a function that descends without a trace: (rules, start, arrays, limits) -> results.

    The results are the best point, its value, the code, the number of iterations, and the first and the last value.
    """

    def settle(
        rules: Rules, x: Array, arrays: PyTree, numbers: Array, sizes: Array, box: Box | Region | None = None
    ) -> Array:  # fmt: skip
        limits = Limits.unpack(numbers, sizes, box)
        value, gradient = _signed(compiled, x, arrays, limits)
        state = begin(rules, x, value, gradient, limits)
        sound = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
        state = state._replace(code=jnp.where(sound, state.code, NON_FINITE))
        go = (_search if rules.searches else _march)(compiled, rules, arrays, limits, jnp.zeros((), int))

        def going(state: State) -> Array:
            # The second limit stops a trial that rounding errors accept and reject by turns, without end.
            within = (state.iteration < limits.rows) & (state.evaluations < MOST_TRIALS * limits.rows)
            return within & (state.code == RUNNING)

        state = jax.lax.while_loop(going, lambda state: go(state, limits.rows - state.iteration)[0], state)
        told = state.best_value, state.code, state.iteration, state.first_value, state.value
        return jnp.concatenate([state.best_x, jnp.stack(told)])

    return settle


Go = Callable[[State, Array], tuple[State, Array]]


def _search(compiled: Compiled, rules: Rules, arrays: PyTree, limits: Limits, first: Array) -> Go:
    """Return a function that makes one trial; the row of a rejected trial is overwritten by the next row."""

    def go(state: State, left: Array) -> tuple[State, Array]:
        x, t = limits.inside(state.x + state.t * state.direction), state.t
        value, gradient = _signed(compiled, x, arrays, limits)
        new = advance(rules, state, value, gradient, limits, first)
        path = Path(new.x[None], new.value[None], new.gradient[None], new.x[None], t[None], t[None], ())
        return new, table(state._replace(evaluations=new.evaluations - 1), path, limits)

    return go


def _march(compiled: Compiled, rules: Rules, arrays: PyTree, limits: Limits, first: Array) -> Go:
    """Return a function that takes several fixed steps, or several epochs, and judges them together."""
    cost = 2 if compiled.epoch else 1

    def f(x: Array) -> Array:
        return _signed(compiled, x, arrays, limits)[0]

    def step(here: Path, k: Array) -> Path:
        if compiled.epoch:
            x, memory, t = compiled.epoch(rules, here.x, here.memory, k, arrays, limits.sizes, first)
            value, gradient = _signed(compiled, x, arrays, limits)
            return Path(x, value, gradient, here.direction, t, t, memory)
        x = limits.inside(here.x + here.next_t * here.direction)
        value, gradient = _signed(compiled, x, arrays, limits)
        direction, memory = rules.next_direction(gradient, here.memory, x, value, f)
        t = jnp.asarray(rules.size(k + 1, limits.sizes, first, memory), float)
        return Path(x, value, gradient, direction, here.next_t, t, memory)

    def go(state: State, left: Array) -> tuple[State, Array]:
        n = state.x.size
        size = PATH_ROWS if n <= MARCHED else 1
        here = Path(state.x, state.value, state.gradient, state.direction, state.t, state.t, state.memory)

        # One row holds all numbers, as each array that a loop carries costs as much as a step.
        def packed(path: Path) -> tuple[Array, PyTree]:
            numbers = jnp.stack([path.value, path.t, path.next_t])
            return jnp.concatenate([path.x, path.gradient, path.direction, numbers]), path.memory

        def unpacked(row: Array, memory: PyTree) -> Path:
            x, gradient, direction, numbers = jnp.split(row, [n, 2 * n, 3 * n], axis=-1)
            return Path(x, numbers[..., 0], gradient, direction, numbers[..., 1], numbers[..., 2], memory)

        def record(i: Array, carry: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
            new = packed(step(unpacked(*carry[0]), state.iteration + i))
            return new, jax.tree.map(lambda buffer, one: buffer.at[i].set(one), carry[1], new)

        # Rows that no step fills repeat the state, so that they are finite.
        start = packed(here)
        rows = jax.tree.map(lambda array: jnp.broadcast_to(array, (size, *jnp.shape(array))), start)
        reach = jnp.minimum(jnp.minimum(left, size), limits.together)
        _, rows = jax.lax.fori_loop(0, reach, record, (start, rows))
        path = unpacked(*rows)
        new, _ = follow(rules, state, path, reach, limits, cost)
        return new, table(state, path, limits, cost)

    return go


def _signed(compiled: Compiled, x: Array, arrays: PyTree, limits: Limits) -> tuple[Array, Array]:
    value, gradient = compiled.pure(x, arrays)
    return limits.sign * value, limits.sign * gradient
