"""How a function is served: traced and compiled, traced eagerly, or by values alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.agreement import agrees
from steepest.derivatives.bounds import Box
from steepest.derivatives.clock import Clock, OutOfTime
from steepest.derivatives.compiled import Compiled, Slope, drop, recalled, remember
from steepest.derivatives.differences import EPS, scale_of
from steepest.derivatives.precision import coarseness, double_precision, in_words, rounding_of
from steepest.derivatives.slopes import Differences
from steepest.derivatives.structure import Calling, Leaf
from steepest.derivatives.tracing.branches import LONGEST_PATH, Branches
from steepest.derivatives.tracing.fingerprint import Fingerprint
from steepest.derivatives.tracing.tracer import Budget, Traced, stack

# So small a part of the descent may be left at the least: nothing comes within a part of 0.
LEAST_PART = 1e-3
MOST_BLURRED = 64.0
# Differences, which are less exact, are taken where tracing at each point costs so many times as much.
DEARER = 10.0
# The nearby point lies this part of the size of the start away, and nearer where f has changed by more than a part.
NUDGE, NEARER, MOST_NUDGES, MUCH_THE_SAME = 1e-3, 1 / 32, 6, 0.25


@dataclass
class Objective:
    """A function of one flat vector, with the best gradient that could be had for it.

    Attributes
    ----------
    size : int
        The number of coordinates.
    value : callable
        The plain value at a point, by calling the user's code.
    slope : callable
        ``x -> (value, gradient)`` in plain Python, as the tier serves it.
    kind : str
        "traced", "eager", "differences" or "given".
    why : str
        One sentence on how it is served, and why not better.
    compiled : Compiled or None
        The first tier, for the compiled loop; `arrays` are its data.
    cost : int
        How many values of f one slope costs.
    heavy : bool
        Whether a single slope may take so long that progress is wanted after each.
    hessian : callable or None
        ``x -> matrix``, where it costs less than differences of slopes.
    quadratic : bool
        Whether that Hessian is the same everywhere, so that it tells the minimum exactly.
    certify : callable or None
        ``x -> Audit``, a proven bound on f(x) - f*, infinite where there is none yet, or None.
    audit : callable or None
        ``x -> Audit or None``, where more is known of the Hessian than differences of slopes tell.
    smooth : bool
        Whether the function has no kinks, so that a Hessian tells of its minimum.
    known : float
        A value that is had without any descent, which is no part of what a descent is measured by.
    lowest : float
        What no value is below.
    differences : Differences or None
        The last tier: how slopes are had from values, with their errors.
    precision : float
        The rounding of the coarsest type that the code computes in, as a part of a number.
    clock : Clock
        When the function may no longer be called.
    pace : float
        How many seconds one slope takes, as far as that is known.
    blur : float
        How many roundings values differ by that should be one: those of the point move the value as well.
    begun : float
        The value at the start, as the function gave it.
    """

    size: int
    value: Callable[[np.ndarray], float]
    slope: Callable[[np.ndarray], Slope]
    kind: str
    why: str
    compiled: Compiled | None = None
    arrays: Any = ()
    cost: int = 1
    key: Hashable = None
    heavy: bool = False
    hessian: Callable[[np.ndarray], np.ndarray] | None = None
    quadratic: bool = False
    certify: Callable[[np.ndarray], Any] | None = None
    audit: Callable[[np.ndarray], Any] | None = None
    smooth: bool = True
    known: float = math.inf
    lowest: float = -math.inf
    differences: Differences | None = None
    precision: float = EPS
    clock: Clock = field(default_factory=Clock)
    pace: float = 0.0
    blur: float = 1.0
    begun: float = math.nan

    def scale(self, first: float, value: float) -> float:
        """Return what a tolerance is a part of, after a descent from a first value to another.

        It is the descent; or what is left above the lowest, where that is less, but for `LEAST_PART` of the descent.
        """
        descent = min(first, self.known) - value
        return float(np.clip(value - self.lowest, LEAST_PART * descent, descent))

    @property
    def updates(self) -> int:
        """How many updates an iteration of the loop makes: 1, or the batches of an epoch."""
        return self.compiled.updates if self.compiled else 1

    @property
    def relative_noise(self) -> float:
        """How far two values that should be one may lie apart, relative to their size."""
        if self.differences:
            return max(self.differences.relative, self.differences.coarse())
        return self.precision * self.blur

    @property
    def overhead(self) -> int:
        """How many values were taken beside the `cost` of each slope, to find the steps of differences."""
        return self.differences.overhead if self.differences else 0

    def slope_error(self, x: np.ndarray) -> np.ndarray | None:
        """Return how far each entry of the gradient at a point may be off, infinite where nothing tells of it.

        None where the gradient is exact but for rounding.
        """
        return self.differences.error(x) if self.differences else None

    def scales(self, x: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Return the length over which f changes along each coordinate, as far as differences have shown it.

        Elsewhere it is the size that the coordinate has shown.
        """
        return self.differences.scales() if self.differences else scale_of(x, start)


