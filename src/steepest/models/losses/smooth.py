"""Losses that have a slope everywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from steepest.models.losses.base import Loss, positive, shares

# How far rounding may lead beyond the end of a range; and how large a change of a share is too large for its rounding.
EDGE, FAR = 1e-13, 100.0
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

    def __call__(self, z: Any, y: Any) -> Any:
        return (z - y) ** 2

    def terms(self, y: Any) -> Any:
        """Return 2 |y|."""
        return 2 * np.abs(y)

    def fenchel_young_gap(self, z: Any, y: Any, t: Any) -> Any:
        """Return t²."""
        return t**2


@dataclass(frozen=True)
class Huber(Loss):
    """Huber's loss of r = z - y: r² up to |r| = δ, and 2 δ |r| - δ² beyond, so that outliers pull with a bounded force.

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

    def __call__(self, z: Any, y: Any) -> Any:
        inner = np.clip(z - y, -self.delta, self.delta)
        return inner * (2 * (z - y) - inner)

    def terms(self, y: Any) -> Any:
        """Return 2 |y|, but no more than makes a slope uncertain altogether."""
        return 2 * np.minimum(np.abs(y), self.delta / EPS)

    def fenchel_young_gap(self, z: Any, y: Any, t: Any) -> Any:
        """Return t² where |r| is at most δ, as far as the slope stays within ±2δ, and 0 beyond."""
        r = z - y
        held = np.abs(r) > self.delta
        return np.where(held, 0.0, np.where(np.abs(r + t) <= self.delta, t**2, math.inf))

    def smoothed(self, z: Any, y: Any, smoothing: Any) -> Any:
        """Return δ / μ times the loss of μ instead of δ, whose slopes are no steeper, ±2 δ.

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

    def smoothed_fenchel_young_gap(self, z: Any, y: Any, t: Any, smoothing: Any) -> Any:
        """Return (|r| - |e|)² up to |r| = δ, and beyond what more the loss has, with e = a / 2 and a the slope.

        A slope a within ±2 δ is that of the loss at e, whose tangent lies r² - (2 r e - e²) below r².

        Parameters
        ----------
        z, y : array
            Outputs and targets.
        t : array
            How far the outputs would move.
        smoothing : float
            μ.

        Returns
        -------
        array
            Numbers of 0 or more, infinite where a slope leaves its range of ±2 δ.
        """
        r = z - y
        held = np.abs(r) > smoothing
        e = np.where(held, self.delta * np.sign(r), self.delta / smoothing * (r + np.where(held, 0.0, t)))
        inner = np.clip(r, -self.delta, self.delta)
        short = (inner - e) ** 2 + 2 * (r - inner) * (inner - e)
        return np.where(np.abs(e) <= self.delta, short, math.inf)

    def smoothing(self, y: np.ndarray, weight: np.ndarray) -> float:
        """Return the size of the targets, so that the loss is curved from 0 to them.

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
    def hardest(self) -> float:
        """δ."""
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

    def __call__(self, z: Any, y: Any) -> Any:
        # As z - y z is a difference, (1 - y) z is not.
        return np.where(z > 0, 1 - y, -y) * z + np.log1p(np.exp(np.where(z > 0, -z, z)))

    def fenchel_young_gap(self, z: Any, y: Any, t: Any) -> Any:
        """Return the divergence of Kullback and Leibler between probabilities q = p + p (1 - p) t and p."""
        p, rest = shares(z)
        return p * entropic(rest * t) + rest * entropic(-p * t)

    def curvature(self, mean: float) -> float:
        """Return p (1 - p)."""
        return max(mean * (1 - mean), 1e-6)

    def link(self, mean: Any) -> Any:
        """Return the log odds."""
        return np.log(mean) - np.log1p(-mean)

    def asymptote(self, v: Any, y: Any) -> Any:
        """Return max(v, 0) - y v."""
        return np.maximum(v, 0.0) - y * v

    def margin(self, z: Any, y: Any) -> Any:
        """Return ±z, and minus infinity for a target between the classes."""
        return np.where(y == 1, z, np.where(y == 0, -z, -math.inf))


