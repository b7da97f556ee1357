"""Steps above the stability limit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import by_itself
from steepest.inspection.diagnosis.pace import OTHER
from steepest.inspection.diagnosis.steps.cures import rounded, with_step
from steepest.inspection.diagnosis.steps.way import NEAR, Way
from steepest.inspection.diagnosis.words import shown, step_word
from steepest.inspection.plots.causes.stability import CEILINGS, largest_stable

NAME = "step above the stability limit"
# Steps this close to the limit go to and fro, and shrink by less than 1 in 5 in a step.
EDGE = 0.9
# Of a bounce, what it costs as a share of the descent; less is rounding.
MATTERS = 1e-6
# An eighth of a run has a lowest value of its own if it has so many rows.
PART = 20
# By how much a rate of Adam is too long is not known: ten times less is the usual next one.
FEWER = 10.0
# Adam at rest makes steps below this share of its rate. One that swings remembers the large slopes of its first steps,
# which shorten its steps by the root of the share of the memory that is left, about 1/30 for one gradient in 1,000.
STILL = 0.003
# The fewest rows that tell a rule that swings from one that is on its way.
FEWEST = 8


def step_above_limit(case: Case, way: Way) -> Iterator[Finding]:
    """Find a fixed step that is too long for the curvature.

    Parameters
    ----------
    case : Case
        The run.
    way : Way
        What it did.

    Yields
    ------
    Finding
        The finding, with the limit.
    """
    pace = case.pace
    if not pace.is_given or pace.is_metric:
        return
    if pace.rule == OTHER and not way.grew:
        # The limit 2 / λ is that of plain steps; Adam jumps a little around a minimum at any rate.
        return
    if pace.is_scaled:
        yield from _scaled(case, way)
        return
    edge = _is_at_edge(case, way)
    if not (way.grew or edge or (way.bounces and not case.tail.falls and _matters(case) and not _descends(case))):
        return
    rule = pace.rule if pace.rule in CEILINGS else "Plain"
    top, confidence, source = _steepest(case, way)
    if not np.isfinite(top) or top <= 0:
        return
    limit = float(largest_stable(rule, pace.decay, top))
    step = pace.peak
    if step < EDGE * limit or (case.is_batched and not way.grew):
        return
    if step > limit:
        grow = "the steps grow instead of shrinking" if way.grew else "the steps jump to and fro over the minimum"
        text = f"Each step was too long: {shown(step)}, and above {shown(limit)} {grow}."
    else:
        text = (
            f"The steps of {shown(step)} are almost too long: they jump to and fro over the minimum and hardly "
            f"shrink, and above {shown(limit)} they would grow."
        )
    shorter = rounded(limit / 2)
    # Where the curvature differs from place to place, no fixed step may do.
    is_steady = case.top_seen <= 1.5 * top or not np.isfinite(case.top_seen)
    count, cure = max(pace.count, 1.0), f"Take a {step_word(case)} of {shorter:g}, half the limit"
    call = with_step(case, limit / 2)
    if case.call is not None and not (is_steady and way.is_probed and _arrives(case, limit / 2, count)):
        cure, call = "Leave the step out, so that its size is chosen for you", by_itself(case)
    evidence = f"{source} is {shown(top)}, and the limit is {_in_words(CEILINGS[rule][1])}."
    yield Finding(
        "warning", NAME, text, f"{cure}.", evidence, call,
        "StabilityDisplay", confidence,
    )  # fmt: skip


def _in_words(formula: str) -> str:
    return formula.replace("λ", "curvature").replace("μ", "momentum")


def _steepest(case: Case, way: Way) -> tuple[float, float, str]:
    """Return the largest curvature, how sure it is that it is the cause, and where it comes from."""
    pace = case.pace
    if case.curvature is not None:
        top = case.curvature.top
        if way.is_probed and way.bounces and pace.peak * top < 2 and (between := _between(case)) is not None:
            top = max(top, between)
        limit = float(largest_stable(pace.rule if pace.rule in CEILINGS else "Plain", pace.decay, max(top, 0.0)))
        # A descent that grows soon meets curvature that it would not have met with shorter steps.
        is_met = way.is_probed or not (way.grew and case.secants.size and top > 3 * case.secants.min())
        if pace.peak >= EDGE * limit and is_met:
            if way.is_probed:
                return top, 0.96, "The largest curvature that was measured"
            return top, 0.85, "Judged from the record alone: the largest curvature seen there"
        if way.is_probed and not way.grew:
            # The curvature is low on both sides and between them: this is a kink.
            return np.nan, 0.0, ""
    # The rows between which a descent grew show the curvature that made it grow.
    rule = pace.rule if pace.rule in CEILINGS else "Plain"
    # What grew was above the limit, not only near it.
    unstable = case.secants[pace.peak > (1.0 if way.grew else EDGE) * largest_stable(rule, pace.decay, case.secants)]
    if unstable.size and not _is_kink(case):
        top = float(unstable.min() if way.grew else unstable.max())
        return top, 0.85 if way.grew else 0.6, "Judged from the record alone: the curvature seen there"
    if way.grew and pace.rule in ("Plain", "") and np.isfinite(ratio := _growth(case)) and ratio > 1:
        return (1 + ratio) / pace.peak, 0.7, "Judged from the record alone: the curvature by which it grows"
    return np.nan, 0.0, ""


def _growth(case: Case) -> float:
    """Return the factor by which the distance from the minimum grew in a step, which is |1 - tλ|."""
    slope, value = case.slope, case.value
    known = np.isfinite(slope) & (slope > 0)
    ratios = slope[known] if known.sum() >= 3 else np.sqrt(np.maximum(value[np.isfinite(value)], 0.0))
    if len(ratios) < 3 or case.trace.stride > 1:
        return np.nan
    with np.errstate(all="ignore"):
        middle = float(np.median((ratios[1:] / ratios[:-1])[-9:]))
        # Between two rows of a fit to batches lie several steps.
        return float(middle ** (1 / max(case.pace.count / (len(case.trace) - 1), 1.0)))


def _between(case: Case) -> float | None:
    """Return the curvature half-way between the last two points, along the step: at a kink it is none."""
    if case.points is None or len(case.sane) < 2:
        return None
    first, second = case.points[case.sane[-2]], case.points[case.sane[-1]]
    move = second - first
    length = np.linalg.norm(move)
    image = case.function.product((first + second) / 2, move / length) if length > 0 else None
    return None if image is None or not np.isfinite(image).all() else float(image @ move / length)


def _is_kink(case: Case) -> bool:
    """Return whether the slope is the same from the start on, as on the two sides of a kink, and no bowl's."""
    slope = case.slope[case.sane]
    slope = slope[np.isfinite(slope)]
    return bool(slope.size > 3 and np.ptp(slope) < 0.01 * slope.max())


