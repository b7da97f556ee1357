"""A descent of a sum of squares under way, by Levenberg-Marquardt steps."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS, scale_of
from steepest.derivatives.objective import Objective
from steepest.descent.ending import Ending
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.rule_solver import CHUNK_SECONDS
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import CANDIDATE, COLUMNS, RUNNING, STALLED
from steepest.descent.verdict.audit import Audit
from steepest.fitting.function.levenberg import LevenbergMarquardt, Linear, rank
from steepest.rules.pair import Rules
from steepest.types import Json

ENOUGH = 1e-4
LOOSE = 1e-3
# How many times its usual size an error by rounding may have.
SAFELY = 8.0
# The largest part of a value that rounding of its slopes may hide in a descent that has converged.
FAINT = 1e-9
# The numbers of a state that are no arrays.
COUNTERS = (
    "region", "taken", "first_value", "iteration", "evaluations", "non_finite", "gaps", "code",
)  # fmt: skip


class Bend(NamedTuple):
    """Σ ρᵢ ∇²ρᵢ, which the Hessian has beside JᵀJ; its error; and that of Jᵀρ where J itself is had by differences."""

    curved: np.ndarray
    error: np.ndarray
    slopes: np.ndarray


class Residuals(Protocol):
    """The residuals ρ of an objective ‖ρ‖², with their Jacobian J.

    `size` is the length of the data that ρ is the difference of, `rows` how many of them count, and
    `precision` tells how precisely a prediction is known, relative to its size; `traced` whether derivatives
    are exact; `cost` how many values of ‖ρ‖² an audit takes. `gaps` counts the points where J had to be had
    by differences although the code is traced.
    """

    size: float
    rows: float
    precision: float
    gaps: int

    @property
    def traced(self) -> bool: ...

    @property
    def cost(self) -> int: ...

    def triangle(self, x: np.ndarray) -> np.ndarray:
        """Return the R of a QR decomposition of [J ρ]; values that are not finite where ρ has some."""

    def bend(self, x: np.ndarray) -> Bend | None:
        """Return what the Hessian has beside JᵀJ, or None where that is not finite."""


class LeastSquaresSolver:
    """One descent of ‖ρ‖² under way: where it stands, and how it goes on for a chunk.

    It stops where the Gauss-Newton step would gain no more than was asked or, with a tolerance of 0, only
    where rounding hides what is left: the last steps double the digits, and cost next to nothing.
    """

    rises = False
    ending: Ending | None = None

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
        self.x, self.triangle = start, self.look(start)
        self.value = _value(self.triangle)
        if not math.isfinite(self.value):
            raise ValueError(f"the loss is {self.value} at the start: start where the model is finite for every row")
        norms = _norms(self.triangle)
        # A parameter without influence yet is measured in its own units.
        self.scale = np.where(norms > 0, norms, 1.0)
        self.region = self.first_region()
        self.linear = Linear.of(self.triangle, self.scale)
        self.noise = rounding(residuals, self.triangle, start)
        self.first_value, self.taken, self.code = self.value, 1.0, RUNNING
        self.iteration, self.evaluations, self.non_finite = 0, 1, 0
        self.enough()

    def look(self, x: np.ndarray) -> np.ndarray:
        """Return the triangle at a point, and count where its Jacobian had to be had by differences."""
        before = self.residuals.gaps
        triangle = self.residuals.triangle(x)
        self.gaps += self.residuals.gaps - before
        return triangle

    @property
    def status(self) -> Status:
        """The progress so far: steps are accepted only if they lower the value, but for rounding."""
        return Status(
            x=self.x, gradient=2 * self.triangle[:, :-1].T @ self.triangle[:, -1], value=self.value,
            iteration=self.iteration, evaluations=self.evaluations, first_value=self.first_value, best_x=self.x,
            best_value=self.value, estimate=self.linear.decrement, code=self.code, non_finite=self.non_finite,
        )  # fmt: skip

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return None: a sum of squares of any functions has no certificate."""

    def arrays(self) -> list[np.ndarray]:
        """Return the state as arrays that a file can hold."""
        return [self.x, self.scale]

    def counters(self) -> dict[str, Json]:
        """Return the rest of the state."""
        return {name: getattr(self, name) for name in COUNTERS}

    def restore(self, arrays: list[np.ndarray], counters: dict[str, Json]) -> None:
        """Continue from the state that `arrays` and `counters` returned."""
        x, self.scale = arrays
        self.stand(x, self.residuals.triangle(x), 1.0)
        for name in COUNTERS:
            setattr(self, name, counters[name])

    def begin_at(
        self, x: np.ndarray, scale: np.ndarray | None = None, known: tuple[float, np.ndarray] | None = None
    ) -> None:
        """Continue from another point, in a region of the first size; the Jacobian is computed there."""
        self.evaluations += 1
        self.stand(x, self.look(x), 1.0)
        self.region, self.code = self.first_region(), RUNNING

    def first_region(self) -> float:
        """Return the Δ to begin with."""
        return self.rule.reach * (float(np.linalg.norm(self.scale * self.x)) or 1.0)

    def mark(self, code: int) -> None:
        """Set the code of the status."""
        self.code = code

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the current point as a row of the trace; its step size is the part of a Gauss-Newton step."""
        norm = float(np.linalg.norm(self.status.gradient))
        return np.concatenate([[self.iteration, self.evaluations, self.value, norm, self.taken], self.x])

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Go on for at most so many rows and evaluations, and return the rows."""
        self._recorded = []
        stop, until = self.evaluations + evaluations, time.perf_counter() + CHUNK_SECONDS
        while len(self._recorded) < rows and self.evaluations < stop and self.code == RUNNING:
            if self.advance():
                self._recorded.append(self.row())
            if time.perf_counter() > until:
                break
        return self.unfinished()

    def unfinished(self) -> np.ndarray:
        """Return the rows of a chunk that the user's function or Ctrl-C may have cut short."""
        rows, self._recorded = self._recorded, []
        return np.stack(rows) if rows else np.empty((0, len(COLUMNS) + self.x.size))

    def enough(self) -> None:
        """Stop where the Gauss-Newton step would gain no more than was asked."""
        asked = self.tolerance * (self.first_value - self.value)
        if self.tolerance >= 0 and self.linear.decrement <= asked:
            self.code = CANDIDATE

    def advance(self) -> bool:
        """Try one step, and tell whether it was accepted."""
        if self.linear.decrement <= self.noise:
            return self.polished()
        step = self.linear.step(self.region)
        x = self.x + step.p
        triangle = self.look(x)
        self.evaluations += 1
        value = _value(triangle)
        if not math.isfinite(value):
            self.non_finite += 1
            self.region = step.length / 10
            return self.rejected(step.length)
        fall = self.value - value
        ratio = fall / step.foretold
        self.region = self.rule.next_region(self.region, step, ratio, fall)
        if ratio <= ENOUGH:
            return self.rejected(step.length)
        full = float(np.linalg.norm(self.linear.damped(0.0)))
        self.stand(x, triangle, step.length / full if full else 1.0)
        self.enough()
        return True

    def look_closely(self, x: np.ndarray, triangle: np.ndarray) -> Hessian:
        """Return the Hessian at a point; JᵀJ alone by differences, and where the rest turns down beside a valley."""
        whole = Hessian.at(self.residuals, triangle, x, self.residuals.bend(x) if self.residuals.traced else None)
        return Hessian.at(self.residuals, triangle, x, None) if whole.down.any() else whole

    def polished(self) -> bool:
        """Try Newton's step where values no longer tell steps apart; stop once what is left to gain falls no more.

        By differences second derivatives cost more than they bring here: the step is that of Gauss and Newton.
        """
        here = self.hessian or self.look_closely(self.x, self.triangle)
        x = self.x + here.step
        triangle = self.look(x)
        self.evaluations += 1
        value = _value(triangle)
        if not value <= self.value + self.noise:
            self.code = CANDIDATE
            return False
        there = self.look_closely(x, triangle)
        if not there.decrement < here.decrement:
            self.code = CANDIDATE
            return False
        self.stand(x, triangle, 1.0)
        self.hessian = there
        return True

    def stand(self, x: np.ndarray, triangle: np.ndarray, taken: float) -> None:
        """Stand at a point."""
        self.x, self.triangle, self.value, self.taken = x, triangle, _value(triangle), taken
        self.iteration += 1
        self.scale, self.hessian = np.maximum(self.scale, _norms(triangle)), None
        self.linear, self.noise = Linear.of(triangle, self.scale), rounding(self.residuals, triangle, x)

    def rejected(self, length: float) -> bool:
        """Stop where steps are lost in rounding."""
        if length <= EPS * float(np.linalg.norm(self.scale * self.x)) or not length:
            self.code = STALLED
        return False


