"""What a prediction costs: each loss is a formula of the model's output z and the target y."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.arguments import guess
from steepest.models.losses.base import Loss
from steepest.models.losses.kinked import Absolute, EpsilonInsensitive, Hinge, Kinked, Quantile
from steepest.models.losses.smooth import Gamma, Huber, LogLoss, Poisson, Squared, SquaredHinge
from steepest.models.losses.softmax import Softmax

__all__ = [
    "NAMED",
    "EpsilonInsensitive",
    "Huber",
    "Kinked",
    "Loss",
    "Quantile",
    "absolute",
    "check_targets",
    "gamma",
    "hinge",
    "log_loss",
    "named",
    "poisson",
    "softmax",
    "squared",
    "squared_hinge",
]

squared, absolute, log_loss = Squared(), Absolute(), LogLoss()
hinge, squared_hinge = Hinge(), SquaredHinge()
poisson, gamma, softmax = Poisson(), Gamma(), Softmax()

NAMED: dict[str, Loss] = {
    "squared": squared,
    "absolute": absolute,
    "huber": Huber(),
    "quantile": Quantile(),
    "epsilon-insensitive": EpsilonInsensitive(),
    "log loss": log_loss,
    "softmax": softmax,
    "hinge": hinge,
    "squared hinge": squared_hinge,
    "poisson": poisson,
    "gamma": gamma,
}
WITH_PARAMETERS = (Huber, Quantile, EpsilonInsensitive)


def named(loss: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return the loss that a name stands for, or the function given.

    Parameters
    ----------
    loss : str or callable
        A name such as "squared" or "huber", a loss with its parameter such as ``losses.Huber(1.5)``, or a
        function of (z, y) that returns the loss of each row.

    Returns
    -------
    callable
        The loss.

    Raises
    ------
    ValueError
        If no loss has that name.
    TypeError
        If it is neither a name nor callable.

    Examples
    --------
    >>> named("squared") is squared
    True
    """
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise TypeError(f"loss={loss.__name__} is a class: write losses.{loss.__name__}()")
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(f"loss={loss!r}: give one of {', '.join(NAMED)}, or a function of (z, y)")
    if loss not in NAMED:
        raise ValueError(f"loss={loss!r} is not known{guess(loss.lower(), NAMED)} (known: {', '.join(NAMED)})")
    return NAMED[loss]


def check_targets(loss: Callable[..., Any], y: np.ndarray) -> None:
    """Raise where a loss can't take a target.

    Parameters
    ----------
    loss : callable
        The loss.
    y : array of shape (rows,)
        The targets.

    Raises
    ------
    ValueError
        If a target lies outside of what the loss takes.

    Examples
    --------
    >>> check_targets(log_loss, np.array([0.0, 1.0]))
    """
    if isinstance(loss, Loss):
        loss.check(y)
