"""Several minima: runs from several starts disagree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.shape.cures import RESTARTS

NAME = "several minima"
# Values that differ by less than this share of the descent are those of one minimum, as the summary of a run counts.
SAME = 1e-6


def several_minima(case: Case) -> Iterator[Finding]:
    """Find runs from several starts that converged to other values.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        The finding, with how many starts came to the best value.
    """
    runs = [run for run in case.run.runs if len(run.trace)]
    values = np.array([case.sign * run.fun for run in runs if run.success])
    if len(values) < 2:
        return
    starts = np.array([case.sign * float(run.trace.value[0]) for run in runs])
    best = values.min()
    descent = np.max(starts[np.isfinite(starts)], initial=best) - best
    apart = np.sum(values - best > SAME * descent)
    if not apart or descent <= 0:
        return
    same, worst = len(values) - int(apart), case.sign * values.max()
    call = "" if case.call is None else str(case.call.changed(restarts=max(RESTARTS, 4 * len(runs))))
    most = "highest" if case.run.maximized else "lowest"
    yield Finding(
        "warning", NAME,
        f"The starts ended at different values: {same:,} of {len(values):,} came to {case.run.fun:.6g}, the {most}, "
        f"and others only to {worst:.6g}.",
        "Try more starts, and draw them within bounds= where the answer may lie.",
        "Each of these runs converged, so the function has several minima.", call, "BasinDisplay",
        0.95 if same <= 0.9 * len(values) else 0.8,
    )  # fmt: skip
