"""A test problem: a function of one vector, its usual start, and the values of its known minima."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

# A problem counts as solved at this share of the descent from the start to the minimum.
ENOUGH = 1e-6
# Minima are known at least to this share of ENOUGH.
KNOWN = 0.1


@dataclass(frozen=True)
class Problem:
    """A function, where to start, and the values of the minima that a descent from there may end in, in any order.

    Minima that are found later are added to the list, which all versions of the problem share.

    `units` and `factor` rescale the problem: z stands for the point `units * z`, and the value is `factor` times
    that of f. They are 1 for the function itself, so that both versions share compiled code.
    """

    name: str
    f: Callable[[Any], Any]
    start: np.ndarray
    minima: list[float]
    units: np.ndarray = field(default_factory=lambda: np.ones(1))
    factor: float = 1.0

    @property
    def objective(self) -> Callable[[Any], Any]:
        """The function that a method minimises, in its units."""
        return _rescaled(self.f, np.broadcast_to(self.units, self.start.shape).copy(), np.array([self.factor]))

    @property
    def x0(self) -> np.ndarray:
        """The start, in the same units."""
        return self.start / self.units

    def through_other_units(self) -> Problem:
        """Return the same with coordinates scaled by 1e-3 to 1e3 and values by 1e-6 to 1e6."""
        draws = np.random.default_rng(zlib.crc32(self.name.encode()))
        units = 10 ** draws.uniform(-3, 3, self.start.size)
        return Problem(self.name, self.f, self.start, self.minima, units, 10 ** draws.uniform(-6, 6))

    @cached_property
    def first(self) -> float:
        """The value at the start."""
        return self.factor * float(self.f(self.start.copy()))

    def targets(self) -> np.ndarray:
        """Return, for each minimum from the lowest up, the value that counts as solved: f* + 1e-6 (f₀ - f*)."""
        minima = self.factor * np.sort(self.minima)
        return minima + ENOUGH * (self.first - minima)

    def target(self, best: float) -> tuple[float, float, float]:
        """Return f*, f₀ - f* and the value that counts as solved, for a descent whose least value was `best`.

        f* is the highest known minimum that is not above `best`. So a descent must reach the minimum of the basin
        that it entered, and one that stopped on the way to a minimum must reach the next lower one.
        """
        minima, targets = self.factor * np.sort(self.minima), self.targets()
        allowed = KNOWN * (targets - minima)
        k = max(int(np.sum(minima - allowed <= best)) - 1, 0)
        return float(minima[k]), float(self.first - minima[k]), float(targets[k])

    def learn(self, minimum: float) -> None:
        """Add a minimum of f to the list unless it is known."""
        first = self.first / self.factor
        if all(abs(minimum - known) > KNOWN * ENOUGH * (first - known) for known in self.minima):
            self.minima.append(minimum)


def _rescaled(f: Callable[[Any], Any], units: np.ndarray, factor: np.ndarray) -> Callable[[Any], Any]:
    def objective(z: Any) -> Any:
        return factor[0] * f(units * z)

    return objective
