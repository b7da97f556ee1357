"""What can be read off a run: displays of its descent, of its function and of its fit."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.reading import style
from steepest.reading.basins import BasinDisplay
from steepest.reading.contour import ContourDisplay
from steepest.reading.curve import CurveDisplay
from steepest.reading.descent import DescentDisplay
from steepest.reading.line import LineDisplay, one_column
from steepest.reading.quiver import QuiverDisplay
from steepest.reading.race import RaceDisplay
from steepest.reading.slopes import SlopesDisplay
from steepest.reading.surface import SurfaceDisplay
from steepest.reading.training import TrainingDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BasinDisplay",
    "ContourDisplay",
    "CurveDisplay",
    "DescentDisplay",
    "LineDisplay",
    "QuiverDisplay",
    "RaceDisplay",
    "SlopesDisplay",
    "SurfaceDisplay",
    "TrainingDisplay",
    "overview",
    "plot_run",
    "save_figure",
]

Picture = ContourDisplay | CurveDisplay | DescentDisplay | LineDisplay
Paired = RaceDisplay | SlopesDisplay | SurfaceDisplay | TrainingDisplay
Display = Picture | Paired | BasinDisplay | QuiverDisplay
FORMATS = (".png", ".svg", ".pdf")


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


def save_figure(display: Display | Figure, path: str | os.PathLike[str]) -> Path:
    """Write a display or a figure to a PNG, SVG or PDF file, whole or not at all.

    Parameters
    ----------
    display : display or figure
        What to write; a display that was not drawn yet is drawn.
    path : path-like
        Where; the extension says the format.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        Where the extension is none of .png, .svg and .pdf.
    FileNotFoundError
        Where the folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{path.name!r} ends in none of {', '.join(FORMATS)}, which figures are written as: rename it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {str(path.parent)!r} to write {path.name!r} to: make it first")
    if isinstance(display, Display) and not hasattr(display, "figure_"):
        if isinstance(display, Paired):
            display.plot([ax for ax in display.room(style.blank) if ax is not None])
        else:
            display.plot(style.dress(style.blank().add_subplot()))
    figure = display.figure_ if isinstance(display, Display) else display
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".steepest-") as room:
        draft = Path(room) / path.name
        # A display may live on a part of a figure: what is written is the whole.
        figure.figure.savefig(draft, dpi=150, transparent=True, bbox_inches="tight")
        draft.replace(path)
    return path
