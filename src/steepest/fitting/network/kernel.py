"""The compiled code of a network's fit: the updates of one member on a span of its batches.

Rows, columns and batches are padded, and their numbers are arguments. So tables of similar size share compiled code.
Members share it too, and run side by side in threads.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import Jitted, recalled
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.fitting.network.recipe import MOMENTUM, RATE, SECOND_MOMENTUM, WEIGHT_DECAY, coslog, flat_cosine
from steepest.models.layers import Layers
from steepest.rules.pair import Rules
from steepest.types import Array, Function, PyTree

# Keeps the division of Adam finite, as in Kingma and Ba, "Adam" (2015).
ADAM_EPS = 1e-8
# The largest number of 32 bits that single precision holds.
BITS = 4294967040.0


class Rows(NamedTuple):
    """Padded rows for compiled code: columns in the scales of the network, linear start, targets and weights."""

    X: Array
    linear: Array
    y: Array
    weight: Array


class Judged(NamedTuple):
    """Rows on which a member is judged, and the range of their outputs."""

    rows: Rows
    low: Array
    high: Array


class Member(NamedTuple):
    """The state of a member.

    Attributes
    ----------
    theta : array of shape (size,)
        The parameters.
    memory : tree
        The memory of the rule: the two moments of Adam, unless the user gave another one.
    best, least : array of shape (size,), float
        The parameters of the best epoch, and their loss on the rows that the member leaves out.
    loss, slope : float, array of shape (size,)
        The sums of losses and gradients over the batches of this epoch so far, or of the last one.
    """

    theta: Array
    memory: PyTree
    best: Array
    least: Array
    loss: Array
    slope: Array


class Span(NamedTuple):
    """Whole epochs or a span of the batches of one, and their place in the schedule.

    Attributes
    ----------
    epochs : int
        How many epochs.
    first, stop, batches : int
        In each, the first batch, the batch after the last, and the batches of an epoch.
    size : int
        The rows of a batch.
    before : int
        The updates of the schedule before this epoch.
    total : int
        All updates of the schedule.
    age : int
        All updates of the member before this epoch.
    seed : int
        The seed of the dropout.
    """

    epochs: Array
    first: Array
    stop: Array
    batches: Array
    size: Array
    before: Array
    total: Array
    age: Array
    seed: Array


class Rates(NamedTuple):
    """The constants of a member.

    Attributes
    ----------
    dropout, ridge : float
        The share of the units to drop, and λ of an L2 penalty.
    chosen, shrink : array of shape (columns, waving), float
        As `Layers` takes them.
    factor, decay : array of shape (size,)
        The factor of the rate, and of the decay, for each parameter.
    rules : Rules or None
        The rule that the user gave in place of the recipe.
    sizes : array
        The step sizes of the epochs of a call, if they come from a function of the user.
    """

    dropout: Array
    ridge: Array
    chosen: Array
    shrink: Array
    factor: Array
    decay: Array
    rules: Rules | None
    sizes: Array


class Pace(NamedTuple):
    """The numbers of an update that depend on the place in the schedule alone.

    Attributes
    ----------
    rate, flat : float
        The step size, and the share of dropout and decay.
    first, second : float
        What unbiases the two moments.
    """

    rate: Array
    flat: Array
    first: Array
    second: Array


def random_bits(seed: Array, layer: int, shape: tuple[int, ...]) -> Array:
    """Return 32 random bits for each unit: the final mix of MurmurHash3 (Appleby) on a counter."""
    rows, units = shape
    counter = jnp.arange(rows, dtype=jnp.uint32)[:, None] * jnp.uint32(units) + jnp.arange(units, dtype=jnp.uint32)
    h = counter ^ (seed * jnp.uint32(0x9E3779B1) + jnp.uint32(layer) * jnp.uint32(0x85EBCA77))
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> shift)) * jnp.uint32(factor)
    return h ^ (h >> 16)


def outputs_of(layers: Layers, rates: Rates, theta: Array, rows: Rows, drop: Function = lambda layer, h: h) -> Traced:
    """Return the outputs of rows: the linear start, plus those of the layers."""
    parts = {name: Traced(part) for name, part in layers.split(theta).items()}
    h = layers.outputs(parts, Traced(rows.X), Traced(rates.chosen), Traced(rates.shrink), drop)
    return Traced(rows.linear) + h


def losses_of(loss: Function, z: Traced, y: Array) -> Array:
    """Return the loss of each row."""
    return stack(loss(z if z.shape[1] > 1 else z[:, 0], Traced(y)))


def _slope(layers: Layers, loss: Function, theta: Array, rows: Rows, weight: Array, rates: Rates) -> Array:
    """Return the gradient of the mean loss of a member on rows of some weights."""

    def mean(theta: Array) -> Array:
        each = losses_of(loss, outputs_of(layers, rates, theta, rows), rows.y)
        return jnp.where(weight > 0, weight * each, 0).sum() / weight.sum()

    return jax.grad(mean)(theta)


def _pace_of(done: Array, span: Span, kind: np.dtype) -> Pace:
    """Return the pace after so many updates of a span."""
    t, k = (span.before + done).astype(kind) / span.total, (span.age + done + 1).astype(kind)
    rate, flat = RATE * stack(coslog(Traced(t))), stack(flat_cosine(Traced(t)))
    return Pace(rate, flat, 1 - MOMENTUM**k, 1 - SECOND_MOMENTUM**k)


def _adam(member: Member, slope: Array, pace: Pace, rates: Rates) -> tuple[Array, PyTree]:
    """Return the parameters and the moments after an update by the rule of the recipe.

    It is Adam with decoupled weight decay: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019).
    """
    first, second = member.memory
    first = MOMENTUM * first + (1 - MOMENTUM) * slope
    second = SECOND_MOMENTUM * second + (1 - SECOND_MOMENTUM) * slope**2
    step = rates.factor * (first / pace.first) / (jnp.sqrt(second / pace.second) + ADAM_EPS)
    decay = WEIGHT_DECAY * pace.flat * rates.decay * member.theta
    return member.theta - pace.rate * (step + decay), (first, second)


def _by_rules(
    member: Member, value: Array, slope: Array, age: Array, mean: Function, rates: Rates, first: Array
) -> tuple[Array, PyTree]:  # fmt: skip
    """Return the parameters and the memory after an update by the rules of the user; `first` is the age of sizes[0]."""
    rules = rates.rules
    assert rules is not None
    direction, memory = rules.next_direction(slope, member.memory, member.theta, value, mean)
    return member.theta + rules.size(age, rates.sizes, first, memory) * direction, memory


def _learn(
    layers: Layers, loss: Function, slot: int, member: Member, rows: Rows, left_out: Judged, orders: Array,
    span: Span,
    rates: Rates,
) -> tuple[Member, Array]:  # fmt: skip
    """Make the updates of some epochs, or of a part of one; after each epoch, keep the parameters if they are best.

    Return the state, and a row for each epoch: the loss on its batches and on the rows left out, the norm of the
    gradient, and the squared length of each group of parameters. `orders` hold the numbers of the rows for each epoch.
    """

    def update(epoch: Array, batch: Array, carry: tuple[Member, Pace]) -> tuple[Member, Pace]:
        member, pace = carry
        place = jax.lax.dynamic_slice(orders, (epoch, batch * span.size), (1, slot))[0]
        done = epoch * span.batches + batch
        own = Rows(*(a[place] for a in rows))
        weight = jnp.where(jnp.arange(slot) < span.size, own.weight, 0)
        seed = span.seed + (span.age + done).astype(jnp.uint32)
        share = rates.dropout * pace.flat
        least = (share * BITS).astype(jnp.uint32)

        def drop(layer: int, h: Traced) -> Traced:
            values = stack(h)
            stays = random_bits(seed, layer, values.shape) >= least
            return Traced(jnp.where(stays, values / (1 - share), 0))

        def mean(theta: Array) -> Array:
            each = losses_of(loss, outputs_of(layers, rates, theta, own, drop), own.y)
            penalty = 0.5 * rates.ridge * (rates.decay * theta**2).sum()
            return jnp.where(weight > 0, weight * each, 0).sum() / weight.sum() + penalty

        value, slope = jax.value_and_grad(mean)(member.theta)
        if rates.rules is None:
            theta, memory = _adam(member, slope, pace, rates)
        else:
            theta, memory = _by_rules(member, value, slope, span.age + done, mean, rates, span.age)
        member = member._replace(theta=theta, memory=memory, loss=member.loss + value, slope=member.slope + slope)
        return member, _pace_of(done + 1, span, member.theta.dtype)

    def judged(member: Member) -> tuple[Member, Array]:
        z, weight = outputs_of(layers, rates, member.theta, left_out.rows), left_out.rows.weight
        within = Traced(jnp.clip(stack(z), left_out.low, left_out.high))
        unseen = (weight * losses_of(loss, within, left_out.rows.y)).sum() / weight.sum()
        better = unseen < member.least
        best = jnp.where(better, member.theta, member.best)
        slope = member.slope / span.batches
        groups = [(part**2).sum() for part in layers.split(member.theta).values()]
        row = jnp.stack([member.loss / span.batches, unseen, jnp.sqrt((slope**2).sum()), *groups])
        return member._replace(best=best, least=jnp.where(better, unseen, member.least)), row

    def epoch(number: Array, carry: tuple[Member, Array]) -> tuple[Member, Array]:
        member, table = carry
        is_new = span.first == 0
        member = member._replace(loss=jnp.where(is_new, 0, member.loss), slope=jnp.where(is_new, 0, member.slope))
        # The loop holds the pace of the next update: else compiled code computes it anew for each parameter.
        pace = _pace_of(number * span.batches + span.first, span, member.theta.dtype)
        member, _ = jax.lax.fori_loop(span.first, span.stop, partial(update, number), (member, pace))
        nothing = jnp.full_like(table[0], jnp.nan)
        member, row = jax.lax.cond(span.stop == span.batches, judged, lambda member: (member, nothing), member)
        return member, table.at[number].set(row)

    table = jnp.full((len(orders), 3 + len(layers.shapes)), jnp.nan, member.theta.dtype)
    return jax.lax.fori_loop(0, span.epochs, epoch, (member, table))


def learner(layers: Layers, loss: Function, slot: int, key: Hashable) -> Jitted:
    """Return the compiled code for layers, a loss and batches of at most `slot` rows; `key` tells losses apart."""
    return recalled(
        ("network", layers, key, slot), Jitted, lambda: Jitted(partial(_learn, layers, loss, slot), quick=False)
    )


def sloper(layers: Layers, loss: Function, key: Hashable) -> Jitted:
    """Return the compiled gradient for layers and a loss; `key` tells losses apart."""
    return recalled(("network slope", layers, key), Jitted, lambda: Jitted(partial(_slope, layers, loss)))
