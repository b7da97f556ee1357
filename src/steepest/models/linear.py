"""Models that are linear in their parameters."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steepest.models.losses import gamma, log_loss, poisson, softmax, squared
from steepest.models.losses.base import Loss, probabilities
from steepest.models.losses.softmax import class_probabilities
from steepest.models.matrix import as_matrix
from steepest.models.penalties import L2
from steepest.printable import quoted
from steepest.types import Array, PyTree, Rows

# Rows that `outputs` converts at a time. Chosen, not measured: more rows would take more memory, fewer rows more calls.
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Linear:
    """A linear model, z = X w + b.

    The parameters are ``coef``, with one weight for each column, per unit of that column, and ``intercept``.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> fit = st.fit(Linear(), np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]))
    >>> fit.params["coef"].round(6), round(float(fit.params["intercept"]), 6)
    (array([2.]), 1.0)
    """

    loss: ClassVar[Loss] = squared

    def start(self, X: np.ndarray, given: PyTree = None) -> dict[str, Array]:
        """Return the parameters to start from, by default zeros.

        Parameters
        ----------
        X : array of shape (rows, columns)
            The rows.
        given : mapping, array or None
            ``coef`` and ``intercept`` by name, as a pair, or as one array of numbers with the intercept last.

        Returns
        -------
        dict
            ``coef`` and ``intercept``.

        Raises
        ------
        ValueError
            If the start does not fit X.
        """
        columns = X.shape[1]
        if given is None:
            return {"coef": np.zeros(columns), "intercept": 0.0}
        if isinstance(given, Mapping):
            if set(given) != {"coef", "intercept"}:
                raise ValueError(f"the start names {', '.join(map(str, given))}; the model takes coef, intercept")
            given = (given["coef"], given["intercept"])
        parts = [np.ravel(part) for part in given] if isinstance(given, (tuple, list)) else [np.ravel(given)]
        try:
            flat = np.concatenate([*parts, []]).astype(float)
        except (TypeError, ValueError):
            what = type(given).__name__
            raise ValueError(f"the start, a {what}, does not hold numbers only: give coef and intercept") from None
        if flat.size != columns + 1:
            raise ValueError(f"the start has {flat.size} numbers; the model takes {columns} in coef and an intercept")
        return {"coef": flat[:-1], "intercept": flat[-1]}

    def prepared(self, X: Rows, y: np.ndarray) -> Linear:
        """Return the model with all settings that depend on the rows; a linear model has none.

        Parameters
        ----------
        X : array or CSR of shape (rows, columns)
            The rows.
        y : array of shape (rows,)
            The targets.

        Returns
        -------
        Linear
            The model to fit.
        """
        return self

    def default_penalty(self, rows: float) -> L2 | None:
        """Return the penalty to use if the user gives none.

        Parameters
        ----------
        rows : float
            The sum of the row weights.

        Returns
        -------
        L2 or None
            Here None, for no penalty.
        """
        return None

    def shaped(self, X: Rows, params: Mapping[str, Array] | None = None) -> Rows:
        """Return X as a matrix; a vector becomes one column.

        Parameters
        ----------
        X : array
            The rows.
        params : mapping, optional
            Fitted parameters: X must have as many columns.

        Returns
        -------
        array or CSR of shape (rows, columns)
            The same numbers.

        Raises
        ------
        ValueError
            If X is not a matrix, or has more or fewer columns than in the fit.
        """
        width = None if params is None else np.shape(params["coef"])[-1]
        return as_matrix(X, width, "a linear model")

    def __call__(self, X: Rows, coef: Array, intercept: Array) -> Array:
        return outputs(X, coef) + intercept

    def response(self, z: Array) -> Array:
        """Return the prediction for an output z: here z itself.

        Parameters
        ----------
        z : array
            Outputs of the model.

        Returns
        -------
        array
            Predictions in the units of y.
        """
        return z


@dataclass(frozen=True)
class Logistic(Linear):
    """Two-class logistic regression: the log odds of class 1 are X w + b.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> fit = st.fit(Logistic(), np.array([[0.0], [1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1]),
    ...     penalty=st.penalties.L2(0.1))
    >>> float(fit.predict(np.array([[1.0]]))[0]).__round__(3)
    0.5
    """

    loss: ClassVar[Loss] = log_loss

    def response(self, z: Array) -> Array:
        """Return the probability of class 1, 1 / (1 + e⁻ᶻ).

        Parameters
        ----------
        z : array
            Log odds.

        Returns
        -------
        array
            Probabilities.
        """
        return probabilities(z)[0]


@dataclass(frozen=True)
class Poisson(Linear):
    """Poisson regression of counts: the logarithm of the mean is X w + b.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> fit = st.fit(Poisson(), np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([1, 3, 5, 7]))
    >>> fit.predict(np.array([[0.0], [1.0]])).round(3)
    array([2., 6.])
    """

    loss: ClassVar[Loss] = poisson

    def response(self, z: Array) -> Array:
        """Return the mean, eᶻ.

        Parameters
        ----------
        z : array
            Logarithms of means.

        Returns
        -------
        array
            Means, in counts.
        """
        return np.exp(z)


@dataclass(frozen=True)
class Gamma(Linear):
    """Gamma regression of targets above 0: the logarithm of the mean is X w + b, the spread proportional to the mean.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> fit = st.fit(Gamma(), np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([1.0, 3.0, 5.0, 7.0]))
    >>> fit.predict(np.array([[0.0], [1.0]])).round(2)
    array([2., 6.])
    """

    loss: ClassVar[Loss] = gamma

    def response(self, z: Array) -> Array:
        """Return the mean, eᶻ.

        Parameters
        ----------
        z : array
            Logarithms of means.

        Returns
        -------
        array
            Means, in the units of y.
        """
        return np.exp(z)


@dataclass(frozen=True)
class Multinomial(Linear):
    """Logistic regression of several classes: log p(class k) is X wₖ + bₖ, up to a constant for each row.

    The parameters are ``coef``, with one row for each class, and ``intercept``, with one number for each class. Without
    an L1 penalty they sum to 0 over the classes: a constant added to the parameters of all classes changes no
    prediction, and the L2 penalty is least at the sum 0.

    Parameters
    ----------
    classes : int, optional
        The number of classes; by default one more than the largest target.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> x, y = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0, 1, 1, 2])
    >>> fit = st.fit(Multinomial(), x, y, penalty=st.penalties.L2(1e-2))
    >>> fit.predict(np.array([[0.0], [1.0]])).round(2)
    array([[0.45, 0.5 , 0.05],
           [0.05, 0.5 , 0.45]])
    """

    classes: int | None = None

    loss: ClassVar[Loss] = softmax

    def __post_init__(self) -> None:
        classes = self.classes
        whole = isinstance(classes, numbers.Integral) and not isinstance(classes, bool)
        if classes is not None and not (whole and classes >= 2):
            raise ValueError(f"Multinomial(classes={quoted(classes)}): give a whole number of classes, 2 or more")

    def prepared(self, X: Rows, y: np.ndarray) -> Multinomial:
        """Return the model with its number of classes, by default one more than the largest target.

        Parameters
        ----------
        X : array or CSR
            The rows, which are not used.
        y : array of shape (rows,)
            Classes, numbered from 0.

        Returns
        -------
        Multinomial
            The model to fit.

        Raises
        ------
        ValueError
            If there are fewer than two classes, or a target is above the last class.
        """
        softmax.check(y)
        most = int(y.max()) + 1
        classes = most if self.classes is None else self.classes
        if classes < 2:
            raise ValueError("Multinomial needs 2 classes or more, and every target is 0: give Multinomial(classes=2)")
        if most > classes:
            raise ValueError(f"Multinomial({classes}) takes classes from 0 to {classes - 1}, and y has {most - 1}")
        return Multinomial(classes)

    def start(self, X: np.ndarray, given: PyTree = None) -> dict[str, Array]:
        """Return the parameters to start from, by default zeros.

        Parameters
        ----------
        X : array of shape (rows, columns)
            The rows.
        given : mapping or None
            ``coef`` of shape (classes, columns) and ``intercept`` of shape (classes,).

        Returns
        -------
        dict
            ``coef`` and ``intercept``.

        Raises
        ------
        ValueError
            If the start does not fit X.
        """
        shape = (self.classes or 0, X.shape[1])
        if given is None:
            return {"coef": np.zeros(shape), "intercept": np.zeros(shape[0])}
        if not isinstance(given, Mapping) or set(given) != {"coef", "intercept"}:
            raise ValueError("the start of a Multinomial model is a dict of coef and intercept")
        coef, intercept = (np.asarray(given[name], dtype=float) for name in ("coef", "intercept"))
        if coef.shape != shape or intercept.shape != shape[:1]:
            raise ValueError(f"the start has coef {coef.shape} and intercept {intercept.shape}; here {shape} is needed")
        return {"coef": coef, "intercept": intercept}

    def __call__(self, X: Rows, coef: Array, intercept: Array) -> Array:
        return outputs(X, coef.T) + intercept

    def response(self, z: Array) -> Array:
        """Return the probabilities of the classes.

        Parameters
        ----------
        z : array of shape (rows, classes)
            Scores.

        Returns
        -------
        array of shape (rows, classes)
            Probabilities.
        """
        return class_probabilities(z)


def outputs(X: Rows, coef: Array) -> Array:
    """Return X coef; if the precisions differ, a block of rows at a time, because NumPy would convert all of X at once.

    Parameters
    ----------
    X : array or CSR of shape (rows, columns)
        The rows.
    coef : array
        Coefficients, one row for each column of X.

    Returns
    -------
    array
        The product.
    """
    if not isinstance(X, np.ndarray) or X.dtype == coef.dtype or len(X) <= BLOCK_ROWS:
        return X @ coef
    return np.concatenate([X[first : first + BLOCK_ROWS] @ coef for first in range(0, len(X), BLOCK_ROWS)])
