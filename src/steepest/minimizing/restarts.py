"""Random starts, restarts, and the best of the runs from several starts."""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from steepest.derivatives.bounds import Box, check_inside, check_values, is_whole, read_fixed, with_fixed
from steepest.derivatives.clock import OutOfTime
from steepest.derivatives.process.interrupts import answer_interrupt
from steepest.derivatives.serving.within import Within, like, read_within
from steepest.derivatives.structure import Calling
from steepest.descent.driver import descend
from steepest.descent.loop.rule_solver import RuleSolver
from steepest.descent.plan import Plan
from steepest.descent.run import Run
from steepest.minimizing.parallel import MAX_LANES, descend_parallel
from steepest.printable import quoted
from steepest.sets.region import Region
from steepest.trace import Outcome
from steepest.types import Callback, Fixed, PyTree

RANDOM = "random"
# The most draws for one random start if f is not finite at the drawn points. Chosen, not measured: with more draws,
# small domains are found more often, but a function that is finite nowhere is called more often.
MAX_DRAWS = 20
STOPPED = (Outcome.INTERRUPTED, Outcome.CALLBACK)


@runtime_checkable
class SciPyBounds(Protocol):
    """A `scipy.optimize.Bounds`."""

    lb: np.ndarray
    ub: np.ndarray


# The low and high bound of one coordinate, with None for no bound.
Pair = tuple[float | None, float | None]
# The values that bounds= takes.
BoundsLike = Pair | Sequence[Pair] | np.ndarray | Mapping[str, Pair] | SciPyBounds
# The starts that restarts= takes, one in each row.
Starts = np.ndarray | Sequence[PyTree]


def completed(start: PyTree, fixed: Fixed | None) -> PyTree:
    """Return a start with the fixed values that it lacks, if it is a dict."""
    if not (isinstance(start, dict) and isinstance(fixed, Mapping)):
        return start
    check_values(fixed)
    return start | {name: value for name, value in fixed.items() if name not in start and is_whole(name, value)}


def start_like(bounds: BoundsLike | None, fixed: Fixed | None = None, within: Within | None = None) -> PyTree:
    """Return a point with the layout that the bounds suggest, as a template for a random start."""
    if bounds is None and within is not None:
        if (template := like(within)) is None:
            raise ValueError("start='random' needs to know how many numbers the point has: give a start instead")
        return template
    if bounds is None:
        raise ValueError("start='random' draws inside the bounds: give bounds=, a pair (low, high) for each coordinate")
    if isinstance(bounds, SciPyBounds):
        return np.zeros(np.broadcast(bounds.lb, bounds.ub).shape)
    if isinstance(bounds, Mapping):
        return completed(dict.fromkeys(bounds, 0.0), fixed)
    try:
        pairs = list(bounds)
    except TypeError:
        raise TypeError(f"bounds={quoted(bounds)}: give pairs (low, high), one for each coordinate") from None
    return 0.0 if len(pairs) == 2 and all(np.ndim(side) == 0 for side in pairs) else np.zeros(len(pairs))


def random_start(
    value: Callable[[np.ndarray], float], x: np.ndarray, box: Box | None, draws: np.random.Generator,
    region: Region | None = None,
) -> np.ndarray:  # fmt: skip
    """Return a random start at which f is finite: inside the box or the region, or else around x.

    On a side without a bound, a coordinate is drawn up to max(1, |x|) away from x.
    """
    x = x if box is None else np.clip(x, box.low, box.high)
    reach = np.maximum(1.0, np.abs(x))
    low, high = x - reach, x + reach
    if box is not None:
        low, high = np.where(np.isfinite(box.low), box.low, low), np.where(np.isfinite(box.high), box.high, high)
    last = ""
    for _ in range(MAX_DRAWS):
        if region is not None:
            start = region.drawn(draws, x)
        else:
            part = draws.random(x.size)
            start = np.clip((1 - part) * low + part * high, low, high)
        try:
            found = value(start)
        except Exception as error:  # noqa: BLE001 - a user's function may raise anything outside its domain
            last = f"{type(error).__name__}: {error}"
            continue
        if math.isfinite(found):
            return start
        last = f"{found}"
    raise ValueError(
        f"the function is not finite at any of {MAX_DRAWS} random starts ({last} at the last one): "
        "give bounds= inside which it is finite"
    )


