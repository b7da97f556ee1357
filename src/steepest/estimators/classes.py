"""The classes of a classifier: their numbers and weights, and the targets and probabilities of fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.models.losses.base import softplus
from steepest.printable import quoted

# The values that class_weight= takes.
ClassWeight = Mapping[Any, float] | str | None


def check_labels(y: ArrayLike) -> None:
    """Check that no label is missing, if labels are objects such as texts.

    Parameters
    ----------
    y : array of shape (rows,)
        Labels.

    Raises
    ------
    ValueError
        If a label is None or NaN.

    Examples
    --------
    >>> check_labels(np.array(["a", None], dtype=object))
    Traceback (most recent call last):
        ...
    ValueError: y has no label in row 1: leave the row out
    """
    labels = np.asarray(y)
    if labels.dtype.kind != "O" or labels.ndim != 1:
        return
    for row, label in enumerate(labels):
        # NaN is the only float that differs from itself.
        if label is None or (isinstance(label, float) and label != label):
            raise ValueError(f"y has no label in row {row}: leave the row out")


def class_weights(class_weight: ClassWeight, classes: np.ndarray, labels: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the weight of each class.

    Parameters
    ----------
    class_weight : mapping, "balanced" or None
        The estimator's parameter.
    classes : array of shape (classes,)
        All classes.
    labels : array of shape (rows,)
        The number of each row's class.
    weight : array of shape (rows,)
        The weight of each row.

    Returns
    -------
    array of shape (classes,)
        The weights of the classes, by which the weights of the rows are multiplied.

    Raises
    ------
    ValueError
        If a label is unknown, or a weight is negative or not finite.

    Examples
    --------
    >>> class_weights("balanced", np.array(["a", "b"]), np.array([0, 0, 0, 1]), np.ones(4)).round(2)
    array([0.67, 2.  ])
    """
    if class_weight is None:
        return np.ones(len(classes))
    if class_weight == "balanced":
        return weight.sum() / (len(classes) * np.bincount(labels, weight))
    if not isinstance(class_weight, Mapping):
        raise ValueError(f'class_weight={quoted(class_weight)}: give a dict of weights by label, "balanced" or None')
    known = classes.tolist()
    if unknown := [label for label in class_weight if label not in known]:
        raise ValueError(f"class_weight has the label {quoted(unknown[0])}, but the classes are {known}")
    weights = np.array([class_weight.get(label, 1.0) for label in known], dtype=float)
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"class_weight={quoted(class_weight)}: weights must be finite and not negative")
    return weights


def all_classes(classes: ArrayLike | None, known: np.ndarray | None) -> np.ndarray:
    """Return all classes of a classifier that learns by partial_fit.

    Parameters
    ----------
    classes : array or None
        The argument `classes` of this call of partial_fit.
    known : array or None
        The classes of the earlier calls; None in the first call.

    Returns
    -------
    array
        The sorted classes.

    Raises
    ------
    ValueError
        If the first call names fewer than two classes, or a later call names other classes.
    """
    if known is not None:
        if classes is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(
                f"classes={np.asarray(classes).tolist()} differ from those of the first call, {known.tolist()}: "
                "leave classes= out, or begin with a new estimator"
            )
        return known
    if classes is None:
        raise ValueError("classes= must be given in the first call of partial_fit: all labels that will come")
    named = np.unique(classes)
    if len(named) < 2:
        raise ValueError(f"classes={np.asarray(classes).tolist()} is one class: give at least two")
    return named


def class_numbers(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the number of each row's class.

    Parameters
    ----------
    y : array of shape (rows,)
        Labels.
    classes : array of shape (classes,)
        All classes, sorted.

    Returns
    -------
    array of int of shape (rows,)
        The index of each row's label in `classes`.

    Raises
    ------
    ValueError
        If a label is not among the classes.

    Examples
    --------
    >>> class_numbers(np.array(["b", "a"]), np.array(["a", "b"]))
    array([1, 0])
    """
    numbers = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    if (unknown := classes[numbers] != y).any():
        raise ValueError(
            f"y has the label {quoted(y[unknown].tolist()[0])}, but the classes are {classes.tolist()}: "
            "name all labels in classes= in the first call of partial_fit"
        )
    return numbers


def class_targets(labels: np.ndarray, count: int, joint: bool) -> np.ndarray:
    """Return the targets of each fit.

    Parameters
    ----------
    labels : array of shape (rows,)
        The number of each row's class.
    count : int
        How many classes there are.
    joint : bool
        Whether a single fit outputs the scores of all classes.

    Returns
    -------
    array of shape (rows, fits)
        For a joint fit the class number. Otherwise 1 for rows of the fit's class and 0 for the rest. With two classes,
        the only fit is for the second; with more classes, each has a fit.

    Examples
    --------
    >>> class_targets(np.array([0, 2]), 3, joint=False)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if joint:
        return labels[:, None].astype(float)
    return (labels[:, None] == (np.arange(count) if count > 2 else [1])).astype(float)


def probabilities(z: np.ndarray, joint: bool) -> np.ndarray:
    """Return the probability of each class.

    Parameters
    ----------
    z : array of shape (rows,) or (rows, classes)
        Log odds of the second of two classes, or a score for each class.
    joint : bool
        Whether a single fit scores all classes, so that the probabilities are the softmax of the scores. Otherwise a
        score is the log odds of one class against the rest, and the probabilities are divided by their sum.

    Returns
    -------
    array of shape (rows, classes)
        Probabilities that add up to 1.

    Examples
    --------
    >>> probabilities(np.array([0.0]), joint=False)
    array([[0.5, 0.5]])
    """
    if joint and z.ndim == 2:
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)
    # Compute with logarithms: 1 - p would lose the digits of a small p, and the sum over many classes could be 0.
    logs = -softplus(-(np.stack([-z, z], axis=1) if z.ndim == 1 else z))
    p = np.exp(logs - logs.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)
