"""`LedgerDisplay`: the decrease of each step beside the one that its slope promised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.causes.steps import (
    MOST_STEPS,
    Steps,
    evenly,
    finite_steps,
    measurable,
    products_of,
    sign_of,
    slopes_of,
    spread,
    steps_at,
)
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import DescentLike, RunLike
from steepest.inspection.window import HUGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WHAT = "a step ledger"
EPS = float(np.finfo(float).eps)
# A decrease below this many roundings of the value says nothing. Chosen, not measured.
ROUNDINGS = 64
# The steps whose shares stand for those of all. Chosen: each takes a gradient, and a median of so many is within a few
# hundredths of the ranks of that of all.
SAMPLED = 200
# The part of the ratios that is drawn; those beyond are drawn at the edge.
LEAST, MOST = -0.75, 1.25
# Positive numbers that span more than this factor are drawn on a logarithmic axis.
SPAN = 20
# The heights that the lower axes name: on a quadratic function those of a step to the ceiling of its line, by an exact
# search, and without any curvature.
NAMED = ((0.0, "ceiling"), (0.5, "exact search"), (1.0, "no curvature"))


class LedgerDisplay(Display):
    """The decrease of each step: what the slope promised, what slope and curvature promised, and what came.

    A step from x to x + Δ promises the decrease -g · Δ by the slope, and -g · Δ - ΔᵀHΔ / 2 with the curvature along it.
    The lower axes show the actual decrease as a share of the first. On a quadratic function the share of a step by an
    exact search is ½; it is 1 without curvature, and below 0 the step ends higher than it began.

    Parameters
    ----------
    at : array of shape (steps,)
        The iteration or epoch at which each step begins.
    promised : array of shape (steps,)
        The decrease by the slope; for a run that was maximised, the increase.
    curved : array of shape (steps,)
        The decrease by slope and curvature.
    actual : array of shape (steps,)
        The actual decrease.
    floor : array of shape (steps,), optional
        The decrease that rounding errors hide, for each step.
    kept : array of shape (sampled,), optional
        The shares of steps that stand for all, NaN for those without one. By default those of the steps that are drawn.
    uphill : int, optional
        How many of these steps led uphill and ended higher; by default, of those that are drawn.
    rises : int, optional
        How many of all steps ended higher than they began; by default, of those that are drawn.
    total : int, optional
        The number of all steps, if only some of them are drawn.
    counted : str, optional
        The unit of `at`: "iteration" or "epoch".
    maximized : bool, optional
        Whether the best value is the largest.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    axes_ : tuple of matplotlib.axes.Axes
        The upper and the lower axes; ``ax_`` is the upper one.

    Examples
    --------
    >>> import steepest as st
    >>> run = st.gradient_descent(lambda x: x**2, 8.0, learning_rate=0.25, iterations=3)
    >>> LedgerDisplay.from_run(run).table()
    {'iteration': array([0, 1, 2]), 'promised by slope': array([64., 16.,  4.]),
     'with curvature': array([48., 12.,  3.]), 'actual': array([48., 12.,  3.]), 'share': array([0.75, 0.75, 0.75])}
    """

    def __init__(
        self,
        at: ArrayLike,
        promised: ArrayLike,
        curved: ArrayLike,
        actual: ArrayLike,
        *,
        floor: ArrayLike = 0.0,
        kept: ArrayLike | None = None,
        uphill: int | None = None,
        rises: int | None = None,
        total: int | None = None,
        counted: str = "iteration",
        maximized: bool = False,
        title: str = "",
    ) -> None:
        self.at, self.promised = np.asarray(at), np.asarray(promised, dtype=float)
        self.curved, self.actual = np.asarray(curved, dtype=float), np.asarray(actual, dtype=float)
        self.floor = np.broadcast_to(np.asarray(floor, dtype=float), self.promised.shape)
        self.rises = int(np.count_nonzero(self.actual < 0)) if rises is None else rises
        self.total = len(self.at) if total is None else total
        self.is_sampled = kept is not None
        self.kept = self.share if kept is None else np.asarray(kept, dtype=float)
        self.uphill = int(np.count_nonzero(self._led_uphill)) if uphill is None else uphill
        self.counted, self.maximized, self.title = counted, maximized, title

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike, most: int = MOST_STEPS) -> LedgerDisplay:
        """Compute what the steps of a run promised.

        Parameters
        ----------
        run : run or fit
            The run. It takes a gradient and a product with the Hessian for each step that is drawn, and in a long run
            200 gradients more, for the median of all.
        most : int, optional
            The most steps that are drawn: up to half of them those that rose most, and the others evenly spaced.

        Returns
        -------
        LedgerDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the run has no step, its points are not at hand, or it was loaded without its function.
        """
        run = measurable(run, WHAT)
        rows = finite_steps(run, WHAT)
        value = sign_of(run) * np.asarray(run.trace.value, dtype=float)
        rise = value[rows + 1] - value[rows]
        floors = ROUNDINGS * EPS * np.maximum(np.abs(value[rows]), np.abs(value[rows + 1]))
        risen = np.flatnonzero(rise > floors)
        if len(rows) > most:
            worst = risen[np.argsort(-rise[risen], kind="stable")][: most // 2]
            drawn = np.union1d(evenly(np.arange(len(rows)), most - len(worst)), worst)
        else:
            drawn = np.arange(len(rows))
        # The steps that are drawn are chosen to be bad, so they don't stand for all.
        sampled = drawn if len(drawn) == len(rows) else spread(np.arange(len(rows)), SAMPLED)
        steps = steps_at(run, rows[drawn], len(rows))
        promised = _promised(run, steps)
        curved = promised - np.sum(products_of(run, steps, WHAT) * steps.move, axis=1) / 2
        actual = steps.value - steps.landed
        sample: style.Look = {}
        if sampled is not drawn:
            others = steps_at(run, rows[sampled], len(rows))
            by_slope, came = _promised(run, others), others.value - others.landed
            sample["kept"] = _share(by_slope, came, floors[sampled])
            sample["uphill"] = int(np.count_nonzero((by_slope < 0) & (came < -floors[sampled])))
        return cls(
            steps.at, promised, curved, actual, floor=floors[drawn], rises=len(risen), total=len(rows),
            counted=steps.counted, maximized=run.maximized, title=run.title, **sample,
        )  # fmt: skip

    @property
    def share(self) -> np.ndarray:
        """The actual decrease as a share of the promised one; NaN if rounding errors hide it."""
        return _share(self.promised, self.actual, self.floor)

    @property
    def _led_uphill(self) -> np.ndarray:
        return (self.promised < 0) & (self.actual < -self.floor)

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the run."""
        steps = style.counted(self.total, "step")
        drawn = f" ({len(self.at)} are drawn)" if self.total > len(self.at) else ""
        better, rose = ("increase", "fell") if self.maximized else ("decrease", "rose")
        wrong = f"In {self.rises:,} of {steps}{drawn} the value {rose}."
        if not self.rises:
            wrong = f"In {steps}{drawn} the value never {rose}."
        # The steps that the median and the count of those uphill are of.
        whole = self.total == len(self.kept)
        some = f" {'spread over the run' if self.is_sampled else 'that are drawn'}" * (not whole)
        all_of = f"{style.counted(len(self.kept), 'step')}{some}"
        if self.uphill:
            way = "downhill" if self.maximized else "uphill"
            of, also = ("those", "") if whole else (f"the {all_of}", f" and {rose}")
            wrong += f" {self.uphill:,} of {of} led {way} from their start{also}, as momentum can."
        share = self.kept[np.isfinite(self.kept)]
        if not share.size:
            return f"{wrong} No step{some} promised a {better} above rounding errors."
        middle = float(np.median(share))
        if middle > 1:
            meaning = "somewhere along such steps the slope is steeper than at their start"
        elif 0.45 < middle < 0.55:
            meaning = "an exact search does the same on a quadratic function"
        elif middle < 0:
            worse = "lower" if self.maximized else "higher"
            meaning = f"such steps ended {worse} than they began"
        else:
            meaning = "on a quadratic function an exact search keeps 50 %, and a shorter step more"
        kept = f"{style.number(100 * middle)} % of the {better} that its slope promised"
        if len(share) < len(self.kept):
            which = f"Of the {style.counted(len(share), 'step')}{some} that promised a {better}, the median"
        else:
            which = "The median step" if whole else f"The median of {all_of}"
        return f"{which} kept {kept}: {meaning}. {wrong}"

    def table(self) -> dict[str, np.ndarray]:
        """Return the decreases.

        Returns
        -------
        dict of str to array
            The numbers of each step.
        """
        return {
            self.counted: self.at,
            "promised by slope": self.promised,
            "with curvature": self.curved,
            "actual": self.actual,
            "share": self.share,
        }

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, Axes]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The upper and the lower axes.
        """
        return style.stacked(make(6.4, 6.0))

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, Axes]:
        return style.stacked_axes(ax, WHAT)

    def _draw(self, ax: Axes, lower: Axes) -> None:
        better = "increase" if self.maximized else "decrease"
        rose = self.actual < 0
        self._draw_decreases(ax, rose)
        lower.axhspan(LEAST - 1, 0, color=style.ORANGE, alpha=0.12, linewidth=0)
        for height, name in NAMED:
            lower.axhline(height, color=style.GREY, linewidth=0.8, linestyle=":")
            lower.text(
                1.01, height, name, transform=lower.get_yaxis_transform(), va="center", fontsize=9,
                color=lower.yaxis.label.get_color(),
            )  # fmt: skip
        lower.text(
            1.01, MOST, "on a quadratic:", transform=lower.get_yaxis_transform(), va="center", fontsize=9,
            color=lower.yaxis.label.get_color(),
        )  # fmt: skip
        share = np.where((self.share < LEAST) | (self.share > MOST), np.nan, self.share)
        for chosen, marker, colour in ((~rose, "o", style.BLUE), (rose, "^", style.ORANGE)):
            # The layout would make room at 0 for an unclipped line without points.
            if np.isfinite(share[chosen]).any():
                lower.plot(self.at[chosen], share[chosen], marker, markersize=5, color=colour, clip_on=False)
        lower.set_ylim(LEAST, MOST)
        if ((self.share < LEAST) | (self.share > MOST)).any():
            self._mark_clipped(lower)
        lower.set_yticks((-0.5, 0, 0.5, 1))
        lower.locator_params(axis="x", integer=True)
        if len(self.at) == 1:
            lower.set_xlim(self.at[0] - 1, self.at[0] + 1)
        style.label(ax, title=self.title, y=better, legend=4)
        style.label(lower, x=self.counted, y="actual / promised")

    def _mark_clipped(self, lower: Axes) -> None:
        """Mark the ratios beyond the axes with an arrow on the edge."""
        for beyond, edge, marker in ((self.share < LEAST, LEAST, "v"), (self.share > MOST, MOST, "^")):
            look: style.Look = {"linestyle": "none", "markersize": 8, "markeredgecolor": style.INK, "clip_on": False}
            colours = {LEAST: style.ORANGE, MOST: style.BLUE}
            lower.plot(self.at[beyond], np.full(beyond.sum(), edge), marker=marker, color=colours[edge], **look)

    def _draw_decreases(self, ax: Axes, rose: np.ndarray) -> None:
        """Draw the decreases on a logarithmic axis, with marks at the sizes of those that are rises."""
        series = (self.promised, self.curved, self.actual)
        sizes = np.concatenate([np.abs(each) for each in series])
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
        if sizes.size and sizes.max() > SPAN * sizes.min():
            ax.set_yscale("log")
            positive = np.concatenate([np.where(rose, np.abs(self.actual), self.actual), self.promised])
            positive = positive[np.isfinite(positive) & (positive > 0)]
            if positive.size:
                hidden = self.floor[self.floor > 0].min(initial=np.inf)
                least = max(positive.min(), hidden if hidden < positive.max() else 0.0)
                ax.set_ylim(max(least / 2, 1 / HUGE), min(positive.max() * 2, HUGE))
        lines: style.Look = {"linewidth": 1.6, "marker": "_" if len(self.at) == 1 else "", "markersize": 14}
        for k, name, numbers in ((3, "promised by slope", self.promised), (2, "with curvature", self.curved)):
            shown = np.where((numbers > 0) & (numbers < HUGE), numbers, np.nan)
            ax.plot(self.at, shown, label=name, **style.series(k) | lines)
        actual = np.minimum(np.abs(self.actual), HUGE)
        kept = (self.actual > 0) & np.isfinite(actual)
        ax.plot(self.at[kept], actual[kept], "o", markersize=4, color=style.BLUE, label="actual")
        if (rose & np.isfinite(actual)).any():
            worse = "fell" if self.maximized else "rose"
            ax.plot(self.at[rose], actual[rose], "^", markersize=6, color=style.ORANGE, label=f"{worse} by so much")


def _promised(run: DescentLike, steps: Steps) -> np.ndarray:
    """Return the decrease of each step by its slope."""
    return -np.sum(slopes_of(run, steps, WHAT) * steps.move, axis=1)


def _share(promised: np.ndarray, actual: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Return the actual decreases as shares of the promised ones; NaN if rounding errors hide them."""
    with np.errstate(all="ignore"):
        share = actual / promised
    return np.where((promised > floor) & np.isfinite(share), share, np.nan)
