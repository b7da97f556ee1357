"""The path of a run, read from its trace and drawn over the picture of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE
from steepest.printable import MOST_LETTERS, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

APART = 0.28  # the least distance in inches of a step with a number from another one, or from a mark; chosen by eye


def path_of(run: RunLike, parameters: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the finite points of a run, their values, and the row of the best point.

    Parameters
    ----------
    run : run or fit
        The run.
    parameters : int
        The number of parameters that the picture shows.

    Returns
    -------
    path : array of shape (rows, parameters)
        The finite points of the trace.
    value : array of shape (rows,)
        The values at these points, in the sign of the user's function, finite or not.
    best : int
        The row with the lowest value, or with the highest if the run was maximised.

    Raises
    ------
    ValueError
        If the run has another number of parameters, or no finite point.
    """
    x = np.asarray(run.trace.x, dtype=float)
    if x.shape[1] != parameters:
        names = ", ".join(printable(name, MOST_LETTERS) for name in run.trace.names[:4]) + (
            ", …" if x.shape[1] > 4 else ""
        )
        count = f"{x.shape[1]} parameter{'' if x.shape[1] == 1 else 's'}"
        raise ValueError(
            f"the run has {count} ({names}) and this picture needs exactly {parameters}: "
            "use DescentDisplay.from_run(run), which draws any number"
        )
    finite = np.isfinite(x).all(axis=1)
    if not finite.any():
        raise ValueError(
            f"the run has {len(x)} rows and none is a finite point, which a picture needs: read run.message"
        )
    value = np.asarray(run.trace.value, dtype=float)[finite]
    height = np.where(np.isfinite(value), -value if run.maximized else value, np.inf)
    return x[finite], value, int(np.argmin(height))


def describe_path(points: np.ndarray, value: np.ndarray | None, best: int) -> str:
    """Return a sentence that says where a path began, and where it came best.

    Parameters
    ----------
    points : array of shape (rows, parameters)
        The points.
    value : array of shape (rows,) or None
        The value of each, if it is known.
    best : int
        The row of the best point.

    Returns
    -------
    str
        The sentence.

    Examples
    --------
    >>> describe_path(np.array([[9.0, 9.0], [0.0, 0.5]]), np.array([162.0, 0.25]), best=1)
    'The path begins at (9, 9), where the value is 162; its best point is (0, 0.5), with 0.25, after 1 step.'
    """
    best %= len(points)
    begin = f"The path begins at {_said(points[0])}"
    known = [] if value is None else style.apart(value[0], value[best])
    if known:
        begin += f", where the value is {known[0]}"
    if best == 0:
        return f"{begin}; no later point is better." if len(points) > 1 else f"{begin}, its only point."
    end = f"its best point is {_said(points[best])}"
    if known:
        end += f", with {known[1]}"
    return f"{begin}; {end}, after {style.counted(best, 'step')}."


def _said(point: np.ndarray) -> str:
    numbers = ", ".join(map(style.number, point))
    return f"({numbers})" if len(point) > 1 else numbers


def draw_path(
    ax: Axes, path: np.ndarray, best: int, look: style.Look | None = None, *, cased: bool = False, numbered: bool = True
) -> None:
    """Draw a path with a hollow square at its start, a star at its best point and a circle at its end, if it differs.

    If the path is one point, only the star is drawn. Set the limits of the axes first.

    Parameters
    ----------
    ax : axes
        The axes to draw on.
    path : array of shape (rows, columns)
        The points. Three columns need three-dimensional axes.
    best : int
        The row of the best point.
    look : dict, optional
        Keyword arguments of `matplotlib.axes.Axes.plot` for the path.
    cased : bool, optional
        Whether the path has a pale casing, which keeps it readable on filled bands.
    numbered : bool, optional
        Whether some steps have their numbers, as far as there is room.
    """
    best %= len(path)
    path = np.clip(path, -HUGE, HUGE)
    rows_drawn = _leaves(ax, path, best) if path.shape[1] == 2 else len(path)
    ends_inside, path = rows_drawn >= len(path), path[:rows_drawn]
    complete = np.where(np.isnan(path), path[best], path)
    rows = np.unique(np.concatenate([style.rows_to_draw(column) for column in complete.T]))
    dots = "." if len(rows) <= style.MAX_MARKERS else ""
    usual: style.Look = {"color": style.ORANGE, "linewidth": 1.4, "marker": dots, "label": "path"}
    look = usual | (look or {})
    if len(path) > 1:
        ax.plot(*path[rows].T, **look | ({"path_effects": style.casing()} if cased else {}))
        _mark(ax, path[0], look["color"], cased, marker="s", markersize=12, label="start")
    if best < len(path) - 1 and ends_inside:
        _mark(ax, path[-1], look["color"], cased, marker="o", markersize=8, label="end")
    star: style.Look = {"markersize": 15, "markeredgecolor": style.PAPER if cased else look["color"]}
    ax.plot(*path[[best]].T, "*", color=look["color"], zorder=3.2, label="best", linestyle="", **star)
    if numbered and path.shape[1] == 2:
        _number_steps(ax, path, best, look["color"], cased)