@dataclass(frozen=True)
class Hessian:
    """The Hessian of ‖ρ‖², 2 (JᵀJ + Σ ρᵢ ∇²ρᵢ), in coordinates q in which JᵀJ is the identity and the rest diagonal.

    There the curvatures λ are right however ill-conditioned J is; x = W q, and the slopes are (J W)ᵀρ. Directions in
    which J is lost in rounding are as long there as the one in which it is largest. Curvatures and slopes that are
    no more than `unsure` and `blur` may be rounding alone.
    """

    W: np.ndarray
    curvatures: np.ndarray
    slopes: np.ndarray
    unsure: np.ndarray
    blur: np.ndarray
    norms: np.ndarray

    @classmethod
    def at(cls, residuals: Residuals, triangle: np.ndarray, x: np.ndarray, bend: Bend | None) -> Hessian:
        """Decompose it at a point where [J ρ] has been reduced to a triangle; without Σ ρᵢ ∇²ρᵢ it is 2 JᵀJ."""
        nothing = np.zeros((x.size, x.size))
        curved, error, sloped = bend or Bend(nothing, nothing, nothing[0])
        norms = _norms(triangle)
        scale = np.where(norms > 0, norms, 1.0)
        U, singular, V = np.linalg.svd(triangle[:, :-1] / scale)
        sure = rank(singular, x.size)
        length = np.full(x.size, singular[0] or 1.0)
        length[:sure] = singular[:sure]
        turn = V.T / length / scale[:, None]
        curvatures, vectors = np.linalg.eigh(np.diag(np.arange(x.size) < sure) + turn.T @ curved @ turn)
        slopes = vectors[:sure].T @ (U.T[:sure] @ triangle[:, -1])
        W = turn @ vectors
        unsure = SAFELY * EPS * x.size * np.abs(curvatures).max() + np.sum(np.abs(W) * (error @ np.abs(W)), axis=0)
        # The columns of J W are of length 1, and a prediction's rounding has no direction: a row bears its part of it.
        part = SAFELY / math.sqrt(residuals.rows)
        sloped = sloped + part * EPS * math.sqrt(_value(triangle)) * norms
        blur = part * residuals.precision * _size(residuals, triangle, x) + sloped @ np.abs(W)
        return cls(W, curvatures, slopes, unsure, blur, norms)

    @property
    def up(self) -> np.ndarray:
        return self.curvatures > self.unsure

    @property
    def down(self) -> np.ndarray:
        return self.curvatures < -self.unsure

    @property
    def onward(self) -> np.ndarray:
        """Newton's step in q, turned downhill."""
        solid = self.up | self.down
        return np.divide(-self.slopes, np.abs(self.curvatures), out=np.zeros_like(self.slopes), where=solid)

    @property
    def step(self) -> np.ndarray:
        return self.W @ self.onward

    @property
    def decrement(self) -> float:
        """The gain of Newton's step, at the most, if curvatures may be rounding and slopes are not."""
        up, level = self.up, ~(self.up | self.down) & (np.abs(self.slopes) > self.blur)
        gain = self.slopes[up] ** 2 @ (1 / self.curvatures[up]) + self.slopes[level] ** 2 @ (1 / self.unsure[level])
        return float(gain)

    @property
    def hidden(self) -> float:
        """The gain of Newton's step by slopes that are rounding alone."""
        return float(self.blur[self.up] ** 2 @ (1 / self.curvatures[self.up]))

    def error(self, x: np.ndarray) -> np.ndarray:
        """Return how far each parameter may lie from the minimiser: by Newton's step, and by what rounding may do.

        Infinite where a parameter may move along a direction of no curvature.
        """
        up = self.up
        moved = self.W[:, up] * (self.blur[up] / self.curvatures[up])
        level = np.abs(self.W[:, ~up]) * np.where(self.norms > 0, self.norms, 1.0)[:, None]
        free = (level > LOOSE * np.linalg.norm(level, axis=0)).any(axis=1)
        return np.where(free, math.inf, np.abs(self.step) + np.linalg.norm(moved, axis=1) + EPS * np.abs(x))


