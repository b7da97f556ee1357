"""Many small descents side by side: damped Newton steps on arrays with a lane for each refit.

All lanes begin at the answer of the fit. So they are near their minima, and steps from normal equations suffice: a
refit needs a small part of its standard error, and not all digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.types import Array

# A lane has converged if a step gains at most this share of the median gain of first steps, which is about a squared
# standard error. So its last step is a millionth of a standard error long.
NEAR = 1e-12
# The first damping after a failed step, as a share of the curvatures, and the factor by which it grows and shrinks.
DAMPED, FACTOR = 1e-3, 10.0
# The most steps of a first pass over all lanes, and of a second one over those that have not converged. Chosen, not
# measured: a pass goes on until its last lane has converged.
FIRST_PASS, SECOND_PASS = 12, 100
# A lane whose Hessian has a smaller eigenvalue, as a share of its largest, is judged alone: rounding hides whether its
# rows determine all parameters. It is the square of the condition number at which the errors of a fit stop to trust
# their quick inverse (`descent/covariance.py`).
SINGULAR = 1e-12
# Up to this many parameters the decomposition is written out. Chosen, not measured: its code grows with their cube.
UNROLLED = 6

# Points -> values, gradients and Hessians: of shapes (lanes,), (lanes, n) and (lanes, n, n).
Local = Callable[[Array], tuple[Array, Array, Array]]


class Lanes(NamedTuple):
    """The state of all lanes."""

    x: Array
    value: Array
    gradient: Array
    hessian: Array
    damping: Array
    done: Array
    times: Array


def descended(local: Local, x: Array, unit: Array, floor: Array, most: Array) -> tuple[Array, Array, Array, Array]:
    """Return the points that the lanes reach, which of them have converged, the unit of gains, and the Hessians.

    Parameters
    ----------
    local : callable
        The quadratic model of each lane.
    x : array of shape (lanes, n)
        The starts.
    unit : float
        The median gain of first steps; NaN to take that of these lanes.
    floor : float
        A gain that rounding hides.
    most : int
        The most steps.
    """
    begun = Lanes(x, *local(x), jnp.zeros(len(x)), jnp.zeros(len(x), bool), jnp.asarray(0))
    gains = -jnp.sum(_step(begun) * begun.gradient, axis=1) / 2
    # The median: near a singular Hessian a step may promise any gain.
    usual = jnp.nanmedian(jnp.where(jnp.isfinite(gains), gains, jnp.nan))
    unit = jnp.where(jnp.isnan(unit), usual, unit)

    def advanced(lanes: Lanes) -> Lanes:
        step = _step(lanes)
        gain = -jnp.sum(step * lanes.gradient, axis=1) / 2
        new = lanes.x + step
        value, gradient, hessian = local(new)
        is_finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient), axis=1)
        near = (lanes.damping == 0) & (gain <= NEAR * unit + floor)
        # So close to a minimum the values differ by rounding alone.
        good = ~lanes.done & is_finite & ((value <= lanes.value) | near)
        smaller = jnp.where(lanes.damping > DAMPED / FACTOR, lanes.damping / FACTOR, 0.0)
        larger = jnp.maximum(FACTOR * lanes.damping, DAMPED)

        def moved(new: Array, old: Array) -> Array:
            return jnp.where(good.reshape(-1, *[1] * (old.ndim - 1)), new, old)

        return Lanes(
            moved(new, lanes.x), moved(value, lanes.value), moved(gradient, lanes.gradient),
            moved(hessian, lanes.hessian), jnp.where(good, smaller, larger), lanes.done | (good & near),
            lanes.times + 1,
        )  # fmt: skip

    lanes = jax.lax.while_loop(lambda lanes: ~jnp.all(lanes.done) & (lanes.times < most), advanced, begun)
    return lanes.x, lanes.done, unit, lanes.hessian


def apart(hessians: np.ndarray, blurred: float = 0.0) -> np.ndarray:
    """Return which Hessians are certainly not singular, in units in which each of their curvatures is 1.

    Parameters
    ----------
    hessians : array of shape (lanes, n, n)
        The Hessians.
    blurred : float
        The relative rounding error of what the Hessians are squares of.

    Returns
    -------
    array of bool of shape (lanes,)
        Which ones. The others are judged one by one.
    """
    curvatures = np.diagonal(hessians, axis1=1, axis2=2)
    is_known = np.isfinite(hessians).all(axis=(1, 2)) & (curvatures > 0).all(axis=1)
    unit = 1 / np.sqrt(np.where(is_known[:, None], curvatures, 1.0))
    scaled = np.where(is_known[:, None, None], hessians, 0.0) * unit[:, :, None] * unit[:, None, :]
    values = np.linalg.eigvalsh(scaled)
    apart: np.ndarray = is_known & (values[:, 0] > max(SINGULAR, (100 * blurred) ** 2) * values[:, -1])
    return apart


def _step(lanes: Lanes) -> Array:
    """Return -(H + μ diag H)⁻¹ g of each lane, by a Cholesky decomposition; NaN where there is none."""
    n = lanes.x.shape[1]
    curvatures = jnp.abs(jnp.diagonal(lanes.hessian, axis1=1, axis2=2))
    # In units in which each curvature is 1, parameters of all sizes count alike.
    units = 1 / jnp.sqrt(jnp.where(curvatures > 0, curvatures, 1.0))
    if n > UNROLLED:
        scaled = lanes.hessian * units[:, :, None] * units[:, None, :]
        damped = scaled + lanes.damping[:, None, None] * jnp.eye(n)
        factor = jnp.linalg.cholesky(damped), True
        return -jax.scipy.linalg.cho_solve(factor, (lanes.gradient * units)[:, :, None])[:, :, 0] * units
    damping = lanes.damping
    # The decomposition row by row, on numbers with a value for each lane: LAPACK would be called once for each lane.
    lower: dict[tuple[int, int], Array] = {}
    solved: list[Array] = []
    for i in range(n):
        for j in range(i + 1):
            entry = lanes.hessian[:, i, j] * units[:, i] * units[:, j]
            if i == j:
                entry = entry + damping
            for k in range(j):
                entry = entry - lower[i, k] * lower[j, k]
            lower[i, j] = jnp.sqrt(entry) if i == j else entry / lower[j, j]
        right = -lanes.gradient[:, i] * units[:, i]
        for k in range(i):
            right = right - lower[i, k] * solved[k]
        solved.append(right / lower[i, i])
    step: dict[int, Array] = {}
    for i in reversed(range(n)):
        left = solved[i]
        for k in range(i + 1, n):
            left = left - lower[k, i] * step[k]
        step[i] = left / lower[i, i]
    return jnp.stack([step[i] for i in range(n)], axis=1) * units
