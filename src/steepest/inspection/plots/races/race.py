"""`RaceDisplay`: the distance of several runs from the best value by one clock, and their paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.descent import SPAN
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.function.contour import ContourDisplay
from steepest.inspection.plots.function.path import draw_path
from steepest.inspection.plots.races.clock import CUT_SHORT, budget_of, clocks_of
from steepest.inspection.plots.races.gaps import draw_gaps, set_gap_axis, shown_name
from steepest.inspection.plots.races.sensitivity import SensitivityDisplay
from steepest.inspection.protocol import RaceLike, RunLike, SensitivityLike
from steepest.inspection.window import BLOWN_UP, window_around
from steepest.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class RaceDisplay(Display):
    """The gaps of the runs of a race by one clock, and their paths; a gap is the distance from the best value.

    All runs end at the same budget: the largest that no run lacked. A run that ended earlier by itself has its outcome
    after its name. The best value is the best that any run reached, unless a known best value is given. Without a known
    value, the winner therefore seems to find the minimum exactly. If the gaps span more than a factor of 100, their
    axis is logarithmic, and a star at the foot of the axis marks a gap of zero. A run that climbs past ten times the
    largest gap at a start leaves the axes at the top. Crosses mark where values are not finite.

    Parameters
    ----------
    names : sequence of str
        The names of the runs.
    evaluations : sequence of array of shape (rows,)
        For each run, the evaluations or the seconds at its rows.
    gaps : sequence of array of shape (rows,)
        For each run, the distance of its values from the best value, finite or not.
    outcomes : sequence of str, optional
        How each run ended.
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
    counted : {"evaluations", "seconds"}, optional
        The clock.
    budget : float, optional
        Where the picture ends; by default where the longest run does.
    sensitivity : SensitivityDisplay, optional
        The gaps by learning rate, which are drawn below.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes of the gaps.
    axes_ : tuple of matplotlib.axes.Axes
        The axes of the gaps, then those of the paths and of the learning rates if these were drawn.

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
        counted: str = "evaluations",
        budget: float | None = None,
        sensitivity: SensitivityDisplay | None = None,
    ) -> None:
        self.names = [str(name) for name in names]
        self.evaluations = [np.asarray(each) for each in evaluations]
        self.gaps = [np.asarray(each, dtype=float) for each in gaps]
        self.outcomes = list(outcomes) or ["" for _ in self.names]
        self.paths = None if paths is None else [np.asarray(path, dtype=float) for path in paths]
        self.bests = list(bests)
        self.contour, self.maximized, self.title = contour, maximized, title
        self.counted, self.sensitivity = counted, sensitivity
        longest = max((float(each[-1]) for each in self.evaluations if len(each)), default=0.0)
        self.budget = longest if budget is None else budget

    @classmethod
    @np.errstate(all="ignore")
    def from_race(
        cls,
        race: RaceLike,
        best: float | None = None,
        window: ArrayLike | None = None,
        size: int = 100,
        *,
        by: str = "evaluations",
        sensitivity: SensitivityLike | None = None,
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
        by : {"evaluations", "seconds"}, optional
            The clock. A value with its gradient is one evaluation. Seconds include the compilation of each rule.
        sensitivity : Sensitivity, optional
            The gaps by learning rate, as `sensitivity` of the race returns them, to be drawn below.

        Returns
        -------
        RaceDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If there are no runs, some minimise and others maximise, a run was better than `best`, the
            window is empty, or there is no such clock.
        """
        names, runs = list(race.runs), list(race.runs.values())
        sign = _sign_of(race)
        clocks = clocks_of(runs, by)
        heights = [sign * np.asarray(run.trace.value, dtype=float) for run in runs]
        least = _least(names, heights, sign, best)
        if best is None and sensitivity is not None:
            least = min(least, sign * sensitivity.best)
        gaps = [height - least for height in heights]
        budget = budget_of(runs, clocks, by)
        within = [clock <= budget for clock in clocks]
        paths, bests, contour = _paths(runs, heights, within, window, size)
        below = None
        if sensitivity is not None:
            # Both pictures measure gaps from one value.
            below = SensitivityDisplay.from_sensitivity(sensitivity, sign * least)
            below.title = ""
        return cls(
            names,
            clocks,
            gaps,
            outcomes=[run.outcome for run in runs],
            paths=paths,
            bests=bests,
            contour=contour,
            maximized=sign < 0,
            title=race.title,
            counted=by,
            budget=budget,
            sensitivity=below,
        )

    @property
    def reached(self) -> dict[str, float]:
        """The smallest gap of each run within the budget; infinite if none is finite."""
        reached = {}
        for name, clock, gap in zip(self.names, self.evaluations, self.gaps, strict=True):
            within = gap[: len(clock)][(clock <= self.budget) & np.isfinite(gap)]
            reached[name] = float(within.min(initial=np.inf))
        return reached

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the race."""
        reached = self.reached
        places = sorted(reached, key=lambda name: reached[name])
        each = "The run is shown" if len(places) == 1 else f"{len(places)} runs are compared"
        if self.counted == "evaluations":
            budget = f"{each} up to {style.counted(int(self.budget), 'evaluation')}, a value with its gradient as one"
        else:
            budget = f"{each} up to {style.number(self.budget)} s, compilation included"
        said = f"{budget}. {_nearest(places, reached)}."
        lost = [printable(name, 40) for name, end in zip(self.names, self.outcomes, strict=True) if end in BLOWN_UP]
        if lost:
            said += f" {', '.join(lost)} diverged." if len(lost) < 4 else f" {len(lost)} of them diverged."
        return said if self.sensitivity is None else f"{said} Below: {self.sensitivity.caption}"

    def table(self) -> dict[str, np.ndarray]:
        """Return the gaps of all runs, one after the other.

        Returns
        -------
        dict of str to array
            The name of the run, what its row has cost, and its gap.
        """
        rows = [len(gap) for gap in self.gaps]
        columns = {"run": np.repeat(self.names, rows), self.counted: np.concatenate(self.evaluations)}
        return columns | {"gap": np.concatenate(self.gaps)}

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes of the gaps, then those of the paths if there are any, then those of the learning rates.
        """
        labels = self._labels()
        rows = -(-len(labels) // style.legend_columns(labels, inches=4.8))
        taller = 0.19 * max(0, rows - 2)  # inches for the further rows of a long legend
        if self.sensitivity is None:
            if self.contour is None:
                return (style.dress(make(6.4, 4.8 + taller).add_subplot()),)
            return style.side_by_side(make(style.WIDE[0], style.WIDE[1] + taller))
        if self.contour is None:
            upper, lower = make(6.4, 7.2 + taller).subplots(2, 1)
            return style.dress(upper), style.dress(lower)
        figure = make(style.WIDE[0], 7.2 + taller)
        grid = figure.add_gridspec(2, 2)
        places = grid[0, 0], grid[:, 1], grid[1, 0]
        gaps, paths, rates = (style.dress(figure.add_subplot(place)) for place in places)
        return gaps, paths, rates

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        given = tuple(np.ravel(np.asarray(ax, dtype=object)))
        parts = ["gaps"] + ["paths"] * (self.contour is not None) + ["rates"] * (self.sensitivity is not None)
        if len(given) not in (1, len(parts)):
            needed = (
                f"{len(parts)}: give ax=({', '.join(parts)}) or one for the gaps alone"
                if parts[1:]
                else "1: give ax=ax"
            )
            raise ValueError(f"got {len(given)} axes, and this race is drawn on {needed}")
        return given

    def _draw(self, gaps: Axes, *others: Axes) -> None:
        self._draw_gaps(gaps)
        if others and self.contour is not None:
            self._draw_paths(others[0])
        if others and self.sensitivity is not None:
            self.sensitivity._draw(others[-1], legend=False)

    def _draw_gaps(self, ax: Axes) -> None:
        within = [np.asarray(clock <= self.budget) for clock in self.evaluations]
        parts = [gap[rows] for gap, rows in zip(self.gaps, within, strict=True)]
        starts = [finite[0] for part in parts if (finite := part[np.isfinite(part)]).size]
        log = set_gap_axis(ax, parts, starts)
        ends = [clock[rows][-1] for clock, rows in zip(self.evaluations, within, strict=True) if rows.any()]
        if ends and min(ends) > 0 and max(ends) > SPAN * min(ends):
            ax.set_xscale("log")
        for k, (label, clock, rows, gap) in enumerate(
            zip(self._labels(), self.evaluations, within, parts, strict=True)
        ):
            by = clock[rows]
            drawn = (by > 0) | (ax.get_xscale() == "linear")
            spacing = (0.02 + 0.01 * (k % 12), 0.15)  # in shares of the diagonal, shifted for each run
            look = style.distinct(k) | ({"markevery": spacing} if drawn.sum() > 2 else {}) | {"label": label}
            draw_gaps(ax, by[drawn], gap[drawn], look, log)
        drawn_as = "best value − value" if self.maximized else "value − best value"
        style.label(ax, title=self.title, x=self.counted, y=drawn_as, legend=4)
        if ax.get_xscale() == "linear" and self.counted == "evaluations":
            ax.locator_params(axis="x", integer=True)

    def _draw_paths(self, ax: Axes) -> None:
        assert self.contour is not None
        self.contour.plot(ax)
        for k, (path, best) in enumerate(zip(self.paths or [], self.bests, strict=True)):
            if len(path):
                draw_path(ax, path, best, style.distinct(k) | {"markevery": 0.15, "linewidth": 1.4}, numbered=False)

    def _labels(self) -> list[str]:
        return [_label(name, outcome) for name, outcome in zip(self.names, self.outcomes, strict=True)]


def _nearest(places: Sequence[str], reached: Mapping[str, float]) -> str:
    """Return which runs come nearest to the best value, and which stays farthest; `places` are from best to worst."""
    least, most = reached[places[0]], reached[places[-1]]
    if not np.isfinite(least):
        return "No run has a finite value"
    first = [printable(name, 40) for name in places if reached[name] == least]
    if len(first) == len(places) > 1:
        return (
            f"All come equally near to the best value, {style.number(least)} away" if least else "All reach one value"
        )
    if len(first) > 1:
        who = f"{first[0]} and {first[1]}" if len(first) == 2 else f"{len(first)} of them"
        words = f"{who} come nearest to the best value"
    else:
        words = f"{first[0]} comes nearest to the best value"
    if len(places) > 1 and np.isfinite(most):
        words += f", and {printable(places[-1], 40)} stays farthest, {style.number(most)} away"
    return words


def _label(name: str, outcome: str) -> str:
    return f"{shown_name(name)} ({outcome})" if outcome and outcome not in CUT_SHORT else shown_name(name)


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
    runs: Sequence[RunLike],
    heights: Sequence[np.ndarray],
    within: Sequence[np.ndarray],
    window: ArrayLike | None,
    size: int,
) -> tuple[list[np.ndarray] | None, list[int], ContourDisplay | None]:
    """Return the finite points of each run within the budget, the row of the best, and the contour lines around them.

    There are no paths if the runs do not have two parameters, or no run has a finite point.
    """
    points = [np.asarray(run.trace.x, dtype=float) for run in runs]
    if any(x.shape[1] != 2 for x in points):
        return None, [], None
    finite = [np.isfinite(x).all(axis=1) & rows for x, rows in zip(points, within, strict=True)]
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
