"""The Levenberg-Marquardt solver of a sum of squares."""

from __future__ import annotations

import math
import time

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS
from steepest.derivatives.objective import Objective
from steepest.descent.ending import Ending
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.rule_solver import CHUNK_SECONDS
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import CANDIDATE, COLUMNS, RUNNING, STALLED
from steepest.fitting.function.boxed import BoxedModel
from steepest.fitting.function.hessian import Hessian, Residuals, column_norms, placed, rounding, value_of
from steepest.fitting.function.levenberg import LevenbergMarquardt, LinearModel
from steepest.rules.pair import Rules
from steepest.types import Json

# A step is accepted if the value falls by more than this share of the predicted fall, as in MINPACK.
ENOUGH = 1e-4
# The fields of the state that are not arrays.
COUNTERS = (
    "region", "taken", "first_value", "iteration", "evaluations", "non_finite", "gaps", "code",
)  # fmt: skip


class LeastSquaresSolver:
    """A descent of ‖ρ‖² by Levenberg-Marquardt steps, chunk by chunk: a `Solver`.

    In a box, steps end at bounds, and the parameters that a bound holds are left out of the last Newton steps.
    It stops when the Gauss-Newton step would gain at most the tolerance. With a tolerance of 0 the solver goes on until
    rounding hides the rest: the last steps double the number of correct digits, so there are few of them.
    """

    rises = False
    negligible_gap = 0.0
    columns: tuple[str, ...] = ()
    ending: Ending | None = None
    # The iteration at which Newton's step last failed.
    rested = -1

    def __init__(
        self, objective: Objective, rules: Rules, sign: float, tolerance: float, start: np.ndarray,
        box: Box | None, *, residuals: Residuals,
    ) -> None:  # fmt: skip
        self.objective, self.rules, self.sign, self.box = objective, rules, sign, box
        self.tolerance, self.start = tolerance, start
        self.residuals = residuals
        self._recorded: list[np.ndarray] = []
        assert isinstance(rules.direction, LevenbergMarquardt)
        self.rule = rules.direction
        self.gaps = 0
        self.hessian: Hessian | None = None
        # There is no result without the residuals and their slopes at the start, whatever the time limit says.
        with objective.clock.ends(math.inf):
            self.x, self.triangle = start, self.triangle_at(start)
        self.value = value_of(self.triangle)
        if not math.isfinite(self.value):
            raise ValueError(f"the loss is {self.value} at the start: start where the model is finite for every row")
        norms = column_norms(self.triangle)
        # A parameter that has no influence at the start keeps its own units.
        self.scale = np.where(norms > 0, norms, 1.0)
        self.region = self.first_region()
        self.linear = self.linear_model()
        self.noise = rounding(residuals, self.triangle, start)
        self.first_value, self.taken, self.code = self.value, 1.0, RUNNING
        self.iteration, self.evaluations, self.non_finite = 0, 1, 0
        self.check_tolerance()

    def linear_model(self) -> LinearModel | BoxedModel:
        """Return the residuals as a linear function of a step from the current point."""
        if self.box is None:
            return LinearModel.of(self.triangle, self.scale)
        return BoxedModel.of(self.triangle, self.scale, self.x, self.box)

    @property
    def free(self) -> np.ndarray | None:
        """The parameters that no bound holds at the current point; None if there are no bounds."""
        return None if self.box is None else ~self.box.held(self.x, self.slopes)

    @property
    def slopes(self) -> np.ndarray:
        """The gradient at the current point, 2 Jᵀρ."""
        return 2 * self.triangle[:, :-1].T @ self.triangle[:, -1]

    def after(self, step: np.ndarray) -> np.ndarray:
        """Return the point after a step; a step that ends at a bound ends there exactly."""
        x = self.x + step
        if self.box is None:
            return x
        x = np.where(step == self.box.low - self.x, self.box.low, x)
        x = np.where(step == self.box.high - self.x, self.box.high, x)
        return np.clip(x, self.box.low, self.box.high)

    def triangle_at(self, x: np.ndarray) -> np.ndarray:
        """Return the R of [J ρ] at a point, and count the point if J was computed by differences there."""
        before = self.residuals.gaps
        triangle = self.residuals.triangle(x)
        self.gaps += self.residuals.gaps - before
        return triangle

    @property
    def status(self) -> Status:
        """The progress so far; the current point is the best, as each step lowers the value, up to rounding."""
        return Status(
            x=self.x, gradient=self.slopes, value=self.value,
            iteration=self.iteration, evaluations=self.evaluations, first_value=self.first_value, best_x=self.x,
            best_value=self.value, estimate=self.linear.decrement, code=self.code, non_finite=self.non_finite,
        )  # fmt: skip

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return None: there is no certificate for a sum of squares of arbitrary functions."""

    def arrays(self) -> list[np.ndarray]:
        """Return the state as arrays that a file can hold."""
        return [self.x, self.scale]

    def counters(self) -> dict[str, Json]:
        """Return the rest of the state."""
        return {name: getattr(self, name) for name in COUNTERS}

    def restore(self, arrays: list[np.ndarray], counters: dict[str, Json]) -> None:
        """Continue from the state that `arrays` and `counters` returned."""
        x, self.scale = arrays
        self.move_to(x, self.residuals.triangle(x), 1.0)
        for name in COUNTERS:
            setattr(self, name, counters[name])

    def begin_at(
        self, x: np.ndarray, scale: np.ndarray | None = None, known: tuple[float, np.ndarray] | None = None
    ) -> None:
        """Continue from another point, with the first radius Δ; the Jacobian is computed there."""
        self.evaluations += 1
        self.move_to(x, self.triangle_at(x), 1.0)
        self.region, self.code = self.first_region(), RUNNING

    def first_region(self) -> float:
        """Return the first Δ."""
        size = self.scale * self.x
        return self.rule.reach * (float(np.linalg.norm(size if self.box is None else size[~self.box.fixed])) or 1.0)

    def mark(self, code: int) -> None:
        """Set the code of the status."""
        self.code = code

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the current point as a row of the trace; the step size is the share of a Gauss-Newton step."""
        norm = float(np.linalg.norm(self.slopes if self.free is None else self.slopes[self.free]))
        return np.concatenate([[self.iteration, self.evaluations, self.value, norm, self.taken], self.x])

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Take steps until this many rows or evaluations are reached; return the rows of the trace."""
        self._recorded = []
        stop, until = self.evaluations + evaluations, time.perf_counter() + CHUNK_SECONDS
        while len(self._recorded) < rows and self.evaluations < stop and self.code == RUNNING:
            if self.advance():
                self._recorded.append(self.row())
            if time.perf_counter() > until:
                break
        return self.unfinished()

    def unfinished(self) -> np.ndarray:
        """Return the rows of a chunk, also of one that the user's function or Ctrl-C cut short."""
        rows, self._recorded = self._recorded, []
        return np.stack(rows) if rows else np.empty((0, len(COLUMNS) + self.x.size))

    def check_tolerance(self) -> None:
        """Stop if the Gauss-Newton step would gain no more than the tolerance."""
        asked = self.tolerance * (self.first_value - self.value)
        if self.tolerance >= 0 and self.linear.decrement <= asked:
            self.code = CANDIDATE

    def advance(self) -> bool:
        """Try one step, and return whether it was accepted."""
        if self.linear.decrement <= self.noise:
            return self.newton_step()
        step = self.linear.step(self.region)
        x = self.after(step.p)
        triangle = self.triangle_at(x)
        self.evaluations += 1
        value = value_of(triangle)
        if not math.isfinite(value):
            self.non_finite += 1
            self.region = step.length / 10
            return self.reject(step.length)
        fall = self.value - value
        ratio = fall / step.predicted
        self.region = self.rule.next_region(self.region, step, ratio, fall)
        if ratio <= ENOUGH:
            return self.reject(step.length)
        full = self.linear.full_length
        self.move_to(x, triangle, step.length / full if full else 1.0)
        self.check_tolerance()
        return True

    def hessian_at(self, x: np.ndarray, triangle: np.ndarray, free: np.ndarray | None) -> Hessian:
        """Return the Hessian at a point, of the parameters that are free if there are bounds.

        It is 2 JᵀJ alone if J is by differences, or if there is negative curvature.
        """
        second_order = self.residuals.second_order(x) if self.residuals.traced else None
        whole = Hessian.at(self.residuals, triangle, x, second_order, free)
        return Hessian.at(self.residuals, triangle, x, None, free) if whole.negative.any() else whole

    def newton_step(self) -> bool:
        """Try Newton's step once values no longer show whether a step is better; stop when the decrement stops falling.

        If the first derivatives come from differences, second derivatives cost more than they gain here, and the step
        is that of Gauss-Newton.
        """
        free = self.free
        if free is not None and not free.any():
            return self.rest()
        here = self.hessian or self.hessian_at(self.x, self.triangle, free)
        x = self.after(here.step if free is None else placed(free, here.step))
        triangle = self.triangle_at(x)
        self.evaluations += 1
        value = value_of(triangle)
        if not value <= self.value + self.noise:
            return self.rest()
        there = self.hessian_at(x, triangle, free)
        if not there.decrement < here.decrement:
            return self.rest()
        self.move_to(x, triangle, 1.0)
        self.hessian = there
        return True

    def rest(self) -> bool:
        """Return False at a point that Newton's step does not improve; a second time at one point, there is no step."""
        self.code = STALLED if self.rested == self.iteration else CANDIDATE
        self.rested = self.iteration
        return False

    def move_to(self, x: np.ndarray, triangle: np.ndarray, taken: float) -> None:
        """Make a point the current one; `taken` is the length of the step as a share of the Gauss-Newton step."""
        self.x, self.triangle, self.value, self.taken = x, triangle, value_of(triangle), taken
        self.iteration += 1
        self.scale, self.hessian = np.maximum(self.scale, column_norms(triangle)), None
        self.linear, self.noise = self.linear_model(), rounding(self.residuals, triangle, x)

    def reject(self, length: float) -> bool:
        """Return False for a step that was not accepted; stop if it was so short that rounding hides it."""
        if length <= EPS * float(np.linalg.norm(self.scale * self.x)) or not length:
            self.code = STALLED
        return False
