"""Where a descent has come to a halt, so that it can go on as if it had not."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from steepest.descent.verdict.watch import Best


@dataclass(frozen=True)
class Halt:
    """Where a descent stands, and what its driver knows there.

    What the judge has counted is from before its last word, which a longer run says anew.

    Attributes
    ----------
    engine : engine
        What stands there.
    near, tolerance : float
        How near was near enough for the engine at first, and how near that has become.
    audits, polished, cost : int
        What the judge has counted.
    events : int
        How many events had been recorded.
    seconds : float
        How long the descent has taken.
    best : Best
        The epoch with the least validation loss.
    """

    engine: Any
    near: float
    tolerance: float
    audits: int
    polished: int
    cost: int
    events: int
    seconds: float
    best: Best

    def engine_for(self, near: float) -> Any:
        """Return an engine of its own that stands there; what was learnt of a tolerance holds for that one alone."""
        engine = copy.copy(self.engine)
        engine.tolerance = self.tolerance if near == self.near else near
        return engine
