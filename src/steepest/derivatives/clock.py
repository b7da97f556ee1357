"""When a descent must end: looked at between two calls of the user's function, however deep inside."""

from __future__ import annotations

import math
import time


class OutOfTime(BaseException):  # noqa: N818 - an end, as KeyboardInterrupt is one, and no error
    """Raised between two calls of the user's function once the time is over; guards around a call let it through."""


class Clock:
    """The time of an objective.

    Attributes
    ----------
    began : float
        When the objective was begun, or the descent after that.
    until : float
        When no further call of the function may begin.
    """

    def __init__(self) -> None:
        self.began, self.until = time.perf_counter(), math.inf

    def check(self) -> None:
        """Raise `OutOfTime` where the time is over."""
        if time.perf_counter() > self.until:
            raise OutOfTime
