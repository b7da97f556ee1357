"""The base of every step size: what the loop asks of it before it compiles, and the check of its numbers."""

from __future__ import annotations

import math
import numbers
from typing import ClassVar, NamedTuple, Self

from steepest.types import Array, Tree


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
    memory: Tree = ()


class Verdict(NamedTuple):
    """Whether the trial is accepted; if not, the next step to try, and the bracket around it."""

    accepted: Array
    t: Array
    low: Array
    high: Array
    memory: Tree = ()


class Seen(NamedTuple):
    """A point that the descent has reached, from which a size learns."""

    x: Array
    value: Array
    gradient: Array
    direction: Array


class StepSize:
    """A step size declares which kind it is; the loop and `choose` read the flags.

    There are three kinds. A fixed size (`schedules.py`) has `at(k)`, or `table(first, count)` if it is a
    function of the user's. A search (`searches.py`) has `remember`, `begin`, `judge` and `again`. A size that
    follows the descent (`adaptive.py`) has `start` and `learn`; one that is a search as well has `reference`.
    """

    # It tries sizes along the direction, and accepts or rejects each.
    searches: ClassVar[bool] = False
    # It learns at each point, from the value and the gradient there.
    adapts: ClassVar[bool] = False
    # Its formula holds for plain gradient descent alone, d = -g.
    plain_only: ClassVar[bool] = False
    # It needs gradients without noise: batches are refused. A search always needs them, whatever this flag says.
    exact: ClassVar[bool] = False
    # Its sizes come from a Python function of the user's, which compiled code reads as a table for each chunk.
    tabled: ClassVar[bool] = False

    @property
    def optimum(self) -> float | None:
        """The optimum that the user knows, in the values that the loop sees; None if not known."""
        return None

    def signed(self, sign: float) -> Self:
        """Return the size for a loop that minimises `sign` times the user's function; most do not depend on it."""
        return self

    # A fixed size.

    def at(self, k: Array) -> Array:
        """Return the size of step k, k from 0."""
        raise NotImplementedError

    def table(self, first: int, count: int) -> list[float]:
        """Return the sizes of `count` steps from step `first` on."""
        raise NotImplementedError

    # A search.

    def remember(self) -> Tree:
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

    # A size that follows the descent.

    def start(self, x: Array) -> Tree:
        """Return the memory before the first step."""
        raise NotImplementedError

    def learn(self, memory: Tree, here: Seen) -> Tree:
        """Return the memory with a point that the descent has reached; its field `t` is the next size."""
        raise NotImplementedError

    def reference(self, memory: Tree) -> Array:
        """Return the value that a search which also adapts compares trials with."""
        raise NotImplementedError


# Hyper-parameters that may be 0; all others must be positive.
_MAY_BE_ZERO = {"decay", "power", "final", "warm"}


def check(step: StepSize, **largest: float) -> None:
    """Raise unless each hyper-parameter given is a positive finite number, at most as large as stated here."""
    for name, most in largest.items():
        value, least = getattr(step, name), "0 or more" if name in _MAY_BE_ZERO else "positive"
        in_range = isinstance(value, numbers.Real) and math.isfinite(value) and 0 <= float(value) <= most
        if not in_range or (value == 0 and name not in _MAY_BE_ZERO):
            wanted = f"{least}, at most {most:g}" if math.isfinite(most) else f"{least} and finite"
            raise ValueError(f"{type(step).__name__}({name}={value!r}): it must be a number, {wanted}")
