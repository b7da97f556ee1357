"""Newton's step in a box for many coefficients: the quadratic model is minimised in some of them at a time.

A Hessian of all coefficients would take memory that grows with the square of their number. At most as many of them as
there are independent rows are free at the optimum of a least squares problem with bounds; the others are on a bound.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from steepest.data.sparse.segments import SparseRows
from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS
from steepest.fitting.limits import PROXIMAL_NEWTON
from steepest.fitting.linear.certificates.rounding import ROUNDINGS
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic_box import minimize_quadratic_box
from steepest.types import Array

# The least size of a working set, how many coefficients it has for each row, and the most steps in one set. Chosen, not
# measured: a larger set takes fewer rounds, each of which takes time that grows with the cube of its size, and a set
# that is larger than the number of rows has many optima.
LEAST, A_ROW, MOST_STEPS = 128, 1.25, 100
# This part of a set is kept for coefficients that enter. Chosen, not measured: without room a set that is full of
# coefficients between their bounds never changes.
ROOM = 8


def is_wide(glm: Glm) -> bool:
    """Tell whether there are too many coefficients for a Hessian of all of them."""
    return int(glm.X.shape[1]) + 1 > PROXIMAL_NEWTON


def working_step(glm: Glm, box: Box, theta: Array, slope: Array, z: Array) -> Array:
    """Return the step to the minimum of the quadratic model in a working set of coefficients; the others stay.

    The set has the coefficients between their bounds, and of those on a bound the ones of the steepest slope inwards.
    """
    columns = glm.X.shape[1]
    # Under a penalty more coefficients than rows may be between their bounds.
    enough = max(LEAST, int(A_ROW * len(glm.y))) if glm.transform is None else columns
    size = min(columns, PROXIMAL_NEWTON - 1, enough)
    steep = jnp.where(box.held(theta, slope), 0.0, jnp.abs(slope))
    inside = (theta > box.low) & (theta < box.high)
    # Those on a bound need room to enter: if too many are between their bounds, take the steepest of all.
    first = inside & (jnp.sum(inside) <= size - size // ROOM)
    chosen = jax.lax.top_k((steep + jnp.where(first, 2 * jnp.max(steep) + 1.0, 0.0))[:-1], size)[1]
    places = jnp.append(chosen, columns)
    second = glm.losses(z, glm.y, glm.weight / glm.mass)[2]

    def part(X: Array, p: Array, second: Array) -> tuple[Array, tuple[()]]:
        A = jnp.c_[_columns(X, chosen), jnp.ones(len(second))]
        return A.T @ (second[:, None] * A), ()

    H, _ = glm.over_blocks(part, jnp.zeros((size + 1, size + 1)), second)
    if glm.transform is not None:
        H = H + jnp.diag(jnp.append(glm.ridge * glm.transform[chosen] ** 2, 0.0))
    y = minimize_quadratic_box(H, slope[places], theta[places], Box(box.low[places], box.high[places]), MOST_STEPS)
    return jnp.zeros_like(theta).at[places].set(y - theta[places])


def multipliers(glm: Glm, slope: Array, z: Array, d: Array, along: Array) -> tuple[Array, Array]:
    """Return slope + H d and a bound on its rounding error, from products with the rows alone."""
    moved = glm.losses(z, glm.y, glm.weight / glm.mass)[2] * along

    def part(X: Array, p: Array, moved: Array) -> tuple[tuple[Array, Array], tuple[()]]:
        size = jnp.abs(moved)
        return (jnp.append(moved @ X, moved.sum()), jnp.append(size @ abs(X), size.sum())), ()

    (change, terms), _ = glm.over_blocks(part, (jnp.zeros_like(slope), jnp.zeros_like(slope)), moved)
    ridge = glm.penalty_gradient(d)
    return slope + change + ridge, ROUNDINGS * EPS * (terms + jnp.abs(ridge))


def _columns(X: Array, chosen: Array) -> Array:
    """Return some columns of a block of rows as an array."""
    if isinstance(X, SparseRows):
        return X @ jax.nn.one_hot(chosen, X.shape[1], axis=0)
    return X[:, chosen]
