"""`plot_run`, `descent_of` and `overview`: the pictures that suit a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.descent import DescentDisplay
from steepest.inspection.plots.fit import FitDisplay
from steepest.inspection.plots.function.contour import ContourDisplay
from steepest.inspection.plots.function.curve import CurveDisplay
from steepest.inspection.plots.line import LineDisplay, is_line
from steepest.inspection.plots.network.members import MembersDisplay
from steepest.inspection.plots.tree.restarts import RestartsDisplay
from steepest.inspection.plots.tree.tree import TreeDisplay
from steepest.inspection.protocol import FitLike, RunLike, TableFitLike, has_members, has_restarts, tree_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Descent = DescentDisplay | MembersDisplay | RestartsDisplay
Picture = ContourDisplay | CurveDisplay | FitDisplay | LineDisplay | TreeDisplay | Descent


def picture_of(run: RunLike) -> Picture | None:
    """Return a display of the fitted tree, line or table, or of the function; None if it has too many dimensions."""
    if tree_of(run) is not None:
        return TreeDisplay.from_run(run)
    if isinstance(run, FitLike):
        if is_line(run):
            return LineDisplay.from_run(run)
        return FitDisplay.from_run(run) if isinstance(run, TableFitLike) else None
    x = np.asarray(run.trace.x)
    if not np.isfinite(x).all(axis=1).any():
        return None
    if x.shape[1] == 1:
        return CurveDisplay.from_run(run)
    return ContourDisplay.from_run(run) if x.shape[1] == 2 and not _is_thin(run) else None


def _is_thin(run: RunLike) -> bool:
    """Tell whether a run has values on a line alone, around which contour lines would show nothing."""
    within = getattr(run, "within", None)
    sets = within.values() if isinstance(within, Mapping) else [within]
    return bool(getattr(run, "fixed", None)) or any(one is not None and one.is_thin for one in sets)


def plot_run(run: RunLike, ax: Axes | None = None) -> Picture:
    """Draw the picture that suits a run.

    The fit of a tree is drawn as its splits and leaves, any other fit on one column as its data with the fitted line,
    and any other fit of a table as its predictions, effects and descent. A function of one parameter is drawn as a
    curve, and of two parameters, if none is fixed, as contour lines, both with the path. Every other run is drawn as
    its descent: that of the members of a network, or else of the value and the gradient norm.

    Parameters
    ----------
    run : run or fit
        The run.
    ax : axes, optional
        The axes to draw on; a new figure by default.

    Returns
    -------
    ContourDisplay, CurveDisplay, DescentDisplay, FitDisplay, LineDisplay, MembersDisplay or TreeDisplay
        The drawn display, which has its numbers as attributes.

    Examples
    --------
    >>> from types import SimpleNamespace as Record
    >>> from matplotlib.figure import Figure
    >>> trace = Record(x=np.array([[1.0], [0.5]]), value=np.array([1.0, 0.25]), names=["x"])
    >>> run = Record(trace=trace, maximized=False, outcome="completed", title="x**2")
    >>> run.evaluate = lambda x: x[0] ** 2
    >>> plot_run(run, ax=Figure().add_subplot()).path
    array([[1.  , 1.  ],
           [0.5 , 0.25]])
    """
    return (picture_of(run) or descent_of(run)).plot(ax)


def descent_of(run: RunLike) -> Descent:
    """Return the display of the descent of a run, not drawn yet.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    DescentDisplay, MembersDisplay or RestartsDisplay
        The losses of the members of a network, or of the restarts of a tree; for every other run, the value and the
        gradient norm.
    """
    if has_restarts(run):
        return RestartsDisplay.from_run(run)
    return MembersDisplay.from_run(run) if has_members(run) else DescentDisplay.from_run(run)


def overview(run: RunLike) -> Figure:
    """Return one figure with the descent of a run and, to its left, the picture of `plot_run`.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    matplotlib.figure.Figure
        A figure that is not registered with pyplot, so that notebooks do not show it twice.
    """
    picture, descent = picture_of(run), descent_of(run)
    figure = style.blank(11 if picture else 6.4, 4.8)
    grid = figure.add_gridspec(2, 2 if picture else 1)
    if picture:
        picture.plot(style.dress(figure.add_subplot(grid[:, 0])))
        descent.title = ""
    if isinstance(descent, MembersDisplay | RestartsDisplay):
        descent.plot(style.dress(figure.add_subplot(grid[:, -1])))
    else:
        upper = style.dress(figure.add_subplot(grid[0, -1]))
        descent.plot([upper, style.dress(figure.add_subplot(grid[1, -1], sharex=upper))])
    style.write_caption(figure, " ".join(each.caption for each in (picture, descent) if each is not None))
    return figure
