"""Regression by descent, as scikit-learn does it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if

from steepest.estimators.descent import Descent, learns_from_parts
from steepest.estimators.rows import checked
from steepest.estimators.words import linear_model


class DescentRegressor(RegressorMixin, Descent):
    """Regression by gradient descent that needs no learning rate and no scaling.

    It makes Σ wᵢ ℓ(zᵢ, yᵢ) / Σ wᵢ + penalty least, where z = X w + b or any function of yours.

    Parameters
    ----------
    model : {"linear", "svm"} or callable
        "svm" is a linear model with the epsilon-insensitive loss. A function ``model(X, *named)`` gets
        all rows first and then its parameters by name.
    loss : str or callable, optional
        "squared", "absolute", "huber", "quantile", "epsilon-insensitive", "poisson", "gamma", a loss with
        its parameter such as ``losses.Huber(1.5)``, or a function of (z, y). With "poisson" and "gamma"
        z is the logarithm of the mean, which is predicted.
    penalty : {"l2", "l1", "elasticnet", None}
        λ/2 ‖w‖², λ ‖w‖₁, or both; the intercept is free, and of a function every parameter is penalised.
    alpha : float
        λ. The default, 0, is least squares, whose predictions do not depend on the units of X; L1 and
        elastic net need one that is larger.
    l1_ratio : float
        The part of λ that an elastic net gives to L1.
    kernel : {"linear", "rbf"}
        Of a support vector machine: the columns themselves, or exp(-γ ‖x - x'‖²) on standardised columns, for
        which Nyström's features stand; an event of the run tells how nearly. "rbf" needs a penalty.
    gamma : float, optional
        γ; one over the number of columns by default.
    n_components : int
        How many features stand for a kernel.
    batch_size : int, optional
        Rows for each update; all by default, and where there are no more than that.
    step, direction : float, str, callable, object, optional
        As for `fit`: what is not given is chosen.
    max_epochs : int, optional
        Passes through the rows, at most; with a fixed step and no `tol`, exactly.
    tol : float, optional
        What part of the objective, or of its whole descent where that is less, it may be above the least, but
        for a thousandth of the descent; by default what rounding hides.
    early_stopping : bool
        Whether to hold rows out and to keep the epoch that is best on them.
    validation_fraction : float
        The part of the rows to hold out.
    start : mapping, sequence or callable, optional
        What the parameters of a function start from, or a function of X that returns it; ones by default.
    warm_start : bool
        Whether `fit` starts where the last one ended.
    random_state : int, RandomState or None
        What shuffles and holds out.
    verbose : int
        Whether to show progress.

    Attributes
    ----------
    coef_ : array of shape (columns,) or (outputs, columns)
        Weights in the units of the columns. A function and a kernel have none: see
        ``run_.params``.
    intercept_ : float or array of shape (outputs,)
        Intercepts.
    n_iter_ : int
        Passes through the rows; of several fits, the most.
    run_ : Fit
        The fit, with its outcome and trace; of several, the first that did not succeed, else the first.
    runs_ : list of Fit
        The fit of each output.
    n_features_in_, feature_names_in_ : int, array of str
        What columns were fitted; names where they all are text.

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

    _usual: ClassVar[dict[str, str]] = {"linear": "squared", "svm": "epsilon-insensitive"}
    _classes: ClassVar[bool] = False

    def __init__(
        self,
        model: Any = "linear",
        *,
        loss: Any = None,
        penalty: str | None = "l2",
        alpha: float = 0.0,
        l1_ratio: float = 0.15,
        kernel: str = "linear",
        gamma: float | None = None,
        n_components: int = 300,
        batch_size: int | None = None,
        step: Any = "auto",
        direction: Any = None,
        max_epochs: int | None = None,
        tol: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        start: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.kernel = kernel
        self.gamma = gamma
        self.n_components = n_components
        self.batch_size = batch_size
        self.step = step
        self.direction = direction
        self.max_epochs = max_epochs
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.start = start
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> DescentRegressor:
        """Fit the model to rows.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            What predictions are made from, in any units.
        y : array of shape (rows,) or (rows, outputs)
            Targets.
        sample_weight : array of shape (rows,), optional
            How often each row counts.

        Returns
        -------
        DescentRegressor
            Itself.
        """
        X, targets, weight = self._read(X, y, sample_weight, reset=True)
        self._fit_outputs(X, targets, weight, None)
        return self._shaped()

    @available_if(learns_from_parts)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> DescentRegressor:
        """Learn from further rows, which are read once.

        With nothing else asked, the centring, the scaling and the step size go on from call to call, as over
        a stream: rows should come in random order.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows.
        y : array of shape (rows,) or (rows, outputs)
            Targets.
        sample_weight : array of shape (rows,), optional
            How often each row counts.

        Returns
        -------
        DescentRegressor
            Itself.
        """
        X, targets, weight = self._read(X, y, sample_weight, reset=not hasattr(self, "runs_"))
        self._learn_outputs(X, targets, weight)
        return self._shaped()

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows, in the units of the fit.

        Returns
        -------
        array of shape (rows,) or (rows, outputs)
            Predictions in the units of y.
        """
        z = linear_model(self._cost).response(self._outputs(X))
        return z if self._many else z[:, 0]

    def _read(self, X: Any, y: Any, weight: Any, reset: bool) -> tuple[Any, np.ndarray, np.ndarray]:
        X, y = checked(self, X, y, reset=reset, multi_output=True, y_numeric=True)
        self._many = y.ndim == 2
        X, y, weight = self._weighed(X, y, weight)
        return X, y.reshape(len(y), -1).astype(float), weight

    def _shaped(self) -> DescentRegressor:
        """Lay coefficients out like y: without a dimension of outputs where y has none."""
        if hasattr(self, "coef_") and not self._many:
            self.coef_, self.intercept_ = self.coef_[0], float(self.intercept_[0])
        return self
