"""The edges of a drawn tree, which are the wider the more rows take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.inspection.plots.tree.layout import Box

# The widths of the edges to no row and to all rows, in points.
THIN, THICK = 0.6, 16.0
SPACE = 2.0  # between an edge and its text


@dataclass(frozen=True, eq=False)
class Edge:
    """The edge from a box to one below it.

    Attributes
    ----------
    points : array of shape (4, 2)
        The curve: its start, two points that bend it, and its end.
    width : float
        Its width, in points.
    text : str
        "yes" or "no".
    place : array of shape (2,)
        A corner of the text.
    across, up : str
        Which corner it is: "left" or "right", and "bottom" or "top".
    """

    points: np.ndarray
    width: float
    text: str
    place: np.ndarray
    across: str
    up: str

    @classmethod
    def to(cls, box: Box, every: int, is_sideways: bool) -> Edge:
        """Return the edge to a box.

        Parameters
        ----------
        box : Box
            The box, which is not the root.
        every : int
            The number of rows of the root.
        is_sideways : bool
            Whether the tree grows to the right, or downwards.

        Returns
        -------
        Edge
            The edge. Its text is outside, where the edge does not come from.
        """
        above = box.parent
        assert above is not None
        width, whole = (THIN + THICK * node.rows / max(every, 1) for node in (box.node, above.node))
        text = "yes" if box.is_left else "no"
        # The two edges of a split begin side by side. Outside is left or above for "yes", and right or below for "no".
        outside = -1.0 if box.is_left else 1.0
        shift = outside * (whole - width) / 2
        if is_sideways:
            start = np.array([above.x + above.width / 2, above.y - shift])
            end = np.array([box.x - box.width / 2, box.y])
            bend = np.array([(end[0] - start[0]) / 2, 0.0])
            place = end - [SPACE, outside * width / 2]
            return cls(_curve(start, end, bend), width, text, place, "right", "bottom" if box.is_left else "top")
        start = np.array([above.x + shift, above.y - above.height / 2])
        end = np.array([box.x, box.y + box.height / 2])
        bend = np.array([0.0, (end[1] - start[1]) / 2])
        place = np.array([end[0] + outside * (width / 2 + SPACE), end[1] + SPACE])
        return cls(_curve(start, end, bend), width, text, place, "right" if box.is_left else "left", "bottom")


def _curve(start: np.ndarray, end: np.ndarray, bend: np.ndarray) -> np.ndarray:
    return np.stack([start, start + bend, end - bend, end])
