"""The loss of several classes, by their scores and by contrasts of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from steepest.models.losses.base import Loss
from steepest.models.losses.smooth import entropic


@dataclass(frozen=True, repr=False)
class Softmax(Loss):
    """Minus the log likelihood of one class of several, log Σ e^zₖ - z_y, with a score z a class.

    Examples
    --------
    >>> Softmax()(np.array([[1e4, 0.0, 0.0]]), np.array([1.0]))
    array([10000.])
    """

    name: ClassVar[str] = "softmax"
    targets: ClassVar[str] = "classes numbered from 0"
    least: ClassVar[float] = 0.0
    whole: ClassVar[bool] = True
    classes: ClassVar[bool] = True

    def __call__(self, z: Any, y: Any) -> Any:
        below = z - z.max(axis=-1)[..., None]
        return np.log(np.exp(below).sum(axis=-1)) - chosen(below, y)


@dataclass(frozen=True)
class Contrasted(Loss):
    """The loss of `Softmax` as a function of K - 1 contrasts of the scores, or of the scores themselves.

    What is added to the scores of all classes changes nothing; with z = Q v, the columns of Q orthonormal and of sum
    0, v has just what does. An L1 penalty sets coefficients of single classes to 0, for which each has its own v.

    Parameters
    ----------
    classes_told : int
        K.
    apart : bool
        Whether v is z.

    Examples
    --------
    >>> round(float(Contrasted(3)(np.zeros((1, 2)), np.array([2]))[0]), 6)
    1.098612
    """

    classes_told: int
    apart: bool = False

    name: ClassVar[str] = "softmax"
    targets: ClassVar[str] = Softmax.targets
    least: ClassVar[float] = 0.0
    whole: ClassVar[bool] = True
    steepest: ClassVar[float] = 0.5
    # The third derivative is at most the widest change of a score times the second, and v moves scores by √2 ‖v‖ apart.
    unsteady: ClassVar[float] = math.sqrt(2)
    classes: ClassVar[bool] = True

    @property
    def outputs(self) -> int:
        """How many numbers v holds."""
        return self.classes_told - (not self.apart)

    @property
    def contrasts(self) -> np.ndarray:
        """The matrix Q, of shape (K, K - 1), by Helmert: column k sets class k against those before it; or I."""
        if self.apart:
            return np.eye(self.classes_told)
        rank = np.arange(1, self.classes_told)
        columns = np.triu(np.ones((self.classes_told, self.classes_told - 1)))
        columns[rank, rank - 1] = -rank
        return columns / np.sqrt(rank * (rank + 1))

    def __call__(self, z: Any, y: Any) -> Any:
        return Softmax()(z @ self.contrasts.T, y)

    def fenchel_young_gap(self, z: Any, y: Any, t: Any) -> Any:
        """Return the divergence of Kullback and Leibler between q = p + (diag p - p pᵀ) t and the probabilities p."""
        scores, moves = z @ self.contrasts.T, t @ self.contrasts.T
        top = scores.max(axis=-1, keepdims=True)
        p = np.exp(scores - top)
        p = p / p.sum(axis=-1, keepdims=True)
        return (p * entropic(moves - (p * moves).sum(axis=-1, keepdims=True))).sum(axis=-1)

    def asymptote(self, v: Any, y: Any) -> Any:
        """Return max vₖ - v_y."""
        scores = v @ self.contrasts.T
        return scores.max(axis=-1) - chosen(scores, y)

    def margin(self, z: Any, y: Any) -> Any:
        """Return by how much the score of a row's own class is above those of the others."""
        scores = z @ self.contrasts.T
        own = y[..., None] == np.arange(self.classes_told)
        return chosen(scores, y) - np.where(own, -math.inf, scores).max(axis=-1)

    def curvature(self, mean: float) -> float:
        """Return 1 / K, the curvature where all classes are alike."""
        return 1 / self.classes_told


def chosen(scores: Any, y: Any) -> Any:
    """Return the score of each row's own class.

    Parameters
    ----------
    scores : array of shape (rows, classes)
        A score a class.
    y : array of shape (rows,)
        Classes from 0.

    Returns
    -------
    array of shape (rows,)
        The scores.
    """
    own = y[..., None] == np.arange(scores.shape[-1])
    return np.where(own, scores, 0.0).sum(axis=-1)
