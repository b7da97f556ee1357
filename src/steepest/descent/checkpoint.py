"""The state of a descent that has stopped, from which it can continue as if it had not."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, fields
from typing import TypedDict

from steepest.descent.early_stopping import BestEpoch
from steepest.descent.loop.solver import Solver
from steepest.types import Json


class JudgeState(TypedDict):
    """The judge's part of a checkpoint."""

    audits: int
    polished: int
    cost: int
    kinks: int
    anchor: float
    exact: bool
    probe_after: float


@dataclass(frozen=True)
class Checkpoint:
    """The state of a descent: of its solver, its driver and its judge.

    The judge's part is from before its last verdict: a longer run judges that point again. Files hold the fields by
    these names.

    Attributes
    ----------
    solver : Solver
        The solver, which holds the point.
    near, tolerance : float
        The tolerance that the solver began with, and its tolerance now.
    audits, polished, cost : int
        How many audits the judge has made, how many Newton steps it took, and how many values these cost.
    events : int
        How many events had been recorded.
    seconds : float
        How long the descent has taken.
    best : BestEpoch
        The epoch with the least validation loss.
    kinks : int
        How often the judge has searched for a kink.
    anchor : float
        The value at the last audit.
    exact : bool
        Whether the judge computes Hessians by traced code.
    probe_after : float
        The iteration after which the judge looks at the curvature next.
    """

    solver: Solver
    near: float
    tolerance: float
    audits: int
    polished: int
    cost: int
    events: int
    seconds: float
    best: BestEpoch
    kinks: int = 0
    anchor: float = math.inf
    exact: bool = False
    probe_after: float = math.inf

    def counters(self) -> dict[str, Json]:
        """Return all but the solver and the best epoch, as JSON holds it."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("solver", "best")}

    def solver_for(self, near: float) -> Solver:
        """Return a copy of the solver; it keeps a sharpened tolerance only if the same one is asked for again."""
        solver = copy.copy(self.solver)
        solver.tolerance = self.tolerance if near == self.near else near
        return solver
