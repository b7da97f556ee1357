"""A fit on one column as it learns: its line at several epochs, beside its loss by epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.descent import DescentDisplay
from steepest.inspection.plots.line import LineDisplay, curve_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = (1.0, 2 / 3, 1 / 3)  # of the way to the best line: where the lines of a fit are shown


class TrainingDisplay:
    """The data and the line of a fit on one column at several epochs, beside its loss by epoch.

    Parameters
    ----------
    line : LineDisplay
        The data and the fitted line.
    descent : DescentDisplay
        The loss and its gradient norm by epoch.
    epochs : array of shape (count,)
        The epochs whose lines are shown beside the fitted one.
    curves : array of shape (count, points)
        Those lines, at ``line.line_x``.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        What was drawn on.
    ax_ : matplotlib.axes.Axes
        The axes of the data and the lines.
    axes_ : tuple of matplotlib.axes.Axes
        Those, and the axes of loss and gradient norm where these were drawn.

    Examples
    --------
    >>> line = LineDisplay([0, 1], [1, 3], [0, 1], [1, 3])
    >>> descent = DescentDisplay([0, 1], [5.0, 0.0], [4.0, 0.0], counted="epoch")
    >>> TrainingDisplay(line, descent, [0], [[0, 0]]).curves
    array([[0., 0.]])
    """

    def __init__(self, line: LineDisplay, descent: DescentDisplay, epochs: Any, curves: Any) -> None:
        self.line, self.descent = line, descent
        self.epochs, self.curves = np.asarray(epochs, dtype=int), np.asarray(curves, dtype=float)

    @classmethod
    def from_run(
        cls,
        run: Any,
        epochs: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
        size: int = 200,
    ) -> TrainingDisplay:
        """Take the data of a fit, and ask its model for the line at several epochs.

        Parameters
        ----------
        run : fit
            A fit on one column of numbers.
        epochs : sequence of int, optional
            The epochs whose lines to show; of one that the trace lacks, the nearest kept before it. Where
            left out, the start and the first epochs at which √(loss - best loss), which for least squares
            measures how far the line still is from the best, has fallen to 2/3 and to 1/3 of the start's.
        names : pair of str, optional
            What the column and the target are called.
        size : int, optional
            At how many points the lines are evaluated.

        Returns
        -------
        TrainingDisplay
            Not drawn yet. Epochs whose parameters are not finite are left out, and so are all where the trace
            holds a sketch of the parameters instead of them.

        Raises
        ------
        ValueError
            Where the data are not at hand or not one column, or an epoch lies before the first.
        """
        line, descent = LineDisplay.from_run(run, names, size), DescentDisplay.from_run(run)
        x = np.asarray(run.trace.x, dtype=float)
        whole = x.shape[1] == sum(np.size(leaf) for leaf in _leaves(run.params))
        rows = _telling(descent) if epochs is None else _rows_of(epochs, descent.evaluations)
        rows = rows[np.isfinite(x[rows]).all(axis=1)] if whole else rows[:0]
        curves = [curve_of(run, line.line_x, _refilled(run.params, iter(x[row]))) for row in rows]
        return cls(line, descent, descent.evaluations[rows], np.reshape(curves, (len(rows), size)))

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, Axes]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            Width and height in inches to an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes of the line, and those whose room loss and gradient norm share.
        """
        return style.beside(make(*style.WIDE))

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> TrainingDisplay:
        """Draw the data with the lines, and the descent of the loss beside them.

        Parameters
        ----------
        ax : axes or two axes, optional
            Where to draw: one for data and lines alone, or two, of which loss and gradient norm share the
            second; a new figure where left out.

        Returns
        -------
        TrainingDisplay
            This display.
        """
        pair = self.room(style.pyplot_figure) if ax is None else style.one_or_two(ax, "a training")
        self.ax_, right = pair
        self.figure_ = self.ax_.figure
        self.axes_: tuple[Axes, ...] = (self.ax_,)
        self._draw_lines(self.ax_)
        if right is not None:
            shown = DescentDisplay(
                self.descent.evaluations,
                self.descent.value,
                self.descent.gradient_norm,
                counted=self.descent.counted,
                maximized=self.descent.maximized,
                validation=self.descent.validation,
            ).plot(right)
            self.axes_ += shown.axes_
            self._mark_epochs(shown.ax_)
        return self

    def _draw_lines(self, ax: Axes) -> None:
        line = self.line.plot(ax)
        seen = np.concatenate([line.y, line.line_y[np.isfinite(line.line_y)]])
        low, high = line.y.min(), line.y.max()
        room = (high - low) or max(1.0, abs(low))
        for k, (epoch, curve) in enumerate(zip(self.epochs, self.curves, strict=True)):
            ax.plot(line.line_x, curve, label=f"epoch {epoch:,}", markevery=0.1, zorder=1.5, **style.another(k))
            seen = np.concatenate([seen, curve[np.isfinite(curve)]])
        # A line far off at the start must not press the data flat.
        low, high = max(seen.min(), low - room), min(seen.max(), high + room)
        ax.set_ylim(low - 0.05 * room, high + 0.05 * room)
        style.words(ax, title=line.title, x=line.names[0], y=line.names[1], legend=4)

    def _mark_epochs(self, ax: Axes) -> None:
        rows = np.searchsorted(self.descent.evaluations, self.epochs)
        for k, row in enumerate(rows):
            height = self.descent.height[row]
            if np.isfinite(height) and (height > 0 or ax.get_yscale() == "linear"):
                ax.plot(self.epochs[k], height, **(style.another(k) | {"markersize": 8}))


def _telling(descent: DescentDisplay) -> np.ndarray:
    """Return the rows whose lines show the learning: the start, and where the best is a third nearer each time."""
    far = np.sqrt(descent.gap)
    if not np.isfinite(far[:1]).any():
        return np.arange(min(len(far), 1))
    rows = np.unique([np.flatnonzero(far <= part * far[0])[0] for part in PARTS])
    return rows[far[rows] > 0]  # the best is the fitted line itself


def _rows_of(epochs: Sequence[int], known: np.ndarray) -> np.ndarray:
    rows = np.searchsorted(known, np.asarray(epochs, dtype=float).ravel(), side="right") - 1
    if (rows < 0).any():
        raise ValueError(f"epochs={epochs!r} and the first epoch of the fit is {known[0]}: give none before it")
    return np.unique(rows)


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for branch in tree.values() for leaf in _leaves(branch)]
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in _leaves(branch)]
    return [tree]


def _refilled(tree: Any, numbers: Any) -> Any:
    """Return a tree of the same layout with other numbers, in the order of the names of a trace."""
    if isinstance(tree, dict):
        return {name: _refilled(branch, numbers) for name, branch in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_refilled(branch, numbers) for branch in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_refilled(branch, numbers) for branch in tree)
    shape = np.shape(tree)
    return np.array([next(numbers) for _ in range(np.size(tree))]).reshape(shape)[()]
