"""The time limit of an objective, checked before each call of the user's function, and the number of these calls."""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager


class OutOfTime(BaseException):
    """Raised instead of calling the user's function when the time limit has passed.

    It is not an `Exception`: the guards around such calls catch every exception of the user's code, and must let this
    one through.
    """


class Clock:
    """The time limit of an objective.

    Attributes
    ----------
    until : float
        The time, as `time.perf_counter` counts it, after which no further call of the function may begin.
    calls : int
        How many calls of the function have begun.
    """

    def __init__(self) -> None:
        self.is_new = True
        self.until = math.inf
        self.calls = 0

    def begins(self) -> bool:
        """Tell whether the first descent of the objective begins: only the first call returns True."""
        is_new, self.is_new = self.is_new, False
        return is_new

    @property
    def over(self) -> bool:
        """Whether the time limit has passed."""
        return time.perf_counter() > self.until

    def check(self) -> None:
        """Raise `OutOfTime` if the time limit has passed."""
        if self.over:
            raise OutOfTime

    def admit(self) -> None:
        """Count a call of the user's function that begins now; raise `OutOfTime` if the time limit has passed."""
        if self.until < math.inf:
            self.check()
        self.calls += 1

    def ends(self, until: float) -> AbstractContextManager[None]:
        """Set the time limit inside this context, and restore the old one after it."""
        return _Limited(self, until)


class _Limited:
    """A time limit, inside its context."""

    __slots__ = ("before", "clock", "until")

    def __init__(self, clock: Clock, until: float) -> None:
        self.clock, self.until, self.before = clock, until, clock.until

    def __enter__(self) -> None:
        self.before, self.clock.until = self.clock.until, self.until

    def __exit__(self, *error: object) -> None:
        self.clock.until = self.before
