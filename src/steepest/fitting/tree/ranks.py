"""The columns of a table as ranks from -1 to 1, in which a soft tree has its thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Ranks are interpolated between at most so many quantiles.
QUANTILES = 257


@dataclass(frozen=True)
class Ranks:
    """The quantiles of each column, evenly spaced from -1 to 1.

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

    def ranked(self, X: np.ndarray) -> np.ndarray:
        """Return the ranks of rows; a missing value has the middle rank 0."""
        columns = [
            np.interp(column, own, np.linspace(-1, 1, len(own))) if len(own) > 1 else np.zeros(len(column))
            for column, own in zip(X.T, self.quantiles, strict=True)
        ]
        return np.nan_to_num(np.column_stack(columns))

    def threshold(self, column: int, rank: float) -> float:
        """Return the number of a column at a rank; infinite beyond the ends, where all rows are on one side."""
        own = self.quantiles[column]
        if not -1 <= rank < 1 or len(own) < 2:
            return -np.inf if rank < -1 else np.inf
        return float(np.interp(rank, np.linspace(-1, 1, len(own)), own))
