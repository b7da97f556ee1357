"""`save_figure`: write a display or a figure to a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.places import file_of, path_of
from steepest.printable import quoted
from steepest.writing import new_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

FORMATS = (".png", ".svg", ".pdf")


class Drawable(Protocol):
    """A picture that can be drawn: a display of this library, or of another such as scikit-learn."""

    def plot(self, ax: Any) -> object:
        """Draw on axes, and set `figure_` to the figure of the axes."""

    @property
    def figure_(self) -> Figure | SubFigure:
        """The figure; as in scikit-learn, a display lacks this attribute until it is drawn."""


@runtime_checkable
class HasLayout(Protocol):
    """A display that lays out its own axes, because it is drawn on several."""

    def room(self, make: Callable[..., Figure]) -> Sequence[Axes | None]:
        """Return the axes, in a figure from `make`; None for axes that this display does not need."""


def save_figure(display: Drawable | Figure, path: str | os.PathLike[str]) -> Path:
    """Write a display or a figure to a PNG, SVG or PDF file.

    If writing fails, no file is left behind, and an existing file is not changed.

    Parameters
    ----------
    display : display or figure
        The picture. A display that has not been drawn yet is drawn first.
    path : path-like
        The file. Its extension chooses the format.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If the extension is not .png, .svg or .pdf.
    FileNotFoundError
        If the folder does not exist.
    """
    given, path = path, path_of(path, "file")
    if path.suffix.lower() not in FORMATS:
        raise ValueError(
            f"{quoted(path.name)} ends in none of {', '.join(FORMATS)}, which figures are written as: rename it"
        )
    # Checked before the picture is drawn, which takes longer.
    file_of(given)
    figure = _figure_of(display)
    with new_file(given) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=150, transparent=True, bbox_inches="tight")
    return path


def _figure_of(display: Drawable | Figure) -> Figure:
    """Return a figure unchanged, or the figure of a display, which is drawn first if needed."""
    from matplotlib.figure import Figure

    if isinstance(display, Figure):
        return display
    if isinstance(display, Display) and not hasattr(display, "figure_"):
        return display.to_figure()
    if not hasattr(display, "figure_"):
        if isinstance(display, HasLayout):
            display.plot([ax for ax in display.room(style.blank) if ax is not None])
        else:
            display.plot(style.dress(style.blank().add_subplot()))
    # If the axes lie in a subfigure, the whole figure is saved.
    figure = display.figure_.figure
    assert isinstance(figure, Figure)
    return figure
