"""`serve`: the best way to obtain values and gradients of a function."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from steepest.derivatives.agreement import agrees
from steepest.derivatives.bounds import Box
from steepest.derivatives.clock import Clock, OutOfTime
from steepest.derivatives.compiled import Compiled, Slope, drop, remember, stored
from steepest.derivatives.differences import EPS
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import precision_note
from steepest.derivatives.process.forks import check_fork
from steepest.derivatives.serving.attempts import TraceAttempt, attempts, failure_reason
from steepest.derivatives.serving.caller import Caller
from steepest.derivatives.serving.eager import eager
from steepest.derivatives.serving.noisy import is_noisy, noisy_objective, watch_repeats
from steepest.derivatives.serving.plain import differenced, given
from steepest.derivatives.structure import Calling
from steepest.derivatives.tracing.fingerprint import Fingerprint
from steepest.sets.region import Region
from steepest.types import Function

# The noise of a value is assumed to be at most this many rounding errors. Chosen, not measured: a larger number allows
# for more rounding of the point, and makes descents of functions with a large condition number stop earlier.
MOST_ROUNDINGS = 64.0
# The distance of the second probe from the start, as a share of the start's size. While f changes by more than the
# share MUCH_THE_SAME, the distance is multiplied by NEARER; at most MOST_NUDGES distances are tried. Chosen, not
# measured: a distant probe finds a lost slope of a trace more surely, but may lie beyond a wave or a bump of f.
NUDGE, NEARER, MOST_NUDGES, MUCH_THE_SAME = 1e-3, 1 / 32, 6, 0.25
IMPURE = "plain calls and the traced code disagree (does it depend on something that changes?)"
TOO_LATE = "the time was over before the code could be traced"


def serve(
    f: Function,
    calling: Calling,
    start: np.ndarray,
    gradient: Function | bool | None = None,
    box: Box | None = None,
    until: float = math.inf,
    repeats: int = 1,
    clock: Clock | None = None,
    region: Region | None = None,
) -> Objective:
    """Return f as an objective, with gradients by the best way that works at the start.

    The ways, from the best: trace and compile the code; trace it at each point; take differences of values. A gradient
    that the user gave is compiled, or else called plainly. A trace is used only if plain calls agree with it at the
    start and at a point nearby. A noisy function, whose values differ from call to call, is not traced; each of its
    values is the mean of `repeats` calls. f is never called outside the box and the region. After the time
    `until` no more traces are tried.
    """
    # The first call of a function that is written for JAX would already wait for ever.
    check_fork()
    clock = clock or Clock()
    caller = Caller(f, calling, paired=gradient is True, box=box, region=region, clock=clock)
    function = gradient if callable(gradient) else None
    probes = _probes(caller, start, until, region or box)
    start_value = probes[0][1]
    try:
        with clock.ends(until):
            if is_noisy(caller, function, start, start_value):
                caller.repeats = repeats
                return noisy_objective(caller, function, start, caller(start))
            return watch_repeats(_served(caller, gradient, function, probes), caller, function, repeats)
    except OutOfTime:
        if gradient:
            return given(caller, function, start, start_value, TOO_LATE)
        return differenced(caller, start, start_value, TOO_LATE)


def served_again(f: Function, calling: Calling, start: np.ndarray) -> tuple[Objective, bool] | None:
    """Return f as an objective, if its code was traced and checked before, and whether it may have changed; else None.

    It may have changed if it reads what its key does not show, such as the attributes of an object. In any case the
    caller compares the code with plain calls.
    """
    attempt = TraceAttempt(Fingerprint([f, None, *calling.args]), calling, native=False, given=False, paired=False)
    compiled = stored(attempt.key)
    if not (isinstance(compiled, Compiled) and compiled.measured and compiled.precision == EPS):
        return None
    caller = Caller(f, calling)
    try:
        value = caller(start)
    except Exception:  # noqa: BLE001 - the usual way calls the function, too, and names the error
        return None
    if not math.isfinite(value) or caller.precision > EPS:
        return None
    slope = _Slopes(compiled, attempt, start)
    objective = _compiled(caller, attempt, compiled, [(start, value)], EPS, slope)
    return watch_repeats(objective, caller, None, 1), attempt.fingerprint.opaque


def agrees_nearby(objective: Objective, slope: Callable[[np.ndarray], Slope], start: np.ndarray) -> bool:
    """Tell whether slopes explain how the plain values of an objective change from the start to a point nearby."""
    value = objective.value
    return agrees(slope, _probes(value, start, math.inf, objective.box), value, objective.precision)


def _served(
    caller: Caller, gradient: Function | bool | None, function: Function | None, probes: list[tuple[np.ndarray, float]]
) -> Objective:  # fmt: skip
    """Return the objective of a function whose values repeat, with gradients by the best way that works."""
    start, start_value = probes[0]
    objective, obstacle = _traced(caller, function, probes)
    if objective is not None:
        return objective
    if gradient:
        objective = given(caller, function, start, start_value, obstacle)
        # Call the gradient now, so that an error in it is raised before the descent.
        objective.slope(start)
        return objective
    return eager(caller, probes, obstacle) or differenced(caller, start, start_value, obstacle)


def _traced(
    caller: Caller, gradient: Function | None, probes: list[tuple[np.ndarray, float]]
) -> tuple[Objective | None, str]:  # fmt: skip
    """Return the objective of code that is traced and compiled, or None and the reason why no attempt succeeded."""
    obstacle = ""
    for attempt in attempts(caller.f, gradient, caller.calling, caller.paired):
        # Stored code may be out of date, if the function depends on something that has changed: then trace it again.
        for fresh in (False, True):
            caller.clock.check()
            try:
                compiled = attempt.compiled(fresh)
                fresh = not compiled.measured
                if fresh:
                    compiled.measure(probes[0][0], attempt.arrays)
                precision = max(compiled.precision, caller.precision)
                slope = _Slopes(compiled, attempt, probes[0][0])
                if not agrees(slope.timed, probes, caller, precision):
                    obstacle = obstacle or IMPURE
                    drop(attempt.key)
                    if fresh:
                        break
                    continue
            except Exception as error:  # noqa: BLE001 - any failure to trace means that the next way is tried
                drop(attempt.key)
                obstacle = obstacle or failure_reason(error)
                break
            remember(attempt.key, compiled)
            return _compiled(caller, attempt, compiled, probes, precision, slope), ""
    return None, obstacle


class _Slopes:
    """Values and gradients by compiled code, with the time that the first calls took.

    The value and the gradient at the start are kept: a descent begins there.
    """

    def __init__(self, compiled: Compiled, attempt: TraceAttempt, start: np.ndarray) -> None:
        self.compiled, self.arrays, self.start, self.seconds = compiled, attempt.arrays, start.tobytes(), 0.0
        self.at_start: Slope | None = None

    def __call__(self, x: np.ndarray) -> Slope:
        if x.tobytes() != self.start:
            return self.compiled(x, self.arrays)
        if self.at_start is None:
            self.at_start = self.compiled(x, self.arrays)
        return self.at_start[0], self.at_start[1].copy()

    def timed(self, x: np.ndarray) -> Slope:
        """Return the value and the gradient, and measure the time."""
        began = time.perf_counter()
        slope = self(x)
        self.seconds = time.perf_counter() - began
        return slope


def _compiled(
    caller: Caller, attempt: TraceAttempt, compiled: Compiled, probes: list[tuple[np.ndarray, float]],
    precision: float, slope: _Slopes,
) -> Objective:  # fmt: skip
    start, start_value = probes[0]
    is_given = attempt.given or attempt.paired
    why = "the gradient given, compiled" if is_given else "exact: the code was traced and compiled"
    return Objective(
        start.size,
        caller,
        slope,
        "given" if is_given else "traced",
        why + precision_note(precision),
        compiled,
        attempt.arrays,
        key=attempt.key,
        # The first call includes compilation: only a second call measures the time of a slope.
        slope_seconds=slope.seconds if len(probes) > 1 else 0.0,
        precision=precision,
        condition=1.0 if precision == EPS else condition(start, *slope(start)),
        clock=caller.clock,
        start_value=start_value,
        box=caller.box,
        region=caller.region,
    )


def condition(x: np.ndarray, value: float, gradient: np.ndarray) -> float:
    """Return how many rounding errors a value may be off by: its own and those of the point, 1 + |∇f|·|x| / |f|."""
    change = float(np.abs(gradient) @ np.abs(x))
    return min(1.0 + change / abs(value), MOST_ROUNDINGS) if value else 1.0


def _probes(
    caller: Callable[[np.ndarray], float], start: np.ndarray, until: float, domain: Box | Region | None
) -> list[tuple[np.ndarray, float]]:
    """Return plain values at the start and, if there is time, at a point nearby; f must be finite at the start.

    Nearby means that f has nearly the same value there: far from zero, a wave or a bump of f may be shorter than a
    small share of the start's size.
    """
    try:
        value = caller(start)
    except Exception as error:
        if isinstance(error, ValueError) and str(error).startswith(("the function returned", "gradient=True")):
            raise
        error.add_note(f"raised by the function at the start, {_short(start)}")
        raise
    if not math.isfinite(value):
        raise ValueError(f"the function is {value} at the start, {_short(start)}: start where it is finite")
    # The step differs between coordinates, so that no symmetry of f hides a lost slope.
    nudge = NUDGE * (0.75 + 0.25 * np.sin(np.arange(start.size) ** 2 + 1.0))
    step = nudge * np.where(start == 0, 1.0, np.abs(start))
    probes = [(start, value)]
    for part in NEARER ** np.arange(MOST_NUDGES):
        for nearby in _neighbours(start, part * step, domain):
            if time.perf_counter() > until:
                return probes
            try:
                value_nearby = caller(nearby)
            except Exception:  # noqa: BLE001 - f is undefined on this side; if on both, the start is the only probe
                continue
            if math.isfinite(value_nearby):
                probes = [(start, value), (nearby, value_nearby)]
                break
        if len(probes) == 1 or abs(probes[1][1] - value) <= MUCH_THE_SAME * max(abs(value), abs(probes[1][1])):
            break
    return probes


def _neighbours(start: np.ndarray, step: np.ndarray, box: Box | Region | None) -> tuple[np.ndarray, ...]:
    return (start + step, start - step) if box is None else (box.neighbour(start, step),)


def _short(x: np.ndarray) -> str:
    return np.array2string(x, threshold=6, precision=6)
