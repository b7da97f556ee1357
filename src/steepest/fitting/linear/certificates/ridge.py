"""The certificate of a linear model with an L2 penalty and too many coefficients for a Hessian.

The penalty alone is curved along every coefficient. So tangents of the losses, whose slopes sum to 0, lie above a bound
that needs only products with the rows. The derivation is in docs/certificates.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, Self

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.descent.loop.bound import Bound
from steepest.fitting.linear.certificates.rounding import ROUNDINGS
from steepest.fitting.linear.coordinates import Coordinates
from steepest.fitting.linear.glm import Glm
from steepest.types import Array

# If rounding moves an output by more, the curvature of the loss at the computed output is no bound. Chosen, not
# measured: below it the curvature of a loss with |ℓ‴| ≤ ℓ″ changes by a factor of at most MARGIN.
FINE, MARGIN = 1e-3, 1.01


class Products(Protocol):
    """Products with the rows, for one output or several."""

    def __abs__(self) -> Self:
        """Return the products with an upper bound of each absolute entry."""

    def along(self, u: np.ndarray) -> np.ndarray:
        """Return X u."""
        ...

    def slopes(self, r: np.ndarray) -> np.ndarray:
        """Return Xᵀ r."""
        ...


@shared
def _losses(glm: Glm, z: Array) -> tuple[Array, Array, Array, Array]:
    """Return the sum of the losses, the derivatives of each row's, and the size of the terms of the first of these."""
    p = glm.weight / glm.mass
    loss, first, second = glm.losses(z, glm.y, p)
    return loss.sum(), first, second, p * stack(glm.loss.terms(Traced(glm.y)))


@shared
def _fenchel_young(glm: Glm, z: Array, shift: Array) -> Array:
    """Return the sum of the Fenchel-Young gaps at the slopes after a shift of all outputs."""
    return glm.fenchel_young_gap(z, jnp.broadcast_to(shift, z.shape))


@dataclass(frozen=True)
class RidgeBound:
    """The bound f - f* ≤ Σ p Δ + ‖T⁻ᵀ G‖² / 2λ, with G the gradient at slopes ℓ′ + ℓ″ τ that sum to 0.

    Attributes
    ----------
    rows : Glm
        The losses of the rows, without X.
    columns : Products
        X.
    ridge : array of shape (columns,)
        λ T², the curvature of the penalty along each coefficient.
    coordinates : Coordinates
        The map to the user's units.
    precision : float
        The relative rounding error of the entries of X.
    """

    rows: Glm
    columns: Products
    ridge: np.ndarray
    coordinates: Coordinates
    precision: float

    def __call__(self, theta: np.ndarray, near: float = 0.0) -> Bound:
        """Return the bound at θ with its rounding errors; a gap up to `near` counts as one."""
        by_output = self.rows.reshape(theta)
        u, b = by_output[:-1], by_output[-1]
        columns, unit = self.columns, ROUNDINGS * EPS + self.precision
        z = columns.along(u) + b
        terms = abs(columns).along(np.abs(u)) + np.abs(b)
        with compiled_code():
            value, first, second, of_slopes = jax.device_get(_losses(self.rows, z))
        total = np.atleast_2d(second.sum(axis=0))
        size = np.abs(second) if second.ndim == 1 else np.abs(second).sum(axis=-1)
        if not (np.all(np.isfinite(total)) and np.linalg.eigvalsh(total)[0] > 0 and unit * terms.max() < FINE):
            return Bound(math.inf, 0.0, 1)
        inverse = np.linalg.inv(total)
        # How far rounding moves the slope of each row, and the sum of the slopes; a change of τ makes up for the sum.
        by_rounding = unit * (np.abs(first) + (of_slopes if first.ndim == 1 else of_slopes[:, None]) + size * terms)
        shift = -(inverse @ np.atleast_1d(first.sum(axis=0))).reshape(b.shape)
        least = float(np.linalg.norm(inverse, 2) * np.linalg.norm(by_rounding.sum(axis=0)))
        if least > FINE:
            return Bound(math.inf, 0.0, 1)
        alpha = first + (second * shift if second.ndim == 1 else second @ shift)
        root = np.sqrt(self.ridge if u.ndim == 1 else self.ridge[:, None])
        G = columns.slopes(alpha) + root**2 * u
        error = abs(columns).slopes(by_rounding + size * least) + unit * root**2 * np.abs(u)
        away, lost = float(np.linalg.norm(G / root)), float(np.linalg.norm(error / root))
        ends = [shift + least * unit for unit in self._units(b)]
        with compiled_code():
            tangents = max(float(_fenchel_young(self.rows, z, end)) for end in ends)
        # The intercept in the user's units is b - coef · mean, and is rounded.
        blur = ROUNDINGS * max(map(self.coordinates.blur, theta.reshape(len(by_output), -1).T))[1]
        moved = float(np.abs(first.sum(axis=0)).sum()) * blur + float(size.sum()) * blur**2
        slack = ROUNDINGS * EPS * abs(value) + unit * float((np.abs(first) * terms).sum()) + moved
        gap = MARGIN * max(tangents, 0.0) + (away + lost) ** 2 / 2 + slack
        floor = max(4 * (lost**2 / 2 + slack), near)
        return Bound(gap if math.isfinite(gap) else math.inf, floor, 1)

    def _units(self, b: np.ndarray) -> np.ndarray:
        """Return the corners of a polytope around the ball of radius 1, in the space of the intercepts."""
        if not b.ndim:
            return np.array([-1.0, 1.0])
        axes = np.sqrt(b.size) * np.eye(b.size)
        return np.concatenate([axes, -axes])
