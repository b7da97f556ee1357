"""Translate the parameters of an estimator into arguments of `fit`, and refuse invalid parameters with a reason."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence

import numpy as np

from steepest import models
from steepest.fitting.linear.edges import INTERCEPT, POSITIVE, check_columns
from steepest.fitting.strength.automatic import AUTO, AUTO_L1, AUTO_NET
from steepest.models import losses
from steepest.models.penalties import L1, L2, STANDARD, ElasticNet, named
from steepest.printable import quoted
from steepest.types import Bounds, Function

KERNELS = ("linear", "rbf")
PENALTIES = ("l2", "l1", "elasticnet", None)
# Linear models whose prediction is a function of the output z, not z itself. Each is recognised by its loss.
WITH_RESPONSE = (models.Logistic, models.Poisson, models.Gamma)


def read_penalty(
    penalty: str | None, alpha: float | str | None, l1_ratio: float | None, default: float = 0.0, standard: bool = False
) -> L1 | L2 | ElasticNet | str | None:
    """Return the penalty that an estimator's parameters describe.

    Parameters
    ----------
    penalty : {"l2", "l1", "elasticnet", None}
        The kind of the penalty.
    alpha : float, "auto" or None
        The strength λ of the penalty; "auto" for the one that predicts best, None for the default.
    l1_ratio : float or None
        The share of λ that an elastic net gives to L1; None for another penalty, or if the share is to be chosen.
    default : float
        The default strength.
    standard : bool
        Whether the default strength is measured on standardised columns.

    Returns
    -------
    penalty, "auto", "auto-l1", "auto-elasticnet" or None
        None if there is no penalty.

    Raises
    ------
    ValueError
        If the kind is unknown, a number is out of range, or L1 has strength 0.

    Examples
    --------
    >>> read_penalty("elasticnet", 0.1, 0.5)
    ElasticNet(l1=0.05, l2=0.05)
    """
    if penalty not in PENALTIES:
        raise ValueError(f"penalty={quoted(penalty)} is not known (known: {', '.join(map(repr, PENALTIES))})")
    scales = STANDARD if alpha is None and standard else None
    if isinstance(alpha, str):
        if alpha != AUTO:
            raise ValueError(f"alpha={quoted(alpha)}: give a number, 'auto' or None")
        if penalty is None:
            raise ValueError("alpha='auto' chooses the strength of a penalty, and penalty=None: give alpha a number")
        if penalty == "elasticnet" and l1_ratio is not None:
            raise ValueError(
                f"alpha='auto' chooses the share of L1 of an elastic net, too, and l1_ratio={quoted(l1_ratio)}: give "
                "l1_ratio=None, or alpha a number"
            )
        return {"l2": AUTO, "l1": AUTO_L1, "elasticnet": AUTO_NET}[penalty]
    alpha = default if alpha is None else alpha
    _check_number("alpha", alpha, math.inf)
    if l1_ratio is None and penalty == "elasticnet":
        raise ValueError("l1_ratio=None: penalty='elasticnet' needs the share of L1, a number from 0 to 1")
    if l1_ratio is not None:
        _check_number("l1_ratio", l1_ratio, 1)
    if penalty is None:
        return None
    if penalty == "l2" and not alpha:
        return None
    if not alpha:
        raise ValueError(
            f"penalty={quoted(penalty)} has no effect with alpha=0: give alpha a positive value, such as 0.01"
        )
    return named(penalty, alpha, 0.5 if l1_ratio is None else l1_ratio, scales)


def read_loss(
    loss: str | Function | None, model: str | Function, defaults: dict[str, str], for_classes: bool
) -> Function:
    """Return the loss of an estimator.

    Parameters
    ----------
    loss : str, loss or None
        The estimator's parameter.
    model : str or callable
        The estimator's model.
    defaults : dict
        The default loss of each named model; a function has the default of "linear".
    for_classes : bool
        Whether targets are classes.

    Returns
    -------
    callable
        The loss, a function of (z, y).

    Raises
    ------
    ValueError
        If the loss is for classes and the targets are numbers, or the other way round.

    Examples
    --------
    >>> read_loss(None, "linear", {"linear": "squared"}, for_classes=False)
    losses.squared
    """
    kinds = {models.Network: "network", models.Tree: "tree"}
    default = model if isinstance(model, str) else kinds.get(type(model), "linear")
    cost = losses.named(defaults[default] if loss is None else loss)
    if isinstance(cost, losses.Loss) and cost.classes is not for_classes:
        targets, other = ("numbers", "DescentRegressor") if for_classes else ("classes", "DescentClassifier")
        suitable = ", ".join(repr(name) for name, known in losses.NAMED.items() if known.classes is for_classes)
        raise ValueError(f"loss={quoted(loss)} is for {targets}: use {other}, or one of the losses {suitable}")
    return cost


def read_bounds(
    positive: bool, bounds: Bounds | None, names: Sequence[str] | None, is_linear: bool, is_function: bool,
    has_intercept: bool = True,
) -> Bounds | None:  # fmt: skip
    """Return the argument bounds= of `fit` for an estimator's parameters.

    Parameters
    ----------
    positive : bool
        Whether all coefficients are at least 0.
    bounds : mapping or None
        The estimator's bounds.
    names : sequence of str or None
        The names of the columns, which bounds may use.
    is_linear : bool
        Whether the model is linear in the columns.
    is_function : bool
        Whether the model is a function of the user's.
    has_intercept : bool
        Whether a linear model has an intercept.

    Returns
    -------
    mapping or None
        The bounds, with columns by number.

    Raises
    ------
    ValueError
        If the model takes no bounds, both parameters bound the same coefficients, or there is no intercept to bound.
    TypeError
        If `bounds` is no mapping.

    Examples
    --------
    >>> read_bounds(True, {"intercept": (None, 1)}, None, is_linear=True, is_function=False)
    {'coef': (0, None), 'intercept': (None, 1)}
    >>> read_bounds(False, {"age": (0, 1)}, ["age"], is_linear=True, is_function=False)
    {'coef[0]': (0, 1)}
    """
    if not isinstance(positive, (bool, np.bool_)):
        raise ValueError(f"positive={quoted(positive)}: give True or False")
    if not positive and bounds is None:
        return None
    if not is_linear and (positive or not is_function):
        option = "positive=True" if positive else f"bounds={quoted(bounds)}"
        other = "a function takes bounds= for its parameters by name" if is_function else "leave it out"
        raise ValueError(f"{option} is for models that are linear in the columns: {other}")
    if bounds is not None and not isinstance(bounds, Mapping):
        raise TypeError(f'bounds={quoted(bounds)}: give names with pairs, such as {{"coef": (0, None)}}')
    if is_linear:
        check_columns(names)
    places = {str(name): f"coef[{j}]" for j, name in enumerate(() if names is None else names)}
    by_number = {places.get(name, name) if is_linear else name: pair for name, pair in (bounds or {}).items()}
    if is_linear and not has_intercept and INTERCEPT in by_number:
        raise ValueError(
            f"bounds= gives the intercept {quoted(by_number[INTERCEPT])}, but fit_intercept=False leaves it out: "
            "leave one of the two out"
        )
    if not positive:
        return by_number
    if "coef" in by_number:
        raise ValueError("positive=True and bounds= both bound all coefficients: give one of the two")
    return {**POSITIVE, **by_number}


def check_model(model: str | Function, defaults: dict[str, str], kernel: str = "linear") -> None:
    """Check that a model is a known name or a function, and that only a support vector machine has a kernel.

    Parameters
    ----------
    model : str or callable
        The estimator's model.
    defaults : dict
        The known names, each with its default loss.
    kernel : str
        The estimator's kernel.

    Raises
    ------
    ValueError
        If the name or the kernel is unknown, or a model other than "svm" has a kernel.
    TypeError
        If the model is neither a name nor a function.

    Examples
    --------
    >>> check_model("linear", {"linear": "squared"})
    """
    names = ", ".join(map(repr, defaults))
    if isinstance(model, str):
        if model not in defaults:
            raise ValueError(f"model={quoted(model)} is not known (known: {names}, or a function of (X, *parameters))")
    elif isinstance(model, type) or not callable(model):
        raise TypeError(f"model={quoted(model)}: give one of {names}, a models.Network or models.Tree, or a function")
    if kernel not in KERNELS:
        raise ValueError(f"kernel={quoted(kernel)} is not known (known: {', '.join(map(repr, KERNELS))})")
    if kernel != "linear" and model != "svm":
        raise ValueError(f"kernel={quoted(kernel)} is for model='svm', but the model is {quoted(model)}")


def network_of(model: str | models.Network | Function) -> models.Network | None:
    """Return the network that the parameter `model` names or is; None for another model.

    Parameters
    ----------
    model : str, Network or callable
        The parameter.

    Returns
    -------
    Network or None
        The network.

    Examples
    --------
    >>> network_of("network").hidden
    (64, 64)
    """
    if isinstance(model, models.Network):
        return model
    return models.Network() if isinstance(model, str) and model == "network" else None


def tree_of(model: str | models.Tree | Function) -> models.Tree | None:
    """Return the tree that the parameter `model` names or is; None for another model.

    Parameters
    ----------
    model : str, Tree or callable
        The parameter.

    Returns
    -------
    Tree or None
        The tree.

    Examples
    --------
    >>> tree_of("tree").splits
    'one'
    """
    if isinstance(model, models.Tree):
        return model
    return models.Tree() if isinstance(model, str) and model == "tree" else None


def linear_model(loss: Function) -> models.Linear:
    """Return the linear model for a loss.

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


