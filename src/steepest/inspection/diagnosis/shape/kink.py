"""A kink: steps of a fixed size bounce around it, because the slope does not shrink there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import by_itself
from steepest.inspection.diagnosis.pictures import of_function
from steepest.inspection.diagnosis.shape.ground import is_fixed, last_row, rounding
from steepest.inspection.diagnosis.words import FROM_RECORD
from steepest.trace import Outcome

# The last rows that are looked at, and how many of their steps must turn back or lead up.
LATE, TURNS = 200, 0.3
# How often the way across is halved. What is smooth keeps half of its bend each time, a kink keeps all of it.
HALVINGS, KEPT = 4, 0.5
# How many of the last steps are tried for one that crosses a valley.
TRIED = 3
# The bouncing matters above this share of the descent.
CLEAR = 1e-3


def kink(case: Case) -> Iterator[Finding]:
    """Find steps that bounce around a kink."""
    row = last_row(case)
    if row is None or row < 6 or case.is_batched or not is_fixed(case) or case.outcome is Outcome.CONVERGED:
        return
    rows = np.arange(max(0, row - LATE, row // 2), row + 1)
    value = case.value[rows]
    if not np.isfinite(value).all():
        return
    best = float(np.nanmin(case.value[: row + 1]))
    fall = float(case.value[0] - best)
    bounce = float(np.mean(value) - best)
    rises = float(np.mean(np.diff(value) > 0))
    turned = _turned(case, rows)
    if not fall > 0 or max(rises, np.mean(turned < 0) if turned.size else 0.0) < TURNS:
        return
    if case.points is not None and turned.size and case.function.is_at_hand:
        place = rows[1 + int(np.argmin(turned))]
        if bounce < CLEAR * fall and rises >= TURNS:
            return
        # Noise makes any slope.
        if case.noisy:
            return
        jump = _jump(case, case.points[place], case.points[place + 1])
        # Plain steps cross a kink where its slopes say; others cross it at any angle, and need gradients to see it.
        jump = _by_slopes(case, row) if jump is None and case.pace.rule != "Plain" else jump
        if jump is None:
            return
        text = (
            f"The steps bounce around a kink, where the slope jumps by {jump:.3g} instead of shrinking, so steps of "
            f"one size can't come to rest: the last values lie between {case.sign * float(value.min()):.4g} and "
            f"{case.sign * float(value.max()):.4g}."
        )
        yield _finding(case, text, "The jump stays when the way across is halved again and again (measured).", 0.95)
    elif bounce > CLEAR * fall and rises >= TURNS and _is_straight(case, row):
        text = (
            f"The steps seem to bounce around a kink: the slope stays at {case.slope[row]:.3g} instead of "
            "shrinking, and "
            f"the value gets no better than {case.sign * best:.4g}."
        )
        yield _finding(case, text, FROM_RECORD, 0.75)


def _finding(case: Case, text: str, evidence: str, confidence: float) -> Finding:
    cure = "Let the learning rate shrink, or smooth the kink."
    if case.call is not None:
        cure = "Leave the step out: the default rules find kinks; steps that shrink, or smoothing the kink, help too."
    call = by_itself(case) or "learning_rate = learning_rate / (1 + step) ** 0.5"
    return Finding("warning", "kink", text, cure, evidence, call, of_function(case), confidence)


def _turned(case: Case, rows: np.ndarray) -> np.ndarray:
    """Return the cosine between each step of some rows and the one before; empty if the points are not known."""
    x = case.points
    if x is None or case.trace.stride > 1 or len(rows) < 3 or not np.isfinite(x[rows]).all():
        return np.zeros(0)
    moves = np.diff(x[rows], axis=0)
    length = np.linalg.norm(moves, axis=1)
    with np.errstate(all="ignore"):
        cosine = np.sum(moves[1:] * moves[:-1], axis=1) / (length[1:] * length[:-1])
    return np.where(np.isfinite(cosine), cosine, 1.0)


def _jump(case: Case, a: np.ndarray, b: np.ndarray) -> float | None:
    """Return by how much the slope jumps between two points; None if it changes smoothly."""
    f = case.function
    length = float(np.linalg.norm(b - a))
    known: dict[float, float | None] = {}
    # The way is followed a little beyond both ends, one of which may lie on the kink.
    low, high, first = -0.5, 1.5, None
    for halving in range(HALVINGS + 1):
        at = np.linspace(low, high, 5)
        for t in at:
            if t not in known:
                known[t] = f.value(a + t * (b - a))
        values = [known[t] for t in at]
        if any(each is None or not np.isfinite(each) for each in values):
            return None
        h = at[1] - at[0]
        bends = np.diff(np.array(values, dtype=float), 2) / h
        k = int(np.argmax(bends))
        noise = 4 * rounding(max(abs(float(each)) for each in values if each is not None)) / h
        first = float(bends[k]) if halving == 0 else first
        # Two places share a kink that lies between them.
        shared = float(bends[k] + max([*bends[max(k - 1, 0) : k], *bends[k + 1 : k + 2], 0.0]))
        if first is None or not shared > max(KEPT * first, 8 * noise):
            return None
        neighbour = (
            k + 1 if k < 2 and bends[k + 1] > 0.1 * bends[k] else k - 1 if k and bends[k - 1] > 0.1 * bends[k] else k
        )
        middle = at[1 + k] if neighbour == k else (at[1 + k] + at[1 + neighbour]) / 2
        low, high = middle - h, middle + h
    return shared / length


def _by_slopes(case: Case, row: int) -> float | None:
    """Return by how much the slope jumps along one of the last steps over a valley; None if it changes smoothly.

    With momentum, steps cross a kink at any angle, and values tell little of it. Each halving of the way halves the
    change of a slope that is smooth, and leaves a jump as it is.
    """
    x = case.points
    if x is None or case.trace.stride > 1:
        return None
    for k in range(row - 1, max(row - 1 - TRIED, -1), -1):
        low, high = x[k], x[k + 1]
        length = float(np.linalg.norm(high - low))
        if not 0 < length < np.inf:
            continue
        way = (high - low) / length
        ends = _slopes(case, way, low, high)
        if ends is None or not ends[0] < 0 < ends[1]:
            continue
        whole = ends[1] - ends[0]
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            between = _slopes(case, way, middle)
            if between is None:
                return None
            if between[0] < 0:
                low, ends = middle, (between[0], ends[1])
            else:
                high, ends = middle, (ends[0], between[0])
        return ends[1] - ends[0] if ends[1] - ends[0] > KEPT * whole else None
    return None


def _slopes(case: Case, way: np.ndarray, *places: np.ndarray) -> tuple[float, ...] | None:
    """Return the slopes along a way at some places; None if one is not known or not finite."""
    found = [case.function.gradient(place) for place in places]
    if any(each is None or not np.isfinite(each).all() for each in found):
        return None
    return tuple(float(each @ way) for each in found if each is not None)


def _is_straight(case: Case, row: int) -> bool:
    """Return whether plain steps first met no curvature, and then bounced with the slope they came with.

    On straight ground a plain step of size t lowers the value by t g², and by less the more the function curves.
    """
    value, slope = case.value[: row + 1], case.slope[: row + 1]
    t = case.size[:row] if case.outcome is Outcome.RECORDED else case.size[1 : row + 1]
    with np.errstate(all="ignore"):
        share = -np.diff(value) / (t * slope[:-1] ** 2)
    rises = np.flatnonzero(np.diff(value) > 0)
    first = int(rises[0]) if rises.size else row
    if first < 4 or not np.isfinite(share[:first]).all():
        return False
    return bool(np.median(share[: first - 1]) > 0.9 and np.median(slope[first:]) > 0.2 * np.median(slope[:first]))
