"""`ResidualsDisplay`: what a fit leaves unexplained, against its predictions and against the normal distribution."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.fitted.cloud import draw_cloud, limits
from steepest.inspection.plots.fitted.predicted import target_of
from steepest.inspection.plots.fitted.predictions import Predictions, numbers_of
from steepest.types import Array, Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The running median is that of at most GROUPS groups of equal size, with USUAL rows each; a few rows still make FEW
# groups, of at least FEWEST. Chosen, not measured: more groups follow the residuals more closely, and scatter more.
GROUPS, USUAL, FEW, FEWEST = 20, 30, 5, 10
# The ends of the running band, which hold what one standard deviation around the mean holds of normal residuals.
ENDS = (0.1587, 0.8413)
FAR = 3.0
# A mean of so many spreads is a rounding error.
ROUNDING = 1e-9
FAR_IF_NORMAL = 0.0027


class ResidualsDisplay(Display):
    """The residuals of a regression, true minus predicted: against the predictions, and beside the normal distribution.

    On the left a good fit leaves no pattern: the running median stays at 0, and the band that holds the middle 68 % of
    the residuals has the same width everywhere. On the right normal residuals lie on the line.

    Parameters
    ----------
    truth, predicted : array of shape (rows,)
        The true values and the predictions. Rows that are not finite are left out.
    weight : array of shape (rows,), optional
        The weights of the rows, which count for the bias and the spread.
    unseen : array of bool of shape (rows,), optional
        The rows that the model did not learn from. If there are any, only they are shown.
    target : str, optional
        The name of the predicted column.
    source : str, optional
        What the other rows are, for the caption.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes of the residuals against the predictions.
    axes_ : tuple of matplotlib.axes.Axes
        Both axes; one if one was given.
    predicted, residuals : array of shape (rows,)
        The predictions and the residuals.
    bias, spread : float
        The mean and the standard deviation of the residuals.
    far : float
        The share of rows whose residual is farther than three spreads from the bias; of normal residuals 0.27 %.

    Examples
    --------
    >>> display = ResidualsDisplay([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])
    >>> display.residuals, display.bias
    (array([0., 1., 2.]), 1.0)
    """

    def __init__(
        self, truth: ArrayLike, predicted: ArrayLike, weight: ArrayLike | None = None,
        unseen: ArrayLike | None = None, *, target: str = "", source: str = "given", title: str = "",
    ) -> None:  # fmt: skip
        self._set(Predictions.of(truth, predicted, weight, unseen, source=source, title=title), target)

    def _set(self, rows: Predictions, target: str) -> None:
        self.rows = rows = rows.honest
        self.target, self.title = target, rows.title
        self.predicted, self.residuals = rows.outputs, rows.truth - rows.outputs
        self.bias = float(np.average(self.residuals, weights=rows.weight))
        apart = self.residuals - self.bias
        self.spread = math.sqrt(np.average(apart**2, weights=rows.weight))
        self.far = float(np.average(np.abs(apart) > FAR * self.spread, weights=rows.weight))

    @classmethod
    @np.errstate(all="ignore")
    def from_run(
        cls, run: Any, X: Rows = None, y: Array = None, *, sample_weight: Array = None, target: str = ""
    ) -> ResidualsDisplay:
        """Compute the residuals of the rows of a fit, or of other rows.

        Parameters
        ----------
        run : fit, fit of a table, or estimator
            The fit of a regression.
        X, y : array or DataFrame, array, optional
            Other rows; for the fit of a table a table, whose target may be in it. By default those that were held out
            of the fit, or else those of the fit.
        sample_weight : array of shape (rows,), optional
            The weights of other rows.
        target : str, optional
            The name of the predicted column; by default that in the data.

        Returns
        -------
        ResidualsDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit has no rows and none are given, or it is one of classes.
        TypeError
            If the run is not a fit.
        """
        return cls._of(numbers_of(run, X, y, sample_weight, "residual"), target or target_of(run))

    @classmethod
    def _of(cls, rows: Predictions, target: str) -> ResidualsDisplay:
        made = cls.__new__(cls)
        made._set(rows, target)
        return made

    @property
    def running(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The median prediction of groups of rows with similar predictions, and three quantiles of their residuals.

        The quantiles are the median and those between which the middle 68 % lie. There are no groups if the rows or
        their different predictions are too few.
        """
        rows = len(self.residuals)
        count = min(GROUPS, max(rows // USUAL, min(FEW, rows // FEWEST)))
        if count < 2 or len(np.unique(self.predicted[: style.MAX_POINTS])) <= count:
            return (np.zeros(0),) * 4
        order = np.argsort(self.predicted, kind="stable")
        groups = np.array_split(order, count)
        at = np.array([np.median(self.predicted[group]) for group in groups])
        middle, low, high = np.array([np.quantile(self.residuals[group], [0.5, *ENDS]) for group in groups]).T
        return at, middle, low, high

    @property
    def normal(self) -> tuple[np.ndarray, np.ndarray]:
        """The residuals in order, in spreads from the bias, and where they would lie if they were normal."""
        from scipy.special import ndtri

        count = len(self.residuals)
        places = ndtri((np.arange(count) + 0.5) / count)
        apart = np.sort(self.residuals) - self.bias
        return places, apart / self.spread if self.spread else np.zeros(count)

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the residuals."""
        bias = self.bias if abs(self.bias) > ROUNDING * self.spread else 0.0
        words = f"The residuals {self.rows.where} have a mean of {style.number(bias)} and a spread of "
        words += f"{style.number(self.spread)} (standard deviation)"
        if not self.spread:
            return f"{words}: all are equal.{self.rows.remarks}"
        words += f"; {100 * self.far:.2g} % lie farther than 3 spreads out "
        words += f"({100 * FAR_IF_NORMAL:.2g} % if they were normal)."
        at, middle, low, high = self.running
        if len(at):
            width, worst = high - low, int(np.abs(middle).argmax())
            words += (
                f" Their median strays farthest from 0 near {style.number(at[worst])}, to {style.number(middle[worst])}"
            )
            if width.min() > ROUNDING * width.max():
                words += f"; the widest 68 % band is {width.max() / width.min():.1f} times the narrowest."
            else:
                words += "; the narrowest 68 % band has no width."
        return words + self.rows.remarks

    def table(self) -> dict[str, np.ndarray]:
        """Return the rows.

        Returns
        -------
        dict of str to array
            The prediction and the residual of each row.
        """
        return {"predicted": self.predicted, "residual": self.residuals}

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes against the predictions, and those beside the normal distribution.
        """
        return style.side_by_side(make(*style.WIDE))

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        return tuple(each for each in style.one_or_two(ax, "this picture") if each is not None)

    def _draw(self, left: Axes, right: Axes | None = None) -> None:
        left.set(xlim=limits(self.predicted), ylim=limits(np.append(self.residuals, 0.0)))
        draw_cloud(left, self.predicted, self.residuals, "held out" if self.rows.source == "held out" else "rows")
        left.axhline(0.0, color=style.GREY, linewidth=1.2)
        at, middle, low, high = self.running
        if len(at):
            left.plot(at, middle, color=style.ORANGE, linewidth=2.2, label="running median")
            look: style.Look = {"color": style.ORANGE, "linewidth": 1.2, "linestyle": "--"}
            left.plot(at, low, label="middle 68 %", **look)
            left.plot(at, high, **look)
        name = f" {self.target}" if self.target else ""
        style.label(left, title=self.title, x=f"predicted{name}", y="residual (true − predicted)", legend=3)
        if right is not None:
            self._draw_normal(right)

    def _draw_normal(self, ax: Axes) -> None:
        places, apart = self.normal
        ends = np.array(limits(places))
        ax.plot(ends, ends, color=style.GREY, linewidth=1.2, label="normal residuals")
        count = len(places)
        if count > style.MAX_POINTS:
            # The tails are what counts, so they keep all their rows.
            tail = style.MAX_POINTS // 8
            middle = np.linspace(0, count - 1, style.MAX_POINTS // 2).astype(int)
            rows = np.unique(np.r_[:tail, middle, count - tail : count])
        else:
            rows = np.arange(count)
        look: style.Look = {"s": 14, "color": style.BLUE, "alpha": 0.8, "linewidths": 0}
        ax.scatter(places[rows], apart[rows], label="residuals", **look)
        for level in (-FAR, FAR):
            if ends[0] < level < ends[1] or (np.abs(apart) > FAR).any():
                ax.axhline(level, color=style.GREY, linewidth=0.9, linestyle=":")
        style.label(ax, x="expected of a normal distribution (spreads)", y="residual (spreads from the mean)", legend=2)
