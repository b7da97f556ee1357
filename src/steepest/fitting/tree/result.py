"""The result of fitting a tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from steepest.fitting.result import Fit
from steepest.fitting.tree.soft.coordinates import Coordinates
from steepest.models.frame import responded
from steepest.models.leaves import Leaves
from steepest.models.outline import Node, outline
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
        with gates in the coordinates of the descent and their sharpness at that time. They are not saved.
    coordinates : Coordinates or None
        The coordinates of the descent, which are not saved either.
    """

    kept: str = ""
    locally_optimal: bool | None = None
    soft_losses: list[float] = field(default_factory=list)
    hard_losses: list[float] = field(default_factory=list)
    held_out: dict[str, float] = field(default_factory=dict)
    leaf_rows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int), repr=False)
    snapshots: Mapping[int, Mapping[str, Array]] = field(default_factory=dict, repr=False)
    coordinates: Coordinates | None = field(default=None, repr=False)

    @property
    def splits(self) -> Splits:
        """The splits of the tree."""
        params = self.params
        return Splits(params["weights"], params["thresholds"], np.asarray(params["missing"], dtype=bool))

    @property
    def names(self) -> list[str]:
        """The names of the columns; x0, x1 and so on if X had none."""
        tree = self.model
        assert isinstance(tree, Tree)
        assert tree.form is not None
        return self.columns or [f"x{j}" for j in range(tree.form.columns)]

    def simplified(self, full: bool = False) -> Rules:
        """Return the rules as an object, whose `tree` has no redundant splits and no equal leaves side by side.

        Parameters
        ----------
        full : bool
            Whether conditions say where missing values go, even if the rows of the fit lacked none.

        Returns
        -------
        Rules
            The rules.
        """
        tree, params = self.model, self.params
        assert isinstance(tree, Tree)
        assert tree.form is not None
        # Leaves are equal if their slopes are, too.
        values = np.hstack([params["values"], params["slopes"]]) if "slopes" in params else params["values"]
        return Rules(self.splits, values, self.names, _levels(tree, self.names), full or tree.form.gaps)

    def outline(self) -> Node:
        """Return the simplified tree as nested nodes, with the rows and the predictions of its leaves.

        Returns
        -------
        Node
            The root. A linear leaf has its prediction for the medians of the columns, and classes have the probability
            of each.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> x = np.arange(60.0)
        >>> root = st.fit(st.models.Tree(depth=1), x, np.where(x > 41, 5.0, 2.0), rng=0).outline()
        >>> root.question, root.left.rows, root.right.prediction
        (('x0', 'is at most 41.5'), 42, array([5.]))
        """
        tree, params = self.model, self.params
        assert isinstance(tree, Tree)
        assert tree.form is not None
        form, count = tree.form, len(params["values"])
        leaves = Leaves(params["values"], params.get("slopes"), form.filled, form.bounds)
        z = leaves.outputs(np.arange(count), np.tile(form.filled, (count, 1)))
        predictions = np.asarray(responded(form.response, z if z.shape[1] > 1 else z[:, 0])).reshape(count, -1)
        if form.response == "probability":
            predictions = np.hstack([1 - predictions, predictions])
        return outline(self.simplified(), predictions, self.leaf_rows)

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
        rules = self.simplified(full)
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
