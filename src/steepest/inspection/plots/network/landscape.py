"""`LandscapeDisplay`: the loss of one member of a network around its parameters, along two random directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.function.contour import ContourDisplay
from steepest.inspection.plots.function.surface import SurfaceDisplay
from steepest.inspection.protocol import NetworkFitLike
from steepest.inspection.window import sampled
from steepest.printable import quoted
from steepest.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = ("direction 1", "direction 2")


class LandscapeDisplay(Display):
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

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        first, second = style.one_or_two(ax, "a landscape")
        return (first,) if second is None else (first, second)

    @property
    def caption(self) -> str:
        """A description of the picture, with the losses."""
        middle, reach = style.number(self.middle), style.number(self.grid[-1])
        begin = f"The loss is {middle} at the parameters of the network, the star"
        highest = style.number(self.values[np.isfinite(self.values)].max(initial=self.middle))
        return f"{begin}, and up to {highest} where its weights change by up to {reach} times their length."

    def table(self) -> dict[str, np.ndarray]:
        first, second = (each.ravel() for each in np.meshgrid(self.grid, self.grid))
        return {NAMES[0]: first, NAMES[1]: second, "loss": self.values.ravel()}

    def _draw(self, *axes: Axes) -> None:
        look: style.Look = {"names": NAMES, "title": self.title}
        if len(axes) == 1 and not style.is_3d(axes[0]):
            ContourDisplay(self.grid, self.grid, self.values, [[0.0, 0.0]], **look).plot(axes[0])
            return
        SurfaceDisplay(self.grid, self.grid, self.values, [[0.0, 0.0, self.middle]], **look).plot(axes)
        axes[0].set(zlabel="loss")


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
