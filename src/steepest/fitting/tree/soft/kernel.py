"""The soft tree, whose rows take both sides of every split in shares, and the compiled code of its descent.

The gates sharpen along the descent, until the shares are close to 0 and 1: Frosst and Hinton, "Distilling a neural
network into a soft decision tree" (2017). A node chooses one column straight through, so that its output has the column
of the largest choice, and its slope is that of a softmax: Marton et al., "GradTree" (2024).
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from types import ModuleType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import Jitted, recalled
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.types import Array, Function

# The constants of Adam: Kingma and Ba, "Adam" (2015).
MOMENTUM, SECOND_MOMENTUM, ADAM_EPS = 0.9, 0.99, 1e-8
# The step sizes of choices, thresholds and values; the sharpness of the gates at both ends; the share of the schedule
# in which the step size rises; and the weight of balance, which keeps leaves from losing all rows. Chosen by
# measurement on 20 tables: other sharpness, rates and balance gave trees as good.
RATES = (0.03, 0.02, 0.03)
SHARPNESS = (3.0, 60.0)
WARM_UP, BALANCE = 0.05, 0.03
# An L1 penalty on the weights of sums.
SPARSITY = 1e-4
# Added to the choice of a column that only pads the table, so that it is never the largest.
NEVER = -1e9


class Soft(NamedTuple):
    """The parameters of soft trees, with the restarts as first axis.

    Attributes
    ----------
    choice : array of shape (restarts, nodes, columns)
        How much each node leans to each column; for gates of sums, the weights of the columns.
    threshold : array of shape (restarts, nodes)
        Where each gate is half open.
    value : array of shape (restarts, leaves, outputs)
        The outputs of the leaves.
    """

    choice: Array
    threshold: Array
    value: Array


class State(NamedTuple):
    """Soft trees with the two moments of Adam, and the mean loss of each on the batches of an epoch so far."""

    soft: Soft
    first: Soft
    second: Soft
    loss: Array


class Span(NamedTuple):
    """A span of the schedule.

    Attributes
    ----------
    done, count, total : int
        The updates before it, in it, and of the whole schedule.
    size : int
        The rows of a batch.
    """

    done: Array
    count: Array
    total: Array
    size: Array


def sharpness_at(t: Array) -> Array:
    """Return the sharpness of the gates at a share of the schedule, from 0 to 1."""
    start, end = SHARPNESS
    return start * (end / start) ** t


def leaf_shares(gates: Array, depth: int, numpy: ModuleType = jnp) -> Array:
    """Return the share of each row that comes to each leaf, (leaves, rows), for gates (nodes, rows)."""
    rows = gates.shape[1]
    shares = numpy.ones((1, rows), gates.dtype)
    for level in range(depth):
        right = gates[2**level - 1 : 2 ** (level + 1) - 1]
        shares = numpy.stack([shares * (1 - right), shares * right], axis=1).reshape(-1, rows)
    return shares


def soft_shares(soft: Soft, X: Array, allowed: Array, sharpness: Array, depth: int, is_oblique: bool) -> Array:
    """Return the shares of the leaves of one tree for rows in the coordinates of the gates."""
    straight = soft.choice
    if not is_oblique:
        weight = jax.nn.softmax(soft.choice + allowed, axis=-1)
        chosen = jax.nn.one_hot(weight.argmax(axis=-1), weight.shape[-1], dtype=weight.dtype)
        straight = weight + jax.lax.stop_gradient(chosen - weight)
    # Rows lie last: side by side in memory, they are computed together, twice as fast.
    return leaf_shares(jax.nn.sigmoid(sharpness * (straight @ X.T - soft.threshold[:, None])), depth)


def _sharpen(
    depth: int, loss: Function, slot: int, is_oblique: bool, state: State, X: Array, y: Array, weight: Array,
    allowed: Array, orders: Array, span: Span,
) -> State:  # fmt: skip
    """Make some updates of all restarts; `orders` hold the rows of each batch, (updates, slot)."""

    def mean(soft: Soft, rows: Array, t: Array) -> Array:
        own = jnp.where(jnp.arange(slot) < span.size, weight[rows], 0)
        shares = soft_shares(soft, X[rows], allowed, sharpness_at(t), depth, is_oblique)
        z = Traced(shares.T @ soft.value)
        each = stack(loss(z if z.shape[1] > 1 else z[:, 0], Traced(y[rows])))
        sparsity = SPARSITY * jnp.abs(soft.choice).sum() if is_oblique else 0.0
        value = jnp.where(own > 0, own * each, 0).sum() / own.sum()
        return value + BALANCE * (1 - t) * _imbalance(shares, own) + sparsity

    def update(k: Array, state: State) -> State:
        kind = state.soft.threshold.dtype
        done = (span.done + k).astype(kind)
        t = done / span.total
        rate = jnp.minimum(1, (done + 1) / (WARM_UP * span.total)) * 0.5 * (1 + jnp.cos(jnp.pi * t))
        values, slope = jax.vmap(jax.value_and_grad(mean), (0, None, None))(state.soft, orders[k], t)
        first = jax.tree.map(lambda m, g: MOMENTUM * m + (1 - MOMENTUM) * g, state.first, slope)
        second = jax.tree.map(lambda v, g: SECOND_MOMENTUM * v + (1 - SECOND_MOMENTUM) * g**2, state.second, slope)
        size = rate * jnp.sqrt(1 - SECOND_MOMENTUM ** (done + 1)) / (1 - MOMENTUM ** (done + 1))
        soft = Soft(*(
            x - own * size * m / (jnp.sqrt(v) + ADAM_EPS)
            for own, x, m, v in zip(RATES, state.soft, first, second, strict=True)
        ))  # fmt: skip
        return State(soft, first, second, state.loss + values / span.count)

    state = state._replace(loss=jnp.zeros_like(state.loss))
    return jax.lax.fori_loop(0, span.count, update, state)


def _imbalance(shares: Array, weight: Array) -> Array:
    """Return Σ p log p over the shares of the rows in the leaves, which is least if all are equal."""
    mean = shares @ weight / weight.sum()
    return (mean * jnp.log(mean + 1e-9)).sum()


def sharpener(depth: int, loss: Function, slot: int, is_oblique: bool, key: Hashable) -> Jitted:
    """Return the compiled code for trees of a depth, a loss and batches of `slot` rows; `key` tells losses apart."""
    return recalled(
        ("tree", depth, key, slot, is_oblique), Jitted,
        lambda: Jitted(partial(_sharpen, depth, loss, slot, is_oblique), quick=False),
    )  # fmt: skip


def random_soft(
    restarts: int, depth: int, X: np.ndarray, is_oblique: bool, value: np.ndarray, random: np.random.Generator
) -> Soft:  # fmt: skip
    """Return random soft trees whose leaves are near a value, of shape (outputs,); gates of sums are among the rows."""
    nodes, leaves, columns = 2**depth - 1, 2**depth, X.shape[1]
    if is_oblique:
        choice = random.standard_normal((restarts, nodes, columns)) / np.sqrt(columns)
        rows = X[random.integers(len(X), size=(restarts, nodes))]
        threshold = 0.5 * (rows * choice).sum(axis=2)
    else:
        choice = 0.3 * random.standard_normal((restarts, nodes, columns))
        threshold = random.uniform(-0.7, 0.7, (restarts, nodes))
    return Soft(choice, threshold, value + 0.1 * random.standard_normal((restarts, leaves, len(value))))
