"""The fit of leaves: the best constants of their rows, or a ridge regression in each."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from steepest.fitting.tree.hard.criterion import Criterion, Mean
from steepest.fitting.validation import LabelledRows
from steepest.models.leaves import Leaves
from steepest.models.penalties import L2

# The penalties that are tried, as shares of the mean square of a standardised column; and with fewer rows than this, a
# leaf is constant.
PENALTIES = np.geomspace(0.1, 1e4, 11)
FEWEST_ROWS = 5


class LeafFitter(Protocol):
    """Fits leaves to the rows that come to them."""

    def __call__(self, leaf: np.ndarray, count: int, rows: LabelledRows) -> Leaves:
        """Return `count` leaves for rows, of which each comes to one."""


class ConstantLeaves:
    """Leaves with the best constants of their rows, drawn a little towards that of all rows.

    Besides its own rows a leaf has a number of rows of mean weight, whose targets are spread like those of all rows. So
    no share of a class is 0, and the value of a leaf without rows is that of all rows. The number is 1, and for means
    the variance in leaves over that between them, with which the means are best on average: Efron and Morris, "Data
    analysis using Stein's estimator" (1975).

    A penalty of strength λ adds λ n/2 rows in their place, for n rows in all. For the squared loss this is the minimum
    of the loss with λ/2 Σ (v - m)², over the values v of leaves and the mean m of all rows.
    """

    def __init__(self, criterion: Criterion, penalty: L2 | None = None) -> None:
        self.criterion, self.penalty = criterion, penalty

    def __call__(self, leaf: np.ndarray, count: int, rows: LabelledRows) -> Leaves:
        _, y, weight = rows
        share = weight / weight.sum()
        added = weight.mean() * share * self.rows_added(leaf, y, weight)
        values = np.tile(self.criterion.best(y, weight), (count, 1))
        for k in np.unique(leaf):
            own = leaf == k
            values[k] = self.criterion.best(np.append(y[own], y), np.append(weight[own], added))
        return Leaves(values)

    def rows_added(self, leaf: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
        """Return how many rows of mean weight each leaf has besides its own."""
        if self.penalty is not None:
            return 0.5 * self.penalty.strength * len(y)
        return variance_ratio(leaf, y, weight) if isinstance(self.criterion, Mean) else 1.0


def variance_ratio(leaf: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Return the variance of targets in leaves over that of the means of leaves, by the analysis of variance.

    Parameters
    ----------
    leaf : array of int of shape (rows,)
        The leaf of each row.
    y, weight : array of shape (rows,)
        The targets and the weights.

    Returns
    -------
    float
        The ratio, at most the number of rows; 1 if each row has a leaf of its own.
    """
    weight = weight / weight.mean()
    unit = float(np.abs(y - y[0]).max()) or 1.0
    y = (y - y[0]) / unit
    counts, totals = np.bincount(leaf, weights=weight), np.bincount(leaf, weights=weight * y)
    some = counts > 0
    means = np.divide(totals, counts, out=np.zeros_like(totals), where=some)
    rows, leaves = counts.sum(), int(some.sum())
    if leaves == 1 or len(y) <= leaves:
        return 1.0
    within = float(weight @ (y - means[leaf]) ** 2) / (rows - leaves)
    spread = float(counts @ (means - totals.sum() / rows) ** 2) / (leaves - 1)
    typical = (rows - float(counts @ counts) / rows) / (leaves - 1)
    between = (spread - within) / typical
    return min(within / between, len(y)) if between > 0 else float(len(y))


