"""The likelihood behind each loss, if it has one: its scores, its information and its dispersion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steepest.models import losses
from steepest.models.losses import Huber, Loss
from steepest.models.losses.base import probabilities
from steepest.models.losses.softmax import Softmax, class_probabilities
from steepest.types import Function

# A function of outputs and targets.
OfRows = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Family:
    """The derivatives of a loss in the units of a log likelihood, at each row.

    Attributes
    ----------
    label : str
        What the errors assume, for the reader.
    score : callable
        The derivative of the loss by the output, divided by `unit`; one for each class with several outputs.
    root : callable
        B with BᵀB = the expected second derivative of the loss by the output, divided by `unit`: a number for each row,
        or a matrix with several outputs.
    unit : float
        How many times minus the log likelihood the loss is, but for the dispersion: 2 for (z - y)².
    dispersed : bool
        Whether the variance has a factor of its own, which is estimated by Pearson's χ² / degrees of freedom.
    normal : bool
        Whether intervals with an estimated variance follow Student's t.
    likely : bool
        Whether the loss is a log likelihood; if not, only the sandwich holds.
    curved : callable or None
        The observed second derivative of the loss by the output, where it differs from the expected one: sandwiches use
        it, and so does a loss of the user's own.
    """

    label: str
    score: OfRows
    root: OfRows
    unit: float = 1.0
    dispersed: bool = False
    normal: bool = False
    likely: bool = True
    curved: OfRows | None = None


def _one(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.ones_like(z)


def _of_log_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    p, rest = probabilities(z)
    return np.sqrt(p * rest)


def _score_of_log_loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    p, rest = probabilities(z)
    return (1 - y) * p - y * rest


def _score_of_softmax(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    return class_probabilities(z) - (y[:, None] == np.arange(z.shape[1]))


def _of_softmax(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    # diag p - p pᵀ = Σ pₖ (eₖ - p)(eₖ - p)ᵀ, which needs no Cholesky factor of a singular matrix.
    p = class_probabilities(z)
    return np.sqrt(p)[:, :, None] * (np.eye(z.shape[1]) - p[:, None, :])


SQUARED = Family("errors of equal variance", lambda z, y: z - y, _one, unit=2.0, dispersed=True, normal=True)
# The losses without parameters, by identity.
FAMILIES: dict[Loss, Family] = {
    losses.squared: SQUARED,
    losses.log_loss: Family("inverse Fisher information of two classes", _score_of_log_loss, _of_log_loss),
    losses.softmax: Family("inverse Fisher information of several classes", _score_of_softmax, _of_softmax),
    losses.poisson: Family(
        "inverse Fisher information of Poisson counts", lambda z, y: np.exp(z) - y, lambda z, y: np.exp(z / 2)
    ),
    losses.gamma: Family(
        "inverse Fisher information of Gamma targets, times Pearson's χ² / degrees of freedom",
        lambda z, y: 1 - y * np.exp(-z),
        _one,
        dispersed=True,
        curved=lambda z, y: y * np.exp(-z),
    ),
    losses.squared_hinge: Family(
        "sandwich of the squared hinge, which is no likelihood",
        lambda z, y: (1 - 2 * y) * np.maximum(1 - (2 * y - 1) * z, 0.0),
        lambda z, y: ((2 * y - 1) * z < 1).astype(float),
        unit=2.0,
        likely=False,
    ),
}
KINKED = (
    "the {} loss has kinks, so its curvature at the answer is not defined, and no Wald error follows from it: "
    "refit rows drawn with replacement, a bootstrap"
)


def family_of(loss: Function) -> Family | str | None:
    """Return the family of a loss; the reason if errors do not follow from it; None for a function of the user's own.

    Parameters
    ----------
    loss : callable
        The loss of a fit.

    Returns
    -------
    Family, str or None
        The family, the reason, or None.

    Examples
    --------
    >>> family_of(losses.poisson).dispersed
    False
    >>> family_of(losses.hinge)[:30]
    'the hinge loss has kinks, so i'
    """
    if isinstance(loss, Huber):
        return _of_huber(loss.delta)
    if isinstance(loss, Softmax):
        return FAMILIES[losses.softmax]
    if not isinstance(loss, Loss):
        return None
    return FAMILIES.get(loss) or KINKED.format(loss.name)


def _of_huber(delta: float) -> Family:
    return Family(
        "sandwich of Huber's loss, an M-estimator",
        lambda z, y: np.clip(z - y, -delta, delta),
        lambda z, y: (np.abs(z - y) <= delta).astype(float),
        unit=2.0,
        likely=False,
    )
