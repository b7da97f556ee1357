"""`Display`: what all pictures have in common: numbers, a caption, and axes to be drawn on."""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from steepest.inspection.plots import style
from steepest.notebook.card import Picture, card
from steepest.notebook.png import small_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


# The size of a picture on a card, as a share of its own. Chosen by eye: its texts, which keep their size, still fit.
SMALL = 0.75
PIXELS = 96  # of CSS, in an inch


class Display(abc.ABC):
    """A picture, whose numbers are attributes.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes; the first, if there are several.
    axes_ : tuple of matplotlib.axes.Axes
        All axes.
    """

    title: str = ""
    figure_: Figure | SubFigure
    ax_: Axes
    axes_: tuple[Axes, ...]

    @property
    @abc.abstractmethod
    def caption(self) -> str:
        """A description of the picture in a plain sentence or two, with its numbers."""

    @abc.abstractmethod
    def table(self) -> dict[str, np.ndarray]:
        """Return the numbers that are drawn.

        Returns
        -------
        dict of str to array
            The columns by name, of one length.
        """

    # Each display has as many parameters here as it has axes, which the type checker allows for Any alone.
    @abc.abstractmethod
    def _draw(self, *axes: Any, **_: Any) -> None:
        """Draw on the axes of `room`, or on those that were given."""

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes.
        """
        return (style.dress(make().add_subplot()),)

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        """Return the axes that a user gave, after checking them."""
        return (style.only(ax),)

    @np.errstate(all="ignore")
    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : axes or sequence of axes, optional
            The axes to draw on, which get no caption; by default those of a new figure, with the caption below.

        Returns
        -------
        Display
            This display.
        """
        figure = self._draw_on(self.room(style.pyplot_figure) if ax is None else self._given(ax))
        if ax is None:
            style.write_caption(figure, self.caption)
        return self

    @np.errstate(all="ignore")
    def to_figure(self, *, captioned: bool = True, scale: float = 1.0) -> Figure:
        """Draw the picture on a figure of its own, which is not registered with pyplot.

        Parameters
        ----------
        captioned : bool, optional
            Whether the caption is written below the axes.
        scale : float, optional
            The size of the figure as a share of its usual size. Texts keep their size, so that they stay legible where
            a small figure is shown, as on a phone.

        Returns
        -------
        matplotlib.figure.Figure
            The figure, with a transparent background.
        """
        figure = self._draw_on(self.room(lambda width=6.4, height=4.8: style.blank(scale * width, scale * height)))
        if captioned:
            style.write_caption(figure, self.caption)
        return figure

    @np.errstate(all="ignore")
    def thumbnail(self) -> Picture:
        """Draw a small picture without its caption; the display stays as it is.

        Returns
        -------
        Picture
            The picture, as a PNG image.
        """

        def small(width: float = 6.4, height: float = 4.8) -> Figure:
            return style.blank(SMALL * width, SMALL * height)

        figure = copy.copy(self)._draw_on(self.room(small))
        kind = type(self).__name__.removesuffix("Display").lower()
        return Picture(
            small_png(figure), round(PIXELS * figure.get_figwidth()), f"{kind} of {self.title}" if self.title else kind
        )

    def _repr_html_(self) -> str | None:
        """Return the picture with its caption for a notebook; None if pyplot shows it already, or without Jinja2."""
        if hasattr(self, "figure_") and style.is_registered(self.figure_.figure):
            return None
        return card(self.title, picture=self.thumbnail(), caption=self.caption)

    def _draw_on(self, axes: tuple[Axes, ...]) -> Figure:
        self.axes_, self.ax_, self.figure_ = axes, axes[0], axes[0].figure
        self._draw(*axes)
        # If the axes lie in a subfigure, this is the whole figure.
        return self.figure_.figure
