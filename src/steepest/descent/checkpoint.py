"""The state of a stopped descent, from which it can continue as if it had not stopped."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, fields
from typing import TypedDict

from steepest.descent.early_stopping import BestEpoch
from steepest.descent.loop.solver import Solver
from steepest.types import Json


class JudgeState(TypedDict):
    """The fields of a checkpoint that belong to the `Judge`."""

    audits: int
    polished: int
    cost: int
    kinks: int
    anchor: float
    exact: bool
    probe_after: float


@dataclass(frozen=True)
class Checkpoint:
    """The state of a descent: the states of its solver, its `Driver` and its `Judge`.

    The fields of the judge are from before its last verdict, so a longer run judges that point again. Files store the
    fields under these names.

    Attributes
    ----------
    solver : Solver
        The solver, which holds the point.
    near, tolerance : float
        The tolerance that the solver began with, and the present one, which the judge may have lowered.
    audits, polished, cost : int
        The numbers of audits, of damped Newton steps, and of values that the judge computed.
    events : int
        The number of recorded events.
    seconds : float
        How many seconds the descent has taken.
    best : BestEpoch
        The epoch with the least validation loss.
    kinks : int
        How often the judge has searched for a kink.
    anchor : float
        The value at the last audit.
    exact : bool
        Whether the judge computes Hessians by traced code.
    probe_after : float
        The iteration after which the judge next probes the curvature.
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
        """Return the fields for a JSON file: all but the solver and the best epoch."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("solver", "best")}

    def solver_for(self, near: float) -> Solver:
        """Return a copy of the solver with tolerance `near`, or with the lowered tolerance if `near` is unchanged."""
        solver = copy.copy(self.solver)
        solver.tolerance = self.tolerance if near == self.near else near
        return solver
