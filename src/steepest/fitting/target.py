"""The target of a compiled descent in units of what its start leaves, so that single precision suffices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steepest.fitting.validation import LabelledRows
from steepest.models import losses
from steepest.models.frame import deviation_of
from steepest.models.losses import EpsilonInsensitive, Huber, Quantile
from steepest.types import Function

# Losses of z - y alone. In other units they are the same loss times a constant, or with another parameter.
LOCATED = (type(losses.squared), type(losses.absolute), Huber, Quantile, EpsilonInsensitive)


@dataclass(frozen=True)
class Target:
    """A target in the units of the kernel.

    Attributes
    ----------
    loss : callable
        The loss in these units.
    is_located : bool
        Whether the kernel gets what the linear start leaves as target, and not the linear start itself.
    unit : array of shape (outputs,)
        The unit of the outputs of the layers.
    factor : float
        A loss in these units times this is the loss in the user's units.
    """

    loss: Function
    is_located: bool
    unit: np.ndarray
    factor: float

    @classmethod
    def of(cls, loss: Function, linear: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Target:
        """Return the target of a loss, for the outputs of a linear start."""
        if not isinstance(loss, LOCATED):
            return cls(loss, False, np.ones(linear.shape[1]), 1.0)
        left = y - linear[:, 0]
        is_squared = isinstance(loss, type(losses.squared))
        unit = float(deviation_of(left, weight)[1]) if is_squared else _spread(left, weight)
        # If the linear start leaves nothing, there is nothing to learn, in whatever unit.
        return cls.in_unit(loss, unit or 1.0)

    @classmethod
    def in_unit(cls, loss: Function, unit: float) -> Target:
        """Return the target of a loss in a unit, which is 1 for a loss that is not one of z - y."""
        if not isinstance(loss, LOCATED):
            return cls(loss, False, np.ones(1), 1.0)
        if isinstance(loss, Huber):
            return cls(replace(loss, delta=loss.delta / unit), True, np.array([unit]), unit**2)
        if isinstance(loss, EpsilonInsensitive):
            return cls(replace(loss, epsilon=loss.epsilon / unit), True, np.array([unit]), unit)
        return cls(loss, True, np.array([unit]), unit**2 if isinstance(loss, type(losses.squared)) else unit)

    def inner(self, linear: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the linear start and the target as the kernel takes them."""
        return (np.zeros_like(linear), (y - linear[:, 0]) / self.unit[0]) if self.is_located else (linear, y)


def _spread(left: np.ndarray, weight: np.ndarray) -> float:
    """Return the mean distance from the median, which outliers enlarge less than the standard deviation."""
    middle = np.quantile(left, 0.5, method="inverted_cdf", weights=weight)
    return float(np.average(np.abs(left - middle), weights=weight))


def targets_of(loss: Function, linear: list[np.ndarray], rows: list[LabelledRows]) -> list[Target]:
    """Return the target of each member, for its own rows and the outputs of its linear start there."""
    targets = [Target.of(loss, z, own.y, own.weight) for z, own in zip(linear, rows, strict=True)]
    if isinstance(loss, (Huber, EpsilonInsensitive)):
        # The compiled code holds the parameter of the loss: one unit lets all members share it.
        return [Target.in_unit(loss, min(float(target.unit[0]) for target in targets))] * len(targets)
    return targets


def response_of(loss: Function) -> str:
    """Return how the outputs of a model with this loss become predictions, as `frame.RESPONSES` names it."""
    names = {losses.log_loss: "probability", losses.softmax: "probabilities"} | dict.fromkeys(
        (losses.poisson, losses.gamma), "means"
    )
    return names.get(loss, "outputs") if isinstance(loss, losses.Loss) else "outputs"
