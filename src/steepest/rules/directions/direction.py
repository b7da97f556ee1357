"""The base of every direction: its methods, and the flags that the loop reads before compiling."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from steepest.types import Array, Function, PyTree

# The memory of a direction between iterations: a pytree of arrays.
State = PyTree


class Direction:
    """A rule that maps (gradient, state, x) to (direction, next state); `start(x)` returns the first state.

    The loop reads the flags below.
    """

    # Whether d = -B g with B near the inverse Hessian. If so, a search tries the size 1 first, and -gᵀd / 2 estimates
    # how far f can still fall.
    metric: ClassVar[bool] = False
    # Whether the state is a pair (steps, rest), which `learn` and `search_direction` take as two arguments. The loop
    # keeps the steps, which are large, out of the branches of a search, because these would copy the steps at every
    # trial.
    learns: ClassVar[bool] = False
    # Whether the direction makes its own trials of f. If so, `evaluate` needs the value and f, too.
    evaluates: ClassVar[bool] = False

    def described(self) -> dict[str, str | int | float | bool]:
        """Return the name of the rule and its numbers, for the record of a run."""
        named: list[str] = [each.name for each in dataclasses.fields(self)] if dataclasses.is_dataclass(self) else []
        numbers = {name: getattr(self, name) for name in named if isinstance(getattr(self, name), (bool, int, float))}
        return {"name": type(self).__name__, **numbers}

    def start(self, x: Array) -> State:
        """Return the state before the first step."""
        raise NotImplementedError

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        """Return the direction at x and the next state."""
        raise NotImplementedError

    def evaluate(self, g: Array, state: State, x: Array, value: Array, f: Function | None) -> tuple[Array, State]:
        """Return the direction at x and the next state, after trials of f if the direction makes any."""
        raise NotImplementedError

    def learn(self, steps: State, rest: State, g: Array, x: Array, accepted: Array) -> tuple[State, State]:
        """Return `steps` and `rest`, updated by the point x if `accepted`."""
        raise NotImplementedError

    def search_direction(self, steps: State, rest: State, g: Array, held: Array | None = None) -> tuple[Array, State]:
        """Return the direction and the next `rest`; the coordinates in `held` do not move."""
        raise NotImplementedError

    def restarted(self, rest: State, x: Array) -> State:
        """Return `rest`, reset for a first step from x."""
        raise NotImplementedError
