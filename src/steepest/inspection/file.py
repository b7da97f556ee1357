"""A display or a figure as a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from steepest.inspection.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")


class Display(Protocol):
    """What can be drawn: its figure is known once it was."""

    def plot(self, ax: Any) -> Any:
        """Draw on axes."""


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
    figure: Any = display if hasattr(display, "savefig") else _drawn(display)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".steepest-") as room:
        draft = Path(room) / path.name
        # A display may live on a part of a figure: what is written is the whole.
        figure.figure.savefig(draft, dpi=150, transparent=True, bbox_inches="tight")
        draft.replace(path)
    return path


def _drawn(display: Any) -> Any:
    """Return the figure of a display, which is drawn now if it was not before."""
    if not hasattr(display, "figure_"):
        # Some displays take two axes, and lay them out themselves.
        room = getattr(display, "room", None)
        axes = [ax for ax in room(style.blank) if ax is not None] if room else style.dress(style.blank().add_subplot())
        display.plot(axes)
    return display.figure_
