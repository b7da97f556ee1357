"""The interface that every loss implements; the formulas are in `smooth`, `kinked` and `softmax`."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from steepest.types import Array


class Loss:
    """A loss ℓ(z, y) of a model's output z and a target y, convex in z.

    The formulas are plain NumPy code, differentiated like any user's function. A loss knows nothing of the model
    or the data. In every method z holds the outputs and y the targets, one a row.

    Attributes
    ----------
    name : str
        The name in messages, and in `losses.NAMED`.
    targets : str
        Which targets the loss accepts, as a message says it.
    least, most : float
        The range of the targets.
    whole : bool
        Whether targets must be whole numbers.
    steepest : float
        The supremum of ℓ″; infinite if ℓ″ is unbounded or does not exist everywhere.
    unsteady : float
        M with |ℓ‴| ≤ M ℓ″, which bounds how fast ℓ″ changes; infinite if there is no such M.
    curved : bool
        Whether ℓ″ is continuous. If it jumps, as Huber's does at δ, Newton's model is wrong beyond the jump.
    kinked : bool
        Whether ℓ′ jumps.
    classes : bool
        Whether targets are classes, and z the score of class 1.
    vanishes : bool
        Whether the infimum of ℓ is 0, and ℓ is computed there without cancellation.
    apart : bool
        Whether each class has an output of its own, so that a common shift of all of them changes nothing.
    """

    name: ClassVar[str]
    targets: ClassVar[str] = "numbers"
    least: ClassVar[float] = -math.inf
    most: ClassVar[float] = math.inf
    whole: ClassVar[bool] = False
    steepest: ClassVar[float] = math.inf
    unsteady: ClassVar[float] = math.inf
    curved: ClassVar[bool] = True
    kinked: ClassVar[bool] = False
    classes: ClassVar[bool] = False
    vanishes: ClassVar[bool] = True
    # A field of the loss of several classes, and a constant of all others.
    apart: bool = False

    @property
    def contrasts(self) -> np.ndarray | None:
        """The matrix that makes the scores of all classes from a row's outputs; None if the output is one number."""
        return None

    @property
    def outputs(self) -> int:
        """How many outputs a row has; 0 if z is one number a row, without an axis of its own."""
        return 0

    def __call__(self, z: Array, y: Array) -> Array:
        raise NotImplementedError

    def fenchel_young_gap(self, z: Array, y: Array, t: Array) -> Array:
        """Return ℓ(z) + ℓ*(s) - s z at the slope s = ℓ′(z) + ℓ″(z) t, with ℓ* the conjugate of ℓ.

        The tangent of slope s lies below ℓ everywhere, and below ℓ(z) by this gap at z: certificates sum it.

        Parameters
        ----------
        z, y : array
            Outputs and targets.
        t : array
            How far a Newton step would move the outputs.

        Returns
        -------
        array
            Numbers of 0 or more, infinite where no tangent of ℓ has the slope s.
        """
        raise NotImplementedError

    def smoothed(self, z: Array, y: Array, smoothing: Array) -> Array:
        """Return the smoothed loss ℓ_μ of each row, which solvers minimise in place of ℓ, for smaller and smaller μ.

        Parameters
        ----------
        z, y : array
            Outputs and targets.
        smoothing : float
            μ, in units of z; ℓ_μ tends to ℓ as μ falls to `least_smoothing`.

        Returns
        -------
        array
            The smoothed loss of each row.
        """
        raise NotImplementedError

    def smoothed_fenchel_young_gap(self, z: Array, y: Array, t: Array, smoothing: Array) -> Array:
        """Return ℓ(z) + ℓ*(s) - s z at a slope of the smoothed loss, s = ℓ_μ′(z) + ℓ_μ″(z) t.

        It is the gap of ℓ itself, so that a bound made of it holds for ℓ and not for ℓ_μ alone.

        Parameters
        ----------
        z, y, t : array
            As for `fenchel_young_gap`.
        smoothing : float
            μ.

        Returns
        -------
        array
            Numbers of 0 or more, infinite where no tangent of ℓ has the slope s.
        """
        raise NotImplementedError

    def smoothing(self, y: np.ndarray, weight: np.ndarray) -> float | None:
        """Return the μ to begin with, given targets and row weights; None if ℓ is minimised as it is."""
        return None

    @property
    def least_smoothing(self) -> float:
        """The smallest μ, at which the smoothed loss is ℓ itself."""
        return 0.0

    def curvature(self, mean: float) -> float:
        """Return ℓ″ where every prediction is `mean`, the mean of the targets; at least 1e-6."""
        return 2.0

    def link(self, mean: Array) -> Array:
        """Return the output z that predicts `mean`, the mean of the targets; infinite if no output does."""
        return mean

    def lowest(self, y: Array) -> Array:
        """Return the infimum of ℓ over all outputs for each target, or a lower bound of it."""
        return 0 * y

    def terms(self, y: Array) -> Array:
        """Return the size of the terms, z apart, whose difference is ℓ′: its rounding error in units of eps.

        It is 1 for a difference of a probability and a target of 0 or 1.
        """
        return 0 * y + 1

    def asymptote(self, v: Array, y: Array) -> Array | None:
        """Return the recession function lim ℓ(s v, y) / s for s → ∞, or None if ℓ has a minimum for every y.

        If it is above 0 in no row, no row's loss grows along the outputs s v, however large s is.
        """
        return None

    def margin(self, z: Array, y: Array) -> Array | None:
        """Return by how much z lies on the side of each row's own class; None if ℓ has no classes or has a minimum.

        If all margins are positive, the classes are separated, and the loss falls without end as z is scaled up.
        """
        return None

    def check(self, y: np.ndarray) -> None:
        """Raise if the loss is not defined for a target.

        Parameters
        ----------
        y : array of shape (rows,)
            The targets.

        Raises
        ------
        ValueError
            If a target is out of range, or not whole where it must be.
        """
        wrong = np.flatnonzero((y < self.least) | (y > self.most) | (self.whole & (y != np.floor(y))))
        if wrong.size:
            article, noun = "" if self.name == "softmax" else "the ", "" if self.classes else " loss"
            remedy = ": recode them" if self.classes else ""
            raise ValueError(
                f"{article}{self.name}{noun} takes {self.targets}, and row {wrong[0]} has {y[wrong[0]]:g}{remedy}"
            )

    def __repr__(self) -> str:
        return f"losses.{self.name.lower().replace(' ', '_')}"


