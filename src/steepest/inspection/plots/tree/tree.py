"""`TreeDisplay`: the splits and leaves of a tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.tree.edges import Edge
from steepest.inspection.plots.tree.fitted import labels_of, tree_fit
from steepest.inspection.plots.tree.layout import Box, arranged, corners
from steepest.inspection.plots.tree.shades import INK, Shades
from steepest.inspection.plots.tree.texts import PADDING, SMALL, heights
from steepest.inspection.protocol import NodeLike, RunLike
from steepest.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 72.0  # in an inch
TITLE = 24.0  # the height of the title in points
MOST_BESIDE = 8  # a tree with more leaves grows to the right, so that its leaves are the lines of a list
MOST_SCALE = 1.6  # large axes have texts of at most so many times their size
MOST_LABEL = 18  # the most letters of the name of a class


class TreeDisplay(Display):
    """The splits and leaves of a tree: its condition in each split, and its prediction in each leaf.

    Rows that meet a condition go left, or up if the tree grows to the right, as it does with more than eight leaves.
    The wider an edge, the more rows take it. The colour of a leaf is that of its prediction: for numbers, blue below
    their mean and orange above it; for classes, the colour of the most probable one, paler the less probable it is.

    Parameters
    ----------
    root : Node
        The simplified tree, as ``fit.outline()`` returns it.
    labels : sequence of str, optional
        The names of the classes; none if the tree predicts numbers.
    is_linear : bool, optional
        Whether the leaves are linear models, whose predictions in ``root`` are those for one typical row.
    title : str, optional
        The text above the picture.

    Examples
    --------
    >>> import steepest as st
    >>> x = np.arange(60.0)
    >>> fit = st.fit(st.models.Tree(depth=1), x, np.where(x > 41, 5.0, 2.0), rng=0)
    >>> [TreeDisplay.from_run(fit).said(leaf) for leaf in fit.outline().leaves]
    [['2'], ['5']]
    """

    def __init__(self, root: NodeLike, *, labels: Sequence[str] = (), is_linear: bool = False, title: str = "") -> None:
        self.root, self.labels, self.is_linear, self.title = root, labels, is_linear, title

    @classmethod
    def from_run(cls, run: RunLike) -> TreeDisplay:
        """Read the tree of a fit.

        Parameters
        ----------
        run : fit
            The fit of a tree, or of a tree to a table.

        Returns
        -------
        TreeDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit is not that of a tree.
        """
        fit = tree_fit(run)
        return cls(fit.outline(), labels=labels_of(run), is_linear=fit.model.leaves == "linear", title=run.title)

    @property
    def is_sideways(self) -> bool:
        """Whether the tree grows to the right, in place of downwards."""
        return len(self.root.leaves) > MOST_BESIDE

    def said(self, leaf: NodeLike) -> list[str]:
        """Return the prediction of a leaf as short texts.

        Parameters
        ----------
        leaf : Node
            The leaf.

        Returns
        -------
        list of str
            The number, or the most probable class and its probability.
        """
        assert leaf.prediction is not None
        if self.labels:
            best = int(np.argmax(leaf.prediction))
            return [printable(self.labels[best], MOST_LABEL), f"p = {leaf.prediction[best]:.3g}"]
        return [("about " if self.is_linear else "") + _short(float(leaf.prediction[0]))]

    def room(self, make: Callable[..., Figure]) -> tuple[Axes]:
        """Make a figure with axes of the size that this tree needs.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes.
        """
        low, high = corners(self.boxes())
        width, height = high - low
        above = TITLE if self.title else 0.0
        figure = make(width / POINTS, (height + above) / POINTS)
        # The axes fill the figure, which leaves nothing to lay out.
        figure.set_layout_engine("none")
        return (style.dress(figure.add_axes((0.0, 0.0, 1.0, height / (height + above)))),)

    def boxes(self) -> list[Box]:
        """Return the boxes of the tree, at their places in points.

        Returns
        -------
        list of Box
            The boxes; each comes after the one above it.
        """
        return arranged(self.root, self.said, self.is_sideways)

    @property
    def caption(self) -> str:
        """A description of the picture, with the number of leaves."""
        leaves = self.root.leaves
        largest = max(leaves, key=lambda leaf: leaf.rows)
        share = f"{100 * largest.rows / max(self.root.rows, 1):.0f} %"
        begin = f"Each row follows the conditions to one of {len(leaves):,} lea{'f' if len(leaves) == 1 else 'ves'}"
        end = f"The largest, with {share} of the rows, predicts {', '.join(self.said(largest))}."
        return f"{begin}; the wider an edge, the more rows. {end}"

    def table(self) -> dict[str, np.ndarray]:
        leaves = self.root.leaves
        numbers = {"leaf": [leaf.number for leaf in leaves], "rows": [leaf.rows for leaf in leaves]}
        said = {"prediction": [", ".join(self.said(leaf)) for leaf in leaves]}
        return {name: np.array(column) for name, column in (numbers | said).items()}

    def _draw(self, ax: Axes) -> None:
        boxes = self.boxes()
        low, high = corners(boxes)
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        ax.set_axis_off()
        style.label(ax, title=self.title)
        scale = min(*(_size(ax) / (high - low)), MOST_SCALE)
        colours = self.colours()
        for box in boxes:
            if box.parent is not None:
                self._draw_edge(Edge.to(box, self.root.rows, self.is_sideways), scale)
        for box in boxes:
            self._draw_box(box, scale, colours.get(box.node.number) if box.is_leaf else None)

    def colours(self) -> dict[int, np.ndarray]:
        """Return the colour of each leaf by its number.

        Returns
        -------
        dict of int to array of shape (3,)
            The colours.
        """
        leaves = self.root.leaves
        predictions = np.array([leaf.prediction for leaf in leaves])
        if self.labels:
            colours = Shades().of_classes(predictions)
        else:
            # A leaf without rows must not leave the mean without weights.
            rows = [max(leaf.rows, 1e-9) for leaf in leaves]
            colours = Shades.over(predictions[:, 0], rows).of_numbers(predictions[:, 0])
        return dict(zip((leaf.number for leaf in leaves), colours, strict=True))

    def _draw_edge(self, edge: Edge, scale: float) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        curve = Path(edge.points, [Path.MOVETO, *[Path.CURVE4] * 3])
        look: style.Look = {"edgecolor": style.GREY, "facecolor": "none", "alpha": 0.45, "zorder": 1}
        self.ax_.add_patch(PathPatch(curve, linewidth=edge.width * scale, **look))
        words: style.Look = {"size": SMALL * scale, "color": self.ink, "zorder": 2}
        self.ax_.text(edge.place[0], edge.place[1], edge.text, ha=edge.across, va=edge.up, **words)

    def _draw_box(self, box: Box, scale: float, colour: np.ndarray | None) -> None:
        from matplotlib.patches import FancyBboxPatch

        corner = (box.x - box.width / 2, box.y - box.height / 2)
        look: style.Look = {"boxstyle": "round,pad=0,rounding_size=4", "linewidth": 0.8 * scale, "zorder": 2}
        look |= {"facecolor": "none" if colour is None else colour, "edgecolor": style.GREY}
        self.ax_.add_patch(FancyBboxPatch(corner, box.width, box.height, **look))
        lines = heights(box.pieces)
        tops = box.y + sum(lines) / 2 - np.cumsum([0.0, *lines])
        for piece in box.pieces:
            # Texts at the sides keep away from the edges of the box.
            x = box.x + (piece.across - 0.5) * (box.width - 2 * PADDING)
            self.ax_.text(
                x, tops[piece.row] - lines[piece.row] / 2, piece.text, parse_math=False, size=piece.size * scale,
                weight="bold" if piece.is_bold else "normal", color=self.ink if colour is None else INK,
                ha={0.0: "left", 0.5: "center", 1.0: "right"}[piece.across], va="center_baseline", zorder=3,
            )  # fmt: skip

    @property
    def ink(self) -> str:
        """The colour of the texts that are on the background, once the display is drawn."""
        return str(self.ax_.xaxis.label.get_color())


def _short(value: float) -> str:
    """Return a number in at most four digits, or whole and in full if it has more before the point."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def _size(ax: Axes) -> np.ndarray:
    """Return the width and height of axes in points, as its figure will lay them out."""
    figure = ax.figure.figure
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
    box = ax.get_window_extent()
    return np.array([box.width, box.height]) * POINTS / figure.dpi
