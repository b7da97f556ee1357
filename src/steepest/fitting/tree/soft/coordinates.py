"""The coordinates in which a soft tree has its gates: ranks for splits of one column, and scaled columns for sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from steepest.models.frame import column_scales

# Ranks are interpolated between at most so many quantiles.
QUANTILES = 257
# A weight of a sum counts as 0 below this share of the largest one. Chosen, not measured: its column moves few rows.
SMALL = 0.02


class Coordinates(Protocol):
    """Maps rows to the coordinates of soft trees, and their gates to splits of the columns."""

    def inward(self, X: np.ndarray) -> np.ndarray:
        """Return rows in these coordinates; a missing value has the middle, 0."""

    def split(self, choice: np.ndarray, threshold: float) -> tuple[dict[int, float], float]:
        """Return the split of a gate: the weights of the columns, and the threshold."""


@dataclass(frozen=True)
class Ranks:
    """Ranks: the quantiles of each column, evenly spaced from -1 to 1.

    Attributes
    ----------
    quantiles : list of array
        The quantiles, without repetitions.
    """

    quantiles: list[np.ndarray]

    @classmethod
    def of(cls, X: np.ndarray) -> Ranks:
        """Return the ranks of the columns of a table."""
        levels = np.linspace(0, 1, QUANTILES)
        known = [column[~np.isnan(column)] for column in X.T]
        return cls([
            np.unique(np.quantile(column, levels, method="inverted_cdf")) if len(column) else np.zeros(1)
            for column in known
        ])  # fmt: skip

    def inward(self, X: np.ndarray) -> np.ndarray:
        """Return the ranks of rows; a missing value has the middle rank 0."""
        columns = [
            np.interp(column, own, np.linspace(-1, 1, len(own))) if len(own) > 1 else np.zeros(len(column))
            for column, own in zip(X.T, self.quantiles, strict=True)
        ]
        return np.nan_to_num(np.column_stack(columns))

    def split(self, choice: np.ndarray, threshold: float) -> tuple[dict[int, float], float]:
        """Return the split by the column of the largest choice, at a rank; beyond all ranks, all rows are on a side."""
        column = int(choice.argmax())
        own = self.quantiles[column]
        if not -1 <= threshold < 1 or len(own) < 2:
            return {column: 1.0}, -np.inf if threshold < -1 else np.inf
        return {column: 1.0}, float(np.interp(threshold, np.linspace(-1, 1, len(own)), own))


@dataclass(frozen=True)
class Scaled:
    """Columns minus their median, divided by the range between the quartiles, so that sums of them stay sums.

    Attributes
    ----------
    center, rate : array of shape (columns,)
        The medians and the reciprocal ranges; the rate of a column with one value is 0.
    """

    center: np.ndarray
    rate: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, weight: np.ndarray) -> Scaled:
        """Return the scales of the columns of a table without missing values."""
        scales = column_scales(X, weight)
        return cls(scales.center, scales.factor)

    def inward(self, X: np.ndarray) -> np.ndarray:
        """Return rows in these scales."""
        return (X - self.center) * self.rate

    def split(self, choice: np.ndarray, threshold: float) -> tuple[dict[int, float], float]:
        """Return the split by a sum of columns, without those of small weight; the largest weight is 1 or -1."""
        weights = choice * self.rate
        large = np.abs(choice) >= SMALL * np.abs(choice).max()
        used = np.flatnonzero(large & (weights != 0))
        unit = float(np.abs(weights[used]).max(initial=0.0)) or 1.0
        threshold = (threshold + weights[used] @ self.center[used]) / unit
        return {int(j): float(weights[j] / unit) for j in used}, float(threshold)
