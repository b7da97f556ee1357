"""`MembersDisplay`: the training and validation losses of the members of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import RunLike, has_members
from steepest.inspection.window import HUGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class MembersDisplay(Display):
    """The losses of each member of a network by epoch, their means, and the best epoch of each member.

    The curve of a member is thin, and the mean of all members is thick. A star marks the epoch that a member keeps: the
    one with its smallest validation loss, or the last one if there is no validation loss. The axis is logarithmic
    if all losses are positive. Where numbers are not finite the line is broken, with a cross at each of its ends.

    Parameters
    ----------
    epochs : array of shape (rows,)
        The epochs.
    training : array of shape (rows, members)
        The loss of each member on the rows that it learns from.
    validation : array of shape (rows, members), optional
        The loss of each member on the rows that it leaves out.
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
    >>> MembersDisplay([0, 1, 2], [[4, 5], [2, 3], [1, 1]], [[5, 6], [3, 4], [4, 2]]).best_epochs
    array([1, 2])
    """

    def __init__(
        self, epochs: ArrayLike, training: ArrayLike, validation: ArrayLike | None = None, *, title: str = ""
    ) -> None:
        self.epochs, self.training = np.asarray(epochs), np.asarray(training, dtype=float)
        self.validation = None if validation is None else np.asarray(validation, dtype=float)
        self.title = title

    @classmethod
    def from_run(cls, run: RunLike) -> MembersDisplay:
        """Read the losses of the members from the trace of a network's fit.

        Parameters
        ----------
        run : fit
            The fit of a network, or of a network to a table.

        Returns
        -------
        MembersDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit is not that of a network.
        """
        trace = run.trace
        if not has_members(run):
            raise ValueError(
                "this run has no members, because it is not the fit of a network: "
                "use DescentDisplay.from_run(run), which draws any run"
            )
        validation = trace.members("validation") if "validation" in trace.columns else None
        return cls(trace.columns["epoch"], trace.members("training"), validation, title=run.title)

    @property
    def rows_of_best(self) -> np.ndarray:
        """The row of the best epoch of each member."""
        if self.validation is None:
            return np.full(self.training.shape[1], len(self.epochs) - 1)
        return np.argmin(np.where(np.isnan(self.validation), np.inf, self.validation), axis=0)

    @property
    def best_epochs(self) -> np.ndarray:
        """The best epoch of each member."""
        return self.epochs[self.rows_of_best]

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the fit."""
        count = self.training.shape[1]
        judged, rows = self.training if self.validation is None else self.validation, self.rows_of_best
        losses = judged[rows, np.arange(count)]
        kind = "training" if self.validation is None else "validation"
        at = ", ".join(f"{epoch:,}" for epoch in np.unique(self.best_epochs)[:5]) + ", …" * (
            np.unique(self.best_epochs).size > 5
        )
        several = np.unique(self.best_epochs).size > 1
        said = f"{style.counted(count, 'member')} learnt for {style.counted(int(self.epochs[-1]), 'epoch')}"
        if np.isfinite(losses).any():
            mean = style.number(float(np.nanmean(np.where(np.isfinite(losses), losses, np.nan))))
            said += f"; the mean {kind} loss of those kept, from epoch{'s' * several} {at}, is {mean}"
        return said + "."

    def table(self) -> dict[str, np.ndarray]:
        """Return the losses of each epoch.

        Returns
        -------
        dict of str to array
            The epochs, then the training and the validation loss of each member.
        """
        table = {"epoch": self.epochs}
        kinds = {"training": self.training} | ({} if self.validation is None else {"validation": self.validation})
        for kind, losses in kinds.items():
            table |= {f"{kind} {k}": column for k, column in enumerate(losses.T, start=1)}
        return table

    def _draw(self, ax: Axes) -> None:
        judged = self.training if self.validation is None else self.validation
        every = np.concatenate([self.training, judged])
        finite = every[np.isfinite(every)]
        if finite.size and finite.min() > 0:
            ax.set_yscale("log")
            if finite.max() < 10 * finite.min():
                # Within a factor of 10 the usual labels, such as 6 × 10⁻¹, are hard to read.
                ax.yaxis.set_major_formatter("{x:g}")
                ax.yaxis.set_minor_formatter("{x:g}")
        if not finite.size:
            ax.text(0.5, 0.5, "no finite number", color=style.GREY, transform=ax.transAxes, ha="center")
        self._draw_losses(ax, "training", self.training, 0)
        if self.validation is not None:
            self._draw_losses(ax, "validation", self.validation, 1)
        self._mark_best(ax, judged)
        style.label(ax, title=self.title, x="epoch", y="loss", legend=3)
        ax.locator_params(axis="x", integer=True)
        if len(self.epochs) == 1:
            ax.set_xlim(self.epochs[0] - 1, self.epochs[0] + 1)

    def _draw_losses(self, ax: Axes, name: str, losses: np.ndarray, k: int) -> None:
        look = style.series(k)
        several = losses.shape[1] > 1
        for member in losses.T if several else ():
            self._line(ax, member, look | {"linestyle": "-", "linewidth": 0.6, "alpha": 0.6})
        label = f"{name}, mean of {losses.shape[1]} members" if several else name
        marked = style.series(k, len(losses)) | {"linewidth": 2.2, "label": label}
        self._line(ax, losses.mean(axis=1), marked)

    def _line(self, ax: Axes, losses: np.ndarray, look: style.Look) -> None:
        shown = np.where(np.isfinite(losses), np.clip(losses, -HUGE, HUGE), np.nan)
        style.broken_line(ax, self.epochs, shown, look)

    def _mark_best(self, ax: Axes, losses: np.ndarray) -> None:
        rows = self.rows_of_best
        heights = losses[rows, np.arange(losses.shape[1])]
        drawn = np.isfinite(heights)
        if drawn.any():
            low, high = self.best_epochs.min(), self.best_epochs.max()
            which = f"epoch {low:,}" if low == high else f"epochs {low:,} to {high:,}"
            kept = "best" if self.validation is not None else "kept"
            star: style.Look = {"color": style.GREEN, "markersize": 9, "zorder": 3, "label": f"{kept}, {which}"}
            ax.plot(self.best_epochs[drawn], heights[drawn], "*", **star)