def audit_squares(residuals: Residuals, x: np.ndarray, start: np.ndarray) -> Audit | None:
    """Look at the whole Hessian of ‖ρ‖² at a point where a descent rests; None where it is not finite."""
    triangle, bend = residuals.triangle(x), residuals.bend(x)
    if bend is None or not np.all(np.isfinite(triangle)):
        return None
    hessian = Hessian.at(residuals, triangle, x, bend)
    W, curvatures, up, down = hessian.W, hessian.curvatures, hessian.up, hessian.down
    whole = 2 * (triangle[:, :-1].T @ triangle[:, :-1] + bend.curved)
    smallest, largest = np.linalg.eigvalsh(whole)[[0, -1]]
    if up.all():
        # The largest eigenvalue of the inverse is exact where the smallest of the matrix is rounding.
        smallest = 1 / np.linalg.norm(W / np.sqrt(2 * curvatures), 2) ** 2
    elif not down.any():
        smallest = 0.0
    size, way = scale_of(x, start), W[:, np.argmin(np.where(down, curvatures, math.inf))]
    return Audit(
        decrement=hessian.decrement,
        floor=max(rounding(residuals, triangle, x), min(hessian.hidden, FAINT * _value(triangle))),
        smallest=float(smallest),
        largest=float(largest),
        saddle_distance=float(np.abs(W[:, down] * hessian.onward[down] / size[:, None]).max(initial=0.0)),
        negative_curvature=float(curvatures[down].min() / np.abs(curvatures).max()) if down.any() else 0.0,
        escape_direction=way * EPS ** (1 / 3) / np.abs(way / size).max(),
        # If all slopes may be rounding there is no step to take.
        step=hessian.step if np.any(np.abs(hessian.slopes) > hessian.blur) else np.zeros(x.size),
        x_error=np.where(idle(residuals, triangle, x, hessian), math.inf, hessian.error(x)),
    )