def _is_at_edge(case: Case, way: Way) -> bool:
    """Return whether what is left of the way is that along directions whose steps are at the limit."""
    pace = case.pace
    if not way.is_open or pace.rule not in ("Plain", "") or case.is_batched:
        return False
    if case.curvature is not None:
        return bool(case.curvature.remaining * pace.peak > 2 * EDGE)
    return way.bounces


def _descends(case: Case) -> bool:
    """Return whether the lowest values still go down, although single steps go up.

    At the edge of stability a network swings for a while along its steepest direction, which bends the way to flatter
    ground, and its loss falls on. What only hovers comes back to the same values.
    """
    value = case.value[case.sane]
    if len(value) < 8 * PART or case.is_quadratic:
        return False
    lows = [float(each.min()) for each in np.array_split(value[len(value) // 2 :], 4)]
    # The lows of a quarter are those of one of its rows: all three in a row must lead down, by more than rounding.
    return bool((np.diff(lows) < -MATTERS * case.fall).all())


def _matters(case: Case) -> bool:
    """Return whether a bounce costs more than rounding errors: half a step along the slope is t g² / 2."""
    slope = case.slope[case.sane[-8:]]
    slope = slope[np.isfinite(slope)]
    return bool(slope.size and 0.5 * case.pace.last * float(np.median(slope)) ** 2 > MATTERS * max(case.fall, 0.0))


def _arrives(case: Case, step: float, count: float) -> bool:
    """Return whether so many plain steps of a size reach the minimum, all but a hundredth of the gap."""
    found = case.curvature
    return bool(
        found is not None and found.is_whole and found.gap > 0 and case.pace.rule == "Plain"
        and found.after(step, count) < 1e-4 * found.gap and found.downward == 0 and not case.is_batched
    )  # fmt: skip


def _scaled(case: Case, way: Way) -> Iterator[Finding]:
    """Find a rate of Adam or a similar rule that is too long to come to rest."""
    pace = case.pace
    if case.is_batched and not way.grew:
        return
    value = case.value[case.sane]
    if len(value) < FEWEST and not way.grew:
        return
    quarter = value[-max(4, len(value) // 4) :]
    best = float(case.value[np.isfinite(case.value)].min())
    gap = case.curvature.gap if case.curvature is not None else 0.0
    above = float(np.median(quarter)) - best + gap
    whole = case.fall + gap
    x = case.points
    if x is not None:
        moves = np.diff(x[case.sane[-len(quarter) :]], axis=0)
        flips = np.mean((moves[1:] * moves[:-1]) < 0) if len(moves) > 1 else 0.0
        long = float(np.median(np.abs(moves).max(axis=1)))
    else:
        flips = np.mean(np.diff(quarter) > 0)
        long = np.nan
    # A rule at rest makes steps far below its rate; one that swings makes about as many back as it makes ahead.
    restless = flips > 0.02 and not long < STILL * pace.last
    bounces = restless and above > NEAR * whole and not case.tail.falls
    if not (way.grew or bounces):
        return
    distance = float(np.abs(case.curvature.newton).max()) if case.curvature is not None else np.nan
    far = f", and the minimum is only about {distance:.2g} away" if distance < pace.last else ""
    text = f"Each step moves the parameters by up to about {shown(pace.last)}{far}, so it jumps past the minimum."
    evidence = (
        f"The last values lie {shown(above)} above the best one that can be seen, of a descent of {shown(whole)}."
    )
    shorter = rounded(pace.peak / FEWER)
    cure, call = f"Take a {step_word(case)} of {shorter:g}, and more steps", f"learning_rate = {shorter:g}"
    if case.call is not None:
        cure, call = "Leave the step out, so that its size is chosen for you", by_itself(case)
    yield Finding(
        "warning", NAME, text, f"{cure}.", evidence, call, "StabilityDisplay", (0.9 if way.grew else 0.85) * way.trust
    )
