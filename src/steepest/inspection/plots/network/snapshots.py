"""`SnapshotsDisplay`: how the predictions of a network on one or two columns form, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.line import classes_of
from steepest.inspection.plots.plane import as_columns, drawn_rows, grid_over
from steepest.inspection.protocol import NetworkFitLike, TableFitLike, fitted_target
from steepest.inspection.window import HUGE, levels_of
from steepest.printable import MOST_LETTERS, printable, quoted
from steepest.types import Function

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ANSWER = "answer"
OPACITY = 0.5  # of the colour of a class where its probability is 1, so that points in this colour stay visible
PANEL = 2.2  # the width and height of a panel in inches
LEAST_LINES = 6  # the contour lines of a surface: fewer than in a large picture


class SnapshotsDisplay(Display):
    """The predictions of a network at several epochs and at its answer, one panel each, with the rows as points.

    For classes on two columns the colour is that of the most probable class, stronger the more probable it is, and a
    line runs where two classes are equally probable. For numbers on two columns, contour lines of the same heights are
    drawn in all panels; on one column, the curve of the predictions.

    Parameters
    ----------
    grids : sequence of array
        The grid on which the predictions were made: one array for each column.
    panels : mapping of str to array
        The predictions by the name of their epoch. The shape is (size,) on one column, and (size, size) on two, with
        ``panels[name][i, j]`` at ``grids[0][j]`` and ``grids[1][i]``; for classes on two columns there is one more
        axis, with a probability for each class.
    X : array of shape (rows, columns)
        The columns of the rows.
    y : array of shape (rows,)
        Their targets; for classes, numbers from 0.
    names : sequence of str, optional
        The names of the columns, and on one column also that of the target.
    labels : sequence of str, optional
        The names of the classes.
    title : str, optional
        The text above the picture.

    Examples
    --------
    >>> SnapshotsDisplay([[0, 1]], {"epoch 0": [0, 0], "answer": [1, 3]}, [[0], [1]], [1, 3]).panels["answer"]
    array([1., 3.])
    """

    def __init__(
        self,
        grids: Sequence[ArrayLike],
        panels: Mapping[str, ArrayLike],
        X: ArrayLike,
        y: ArrayLike,
        *,
        names: Sequence[str] = ("x", "y"),
        labels: Sequence[str] = (),
        title: str = "",
    ) -> None:
        self.grids = [np.asarray(grid, dtype=float) for grid in grids]
        self.panels = {name: np.asarray(values, dtype=float) for name, values in panels.items()}
        self.X, self.y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        self.names, self.labels, self.title = names, labels, title

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: NetworkFitLike, epochs: Sequence[int] | None = None, size: int = 60) -> SnapshotsDisplay:
        """Predict on a grid over the rows, with the parameters after several epochs and with those of the answer.

        Parameters
        ----------
        run : fit
            The fit of a network to one or two columns of numbers, with its snapshots.
        epochs : sequence of int, optional
            The epochs to show; by default all of ``run.snapshots``: 0, 1, 2, 4, 8 and so on.
        size : int, optional
            The number of grid points in each direction.

        Returns
        -------
        SnapshotsDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit is not that of a network or has no snapshots, an epoch is not among them, there are more than two
            columns, or several classes on one column.
        """
        if not isinstance(run, NetworkFitLike):
            raise ValueError("this run is not the fit of a network, which alone has snapshots: use another display")
        if not run.snapshots or run.data is None:
            raise ValueError(
                "this fit has no snapshots, because it was loaded or has more than 1,000,000 parameters: fit it again, "
                "or use MembersDisplay.from_run(fit)"
            )
        X, y = as_columns(run.data[0]), np.asarray(run.data[1], dtype=float).ravel()
        if X.shape[1] > 2:
            raise ValueError(
                f"X has {X.shape[1]} columns and this picture shows 1 or 2: use MembersDisplay.from_run(fit)"
            )
        epochs = list(run.snapshots) if epochs is None else list(epochs)
        if missing := [epoch for epoch in epochs if epoch not in run.snapshots]:
            kept = ", ".join(map(str, run.snapshots))
            raise ValueError(f"epochs={quoted(epochs)}: epoch {quoted(missing[0])} was not kept; those kept are {kept}")
        grids = [grid_over(column, size) for column in X.T]
        rows = np.stack(np.meshgrid(*grids), axis=-1).reshape(-1, len(grids))
        snapshots = {f"epoch {epoch:,}": run.snapshots[epoch] for epoch in epochs} | {ANSWER: run.params}
        model, panels = run.model, {}
        for name, params in snapshots.items():
            p = np.asarray(model.response(model(model.shaped(rows, params), *params.values())), dtype=float)
            panels[name] = _shaped(p, len(grids), size, model.frame is not None and model.frame.response)
        count = panels[ANSWER].shape[-1] if panels[ANSWER].ndim == 3 else 0
        known = (run.classes or ()) if isinstance(run, TableFitLike) else ()
        labels = [str(label) for label in known] or [f"class {k}" for k in range(count)]
        return cls(grids, panels, X, y, names=_names_of(run, len(grids)), labels=labels, title=run.title)

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes of the panels, row by row.
        """
        count = len(self.panels)
        rows = max(1, -(-count // 5)) if count > 4 else 1
        columns = -(-count // rows)
        figure = make(PANEL * columns + 1, PANEL * rows + 0.6)
        if self.title:
            figure.suptitle(printable(self.title, 60), fontsize=11, color=style.GREY, parse_math=False)
        return tuple(style.dress(figure.add_subplot(rows, columns, k + 1)) for k in range(count))

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        axes = tuple(np.ravel(np.asarray(ax, dtype=object)))
        if len(axes) != len(self.panels):
            raise ValueError(f"got {len(axes)} axes, and {len(self.panels)} panels are drawn: give one axes for each")
        return axes

    @property
    def caption(self) -> str:
        """A description of the picture, with the epochs."""
        epochs = [name for name in self.panels if name != ANSWER]
        begin = f"From {epochs[0]} to {epochs[-1]}" if len(epochs) > 1 else "From panel to panel"
        classes = self.panels[ANSWER].ndim == 3 if ANSWER in self.panels else False
        what = "the boundary between the classes forms" if classes else "the predictions form"
        return f"{begin} {what}; the last panel is the answer. Points are {style.counted(len(self.y), 'row')}."

    def table(self) -> dict[str, np.ndarray]:
        columns = {name: self.X[:, k] for k, name in enumerate(self.names[: self.X.shape[1]])}
        return columns | {"target": self.y}

    def _draw(self, *axes: Axes) -> None:
        self.ax_ = axes[-1]
        for each, name in zip(axes, self.panels, strict=True):
            self.draw_panel(each, name)
            spec = each.get_subplotspec()
            is_left, is_low = spec is None or spec.is_first_col(), spec is None or spec.is_last_row()
            style.label(each, title=name, x=self.names[0] if is_low else "", y=self.names[1] if is_left else "")
            each.locator_params(nbins=4)
            each.tick_params(labelsize=8, labelbottom=is_low, labelleft=is_left)
        style.legend_beside(axes[-1])

    def draw_panel(self, ax: Axes, name: str) -> None:
        """Draw the predictions of one panel and the rows.

        Parameters
        ----------
        ax : axes
            The axes to draw on.
        name : str
            The name of the panel.
        """
        values = self.panels[name]
        self._drawn_by(values)(ax, values, drawn_rows(len(self.y)))
        ax.set_xlim(*self.grids[0][[0, -1]])

    def _drawn_by(self, values: np.ndarray) -> Function:
        return (self._draw_curve, self._draw_surface, self._draw_classes)[values.ndim - 1]

    def _draw_classes(self, ax: Axes, p: np.ndarray, rows: np.ndarray) -> None:
        from matplotlib.colors import to_rgb

        count = p.shape[-1]
        colours = np.array([to_rgb(style.COLOURS[k % len(style.COLOURS)]) for k in range(count)])
        first = p.argmax(axis=-1)
        # The most probable of n classes has a probability between 1 / n and 1.
        sure = np.clip((p.max(axis=-1) - 1 / count) / (1 - 1 / count), 0, 1)
        image = np.concatenate([colours[first], (OPACITY * np.nan_to_num(sure))[..., None]], axis=-1)
        x, y = self.grids
        ax.imshow(image, extent=(x[0], x[-1], y[0], y[-1]), origin="lower", aspect="auto", interpolation="bilinear")
        for k in range(1 if count == 2 else 0, count):
            lead = p[..., k] - np.delete(p, k, axis=-1).max(axis=-1)
            if lead.min() < 0 < lead.max():
                ax.contour(x, y, lead, [0.0], colors=style.GREY, linewidths=1.2)
        for k in range(count):
            own = rows[self.y[rows] == k]
            look: style.Look = {"color": style.COLOURS[k % len(style.COLOURS)], "marker": style.SHAPES[k % 12]}
            label = printable(self.labels[k], MOST_LETTERS)
            ax.scatter(self.X[own, 0], self.X[own, 1], s=9, linewidths=0, label=label, **look)

    def _draw_surface(self, ax: Axes, values: np.ndarray, rows: np.ndarray) -> None:
        every = np.concatenate([np.ravel(panel) for panel in self.panels.values()])
        every = every[np.isfinite(every)]
        ax.scatter(self.X[rows, 0], self.X[rows, 1], s=5, color=style.ORANGE, linewidths=0, label="rows")
        if every.size and np.isfinite(values).any():
            levels = every.min() + levels_of(every - every.min(), LEAST_LINES)
            height = np.ma.masked_invalid(values).clip(-HUGE, HUGE)
            if levels.size and height.min() < levels.max() and height.max() > levels.min():
                ax.contour(*self.grids, height, levels, colors=style.BLUE, linewidths=0.9)
        ax.set_ylim(*self.grids[1][[0, -1]])

    def _draw_curve(self, ax: Axes, values: np.ndarray, rows: np.ndarray) -> None:
        ax.scatter(self.X[rows, 0], self.y[rows], s=7, color=style.BLUE, alpha=0.8, linewidths=0, label="rows")
        ax.plot(self.grids[0], np.clip(values, -HUGE, HUGE), label="fit", **(style.series(1) | {"linestyle": "-"}))
        seen = self.y[np.isfinite(self.y)]
        # An early curve that is far from the rows must not squeeze them together.
        margin = 0.1 * np.ptp(seen) or max(1.0, abs(seen[0]))
        ax.set_ylim(seen.min() - margin, seen.max() + margin)


def has_panels(run: NetworkFitLike) -> bool:
    """Return whether a fit has snapshots that a `SnapshotsDisplay` can draw.

    Parameters
    ----------
    run : fit
        The fit of a network.

    Returns
    -------
    bool
        Whether it has.
    """
    if not run.snapshots or run.data is None:
        return False
    columns = as_columns(run.data[0]).shape[1]
    return columns == 2 or (columns == 1 and classes_of(run) == 1)


def _shaped(p: np.ndarray, columns: int, size: int, response: str | bool) -> np.ndarray:
    """Return predictions at the points of a grid in the shape of a panel."""
    if columns == 1:
        if p.ndim > 1:
            raise ValueError(
                f"the model has {p.shape[1]} classes on one column and a curve shows two: "
                "use MembersDisplay.from_run(fit)"
            )
        return p
    if response == "probability":
        p = np.stack([1 - p, p], axis=-1)
    return p.reshape(size, size, *p.shape[1:])


def _names_of(run: NetworkFitLike, columns: int) -> list[str]:
    """Return the names of the axes of a panel."""
    assert run.data is not None
    X, y = run.data
    known = getattr(X, "columns", None)
    known = run.columns if known is None else known
    names = [str(name) for name in (known if known is not None else ("x",) if columns == 1 else ("x1", "x2"))]
    if columns == 1:
        target = fitted_target(run)
        names.append(str(getattr(y, "name", None) or target or "y"))
    return names
