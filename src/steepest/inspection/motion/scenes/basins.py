"""`BasinScene`: a map of basins, on which each start appears once it has reached its minimum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.motion.frames import even_counts
from steepest.inspection.plots import style
from steepest.inspection.plots.basins import BasinDisplay
from steepest.inspection.protocol import BasinsLike

if TYPE_CHECKING:
    from matplotlib.artist import Artist


class BasinScene:
    """A map of basins, on which each start appears after the number of steps that it needs to reach its minimum.

    The boundaries, and the starts from which no minimum is reached, appear in the last frame.

    Parameters
    ----------
    basins : Basins
        The map.
    most : int
        The largest number of frames.

    Raises
    ------
    ValueError
        If no start reaches a minimum.
    """

    def __init__(self, basins: BasinsLike, most: int) -> None:
        display = BasinDisplay.from_basins(basins)
        reached = display.labels >= 0
        if not reached.any():
            raise ValueError("no start reaches a minimum, and nothing appears on the map: draw it with basins.plot()")
        self.needed = np.where(reached, basins.iterations, np.inf)
        self.counts = even_counts(0, self.needed[reached].max(), most)
        self.figure, self.title = style.blank(), basins.title
        ax = style.dress(self.figure.add_subplot())
        display.plot(ax)
        self.cells, boundaries = ax.collections
        self._fills = np.asarray(self.cells.get_array())
        # The numbers at the minima, which lie above the others, are there from the start.
        numbers = [text for text in ax.texts if text.get_zorder() > 3]
        self._last: list[Artist] = [boundaries, *ax.patches, *(text for text in ax.texts if text not in numbers)]
        self.moving = [self.cells, *self._last, *ax.lines, *numbers]
        shares = [f"{100 * (self.needed <= count).mean():.1f} %" for count in self.counts]
        last = f"{int(self.counts[-1]):,} steps"
        self.captions = [
            f"after {int(count):,} of {last}, {share} of the starts have reached a minimum"
            for count, share in zip(self.counts, shares, strict=True)
        ]

    def draw(self, k: int) -> None:
        """Draw the starts that have arrived at frame k."""
        self.cells.set_array(np.ma.array(self._fills, mask=self.needed > self.counts[k]))
        for artist in self._last:
            artist.set_visible(k == len(self.counts) - 1)
