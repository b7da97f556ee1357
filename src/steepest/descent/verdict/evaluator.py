"""Values and gradients for the `Judge`, within the run's budget, and restarts of the descent at lower points."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from steepest.derivatives.differences import EPS, least_size, scale_of
from steepest.derivatives.differencing.outliers import odd_calls
from steepest.derivatives.noise import Call, measure_noise
from steepest.derivatives.serving.caller import Caller
from steepest.descent.log import Log
from steepest.descent.loop.solver import Solver
from steepest.descent.meter import Meter
from steepest.descent.verdict.modes import NARROW

# A change of f counts as real only beyond this multiple of the noise of f. Chosen, not measured: a smaller multiple
# mistakes noise for progress, a larger multiple stops with progress left.
NOISES = 4.0
# A gap counts as that of a minimum only if it is at most this share of |f| or of the descent. Chosen, not measured: a
# larger share accepts vaguer answers, a smaller share fails on noisy functions.
SMALL_GAP = 1e-3


class Evaluator:
    """Evaluates the function for the `Judge`; the `Meter` counts each value.

    Values and gradients have the sign in which they are minimised. They are NaN if the budget is spent or the function
    raises.

    Attributes
    ----------
    least, unit : array
        The size below which each coordinate counts as 0, and the same with 1 for 0.
    has_full_help : bool
        Whether the `Judge` may also measure noise and look for kinks; false if the rules are the user's.
    """

    def __init__(self, solver: Solver, start: np.ndarray, has_full_help: bool, meter: Meter, log: Log) -> None:
        self.solver, self.meter, self.log = solver, meter, log
        self.start, self.least = start, least_size(start)
        self.unit = np.where(self.least > 0, self.least, 1.0)
        self.has_full_help = has_full_help
        # The calls of the last measurement of noise that found more than rounding.
        self.rough: tuple[Call, ...] = ()

    @property
    def best(self) -> np.ndarray:
        """The best point so far."""
        return self.solver.status.best_x

    @property
    def best_value(self) -> float:
        """The value at the best point so far."""
        return self.solver.status.best_value

    def affords(self, values: int) -> bool:
        """Tell whether the budget allows this many more values."""
        return self.meter.affords(values)

    def can_continue(self) -> bool:
        """Tell whether the budget allows one more gradient and further iterations."""
        over = self.meter.out_of_iterations or self.meter.out_of_time or self.log.stopped
        return not over and self.affords(self.solver.objective.cost)

    def value(self, x: np.ndarray) -> float:
        """Return the value at a point, or at the nearest point of the box."""
        solver = self.solver
        if self.meter.out_of_time or not self.affords(1 + solver.objective.cost):
            return math.nan
        self.meter.judged += 1
        try:
            return solver.sign * float(solver.objective.value(self.clip(x)))
        except Exception:  # noqa: BLE001 - far away the user's function may raise anything
            return math.nan

    def value_and_grad(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value and the gradient at a point inside the box."""
        solver = self.solver
        outside = solver.box is not None and not solver.box.contains(x)
        if outside or self.meter.out_of_time or not self.affords(solver.objective.cost):
            return math.nan, np.full(x.size, math.nan)
        self.meter.judged += solver.objective.cost
        try:
            value, gradient = solver.objective.slope(x)
        except Exception:  # noqa: BLE001 - away from the descent's path the user's function may raise anything
            return math.nan, np.full(x.size, math.nan)
        return solver.sign * value, solver.sign * gradient

    def grad(self, x: np.ndarray) -> np.ndarray:
        """Return the gradient at a point inside the box."""
        return self.value_and_grad(x)[1]

    def plane(self, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the value, the gradient and its errors at a point near which the slopes may jump."""
        value, gradient = self.value_and_grad(x)
        differences = self.solver.objective.differences
        if differences is None or not np.all(np.isfinite(gradient)):
            return value, gradient, np.zeros(x.size)
        gradient, error = differences.beside_kinks(x)
        return value, self.solver.sign * gradient, error

    def noise(self, x: np.ndarray) -> float:
        """Return a bound on the noise of f near a point, measured by values."""
        noise = measure_noise(self.value, x, self.best_value, scale_of(x, x), inward=self.inward(x))
        # The first value is the best one, which compiled code may have rounded differently from a plain call.
        self.rough = noise.calls[1:] or self.rough
        return NOISES * noise.level

    def inward(self, x: np.ndarray) -> np.ndarray | None:
        """Return a direction into the region, if there is one."""
        region = self.solver.objective.region
        return None if region is None else region.inward(x)

    def outliers(self) -> list[Call]:
        """Return the calls of the run whose values stand out, as noise makes them do."""
        objective, sign = self.solver.objective, self.solver.sign
        source = objective.outliers or (objective.differences and objective.differences.outliers)
        known = source() if source else []
        return known + [Call(self.clip(call.x), sign * call.value) for call in odd_calls(self.rough)]

    def rounding_since(self, value: float) -> float:
        """Return the largest gain that rounding may hide between `value` and the best value."""
        return EPS * max(abs(self.best_value), value - self.best_value)

    def is_small(self, gap: float) -> bool:
        """Tell whether a gap is as small, compared with the value or the descent, as at a minimum."""
        first = self.solver.status.first_value
        return gap <= SMALL_GAP * max(abs(self.best_value), first - self.best_value)

    def clip(self, x: np.ndarray) -> np.ndarray:
        """Return the nearest point of the box or the region."""
        domain = self.solver.objective.region or self.solver.box
        return x if domain is None else np.asarray(domain.nearest(x))

    def is_confined(self, direction: np.ndarray) -> bool:
        """Tell whether the box ends every way along a direction, so that nothing can fall without end there."""
        box = self.solver.box
        if box is None:
            return False
        ends = np.where(direction > 0, box.high, np.where(direction < 0, box.low, 0.0))
        return bool(np.all(np.isfinite(ends)))

    def size(self, x: np.ndarray) -> np.ndarray:
        """Return the size of each coordinate of a point: 1 if the coordinate is 0 both there and at the start."""
        chart, size = self.solver.objective.chart, np.maximum(np.abs(x), self.unit)
        return size if chart is None else np.maximum(size, chart.sizes(x))

    def across(self, x: np.ndarray) -> float:
        """Return how far rounding errors of the point may change the value by leading out of affine sets."""
        objective = self.solver.objective
        if objective.chart is None or not isinstance(objective.value, Caller):
            return 0.0
        caller = replace(objective.value, calling=replace(objective.value.calling, chart=None), box=None, region=None)
        point, moves = objective.chart.outward(x), objective.chart.across(x)
        if not self.affords(2 * len(moves)):
            return math.inf
        self.meter.judged += 2 * len(moves)
        try:
            return sum(abs(caller(point + move) - caller(point - move)) for move in moves)
        except Exception:  # noqa: BLE001 - beyond the set the user's function may raise anything
            return math.nan

    def is_long(self, x: np.ndarray, step: np.ndarray | None) -> bool:
        """Tell whether a step is so long that the curvature may change along the step."""
        return step is not None and bool((np.abs(step) > NARROW * self.size(x)).any())

    def is_rounding(self, x: np.ndarray, step: np.ndarray) -> bool:
        """Tell whether a step is no longer than the rounding error of the point."""
        size = np.maximum(np.abs(x), self.least)
        return bool((np.abs(step) <= self.solver.objective.precision * size).all())

    def restart_at(
        self, x: np.ndarray, kind: str, detail: str, scale: np.ndarray | None = None,
        known: tuple[float, np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        """Let the descent continue from a point, and record an event with the reason.

        `known` are the value and the gradient there, if they were computed before; x then becomes the best point.
        `scale` is the inverse curvature of each coordinate, if it was measured.
        """
        solver = self.solver
        if known is not None:
            known = solver.sign * known[0], solver.sign * known[1]
        solver.begin_at(self.clip(x), scale, known)
        self.log.add_event(kind, detail)
        self.log.record(solver.row()[None], self.meter.elapsed)
        self.log.run_callback()
