"""The best constant of a leaf for each loss that a tree takes, and the loss that remains with it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from steepest.models import losses
from steepest.models.losses import Loss, Quantile
from steepest.printable import quoted
from steepest.types import Function

# The losses that a tree takes, besides those of quantiles, and their names.
TAKEN = (losses.squared, losses.absolute, losses.log_loss, losses.softmax, losses.poisson, losses.gamma)
KNOWN = "squared, absolute, losses.Quantile(τ), log loss, softmax, poisson and gamma"
# The share of a class that no row has: its logarithm must be finite.
SMALL = 1e-9


class Criterion(Protocol):
    """The best constant of a loss, from sums over the rows of a leaf.

    Sums over rows are all that a search for splits needs: those of the rows on either side follow from one another.
    """

    def sums(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return what each row of a node adds to the sums of its side, of shape (rows, sums)."""

    def least(self, sums: np.ndarray) -> np.ndarray:
        """Return the total loss that the best constant leaves, up to a number that is the same for every split.

        The sums are on the last axis.
        """

    def best(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the best constant for rows: the outputs of the model, of shape (outputs,)."""


class Mean:
    """The squared error, whose best constant is the mean: it leaves Σ w y² - (Σ w y)² / Σ w."""

    def sums(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        middle = float(np.average(y, weights=weight))
        # The largest distance from the mean as unit: squares neither overflow nor vanish.
        unit = float(np.abs(y - middle).max()) or 1.0
        return np.column_stack([weight, weight * ((y - middle) / unit)])

    def least(self, sums: np.ndarray) -> np.ndarray:
        count, total = sums[..., 0], sums[..., 1]
        return -np.divide(total**2, count, out=np.zeros_like(total), where=count > 0)

    def best(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return np.array([np.average(y, weights=weight)])


class Shares:
    """The log loss of classes, whose best constant has the shares of the classes: it leaves -Σₖ cₖ log(cₖ / Σ c)."""

    def __init__(self, classes: int, outputs: int) -> None:
        self.classes, self.outputs = classes, outputs

    def sums(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return weight[:, None] * (y[:, None] == np.arange(self.classes))

    def least(self, sums: np.ndarray) -> np.ndarray:
        return _entropy(sums.sum(axis=-1)) - _entropy(sums).sum(axis=-1)

    def best(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        counts = self.sums(y, weight).sum(axis=0)
        counts = np.maximum(counts, SMALL * counts.sum())
        scores = np.log(counts) - np.log(counts.sum())
        return scores if self.outputs > 1 else scores[1:] - scores[:1]


class Gini(Shares):
    """The squared error of the shares of classes, by which other trees grow: it leaves Σ c - Σₖ cₖ² / Σ c.

    Splits by it differ from those by the log loss where a side is almost pure.
    """

    def least(self, sums: np.ndarray) -> np.ndarray:
        count = sums.sum(axis=-1)
        return count - np.divide((sums**2).sum(axis=-1), count, out=np.zeros_like(count), where=count > 0)


class Rate:
    """The losses of Poisson and gamma with log link, whose best constant is the logarithm of the mean.

    Poisson's leaves -Σ w y log(Σ w y / Σ w), and that of gamma Σ w log(Σ w y / Σ w).
    """

    def __init__(self, is_gamma: bool) -> None:
        self.is_gamma = is_gamma

    def sums(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        unit = float(np.average(y, weights=weight)) or 1.0
        return np.column_stack([weight, weight * (y / unit)])

    def least(self, sums: np.ndarray) -> np.ndarray:
        count, total = sums[..., 0], sums[..., 1]
        is_some = (count > 0) & (total > 0)
        rate = np.divide(total, count, out=np.ones_like(total), where=is_some)
        return (count if self.is_gamma else -total) * np.log(rate)

    def best(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        # Counts may all be 0 in a part of the rows.
        return np.log(np.maximum(np.atleast_1d(np.average(y, weights=weight)), np.finfo(float).tiny))


class Level:
    """The absolute error and the pinball loss, whose best constant is a quantile.

    No sums give the loss that it leaves. Splits are found by the squared error of the slopes of the loss at the best
    constant of each node, as in boosting: Friedman, "Greedy function approximation" (2001).
    """

    def __init__(self, level: float) -> None:
        self.level = level

    def sums(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        slopes = (y > self.best(y, weight)) - (1 - self.level)
        return np.column_stack([weight, weight * slopes])

    def least(self, sums: np.ndarray) -> np.ndarray:
        return Mean().least(sums)

    def best(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        order = np.argsort(y, kind="stable")
        passed = np.cumsum(weight[order])
        # Any number between two targets may be best; the mean of both is that of the median of an even number of rows.
        low, high = (np.searchsorted(passed, self.level * passed[-1] * (1 + sign * 1e-12)) for sign in (-1, 1))
        low, high = (order[min(k, len(order) - 1)] for k in (low, high))
        return np.array([y[low] / 2 + y[high] / 2])


def read_loss(loss: Function) -> Loss:
    """Return the loss of a tree; raise ValueError if leaves have no formula for it."""
    if not (isinstance(loss, Loss) and (loss in TAKEN or isinstance(loss, Quantile))):
        raise ValueError(f"loss={quoted(loss)}: leaves have no formula for it; a tree takes {KNOWN}")
    return loss


def criterion_of(loss: Loss, classes: int, outputs: int) -> Criterion:
    """Return the criterion of a loss.

    Parameters
    ----------
    loss : Loss
        One of the losses that a tree takes.
    classes, outputs : int
        The numbers of classes, if the targets are classes, and of the outputs of the model.

    Returns
    -------
    Criterion
        Its criterion.
    """
    if loss in (losses.log_loss, losses.softmax):
        return Shares(classes, outputs)
    if loss in (losses.poisson, losses.gamma):
        return Rate(loss is losses.gamma)
    if isinstance(loss, Quantile):
        return Level(loss.level)
    return Level(0.5) if loss is losses.absolute else Mean()


def _entropy(counts: np.ndarray) -> np.ndarray:
    """Return c log c, which is 0 at 0."""
    return counts * np.log(np.where(counts > 0, counts, 1.0))
