"""`RaceDisplay`: the distance of several runs from the best value by evaluation, and their paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.descent import SPAN
from steepest.inspection.plots.function.contour import ContourDisplay
from steepest.inspection.plots.function.path import draw_path
from steepest.inspection.protocol import RaceLike, RunLike
from steepest.inspection.window import BLOWN_UP, HUGE, window_around
from steepest.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A run that climbs past this many times the largest gap at a start leaves the picture. Chosen, not measured: a
# larger factor shows more of a run that blows up, and squeezes the other runs on a linear axis.
CLIMB = 10
MAX_LETTERS = 28  # the most letters of a name in the legend, so that two columns fit above axes of the usual width


class RaceDisplay:
    """The gaps of the runs of a race by evaluation, and their paths; a gap is the distance from the best value.

    The best value is the best that any run reached, unless a known best value is given. Without a known value, the
    winner therefore seems to find the minimum exactly. If the gaps span more than a factor of 100, their axis is
    logarithmic, and a star at the foot of the axis marks a gap of zero. A run that climbs past ten times the largest
    gap at a start leaves the axes at the top.

    Parameters
    ----------
    names : sequence of str
        The names of the runs.
    evaluations : sequence of array of shape (rows,)
        For each run, the evaluations at its rows.
    gaps : sequence of array of shape (rows,)
        For each run, the distance of its values from the best value. Entries that are not finite are left out.
    outcomes : sequence of str, optional
        How each run ended. If a run blew up, its outcome is written after its name.
    paths : sequence of array of shape (rows, 2), optional
        For each run, its finite points, if there are two parameters.
    bests : sequence of int, optional
        For each path, the row of its best point.
    contour : ContourDisplay, optional
        The contour lines below the paths.
    maximized : bool, optional
        Whether the best value is the largest.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes of the gaps.
    axes_ : tuple of matplotlib.axes.Axes
        The axes of the gaps, then the axes of the paths if the paths were drawn.

    Examples
    --------
    >>> RaceDisplay(["slow", "quick"], [[1, 2], [1, 2]], [[4, 2], [4, 0]]).gaps[1]
    array([4., 0.])
    """

    def __init__(
        self,
        names: Sequence[str],
        evaluations: Sequence[ArrayLike],
        gaps: Sequence[ArrayLike],
        *,
        outcomes: Sequence[str] = (),
        paths: Sequence[ArrayLike] | None = None,
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
    @np.errstate(all="ignore")
    def from_race(
        cls, race: RaceLike, best: float | None = None, window: ArrayLike | None = None, size: int = 100
    ) -> RaceDisplay:
        """Compute the gaps of a race and, for two parameters, evaluate the function around the paths.

        Parameters
        ----------
        race : Race
            The race, as `steepest.race` returns it.
        best : float, optional
            The best value of the function, if it is known; by default the best value that a run reached.
        window : ((x_low, x_high), (y_low, y_high)), optional
            The part of the plane to draw; by default the paths of all runs that did not blow up.
        size : int, optional
            The number of grid points in each direction.

        Returns
        -------
        RaceDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If there are no runs, some minimise and others maximise, a run was better than `best`, or the
            window is empty.
        """
        names, runs = list(race.runs), list(race.runs.values())
        sign = _sign_of(race)
        heights = [sign * np.asarray(run.trace.value, dtype=float) for run in runs]
        least = _least(names, heights, sign, best)
        with np.errstate(over="ignore", invalid="ignore"):
            gaps = [height - least for height in heights]
        paths, bests, contour = _paths(runs, heights, window, size)
        return cls(
            names,
            [run.trace.evaluations for run in runs],
            gaps,
            outcomes=[run.outcome for run in runs],
            paths=paths,
            bests=bests,
            contour=contour,
            maximized=sign < 0,
            title=race.title,
        )

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, Axes | None]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes of the gaps, and the axes of the paths or None if there are no paths to draw.
        """
        labels = self._labels()
        rows = -(-len(labels) // style.legend_columns(labels, inches=4.8))
        taller = 0.19 * max(0, rows - 2)  # inches for the further rows of a long legend
        if self.contour is None:
            return style.dress(make(6.4, 4.8 + taller).add_subplot()), None
        return style.side_by_side(make(style.WIDE[0], style.WIDE[1] + taller))

    @np.errstate(all="ignore")
    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> RaceDisplay:
        """Draw the gaps and, if there are two parameters, the paths.

        Parameters
        ----------
        ax : axes or two axes, optional
            One axes for the gaps alone, or two; a new figure by default.

        Returns
        -------
        RaceDisplay
            This display.

        Raises
        ------
        ValueError
            If two axes are given and there are no paths to draw.
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
        shown, log = _visible(self.gaps)
        if log:
            ax.set_yscale("log")
        ends = [evaluations[-1] for evaluations in self.evaluations if len(evaluations)]
        if ends and max(ends) > SPAN * min(ends):
            ax.set_xscale("log")
        for k, (label, evaluations, gap) in enumerate(zip(self._labels(), self.evaluations, self.gaps, strict=True)):
            drawn = np.isfinite(gap) & ((gap > 0) | (not log))
            drawn &= (evaluations > 0) | (ax.get_xscale() == "linear")
            by, height = evaluations[drawn], np.clip(gap[drawn], 1 / HUGE if log else 0, HUGE)
            rows = style.rows_to_draw(height)
            spacing = (0.02 + 0.01 * (k % 12), 0.15)  # in shares of the diagonal, shifted for each run
            look = style.distinct(k) | ({"markevery": spacing} if len(rows) > 2 else {})
            ax.plot(by[rows], height[rows], label=label, **look)
            if log and (gap == 0).any():
                foot: style.Look = {"transform": ax.get_xaxis_transform(), "clip_on": False}
                ax.plot(evaluations[gap == 0][0], 0, "*", markersize=11, color=look["color"], **foot)
        _set_height(ax, shown, log)
        drawn_as = "best value − value" if self.maximized else "value − best value"
        style.label(ax, title=self.title, x="evaluations", y=drawn_as, legend=4)
        if ax.get_xscale() == "linear":
            ax.locator_params(axis="x", integer=True)

    def _draw_paths(self, ax: Axes) -> None:
        assert self.contour is not None
        self.contour.plot(ax)
        for k, (path, best) in enumerate(zip(self.paths or [], self.bests, strict=True)):
            if len(path):
                draw_path(ax, path, best, style.distinct(k) | {"markevery": 0.15, "linewidth": 1.4}, numbered=False)

    def _labels(self) -> list[str]:
        return [_label(name, outcome) for name, outcome in zip(self.names, self.outcomes, strict=True)]


def _label(name: str, outcome: str) -> str:
    name = printable(name, MAX_LETTERS)
    name = f" {name}" if name.startswith("_") else name  # matplotlib hides labels that begin with an underscore
    return f"{name} ({outcome})" if outcome in BLOWN_UP else name


def _visible(gaps: Sequence[np.ndarray]) -> tuple[np.ndarray, bool]:
    """Return the gaps of all runs that fit below the top of the axes, and whether the axes are logarithmic."""
    finite = [gap[np.isfinite(gap)] for gap in gaps]
    starts = [gap[0] for gap in finite if gap.size]
    together = np.concatenate(finite)
    top = CLIMB * max(starts, default=0.0) or together.max(initial=1.0)
    shown = together[together <= top]
    positive = shown[shown > 0]
    return shown, bool(positive.size and shown.max() > SPAN * positive.min())


def _set_height(ax: Axes, shown: np.ndarray, log: bool) -> None:
    """Set the limits of the axes to the range of the shown gaps, with a margin."""
    if log:
        positive = shown[shown > 0]
        low, high = max(positive.min(), 1 / HUGE), min(positive.max(), HUGE)
        margin = (high / low) ** 0.05
        ax.set_ylim(low / margin, high * margin)
    elif shown.size:
        margin = 0.05 * min(shown.max(), HUGE) or 1.0
        ax.set_ylim(-margin, min(shown.max(), HUGE) + margin)


def _sign_of(race: RaceLike) -> float:
    """Return -1 if the runs maximise and 1 if they minimise, after checking that all do the same."""
    if not race.runs:
        raise ValueError("the race has 0 runs and a picture needs one at least: run the race first")
    upward = [str(name) for name, run in race.runs.items() if run.maximized]
    if 0 < len(upward) < len(race.runs):
        raise ValueError(
            f"the race has runs that maximise ({', '.join(upward)}) and runs that minimise: race them apart"
        )
    return -1.0 if upward else 1.0


def _least(names: Sequence[str], heights: Sequence[np.ndarray], sign: float, best: float | None) -> float:
    """Return the height of the best value, if given, or else the least height that a run reached."""
    reached = np.array([height[np.isfinite(height)].min(initial=np.inf) for height in heights])
    least = reached.min() if best is None else sign * float(best)
    if reached.min() < least or not np.isfinite(best or 0.0):
        winner = f"{names[int(reached.argmin())]!r} reached {sign * reached.min()}"
        raise ValueError(f"best={best} and {winner}: give the best value there is, or leave it out")
    return least


def _paths(
    runs: Sequence[RunLike], heights: Sequence[np.ndarray], window: ArrayLike | None, size: int
) -> tuple[list[np.ndarray] | None, list[int], ContourDisplay | None]:
    """Return the finite points of each run, the row of its best point, and the contour lines around the paths.

    There are no paths if the runs do not have two parameters, or no run has a finite point.
    """
    points = [np.asarray(run.trace.x, dtype=float) for run in runs]
    if any(x.shape[1] != 2 for x in points):
        return None, [], None
    finite = [np.isfinite(x).all(axis=1) for x in points]
    paths = [x[rows] for x, rows in zip(points, finite, strict=True)]
    drawn = [k for k, path in enumerate(paths) if len(path)]
    if not drawn:
        return None, [], None
    ranks = [np.where(np.isfinite(height), height, np.inf)[rows] for height, rows in zip(heights, finite, strict=True)]
    bests = [int(rank.argmin()) if len(rank) else 0 for rank in ranks]
    if window is None:
        sound = [k for k in drawn if runs[k].outcome not in BLOWN_UP] or drawn
        boxes = np.array([window_around(paths[k], bests[k], runs[k].outcome) for k in sound])
        window = np.column_stack([boxes[..., 0].min(axis=0), boxes[..., 1].max(axis=0)])
    contour = ContourDisplay.from_run(runs[drawn[0]], window, size)
    contour.path, contour.title, contour.is_filled = None, "", False
    return paths, bests, contour
