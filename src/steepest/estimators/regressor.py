"""Regression by gradient descent, as a scikit-learn estimator."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if

from steepest.arguments import our_words
from steepest.estimators.base import DescentEstimator, has_partial_fit, weighted_rows
from steepest.estimators.parameters import linear_model
from steepest.estimators.rows import check_rows_and_targets
from steepest.types import Rows


class DescentRegressor(RegressorMixin, DescentEstimator):
    """Regression by gradient descent, without a learning rate to choose or columns to scale.

    The fit minimises Σ wᵢ ℓ(zᵢ, yᵢ) / Σ wᵢ + penalty, where z = X w + b or the output of your function.

    Parameters
    ----------
    model : {"linear", "svm", "network", "tree"}, Network, Tree or callable
        "svm" is a linear model with the epsilon-insensitive loss, "network" a neural network, and "tree" a small
        decision tree, which also takes missing values. ``models.Network(hidden=(32,))`` has other layers than the
        default, and ``models.Tree(depth=3)`` a depth of its own. A function ``model(X, *parameters)`` gets all rows
        first and then its parameters, one argument each. It returns one prediction for each row.
    loss : str or callable, optional
        "squared", "absolute", "huber", "quantile", "epsilon-insensitive", "poisson", "gamma", also in scikit-learn's
        spelling ("squared_error"), a loss with its parameter such as ``losses.Huber(1.5)``, or a function of (z, y).
        With "poisson" and "gamma", z is the logarithm of the mean, and predictions are means.
    penalty : {"l2", "l1", "elasticnet", None}
        λ/2 ‖w‖², λ ‖w‖₁, or both. The intercept of a linear model is not penalised; a function's parameters all are.
    alpha : float or "auto"
        The penalty's strength λ, in the units of the columns. The default, 0, means no penalty, so predictions do not
        depend on the units of X. L1 and elastic net need a positive value. "auto" chooses the strength on
        standardised columns for a linear model, by the loss of rows left out, for "elasticnet" with ``l1_ratio=None``;
        `path` of ``run_`` has the losses.
    l1_ratio : float or None
        The share of λ that an elastic net gives to L1; None with ``alpha="auto"``, which chooses it.
    kernel : {"linear", "rbf"}
        The kernel of a support vector machine: "linear" for the columns themselves, "rbf" for exp(-γ ‖x - x'‖²) on
        standardised columns. "rbf" needs a penalty. It is approximated by Nyström features; an event of the run
        gives the error.
    gamma : float, optional
        γ; 1 / (number of columns) by default.
    n_components : int
        The number of features that approximate the "rbf" kernel.
    batch_size : int, optional
        The number of rows for each update; by default, or if X has fewer rows, all rows.
    step, direction : float, str, callable, object, optional
        As for `fit`; chosen automatically by default.
    max_epochs : int, optional
        The most passes through the rows. With a fixed step and no `tol`, the exact number of passes.
    tol : float, optional
        Stop when the objective is above the minimum by at most this share of its total decrease. For linear models
        the share is of the final loss if that is smaller, but never of less than 0.001 of the decrease. By default
        the fit continues until rounding errors hide any further decrease.
    early_stopping : bool
        Whether to hold out rows and return the epoch with the least loss on them.
    validation_fraction : float
        The fraction of the rows to hold out.
    start : mapping, sequence or callable, optional
        The starting parameters of a function, or a function of X that returns them; 1 for each by default.
    warm_start : bool
        Whether `fit` starts from the parameters of the last fit.
    random_state : int, RandomState or None
        The seed that shuffles and holds out rows.
    verbose : int
        Whether to show progress.
    fit_intercept : bool
        Whether a linear model has an intercept. Without one and without bounds, `fit` reads each row twice; the loss
        must be squared, absolute, "huber" or "epsilon-insensitive", or one for two classes.
    positive : bool
        Whether the coefficients of a linear model are kept at 0 or above; the intercept is free.
    bounds : mapping, optional
        As for `fit`: ``{"coef": (0, 1)}``, or pairs for single columns by name, or for the parameters of a function.
    forget : float, "auto" or None
        For `partial_fit` of a linear model: after how many further rows a row counts half. "auto" forgets only if a
        drift is found, that is, if a model of the last rows predicts the next ones better beyond doubt; until then, and
        with None, all rows count alike.

    Attributes
    ----------
    coef_ : array of shape (columns,) or (outputs, columns)
        Coefficients in the units of the columns. Functions and kernels have none: see ``run_.params``.
    intercept_ : float or array of shape (outputs,)
        Intercepts.
    n_iter_ : int
        The number of passes through the rows; for several fits, the largest number.
    run_ : Fit
        The fit, with its outcome and trace; of several fits, the first without success, else the first.
    runs_ : list of Fit
        The fit of each output.
    n_features_in_, feature_names_in_ : int, array of str
        The number of columns, and their names if all are text.

    Notes
    -----
    Squared loss is (z - y)², without ½: ``Lasso(a)`` is ``penalty="l1", alpha=2 * a`` here, and ``Ridge(a)``
    is ``alpha=2 * a / rows``.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from steepest.estimators import DescentRegressor
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> regressor = DescentRegressor().fit(X, y)
    >>> round(regressor.score(X, y), 4), str(regressor.run_.outcome)
    (0.5177, 'converged')
    """

    _default_losses: ClassVar[dict[str, str]] = {
        "linear": "squared",
        "svm": "epsilon-insensitive",
        "network": "squared",
        "tree": "squared",
    }
    _for_classes: ClassVar[bool] = False

    # Whether y is two-dimensional; predictions and coefficients then are two-dimensional, too.
    _multi_output: bool

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @our_words
    def fit(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> DescentRegressor:
        """Fit the model to rows.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            The rows, in any units.
        y : array of shape (rows,) or (rows, outputs)
            Targets.
        sample_weight : array of shape (rows,), optional
            The weight of each row; a row of weight 2 counts twice.

        Returns
        -------
        DescentRegressor
            The estimator itself.
        """
        X, targets, weight = self._read(X, y, sample_weight, reset=True)
        self._fit_outputs(X, targets, weight, None)
        return self._with_coefficients_like_y()

    @available_if(has_partial_fit)
    def partial_fit(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> DescentRegressor:
        """Learn from more rows, in one pass.

        If `step` and `direction` have their defaults, centring, scaling and step size are continued from call to
        call, as for a stream: give the rows of each call in random order. If the rows change over time, earlier ones
        are forgotten as `forget` tells.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows.
        y : array of shape (rows,) or (rows, outputs)
            Targets.
        sample_weight : array of shape (rows,), optional
            The weight of each row; a row of weight 2 counts twice.

        Returns
        -------
        DescentRegressor
            The estimator itself.
        """
        X, targets, weight = self._read(X, y, sample_weight, reset=not hasattr(self, "runs_"))
        self._learn_outputs(X, targets, weight)
        return self._with_coefficients_like_y()

    def predict(self, X: Rows) -> np.ndarray:
        """Return the prediction for each row.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows, in the units of the fit.

        Returns
        -------
        array of shape (rows,) or (rows, outputs)
            Predictions in the units of y.
        """
        z = linear_model(self._loss).response(self._outputs(X))
        return z if self._multi_output else z[:, 0]

    def _read(
        self, X: Rows, y: ArrayLike, weight: ArrayLike | None, reset: bool
    ) -> tuple[Rows, np.ndarray, np.ndarray]:
        X, y = check_rows_and_targets(self, X, y, reset=reset, multi_output=True, y_numeric=True)
        self._multi_output = y.ndim == 2
        X, y, weights = weighted_rows(X, y, weight)
        return X, y.reshape(len(y), -1).astype(float), weights

    def _with_coefficients_like_y(self) -> DescentRegressor:
        """Return the estimator; if y is one-dimensional, remove the dimension of outputs from the coefficients."""
        if hasattr(self, "coef_") and not self._multi_output:
            self.coef_, self.intercept_ = self.coef_[0], float(np.ravel(self.intercept_)[0])
        return self
