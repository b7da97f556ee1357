"""`BasinDisplay`: a map of the minima that are reached by descent from the starts on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.protocol import BasinsLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The palette of Okabe and Ito (2008), made lighter for large areas with black text.
FILLS = ("#74b9e3", "#f2b233", "#4cc5a2", "#dca3c4", "#f0e76b", "#e58a4d", "#9b9bd9", "#b9b9b9")
INK = "#000000"
LABELS = 9  # the most numbers written across the map in each direction, so that no colours are needed to read it


class BasinDisplay:
    """A map of the minima that are reached from the starts on a grid, with their values and shares.

    Parameters
    ----------
    grid_x : array of shape (nx,)
        The first coordinates of the starts, in increasing order.
    grid_y : array of shape (ny,)
        The second coordinates of the starts, in increasing order.
    labels : array of int of shape (ny, nx)
        ``labels[i, j]`` is the row in `minima` of the minimum reached from (grid_x[j], grid_y[i]); -1 for no minimum.
    minima : array of shape (k, 2)
        The minima.
    values : array of shape (k,)
        The values of the minima.
    counts : array of shape (k,)
        The number of starts from which each minimum is reached.
    names : pair of str, optional
        The names of the variables.
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
    >>> BasinDisplay([-1, 1], [0], [[0, 1]], [[-1, 0], [1, 0]], [0.0, 0.0], [1, 1]).shares
    array([0.5, 0.5])
    """

    def __init__(
        self,
        grid_x: ArrayLike,
        grid_y: ArrayLike,
        labels: ArrayLike,
        minima: ArrayLike,
        values: ArrayLike,
        counts: ArrayLike,
        *,
        names: Sequence[str] = ("x", "y"),
        title: str = "",
    ) -> None:
        self.grid_x, self.grid_y = np.asarray(grid_x, dtype=float), np.asarray(grid_y, dtype=float)
        self.labels = np.asarray(labels, dtype=int)
        self.minima = np.asarray(minima, dtype=float).reshape(-1, 2)
        self.values, self.counts = np.asarray(values, dtype=float), np.asarray(counts, dtype=int)
        self.names, self.title = names, title
        shape, known = (self.grid_y.size, self.grid_x.size), len(self.minima)
        if self.labels.shape != shape:
            raise ValueError(f"labels have the shape {self.labels.shape} on a grid of {shape}: give labels[y, x]")
        if self.labels.size and not -1 <= self.labels.min() <= self.labels.max() < known:
            low, high = self.labels.min(), self.labels.max()
            raise ValueError(
                f"labels go from {low} to {high} with {known} minima: give -1 for none, else 0 to {known - 1}"
            )
        if len(self.values) != known or len(self.counts) != known:
            numbers = f"{known} minima, {len(self.values)} values and {len(self.counts)} counts"
            raise ValueError(f"there are {numbers}, and each minimum has one value and one count: give as many of each")

    @classmethod
    @np.errstate(all="ignore")
    def from_basins(cls, basins: BasinsLike) -> BasinDisplay:
        """Make the display of a basin map.

        Parameters
        ----------
        basins : Basins
            The map, as `steepest.basins` returns it.

        Returns
        -------
        BasinDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the arrays of the map do not fit together.
        """
        found = basins.minima, basins.values, basins.counts
        return cls(basins.grid_x, basins.grid_y, basins.labels, *found, names=tuple(basins.names), title=basins.title)

    @property
    def lost(self) -> int:
        """The number of starts from which no minimum is reached."""
        return int((self.labels < 0).sum())

    @property
    def shares(self) -> np.ndarray:
        """The share of all starts from which each minimum is reached."""
        return self.counts / max(1, self.counts.sum() + self.lost)

    @np.errstate(all="ignore")
    def plot(self, ax: Axes | None = None) -> BasinDisplay:
        """Draw the map.

        Parameters
        ----------
        ax : axes, optional
            The axes to draw on; a new figure by default.

        Returns
        -------
        BasinDisplay
            This display.
        """
        self.ax_ = ax = style.axes_or_new(ax)
        self.figure_ = ax.figure
        edges = _edges(self.grid_x), _edges(self.grid_y)
        ax.set(xlim=edges[0][[0, -1]], ylim=edges[1][[0, -1]])
        if 1 / 2 <= np.ptp(edges[0]) / np.ptp(edges[1]) <= 3:
            ax.set_aspect("equal")
        self._fill(ax, edges)
        self._draw_boundaries(ax, edges)
        self._number(ax)
        self._add_legend(ax)
        if self.lost:
            self._hatch(ax, edges)
        note = f"colours repeat after {len(FILLS)}" if len(self.minima) > len(FILLS) else ""
        if not len(self.minima):
            note = "no minimum reached"
        style.label(ax, title=self.title, note=note, x=self.names[0], y=self.names[1], legend=4)
        return self

    def _fill(self, ax: Axes, edges: tuple[np.ndarray, np.ndarray]) -> None:
        from matplotlib.colors import ListedColormap

        fills = np.ma.masked_less(self.labels, 0) % len(FILLS)
        # The cells are pixels even in vector files, because viewers need minutes for tens of thousands of shapes.
        look: style.Look = {"cmap": ListedColormap(FILLS), "vmin": 0, "vmax": len(FILLS) - 1, "rasterized": True}
        ax.pcolormesh(*edges, fills, zorder=0.5, **look)

    def _hatch(self, ax: Axes, edges: tuple[np.ndarray, np.ndarray]) -> None:
        """Hatch the whole map below the cells, so that the hatching is visible where no minimum is reached."""
        from matplotlib.patches import Rectangle

        hatched: style.Look = {"facecolor": "none", "edgecolor": style.GREY, "hatch": "////", "linewidth": 0}
        (x, y), (width, height) = (edge[0] for edge in edges), (np.ptp(edge) for edge in edges)
        ax.add_patch(Rectangle((x, y), width, height, label=f"none ({self._percent(self.lost)})", zorder=0, **hatched))

    def _draw_boundaries(self, ax: Axes, edges: tuple[np.ndarray, np.ndarray]) -> None:
        from matplotlib.collections import LineCollection

        x, y = edges
        rows, columns = np.nonzero(np.diff(self.labels, axis=1))
        upright = np.stack([x[columns + 1], y[rows], x[columns + 1], y[rows + 1]], axis=-1)
        rows, columns = np.nonzero(np.diff(self.labels, axis=0))
        level = np.stack([x[columns], y[rows + 1], x[columns + 1], y[rows + 1]], axis=-1)
        lines = np.concatenate([upright, level]).reshape(-1, 2, 2)
        ax.add_collection(LineCollection(list(lines), colors=INK, linewidths=0.6), autolim=False)

    def _number(self, ax: Axes) -> None:
        """Write the number of each basin at points across the map, and at its minimum."""
        centred: style.Look = {"ha": "center", "va": "center", "color": INK, "clip_on": True}
        for row, column in self._inside():
            label = f"{self.labels[row, column] + 1}"
            ax.text(self.grid_x[column], self.grid_y[row], label, fontsize=6, alpha=0.7, **centred)
        for number, (x, y) in enumerate(self.minima, start=1):
            ax.plot(x, y, "o", markersize=13, color="white", markeredgecolor=INK, zorder=3)
            ax.text(x, y, f"{number}", fontsize=9, weight="bold", zorder=4, **centred)

    def _inside(self) -> list[tuple[int, int]]:
        """Return cells spread over the map with space for a number: not near a boundary or a minimum."""
        ny, nx = self.labels.shape
        spread = [np.unique(np.linspace(0, n - 1, 2 * LABELS + 1).round().astype(int)[1::2]) for n in (ny, nx)]
        up, across = ny // 40, nx // 40  # about the size of a written number, in cells
        cells = []
        for row, column in np.stack(np.meshgrid(*spread, indexing="ij"), axis=-1).reshape(-1, 2):
            label = self.labels[row, column]
            neighbours = self.labels[max(0, row - up) : row + up + 1, max(0, column - across) : column + across + 1]
            here = np.array([self.grid_x[column], self.grid_y[row]])
            size = [np.ptp(self.grid_x) or 1.0, np.ptp(self.grid_y) or 1.0]
            near = (np.abs((self.minima - here) / size) < 1 / 20).all(axis=1).any()
            if label >= 0 and (neighbours == label).all() and not near:
                cells.append((int(row), int(column)))
        return cells

    def _add_legend(self, ax: Axes) -> None:
        """Add each minimum to the legend, with its value and share; of many minima, add those reached most often."""
        most = np.sort(np.lexsort((self.values, -self.counts))[: len(FILLS)])
        square: style.Look = {"linestyle": "", "marker": "s", "markersize": 9, "markeredgecolor": INK}
        for k in most:
            label = f"{k + 1}: {self.values[k]:.4g} ({self._percent(self.counts[k])})"
            ax.plot([], [], color=FILLS[k % len(FILLS)], label=label, **square)
        if len(self.minima) > len(most):
            rest = self.counts.sum() - self.counts[most].sum()
            label = f"{len(self.minima) - len(most)} more ({self._percent(rest)})"
            ax.plot([], [], color="none", label=label, **(square | {"markeredgecolor": style.GREY}))

    def _percent(self, count: int) -> str:
        return f"{100 * count / max(1, self.counts.sum() + self.lost):.3g} %"


def _edges(grid: np.ndarray) -> np.ndarray:
    """Return the edges of the cells around the points of a grid, half-way between neighbours."""
    if grid.size < 2:
        return np.array([grid[0] - 0.5, grid[0] + 0.5])
    middles = (grid[1:] + grid[:-1]) / 2
    return np.array([2 * grid[0] - middles[0], *middles, 2 * grid[-1] - middles[-1]])
