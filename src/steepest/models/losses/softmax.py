"""The loss of several classes, as a function of their scores and of contrasts of the scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steepest.models.losses.base import Loss
from steepest.models.losses.smooth import entropic
from steepest.types import Array


@dataclass(frozen=True, repr=False)
class Softmax(Loss):
    """Minus the log likelihood of one class of several, log Σ e^zₖ - z_y, with one score zₖ for each class.

    Examples
    --------
    >>> Softmax()(np.array([[1e4, 0.0, 0.0]]), np.array([1.0]))
    array([10000.])
    """

    name: ClassVar[str] = "softmax"
    targets: ClassVar[str] = "classes numbered from 0"
    least: ClassVar[float] = 0.0
    whole: ClassVar[bool] = True
    steepest: ClassVar[float] = 0.5
    classes: ClassVar[bool] = True

    def __call__(self, z: Array, y: Array) -> Array:
        below = z - z.max(axis=-1)[..., None]
        return np.log(np.exp(below).sum(axis=-1)) - own_score(below, y)


@dataclass(frozen=True)
class Contrasted(Loss):
    """The loss of `Softmax` as a function of K - 1 contrasts of the scores, or of the scores themselves.

    A constant added to all scores of a row does not change the loss. The contrasts v leave that constant out: z = Q v,
    where the columns of Q are orthonormal and each sums to 0. An L1 penalty sets coefficients of single classes to 0,
    so it needs the scores themselves, v = z.

    Parameters
    ----------
    class_count : int
        K, the number of classes.
    apart : bool
        Whether v = z, so that each class has a score of its own.

    Examples
    --------
    >>> round(float(Contrasted(3)(np.zeros((1, 2)), np.array([2]))[0]), 6)
    1.098612
    """

    class_count: int
    apart: bool = False

    name: ClassVar[str] = "softmax"
    targets: ClassVar[str] = Softmax.targets
    least: ClassVar[float] = 0.0
    whole: ClassVar[bool] = True
    steepest: ClassVar[float] = Softmax.steepest
    # Along v, |ℓ‴| is at most ℓ″ times the range max - min of Q v, which is at most √2 ‖v‖.
    unsteady: ClassVar[float] = math.sqrt(2)
    classes: ClassVar[bool] = True

    @property
    def outputs(self) -> int:
        """The length of v."""
        return self.class_count - (not self.apart)

    @property
    def contrasts(self) -> np.ndarray:
        """Helmert's matrix Q, (K, K - 1): column k contrasts class k + 1 with classes 0 to k; I if `apart`."""
        if self.apart:
            return np.eye(self.class_count)
        rank = np.arange(1, self.class_count)
        columns = np.triu(np.ones((self.class_count, self.class_count - 1)))
        columns[rank, rank - 1] = -rank
        return columns / np.sqrt(rank * (rank + 1))

    def __call__(self, z: Array, y: Array) -> Array:
        return Softmax()(z @ self.contrasts.T, y)

    def fenchel_young_gap(self, z: Array, y: Array, t: Array) -> Array:
        """Return the Kullback-Leibler divergence of q = p + (diag p - p pᵀ) t from the probabilities p."""
        scores, changes = z @ self.contrasts.T, t @ self.contrasts.T
        top = scores.max(axis=-1, keepdims=True)
        p = np.exp(scores - top)
        p = p / p.sum(axis=-1, keepdims=True)
        return (p * entropic(changes - (p * changes).sum(axis=-1, keepdims=True))).sum(axis=-1)

    def asymptote(self, v: Array, y: Array) -> Array:
        """Return max vₖ - v_y."""
        scores = v @ self.contrasts.T
        return scores.max(axis=-1) - own_score(scores, y)

    def margin(self, z: Array, y: Array) -> Array:
        """Return by how much the score of a row's own class exceeds the largest score of another class."""
        scores = z @ self.contrasts.T
        own = y[..., None] == np.arange(self.class_count)
        return own_score(scores, y) - np.where(own, -math.inf, scores).max(axis=-1)

    def curvature(self, mean: float) -> float:
        """Return 1 / K, the curvature where all classes are equally likely."""
        return 1 / self.class_count


def class_probabilities(z: Array) -> Array:
    """Return the probabilities of classes, e^zₖ / Σ e^zⱼ.

    Parameters
    ----------
    z : array of shape (rows, classes)
        Scores.

    Returns
    -------
    array of shape (rows, classes)
        Probabilities, which add up to 1 in each row.

    Examples
    --------
    >>> class_probabilities(np.array([[0.0, 1e4], [2.0, 2.0]]))
    array([[0. , 1. ],
           [0.5, 0.5]])
    """
    odds = np.exp(z - z.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def own_score(scores: Array, y: Array) -> Array:
    """Return the score of each row's own class.

    Parameters
    ----------
    scores : array of shape (rows, classes)
        A score for each class.
    y : array of shape (rows,)
        Classes, numbered from 0.

    Returns
    -------
    array of shape (rows,)
        The scores.
    """
    own = y[..., None] == np.arange(scores.shape[-1])
    return np.where(own, scores, 0.0).sum(axis=-1)
