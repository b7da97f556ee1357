"""A gate of a soft tree at one time, and what it looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steepest.inspection.plots.plane import as_columns
from steepest.inspection.protocol import TreeFitLike
from steepest.printable import printable
from steepest.types import Array

RANK = "rank in the column (−1 is the lowest value, 1 the highest)"
SUM = "weighted sum of the scaled columns"
MOST_TERMS, LETTERS = 2, 20  # of a sum, and of each name, in the text of a gate


@dataclass(frozen=True, eq=False)
class Gate:
    """A gate: the share of a row that goes right is 1 / (1 + exp(-sharpness · (coordinate - threshold))).

    Parameters
    ----------
    choice : array of shape (columns,)
        How much the gate leans to each column, or the weights of a sum.
    threshold, sharpness : float
        Where the gate is half open, and how steep it is there.
    is_sum : bool
        Whether its coordinate is a sum of all columns, or one column.

    Examples
    --------
    >>> gate = Gate(np.array([0.0, 2.0]), 0.5, 60.0, False)
    >>> gate.share(np.array([0.4, 0.5, 0.6])).round(3), gate.said(["age", "bmi"])
    (array([0.002, 0.5  , 0.998]), 'bmi (88%)')
    """

    choice: np.ndarray
    threshold: float
    sharpness: float
    is_sum: bool

    @classmethod
    def of(cls, fit: TreeFitLike, soft: Mapping[str, Array], restart: int, node: int) -> Gate:
        """Return the gate of a node of one restart.

        Parameters
        ----------
        fit : TreeFitLike
            The fit.
        soft : mapping of str to array
            The soft trees of all restarts.
        restart, node : int
            The places of the restart and of the node.

        Returns
        -------
        Gate
            The gate. A sum has weights of the length 1, which changes its threshold and its sharpness with them.
        """
        # Further columns pad the table.
        choice = np.asarray(soft["choice"][restart, node, : len(fit.names)], dtype=float)
        threshold, is_sum = float(soft["threshold"][restart, node]), fit.model.splits == "all"
        length = (float(np.linalg.norm(choice)) or 1.0) if is_sum else 1.0
        return cls(choice / length, threshold / length, float(soft["sharpness"]) * length, is_sum)

    @property
    def column(self) -> int:
        """The column of the largest choice."""
        return int(self.choice.argmax())

    def share(self, coordinate: np.ndarray) -> np.ndarray:
        """Return the share that goes right.

        Parameters
        ----------
        coordinate : array
            The rank of the column, or the sum.

        Returns
        -------
        array
            The share, from 0 to 1.
        """
        return 0.5 + 0.5 * np.tanh(0.5 * self.sharpness * (coordinate - self.threshold))

    def said(self, names: Sequence[str]) -> str:
        """Return what the gate looks at in a few words.

        Parameters
        ----------
        names : sequence of str
            The names of the columns.

        Returns
        -------
        str
            The column with its share of the choice, or the largest terms of the sum.
        """
        short = [printable(name, LETTERS) for name in names]
        if not self.is_sum:
            share = 1 / np.exp(self.choice - self.choice.max()).sum()
            return f"{short[self.column]} ({share:.0%})"
        largest = np.argsort(-np.abs(self.choice), kind="stable")[:MOST_TERMS]
        terms = [f"{'−' if self.choice[j] < 0 else '+'} {abs(self.choice[j]):.2f} {short[j]}" for j in largest]
        words = " ".join(terms).removeprefix("+ ")
        words = words.replace("− ", "−", 1) if words.startswith("−") else words
        return f"{words} …" if len(names) > MOST_TERMS else words


def seen_by(fit: TreeFitLike, gates: Sequence[Gate], size: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the points of a picture of some gates, their coordinates for the gates, and the name of the points.

    Parameters
    ----------
    fit : TreeFitLike
        The fit, with its rows.
    gates : sequence of Gate
        The gates.
    size : int
        The number of points.

    Returns
    -------
    x, coordinates : array of shape (size,)
        The values of the column if all gates look at the same one, with their ranks; else ranks, or sums, twice.
    name : str
        The name of x.
    """
    assert fit.data is not None
    assert fit.coordinates is not None
    assert fit.model.form is not None
    X = as_columns(fit.data[0])
    X = np.where(np.isnan(X), fit.model.form.filled, X)
    if gates[0].is_sum:
        sums = fit.coordinates.inward(X) @ np.stack([gate.choice for gate in gates], axis=1)
        x = np.linspace(sums.min(), sums.max(), size)
        return x, x, SUM
    columns = {gate.column for gate in gates}
    if len(columns) > 1:
        x = np.linspace(-1, 1, size)
        return x, x, RANK
    (column,) = columns
    rows = np.tile(fit.model.form.filled, (size, 1))
    rows[:, column] = np.linspace(X[:, column].min(), X[:, column].max(), size)
    return rows[:, column], fit.coordinates.inward(rows)[:, column], fit.names[column]
