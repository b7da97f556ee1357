"""`diagnose`: ask every finder, and put the most important finding first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.causes import EXPLAINS, ORDER, OUTRANKS
from steepest.inspection.diagnosis.diagnosis import Diagnosis
from steepest.inspection.diagnosis.learning.find import FINDERS as LEARNING
from steepest.inspection.diagnosis.noise.find import FINDERS as NOISE
from steepest.inspection.diagnosis.pictures import drawable
from steepest.inspection.diagnosis.rows.find import FINDERS as ROWS
from steepest.inspection.diagnosis.shape.find import FINDERS as SHAPE
from steepest.inspection.diagnosis.shape.find import LAST
from steepest.inspection.diagnosis.steps.find import FINDERS as STEPS
from steepest.inspection.protocol import ResultLike
from steepest.trace import Outcome

# Each looks for one cause, and yields what it finds.
# Those of networks come first: they take at most a fifth of the evaluations, and none from other functions.
FINDERS: tuple[Callable[[Case], Iterable[Finding]], ...] = (
    *LEARNING,
    *SHAPE,
    *NOISE,
    *STEPS,
    *ROWS,
    *LAST,
)

# The outcomes of runs that a user stopped, or that are only records: neither successes nor failures.
NO_FAILURE = (Outcome.CALLBACK, Outcome.INTERRUPTED, Outcome.RECORDED)


@np.errstate(all="ignore")
def diagnose(run: ResultLike, probe: bool = True) -> Diagnosis:
    """Return what went wrong in a run, the most important first.

    Parameters
    ----------
    run : run or fit
        The run.
    probe : bool, optional
        Whether its function may be evaluated again, by at most 20 gradients.

    Returns
    -------
    Diagnosis
        The findings; empty for a healthy run.
    """
    case = Case(run, probe)
    at_hand = case.function.is_at_hand
    # Values that overflow are what is looked for, and need no warnings.
    with np.errstate(all="ignore"):
        found = [finding for finder in FINDERS for finding in finder(case)]
    explained = {name for finding in found for name in EXPLAINS.get(finding.name, ())}
    surer: dict[str, float] = {}
    for finding in found:
        for name in OUTRANKS.get(finding.name, ()):
            surer[name] = max(surer.get(name, 0.0), finding.confidence)
    left = [
        replace(finding, picture=drawable(case, finding.picture))
        for finding in found
        if finding.name not in explained and finding.confidence > surer.get(finding.name, 0.0)
    ]
    ranked = sorted(left, key=lambda finding: (-finding.confidence, ORDER.get(finding.name, len(ORDER))))
    failed = not run.success and case.outcome not in NO_FAILURE
    return Diagnosis(ranked, failure=run.message if failed else "", from_trace=not at_hand)