def undetermined(residuals: Residuals, x: np.ndarray) -> np.ndarray:
    """Return which parameters can move without the value changing by more than rounding, alone or together."""
    triangle = residuals.triangle(x)
    hessian = Hessian.at(residuals, triangle, x, residuals.bend(x))
    return np.isinf(hessian.error(x)) | idle(residuals, triangle, x, hessian)


def idle(residuals: Residuals, triangle: np.ndarray, x: np.ndarray, hessian: Hessian) -> np.ndarray:
    """Return which parameters, moved far enough for the value to rise by the Hessian, leave it as it is.

    Those alone are looked at which may be wrong by all of their size.
    """
    value, floor = _value(triangle), rounding(residuals, triangle, x)
    found, error = np.zeros(x.size, dtype=bool), hessian.error(x)
    for k in np.flatnonzero(np.isfinite(error) & (error > np.abs(x))):
        lengths = 10 * math.sqrt(floor) / hessian.norms[k] * np.eye(x.size)[k]
        found[k] = any(abs(_value(residuals.triangle(x + way)) - value) < 10 * floor for way in (lengths, -lengths))
    return found


def rounding(residuals: Residuals, triangle: np.ndarray, x: np.ndarray) -> float:
    """Return how far rounding alone may set two values of ‖ρ‖² apart: v = ‖ρ‖², its rows off by ε s / √n at random.

    ε (v + 2 √(v / n) s) + (ε s)², where s is the length of what ρ is the difference of.
    """
    value, size = _value(triangle), residuals.precision * _size(residuals, triangle, x)
    return SAFELY * (EPS * value + 2 * math.sqrt(value / residuals.rows) * size + size**2)


def _size(residuals: Residuals, triangle: np.ndarray, x: np.ndarray) -> float:
    """Return the length of what ρ is the difference of: the data, and what each parameter adds to the predictions."""
    with np.errstate(over="ignore"):
        return float(np.hypot(residuals.size, np.linalg.norm(_norms(triangle) * x)))


def _value(triangle: np.ndarray) -> float:
    with np.errstate(over="ignore"):
        return float(triangle[:, -1] @ triangle[:, -1])


def _norms(triangle: np.ndarray) -> np.ndarray:
    return np.linalg.norm(triangle[:, :-1], axis=0)
