"""Schedules that ended too early."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import by_itself
from steepest.inspection.diagnosis.pace import OTHER
from steepest.inspection.diagnosis.steps.cures import rounded, with_step
from steepest.inspection.diagnosis.steps.way import FAR, NEAR, Way
from steepest.inspection.diagnosis.words import FROM_RECORD, shown, step_word

NAME = "schedule ended too early"
# The share of the largest slope below which hardly any is left.
RESTS = 0.01


def schedule_ended(case: Case, way: Way) -> Iterator[Finding]:
    """Find a decaying learning rate that froze the descent.

    Parameters
    ----------
    case : Case
        The run.
    way : Way
        What it did.

    Yields
    ------
    Finding
        The finding.
    """
    pace = case.pace
    # The noise of batches falls with the rate, which looks like a descent that the schedule held up.
    if case.is_loop and (case.is_batched or _gains_little(case)):
        return
    if not (pace.ended and way.is_open) or (np.isfinite(way.wasted) and way.wasted >= FAR):
        return
    if case.curvature is not None and case.curvature.downward > 0.5:
        return
    found, confidence = case.curvature, 0.85
    if found is not None and pace.rule == "Plain":
        # The share of the gap that as many steps of the largest size would have left.
        left = found.after(min(pace.peak, 1 / found.top), pace.count) / found.gap
        confidence = 0.95 if left < 0.25 else 0.8 if left < 0.7 else 0.6
    share = f"{100 * case.share_left:.0f} %"
    text = (
        f"The {step_word(case)} shrank from {shown(pace.peak)} to {pace.last:.2g} too early: it became too small to "
        f"move while {share} of the way was still ahead."
    )
    evidence = f"All {pace.count:,.0f} steps together are as long as {pace.total / pace.peak:,.0f} of the largest."
    if not way.is_probed:
        evidence += f" {FROM_RECORD}"
    cure, call = (
        f"Keep the {step_word(case)} at {rounded(pace.peak):g}, or let it shrink more slowly",
        with_step(case, pace.peak),
    )
    wanted = np.inf
    if found is not None and found.is_whole and pace.rule == "Plain":
        target = 0.005 * (case.fall + found.gap)
        step = min(pace.peak, 1 / found.top)
        wanted = next((c for c in (pace.count, 3 * pace.count) if found.after(step, c) < target), np.inf)
        call = with_step(case, step, wanted if np.isfinite(wanted) else None)
    if case.call is not None and not np.isfinite(wanted):
        cure, call = "Leave the step out, so that its size is chosen for you", by_itself(case)
    yield Finding("warning", NAME, text, f"{cure}.", evidence, call, "StabilityDisplay", confidence * way.trust)


def _gains_little(case: Case) -> bool:
    """Return whether as many steps again, of the largest size, would gain little: at most t g² each, if plain."""
    slope = case.slope[case.sane[-3:]]
    slope = slope[np.isfinite(slope)]
    if not slope.size:
        return False
    if case.pace.rule == OTHER:
        # Nothing is known of its steps, but where hardly any slope is left they had arrived.
        return bool(np.median(slope) < RESTS * np.nanmax(case.slope))
    return bool(case.pace.count * case.pace.peak * float(np.median(slope)) ** 2 < NEAR * case.fall)
