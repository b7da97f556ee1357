"""Losses: each is a formula of the model's output z and the target y."""

from __future__ import annotations

import numpy as np

from steepest.arguments import guess
from steepest.models.losses.base import Loss, singleton
from steepest.models.losses.kinked import Absolute, EpsilonInsensitive, Hinge, Kinked, Quantile
from steepest.models.losses.smooth import Gamma, Huber, LogLoss, Poisson, Squared, SquaredHinge
from steepest.models.losses.softmax import Softmax
from steepest.printable import quoted
from steepest.types import Function

__all__ = [
    "NAMED",
    "SYNONYMS",
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

squared, absolute, log_loss = singleton(Squared), singleton(Absolute), singleton(LogLoss)
hinge, squared_hinge = singleton(Hinge), singleton(SquaredHinge)
poisson, gamma, softmax = singleton(Poisson), singleton(Gamma), singleton(Softmax)

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

# Other spellings of these names, which are those of scikit-learn; a loss with a parameter has its own default.
SYNONYMS = {
    "squared_error": "squared",
    "absolute_error": "absolute",
    "epsilon_insensitive": "epsilon-insensitive",
    "log_loss": "log loss",
    "squared_hinge": "squared hinge",
    "pinball": "quantile",
}
# Losses of other libraries, such as scikit-learn and Keras, with what to use here.
RIVALS = {
    "modified_huber": "'squared hinge', which differs only for rows far on the wrong side",
    "squared_loss": "'squared'",
    "mse": "'squared'",
    "mean_squared_error": "'squared'",
    "mae": "'absolute'",
    "mean_absolute_error": "'absolute'",
    "log": "'log loss'",
    "logistic": "'log loss'",
    "binary_crossentropy": "'log loss'",
    "categorical_crossentropy": "'softmax'",
    "cross_entropy": "'softmax'",
    "perceptron": "'hinge', which has a margin and so a best plane",
    "squared_epsilon_insensitive": "'epsilon-insensitive', or 'huber', which is smooth near the target",
}
WITH_PARAMETERS = (Huber, Quantile, EpsilonInsensitive)


def named(loss: str | Function) -> Function:
    """Return the loss with a name, or the function that was given.

    Parameters
    ----------
    loss : str or callable
        A name such as "squared" or "huber", also in scikit-learn's spelling, such as "squared_error"; a loss with its
        parameter, such as ``losses.Huber(1.5)``; or a function of (z, y) that returns the loss of each row.

    Returns
    -------
    callable
        The loss.

    Raises
    ------
    ValueError
        If no loss has that name.
    TypeError
        If `loss` is neither a name nor callable, or is a class such as ``losses.Huber`` in place of an object.

    Examples
    --------
    >>> named("squared") is squared, named("log_loss") is log_loss
    (True, True)
    """
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise TypeError(f"loss={loss.__name__} is a class: write losses.{loss.__name__}()")
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(f"loss={quoted(loss)}: give one of {', '.join(NAMED)}, or a function of (z, y)")
    loss = SYNONYMS.get(loss, loss)
    if loss not in NAMED and (ours := RIVALS.get(loss.lower())):
        raise ValueError(f"loss={quoted(loss)} is not known: use {ours}")
    if loss not in NAMED:
        raise ValueError(f"loss={quoted(loss)} is not known{guess(loss, NAMED)} (known: {', '.join(NAMED)})")
    return NAMED[loss]


def check_targets(loss: Function, y: np.ndarray) -> None:
    """Raise if the loss is not defined for a target; a loss that is the user's function accepts all targets.

    Parameters
    ----------
    loss : callable
        The loss.
    y : array of shape (rows,)
        The targets.

    Raises
    ------
    ValueError
        If a target is out of range, not a whole number though the loss needs whole numbers, or so large or small that
        the loss overflows or vanishes.

    Examples
    --------
    >>> check_targets(log_loss, np.array([0.0, 1.0]))
    """
    if isinstance(loss, Loss):
        loss.check(y)
