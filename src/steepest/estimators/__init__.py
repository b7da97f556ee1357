"""Gradient descent as scikit-learn estimators: `DescentRegressor` and `DescentClassifier`."""

try:
    import sklearn  # noqa: F401
except ModuleNotFoundError:
    raise ModuleNotFoundError('steepest.estimators needs scikit-learn: pip install "steepest[sklearn]"') from None

from steepest.estimators.classifier import DescentClassifier
from steepest.estimators.regressor import DescentRegressor

__all__ = ["DescentClassifier", "DescentRegressor"]