def number(returned: Any) -> float:
    """Return what a function returned as a float, or say what is wrong with it."""
    if isinstance(returned, (tuple, list)) or np.size(returned) != 1:
        shape = getattr(returned, "shape", None)
        seen = f"an array of shape {shape}" if shape is not None else f"{type(returned).__name__} {returned!r:.60}"
        raise ValueError(f"the function returned {seen}: it must return one number")
    try:
        value = np.asarray(returned).reshape(()).item()
        if isinstance(value, complex):
            raise TypeError("complex")
        return float(value)
    except (TypeError, ValueError):
        seen = f"{returned!r:.60} ({type(returned).__name__})"
        raise ValueError(f"the function returned {seen}: it must return one real number") from None


@dataclass
class Caller:
    """The user's function, called plainly on flat vectors."""

    f: Callable[..., Any]
    calling: Calling
    paired: bool = False
    native: bool = False
    box: Box | None = None
    clock: Clock = field(default_factory=Clock)
    precision: float = EPS

    def __call__(self, x: np.ndarray) -> float:
        return number(self.raw(x)[0]) if self.allows(x) else math.nan

    def allows(self, x: np.ndarray) -> bool:
        """Tell whether the function may be called at a point."""
        return self.box is None or self.box.contains(x)

    def raw(self, x: np.ndarray) -> tuple[Any, Any]:
        """Return the value and, where f returns a pair, the gradient as the user wrote them."""
        self.clock.check()
        # A fresh copy each time: code that writes into its argument must not move the run's point.
        with np.errstate(all="ignore"):
            if self.native:
                with double_precision():
                    returned = self.calling(self.f, jnp.asarray(x))
            else:
                returned = self.calling(self.f, x.copy())
                if isinstance(returned, jax.Array):
                    # Code written for JAX: outside the 64-bit context it would round to 32 bits.
                    self.native = True
                    return self.raw(x)
        value, gradient = returned, None
        if self.paired:
            try:
                value, gradient = returned
            except (TypeError, ValueError):
                raise ValueError("gradient=True: the function must return a pair, (value, gradient)") from None
        self.precision = max(self.precision, rounding_of(value))
        return value, gradient


def serve(
    f: Callable[..., Any],
    calling: Calling,
    start: np.ndarray,
    gradient: Callable[..., Any] | bool | None = None,
    box: Box | None = None,
    seconds: float | None = None,
) -> Objective:
    """Return the best way to have values and gradients of f, tried at `start` in this order.

    Traced and compiled; traced eagerly; differences of plain values. A compiled answer is used only
    where plain calls agree with it at the start and at a point nearby. Outside of the box f is never called.
    After `seconds` nothing more is tried.
    """
    caller = Caller(f, calling, paired=gradient is True, box=box)
    given = gradient if callable(gradient) else None
    until = math.inf if seconds is None else time.perf_counter() + seconds
    probes = _probes(caller, start, until)
    why = "the time was over before the code could be traced"
    try:
        with caller.clock.ends(until):
            objective = _served(f, calling, start, gradient, given, caller, probes)
    except OutOfTime:
        objective = _untried(caller, given, start, why) if gradient else _by_differences(caller, start, why)
    objective.clock, objective.begun = caller.clock, probes[0][1]
    return objective


