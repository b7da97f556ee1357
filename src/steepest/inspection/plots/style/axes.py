"""The figures and axes of all pictures: transparent, with text, ticks and spines in a grey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.plots.style.colours import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d.axes3d import Axes3D

# The functions import matplotlib when called: it loads slowly, and a run can be read as numbers without it.

WIDE = (11, 4.8)  # the width and height of two pictures side by side, in inches


def dress(ax: Axes) -> Axes:
    """Give new axes no background, and text, ticks and spines in a grey that suits light and dark pages."""
    ax.set_facecolor("none")
    if is_3d(ax):
        _dress_3d(ax)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(which="both", colors=GREY)
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
        text.set_color(GREY)
    return ax


def is_3d(ax: Axes | None) -> bool:
    """Return whether axes are three-dimensional."""
    return ax is not None and ax.name == "3d"


def _dress_3d(ax: Axes3D) -> None:
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.pane.set(facecolor="none", edgecolor=GREY, alpha=None)
        axis.line.set_color(GREY)
    ax.grid(False)  # the colour of a grid can be set in rcParams only, and the default is too bright on dark pages
    ax.zaxis.label.set_color(GREY)


def blank(width: float = 6.4, height: float = 4.8) -> Figure:
    """Return an empty, transparent figure that is not registered with pyplot, so that notebooks do not show it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="none", layout="constrained")


def pyplot_figure(width: float = 6.4, height: float = 4.8) -> Figure:
    """Return an empty, transparent figure that is registered with pyplot, so that notebooks show it."""
    from matplotlib import pyplot as plt

    return plt.figure(figsize=(width, height), facecolor="none", layout="constrained")


def is_registered(figure: Figure) -> bool:
    """Return whether pyplot has a figure, so that a notebook shows it after the cell."""
    from matplotlib._pylab_helpers import Gcf

    return any(manager.canvas.figure is figure for manager in Gcf.get_all_fig_managers())


def side_by_side(figure: Figure, projection: str | None = None) -> tuple[Axes, Axes]:
    """Add two dressed axes to a figure, side by side; `projection` applies to the left axes."""
    left, right = figure.add_subplot(1, 2, 1, projection=projection), figure.add_subplot(1, 2, 2)
    return dress(left), dress(right)


def one_or_two(ax: Axes | Sequence[Axes], what: str) -> tuple[Axes, Axes | None]:
    """Return the axes for the left and the right picture of a display; the right axes are None if not given."""
    given = np.ravel(np.asarray(ax, dtype=object))
    if len(given) > 2 or not len(given):
        raise ValueError(f"got {len(given)} axes, and {what} is drawn on 2 side by side: give ax=(left, right) or one")
    return given[0], given[1] if len(given) == 2 else None


def only(ax: Axes | Sequence[Axes]) -> Axes:
    """Return the given axes, or the only ones in a sequence."""
    given = np.ravel(np.asarray(ax, dtype=object))
    if len(given) != 1:
        raise ValueError(f"got {len(given)} axes, and this picture is drawn on one: give ax=ax")
    return given[0]


def axes_or_new(ax: Axes | None) -> Axes:
    """Return the given axes unchanged, or the axes of a new figure, which notebooks show."""
    return dress(pyplot_figure().add_subplot()) if ax is None else ax


def stacked(figure: Figure) -> tuple[Axes, Axes]:
    """Add two dressed axes to a figure, one above the other."""
    top, bottom = (dress(each) for each in figure.subplots(2, 1, sharex=True))
    return top, bottom


def stacked_axes(ax: Axes | Sequence[Axes] | None, what: str = "a descent") -> tuple[Axes, Axes]:
    """Return two axes, one above the other: the two given, or the one given split in half, or those of a new figure."""
    if ax is None:
        return stacked(pyplot_figure())
    if isinstance(ax, Sequence | np.ndarray):
        if len(ax) != 2:
            raise ValueError(f"got {len(ax)} axes, and {what} is drawn on 2: give ax=(upper, lower) or one axes")
        top, bottom = ax
    else:
        spec, box = ax.get_subplotspec(), ax.get_position()
        if spec is not None:
            halves = spec.subgridspec(2, 1)
            ax.set_subplotspec(halves[0])
            top, bottom = ax, ax.figure.add_subplot(halves[1], sharex=ax)
        else:
            ax.set_position((box.x0, box.y0 + 0.55 * box.height, box.width, 0.45 * box.height))
            lower = (box.x0, box.y0, box.width, 0.45 * box.height)
            top, bottom = ax, ax.figure.add_axes(lower, sharex=ax)
        _copy_look(top, bottom)
    top.tick_params(labelbottom=False)
    return top, bottom


def _copy_look(model: Axes, ax: Axes) -> None:
    ax.set_facecolor(model.get_facecolor())
    for side, spine in model.spines.items():
        ax.spines[side].set_visible(spine.get_visible())
        ax.spines[side].set_color(spine.get_edgecolor())
    colours = {name: value for name, value in model.yaxis.get_tick_params().items() if name.endswith("color")}
    ax.tick_params(which="both", **colours)
    for text in (ax.xaxis.label, ax.yaxis.label):
        text.set_color(model.yaxis.label.get_color())
