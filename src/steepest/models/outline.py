"""The simplified tree as nested nodes, with what a picture of it needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.models.rules import Branch, Leaf, Rules


@dataclass(frozen=True, eq=False)
class Node:
    """A node of a simplified tree: a split with what follows on its two sides, or a leaf.

    Parameters
    ----------
    number : int
        The number of the split, or of the first of the leaves that a leaf stands for.
    rows : int
        How many rows came here.
    prediction : array of shape (outputs,), optional
        What a leaf predicts: a number, or a probability for each class.
    question : pair of str, optional
        The condition for going left, such as ("dep_delay", "is at most 14.5").
    left, right : Node, optional
        What follows where the condition holds, and where it does not.

    Examples
    --------
    >>> few, many = Node(0, 30, np.array([1.5])), Node(1, 10, np.array([4.0]))
    >>> root = Node(0, 40, None, ("dep_delay", "is at most 14.5"), few, many)
    >>> [leaf.rows for leaf in root.leaves]
    [30, 10]
    """

    number: int
    rows: int
    prediction: np.ndarray | None = None
    question: tuple[str, str] | None = None
    left: Node | None = None
    right: Node | None = None

    @property
    def leaves(self) -> list[Node]:
        """The leaves, from left to right."""
        if self.left is None or self.right is None:
            return [self]
        return self.left.leaves + self.right.leaves


def outline(rules: Rules, predictions: np.ndarray, leaf_rows: np.ndarray) -> Node:
    """Return the simplified tree of some rules as nested nodes.

    Parameters
    ----------
    rules : Rules
        The rules.
    predictions : array of shape (leaves, outputs)
        What each leaf predicts.
    leaf_rows : array of int of shape (leaves,)
        How many rows came to each leaf.

    Returns
    -------
    Node
        The root.

    Examples
    --------
    >>> from steepest.models.splits import Splits
    >>> splits, values = Splits(np.eye(1), np.array([14.5]), np.zeros(1, bool)), np.array([[1.5], [4.0]])
    >>> outline(Rules(splits, values, ["dep_delay"]), values, np.array([30, 10])).question
    ('dep_delay', 'is at most 14.5')
    """

    def below(tree: Branch | Leaf) -> Node:
        if isinstance(tree, Leaf):
            first, rows = tree.numbers[0], int(leaf_rows[list(tree.numbers)].sum())
            return Node(first, rows, predictions[first])
        left, right = below(tree.left), below(tree.right)
        return Node(tree.node, left.rows + right.rows, None, rules.clause(tree, False), left, right)

    return below(rules.tree)
