"""`TrainingDisplay`: the line of a fit on one column at several epochs, and the loss by epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.descent import DescentDisplay
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.line import LineDisplay, curve_of
from steepest.inspection.protocol import FitLike
from steepest.printable import quoted
from steepest.types import Array, PyTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# For each share, show the first line whose distance from the best line is at most this share of the first distance.
PARTS = (1.0, 2 / 3, 1 / 3)


class TrainingDisplay(Display):
    """The data and the line of a fit on one column at several epochs, and the loss by epoch.

    Parameters
    ----------
    line : LineDisplay
        The data and the fitted line.
    descent : DescentDisplay
        The loss and its gradient norm by epoch.
    epochs : array of shape (count,)
        The epochs whose lines are shown in addition to the fitted line.
    curves : array of shape (count, points)
        The lines of these epochs, at ``line.line_x``.

    Examples
    --------
    >>> line = LineDisplay([0, 1], [1, 3], [0, 1], [1, 3])
    >>> descent = DescentDisplay([0, 1], [5.0, 0.0], [4.0, 0.0], counted="epoch")
    >>> TrainingDisplay(line, descent, [0], [[0, 0]]).curves
    array([[0., 0.]])
    """

    def __init__(self, line: LineDisplay, descent: DescentDisplay, epochs: ArrayLike, curves: ArrayLike) -> None:
        self.line, self.descent = line, descent
        self.epochs, self.curves = np.asarray(epochs, dtype=int), np.asarray(curves, dtype=float)

    @classmethod
    @np.errstate(all="ignore")
    def from_run(
        cls,
        run: FitLike,
        epochs: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
        size: int = 200,
    ) -> TrainingDisplay:
        """Evaluate the line of a fit at several epochs.

        Parameters
        ----------
        run : fit
            A fit on one column of numbers.
        epochs : sequence of int, optional
            The epochs whose lines to show; for an epoch that is not in the trace, the last epoch before it.
            By default the start and the first epochs at which √(loss - best loss), which for least squares is
            the distance of the line from the best line, has fallen to 2/3 and to 1/3 of its first value.
        names : pair of str, optional
            The names of the column and of the target.
        size : int, optional
            The number of points of each line.

        Returns
        -------
        TrainingDisplay
            The display, not drawn yet. Epochs whose parameters are not finite are left out. No epoch is shown if
            the trace holds a sketch of the parameters.

        Raises
        ------
        ValueError
            If the fit has no data or more than one column, or an epoch lies before the first of the trace.
        """
        line, descent = LineDisplay.from_run(run, names, size, band=False), DescentDisplay.from_run(run)
        x = np.asarray(run.trace.x, dtype=float)
        complete = x.shape[1] == sum(np.size(leaf) for leaf in _leaves(run.params))
        rows = _rows_of_progress(descent) if epochs is None else _rows_of(epochs, descent.evaluations)
        rows = rows[np.isfinite(x[rows]).all(axis=1)] if complete else rows[:0]
        curves = [curve_of(run, line.line_x, _refilled(run.params, iter(x[row]))) for row in rows]
        return cls(line, descent, descent.evaluations[rows], np.reshape(curves, (len(rows), size)))

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, Axes]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes of the line, and the axes that loss and gradient norm share.
        """
        return style.side_by_side(make(*style.WIDE))

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        left, right = style.one_or_two(ax, "a training")
        return (left,) if right is None else (left, right)

    @property
    def caption(self) -> str:
        """A description of the picture, with the epochs and their losses."""
        value, epochs = self.descent.value, self.descent.evaluations
        finite = np.flatnonzero(np.isfinite(value))
        if not finite.size:
            return "The fit is drawn through the data; no epoch has a finite loss."
        first, last = finite[[0, -1]]
        begin = f"From epoch {epochs[first]:,} to epoch {epochs[last]:,} the curve turns into the fit"
        return f"{begin}; the loss goes from {style.number(value[first])} to {style.number(value[last])}."

    def table(self) -> dict[str, np.ndarray]:
        columns = {self.line.names[0]: self.line.line_x, "fit": self.line.line_y}
        return columns | {f"epoch {epoch:,}": each for epoch, each in zip(self.epochs, self.curves, strict=True)}

    def _draw(self, left: Axes, right: Axes | None = None) -> None:
        self._draw_lines(left)
        if right is not None:
            shown = DescentDisplay(
                self.descent.evaluations,
                self.descent.value,
                self.descent.gradient_norm,
                counted=self.descent.counted,
                maximized=self.descent.maximized,
                validation=self.descent.validation,
            ).plot(right)
            self.axes_ = (left, *shown.axes_)
            self._mark_epochs(shown.ax_)

    def _draw_lines(self, ax: Axes) -> None:
        line = self.line.plot(ax)
        heights = np.concatenate([line.y, line.line_y[np.isfinite(line.line_y)]])
        low, high = line.y.min(), line.y.max()
        span = (high - low) or max(1.0, abs(low))
        for k, (epoch, curve) in enumerate(zip(self.epochs, self.curves, strict=True)):
            ax.plot(line.line_x, curve, label=f"epoch {epoch:,}", markevery=0.1, zorder=1.5, **style.additional(k))
            heights = np.concatenate([heights, curve[np.isfinite(curve)]])
        # An early line that is far from the data must not squeeze the data together.
        low, high = max(heights.min(), low - span), min(heights.max(), high + span)
        ax.set_ylim(low - 0.05 * span, high + 0.05 * span)
        style.label(ax, title=line.title, x=line.names[0], y=line.names[1], legend=4)

    def _mark_epochs(self, ax: Axes) -> None:
        rows = np.searchsorted(self.descent.evaluations, self.epochs)
        for k, row in enumerate(rows):
            height = self.descent.height[row]
            if np.isfinite(height) and (height > 0 or ax.get_yscale() == "linear"):
                ax.plot(self.epochs[k], height, **(style.additional(k) | {"markersize": 8}))


def _rows_of_progress(descent: DescentDisplay) -> np.ndarray:
    """Return the first row, and the first rows whose distance from the best row has fallen to 2/3 and to 1/3."""
    distance = np.sqrt(descent.gap)
    if not np.isfinite(distance[:1]).any():
        return np.arange(min(len(distance), 1))
    rows = np.unique([np.flatnonzero(distance <= part * distance[0])[0] for part in PARTS])
    return rows[distance[rows] > 0]  # without the best row, whose line is the fitted line


def _rows_of(epochs: Sequence[int], known: np.ndarray) -> np.ndarray:
    rows = np.searchsorted(known, np.asarray(epochs, dtype=float).ravel(), side="right") - 1
    if (rows < 0).any():
        raise ValueError(f"epochs={quoted(epochs)} and the first epoch of the fit is {known[0]}: give none before it")
    return np.unique(rows)


def _leaves(tree: PyTree) -> list[Array]:
    if isinstance(tree, dict):
        return [leaf for branch in tree.values() for leaf in _leaves(branch)]
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in _leaves(branch)]
    return [tree]


def _refilled(tree: PyTree, numbers: Iterator[float]) -> PyTree:
    """Return a tree of the same layout with other numbers, in the order of the columns of a trace."""
    if isinstance(tree, dict):
        return {name: _refilled(branch, numbers) for name, branch in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_refilled(branch, numbers) for branch in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_refilled(branch, numbers) for branch in tree)
    shape = np.shape(tree)
    return np.array([next(numbers) for _ in range(np.size(tree))]).reshape(shape)[()]
