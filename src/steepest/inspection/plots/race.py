"""Several descents of one function against each other: which gets how far with how many evaluations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.contour import ContourDisplay
from steepest.inspection.plots.descent import SPAN
from steepest.inspection.plots.path import draw_path
from steepest.inspection.window import BLOWN_UP, HUGE, window_around

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROOF = 10  # times the largest gap at a start: a run that climbs past it leaves the picture
MOST_LETTERS = 28


class RaceDisplay:
    """How far each run of a race still was above the best value, by evaluation, beside all the paths.

    The best value is the best that any run has seen, unless a known one was given: with the best seen, the
    run that found it seems to reach the minimum exactly. Past a span of a factor of 100 the axes of the gap
    are logarithmic, and a gap of zero is a star at their foot; a run that climbs past ten times the largest
    gap at a start leaves them at the top.

    Parameters
    ----------
    names : sequence of str
        What the runs are called.
    evaluations : sequence of array of shape (rows,)
        For each run, what its rows are drawn against.
    gaps : sequence of array of shape (rows,)
        For each run, the distance of its values from the best one; what is not finite is left out.
    outcomes : sequence of str, optional
        How each run ended; how one blew up is said beside its name.
    paths : sequence of array of shape (rows, 2), optional
        For each run, its finite points, where there are two parameters.
    bests : sequence of int, optional
        For each path, the row of its best point.
    contour : ContourDisplay, optional
        The contour lines below the paths.
    maximized : bool, optional
        Whether the best value is the largest.
    title : str, optional
        What is written above.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        What was drawn on.
    ax_ : matplotlib.axes.Axes
        The axes of the gaps.
    axes_ : tuple of matplotlib.axes.Axes
        Those, and the axes of the paths where these were drawn.

    Examples
    --------
    >>> RaceDisplay(["slow", "quick"], [[1, 2], [1, 2]], [[4, 2], [4, 0]]).gaps[1]
    array([4., 0.])
    """

    def __init__(
        self,
        names: Sequence[str],
        evaluations: Sequence[Any],
        gaps: Sequence[Any],
        *,
        outcomes: Sequence[str] = (),
        paths: Sequence[Any] | None = None,
        bests: Sequence[int] = (),
        contour: ContourDisplay | None = None,
        maximized: bool = False,
        title: str = "",
    ) -> None:
        self.names = [str(name) for name in names]
        self.evaluations = [np.asarray(each) for each in evaluations]
        self.gaps = [np.asarray(each, dtype=float) for each in gaps]
        self.outcomes = list(outcomes) or ["" for _ in self.names]
        self.paths = None if paths is None else [np.asarray(path, dtype=float) for path in paths]
        self.bests = list(bests)
        self.contour, self.maximized, self.title = contour, maximized, title

    @classmethod
    def from_race(cls, race: Any, best: float | None = None, window: Any = None, size: int = 100) -> RaceDisplay:
        """Read the gaps off the runs of a race and, for two parameters, evaluate the function around the paths.

        Parameters
        ----------
        race : race
            ``race.runs`` holds runs of one function by name, in order; ``race.title`` is what to write above.
        best : float, optional
            The best value there is, where it is known; the best one seen where left out.
        window : ((x_low, x_high), (y_low, y_high)), optional
            Where to look; around the paths of all that did not blow up where left out.
        size : int, optional
            How many points the grid has each way.

        Returns
        -------
        RaceDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            Where there are no runs, some minimise and others maximise, a run was better than `best`, or the
            window is empty.
        """
        names, runs = list(race.runs), list(race.runs.values())
        if not runs:
            raise ValueError("the race has 0 runs and a picture needs one at least: run the race first")
        if len({bool(run.maximized) for run in runs}) > 1:
            upward = ", ".join(str(name) for name, run in race.runs.items() if run.maximized)
            raise ValueError(f"the race has runs that maximise ({upward}) and runs that minimise: race them apart")
        sign = -1.0 if runs[0].maximized else 1.0
        columns = [sign * np.asarray(run.trace.value, dtype=float) for run in runs]
        seen = np.array([column[np.isfinite(column)].min(initial=np.inf) for column in columns])
        least = seen.min() if best is None else sign * float(best)
        if seen.min() < least or not np.isfinite(best or 0.0):
            reached = f"{names[int(seen.argmin())]!r} reached {sign * seen.min()}"
            raise ValueError(f"best={best} and {reached}: give the best value there is, or leave it out")
        with np.errstate(over="ignore", invalid="ignore"):
            gaps = [column - least for column in columns]
        look: dict[str, Any] = {"outcomes": [run.outcome for run in runs], "maximized": sign < 0, "title": race.title}
        if all(np.shape(run.trace.x)[1] == 2 for run in runs):
            look |= _paths(runs, columns, window, size)
        return cls(names, [run.trace.evaluations for run in runs], gaps, **look)

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, Axes | None]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            Width and height in inches to an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes of the gaps and, where there are paths to draw, those of the paths.
        """
        labels = self._labels()
        rows = -(-len(labels) // style.columns(labels, inches=4.8))
        taller = 0.19 * max(0, rows - 2)  # so many inches for a long legend
        if self.contour is None:
            return style.dress(make(6.4, 4.8 + taller).add_subplot()), None
        return style.beside(make(style.WIDE[0], style.WIDE[1] + taller))

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> RaceDisplay:
        """Draw the gaps and, where there are two parameters, the paths.

        Parameters
        ----------
        ax : axes or two axes, optional
            Where to draw: one for the gaps alone, or two; a new figure where left out.

        Returns
        -------
        RaceDisplay
            This display.

        Raises
        ------
        ValueError
            Where two axes are given and there are no paths to draw.
        """
        if ax is None:
            left, right = self.room(style.pyplot_figure)
        else:
            left, right = style.one_or_two(ax, "a race")
        if right is not None and self.contour is None:
            raise ValueError("got 2 axes, and this race has no paths of two parameters for the second: give one")
        self.ax_, self.figure_ = left, left.figure
        self.axes_ = (left,) if right is None else (left, right)
        self._draw_gaps(left)
        if right is not None:
            self._draw_paths(right)
        return self

    def _draw_gaps(self, ax: Axes) -> None:
        finite = [np.isfinite(gap) for gap in self.gaps]
        starts = [gap[seen][0] for gap, seen in zip(self.gaps, finite, strict=True) if seen.any()]
        everything = np.concatenate([gap[seen] for gap, seen in zip(self.gaps, finite, strict=True)])
        roof = ROOF * max(starts, default=0.0) or everything.max(initial=1.0)
        shown = everything[everything <= roof]
        positive = shown[shown > 0]
        log = bool(positive.size and shown.max() > SPAN * positive.min())
        if log:
            ax.set_yscale("log")
        ends = [by[-1] for by in self.evaluations if len(by)]
        if ends and max(ends) > SPAN * min(ends):
            ax.set_xscale("log")
        labels = self._labels()
        for k, (label, by, gap) in enumerate(zip(labels, self.evaluations, self.gaps, strict=True)):
            kept = np.isfinite(gap) & ((gap > 0) | (not log))
            kept &= (by > 0) | (ax.get_xscale() == "linear")
            by_kept, height = by[kept], np.clip(gap[kept], 1 / HUGE if log else 0, HUGE)
            rows = style.thinned(height)
            every = (0.02 + 0.01 * (k % 12), 0.15)  # of the diagonal; shifted, so that markers do not meet
            look = style.distinct(k) | ({"markevery": every} if len(rows) > 2 else {})
            ax.plot(by_kept[rows], height[rows], label=label, **look)
            if log and (gap == 0).any():
                foot: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False}
                ax.plot(by[gap == 0][0], 0, "*", markersize=11, color=look["color"], **foot)
        self._set_height(ax, shown, positive, log)
        drawn = "best value − value" if self.maximized else "value − best value"
        style.words(ax, title=self.title, x="evaluations", y=drawn, legend=4)
        if ax.get_xscale() == "linear":
            ax.locator_params(axis="x", integer=True)

    def _set_height(self, ax: Axes, shown: np.ndarray, positive: np.ndarray, log: bool) -> None:
        if log:
            low, high = max(positive.min(), 1 / HUGE), min(positive.max(), HUGE)
            room = (high / low) ** 0.05
            ax.set_ylim(low / room, high * room)
        elif shown.size:
            room = 0.05 * min(shown.max(), HUGE) or 1.0
            ax.set_ylim(-room, min(shown.max(), HUGE) + room)

    def _draw_paths(self, ax: Axes) -> None:
        assert self.contour is not None
        self.contour.plot(ax)
        for lines in ax.collections:
            lines.set(edgecolor=style.GREY, alpha=0.6)  # their blue is a run's here
        for k, (path, best) in enumerate(zip(self.paths or [], self.bests, strict=True)):
            if len(path):
                draw_path(ax, path, best, style.distinct(k) | {"markevery": 0.15, "linewidth": 1.4})

    def _labels(self) -> list[str]:
        return [_label(name, outcome) for name, outcome in zip(self.names, self.outcomes, strict=True)]


