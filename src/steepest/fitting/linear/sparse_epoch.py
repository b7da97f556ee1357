"""Plain steps on batches of sparse rows, which touch only the coefficients of columns that the batch has.

An L2 penalty shrinks all of them at every step: they are kept as s v, of which s alone changes then.
Bottou, "Stochastic gradient descent tricks" (2012), section 5.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from steepest.data.batches import Layout
from steepest.data.sparse.segments import SparseRows
from steepest.fitting.objective import batch_of
from steepest.rules.directions import Plain
from steepest.rules.pair import Rules

if TYPE_CHECKING:
    from steepest.fitting.linear.glm import Glm

Array = Any

# After so many updates s is multiplied into v; no update changes it by less than what double precision tells from 0.
TOGETHER, SMALLEST = 16, 1e-15


def bears(rules: Rules, glm: Glm) -> bool:
    """Tell whether steps by these rules leave alone what a batch has nothing of."""
    plain = isinstance(rules.direction, Plain) and not (rules.optax or rules.adapts)
    X = glm.X
    return plain and isinstance(X, SparseRows) and X.mean is None and X.turn is None


def epoch(glm: Glm, layout: Layout, mass: Array, x: Array, order: Array, size: Callable[[Array], Array]) -> Array:
    """Go through the batches once, by steps of a size each, and return where that leads."""

    def update(i: Array, here: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        v, b, s = here
        X, y, weight = batch_of(layout, (glm.X, glm.y, glm.weight), order, i)[1]
        first, t = glm.losses(s * (X @ v) + b, y, weight / mass)[1], size(i)
        if glm.transform is not None:
            kept = 1 - t * glm.ridge
            s = s * jnp.where(jnp.abs(kept) < SMALLEST, SMALLEST, kept)
        return X.scattered(v, -t / s * first), b - t * first.sum(axis=0), s

    def some(k: Array, here: tuple[Array, Array]) -> tuple[Array, Array]:
        v, b = here
        last = jnp.minimum((k + 1) * TOGETHER, layout.batches)
        v, b, s = jax.lax.fori_loop(k * TOGETHER, last, update, (v, b, jnp.ones(())))
        return s * v, b

    v, b = glm.reshape(x)[:-1], glm.reshape(x)[-1]
    if glm.transform is None:
        v, b, _ = jax.lax.fori_loop(0, layout.batches, update, (v, b, jnp.ones(())))
    else:
        v, b = jax.lax.fori_loop(0, -(-layout.batches // TOGETHER), some, (v, b))
    return jnp.concatenate([v, b[None]]).ravel()
