"""Targets so large that a fixed step is wrong by their scale: it leaps far away, or never gets there."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real

import numpy as np

from steepest.call import Code
from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import changed
from steepest.inspection.diagnosis.words import shown
from steepest.inspection.protocol import TableFitLike

# Weights and outputs of a network are about 1 at the start; targets of this size are another scale.
LARGE = 100.0
# The descent has come nowhere if so much of the variance of the target is left, and so many times what straight lines
# leave of it.
LEFT, TIMES = 0.1, 3.0
# Rules whose steps do not grow with the gradient.
UNIT_STEPS = ("adam", "adamw", "nadam", "amsgrad", "rmsprop", "adadelta", "adagrad", "sign", "lion", "normalized")


def unscaled_targets(case: Case) -> Iterator[Finding]:
    """Yield a finding if a fit with a fixed step came nowhere, and the scale of the targets is the reason.

    Of a linear model and steps along the gradient the scale of the targets changes nothing but the scale of the
    coefficients, so only the others are looked at.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        One at most.
    """
    rows = case.rows
    if rows is None or rows.loss not in ("squared", "huber", "absolute") or isinstance(case.run, TableFitLike):
        return
    step, direction = case.asked("step"), case.asked("direction")
    by_unit = any(name in str(direction).lower() for name in UNIT_STEPS)
    if not (isinstance(step, Real) or by_unit) or rows.kind in ("network", "tree"):
        return
    if rows.kind == "linear" and not by_unit:
        return
    size, spread = float(np.sqrt(np.mean(rows.y**2))), float(rows.y.std())
    if not size >= LARGE or spread == 0:
        return
    left = _left(case, spread)
    is_gone = not np.isfinite(left) or left > 1.0
    if np.isfinite(left) and left < max(LEFT, TIMES * (1 - rows.straight)):
        return
    shift = by_unit and np.isfinite(left)
    if not shift and not _leaps(case, size):
        return
    # With steps along the gradient of a squared loss, a model that is linear in its parameters makes the same relative
    # progress whatever the scale of the targets is.
    if not by_unit and case.is_quadratic:
        return
    text = f"The targets are about {shown(size)} in size, and the model begins with numbers of about 1, so "
    text += "steps of a fixed size would take far too long to get there." if shift else (
        "the first step led far away, and the descent did not recover."
    )  # fmt: skip
    scaled = "(y - np.mean(y)) / np.std(y)"
    yield Finding(
        "warning",
        "targets not scaled",
        text,
        "Scale the targets before the fit, and scale its predictions back; or leave step= out.",
        ("The loss was not finite at the end." if not np.isfinite(left) else (
            f"At the end {100 * left:.3g} % of the variance of the targets {'were' if is_gone else 'was'} left."
        )),
        changed(case, y=Code(scaled)),
        "DescentDisplay",
        0.92,
    )  # fmt: skip


def _left(case: Case, spread: float) -> float:
    """Return what is left of the loss at the end, in variances of the target."""
    values = case.value
    if not len(values):
        return float("nan")
    return float(values[-1]) / spread**2 if case.rows is not None and case.rows.loss == "squared" else float("nan")


def _leaps(case: Case, size: float) -> bool:
    """Return whether the first steps are far longer than the start, and would not be if targets were of size 1."""
    points = case.points
    if points is None or len(points) < 2:
        return True
    start = float(np.linalg.norm(points[0]))
    with np.errstate(all="ignore"):
        first = float(np.linalg.norm(points[1] - points[0]))
    return not np.isfinite(first) or (first > 10 * max(start, 1.0) and first / size <= 10 * max(start, 1.0))
