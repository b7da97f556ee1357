"""What several finders of this room share: where the descent ended and how far it went."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.inspection.diagnosis.case import Case
from steepest.trace import Outcome

EPS = float(np.finfo(float).eps)


def best_row(case: Case) -> int | None:
    """Return the row of the least finite value; None if there is none."""
    known = np.isfinite(case.value)
    return int(np.argmin(np.where(known, case.value, np.inf))) if known.any() else None


def last_row(case: Case) -> int | None:
    """Return the last row whose value and point are finite; None if there is none."""
    sound = np.isfinite(case.value)
    if case.points is not None and len(case.points) == len(sound):
        sound = sound & np.isfinite(case.points).all(axis=1)
    rows = np.flatnonzero(sound)
    return int(rows[-1]) if rows.size else None


def scale_of(case: Case, row: int) -> np.ndarray:
    """Return the size of each coordinate: as far as it moved, or as large as it is, and 1 if both are 0."""
    x = case.points
    assert x is not None
    size = np.maximum(np.abs(x[row]), np.abs(x[row] - x[0]))
    return np.where(size > 0, size, max(float(size.max()), 1.0))


def rounding(value: float) -> float:
    """Return how far values at nearby points may differ by rounding errors."""
    return 64 * EPS * abs(value)


def start_of(case: Case) -> Any:
    """Return the start that was given; None if it is not known."""
    given = case.asked("start")
    return case.asked("initial_point") if given is None else given


def is_of_function(case: Case) -> bool:
    """Return whether the run was asked for with a function and a start, not with rows."""
    return case.call is not None and case.call.name in ("minimize", "maximize", "gradient_descent")


def is_fixed(case: Case) -> bool:
    """Return whether the steps were of the user's own size, by a rule of this library or in a loop."""
    if case.outcome is Outcome.RECORDED:
        return True
    if case.call is None:
        return case.outcome is Outcome.COMPLETED
    step = case.call.arguments.get("step", case.call.arguments.get("learning_rate"))
    return step is not None and str(step).strip("'\"") != "auto"


def named(case: Case, x: np.ndarray) -> str:
    """Return a point in words, with the names of its coordinates."""
    names = list(case.trace.names)
    parts = [f"{name} = {number:.4g}" for name, number in list(zip(names, x, strict=False))[:4]]
    return ", ".join(parts) + (", …" if len(x) > 4 else "")
