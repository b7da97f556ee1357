"""`DescentDisplay`: the distance from the best value and the gradient norm during a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Positive numbers that span more than this factor are drawn on a logarithmic axis. Chosen, not measured: on a linear
# axis all but the largest numbers would lie at the foot of the axis.
SPAN = 100


class DescentDisplay:
    """Value and gradient norm of a run, one above the other, by evaluation or by epoch.

    The upper axes show ``value - min(value)``, or ``max(value) - value`` for a run that was maximised.
    If the numbers span more than a factor of 100, the axis is logarithmic. A logarithmic axis has no
    zero, so a star at the foot of the axis marks the best value. Numbers that are not finite are left out.

    If the run has a validation loss, the upper axes show the loss and the validation loss instead, with a
    star at the smallest validation loss.

    Parameters
    ----------
    evaluations : array of shape (rows,)
        The evaluations or epochs at each row.
    value : array of shape (rows,)
        The value of each row, in the sign of the user's function.
    gradient_norm : array of shape (rows,)
        The norm of the gradient at each row.
    counted : str, optional
        The unit of ``evaluations``: "evaluations" or, for a fit, "epoch".
    maximized : bool, optional
        Whether the best value is the largest.
    title : str, optional
        The text above the picture.
    validation : array of shape (rows,), optional
        The loss on rows that were held out from a fit.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    axes_ : tuple of matplotlib.axes.Axes
        The upper and the lower axes; ``ax_`` is the upper one.

    Examples
    --------
    >>> DescentDisplay([1, 2, 3], [4.0, 3.0, 2.5], [2.0, 1.0, 0.5]).gap
    array([1.5, 0.5, 0. ])
    """

    def __init__(
        self,
        evaluations: ArrayLike,
        value: ArrayLike,
        gradient_norm: ArrayLike,
        *,
        counted: str = "evaluations",
        maximized: bool = False,
        title: str = "",
        validation: ArrayLike | None = None,
    ) -> None:
        self.validation = None if validation is None else np.asarray(validation, dtype=float)
        self.evaluations = np.asarray(evaluations)
        self.value = np.asarray(value, dtype=float)
        self.gradient_norm = np.asarray(gradient_norm, dtype=float)
        self.counted, self.maximized, self.title = counted, maximized, title

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike) -> DescentDisplay:
        """Read the columns of the trace of a run.

        Parameters
        ----------
        run : run or fit
            The run. A fit is drawn by epoch, any other run by evaluation.

        Returns
        -------
        DescentDisplay
            The display, not drawn yet.
        """
        trace = run.trace
        counted = "epoch" if "epoch" in trace.columns else "evaluations"
        return cls(
            trace.columns[counted],
            trace.value,
            trace.gradient_norm,
            counted=counted,
            maximized=run.maximized,
            title=run.title,
            validation=trace.columns.get("validation"),
        )

    @property
    def gap(self) -> np.ndarray:
        """The distance of each value from the best finite value."""
        finite = self.value[np.isfinite(self.value)]
        if not finite.size:
            return np.full(self.value.shape, np.nan)
        with np.errstate(over="ignore", invalid="ignore"):
            return finite.max() - self.value if self.maximized else self.value - finite.min()

    @property
    def height(self) -> np.ndarray:
        """The height of each row in the upper axes: its gap, or its loss if there is a validation loss."""
        return self.gap if self.validation is None else self.value

    @np.errstate(all="ignore")
    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> DescentDisplay:
        """Draw value and gradient norm.

        Parameters
        ----------
        ax : axes or two axes, optional
            Two axes, or a single one to split in half; a new figure by default.

        Returns
        -------
        DescentDisplay
            This display.
        """
        self.axes_ = style.stacked_axes(ax)
        self.ax_, lower = self.axes_
        self.figure_ = self.ax_.figure
        self._draw(lower, self.gradient_norm, 1)
        if self.validation is not None:
            self._draw_losses(self.ax_, self.validation)
        elif self._draw(self.ax_, self.gap, 0):
            self._mark_best(self.ax_)
        drawn = "best value − value" if self.maximized else "value − best value"
        drawn = drawn if self.validation is None else "loss"
        style.label(self.ax_, title=self.title, y=drawn, legend=0 if self.validation is None else 3)
        style.label(lower, x=self.counted, y="gradient norm")
        lower.locator_params(axis="x", integer=True)
        if len(self.evaluations) == 1:
            lower.set_xlim(self.evaluations[0] - 1, self.evaluations[0] + 1)
        return self

    def _draw_losses(self, ax: Axes, validation: np.ndarray) -> None:
        both = np.concatenate([self.value, validation])
        both = both[np.isfinite(both)]
        if both.size and both.min() > 0 and both.max() > SPAN * both.min():
            ax.set_yscale("log")
        for k, (name, losses) in enumerate({"loss": self.value, "validation": validation}.items()):
            finite = np.isfinite(losses)
            by, height = self.evaluations[finite], np.clip(losses[finite], -HUGE, HUGE)
            rows = style.rows_to_draw(height) if height.size else np.arange(0)
            ax.plot(by[rows], height[rows], label=name, **style.series(k, len(rows)))
        if np.isfinite(validation).any():
            best = int(np.nanargmin(np.where(np.isfinite(validation), validation, np.nan)))
            epoch = self.evaluations[best]
            ax.plot(epoch, validation[best], "*", markersize=11, color=style.BLUE, label=f"best, epoch {epoch:,}")

    def _draw(self, ax: Axes, numbers: np.ndarray, k: int) -> bool:
        finite = np.isfinite(numbers)
        by, numbers = self.evaluations[finite], numbers[finite]
        if not numbers.size:
            ax.text(0.5, 0.5, "no finite number", color=style.GREY, transform=ax.transAxes, ha="center")
            return False
        numbers = np.minimum(numbers, HUGE)
        positive = numbers > 0
        log = bool(positive.any() and numbers.max() > SPAN * numbers[positive].min())
        if log:
            ax.set_yscale("log")
            by, numbers = by[positive], np.maximum(numbers[positive], 1 / HUGE)
        rows = style.rows_to_draw(numbers)
        ax.plot(by[rows], numbers[rows], **style.series(k, len(rows)))
        return log

    def _mark_best(self, ax: Axes) -> None:
        ax.margins(y=0.12)  # space for the text at the star
        best = self.evaluations[np.flatnonzero(self.gap == 0)[0]]
        foot = ax.get_xaxis_transform()
        ax.plot(best, 0, "*", markersize=11, color=style.BLUE, transform=foot, clip_on=False, label="best")
        late = best > np.mean(ax.get_xlim())
        place: style.Look = {"textcoords": "offset points", "color": ax.yaxis.label.get_color()}
        place |= {"xytext": (-8, 2), "ha": "right"} if late else {"xytext": (8, 2), "ha": "left"}
        ax.annotate("best", (best, 0), xycoords=foot, fontsize=9, **place)
