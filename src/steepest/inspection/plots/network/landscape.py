"""`LandscapeDisplay`: the loss of one member of a network around its parameters, along two random directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.contour import ContourDisplay
from steepest.inspection.plots.surface import SurfaceDisplay
from steepest.inspection.protocol import NetworkFitLike
from steepest.inspection.window import sampled
from steepest.printable import quoted
from steepest.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = ("direction 1", "direction 2")


class LandscapeDisplay:
    """The loss of one member of a network around its parameters, on the plane of two random directions.

    Each direction is scaled so that the weights of each unit have the length of those of the network, and it leaves
    biases as they are: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018). So
    the steepness does not depend on how the weights of a layer are scaled, and pictures of networks can be compared.

    Parameters
    ----------
    grid : array of shape (size,)
        The steps along each direction, in units of the weights; 0 is in the middle.
    values : array of shape (size, size)
        ``values[i, j]`` is the loss after step ``grid[j]`` along the first and ``grid[i]`` along the second direction.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes of the surface, or of the contour lines if these were drawn alone.
    axes_ : tuple of matplotlib.axes.Axes
        All axes.

    Examples
    --------
    >>> LandscapeDisplay([-1, 0, 1], [[2, 1, 2], [1, 0, 1], [2, 1, 2]]).middle
    np.float64(0.0)
    """

    def __init__(self, grid: ArrayLike, values: ArrayLike, *, title: str = "") -> None:
        self.grid, self.values = np.asarray(grid, dtype=float), np.asarray(values, dtype=float)
        self.title = title

    @classmethod
    def from_run(
        cls, run: NetworkFitLike, member: int = 0, *, reach: float = 1.0, size: int = 25, rows: int = 512, rng: int = 0
    ) -> LandscapeDisplay:
        """Evaluate the loss of a member on a grid around its parameters.

        Parameters
        ----------
        run : fit
            The fit of a network, or of a network to a table, with its rows.
        member : int, optional
            The place of the member in the parameters, from 0.
        reach : float, optional
            How far the picture goes in each direction; at 1 the weights are changed by as much as their own length.
        size : int, optional
            The number of grid points in each direction; an even number is increased by 1, so that one is the middle.
        rows : int, optional
            The loss is that of at most so many rows, which the member learns from.
        rng : int, optional
            The seed of the directions.

        Returns
        -------
        LandscapeDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit is not that of a network, there is no such member, or the reach is not positive and finite.
        RuntimeError
            If the fit was loaded, and so has no rows.
        """
        if not isinstance(run, NetworkFitLike):
            raise ValueError(
                "this run is not the fit of a network: use ContourDisplay or SurfaceDisplay for other functions"
            )
        if not 0 < reach < np.inf:
            raise ValueError(f"reach={quoted(reach)}: give a positive number, such as 1")
        loss, parts = run.member_loss(member, rows), run.member(member)
        random = np.random.default_rng(rng)
        first, second = directions_at(parts, random), directions_at(parts, random)
        grid = np.linspace(-reach, reach, size // 2 * 2 + 1)

        def at(step: np.ndarray) -> float:
            return loss({name: part + step[0] * first[name] + step[1] * second[name] for name, part in parts.items()})

        steps = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
        values = sampled(at, steps).reshape(len(grid), len(grid))
        return cls(grid, values, title=run.title)

    @property
    def middle(self) -> float:
        """The loss at the parameters of the member."""
        return self.values[len(self.grid) // 2, len(self.grid) // 2]

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, Axes]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            Three-dimensional axes, and flat axes to the right.
        """
        return style.side_by_side(make(*style.WIDE), projection="3d")

    @np.errstate(all="ignore")
    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> LandscapeDisplay:
        """Draw the loss as a surface, and as contour lines to the right; a star marks the parameters of the member.

        Parameters
        ----------
        ax : axes or two axes, optional
            Flat axes for contour lines alone, three-dimensional axes for the surface alone, or one of each, the
            three-dimensional ones first; a new figure by default.

        Returns
        -------
        LandscapeDisplay
            This display.
        """
        pair = self.room(style.pyplot_figure) if ax is None else style.one_or_two(ax, "a landscape")
        look: style.Look = {"names": NAMES, "title": self.title}
        drawn: ContourDisplay | SurfaceDisplay
        if pair[1] is None and not style.is_3d(pair[0]):
            drawn = ContourDisplay(self.grid, self.grid, self.values, [[0.0, 0.0]], **look).plot(pair[0])
            self.axes_: tuple[Axes, ...] = (drawn.ax_,)
        else:
            given = [each for each in pair if each is not None]
            drawn = SurfaceDisplay(self.grid, self.grid, self.values, [[0.0, 0.0, self.middle]], **look).plot(given)
            self.axes_ = drawn.axes_
            drawn.ax_.set(zlabel="loss")
        self.ax_, self.figure_ = drawn.ax_, drawn.figure_
        return self


def directions_at(parts: Mapping[str, Array], random: np.random.Generator) -> dict[str, np.ndarray]:
    """Return a random direction in which the weights of each unit have the length of those of the network.

    Parameters
    ----------
    parts : mapping of str to array
        The parameters of a member by name. Arrays of weights have the shape (inputs, units).
    random : numpy.random.Generator
        Draws the direction.

    Returns
    -------
    dict of str to array
        The direction; 0 for parameters that are not weights, such as biases.

    Examples
    --------
    >>> parts = {"weights 1": np.array([[3.0, 0.0], [4.0, 1.0]]), "biases 1": np.array([1.0, 2.0])}
    >>> direction = directions_at(parts, np.random.default_rng(0))
    >>> np.linalg.norm(direction["weights 1"], axis=0).round(6), direction["biases 1"]
    (array([5., 1.]), array([0., 0.]))
    """
    direction = {}
    for name, part in parts.items():
        direction[name] = np.zeros_like(part, dtype=float)
        if name.startswith("weights"):
            drawn = random.standard_normal(part.shape)
            direction[name] = drawn * (np.linalg.norm(part, axis=0) / np.linalg.norm(drawn, axis=0))
    return direction
