"""Step sizes fixed in advance: `at(k)` is the size of step k."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import jax.numpy as jnp

from steepest.rules.rule import rule
from steepest.rules.steps.step import StepSize, check
from steepest.types import Array

# Hyper-parameters that are factors or shares, so at most 1.
_AT_MOST_ONE = {"factor", "warm", "first", "last"}


class _Fixed(StepSize):
    """The base of fixed sizes, which do not depend on f; it checks their hyper-parameters."""

    def __post_init__(self) -> None:
        limits = {f.name: 1.0 if f.name in _AT_MOST_ONE else math.inf for f in fields(self)}  # type: ignore[arg-type]
        check(self, **limits)

    # The learning rate is the first field of each rule.

    @property
    def rate(self) -> float:
        return float(getattr(self, fields(self)[0].name))  # type: ignore[arg-type]

    def with_rate(self, rate: float) -> StepSize:
        return replace(self, **{fields(self)[0].name: rate})  # type: ignore[arg-type, type-var]


@rule
class Constant(_Fixed):
    """A constant learning rate, t = size.

    Parameters
    ----------
    size : float
        The learning rate. Plain descent can't diverge with a size below 2 / L if the curvature is at most L.

    Examples
    --------
    >>> Constant(0.1).at(7)
    0.1
    """

    size: float

    def at(self, k: Array) -> Array:
        return self.size


@rule
class Shrinking(_Fixed):
    """A learning rate that shrinks over time, t = size / (1 + decay k)^power.

    Parameters
    ----------
    size : float
        The first step size.
    decay : float
        How fast the size shrinks, per step; 0 for a constant size.
    power : float
        1 to shrink like 1/k, ½ like 1/√k.

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

    def at(self, k: Array) -> Array:
        return self.size / (1 + self.decay * k) ** self.power


@rule
class Exponential(_Fixed):
    """A learning rate that shrinks exponentially, t = size · factor^(k / every).

    Parameters
    ----------
    size : float
        The first step size.
    factor : float
        The factor by which the size shrinks in `every` steps, at most 1.
    every : float
        The number of steps in which the size shrinks by `factor`.

    Examples
    --------
    >>> Exponential(1.0, factor=0.5, every=10).at(20)
    0.25
    """

    size: float
    factor: float = 0.9
    every: float = 100.0

    def at(self, k: Array) -> Array:
        return self.size * self.factor ** (k / self.every)


@rule
class Staircase(_Fixed):
    """A learning rate that drops after a number of steps, t = size · factor^⌊k / every⌋.

    Parameters
    ----------
    size : float
        The first step size.
    factor : float
        The factor by which the size drops, at most 1.
    every : float
        The number of steps between two drops.

    Examples
    --------
    >>> [Staircase(1.0, factor=0.5, every=10).at(k) for k in (0, 9, 10)]
    [1.0, 1.0, 0.5]
    """

    size: float
    factor: float = 0.5
    every: float = 100.0

    def at(self, k: Array) -> Array:
        return self.size * self.factor ** (k // self.every)


@rule
class Cosine(_Fixed):
    """Half a cosine wave from `size` down to `final`, and `final` from then on.

    t = final + (size - final) (1 + cos(π k / iterations)) / 2.

    Parameters
    ----------
    size : float
        The first step size.
    iterations : int
        The number of steps until `final` is reached.
    final : float
        The last step size; 0 or more.

    Notes
    -----
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), one period.

    Examples
    --------
    >>> [round(float(Cosine(1.0, iterations=100).at(k)), 6) for k in (0, 50, 100, 200)]
    [1.0, 0.5, 0.0, 0.0]
    """

    size: float
    iterations: float
    final: float = 0.0

    def at(self, k: Array) -> Array:
        return _half_wave(self.size, self.final, k / self.iterations)


@rule
class OneCycle(_Fixed):
    """One cycle: the size rises to a peak and falls to nearly 0, each along half a cosine wave.

    Parameters
    ----------
    peak : float
        The largest step size.
    iterations : int
        The number of steps in the cycle; all later steps have the last size.
    warm : float
        The share of the cycle's steps that come before the peak.
    first, last : float
        The first and the last size, as shares of the peak.

    Notes
    -----
    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
    rates" (2018); the defaults are those of optax and PyTorch, with the peak at warm · iterations
    even if that is not a whole number.

    Examples
    --------
    >>> [round(float(OneCycle(1.0, iterations=100).at(k)), 6) for k in (0, 30, 65, 100)]
    [0.04, 1.0, 0.500002, 4e-06]
    """

    peak: float
    iterations: float
    warm: float = 0.3
    first: float = 0.04
    last: float = 4e-6

    def at(self, k: Array) -> Array:
        top = self.warm * self.iterations
        # 1e-300 avoids 0/0 if the cycle has no rise or no fall.
        up = _half_wave(self.first * self.peak, self.peak, k / jnp.maximum(top, 1e-300))
        down = _half_wave(self.peak, self.last * self.peak, (k - top) / jnp.maximum(self.iterations - top, 1e-300))
        return jnp.where(k < top, up, down)


def _half_wave(first: Array, last: Array, share: Array) -> Array:
    """Return the size after a share, 0 to 1, of the half cosine wave from `first` to `last`."""
    return last + (first - last) * (1 + jnp.cos(jnp.pi * jnp.clip(share, 0, 1))) / 2


@dataclass(frozen=True)
class Schedule(StepSize):
    """A learning rate given as a function of the iteration, t = function(k), k from 0.

    Parameters
    ----------
    function : callable
        Takes the number of a step and returns the size. Any Python code is allowed, as it is not compiled.

    Examples
    --------
    >>> Schedule(lambda k: 0.1 if k < 10 else 0.01).table(9, 2)
    [0.1, 0.01]
    """

    tabled: ClassVar[bool] = True
    function: Callable[[int], float]

    @property
    def rate(self) -> float | None:
        """The first size, unless it is 0 or less; other rates multiply all sizes."""
        first = float(self.function(0))
        return first if 0 < first < math.inf else None

    def with_rate(self, rate: float) -> StepSize:
        function, first = self.function, self.function(0)
        return Schedule(lambda k: rate / first * function(k))

    def table(self, first: int, count: int) -> list[float]:
        """Return the sizes of the steps from `first` to `first + count - 1`."""
        sizes = [float(self.function(k)) for k in range(first, first + count)]
        for k, size in enumerate(sizes, first):
            if not math.isfinite(size):
                raise ValueError(f"the step function returned {size} at iteration {k}: it must be finite")
        return sizes


@rule
class Tabled(StepSize):
    """A stand-in for a `Schedule` in compiled code: the sizes are read from a table."""

    tabled: ClassVar[bool] = True
