"""Several minima: restarts that disagree, and lower ground behind a ridge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import by_itself
from steepest.inspection.diagnosis.shape.ground import (
    best_row,
    is_of_function,
    named,
    scale_of,
    start_of,
)
from steepest.trace import Outcome

# Answers differ if their values do by more than this share of the range of all values that were seen.
ALIKE = 1e-4
# The values that look for lower ground: along the way of the descent, and at random.
ALONG, RANDOM = (-2.0, -0.5, 0.5, 1.0, 2.0), 7
# Lower ground counts if it is lower by this share of the descent.
LOWER = 0.01
MOST_COORDINATES = 10
# The descent has come to rest if its slope fell to this share of the largest.
RESTED = 1e-2


def several_minima(case: Case) -> Iterator[Finding]:
    """Find answers that depend on the start."""
    runs = [run for run in getattr(case.run, "runs", ()) if run.outcome is Outcome.CONVERGED]
    if len(runs) > 1:
        values = case.sign * np.array([run.fun for run in runs], dtype=float)
        first = max(case.sign * run.trace.value[0] for run in runs if len(run.trace))
        higher = int(np.sum(values > values.min() + ALIKE * max(first - values.min(), values.max() - values.min())))
        if higher:
            text = (
                f"The answer depends on the start: {higher} of {len(runs)} starts ended in minima that are worse, "
                f"with values from {case.sign * values.min():.4g} to {case.sign * values.max():.4g}."
            )
            yield _finding(case, text, "All of them converged.", 0.95)
            return
    found = _beyond(case)
    if found is not None:
        point, value, ridge = found
        base = case.value[best_row(case) or 0]
        text = (
            f"The descent ended at the value {case.sign * base:.4g}, which is not the best: elsewhere, behind a "
            f"ridge, the value is {case.sign * value:.4g}."
        )
        yield _finding(
            case,
            text,
            f"Measured by a few values elsewhere, the best at {named(case, point)}; on the way there the value is "
            f"{case.sign * ridge:.4g}.",
            0.92,
        )


def _finding(case: Case, text: str, evidence: str, confidence: float) -> Finding:
    cure = "Try more starts, within bounds= for what is possible."
    call, made = case.call, ""
    if call is not None and is_of_function(case):
        asked = call.get("restarts")
        made = by_itself(case, restarts=max(20, 2 * asked) if isinstance(asked, int) else 20, rng=0, **_around(case))
    return Finding("warning", "several minima", text, cure, evidence, made, "", confidence)


def _around(case: Case) -> dict[str, object]:
    """Return bounds as wide as the search for lower ground; nothing if the call has some, or the layout takes none."""
    call, x = case.call, case.points
    if call is None or call.arguments.get("bounds") is not None or x is None or x.shape[1] > 8:
        return {}
    start = start_of(case)
    row = best_row(case)
    if row is None or start is None or isinstance(start, (dict, str)):
        return {}
    size = 3 * np.maximum(scale_of(case, row), 1.0)
    pairs = [(float(f"{a:.2g}"), float(f"{b:.2g}")) for a, b in zip(x[row] - size, x[row] + size, strict=True)]
    return {"bounds": pairs if np.ndim(start) else pairs[0]}


def _beyond(case: Case) -> tuple[np.ndarray, float, float] | None:
    """Return a lower point behind a ridge, its value, and the value of the ridge; None if none was met."""
    x, row = case.points, best_row(case)
    if x is None or row is None or row == 0 or x.shape[1] > MOST_COORDINATES or case.is_batched:
        return None
    if not case.function.is_at_hand or getattr(case.run, "within", None) is not None:
        return None
    if case.slope[row] > RESTED * np.nanmax(np.where(np.isfinite(case.slope), case.slope, 0.0)):
        return None
    best, base = x[row], case.value[row]
    fall = float(np.nanmax(np.where(np.isfinite(case.value), case.value, -np.inf)) - base)
    low, high = _box(case, row)
    rng = np.random.default_rng(x.shape[1])
    tried = [best + each * (best - x[0]) for each in ALONG]
    tried += list(rng.uniform(low, high, (RANDOM, x.shape[1])))
    points = [np.clip(each, low, high) for each in tried]
    found = [case.function.value(each) for each in points]
    values = [np.inf if each is None or not np.isfinite(each) else each for each in found]
    k = int(np.argmin(values))
    if not values[k] < base - LOWER * fall:
        return None
    ridge = max(
        (
            each
            for each in (case.function.value(best + t * (points[k] - best)) for t in (0.15, 0.35, 0.6))
            if each is not None
        ),
        default=-np.inf,
    )
    return (points[k], values[k], ridge) if np.isfinite(ridge) and ridge > base + 1e-3 * fall else None


def _box(case: Case, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the box that is searched: three sizes of the point, inside the bounds of the run."""
    x = case.points
    assert x is not None
    size = 3 * np.maximum(scale_of(case, row), 1.0)
    low, high = x[row] - size, x[row] + size
    fixed = getattr(case.run, "fixed", {})
    for k, name in enumerate(case.trace.names):
        least, most = getattr(case.run, "bounds", {}).get(name, (None, None))
        low[k] = max(low[k], -np.inf if least is None else least)
        high[k] = min(high[k], np.inf if most is None else most)
        if name in fixed:
            low[k] = high[k] = x[row][k]
    return low, high
