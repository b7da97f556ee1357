"""The interface that every loss implements; the formulas are in `smooth`, `kinked` and `softmax`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from steepest.printable import quoted
from steepest.types import Array

# Sums and products of a few billion numbers in this range neither overflow nor vanish.
LEAST, LARGEST = 1e-290, 1e290


class Loss:
    """A loss ℓ(z, y) of a model's output z and a target y, convex in z.

    The formulas are plain NumPy code, differentiated like any user's function. A loss depends neither on the model
    nor on X. In every method z holds the outputs and y the targets, one a row.

    Attributes
    ----------
    name : str
        The name in messages; in lower case, the key in `losses.NAMED`.
    targets : str
        The targets that the loss accepts, in the words of a message.
    least, most : float
        The range of the targets.
    whole : bool
        Whether targets must be whole numbers.
    steepest : float
        The supremum of ℓ″; infinite if ℓ″ is unbounded or does not exist everywhere.
    unsteady : float
        M with |ℓ‴| ≤ M ℓ″, which bounds how fast ℓ″ changes; infinite if there is no such M.
    curved : bool
        Whether ℓ″ is continuous. If ℓ″ jumps, as Huber's at δ, the model of a Newton step is wrong beyond the jump.
    kinked : bool
        Whether ℓ′ jumps.
    classes : bool
        Whether targets are classes, and z the score of class 1.
    vanishes : bool
        Whether the infimum of ℓ is 0, and ℓ is computed near 0 without cancellation.
    apart : bool
        Whether each class has an output of its own, so that a number added to all outputs of a row changes nothing.
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
    # A field of `Contrasted`, the loss of several classes; every other loss has this constant.
    apart: bool = False

    @property
    def sizes(self) -> tuple[float, float]:
        """The range of the largest absolute target, unless that is 0: beyond it, the loss overflows or vanishes."""
        return LEAST, LARGEST

    @property
    def contrasts(self) -> np.ndarray | None:
        """The matrix from a row's outputs to the scores of all classes; None if a row has one output."""
        return None

    @property
    def outputs(self) -> int:
        """The number of outputs of a row, the length of z's last axis; 0 if z is a vector of one output a row."""
        return 0

    def __call__(self, z: Array, y: Array) -> Array:
        raise NotImplementedError

    def fenchel_young_gap(self, z: Array, y: Array, t: Array) -> Array:
        """Return ℓ(z) + ℓ*(s) - s z at the slope s = ℓ′(z) + ℓ″(z) t, with ℓ* the conjugate of ℓ.

        The tangent of slope s is below ℓ everywhere, and at z it is below ℓ(z) by this gap. Certificates sum the gaps.

        Parameters
        ----------
        z, y : array
            Outputs and targets.
        t : array
            The changes of the outputs by a Newton step.

        Returns
        -------
        array
            Numbers of 0 or more, infinite where no tangent of ℓ has the slope s.
        """
        raise NotImplementedError

    def smoothed(self, z: Array, y: Array, smoothing: Array) -> Array:
        """Return the smoothed loss ℓ_μ of each row, which solvers minimise in place of ℓ, with smaller and smaller μ.

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

        This is the gap of ℓ, not of ℓ_μ, so that a bound from these gaps holds for ℓ.

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
        """Return the first μ, for targets and row weights; None if ℓ is minimised without smoothing."""
        return None

    def unit(self, y: np.ndarray, weight: np.ndarray) -> float:
        """Return the change of z over which ℓ″ may change: 1 for a loss of classes, infinity if ℓ″ is constant.

        A loss that is smoothed follows the units of its targets: its unit is the first μ.
        """
        first = 1.0 if self.unsteady else math.inf
        return self.smoothing(y, weight) or first

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
        """Return the size of the terms of ℓ′ without z, which is the rounding error of ℓ′ in units of eps.

        The default, 1, holds for the difference between a probability and a target of 0 or 1.
        """
        return 0 * y + 1

    def asymptote(self, v: Array, y: Array) -> Array | None:
        """Return the recession function lim ℓ(s v, y) / s for s → ∞, or None if ℓ has a minimum for every y.

        If the limit is 0 or less in every row, no row's loss increases with s along the outputs s v.
        """
        return None

    def margin(self, z: Array, y: Array) -> Array | None:
        """Return how far z is on the side of each row's own class; None if ℓ has no classes or has a minimum.

        If all margins are positive, the classes are separated, and ever larger multiples of z lower the loss.
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
            If a target is out of range, or not a whole number though the loss needs whole numbers; or if the targets
            are so large that the loss overflows, or so small that it vanishes.
        """
        takes_all = self.least == -math.inf and self.most == math.inf and not self.whole
        outside = () if takes_all else (y < self.least) | (y > self.most) | (self.whole & (y != np.floor(y)))
        if (wrong := np.flatnonzero(outside)).size:
            article, noun = "" if self.name == "softmax" else "the ", "" if self.classes else " loss"
            remedy = ": recode them" if self.classes else ""
            raise ValueError(
                f"{article}{self.name}{noun} takes {self.targets}, and row {wrong[0]} has {y[wrong[0]]:g}{remedy}"
            )
        self._check_size(y)

    def _check_size(self, y: np.ndarray) -> None:
        """Raise if the loss of such targets overflows, or vanishes though they are not 0."""
        largest, (least, most) = float(np.abs(y).max(initial=0.0)), self.sizes
        if largest and not least <= largest <= most:
            fault, remedy = (f"above {most:g}", "divide") if largest > most else (f"below {least:g}", "multiply")
            raise ValueError(
                f"the largest absolute value of y is {largest:.2g}, {fault}, and its {self.name} loss would "
                f"{'overflow' if largest > most else 'vanish'}: {remedy} y by a power of ten"
            )

    def __reduce__(self) -> tuple[Callable[..., Loss], tuple[object, ...]]:
        """Return how to make a copy. A loss without parameters has none, because code compares it by identity."""
        parameters = tuple(vars(self).values())
        return (type(self), parameters) if parameters else (singleton, (type(self),))

    def __repr__(self) -> str:
        return f"losses.{self.name.lower().replace(' ', '_')}"


@functools.cache
def singleton(kind: type[Loss]) -> Loss:
    """Return the only loss of a class without parameters.

    Parameters
    ----------
    kind : type
        The class.

    Returns
    -------
    Loss
        The same object in each call.
    """
    return kind()


def positive(name: str, **numbers: float) -> None:
    """Raise if a parameter of a loss is not a positive finite number.

    Parameters
    ----------
    name : str
        The name of the loss.
    **numbers : float
        The parameters of the loss, by name.

    Raises
    ------
    ValueError
        If a parameter is not a positive finite number.
    """
    for parameter, value in numbers.items():
        scalar = bool(np.isscalar(value)) and not isinstance(value, (bool, str))
        if not scalar or not 0 < value < math.inf:
            raise ValueError(f"losses.{name}({parameter}={quoted(value)}): give a finite number above 0")


def softplus(s: Array) -> Array:
    """Return log(1 + eˢ) without overflow: the exponent is never above 0.

    Parameters
    ----------
    s : array
        Numbers of any size.

    Returns
    -------
    array
        log(1 + eˢ).

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
