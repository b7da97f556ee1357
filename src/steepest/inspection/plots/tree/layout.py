"""The layout of a drawn tree: the places of its boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from steepest.inspection.plots.tree.texts import Piece, answer, measured, question
from steepest.inspection.protocol import NodeLike

# Sizes in points, chosen by eye: between boxes side by side, between levels, and around the tree.
GAP, LEVEL, MARGIN = 9.0, 38.0, 10.0


@dataclass
class Box:
    """A node with its texts, its place and its size.

    Attributes
    ----------
    node : NodeLike
        The node.
    pieces : sequence of Piece
        Its texts.
    level : int
        How many splits are above it.
    width, height : float
        Its size, in points.
    x, y : float
        Its centre.
    parent : Box or None
        The box above it.
    """

    node: NodeLike
    pieces: Sequence[Piece]
    level: int
    width: float = 0.0
    height: float = 0.0
    x: float = 0.0
    y: float = 0.0
    parent: Box | None = None

    @property
    def is_leaf(self) -> bool:
        """Whether nothing is below it."""
        return self.node.left is None

    @property
    def is_left(self) -> bool:
        """Whether rows come here that meet the condition of the box above."""
        return self.parent is not None and self.parent.node.left is self.node


def arranged(
    root: NodeLike,
    said: Callable[[NodeLike], Sequence[str]],
    is_sideways: bool,
) -> list[Box]:
    """Return the boxes of a tree, at their places.

    Parameters
    ----------
    root : NodeLike
        The root.
    said : callable
        Returns the prediction of a leaf, in one or two parts.
    is_sideways : bool
        Whether the tree grows to the right, with "yes" above, or downwards, with "yes" on the left.

    Returns
    -------
    list of Box
        The boxes; each comes after the one above it.
    """
    boxes = _boxes(root, said, is_sideways)
    # Along: where the leaves stand side by side. Down: from level to level.
    sizes = np.array([[box.width, box.height][:: -1 if is_sideways else 1] for box in boxes])
    is_leaf = np.array([box.is_leaf for box in boxes])
    # A split is in the middle between its two sides, so it has the room of two leaves.
    slot = max(sizes[is_leaf, 0].max(), sizes[~is_leaf, 0].max(initial=0) / 2) + GAP
    levels = np.array([box.level for box in boxes])
    depths = [sizes[levels == level, 1].max() + LEVEL for level in range(levels.max() + 1)]
    starts = np.concatenate([[0.0], np.cumsum(depths)])
    along = _along(boxes, slot)
    for box, place, (_, size) in zip(boxes, along, sizes, strict=True):
        down = starts[box.level] + size / 2
        box.x, box.y = (down, -place) if is_sideways else (place, -down)
    return boxes


def _boxes(
    root: NodeLike,
    said: Callable[[NodeLike], Sequence[str]],
    is_sideways: bool,
) -> list[Box]:
    boxes: list[Box] = []

    def add(node: NodeLike, parent: Box | None) -> None:
        is_leaf = node.left is None or node.right is None
        pieces = answer(said(node), node, root.rows, is_sideways) if is_leaf else question(node)
        width, height = measured(pieces)
        box = Box(node, pieces, parent.level + 1 if parent else 0, width, height, parent=parent)
        boxes.append(box)
        for below in (node.left, node.right):
            if below is not None:
                add(below, box)

    add(root, None)
    # Leaves have one width, so that they can be compared at a glance.
    widest = max(box.width for box in boxes if box.is_leaf)
    for box in boxes:
        if box.is_leaf:
            box.width = widest
    return boxes


def _along(boxes: Sequence[Box], slot: float) -> np.ndarray:
    """Return the place of each box among those side by side: leaves one by one, and splits in the middle."""
    leaves = iter(range(len(boxes)))
    places = {id(box): next(leaves) * slot for box in boxes if box.is_leaf}
    for box in reversed(boxes):
        if not box.is_leaf:
            places[id(box)] = float(np.mean([places[id(below)] for below in boxes if below.parent is box]))
    return np.array([places[id(box)] for box in boxes])


def corners(boxes: Sequence[Box]) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower left and the upper right corner of a drawn tree, with a margin.

    Parameters
    ----------
    boxes : sequence of Box
        Its boxes.

    Returns
    -------
    low, high : array of shape (2,)
        The corners, in points.
    """
    centres = np.array([[box.x, box.y] for box in boxes])
    halves = np.array([[box.width, box.height] for box in boxes]) / 2
    return (centres - halves).min(axis=0) - MARGIN, (centres + halves).max(axis=0) + MARGIN
