"""The time limit of an objective, checked before each call of the user's function."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager


class OutOfTime(BaseException):
    """Raised before a call of the user's function once its time is over.

    It is no `Exception`, so that the guards around such calls, which catch whatever the user's code raises, let it
    through.
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
        """Return when a descent began.

        The first descent began when the objective was created: the calls that were needed to set it up count as well.
        """
        created, self.created = self.created, None
        return time.perf_counter() if created is None else created

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return time.perf_counter() > self.until

    def check(self) -> None:
        """Raise `OutOfTime` if the time is over."""
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
