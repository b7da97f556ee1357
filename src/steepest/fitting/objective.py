"""The objective of a fit, Σ wᵢ ℓ(zᵢ, yᵢ) / Σ wᵢ + penalty, over rows in blocks.

The loss of one block is traced once from plain NumPy code, like any function. A full pass reads the blocks one after
another, so that a gradient reads X from memory once; an epoch of updates reads them as batches.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.batches import ArrangedColumns, AsTheyAre, Columns, Layout
from steepest.data.sparse.segments import picked_from, rows_of
from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import Compiled, Jitted, Slope
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code, precisely
from steepest.derivatives.serving.caller import number
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import Calling, Structure
from steepest.rules.pair import Rules
from steepest.types import Array, Function, PyTree

# The model is traced and checked on this many rows. Chosen, not measured: with more rows the check covers more cases,
# and takes longer.
SAMPLE_ROWS = 500
# A gradient over more numbers than this, 32 MB, counts as slow: progress is shown after each gradient, and the `Judge`
# of the descent gets a compiled Hessian. Chosen, not measured: with a lower limit more quick fits do without the
# compiled loop.
HEAVY = 2**22

# (parameters, X, y, weight) -> the weighted sum of losses, in NumPy.
Total = Callable[[PyTree, Array, Array, Array], Array]
# Parameters -> their penalty, in NumPy.
Penalty = Callable[[PyTree], Array]
# A value with its gradient, or the sums over rows from which they are computed.
ValueAndGrad = tuple[Array, Array]
# The arrays that compiled code takes, by name.
Arrays = dict[str, PyTree]


@dataclass(frozen=True)
class ArrangedRows:
    """The data of a fit in the order and with the padding of a layout; padded rows have weight 0."""

    layout: Layout
    X: Array
    y: np.ndarray
    weight: np.ndarray

    @classmethod
    def arranged(
        cls, layout: Layout, columns: Columns | ArrangedColumns, y: np.ndarray, weight: np.ndarray, seed: int
    ) -> ArrangedRows:
        """Copy the rows into place; in random order if batches are to be shuffled."""
        shuffled = layout.shuffle == "batches" and layout.batches > 1
        order = np.random.default_rng(seed).permutation(len(y)) if shuffled else None
        X, arrange = layout.arrange(columns, order), layout.arrange
        return cls(layout, X, arrange(AsTheyAre(y), order), arrange(AsTheyAre(weight), order, 0.0))

    @property
    def mass(self) -> float:
        """The sum of the weights."""
        return float(self.weight.sum())

    def first(self, count: int) -> tuple[Array, np.ndarray, np.ndarray]:
        """Return the first `count` rows, or all if there are fewer."""
        count = min(count, self.layout.rows)
        return self.X[:count], self.y[:count], self.weight[:count]

    def blocks(self) -> Iterator[tuple[Array, np.ndarray, np.ndarray]]:
        """Yield the rows without padding, a block at a time."""
        for start in range(0, self.layout.rows, self.layout.block):
            place = slice(start, min(start + self.layout.block, self.layout.rows))
            yield self.X[place], self.y[place], self.weight[place]


def objective_of(
    total: Total, penalty: Penalty | None, start: PyTree, rows: ArrangedRows, seed: int, box: Box | None = None
) -> tuple[Objective, Calling]:
    """Return the objective of a fit, with the best gradient available.

    Parameters
    ----------
    total : callable
        ``(parameters, X, y, weight)`` to the weighted sum of losses over these rows, in NumPy.
    penalty : callable or None
        Parameters to their penalty, in NumPy.
    start : array or dict
        The start, which also shows how the parameters are laid out.
    rows : ArrangedRows
        The data.
    seed : int
        The seed that shuffles the batches.
    box : Box or None
        Where the user's code may be called.

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
        return value + (number(precisely(lambda x: penalty(structure.build(x)), x)) if penalty else 0.0)

    sample = rows.first(SAMPLE_ROWS)
    served = serve(total, Calling(structure, spread=False, args=sample), x, box=box)
    served_penalty = serve(penalty, calling, x, box=box) if penalty else None
    # The model may have kept X, y or the weights as constants of its code. Such code can't be evaluated for other rows.
    if (
        served.compiled is None
        or len(served.arrays) < len(sample)
        or (served_penalty and served_penalty.compiled is None)
    ):
        why = served_penalty.why if served_penalty and served_penalty.compiled is None else served.why
        if rows.layout.batches > 1:
            raise ValueError(f"batches need a model that can be traced, and this one can't be: {why}")
        return serve(lambda parameters: plain(structure.flatten(parameters, "the point")), calling, x, box=box), calling
    closed = served.arrays[: len(served.arrays) - len(sample)]
    return traced_objective(served.compiled, closed, served_penalty, rows, seed, x, plain, served.key, box), calling