def _label(name: str, outcome: str) -> str:
    name = name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"
    name = f" {name}" if name.startswith("_") else name  # matplotlib hides what begins with an underscore
    return f"{name} ({outcome})" if outcome in BLOWN_UP else name


def _paths(runs: list[Any], columns: list[np.ndarray], window: Any, size: int) -> dict[str, Any]:
    """Return the finite points of each run, the row of its best, and the contour lines around them."""
    finite = [np.isfinite(np.asarray(run.trace.x, dtype=float)).all(axis=1) for run in runs]
    paths = [np.asarray(run.trace.x, dtype=float)[seen] for run, seen in zip(runs, finite, strict=True)]
    heights = [
        np.where(np.isfinite(column), column, np.inf)[seen] for column, seen in zip(columns, finite, strict=True)
    ]
    bests = [int(height.argmin()) if len(height) else 0 for height in heights]
    drawn = [k for k, path in enumerate(paths) if len(path)]
    if not drawn:
        return {}
    if window is None:
        sound = [k for k in drawn if runs[k].outcome not in BLOWN_UP] or drawn
        looks = np.array([window_around(paths[k], bests[k], runs[k].outcome) for k in sound])
        window = np.column_stack([looks[..., 0].min(axis=0), looks[..., 1].max(axis=0)])
    contour = ContourDisplay.from_run(runs[drawn[0]], window, size)
    contour.path, contour.title = None, ""
    return {"paths": paths, "bests": bests, "contour": contour}
