"""The descent within convex sets: spectral projected gradients between faces, and L-BFGS within a face.

The steps are those of Birgin, Martínez and Raydan, "Nonmonotone spectral projected gradient methods on convex sets"
(2000), and the choice between the two kinds is that of Birgin and Martínez, "Large-scale active-set box-constrained
optimization method with spectral projected gradients" (2002).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.clock import OutOfTime
from steepest.derivatives.differences import least_size
from steepest.derivatives.objective import Objective, differences_at
from steepest.descent.ending import Ending
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import BOTTOMLESS, CANDIDATE, COLUMNS, NON_FINITE, RUNNING, STALLED, UNBOUNDED
from steepest.rules.pair import Rules
from steepest.sets.region import Region
from steepest.types import Json

# A step stays within the face if at least this share of the gradient lies along it: the number of Birgin and Martínez.
WITHIN = 0.1
# The required share of the decrease that the slope predicts, how many values a projected step may rise above, and the
# number of pairs of L-BFGS: the usual ones.
ENOUGH, HISTORY, PAIRS = 1e-4, 10, 10
# The most trials of a step: after 60 halvings it is shorter than the rounding errors of its first length.
MOST_TRIALS = 60
# The range of spectral steps. Chosen, not measured: with the longest, a descent without end comes farther than ENDLESS.
SHORTEST, LONGEST = 1e-30, 1e60
# A pair has positive curvature if sᵀy exceeds this share of ‖s‖ ‖y‖, some thousand rounding errors.
FLAT = 1e-12
# The factor of the spectral step while no curvature is seen. Chosen, not measured.
GROWTH = 4.0
# A point farther away means that f falls without end. Chosen, not measured.
ENDLESS = 1e50

Pair = tuple[np.ndarray, np.ndarray]


class SetSolver:
    """A descent within a region, in plain Python around compiled values and gradients.

    Attributes
    ----------
    region : Region
        The sets.
    alpha : float
        The size of the next projected step, the inverse of the curvature along the last one.
    pairs : tuple
        The last steps and changes of the gradient along the present face, for L-BFGS.
    """

    noise = 0.0
    negligible_gap = 0.0
    rises = False
    columns: tuple[str, ...] = ()
    ending: Ending | None = None
    box: Box | None = None

    def __init__(
        self, objective: Objective, rules: Rules, sign: float, tolerance: float, start: np.ndarray,
        box: Box | None = None,
    ) -> None:  # fmt: skip
        assert objective.region is not None
        self.objective, self.rules, self.sign, self.tolerance = objective, rules, sign, tolerance
        self.region: Region = objective.region
        self.start, self.least, self.gaps = start, least_size(start), 0
        self.iteration = self.evaluations = self.resets = self.non_finite = 0
        self.code, self.steepest, self.flattest = RUNNING, 0.0, math.inf
        self._recorded: list[np.ndarray] = []
        self._trials: Iterator[bool] | None = None
        try:
            value, gradient = self._slope(start)
        except OutOfTime:
            value, gradient = sign * objective.start_value, np.full(start.size, np.nan)
        self.first_value, self.best_x, self.best_value = value, start.copy(), value
        self._stand(start.copy(), value, gradient)

    def _stand(self, x: np.ndarray, value: float, gradient: np.ndarray) -> None:
        """Begin at a point, without a memory of steps."""
        self.x, self.value, self.gradient = x, value, gradient
        self.pairs: tuple[Pair, ...] = ()
        self.values: tuple[float, ...] = (value,)
        self.alpha = self.first_alpha()
        self._trials = None
        self._look()

    def first_alpha(self) -> float:
        """Return the size of the first projected step: it moves x by about a hundredth of its size, or of the sets'."""
        down = float(np.linalg.norm(self.region.free(self.x, self.gradient)))
        size = max(float(np.linalg.norm(self.x)), max((one.size for one in self.region.sets), default=0.0)) or 1.0
        return min(max(0.01 * size / down, SHORTEST), LONGEST) if down > 0 else 1.0

    def _look(self) -> None:
        """Set the facts of the point that the next step begins at, and whether the descent may end here."""
        self.free = self.region.free(self.x, self.gradient)
        if not np.all(np.isfinite(self.gradient)):
            self.code = NON_FINITE
            return
        target = max(self.tolerance * (self.first_value - self.value), self._rounding(self.value))
        is_near = self.estimate <= target or not np.any(self.free)
        self.code = CANDIDATE if self.tolerance >= 0 and is_near else RUNNING

    @property
    def estimate(self) -> float:
        """How far the value may be above the minimum: the Frank–Wolfe gap, or by the least curvature of the steps."""
        squared = float(self.free @ self.free)
        by_steps = squared / (2 * self.flattest) if math.isfinite(self.flattest) else (math.inf if squared else 0.0)
        return min(self.region.gap(self.x, self.gradient), by_steps)

    @property
    def status(self) -> Status:
        """The progress so far."""
        return Status(
            self.x, self.gradient, self.value, self.iteration, self.evaluations, self.first_value, self.best_x,
            self.best_value, self.estimate, self.code, self.steepest, self.resets, self.non_finite,
        )  # fmt: skip

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Continue for at most this many rows and evaluations; return the rows."""
        self._recorded = []
        stop = self.evaluations + evaluations
        while len(self._recorded) < rows and self.evaluations < stop and self.code == RUNNING:
            self._trials = self._trials or self._step()
            if next(self._trials):
                self._trials = None
                self._recorded.append(self.row(self.alpha))
        return self.unfinished()

    def unfinished(self) -> np.ndarray:
        """Return the rows of a chunk that the user's function or Ctrl-C may have cut short."""
        rows, self._recorded = self._recorded, []
        return np.stack(rows) if rows else np.empty((0, len(COLUMNS) + self.start.size))

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the current point as a row of the trace."""
        norm = float(np.linalg.norm(self.free))
        return np.concatenate([[self.iteration, self.evaluations, self.value, norm, t], self.x])

    def mark(self, code: int) -> None:
        """Set the code of the status."""
        self.code, self._trials = code, None

    def begin_at(
        self, x: np.ndarray, scale: np.ndarray | None = None, known: tuple[float, np.ndarray] | None = None
    ) -> None:  # fmt: skip
        """Continue from another point, without a memory of steps."""
        value, gradient = self._slope(x) if known is None else (self.sign * known[0], self.sign * known[1])
        if known is not None or value < self.best_value:
            self.best_x, self.best_value = x.copy(), value
        self.iteration += 1
        self._stand(x.copy(), value, gradient)

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return None: whether f is convex is not known, so nothing is proven."""
        return None

    def arrays(self) -> list[np.ndarray]:
        """Return the arrays of the state, for a file."""
        return [self.x, self.gradient, self.best_x]

    def counters(self) -> dict[str, Json]:
        """Return the parts of the state that are not arrays."""
        return {"value": self.value, "best_value": self.best_value, "gaps": self.gaps}

    def restore(self, arrays: list[np.ndarray], counters: dict[str, Json]) -> None:
        """Continue from the state that `arrays` and `counters` returned."""
        x, gradient, self.best_x = arrays
        self.best_value, self.gaps = counters["best_value"], counters["gaps"]
        self._stand(x, counters["value"], gradient)

    def _slope(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value and the gradient in the sign that is minimised; count the evaluation."""
        self.evaluations += 1
        value, gradient = self.objective.slope(x)
        if math.isfinite(value) and not np.all(np.isfinite(gradient)):
            self.gaps += 1
            gradient = differences_at(self.objective, x, self.start)
        return self.sign * float(value), self.sign * gradient

    def _rounding(self, value: float) -> float:
        return 4 * self.objective.relative_noise * abs(value)

    def _step(self) -> Iterator[bool]:
        """Make the trials of one step; yield False after a trial that was rejected, and True after the step."""
        along = self.region.along(self.x, self.gradient)
        if float(np.linalg.norm(along)) >= WITHIN * float(np.linalg.norm(self.free)):
            direction = self.region.along(self.x, self._by_pairs(along))
            if self.gradient @ direction < 0:
                within = self._search(direction, self.value, bent=True)
                yield from self._until_accepted(within)
                if self._accepted:
                    return
            self.pairs = ()
            self.resets += 1
        straight = self.region.nearest(self.x - self.alpha * self.gradient) - self.x
        yield from self._until_accepted(self._search(straight, max(self.values), bent=False))
        if not self._accepted and self.code == RUNNING:
            self.code = STALLED
            yield False

    def _until_accepted(self, trials: Iterator[bool]) -> Iterator[bool]:
        self._accepted = False
        for accepted in trials:
            self._accepted = accepted
            yield accepted

    def _search(self, direction: np.ndarray, reference: float, bent: bool) -> Iterator[bool]:
        """Shorten a step until the value is enough below a reference; `bent` follows the face."""
        t = 1.0
        for _ in range(MOST_TRIALS):
            x = self.region.onward(self.x, t * direction) if bent else self.region.nearest(self.x + t * direction)
            fall = float(self.gradient @ (x - self.x))
            if np.array_equal(x, self.x) or (not bent and not fall < 0):
                return
            value, gradient = self._slope(x)
            if value == -math.inf:
                self.code = BOTTOMLESS
                yield False
                return
            finite = math.isfinite(value) and bool(np.all(np.isfinite(gradient)))
            self.non_finite += not finite
            if finite and value < self.best_value:
                self.best_x, self.best_value = x, value
            if finite and fall < 0 and value <= reference + ENOUGH * fall:
                self._accept(x, value, gradient)
                yield True
                return
            if finite and abs(fall) <= self._rounding(self.value):
                # Values can't show any more which point is better.
                return
            yield False
            # The least of the parabola through the value, the slope and the new value; within a tenth and a half.
            bend = value - self.value - fall
            t *= (
                float(np.clip(-fall / (2 * bend), 0.1, 0.5))
                if finite and bend > 0 and fall < 0
                else 0.5
                if finite
                else 0.1
            )

    def _accept(self, x: np.ndarray, value: float, gradient: np.ndarray) -> None:
        """Step to a point, and learn the curvature along the step."""
        s, y = x - self.x, gradient - self.gradient
        sy, ss, yy = float(s @ y), float(s @ s), float(y @ y)
        same = self.region.face(x) == self.region.face(self.x)
        before = self.region.along(self.x, self.gradient)
        if sy > FLAT * math.sqrt(ss * yy):
            self.alpha = min(max(ss / sy, SHORTEST), LONGEST)
            self.flattest, self.steepest = min(self.flattest, sy / ss), max(self.steepest, sy / ss)
        else:
            self.alpha = min(GROWTH * self.alpha, LONGEST)
        self.x, self.value, self.gradient = x, value, gradient
        self.values = (*self.values, value)[-HISTORY:]
        self.iteration += 1
        if same:
            step = self.region.along(x, s)
            change = self.region.along(x, gradient) - self.region.along(x, before)
            if float(step @ change) > FLAT * float(np.linalg.norm(step) * np.linalg.norm(change)):
                self.pairs = (*self.pairs, (step, change))[-PAIRS:]
        else:
            self.pairs = ()
        self._look()
        if self.code == RUNNING and float(np.abs(x).max()) > ENDLESS:
            self.code = UNBOUNDED

    def _by_pairs(self, along: np.ndarray) -> np.ndarray:
        """Return -H g by the two loops of Nocedal (1980), along the face."""
        d, parts = -along, []
        for s, y in reversed(self.pairs):
            part = float(s @ d) / float(s @ y)
            d = d - part * y
            parts.append(part)
        if self.pairs:
            s, y = self.pairs[-1]
            d = d * (float(s @ y) / float(y @ y))
        else:
            d = d * self.alpha
        for (s, y), part in zip(self.pairs, reversed(parts), strict=True):
            d = d + (part - float(y @ d) / float(s @ y)) * s
        return d