def _served(
    f: Callable[..., Any], calling: Calling, start: np.ndarray, gradient: Any, given: Any, caller: Caller,
    probes: list[tuple[np.ndarray, float]],
) -> Objective:  # fmt: skip
    why = ""
    for trial in _trials(f, given, calling, paired=gradient is True):
        for fresh in (False, True):
            caller.clock.check()
            try:
                compiled = None if fresh else recalled(trial.key)
                if compiled is None:
                    compiled, fresh = Compiled(trial.pure), True
                arrays = tuple(trial.print.arrays)
                if fresh:
                    code = compiled.trace(start, arrays)
                    compiled.precision = max(trial.precision, coarseness(code))
                precision = max(compiled.precision, caller.precision)
                slope = _Timed(partial(_compiled_slope, compiled, arrays))
                if not agrees(slope, probes, caller, precision):
                    why = why or _IMPURE
                    drop(trial.key)
                    if fresh:
                        break
                    continue
            except Exception as error:  # noqa: BLE001 - any failure to trace means the next way
                why = why or _reason(error)
                break
            remember(trial.key, compiled)
            kind = "given" if gradient else "traced"
            sentence = "the gradient given, compiled" if gradient else "exact: the code was traced and compiled"
            sentence += in_words(precision)
            pace = slope.lasted if len(probes) > 1 else 0.0
            blur = 1.0 if precision == EPS else _blur(start, *slope.f(start))
            return Objective(
                start.size,
                caller,
                slope.f,
                kind,
                sentence,
                compiled,
                arrays,
                key=trial.key,
                pace=pace,
                precision=precision,
                blur=blur,
            )
    if gradient:
        return _plainly_given(caller, given, start, why)
    return _eager(f, calling, caller, start, probes, why) or _by_differences(caller, start, why)


_IMPURE = "plain calls and the traced code disagree (does it depend on something that changes?)"


def _blur(x: np.ndarray, value: float, gradient: np.ndarray) -> float:
    """Return how many roundings of its own size a value may be off by, where those of the point move it as well."""
    moved = float(np.abs(gradient) @ np.abs(x))
    return min(1.0 + moved / abs(value), MOST_BLURRED) if value else 1.0


class _Timed:
    """A function that knows how long its last call took."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f, self.lasted = f, 0.0

    def __call__(self, x: np.ndarray) -> Any:
        began = time.perf_counter()
        returned = self.f(x)
        self.lasted = time.perf_counter() - began
        return returned


@dataclass
class _Trial:
    """One way to trace: NumPy code on `Traced`, or JAX code on JAX's own arrays."""

    print: Fingerprint
    calling: Calling
    native: bool
    given: bool
    paired: bool
    precision: float = EPS

    @property
    def key(self) -> Hashable:
        return (
            self.print.key,
            self.calling.structure,
            self.calling.spread,
            self.native,
            self.given,
            self.paired,
        )

    def pure(self, x: Any, arrays: Sequence[Any]) -> tuple[Any, Any]:
        """Return the value and the gradient as JAX computes them; this is what is compiled."""
        Budget.renew()
        result = self._both(x, arrays)
        Budget.settle()
        self.precision = Budget.precision
        return result

    def _both(self, x: Any, arrays: Sequence[Any]) -> tuple[Any, Any]:
        f, gradient, *args = self.print.rebuild(arrays, self.native)

        def call(f: Callable[..., Any], x: Any) -> Any:
            return self.calling(f, x if self.native else Traced(x), tuple(args))

        if self.paired:
            value, slope = call(f, x)
            return scalar(value), self._flat(slope)
        if self.given:
            return scalar(call(f, x)), self._flat(call(gradient, x))
        return jax.value_and_grad(lambda x: scalar(call(f, x)))(x)

    def _flat(self, gradient: Any) -> Any:
        layout = Leaf((self.calling.structure.size,), 0) if self.calling.spread else self.calling.structure.layout
        pieces = [jnp.ravel(jnp.asarray(stack(piece))) for piece in leaves_of(layout, gradient)]
        flat = jnp.concatenate(pieces).astype(jnp.float64)
        if flat.size != self.calling.structure.size:
            taken = self.calling.structure.size
            raise ValueError(f"the gradient has {flat.size} numbers where the function takes {taken}")
        return flat


def _compiled_slope(compiled: Compiled, arrays: Sequence[Any], x: np.ndarray) -> Slope:
    return compiled(x, arrays)


