"""Models that are linear in their parameters."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from steepest.models.losses import gamma, log_loss, poisson, softmax, squared
from steepest.models.losses.base import Loss, shares

BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Linear:
    """A linear model, z = X w + b.

    Its parameters are ``coef``, one weight a column in the column's units, and ``intercept``.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> fit = st.fit(Linear(), np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]))
    >>> fit.params["coef"].round(6), round(float(fit.params["intercept"]), 6)
    (array([2.]), 1.0)
    """

    loss: ClassVar[Loss] = squared

    def start(self, X: np.ndarray, given: Any = None) -> dict[str, Any]:
        """Return the parameters to start from, zero where none are given.

        Parameters
        ----------
        X : array of shape (rows, columns)
            The rows.
        given : mapping, array or None
            ``coef`` and ``intercept`` by name, or in order: as a pair, or as numbers one after the other.

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
            raise ValueError(f"the start, a {what}, holds what is no number: give coef and intercept") from None
        if flat.size != columns + 1:
            raise ValueError(f"the start has {flat.size} numbers; the model takes {columns} in coef and an intercept")
        return {"coef": flat[:-1], "intercept": flat[-1]}

    def learnt(self, X: Any, y: np.ndarray) -> Linear:
        """Return the model with what it has to know of the rows before it is fitted: here nothing.

        Parameters
        ----------
        X : array or CSR of shape (rows, columns)
            The rows.
        y : array of shape (rows,)
            The targets.

        Returns
        -------
        Linear
            The same model.
        """
        return self

    def own_penalty(self, rows: float) -> Any:
        """Return the penalty that is meant where none is given: here none.

        Parameters
        ----------
        rows : float
            The sum of the row weights.

        Returns
        -------
        penalty or None
            The penalty.
        """
        return None

    def shaped(self, X: np.ndarray, params: Mapping[str, Any] | None = None) -> np.ndarray:
        """Return X as a matrix, a single column from one dimension.

        Parameters
        ----------
        X : array
            The rows.
        params : mapping, optional
            Fitted parameters that X must suit.

        Returns
        -------
        array of shape (rows, columns)
            The same numbers.

        Raises
        ------
        ValueError
            If X is no matrix, or not as wide as in the fit.
        """
        wide = None if params is None else np.shape(params["coef"])[-1]
        if X.ndim == 1 and wide in (None, 1):
            X = X[:, None]
        if X.ndim != 2:
            raise ValueError(f"X has the shape {X.shape}: a linear model takes (rows, columns)")
        if wide is not None and X.shape[1] != wide:
            raise ValueError(f"X has {X.shape[1]} columns and the model was fitted on {wide}")
        return X

    def __call__(self, X: Any, coef: Any, intercept: Any) -> Any:
        return outputs(X, coef) + intercept

    def response(self, z: Any) -> Any:
        """Return what is predicted at an output z: here z itself.

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

    def response(self, z: Any) -> Any:
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
        return shares(z)[0]


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

    def response(self, z: Any) -> Any:
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
    """Regression of sizes above 0 that spread as their mean: the logarithm of the mean is X w + b.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> fit = st.fit(Gamma(), np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([1.0, 3.0, 5.0, 7.0]))
    >>> fit.predict(np.array([[0.0], [1.0]])).round(2)
    array([2., 6.])
    """

    loss: ClassVar[Loss] = gamma

    def response(self, z: Any) -> Any:
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
    """Logistic regression of several classes: the log likelihood of class k is, up to a constant of the row, X wₖ + bₖ.

    Its parameters are ``coef``, a row a class, and ``intercept``, a number a class; they sum to 0 over the classes,
    which the penalty makes least and the predictions do not tell.

    Parameters
    ----------
    classes : int, optional
        How many classes there are; by default one more than the largest target.

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
            raise ValueError(f"Multinomial(classes={classes!r}): give a whole number of classes, 2 or more")

    def learnt(self, X: Any, y: np.ndarray) -> Multinomial:
        """Return the model with its number of classes, as these targets tell it.

        Parameters
        ----------
        X : array or CSR
            The rows, which do not matter.
        y : array of shape (rows,)
            Classes, numbered from 0.

        Returns
        -------
        Multinomial
            The same model.

        Raises
        ------
        ValueError
            If there are fewer than two classes, or a target is beyond the last.
        """
        softmax.check(y)
        most = int(y.max()) + 1
        classes = most if self.classes is None else self.classes
        if classes < 2:
            raise ValueError("Multinomial needs 2 classes or more, and every target is 0: give Multinomial(classes=2)")
        if most > classes:
            raise ValueError(f"Multinomial({classes}) takes classes from 0 to {classes - 1}, and y has {most - 1}")
        return Multinomial(classes)

    def start(self, X: np.ndarray, given: Any = None) -> dict[str, Any]:
        """Return the parameters to start from, zero where none are given.

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

    def __call__(self, X: Any, coef: Any, intercept: Any) -> Any:
        return outputs(X, coef.T) + intercept

    def response(self, z: Any) -> Any:
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
        likely = np.exp(z - z.max(axis=1, keepdims=True))
        return likely / likely.sum(axis=1, keepdims=True)


def outputs(X: Any, coef: Any) -> Any:
    """Return X coef; of rows in another precision a block at a time, as NumPy makes a copy of what it multiplies.

    Parameters
    ----------
    X : array or CSR of shape (rows, columns)
        The rows.
    coef : array
        Coefficients, a row a column of X.

    Returns
    -------
    array
        The product.
    """
    if not isinstance(X, np.ndarray) or X.dtype == coef.dtype or len(X) <= BLOCK_ROWS:
        return X @ coef
    return np.concatenate([X[first : first + BLOCK_ROWS] @ coef for first in range(0, len(X), BLOCK_ROWS)])
