"""The time limit of an objective, checked before each call of the user's function."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager


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
    """

    def __init__(self) -> None:
        self.created: float | None = time.perf_counter()
        self.until = math.inf

    def begin(self) -> float:
        """Return the time at which a descent began.

        The first descent counts from the creation of the objective, so that the calls to set it up count as well.
        """
        created, self.created = self.created, None
        return time.perf_counter() if created is None else created

    @property
    def over(self) -> bool:
        """Whether the time limit has passed."""
        return time.perf_counter() > self.until

    def check(self) -> None:
        """Raise `OutOfTime` if the time limit has passed."""
        if self.over:
            raise OutOfTime

    @contextmanager
    def ends(self, until: float) -> Iterator[None]:
        """Set the time limit inside this context, and restore the old one after it."""
        before, self.until = self.until, until
        try:
            yield
        finally:
            self.until = before
