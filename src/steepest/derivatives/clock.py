"""When a descent must end: looked at between two calls of the user's function, however deep inside."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager


class OutOfTime(BaseException):
    """Raised between two calls of the user's function once the time is over; guards around a call let it through."""


class Clock:
    """The time of an objective.

    Attributes
    ----------
    until : float
        When no further call of the function may begin.
    """

    def __init__(self) -> None:
        self.born: float | None = time.perf_counter()
        self.until = math.inf

    def begin(self) -> float:
        """Return when a descent began: the first one when the objective was begun, as its calls count as well."""
        born, self.born = self.born, None
        return time.perf_counter() if born is None else born

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return time.perf_counter() > self.until

    def check(self) -> None:
        """Raise `OutOfTime` where the time is over."""
        if self.over:
            raise OutOfTime

    @contextmanager
    def ends(self, until: float) -> Iterator[None]:
        """Let no call begin after a time, inside this context."""
        before, self.until = self.until, until
        try:
            yield
        finally:
            self.until = before
