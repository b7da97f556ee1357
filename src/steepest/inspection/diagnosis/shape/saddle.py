"""A saddle: the slope vanishes, and the function falls along some direction."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.shape.cures import said
from steepest.inspection.diagnosis.steps.cures import by_itself
from steepest.trace import Outcome

NAME = "saddle"
# The slope has vanished if it is below this share of the largest on the way.
VANISHED = 1e-3
# Curvature counts as negative from this share of the largest on: rounding gives less.
DOWN = 1e-4


def saddle(case: Case) -> Iterator[Finding]:
    """Find a run that ended at a saddle.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        The finding, with the negative curvature.
    """
    evidence, confidence = "", 0.0
    if case.outcome is Outcome.SADDLE:
        evidence, confidence = said(case.run.message), 0.97
    elif (measured := _measured(case)) is not None:
        evidence, confidence = f"The curvature there is {measured:.3g} in one direction: it bends down.", 0.93
    if not confidence:
        return
    down = "up" if case.run.maximized else "down"
    yield Finding(
        "warning", NAME,
        "The run ended at a saddle: the slope vanishes there as at a minimum, but the function still leads "
        f"{down} along some direction.",
        "Leave the step and the direction out: by itself the descent recognises a saddle and leaves it. Or begin at a "
        "slightly different start.",
        evidence, by_itself(case), "SliceDisplay", confidence,
    )  # fmt: skip


def _measured(case: Case) -> float | None:
    """Return the negative curvature at a point where the slope has vanished, if values along it fall as well."""
    slope, x = case.slope[np.isfinite(case.slope)], case.place
    if (case.run.success and case.outcome is not Outcome.COMPLETED) or case.is_batched or not slope.size or x is None:
        return None
    if case.slope_at_place is None or np.linalg.norm(case.slope_at_place) > VANISHED * slope.max():
        return None
    found = case.curvature
    if found is None or not found.values[0] < -DOWN * np.abs(found.values).max():
        return None
    vector, value = found.vectors[0], case.function.value(x)
    scale = 1e-2 * max(1.0, float(np.linalg.norm(x)))
    ends = [case.function.value(x + side * scale * vector) for side in (-1, 1)]
    if value is None or any(each is None or not each < value for each in ends):
        return None
    return float(found.values[0])
