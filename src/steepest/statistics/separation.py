"""Whether one column alone tells the classes apart."""

from __future__ import annotations

import math

import numpy as np

# Of the errors of always guessing the most frequent class, this part may be left. Chosen, not measured.
ERRORS = 0.005
# Measurements that tell a few rows apart are no surprise: petals tell 50 setosas from 100 other irises. If a column has
# more numbers than there are classes, and one besides, it counts only if a guess is wrong in at least so many rows.
LEAST_ERRORS = 100
# Kinds that differ leave a gap, and become rare towards it. A threshold of the column itself cuts where its numbers are
# as dense as elsewhere: then a class of so many rows is enough. The gap, and the median of so many spaces on each side
# of it, may be at most so many times the usual space. Chosen, not measured.
LEAST_CUT, SPACES, WIDE = 20, 5, 2.0


def separates(x: np.ndarray, y: np.ndarray, chance: float, texts: bool) -> tuple[int, int, int] | None:
    """Return how well each value, or each range of values, of a column has one class.

    Parameters
    ----------
    x : array of shape (rows,)
        The column.
    y : array of int of shape (rows,)
        The classes.
    chance : float
        How likely it may be that a column without any relation to the classes tells them apart.
    texts : bool
        Whether the numbers stand for texts, which have no ranges.

    Returns
    -------
    (int, int, int) or None
        The rows in another class, those of always guessing the most frequent class, and the number of values (0 for
        ranges); None if the column does not tell the classes apart.

    Examples
    --------
    >>> y = np.repeat([0, 1], 40)
    >>> separates(y * 3.0, y, 1e-6, False), separates(np.arange(80) % 3.0, y, 1e-6, False)
    ((0, 40, 2), None)
    """
    counts = np.bincount(y)
    counts = counts[counts > 0]
    rows, guess = len(y), len(y) - int(counts.max(initial=0))
    if not guess:
        return None
    values, codes = np.unique(x, return_inverse=True)
    by_value = texts or len(values) <= len(counts) + 1
    # The logarithm of how many ways there are to give the classes to the rows, and of those that a rule with so many
    # values, or limits between ranges, can describe.
    ways = float(-(counts * np.log(counts / rows)).sum())
    rules = len(values) * math.log(len(counts)) if by_value else (len(counts) - 1) * math.log(rows)
    if ways - rules < -math.log(chance):
        return None
    if not by_value and guess < LEAST_ERRORS:
        return (0, guess, 0) if counts.min() >= LEAST_CUT and _cut(values, codes.ravel(), y) else None
    shape = len(values), int(y.max()) + 1
    table = np.bincount(codes.ravel() * shape[1] + y, minlength=shape[0] * shape[1]).reshape(shape)
    wrong = rows - (int(table.max(axis=1).sum()) if by_value else _best_ranges(table[:, table.any(axis=0)], values))
    return (wrong, guess, len(values) if by_value else 0) if wrong <= ERRORS * guess else None


def _cut(values: np.ndarray, codes: np.ndarray, y: np.ndarray) -> bool:
    """Return whether each class has one range of the values, and no gap is between the ranges."""
    first, last = np.full(len(values), y.max() + 1), np.full(len(values), -1)
    np.minimum.at(first, codes, y)
    np.maximum.at(last, codes, y)
    limits = np.flatnonzero(np.diff(first)) + 1
    if (first != last).any() or len(limits) != len(np.unique(y)) - 1:
        return False
    if limits.min() <= SPACES or limits.max() >= len(values) - SPACES:
        return False
    spaces = np.diff(values)
    # The space before the value k is spaces[k - 1].
    near = [(spaces[k - 1], *(np.median(spaces[i : i + SPACES]) for i in (k - 1 - SPACES, k))) for k in limits.tolist()]
    return bool(np.max(near) <= WIDE * np.median(spaces))


def _best_ranges(table: np.ndarray, values: np.ndarray) -> int:
    """Return the most rows that ranges of the values, one for each class, put into their class."""
    order = np.argsort((table * values[:, None]).sum(axis=0) / table.sum(axis=0))
    best = np.zeros(len(values) + 1, dtype=int)
    for k in order:
        # The best of the first i values if the last range, which may be empty, is that of class k.
        sums = np.concatenate([[0], np.cumsum(table[:, k])])
        best = np.maximum.accumulate(best - sums) + sums
    return int(best[-1])
