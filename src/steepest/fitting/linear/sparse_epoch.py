"""An epoch of plain gradient steps on batches of sparse rows: a step changes only the coefficients that its batch uses.

An L2 penalty shrinks every coefficient at every step. So the coefficients are stored as a number s times a vector v,
and a step shrinks s.
Bottou, "Stochastic gradient descent tricks" (2012), section 5.1.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from steepest.data.batches import Layout
from steepest.data.sparse.segments import SparseRows
from steepest.fitting.linear.glm import Glm
from steepest.fitting.objective import batch_of
from steepest.rules.directions import Plain
from steepest.rules.pair import Rules
from steepest.types import Array

# After TOGETHER updates s is multiplied into v and reset to 1, so that s can't underflow: an update multiplies s by at
# least SMALLEST, and 1e-15 to the 16th power is 1e-240. A factor below SMALLEST differs from 0 only by rounding error.
TOGETHER, SMALLEST = 16, 1e-15


def serves(rules: Rules, glm: Glm) -> bool:
    """Tell whether steps by these rules change only the coefficients that a batch uses."""
    plain = isinstance(rules.direction, Plain) and not rules.adapts
    X = glm.X
    return plain and isinstance(X, SparseRows) and X.mean is None and X.transform is None


def epoch(glm: Glm, layout: Layout, mass: Array, x: Array, order: Array, size: Callable[[Array], Array]) -> Array:
    """Go through the batches once, with step size ``size(i)`` for update i, and return the point reached."""

    def update(i: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        v, b, s = carry
        X, y, weight = batch_of(layout, (glm.X, glm.y, glm.weight), order, i)[1]
        first, t = glm.losses(s * (X @ v) + b, y, weight / mass)[1], size(i)
        if glm.transform is not None:
            shrink = 1 - t * glm.ridge
            s = s * jnp.where(jnp.abs(shrink) < SMALLEST, SMALLEST, shrink)
        return X.scattered(v, -t / s * first), b - t * first.sum(axis=0), s

    def several(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        v, b = carry
        last = jnp.minimum((k + 1) * TOGETHER, layout.batches)
        v, b, s = jax.lax.fori_loop(k * TOGETHER, last, update, (v, b, jnp.ones(())))
        return s * v, b

    v, b = glm.reshape(x)[:-1], glm.reshape(x)[-1]
    if glm.transform is None:
        v, b, _ = jax.lax.fori_loop(0, layout.batches, update, (v, b, jnp.ones(())))
    else:
        v, b = jax.lax.fori_loop(0, -(-layout.batches // TOGETHER), several, (v, b))
    return jnp.concatenate([v, b[None]]).ravel()
