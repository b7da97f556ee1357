"""Penalties on large weights, in the user's units or in those of standardised columns; intercepts are not penalised."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from steepest.printable import quoted
from steepest.types import Array, Function

__all__ = ["L1", "L2", "ElasticNet"]

# The type of the argument scales=: a number for each column, or the name of the standard deviations of the columns.
Scales = tuple[float, ...] | str | None
STANDARD = "standard"


class _Scaled:
    """A penalty of weights that are first multiplied by the scales of their columns, if it has scales."""

    scales: Scales

    def scaled(self, weights: Array) -> Array:
        """Return the weights times the scales, column by column; the weights of several classes follow one another."""
        if self.scales is None:
            return weights
        if isinstance(self.scales, str):
            raise ValueError(
                f"{self!r} has the scales of columns that are not known here: give a number for each column"
            )
        return weights.reshape(-1, len(self.scales)) * np.array(self.scales)

    def __repr__(self) -> str:
        parts = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.name != "scales"]  # type: ignore[arg-type]
        return (
            f"{type(self).__name__}({', '.join(parts + ([] if self.scales is None else [f'scales={self.scales!r}']))})"
        )


@dataclass(frozen=True, repr=False)
class L2(_Scaled):
    """The ridge penalty, λ/2 ‖w‖².

    Parameters
    ----------
    strength : float
        λ, in units of loss per squared weight.
    scales : sequence of float or "standard", optional
        s, a number for each column: the penalty is then λ/2 Σ (sⱼ wⱼ)². "standard" stands for the standard deviations
        of the columns of a linear model, so that λ does not depend on their units.

    Examples
    --------
    >>> import numpy as np
    >>> float(L2(0.5)(np.array([2.0, 4.0])))
    5.0
    >>> float(L2(0.5, scales=(1.0, 0.5))(np.array([2.0, 4.0])))
    2.0
    """

    strength: float
    scales: Scales = None

    def __post_init__(self) -> None:
        _check("L2", strength=self.strength)
        _check_scales(self)

    def __call__(self, weights: Array) -> Array:
        return _half_squares(self.strength, self.scaled(weights))


@dataclass(frozen=True, repr=False)
class L1(_Scaled):
    """The lasso penalty, λ ‖w‖₁, which sets some weights to exactly 0.

    Parameters
    ----------
    strength : float
        λ, in units of loss per weight.
    scales : sequence of float or "standard", optional
        s, as for `L2`: the penalty is then λ Σ |sⱼ wⱼ|.

    Examples
    --------
    >>> import numpy as np
    >>> float(L1(0.5)(np.array([2.0, -4.0])))
    3.0
    """

    strength: float
    scales: Scales = None

    def __post_init__(self) -> None:
        _check("L1", strength=self.strength)
        _check_scales(self)

    def __call__(self, weights: Array) -> Array:
        return self.strength * np.abs(self.scaled(weights)).sum()


@dataclass(frozen=True, repr=False)
class ElasticNet(_Scaled):
    """Both penalties, λ₁ ‖w‖₁ + λ₂/2 ‖w‖²: exact zeros, and similar weights for correlated columns.

    Parameters
    ----------
    l1, l2 : float
        λ₁ and λ₂, as in `L1` and `L2`.
    scales : sequence of float or "standard", optional
        As for `L2`.

    Examples
    --------
    >>> import numpy as np
    >>> weights = np.array([2.0, -4.0])
    >>> float(ElasticNet(l1=0.5, l2=0.1)(weights)) == float(L1(0.5)(weights) + L2(0.1)(weights))
    True
    """

    l1: float
    l2: float
    scales: Scales = None

    def __post_init__(self) -> None:
        _check("ElasticNet", l1=self.l1, l2=self.l2)
        _check_scales(self)

    def __call__(self, weights: Array) -> Array:
        scaled = self.scaled(weights)
        return self.l1 * np.abs(scaled).sum() + _half_squares(self.l2, scaled)


Known = L1 | L2 | ElasticNet
P = TypeVar("P")


def named(kind: str, strength: float, l1_ratio: float = 0.5, scales: Scales = None) -> Known:
    """Return the penalty with a name and a strength λ; an elastic net divides λ between L1 and L2.

    Parameters
    ----------
    kind : {"l2", "l1", "elasticnet"}
        The name.
    strength : float
        λ.
    l1_ratio : float
        The share of λ for L1 in an elastic net, from 0 to 1; the other penalties ignore the share.
    scales : tuple of float, "standard" or None
        The scales of the columns.

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
        return ElasticNet(l1=strength * l1_ratio, l2=strength * (1 - l1_ratio), scales=scales)
    return L1(strength, scales) if kind == "l1" else L2(strength, scales)


def _check(name: str, **strengths: Array) -> None:
    for argument, value in strengths.items():
        shown = repr(value) if len(strengths) == 1 else f"{argument}={value!r}"
        # Scalars of NumPy and JAX are accepted, too.
        if isinstance(value, (bool, str)) or not hasattr(value, "__float__") or np.ndim(value):
            raise TypeError(f"{name}({shown}): the strength must be a finite number, 0 or more")
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}({shown}): the strength must be a finite number, 0 or more")


def _check_scales(penalty: Known) -> None:
    """Check the scales of a penalty, and make a tuple of them, which can be compared and saved."""
    given = penalty.scales
    if given is None or (isinstance(given, str) and given == STANDARD):
        return
    refused = f"scales={quoted(given)}: give a finite number above 0 for each column, or {STANDARD!r}"
    if isinstance(given, str):
        raise ValueError(refused)
    try:
        numbers = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(refused) from None
    if numbers.ndim != 1 or not numbers.size or not (np.isfinite(numbers) & (numbers > 0)).all():
        raise ValueError(refused)
    object.__setattr__(penalty, "scales", tuple(numbers.tolist()))


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


def scales_of(penalty: Function | None) -> np.ndarray | None:
    """Return the scales of the columns by which a penalty of the library multiplies their weights; None if it has none.

    Parameters
    ----------
    penalty : penalty, callable or None
        The penalty; "standard" must have been replaced by numbers.

    Returns
    -------
    array of shape (columns,) or None
        The scales.

    Examples
    --------
    >>> scales_of(L2(0.1, scales=(1.0, 2.0)))
    array([1., 2.])
    """
    if not isinstance(penalty, (L1, L2, ElasticNet)) or penalty.scales is None:
        return None
    assert not isinstance(penalty.scales, str)
    return np.array(penalty.scales)


def on_columns(penalty: P, deviations: np.ndarray) -> P:
    """Return a penalty with the standard deviations of the columns as numbers, in place of the name "standard".

    Parameters
    ----------
    penalty : penalty, callable or None
        The penalty, which is returned as it is if it does not ask for them.
    deviations : array of shape (columns,)
        The standard deviations; the scale of a column that does not vary is 1.

    Returns
    -------
    penalty
        The penalty.

    Examples
    --------
    >>> on_columns(L2(0.1, scales="standard"), np.array([3.0, 0.0]))
    L2(strength=0.1, scales=(3.0, 1.0))
    """
    if not is_standard(penalty):
        return penalty
    return replace(penalty, scales=tuple(np.where(deviations > 0, deviations, 1.0).tolist()))  # type: ignore[type-var]


def is_standard(penalty: object) -> bool:
    """Return whether a penalty is measured on standardised columns whose deviations are not yet known."""
    return isinstance(penalty, (L1, L2, ElasticNet)) and isinstance(penalty.scales, str)
