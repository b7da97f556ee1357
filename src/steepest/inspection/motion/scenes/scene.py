"""`Scene`: a picture with artists that move; and the figure of axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Scene(Protocol):
    """A picture with artists that move; everything else is drawn once, and stays below them."""

    @property
    def figure(self) -> Figure:
        """The figure, which is not registered with pyplot."""

    @property
    def title(self) -> str:
        """The title of what is shown."""

    @property
    def moving(self) -> Sequence[Artist]:
        """The artists that differ between frames, and those that lie above them."""

    @property
    def captions(self) -> Sequence[str]:
        """The line below each frame."""

    def draw(self, k: int) -> None:
        """Bring the moving artists into the state of frame k."""


def figure_of(ax: Axes) -> Figure:
    """Return the whole figure of axes, which may lie in a part of it.

    Parameters
    ----------
    ax : axes
        The axes.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