def _trials(f: Any, given: Any, calling: Calling, paired: bool) -> Iterator[_Trial]:
    values = [f, given, *calling.args]
    moving = Fingerprint(values)
    yield _Trial(moving, calling, False, given is not None, paired)
    fixed = Fingerprint(values, constants=True)
    if moving.arrays:
        yield _Trial(fixed, calling, False, given is not None, paired)
    data = Fingerprint(values, constants=True, moving=len(calling.args))
    yield _Trial(data, calling, True, given is not None, paired)
    if data.arrays:
        yield _Trial(fixed, calling, True, given is not None, paired)


def scalar(returned: Any) -> Any:
    """Return what traced code returned as one JAX number."""
    value = jnp.asarray(stack(returned))
    if value.size != 1:
        raise ValueError(f"the function returned an array of shape {value.shape}: it must return one number")
    return value.reshape(()).astype(jnp.float64)


def leaves_of(layout: Any, node: Any) -> Iterator[Any]:
    """Yield the arrays of a user's tree in the order of a layout."""
    if isinstance(layout, Leaf):
        yield node
    else:
        kind, children = layout
        inner = [(child, node[key]) for key, child in children] if kind == "dict" else zip(children, node, strict=True)
        for child, value in inner:
            yield from leaves_of(child, value)


