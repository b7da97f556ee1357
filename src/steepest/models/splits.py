"""The splits of a binary tree, and the leaf that they send each row to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from steepest.types import Array


@dataclass(frozen=True, eq=False)
class Splits:
    """The splits of a complete binary tree, whose node k has the children 2k + 1 on the left and 2k + 2 on the right.

    A row x goes right at a node if w·x > t, and left otherwise. Only the columns of weight other than 0 count. A row
    that lacks one of them goes to the side that `missing` names.

    Parameters
    ----------
    weights : array of shape (nodes, columns)
        w of each node: a single 1 for a split of one column, a 1 for each level that goes right (or -1 for each level
        that goes left) for a split of categories, and any numbers for a split of several columns.
    thresholds : array of shape (nodes,)
        t of each node; infinite where no row goes right.
    missing : array of bool of shape (nodes,)
        Whether rows that lack a value go right.

    Examples
    --------
    >>> splits = Splits(np.eye(3)[:, :2], np.array([0.5, np.inf, 2.0]), np.zeros(3, bool))
    >>> splits.depth, splits.leaves(np.array([[0.0, 9.0], [1.0, 9.0], [1.0, np.nan]])).tolist()
    (2, [0, 2, 2])
    """

    weights: np.ndarray
    thresholds: np.ndarray
    missing: np.ndarray

    @property
    def depth(self) -> int:
        """The number of splits between the root and a leaf."""
        return (len(self.thresholds) + 1).bit_length() - 1

    @classmethod
    def none(cls, depth: int, columns: int) -> Splits:
        """Return splits that send all rows to the left."""
        nodes = 2**depth - 1
        return cls(np.zeros((nodes, columns)), np.full(nodes, np.inf), np.zeros(nodes, dtype=bool))

    def put(self, node: int, weights: Mapping[int, float], threshold: float, missing: bool) -> None:
        """Write down the split of a node.

        Parameters
        ----------
        node : int
            The number of the node.
        weights : mapping of int to float
            The weights other than 0, by column.
        threshold : float
            t.
        missing : bool
            Whether rows that lack a value go right.
        """
        self.weights[node] = 0.0
        self.weights[node, list(weights)] = list(weights.values())
        self.thresholds[node], self.missing[node] = threshold, missing

    def direction(self, node: int) -> dict[int, float]:
        """Return the weights other than 0 of a node, by column.

        Parameters
        ----------
        node : int
            The number of the node.

        Returns
        -------
        dict of int to float
            The weights.
        """
        return {int(j): float(self.weights[node, j]) for j in np.flatnonzero(self.weights[node])}

    def goes_right(self, node: int, X: Array) -> np.ndarray:
        """Return for each row whether it goes right at a node.

        Parameters
        ----------
        node : int
            The number of the node.
        X : array of shape (rows, columns)
            The rows.

        Returns
        -------
        array of bool of shape (rows,)
            Whether they go right.
        """
        used = np.flatnonzero(self.weights[node])
        threshold = self.thresholds[node]
        if not len(used):
            return np.full(len(X), bool(threshold < 0))
        # A column by itself is not multiplied, so that a threshold means the very numbers of the column.
        single = len(used) == 1 and self.weights[node, used[0]] == 1
        z = X[:, used[0]] if single else X[:, used] @ self.weights[node, used]
        return np.where(np.isnan(z), self.missing[node], z > threshold)

    def copy(self) -> Splits:
        """Return a copy, which can be changed by itself."""
        return Splits(self.weights.copy(), self.thresholds.copy(), self.missing.copy())

    def swap_children(self, node: int) -> np.ndarray:
        """Let what follows on the left of a node follow on its right, and the reverse.

        Parameters
        ----------
        node : int
            The number of the node.

        Returns
        -------
        array of int of shape (leaves,)
            The leaves that are now in place of each.
        """
        inner = len(self.thresholds)
        order = np.arange(2 * inner + 1)
        start, width = 2 * node + 1, 1
        while start < len(order):
            own = slice(start, start + 2 * width)
            order[own] = np.roll(order[own], width)
            start, width = 2 * start + 1, 2 * width
        for part in (self.weights, self.thresholds, self.missing):
            part[:] = part[order[:inner]]
        return order[inner:] - inner

    def same_as(self, other: Splits) -> bool:
        """Tell whether other splits are the same, number by number.

        Parameters
        ----------
        other : Splits
            The other splits.

        Returns
        -------
        bool
            Whether they are.
        """
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return all(np.array_equal(mine, others) for mine, others in pairs)

    def without_empty_sides(self, X: Array) -> Splits:
        """Return splits that send the rows to the same leaves, but all rows to one side where the other is empty.

        Parameters
        ----------
        X : array of shape (rows, columns)
            The rows.

        Returns
        -------
        Splits
            The splits.
        """
        splits = self.copy()
        for level in range(self.depth):
            at = self.nodes(X, level)
            for node in range(2**level - 1, 2 ** (level + 1) - 1):
                right = self.goes_right(node, X[at == node])
                if right.all() or not right.any():
                    to_right = len(right) > 0 and bool(right.all())
                    splits.put(node, {}, -np.inf if to_right else np.inf, to_right)
        return splits

    def cut(self, depth: int) -> Splits:
        """Return the splits of the first levels.

        Parameters
        ----------
        depth : int
            The number of levels.

        Returns
        -------
        Splits
            Their splits.
        """
        nodes = 2**depth - 1
        return Splits(self.weights[:nodes], self.thresholds[:nodes], self.missing[:nodes])

    def leaves(self, X: Array, node: Array = 0) -> np.ndarray:
        """Return the number of the leaf of each row, from 0 on the left.

        Parameters
        ----------
        X : array of shape (rows, columns)
            The rows.
        node : int or array of int of shape (rows,)
            The node at which each row begins, all of one level; the root by default.

        Returns
        -------
        array of int of shape (rows,)
            Numbers of leaves.
        """
        inner = len(self.thresholds)
        return self.walked(X, node, inner) - inner

    def nodes(self, X: Array, level: int) -> np.ndarray:
        """Return the node of each row on a level, which is 0 for that of the root.

        Parameters
        ----------
        X : array of shape (rows, columns)
            The rows.
        level : int
            The level.

        Returns
        -------
        array of int of shape (rows,)
            Numbers of nodes.
        """
        return self.walked(X, 0, 2**level - 1)

    def walked(self, X: Array, node: Array, last: int) -> np.ndarray:
        """Return where rows come to that walk down from a node until its number is `last` or more.

        Parameters
        ----------
        X : array of shape (rows, columns)
            The rows.
        node : int or array of int of shape (rows,)
            Where each row begins.
        last : int
            The first node of the level at which all stop.

        Returns
        -------
        array of int of shape (rows,)
            Numbers of nodes, or of leaves plus the number of nodes.
        """
        at, rows = np.array(np.broadcast_to(node, len(X)), dtype=np.intp), np.arange(len(X))
        used = self.weights != 0
        # Nodes of one column are passed by all rows together, and the others one by one.
        column, count = used.argmax(axis=1), used.sum(axis=1)
        others = ~(count == 0) & ~((count == 1) & (self.weights[np.arange(len(count)), column] == 1))
        while len(at) and at[0] < last:
            x, threshold = X[rows, column[at]], self.thresholds[at]
            right = np.where(np.isnan(x), self.missing[at], x > threshold)
            right = np.where(count[at] == 0, threshold < 0, right)
            for k in np.unique(at[others[at]]):
                own = at == k
                right[own] = self.goes_right(int(k), X[own])
            at = 2 * at + 1 + right
        return at
