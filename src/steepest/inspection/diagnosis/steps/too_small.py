"""Steps that are far too small."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import by_itself
from steepest.inspection.diagnosis.steps.cures import rounded, with_step
from steepest.inspection.diagnosis.steps.need import arrival
from steepest.inspection.diagnosis.steps.way import ARRIVES, FAR, Way
from steepest.inspection.diagnosis.words import FROM_RECORD, shown, step_word

NAME = "step far too small"


def step_far_too_small(case: Case, way: Way) -> Iterator[Finding]:
    """Find a fixed step that could be many times longer.

    Parameters
    ----------
    case : Case
        The run.
    way : Way
        What it did.

    Yields
    ------
    Finding
        The finding, with the factor that was wasted.
    """
    pace = case.pace
    if (
        not (pace.is_given and (way.is_open or way.stuck is not None))
        or way.bounces
        or (case.is_batched and not case.tail.falls)
    ):
        return
    if case.curvature is not None and case.curvature.downward > 0.5:
        return
    wasted, sure = way.wasted, np.nan
    if np.isfinite(wasted):
        # Surer the larger the factor: at 10 a person may have chosen it, at 100 nobody would.
        sure = 0.65 + 0.3 * np.clip(np.log10(wasted / FAR), 0, 1) if wasted >= FAR else np.nan
    elif (
        case.tail.gap == np.inf and pace.count >= ARRIVES and _is_even(case) and not (case.is_loop and case.is_batched)
    ):
        # The values did not slow down in so many steps: none of the curvatures was felt.
        wasted, sure = pace.count / FAR, 0.7
    if not np.isfinite(sure):
        return
    best = pace.peak * wasted
    times = f"{wasted:,.0f}" if wasted < 1e6 else f"{wasted:.1g}"
    size = shown(pace.peak)
    text = f"The steps of {size} were far too small: of the best size about {times} times fewer are enough."
    if np.isfinite(way.top) and not pace.is_scaled:
        source = "measured" if way.is_probed else "seen on the way"
        evidence = (
            f"The largest curvature {source} is {shown(way.top)}, so steps up to {shown(2 / way.top)} are stable."
        )
    else:
        evidence = f"After {pace.count:,.0f} steps about {100 * case.share_left:.0f} % of the way was still ahead."
    if not way.is_probed:
        evidence += f" {FROM_RECORD}"
    # Half of the best step is stable even where the curvature is twice as large.
    step = best / 2
    cure = f"Take a {step_word(case)} of {rounded(step):g}"
    call = with_step(case, step)
    if case.call is not None and not arrival(case, way, step) <= pace.count:
        cure, call = "Leave the step out, so that its size is chosen for you", by_itself(case)
    yield Finding("warning", NAME, text, f"{cure}.", evidence, call, "StabilityDisplay", float(sure) * way.trust)


def _is_even(case: Case) -> bool:
    """Return whether the values fell evenly from the first row on: a steep direction would have fallen at once."""
    value = case.value[case.sane]
    return bool(value[0] - value[len(value) // 10] < 0.2 * (value[0] - value[-1]))
