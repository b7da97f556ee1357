"""A gradient by hand that is not that of the function."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.shape.cures import said
from steepest.inspection.plots.causes.probe import is_wrong
from steepest.trace import Outcome

NAME = "wrong gradient"
# The share of the scale of a point at which four values give a slope best: eps^(1/5).
SHARE = float(np.finfo(float).eps) ** 0.2
# In a recorded loop the drop of the value from one row to the next is that of the mean of both slopes, up to the third
# order of the step. Rows count if the two slopes along the step differ by less than STEADY of them, so that the mean is
# true to a few percent; the gradient is wrong if nearly all rows are off by more than OFF on the same side.
STEADY, OFF, LEAST_ROWS, SHARE_OF_ROWS = 0.3, 0.15, 6, 0.9
# What a slip of a gradient means in plain words, by the name that the check gives it.
SLIPS = {
    "sign": "the sign is turned",
    "permutation": "the entries are in another order",
}


def wrong_gradient(case: Case) -> Iterator[Finding]:
    """Find a gradient by hand that is not that of the function.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        The finding, with the entries that are wrong and the likely slip.
    """
    text = "The gradient that was given is not that of the function, so the steps lead astray."
    if case.outcome is Outcome.WRONG_GRADIENT:
        evidence, confidence = said(case.run.message), 0.98
        slip = re.search(r"\(([^)]*)\)", evidence)
        if slip and slip[1] in SLIPS:
            text = f"The gradient that was given is not that of the function: {SLIPS[slip[1]]}."
        elif slip and slip[1].startswith("factor"):
            text = f"The gradient that was given is not that of the function: it is off by the {slip[1]}."
    elif (off := _measured(case)) is not None:
        evidence, confidence = off, 0.96
    elif (ratio := _recorded(case)) is not None:
        text = "The recorded gradients do not fit the recorded values: steps change the value otherwise than they say."
        evidence = (
            "Judged from the record alone: the values change by "
            f"{ratio:.3g} times what the gradients promise, and 1 is right."
        )
        confidence = 0.8
    else:
        return
    # A step that was chosen for a wrong gradient is no better.
    left_out = dict.fromkeys(("gradient", "step", "direction", "iterations"))
    call = "" if case.call is None or "gradient" not in case.call.arguments else str(case.call.changed(**left_out))
    yield Finding(
        "warning", NAME, text,
        "Leave gradient= out, so that it is computed for you; or find the slip by st.check_gradient(f, gradient, at=x)."
        if call else "Find the slip by st.check_gradient(f, gradient, at=x), which names the entries that are wrong.",
        evidence, call, "WrongGradientDisplay" if case.function.is_at_hand else "", confidence,
    )  # fmt: skip


def _measured(case: Case) -> str | None:
    """Return how a given gradient differs from the slope of the values along a random line, at two points."""
    if getattr(case.run, "kind", "") != "given" or case.points is None or case.noisy:
        return None
    finite = np.flatnonzero(np.isfinite(case.points).all(axis=1) & np.isfinite(case.value))
    for row in dict.fromkeys([*finite[:1], *finite[len(finite) // 2 :][:1], *finite[-1:]]):
        x = case.points[row]
        claimed = case.function.gradient(x)
        draw = np.random.default_rng(x.size).standard_normal(x.size) * np.where(x == 0, 1.0, np.abs(x))
        h = SHARE
        f = [case.function.value(x + k * h * draw) for k in (-2, -1, 1, 2)]
        if claimed is None or any(each is None or not np.isfinite(each) for each in f):
            continue
        low, left, right, high = (float(each) for each in f if each is not None)
        near, far = (right - left) / (2 * h), (high - low) / (4 * h)
        slope = (4 * near - far) / 3
        centre = float(case.value[row])
        noise = abs(low - 4 * left + 6 * centre - 4 * right + high) / np.sqrt(70)
        noise = max(noise, np.finfo(float).eps * max(abs(low), abs(high), abs(centre)))
        error = abs(slope - near) * 1e-2 + 4 * noise / h
        told = float(claimed @ draw)
        if is_wrong(np.array(told), np.array(slope), np.array(error)) and abs(told - slope) > 1e-3 * abs(slope):
            return f"At row {row:,} the slope along a random line is {slope:.6g}, and the gradient gives {told:.6g}."
    return None


def _recorded(case: Case) -> float | None:
    """Return the ratio of the changes of recorded values to those that recorded gradients promise, if it is not 1."""
    g, x = getattr(case.run, "gradients", None), case.points
    if not case.is_loop or g is None or x is None or len(x) < LEAST_ROWS or np.shape(g) != x.shape:
        return None
    g = case.sign * np.asarray(g, dtype=float)
    with np.errstate(all="ignore"):
        moved, change = np.diff(x, axis=0), np.diff(case.value)
        first, second = (g[:-1] * moved).sum(axis=1), (g[1:] * moved).sum(axis=1)
        promised = (first + second) / 2
        clear = np.abs(change) > 1e-6 * np.abs(case.value[1:])
        rows = clear & (np.abs(first - second) < STEADY * np.abs(promised))
        ratio = (change / promised)[rows]
    ratio = ratio[np.isfinite(ratio)]
    if len(ratio) < LEAST_ROWS:
        return None
    middle = float(np.median(ratio))
    same = np.mean(ratio > 1 + OFF) if middle > 1 else np.mean(ratio < 1 - OFF)
    return middle if same >= SHARE_OF_ROWS else None
