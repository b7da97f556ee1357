"""The columns of a table in order, which searches for splits go through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Columns:
    """The rows of a node: in the order of each column of numbers, and the level of each category.

    Attributes
    ----------
    X : array of shape (rows of the table, columns)
        The whole table, with NaN where a value is missing.
    numbers : array of int of shape (n,)
        The columns that are not levels of a category.
    order : array of int of shape (n, rows)
        The rows of the node by each of these columns, from the smallest value to the largest, missing ones last.
    categories : tuple of tuple of int
        The columns that are the levels of each category.
    levels : array of int of shape (rows of the table, categories)
        The level of each row, or -1 for none.
    rows : array of int of shape (rows,)
        The rows of the node.
    """

    X: np.ndarray
    numbers: np.ndarray
    order: np.ndarray
    categories: tuple[tuple[int, ...], ...]
    levels: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, categories: tuple[tuple[int, ...], ...] = ()) -> Columns:
        """Sort all rows of a table by each column.

        Parameters
        ----------
        X : array of shape (rows, columns)
            The table.
        categories : tuple of tuple of int
            The columns that are the levels of each category, of which a row has a 1 in at most one.

        Returns
        -------
        Columns
            The columns.
        """
        numbers = np.setdiff1d(np.arange(X.shape[1]), [column for category in categories for column in category])
        levels = [np.where(X[:, own].any(axis=1), X[:, own].argmax(axis=1), -1) for own in map(list, categories)]
        return cls(
            X, numbers, np.argsort(X[:, numbers].T, axis=1, kind="stable"), categories,
            np.column_stack(levels) if levels else np.empty((len(X), 0), dtype=int), np.arange(len(X)),
        )  # fmt: skip

    def part(self, chosen: np.ndarray) -> Columns:
        """Return the rows of the node for which `chosen`, of shape (rows of the table,), is true."""
        rows = self.rows[chosen[self.rows]]
        # Each column holds the same rows, so that the same number of them remains.
        order = self.order[chosen[self.order]].reshape(len(self.order), len(rows))
        return Columns(self.X, self.numbers, order, self.categories, self.levels, rows)

    def parts(self, at: np.ndarray) -> Iterator[tuple[int, Columns]]:
        """Yield each node of a level with its rows; `at` is the node of each row of the table.

        Only for the columns of the whole table.
        """
        first = int(at.min())
        # Small whole numbers are sorted in one pass.
        place = (at - first).astype(np.uint8)
        order = np.take_along_axis(self.order, np.argsort(place[self.order], axis=1, kind="stable"), axis=1)
        rows = np.argsort(place, kind="stable")
        ends = np.cumsum(np.bincount(place))
        for node, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True), first):
            if start < end:
                part = rows[start:end]
                yield node, Columns(self.X, self.numbers, order[:, start:end], self.categories, self.levels, part)
