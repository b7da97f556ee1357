"""The state of a descent by rules, and how steps change it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS
from steepest.rules.pair import Rules
from steepest.sets.region import Region
from steepest.types import Array, Function, PyTree

# The codes of a status: whether the descent can continue, and why not.
RUNNING, CANDIDATE, STALLED, NON_FINITE, UNBOUNDED, BOTTOMLESS, NO_GRADIENT = range(7)
COLUMNS = ("iteration", "evaluations", "value", "gradient_norm", "step_size")
# Above this many variables no Hessian is formed later, so the larger of two estimates of the gap is used. The number is
# that of `LARGEST_AUDIT` in descent/verdict/audit.py.
CAUTIOUS = 200
# How many limits are single numbers. In the vector of limits, the least size of each coordinate follows them.
LIMITS = 6


class State(NamedTuple):
    """The state of a descent by rules, as compiled code carries it.

    Attributes
    ----------
    x, value, gradient : array
        The accepted point, with the value and the gradient there.
    direction, slope : array
        The direction from x, and the slope of f along the direction.
    t, low, high : array
        The step size that is tried next, and the bracket of a search.
    memory, search : tree
        The memory of the rules, and that of the search along the current direction.
    fresh : array
        Whether the direction was just reset, so that another reset would not help.
    iteration, evaluations, trials : array
        The numbers of accepted steps, of evaluations, and of rejected trials along this direction.
    first_value, best_x, best_value : array
        The value at the start, and the best point with its value.
    flattest, steepest : array
        The smallest and the largest positive curvature measured along steps.
    estimate : array
        An estimate of how far the value is above the minimum.
    resets, non_finite : array
        How often the direction was reset, and at how many trial points the value was not finite.
    code : array
        Whether the descent can continue: RUNNING, CANDIDATE and so on.
    """

    x: Array
    value: Array
    gradient: Array
    direction: Array
    slope: Array
    t: Array
    low: Array
    high: Array
    memory: PyTree
    search: PyTree
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


VECTORS = ("x", "gradient", "direction", "best_x")
# Not a set: its order differs between processes, and with it the text of the code, by which a program is stored.
_WHOLE = ("iteration", "evaluations", "trials", "resets", "non_finite", "code")
SCALARS = tuple(name for name in State._fields if name not in (*VECTORS, "memory", "search"))
_PLACES = {name: place for place, name in enumerate((*SCALARS, *VECTORS))}


@dataclass(frozen=True)
class Packed:
    """A state in one vector: each array that compiled code takes or returns costs as much as a few steps.

    The vector holds the scalars, then the vectors of `size` numbers, then the real numbers in the memories of the rules
    and of the search. The other arrays of these memories are in `others`.
    """

    numbers: Array
    others: tuple[Array, ...]
    size: int

    @property
    def state(self) -> State:
        """The state without the memories of the rules and the search; counts and flags are floats."""
        scalars = dict(zip(SCALARS, self.numbers[: len(SCALARS)].tolist(), strict=True))
        return State(**{name: self.read(name) for name in VECTORS}, **scalars, memory=(), search=())

    def read(self, name: str) -> Array:
        """Return a scalar or a vector; counts and flags are floats."""
        return self.numbers[self.place(name)]

    def place(self, name: str) -> int | slice:
        """Return the index or the slice of a field in the vector."""
        place = _PLACES[name]
        if place < len(SCALARS):
            return place
        first = len(SCALARS) + (place - len(SCALARS)) * self.size
        return slice(first, first + self.size)

    def amended(self, **changes: Array) -> Packed:
        """Return the state with other scalars or vectors."""
        numbers = np.array(self.numbers)
        for name, value in changes.items():
            numbers[self.place(name)] = value
        return Packed(numbers, self.others, self.size)


jax.tree_util.register_dataclass(Packed, ["numbers", "others"], ["size"])


def pack(state: State) -> Packed:
    """Return a state in one vector."""
    scalars = jnp.stack([jnp.asarray(getattr(state, name), float) for name in SCALARS])
    remembered = jax.tree.leaves((state.memory, state.search))
    real = [jnp.ravel(leaf).astype(float) for leaf in remembered if _is_real(leaf)]
    others = tuple(leaf for leaf in remembered if not _is_real(leaf))
    vectors = [getattr(state, name) for name in VECTORS]
    return Packed(jnp.concatenate([scalars, *vectors, *real]), others, state.x.size)


def layout_of(rules: Rules, packed: Packed) -> PyTree:
    """Return the shapes and types of the memories of the rules and of the search."""
    return jax.eval_shape(rules.memory_layout, jax.ShapeDtypeStruct((packed.size,), packed.numbers.dtype))


def unpack(layout: PyTree, packed: Packed) -> State:
    """Return the state from its packed form, with the memories, and with counts as integers."""
    leaves, tree = jax.tree.flatten(layout)
    sizes = [leaf.size for leaf in leaves if _is_real(leaf)]
    # One operation takes the vector apart: compiling one for each number would take longer.
    first, *parts = jax.lax.split(packed.numbers, [len(SCALARS), *[packed.size] * len(VECTORS), *sizes])
    scalars = dict(zip(SCALARS, jnp.unstack(first), strict=True))
    vectors = dict(zip(VECTORS, parts, strict=False))
    real, others = iter(parts[len(VECTORS) :]), iter(packed.others)
    memory, search = jax.tree.unflatten(
        tree, [next(real).reshape(leaf.shape).astype(leaf.dtype) if _is_real(leaf) else next(others) for leaf in leaves]
    )
    whole = {name: scalars[name].astype(int) for name in _WHOLE}
    scalars |= whole | {"fresh": scalars["fresh"].astype(bool)}
    return State(**vectors, **scalars, memory=memory, search=search)


def _is_real(leaf: Array) -> bool:
    """Tell whether a leaf holds real numbers; booleans and integers count as real."""
    kind = jnp.asarray(leaf).dtype if isinstance(leaf, (bool, int, float)) else leaf.dtype
    return any(jnp.issubdtype(kind, known) for known in (jnp.bool_, jnp.integer, jnp.floating))


class Limits(NamedTuple):
    """The limits of a chunk; they are arrays, so that new limits need no new compilation.

    Attributes
    ----------
    rows, evaluations : array
        How many rows and how many evaluations the chunk may take.
    tolerance : array
        The share of the descent that may be left; below 0 the descent never stops by itself.
    sign : array
        1 to minimise, -1 to maximise.
    together : array
        How many fixed steps are judged at a time; steps after the last row are wasted.
    noise : array
        The relative rounding error of f.
    least : array
        The size below which each coordinate counts as 0.
    sizes : array
        The table of step sizes; empty if the sizes are computed.
    box : Box, Region or None
        The bounds, or the sets that the point is held to.
    """

    rows: Array
    evaluations: Array
    tolerance: Array
    sign: Array
    together: Array
    noise: Array
    least: Array
    sizes: Array
    box: Box | Region | None = None

    @classmethod
    def unpack(cls, numbers: Array, sizes: Array, box: Box | Region | None) -> Limits:
        """Return the limits from a vector of numbers, the step sizes and the box."""
        rows, evaluations, tolerance, sign, together, noise = numbers[:LIMITS]
        least = numbers[LIMITS:] if len(numbers) > LIMITS else 0.0
        whole = rows.astype(int), evaluations.astype(int)
        return cls(*whole, tolerance, sign, together.astype(int), noise, least, sizes, box)

    def rounding(self, value: Array) -> Array:
        """Return the rounding error of a value of f."""
        return 4 * self.noise * jnp.abs(value)

    def hidden(self, x: Array, gradient: Array) -> Array:
        """Return how far rounding the coordinates moves f: a smaller gap can't be distinguished from 0."""
        return EPS * (jnp.abs(gradient) * jnp.maximum(jnp.abs(x), self.least)).sum(axis=-1)

    def inside(self, x: Array) -> Array:
        """Return the nearest point of the box."""
        return x if self.box is None else self.box.nearest(x)

    def free(self, x: Array, gradient: Array) -> Array:
        """Return the gradient without the entries that press against an edge of the box."""
        return gradient if self.box is None else self.box.free(x, gradient)


