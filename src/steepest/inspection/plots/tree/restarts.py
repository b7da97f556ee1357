"""`RestartsDisplay`: the losses of the soft trees of all restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import RunLike, has_restarts
from steepest.inspection.window import HUGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RestartsDisplay(Display):
    """The objective of the soft tree of each restart, by epoch.

    It is the loss, and a term that keeps rows in all leaves and fades to 0 by the end; so it may be negative. It may
    rise, also because a hard split has less freedom than a soft one. The restart that ends lowest is thick. Where
    numbers are not finite the line is broken, with a cross at each of its ends.

    Parameters
    ----------
    epochs : array of shape (rows,)
        The epochs.
    losses : array of shape (rows, restarts)
        The loss of each restart.
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
    >>> RestartsDisplay([0, 1], [[9.0, 8.0, 9.0], [4.0, 2.0, 3.0]]).best
    1
    """

    def __init__(self, epochs: ArrayLike, losses: ArrayLike, *, title: str = "") -> None:
        self.epochs, self.losses, self.title = np.asarray(epochs), np.asarray(losses, dtype=float), title

    @classmethod
    def from_run(cls, run: RunLike) -> RestartsDisplay:
        """Read the losses of the restarts from the trace of a tree's fit.

        Parameters
        ----------
        run : fit
            The fit of a tree, or of a tree to a table.

        Returns
        -------
        RestartsDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit is not that of a tree.
        """
        if not has_restarts(run):
            raise ValueError("this run is not the fit of a tree: use DescentDisplay.from_run(run), which draws any run")
        columns = run.trace.columns
        losses = [column for name, column in columns.items() if name.startswith("restart ")]
        return cls(columns["epoch"], np.stack(losses, axis=1), title=run.title)

    @property
    def best(self) -> int:
        """The place of the restart with the smallest last loss, from 0."""
        return int(np.argmin(np.nan_to_num(self.losses[-1], nan=np.inf)))

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the fit."""
        count, last = self.losses.shape[1], style.number(self.losses[-1, self.best])
        found = f"restart {self.best + 1} ends lowest, at {last}"
        if count == 1:
            return f"The soft tree ends at {last}, after {style.counted(int(self.epochs[-1]), 'epoch')}."
        begin = f"{style.counted(count, 'soft tree')} descend from different starts: {found}"
        return f"{begin}. They minimise the loss and the imbalance of leaves."

    def table(self) -> dict[str, np.ndarray]:
        """Return the losses of each epoch.

        Returns
        -------
        dict of str to array
            The epochs, then the loss of each restart.
        """
        return {"epoch": self.epochs} | {f"restart {k}": column for k, column in enumerate(self.losses.T, start=1)}

    def _draw(self, ax: Axes) -> None:
        count = self.losses.shape[1] - 1
        others = f"{count} other restart{'s' * (count != 1)}"
        thin = style.series(1) | {"linestyle": "-", "linewidth": 0.7, "alpha": 0.6}
        for k, losses in enumerate(self.losses.T):
            if k != self.best:
                self._line(ax, losses, thin | {"label": others})
                others = "_"  # the legend leaves it out
        thick = style.series(0, len(self.epochs)) | {"linewidth": 2.2, "label": f"restart {self.best + 1}"}
        self._line(ax, self.losses[:, self.best], thick)
        style.label(ax, title=self.title, x="epoch", y="loss + balance of leaves", legend=2)
        ax.locator_params(axis="x", integer=True)

    def _line(self, ax: Axes, losses: np.ndarray, look: style.Look) -> None:
        shown = np.where(np.isfinite(losses), np.clip(losses, -HUGE, HUGE), np.nan)
        style.broken_line(ax, self.epochs, shown, look)
