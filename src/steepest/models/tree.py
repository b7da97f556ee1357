"""A decision tree whose splits are found by descent."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steepest.models.frame import RESPONSES, dense_blocks, responded
from steepest.models.leaves import Leaves
from steepest.models.losses import squared
from steepest.models.losses.base import Loss
from steepest.models.matrix import as_matrix, check_shapes
from steepest.models.splits import Splits
from steepest.printable import quoted
from steepest.types import Array, Rows

# The deepest tree: each level doubles the leaves, and nobody reads 512 of them.
MOST_DEPTH = 8
MOST_RESTARTS = 1024
SPLITS = ("one", "all")
LEAVES = ("constant", "linear")


@dataclass(frozen=True, eq=False)
class Form:
    """The facts of the fitted rows that predictions and rules need.

    Attributes
    ----------
    columns : int
        The number of columns.
    response : str
        How outputs become predictions, one of `frame.RESPONSES`.
    gaps : bool
        Whether rows lacked values.
    filled : array of shape (columns,)
        The medians of the columns, in place of missing values where every value is needed.
    spread : array of shape (columns,)
        The mean distances of the columns from their medians, by which terms of sums are compared.
    bounds : array of shape (2,), or None
        As `Leaves` takes them.
    """

    columns: int
    response: str
    gaps: bool
    filled: np.ndarray
    spread: np.ndarray
    bounds: np.ndarray | None = None


@dataclass(frozen=True)
class Tree:
    """A small decision tree that can be read.

    A row goes through the splits, each of one column or of the levels of one category, to a leaf, whose value is the
    prediction. Soft gates find the splits in a descent from several random starts, and sharpen on the way; the best
    trees are polished split by split, and compared with the greedy tree on rows held out.

    Parameters
    ----------
    depth : int, optional
        The number of splits from the root to a leaf, from 1 to 8; by default, the best from 2 to 6 on rows held out.
    splits : {"one", "all"}
        Whether a split looks at one column or category, or may look at a sum of all columns.
    leaves : {"constant", "linear"}
        Whether a leaf predicts one number, or has a linear model of its own; linear leaves are for the squared loss.
    restarts : int
        The number of random starts.
    categories : sequence of sequences of int
        The columns that are the levels of each category: 1 for the level of the row, and else 0.
    baselines : sequence of str
        The level of each category that has no column, for the rules; none by default.
    form : Form, optional
        The facts of the fitted rows.

    Raises
    ------
    ValueError
        If a setting makes no sense.

    Examples
    --------
    >>> Tree(depth=9)
    Traceback (most recent call last):
        ...
    ValueError: Tree(depth=9): give a whole number from 1 to 8, as nobody reads the 512 leaves of a deeper tree
    """

    depth: int | None = None
    splits: str = "one"
    leaves: str = "constant"
    restarts: int = 16
    categories: Sequence[Sequence[int]] = ()
    baselines: Sequence[str] = ()
    form: Form | None = None

    loss: ClassVar[Loss] = squared

    def __post_init__(self) -> None:
        is_whole = isinstance(self.depth, numbers.Integral) and not isinstance(self.depth, bool)
        if self.depth is not None and not (is_whole and 1 <= self.depth <= MOST_DEPTH):
            raise ValueError(
                f"Tree(depth={quoted(self.depth)}): give a whole number from 1 to {MOST_DEPTH}, as nobody reads the "
                f"{2 ** (MOST_DEPTH + 1)} leaves of a deeper tree"
            )
        for name, known in (("splits", SPLITS), ("leaves", LEAVES)):
            if getattr(self, name) not in known:
                raise ValueError(f"Tree({name}={quoted(getattr(self, name))}): give {' or '.join(map(repr, known))}")
        is_whole = isinstance(self.restarts, numbers.Integral) and not isinstance(self.restarts, bool)
        if not (is_whole and 1 <= self.restarts <= MOST_RESTARTS):
            raise ValueError(f"Tree(restarts={quoted(self.restarts)}): give a whole number from 1 to {MOST_RESTARTS}")
        object.__setattr__(self, "categories", tuple(tuple(map(int, own)) for own in self.categories))
        used = [column for own in self.categories for column in own]
        if any(column < 0 for column in used) or len(set(used)) < len(used):
            raise ValueError(f"Tree(categories={quoted(self.categories)}): give each column once, by its number")
        object.__setattr__(self, "baselines", tuple(map(str, self.baselines)))
        if len(self.baselines) not in (0, len(self.categories)):
            raise ValueError(
                f"Tree(baselines={quoted(self.baselines)}): give one for each category, and there are "
                f"{len(self.categories)}"
            )

    def shaped(self, X: Rows, params: Mapping[str, Array] | None = None) -> Rows:
        """Return X as a matrix; a vector becomes one column.

        Parameters
        ----------
        X : array or CSR
            The rows.
        params : mapping, optional
            Fitted parameters, which are not used: the form knows the columns.

        Returns
        -------
        array or CSR of shape (rows, columns)
            The same numbers.

        Raises
        ------
        ValueError
            If X is not a matrix, or has more or fewer columns than in the fit.
        """
        return as_matrix(X, None if self.form is None else self.form.columns, "a tree")

    def checked(self, params: Mapping[str, Array]) -> dict[str, Array]:
        """Return parameters in their order.

        Parameters
        ----------
        params : mapping
            Parameters by name.

        Returns
        -------
        dict
            The parameters.

        Raises
        ------
        ValueError
            If a parameter, or an array of the form, is missing or has another shape.
        """
        form, depth = self.form, self.depth
        if form is None or depth is None:
            raise ValueError("the fit of a tree has a depth and the facts of its rows, and this one has none")
        if form.response not in RESPONSES:
            raise ValueError(f"the response of the tree is {quoted(form.response)} (known: {', '.join(RESPONSES)})")
        nodes, leaves = 2**depth - 1, 2**depth
        shapes: dict[str, tuple[int, ...]] = {
            "weights": (nodes, form.columns), "thresholds": (nodes,), "missing": (nodes,),
            "values": (leaves, max(np.shape(params.get("values", ()))[1:], default=1)),
        } | ({"slopes": (leaves, form.columns)} if self.leaves == "linear" else {})  # fmt: skip
        check_shapes(params, shapes)
        own: dict[str, tuple[int, ...]] = {"filled": (form.columns,), "spread": (form.columns,)}
        check_shapes(vars(form), own | ({"bounds": (2,)} if "slopes" in shapes else {}))
        return {name: params[name] for name in shapes}

    def __call__(
        self, X: Rows, weights: Array, thresholds: Array, missing: Array, values: Array, slopes: Array = None
    ) -> Array:  # fmt: skip
        splits, form = Splits(weights, thresholds, np.asarray(missing, dtype=bool)), self.form
        assert form is not None
        leaves = Leaves(values, slopes, form.filled, form.bounds)
        blocks = (self.filled(rows) for _, rows in dense_blocks(X))
        z = np.concatenate([leaves.outputs(splits.leaves(rows), rows) for rows in blocks])
        return z if z.shape[1] > 1 else z[:, 0]

    def filled(self, X: np.ndarray) -> np.ndarray:
        """Return rows as the splits take them: those of sums need every value, and get the median for a missing one.

        Parameters
        ----------
        X : array of shape (rows, columns)
            The rows.

        Returns
        -------
        array of shape (rows, columns)
            The rows.
        """
        if self.splits == "one" or self.form is None:
            return X
        return np.where(np.isnan(X), self.form.filled, X)

    def response(self, z: Array) -> Array:
        """Return the prediction for an output: a number, a mean, or the probabilities of classes.

        Parameters
        ----------
        z : array
            Outputs.

        Returns
        -------
        array
            Predictions in the units of y, the probability of class 1, or one probability for each of several classes.
        """
        return z if self.form is None else responded(self.form.response, z)
