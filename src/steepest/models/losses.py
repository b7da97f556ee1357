"""What a prediction costs: each loss is a formula of the model's output z and the target y.

They are written in NumPy and differentiated like any user's function. A loss knows nothing of the
model or the data.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import numpy as np

Loss = Callable[[Any, Any], Any]


def squared(z: Any, y: Any) -> Any:
    """Return the squared error, (z - y)², without a factor ½.

    Parameters
    ----------
    z : array
        Predictions.
    y : array
        Targets, in the same units.

    Returns
    -------
    array
        The loss of each row.

    Examples
    --------
    >>> squared(3.0, 1.0)
    4.0
    """
    return (z - y) ** 2


def log_loss(z: Any, y: Any) -> Any:
    """Return minus the log likelihood of a class, log(1 + eᶻ) - y z, with z the log odds of class 1.

    Parameters
    ----------
    z : array
        Log odds of class 1.
    y : array
        0 or 1, or a probability between them.

    Returns
    -------
    array
        The loss of each row, in nats.

    Examples
    --------
    >>> round(float(log_loss(0.0, 1.0)), 6)
    0.693147
    >>> float(log_loss(-1e4, 1.0))
    10000.0
    """
    return np.logaddexp(0.0, z) - y * z


def poisson(z: Any, y: Any) -> Any:
    """Return minus the log likelihood of a count, eᶻ - y z, with eᶻ its mean, up to a constant of y.

    Half the deviance differs from it by y log y - y alone, which no parameter moves.

    Parameters
    ----------
    z : array
        Logarithms of the means.
    y : array
        Counts, or other numbers from 0 up.

    Returns
    -------
    array
        The loss of each row.

    Examples
    --------
    >>> float(poisson(0.0, 3.0))
    1.0
    """
    return np.exp(z) - y * z


NAMED: dict[str, Loss] = {"squared": squared, "log loss": log_loss, "poisson": poisson}


def named(loss: str | Loss) -> Loss:
    """Return the loss that a name stands for, or the function given.

    Parameters
    ----------
    loss : str or callable
        "squared", "log loss", "poisson", or a function of (z, y) that returns the loss of each row.

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
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(f"loss={loss!r}: give one of {', '.join(NAMED)}, or a function of (z, y)")
    if loss not in NAMED:
        near = difflib.get_close_matches(loss.lower(), NAMED, n=1)
        guess = f": did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"loss={loss!r} is not known{guess} (known: {', '.join(NAMED)})")
    return NAMED[loss]


def check_targets(loss: Loss, y: np.ndarray) -> None:
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
    if loss is log_loss:
        wrong = np.flatnonzero((y < 0) | (y > 1))
        if wrong.size:
            raise ValueError(f"log loss takes targets of 0 and 1, and row {wrong[0]} has {y[wrong[0]]:g}: recode them")
    if loss is poisson:
        wrong = np.flatnonzero(y < 0)
        if wrong.size:
            raise ValueError(f"the Poisson loss takes targets from 0 up, and row {wrong[0]} has {y[wrong[0]]:g}")
