"""The minimum of a quadratic model in a box for many coefficients: working sets of them, and products with the rows.

A Hessian of all coefficients would take memory that grows with the square of their number, and time that grows with the
cube. In a least squares problem with bounds no more coefficients than independent rows need be between their bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS
from steepest.fitting.linear.quadratic.box import minimize_quadratic_box
from steepest.fitting.linear.quadratic.products import DenseColumns, SparseColumns

# A set has at least LEAST coefficients, twice as many as are between their bounds, and at most MOST: its Hessian then
# takes 128 MB. If more are between their bounds, rounds descend in some of them by turns. Chosen, not measured.
LEAST, GROWTH, MOST = 100, 2, 4_000
# The most rounds, and the most steps in a set. Chosen, not measured: random problems take about ten of each.
MOST_ROUNDS, MOST_STEPS = 200, 50
# A slope below so many eps times a bound on the sum of its terms is a rounding error.
ROUNDINGS = 16


@dataclass(frozen=True)
class RowModel:
    """A quadratic model gᵀ d + ½ dᵀ H d whose H = Aᵀ diag(second) A + diag(ridge) is known by products with the rows.

    Attributes
    ----------
    columns : DenseColumns or SparseColumns
        The columns of A but for its last, which is 1.
    second : array of shape (rows,)
        The weights of the rows.
    ridge : array of shape (columns + 1,)
        What is added to the diagonal.
    """

    columns: DenseColumns | SparseColumns
    second: np.ndarray
    ridge: np.ndarray

    @property
    def rank(self) -> int:
        """A bound on the rank of H."""
        return self.ridge.size if self.ridge.any() else int(np.count_nonzero(self.second))

    def minimum(
        self, g: np.ndarray, x: np.ndarray, z: np.ndarray, box: Box, is_over: Callable[[], bool]
    ) -> np.ndarray:  # fmt: skip
        """Return the y in the box that minimises the model around x; the best so far if `is_over` becomes true.

        z = A x tells how exactly g can be known.

        A round takes the coefficients between their bounds and those with the steepest slopes into the box, solves the
        model in these alone, and looks at all slopes again.
        """
        width = np.append(self.columns.squares(self.second), self.second.sum()) + self.ridge
        width = np.where(width > 0, width, 1.0)
        y, r, along = x, g, np.zeros_like(self.second)
        outside = np.ones(x.size, bool)
        for _ in range(MOST_ROUNDS):
            # The outputs have errors in proportion to their size. By Cauchy and Schwarz, these change a slope by this.
            size = self.second @ (z**2 + along**2)
            rounding = ROUNDINGS * EPS * (np.sqrt(width * size) + self.ridge * np.abs(y))
            inside = (y > box.low) & (y < box.high)
            still = box.held(y, r) | (~inside & (np.abs(r) <= rounding))
            slopes = np.where(still, 0.0, np.abs(r) / np.sqrt(width))
            if not slopes[outside].any() or is_over():
                break
            places = self.working_set(slopes, inside)
            outside = np.ones(x.size, bool)
            outside[places] = False
            part, here = self.columns.take(places[:-1]), Box(box.low[places], box.high[places])
            H = part.hessian(self.second, self.ridge[places])
            there = minimize_quadratic_box(H, r[places], y[places], here, is_over, MOST_STEPS, self.rank)
            step = there - y[places]
            fall = -(r[places] @ step + step @ (H @ step) / 2)
            if not fall > 0:
                break
            y = y.copy()
            y[places] = there
            along = along + part.along(step[:-1]) + step[-1]
            moved = self.second * along
            r = g + np.append(self.columns.slopes(moved), moved.sum()) + self.ridge * (y - x)
            # If columns depend on one another, rounding errors of slopes promise falls that are none.
            if fall <= EPS * size:
                break
        return y

    def working_set(self, slopes: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Return the numbers of the coefficients to descend in, and last that of the intercept."""
        slopes, inside = slopes[:-1], inside[:-1]
        between = int(inside.sum())
        size = min(max(LEAST, GROWTH * between), MOST)
        # If too many are between their bounds, take the steepest of all.
        fits = GROWTH * between <= size or between + LEAST <= size
        rank = np.where(inside, np.inf, slopes) if fits else slopes
        chosen = np.argpartition(-rank, size)[:size] if size < rank.size else np.arange(rank.size)
        return np.append(np.sort(chosen[rank[chosen] > 0]), slopes.size)
