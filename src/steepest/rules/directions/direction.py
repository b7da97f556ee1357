"""The base of every direction: what the loop asks of it before it compiles."""

from __future__ import annotations

from typing import ClassVar

from steepest.types import Tree

# What a direction carries from one iteration to the next: a pytree of arrays.
State = Tree


class Direction:
    """A direction has `start(x)`, its first state, and maps (gradient, state, x) to (direction, next state).

    The loop reads two flags.
    """

    # d = -B g with B near the inverse Hessian: 1 is then the first size to try, and -gᵀd / 2 estimates what is
    # left to gain.
    metric: ClassVar[bool] = False
    # Its state is a pair: last steps and the rest. `learn(steps, rest, g, x, accepted)`, `way(steps, rest, g, held)`
    # and `anew(rest, x)` work on its parts: a search holds the steps, which are large, outside of its branches, which
    # would copy them at every trial.
    learns: ClassVar[bool] = False
