"""Rounding errors of the parts of a certificate, which are added to the bound that exact arithmetic would prove.

docs/certificates.md lists all terms.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steepest.data.sparse.segments import SparseRows
from steepest.derivatives.differences import EPS
from steepest.descent.loop.bound import Bound
from steepest.fitting.linear.certificates.base import BoundParts
from steepest.fitting.linear.coordinates import Coordinates, edges
from steepest.fitting.linear.glm import Glm
from steepest.types import Array

# A bound on the rounding error of a sum, in units of eps times the sum of the absolute terms. Random errors of n terms
# grow as √n. `tests/convex.py` compares the bounds with values in extended precision, on random problems.
ROUNDINGS = 16
# If rounding moves an output by more than this share of the unit of z, ℓ′ and ℓ″ do not bound the change of the loss.
# Chosen, not measured: ℓ″ may be very different further away.
FINE = 0.5


@dataclass(frozen=True)
class Rounding:
    """Bounds on the rounding errors of the gradient (for each coordinate), of the value, and of the outputs."""

    gradient: np.ndarray
    value: float
    outputs: float

    @classmethod
    def at(cls, parts: BoundParts, theta: np.ndarray, coordinates: Coordinates, glm: Glm) -> Rounding | None:
        """Return the bounds at θ; None if rounding may move an output too far for a bound on the loss."""
        columns = by_output(theta, glm)
        reach = np.append(column_reach(glm, coordinates), 1.0)
        # A bound on the sum of the absolute terms of an output.
        terms = float((reach @ np.abs(columns)).max())
        uneven, shift = (ROUNDINGS * max(blur) for blur in zip(*map(coordinates.blur, columns.T), strict=True))
        if uneven + shift > FINE * glm.loss.unit(np.asarray(glm.y), np.asarray(glm.weight)):
            return None
        # Tangents of any slopes prove a bound, so for a loss with kinks rounding errors of z do no harm: only those of
        # the step count.
        spread = min(terms, float(np.linalg.norm(reach)) * parts.step_norm) if glm.loss.kinked else terms
        each = parts.slope_sum + parts.curvature_sum * spread + parts.term_sum
        precision = float(np.finfo(np.dtype(glm.X.dtype)).eps)
        summed = (ROUNDINGS * EPS + precision) * terms
        outputs = summed + uneven + shift
        value = ROUNDINGS * EPS * abs(parts.value) + parts.slope_sum * (summed + uneven)
        value += parts.intercept_slope * shift + parts.curvature_sum * outputs * outputs
        return cls(ROUNDINGS * EPS * each * np.repeat(reach, columns.shape[1]), value, outputs)


def hessian_rounding(parts: BoundParts, coordinates: Coordinates, measured: bool) -> float:
    """Return the relative rounding error of H⁻¹.

    If the Hessian was not computed from the rows (`measured`) but is known from whitening, the condition number of the
    columns bounds the error: the number itself for whitening by singular values, its square for a Gram matrix.
    """
    whitening = coordinates.condition if coordinates.condition > 1e5 else coordinates.condition**2
    return ROUNDINGS * EPS * (parts.condition if measured else whitening)


def bound_at_lowest(parts: BoundParts, rounding: Rounding, glm: Glm) -> Bound | None:
    """Return the bound if all targets are met, so that the value is as low as possible up to rounding; else None."""
    value = float(parts.value) - float(glm.lowest)
    # If the loss of a row is 0, its slope and curvature are 0, too. They do not bound the loss that rounding of the
    # output hides.
    hidden = rounding.outputs if glm.loss.kinked else glm.loss.steepest * rounding.outputs * rounding.outputs
    slack = rounding.value + hidden
    if not (glm.loss.vanishes and value <= slack < math.inf):
        return None
    return Bound(max(value, 0.0) + slack, 4 * slack, 1)


def step_rounding(rounding: Rounding | None, metric: np.ndarray, coordinates: Coordinates, glm: Glm) -> float:
    """Return how far the gradient's rounding error may move an output in Newton's step; infinite if that is unknown."""
    if rounding is None or not np.all(np.isfinite(metric)):
        return math.inf
    step = np.abs(metric) @ (np.abs(metric).T @ rounding.gradient)
    return math.sqrt(2) * float((np.append(column_reach(glm, coordinates), 1.0) @ by_output(step, glm)).max())


def by_output(theta: np.ndarray, glm: Glm) -> np.ndarray:
    """Return θ as a matrix with a column for each output."""
    return theta.reshape(-1, max(glm.loss.outputs, 1))


@dataclass(frozen=True)
class _Reach:
    """The reach of the columns of some rows, as long as these are in memory; `last` is the one computed last."""

    rows: Callable[[], Array | None]
    reach: np.ndarray
    last: ClassVar[_Reach | None] = None


def column_reach(glm: Glm, coordinates: Coordinates) -> np.ndarray:
    """Return a bound on the absolute entries of each column, in the coordinates of the descent."""
    if coordinates.basis is None:
        return np.zeros(len(coordinates.scale)) if coordinates.reach is None else coordinates.reach
    if isinstance(glm.X, SparseRows):
        return coordinates.reach @ np.abs(coordinates.basis)
    known = _Reach.last
    if known is None or known.rows() is not glm.X:
        low, high = edges(np.asarray(glm.X))
        # A certificate asks for the same rows several times, and each time they would all be read.
        known = _Reach.last = _Reach(weakref.ref(glm.X), np.maximum(high, -low))
    return known.reach