def positive(name: str, **numbers: float) -> None:
    """Raise if a parameter of a loss is not a positive finite number.

    Parameters
    ----------
    name : str
        The name of the loss.
    **numbers : float
        Its parameters by name.

    Raises
    ------
    ValueError
        If one is not.
    """
    for parameter, value in numbers.items():
        scalar = bool(np.isscalar(value)) and not isinstance(value, (bool, str))
        if not scalar or not 0 < value < math.inf:
            raise ValueError(f"losses.{name}({parameter}={value!r}): give a finite number above 0")


def softplus(s: Array) -> Array:
    """Return log(1 + eˢ) without overflow: the exponent is never above 0.

    Parameters
    ----------
    s : array
        Numbers of any size.

    Returns
    -------
    array
        The values.

    Examples
    --------
    >>> softplus(np.array([-1e4, 0.0, 1e4])).round(6)
    array([0.00000e+00, 6.93147e-01, 1.00000e+04])
    """
    return np.where(s > 0, s, 0.0) + np.log1p(np.exp(np.where(s > 0, -s, s)))


def probabilities(s: Array) -> tuple[Array, Array]:
    """Return p = 1 / (1 + e⁻ˢ) and 1 - p, both to full relative precision.

    Parameters
    ----------
    s : array
        Log odds.

    Returns
    -------
    p, rest : array
        The probabilities of class 1 and of class 0.

    Examples
    --------
    >>> p, rest = probabilities(np.array([0.0, 100.0]))
    >>> p, rest.round(46)
    (array([0.5, 1. ]), array([5.00e-01, 3.72e-44]))
    """
    small = np.exp(np.where(s > 0, -s, s))
    large = 1 / (1 + small)
    return np.where(s > 0, large, small * large), np.where(s > 0, small * large, large)
