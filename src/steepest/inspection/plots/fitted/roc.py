"""`RocDisplay`: how well a fit ranks the rows of a class above the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.fitted.predictions import Predictions, class_named, classified, given_classes
from steepest.types import Array, Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CURVES = 6


class Roc(NamedTuple):
    """The curve of one class against the others.

    Attributes
    ----------
    false, true : array
        The shares of the other rows, and of the rows of the class, whose output is at least each threshold.
    thresholds : array
        The thresholds, from the largest; the first is infinite.
    area : float
        The area under the curve; NaN if all rows are of the class, or none is.
    """

    false: np.ndarray
    true: np.ndarray
    thresholds: np.ndarray
    area: float


# The words at the chosen point are at its left beyond this share of false alarms, and above it below this share found.
FAR_RIGHT, NEAR_FLOOR = 0.65, 0.25


class RocDisplay(Display):
    """The receiver operating characteristic: the share of a class that is found, against the share of false alarms.

    With several classes each has a curve against the rest; beyond six classes the six that are told apart worst are
    shown. A dot marks where two classes are told apart by default.

    Parameters
    ----------
    curves : dict of str to Roc
        The curve of each class.
    threshold : float, optional
        The output above which the second of two classes is predicted; NaN for several classes.
    labels : sequence of str, optional
        The two classes, or all of them.
    where : str, optional
        On which rows, for the caption.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes.
    areas : dict of str to float
        The area under the curve of each class: how often a row of the class has a larger output than one of the
        others, where equal outputs count half.

    Examples
    --------
    >>> display = RocDisplay.from_predictions([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> display.areas
    {'1': 0.75}
    """

    def __init__(
        self, curves: dict[str, Roc], *, threshold: float = math.nan, labels: Sequence[str] = (), where: str = "",
        title: str = "",
    ) -> None:  # fmt: skip
        self.curves, self.threshold, self.labels = curves, threshold, tuple(labels)
        self.where, self.title = where, title

    @classmethod
    def _of(cls, rows: Predictions) -> RocDisplay:
        if rows.outputs.ndim == 1:
            curves = {rows.labels[1]: roc_of(rows.truth == 1, rows.outputs, rows.weight)}
            threshold = rows.threshold
        else:
            curves = {
                label: roc_of(rows.truth == k, rows.outputs[:, k], rows.weight) for k, label in enumerate(rows.labels)
            }
            threshold = math.nan
        made = cls(curves, threshold=threshold, labels=rows.labels, where=rows.where, title=rows.title)
        made._remarks = rows.remarks
        return made

    @classmethod
    def from_predictions(
        cls, truth: ArrayLike, outputs: ArrayLike, *, sample_weight: ArrayLike | None = None,
        labels: Sequence[object] | None = None, scores: bool = False,
    ) -> RocDisplay:  # fmt: skip
        """Compute the curves of outputs of any model.

        Parameters
        ----------
        truth : array of shape (rows,)
            The class of each row: one of `labels`, or its number from 0.
        outputs : array of shape (rows,) or (rows, classes)
            The probability or score of the second of two classes, or those of each class.
        sample_weight : array of shape (rows,), optional
            The weights of the rows.
        labels : sequence, optional
            The classes, in the order of their outputs.
        scores : bool, optional
            Whether the outputs are scores, above 0 for the second class, instead of probabilities.

        Returns
        -------
        RocDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the numbers of rows differ, or no target is one of the classes.
        """
        return cls._of(given_classes(truth, outputs, sample_weight, labels, scores))

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: Any, X: Rows = None, y: Array = None, *, sample_weight: Array = None) -> RocDisplay:
        """Compute the curves for the rows of a fit, or for other rows.

        Parameters
        ----------
        run : fit, fit of a table, or estimator
            The fit of a classification.
        X, y : array or DataFrame, array, optional
            Other rows; for the fit of a table a table, whose target may be in it. By default those that were held out
            of the fit, or else those of the fit.
        sample_weight : array of shape (rows,), optional
            The weights of other rows.

        Returns
        -------
        RocDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit has no rows and none are given, or it is a regression.
        TypeError
            If the run is not a fit.
        """
        return cls._of(classified(run, X, y, sample_weight, "a ROC curve"))

    _remarks = ""

    @property
    def areas(self) -> dict[str, float]:
        """The area under the curve of each class."""
        return {label: curve.area for label, curve in self.curves.items()}

    @property
    def shown(self) -> dict[str, Roc]:
        """The curves that are drawn: all, or those with the least area."""
        order = sorted(self.curves, key=lambda label: np.nan_to_num(self.curves[label].area, nan=np.inf))
        kept = set(order[:MOST_CURVES])
        return {label: curve for label, curve in self.curves.items() if label in kept}

    @property
    def chosen(self) -> tuple[float, float] | None:
        """The shares of false alarms and of rows found at the threshold; None for several classes."""
        if len(self.curves) != 1 or math.isnan(self.threshold):
            return None
        (curve,) = self.curves.values()
        row = int(np.searchsorted(-curve.thresholds, -self.threshold, side="left")) - 1
        return float(curve.false[row]), float(curve.true[row])

    @property
    def caption(self) -> str:
        """A description of the picture, with the areas."""
        known = {label: area for label, area in self.areas.items() if math.isfinite(area)}
        if not known:
            where = f"{self.where[:1].upper()}{self.where[1:]}, all" if self.where else "All"
            return f"{where} rows are of one class, so there is nothing to rank.{self._remarks}"
        if len(self.curves) == 1:
            ((label, area),) = known.items()
            label, other = class_named(label), class_named(self.labels[0]) if len(self.labels) == 2 else "another class"
            words = f"{self.where[:1].upper()}{self.where[1:]}, " if self.where else ""
            words += f"a row of {label} has a larger output than one of {other} in {_percent(area)} of pairs"
            if self.chosen is not None:
                false, true = self.chosen
                words += f". At the dot, {_percent(true)} of {label} are found, with {_percent(false)} of "
                words += f"{other} as false alarms"
            return f"{words}.{self._remarks}"
        worst, best = (kind(known, key=lambda label: known[label]) for kind in (min, max))
        words = f"Each class against the rest, {self.where}".rstrip().rstrip(",")
        if known[worst] == known[best]:
            return f"{words}: all are told apart equally well (area {known[best]:.3f}).{self._remarks}"
        words += f": {class_named(worst)} is told apart worst (area {known[worst]:.3f}), "
        words += f"{class_named(best)} best ({known[best]:.3f})."
        if len(self.shown) < len(self.curves):
            words += f" The {len(self.shown)} worst of {len(self.curves)} classes are shown."
        return words + self._remarks

    def table(self) -> dict[str, np.ndarray]:
        """Return the points of the curves.

        Returns
        -------
        dict of str to array
            The class, the threshold, and the shares of false alarms and of rows found.
        """
        curves = self.curves
        return {
            "class": np.concatenate([np.full(len(each.true), label, dtype=object) for label, each in curves.items()]),
            "threshold": np.concatenate([each.thresholds for each in curves.values()]),
            "false alarms": np.concatenate([each.false for each in curves.values()]),
            "found": np.concatenate([each.true for each in curves.values()]),
        }

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a square figure.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes.
        """
        return (style.dress(make(5.6, 5.8).add_subplot()),)

    def _draw(self, ax: Axes) -> None:
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        ax.set_box_aspect(1)
        ax.plot([0, 1], [0, 1], color=style.GREY, linewidth=1.2, label="by chance (0.5)")
        for k, (label, curve) in enumerate(self.shown.items()):
            if not math.isfinite(curve.area):
                continue
            rows = np.arange(len(curve.true))
            if len(rows) > style.MAX_POINTS:
                rows = np.unique(np.searchsorted(curve.false + curve.true, np.linspace(0, 2, style.MAX_POINTS)))
                rows = np.unique(np.r_[0, np.minimum(rows, len(curve.true) - 1), len(curve.true) - 1])
            look = style.distinct(k) | {"marker": "", "linewidth": 1.9}
            ax.plot(curve.false[rows], curve.true[rows], label=f"{label} (area {curve.area:.3f})", **look)
        if self.chosen is not None and math.isfinite(next(iter(self.areas.values()))):
            ax.plot(*self.chosen, marker="o", markersize=8, color=style.BLUE, linestyle="", zorder=4, clip_on=False)
            # Below the point, at its right, where no good curve is; but never over the labels of the axes.
            right, low = self.chosen[0] > FAR_RIGHT, self.chosen[1] < NEAR_FLOOR
            ax.annotate(
                f"threshold {self.threshold:g}", self.chosen, (-10 if right else 32 if low else 10, 2 if low else -12),
                textcoords="offset points", va="bottom" if low else "top", ha="right" if right else "left",
                fontsize=9, color=ax.xaxis.label.get_color(),
            )  # fmt: skip
        only = next(iter(self.curves)) if len(self.curves) == 1 else "the class"
        x, y = f"false alarms (share of the other rows taken for {only})", f"found (share of {only})"
        style.label(ax, title=self.title, x=x, y=y, legend=2)


def roc_of(positive: np.ndarray, outputs: np.ndarray, weight: np.ndarray | None = None) -> Roc:
    """Return the curve of one class.

    Parameters
    ----------
    positive : array of bool of shape (rows,)
        Which rows are of the class.
    outputs : array of shape (rows,)
        The outputs, larger for the class.
    weight : array of shape (rows,), optional
        The weights of the rows.

    Returns
    -------
    Roc
        The curve, with one point for each different output.

    Examples
    --------
    >>> roc_of(np.array([False, True]), np.array([0.2, 0.7]))
    Roc(false=array([0., 0., 1.]), true=array([0., 1., 1.]), thresholds=array([inf, 0.7, 0.2]), area=1.0)
    """
    weight = np.ones(len(outputs)) if weight is None else weight
    order = np.argsort(-outputs, kind="stable")
    ranked, mass, own = outputs[order], weight[order], positive[order]
    ends = np.r_[np.flatnonzero(np.diff(ranked)), len(ranked) - 1]
    with np.errstate(all="ignore"):
        true, false = (np.r_[0.0, np.cumsum(mass * part)[ends]] for part in (own, ~own))
        true, false = true / true[-1], false / false[-1]
    return Roc(false, true, np.r_[np.inf, ranked[ends]], float(np.trapezoid(true, false)))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