def traced_objective(
    loss: Compiled, closed: PyTree, penalty: Objective | None, rows: ArrangedRows, seed: int, x: np.ndarray,
    plain: Callable[[np.ndarray], float] | None, key: Hashable, box: Box | None = None,
) -> Objective:  # fmt: skip
    """Return the objective over all rows by compiled code.

    Parameters
    ----------
    loss : Compiled
        The weighted sum of losses over a block, as a function of the point and of (*closed, X, y, weight).
    closed : tuple of array
        The arrays that the user's code reads from its surroundings.
    penalty : Objective or None
        The penalty, which was compiled.
    rows : ArrangedRows
        The data.
    seed : int
        The seed that shuffles the batches.
    x : array
        The start.
    plain : callable or None
        The value by plain calls; None for code written for JAX, whose compiled code is the only one.
    key : hashable
        The key of `loss` in the cache.
    box : Box or None
        The box of the parameters, into which each update on a batch is projected.

    Returns
    -------
    Objective
        The objective.
    """
    compiled_penalty = penalty.compiled if penalty else None
    compiled = loss.get_or_make(
        (rows.layout, compiled_penalty), lambda: _over_blocks(loss, compiled_penalty, rows.layout)
    )
    arrays = _placed(rows, closed, penalty.arrays if penalty else (), seed, box)
    sentence = "exact: the model was traced and compiled"

    def slope(x: np.ndarray) -> Slope:
        return compiled(x, arrays)

    value = plain or (lambda x: slope(x)[0])
    objective = Objective(x.size, value, slope, "traced", sentence, compiled, arrays, key=key, box=box)
    objective.heavy = rows.X.size > HEAVY
    if objective.heavy:
        objective.hessian = CompiledHessian(hessian_over_blocks(loss, compiled_penalty, rows.layout), arrays)
    return objective


@dataclass(frozen=True)
class CompiledHessian:
    """The Hessian at a point; NaN if JAX can't differentiate the model twice."""

    compiled: Function
    arrays: Arrays

    def __call__(self, x: np.ndarray) -> np.ndarray:
        try:
            with compiled_code():
                return np.array(self.compiled(x, self.arrays))
        except Exception:  # noqa: BLE001 - the user's code may have no second derivative in JAX
            return np.full((x.size, x.size), np.nan)


def _placed(rows: ArrangedRows, closed: PyTree, penalty: PyTree, seed: int, box: Box | None) -> Arrays:
    """Return the arrays that the compiled objective takes; `closed` are those that the user's code reads itself."""
    with compiled_code():
        data = jax.device_put((rows.X, rows.y, rows.weight))
    return {
        "closed": tuple(closed),
        "penalty": tuple(penalty),
        "data": data,
        "mass": rows.mass,
        "batch_mass": batch_mass(rows),
        "seed": seed,
        "box": box,
    }


def batch_mass(rows: ArrangedRows) -> float:
    """Return the divisor of the sum over a batch; it is the same for a short batch, so that each row weighs alike."""
    return rows.mass * rows.layout.size / rows.layout.rows


def _over_blocks(loss: Compiled, penalty: Compiled | None, layout: Layout) -> Compiled:
    """Return the objective over all rows, as a pure function of the parameters and of the arrays of `_placed`."""

    def part(x: Array, data: tuple[Array, ...], mass: Array, arrays: Arrays) -> ValueAndGrad:
        value, gradient = loss.pure(x, (*arrays["closed"], *data))
        cost, penalty_gradient = penalty.pure(x, arrays["penalty"]) if penalty else (0.0, 0.0)
        return value / mass + cost, gradient / mass + penalty_gradient

    def whole(x: Array, arrays: Arrays) -> ValueAndGrad:
        if layout.blocks == 1:
            return part(x, arrays["data"], arrays["mass"], arrays)

        def add(sums: ValueAndGrad, block: tuple[Array, ...]) -> tuple[ValueAndGrad, None]:
            value, gradient = loss.pure(x, (*arrays["closed"], *block))
            return (sums[0] + value, sums[1] + gradient), None

        blocks = tuple(a.reshape(layout.blocks, layout.block, *a.shape[1:]) for a in arrays["data"])
        (value, gradient), _ = jax.lax.scan(add, (jnp.asarray(0.0), jnp.zeros_like(x)), blocks)
        cost, penalty_gradient = penalty.pure(x, arrays["penalty"]) if penalty else (0.0, 0.0)
        return value / arrays["mass"] + cost, gradient / arrays["mass"] + penalty_gradient

    def on_batch(x: Array, i: Array, order: Array, arrays: Arrays) -> ValueAndGrad:
        return part(x, batch_of(layout, arrays["data"], order, i)[1], arrays["batch_mass"], arrays)

    def on_rows(x: Array, rows: Array, mass: Array, arrays: Arrays) -> ValueAndGrad:
        return part(x, tuple(picked_from(a, rows) for a in arrays["data"]), mass, arrays)

    compiled = Compiled(whole)
    compiled.on_rows = on_rows
    if layout.batches > 1:
        compiled.epoch, compiled.updates = epoch_of(layout, on_batch), layout.batches
    return compiled


