"""The objective of a fit, Σ wᵢ ℓ(zᵢ, yᵢ) / Σ wᵢ + penalty, over rows in blocks.

The loss of one block is traced once, from plain NumPy code like any function; the full pass scans
the blocks, so that X is read from memory once a gradient, and an epoch of updates visits them as
batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.batches import AsTheyAre, Layout
from steepest.data.sparse.segments import picked_from, rows_of
from steepest.derivatives.compiled import Compiled, Jitted
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code, precisely
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import Calling, Structure
from steepest.rules.pair import Rules

SAMPLE_ROWS = 500
HEAVY = 2**22

Total = Callable[..., Any]
Penalty = Callable[[Any], Any]


@dataclass(frozen=True)
class Rows:
    """The data of a fit as its layout has them; what is padded has weight 0."""

    layout: Layout
    X: Any
    y: np.ndarray
    weight: np.ndarray

    @classmethod
    def arranged(cls, layout: Layout, columns: Any, y: np.ndarray, weight: np.ndarray, seed: int) -> Rows:
        """Copy the rows into place, in random order where batches are to be shuffled."""
        shuffled = layout.shuffle == "batches" and layout.batches > 1
        order = np.random.default_rng(seed).permutation(len(y)) if shuffled else None
        X, arrange = layout.arrange(columns, order), layout.arrange
        return cls(layout, X, arrange(AsTheyAre(y), order), arrange(AsTheyAre(weight), order, 0.0))

    @property
    def mass(self) -> float:
        """The sum of the weights."""
        return float(self.weight.sum())

    def first(self, count: int) -> tuple[np.ndarray, ...]:
        """Return the first rows, or all where there are no more."""
        count = min(count, self.layout.rows)
        return self.X[:count], self.y[:count], self.weight[:count]

    def blocks(self) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield the rows that there are, a block at a time."""
        for start in range(0, self.layout.rows, self.layout.block):
            place = slice(start, min(start + self.layout.block, self.layout.rows))
            yield self.X[place], self.y[place], self.weight[place]


def objective_of(total: Total, penalty: Penalty | None, start: Any, rows: Rows, seed: int) -> tuple[Objective, Calling]:
    """Serve the objective of a fit.

    Parameters
    ----------
    total : callable
        ``(parameters, X, y, weight)`` to the weighted sum of losses over these rows, in NumPy.
    penalty : callable or None
        Parameters to their penalty, in NumPy.
    start : array or dict
        Where the parameters start; their layout.
    rows : Rows
        The data.
    seed : int
        What shuffles the batches.

    Returns
    -------
    Objective, Calling
        The objective over all rows, and how its parameters are laid out.
    """
    structure, x = Structure.of(start)
    calling = Calling(structure, spread=False)
    mass = rows.mass

    def plain(x: np.ndarray) -> float:
        data = rows.first(rows.layout.rows)
        value = float(precisely(lambda x: total(structure.build(x), *data), x)) / mass
        return value + (float(precisely(lambda x: penalty(structure.build(x)), x)) if penalty else 0.0)

    sample = rows.first(SAMPLE_ROWS)
    few = serve(total, Calling(structure, spread=False, args=sample), x)
    push = serve(penalty, calling, x) if penalty else None
    # Data that had to be constants can't be exchanged for other rows.
    if few.compiled is None or len(few.arrays) < len(sample) or (push and push.compiled is None):
        why = push.why if push and push.compiled is None else few.why
        if rows.layout.batches > 1:
            raise ValueError(f"batches need a model that can be traced, and this one can't be: {why}")
        return serve(lambda parameters: plain(structure.flatten(parameters, "the point")), calling, x), calling
    extra = push.compiled if push else None
    base = few.compiled
    known = base.get_or_make((rows.layout, extra), lambda: _over_blocks(base, extra, rows.layout))
    closed = few.arrays[: len(few.arrays) - len(sample)]
    arrays = _placed(rows, closed, push.arrays if push else (), seed)
    sentence = "exact: the model was traced and compiled"
    objective = Objective(x.size, plain, lambda x: known(x, arrays), "traced", sentence, known, arrays, key=few.key)
    objective.heavy = rows.X.size > HEAVY
    if objective.heavy:
        objective.hessian = Second(hessian_over_blocks(few.compiled, extra, rows.layout), arrays)
    return objective, calling


@dataclass(frozen=True)
class Second:
    """The Hessian at a point, NaN where the model can't be differentiated twice."""

    compiled: Callable[..., Any]
    arrays: Any

    def __call__(self, x: np.ndarray) -> np.ndarray:
        try:
            with compiled_code():
                return np.array(self.compiled(x, self.arrays))
        except Exception:  # noqa: BLE001 - the user's code may have no second derivative in JAX
            return np.full((x.size, x.size), np.nan)


def _placed(rows: Rows, closed: Any, penalty: Any, seed: int) -> dict[str, Any]:
    with compiled_code():
        data = jax.device_put((rows.X, rows.y, rows.weight))
    return {
        "closed": tuple(closed),
        "penalty": tuple(penalty),
        "data": data,
        "mass": rows.mass,
        "batch_mass": batch_mass(rows),
        "seed": seed,
    }


def batch_mass(rows: Rows) -> float:
    """Return what the sum of a batch is divided by: a short one's too, so that each row weighs alike over an epoch."""
    return rows.mass * rows.layout.size / rows.layout.rows


