"""Noise of the function: its values differ from call to call, or wobble from point to point."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator

import numpy as np

from steepest.call import Code
from steepest.finding import Finding
from steepest.inspection.diagnosis.case import REPEATS, Case
from steepest.inspection.diagnosis.noise.roughness import roughness
from steepest.inspection.diagnosis.noise.tail import Tail
from steepest.inspection.diagnosis.pictures import of_function
from steepest.inspection.diagnosis.words import FROM_RECORD, shown
from steepest.trace import Outcome

NAME = "noise of the function"
# Noise of less than this share of the descent hides nothing that a user asked for, unless the run gave up at it.
LEAST_SHARE = 1e-5
# The share of the descent to which the cure brings the noise, and the most calls at each point that it proposes.
WANTED, MOST_REPEATS = 1e-3, 64
# With momentum a step is this many times longer than that of the gradient alone, or less.
MOMENTUM = 10.0
# The gradient of a function without noise falls smoothly: its logarithm changes by less than this between rows, by the
# second difference.
SMOOTH = 0.05


def random_values(case: Case) -> Iterator[Finding]:
    """Yield a finding if noise of the function hides the way down.

    Parameters
    ----------
    case : Case
        The case.

    Yields
    ------
    Finding
        The finding.
    """
    if case.outcome is Outcome.RECORDED:
        yield from _recorded(case)
    elif case.run.success and case.outcome is Outcome.NOISE_FLOOR:
        return
    elif case.fit is None and (case.outcome is Outcome.NOISE_FLOOR or REPEATS in case.run.why):
        found = list(_by_calls(case))
        yield from found or _of_gradient(case)
    elif case.fit is None:
        yield from _by_points(case)
        yield from _of_gradient(case)


def _by_calls(case: Case) -> Iterator[Finding]:
    """Yield a finding for values that differ from call to call, as the run has seen."""
    level = float(getattr(case.run, "noise", 0.0))
    tail, descent = Tail(case.value), _descent(case)
    if case.outcome is not Outcome.NOISE_FLOOR:
        known = level or tail.spread
        # Values that still fall by more than the noise are on their way.
        fell = -tail.trend[0] if tail.is_long else math.inf
        if case.outcome.success and (fell > known or known < LEAST_SHARE * descent):
            return
    size = f"by about {level:.2g}" if level else f"by about {tail.spread:.2g}" if tail.is_long else "by chance"
    yield Finding(
        "warning",
        NAME,
        f"Calling the function twice at the same point gives values that differ {size}, so smaller gains can't be seen"
        f"{f', and the descent gained {shown(descent, 2)} in all' if descent > 0 else ''}.",
        "Average several calls at each point with repeats=, or fix the random numbers in the function: make its "
        "generator anew, with a seed, at each call.",
        "This is the standard deviation of calls at one point, which the run measured." if level else FROM_RECORD,
        _averaged(case, level or tail.spread, descent),
        "DescentDisplay",
        0.95 if level else 0.85,
    )


def _by_points(case: Case) -> Iterator[Finding]:
    """Yield a finding for values that repeat, but wobble from point to point."""
    found = roughness(case)
    if found is None or found.level < LEAST_SHARE * _descent(case):
        return
    call = ""
    if case.call is not None:
        call = _jittered(case, found.distance)
    kind = (
        f"The values are rounded to {found.decimals} decimals"
        if found.decimals is not None
        else f"The values wobble by about {found.level:.2g} between points that are only {found.distance:.1g} apart"
    )
    yield Finding(
        "warning",
        NAME,
        f"{kind}, so slopes between near points say nothing, and the descent stops early or goes astray.",
        "Remove what makes the values wobble, such as rounding, an inner solver that stops too early, or a table that"
        " is looked up; or average over points around x, as this call does.",
        f"Measured by 8 values on a line {found.distance:.1g} long, and 8 on one 8 times longer: a smooth curve "
        "through them leaves this much.",
        call,
        of_function(case),
        0.92,
    )


def _of_gradient(case: Case) -> Iterator[Finding]:
    """Yield a finding for a given gradient that differs from call to call."""
    if case.run.kind != "given" or case.points is None or not np.isfinite(case.value).any():
        return
    best = case.points[int(np.nanargmin(case.value))]
    first = case.function.gradient(best)
    again = case.function.gradient_again(best) if first is not None else None
    if first is None or again is None or not (np.isfinite(first).all() and np.isfinite(again).all()):
        return
    apart = float(np.linalg.norm(first - again))
    # Half of the gradient must be noise: less still leads downhill.
    if apart <= 0.5 * float(np.linalg.norm(first + again)) / 2 or not apart > 1e-8 * float(np.nanmax(case.slope)):
        return
    call = ""
    if case.call is not None:
        call = str(case.call.changed(gradient=None, step=None, direction=None, iterations=None))
    yield Finding(
        "warning",
        NAME,
        f"Calling the gradient twice at the same point gives answers that differ by {apart:.2g}, "
        f"while the gradient itself is only about {np.linalg.norm(first + again) / 2:.2g} there.",
        "Leave out the gradient, so that it comes from the values; or fix its random numbers; or average calls.",
        "Measured at the best point of the run.",
        call,
        "DescentDisplay",
        0.93,
    )


def _recorded(case: Case) -> Iterator[Finding]:
    """Yield a finding for a recorded loop whose values jump about while its gradient changes smoothly."""
    tail = Tail(case.value)
    rows = np.isfinite(case.slope) & np.isfinite(case.value)
    value, slope = case.value[rows], case.slope[rows]
    if not tail.is_long or len(value) < 12 or tail.still_falls:
        return
    # Below this share the gradient itself is only rounding.
    clear = slope[slope > 1e-10 * slope.max()]
    # The second difference of the logarithm is 0 if the gradient shrinks by the same factor at each step.
    if len(clear) < 6 or float(np.median(np.abs(np.diff(np.log(clear), 2)))) > SMOOTH:
        return
    last = len(value) // 2
    jump = float(np.median(np.abs(np.diff(value[last:]))))
    size = np.nan_to_num(case.size[rows][last:])
    moved = MOMENTUM * size * slope[last:]
    if case.points is not None:
        moved = np.append(np.linalg.norm(np.diff(case.points[rows][last:], axis=0), axis=1), 0.0)
    # To first order a step changes the value by at most its length times the gradient.
    explained = float(np.median(moved * slope[last:]))
    descent = float(value[:3].mean() - tail.half.mean())
    rounding = 64 * float(np.finfo(np.float32).eps) * float(np.abs(value[last:]).max())
    if jump <= max(5 * explained, LEAST_SHARE * abs(descent), rounding):
        return
    yield Finding(
        "warning",
        NAME,
        f"The values jump by about {jump:.2g} from step to step, while the gradient changes smoothly and explains only "
        f"{explained:.1g}: the values hold noise that the steps did not make.",
        "Fix the random numbers in the function: make its generator anew, with a seed, at each call; or average "
        "several values.",
        FROM_RECORD,
        "",
        "DescentDisplay",
        0.78,
    )


def _descent(case: Case) -> float:
    values = case.value[np.isfinite(case.value)]
    return float(values[0] - values.min()) if len(values) else 0.0


def _averaged(case: Case, level: float, descent: float) -> str:
    """Return the call with as many calls at each point as bring the noise to the wanted share of the descent."""
    if case.call is None or case.call.name not in ("minimize", "maximize", "gradient_descent"):
        return ""
    needed = (level / (WANTED * descent)) ** 2 if descent > 0 else MOST_REPEATS
    repeats = 2 ** math.ceil(math.log2(min(max(needed, 4.0), MOST_REPEATS)))
    call = case.call
    if call.name == "gradient_descent":
        start = call.arguments.get("initial_point")
        changed = call.changed("minimize", initial_point=None, learning_rate=None, iterations=None)
        return str(changed.changed(start=start, repeats=repeats))
    limits = dict.fromkeys(("step", "direction", "iterations", "evaluations", "seconds"))
    return str(call.changed(**limits, repeats=repeats))


def _jittered(case: Case, distance: float) -> str:
    """Return the call of the function at a random point nearby, which descent treats as noise that it can average."""
    call = case.call
    assert call is not None
    if call.name not in ("minimize", "maximize") or call.get("gradient") is not None:
        return ""
    name = call.changed().arguments.get("f")
    f = getattr(name, "__name__", "f")
    f = f if f.isidentifier() else "f"
    size = f"{distance:.0e}"
    try:
        parameters = len(inspect.signature(name).parameters) if callable(name) else 1
    except (TypeError, ValueError):
        parameters = 1
    if parameters == 1:
        moved = f"lambda x: {f}(x + {size} * np.random.normal(size=np.shape(x)))"
    else:
        names = [f"x{k}" for k in range(parameters)]
        moved = f"lambda {', '.join(names)}: {f}({', '.join(f'{n} + {size} * np.random.normal()' for n in names)})"
    return str(call.changed(f=Code(moved), step=None, direction=None, iterations=None, repeats=16))
