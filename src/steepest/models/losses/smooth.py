"""Losses that are differentiable everywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steepest.models.losses.base import LARGEST, LEAST, Loss, positive, probabilities
from steepest.types import Array

# `entropic(x)` stays finite for x below -1 by at most EDGE, which may be a rounding error. With 1e-9, some bounds of
# random problems with an L1 penalty were too small (tests/fitting/test_certificates.py).
EDGE = 1e-13
# `entropic(x)` is infinite from x = FAR on: so large a relative change multiplies the rounding error of ℓ″ as much.
# Without this limit, some bounds of the same random problems were too small.
FAR = 100.0
TINY, EPS = float(np.finfo(float).smallest_subnormal), float(np.finfo(float).eps)


@dataclass(frozen=True, repr=False)
class Squared(Loss):
    """The squared error, (z - y)², without a factor ½.

    Examples
    --------
    >>> Squared()(3.0, 1.0)
    4.0
    """

    name: ClassVar[str] = "squared"
    unsteady: ClassVar[float] = 0.0
    steepest: ClassVar[float] = 2.0

    def __call__(self, z: Array, y: Array) -> Array:
        return (z - y) ** 2

    @property
    def sizes(self) -> tuple[float, float]:
        """The range of the largest absolute target: its square is neither too small nor too large."""
        return math.sqrt(LEAST), math.sqrt(LARGEST)

    def terms(self, y: Array) -> Array:
        """Return 2 |y|."""
        return 2 * np.abs(y)

    def fenchel_young_gap(self, z: Array, y: Array, t: Array) -> Array:
        """Return t²."""
        return t**2


@dataclass(frozen=True)
class Huber(Loss):
    """Huber's loss of r = z - y: r² up to |r| = δ, and 2 δ |r| - δ² beyond, which bounds the influence of outliers.

    Parameters
    ----------
    delta : float
        δ, in units of y.

    Examples
    --------
    >>> Huber(1.0)(np.array([0.5, 3.0]), 0.0)
    array([0.25, 5.  ])
    """

    delta: float = 1.0

    name: ClassVar[str] = "huber"
    steepest: ClassVar[float] = 2.0
    curved: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("Huber", delta=self.delta)

    def __call__(self, z: Array, y: Array) -> Array:
        inner = np.clip(z - y, -self.delta, self.delta)
        return inner * (2 * (z - y) - inner)

    @property
    def sizes(self) -> tuple[float, float]:
        """The range of the largest absolute target: its square, or its product with δ, is of a size for numbers."""
        return max(math.sqrt(LEAST), LEAST / self.delta), min(LARGEST, max(math.sqrt(LARGEST), LARGEST / self.delta))

    def terms(self, y: Array) -> Array:
        """Return 2 |y|, but at most 2 δ / eps: the rounding error is then 2 δ, as large as the steepest slope."""
        return 2 * np.minimum(np.abs(y), self.delta / EPS)

    def fenchel_young_gap(self, z: Array, y: Array, t: Array) -> Array:
        """Return 0 where |r| > δ, else t² if |r + t| ≤ δ and infinity if not."""
        r = z - y
        outer = np.abs(r) > self.delta
        return np.where(outer, 0.0, np.where(np.abs(r + t) <= self.delta, t**2, math.inf))

    def smoothed(self, z: Array, y: Array, smoothing: Array) -> Array:
        """Return δ / μ times Huber's loss with μ in place of δ; the slopes stay within ±2 δ.

        Parameters
        ----------
        z, y : array
            Outputs and targets.
        smoothing : float
            μ, δ or more.

        Returns
        -------
        array
            The smoothed loss of each row.
        """
        inner = np.clip(z - y, -smoothing, smoothing)
        return self.delta / smoothing * inner * (2 * (z - y) - inner)

    def smoothed_fenchel_young_gap(self, z: Array, y: Array, t: Array, smoothing: Array) -> Array:
        """Return ℓ(r) - (2 e r - e²) with e = s / 2 and s the slope of the smoothed loss: (r - e)² where |r| ≤ δ.

        For |e| ≤ δ, ℓ*(s) = e², as the tangent at r = e has the slope s; for steeper slopes ℓ* is infinite.

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
            Numbers of 0 or more, infinite where s is outside ±2 δ.
        """
        r = z - y
        outer = np.abs(r) > smoothing
        e = np.where(outer, self.delta * np.sign(r), self.delta / smoothing * (r + np.where(outer, 0.0, t)))
        inner = np.clip(r, -self.delta, self.delta)
        gap = (inner - e) ** 2 + 2 * (r - inner) * (inner - e)
        return np.where(np.abs(e) <= self.delta, gap, math.inf)

    def smoothing(self, y: np.ndarray, weight: np.ndarray) -> float:
        """Return the first μ, the mean size of the targets: ℓ_μ is curved between 0 and the targets; δ if larger.

        Parameters
        ----------
        y, weight : array of shape (rows,)
            Targets and row weights.

        Returns
        -------
        float
            μ, δ or more.
        """
        return max(self.delta, float(np.average(np.abs(y), weights=weight)))

    @property
    def least_smoothing(self) -> float:
        """The smallest μ, δ, at which the smoothed loss is Huber's loss itself."""
        return self.delta