def read_restarts(
    restarts: int | Starts, plan: Plan, x: np.ndarray, draws: np.random.Generator, calling: Calling,
    fixed: Fixed | None = None, within: Within | None = None,
) -> list[np.ndarray]:  # fmt: skip
    """Return all starts as flat arrays: first x, then the random or the given starts."""
    if isinstance(restarts, numbers.Integral) and not isinstance(restarts, bool):
        if restarts < 0:
            raise ValueError(f"restarts={restarts}: give how many, 0 or more, or an array of starts")
        starts = [x]
        # Only the starts that were drawn in time are descended from.
        with suppress(OutOfTime):
            for _ in range(int(restarts)):
                starts.append(random_start(plan.objective.value, x, plan.box, draws, plan.objective.region))
        return starts
    refusal = f"restarts={restarts!r}: give how many, or an array of starts, one in each row"
    if not isinstance(restarts, Iterable):
        raise TypeError(refusal)
    try:
        rows = [calling.structure.flatten(completed(row, fixed), f"restarts[{k}]") for k, row in enumerate(restarts)]
    except TypeError:
        raise TypeError(refusal) from None
    domain = read_within(within, None, replace(calling, chart=None))
    values = read_fixed(fixed, calling.structure.names)
    rows = [with_fixed(row, values) for row in rows]
    for k, row in enumerate(rows):
        rows[k] = row = domain.entered(row, f"restarts[{k}]")
        if plan.box is not None:
            check_inside(plan.box, row, plan.view.inner_names(row.size), f"restarts[{k}]")
        try:
            value = plan.objective.value(row)
        except OutOfTime:
            return [x, *rows[:k]]
        if not math.isfinite(value):
            raise ValueError(f"the function is {value} at restarts[{k}]: give a start at which it is finite")
    return [x, *rows]


def best_of(
    plan: Plan, starts: list[np.ndarray], callback: Callback | None, progress: bool | None
) -> Run:  # fmt: skip
    """Descend from every start, in parallel if possible, and return the best run, with all runs in `runs`."""
    if plan.budget.evaluations is not None:
        share = plan.budget.evaluations // len(starts)
        if not share:
            raise ValueError(f"evaluations={plan.budget.evaluations} is less than one for each of {len(starts)} starts")
        plan = replace(plan, budget=replace(plan.budget, evaluations=share))
    parallel = plan.objective.compiled is not None and callback is None and plan.solver is RuleSolver
    size = MAX_LANES if parallel else 1
    runs: list[Run] = []
    for first in range(0, len(starts), size):
        group, rest = starts[first : first + size], _with_time_left(plan) if runs else plan
        if runs and rest.budget.seconds is not None and rest.budget.seconds <= 0:
            break
        plan.objective.forget()
        try:
            new = descend_parallel(rest, group, progress) if parallel else [descend(rest, group[0], callback, progress)]
        except KeyboardInterrupt:
            if not runs:
                raise
            answer_interrupt()
            break
        runs += new
        if any(run.outcome in STOPPED for run in new):
            break
    best = min(runs, key=lambda run: math.inf if math.isnan(run.fun) else plan.sign * run.fun)
    return replace(best, runs=tuple(runs), seconds=time.perf_counter() - plan.budget.began)


def _with_time_left(plan: Plan) -> Plan:
    """Return the plan with the remaining time, for the next group of starts."""
    if plan.budget.seconds is None:
        return plan
    return replace(
        plan, budget=replace(plan.budget, seconds=plan.budget.seconds - (time.perf_counter() - plan.budget.began))
    )
