"""The best split of a node, by one column or by the levels of one category, for sums over the rows on each side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from steepest.fitting.tree.hard.columns import Columns

# A column takes the place of an earlier one only if it gains more by this share of the loss. Rounding errors are
# smaller.
RESOLUTION = 1e-11
# Columns are searched together while their sums are at most so many numbers.
BLOCK_NUMBERS = 2**22
# Takes the sums over the rows on the left, and over all rows of the node; returns what the split gains.
Gain = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Split(NamedTuple):
    """A split of a node: rows go right if Σ weight · column > threshold, and those that lack a value if `missing`."""

    gain: float
    weights: dict[int, float]
    threshold: float
    missing: bool


class Cuts(NamedTuple):
    """The best cut of each of several columns: its gain, the values on both sides, and where missing ones go."""

    gain: np.ndarray
    low: np.ndarray
    high: np.ndarray
    missing: np.ndarray


def best_split(columns: Columns, sums: np.ndarray, gain: Gain, scale: float) -> Split | None:
    """Return the best split of a node, or None if no split gains anything.

    Parameters
    ----------
    columns : Columns
        The rows of the node.
    sums : array of shape (rows of the table, k)
        What each row adds to the sums of its side. The levels of a category are ordered by the last sum over the first.
    gain : callable
        What a split gains.
    scale : float
        The loss at stake, of which gains are a share.

    Returns
    -------
    Split or None
        The split.
    """
    best: Split | None = None
    if len(columns.rows) < 2:
        return None
    for candidate in (*_of_numbers(columns, sums, gain, scale), *_of_categories(columns, sums, gain)):
        if candidate.gain > (best.gain if best else 0.0) + RESOLUTION * scale:
            best = candidate
    return best


def best_along(
    weights: dict[int, float], columns: Columns, sums: np.ndarray, gain: Gain
) -> Split | None:  # fmt: skip
    """Return the best split of a node by a sum of columns, or None if there is none.

    Parameters
    ----------
    weights : dict of int to float
        The weights of the sum, by column.
    columns, sums, gain
        As for `best_split`.

    Returns
    -------
    Split or None
        The split.
    """
    rows, used = columns.rows, list(weights)
    if len(rows) < 2:
        return None
    z = columns.X[rows][:, used] @ np.array(list(weights.values()))
    order = np.argsort(z, kind="stable")
    (g,), (low,), (high,), (missing,) = _best_cuts(z[order][None], sums[rows][order][None], gain)
    if not np.isfinite(g):
        return None
    return Split(float(g), weights, between(float(low), float(high)), bool(missing))


def _of_numbers(columns: Columns, sums: np.ndarray, gain: Gain, scale: float) -> Iterator[Split]:
    """Yield the best split by the columns of numbers of each block: the first of those that gain as much as any."""
    width, rows = columns.order.shape
    step = max(BLOCK_NUMBERS // (rows * sums.shape[1]), 1)
    for start in range(0, width, step):
        order, numbers = columns.order[start : start + step], columns.numbers[start : start + step]
        cuts = _best_cuts(columns.X[order, numbers[:, None]], sums[order], gain)
        best = int((cuts.gain >= cuts.gain.max() - RESOLUTION * scale).argmax())
        g, low, high, missing = (part[best] for part in cuts)
        if np.isfinite(g):
            yield Split(float(g), {int(numbers[best]): 1.0}, between(float(low), float(high)), bool(missing))


def _of_categories(columns: Columns, sums: np.ndarray, gain: Gain) -> Iterator[Split]:
    """Yield the best split by the levels of each category.

    The levels are ordered by the mean of the last sum, and the best cut of this order is the best subset if there is
    one such sum: Fisher, "On grouping for maximum homogeneity" (1958).
    """
    rows = columns.rows
    for category, level in zip(columns.categories, columns.levels[rows].T, strict=True):
        own, count = sums[rows], len(category)
        known = level >= 0
        weight = np.bincount(level[known], weights=np.abs(own[known, 0]), minlength=count)
        total = np.bincount(level[known], weights=own[known, -1], minlength=count)
        mean = np.divide(total, weight, out=np.full(count, np.inf), where=weight > 0)
        rank = np.argsort(np.argsort(mean, kind="stable"), kind="stable")
        value = np.where(known, rank[level].astype(float), np.nan)
        order = np.argsort(value, kind="stable")
        (g,), (low,), _, (missing,) = _best_cuts(value[order][None], own[order][None], gain)
        if np.isfinite(g):
            # A row of no level has w·x = 0, which the sign of the threshold sends to its side.
            sign = -1.0 if missing else 1.0
            to_right = (rank > low) != missing
            yield Split(float(g), {category[k]: sign for k in np.flatnonzero(to_right)}, sign / 2, bool(missing))


def _best_cuts(x: np.ndarray, sums: np.ndarray, gain: Gain) -> Cuts:
    """Return the best cut of each column for its values in order, (columns, rows), and sums, (columns, rows, k)."""
    left = np.cumsum(sums, axis=1)
    total, left = left[:, -1:], left[:, :-1]
    lacks = np.isnan(x)
    between, last = x[:, :-1] < x[:, 1:], ~lacks[:, :-1] & lacks[:, 1:]
    gains = np.where(between | last, gain(left, total), -np.inf)
    missing, every = np.ones(len(x), dtype=bool), np.arange(len(x))
    place, alone = gains.argmax(axis=1), np.full(len(x), -np.inf)
    if (some := np.flatnonzero(lacks[:, -1])).size:
        # The same cuts, with the rows that lack a value on the left, where they may also be by themselves.
        lacking = (sums[some] * lacks[some, :, None]).sum(axis=1, keepdims=True)
        other = np.where(between[some], gain(left[some] + lacking, total[some]), -np.inf)
        better = other.max(axis=1) > gains[some].max(axis=1)
        place[some] = np.where(better, other.argmax(axis=1), place[some])
        gains[some] = np.where(better[:, None], other, gains[some])
        missing[some] = ~better
        alone[some] = np.where(lacks[some, 0], -np.inf, gain(lacking, total[some])[:, 0])
    best = gains[every, place]
    is_alone = alone > best
    # If no row of the node lacks a value, later rows that do go to the side with more rows.
    missing &= (lacks[:, -1] | (2 * (place + 1) < x.shape[1])) & ~is_alone
    low, high = np.where(is_alone, -np.inf, x[every, place]), np.where(is_alone, x[:, 0], x[every, place + 1])
    return Cuts(np.where(is_alone, alone, best), low, high, missing)


def between(low: float, high: float) -> float:
    """Return a threshold with low on its left and high on its right; infinite if there is no low, or high is missing.

    Parameters
    ----------
    low, high : float
        Neighbouring values.

    Returns
    -------
    float
        The middle, or low if no number lies between.
    """
    if np.isnan(high):
        return np.inf
    middle = low / 2 + high / 2
    return middle if low <= middle < high else low
