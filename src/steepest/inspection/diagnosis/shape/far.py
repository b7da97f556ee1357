"""What lies far out along the last move: a function that falls without end, one that levels off, or a plateau."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.shape.cures import restarted, said
from steepest.trace import Outcome

UNBOUNDED, INFINITE, PLATEAU = "unbounded below", "no finite optimum", "plateau"
# How far the last move is followed, as multiples of the whole way.
FAR = (10.0, 100.0, 1000.0)
# The distances at which a flat place is left, as multiples of the size of the point.
BEYOND = (0.1, 0.3, 0.5, 0.75, 1.0, 1.5, 3.0)
# The function falls without end if each decade of distance brings at least this share of what the one before brought;
# it levels off if it brings less than the other share.
GOES_ON, LEVELS = 0.9, 0.5
# A place is flat if its slope and its curvature explain less than this share of the fall that lies beyond.
EXPLAINED = 0.03
NO_MINIMUM = "Look whether the sign is right, or add a penalty, or limit the variables by bounds=."


def far_out(case: Case) -> Iterator[Finding]:
    """Find a function without a best point, or a run that ended on a plateau.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        The finding.
    """
    outcome = case.outcome
    if outcome is Outcome.UNBOUNDED:
        yield _unbounded(case, said(case.run.message), 0.97)
    elif outcome is Outcome.NO_FINITE_OPTIMUM:
        yield _infinite(case, said(case.run.message), 0.97)
    elif outcome is Outcome.FLAT:
        yield _plateau(case, said(case.run.message), 0.93)
    elif not (case.run.success and outcome is not Outcome.COMPLETED) and not case.is_batched and not case.noisy:
        yield from _followed(case)


def _followed(case: Case) -> Iterator[Finding]:
    """Follow the last move of a run that does not tell how it ended."""
    x, points = case.place, case.points
    if x is None or not case.function.is_at_hand:
        return
    value, slope = case.function.value(x), case.slope_at_place
    if value is None or slope is None or not np.isfinite(value):
        return
    move = x - points[0] if points is not None and np.isfinite(points[0]).all() else np.zeros_like(x)
    way, size = float(np.linalg.norm(move)), max(1.0, float(np.linalg.norm(x)))
    steep = float(np.linalg.norm(slope))
    if way > 1e-3 * size and steep > 0 and -float(slope @ move) > 0.3 * steep * way:
        drops = _drops(case, x, -slope / steep * way, value)
        if drops is not None and (drops > 1e-9 * abs(value)).all():
            share = drops[1:] / drops[:-1]
            if (share >= GOES_ON).all() and drops[0] > 0.1 * case.fall:
                end = case.sign * (value - drops.sum())
                text = f"At {FAR[-1]:,.0f} times the way so far the value is {end:.4g}, and still gets better."
                yield _unbounded(case, text, 0.93)
                return
        # The rest of the way to a limit is short, and nothing rises beyond.
        if drops is not None and (drops >= -1e-12 * abs(value)).all() and drops[0] > 0 and (
            drops[1:] <= LEVELS * drops[:-1]
        ).all() and drops[2] < 1e-3 * max(case.fall, drops[0]):  # fmt: skip
            limit = case.sign * (value - drops.sum())
            text = f"Along the last move the value goes to {limit:.4g}, and up to {FAR[-1]:,.0f} times as far it stays."
            yield _infinite(case, text, 0.9)
            return
    yield from _flat(case, x, value, slope, size)


def _drops(case: Case, x: np.ndarray, move: np.ndarray, value: float) -> np.ndarray | None:
    """Return how far the value falls from each distance of `FAR` to the next."""
    values = [value]
    for times in FAR:
        found = case.function.value(x + times * move)
        if found is None or np.isnan(found) or found == np.inf:
            return None
        values.append(found)
    with np.errstate(all="ignore"):
        drops = -np.diff(values)
    return drops if np.isfinite(drops).all() else None


def _flat(case: Case, x: np.ndarray, value: float, slope: np.ndarray, size: float) -> Iterator[Finding]:
    """Look from a place without slope for lower ground, along the slope or, where there is none, along coordinates."""
    steep = float(np.linalg.norm(slope))
    largest = np.nanmax(case.slope) if np.isfinite(case.slope).any() else np.nan
    # A descent that had a slope and has lost it by a thousandth has come to rest: it is no plateau that it began on.
    if np.isfinite(largest) and largest > 0 and steep < 1e-3 * largest and case.fall > 0:
        return
    ways = [-slope / steep] if steep > 0 else [sign * each for each in np.eye(len(x))[:2] for sign in (1.0, -1.0)]
    for way in ways:
        for times in BEYOND:
            found = case.function.value(x + times * size * way)
            if found is None or not np.isfinite(found):
                continue
            drop = value - found
            bend = case.curvature.top if case.curvature is not None else 0.0
            told = steep * times * size + 0.5 * abs(bend) * (times * size) ** 2
            if drop > 1e-6 * max(abs(value), abs(found)) and told < EXPLAINED * drop:
                better = case.sign * found
                text = (
                    f"The slope there is {steep:.2g}, and the value is {case.sign * value:.4g}; at a distance of "
                    f"{times * size:.3g} it is {better:.4g}."
                )
                yield _plateau(case, text, 0.92)
                return


def _unbounded(case: Case, evidence: str, confidence: float) -> Finding:
    falls, best = ("rises", "largest") if case.run.maximized else ("falls", "smallest")
    return Finding(
        "warning", UNBOUNDED, f"The function {falls} without end, so it has no {best} value.", NO_MINIMUM, evidence,
        _other_sign(case), "DescentDisplay", confidence,
    )  # fmt: skip


def _other_sign(case: Case) -> str:
    """Return the call that looks for the other extreme."""
    if case.call is None or case.call.name not in ("minimize", "maximize", "gradient_descent"):
        return ""
    other = "minimize" if case.call.name == "maximize" else "maximize"
    return str(case.call.changed(other, step=None, learning_rate=None, direction=None, iterations=None))


def _infinite(case: Case, evidence: str, confidence: float) -> Finding:
    down = "rises" if case.run.maximized else "falls"
    return Finding(
        "warning", INFINITE,
        f"The value {down} towards a limit that no point reaches: the variables grow for ever, and no point is best.",
        NO_MINIMUM, evidence, "", "DescentDisplay", confidence,
    )  # fmt: skip


def _plateau(case: Case, evidence: str, confidence: float) -> Finding:
    return Finding(
        "warning", PLATEAU,
        "The run stands on a plateau: the function is so flat there that its slope does not show the way.",
        "Begin elsewhere, or try several starts; if the function counts or rounds, give it a smooth form.",
        evidence, restarted(case), "SliceDisplay", confidence,
    )  # fmt: skip