def _leaves(ax: Axes, path: np.ndarray, best: int) -> int:
    """Return how many rows to draw: those until a path leaves the axes for good, where it would only cross them."""
    low, high = np.sort([ax.get_xlim(), ax.get_ylim()], axis=1).T
    inside = np.flatnonzero(((path >= low) & (path <= high)).all(axis=1))
    return min(max(int(inside[-1]) + 2 if inside.size else 0, best + 1), len(path))


def _mark(ax: Axes, point: np.ndarray, colour: str, cased: bool, **look: Any) -> None:
    """Draw a hollow mark, with a pale casing on filled bands."""
    look |= {"markerfacecolor": "none", "linestyle": ""}
    if cased:
        pale = look | {"label": "_", "markeredgecolor": style.PAPER, "markeredgewidth": 4.0}
        ax.plot(*point[:, None], zorder=2.9, **pale)
    ax.plot(*point[:, None], zorder=3, markeredgecolor=colour, markeredgewidth=1.8, **look)


def round_steps(count: int) -> list[int]:
    """Return 1, 2, 5, 10, 20 and so on below a count.

    Parameters
    ----------
    count : int
        The count.

    Returns
    -------
    list of int
        The numbers.

    Examples
    --------
    >>> round_steps(11)
    [1, 2, 5, 10]
    """
    steps = [lead * 10**power for power in range(len(str(count))) for lead in (1, 2, 5)]
    return [step for step in steps if step < count]


def numbered_steps(path: np.ndarray, best: int, ax: Axes) -> list[int]:
    """Return the steps that have room for their number: of 1, 2, 5, 10, 20 and so on those that are not too close.

    Parameters
    ----------
    path : array of shape (rows, 2)
        The points.
    best : int
        The row of the best point.
    ax : axes
        The axes, with their limits.

    Returns
    -------
    list of int
        The rows.
    """
    steps = round_steps(len(path))
    inches = ax.transData.transform(np.clip(path, -HUGE, HUGE)) / ax.figure.dpi
    frame = ax.get_window_extent().padded(-0.08 * ax.figure.dpi)
    taken = [0, best, len(path) - 1]
    for step in steps:
        inside = frame.contains(*inches[step] * ax.figure.dpi)
        if inside and all(np.hypot(*(inches[step] - inches[other])) > APART for other in taken):
            taken.append(step)
    return taken[3:]


def _number_steps(ax: Axes, path: np.ndarray, best: int, colour: str, cased: bool) -> None:
    """Write the numbers of steps beside the path, outside of its turns."""
    places = ax.transData.transform(np.clip(path, -HUGE, HUGE))
    texts = []
    for step in numbered_steps(path, best, ax):
        before, after = places[step - 1], places[min(step + 1, len(path) - 1)]
        turn, way = places[step] - (before + after) / 2, after - before
        away = turn if np.hypot(*turn) > 0.1 * np.hypot(*way) else np.array([-way[1], way[0]])
        across, up = (float(each) for each in 9 * away / (np.hypot(*away) or 1.0))
        look: style.Look = {"fontsize": 8, "color": colour, "ha": "center", "va": "center", "zorder": 3.5}
        text = ax.annotate(
            f"{step:,}", (path[step, 0], path[step, 1]), (across, up), textcoords="offset points", **look
        )
        text.set(path_effects=style.casing(2.5) if cased else [])
        texts.append(text)
    style.drop_overlapping(ax, texts)