def _probes(caller: Caller, start: np.ndarray, until: float) -> list[tuple[np.ndarray, float]]:
    """Return plain values at the start and at a point near it, if there is time; the start must have one.

    Near is where f is much the same: over a part of the size of the point a wave or a bump far from zero may be passed.
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
    # Uneven, so that no symmetry of f hides what the nearby point is to show.
    nudge = NUDGE * (0.75 + 0.25 * np.sin(np.arange(start.size) ** 2 + 1.0))
    step = nudge * np.where(start == 0, 1.0, np.abs(start))
    probes = [(start, value)]
    for part in NEARER ** np.arange(MOST_NUDGES):
        for nearby in _beside(start, part * step, caller.box):
            if time.perf_counter() > until:
                return probes
            try:
                seen = caller(nearby)
            except Exception:  # noqa: BLE001 - a wall on this side; the start alone must do if on both
                continue
            if math.isfinite(seen):
                probes = [(start, value), (nearby, seen)]
                break
        if len(probes) == 1 or abs(probes[1][1] - value) <= MUCH_THE_SAME * max(abs(value), abs(probes[1][1])):
            break
    return probes


def _beside(start: np.ndarray, step: np.ndarray, box: Box | None) -> tuple[np.ndarray, ...]:
    return (start + step, start - step) if box is None else (box.beside(start, step),)


def _eager(
    f: Any,
    calling: Calling,
    caller: Caller,
    start: np.ndarray,
    probes: list[tuple[np.ndarray, float]],
    why: str,
) -> Objective | None:
    rebuilt, *args = (few := Fingerprint([f, *calling.args], constants=True)).rebuild(())
    key = ("branches", few.key, calling.structure, calling.spread)
    branches = recalled(key) or Branches(lambda x: scalar(calling(rebuilt, Traced(x), tuple(args))))
    slope = _Eager(caller, branches, start)
    try:
        if not agrees(slope, probes, caller):
            return None
    except Exception:  # noqa: BLE001 - any failure to trace means the next way
        return None
    if Budget.spent > LONGEST_PATH and not branches.paths and slope.is_dear():
        return _by_differences(caller, start, slope.dear(why))
    remember(key, branches)
    slope.objective = Objective(start.size, caller, slope, "eager", f"exact, traced anew at each point, as {why}")
    return slope.objective


class _Eager:
    """Slopes of code that branches on values: traced at the probes, and compiled for each path that is taken later.

    Where there are too many paths, the tier that is the cheaper one by the clock is kept: tracing at each point, or
    differences.
    """

    def __init__(self, caller: Caller, branches: Branches, start: np.ndarray) -> None:
        self.caller, self.branches, self.start = caller, branches, start
        self.compiles, self.lasted = True, 0.0
        self.seen: dict[bytes, Slope] = {}
        self.objective: Objective | None = None

    def __call__(self, x: np.ndarray) -> Slope:
        self.caller.clock.check()
        objective = self.objective
        if objective is not None and objective.differences is not None:
            return objective.differences(x)
        if x.tobytes() in self.seen:
            value, gradient = self.seen[x.tobytes()]
            return value, gradient.copy()
        if objective is not None and self.compiles:
            try:
                slope = self.branches(x)
                objective.why = (
                    "exact: compiled for each way through its branches, as " + objective.why.split(", as ")[-1]
                )
                return slope
            except Exception as error:  # noqa: BLE001 - what can't be compiled is traced at each point
                self.compiles = False
                if self.turned(objective, _reason(error)) and objective.differences is not None:
                    return objective.differences(x)
        began = time.perf_counter()
        slope = self.traced(x)
        self.lasted = time.perf_counter() - began
        if objective is None:
            self.seen[x.tobytes()] = slope[0], slope[1].copy()
        return slope

    def traced(self, x: np.ndarray) -> Slope:
        Budget.renew()
        with double_precision(), np.errstate(all="ignore"):
            value, gradient = jax.value_and_grad(self.branches.f)(jnp.asarray(x))
            Budget.settle()
        return float(value), np.array(gradient)

    def turned(self, objective: Objective, why: str) -> bool:
        """Turn to differences where they cost much less than to trace at each point, and tell whether it did."""
        if not self.is_dear():
            return False
        objective.differences = Differences(
            self.caller, self.start, self.caller.box, lambda: self.caller.precision, paid=1
        )
        objective.kind, objective.why = "differences", f"central differences of plain values, as {self.dear(why)}"
        return True

    def is_dear(self) -> bool:
        """Tell whether differences cost much less."""
        began = time.perf_counter()
        self.caller(self.start)
        return self.lasted > DEARER * (2 * self.start.size + 1) * (time.perf_counter() - began)

    def dear(self, why: str) -> str:
        return f"{why}, and to trace it anew takes {self.lasted:.2g} s at each point"


def _by_differences(caller: Caller, start: np.ndarray, why: str) -> Objective:
    slope = Differences(caller, start, caller.box, lambda: caller.precision)
    sentence = f"central differences of plain values, as {why}"
    return Objective(
        start.size, caller, slope, "differences", sentence, cost=2 * start.size + 1, differences=slope,
        precision=caller.precision, clock=caller.clock,
    )  # fmt: skip


def _plainly_given(caller: Caller, given: Callable[..., Any] | None, start: np.ndarray, why: str) -> Objective:
    objective = _untried(caller, given, start, why)
    objective.slope(start)
    return objective


def _untried(caller: Caller, given: Callable[..., Any] | None, start: np.ndarray, why: str) -> Objective:
    calling = caller.calling

    def slope(x: np.ndarray) -> Slope:
        if not caller.allows(x):
            return math.nan, np.full(x.size, math.nan)
        value, gradient = caller.raw(x)
        if given is not None:
            caller.clock.check()
            with np.errstate(all="ignore"):
                gradient = calling(given, x.copy())
        return number(value), flat_plain(calling, gradient)

    return Objective(start.size, caller, slope, "given", f"the gradient given, called plainly, as {why}")


def flat_plain(calling: Calling, gradient: Any) -> np.ndarray:
    size = calling.structure.size
    layout = Leaf((size,), 0) if calling.spread else calling.structure.layout
    try:
        flat = np.concatenate([np.ravel(np.asarray(piece, dtype=float)) for piece in leaves_of(layout, gradient)])
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f"the gradient returned {gradient!r:.60}, which does not fit the point: {error}") from None
    if flat.size != size:
        raise ValueError(f"the gradient returned {flat.size} numbers where the function takes {size}")
    return flat


def differences_at(objective: Objective, x: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the gradient by central differences at a point where the exact one is NaN."""
    return Differences(objective.value, start, getattr(objective.value, "box", None))(x)[1]


def _reason(error: Exception) -> str:
    first = str(error).strip().splitlines() or [type(error).__name__]
    name = type(error).__name__
    if "Concretization" in name or "TracerBool" in name or "NonConcrete" in name:
        return "the code branches on values"
    return first[0][:160]


def _short(x: np.ndarray) -> str:
    return np.array2string(x, threshold=6, precision=6)
