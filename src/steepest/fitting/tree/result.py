"""The result of fitting a tree."""

from __future__ import annotations

import numbers
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from steepest.arguments import generator
from steepest.data.sparse.csr import is_sparse
from steepest.fitting.result import Fit
from steepest.fitting.setup import TrainingData
from steepest.fitting.tree.importance import MOST_ROWS, importance_of
from steepest.fitting.tree.soft.coordinates import Coordinates
from steepest.fitting.tree.words import LeafWords
from steepest.fitting.validation import LabelledRows
from steepest.models import Tree
from steepest.models.frame import responded
from steepest.models.leaves import Leaves
from steepest.models.losses import Loss, squared
from steepest.models.matrix import check_shapes
from steepest.models.outline import Node, outline
from steepest.models.rules import Leaf, Rules
from steepest.models.splits import Splits
from steepest.printable import printable, quoted
from steepest.saving.objects import from_json, to_json
from steepest.saving.points import point_to_json, under
from steepest.saving.schema import TreeRecord, checked
from steepest.trace import Trace
from steepest.types import Array, Json, PyTree, Rows, Seed

# The prefix of the names of the parameters in a folder, and the name of the number of rows in each leaf.
PARAMETERS, LEAF_ROWS = "parameters/", "leaf rows"
# The most lines of rules that are printed: about two screens.
MOST_LINES = 100
OPTIMAL = "no other split of a single node lowers the loss"
NOT_OPTIMAL = "another split of a single node lowers the loss"
NO_GRADIENT = "a tree has hard splits, and so no gradient: its soft restarts descended; see fit.trace"


