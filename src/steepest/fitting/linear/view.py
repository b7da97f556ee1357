"""Points of the loop as a linear model's coefficients in the user's units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steepest.descent.view import View
from steepest.fitting.linear.classes import ClassCoordinates
from steepest.fitting.linear.coordinates import Coordinates


@dataclass(frozen=True)
class LinearView(View):
    """Points of the loop as coefficients in the user's units."""

    coordinates: Coordinates | ClassCoordinates | None = None

    def rows(self, points: np.ndarray) -> np.ndarray:
        assert self.coordinates is not None
        return self.coordinates.to_user(points)

    def inward(self, point: np.ndarray) -> np.ndarray:
        assert self.coordinates is not None
        return self.coordinates.from_user(point)

    def along(self, direction: np.ndarray) -> np.ndarray:
        return self.inward(direction) - self.inward(np.zeros_like(direction))

    def slope(self, gradient: np.ndarray) -> np.ndarray:
        assert self.coordinates is not None
        return self.coordinates.slope(gradient)


def named(columns: Sequence[str], classes: int) -> tuple[str, ...]:
    """Return the names of the parameters, for each class where there are several."""
    if not classes:
        return (*columns, "intercept")
    told = range(classes)
    return (*(f"{name}, class {k}" for k in told for name in columns), *(f"intercept, class {k}" for k in told))
