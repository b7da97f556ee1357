"""`CalibrationDisplay`: whether what a fit calls 80 % probable happens in 80 % of cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.fitted.predictions import Predictions, class_named, classified, given_classes
from steepest.types import Array, Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 10
# The quantile of the normal distribution for 95 % confidence.
TWO_SIDED = 1.959963984540054
BARS = 40
PREDICTED = "the predicted class"
# Probabilities may be this far outside 0 and 1 by rounding errors.
ROUNDING = 1e-9
# Bars that differ more than this in height have a logarithmic axis, on which the small ones can be seen.
UNEVEN = 30


class CalibrationDisplay(Display):
    """The reliability curve of predicted probabilities: how often what was predicted happened.

    The rows are divided by their probability into bins of equal counts. Of each bin the share that happened is shown
    against the mean probability, with a whisker of 95 % confidence. Below are the probabilities of all rows. For
    several classes the probability is that of the predicted class, and what happens is that it is right.

    Parameters
    ----------
    predicted, happened : array of shape (bins,)
        The mean probability of each bin, and the share of its rows that happened.
    low, high : array of shape (bins,)
        The ends of the whiskers.
    counts : array of shape (bins,)
        The rows of each bin.
    probabilities : array of shape (rows,)
        The probabilities of all rows.
    event : str, optional
        What happens: the name of the class.
    where : str, optional
        On which rows, for the caption.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes of the curve.
    axes_ : tuple of matplotlib.axes.Axes
        The axes of the curve and of the histogram; one if one was given.
    gap : float
        The mean distance between the probability and the share, over all rows.

    Notes
    -----
    The bins are those of ``sklearn.calibration.calibration_curve(strategy="quantile")``. The whiskers are those of
    Wilson (1927); with weights, for the effective number of rows (Σw)² / Σw².

    Examples
    --------
    >>> display = CalibrationDisplay.from_predictions([0, 0, 1, 1], [0.1, 0.3, 0.7, 0.9], bins=2)
    >>> display.predicted, display.happened, round(display.gap, 3)
    (array([0.2, 0.8]), array([0., 1.]), 0.2)
    """

    def __init__(
        self, predicted: ArrayLike, happened: ArrayLike, low: ArrayLike, high: ArrayLike, counts: ArrayLike,
        probabilities: ArrayLike, *, event: str = "", where: str = "", title: str = "",
    ) -> None:  # fmt: skip
        self.predicted, self.happened = np.asarray(predicted, dtype=float), np.asarray(happened, dtype=float)
        self.low, self.high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
        self.counts, self.probabilities = np.asarray(counts), np.asarray(probabilities, dtype=float)
        self.event, self.where, self.title = event, where, title

    @classmethod
    def _of(cls, rows: Predictions, bins: int) -> CalibrationDisplay:
        if rows.kind != "probabilities":
            raise ValueError(
                "this fit has scores of classes and no probabilities, so there is nothing to calibrate: "
                "use RocDisplay, or fit with the log loss"
            )
        if bins < 1 or bins != int(bins):
            raise ValueError(f"bins={bins!r}: give a whole number, 1 or more")
        if rows.outputs.ndim == 1:
            probability, happened, event = rows.outputs, rows.truth == 1, class_named(rows.labels[1])
        else:
            probability, happened = rows.outputs.max(axis=1), rows.chosen == rows.truth
            event = PREDICTED
        if probability.min() < -ROUNDING or probability.max() > 1 + ROUNDING:
            worst = probability.min() if probability.min() < 0 else probability.max()
            raise ValueError(f"a probability is {worst:.4g}: give numbers from 0 to 1, or use RocDisplay for scores")
        ends = np.percentile(probability, np.linspace(0, 100, int(bins) + 1))
        group = np.searchsorted(ends[1:-1], probability)
        counts: np.ndarray = np.bincount(group, minlength=int(bins))
        full = counts > 0
        mass = np.bincount(group, rows.weight, minlength=int(bins))[full]
        sums, hits, squares = (
            np.bincount(group, rows.weight * each, minlength=int(bins))[full]
            for each in (probability, happened, rows.weight)
        )
        mean, share = sums / mass, hits / mass
        low, high = wilson(share, mass**2 / squares)
        made = cls(mean, share, low, high, counts[full], probability, event=event, where=rows.where, title=rows.title)
        made.mass, made._remarks = mass, rows.remarks
        return made

    @classmethod
    def from_predictions(
        cls, truth: ArrayLike, probabilities: ArrayLike, *, bins: int = BINS, sample_weight: ArrayLike | None = None,
        labels: Sequence[object] | None = None,
    ) -> CalibrationDisplay:  # fmt: skip
        """Compute the curve for probabilities of any model.

        Parameters
        ----------
        truth : array of shape (rows,)
            The class of each row: one of `labels`, or its number from 0.
        probabilities : array of shape (rows,) or (rows, classes)
            The probability of the second of two classes, or those of each class.
        bins : int, optional
            The number of bins.
        sample_weight : array of shape (rows,), optional
            The weights of the rows.
        labels : sequence, optional
            The classes, in the order of their probabilities.

        Returns
        -------
        CalibrationDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the numbers of rows differ, a number is no probability, or no target is one of the classes.
        """
        return cls._of(given_classes(truth, probabilities, sample_weight, labels, scores=False), bins)

    @classmethod
    @np.errstate(all="ignore")
    def from_run(
        cls, run: Any, X: Rows = None, y: Array = None, *, bins: int = BINS, sample_weight: Array = None
    ) -> CalibrationDisplay:
        """Compute the curve for the rows of a fit, or for other rows.

        Parameters
        ----------
        run : fit, fit of a table, or estimator
            The fit of a classification with probabilities.
        X, y : array or DataFrame, array, optional
            Other rows; for the fit of a table a table, whose target may be in it. By default those that were held out
            of the fit, or else those of the fit.
        bins : int, optional
            The number of bins.
        sample_weight : array of shape (rows,), optional
            The weights of other rows.

        Returns
        -------
        CalibrationDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit has no rows and none are given, it is a regression, or it has scores and no probabilities.
        TypeError
            If the run is not a fit.
        """
        return cls._of(classified(run, X, y, sample_weight, "a calibration curve"), bins)

    _remarks = ""
    mass: np.ndarray | None = None

    @property
    def gap(self) -> float:
        """The mean distance between the probability and the share of each bin, by the weight of its rows."""
        weights = self.counts if self.mass is None else self.mass
        return float(np.average(np.abs(self.predicted - self.happened), weights=weights))

    @property
    def touching(self) -> np.ndarray:
        """Whether the whisker of each bin reaches the diagonal."""
        return (self.low <= self.predicted) & (self.predicted <= self.high)

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the curve."""
        where = f"{self.where[:1].upper()}{self.where[1:]}, " if self.where else ""
        worst = int(np.abs(self.predicted - self.happened).argmax())
        subject = "probabilities and" if where else "Probabilities and"
        words = f"{where}{subject} what {self._verb} are {100 * self.gap:.1f} points apart on average, and "
        words += (
            f"{int(self.touching.sum())} of {len(self.counts)} whiskers reach the diagonal. Farthest from it: where "
        )
        words += f"{self.event} has a probability of {_percent(self.predicted[worst])}, it {self._verb} in "
        return (
            words
            + f"{_percent(self.happened[worst])} of {style.counted(int(self.counts[worst]), 'row')}.{self._remarks}"
        )

    def table(self) -> dict[str, np.ndarray]:
        """Return the bins.

        Returns
        -------
        dict of str to array
            The mean probability of each bin, the share that happened with its whisker, and the number of rows.
        """
        return {
            "predicted": self.predicted, "happened": self.happened, "low": self.low, "high": self.high,
            "rows": self.counts,
        }  # fmt: skip

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes of the curve, and below those of the histogram.
        """
        figure = make(5.6, 6.6)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        top.tick_params(labelbottom=False)
        return style.dress(top), style.dress(bottom)

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        return tuple(each for each in style.one_or_two(ax, "this picture") if each is not None)

    def _draw(self, top: Axes, bottom: Axes | None = None) -> None:
        top.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        top.plot([0, 1], [0, 1], color=style.GREY, linewidth=1.2, label="calibrated")
        reach = np.maximum([self.happened - self.low, self.high - self.happened], 0.0)
        look: style.Look = {"color": style.BLUE, "linewidth": 1.6, "marker": "o", "markersize": 6}
        whisker: style.Look = {"elinewidth": 1.2, "capsize": 3, "label": "share with 95 % confidence"}
        top.errorbar(self.predicted, self.happened, reach, **look, **whisker)
        style.label(
            top, title=self.title, x="" if bottom is not None else self._axis, y=f"share that {self._verb}", legend=2
        )
        if bottom is not None:
            heights, edges = np.histogram(self.probabilities, np.linspace(0, 1, BARS + 1))
            bottom.stairs(heights, edges, fill=True, color=style.BLUE)
            if heights.max() > UNEVEN * np.median(heights[heights > 0]):
                bottom.set(yscale="log", ylim=(0.7, 2 * heights.max()))
            style.label(bottom, x=self._axis, y="rows")

    @property
    def _verb(self) -> str:
        return "is right" if self.event == PREDICTED else "happens"

    @property
    def _axis(self) -> str:
        return f"probability of {self.event}" if self.event else "probability"


def wilson(share: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Wilson's interval of 95 % confidence for shares of rows.

    Parameters
    ----------
    share : array
        The shares.
    rows : array
        The numbers of rows.

    Returns
    -------
    low, high : array
        The ends.

    Examples
    --------
    >>> [end.round(4).tolist() for end in wilson(np.array([0.0, 0.5]), np.array([10, 10]))]
    [[0.0, 0.2366], [0.2775, 0.7634]]
    """
    z = TWO_SIDED
    middle = share + z**2 / (2 * rows)
    half = z * np.sqrt(np.maximum(share * (1 - share), 0.0) / rows + z**2 / (4 * rows**2))
    low, high = (middle - half) / (1 + z**2 / rows), (middle + half) / (1 + z**2 / rows)
    # At 0 and at 1 the end is exact, without its rounding error.
    return np.where(share <= 0, 0.0, low), np.where(share >= 1, 1.0, high)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