def epoch_of(layout: Layout, on_batch: Callable[[Array, Array, Array, Arrays], ValueAndGrad]) -> Function:
    """Return the function of one epoch: an update on each batch.

    ``on_batch(x, i, order, arrays)`` returns the value and the gradient on batch i.
    """

    def epoch(
        rules: Rules, x: Array, memory: PyTree, number: Array, arrays: Arrays, sizes: Array, first: Array
    ) -> tuple[Array, PyTree, Array]:
        """Go through the batches once; return the point, the memory and the last step size."""
        order = order_of(layout, key_of(arrays, number))
        size = sizes_of(layout, rules, number, sizes, first)

        def update(i: Array, carry: tuple[Array, PyTree]) -> tuple[Array, PyTree]:
            x, memory = carry
            value, gradient = on_batch(x, i, order, arrays)
            gradient = sloping(arrays, x, gradient)
            direction, memory = rules.next_direction(
                gradient, memory, x, value, lambda x: on_batch(x, i, order, arrays)[0]
            )
            return inside(arrays, x + size(i, memory) * direction), memory

        x, memory = jax.lax.fori_loop(0, layout.batches, update, (x, memory))
        return x, memory, size(layout.batches - 1, memory)

    return epoch


def inside(arrays: Arrays, x: Array) -> Array:
    """Return the nearest point of the box, if there is one."""
    box = arrays.get("box")
    return x if box is None else jnp.clip(x, box.low, box.high)


def sloping(arrays: Arrays, x: Array, gradient: Array) -> Array:
    """Return a gradient without the slopes that only press against an edge of the box.

    Rules that find their step from the gradients would otherwise take ever shorter steps at an edge.
    """
    box = arrays.get("box")
    return gradient if box is None else jnp.where(box.held(x, gradient), 0.0, gradient)


def key_of(arrays: Arrays, number: Array) -> jax.Array:
    """Return the random key that shuffles an epoch."""
    return jax.random.fold_in(jax.random.key(arrays["seed"]), number)


def sizes_of(
    layout: Layout, rules: Rules, number: Array, sizes: Array, first: Array
) -> Callable[[Array, PyTree], Array]:  # fmt: skip
    """Return the function of the step size: (update i of the epoch, memory of the rules) -> size."""
    return lambda i, memory: rules.size(number * layout.batches + i, sizes, first * layout.batches, memory)


def hessian_over_blocks(loss: Compiled, penalty: Compiled | None, layout: Layout) -> Function:
    """Return the function of the Hessian over all rows: its gradient, differentiated forward, block by block."""

    def hessian(x: Array, arrays: Arrays) -> Array:
        def add(total: Array, block: tuple[Array, ...]) -> tuple[Array, None]:
            return total + jax.jacfwd(lambda x: loss.pure(x, (*arrays["closed"], *block))[1])(x), None

        blocks = tuple(a.reshape(layout.blocks, layout.block, *a.shape[1:]) for a in arrays["data"])
        total, _ = jax.lax.scan(add, jnp.zeros((x.size, x.size)), blocks)
        of_penalty = jax.jacfwd(lambda x: penalty.pure(x, arrays["penalty"])[1])(x) if penalty else 0.0
        return total / arrays["mass"] + of_penalty

    return Jitted(hessian)


def order_of(layout: Layout, key: jax.Array) -> jax.Array | None:
    """Return the order of an epoch's batches, or of its rows if `shuffle` is "rows"; None to keep the first order."""
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
    # The last group may be short. Leave out the batches that it lacks, wherever the shuffling has put that group.
    whole = jnp.argmax(starts) * layout.together + layout.together - lacking
    place = jnp.arange(layout.batches)
    return order[jnp.where(place < whole, place, place + lacking)]


def batch_of(
    layout: Layout, data: tuple[Array, ...], order: jax.Array | None, i: Array
) -> tuple[Array, tuple[Array, ...]]:  # fmt: skip
    """Return the numbers of the rows in batch i, and those rows of each array."""
    if layout.shuffle == "rows":
        assert order is not None
        rows = jax.lax.dynamic_slice(order, (i * layout.size,), (layout.size,))
        return rows, tuple(picked_from(a, rows) for a in data)
    first = (i if order is None else order[i]) * layout.size
    return first + jnp.arange(layout.size), tuple(rows_of(a, first, layout.size) for a in data)
