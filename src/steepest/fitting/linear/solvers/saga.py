"""Mini-batches for a linear model: two epochs of SAGA, before another solver continues over all rows."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from steepest.data.batches import Layout
from steepest.data.sparse.segments import squares
from steepest.derivatives.compiled import shared
from steepest.derivatives.precision import compiled_code
from steepest.descent.loop.state import RUNNING
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.solvers.base import S
from steepest.fitting.objective import batch_of, order_of
from steepest.types import Array

# Epochs before the steps over all rows. Chosen, not measured: more epochs come nearer the minimum, but the solver over
# all rows needs a few steps in any case.
EPOCHS = 2
# Steps of the power method for the largest eigenvalue, each a reading of the rows. Chosen, not measured: fewer steps
# underestimate the eigenvalue more, which makes the steps of SAGA too long.
POWERS = 4


def smoothness(glm: Glm, size: int, rows: int) -> float:
    """Return the smoothness of the loss of b out of n rows: from max Lᵢ for single rows to L for all rows.

    With the smoothness Lᵢ of the loss of row i, and L of the loss of all rows, L(b) = (n - b) / (b (n - 1)) max Lᵢ + n
    (b - 1) / (b (n - 1)) L, from Gazagnadou, Gower and Salmon, "Optimal mini-batch and step sizes for SAGA" (2019). In
    coordinates chosen for the loss and the ridge, the ridge adds at most the largest ℓ″.
    """
    largest, of_all = _row_and_gram_norms(glm, rows)
    rest = size * max(rows - 1, 1)
    return glm.loss.steepest * float((rows - size) / rest * largest + rows * (size - 1) / rest * of_all + 1)


def _norms(glm: Glm, rows: Array) -> tuple[Array, Array]:
    """Return the largest n pᵢ ‖aᵢ‖², and the largest eigenvalue of Σ pᵢ aᵢaᵢᵀ by a few steps of the power method."""
    norms = glm.over_blocks(lambda X, p: ((), p * (1 + squares(X))), ())[1]

    def power_step(_: Array, v: Array) -> Array:
        def part(X: Array, p: Array) -> tuple[Array, tuple[()]]:
            along = p * (X @ v[:-1] + v[-1])
            return jnp.append(along @ X, along.sum()), ()

        total = glm.over_blocks(part, jnp.zeros_like(v))[0]
        return total / jnp.linalg.norm(v)

    v = jax.lax.fori_loop(0, POWERS, power_step, jnp.ones(glm.X.shape[1] + 1))
    return rows * norms.max(), jnp.linalg.norm(v)


_row_and_gram_norms = shared(_norms)


def _epoch(
    glm: Glm, layout: Layout, theta: Array, z: Array, gradient: Array, lam: Array | None, t: Array, key: Array
) -> Array:
    """Go through the batches once, from a point with its z = A θ and its gradient, and return the new point.

    θ ← prox(θ - t (m (∇Fⱼ(θ) - ∇Fⱼ(old)) + ḡ)) for batch j of m. The last gradient of each batch is stored as one
    number a row, and ḡ is the sum of all. With a penalty Σ λⱼ |θⱼ| the proximal step makes each entry smaller by t λⱼ;
    without one it changes nothing. Defazio, Bach and Lacoste-Julien, "SAGA" (2014).
    """
    order, p = order_of(layout, key), glm.weight / glm.mass
    known = glm.losses(z, glm.y, p)[1]

    def update(i: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        theta, known, total = carry
        at, (X, y, share, old) = batch_of(layout, (glm.X, glm.y, p, known), order, i)
        by_output = glm.reshape(theta)
        new = glm.losses(X @ by_output[:-1] + by_output[-1], y, share)[1]
        change = new - old
        difference = jnp.concatenate([(change.T @ X).T.ravel(), change.sum(axis=0).reshape(-1)])
        estimate = layout.batches * difference + total
        if glm.transform is not None:
            estimate = estimate + glm.penalty_gradient(theta)
        theta = theta - t * estimate
        if lam is not None:
            theta = jnp.sign(theta) * jnp.maximum(jnp.abs(theta) - t * lam, 0.0)
        return theta, known.at[at].set(new), total + difference

    gradient_of_losses = gradient - glm.penalty_gradient(theta)
    return jax.lax.fori_loop(0, layout.batches, update, (theta, known, gradient_of_losses))[0]


jax.tree_util.register_static(Layout)
_compiled_epoch = shared(_epoch)


class Saga:
    """Epochs of SAGA in batches, each of which must lower the value: an `Opening` for the solvers over all rows."""

    epochs = EPOCHS

    def __init__(self, glm: Glm, layout: Layout, seed: int, lam: Array | None = None) -> None:
        self.layout, self.seed, self.lam = layout, seed, lam
        with compiled_code():
            self.step_size = 1 / (3 * smoothness(glm, layout.size, layout.rows))

    def __call__(self, glm: Glm, state: S, gradient: Array, left: int, begin: Callable[[Array], S]) -> tuple[S, bool]:
        """Return the state after one epoch, and whether the epoch has lowered the value."""
        key = jax.random.fold_in(jax.random.key(self.seed), left)
        x = _compiled_epoch(glm, self.layout, state.x, state.z, gradient, self.lam, self.step_size, key)
        there = begin(x)
        # An epoch reads the rows once, and the value at its end reads them again.
        counts = {"evaluations": state.evaluations + 2}
        if not float(there.value) < float(state.value):
            return state._replace(**counts), False
        counts |= {"iteration": state.iteration + 1, "first_value": state.first_value}
        return there._replace(code=jnp.asarray(RUNNING), **counts), True
