"""`EstimatorCall`: how the fit of an estimator was asked for, as code in the words of the estimators."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.call import Call, Code, written
from steepest.fitting.result import Fit
from steepest.models.penalties import L1, L2, ElasticNet

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

# The parameters of estimators in place of those of `fit`.
RENAMED = {"epochs": "max_epochs", "tolerance": "tol", "rng": "random_state"}


class EstimatorCall(Call):
    """How the fit of an estimator was asked for: its class, its parameters and the rows.

    Parameters
    ----------
    estimator : DescentRegressor or DescentClassifier
        The estimator.
    inner : Call or None
        The call of `steepest.fit` that it made, which stands for cures that the estimator has no parameters for.
    weighted : bool, optional
        Whether its rows have weights.

    Examples
    --------
    >>> from steepest.estimators import DescentRegressor
    >>> call = DescentRegressor(alpha=0.1).fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).run_.call
    >>> print(call)
    st.estimators.DescentRegressor(alpha=0.1).fit(X, y)
    >>> print(call.changed(epochs=50, penalty=L1(0.2)))
    st.estimators.DescentRegressor(alpha=0.2, max_epochs=50, penalty='l1').fit(X, y)
    """

    def __init__(self, estimator: BaseEstimator, inner: Call | None, weighted: bool = False) -> None:
        parameters = inspect.signature(type(estimator)).parameters.values()
        defaults = {each.name: each.default for each in parameters}
        arguments = {name: _text(value, name) for name, value in estimator.get_params(deep=False).items()}
        super().__init__(type(estimator).__name__, arguments, (), defaults)
        self.rows = {"X": "X", "y": "y"} | ({"sample_weight": "sample_weight"} if weighted else {})
        # The estimator gives these itself.
        self.inner = None if inner is None else inner.changed(progress=None)
        if self.inner is not None and not weighted:
            self.inner = self.inner.changed(sample_weight=None)

    def __str__(self) -> str:
        parameters = ", ".join(f"{name}={text}" for name, text in self.options().items())
        rows = ", ".join(text if name in "Xy" else f"{name}={text}" for name, text in self.rows.items())
        return f"st.estimators.{self.name}({parameters}).fit({rows})"

    def get(self, name: str) -> Any:
        """Return a parameter by its name or that of `fit`, as `Call.get` does."""
        name = RENAMED.get(name, name)
        return super().get(name) if name in self.arguments or self.inner is None else self.inner.get(name)

    def changed(self, name: str | None = None, **changes: object) -> Call:
        """Return the call with other arguments, which have the names of `fit`; of `fit` itself if need be."""
        # The cure may leave out arguments that an estimator does not have: they were never given.
        ours = {
            key: value
            for key, value in _ours(changes).items()
            if value is not None or key in self.arguments or key in self.rows
        }
        is_known = name in (None, "fit") and all(key in self.arguments or key in self.rows for key in ours)
        if not is_known and self.inner is not None:
            return self.inner.changed(name, **changes)
        new = EstimatorCall.__new__(EstimatorCall)
        # An argument that is left out has its default.
        given = {key: self.defaults.get(key) if value is None else value for key, value in ours.items()}
        arguments = {**self.arguments, **{key: value for key, value in given.items() if key not in self.rows}}
        Call.__init__(new, self.name, arguments, (), self.defaults, self.typed)
        new.inner = self.inner
        new.rows = {key: written(given.get(key, Code(text)), key) for key, text in self.rows.items()}
        return new

    def to_json(self) -> Any:
        """Return the record of the call of `fit`, as a saved fit belongs to no estimator."""
        return super().to_json() if self.inner is None else self.inner.to_json()


def noted(estimator: BaseEstimator, runs: list[Fit], weight: np.ndarray) -> list[Fit]:
    """Return fits that know by which call of the estimator they were made.

    Parameters
    ----------
    estimator : DescentRegressor or DescentClassifier
        The estimator.
    runs : list of Fit
        Its fits.
    weight : array
        The weights of the rows; equal ones if none were given.

    Returns
    -------
    list of Fit
        The fits.
    """
    for run in runs:
        run.call = EstimatorCall(estimator, run.call, bool(np.ptp(weight)))
    return runs


def _text(value: object, name: str) -> object:
    """Return a parameter as a fit may keep it: arrays as text."""
    return Code(written(value, name)) if hasattr(value, "shape") else value


def _ours(changes: dict[str, object]) -> dict[str, object]:
    """Return the parameters of an estimator that are those arguments of `fit`."""
    ours = {RENAMED.get(key, key): value for key, value in changes.items()}
    penalty = ours.get("penalty")
    if isinstance(penalty, (L1, L2)):
        ours |= {"penalty": type(penalty).__name__.lower(), "alpha": penalty.strength}
    elif isinstance(penalty, ElasticNet) and penalty.l1 + penalty.l2 > 0:
        alpha = penalty.l1 + penalty.l2
        ours |= {"penalty": "elasticnet", "alpha": alpha, "l1_ratio": penalty.l1 / alpha}
    elif isinstance(penalty, str) and penalty == "auto":
        ours |= {"penalty": "l2", "alpha": "auto"}
    validation = ours.pop("validation", None)
    if isinstance(validation, float):
        ours |= {"early_stopping": True, "validation_fraction": validation}
    elif "validation" in changes:
        ours["early_stopping"] = False
    return ours