@dataclass(frozen=True, repr=False)
class LogLoss(Loss):
    """Minus the log likelihood of a class, log(1 + eᶻ) - y z, with z the log odds of class 1.

    Examples
    --------
    >>> round(float(LogLoss()(0.0, 1.0)), 6)
    0.693147
    >>> float(LogLoss()(-1e4, 1.0))
    10000.0
    """

    name: ClassVar[str] = "log loss"
    unsteady: ClassVar[float] = 1.0
    targets: ClassVar[str] = "targets of 0 and 1"
    least: ClassVar[float] = 0.0
    most: ClassVar[float] = 1.0
    steepest: ClassVar[float] = 0.25
    classes: ClassVar[bool] = True

    def __call__(self, z: Array, y: Array) -> Array:
        # For z > 0 compute (1 - y) z, as z - y z would lose digits.
        return np.where(z > 0, 1 - y, -y) * z + np.log1p(np.exp(np.where(z > 0, -z, z)))

    def fenchel_young_gap(self, z: Array, y: Array, t: Array) -> Array:
        """Return the Kullback-Leibler divergence of q = p + p (1 - p) t from the probability p of class 1."""
        p, rest = probabilities(z)
        return p * entropic(rest * t) + rest * entropic(-p * t)

    def curvature(self, mean: float) -> float:
        """Return p (1 - p) with p = `mean`; at least 1e-6."""
        return max(mean * (1 - mean), 1e-6)

    def link(self, mean: Array) -> Array:
        """Return log(p / (1 - p)) with p = `mean`."""
        return np.log(mean) - np.log1p(-mean)

    def asymptote(self, v: Array, y: Array) -> Array:
        """Return max(v, 0) - y v."""
        return np.maximum(v, 0.0) - y * v

    def margin(self, z: Array, y: Array) -> Array:
        """Return z for class 1, -z for class 0, and -∞ for a target between 0 and 1."""
        return np.where(y == 1, z, np.where(y == 0, -z, -math.inf))


@dataclass(frozen=True, repr=False)
class SquaredHinge(Loss):
    """The squared hinge, max(0, 1 - s z)² with s = 2 y - 1: 0 for a row with s z of 1 or more.

    Examples
    --------
    >>> SquaredHinge()(np.array([2.0, -1.0]), 1.0)
    array([0., 4.])
    """

    name: ClassVar[str] = "squared hinge"
    targets: ClassVar[str] = "targets of 0 and 1"
    whole: ClassVar[bool] = True
    least: ClassVar[float] = 0.0
    most: ClassVar[float] = 1.0
    steepest: ClassVar[float] = 2.0
    curved: ClassVar[bool] = False
    classes: ClassVar[bool] = True

    def __call__(self, z: Array, y: Array) -> Array:
        return np.maximum(1 - (2 * y - 1) * z, 0.0) ** 2

    def terms(self, y: Array) -> Array:
        """Return 2, the size of the term 2 s in ℓ′ = 2 z - 2 s, with s = ±1, where the loss is above 0."""
        return 0 * y + 2

    def fenchel_young_gap(self, z: Array, y: Array, t: Array) -> Array:
        """Return 0 where s z ≥ 1, else t² if s (z + t) ≤ 1 and infinity if not."""
        s = 2 * y - 1
        return np.where(s * z >= 1, 0.0, np.where(s * (z + t) <= 1, t**2, math.inf))

    def link(self, mean: Array) -> Array:
        """Return 0, where each row has the loss 1.

        The best constant would have the loss 0 if all rows are of one class, and a tolerance relative to 0 would be 0.
        """
        return 0.0 * mean