class LinearLeaves:
    """Leaves with a ridge regression each, which is drawn towards that of the whole table.

    The penalty of each is the one whose errors are least if each row is left out: Allen, "The relationship between
    variable selection and data augmentation" (1974). With few rows, a leaf has the slopes of the table and a constant.
    """

    def __init__(self) -> None:
        # The last table: a polish fits leaves to the same rows many times.
        self.last: tuple[LabelledRows, LinearTable] | None = None

    def __call__(self, leaf: np.ndarray, count: int, rows: LabelledRows) -> Leaves:
        _, y, weight = rows
        table = self.table(rows)
        slopes, values = np.tile(table.line.slope, (count, 1)), np.full((count, 1), table.line.level)
        for k in np.unique(leaf):
            own = leaf == k
            if own.sum() < FEWEST_ROWS:
                values[k] = np.average(table.left[own], weights=weight[own])
                continue
            more = ridge(table.Z[own], table.left[own], weight[own])
            slopes[k] += more.slope
            values[k] = more.level
        return Leaves(values, slopes * table.rate, table.filled, np.array([y.min(), y.max()]))

    def table(self, rows: LabelledRows) -> LinearTable:
        """Return the ridge regression of all rows, and what is left of their targets."""
        last = self.last
        if last is None or last[0] is not rows:
            last = self.last = rows, LinearTable.of(rows)
        return last[1]


class Line(NamedTuple):
    """A linear model of one output."""

    slope: np.ndarray
    level: float


class LinearTable(NamedTuple):
    """The ridge regression of all rows.

    Attributes
    ----------
    filled, rate : array of shape (columns,)
        The medians of the columns, and the reciprocals of their deviations.
    Z : array of shape (rows, columns)
        The columns in units of their deviations, without gaps.
    line : Line
        The regression.
    left : array of shape (rows,)
        What its slopes leave of the targets.
    """

    filled: np.ndarray
    rate: np.ndarray
    Z: np.ndarray
    line: Line
    left: np.ndarray

    @classmethod
    def of(cls, rows: LabelledRows) -> LinearTable:
        """Fit the regression to rows."""
        X, y, weight = rows
        filled = medians(X)
        X = np.where(np.isnan(X), filled, X)
        deviation = X.std(axis=0)
        rate = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
        Z = X * rate
        line = ridge(Z, y, weight)
        return cls(filled, rate, Z, line, y - Z @ line.slope)


def medians(X: np.ndarray) -> np.ndarray:
    """Return the median of the known values of each column; 0 if there are none."""
    lacks = np.isnan(X).all(axis=0)
    return np.nanmedian(np.where(lacks, 0.0, X), axis=0)


def ridge(Z: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Line:
    """Return the ridge regression whose penalty is chosen by leaving out each row.

    Parameters
    ----------
    Z : array of shape (rows, columns)
        The columns, in units of their deviations.
    y, weight : array of shape (rows,)
        The targets and the weights.

    Returns
    -------
    Line
        The model; a constant if the mean predicts rows left out best.
    """
    share = weight / weight.sum()
    root = np.sqrt(share * len(y))[:, None]
    middle, mean = share @ Z, float(share @ y)
    Z, target = (Z - middle) * root, (y - mean) * root[:, 0]
    U, d, Vt = _decomposed(Z)
    turned = U.T @ target
    # A row also changes its own prediction through the mean.
    of_mean = share
    best, least = np.zeros(len(middle)), np.inf
    for penalty in (*PENALTIES, np.inf):
        kept = d**2 / (d**2 + penalty) if np.isfinite(penalty) else np.zeros_like(d)
        influence = of_mean + (U**2) @ kept
        error = target - U @ (kept * turned)
        left_out = float((error**2 / np.maximum(1 - influence, 1e-12) ** 2).sum())
        if left_out < least:
            scaled = np.divide(kept, d, out=np.zeros_like(d), where=d > 0)
            best, least = Vt.T @ (scaled * turned), left_out
    return Line(best, mean - float(middle @ best))


def _decomposed(Z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the singular value decomposition; with many rows only as precise as a penalty needs, ten times as fast."""
    if len(Z) <= Z.shape[1]:
        return np.linalg.svd(Z, full_matrices=False)
    squares, V = np.linalg.eigh(Z.T @ Z)
    d = np.sqrt(np.maximum(squares, 0.0))
    return np.divide(Z @ V, d, out=np.zeros_like(Z), where=d > 0), d, V.T
