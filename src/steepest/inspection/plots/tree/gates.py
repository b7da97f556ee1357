"""`GatesDisplay`: a gate of a soft tree that sharpens until it is a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.tree.fitted import tree_fit
from steepest.inspection.plots.tree.gate import Gate, seen_by
from steepest.inspection.protocol import RunLike
from steepest.printable import quoted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (8.0, 4.8)  # the width and height of a new figure in inches
THIN, THICK = 0.8, 2.6  # the widths of the first and the last curve, in points


class GatesDisplay(Display):
    """A gate of a soft tree after several epochs: the share of a row that goes right, from a slope to a step.

    The curves run from blue and thin for the first epoch to orange and thick for the last. The legend has what the gate
    looks at after each epoch: its column with its weight among all columns, or the largest terms of a sum.

    Parameters
    ----------
    x : array of shape (points,)
        What the gate looks at.
    curves : mapping of str to array of shape (points,)
        The share that goes right by the name of the epoch, the earliest first.
    name : str, optional
        The name of x.
    title : str, optional
        The text above the picture.

    Examples
    --------
    >>> import steepest as st
    >>> x = np.arange(60.0)
    >>> fit = st.fit(st.models.Tree(depth=1, restarts=2), x, np.where(x > 41, 5.0, 2.0), epochs=8, rng=0)
    >>> list(GatesDisplay.from_run(fit).curves)[-1]
    'epoch 8: x0 (100%)'
    """

    def __init__(
        self, x: ArrayLike, curves: Mapping[str, ArrayLike], *, name: str = "coordinate", title: str = ""
    ) -> None:
        self.x = np.asarray(x, dtype=float)
        self.curves = {label: np.asarray(curve, dtype=float) for label, curve in curves.items()}
        self.name, self.title = name, title

    @classmethod
    def from_run(cls, run: RunLike, restart: int | None = None, node: int = 0, size: int = 400) -> GatesDisplay:
        """Evaluate a gate of one restart with the parameters after several epochs.

        A gate of one column is drawn over its values if it looks at the same column after each of these epochs, and
        over ranks if it changes its column. A gate of sums is drawn over the sum, whose weights are scaled to the
        length 1.

        Parameters
        ----------
        run : fit
            The fit of a tree, or of a tree to a table, that was not loaded.
        restart : int, optional
            The place of the restart, from 0; by default the one with the smallest loss after its gates became splits.
        node : int, optional
            The number of the node: 0 for the root; the nodes below node k are 2k + 1 and 2k + 2.
        size : int, optional
            The number of points of each curve.

        Returns
        -------
        GatesDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit is not that of a tree or was loaded, or there is no such restart or node.
        """
        fit = tree_fit(run)
        if not fit.snapshots or fit.coordinates is None or fit.data is None:
            raise ValueError(
                "the soft trees of this fit are not at hand, as it was loaded and they are not saved: fit it again, "
                "or use TreeDisplay.from_run(fit)"
            )
        restarts, nodes = np.shape(next(iter(fit.snapshots.values()))["threshold"])
        restart = int(np.argmin(fit.hard_losses)) if restart is None else restart
        for name, number, count in (("restart", restart, restarts), ("node", node, nodes)):
            if not 0 <= number < count:
                raise ValueError(f"{name}={quoted(number)}: the {name}s of this fit are 0 to {count - 1}")
        gates = {epoch: Gate.of(fit, soft, restart, node) for epoch, soft in fit.snapshots.items()}
        x, coordinates, name = seen_by(fit, list(gates.values()), size)
        curves = {f"epoch {epoch:,}: {gate.said(fit.names)}": gate.share(coordinates) for epoch, gate in gates.items()}
        where = "root" if node == 0 else f"node {node}"
        return cls(x, curves, name=name, title=run.title or f"{where} of restart {restart + 1}")

    def room(self, make: Callable[..., Figure]) -> tuple[Axes]:
        """Make a figure with axes that leave room for the legend.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes.
        """
        return (style.dress(make(*SIZE).add_subplot()),)

    @property
    def caption(self) -> str:
        """A description of the picture, with the epochs."""
        labels = list(self.curves)
        return f"From {labels[0]} (blue) to {labels[-1]} (orange) the gate sharpens: a slope becomes a step, a split."

    def table(self) -> dict[str, np.ndarray]:
        return {self.name: self.x} | self.curves

    def _draw(self, ax: Axes) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        colours = LinearSegmentedColormap.from_list("epochs", [style.BLUE, style.PURPLE, style.ORANGE])
        for late, (label, curve) in zip(np.linspace(0, 1, len(self.curves)), self.curves.items(), strict=True):
            width = THIN + (THICK - THIN) * late
            ax.plot(self.x, curve, color=colours(late), linewidth=width, label=label)
        ax.set_ylim(-0.03, 1.03)
        style.label(ax, title=self.title, x=self.name, y="share that goes right")
        ax.locator_params(axis="x", nbins=6)
        style.legend_beside(ax)
