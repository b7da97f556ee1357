"""Values and gradients off a descent's own way, within its budget, and how it goes on from points found there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest.derivatives.differences import EPS, least_size
from steepest.derivatives.noise import noise_level
from steepest.descent.log import Log
from steepest.descent.loop.solver import Solver
from steepest.descent.meter import Meter
from steepest.descent.verdict.modes import NARROW

# A change of less than so many times the noise of f can't be told from none.
NOISES = 4.0
# The part of a value, or of the descent, that a gap may be for it to say that a minimum was found.
TELLING = 1e-3


class Excursion:
    """Values and gradients that the judge takes off the descent's way; the meter counts the values.

    Values and gradients have the sign in which they are minimised. Where the budget allows no more of them, or the
    function raises, they are NaN.
    """

    def __init__(self, solver: Solver, start: np.ndarray, helps: bool, meter: Meter, log: Log) -> None:
        self.solver, self.meter, self.log = solver, meter, log
        self.start, self.least = start, least_size(start)
        self.helps = helps

    @property
    def best(self) -> np.ndarray:
        """The best point so far."""
        return self.solver.status.best_x

    @property
    def best_value(self) -> float:
        """The value there."""
        return self.solver.status.best_value

    def affords(self, values: int) -> bool:
        """Tell whether so many more values may be taken."""
        return self.meter.affords(values)

    def goes_on(self) -> bool:
        """Tell whether another gradient may be taken, and the descent may go on from there."""
        over = self.meter.done or self.meter.late or self.log.stopped
        return not over and self.affords(self.solver.objective.cost)

    def value(self, x: np.ndarray) -> float:
        """Return the value at a point, or at the nearest point of the box."""
        solver = self.solver
        if self.meter.late or not self.affords(1 + solver.objective.cost):
            return math.nan
        self.meter.aside += 1
        try:
            return solver.sign * float(solver.objective.value(self.inside(x)))
        except Exception:  # noqa: BLE001 - far away the user's function may raise anything
            return math.nan

    def slope(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value and the gradient at a point inside the box."""
        solver, nothing = self.solver, (math.nan, np.full(x.size, math.nan))
        outside = solver.box is not None and not solver.box.contains(x)
        if outside or self.meter.late or not self.affords(solver.objective.cost):
            return nothing
        self.meter.aside += solver.objective.cost
        try:
            value, gradient = solver.objective.slope(x)
        except Exception:  # noqa: BLE001 - off the way the user's function may raise anything
            return nothing
        return solver.sign * value, solver.sign * gradient

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Return the gradient at a point inside the box."""
        return self.slope(x)[1]

    def noise(self, x: np.ndarray) -> float:
        """Return how far the function's own noise, as measured right beside a point, may move its value."""
        return NOISES * noise_level(self.value, x, self.best_value)

    def unseen(self, anchor: float) -> float:
        """Return how small a gain can't be seen in values as large as those from an earlier one down to the best."""
        return EPS * max(abs(self.best_value), anchor - self.best_value)

    def tells(self, gap: float) -> bool:
        """Tell whether a gap is small beside the value or the descent, as one that is as large says nothing."""
        first = self.solver.status.first_value
        return gap <= TELLING * max(abs(self.best_value), first - self.best_value)

    def inside(self, x: np.ndarray) -> np.ndarray:
        """Return the nearest point of the box."""
        return x if self.solver.box is None else np.clip(x, *self.solver.box)

    def size(self, x: np.ndarray) -> np.ndarray:
        """Return the size of each coordinate of a point, 1 where nothing tells it."""
        return np.maximum(np.abs(x), np.where(self.least > 0, self.least, 1.0))

    def is_long(self, x: np.ndarray, step: np.ndarray | None) -> bool:
        """Tell whether the curvature may change over a step."""
        return step is not None and bool(np.any(np.abs(step) > NARROW * self.size(x)))

    def is_rounding(self, x: np.ndarray, step: np.ndarray) -> bool:
        """Tell whether a step is lost in the rounding of the point."""
        size = np.maximum(np.abs(x), self.least)
        return bool(np.all(np.abs(step) <= self.solver.objective.precision * size))

    def go_on(
        self, x: np.ndarray, kind: str, detail: str, scale: np.ndarray | None = None,
        known: tuple[float, np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        """Let the descent go on from a point, the best one where the value and the gradient there are `known`."""
        solver = self.solver
        more: dict[str, Any] = {} if scale is None else {"scale": scale}
        if known is not None:
            more["known"] = (solver.sign * known[0], solver.sign * known[1])
        solver.begin_at(self.inside(x), **more)
        self.tell(kind, detail)
        self.log.record(solver.row()[None], self.meter.elapsed)
        self.log.called_back()

    def tell(self, kind: str, detail: str) -> None:
        """Add an event to the trace."""
        self.log.tell(kind, detail)
