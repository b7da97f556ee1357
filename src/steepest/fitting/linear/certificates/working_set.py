"""The step to the minimum of the quadratic model in a box: by its Hessian, or by working sets if that is too large.

Both are computed in NumPy; only the derivatives of the losses are compiled.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.fitting.limits import PROXIMAL_NEWTON
from steepest.fitting.linear.certificates.rounding import ROUNDINGS
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic.box import minimize_quadratic_box, never
from steepest.fitting.linear.quadratic.box_sets import RowModel
from steepest.fitting.linear.quadratic.products import DenseColumns, SparseColumns, read_columns
from steepest.types import Array


def is_wide(glm: Glm) -> bool:
    """Tell whether there are too many coefficients for a Hessian of all of them."""
    return int(glm.X.shape[1]) + 1 > PROXIMAL_NEWTON


def step_in_box(
    glm: Glm, box: Box, theta: Array, slope: Array, z: Array, H: Array | None,
    columns: DenseColumns | SparseColumns | None = None, is_over: Callable[[], bool] = never,
) -> np.ndarray:  # fmt: skip
    """Return the step from θ to the minimum of the quadratic model in the box.

    Without H it comes from products with the rows; `columns` are those of the rows, if they were read before.
    """
    box, x, g = Box(*map(np.asarray, box)), np.asarray(theta), np.asarray(slope)
    if H is not None:
        return minimize_quadratic_box(np.asarray(H), g, x, box, is_over) - x
    ridge = np.zeros_like(x)
    if glm.transform is not None:
        ridge[:-1] = float(glm.ridge) * np.asarray(glm.transform) ** 2
    model = RowModel(columns or read_columns(glm.X), np.asarray(_second(glm, z)), ridge)
    return model.minimum(g, x, np.asarray(z), box, is_over) - x


def multipliers(glm: Glm, slope: Array, z: Array, d: Array, along: Array) -> tuple[Array, Array]:
    """Return slope + H d and a bound on its rounding error, from products with the rows alone."""
    moved = glm.losses(z, glm.y, glm.weight / glm.mass)[2] * along

    def part(X: Array, p: Array, moved: Array) -> tuple[tuple[Array, Array], tuple[()]]:
        size = jnp.abs(moved)
        return (jnp.append(moved @ X, moved.sum()), jnp.append(size @ abs(X), size.sum())), ()

    (change, terms), _ = glm.over_blocks(part, (jnp.zeros_like(slope), jnp.zeros_like(slope)), moved)
    ridge = glm.penalty_gradient(d)
    return slope + change + ridge, ROUNDINGS * EPS * (terms + jnp.abs(ridge))


@shared
def _second(glm: Glm, z: Array) -> Array:
    """Return the second derivative of each row's loss."""
    return glm.losses(z, glm.y, glm.weight / glm.mass)[2]
