"""`BasinDisplay`: a map of the minima that are reached by descent from the starts on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import BasinsLike
from steepest.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

# The palette of Okabe and Ito (2008), made lighter for large areas with black text.
FILLS = ("#74b9e3", "#f2b233", "#4cc5a2", "#dca3c4", "#f0e76b", "#e58a4d", "#9b9bd9", "#b9b9b9")
INK, PAPER = "#000000", "#ffffff"
LABELS = 9  # the most numbers written across the map in each direction, so that no colours are needed to read it
# Each fill has this many shades, from light for few steps to dark for many. The middle one is the fill itself. The
# share of white is chosen by eye; the share of black leaves black numbers a contrast of 4.5 on the darkest shade.
SHADES, LIGHTEST, DARKEST = 25, 0.6, 0.27
# Steps that span more than this factor are shaded by their logarithm. Chosen, not measured.
SPAN = 10
# The quantiles of the steps at the ends of the scale, so that a few slow starts don't leave one shade to all others.
OUTLIERS = 0.01, 0.99


class BasinDisplay(Display):
    """A map of the minima that are reached from the starts on a grid, with their values and shares.

    Each minimum has a colour, and a number that is written in its basin; the shade is the number of steps from the
    start, from light for few to dark for many. Starts from which the descent diverged are hatched, and starts from
    which it reached no minimum are dotted.

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
    iterations : array of shape (ny, nx), optional
        The number of steps from each start; without it, no basin is shaded.
    diverged : array of bool of shape (ny, nx), optional
        Whether the descent from each start diverged; without it, all starts that reach no minimum are hatched.
    maximized : bool, optional
        Whether the minima are maxima.
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
        iterations: ArrayLike | None = None,
        diverged: ArrayLike | None = None,
        maximized: bool = False,
        names: Sequence[str] = ("x", "y"),
        title: str = "",
    ) -> None:
        self.maximized = maximized
        self.grid_x, self.grid_y = np.asarray(grid_x, dtype=float), np.asarray(grid_y, dtype=float)
        self.labels = np.asarray(labels, dtype=int)
        self.minima = np.asarray(minima, dtype=float).reshape(-1, 2)
        self.values, self.counts = np.asarray(values, dtype=float), np.asarray(counts, dtype=int)
        self.iterations = None if iterations is None else np.asarray(iterations, dtype=float)
        self.diverged = None if diverged is None else np.asarray(diverged, dtype=bool) & (self.labels < 0)
        self.names, self.title = names, title
        shape, known = (self.grid_y.size, self.grid_x.size), len(self.minima)
        for name, array in (("labels", self.labels), ("iterations", self.iterations), ("diverged", self.diverged)):
            if array is not None and array.shape != shape:
                raise ValueError(f"{name} have the shape {array.shape} on a grid of {shape}: give {name}[y, x]")
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
        return cls(
            basins.grid_x,
            basins.grid_y,
            basins.labels,
            *found,
            iterations=basins.iterations,
            diverged=basins.diverged,
            maximized=basins.maximized,
            names=tuple(basins.names),
            title=basins.title,
        )

    @property
    def lost(self) -> int:
        """The number of starts from which no minimum is reached."""
        return int((self.labels < 0).sum())

    @property
    def shares(self) -> np.ndarray:
        """The share of all starts from which each minimum is reached."""
        return self.counts / max(1, self.counts.sum() + self.lost)

    @property
    def steps(self) -> tuple[float, float] | None:
        """The fewest and the most steps to a minimum, which the shades span; None if all starts need as many."""
        if self.iterations is None or not (self.labels >= 0).any():
            return None
        settled = self.iterations[self.labels >= 0]
        low, high = float(settled.min()), float(settled.max())
        return (low, high) if low < high else None

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the map."""
        starts, kind = f"{self.labels.size:,} starts", "maximum" if self.maximized else "minimum"
        if not len(self.minima):
            said = f"None of {starts} leads to a {kind}."
        else:
            most = int(self.counts.argmax())
            # A coordinate that rounding errors of the descent moved away from 0 is 0.
            widths = np.array([np.ptp(self.grid_x), np.ptp(self.grid_y)])
            point = np.where(np.abs(self.minima[most]) < 1e-6 * widths, 0.0, self.minima[most])
            at = ", ".join(map(style.number, point))
            said = f"{self._percent(self.counts[most])} of {starts} lead to {kind} {most + 1} at ({at})"
            as_many = self.counts == self.counts[most]
            alike = "the widest" if as_many.sum() == 1 else "as wide as the widest other"
            said += f", {alike} of {len(self.minima)} basins." if len(self.minima) > 1 else "."
        if self.steps is not None:
            said += f" Darker starts need more steps: from {self.steps[0]:,.0f} to {self.steps[1]:,.0f}."
        for way, cells in self._kinds():
            if way == "diverged":
                said += f" From the hatched {self._percent(cells.sum())} the descent diverges."
            elif way == "no minimum":
                said += f" From the dotted {self._percent(cells.sum())} it reaches no {kind}."
        return said

    def table(self) -> dict[str, np.ndarray]:
        """Return the minima.

        Returns
        -------
        dict of str to array
            The coordinates of each minimum, its value, and the number of starts that lead there.
        """
        first, second = (printable(name, 40) for name in self.names)
        return {first: self.minima[:, 0], second: self.minima[:, 1], "value": self.values, "starts": self.counts}

    def _draw(self, ax: Axes) -> None:
        edges = _edges(self.grid_x), _edges(self.grid_y)
        ax.set(xlim=edges[0][[0, -1]], ylim=edges[1][[0, -1]])
        if 1 / 2 <= np.ptp(edges[0]) / np.ptp(edges[1]) <= 3:
            ax.set_aspect("equal")
        self._fill(ax, edges)
        self._draw_boundaries(ax, edges)
        self._number(ax)
        self._add_legend(ax)
        for kind, cells in self._kinds():
            self._hatch(ax, edges, kind, cells)
        self._draw_scale(ax)
        note = f"colours repeat after {len(FILLS)}" if len(self.minima) > len(FILLS) else ""
        if not len(self.minima):
            note = "no minimum reached"
        style.label(ax, title=self.title, note=note, x=self.names[0], y=self.names[1], legend=4)

    def _kinds(self) -> list[tuple[str, np.ndarray]]:
        """Return the kinds of starts from which no minimum is reached, with their cells."""
        lost = self.labels < 0
        if self.diverged is None:
            kinds = {"none": lost}
        else:
            kinds = {"diverged": self.diverged, "no minimum": lost & ~self.diverged}
        return [(kind, cells) for kind, cells in kinds.items() if cells.any()]

    @property
    def _span(self) -> np.ndarray:
        """The numbers of steps at the ends of the scale, on which outliers have the shade of the end."""
        assert self.iterations is not None
        low, high = np.quantile(self.iterations[self.labels >= 0], OUTLIERS)
        return np.array([low, high]) if low < high else np.array(self.steps)

    def _shade(self, steps: np.ndarray) -> np.ndarray:
        """Return the number of the shade for numbers of steps."""
        if self.steps is None:
            return np.full(np.shape(steps), SHADES // 2)
        low, high = self._scaled(self._span)
        share = (self._scaled(np.asarray(steps)) - low) / (high - low)
        return np.clip(np.round(share * (SHADES - 1)), 0, SHADES - 1).astype(int)

    @property
    def _is_log(self) -> bool:
        low, high = self._span
        return bool(high > SPAN * max(low, 1.0))

    def _scaled(self, steps: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(steps, 1.0)) if self._is_log else np.asarray(steps, dtype=float)

    def _fill(self, ax: Axes, edges: tuple[np.ndarray, np.ndarray]) -> None:
        from matplotlib.colors import ListedColormap

        shade = self._shade(np.zeros(self.labels.shape) if self.iterations is None else self.iterations)
        cells = np.ma.masked_array((self.labels % len(FILLS)) * SHADES + shade, self.labels < 0)
        colours = np.concatenate([shades(fill) for fill in FILLS])
        # The cells are pixels even in vector files, because viewers need minutes for tens of thousands of shapes.
        look: style.Look = {"cmap": ListedColormap(colours), "vmin": 0, "vmax": len(colours) - 1, "rasterized": True}
        ax.pcolormesh(*edges, cells, zorder=0.5, **look)

    def _draw_scale(self, ax: Axes) -> None:
        """Draw a scale of the steps beside the map, in the shades of a grey that is no basin's alone."""
        if self.steps is None:
            return
        from matplotlib.colors import ListedColormap

        span = self._span
        low, high = self._scaled(span)
        scale = ax.inset_axes((1.03, 0.0, 0.035, 1.0))
        scale.set(facecolor="none", xlim=(0, 1), ylim=(low, high), xticks=[])
        look: style.Look = {"cmap": ListedColormap(shades(FILLS[-1])), "vmin": 0, "vmax": SHADES - 1}
        heights = np.linspace(low, high, SHADES + 1)
        scale.pcolormesh(np.array([0.0, 1.0]), heights, np.arange(SHADES)[:, None], rasterized=True, **look)
        inner = np.linspace(low, high, 5)[1:-1]
        inner = _rounded(np.exp(inner) if self._is_log else inner)
        # Marks near an end would lie on the mark of the end.
        apart = (np.abs(self._scaled(inner)[:, None] - [low, high]) > 0.07 * (high - low)).all(axis=1)
        marks = np.unique([span[0], *inner[apart], span[1]])
        texts = [f"{mark:,.0f}" for mark in marks]
        texts[0] = f"≤ {texts[0]}" if span[0] > self.steps[0] else texts[0]
        texts[-1] = f"≥ {texts[-1]}" if span[1] < self.steps[1] else texts[-1]
        colour = ax.xaxis.label.get_color()
        scale.yaxis.tick_right()
        scale.yaxis.set_label_position("right")
        scale.set_yticks(self._scaled(marks), texts)
        scale.minorticks_off()
        scale.tick_params(colors=colour, labelsize=8, length=2)
        scale.set_ylabel("steps", color=colour, fontsize=9)
        for spine in scale.spines.values():
            spine.set(color=style.GREY, linewidth=0.6)

    def _hatch(self, ax: Axes, edges: tuple[np.ndarray, np.ndarray], kind: str, cells: np.ndarray) -> None:
        """Hatch the cells from which no minimum is reached: with lines where the descent diverged, else with dots."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        label = f"{kind} ({self._percent(cells.sum())})"
        pattern = "...." if kind == "no minimum" else "////"
        hatched: style.Look = {"facecolor": "none", "edgecolor": style.GREY, "hatch": pattern, "linewidth": 0}
        ax.add_patch(PathPatch(Path.make_compound_path(*_strips(edges, cells)), label=label, zorder=0.6, **hatched))

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
        from matplotlib.patheffects import withStroke

        centred: style.Look = {"ha": "center", "va": "center", "color": INK, "clip_on": True}
        # A pale rim keeps the numbers readable on dark shades.
        rim = [withStroke(linewidth=1.6, foreground=PAPER, alpha=0.6)]
        for row, column in self._inside():
            label = f"{self.labels[row, column] + 1}"
            ax.text(self.grid_x[column], self.grid_y[row], label, fontsize=6.5, path_effects=rim, **centred)
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
            label = f"{k + 1}: {style.number(self.values[k])} ({self._percent(self.counts[k])})"
            ax.plot([], [], color=FILLS[k % len(FILLS)], label=label, **square)
        if len(self.minima) > len(most):
            rest = self.counts.sum() - self.counts[most].sum()
            label = f"{len(self.minima) - len(most)} more ({self._percent(rest)})"
            ax.plot([], [], color="none", label=label, **(square | {"markeredgecolor": style.GREY}))

    def _percent(self, count: int) -> str:
        return f"{100 * count / max(1, self.counts.sum() + self.lost):.3g} %"


def shades(fill: str) -> np.ndarray:
    """Return the shades of a fill, from light to dark.

    Parameters
    ----------
    fill : str
        The colour.

    Returns
    -------
    array of shape (shades, 3)
        Red, green and blue of each, from 0 to 1.

    Examples
    --------
    >>> shades("#808080")[[0, 12, 24], 0].round(2)
    array([0.8 , 0.5 , 0.37])
    """
    from matplotlib.colors import to_rgb

    colour = np.array(to_rgb(fill))
    share = np.linspace(-1, 1, SHADES)[:, None]
    light, dark = np.maximum(-share, 0) * LIGHTEST, np.maximum(share, 0) * DARKEST
    return (colour + light * (1 - colour)) * (1 - dark)


def _strips(edges: tuple[np.ndarray, np.ndarray], cells: np.ndarray) -> list[Path]:
    """Return a rectangle for each run of neighbouring cells in a row."""
    from matplotlib.path import Path

    x, y = edges
    turns = np.diff(np.pad(cells.astype(int), ((0, 0), (1, 1))), axis=1)
    (rows, first), (_, last) = np.nonzero(turns == 1), np.nonzero(turns == -1)
    corners = np.stack([x[first], y[rows], x[last], y[rows + 1]], axis=-1)
    return [Path([(a, b), (c, b), (c, d), (a, d), (a, b)], closed=True) for a, b, c, d in corners]


def _rounded(numbers: np.ndarray) -> np.ndarray:
    """Return numbers in one digit."""
    digit = 10.0 ** np.floor(np.log10(np.maximum(numbers, 1.0)))
    return np.round(numbers / digit) * digit


def _edges(grid: np.ndarray) -> np.ndarray:
    """Return the edges of the cells around the points of a grid, half-way between neighbours."""
    if grid.size < 2:
        return np.array([grid[0] - 0.5, grid[0] + 0.5])
    middles = (grid[1:] + grid[:-1]) / 2
    return np.array([2 * grid[0] - middles[0], *middles, 2 * grid[-1] - middles[-1]])
