"""`PartitionDisplay`: the plane of two columns, cut into the regions of the leaves of a tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.plane import as_columns, drawn_rows, grid_over
from steepest.inspection.plots.tree.fitted import labels_of, target_of, tree_fit
from steepest.inspection.plots.tree.regions import regions_of
from steepest.inspection.plots.tree.shades import INK, PALE, Shades
from steepest.inspection.protocol import RunLike
from steepest.printable import MOST_LETTERS, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPACITY = 0.6  # of the regions, so that points in the same colour stay visible
MOST_SHARE = 0.9  # of the targets have a colour of their own: with all of them, one far away would make all others pale
HATCHES = ("", "///", "...", "xxx")  # of classes beyond those that have a colour of their own


class PartitionDisplay(Display):
    """The plane of two columns, cut into the regions of a tree's leaves, with the rows as points.

    A region has the colour of its prediction, and a point that of its target; so a point that is hard to see is
    predicted well. For numbers, blue is below the mean of the targets and orange above it; a class has its colour,
    which is paler in a region where it is less probable.

    Parameters
    ----------
    grids : pair of array of shape (size,)
        The grid on which the predictions were made: the values of each column.
    predictions : array of shape (size, size, outputs)
        ``predictions[i, j]`` at ``grids[0][j]`` and ``grids[1][i]``: a number, or a probability for each class.
    regions : sequence of array of shape (corners, 2)
        The corners of the region of each leaf.
    X : array of shape (rows, 2)
        The rows.
    y : array of shape (rows,)
        Their targets; for classes, numbers from 0.
    names : sequence of str, optional
        The names of the columns and of the target.
    labels : sequence of str, optional
        The names of the classes; none if the tree predicts numbers.
    title : str, optional
        The text above the picture.

    Examples
    --------
    >>> import steepest as st
    >>> X = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 2)
    >>> fit = st.fit(st.models.Tree(depth=1), X, np.where(X[:, 1] > 4, 5.0, 2.0), rng=0)
    >>> lower, upper = PartitionDisplay.from_run(fit).regions
    >>> lower[:, 1].max(), upper[:, 1].min()
    (np.float64(4.5), np.float64(4.5))
    """

    def __init__(
        self,
        grids: Sequence[ArrayLike],
        predictions: ArrayLike,
        regions: Sequence[ArrayLike],
        X: ArrayLike,
        y: ArrayLike,
        *,
        names: Sequence[str] = ("x0", "x1", "y"),
        labels: Sequence[str] = (),
        title: str = "",
    ) -> None:
        self.grids = [np.asarray(grid, dtype=float) for grid in grids]
        self.predictions = np.asarray(predictions, dtype=float)
        self.regions = [np.asarray(region, dtype=float).reshape(-1, 2) for region in regions]
        self.X, self.y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
        self.names, self.labels, self.title = names, labels, title

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike, size: int = 400) -> PartitionDisplay:
        """Predict on a grid over the rows of a fit, and cut the plane into the regions of its leaves.

        Parameters
        ----------
        run : fit
            The fit of a tree, or of a tree to a table, with two columns.
        size : int, optional
            The number of grid points in each direction.

        Returns
        -------
        PartitionDisplay
            The display, not drawn yet. Rows that are not finite are left out.

        Raises
        ------
        ValueError
            If the fit is not that of a tree, the tree has more or fewer columns than two, or the fit was loaded.
        """
        fit = tree_fit(run)
        if len(fit.names) != 2:
            raise ValueError(
                f"the tree has {len(fit.names)} column{'s' * (len(fit.names) != 1)} and a plane has two: "
                "use TreeDisplay.from_run(fit), which draws any tree"
            )
        if fit.data is None:
            raise ValueError(
                "the rows of this fit are not at hand, as it was loaded: fit it again, or use TreeDisplay.from_run(fit)"
            )
        X, y = as_columns(fit.data[0]), np.asarray(fit.data[1], dtype=float).ravel()
        known = np.isfinite(X).all(axis=1) & np.isfinite(y)
        if not known.any():
            raise ValueError(f"none of {len(X)} rows is finite and a plane needs one: use TreeDisplay.from_run(fit)")
        X, y = X[known], y[known]
        grids = [grid_over(column, size) for column in X.T]
        rows = np.stack(np.meshgrid(*grids), axis=-1).reshape(-1, 2)
        model, labels = fit.model, labels_of(run)
        p = np.asarray(model.response(model(model.shaped(rows, fit.params), *fit.params.values())), dtype=float)
        if len(labels) == 2:
            p = np.stack([1 - p, p], axis=-1)
        (left, right), (low, high) = (grid[[0, -1]] for grid in grids)
        window = np.array([[left, low], [right, low], [right, high], [left, high]])
        regions = regions_of(fit.outline(), fit.splits, window)
        names = [*fit.names, target_of(run)]
        return cls(grids, p.reshape(size, size, -1), regions, X, y, names=names, labels=labels, title=run.title)

    @property
    def shades(self) -> Shades:
        """The colours of the predictions and the targets."""
        middle = float(self.y.mean())
        return Shades(middle, float(np.quantile(np.abs(self.y - middle), MOST_SHARE)) or 1.0)

    @property
    def colours(self) -> np.ndarray:
        """The colour of each grid point, as red, green and blue from 0 to 1."""
        if self.labels:
            return self.shades.of_classes(self.predictions)
        return self.shades.of_numbers(self.predictions[..., 0])

    @property
    def caption(self) -> str:
        """A description of the picture, with the number of regions."""
        begin = f"Each of {style.counted(len(self.regions), 'region')} is a leaf, in the colour of its prediction"
        return f"{begin}. Points are {style.counted(len(self.y), 'row')}: one that stands out is predicted badly."

    def table(self) -> dict[str, np.ndarray]:
        return dict(zip(self.names, [*self.X.T, self.y], strict=True))

    def _draw(self, ax: Axes) -> None:
        x, y = self.grids
        # The middle of each pixel is a point of the grid.
        aside, up = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
        place: style.Look = {"extent": (x[0] - aside, x[-1] + aside, y[0] - up, y[-1] + up), "origin": "lower"}
        ax.imshow(self.colours, alpha=OPACITY, interpolation="nearest", aspect="auto", **place)
        self._draw_regions(ax)
        self._draw_rows(ax)
        ax.set(xlim=x[[0, -1]], ylim=y[[0, -1]])
        style.label(ax, title=self.title, x=self.names[0], y=self.names[1], legend=4)

    def _draw_rows(self, ax: Axes) -> None:
        rows = drawn_rows(len(self.y), style.MAX_POINTS)
        look: style.Look = {"s": 20, "linewidths": 0.4, "zorder": 2}
        if not self.labels:
            edges: style.Look = {"facecolors": self.shades.of_numbers(self.y[rows]), "edgecolors": style.GREY}
            ax.scatter(*self.X[rows].T, **look | edges)
            self._add_scale(ax)
        for k, label in enumerate(self.labels):
            own = rows[self.y[rows] == k]
            colour, marker = style.COLOURS[k % len(style.COLOURS)], style.SHAPES[k % len(style.SHAPES)]
            edges = {"facecolors": colour, "edgecolors": PALE, "marker": marker}
            ax.scatter(*self.X[own].T, label=printable(label, MOST_LETTERS), **look | edges)

    def _draw_regions(self, ax: Axes) -> None:
        from matplotlib.patches import Polygon

        for region in self.regions:
            if len(region) > 2:
                look: style.Look = {"edgecolor": INK, "linewidth": 1.0, "zorder": 1.5}
                ax.add_patch(Polygon(region, facecolor="none", hatch=self._hatch(region), **look))

    def _hatch(self, region: np.ndarray) -> str:
        """Return the hatch of a region whose class shares its colour with an earlier one."""
        x, y = (np.abs(grid - middle).argmin() for grid, middle in zip(self.grids, region.mean(axis=0), strict=True))
        best = int(self.predictions[y, x].argmax())
        return HATCHES[best // len(style.COLOURS) % len(HATCHES)]

    def _add_scale(self, ax: Axes) -> None:
        bar = ax.figure.colorbar(self.shades.scale, ax=ax, pad=0.02, fraction=0.06, extend="both")
        ink = ax.xaxis.label.get_color()
        bar.outline.set_edgecolor(style.GREY)
        bar.ax.tick_params(colors=ink)
        bar.ax.set_ylabel(printable(self.names[2], MOST_LETTERS), color=ink, parse_math=False)
        bar.ax.set_facecolor("none")
