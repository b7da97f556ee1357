"""The values of a function over a plane: bands of colour between contour lines with their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.window import HUGE, levels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import QuadContourSet


class GridLike(Protocol):
    """A display of values on a grid."""

    grid_x: np.ndarray
    grid_y: np.ndarray
    maximized: bool
    is_filled: bool
    is_labelled: bool

    @property
    def path(self) -> np.ndarray | None:
        """The points of a run, which stay free of texts; None for no path."""

    @property
    def height(self) -> np.ma.MaskedArray:
        """How much worse each value is than the best one."""

    @property
    def best_value(self) -> float:
        """The best value."""


LEAST_DIGITS = 3  # the significant digits of a line's value, of which neighbours must differ in one


def above_best(values: np.ndarray, maximized: bool, known: float = np.nan) -> tuple[np.ma.MaskedArray, float]:
    """Return how much worse each value is than the best one, and the best value.

    Parameters
    ----------
    values : array
        The values; those that are not finite are masked in the result.
    maximized : bool
        Whether the best value is the largest.
    known : float, optional
        Another value, which may be better than those of the grid: the best one of a path.

    Returns
    -------
    height : masked array
        The distances, 0 or more.
    best : float
        The best value.

    Examples
    --------
    >>> height, best = above_best(np.array([3.0, np.nan, 5.0]), maximized=False)
    >>> height.compressed(), float(best)
    (array([0., 2.]), 3.0)
    """
    finite = np.ma.masked_invalid(values).clip(-HUGE, HUGE)
    best = finite.max() if maximized else finite.min()
    best = np.fmax(best, known) if maximized else np.fmin(best, known)
    return (best - finite if maximized else finite - best), best


def names_of_levels(levels: np.ndarray, best: float, maximized: bool) -> list[str]:
    """Return the values at contour lines as texts: their distances from the best one, if the values look the same.

    Parameters
    ----------
    levels : array
        The distances of the lines from the best value.
    best : float
        The best value.
    maximized : bool
        Whether the best value is the largest.

    Returns
    -------
    list of str
        The texts.

    Examples
    --------
    >>> names_of_levels(np.array([1.0, 10.0]), 0.0, maximized=False)
    ['1', '10']
    >>> names_of_levels(np.array([1.0, 10.0]), 1e9, maximized=True)
    ['best − 1', 'best − 10']
    """
    values = best - levels if maximized else best + levels
    texts = [style.number(float(f"{value:.{LEAST_DIGITS}g}")) for value in values]
    if len(set(texts)) == len(texts):
        return texts
    sign = "−" if maximized else "+"
    return [f"best {sign} {style.number(float(f'{level:.{LEAST_DIGITS}g}'))}" for level in levels]


def draw_heights(ax: Axes, display: GridLike) -> None:
    """Fill the bands between contour lines, the best value darkest, and write values on every second line.

    Where the function has no value there is a hatching in place of a colour. Set the limits of the axes first.

    Parameters
    ----------
    ax : axes
        The axes to draw on.
    display : display
        The display with the grid, the values and the path, which stays free of texts.
    """
    x, y, height, best = display.grid_x, display.grid_y, display.height, display.best_value
    if not height.count():
        return
    if np.ma.getmaskarray(height).any():
        _hatch(ax, x, y)
    levels = levels_of(height.compressed())
    if not levels.size:
        return
    edges = [-1.0, *levels, 10 * HUGE]
    if display.is_filled:
        colours = style.ramp()(np.linspace(0, 1, len(levels) + 1))
        ax.contourf(x, y, height, edges, colors=colours, zorder=0.6)
    ink = style.PAPER if display.is_filled else style.GREY
    lines = ax.contour(x, y, height, levels, colors=ink, linewidths=0.6, alpha=0.7, zorder=0.7)
    if not display.is_labelled:
        return
    inks = [style.PAPER if k < len(levels) / 2 else style.INK for k in range(len(levels))]
    names = names_of_levels(levels, best, display.maximized)
    _write(ax, lines, names, inks if display.is_filled else [style.GREY] * len(levels), display.path)


def _write(ax: Axes, lines: QuadContourSet, names: list[str], inks: list[str], path: np.ndarray | None) -> None:
    """Write their values on every second line, from the innermost; drop those that would overlap another."""
    levels = list(lines.levels)[::2]
    texts = dict(zip(lines.levels, names, strict=True))
    labels = lines.clabel(levels, fmt=lambda level: texts[level], colors=inks[::2], fontsize=7, inline_spacing=3)
    for label in labels:
        label.set(parse_math=False, zorder=0.8)
    style.drop_overlapping(ax, labels, None if path is None else _along(path))


def _along(path: np.ndarray) -> np.ndarray:
    """Return points along a path, so close to each other that no text fits between them."""
    rows = np.unique(np.concatenate([style.rows_to_draw(column, most=400) for column in path[:, :2].T]))
    points = np.clip(path[rows, :2], -HUGE, HUGE)
    shares = np.linspace(0, 1, 20)[:, None, None]
    return np.concatenate([points, (points[:-1] * (1 - shares) + points[1:] * shares).reshape(-1, 2)])


def _hatch(ax: Axes, grid_x: np.ndarray, grid_y: np.ndarray) -> None:
    """Hatch the window, so that the hatching is visible where the function has no value."""
    from matplotlib.patches import Rectangle

    hatched: style.Look = {"facecolor": "none", "edgecolor": style.GREY, "hatch": "////", "linewidth": 0, "alpha": 0.5}
    width, height = np.ptp(grid_x), np.ptp(grid_y)
    ax.add_patch(Rectangle((grid_x[0], grid_y[0]), width, height, label="no value", zorder=0.5, **hatched))
