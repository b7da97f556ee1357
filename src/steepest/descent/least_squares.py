"""A descent of a sum of squares under way, by Levenberg-Marquardt steps."""

from __future__ import annotations

import math
import time
from typing import Protocol

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS, scale_of
from steepest.derivatives.objective import Objective
from steepest.descent.audit import Audit
from steepest.descent.engine import CHUNK_SECONDS
from steepest.descent.levenberg import LevenbergMarquardt, Linear, rank
from steepest.descent.state import CANDIDATE, COLUMNS, RUNNING, STALLED, Rules, State

ENOUGH = 1e-4
NEAR = 4.0
LOOSE = 1e-3


class Residuals(Protocol):
    """The residuals ρ of an objective ‖ρ‖², with their Jacobian J.

    `size` is the length of what ρ is the difference of, whose rounding ρ bears; `gaps` counts the
    points where J had to be had by differences although the code is traced.
    """

    size: float
    gaps: int

    def triangle(self, x: np.ndarray) -> np.ndarray:
        """Return the R of a QR decomposition of [J ρ]; values that are not finite where ρ has some."""

    def bend(self, x: np.ndarray) -> np.ndarray | None:
        """Return Σ ρᵢ ∇²ρᵢ, which the Hessian has beside JᵀJ, or None where that is not to be had."""


class LeastSquares:
    """One descent of ‖ρ‖² under way: where it stands, and how it goes on for a chunk.

    It stops where the Gauss-Newton step would gain no more than was asked or, with a tolerance of 0, only
    where rounding hides what is left: the last steps double the digits, and cost next to nothing.

    Attributes
    ----------
    state : State
        Where it stands, to read from.
    tolerance : float
        How near is near enough, which an audit may sharpen.
    gaps : int
        How often a Jacobian had to be had by differences.
    lanes : int
        How many descents share a chunk: one.
    """

    def __init__(
        self, objective: Objective, rules: Rules, sign: float, tolerance: float, start: np.ndarray,
        box: Box | None, *, residuals: Residuals,
    ) -> None:  # fmt: skip
        self.objective, self.rules, self.sign, self.box = objective, rules, sign, box
        self.tolerance, self.start, self.lanes = tolerance, start, 1
        self.residuals = residuals
        self._recorded: list[np.ndarray] = []
        self.rule: LevenbergMarquardt = rules.direction
        self.gaps = 0
        self.x, self.triangle = start, self.look(start)
        self.value = _value(self.triangle)
        if not math.isfinite(self.value):
            raise ValueError(f"the loss is {self.value} at the start: start where the model is finite for every row")
        norms = _norms(self.triangle)
        # A parameter without influence yet is measured in its own units.
        self.scale = np.where(norms > 0, norms, 1.0)
        self.region = self.first_region()
        self.linear = Linear.of(self.triangle, self.scale)
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
    def state(self) -> State:
        """Where the descent stands: its best point, as values may rise by rounding alone."""
        here = {"x": self.x, "value": self.value, "gradient": 2 * self.triangle[:, :-1].T @ self.triangle[:, -1]}
        counts = {"iteration": self.iteration, "evaluations": self.evaluations, "non_finite": self.non_finite}
        best = {"first_value": self.first_value, "best_x": self.x, "best_value": self.value}
        seen = {"estimate": self.linear.decrement, "t": self.taken, "code": self.code}
        return State(**(dict.fromkeys(State._fields, 0.0) | here | counts | best | seen))

    def begin_at(self, x: np.ndarray) -> None:
        """Go on from another point, in a region of the first size."""
        self.evaluations += 1
        self.stand(x, self.look(x), 1.0)
        self.region, self.code = self.first_region(), RUNNING

    def first_region(self) -> float:
        """Return the Δ to begin with."""
        return self.rule.reach * (float(np.linalg.norm(self.scale * self.x)) or 1.0)

    def mark(self, code: int) -> None:
        """Change what is said of the point where the descent stands."""
        self.code = code

    def row(self) -> np.ndarray:
        """Return where the descent stands as a row of the trace; its step size is the part of a Gauss-Newton step."""
        norm = float(np.linalg.norm(self.state.gradient))
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
        return self.rescued()

    def rescued(self) -> np.ndarray:
        """Return the rows of a chunk that the user's function or Ctrl-C may have cut short."""
        rows, self._recorded = self._recorded, []
        return np.stack(rows) if rows else np.empty((0, len(COLUMNS) + self.x.size))

    @property
    def noise(self) -> float:
        """How far rounding alone may move the value: each residual by eps times what it is the difference of."""
        length = math.sqrt(self.value)
        return EPS * (4 * self.value + 2 * length * self.residuals.size) + (EPS * self.residuals.size) ** 2

    def enough(self) -> None:
        """Stop where the Gauss-Newton step would gain no more than was asked."""
        asked = self.tolerance * (self.first_value - self.value)
        if self.tolerance >= 0 and self.linear.decrement <= asked:
            self.code = CANDIDATE

    def advance(self) -> bool:
        """Try one step, and tell whether it was accepted."""
        step = self.linear.step(self.region)
        x = self.x + step.p
        triangle = self.look(x)
        self.evaluations += 1
        value = _value(triangle)
        if not math.isfinite(value):
            self.non_finite += 1
            self.region = step.length / 10
            return self.rejected(step.length)
        if step.damping == 0 and step.foretold <= NEAR * self.noise:
            return self.polished(x, triangle, value)
        fall = self.value - value
        ratio = fall / step.foretold
        self.region = self.rule.next_region(self.region, step, ratio, fall)
        if ratio <= ENOUGH:
            return self.rejected(step.length)
        full = float(np.linalg.norm(self.linear.damped(0.0)))
        self.stand(x, triangle, step.length / full if full else 1.0)
        self.enough()
        return True

    def polished(self, x: np.ndarray, triangle: np.ndarray, value: float) -> bool:
        """Judge a step too short to be seen in the value by what it leaves to gain; stop once that falls no more."""
        left = Linear.of(triangle, self.scale).decrement
        if left >= self.linear.decrement or value > self.value + NEAR * self.noise:
            self.code = CANDIDATE
            return False
        self.stand(x, triangle, 1.0)
        return True

    def stand(self, x: np.ndarray, triangle: np.ndarray, taken: float) -> None:
        """Stand at a point."""
        self.x, self.triangle, self.value, self.taken = x, triangle, _value(triangle), taken
        self.iteration += 1
        self.scale = np.maximum(self.scale, _norms(triangle))
        self.linear = Linear.of(triangle, self.scale)

    def rejected(self, length: float) -> bool:
        """Stop where steps are lost in rounding."""
        if length <= EPS * float(np.linalg.norm(self.scale * self.x)) or not length:
            self.code = STALLED
        return False


