"""How far to go, fixed beforehand: constant and shrinking sizes, each an answer to `at(k)` for step k."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import jax.numpy as jnp

from steepest.rules.rule import rule
from steepest.rules.steps.step import StepSize

Array = Any


class _Fixed(StepSize):
    """What all fixed sizes share: they never look at the function, and every number in them is checked."""

    def __post_init__(self) -> None:
        limits = {f.name: 1.0 if f.name in _PARTS else math.inf for f in fields(self)}  # type: ignore[arg-type]
        check(self, **limits)


_PARTS = {"factor", "warm", "first", "last"}
_MAY_BE_ZERO = {"decay", "power", "final", "warm"}


def check(record: Any, **largest: float) -> None:
    """Refuse a rule whose numbers make no sense: each is finite, positive, and at most as large as given."""
    for name, most in largest.items():
        value, least = getattr(record, name), "0 or more" if name in _MAY_BE_ZERO else "positive"
        fine = isinstance(value, numbers.Real) and math.isfinite(value) and 0 <= float(value) <= most
        if not fine or (value == 0 and name not in _MAY_BE_ZERO):
            wanted = f"{least}, at most {most:g}" if math.isfinite(most) else f"{least} and finite"
            raise ValueError(f"{type(record).__name__}({name}={value!r}): it must be a number, {wanted}")


@rule
class Constant(_Fixed):
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

    def at(self, k: Array) -> Array:
        return self.size / (1 + self.decay * k) ** self.power


@rule
class Exponential(_Fixed):
    """A learning rate that shrinks by a factor, t = size · factor^(k / every).

    Parameters
    ----------
    size : float
        The first step size.
    factor : float
        What it is multiplied by, at most 1.
    every : float
        In how many steps.

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
    """A learning rate that drops by a factor every so many steps, t = size · factor^⌊k / every⌋.

    Parameters
    ----------
    size : float
        The first step size.
    factor : float
        What it is multiplied by at each stair, at most 1.
    every : float
        How many steps a stair is wide.

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
    """Half a cosine wave from `size` down to `final`, which is kept from then on.

    t = final + (size - final) (1 + cos(π k / iterations)) / 2.

    Parameters
    ----------
    size : float
        The first step size.
    iterations : int
        After how many steps the last size is reached.
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
    """One cycle up to a peak and down to almost nothing, each way half a cosine wave.

    Parameters
    ----------
    peak : float
        The greatest step size.
    iterations : int
        How many steps the cycle has; the last size is kept from then on.
    warm : float
        The part of them on the way up.
    first, last : float
        The first and the last size, as parts of the peak.

    Notes
    -----
    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
    rates" (2018); the defaults are those of optax and PyTorch, with the turn at warm · iterations
    even where that is not whole.

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
        turn = self.warm * self.iterations
        up = _half_wave(self.first * self.peak, self.peak, k / jnp.maximum(turn, 1e-300))
        down = _half_wave(self.peak, self.last * self.peak, (k - turn) / jnp.maximum(self.iterations - turn, 1e-300))
        return jnp.where(k < turn, up, down)


def _half_wave(first: Array, last: Array, part: Array) -> Array:
    return last + (first - last) * (1 + jnp.cos(jnp.pi * jnp.clip(part, 0, 1))) / 2


@dataclass(frozen=True)
class Schedule(StepSize):
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