def kernel_machine(
    kernel: str, gamma: float | None, components: int, seed: int, for_classes: bool, penalized: bool
) -> models.SVM:
    """Return the support vector machine with the kernel of an estimator's parameters.

    Parameters
    ----------
    kernel : str
        The kernel.
    gamma : float or None
        γ, for standardised columns.
    components : int
        The number of features that approximate the kernel.
    seed : int
        The seed that draws the features.
    for_classes : bool
        Whether targets are classes.
    penalized : bool
        Whether there is a penalty.

    Returns
    -------
    SVM
        The model, an `SVR` if targets are numbers.

    Raises
    ------
    ValueError
        If there is no penalty, or a parameter is out of range.

    Examples
    --------
    >>> kernel_machine("rbf", None, 50, 0, for_classes=True, penalized=True).components
    50
    """
    if not penalized:
        raise ValueError(
            f"kernel={quoted(kernel)} overfits without a penalty: give alpha= a positive value, such as 0.001"
        )
    return (models.SVM if for_classes else models.SVR)(kernel, gamma=gamma, components=components, seed=seed)


def check_limits(max_epochs: int | None, tol: float | None) -> None:
    """Check the number of epochs and the tolerance of a fit.

    Parameters
    ----------
    max_epochs : int or None
        The most passes through the rows.
    tol : float or None
        The tolerance.

    Raises
    ------
    ValueError
        If `max_epochs` is not a positive whole number, or `tol` not a positive number.

    Examples
    --------
    >>> check_limits(10, None)
    """
    whole = isinstance(max_epochs, numbers.Integral) and not isinstance(max_epochs, bool)
    if max_epochs is not None and not (whole and max_epochs > 0):
        raise ValueError(f"max_epochs={quoted(max_epochs)}: give a whole number, 1 or more, or None")
    if tol is not None:
        _check_number("tol", tol, math.inf)
        if tol == 0:
            raise ValueError(
                "tol=0 can't be reached, because of rounding errors: give a number above 0, such as 1e-12, or None to "
                "continue until rounding errors hide any further decrease"
            )


def check_fraction(name: str, value: float) -> None:
    """Check that a fraction of the rows is above 0 and below 1.

    Parameters
    ----------
    name : str
        The parameter's name.
    value : float
        The fraction.

    Raises
    ------
    ValueError
        If the fraction is out of range or not a number.

    Examples
    --------
    >>> check_fraction("validation_fraction", 0.1)
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not 0 < float(value) < 1:
        raise ValueError(f"{name}={quoted(value)}: give the fraction of the rows to hold out, above 0 and below 1")


def _check_number(name: str, value: float, most: float) -> None:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not 0 <= float(value) <= most or math.isinf(value):
        span = "that is 0 or more" if math.isinf(most) else f"from 0 to {most:g}"
        raise ValueError(f"{name}={quoted(value)}: give a number {span}")
