"""The rules of a tree as nested sentences: redundant splits are left out, and equal leaves merged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from steepest.models.splits import Splits
from steepest.printable import printable

# The terms of an oblique split that are written out, the largest first, unless all are.
MOST_TERMS = 3
# The least digits of a number, and the size from which even its whole part is not written out.
DIGITS, LARGE = 6, 1e15
INDENT = "  "
# The words of the sentences, which are no plain names.
WORDS = ("is", "not", "neither", "or", "nor", "and", "more", "known", "missing", "always")
# Stands for a row that has none of the levels of a category.
NO_LEVEL = -1


@dataclass(frozen=True)
class Leaf:
    """A leaf of the simplified tree, which may stand for several leaves of equal value.

    Attributes
    ----------
    numbers : tuple of int
        The leaves that it stands for.
    """

    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Branch:
    """A node of the simplified tree.

    Attributes
    ----------
    node : int
        The node of the whole tree.
    left, right : Branch or Leaf
        What follows on either side.
    known : Known
        What is known of the rows there.
    """

    node: int
    left: Branch | Leaf
    right: Branch | Leaf
    known: Known


class Range(NamedTuple):
    """The values that a column can have at a node: numbers above `low` and up to `high`, and perhaps missing ones."""

    low: float
    high: float
    missing: bool


@dataclass(frozen=True)
class Known:
    """The values that rows can have at a node, after the splits above it.

    Attributes
    ----------
    ranges : mapping of int to Range
        The values of each column; those of a column that is not here are not limited.
    levels : mapping of str to frozenset of int
        The levels of each category, by their columns, and `NO_LEVEL`.
    """

    ranges: Mapping[int, Range] = field(default_factory=dict)
    levels: Mapping[str, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """A tree, ready to be read.

    Parameters
    ----------
    splits : Splits
        The splits.
    values : array of shape (leaves, outputs)
        The values of the leaves; equal ones are merged.
    names : sequence of str
        The names of the columns.
    categories : mapping of int to (str, str)
        The category and the level of each column that is a level.
    gaps : bool
        Whether values may be missing.
    baselines : mapping of str to str
        The level of a category that has no column.
    spread : array of shape (columns,), optional
        How far the values of each column are apart: its product with the weight tells how large a term of a sum is.

    Examples
    --------
    >>> splits = Splits(np.eye(3)[:, :2], np.array([14.5, 2.0, np.inf]), np.zeros(3, bool))
    >>> rules = Rules(splits, np.array([[1.0], [2.0], [3.0], [4.0]]), ["delay", "hour"])
    >>> print(rules.text(lambda leaf: str(rules.values[leaf.numbers[0], 0])))
    delay is at most 14.5
      hour is at most 2: 1.0
      hour is above 2: 2.0
    delay is above 14.5: 3.0
    """

    splits: Splits
    values: np.ndarray
    names: Sequence[str]
    categories: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    gaps: bool = False
    baselines: Mapping[str, str] = field(default_factory=dict)
    spread: np.ndarray | None = None

    @property
    def tree(self) -> Branch | Leaf:
        """The simplified tree."""
        return self.below(0, Known())

    def below(self, node: int, known: Known) -> Branch | Leaf:
        """Return the simplified tree below a node that rows of a known kind reach.

        Parameters
        ----------
        node : int
            The number of the node.
        known : Known
            What is known of the rows.

        Returns
        -------
        Branch or Leaf
            The tree.
        """
        inner = len(self.splits.thresholds)
        if node >= inner:
            return Leaf((node - inner,))
        sides = (self.narrowed(node, known, to_right) for to_right in (False, True))
        found = [self.below(2 * node + 1 + k, side) for k, side in enumerate(sides) if side is not None]
        if len(found) == 1:
            return found[0]
        left, right = found
        if isinstance(left, Leaf) and isinstance(right, Leaf):
            both = left.numbers + right.numbers
            if (self.values[list(both)] == self.values[both[0]]).all():
                return Leaf(both)
        return Branch(node, left, right, known)

    def narrowed(self, node: int, known: Known, to_right: bool) -> Known | None:
        """Return what is known of the rows on one side of a node; None if there can be no such rows.

        Parameters
        ----------
        node : int
            The number of the node.
        known : Known
            What is known of the rows at the node.
        to_right : bool
            The side.

        Returns
        -------
        Known or None
            What is known of the rows on this side.
        """
        weights, threshold = self.splits.weights[node], float(self.splits.thresholds[node])
        used = [int(j) for j in np.flatnonzero(weights)]
        if not used:
            return known if to_right == (threshold < 0) else None
        if used[0] in self.categories:
            return self.of_levels(used, (weights[used[0]] > 0) == to_right, known)
        if len(used) > 1 or weights[used[0]] != 1:
            return known
        (column,) = used
        before = known.ranges.get(column, Range(-np.inf, np.inf, self.gaps))
        missing = before.missing and bool(self.splits.missing[node]) == to_right
        low, high = (max(before.low, threshold), before.high) if to_right else (before.low, min(before.high, threshold))
        if low >= high and not missing:
            return None
        return replace(known, ranges={**known.ranges, column: Range(low, high, missing)})

    def of_levels(self, used: Sequence[int], are_inside: bool, known: Known) -> Known | None:
        """Return what is known of the rows whose category is among some levels, or is not; None if there can be none.

        Parameters
        ----------
        used : sequence of int
            The columns of the levels.
        are_inside : bool
            Whether the rows have one of them.
        known : Known
            What was known before.

        Returns
        -------
        Known or None
            What is known then.
        """
        category, _ = self.categories[used[0]]
        every = frozenset(j for j, (name, _) in self.categories.items() if name == category) | {NO_LEVEL}
        before = known.levels.get(category, every)
        after = before & set(used) if are_inside else before - set(used)
        return replace(known, levels={**known.levels, category: after}) if after else None

    def text(self, said: Callable[[Leaf], str], full: bool = False) -> str:
        """Return the rules: a line for each side of each split, with what follows below it.

        Parameters
        ----------
        said : callable
            Returns what is said of a leaf.
        full : bool
            Whether numbers have all digits, and oblique splits all terms.

        Returns
        -------
        str
            The rules.
        """
        tree = self.tree
        if isinstance(tree, Leaf):
            return f"always: {said(tree)}"
        return "\n".join(self._lines(tree, said, full, ""))

    def _lines(self, branch: Branch, said: Callable[[Leaf], str], full: bool, indent: str) -> list[str]:
        lines = []
        for to_right, below in ((False, branch.left), (True, branch.right)):
            condition = indent + self.condition(branch, to_right, full)
            if isinstance(below, Leaf):
                lines.append(f"{condition}: {said(below)}")
            else:
                lines += [condition, *self._lines(below, said, full, indent + INDENT)]
        return lines

    def condition(self, branch: Branch, to_right: bool, full: bool = False) -> str:
        """Return the condition under which rows take one side of a node.

        Parameters
        ----------
        branch : Branch
            The node.
        to_right : bool
            The side.
        full : bool
            Whether numbers have all digits, and oblique splits all terms.

        Returns
        -------
        str
            The condition, such as "delay is at most 14.5".
        """
        return " ".join(self.clause(branch, to_right, full))

    def clause(self, branch: Branch, to_right: bool, full: bool = False) -> tuple[str, str]:
        """Return the condition under which rows take one side of a node, in two parts.

        Parameters
        ----------
        branch : Branch
            The node.
        to_right : bool
            The side.
        full : bool
            Whether numbers have all digits, and oblique splits all terms.

        Returns
        -------
        subject, predicate : str
            What the split looks at, and what holds for it, such as "dep_delay" and "is at most 14.5".
        """
        node = branch.node
        weights, threshold = self.splits.weights[node], float(self.splits.thresholds[node])
        used = [int(j) for j in np.flatnonzero(weights)]
        if used[0] in self.categories:
            category = self.categories[used[0]][0]
            side = self.of_levels(used, (weights[used[0]] > 0) == to_right, branch.known)
            return named(category), self.among(category, sorted(side.levels[category]) if side else [], used, full)
        or_missing = " or missing" if self.gaps and bool(self.splits.missing[node]) == to_right else ""
        if len(used) == 1 and weights[used[0]] == -1:
            word = "below" if to_right else "at least"
            return named(self.names[used[0]]), f"is {word} {number(-threshold, full)}{or_missing}"
        subject = self.terms(weights, used, full)
        if np.isinf(threshold):
            return subject, f"is {'missing' if to_right == (threshold > 0) else 'known'}"
        return subject, f"is {'above' if to_right else 'at most'} {number(threshold, full)}{or_missing}"

    def among(self, category: str, levels: Sequence[int], used: Sequence[int], full: bool) -> str:
        """Return that a category has one of some levels, or none of those of a split, whichever is shorter.

        Parameters
        ----------
        category : str
            The category.
        levels : sequence of int
            The columns of the levels, and `NO_LEVEL`.
        used : sequence of int
            The columns of the split.
        full : bool
            Whether a row without a level may have any text, and not only that of the baseline.

        Returns
        -------
        str
            The words, such as "is UA or DL".
        """
        baseline = None if full else self.baselines.get(category)
        outside = NO_LEVEL in levels
        if outside and (baseline is None or len(used) < len(levels)):
            word = "is not" if len(used) == 1 else "is neither"
            return f"{word} {' nor '.join(named(self.categories[j][1]) for j in used)}"
        texts = [self.categories[j][1] for j in levels if j != NO_LEVEL]
        if outside and baseline is not None:
            texts = sorted([*texts, baseline])
        return f"is {' or '.join(map(named, texts))}"

    def terms(self, weights: np.ndarray, used: Sequence[int], full: bool, alone: bool = True) -> str:
        """Return the column of a split, or the sum of several.

        Parameters
        ----------
        weights : array of shape (columns,)
            The weights.
        used : sequence of int
            The columns of weights other than 0.
        full : bool
            Whether all terms are written out.
        alone : bool
            Whether a column of weight 1 is named without its weight.

        Returns
        -------
        str
            The columns, such as "2 age - 0.5 income and 3 more".
        """
        if alone and len(used) == 1 and weights[used[0]] == 1:
            return named(self.names[used[0]])
        sizes = np.abs(weights) if self.spread is None else np.abs(weights) * self.spread
        order = sorted(used, key=lambda j: -sizes[j])
        shown = order if full else order[:MOST_TERMS]
        factors = {j: "" if abs(weights[j]) == 1 else f"{number(abs(weights[j]), full)} " for j in shown}
        parts = [f"{'-' if weights[j] < 0 else '+'} {factors[j]}{named(self.names[j])}" for j in shown]
        words = " ".join(parts).removeprefix("+ ")
        return words if len(shown) == len(order) else f"{words} and {len(order) - len(shown)} more"


def number(value: float, full: bool) -> str:
    """Return a number as text: all digits, or six and at least one after the point.

    Parameters
    ----------
    value : float
        The number.
    full : bool
        Whether all digits are needed.

    Returns
    -------
    str
        The digits.

    Examples
    --------
    >>> number(0.1 + 0.2, full=True), number(0.1 + 0.2, full=False), number(20240115.5, full=False)
    ('0.30000000000000004', '0.3', '20240115.5')
    """
    if full:
        return repr(float(value)).removesuffix(".0")
    # A threshold between two whole numbers must not be rounded to one of them.
    digits = len(f"{abs(value):.0f}") + 1 if abs(value) < LARGE else 0
    return f"{value:.{max(DIGITS, digits)}g}"


def named(name: str) -> str:
    """Return a name as it is if it is plain, and else in quotes, so that it is no part of the sentence.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    str
        The name.

    Examples
    --------
    >>> named("dep_delay"), named("is at most 5")
    ('dep_delay', '"is at most 5"')
    """
    is_plain = re.fullmatch(r"[^\W\d][\w.-]*", name) and name not in WORDS
    return name if is_plain else printable(json.dumps(name, ensure_ascii=False))
