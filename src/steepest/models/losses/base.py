"""What every loss tells of itself; the formulas are in `smooth`, `kinked` and `softmax`."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np


class Loss:
    """A loss, ℓ(z, y) of a model's output z and a target y, convex in z.

    Written in NumPy and differentiated like any user's function; it knows nothing of the model or the data.

    Attributes
    ----------
    name : str
        What users call it.
    targets : str
        What its targets are, in words.
    least, most : float
        Between what they lie.
    whole : bool
        Whether they are whole numbers.
    steepest : float
        The largest ℓ″, infinite where there is none.
    unsteady : float
        M with |ℓ‴| ≤ M ℓ″, which bounds how soon ℓ″ changes; infinite where there is none.
    curved : bool
        Whether ℓ″ says how ℓ′ changes, everywhere; else it jumps.
    kinked : bool
        Whether ℓ′ jumps.
    classes : bool
        Whether targets are classes, and z a score of class 1.
    vanishes : bool
        Whether ℓ is 0 at its least, and no difference of what is larger.
    apart : bool
        Whether each class has an output of its own.
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
    # Whether each class has an output of its own, so that adding one number to all of them changes nothing.
    apart: bool = False

    @property
    def outputs(self) -> int:
        """How many numbers a row's output holds: 0 if it is a single number, else one for each class or contrast."""
        return 0

    @property
    def contrasts(self) -> np.ndarray | None:
        """The matrix that makes the scores of all classes from a row's outputs; None if the output is one number."""
        return None

    def __call__(self, z: Any, y: Any) -> Any:
        raise NotImplementedError

    def fenchel_young_gap(self, z: Any, y: Any, t: Any) -> Any:
        """Return ℓ(z) + ℓ*(a) - a z at a = ℓ′(z) + ℓ″(z) t, by which the tangent of slope a at ℓ lies below ℓ(z).

        Parameters
        ----------
        z, y : array
            Outputs and targets.
        t : array
            How far the outputs would move.

        Returns
        -------
        array
            Numbers of 0 or more, infinite where ℓ has no tangent of that slope.
        """
        raise NotImplementedError

    def smoothed(self, z: Any, y: Any, smoothing: Any) -> Any:
        """Return a loss that is less sudden than ℓ, on which it is descended first.

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
        raise NotImplementedError

    def smoothed_fenchel_young_gap(self, z: Any, y: Any, t: Any, smoothing: Any) -> Any:
        """Return by how much the tangent of ℓ whose slope is that of the smoothed loss, moved by t, lies below ℓ(z).

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
            Numbers of 0 or more, infinite where ℓ has no tangent of that slope.
        """
        raise NotImplementedError

    def smoothing(self, y: np.ndarray, weight: np.ndarray) -> float | None:
        """Return the smoothing to begin with, or None for a loss that is descended on as it is.

        Parameters
        ----------
        y, weight : array of shape (rows,)
            Targets and row weights.

        Returns
        -------
        float or None
            μ.
        """
        return None

    @property
    def hardest(self) -> float:
        """The least smoothing, at which the smoothed loss is ℓ itself."""
        return 0.0

    def curvature(self, mean: float) -> float:
        """Return ℓ″ where every prediction is the mean of the targets.

        Parameters
        ----------
        mean : float
            Their mean.

        Returns
        -------
        float
            ℓ″, not below 1e-6.
        """
        return 2.0

    def link(self, mean: Any) -> Any:
        """Return the output that stands for a prediction of the mean of the targets.

        Parameters
        ----------
        mean : float
            Their mean.

        Returns
        -------
        float
            z, which is infinite where no output stands for it.
        """
        return mean

    def lowest(self, y: Any) -> Any:
        """Return the least that ℓ can be for a target, over all outputs.

        Parameters
        ----------
        y : array
            Targets.

        Returns
        -------
        array
            The least losses, or what lies below them.
        """
        return 0 * y

    def terms(self, y: Any) -> Any:
        """Return how large the numbers are that ℓ′ is a difference of, beside z: what it may be rounded by, over eps.

        Parameters
        ----------
        y : array
            Targets.

        Returns
        -------
        array
            Their sizes: 1 where ℓ′ is one of shares.
        """
        return 0 * y + 1

    def asymptote(self, v: Any, y: Any) -> Any:
        """Return the limit of ℓ(s v, y) / s for large s, or None where ℓ has a least value for every y.

        Parameters
        ----------
        v, y : array
            Outputs, as a way, and targets.

        Returns
        -------
        array or None
            The limit: the loss falls for ever along v where that of no row is above 0.
        """
        return None

    def margin(self, z: Any, y: Any) -> Any:
        """Return by how much each row is on its own class's side, or None where no classes are told apart for ever.

        Parameters
        ----------
        z, y : array
            Outputs and targets.

        Returns
        -------
        array or None
            Margins: where all are above 0 the loss falls for ever.
        """
        return None

    def check(self, y: np.ndarray) -> None:
        """Raise where a target lies outside of what the loss takes.

        Parameters
        ----------
        y : array of shape (rows,)
            The targets.

        Raises
        ------
        ValueError
            If one does.
        """
        wrong = np.flatnonzero((y < self.least) | (y > self.most) | (self.whole & (y != np.floor(y))))
        if wrong.size:
            told = self.name if self.name == "softmax" else f"the {self.name}" + " loss" * (not self.classes)
            remedy = ": recode them" * self.classes
            raise ValueError(f"{told} takes {self.targets}, and row {wrong[0]} has {y[wrong[0]]:g}{remedy}")

    def __repr__(self) -> str:
        return f"losses.{self.name.lower().replace(' ', '_')}"


def positive(name: str, **numbers: Any) -> None:
    """Raise where a parameter of a loss is no positive finite number.

    Parameters
    ----------
    name : str
        The loss.
    **numbers : float
        Its parameters by name.

    Raises
    ------
    ValueError
        If one is not.
    """
    for word, value in numbers.items():
        if isinstance(value, (bool, str)) or not np.isscalar(value) or not 0 < value < math.inf:  # type: ignore[operator]
            raise ValueError(f"losses.{name}({word}={value!r}): give a finite number above 0")


def softplus(s: Any) -> Any:
    """Return log(1 + eˢ), by one exponential of a number not above 0.

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


def shares(s: Any) -> tuple[Any, Any]:
    """Return p = 1 / (1 + e⁻ˢ) and 1 - p, each to all its digits.

    Parameters
    ----------
    s : array
        Log odds.

    Returns
    -------
    p, rest : array
        Both shares.

    Examples
    --------
    >>> p, rest = shares(np.array([0.0, 100.0]))
    >>> p, rest.round(46)
    (array([0.5, 1. ]), array([5.00e-01, 3.72e-44]))
    """
    small = np.exp(np.where(s > 0, -s, s))
    large = 1 / (1 + small)
    return np.where(s > 0, large, small * large), np.where(s > 0, small * large, large)