@dataclass(eq=False)
class TreeFit(Fit):
    """A tree fitted to data.

    Attributes
    ----------
    kept : str
        How the tree came about: "the greedy tree", "the polished greedy tree" or the name of a restart.
    locally_optimal : bool or None
        Whether no other split of a single node, with its rows on either side, lowers the loss of the rows while the
        rest of the tree stays as it is; None if this was not checked, and for splits by sums of columns.
    soft_losses, hard_losses : list of float
        The loss of each restart on the rows of the descent, before and after its gates became hard splits.
    candidates : dict of str to float
        The loss of each finished tree on the rows held out.
    leaf_rows : array of int of shape (leaves,)
        How many rows came to each leaf.
    snapshots : dict of int to dict
        The soft trees of all restarts before the first epoch of the last round and after epochs 1, 2, 4, 8 and so on,
        with gates in the coordinates of the descent and their sharpness at that time. They are not saved.
    coordinates : Coordinates or None
        The coordinates of the descent, which are not saved either.
    loss : Loss
        The loss.
    category_names : list of str
        The names of the categories; by default what the names of their levels have before "=".
    weight : array of shape (rows,) or None
        The weights of the rows of the fit; None if it was loaded.
    learnt : LabelledRows or None
        The rows that the tree learnt from, without those for validation; None if it was loaded.

    Notes
    -----
    `fun` is the mean loss of the rows. Hard splits have no gradient, so that `jac` holds NaN. A row of the trace has,
    in place of the parameters, the root mean square of each group of those of the soft trees. A tree has no
    certificate: the kind of its `certificate` is "none".
    """

    kept: str = ""
    locally_optimal: bool | None = None
    soft_losses: list[float] = field(default_factory=list)
    hard_losses: list[float] = field(default_factory=list)
    candidates: dict[str, float] = field(default_factory=dict)
    leaf_rows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int), repr=False)
    snapshots: Mapping[int, Mapping[str, Array]] = field(default_factory=dict, repr=False)
    coordinates: Coordinates | None = field(default=None, repr=False)
    loss: Loss = squared
    category_names: list[str] = field(default_factory=list, repr=False)
    weight: np.ndarray | None = field(default=None, repr=False)
    learnt: LabelledRows | None = field(default=None, repr=False)

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

    @property
    def used(self) -> np.ndarray:
        """Which columns the predictions depend on, as a mask."""
        used = np.asarray(self.splits.weights.any(axis=0))
        if "slopes" in self.params:
            used |= np.asarray(self.params["slopes"]).any(axis=0)
        return used

    @property
    def levels(self) -> dict[int, tuple[str, str]]:
        """The category and the level of each column that is a level, from names such as "carrier=UA"."""
        tree, names = self.model, self.names
        assert isinstance(tree, Tree)
        pairs = zip(self.category_names or self._heads(), tree.categories, strict=True)
        return {j: (category, names[j].removeprefix(f"{category}=")) for category, own in pairs for j in own}

    def _heads(self) -> list[str]:
        """Return what the names of the levels of each category begin with, or its number if that is no name for it."""
        tree, names = self.model, self.names
        assert isinstance(tree, Tree)
        found = []
        for own in tree.categories:
            heads = {names[j].partition("=")[0] if "=" in names[j] else "" for j in own}
            found.append(heads.pop() if len(heads) == 1 else "")
        taken = Counter([*names, *found])
        return [head if head and taken[head] == 1 else f"category {k}" for k, head in enumerate(found)]

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
        gaps, levels = tree.splits == "one" and (full or tree.form.gaps), self.levels
        categories = [levels[own[0]][0] if own else "" for own in tree.categories]
        baselines = dict(zip(categories, tree.baselines, strict=False))
        return Rules(self.splits, values, self.names, levels, gaps, baselines, tree.form.spread)

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

    def rules(self, full: bool = False, labels: Sequence[object] | None = None) -> str:
        """Return the tree as nested sentences, with the prediction and the rows of each leaf.

        Parameters
        ----------
        full : bool
            Whether the text is exact: numbers with all digits, sums with all terms, the probabilities of all classes,
            and the side of missing values at each split.
        labels : sequence, optional
            The names of the classes; their numbers by default.

        Returns
        -------
        str
            The rules.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> X = np.arange(60.0)[:, None]
        >>> print(st.fit(st.models.Tree(depth=1), X, np.where(X[:, 0] > 41, 5.0, 2.0), rng=0).rules())
        x0 is at most 41.5: 2 (42 rows, 70%)
        x0 is above 41.5: 5 (18 rows, 30%)
        """
        rules, every, tree = self.simplified(full), max(int(self.leaf_rows.sum()), 1), self.model
        assert isinstance(tree, Tree)
        words = LeafWords(tree, self.params, rules, full, labels)

        def said(leaf: Leaf) -> str:
            count = int(self.leaf_rows[list(leaf.numbers)].sum())
            return f"{words.prediction(leaf)} ({count:,} row{'s' * (count != 1)}, {count / every:.0%})"

        return rules.text(said, full) + words.remarks

    def __str__(self) -> str:
        return self.described()

    def described(self, labels: Sequence[object] | None = None) -> str:
        """Return the fit as text, with its rules.

        Parameters
        ----------
        labels : sequence, optional
            The names of the classes; their numbers by default.

        Returns
        -------
        str
            The text.
        """
        tree, leaves = self.model, int((self.leaf_rows > 0).sum())
        assert isinstance(tree, Tree)
        facts = [f"depth {tree.depth}, {leaves} {'leaves' if leaves > 1 else 'leaf'}"]
        if self.locally_optimal is not None:
            facts.append(OPTIMAL if self.locally_optimal else NOT_OPTIMAL)
        soft, hard = np.array(self.soft_losses), np.array(self.hard_losses)
        best = int(hard.argmin())
        rules = self.rules(labels=labels).splitlines()
        if len(rules) > MOST_LINES:
            rules = [*rules[:MOST_LINES], f"… and {len(rules) - MOST_LINES:,} more lines in rules()"]
        lines = [
            printable(self.message),
            f"  {'loss':>12}  {self.fun:.10g}",
            f"  {'tree':>12}  {'; '.join(facts)}",
            f"  {'restarts':>12}  {len(hard)}, with losses from {hard.min():.6g} to {hard.max():.6g}; the best had "
            f"{soft[best]:.6g} before its gates became hard",
            f"  {'work':>12}  {int(self.trace.epoch[-1]):,} epochs ({self.kind})",
            f"  {'solver':>12}  {self.solver}",
        ]
        return "\n".join([*lines, "", *rules])

    def evaluate(self, x: PyTree) -> float:
        """Return the mean loss of the rows of the fit for other parameters.

        Parameters
        ----------
        x : dict
            Parameters laid out like `params`.

        Returns
        -------
        float
            The loss.

        Raises
        ------
        RuntimeError
            If the fit was loaded.
        """
        tree = self.model
        assert isinstance(tree, Tree)
        rows = self.learnt
        if rows is None:
            raise RuntimeError("the rows of this fit are not at hand, as it was loaded: call predict with yours")
        z = tree(tree.shaped(rows.X), *tree.checked(x).values())
        return float(np.average(self.loss(z, rows.y), weights=rows.weight))

    def gradient_at(self, x: PyTree) -> np.ndarray:
        """Refuse: hard splits have no gradient."""
        raise RuntimeError(NO_GRADIENT)

    def curvature(self, x: PyTree, v: Array) -> np.ndarray:
        """Refuse: hard splits have no curvature."""
        raise RuntimeError(NO_GRADIENT)

    def importance(
        self, X: Rows = None, y: Array = None, *, sample_weight: Array = None, repeats: int = 10, rng: Seed = 0
    ) -> dict[str, float]:
        """Return what the loss grows by if the values of a column are shuffled among the rows, the largest first.

        The levels of a category are shuffled together. On the rows of the fit, columns that the tree followed by chance
        look important, too: give rows that it has not seen.

        Parameters
        ----------
        X, y : array or DataFrame, array
            The rows; those of the fit by default.
        sample_weight : array of shape (rows,), optional
            The weight of each row.
        repeats : int
            How often each column is shuffled.
        rng : int, numpy.random.Generator or None
            Draws the orders.

        Returns
        -------
        dict of str to float
            The mean growth of the loss by the name of the column or category.

        Raises
        ------
        RuntimeError
            If no rows are given and the fit was loaded.
        ValueError
            If `repeats` is not 1 or more, or the rows are not like those of the fit.

        Notes
        -----
        Breiman, "Random forests" (2001). With more than 10,000 rows, so many of them are drawn.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> fit = st.fit(st.models.Tree(depth=2, restarts=4), X, X[:, 1] > 0, rng=0)
        >>> list(fit.importance())[0]
        'x1'
        """
        tree, loss = self.model, self.loss
        assert isinstance(tree, Tree)
        if X is None or y is None:
            if self.data is None or not (X is None and y is None):
                raise RuntimeError("the rows are not at hand: give both X and y, as in fit.importance(X, y)")
            X, y = self.data
            sample_weight = self.weight if sample_weight is None else sample_weight
        if not (isinstance(repeats, numbers.Integral) and repeats >= 1):
            raise ValueError(f"repeats={quoted(repeats)}: give a whole number, 1 or more")
        data = TrainingData.read(self.in_order(X), y, sample_weight, None, None, gaps=True)
        random, rows = generator(rng), data.rows
        if len(rows.y) > MOST_ROWS:
            rows = rows.at(np.sort(random.permutation(len(rows.y))[:MOST_ROWS]))
        array = tree.shaped(rows.X)
        array = np.asarray(array.toarray() if is_sparse(array) else array, dtype=float)
        groups: dict[str, list[int]] = {}
        levels = self.levels
        for column, name in enumerate(self.names):
            groups.setdefault(levels.get(column, (name,))[0], []).append(column)
        used = set(np.flatnonzero(self.used).tolist())

        def mean(array: np.ndarray) -> float:
            return float(np.average(loss(tree(array, *self.params.values()), rows.y), weights=rows.weight))

        return importance_of(groups, used, mean, array, int(repeats), random)

    def _saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        record, arrays = super()._saved()
        arrays |= {PARAMETERS + name: np.asarray(value) for name, value in self.params.items()}
        return record, arrays | {LEAF_ROWS: self.leaf_rows}

    def _header(self) -> dict[str, Json]:
        nothing = point_to_json({})
        known = ("kept", "locally_optimal", "soft_losses", "hard_losses", "candidates")
        return super()._header() | {
            "result": "tree", "x": nothing, "jac": nothing, **{name: getattr(self, name) for name in known},
            "loss": to_json(self.loss),
        }  # fmt: skip

    @classmethod
    def _check_points(cls, trace: Trace, x: PyTree) -> None:
        """Do nothing: the trace holds sizes of groups of parameters."""

    @classmethod
    def _revive(cls, record: dict[str, Json], arrays: dict[str, np.ndarray]) -> Self:
        checked(record, TreeRecord)
        fit = super()._revive({**record, "loss": from_json(record["loss"])}, arrays)
        assert isinstance(fit, cls)
        if not isinstance(fit.model, Tree):
            raise ValueError("the fit of a tree has a tree as its model, and this one has another")
        fit.x = fit.model.checked(under(PARAMETERS, arrays))
        fit.jac = {name: np.full_like(part, np.nan) for name, part in fit.x.items()}
        fit.leaf_rows = arrays[LEAF_ROWS]
        check_shapes({"the rows of leaves": fit.leaf_rows}, {"the rows of leaves": fit.x["values"].shape[:1]})
        return fit
