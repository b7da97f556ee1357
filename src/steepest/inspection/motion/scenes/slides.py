"""`SnapshotsScene` and `GatesScene`: one frame for each epoch after which parameters were kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.motion.frames import chosen
from steepest.inspection.motion.scenes.scene import figure_of
from steepest.inspection.plots import style
from steepest.inspection.plots.network.snapshots import SnapshotsDisplay
from steepest.inspection.plots.tree.gates import GatesDisplay

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure


class Slides:
    """Groups of artists, one for each frame.

    Parameters
    ----------
    figure : figure
        The figure.
    title : str
        The title of what is shown.
    captions : sequence of str
        The line below each frame.
    groups : sequence of sequence of artist
        The artists of each frame.
    pile : bool, optional
        Whether the artists of earlier frames stay.
    """

    def __init__(
        self,
        figure: Figure,
        title: str,
        captions: Sequence[str],
        groups: Sequence[Sequence[Artist]],
        pile: bool = False,
    ) -> None:
        self.figure, self.title, self.captions, self.groups, self.pile = figure, title, captions, groups, pile
        self.moving = [artist for group in groups for artist in group]

    def draw(self, k: int) -> None:
        """Show the artists of frame k."""
        for number, group in enumerate(self.groups):
            for artist in group:
                artist.set_visible(number == k or (self.pile and number < k))


class SnapshotsScene(Slides):
    """The predictions of a network on one or two columns, as they form.

    Parameters
    ----------
    display : SnapshotsDisplay
        The predictions.
    most : int
        The largest number of frames.
    """

    def __init__(self, display: SnapshotsDisplay, most: int) -> None:
        figure = style.blank()
        ax = style.dress(figure.add_subplot())
        names = [list(display.panels)[k] for k in chosen(range(len(display.panels)), most)]
        groups: list[list[Artist]] = []
        for name in names:
            known = set(ax.get_children())
            display.draw_panel(ax, name)
            groups.append([artist for artist in ax.get_children() if artist not in known])
            if name == names[0]:
                style.legend_beside(ax)
        style.label(ax, title=display.title, x=display.names[0], y=display.names[1])
        super().__init__(figure, display.title, names, groups)


class GatesScene(Slides):
    """A gate of a soft tree, as it sharpens into a split.

    Parameters
    ----------
    display : GatesDisplay
        The gate.
    most : int
        The largest number of frames.
    """

    def __init__(self, display: GatesDisplay, most: int) -> None:
        (ax,) = display.room(style.blank)
        display.plot(ax)
        shown = chosen(range(len(display.curves)), most)
        captions = [list(display.curves)[k] for k in shown]
        # Between two frames, the curves of all epochs since the last one appear.
        parts = np.split(np.array(ax.lines, dtype=object), np.array(shown[:-1]) + 1)
        super().__init__(figure_of(ax), display.title, captions, [list(part) for part in parts], pile=True)
