"""How far to go: fixed and shrinking sizes, and searches that try a step and judge it.

A fixed rule answers `at(k)`, the size of step k. A search answers `judge`, whether a trial step is
accepted and which one comes next; the loop makes the trials, so no search has a loop of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from steepest.descent.directions import rule

Array = Any
AGAINST = 1e-10


class Trial(NamedTuple):
    """What a search knows of a trial step t: values and slopes along the direction at 0 and at t."""

    t: Array
    low: Array
    high: Array
    value: Array
    slope: Array
    new_value: Array
    new_slope: Array
    rounding: Array


class Verdict(NamedTuple):
    """Whether the trial is accepted, and else the next step to try and what brackets it."""

    accepted: Array
    t: Array
    low: Array
    high: Array


@rule
class Constant:
    """A constant learning rate, t = size.

    Parameters
    ----------
    size : float
        The learning rate; below 2 / L it can't diverge where the curvature is at most L.

    Examples
    --------
    >>> Constant(0.1).at(7)
    0.1
    """

    size: float
    searches: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _positive("Constant", "size", self.size)

    def at(self, k: Array) -> Array:
        return self.size


@rule
class Shrinking:
    """A learning rate that shrinks over time, t = size / (1 + decay k)^power.

    Parameters
    ----------
    size : float
        The first step size.
    decay : float
        How fast it shrinks, per step; 0 is constant.
    power : float
        1 for 1/k, ½ for 1/√k.

    Notes
    -----
    Robbins and Monro, "A stochastic approximation method" (1951): with ½ < power ≤ 1 the sizes sum
    to infinity and their squares do not.

    Examples
    --------
    >>> Shrinking(1.0, decay=1.0).at(3)
    0.25
    """

    size: float
    decay: float = 0.01
    power: float = 1.0
    searches: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _positive("Shrinking", "size", self.size)

    def at(self, k: Array) -> Array:
        return self.size / (1 + self.decay * k) ** self.power


@dataclass(frozen=True)
class Schedule:
    """A learning rate given as a function of the iteration, t = function(k), k from 0.

    Parameters
    ----------
    function : callable
        Takes the number of the step and returns its size; any Python code.

    Examples
    --------
    >>> Schedule(lambda k: 0.1 if k < 10 else 0.01).table(9, 2)
    [0.1, 0.01]
    """

    function: Callable[[int], float]
    searches: ClassVar[bool] = False

    def table(self, first: int, count: int) -> list[float]:
        """Return the sizes of steps first … first + count - 1.

        Parameters
        ----------
        first : int
            The first step.
        count : int
            How many.

        Returns
        -------
        list of float
            Their sizes.
        """
        sizes = [float(self.function(k)) for k in range(first, first + count)]
        for k, size in enumerate(sizes, first):
            if not math.isfinite(size):
                raise ValueError(f"the step function returned {size} at iteration {k}: it must be finite")
        return sizes


@rule
class Armijo:
    """Backtracking until the value falls enough: f(x + t d) ≤ f(x) + c t gᵀd, else t ← shrink · t.

    Each iteration begins at twice the step accepted before, so that the size follows the function.

    Parameters
    ----------
    first : float
        The first step tried.
    fraction : float
        c, how much of the fall that the slope promises must be had.
    shrink : float
        What a rejected step is multiplied by; 0.1 where the value was not finite.

    Notes
    -----
    Armijo, "Minimization of functions having Lipschitz continuous first partial derivatives" (1966).

    Examples
    --------
    >>> Armijo().shrink
    0.5
    """

    first: float = 1.0
    fraction: float = 1e-4
    shrink: float = 0.5
    searches: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _positive("Armijo", "first", self.first)

    def begin(self, gnorm: Array, size: Array) -> Array:
        return jnp.asarray(self.first)

    def again(self, t: Array, metric: bool) -> Array:
        return jnp.asarray(1.0) if metric else 2 * t

    def judge(self, trial: Trial) -> Verdict:
        enough = trial.new_value <= trial.value + self.fraction * trial.t * trial.slope
        factor = jnp.where(jnp.isfinite(trial.new_value), self.shrink, 0.1)
        return Verdict(enough, factor * trial.t, trial.low, trial.high)


@rule
class Wolfe:
    """The weak Wolfe conditions by bracketing: enough fall, and a slope that has flattened.

    f(x + t d) ≤ f(x) + c₁ t gᵀd and g(x + t d)ᵀd ≥ c₂ gᵀd; the next trial is the secant's zero of
    the slope, or the middle of the bracket where that lies outside. Where values differ by rounding
    alone, the slope decides.

    Parameters
    ----------
    fall : float
        c₁.
    flatten : float
        c₂.

    Notes
    -----
    Lewis and Overton, "Nonsmooth optimization via quasi-Newton methods" (2013); the rule at rounding
    is the approximate Wolfe condition of Hager and Zhang (2005).

    Examples
    --------
    >>> Wolfe().flatten
    0.9
    """

    fall: float = 1e-4
    flatten: float = 0.9
    searches: ClassVar[bool] = True

    def begin(self, gnorm: Array, size: Array) -> Array:
        return 0.01 * size / gnorm

    def again(self, t: Array, metric: bool) -> Array:
        return jnp.asarray(1.0) if metric else t

    def judge(self, trial: Trial) -> Verdict:
        t, slope, new_slope = trial.t, trial.slope, trial.new_slope
        fell = trial.new_value <= trial.value + self.fall * t * slope
        level = (trial.new_value <= trial.value + trial.rounding) & (new_slope <= (2 * self.fall - 1) * slope)
        enough, flat = fell | level, new_slope >= self.flatten * slope
        # Against a wall or a kink the slope never flattens: be content with the last step before it.
        against = enough & (trial.high - t <= AGAINST * t)
        low = jnp.where(enough & ~flat, t, trial.low)
        high = jnp.where(enough, trial.high, t)
        secant = t * slope / (slope - new_slope)
        open_ended = jnp.isinf(high)
        width = high - low
        far = jnp.where(secant > 0, jnp.clip(secant, 2 * t, 100 * t), 10 * t)
        inside = (low < secant) & (secant < high)
        near = jnp.where(inside, jnp.clip(secant, low + 0.1 * width, high - 0.1 * width), low + 0.5 * width)
        return Verdict((enough & flat) | against, jnp.where(open_ended, far, near), low, high)


def _positive(rule_name: str, field: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{rule_name}({field}={value!r}): a step size must be a positive finite number")


NAMED = {"armijo": Armijo, "wolfe": Wolfe}
