"""Support vector machines, linear or with a Gaussian kernel approximated by features."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from steepest.models.features import KINDS, Features, learn_features
from steepest.models.linear import Linear
from steepest.models.losses import hinge
from steepest.models.losses.base import Loss
from steepest.models.losses.kinked import EpsilonInsensitive
from steepest.models.penalties import L2
from steepest.printable import quoted
from steepest.types import Array, Rows

KERNELS = ("linear", "rbf")


@dataclass(frozen=True)
class SVM(Linear):
    """A support vector machine of two classes: the prediction is class 1 where z = φ(x)·w + b is positive.

    The default loss is the hinge, and the default penalty for n rows is L2(1/n), which is C = 1 in scikit-learn. With
    the kernel "rbf", products of features φ approximate exp(-γ ‖x - x'‖²) on standardised columns; the fit reports the
    error.

    Parameters
    ----------
    kernel : {"linear", "rbf"}
        Whether φ(x) is x itself, or features of a Gaussian kernel.
    gamma : float, optional
        γ, for standardised columns; by default 1 / the number of columns.
    components : int
        The number of features; each takes 8 bytes a row.
    features : {"nystroem", "fourier"}
        The kind of features: from rows chosen as landmarks, or from random frequencies.
    seed : int
        Seed of the random landmarks or frequencies.
    map : Features, optional
        The map to the features, which a fit makes from its rows.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> x = np.linspace(-2, 2, 40)
    >>> fit = st.fit(SVM("rbf", components=20), x, np.abs(x) < 1)
    >>> fit.predict(np.array([-1.5, 0.0, 1.5]))
    array([0, 1, 0])
    """

    kernel: str = "linear"
    gamma: float | None = None
    components: int = 300
    features: str = "nystroem"
    seed: int = 0
    map: Features | None = None

    loss: ClassVar[Loss] = hinge

    def __post_init__(self) -> None:
        name = type(self).__name__
        for argument, value, known in (("kernel", self.kernel, KERNELS), ("features", self.features, tuple(KINDS))):
            if value not in known:
                raise ValueError(f"{name}({argument}={quoted(value)}) is not known (known: {', '.join(known)})")
        if (
            isinstance(self.components, bool)
            or not isinstance(self.components, numbers.Integral)
            or self.components < 1
        ):
            raise ValueError(
                f"{name}(components={quoted(self.components)}): give a whole number of features, 1 or more"
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, numbers.Integral) or self.seed < 0:
            raise ValueError(f"{name}(seed={quoted(self.seed)}): give a whole number, 0 or more")
        if self.gamma is not None and not (isinstance(self.gamma, numbers.Real) and 0 < self.gamma < math.inf):
            raise ValueError(f"{name}(gamma={quoted(self.gamma)}): give a finite number above 0")

    def prepared(self, X: Rows, y: np.ndarray) -> SVM:
        """Return the model with the features for its kernel, made from the rows.

        Parameters
        ----------
        X : array or CSR of shape (rows, columns)
            The rows.
        y : array of shape (rows,)
            Targets, which are not used.

        Returns
        -------
        SVM
            The model to fit.
        """
        if self.kernel == "linear":
            return self
        X = super().shaped(X)
        return replace(self, map=learn_features(X, self.features, self.components, self.gamma, self.seed))

    def default_penalty(self, rows: float) -> L2:
        """Return the penalty to use if the user gives none, L2(1/n) with the sum n of the row weights.

        Parameters
        ----------
        rows : float
            The sum of the row weights.

        Returns
        -------
        L2
            λ = 1/n.
        """
        return L2(1 / rows)

    def shaped(self, X: Rows, params: Mapping[str, Array] | None = None) -> Rows:
        """Return the matrix of the features φ(x), in which the model is linear.

        Parameters
        ----------
        X : array or CSR
            The rows.
        params : mapping, optional
            Fitted parameters: X must have as many columns.

        Returns
        -------
        array of shape (rows, columns)
            X as a matrix, or the features of its rows.

        Raises
        ------
        ValueError
            If X is not a matrix, or has more or fewer columns than in the fit.
        """
        if self.map is None:
            return super().shaped(X, params)
        X = super().shaped(X)
        if X.shape[1] != len(self.map.mean):
            raise ValueError(f"X has {X.shape[1]} columns and the model was fitted on {len(self.map.mean)}")
        return self.map(X)

    def response(self, z: Array) -> Array:
        """Return the predicted class, 1 where z > 0 and 0 elsewhere.

        Parameters
        ----------
        z : array
            Scores.

        Returns
        -------
        array of int
            0 or 1.
        """
        return (np.asarray(z) > 0).astype(int)


@dataclass(frozen=True)
class SVR(SVM):
    """Support vector regression, z = φ(x)·w + b, with the ε-insensitive loss and the arguments of `SVM`.

    Parameters
    ----------
    kernel, gamma, components, features, seed, map : optional
        As for `SVM`.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> x = np.linspace(-3, 3, 60)
    >>> fit = st.fit(SVR("rbf", components=30), x, np.sin(x), penalty=st.penalties.L2(1e-4))
    >>> bool(np.abs(fit.predict(x) - np.sin(x)).max() < 0.15)
    True
    """

    loss: ClassVar[Loss] = EpsilonInsensitive()

    def response(self, z: Array) -> Array:
        """Return the prediction, z itself.

        Parameters
        ----------
        z : array
            Outputs.

        Returns
        -------
        array
            Predictions in the units of y.
        """
        return z
