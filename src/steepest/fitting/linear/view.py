"""The view of a linear model: points of a descent as coefficients in the user's units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steepest.descent.view import View
from steepest.fitting.linear.classes import ClassCoordinates
from steepest.fitting.linear.coordinates import Coordinates


@dataclass(frozen=True)
class LinearView(View):
    """A view that shows points of a linear model's descent as coefficients in the user's units."""

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
        return self.coordinates.gradient_to_user(gradient)


def parameter_names(columns: Sequence[str], classes: int) -> tuple[str, ...]:
    """Return the names of all coefficients and intercepts; `classes` is 0 for a model with a single output."""
    if not classes:
        return (*columns, "intercept")
    each = range(classes)
    return (*(f"{name}, class {k}" for k in each for name in columns), *(f"intercept, class {k}" for k in each))