def _over_blocks(few: Compiled, extra: Compiled | None, layout: Layout) -> Compiled:
    """Return the objective over all rows, as a pure function of parameters and placed arrays."""

    def part(x: Any, data: tuple[Any, ...], mass: Any, arrays: dict[str, Any]) -> tuple[Any, Any]:
        value, gradient = few.pure(x, (*arrays["closed"], *data))
        cost, push = extra.pure(x, arrays["penalty"]) if extra else (0.0, 0.0)
        return value / mass + cost, gradient / mass + push

    def whole(x: Any, arrays: dict[str, Any]) -> tuple[Any, Any]:
        if layout.blocks == 1:
            return part(x, arrays["data"], arrays["mass"], arrays)

        def add(sums: tuple[Any, Any], block: tuple[Any, ...]) -> tuple[tuple[Any, Any], None]:
            value, gradient = few.pure(x, (*arrays["closed"], *block))
            return (sums[0] + value, sums[1] + gradient), None

        blocks = tuple(a.reshape(layout.blocks, layout.block, *a.shape[1:]) for a in arrays["data"])
        (value, gradient), _ = jax.lax.scan(add, (jnp.asarray(0.0), jnp.zeros_like(x)), blocks)
        cost, push = extra.pure(x, arrays["penalty"]) if extra else (0.0, 0.0)
        return value / arrays["mass"] + cost, gradient / arrays["mass"] + push

    def on_batch(x: Any, i: Any, order: Any, arrays: dict[str, Any]) -> tuple[Any, Any]:
        return part(x, batch_of(layout, arrays["data"], order, i)[1], arrays["batch_mass"], arrays)

    compiled = Compiled(whole)
    if layout.batches > 1:
        compiled.epoch, compiled.updates = epoch_of(layout, on_batch), layout.batches
    return compiled


def epoch_of(layout: Layout, on_batch: Callable[..., tuple[Any, Any]]) -> Callable[..., Any]:
    """Return an epoch of updates, by the value and gradient that ``on_batch(x, i, order, arrays)`` has on batch i."""

    def epoch(rules: Rules, x: Any, memory: Any, number: Any, arrays: Any, sizes: Any, first: Any) -> Any:
        """Go through the batches once; return the point, the memory and the last step size."""
        order = order_of(layout, key_of(arrays, number))
        size = sizes_of(layout, rules, number, sizes, first)

        def update(i: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
            x, memory = carry
            value, gradient = on_batch(x, i, order, arrays)
            direction, memory = rules.turn(gradient, memory, x, value, lambda x: on_batch(x, i, order, arrays)[0])
            return x + size(i, memory) * direction, memory

        x, memory = jax.lax.fori_loop(0, layout.batches, update, (x, memory))
        return x, memory, size(layout.batches - 1, memory)

    return epoch


def key_of(arrays: dict[str, Any], number: Any) -> Any:
    """Return what shuffles an epoch."""
    return jax.random.fold_in(jax.random.key(arrays["seed"]), number)


def sizes_of(layout: Layout, rules: Rules, number: Any, sizes: Any, first: Any) -> Callable[[Any, Any], Any]:
    """Return the step size of update i in an epoch, given what the rules remember."""
    return lambda i, memory: rules.size(number * layout.batches + i, sizes, first * layout.batches, memory)


def hessian_over_blocks(few: Compiled, extra: Compiled | None, layout: Layout) -> Callable[..., Any]:
    """Return the Hessian over all rows, by forward differentiation of the gradient, block by block."""

    def second(x: Any, arrays: dict[str, Any]) -> Any:
        def add(total: Any, block: tuple[Any, ...]) -> tuple[Any, None]:
            return total + jax.jacfwd(lambda x: few.pure(x, (*arrays["closed"], *block))[1])(x), None

        blocks = tuple(a.reshape(layout.blocks, layout.block, *a.shape[1:]) for a in arrays["data"])
        total, _ = jax.lax.scan(add, jnp.zeros((x.size, x.size)), blocks)
        bent = jax.jacfwd(lambda x: extra.pure(x, arrays["penalty"])[1])(x) if extra else 0.0
        return total / arrays["mass"] + bent

    return Jitted(second)


def order_of(layout: Layout, key: Any) -> Any:
    """Return the order of an epoch: of batches, or of rows where `shuffle` is "rows"."""
    if layout.shuffle is False:
        return None
    if layout.shuffle == "rows":
        order = jax.random.permutation(key, layout.rows)
        padding = layout.blocks * layout.block - layout.rows
        return jnp.concatenate([order, jnp.arange(layout.rows, layout.rows + padding)])
    groups = -(-layout.batches // layout.together)
    starts = jax.random.permutation(key, groups) * layout.together
    order = (starts[:, None] + jnp.arange(layout.together)).ravel()
    if not (lacking := order.size - layout.batches):
        return order
    # The last group, wherever it has come to, lacks some batches: those after them move up.
    whole = jnp.argmax(starts) * layout.together + layout.together - lacking
    place = jnp.arange(layout.batches)
    return order[jnp.where(place < whole, place, place + lacking)]


def batch_of(layout: Layout, data: tuple[Any, ...], order: Any, i: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return which rows batch i holds, and those rows of each array."""
    if layout.shuffle == "rows":
        rows = jax.lax.dynamic_slice(order, (i * layout.size,), (layout.size,))
        return rows, tuple(picked_from(a, rows) for a in data)
    first = (i if order is None else order[i]) * layout.size
    return first + jnp.arange(layout.size), tuple(rows_of(a, first, layout.size) for a in data)
