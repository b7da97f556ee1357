"""`PairDisplay`: the base of displays that are drawn on two axes side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class PairDisplay(Display):
    """A picture on two axes side by side; a user may give the left axes alone."""

    what: ClassVar[str]  # the picture, for the message of an error

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The left and the right axes.
        """
        return style.side_by_side(make(*style.WIDE))

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        left, right = style.one_or_two(ax, self.what)
        return (left,) if right is None else (left, right)