def begin(
    rules: Rules, x: Array, value: Array, gradient: Array, limits: Limits, f: Function | None = None,
    scale: Array | None = None,
) -> State:  # fmt: skip
    """Return the state at the start: the first direction and the first step to try.

    `scale` is the inverse curvature of each coordinate, if it was measured.
    """
    memory = rules.start(x)
    if rules.searches and rules.learns:
        # No curvature pairs yet: use steepest descent.
        steps, rest = memory
        rest = rest._replace(g=gradient) if scale is None else rest._replace(g=gradient, scale=scale)
        direction, memory = -rest.scale * limits.free(x, gradient), (steps, rest)
    else:
        direction, memory = rules.next_direction(gradient, memory, x, value, f, limits.box)
    zero, none = jnp.zeros((), int), jnp.asarray(0.0)
    gnorm = jnp.linalg.norm(limits.free(x, gradient))
    size = jnp.linalg.norm(x)
    size = jnp.where(size == 0, 1.0, size)
    t = (
        rules.step.begin(jnp.linalg.norm(direction), size)
        if rules.searches
        else rules.size(zero, limits.sizes, zero, memory)
    )
    code = jnp.where((gnorm == 0) & (limits.tolerance >= 0), CANDIDATE, RUNNING)
    return State(
        x, value, gradient, direction, gradient @ direction, jnp.asarray(t, float), none, jnp.asarray(jnp.inf), memory,
        rules.remember(), jnp.asarray(True), zero, zero + 1, zero, value, x, value, jnp.asarray(jnp.inf), none,
        jnp.asarray(jnp.inf), zero, zero, code,
    )  # fmt: skip


