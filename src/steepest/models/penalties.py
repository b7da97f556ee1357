"""Penalties on large weights, in the user's units; intercepts are not penalised."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.types import Array, Function

__all__ = ["L1", "L2", "ElasticNet"]


@dataclass(frozen=True)
class L2:
    """The ridge penalty, λ/2 ‖w‖².

    Parameters
    ----------
    strength : float
        λ, in units of loss per squared weight.

    Examples
    --------
    >>> import numpy as np
    >>> float(L2(0.5)(np.array([2.0, 4.0])))
    5.0
    """

    strength: float

    def __post_init__(self) -> None:
        _check("L2", strength=self.strength)

    def __call__(self, weights: Array) -> Array:
        return _half_squares(self.strength, weights)


@dataclass(frozen=True)
class L1:
    """The lasso penalty, λ ‖w‖₁, which sets some weights to exactly 0.

    Parameters
    ----------
    strength : float
        λ, in units of loss per weight.

    Examples
    --------
    >>> import numpy as np
    >>> float(L1(0.5)(np.array([2.0, -4.0])))
    3.0
    """

    strength: float

    def __post_init__(self) -> None:
        _check("L1", strength=self.strength)

    def __call__(self, weights: Array) -> Array:
        return self.strength * np.abs(weights).sum()


@dataclass(frozen=True)
class ElasticNet:
    """Both penalties, λ₁ ‖w‖₁ + λ₂/2 ‖w‖²: exact zeros, and similar weights for correlated columns.

    Parameters
    ----------
    l1, l2 : float
        λ₁ and λ₂, as in `L1` and `L2`.

    Examples
    --------
    >>> import numpy as np
    >>> weights = np.array([2.0, -4.0])
    >>> float(ElasticNet(l1=0.5, l2=0.1)(weights)) == float(L1(0.5)(weights) + L2(0.1)(weights))
    True
    """

    l1: float
    l2: float

    def __post_init__(self) -> None:
        _check("ElasticNet", l1=self.l1, l2=self.l2)

    def __call__(self, weights: Array) -> Array:
        return self.l1 * np.abs(weights).sum() + _half_squares(self.l2, weights)


def named(kind: str, strength: float, l1_ratio: float = 0.5) -> L1 | L2 | ElasticNet:
    """Return the penalty with a name and a strength λ; an elastic net divides λ between L1 and L2.

    Parameters
    ----------
    kind : {"l2", "l1", "elasticnet"}
        The name.
    strength : float
        λ.
    l1_ratio : float
        The share of λ for L1 in an elastic net, from 0 to 1; the other penalties ignore the share.

    Returns
    -------
    penalty
        The penalty.

    Examples
    --------
    >>> named("elasticnet", 0.1)
    ElasticNet(l1=0.05, l2=0.05)
    """
    if kind == "elasticnet":
        return ElasticNet(l1=strength * l1_ratio, l2=strength * (1 - l1_ratio))
    return L1(strength) if kind == "l1" else L2(strength)


def _check(name: str, **strengths: Array) -> None:
    for argument, value in strengths.items():
        shown = repr(value) if len(strengths) == 1 else f"{argument}={value!r}"
        # Scalars of NumPy and JAX are accepted, too.
        if isinstance(value, (bool, str)) or not hasattr(value, "__float__") or np.ndim(value):
            raise TypeError(f"{name}({shown}): the strength must be a finite number, 0 or more")
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}({shown}): the strength must be a finite number, 0 or more")


def _half_squares(strength: float, weights: Array) -> Array:
    """Return λ/2 ‖w‖², also where ‖w‖² alone would overflow or vanish."""
    rest, root = split(strength)
    return rest / 2 * ((root * weights) ** 2).sum()


def split(strength: float) -> tuple[float, float]:
    """Return a number from 1/2 to 2, and a power of two whose square times that number is the strength.

    Parameters
    ----------
    strength : float
        λ.

    Returns
    -------
    float, float
        λ / p² and p, without rounding errors; (1, 0) if λ is 0.

    Examples
    --------
    >>> split(12.0)
    (0.75, 4.0)
    """
    if not strength:
        return 1.0, 0.0
    fraction, exponent = math.frexp(strength)
    half = exponent // 2
    return math.ldexp(fraction, exponent - 2 * half), math.ldexp(1.0, half)


def ridge_of(penalty: Function | None) -> float:
    """Return λ₂, the strength of a penalty's quadratic term; 0 if there is none."""
    if isinstance(penalty, ElasticNet):
        return float(penalty.l2)
    return float(penalty.strength) if isinstance(penalty, L2) else 0.0


def kink_of(penalty: Function | None) -> float:
    """Return λ₁, the strength of a penalty's L1 term; 0 if there is none."""
    if isinstance(penalty, ElasticNet):
        return float(penalty.l1)
    return float(penalty.strength) if isinstance(penalty, L1) else 0.0
