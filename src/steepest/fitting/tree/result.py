"""The result of fitting a tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from steepest.fitting.result import Fit
from steepest.models.frame import responded
from steepest.models.rules import Leaf, Rules, number
from steepest.models.splits import Splits
from steepest.models.tree import Tree
from steepest.types import Array


@dataclass(eq=False)
class TreeFit(Fit):
    """A tree fitted to data.

    Attributes
    ----------
    kept : str
        How the tree came about: "the greedy tree", "the greedy tree, polished" or the name of a restart.
    locally_optimal : bool or None
        Whether no other split of a single node lowers the loss of the rows while the rest of the tree stays as it is;
        None if this was not checked, and for splits by sums of columns.
    soft_losses, hard_losses : list of float
        The loss of each restart on the rows of the descent, before and after its gates became hard splits.
    held_out : dict of str to float
        The loss of each finished tree on the rows held out.
    leaf_rows : array of int of shape (leaves,)
        How many rows came to each leaf.
    snapshots : dict of int to dict
        The soft trees of all restarts before the first epoch of the last round and after epochs 1, 2, 4, 8 and so on,
        with gates in the coordinates of the descent. They are not saved.
    """

    kept: str = ""
    locally_optimal: bool | None = None
    soft_losses: list[float] = field(default_factory=list)
    hard_losses: list[float] = field(default_factory=list)
    held_out: dict[str, float] = field(default_factory=dict)
    leaf_rows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int), repr=False)
    snapshots: Mapping[int, Mapping[str, Array]] = field(default_factory=dict, repr=False)

    @property
    def splits(self) -> Splits:
        """The splits of the tree."""
        params = self.params
        return Splits(params["weights"], params["thresholds"], np.asarray(params["missing"], dtype=bool))

    def rules(self, full: bool = False) -> str:
        """Return the tree as nested sentences, with the prediction and the rows of each leaf.

        Parameters
        ----------
        full : bool
            Whether numbers have all digits.

        Returns
        -------
        str
            The rules.
        """
        tree, values = self.model, self.params["values"]
        assert isinstance(tree, Tree)
        assert tree.form is not None
        names = self.columns or [f"x{j}" for j in range(tree.form.columns)]
        rules = Rules(self.splits, values, names, _levels(tree, names), full or tree.form.gaps)
        predictions = np.asarray(responded(tree.form.response, values if values.shape[1] > 1 else values[:, 0]))
        every = int(self.leaf_rows.sum())

        def said(leaf: Leaf) -> str:
            predicted = np.atleast_1d(predictions[leaf.numbers[0]])
            count = int(self.leaf_rows[list(leaf.numbers)].sum())
            words = ", ".join(number(float(value), full) for value in predicted)
            return f"{words} ({count:,} rows, {count / max(every, 1):.0%})"

        return rules.text(said, full)


def _levels(tree: Tree, names: list[str]) -> dict[int, tuple[str, str]]:
    """Return the category and the level of each column that is a level, from names such as "carrier=UA"."""
    found = {}
    for number_of, own in enumerate(tree.categories):
        for column in own:
            category, equals, level = names[column].partition("=")
            found[column] = (category, level) if equals else (f"category {number_of}", names[column])
    return found