class Path(NamedTuple):
    """The points of successive fixed steps, a row each: step size `t` led to the row, `next_t` leads to the next."""

    x: Array
    value: Array
    gradient: Array
    direction: Array
    t: Array
    next_t: Array
    memory: PyTree


def follow(
    rules: Rules, state: State, path: Path, reach: Array, limits: Limits, cost: int = 1, accepted: bool = False
) -> tuple[State, Array]:  # fmt: skip
    """Return the state after following a path, and the number of rows that were followed.

    The path is followed up to the first row that is near enough to a minimum or no longer moves, but never to a row
    that is not finite. ‖g‖² / 2μ estimates the gain that is left, with μ the smallest positive curvature sᵀy / sᵀs of
    all steps s; a direction with a metric B has its own estimate, ½ gᵀBg. A row took `cost` evaluations.

    `accepted` tells that the path is one step that a search has accepted. Its row is finite, and the code is shorter:
    XLA runs a program at once, without another thread, if it estimates fewer than 1,000 operations.
    """
    x, g = path.x, path.gradient
    s = x - jnp.concatenate([state.x[None], x[:-1]])
    y = g - jnp.concatenate([state.gradient[None], g[:-1]])
    curvature = _dots(s, y) / _dots(s, s)
    rows = jnp.arange(len(x))
    upto = rows[:, None] >= rows
    flattest = jnp.where(upto & (curvature > 0), curvature, jnp.inf).min(axis=1, initial=jnp.inf)
    flattest = jnp.minimum(flattest, state.flattest)
    steepest = jnp.maximum(jnp.where(upto & (curvature > 0), curvature, 0.0).max(axis=1), state.steepest)
    free = limits.free(x, g)
    squared = _dots(free, free)
    # Without positive curvature nothing bounds the gain.
    unknown = jnp.where(squared > 0, jnp.inf, 0.0)
    estimate = jnp.where(jnp.isinf(flattest), unknown, squared / (2 * flattest))
    if rules.direction.metric:
        decrement = -_dots(g, path.direction) / 2
        estimate = jnp.maximum(decrement, estimate) if x.shape[1] > CAUTIOUS else decrement
    rounding = jnp.maximum(limits.rounding(path.value), limits.hidden(x, free))
    target = jnp.maximum(limits.tolerance * (state.first_value - path.value), rounding)
    near = (limits.tolerance >= 0) & ((estimate <= target) | (squared == 0))
    # With momentum, a point that rests at an edge may leave the edge later, so it is not stuck there.
    pressed = limits.box is not None and not rules.searches
    stuck = (limits.tolerance >= 0) & jnp.all(s == 0, axis=1) & (not pressed)
    broken = jnp.zeros(1, bool) if accepted else ~(jnp.isfinite(path.value) & jnp.all(jnp.isfinite(g), axis=1))

    arrived = _first(near | stuck) + 1
    wall = _first(broken)
    kept = jnp.ones((), int) if accepted else jnp.minimum(jnp.minimum(arrived, wall), reach)
    # A constant index compiles faster, so a path of a single row has its own.
    single = len(x) == 1
    last, ahead = (0, 0) if single else (jnp.maximum(kept - 1, 0), jnp.minimum(wall, len(x) - 1))
    trial = path.value[ahead]
    fail = jnp.where(jnp.isfinite(trial), NO_GRADIENT, jnp.where(trial == -jnp.inf, BOTTOMLESS, NON_FINITE))
    fell = (wall < arrived) & (wall < reach)
    code = jnp.where(near[last], CANDIDATE, STALLED)
    code = jnp.where(fell, fail, jnp.where(arrived == kept, code, RUNNING))
    # A finite value without a gradient is evaluated again, and counted then.
    counted = kept + (fell & (code != NO_GRADIENT))

    seen = jnp.where(rows < kept, path.value, jnp.inf)
    best = 0 if single else jnp.argmin(seen)
    better = seen[best] < state.best_value

    def at(old: Array, new: Array) -> Array:
        return new[last] if accepted else jnp.where(kept > 0, new[last], old)

    return state._replace(
        x=at(state.x, x), value=at(state.value, path.value), gradient=at(state.gradient, g),
        direction=at(state.direction, path.direction), t=at(state.t, path.next_t),
        memory=jax.tree.map(at, state.memory, path.memory),
        iteration=state.iteration + kept, evaluations=state.evaluations + cost * counted,
        best_x=jnp.where(better, x[best], state.best_x), best_value=jnp.where(better, seen[best], state.best_value),
        flattest=at(state.flattest, flattest), steepest=at(state.steepest, steepest),
        estimate=at(state.estimate, estimate), non_finite=state.non_finite + (fell & (code != NO_GRADIENT)), code=code,
    ), kept  # fmt: skip


