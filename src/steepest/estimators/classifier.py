"""Classification by gradient descent, as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from steepest import models
from steepest.arguments import our_words
from steepest.estimators.base import DescentEstimator, RandomState, has_partial_fit, weighted_rows
from steepest.estimators.classes import (
    ClassWeight,
    all_classes,
    check_labels,
    class_numbers,
    class_targets,
    class_weights,
    probabilities,
)
from steepest.estimators.rows import check_rows_and_targets
from steepest.estimators.starts import Start
from steepest.fitting.options import doubt_of_classes
from steepest.fitting.stream.adaptive import Forget
from steepest.fitting.strength.automatic import AUTO
from steepest.models import losses
from steepest.models.penalties import kink_of
from steepest.printable import quoted
from steepest.types import Bounds, Function, Rows, RuleLike


def _has_probabilities(classifier: DescentClassifier) -> bool:
    """Return True if the outputs give probabilities; otherwise raise an error with the reason."""
    if (loss := classifier._loss) not in (losses.log_loss, losses.softmax):
        raise AttributeError(f"{quoted(loss)} gives scores, not probabilities: use loss='log loss'")
    return True


class DescentClassifier(ClassifierMixin, DescentEstimator):
    """Classification by gradient descent, without a learning rate to choose or columns to scale.

    The fit minimises Σ wᵢ ℓ(zᵢ, yᵢ) / Σ wᵢ + penalty, where z = X w + b or the output of your function. With more than
    two classes, the log loss becomes softmax, the likelihood of all classes. With an L1 penalty, bounds, another loss
    or a function, each class is fitted against the rest.

    Parameters
    ----------
    model : {"linear", "svm", "network", "tree"}, Network, Tree or callable
        "svm" is a linear model with the hinge loss, "network" a neural network, and "tree" a small decision tree, which
        also takes missing values. ``models.Network(hidden=(32,))`` has other layers than the default, and
        ``models.Tree(depth=3)`` a depth of its own. A function ``model(X, *parameters)`` gets all rows first and then
        its parameters, one argument each. It returns one score for each row, above 0 for the second class.
    loss : str or callable, optional
        "log loss", "hinge", "squared hinge", also in scikit-learn's spelling ("log_loss"), "softmax" for a function
        that returns a score for each row and class, or a function of (z, y) with y 0 or 1.
    penalty : {"l2", "l1", "elasticnet", None}
        λ/2 ‖w‖², λ ‖w‖₁, or both. The intercept of a linear model is not penalised; a function's parameters all are.
    alpha : float, "auto" or None
        The penalty's strength λ, in the units of the columns. The default, None, is 1e-4 on standardised columns for a
        linear model, so that it does not depend on units, and 1e-4 for a kernel or a function. It costs little
        accuracy, and makes the optimum finite if a plane separates the classes. "auto" chooses the strength for a
        linear model by the loss of rows left out, for "elasticnet" with ``l1_ratio=None``; `path` of ``run_`` has the
        losses.
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
        Whether to hold out rows, the same share of each class, and return the epoch with the least loss on them.
    validation_fraction : float
        The fraction of the rows to hold out.
    start : mapping, sequence or callable, optional
        The starting parameters of a function, or a function of X that returns them; 1 for each by default.
    warm_start : bool
        Whether `fit` starts from the parameters of the last fit.
    class_weight : dict, "balanced" or None
        Weights of the classes, by which the rows' own weights are multiplied. "balanced" is
        rows / (classes × rows of the class).
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
    classes_ : array of shape (classes,)
        The labels.
    coef_ : array of shape (1, columns) or (classes, columns)
        Coefficients in the units of the columns. Functions and kernels have none: see ``run_.params``.
    intercept_ : array of shape (1,) or (classes,)
        Intercepts.
    n_iter_ : int
        The number of passes through the rows; for several fits, the largest number.
    run_ : Fit
        The fit, with its outcome and trace; of several fits, the first without success, else the first.
    runs_ : list of Fit
        All fits: one, or one for each class if each is fitted against the rest.
    n_features_in_, feature_names_in_ : int, array of str
        The number of columns, and their names if all are text.

    Notes
    -----
    ``LogisticRegression(C=c)`` is ``alpha=1 / (c * rows)`` here. So is ``LinearSVC(C=c)``, except that LinearSVC
    penalises the intercept.

    Examples
    --------
    >>> from steepest.estimators import DescentClassifier
    >>> heights, sizes = [[1550.0], [1650.0], [1630.0], [1750.0]], ["small", "small", "large", "large"]
    >>> classifier = DescentClassifier(alpha=1e-6).fit(heights, sizes)
    >>> classifier.predict([[1500.0], [1800.0]]).tolist(), str(classifier.run_.outcome)
    (['small', 'large'], 'converged')
    """

    classes_: np.ndarray
    _default_losses: ClassVar[dict[str, str]] = {
        "linear": "log loss",
        "svm": "hinge",
        "network": "log loss",
        "tree": "log loss",
    }
    _for_classes: ClassVar[bool] = True
    _default_alpha = 1e-4

    @our_words
    def __init__(
        self,
        model: str | models.Network | models.Tree | Function = "linear",
        *,
        loss: str | Function | None = None,
        penalty: str | None = "l2",
        alpha: float | str | None = None,
        l1_ratio: float | None = 0.15,
        kernel: str = "linear",
        gamma: float | None = None,
        n_components: int = 300,
        batch_size: int | None = None,
        step: RuleLike = "auto",
        direction: RuleLike = None,
        max_epochs: int | None = None,
        tol: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        start: Start = None,
        warm_start: bool = False,
        class_weight: ClassWeight = None,
        random_state: RandomState = None,
        verbose: int = 0,
        fit_intercept: bool = True,
        positive: bool = False,
        bounds: Bounds | None = None,
        forget: Forget = "auto",
    ) -> None:
        super().__init__(
            model, loss=loss, penalty=penalty, alpha=alpha, l1_ratio=l1_ratio, kernel=kernel, gamma=gamma,
            n_components=n_components, batch_size=batch_size, step=step, direction=direction, max_epochs=max_epochs,
            tol=tol, early_stopping=early_stopping, validation_fraction=validation_fraction, start=start,
            warm_start=warm_start, random_state=random_state, verbose=verbose,
            fit_intercept=fit_intercept, positive=positive, bounds=bounds, forget=forget,
        )  # fmt: skip
        self.class_weight = class_weight

    @our_words
    def fit(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> DescentClassifier:
        """Fit the model to rows.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            The rows, in any units.
        y : array of shape (rows,)
            Labels, of any kind.
        sample_weight : array of shape (rows,), optional
            The weight of each row; a row of weight 2 counts twice.

        Returns
        -------
        DescentClassifier
            The estimator itself.
        """
        X, y, weight = weighted_rows(*self._read(X, y, reset=True), sample_weight)
        classes, labels = np.unique(y, return_inverse=True)
        weight = weight * class_weights(self.class_weight, classes, labels, weight)[labels]
        counted = weight > 0
        if (present := np.unique(labels[counted])).size < len(classes):
            X, labels, weight = X[counted], np.searchsorted(present, labels[counted]), weight[counted]
            classes = classes[present]
        if len(classes) < 2:
            raise ValueError(
                f"y has only one class in the rows of positive weight, {quoted(classes.tolist()[0])}: "
                "give rows of at least two classes"
            )
        doubt = doubt_of_classes(len(classes), len(labels), classes.dtype.kind in "iuf")
        # scikit-learn warns of more classes than half the rows.
        if doubt and 2 * len(classes) <= len(labels):
            # Level 3 is the user's line; level 2 is the check of keywords.
            warnings.warn(f"{doubt}: if they are numbers to predict, use DescentRegressor", UserWarning, stacklevel=3)
        self.classes_ = classes
        self._joint = self._is_joint
        self._fit_outputs(X, class_targets(labels, len(classes), self._joint), weight, labels)
        return self

    @available_if(has_partial_fit)
    def partial_fit(
        self, X: Rows, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> DescentClassifier:
        """Learn from more rows, in one pass.

        If `step` and `direction` have their defaults, centring, scaling and step size are continued from call to
        call, as for a stream: give the rows of each call in random order. If the rows change over time, earlier ones
        are forgotten as `forget` tells.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows.
        y : array of shape (rows,)
            Labels; some classes may be missing.
        classes : array of shape (classes,), optional
            All labels of this call and of later calls; required in the first call.
        sample_weight : array of shape (rows,), optional
            The weight of each row; a row of weight 2 counts twice.

        Returns
        -------
        DescentClassifier
            The estimator itself.
        """
        first = not hasattr(self, "runs_")
        X, y = self._read(X, y, reset=first)
        known = all_classes(classes, None if first else self.classes_)
        labels = class_numbers(y, known)
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={quoted(self.class_weight)} needs all rows at once: "
                "give partial_fit a dict, or sample_weight"
            )
        X, labels, weight = weighted_rows(X, labels, sample_weight)
        weight = weight * class_weights(self.class_weight, known, labels, weight)[labels]
        self.classes_ = known
        self._joint = self._is_joint and not self._streams
        self._learn_outputs(X, class_targets(labels, len(known), self._joint), weight)
        return self

    def decision_function(self, X: Rows) -> np.ndarray:
        """Return the scores of the classes; with the log loss they are log odds.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows, in the units of the fit.

        Returns
        -------
        array of shape (rows,) or (rows, classes)
            The score of the second of two classes; for more classes, the score of each.
        """
        z = self._outputs(X)
        if len(self.classes_) > 2:
            return z
        return z[:, 1] - z[:, 0] if self._joint else z[:, 0]

    def predict(self, X: Rows) -> np.ndarray:
        """Return the label of each row's class, the class with the highest score.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows, in the units of the fit.

        Returns
        -------
        array of shape (rows,)
            Labels.
        """
        z = self.decision_function(X)
        return self.classes_[(z > 0).astype(int) if z.ndim == 1 else z.argmax(axis=1)]

    @available_if(_has_probabilities)
    def predict_proba(self, X: Rows) -> np.ndarray:
        """Return the probability of each class; only the log loss and softmax give probabilities.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows, in the units of the fit.

        Returns
        -------
        array of shape (rows, classes)
            Probabilities that add up to 1.
        """
        return probabilities(self.decision_function(X), self._joint)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Rows) -> np.ndarray:
        """Return the logarithm of the probability of each class; only the log loss and softmax give probabilities.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows, in the units of the fit.

        Returns
        -------
        array of shape (rows, classes)
            Logarithms of probabilities.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @property
    def _loss(self) -> Function:
        """The loss. For a linear model softmax counts as the log loss, which becomes softmax if the fit is joint."""
        loss = super()._loss
        is_named = isinstance(self.model, (str, models.Network, models.Tree))
        return losses.log_loss if loss == losses.softmax and is_named else loss

    @property
    def _is_joint(self) -> bool:
        """Whether a single fit should output the scores of all classes."""
        if self._network is not None or self._tree is not None:
            return self._loss == losses.log_loss and len(self.classes_) > 2
        if self._is_linear:
            penalty = self._penalty
            has_l1 = penalty != AUTO if isinstance(penalty, str) else kink_of(penalty) > 0
            apart = has_l1 or self._is_bounded
            return not apart and self._loss == losses.log_loss and len(self.classes_) > 2
        return self._loss == losses.softmax

    def _read(self, X: Rows, y: ArrayLike, reset: bool) -> tuple[Rows, np.ndarray]:
        check_labels(y)
        X, y = check_rows_and_targets(self, X, y, reset=reset)
        check_classification_targets(y)
        return X, column_or_1d(y)
