"""The objective of a model written for JAX: its loss over blocks of rows, and epochs that also change its state."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.batches import Layout
from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import Compiled, recalled
from steepest.derivatives.native.model import Native
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import double_precision
from steepest.derivatives.serving.attempts import failure_reason, scalar
from steepest.derivatives.tracing.budget import tracing
from steepest.derivatives.tracing.fingerprint import Fingerprint
from steepest.derivatives.tracing.tracer import Traced
from steepest.fitting.objective import (
    ArrangedRows,
    Arrays,
    batch_of,
    inside,
    key_of,
    order_of,
    sizes_of,
    sloping,
    traced_objective,
)
from steepest.printable import quoted
from steepest.rules.pair import Rules
from steepest.types import Array, Function, PyTree


@dataclass(frozen=True)
class RowsLoss:
    """The weighted sum of a loss over rows, by JAX's operations.

    Attributes
    ----------
    loss : callable
        The loss of each row, written with NumPy or, if `native`, with JAX.
    native : bool
        Whether the loss gets JAX's own arrays.
    """

    loss: Function
    native: bool

    @classmethod
    def of(cls, loss: Function, z: jax.ShapeDtypeStruct) -> RowsLoss:
        """Return the sum for outputs like z; raise if the loss can't be traced, or is not one number a row."""
        y = jax.ShapeDtypeStruct(z.shape[:1], float)
        reasons = []
        for native in (False, True):
            made = cls(loss, native)
            try:
                with double_precision():
                    shape = np.shape(jax.eval_shape(made.by_row, z, y))
            except Exception as error:  # noqa: BLE001 - the user's loss may raise anything when it is traced
                reasons.append(failure_reason(error))
                continue
            if shape != y.shape:
                raise ValueError(
                    f"the loss returned the shape {shape} for {z.shape[0]:,} rows: it must be one number a row"
                )
            return made
        raise ValueError(
            f"loss={quoted(loss)} can't be traced ({reasons[0]}): a model written for JAX needs a loss of the library, "
            "or one written with NumPy or JAX"
        )

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """The code of the loss and all the values that it reads."""
        return Fingerprint([self.loss], constants=True)

    @property
    def key(self) -> Hashable:
        """A key that is equal for losses whose traces are the same."""
        return self.fingerprint.key, self.native

    def by_row(self, z: Array, y: Array) -> Array:
        """Return the loss of each row."""
        (loss,) = self.fingerprint.rebuild((), self.native)
        if self.native:
            return loss(z, y)
        with tracing():
            returned = loss(Traced(z), Traced(y))
        return returned.value if isinstance(returned, Traced) else jnp.asarray(returned)

    def __call__(self, z: Array, y: Array, weight: Array) -> Array:
        return scalar((weight * self.by_row(z, y)).sum())


@dataclass(frozen=True)
class NativeLoss:
    """The loss of a model written for JAX over a block of rows, as compiled code takes it."""

    model: Native
    loss: RowsLoss

    @property
    def key(self) -> Hashable:
        return "loss", self.model.key, self.loss.key

    def pure(self, x: Array, arrays: tuple[Array, ...]) -> tuple[Array, Array]:
        """Return the sum over (X, y, weight) at a point, and its gradient, which is 0 along the state."""
        X, y, weight = arrays
        theta, state = self.model.split(x)

        def total(theta: Array) -> Array:
            return self.loss(self.model.outputs(jnp.concatenate([theta, state]), X), y, weight)

        value, gradient = jax.value_and_grad(total)(theta)
        return value, jnp.concatenate([gradient, jnp.zeros_like(state)])

    def learning(self, x: Array, arrays: tuple[Array, ...], key: Array) -> tuple[Array, Array, Array]:
        """Return the sum over a batch, its gradient and the next state, of the model while it learns."""
        X, y, weight = arrays
        theta, state = self.model.split(x)

        def total(theta: Array) -> tuple[Array, Array]:
            z, after = self.model.called(jnp.concatenate([theta, state]), X, key)
            return self.loss(z, y, weight), after

        (value, after), gradient = jax.value_and_grad(total, has_aux=True)(theta)
        return value, jnp.concatenate([gradient, jnp.zeros_like(state)]), after


def native_objective(
    loss: NativeLoss, penalty: Objective | None, x: np.ndarray, rows: ArrangedRows, seed: int, box: Box | None = None
) -> Objective:
    """Return the objective over all rows; with a state, each iteration is an epoch that also changes the state."""
    compiled = recalled(loss.key, Compiled, lambda: Compiled(loss.pure))
    objective = traced_objective(compiled, (), penalty, rows, seed, x, None, loss.key, box)
    code = objective.compiled
    assert code is not None
    if loss.model.state is not None:
        code.epoch = stateful_epoch(rows.layout, loss, penalty.compiled if penalty else None)
        code.updates = rows.layout.batches
    return objective


def stateful_epoch(layout: Layout, loss: NativeLoss, penalty: Compiled | None) -> Function:
    """Return the function of one epoch of a model with a state: each batch changes parameters and state.

    The batches and the step sizes are those of `epoch_of`. Each batch has a random key of its own.
    """

    def on_batch(x: Array, key: Array, data: tuple[Array, ...], arrays: Arrays) -> tuple[Array, Array, Array]:
        value, gradient, after = loss.learning(x, data, key)
        value, gradient = value / arrays["batch_mass"], gradient / arrays["batch_mass"]
        if penalty is not None:
            cost, slope = penalty.pure(x, arrays["penalty"])
            value, gradient = value + cost, gradient + slope
        return value, gradient, after

    def epoch(
        rules: Rules, x: Array, memory: PyTree, number: Array, arrays: Arrays, sizes: Array, first: Array
    ) -> tuple[Array, PyTree, Array]:
        """Go through the batches once; return the point, the memory and the last step size."""
        key = key_of(arrays, number)
        order, size = order_of(layout, key), sizes_of(layout, rules, number, sizes, first)
        # The key that shuffles the batches is not used again as it is.
        own = jax.random.fold_in(key, layout.batches)

        def update(i: Array, carry: tuple[Array, PyTree]) -> tuple[Array, PyTree]:
            x, memory = carry
            take: Callable[[Array], tuple[Array, Array, Array]] = partial(
                on_batch, key=jax.random.fold_in(own, i), data=batch_of(layout, arrays["data"], order, i)[1],
                arrays=arrays,
            )  # fmt: skip
            value, gradient, after = take(x)
            gradient = sloping(arrays, x, gradient)
            direction, memory = rules.next_direction(gradient, memory, x, value, lambda x: take(x)[0])
            x = inside(arrays, x + size(i, memory) * direction)
            return jnp.concatenate([x[: -after.size or None], after]), memory

        x, memory = jax.lax.fori_loop(0, layout.batches, update, (x, memory))
        return x, memory, size(layout.batches - 1, memory)

    return epoch