def table(state: State, path: Path, limits: Limits, cost: int = 1) -> Array:
    """Return the rows of the trace for a path that begins at a state."""
    steps = jnp.arange(1, len(path.x) + 1)
    free = limits.free(path.x, path.gradient)
    norms = jnp.sqrt(_dots(free, free))
    head = [state.iteration + steps, state.evaluations + cost * steps, path.value, norms, path.t]
    return jnp.concatenate([jnp.stack([jnp.asarray(column, float) for column in head], axis=1), path.x], axis=1)


def row_of(here: Packed, t: Array, limits: Limits) -> Array:
    """Return the row of the trace for a state that a step of size t has just reached."""
    x, gradient = here.read("x"), here.read("gradient")
    free = limits.free(x, gradient)
    head = [here.read("iteration"), here.read("evaluations"), here.read("value"), jnp.sqrt(free @ free), t]
    return jnp.concatenate([jnp.stack(head), x])[None]


def _dots(a: Array, b: Array) -> Array:
    # For a single row a product of vectors is faster than a sum: the product adds several terms at once.
    return (a[0] @ b[0])[None] if len(a) == 1 else (a * b).sum(axis=1)


def _first(condition: Array) -> Array:
    """Return the index of the first row where a condition holds; the number of rows if it never does."""
    return jnp.where(condition.any(), jnp.argmax(condition), len(condition))
