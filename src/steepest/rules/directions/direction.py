"""The base of every direction: what the loop asks of it before it compiles."""

from __future__ import annotations

from typing import ClassVar

from steepest.types import Array, Function, Tree

# What a direction carries from one iteration to the next: a pytree of arrays.
State = Tree


class Direction:
    """A direction has `start(x)`, its first state, and maps (gradient, state, x) to (direction, next state).

    The loop reads these flags.
    """

    # d = -B g with B near the inverse Hessian: 1 is then the first size to try, and -gᵀd / 2 estimates what is
    # left to gain.
    metric: ClassVar[bool] = False
    # Its state is a pair: last steps and the rest. `learn(steps, rest, g, x, accepted)`,
    # `search_direction(steps, rest, g, held)` and `restarted(rest, x)` work on its parts: a search holds the steps,
    # which are large, outside of its branches, which would copy them at every trial.
    learns: ClassVar[bool] = False
    # It makes trials of its own: it also takes the value, and the function.
    evaluates: ClassVar[bool] = False

    def start(self, x: Array) -> State:
        """Return the state before the first step."""
        raise NotImplementedError

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        """Return the direction at x and the next state."""
        raise NotImplementedError

    def evaluate(self, g: Array, state: State, x: Array, value: Array, f: Function | None) -> tuple[Array, State]:
        """Return the direction at x and the next state, of a direction that makes trials of its own."""
        raise NotImplementedError

    def learn(self, steps: State, rest: State, g: Array, x: Array, accepted: Array) -> tuple[State, State]:
        """Return the parts of the state with the point that a search has reached, if it was accepted."""
        raise NotImplementedError

    def search_direction(self, steps: State, rest: State, g: Array, held: Array | None = None) -> tuple[Array, State]:
        """Return the direction by the last steps, and the rest of the state; `held` marks coordinates that stay."""
        raise NotImplementedError

    def restarted(self, rest: State, x: Array) -> State:
        """Return the rest of the state as it is before the first step."""
        raise NotImplementedError
