"""A heavily skewed target, of which a model of its logarithm would predict more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.models import losses
from steepest.tabular.warnings.fitted import FittedTable

# Heavily skewed: a symmetric target has the skewness 0, an exponential one 2.
SKEWED = 2.0
# The skewness of n normal numbers has the standard error √(6/n); so many of these are no chance.
ERRORS = 5.0
# The most rows, evenly spaced, whose two models are compared. Chosen, not measured.
MOST_ROWS = 5000


def skewed_target(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a warning if the logarithm of a target is much nearer to symmetric, and follows the columns better.

    A skewed target alone is no reason: it may be a sum of skewed columns. So the likelihoods of two linear models with
    normal residuals are compared, of the target and of its logarithm, as Box and Cox do for the powers 1 and 0.

    Parameters
    ----------
    fitted : FittedTable
        The table and the fit.

    Yields
    ------
    Finding
        The warning.
    """
    y = fitted.ready.training.y
    if fitted.loss is not losses.squared or fitted.log_target is not None or len(y) < 3 or y.min() <= 0:
        return
    logs = np.log(y)
    own, of_logs = _skewness(y), _skewness(logs)
    if own <= max(SKEWED, ERRORS * (6 / len(y)) ** 0.5) or abs(of_logs) >= own / 2:
        return
    some = np.linspace(0, len(y) - 1, min(len(y), MOST_ROWS)).astype(int)
    X = fitted.ready.training.X[some]
    if X.shape[1] > len(some) // 2:
        # So many columns follow either closely.
        X = X[:, :0]
    # Trees keep missing values.
    X = np.column_stack([np.ones(len(some)), np.nan_to_num(X)])
    if _deviance(X, logs[some]) + 2 * logs[some].sum() >= _deviance(X, y[some]):
        return
    yield Finding(
        "warning",
        "heavily skewed target",
        f"{fitted.target} has a skewness of {own:.1f}, and its logarithm one of {of_logs:.1f}; the columns explain the "
        "logarithm better, by the likelihood of Box and Cox. The largest values own a fit by the squared loss.",
        "Try log_target=True (--log-target), and compare the scores.",
    )


def _skewness(values: np.ndarray) -> float:
    deviations = values - values.mean()
    spread = float(np.mean(deviations**2)) ** 1.5
    return float(np.mean(deviations**3)) / spread if spread else 0.0


def _deviance(X: np.ndarray, y: np.ndarray) -> float:
    """Return minus twice the largest log-likelihood of a linear model, up to a constant."""
    residuals = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return len(y) * float(np.log(np.mean(residuals**2) + np.finfo(float).tiny))
