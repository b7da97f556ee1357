"""Too few iterations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import LIMITS, by_itself
from steepest.inspection.diagnosis.steps.cures import whole, with_count
from steepest.inspection.diagnosis.steps.need import arrival
from steepest.inspection.diagnosis.steps.scales import crossing
from steepest.inspection.diagnosis.steps.way import FAR, Way
from steepest.inspection.diagnosis.steps.way import LIMITS as AT_LIMIT
from steepest.inspection.diagnosis.words import FROM_RECORD
from steepest.trace import Outcome

NAME = "too few iterations"
# More steps than this many times those made are no cure.
PATIENCE = 100.0
# A smaller share of the way is no number to read.
LITTLE = 1e-4
# So few rows of a loop fall fast whatever comes after. With a slope below this share of the first they have arrived.
FEWEST, RESTS = 12, 0.01


def too_few_iterations(case: Case, way: Way) -> Iterator[Finding]:
    """Find a run that was stopped on its way.

    Parameters
    ----------
    case : Case
        The run.
    way : Way
        What it did.

    Yields
    ------
    Finding
        The finding, with the number of iterations that it needs.
    """
    pace = case.pace
    stopped = case.outcome in AT_LIMIT and not pace.is_given
    falls = case.tail.falls or (not case.is_batched and (case.curvature is not None or stopped))
    if case.is_loop and len(case.sane) < FEWEST and _has_come_to_rest(case):
        return
    if not way.is_open or way.bounces or pace.ended or not falls:
        return
    if case.curvature is not None and case.curvature.downward > 0.5:
        return
    confidence = 0.93
    if pace.is_given and np.isfinite(way.wasted):
        # A step that is too small by less than a factor of 3 is a matter of taste.
        confidence -= 0.35 * float(np.clip(np.log10(max(way.wasted, 1.0) / 3) / np.log10(FAR), 0, 2))
    if not (pace.is_metric or pace.is_scaled):
        confidence -= crossing(way, pace.decay) * 0.45
    share = case.share_left
    left = f"about {min(100 * share, 99):.2g} %" if share >= LITTLE else "a part"
    unit = "epochs" if "epoch" in case.trace.columns else "iterations"
    made = case.column("epoch")[-1] if unit == "epochs" else pace.count
    more = arrival(case, way)
    total = pace.count + more
    text = f"The run stopped after {made:,.0f} {unit} with {left} of the way still ahead."
    evidence = "What is left was computed from the slope and the curvature measured at the best point."
    if not way.is_probed:
        evidence = f"The last values still fell{'' if np.isfinite(more) else ' steadily'}. {FROM_RECORD}"
    if np.isfinite(more) and (more <= PATIENCE * max(pace.count, 1.0)) and not pace.is_metric:
        wanted = whole(total * made / max(pace.count, 1.0))
        text = f"{text[:-1]}; it needs about {wanted:,.0f} in all."
        cure, call = f"Give it about {wanted:,.0f} {unit}", with_count(case, total)
    elif case.call is None:
        cure, call = f"Give it at least ten times as many {unit}", with_count(case, 10 * max(pace.count, 1.0))
    elif case.outcome in AT_LIMIT or not pace.is_given:
        name = "epochs" if unit == "epochs" else "iterations"
        held = [each for each in LIMITS if each in case.call.arguments]
        cure = f"Allow more {unit}: leave out {', '.join(f'{each}=' for each in held or [name])}"
        call = str(case.call.changed(**dict.fromkeys(held)))
        if not held:
            call = with_count(case, FAR * max(pace.count, 1.0))
            cure = f"Allow ten times as many {unit}"
    else:
        cure, call = "Leave the step and its limits out, so that both are chosen for you", by_itself(case)
    if case.outcome is Outcome.TIME_LIMIT:
        confidence -= 0.1
    if case.is_batched:
        confidence -= 0.1
    if confidence * way.trust >= 0.5:
        yield Finding(
            "warning", NAME, text, f"{cure}.", evidence, call, "DescentDisplay", round(confidence * way.trust, 3)
        )


def _has_come_to_rest(case: Case) -> bool:
    """Return whether hardly any slope is left."""
    slope = case.slope[case.sane]
    slope = slope[np.isfinite(slope)]
    return bool(slope.size and slope[-1] < RESTS * slope.max())
