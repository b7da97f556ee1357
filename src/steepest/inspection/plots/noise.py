"""`NoiseConeDisplay`: the gradients of batches of rows around the gradient of all rows."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import BatchedFitLike, RunLike, TableFitLike
from steepest.printable import quoted
from steepest.types import PyTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZES = (1, 8, 64)
# A batch of one row needs no draws if there are at most this many rows. Chosen, not measured: more rows take more time.
EVERY_ROW = 10_000
MOST_ARROWS = 250  # more than this many arrows or dots hide each other; chosen by eye
# This share of the longest steps lies outside of the picture, so that they don't squeeze the others.
OUTSIDE = 0.02
# Lengths beyond this many times the full gradient are drawn by their logarithm. Chosen by eye.
FAR = 4.0


class NoiseConeDisplay(Display):
    """The steps that batches of rows would take, around the step of all rows, for several batch sizes.

    The step of all rows, against the full gradient g, points to the right and has the length 1. The step of a batch,
    against its own gradient b, goes downhill, to first order, if it points to the right, too: if b·g > 0. A step to the
    left goes uphill. With two parameters this is their plane, turned. With more, the height is the length of the part
    of the step across g. Angles and lengths are those of the parameters in the user's units.

    Parameters
    ----------
    sizes : sequence of int
        The batch sizes.
    along : sequence of array of shape (draws,)
        For each batch size, the part of each batch gradient along g, as a multiple of the length of g.
    across : sequence of array of shape (draws,)
        The part across g: with a sign for two parameters, or its length for more.
    norm : float
        The length of g.
    complete : sequence of bool, optional
        For each batch size, whether the draws are all batches that there are.
    parameters : int, optional
        The number of parameters.
    where : str, optional
        The point of the gradients, in words.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes of the first batch size.
    axes_ : tuple of matplotlib.axes.Axes
        The axes of all batch sizes.

    Examples
    --------
    >>> display = NoiseConeDisplay([1], [[2.0, 1.0, -0.5, 1.5]], [[1.0, -1.0, 0.0, 0.5]], norm=3.0)
    >>> display.uphill, display.angles[0].round()
    (array([0.25]), array([ 27., -45., 180.,  18.]))
    """

    def __init__(
        self,
        sizes: Sequence[int],
        along: Sequence[ArrayLike],
        across: Sequence[ArrayLike],
        *,
        norm: float,
        complete: Sequence[bool] = (),
        parameters: int = 2,
        where: str = "",
        title: str = "",
    ) -> None:
        self.sizes = [int(size) for size in sizes]
        self.along = [np.asarray(each, dtype=float) for each in along]
        self.across = [np.asarray(each, dtype=float) for each in across]
        self.norm, self.parameters, self.where, self.title = float(norm), parameters, where, title
        self.complete = list(complete) or [False for _ in self.sizes]

    @classmethod
    @np.errstate(all="ignore")
    def from_run(
        cls,
        fit: RunLike,
        at: str | int = "start",
        sizes: Sequence[int] | None = None,
        draws: int = 400,
        rng: int | np.random.Generator | None = 0,
    ) -> NoiseConeDisplay:
        """Compute the gradients of batches that are drawn from the rows of a fit.

        Parameters
        ----------
        fit : fit
            The fit of a linear model or of a function of your own, or such a fit to a table.
        at : {"start", "end"} or int, optional
            The parameters: those at the start, those fitted, or those in a row of the trace, from 0.
        sizes : sequence of int, optional
            The batch sizes; by default those of 1, 8 and 64 that are no more than the rows.
        draws : int, optional
            The number of batches of each size, each drawn without replacement. Batches of one row are not drawn, but
            all of them taken, if there are at most 10,000.
        rng : int, numpy.random.Generator or None
            The seed or generator of the draws.

        Returns
        -------
        NoiseConeDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If an option makes no sense, the run is no such fit, or the full gradient is 0 or not finite there.
        RuntimeError
            If the rows of the fit are not at hand.
        """
        inner = fit.fit if isinstance(fit, TableFitLike) else fit
        if not isinstance(inner, BatchedFitLike):
            raise ValueError("this run has no rows to draw batches from: give a fit of a linear model or of a function")
        count = inner.rows_learnt
        sizes = [size for size in SIZES if size <= count] if sizes is None else _checked(sizes, count)
        if isinstance(draws, bool) or not isinstance(draws, numbers.Integral) or draws < 1:
            raise ValueError(f"draws={quoted(draws)}: give the number of batches of each size, 1 or more")
        point, where = _point_of(inner, at)
        full = np.asarray(inner.gradient_at(point), dtype=float)
        norm = float(np.linalg.norm(full))
        if not (np.isfinite(norm) and norm > 0):
            fault = f"the gradient of all rows is {'0' if norm == 0 else 'not finite'} {where}"
            raise ValueError(
                f"{fault}, and batches have no direction to be compared with: give another row of the trace, as in at=0"
            )
        generator, along, across, complete = np.random.default_rng(rng), [], [], []
        for size in sizes:
            complete.append(size == count or (size == 1 and count <= EVERY_ROW))
            if complete[-1]:
                rows = np.arange(count).reshape(-1, size)
            else:
                rows = np.stack([generator.choice(count, size, replace=False, shuffle=False) for _ in range(draws)])
            gradients = inner.batch_gradients(point, rows)
            part, rest = _split(gradients[np.isfinite(gradients).all(axis=1)], full / norm)
            along.append(part / norm)
            across.append(rest / norm)
        return cls(
            sizes, along, across, norm=norm, complete=complete, parameters=full.size, where=where, title=fit.title
        )

    @property
    def uphill(self) -> np.ndarray:
        """For each batch size, the share of batches whose step goes uphill; NaN without a batch."""
        return np.array([np.mean(part < 0) if part.size else np.nan for part in self.along])

    @property
    def angles(self) -> list[np.ndarray]:
        """For each batch size, the angles between the batch gradients and the full gradient, in degrees."""
        return [np.degrees(np.arctan2(*pair)) for pair in zip(self.across, self.along, strict=True)]

    @property
    def noise(self) -> np.ndarray:
        """For each batch size, the root mean square of the distance from the full gradient, as a multiple of it."""
        pairs = zip(self.along, self.across, strict=True)
        return np.array([np.sqrt(np.mean((part - 1) ** 2 + rest**2)) if part.size else np.nan for part, rest in pairs])

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the fit."""
        groups = zip(self.uphill, self.complete, self.along, self.sizes, strict=True)
        shares = [_share_in_words(share, len(part), whole, size) for share, whole, part, size in groups]
        said = f"Steps that point uphill{f' {self.where}' if self.where else ''}: {', '.join(shares)}."
        noisy, noise = self.noise[0], self.noise
        if len(noise) > 1 and (np.diff(self.sizes) > 0).all() and (np.diff(noise) < 0).all():
            said = f"The larger the batch, the closer its step is to that of all rows. {said}"
        if np.isfinite(noisy):
            times = style.number(float(f"{noisy:.2g}"))
            said += f" The noise of a batch of {self.sizes[0]} is {times} times the full gradient."
        return said

    def table(self) -> dict[str, np.ndarray]:
        """Return what the batches of each size have in common.

        Returns
        -------
        dict of str to array
            The batch sizes, the number of batches, the share that goes uphill, and the noise.
        """
        counts = np.array([part.size for part in self.along])
        return {"batch size": np.array(self.sizes), "batches": counts, "uphill": self.uphill, "noise": self.noise}

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            One axes for each batch size, side by side.
        """
        count = len(self.sizes)
        figure = make(max(4.0, 3.6 * count), 4.6 if self.parameters == 2 else 3.2)
        return tuple(style.dress(figure.add_subplot(1, count, k + 1)) for k in range(count))

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        given = tuple(np.ravel(np.asarray(ax, dtype=object)))
        if len(given) != len(self.sizes):
            needed = style.counted(len(self.sizes), "batch size")
            raise ValueError(f"got {len(given)} axes for {needed}: give one axes for each")
        return given

    def _draw(self, *axes: Axes) -> None:
        reach = self._reach()
        for ax, size, part, rest in zip(axes, self.sizes, self.along, self.across, strict=True):
            # The title of the fit stands once, beside the first picture, as each picture has a title of its own.
            beside = self.title if ax is axes[0] else ""
            self._draw_frame(ax, reach)
            self._draw_steps(ax, part, rest)
            share = float(np.mean(part < 0)) if part.size else np.nan
            style.label(
                ax, title=f"batch {size:,}: {100 * share:.3g} % uphill", x="← uphill        downhill →", y=beside
            )
        self._explain(axes[-1], reach)

    def _reach(self) -> float:
        """Return the radius of the picture, as a multiple of the full gradient."""
        lengths = [np.hypot(part, rest) for part, rest in zip(self.along, self.across, strict=True) if part.size]
        return max([1.3, *(float(np.quantile(length, 1 - OUTSIDE)) for length in lengths)])

    def _radius(self, length: np.ndarray | float) -> np.ndarray:
        """Return the distance from the middle at which a length is drawn; it keeps the order, and all angles."""
        length = np.asarray(length, dtype=float)
        # Linear up to the full gradient, and logarithmic from there on.
        return np.where(length <= 1, length, 1 + np.log10(np.maximum(length, 1))) if self._reach() > FAR else length

    def _draw_frame(self, ax: Axes, reach: float) -> None:
        from matplotlib.patches import Circle, Rectangle

        edge = 1.05 * float(self._radius(reach))
        low = -edge if self.parameters == 2 else -0.04 * edge
        ax.set(xlim=(-edge, edge), ylim=(low, edge), xticks=[], yticks=[])
        ax.set_aspect("equal")
        ax.spines[["left", "bottom"]].set_visible(False)
        tint: style.Look = {"facecolor": style.ORANGE, "alpha": 0.1, "linewidth": 0, "zorder": 0.1}
        ax.add_patch(Rectangle((-edge, low), edge, edge - low, **tint))
        ring: style.Look = {"fill": False, "edgecolor": style.GREY, "linewidth": 0.7, "alpha": 0.6, "zorder": 0.2}
        for length in _rings(reach):
            radius = float(self._radius(length))
            ax.add_patch(Circle((0, 0), radius, **ring))
        ax.plot([0, 0], [low, edge], color=style.GREY, linewidth=0.7, zorder=0.2)

    def _explain(self, ax: Axes, reach: float) -> None:
        """Say in the corners, which steps of large batches leave empty, what the rings and the green arrow are."""
        corner: style.Look = {"transform": ax.transAxes, "fontsize": 8, "va": "top"}
        rings = ", ".join(f"{length:g}×" for length in _rings(reach))
        ax.text(0.99, 0.99, f"rings: {rings}", ha="right", color=ax.xaxis.label.get_color(), **corner)
        ax.text(0.01, 0.99, "→ all rows", ha="left", color=style.GREEN, weight="bold", **corner)

    def _draw_steps(self, ax: Axes, part: np.ndarray, rest: np.ndarray) -> None:
        length = np.hypot(part, rest)
        scale = np.where(length > 0, self._radius(length) / np.where(length > 0, length, 1), 0)
        x, y = part * scale, rest * scale
        shown = np.unique(np.linspace(0, part.size - 1, MOST_ARROWS).astype(int)) if part.size else np.arange(0)
        for up, colour in ((False, style.BLUE), (True, style.ORANGE)):
            rows = shown[(part[shown] < 0) == up]
            if self.parameters == 2:
                arrows: style.Look = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.004, "headwidth": 5}
                ax.quiver(np.zeros(rows.size), np.zeros(rows.size), x[rows], y[rows], color=colour, alpha=0.4, **arrows)
            else:
                marker = "^" if up else "o"
                ax.plot(x[rows], y[rows], marker, color=colour, markersize=3.5, alpha=0.6, markeredgewidth=0)
        arrow: style.Look = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.014, "zorder": 4}
        ax.quiver([0], [0], [1], [0], color=style.GREEN, **arrow)


def _share_in_words(share: float, count: int, whole: bool, size: int) -> str:
    """Return which share of some batches points uphill."""
    if not count:
        return f"unknown for batches of {size}, as no gradient is finite"
    if count == 1:
        return f"{int(share)} of 1 batch of {size}"
    return f"{100 * share:.3g} % of {'all ' if whole else ''}{count:,} batches of {size}"


def _checked(sizes: Sequence[int], count: int) -> list[int]:
    """Return batch sizes as a list, after checking them."""
    given = list(np.ravel(np.asarray(sizes, dtype=object)))
    for size in given:
        whole = isinstance(size, numbers.Integral) and not isinstance(size, bool)
        if not whole or not 1 <= size <= count:
            raise ValueError(f"sizes={quoted(sizes)}: give whole numbers of rows, from 1 to the {count:,} of the fit")
    if not given:
        raise ValueError(f"sizes={quoted(sizes)}: give one batch size at least")
    return [int(size) for size in given]


def _point_of(fit: BatchedFitLike, at: str | int) -> tuple[PyTree, str]:
    """Return the parameters at a place, and the place in words."""
    if at == "end":
        return fit.params, "at the end"
    rows = len(fit.trace)
    if at != "start" and (isinstance(at, bool) or not isinstance(at, numbers.Integral) or not -rows <= at < rows):
        raise ValueError(f"at={quoted(at)}: give 'start', 'end', or the number of a row of the trace, 0 to {rows - 1}")
    row = 0 if at == "start" else int(at) % rows
    point = np.asarray(fit.trace.x[row], dtype=float)
    if any(name.startswith("projection ") for name in list(fit.trace.names)[-1:]):
        raise ValueError(f"at={quoted(at)}: the trace holds a sketch of the many parameters: give at='end'")
    if not np.isfinite(point).all():
        raise ValueError(
            f"at={quoted(at)}: the parameters in this row are not finite: give an earlier row of the trace"
        )
    return point, "at the start" if row == 0 else f"in row {row:,} of the trace"


def _split(gradients: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the parts of gradients along a unit vector and across it: signed in a plane, else lengths."""
    along = gradients @ direction
    if direction.size == 2:
        return along, gradients @ np.array([-direction[1], direction[0]])
    return along, np.linalg.norm(gradients - along[:, None] * direction, axis=1)


def _rings(reach: float) -> list[float]:
    """Return the lengths of the rings: powers of ten, as multiples of the full gradient."""
    if reach <= FAR:
        return [1.0, *([2.0] if reach > 2.2 else [])]
    powers = np.arange(0, int(np.floor(np.log10(reach))) + 1)
    return [float(10.0**power) for power in powers[:: max(1, len(powers) // 4)]]