def audit_squares(residuals: Residuals, x: np.ndarray, start: np.ndarray) -> Audit | None:
    """Look at the whole Hessian of ‖ρ‖², 2 (JᵀJ + Σ ρᵢ ∇²ρᵢ), in coordinates in which JᵀJ is the identity.

    There its eigenvalues are right however ill-conditioned J is. Directions in which J is lost in
    rounding are as long there as the one in which it is largest.
    """
    triangle, curved = residuals.triangle(x), residuals.bend(x)
    if curved is None or not (np.all(np.isfinite(curved)) and np.all(np.isfinite(triangle))):
        return None
    J, norms = triangle[:, :-1], _norms(triangle)
    scale, size = np.where(norms > 0, norms, 1.0), scale_of(x, start)
    U, singular, V = np.linalg.svd(J / scale)
    sure = rank(singular, x.size)
    length = np.full(x.size, singular[0] or 1.0)
    length[:sure] = singular[:sure]
    turn = V.T / length / scale[:, None]
    eigenvalues, vectors = np.linalg.eigh(np.diag(np.arange(x.size) < sure) + turn.T @ curved @ turn)
    slopes = vectors[:sure].T @ (U.T[:sure] @ triangle[:, -1])
    solid = np.abs(eigenvalues) > EPS * x.size * np.abs(eigenvalues).max()
    up, down = solid & (eigenvalues > 0), solid & (eigenvalues < 0)
    onward = np.divide(-slopes, np.abs(eigenvalues), out=np.zeros_like(slopes), where=solid)
    way = turn @ vectors[:, 0]
    hessian = 2 * (J.T @ J + curved)
    smallest, largest = np.linalg.eigvalsh(hessian)[[0, -1]]
    if up.all():
        # The largest eigenvalue of the inverse is exact where the smallest of the matrix is rounding.
        smallest = 1 / np.linalg.norm(turn @ vectors / np.sqrt(2 * eigenvalues), 2) ** 2
    elif not down.any():
        smallest = 0.0
    rounding = EPS * np.abs(x)
    floor = NEAR * EPS * _value(triangle) + rounding @ np.abs(hessian) @ rounding + (EPS * residuals.size) ** 2
    return Audit(
        decrement=float(-slopes[up] @ onward[up]),
        floor=float(floor),
        smallest=float(smallest),
        largest=float(largest),
        ridge=float(np.abs(turn @ vectors[:, down] * onward[down] / size[:, None]).max(initial=0.0)),
        cost=1,
        bend=float(eigenvalues[0] / np.abs(eigenvalues).max()) if down.any() else 0.0,
        way=way * EPS ** (1 / 3) / np.abs(way / size).max(),
        step=turn @ vectors @ onward,
    )


def undetermined(residuals: Residuals, x: np.ndarray) -> np.ndarray:
    """Return which parameters can move without a residual changing by more than rounding, alone or together.

    Each is measured by what it does when it changes by its own size, or where it is 0 by its column of J.
    """
    triangle = residuals.triangle(x)
    norms = _norms(triangle)
    idle = norms * np.abs(x) <= np.where(x == 0, norms - 1e-300, EPS * residuals.size)
    _, singular, V = np.linalg.svd(triangle[:, :-1] / np.where(norms > 0, norms, 1.0))
    sure = rank(singular, x.size)
    return idle | (np.abs(V[sure:]).max(axis=0, initial=0.0) > LOOSE)


def _value(triangle: np.ndarray) -> float:
    with np.errstate(over="ignore"):
        return float(triangle[:, -1] @ triangle[:, -1])


def _norms(triangle: np.ndarray) -> np.ndarray:
    return np.linalg.norm(triangle[:, :-1], axis=0)
