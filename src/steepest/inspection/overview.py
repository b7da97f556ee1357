"""One picture of a run, as what shows it best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.contour import ContourDisplay
from steepest.inspection.plots.curve import CurveDisplay
from steepest.inspection.plots.descent import DescentDisplay
from steepest.inspection.plots.line import LineDisplay, one_column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Picture = ContourDisplay | CurveDisplay | DescentDisplay | LineDisplay


def _picture(run: Any) -> Picture | None:
    """Return what shows a run best, or None where that is the descent alone."""
    if hasattr(run, "predict"):
        return LineDisplay.from_run(run) if one_column(run.data) else None
    x = np.asarray(run.trace.x)
    if not np.isfinite(x).all(axis=1).any():
        return None
    if x.shape[1] == 1:
        return CurveDisplay.from_run(run)
    return ContourDisplay.from_run(run) if x.shape[1] == 2 else None


def plot_run(run: Any, ax: Axes | None = None) -> Picture:
    """Draw a run as what shows it best.

    A fit on one column is drawn as its line; a function of one parameter as its curve and of two as its
    contour lines, with the path; everything else as the descent of value and gradient norm.

    Parameters
    ----------
    run : run or fit
        What was descended.
    ax : axes, optional
        Where to draw; a new figure where left out.

    Returns
    -------
    ContourDisplay, CurveDisplay, DescentDisplay or LineDisplay
        The display, drawn; its numbers are attributes.

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
    return (_picture(run) or DescentDisplay.from_run(run)).plot(ax)


def overview(run: Any) -> Figure:
    """Return one figure with all that a run has to show: its picture, where it has one, beside its descent.

    Parameters
    ----------
    run : run or fit
        What was descended.

    Returns
    -------
    matplotlib.figure.Figure
        A figure of its own, unknown to pyplot.
    """
    picture, descent = _picture(run), DescentDisplay.from_run(run)
    figure = style.blank(11 if picture else 6.4, 4.8)
    grid = figure.add_gridspec(2, 2 if picture else 1)
    if picture:
        picture.plot(style.dress(figure.add_subplot(grid[:, 0])))
        descent.title = ""
    upper = style.dress(figure.add_subplot(grid[0, -1]))
    descent.plot([upper, style.dress(figure.add_subplot(grid[1, -1], sharex=upper))])
    return figure
