"""Random starts and restarts: where they are drawn, and the best of the runs from all of them."""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.derivatives.bounds import Box, check_inside
from steepest.derivatives.structure import Calling
from steepest.descent.driver import descend
from steepest.descent.plan import Plan
from steepest.descent.run import Run
from steepest.minimizing.parallel import MOST_LANES, descend_together
from steepest.trace import Outcome

RANDOM = "random"
MOST_DRAWS = 20
STOPPED = (Outcome.INTERRUPTED, Outcome.CALLBACK)


def template(bounds: Any) -> Any:
    """Return a start laid out like the bounds, to be drawn inside them."""
    if bounds is None:
        raise ValueError("start='random' draws inside the bounds: give bounds=, a pair (low, high) for each coordinate")
    if hasattr(bounds, "lb"):
        return np.zeros(np.broadcast(bounds.lb, bounds.ub).shape)
    if isinstance(bounds, Mapping):
        return dict.fromkeys(bounds, 0.0)
    try:
        pairs = list(bounds)
    except TypeError:
        raise TypeError(f"bounds={bounds!r}: give pairs (low, high), one a coordinate") from None
    return 0.0 if len(pairs) == 2 and all(np.ndim(side) == 0 for side in pairs) else np.zeros(len(pairs))


def drawn(
    value: Callable[[np.ndarray], float], x: np.ndarray, box: Box | None, draws: np.random.Generator
) -> np.ndarray:
    """Return a random start at which f is finite: in the box where it has edges, else around x.

    An edge that is missing is x ± max(1, |x|).
    """
    x = x if box is None else np.clip(x, box.low, box.high)
    reach = np.maximum(1.0, np.abs(x))
    low, high = x - reach, x + reach
    if box is not None:
        low, high = np.where(np.isfinite(box.low), box.low, low), np.where(np.isfinite(box.high), box.high, high)
    seen = ""
    for _ in range(MOST_DRAWS):
        part = draws.random(x.size)
        start = np.clip((1 - part) * low + part * high, low, high)
        try:
            found = value(start)
        except Exception as error:  # noqa: BLE001 - off its domain the user's function may raise anything
            seen = f"{type(error).__name__}: {error}"
            continue
        if math.isfinite(found):
            return start
        seen = f"{found}"
    raise ValueError(
        f"the function is not finite at any of {MOST_DRAWS} random starts ({seen} at the last): "
        "give bounds= where it is"
    )


def read_restarts(
    restarts: Any, plan: Plan, x: np.ndarray, draws: np.random.Generator, calling: Calling
) -> list[np.ndarray]:
    """Return all starts: the user's own first, then those drawn, or given one a row."""
    if isinstance(restarts, numbers.Integral) and not isinstance(restarts, bool):
        if restarts < 0:
            raise ValueError(f"restarts={restarts}: give how many, 0 or more, or an array of starts")
        return [x, *(drawn(plan.objective.value, x, plan.box, draws) for _ in range(int(restarts)))]
    try:
        rows = [calling.structure.flatten(row, f"restarts[{k}]") for k, row in enumerate(restarts)]
    except TypeError:
        raise TypeError(f"restarts={restarts!r}: give how many, or an array of starts, one a row") from None
    for k, row in enumerate(rows):
        if plan.box is not None:
            check_inside(plan.box, row, calling.structure.names, f"restarts[{k}]")
        value = plan.objective.value(row)
        if not math.isfinite(value):
            raise ValueError(f"the function is {value} at restarts[{k}]: start where it is finite")
    return [x, *rows]


def best_of(
    plan: Plan, starts: list[np.ndarray], callback: Callable[..., Any] | None, progress: bool | None
) -> Run:  # fmt: skip
    """Descend from every start, side by side where the function was compiled, and return the best run with all."""
    if plan.budget.evaluations is not None:
        share = plan.budget.evaluations // len(starts)
        if not share:
            raise ValueError(f"evaluations={plan.budget.evaluations} is less than one for each of {len(starts)} starts")
        plan = replace(plan, budget=replace(plan.budget, evaluations=share))
    together = plan.objective.compiled is not None and callback is None
    size = MOST_LANES if together else 1
    began = time.perf_counter()
    runs: list[Run] = []
    for first in range(0, len(starts), size):
        group, left = starts[first : first + size], _left(plan, began) if runs else plan
        if left.budget.seconds is not None and left.budget.seconds <= 0:
            break
        try:
            new = descend_together(left, group, progress) if together else [descend(left, group[0], callback, progress)]
        except KeyboardInterrupt:
            if not runs:
                raise
            break
        runs += new
        if any(run.outcome in STOPPED for run in new):
            break
    best = min(runs, key=lambda run: math.inf if math.isnan(run.fun) else plan.sign * run.fun)
    return replace(best, runs=tuple(runs))


def _left(plan: Plan, began: float) -> Plan:
    """Return the plan with what is left of its time."""
    if plan.budget.seconds is None:
        return plan
    return replace(plan, budget=replace(plan.budget, seconds=plan.budget.seconds - (time.perf_counter() - began)))
