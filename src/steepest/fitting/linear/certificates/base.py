"""The interface of the certificates of linear models: the parts of a bound, and how a solver asks for a bound."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from steepest.descent.loop.bound import Bound
from steepest.fitting.linear.certificates.recession import Recession
from steepest.fitting.linear.coordinates import Coordinates
from steepest.fitting.linear.glm import Glm
from steepest.types import Array


class BoundParts(NamedTuple):
    """Sums over the rows that a bound needs, at a point θ and along a step d from it.

    Attributes
    ----------
    gap : array
        The bound on f - f*, before rounding errors are added.
    value : array
        The objective at θ.
    slope_sum, curvature_sum : array
        Σ |p ℓ′| and Σ |p ℓ″|.
    term_sum : array
        Σ p times the size of the terms that ℓ′ is computed from: see `Loss.terms`.
    intercept_slope : array
        The largest derivative by an intercept.
    endless : array
        Whether the loss seems to fall without end along d.
    largest_move : array
        The most that d moves an output. A move below 1 proves that the loss does not fall without end.
    step_norm : array
        ‖d‖.
    condition : array
        The condition number of the Hessian; infinite if d is not Newton's step.
    """

    gap: Array
    value: Array
    slope_sum: Array
    curvature_sum: Array
    term_sum: Array
    intercept_slope: Array
    endless: Array
    largest_move: Array
    step_norm: Array
    condition: Array


class Measurement(NamedTuple):
    """The parts of a bound at a point, computed by the solver during a step or by two readings of X.

    Attributes
    ----------
    x : array of shape (n,)
        The point.
    parts : BoundParts
        The sums over the rows.
    sensitivity : array
        The effect of an error of the gradient on the bound: M with Mᵀ H M = I for a smooth penalty; for an L1 penalty
        the distance that each coefficient may still move.
    cost : int
        The evaluations that the measurement cost.
    """

    x: np.ndarray
    parts: BoundParts
    sensitivity: Array
    cost: int


class LinearCertifier(Protocol):
    """The certificate of a linear model: a proven bound on how far a point is above the minimum.

    Attributes
    ----------
    glm : Glm
        The model on its rows.
    coordinates : Coordinates
        The map from the coordinates of the descent to the user's units, for one output.
    recession : Recession
        Whether the loss falls without end on these rows.
    """

    glm: Glm
    coordinates: Coordinates
    recession: Recession

    def measure(self, theta: np.ndarray, smoothing: Array | None = None) -> Measurement | None:
        """Return the parts of a bound at θ; None if the Hessian would be too large, or if there is no minimum."""
        ...

    def __call__(self, theta: np.ndarray, known: Measurement | None = None, near: float = 0.0) -> Bound | None:
        """Return a bound on f(θ) - f*: infinite if none is proven so far, None if none can be computed.

        `known` is the measurement at θ, if it was made before. A gap up to `near` counts as rounding error.
        """
        ...
