"""The points of the loop as the user sees them: laid out, named, and in the user's own units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.structure import Calling
from steepest.sets.chart import Chart
from steepest.types import PyTree

# A point that the user gave lies in its sets if it misses them by at most this share of its size.
NEAR = 1e-9


@dataclass(frozen=True)
class View:
    """The layout and names of the points of a function; the loop's coordinates are the user's own, flat.

    Parameters
    ----------
    calling : Calling
        How the user's points are laid out.
    names : sequence of str
        The names of the coordinates.
    counted : str
        The unit of a row of the trace: "iteration", "epoch" or "start".
    """

    calling: Calling
    names: Sequence[str]
    counted: str = "iteration"

    def inner_names(self, size: int) -> Sequence[str]:
        """Return the names of the loop's coordinates, of which there are `size`."""
        return self.names if len(self.names) == size else [f"direction {k}" for k in range(size)]

    def epochs(self, rows: np.ndarray) -> np.ndarray:
        """Return the epochs of rows of the trace as a column; no column if iterations are counted."""
        return rows[:, :1].copy() if self.counted == "epoch" else rows[:, :0]

    def rows(self, points: np.ndarray) -> np.ndarray:
        """Return points of the loop in the user's coordinates, flat."""
        return points

    def inward(self, point: np.ndarray) -> np.ndarray:
        """Return a user's flat point in the loop's coordinates."""
        return point

    def along(self, direction: np.ndarray) -> np.ndarray:
        """Return a user's flat direction in the loop's coordinates."""
        return direction

    def slope(self, gradient: np.ndarray) -> np.ndarray:
        """Return a gradient of the loop in the user's coordinates, flat."""
        return gradient

    def errors(self, errors: tuple[float, ...]) -> tuple[float, ...]:
        """Return errors of the loop's coordinates as errors of the user's."""
        return errors

    def point(self, x: np.ndarray) -> PyTree:
        """Return a point of the loop as the user sees it."""
        return self.calling.point(self.rows(x))

    def gradient(self, gradient: np.ndarray) -> PyTree:
        """Return a gradient of the loop as the user sees it, laid out like the point."""
        return self.calling.point(self.slope(gradient))

    def flat(self, point: PyTree) -> np.ndarray:
        """Return a user's point, flat or laid out like the start, in the loop's coordinates."""
        structure = self.calling.structure
        if isinstance(point, dict):
            return self.inward(structure.flatten(point, "the point"))
        flat = np.asarray(point, dtype=float).ravel()
        if flat.size != structure.size:
            raise ValueError(f"the point has {flat.size} numbers where the function takes {structure.size}")
        return self.inward(flat)


@dataclass(frozen=True)
class ChartView(View):
    """The points of a function whose parts lie in affine sets: the loop moves in coordinates of those sets."""

    def inner_names(self, size: int) -> Sequence[str]:
        """Return the names of the loop's coordinates: that of a parameter, if the coordinate is one."""
        own = [np.flatnonzero(column) for column in self.chart.matrix.T]
        return [
            self.names[places[0]] if places.size == 1 else f"direction {k}"
            for k, places in zip(range(size), own, strict=True)
        ]

    @property
    def chart(self) -> Chart:
        """The coordinates."""
        assert self.calling.chart is not None
        return self.calling.chart

    def flat(self, point: PyTree) -> np.ndarray:
        """Return a user's point in the loop's coordinates; NaN if it lies outside the sets."""
        outer = View(self.calling, self.names).flat(point)
        inner = self.inward(outer)
        off = np.abs(self.chart.outward(inner) - outer).max()
        return inner if off <= NEAR * max(float(np.abs(outer).max()), 1.0) else np.full(inner.size, np.nan)

    def rows(self, points: np.ndarray) -> np.ndarray:
        """Return points of the loop in the user's coordinates, flat."""
        return np.asarray(self.chart.outward(points))

    def inward(self, point: np.ndarray) -> np.ndarray:
        """Return a user's flat point in the loop's coordinates."""
        return self.chart.inward(point)

    def along(self, direction: np.ndarray) -> np.ndarray:
        """Return the part of a user's flat direction within the sets, in the loop's coordinates."""
        return np.asarray(direction @ self.chart.matrix)

    def slope(self, gradient: np.ndarray) -> np.ndarray:
        """Return a gradient of the loop in the user's coordinates: the part within the sets."""
        return np.asarray(self.chart.matrix @ gradient)

    def errors(self, errors: tuple[float, ...]) -> tuple[float, ...]:
        """Return errors of the loop's coordinates as errors of the user's."""
        if not errors:
            return ()
        parts = np.abs(self.chart.matrix)
        return tuple(np.where(parts > 0, parts * np.array(errors), 0.0).sum(axis=1).tolist())
