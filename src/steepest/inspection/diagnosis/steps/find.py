"""The finders for the size and number of steps, and for scales: each file here looks for one cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.steps.scales import ill_conditioned
from steepest.inspection.diagnosis.steps.schedule import schedule_ended
from steepest.inspection.diagnosis.steps.too_few import too_few_iterations
from steepest.inspection.diagnosis.steps.too_long import step_above_limit
from steepest.inspection.diagnosis.steps.too_small import step_far_too_small
from steepest.inspection.diagnosis.steps.way import way_of
from steepest.inspection.protocol import has_members, has_restarts, tree_of
from steepest.trace import Outcome

# The fewest rows that show how a run went.
FEWEST = 3
# Endings that say themselves why the steps went as they did, or that there was nothing left to do.
SETTLED = (
    Outcome.CONVERGED, Outcome.STALLED, Outcome.NOISE_FLOOR, Outcome.SADDLE, Outcome.FLAT, Outcome.UNBOUNDED,
    Outcome.NO_FINITE_OPTIMUM, Outcome.WRONG_GRADIENT, Outcome.RAISED,
)  # fmt: skip


@np.errstate(all="ignore")
def steps_at_fault(case: Case) -> Iterator[Finding]:
    """Find what is wrong of the steps.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        What was found.
    """
    inner = case.fit or case.run
    # Networks and trees of ours choose their steps themselves.
    is_ours = has_members(inner) or has_restarts(inner) or tree_of(inner) is not None
    if is_ours or len(case.trace) < FEWEST or case.outcome in SETTLED:
        return
    way = way_of(case)
    for cause in (step_above_limit, ill_conditioned, step_far_too_small, schedule_ended, too_few_iterations):
        yield from cause(case, way)


FINDERS: tuple[Callable[[Case], Iterable[Finding]], ...] = (steps_at_fault,)
