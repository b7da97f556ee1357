"""`PredictedDisplay`: what a fit predicts against the true values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.fitted.cloud import draw_cloud, limits
from steepest.inspection.plots.fitted.predictions import Predictions, numbers_of, r2_of
from steepest.types import Array, Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class PredictedDisplay(Display):
    """The predictions of a regression against the true values, with the diagonal on which both are equal.

    Beyond 2,000 rows, cells show how many rows they hold, and held-out rows, if there are any, are shown alone.

    Parameters
    ----------
    truth, predicted : array of shape (rows,)
        The true values and the predictions. Rows that are not finite are left out.
    weight : array of shape (rows,), optional
        The weights of the rows.
    unseen : array of bool of shape (rows,), optional
        The rows that the model did not learn from; none by default.
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
        The axes.
    r2, error : float
        R² and the root mean square error on the held-out rows, or on all if none were held out.

    Examples
    --------
    >>> display = PredictedDisplay([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    >>> display.r2, round(display.error, 4)
    (0.5, 0.5774)
    """

    def __init__(
        self, truth: ArrayLike, predicted: ArrayLike, weight: ArrayLike | None = None,
        unseen: ArrayLike | None = None, *, target: str = "", source: str = "given", title: str = "",
    ) -> None:  # fmt: skip
        self._set(Predictions.of(truth, predicted, weight, unseen, source=source, title=title), target)

    def _set(self, rows: Predictions, target: str) -> None:
        self.rows, self.target, self.title = rows, target, rows.title
        self.truth, self.predicted, self.weight, self.unseen = rows.truth, rows.outputs, rows.weight, rows.unseen
        self.r2, self.error = self._score(rows.honest)

    @classmethod
    @np.errstate(all="ignore")
    def from_run(
        cls, run: Any, X: Rows = None, y: Array = None, *, sample_weight: Array = None, target: str = ""
    ) -> PredictedDisplay:
        """Predict the rows of a fit, or other rows.

        Parameters
        ----------
        run : fit, fit of a table, or estimator
            The fit of a regression.
        X, y : array or DataFrame, array, optional
            Other rows; for the fit of a table a table, whose target may be in it. By default those of the fit, with
            those that were held out of it.
        sample_weight : array of shape (rows,), optional
            The weights of other rows.
        target : str, optional
            The name of the predicted column; by default that in the data.

        Returns
        -------
        PredictedDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit has no rows and none are given, or it is one of classes.
        TypeError
            If the run is not a fit.
        """
        rows = numbers_of(run, X, y, sample_weight, "true number to compare with")
        return cls._of(rows, target or target_of(run))

    @classmethod
    def _of(cls, rows: Predictions, target: str) -> PredictedDisplay:
        made = cls.__new__(cls)
        made._set(rows, target)
        return made

    @staticmethod
    def _score(rows: Predictions) -> tuple[float, float]:
        error = math.sqrt(np.average((rows.truth - rows.outputs) ** 2, weights=rows.weight))
        return r2_of(rows.truth, rows.outputs, rows.weight), error

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the fit."""
        honest = self.rows.honest
        words = f"{_r2_in_words(self.r2, len(honest))} {honest.where}, with a root mean square error of "
        words += style.number(self.error)
        if honest is not self.rows and not self.unseen.all():
            seen = self.rows.at(~self.unseen, self.rows.source)
            words += f" ({_r2_in_words(self._score(seen)[0], len(seen))} {seen.where})"
        words += f". Predictions {_span_of(honest.outputs)}, true values {_span_of(honest.truth)}; "
        words += "points above the line are predicted too high."
        return words + self.rows.remarks

    def table(self) -> dict[str, np.ndarray]:
        """Return the rows.

        Returns
        -------
        dict of str to array
            The true value and the prediction of each row, and whether the model did not learn from it.
        """
        return {"true": self.truth, "predicted": self.predicted, "held out": self.unseen}

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
        many, held = len(self.rows) > style.MAX_POINTS, self.unseen
        shown = self.rows.honest if many else self.rows
        ends = limits(np.concatenate([shown.truth, shown.outputs]))
        ax.set(xlim=ends, ylim=ends)
        ax.set_box_aspect(1)
        ax.plot(ends, ends, color=style.GREY, linewidth=1.2, label="predicted exactly", zorder=3 if many else 1)
        if many:
            draw_cloud(
                ax,
                shown.truth,
                shown.outputs,
                "held out" if shown.unseen.any() else "rows",
                int(held.any() and not held.all()),
            )
        else:
            if not held.all():
                label = "fitted rows" if self.rows.source == "it was fitted to" else "rows"
                draw_cloud(ax, self.truth[~held], self.predicted[~held], label)
            if held.any():
                draw_cloud(ax, self.truth[held], self.predicted[held], "held out", int(not held.all()))
        name = f" {self.target}" if self.target else ""
        style.label(ax, title=self.title, x=f"true{name}", y=f"predicted{name}", legend=3)


def target_of(run: Any) -> str:
    """Return the name of the predicted column; "" if it has none.

    Parameters
    ----------
    run : fit
        The fit.

    Returns
    -------
    str
        The name.
    """
    target = getattr(run, "target", None)
    data = getattr(run, "data", None)
    return target if isinstance(target, str) else str(getattr(data[1], "name", None) or "") if data else ""


def _span_of(values: np.ndarray) -> str:
    low, high = style.number(values.min()), style.number(values.max())
    return f"are all {low}" if low == high else f"go from {low} to {high}"


def _r2_in_words(r2: float, rows: int) -> str:
    if math.isfinite(r2):
        return f"R² is {round(r2, 3) + 0.0:.3f}".replace("-", "−")
    return "There is no R² (one row has none)" if rows == 1 else "There is no R² (all true values are equal)"
