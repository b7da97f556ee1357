"""The frame of a network: what it takes from its rows before the descent, its scales and its linear start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from steepest.models.losses.base import probabilities
from steepest.models.losses.softmax import class_probabilities
from steepest.types import Array, Rows

# Values beyond this many interquartile ranges from the median are drawn in: none is farther than this in the end.
# Holzmüller, Grinsztajn and Steinwart, "Better by default" (2024), take 3 as well.
FARTHEST = 3.0
# Numbers in a dense block of rows or columns (32 MB). Chosen, not measured: larger blocks take more memory, smaller
# ones more calls.
BLOCK_NUMBERS = 2**22
# A column with at most so many different values has no waves: weights suffice to tell them apart.
FEW_VALUES, MANY_ROWS = 16, 1000
# A linear start ends so many times the range of the targets beyond them. Chosen, not measured.
FARTHEST_START = 10.0
# The response of a network to its outputs: the outputs themselves, means by a logarithm, the probability of class 1, or
# the probabilities of all classes.
RESPONSES = ("outputs", "means", "probability", "probabilities")


@dataclass(frozen=True, eq=False, kw_only=True)
class Frame:
    """The scales of the columns and of the target, and the linear starts.

    For members without waves a column x becomes u = (x - center) · factor, and with `bounded` u / √(1 + (u/3)²). For
    members with waves it becomes (x - mean) · rate. The output of a member is x · coef + intercept + unit · h, with h
    from its layers, within `bounds`.

    Attributes
    ----------
    center, factor : array of shape (columns,)
        The median and the reciprocal of the interquartile range; the mean and the reciprocal of the standard deviation
        of a column with two values. The factor of a column with one value is 0.
    bounded : array of shape (columns,)
        Whether extreme values of the column are drawn in.
    mean, rate : array of shape (columns,)
        The mean and the reciprocal of the standard deviation.
    waving : array of shape (columns,)
        Whether the column has enough different values for waves.
    coef, intercept : array of shape (members, outputs, columns), array of shape (members, outputs)
        The linear starts.
    unit : array of shape (members, outputs)
        The size of what the linear start leaves.
    low, high : array of shape (outputs,)
        The range of the targets seen.
    share : float
        The share of the members in the prediction; a linear model of all rows has the rest.
    line, level : array of shape (outputs, columns), array of shape (outputs,)
        The coefficients and intercepts of that linear model.
    response : str
        One of `RESPONSES`.
    """

    center: np.ndarray
    factor: np.ndarray
    bounded: np.ndarray
    mean: np.ndarray
    rate: np.ndarray
    waving: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    unit: np.ndarray
    low: np.ndarray
    high: np.ndarray
    share: np.ndarray
    line: np.ndarray
    level: np.ndarray
    response: str

    def columns(self, X: np.ndarray, has_waves: bool) -> np.ndarray:
        """Return rows in the scales of members with or without waves."""
        if has_waves:
            return (X - self.mean) * self.rate
        u = (X - self.center) * self.factor
        # hypot squares without overflow.
        return np.where(self.bounded, u / np.hypot(1.0, u / FARTHEST), u)

    def linear(self, X: Rows, member: int) -> np.ndarray:
        """Return the outputs of a member's linear start; far beyond the range of outputs, where it ends."""
        # So far beyond the range a start would be cut off anyway, and an extreme row can't overflow.
        reach = FARTHEST_START * (self.high - self.low)
        return np.clip(X @ self.coef[member].T + self.intercept[member], self.low - reach, self.high + reach)

    def bounds(self, X: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Return the range of the outputs of each row: that of the targets seen, and up to the linear model."""
        line = X @ self.line.T + self.level
        return np.minimum(self.low, line), np.maximum(self.high, line)

    @property
    def chosen(self) -> np.ndarray:
        """The columns with waves, as `Layers` takes them."""
        return np.eye(len(self.waving))[:, np.flatnonzero(self.waving)]

    def blended(self, z: np.ndarray, X: Rows) -> np.ndarray:
        """Return the outputs of all members together, with the share of the linear model of all rows."""
        together = self.combined(z)
        if self.share == 1:
            return together
        return self.share * together + (1 - self.share) * (X @ self.line.T + self.level)

    def combined(self, z: np.ndarray) -> np.ndarray:
        """Return the output whose response is the mean response of the members.

        Parameters
        ----------
        z : array of shape (members, rows, outputs)
            The outputs of each member.

        Returns
        -------
        array of shape (rows, outputs)
            The outputs of all members together.
        """
        if len(z) == 1:
            return z[0]
        count = np.log(len(z))
        if self.response == "means":
            return np.logaddexp.reduce(z, axis=0) - count
        if self.response == "probability":
            return np.logaddexp.reduce(-np.logaddexp(0.0, -z), axis=0) - np.logaddexp.reduce(
                -np.logaddexp(0.0, z), axis=0
            )
        if self.response == "probabilities":
            return np.logaddexp.reduce(z - np.logaddexp.reduce(z, axis=2, keepdims=True), axis=0) - count
        return z.mean(axis=0)


def responded(response: str, z: Array) -> Array:
    """Return the predictions for outputs: numbers, means, or probabilities.

    Parameters
    ----------
    response : str
        One of `RESPONSES`.
    z : array
        Outputs.

    Returns
    -------
    array
        Predictions.
    """
    if response == "means":
        return np.exp(z)
    if response == "probability":
        return probabilities(z)[0]
    if response == "probabilities":
        return class_probabilities(z)
    return z


def dense_blocks(X: Rows) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield blocks of rows as dense arrays, with their places.

    Parameters
    ----------
    X : array or sparse array of shape (rows, columns)
        The rows.

    Yields
    ------
    slice, array
        The place of a block, and its rows.
    """
    rows, width = X.shape
    step = max(BLOCK_NUMBERS // width, 1)
    for start in range(0, rows, step):
        place = slice(start, min(start + step, rows))
        yield place, X[place].toarray() if hasattr(X, "tocsr") else X[place]


def deviation_of(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of each column.

    Parameters
    ----------
    values : array of shape (rows, ...)
        The columns.
    weight : array of shape (rows,)
        The weights of the rows.

    Returns
    -------
    mean, deviation : arrays
        The means and the deviations. They are computed in units of the largest values, so that squares neither overflow
        nor vanish.
    """
    share = weight / weight.sum()
    size = np.abs(values).max(axis=0)
    size = np.where(size > 0, size, 1.0)
    scaled = values / size
    mean = share @ scaled
    return size * mean, size * np.sqrt(share @ (scaled - mean) ** 2)


class Scales(NamedTuple):
    """The scales of columns, as `Frame` holds them."""

    center: np.ndarray
    factor: np.ndarray
    bounded: np.ndarray
    mean: np.ndarray
    rate: np.ndarray
    waving: np.ndarray


def column_scales(X: Rows, weight: np.ndarray) -> Scales:
    """Return the scales of each column, as `Frame` holds them.

    Parameters
    ----------
    X : array or sparse array of shape (rows, columns)
        The rows.
    weight : array of shape (rows,)
        The weights of the rows.

    Returns
    -------
    Scales
        The scales.
    """
    parts = [_scales_of(block, weight) for block in _column_blocks(X)]
    return Scales(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def column_deviations(X: Rows, weight: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each column, exactly 0 for a column with one value.

    Parameters
    ----------
    X : array or sparse array of shape (rows, columns)
        The rows.
    weight : array of shape (rows,)
        The weights of the rows.

    Returns
    -------
    array of shape (columns,)
        The deviations.
    """
    parts = [
        np.where(block.min(axis=0) < block.max(axis=0), deviation_of(block, weight)[1], 0.0)
        for block in _column_blocks(X)
    ]
    return np.concatenate(parts)


def _column_blocks(X: Rows) -> Iterator[np.ndarray]:
    step = max(BLOCK_NUMBERS // X.shape[0], 1)
    for start in range(0, X.shape[1], step):
        block = X[:, start : start + step]
        yield np.asarray(block.toarray() if hasattr(block, "tocsr") else block, dtype=float)


def _scales_of(values: np.ndarray, weight: np.ndarray) -> Scales:
    uneven = weight if weight.min() < weight.max() else None
    low, high = values.min(axis=0), values.max(axis=0)
    quartiles = np.quantile(values, [0.25, 0.5, 0.75], axis=0, method="inverted_cdf", weights=uneven)
    flag = ((values == low) | (values == high)).all(axis=0)
    mean, deviation = deviation_of(values, weight)
    spread = quartiles[2] - quartiles[0]
    spread = np.where(spread > 0, spread, (high - low) / 2)
    # The deviation of a column with one value may be a rounding error: the extremes tell that it has one value.
    varies = low < high
    return Scales(
        center=np.where(flag, np.where(varies, mean, low), quartiles[1]),
        factor=_reciprocal(np.where(flag, deviation, spread), varies),
        bounded=~flag,
        mean=np.where(varies, mean, low),
        rate=_reciprocal(deviation, varies),
        waving=np.array([_has_many_values(column) for column in values.T]),
    )


def _reciprocal(spread: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.divide(1.0, spread, out=np.zeros_like(spread), where=(spread > 0) & where)


def _has_many_values(column: np.ndarray) -> bool:
    # A few rows mostly decide, without sorting all.
    return len(np.unique(column[:MANY_ROWS])) > FEW_VALUES or len(np.unique(column)) > FEW_VALUES
