"""Classification by descent, as scikit-learn does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from steepest.estimators.descent import Descent, learns_from_parts
from steepest.estimators.rows import checked
from steepest.estimators.words import penalty_of
from steepest.models import losses
from steepest.models.losses.base import softplus
from steepest.models.penalties import kink_of


def _is_calibrated(classifier: DescentClassifier) -> bool:
    """Tell whether outputs are log odds."""
    if (cost := classifier._cost) not in (losses.log_loss, losses.softmax):
        raise AttributeError(f"{cost!r} tells no probabilities: take loss='log loss'")
    return True


class DescentClassifier(ClassifierMixin, Descent):
    """Classification by gradient descent that needs no learning rate and no scaling.

    It makes Σ wᵢ ℓ(zᵢ, yᵢ) / Σ wᵢ + penalty least, where z = X w + b or any function of yours. Of more than two
    classes, the log loss is softmax, the likelihood of all of them; with L1, other losses and functions each class
    is fitted against the rest.

    Parameters
    ----------
    model : {"linear", "svm"} or callable
        "svm" is a linear model with the hinge loss. A function ``model(X, *named)`` gets all rows first
        and then its parameters by name, and returns a score a row, above 0 for the second class.
    loss : str or callable, optional
        "log loss", "hinge", "squared hinge", "softmax" for a function that returns a score a row and class, or
        a function of (z, y) with y 0 or 1.
    penalty : {"l2", "l1", "elasticnet", None}
        λ/2 ‖w‖², λ ‖w‖₁, or both; the intercept is free, and of a function every parameter is penalised.
    alpha : float
        λ. The default is that of scikit-learn's ``SGDClassifier``: so weak that it costs little accuracy in
        any units, and enough that classes which a plane separates have a best answer at all.
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
        for a thousandth of the descent. By default the fit goes on until rounding hides what is left.
    early_stopping : bool
        Whether to hold rows out, of each class alike, and to keep the epoch that is best on them.
    validation_fraction : float
        The part of the rows to hold out.
    start : mapping, sequence or callable, optional
        What the parameters of a function start from, or a function of X that returns it; ones by default.
    warm_start : bool
        Whether `fit` starts where the last one ended.
    class_weight : dict, "balanced" or None
        What rows of a class weigh, times their own weights; "balanced" is rows / (classes × rows of the class).
    random_state : int, RandomState or None
        What shuffles and holds out.
    verbose : int
        Whether to show progress.

    Attributes
    ----------
    classes_ : array of shape (classes,)
        The labels.
    coef_ : array of shape (1, columns) or (classes, columns)
        Weights in the units of the columns. A function and a kernel have none: see
        ``run_.params``.
    intercept_ : array of shape (1,) or (classes,)
        Intercepts.
    n_iter_ : int
        Passes through the rows; of several fits, the most.
    run_ : Fit
        The fit, with its outcome and trace; of several, the first that did not succeed, else the first.
    runs_ : list of Fit
        The fit; of more than two classes, that of each where each is fitted against the rest.
    n_features_in_, feature_names_in_ : int, array of str
        What columns were fitted; names where they all are text.

    Notes
    -----
    ``LogisticRegression(C=c)`` is ``alpha=1 / (c * rows)`` here, and ``LinearSVC`` too, though it penalises the
    intercept.

    Examples
    --------
    >>> from steepest.estimators import DescentClassifier
    >>> heights, kinds = [[1550.0], [1650.0], [1630.0], [1750.0]], ["small", "small", "large", "large"]
    >>> classifier = DescentClassifier(alpha=1e-6).fit(heights, kinds)
    >>> classifier.predict([[1500.0], [1800.0]]).tolist(), str(classifier.run_.outcome)
    (['small', 'large'], 'converged')
    """

    _usual: ClassVar[dict[str, str]] = {"linear": "log loss", "svm": "hinge"}
    _classes: ClassVar[bool] = True

    def __init__(
        self,
        model: Any = "linear",
        *,
        loss: Any = None,
        penalty: str | None = "l2",
        alpha: float = 1e-4,
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
        class_weight: Any = None,
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
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> DescentClassifier:
        """Fit the model to rows.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            What predictions are made from, in any units.
        y : array of shape (rows,)
            Labels, of any kind.
        sample_weight : array of shape (rows,), optional
            How often each row counts.

        Returns
        -------
        DescentClassifier
            Itself.
        """
        X, y = self._read(X, y, reset=True)
        X, y, weight = self._weighed(X, y, sample_weight)
        classes, labels = np.unique(y, return_inverse=True)
        weight = weight * self._class_weights(classes, labels, weight)[labels]
        if (left := np.unique(labels[weight > 0])).size < len(classes):
            kept = weight > 0
            X, labels, weight, classes = X[kept], np.searchsorted(left, labels[kept]), weight[kept], classes[left]
        if len(classes) < 2:
            raise ValueError(
                f"y has one class in the rows that count, {classes.tolist()[0]!r}: give rows of at least two classes"
            )
        self.classes_ = classes
        self._joint = self._is_joint
        self._fit_outputs(X, self._targets(labels), weight, labels)
        return self

    @available_if(learns_from_parts)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> DescentClassifier:
        """Learn from further rows, which are read once.

        With nothing else asked, the centring, the scaling and the step size go on from call to call, as over
        a stream: rows should come in random order.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows.
        y : array of shape (rows,)
            Labels; some classes may be missing.
        classes : array of shape (classes,), optional
            All labels that will come; the first call needs them.
        sample_weight : array of shape (rows,), optional
            How often each row counts.

        Returns
        -------
        DescentClassifier
            Itself.
        """
        first = not hasattr(self, "runs_")
        X, y = self._read(X, y, reset=first)
        known = self._known(classes, first)
        labels = np.searchsorted(known, y).clip(max=len(known) - 1)
        if (strange := known[labels] != y).any():
            raise ValueError(f"y has the label {y[strange].tolist()[0]!r}, and the classes are {known.tolist()}")
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} needs all rows at once: give partial_fit a dict, or sample_weight"
            )
        X, labels, weight = self._weighed(X, labels, sample_weight)
        weight = weight * self._class_weights(known, labels, weight)[labels]
        self.classes_ = known
        self._joint = self._is_joint and not self._streams
        self._learn_outputs(X, self._targets(labels), weight)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return scores: with the log loss, log odds.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows, in the units of the fit.

        Returns
        -------
        array of shape (rows,) or (rows, classes)
            Of two classes, the score of the second; of more, that of each.
        """
        z = self._outputs(X)
        if len(self.classes_) > 2:
            return z
        return z[:, 1] - z[:, 0] if self._joint else z[:, 0]

    def predict(self, X: Any) -> np.ndarray:
        """Return the label of the class with the highest score.

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

    @available_if(_is_calibrated)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, which only the log loss tells.

        Parameters
        ----------
        X : array, sparse array or DataFrame of shape (rows, columns)
            Rows, in the units of the fit.

        Returns
        -------
        array of shape (rows, classes)
            Probabilities that add up to 1.
        """
        z = self.decision_function(X)
        if self._joint and z.ndim == 2:
            p = np.exp(z - z.max(axis=1, keepdims=True))
            return p / p.sum(axis=1, keepdims=True)
        # 1 - p would lose the digits of a small probability, and of many small ones each may be 0.
        logs = -softplus(-(np.stack([-z, z], axis=1) if z.ndim == 1 else z))
        p = np.exp(logs - logs.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    @available_if(_is_calibrated)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return logarithms of probabilities, which only the log loss tells.

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
    def _cost(self) -> Any:
        """The loss; of a linear model softmax is the log loss, whatever the number of classes."""
        cost = super()._cost
        return losses.log_loss if cost == losses.softmax and isinstance(self.model, str) else cost

    @property
    def _is_joint(self) -> bool:
        """Whether one fit is to have a score for each class."""
        if self._is_linear:
            plain = not kink_of(penalty_of(self.penalty, self.alpha, self.l1_ratio))
            return plain and self._cost == losses.log_loss and len(self.classes_) > 2
        return self._cost == losses.softmax

    def _read(self, X: Any, y: Any, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = checked(self, X, y, reset=reset)
        check_classification_targets(y)
        return X, column_or_1d(y)

    def _class_weights(self, classes: np.ndarray, labels: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return what a row of each class weighs."""
        given = self.class_weight
        if given is None:
            return np.ones(len(classes))
        if given == "balanced":
            return weight.sum() / (len(classes) * np.bincount(labels, weight))
        if not isinstance(given, Mapping):
            raise ValueError(f'class_weight={given!r}: give a dict of weights by label, "balanced" or None')
        if strange := [label for label in given if label not in classes.tolist()]:
            raise ValueError(f"class_weight has the label {strange[0]!r}, and the classes are {classes.tolist()}")
        weights = np.array([given.get(label, 1.0) for label in classes.tolist()], dtype=float)
        if not (np.isfinite(weights) & (weights >= 0)).all():
            raise ValueError(f"class_weight={given!r}: weights must be finite, and 0 or more")
        return weights

    def _known(self, classes: Any, first: bool) -> np.ndarray:
        """Return all classes, as the first call of partial_fit names them."""
        if not first:
            if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
                raise ValueError(f"classes={list(classes)} are not those of the first call, {self.classes_.tolist()}")
            return self.classes_
        if classes is None:
            raise ValueError("classes= must be given in the first call of partial_fit: all labels that will come")
        known = np.unique(classes)
        if len(known) < 2:
            raise ValueError(f"classes={list(classes)} is one class: give at least two")
        return known

    def _targets(self, labels: np.ndarray) -> np.ndarray:
        """Return the number of the class, or 0 or 1 for each fit: is it the second class, or of more each of them."""
        if self._joint:
            return labels[:, None].astype(float)
        count = len(self.classes_)
        return (labels[:, None] == (np.arange(count) if count > 2 else [1])).astype(float)
