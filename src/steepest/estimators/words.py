"""From the parameters of an estimator to the words of `fit`, refused where they make no sense."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

from steepest import models
from steepest.models import losses
from steepest.models.penalties import L1, L2, ElasticNet, named

KERNELS = ("linear", "rbf")
PENALTIES = ("l2", "l1", "elasticnet", None)
# Models whose predictions are not their outputs, each found by its loss.
WITH_RESPONSE = (models.Logistic, models.Poisson, models.Gamma)


def penalty_of(penalty: Any, alpha: Any, l1_ratio: Any) -> L1 | L2 | ElasticNet | None:
    """Return the penalty that an estimator's parameters describe.

    Parameters
    ----------
    penalty : {"l2", "l1", "elasticnet", None}
        Which.
    alpha : float
        λ, its strength.
    l1_ratio : float
        The part of λ that an elastic net gives to L1.

    Returns
    -------
    penalty or None
        None where there is none.

    Raises
    ------
    ValueError
        If they are not known, or out of range.

    Examples
    --------
    >>> penalty_of("elasticnet", 0.1, 0.5)
    ElasticNet(l1=0.05, l2=0.05)
    """
    if penalty not in PENALTIES:
        raise ValueError(f"penalty={penalty!r} is not known (known: {', '.join(map(repr, PENALTIES))})")
    _check_number("alpha", alpha, math.inf)
    _check_number("l1_ratio", l1_ratio, 1)
    if penalty is None:
        return None
    if penalty == "l2" and not alpha:
        return None
    if not alpha:
        raise ValueError(f"penalty={penalty!r} with alpha=0 sets no coefficient to 0: give alpha=, such as 0.01")
    return named(penalty, alpha, l1_ratio)


def loss_of(loss: Any, model: Any, usual: dict[str, str], classes: bool) -> Callable[..., Any]:
    """Return the loss that an estimator fits with.

    Parameters
    ----------
    loss : str, loss or None
        What was asked for.
    model : str or callable
        The model.
    usual : dict
        The loss of each named model; "linear" tells that of a function.
    classes : bool
        Whether targets are classes.

    Returns
    -------
    callable
        The loss of (z, y).

    Raises
    ------
    ValueError
        If the loss is one of classes and the targets are numbers, or the other way round.

    Examples
    --------
    >>> loss_of(None, "linear", {"linear": "squared"}, classes=False)
    losses.squared
    """
    cost = losses.named(usual[model if isinstance(model, str) else "linear"] if loss is None else loss)
    if isinstance(cost, losses.Loss) and cost.classes is not classes:
        what, other = ("numbers", "DescentRegressor") if classes else ("classes", "DescentClassifier")
        fitting = ", ".join(repr(name) for name, known in losses.NAMED.items() if known.classes is classes)
        raise ValueError(f"loss={loss!r} is one of {what}: take {other}, or one of {fitting}")
    return cost


def named_model(model: Any, known: dict[str, str], kernel: Any = "linear") -> Any:
    """Return the model that is fitted, before its loss is known: a name that is known, or a function.

    Parameters
    ----------
    model : str or callable
        What was asked for.
    known : dict
        The names.
    kernel : str
        The kernel, which a support vector machine alone may have.

    Returns
    -------
    str or callable
        The same.

    Raises
    ------
    ValueError
        If it is another name.
    TypeError
        If it is neither.

    Examples
    --------
    >>> named_model("linear", {"linear": "squared"})
    'linear'
    """
    names = ", ".join(map(repr, known))
    if isinstance(model, str):
        if model not in known:
            raise ValueError(f"model={model!r} is not known (known: {names}, or a function of (X, *parameters))")
    elif isinstance(model, type) or not callable(model):
        raise TypeError(f"model={model!r}: give one of {names}, or a function of (X, *parameters)")
    if kernel not in KERNELS:
        raise ValueError(f"kernel={kernel!r} is not known (known: {', '.join(map(repr, KERNELS))})")
    if kernel != "linear" and model != "svm":
        raise ValueError(f"kernel={kernel!r} is for model='svm', and the model is {model!r}")
    return model


def linear_model(loss: Callable[..., Any]) -> models.Linear:
    """Return the linear model whose predictions belong to a loss.

    Parameters
    ----------
    loss : callable
        The loss.

    Returns
    -------
    Linear
        Such as ``Logistic()`` for the log loss.

    Examples
    --------
    >>> linear_model(losses.poisson)
    Poisson()
    """
    return next((kind() for kind in WITH_RESPONSE if kind.loss == loss), models.Linear())


def machine(kernel: Any, gamma: Any, components: Any, seed: int, classes: bool, penalized: bool) -> models.SVM:
    """Return the support vector machine with a kernel that an estimator's parameters describe.

    Parameters
    ----------
    kernel : str
        Its kernel.
    gamma : float or None
        γ, in units of standardised columns.
    components : int
        How many features stand for the kernel.
    seed : int
        What draws them.
    classes : bool
        Whether targets are classes.
    penalized : bool
        Whether there is a penalty.

    Returns
    -------
    SVM
        The model.

    Raises
    ------
    ValueError
        If there is no penalty, or a word makes no sense.

    Examples
    --------
    >>> machine("rbf", None, 50, 0, classes=True, penalized=True).components
    50
    """
    if not penalized:
        raise ValueError(f"kernel={kernel!r} without a penalty follows every row: give alpha=, such as 0.001")
    return (models.SVM if classes else models.SVR)(kernel, gamma=gamma, components=components, seed=seed)


def check_limits(max_epochs: Any, tol: Any) -> None:
    """Raise where what a fit may spend, or how near it must come, makes no sense.

    Parameters
    ----------
    max_epochs : int or None
        Passes through the rows, at most.
    tol : float or None
        The part of the whole descent that the answer may be above the least.

    Raises
    ------
    ValueError
        If one is no such number.

    Examples
    --------
    >>> check_limits(10, None)
    """
    whole = isinstance(max_epochs, numbers.Integral) and not isinstance(max_epochs, bool)
    if max_epochs is not None and not (whole and max_epochs > 0):
        raise ValueError(f"max_epochs={max_epochs!r}: give a whole number, 1 or more, or None")
    if tol is not None:
        _check_number("tol", tol, math.inf)
        if tol == 0:
            raise ValueError("tol=0: rounding hides what is left long before; give a number above 0, such as 1e-12")


def check_part(name: str, value: Any) -> None:
    """Raise where a number is no part of the rows.

    Parameters
    ----------
    name : str
        What it is called.
    value : float
        The part.

    Raises
    ------
    ValueError
        If it is not above 0 and below 1.

    Examples
    --------
    >>> check_part("validation_fraction", 0.1)
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not 0 < float(value) < 1:
        raise ValueError(f"{name}={value!r}: give the part of the rows to hold out, above 0 and below 1")


def _check_number(name: str, value: Any, most: float) -> None:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not 0 <= float(value) <= most or math.isinf(value):
        span = "from 0 up" if math.isinf(most) else f"from 0 to {most:g}"
        raise ValueError(f"{name}={value!r}: give a number {span}")
