"""The base of every step size: its methods, the flags that the loop reads before compiling, and a check of numbers."""

from __future__ import annotations

import math
import numbers
from typing import ClassVar, NamedTuple, Self

from steepest.printable import quoted
from steepest.types import Array, PyTree


class Trial(NamedTuple):
    """A trial step t: values and slopes along the direction at 0 and at t, and the bracket (low, high) so far."""

    t: Array
    low: Array
    high: Array
    value: Array
    slope: Array
    new_value: Array
    new_slope: Array
    rounding: Array
    memory: PyTree = ()


class Verdict(NamedTuple):
    """Whether the trial is accepted; if not, the next step to try and the bracket (low, high) around that step."""

    accepted: Array
    t: Array
    low: Array
    high: Array
    memory: PyTree = ()


class Seen(NamedTuple):
    """A point of the descent, from which a step size that adapts learns."""

    x: Array
    value: Array
    gradient: Array
    direction: Array


class StepSize:
    """A rule for the step size; the flags, which the loop and `choose` read, declare its kind.

    There are three kinds. A fixed size (`schedules.py`) has `at(k)`, or `table(first, count)` if the user gave
    a function. A search (`searches.py`) has `remember`, `begin`, `judge` and `again`. A size that adapts to the
    descent (`adaptive.py`) has `start` and `learn`, and also `reference` if it is a search.
    """

    # Whether the rule tries sizes along the direction, and accepts or rejects each.
    searches: ClassVar[bool] = False
    # Whether the rule learns at each point, from the value and the gradient.
    adapts: ClassVar[bool] = False
    # Whether the formula holds only for plain gradient descent, d = -g.
    plain_only: ClassVar[bool] = False
    # Whether the rule needs gradients without noise, so that batches are refused. A search always needs them, whatever
    # this flag says.
    exact: ClassVar[bool] = False
    # Whether the sizes come from the user's Python function; compiled code reads a table of them for each chunk.
    tabled: ClassVar[bool] = False

    @property
    def optimum(self) -> float | None:
        """The optimum of the function that the loop minimises; None if the user gave none."""
        return None

    @property
    def rate(self) -> float | None:
        """The learning rate, from which the rule makes its sizes; None if it finds them itself."""
        return None

    def with_rate(self, rate: float) -> StepSize:
        """Return the same rule with another learning rate, if it has one."""
        raise NotImplementedError

    def signed(self, sign: float) -> Self:
        """Return the rule for a loop that minimises `sign` times the user's function; most rules ignore the sign."""
        return self

    # Methods of a fixed size.

    def at(self, k: Array) -> Array:
        """Return the size of step k, k from 0."""
        raise NotImplementedError

    def table(self, first: int, count: int) -> list[float]:
        """Return the sizes of `count` steps from step `first` on."""
        raise NotImplementedError

    # Methods of a search.

    def remember(self) -> PyTree:
        """Return the memory of a search before its first trial."""
        raise NotImplementedError

    def begin(self, length: Array, size: Array) -> Array:
        """Return the first size to try from a start of norm `size`, along a direction of norm `length`."""
        raise NotImplementedError

    def again(self, t: Array, metric: bool) -> Array:
        """Return the first size to try after a step of size t was accepted."""
        raise NotImplementedError

    def judge(self, trial: Trial) -> Verdict:
        """Return whether a trial is accepted, and the size to try next."""
        raise NotImplementedError

    # Methods of a size that adapts.

    def start(self, x: Array) -> PyTree:
        """Return the memory before the first step."""
        raise NotImplementedError

    def learn(self, memory: PyTree, here: Seen) -> PyTree:
        """Return the memory updated by a point of the descent; the field `t` is the next size."""
        raise NotImplementedError

    def reference(self, memory: PyTree) -> Array:
        """Return the value to compare trials with, for a search that adapts."""
        raise NotImplementedError


# Hyper-parameters that may be 0; all others must be positive.
_MAY_BE_ZERO = {"decay", "power", "final", "warm"}


def check(step: StepSize, **largest: float) -> None:
    """Raise unless each hyper-parameter is a positive finite number, at most as large as its limit; some may be 0."""
    for name, most in largest.items():
        value, least = getattr(step, name), "0 or more" if name in _MAY_BE_ZERO else "positive"
        in_range = isinstance(value, numbers.Real) and math.isfinite(value) and 0 <= float(value) <= most
        if not in_range or (value == 0 and name not in _MAY_BE_ZERO):
            wanted = f"{least}, at most {most:g}" if math.isfinite(most) else f"{least} and finite"
            raise ValueError(f"{type(step).__name__}({name}={quoted(value)}): it must be a number, {wanted}")
