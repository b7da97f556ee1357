"""The regions of the leaves of a tree on two columns: convex polygons, cut split by split."""

from __future__ import annotations

import numpy as np

from steepest.inspection.protocol import NodeLike, SplitsLike


def regions_of(node: NodeLike, splits: SplitsLike, polygon: np.ndarray) -> list[np.ndarray]:
    """Return the regions of the leaves below a node.

    Parameters
    ----------
    node : NodeLike
        The node of a simplified tree.
    splits : SplitsLike
        The splits of the whole tree.
    polygon : array of shape (corners, 2)
        The region of the node: the corners of a convex polygon, in order.

    Returns
    -------
    list of array of shape (corners, 2)
        The regions of the leaves, from left to right; without corners if a leaf lies beside the polygon.
    """
    if node.left is None or node.right is None:
        return [polygon]
    w, t = splits.weights[node.number], float(splits.thresholds[node.number])
    left, right = clipped(polygon, w, t), clipped(polygon, -w, -t)
    return regions_of(node.left, splits, left) + regions_of(node.right, splits, right)


def clipped(polygon: np.ndarray, w: np.ndarray, t: float) -> np.ndarray:
    """Return the part of a convex polygon where w·x ≤ t: Sutherland and Hodgman, "Reentrant polygon clipping" (1974).

    Parameters
    ----------
    polygon : array of shape (corners, 2)
        The corners, in order.
    w : array of shape (2,)
        The weights.
    t : float
        The threshold.

    Returns
    -------
    array of shape (corners, 2)
        The corners of the part.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> clipped(square, np.array([1.0, 0.0]), 0.5).tolist()
    [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]
    """
    over, corners = polygon @ w - t, []
    for k in range(len(polygon)):
        if over[k - 1] * over[k] < 0:
            share = over[k - 1] / (over[k - 1] - over[k])
            corners.append(polygon[k - 1] + share * (polygon[k] - polygon[k - 1]))
        if over[k] <= 0:
            corners.append(polygon[k])
    return np.array(corners).reshape(-1, 2)
