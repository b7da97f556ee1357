"""`EffectiveRateDisplay`: how far each parameter moves for its own slope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.causes.steps import MOST_STEPS, evenly, finite_steps, measurable, slopes_of, steps_at
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE
from steepest.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHAT = "an effective rate"
# The most parameters that have lines of their own. More lines could not be told apart; chosen by eye.
MOST_LINES = 6
# Rates within this share of each other count as equal: rounding errors of the moves are smaller.
ALIKE = 1e-6
# Slopes below these shares of the largest slope, of the same step and of the steps so far, are rounding errors.
LOST, LOST_SO_FAR = 1e-12, 1e-15
# Rates that span more than this factor are drawn on a logarithmic axis.
SPAN = 5
# The share of the rates at each end that may lie outside of the picture.
TAIL = 0.01
EVERY = 5  # lines of several parameters have a marker at every such step; chosen by eye
LETTERS = 18  # the most letters of a name in the legend


class EffectiveRateDisplay(Display):
    """How far each parameter moves for its own slope: |Δxᵢ| / |gᵢ|, step by step.

    Plain descent has one rate, its step size, for all parameters. Rules such as Adam give each parameter a rate of
    its own, and momentum makes the rates differ for a while.

    Parameters
    ----------
    at : array of shape (steps,)
        The iteration or epoch at which each step begins.
    rates : array of shape (steps, parameters)
        |Δxᵢ| / |gᵢ|; NaN where the slope is zero, a rounding error or not known.
    size : array of shape (steps,), optional
        The step size of the rule.
    names : sequence of str
        The names of the parameters.
    spans : int, optional
        How many steps of the rule lie between two rows.
    total : int, optional
        The number of all steps, if only some of them are drawn.
    counted : str, optional
        The unit of `at`: "iteration" or "epoch".
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes.

    Examples
    --------
    >>> import steepest as st
    >>> run = st.minimize(lambda x, y: x**2 + 100 * y**2, (1, 1), direction="adam", step=0.01, iterations=3)
    >>> EffectiveRateDisplay.from_run(run).rates[0].round(6)
    array([5.e-03, 5.e-05])
    """

    def __init__(
        self,
        at: ArrayLike,
        rates: ArrayLike,
        size: ArrayLike | None = None,
        *,
        names: Sequence[str],
        spans: int = 1,
        total: int | None = None,
        counted: str = "iteration",
        title: str = "",
    ) -> None:
        self.at, self.rates = np.asarray(at), np.asarray(rates, dtype=float)
        self.size = np.full(len(self.at), np.nan) if size is None else np.asarray(size, dtype=float)
        self.names, self.spans, self.counted, self.title = list(names), spans, counted, title
        self.total = len(self.at) if total is None else total

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike, most: int = MOST_STEPS) -> EffectiveRateDisplay:
        """Compute the rates of the steps of a run.

        Parameters
        ----------
        run : run or fit
            The run. It takes a gradient for each step that is drawn.
        most : int, optional
            The most steps that are drawn, evenly spaced.

        Returns
        -------
        EffectiveRateDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the run has no step, its points are not at hand, or it was loaded without its function.
        """
        run = measurable(run, WHAT)
        rows = finite_steps(run, WHAT)
        steps = steps_at(run, evenly(rows, most), len(rows))
        slopes = np.abs(slopes_of(run, steps, WHAT))
        largest = np.where(np.isfinite(slopes), slopes, 0.0).max(axis=1, keepdims=True)
        lost = np.maximum(LOST * largest, LOST_SO_FAR * np.maximum.accumulate(largest))
        # The slope of one parameter is compared with no other, and may fall by any factor.
        is_clear = (slopes > 0) & ((slopes >= lost) | (slopes.shape[1] == 1))
        rates = np.where(is_clear, np.abs(steps.move) / slopes, np.nan)
        return cls(
            steps.at, np.where(np.isfinite(rates), rates, np.nan), steps.size, names=run.trace.names,
            spans=steps.spans, total=len(rows), counted=steps.counted, title=run.title,
        )  # fmt: skip

    @property
    def middle(self) -> np.ndarray:
        """The median rate of each parameter over the steps at which it moves; NaN if it has none."""
        columns = zip(self.rates.T, self._moving.T, strict=True)
        return np.array([np.median(column[seen]) if seen.any() else np.nan for column, seen in columns])

    @property
    def _moving(self) -> np.ndarray:
        """Whether each rate is known, and above 0."""
        return np.isfinite(self.rates) & (self.rates > 0)

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the run."""
        middle, number = self.middle, style.number
        rated, known = np.flatnonzero(np.isfinite(middle)), np.isfinite(self.rates)
        if not rated.size and known.any():
            return "No parameter moves at the steps at which its slope is known."
        if not rated.size:
            return "No parameter has a rate: at each step its slope is zero, a rounding error or not known."
        low, high = rated[np.argmin(middle[rated])], rated[np.argmax(middle[rated])]
        over = f" over {self.spans:,} steps at a time" if self.spans > 1 else ""
        drawn = f" ({len(self.at):,} of {self.total:,} steps)" if self.total > len(self.at) else ""
        is_whole = self._moving[:, rated].all()
        begin, median = "For a slope of 1", f"at the median step{'' if is_whole else ' with a rate above 0'}{drawn}"
        count, rest = len(self.names), len(self.names) - rated.size
        end = "."
        if rest:
            others = "the other parameter has no rate" if rest == 1 else f"the {rest:,} other parameters have no rate"
            end = f"; {others}."
        if rated.size == 1:
            name = "the parameter" if count == 1 else self._named(high)
            return f"{begin}, {name} moves by {number(middle[high])}{over}, {median}{end}"
        among = ("Both" if count == 2 else f"All {count:,}") if not rest else f"{rated.size:,}"
        if self._is_one_rate():
            moves = f"for a slope of 1 each moves by {number(middle[low])}{over}"
            return f"{among} parameters have the same rate at each step: {moves}, {median}{end}"
        with np.errstate(all="ignore"):
            factor = middle[high] / middle[low]
        if number(factor) == "1":
            return (
                f"{among} parameters move alike {median}, by {number(middle[low])}{over} for a slope of 1, but not at "
                f"each step{end}"
            )
        ratio = f": a factor of {number(factor)}" if np.isfinite(factor) else ""
        return (
            f"{begin}, {self._named(high)} moves by {number(middle[high])}{over} and {self._named(low)} by "
            f"{number(middle[low])}, {median}{ratio}{end}"
        )

    def _is_one_rate(self) -> bool:
        """Return whether at each step the rates of all parameters that move are equal."""
        with np.errstate(all="ignore"):
            highest = np.where(self._moving, self.rates, -np.inf).max(axis=1)
            spread = highest / np.where(self._moving, self.rates, np.inf).min(axis=1)
        return bool((spread[~np.isnan(spread)] <= 1 + ALIKE).all())

    def _named(self, k: int) -> str:
        return printable(self.names[k], LETTERS)

    def table(self) -> dict[str, np.ndarray]:
        """Return the rates.

        Returns
        -------
        dict of str to array
            The step size and the rate of each parameter at each step.
        """
        rates = dict(zip(self.names, self.rates.T, strict=True))
        return {self.counted: self.at, "step size": self.size, **rates}

    @property
    def drawn(self) -> np.ndarray:
        """The parameters with lines of their own: all, or those with the lowest and the highest rates."""
        order = np.argsort(np.where(np.isfinite(self.middle), self.middle, np.inf), kind="stable")
        order = order[np.isfinite(self.middle)[order]]
        if len(order) <= MOST_LINES:
            return np.sort(order)
        return np.concatenate([order[: MOST_LINES // 2], order[-MOST_LINES // 2 :]])

    def _draw(self, ax: Axes) -> None:
        drawn, given = self.drawn, np.minimum(self.rates, HUGE)
        positive = np.maximum(given[self._moving], 1 / HUGE)
        if positive.size and positive.max() > SPAN * positive.min():
            ax.set_yscale("log")
        rates = np.where(given > 0, np.maximum(given, 1 / HUGE), np.nan) if ax.get_yscale() == "log" else given
        if len(drawn) < len(self.names):
            known = np.isfinite(rates).any(axis=1)
            levels = np.full((3, len(self.at)), np.nan)
            levels[:, known] = np.nanquantile(rates[known], (0.1, 0.5, 0.9), axis=1)
            ax.fill_between(
                self.at, levels[0], levels[2], color=style.BLUE, alpha=0.15, linewidth=0, label="8 of 10 parameters"
            )
            ax.plot(self.at, levels[1], color=style.BLUE, linewidth=1.8, label="median")
        for line, k in enumerate(drawn):
            look = style.distinct(line) | {"markersize": 4, "markevery": EVERY if len(drawn) > 2 else 1}
            ax.plot(self.at, rates[:, k], label=self._named(k), **look)
        if np.isfinite(self.size).any() and self.spans == 1:
            ax.plot(
                self.at, np.minimum(self.size, HUGE), color=style.GREY, linewidth=1.2, linestyle=":", label="step size"
            )
        if positive.size and ax.get_yscale() == "log":
            # A slope that crosses 0 makes its rate very large for a step; the axis leaves such spikes out.
            low, high = np.quantile(positive, (TAIL, 1 - TAIL))
            ax.set_ylim(low / 3, 3 * high)
        elif positive.size:
            ax.set_ylim(0, 1.2 * max(positive.max(), min(np.nanmax(np.append(self.size, 0.0)), HUGE)))
        ax.locator_params(axis="x", integer=True)
        if len(self.at) == 1:
            ax.set_xlim(self.at[0] - 1, self.at[0] + 1)
        style.label(ax, title=self.title, x=self.counted, y="move / slope", legend=4)