@dataclass(frozen=True, repr=False)
class Poisson(Loss):
    """Minus the log likelihood of a count y with the mean eᶻ: eᶻ - y z, up to a term without z.

    Half the deviance is this loss plus y log y - y, which no parameter changes.

    Examples
    --------
    >>> float(Poisson()(0.0, 3.0))
    1.0
    """

    name: ClassVar[str] = "Poisson"
    unsteady: ClassVar[float] = 1.0
    targets: ClassVar[str] = "targets of 0 or more"
    least: ClassVar[float] = 0.0
    vanishes: ClassVar[bool] = False

    def __call__(self, z: Array, y: Array) -> Array:
        return np.exp(z) - y * z

    def terms(self, y: Array) -> Array:
        """Return y, since ℓ′ = eᶻ - y."""
        return y

    def fenchel_young_gap(self, z: Array, y: Array, t: Array) -> Array:
        """Return m ((1 + t) log(1 + t) - t) with the mean m = eᶻ; infinite if t < -1."""
        return np.exp(z) * (entropic(t) - t)

    def curvature(self, mean: float) -> float:
        """Return the mean, since ℓ″ = eᶻ; at least 1e-6."""
        return max(mean, 1e-6)

    def lowest(self, y: Array) -> Array:
        """Return y - y log y."""
        return y - y * np.log(np.where(y > 0, y, 1.0))

    def link(self, mean: Array) -> Array:
        """Return the logarithm of the mean."""
        return np.log(mean)

    def asymptote(self, v: Array, y: Array) -> Array:
        """Return -y v where v ≤ 0, and ∞ where v > 0."""
        return np.where(v > 0, math.inf, 0.0) - y * v


@dataclass(frozen=True, repr=False)
class Gamma(Loss):
    """Minus the log likelihood of a target y > 0 with the mean eᶻ: z + y e⁻ᶻ, up to a factor and a term without z.

    Half the deviance is this loss minus (log y + 1), which no parameter changes.

    Examples
    --------
    >>> float(Gamma()(0.0, 3.0))
    3.0
    """

    name: ClassVar[str] = "Gamma"
    unsteady: ClassVar[float] = 1.0
    targets: ClassVar[str] = "targets above 0"
    least: ClassVar[float] = TINY
    vanishes: ClassVar[bool] = False

    def __call__(self, z: Array, y: Array) -> Array:
        return z + y * np.exp(-z)

    def fenchel_young_gap(self, z: Array, y: Array, t: Array) -> Array:
        """Return m ((1 - t) log(1 - t) + t) with m = y e⁻ᶻ; infinite if t > 1."""
        return y * np.exp(-z) * (entropic(-t) + t)

    def curvature(self, mean: float) -> float:
        """Return 1, since ℓ″ = y e⁻ᶻ and eᶻ is the mean of y."""
        return 1.0

    def lowest(self, y: Array) -> Array:
        """Return 1 + log y."""
        return 1 + np.log(np.where(y > 0, y, 1.0))

    def link(self, mean: Array) -> Array:
        """Return the logarithm of the mean."""
        return np.log(mean)


def entropic(x: Array) -> Array:
    """Return (1 + x) log(1 + x), a term of a relative entropy: 0 at x = -1, and infinite below.

    An x below -1 by at most 1e-13 counts as -1 with a rounding error: if a loss falls without end, Newton's steps
    reach x = -1. From x = 100 on the value is infinite: so large a change multiplies the rounding error of ℓ″ as much.

    Parameters
    ----------
    x : array
        The relative change of a probability or of a mean.

    Returns
    -------
    array
        (1 + x) log(1 + x).

    Examples
    --------
    >>> entropic(np.array([-2.0, -1.0, 0.0]))
    array([inf,  0.,  0.])
    """
    near = (x > -1) & (x < FAR)
    inner = np.where(near, x, 0.0)
    return np.where(near, (1 + inner) * np.log1p(inner), np.where((x <= -1) & (x >= -1 - EDGE), 0.0, math.inf))