@dataclass(frozen=True, repr=False)
class SquaredHinge(Loss):
    """The squared hinge, max(0, 1 - s z)² with s = 2 y - 1: nothing for a row on its own side by a margin of 1.

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

    def __call__(self, z: Any, y: Any) -> Any:
        return np.maximum(1 - (2 * y - 1) * z, 0.0) ** 2

    def terms(self, y: Any) -> Any:
        """Return 2."""
        return 0 * y + 2

    def fenchel_young_gap(self, z: Any, y: Any, t: Any) -> Any:
        """Return t² where the row has a loss, as far as it keeps one, and 0 elsewhere."""
        s = 2 * y - 1
        return np.where(s * z >= 1, 0.0, np.where(s * (z + t) <= 1, t**2, math.inf))

    def link(self, mean: Any) -> Any:
        """Return 0: of one class alone the loss at a constant may be none, and nothing would be a part of that."""
        return 0.0 * mean


@dataclass(frozen=True, repr=False)
class Poisson(Loss):
    """Minus the log likelihood of a count, eᶻ - y z, with eᶻ its mean, up to a constant of y.

    Half the deviance differs from it by y log y - y alone, which no parameter moves.

    Examples
    --------
    >>> float(Poisson()(0.0, 3.0))
    1.0
    """

    name: ClassVar[str] = "Poisson"
    unsteady: ClassVar[float] = 1.0
    targets: ClassVar[str] = "targets from 0 up"
    least: ClassVar[float] = 0.0
    vanishes: ClassVar[bool] = False

    def __call__(self, z: Any, y: Any) -> Any:
        return np.exp(z) - y * z

    def terms(self, y: Any) -> Any:
        """Return y."""
        return y

    def fenchel_young_gap(self, z: Any, y: Any, t: Any) -> Any:
        """Return m ((1 + t) log(1 + t) - t) with the mean m = eᶻ."""
        return np.exp(z) * (entropic(t) - t)

    def curvature(self, mean: float) -> float:
        """Return the mean."""
        return max(mean, 1e-6)

    def lowest(self, y: Any) -> Any:
        """Return y - y log y."""
        return y - y * np.log(np.where(y > 0, y, 1.0))

    def link(self, mean: Any) -> Any:
        """Return its logarithm."""
        return np.log(mean)

    def asymptote(self, v: Any, y: Any) -> Any:
        """Return -y v, infinite where v > 0."""
        return np.where(v > 0, math.inf, 0.0) - y * v


@dataclass(frozen=True, repr=False)
class Gamma(Loss):
    """Minus the log likelihood of a size above 0, z + y e⁻ᶻ, with eᶻ its mean, up to a constant of y.

    Half the deviance differs from it by log y + 1 alone, which no parameter moves.

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

    def __call__(self, z: Any, y: Any) -> Any:
        return z + y * np.exp(-z)

    def fenchel_young_gap(self, z: Any, y: Any, t: Any) -> Any:
        """Return m ((1 - t) log(1 - t) + t) with m = y e⁻ᶻ."""
        return y * np.exp(-z) * (entropic(-t) + t)

    def curvature(self, mean: float) -> float:
        """Return 1, as in the middle y is eᶻ."""
        return 1.0

    def lowest(self, y: Any) -> Any:
        """Return 1 + log y."""
        return 1 + np.log(np.where(y > 0, y, 1.0))

    def link(self, mean: Any) -> Any:
        """Return its logarithm."""
        return np.log(mean)


def entropic(x: Any) -> Any:
    """Return (1 + x) log(1 + x), which is 0 at -1, and infinite below.

    Where a loss falls for ever Newton's steps lead just there, to rounding. Beyond a hundredfold it counts as
    infinite, too: such a step multiplies what ℓ″ is off by.

    Parameters
    ----------
    x : array
        By how much a share changes, as a part of it.

    Returns
    -------
    array
        The values.

    Examples
    --------
    >>> entropic(np.array([-2.0, -1.0, 0.0]))
    array([inf,  0.,  0.])
    """
    near = (x > -1) & (x < FAR)
    inner = np.where(near, x, 0.0)
    return np.where(near, (1 + inner) * np.log1p(inner), np.where((x <= -1) & (x >= -1 - EDGE), 0.0, math.inf))
