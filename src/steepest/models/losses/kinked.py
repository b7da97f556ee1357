"""Losses whose slope jumps: sums of c max(0, s) with s linear in the output z.

With a smoothing μ > 0, solvers replace each term by a softplus function, which exceeds the term by at most μ log 2:
max(0, s) ≤ μ log(1 + e^(s/μ)) ≤ max(0, s) + μ log 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steepest.models.losses.base import Loss, positive, probabilities, softplus
from steepest.printable import quoted
from steepest.types import Array

# The numbers (c, σ, k) of a term c max(0, σ z - k).
Term = tuple[Array, Array, Array]


class Kinked(Loss):
    """A loss Σ c max(0, σ z - k), whose weights c, signs σ and knots k depend on the target."""

    kinked: ClassVar[bool] = True
    curved: ClassVar[bool] = False

    def parts(self, y: Array) -> tuple[Term, ...]:
        """Return (c, σ, k) of each term."""
        raise NotImplementedError

    def __call__(self, z: Array, y: Array) -> Array:
        return sum(c * np.maximum(sign * z - knot, 0.0) for c, sign, knot in self.parts(y))

    def smoothed(self, z: Array, y: Array, smoothing: Array) -> Array:
        """Return Σ c μ log(1 + e^((σ z - k) / μ)).

        Parameters
        ----------
        z, y : array
            Outputs and targets.
        smoothing : float
            μ, in units of z.

        Returns
        -------
        array
            The smoothed loss of each row.
        """
        return sum(c * smoothing * softplus((sign * z - knot) / smoothing) for c, sign, knot in self.parts(y))

    def smoothed_fenchel_young_gap(self, z: Array, y: Array, t: Array, smoothing: Array) -> Array:
        """Return the Fenchel-Young gap of each row, Σ c (max(0, s) - q s) with s = σ z - k and a slope q.

        The slope of a smoothed term at s is p = 1 / (1 + e^(-s/μ)), and q = p + p (1 - p) σ t / μ is the linear
        prediction of that slope after the outputs have changed by t. The conjugate of max(0, s) is 0 at a slope q from
        0 to 1, and infinite at any other slope.

        Parameters
        ----------
        z, y : array
            Outputs and targets.
        t : array
            The changes of the outputs by a Newton step.
        smoothing : float
            μ.

        Returns
        -------
        array
            Numbers of 0 or more, infinite where a slope q is outside 0 to 1.
        """
        total: Array = 0.0
        for c, sign, knot in self.parts(y):
            s = sign * z - knot
            p, rest = probabilities(s / smoothing)
            change = sign * t / smoothing
            # Compute q and 1 - q separately, for full relative precision of both.
            q, complement = p * (1 + rest * change), rest * (1 - p * change)
            gap = np.where(s > 0, complement * s, -q * s)
            total = total + c * np.where((q >= 0) & (complement >= 0), gap, np.inf)
        return total

    def smoothing(self, y: np.ndarray, weight: np.ndarray) -> float:
        """Return the first μ, the mean size of the targets: ℓ_μ is curved between 0 and the targets; 1 if all are 0.

        Parameters
        ----------
        y, weight : array of shape (rows,)
            Targets and row weights.

        Returns
        -------
        float
            μ.
        """
        return float(np.average(np.abs(y), weights=weight)) or 1.0


@dataclass(frozen=True, repr=False)
class Absolute(Kinked):
    """The absolute error, |z - y|; the best constant is a median.

    Examples
    --------
    >>> float(Absolute()(3.0, 1.0))
    2.0
    """

    name: ClassVar[str] = "absolute"

    def parts(self, y: Array) -> tuple[Term, ...]:
        return (1.0, 1.0, y), (1.0, -1.0, -y)


@dataclass(frozen=True)
class Quantile(Kinked):
    """The pinball loss, τ (y - z) where z is below y and (1 - τ) (z - y) above; the best constant is the τ quantile.

    Koenker and Bassett, "Regression quantiles" (1978).

    Parameters
    ----------
    level : float
        τ, between 0 and 1.

    Examples
    --------
    >>> Quantile(0.75)(np.array([0.0, 2.0]), 1.0)
    array([0.75, 0.25])
    """

    level: float = 0.5

    name: ClassVar[str] = "quantile"

    def __post_init__(self) -> None:
        positive("Quantile", level=self.level)
        if not self.level < 1:
            raise ValueError(f"losses.Quantile(level={quoted(self.level)}): give a number between 0 and 1")

    def parts(self, y: Array) -> tuple[Term, ...]:
        return (1 - self.level, 1.0, y), (self.level, -1.0, -y)


@dataclass(frozen=True)
class EpsilonInsensitive(Kinked):
    """The loss of support vector regression, max(0, |z - y| - ε).

    Parameters
    ----------
    epsilon : float
        ε, in units of y: errors up to ε cost nothing.

    Examples
    --------
    >>> EpsilonInsensitive(0.5)(np.array([1.25, 3.0]), 1.0)
    array([0. , 1.5])
    """

    epsilon: float = 0.1

    name: ClassVar[str] = "epsilon-insensitive"

    def __post_init__(self) -> None:
        if self.epsilon != 0:
            positive("EpsilonInsensitive", epsilon=self.epsilon)

    def parts(self, y: Array) -> tuple[Term, ...]:
        return (1.0, 1.0, y + self.epsilon), (1.0, -1.0, self.epsilon - y)


@dataclass(frozen=True, repr=False)
class Hinge(Kinked):
    """The hinge, max(0, 1 - s z) with s = 2 y - 1: the loss of the support vector machine.

    Examples
    --------
    >>> Hinge()(np.array([2.0, -1.0]), 1.0)
    array([0., 2.])
    """

    name: ClassVar[str] = "hinge"
    targets: ClassVar[str] = "targets of 0 and 1"
    whole: ClassVar[bool] = True
    least: ClassVar[float] = 0.0
    most: ClassVar[float] = 1.0
    classes: ClassVar[bool] = True

    def parts(self, y: Array) -> tuple[Term, ...]:
        return ((1.0, 1 - 2 * y, -1.0),)

    def link(self, mean: Array) -> Array:
        """Return 0, where each row has the loss 1.

        The best constant would have the loss 0 if all rows are of one class, and a tolerance relative to 0 would be 0.
        """
        return 0.0 * mean

    def smoothing(self, y: np.ndarray, weight: np.ndarray) -> float:
        """Return the first μ: the margin, which is 1.

        Parameters
        ----------
        y, weight : array of shape (rows,)
            Targets and row weights.

        Returns
        -------
        float
            μ.
        """
        return 1.0
