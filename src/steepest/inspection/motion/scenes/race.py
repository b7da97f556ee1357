"""`RaceScene`: the runs of a race, which move by one clock."""

from __future__ import annotations

import numpy as np

from steepest.inspection.motion.frames import even_counts, number, rows_at
from steepest.inspection.motion.scenes.growing import Growing
from steepest.inspection.motion.scenes.scene import figure_of
from steepest.inspection.motion.scenes.trail import Trail
from steepest.inspection.plots import style
from steepest.inspection.plots.races.race import RaceDisplay
from steepest.inspection.protocol import RaceLike
from steepest.printable import printable


class RaceScene:
    """The gaps of the runs of a race and, for two parameters, their paths. All runs have spent as many evaluations, and
    end at the budget that they share.

    Parameters
    ----------
    race : Race
        The race.
    most : int
        The largest number of frames.

    Raises
    ------
    ValueError
        If no run moves.
    """

    def __init__(self, race: RaceLike, most: int) -> None:
        display, runs = RaceDisplay.from_race(race), list(race.runs.values())
        if max(len(run.trace) for run in runs) < 2:
            raise ValueError("each run of the race has 1 row, and nothing moves: draw it with race.plot()")
        clocks = display.evaluations
        counts = even_counts(min(clock[0] for clock in clocks), display.budget, most)
        paths, bests = display.paths or [], display.bests
        # The display draws the contour lines without the paths, which move.
        display.paths, display.bests = [], []
        gaps, *others = display.room(style.blank)
        display.plot([gaps, *others])
        plane = others[0] if others else None
        self.figure, self.title, self.captions = figure_of(gaps), race.title, _captions(race, clocks, counts)
        self.parts: list[Growing | Trail] = [Growing([gaps], counts)]
        for k, (run, path, best) in enumerate(zip(runs, paths, bests, strict=False)):
            if plane is not None and len(path):
                finite = np.isfinite(run.trace.x).all(axis=1)
                rows = np.maximum(np.cumsum(finite) - 1, 0)[rows_at(counts, clocks[k])]
                look = style.distinct(k) | {"markevery": 0.15, "linewidth": 1.4}
                self.parts.append(Trail(plane, path, best, rows, look))
        self.moving = [artist for part in self.parts for artist in part.moving]

    def draw(self, k: int) -> None:
        """Draw the gaps and the paths of frame k."""
        for part in self.parts:
            part.draw(k)


def _captions(race: RaceLike, clocks: list[np.ndarray], counts: np.ndarray) -> list[str]:
    """Return the line below each frame: the run that leads, and its value."""
    runs = race.runs
    sign = -1.0 if next(iter(runs.values())).maximized else 1.0
    best = []
    for run, clock in zip(runs.values(), clocks, strict=True):
        heights = np.nan_to_num(sign * np.asarray(run.trace.value, dtype=float), nan=np.inf, posinf=np.inf)
        best.append(np.minimum.accumulate(heights)[rows_at(counts, clock)])
    names, heights = list(runs), np.array(best)
    leads = heights.argmin(axis=0)
    return [
        f"evaluation {int(count):,} of {int(counts[-1]):,}, best so far: {printable(names[lead], 28)}, "
        f"value {number(sign * heights[lead, k])}"
        for k, (count, lead) in enumerate(zip(counts, leads, strict=True))
    ]
