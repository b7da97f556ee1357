"""`Tail`: the last half of a series, and whether it still falls."""

from __future__ import annotations

from functools import cached_property

import numpy as np

# A tail is judged from at least this many rows, and by the means of so many blocks at most. Fewer have no trend that
# chance could not make.
LEAST_ROWS, MOST_BLOCKS = 8, 12
# A slope of the block means beyond this many standard errors is a trend: chance makes one in a hundred, by Student's t
# with the 2 to 10 degrees of freedom of 4 to 12 blocks.
TREND = 4.0


class Tail:
    """The last half of a series, and whether it still falls.

    Parameters
    ----------
    series : array
        The numbers, such as the values of a run; those that are not finite are left out.

    Examples
    --------
    >>> flat, falling = Tail(np.tile([1.0, 1.2], 20)), Tail(0.9 ** np.arange(40))
    >>> flat.still_falls, falling.still_falls
    (False, True)
    """

    def __init__(self, series: np.ndarray) -> None:
        self.series = series[np.isfinite(series)]
        self.half = self.series[len(self.series) // 2 :]

    @property
    def is_long(self) -> bool:
        """Whether there are enough numbers to judge."""
        return len(self.series) >= LEAST_ROWS

    @cached_property
    def blocks(self) -> np.ndarray:
        """The means of blocks of the half, in order."""
        return np.array([block.mean() for block in np.array_split(self.half, min(MOST_BLOCKS, len(self.half)))])

    @cached_property
    def trend(self) -> tuple[float, float]:
        """The change over the half by a straight line through the block means, and its standard error."""
        count = len(self.blocks)
        place = np.linspace(-0.5, 0.5, count)
        change = float(place @ self.blocks / (place @ place))
        rest = self.blocks - self.blocks.mean() - change * place
        error = float(np.sqrt(rest @ rest / max(count - 2, 1) / (place @ place)))
        return change, error

    @property
    def still_falls(self) -> bool:
        """Whether the half goes down by more than chance explains."""
        change, error = self.trend
        return change < -TREND * error

    @property
    def still_rises(self) -> bool:
        """Whether the half goes up by more than chance explains."""
        change, error = self.trend
        return change > TREND * error

    @cached_property
    def spread(self) -> float:
        """The standard deviation of single numbers around their neighbours, so that a trend does not count."""
        jumps = np.diff(self.half)
        return float(np.sqrt(np.mean(jumps**2) / 2)) if len(jumps) else 0.0
