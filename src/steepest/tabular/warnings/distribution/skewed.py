"""A heavily skewed target, of which a model of its logarithm predicts more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.models import losses
from steepest.tabular.scale.log_target import LogTarget
from steepest.tabular.warnings.fitted import FittedTable

# Heavily skewed: a symmetric target has the skewness 0, an exponential one 2.
SKEWED = 2.0
# The skewness of n normal numbers has the standard error √(6/n); so many of these are no chance.
ERRORS = 5.0
# The most rows, evenly spaced, whose two models are compared. Chosen, not measured.
MOST_ROWS = 5000
# The logarithm must save this part of the squared error, and be better in all of these parts of the rows but one.
SAVED, FOLDS = 0.05, 5


def skewed_target(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a warning if the logarithm of a target is much nearer to symmetric, and predicts the target better.

    A skewed target alone is no reason: it may be a sum of skewed columns. So two linear models predict rows that they
    did not learn from, one of the target and one of its logarithm, whose predictions are mapped back.

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
    if X.shape[1] > len(some) // 4:
        # So many columns follow either closely.
        return
    # Trees keep missing values.
    plain, of_log = _errors(np.column_stack([np.ones(len(some)), np.nan_to_num(X)]), y[some])
    saved = 1 - of_log.sum() / plain.sum()
    if not (saved >= SAVED and np.count_nonzero(of_log < plain) >= FOLDS - 1):
        return
    yield Finding(
        "warning",
        "heavily skewed target",
        f"{fitted.target} has a skewness of {own:.1f}, and its logarithm one of {of_logs:.1f}. In {FOLDS} parts of the "
        f"rows, each left out once, least squares of the logarithm predicts {fitted.target} with a squared error that "
        f"is {100 * saved:.0f} % less than that of least squares.",
        "Try log_target=True (--log-target), and compare the scores.",
    )


def _skewness(values: np.ndarray) -> float:
    deviations = values - values.mean()
    spread = float(np.mean(deviations**2)) ** 1.5
    return float(np.mean(deviations**3)) / spread if spread else 0.0


@np.errstate(all="ignore")
def _errors(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared errors of each part of the rows by the others, of the target as it is and of its logarithm."""
    parts = np.random.default_rng(0).permutation(len(y)) % FOLDS
    errors = np.empty((2, FOLDS))
    for k in range(FOLDS):
        learned, left = parts != k, parts == k
        plain, logs = np.linalg.lstsq(X[learned], np.column_stack([y, np.log(y)])[learned])[0].T
        factor = LogTarget.learn(losses.squared, np.log(y[learned]), X[learned] @ logs)
        for j, predicted in enumerate((X[left] @ plain, factor.back(X[left] @ logs))):
            errors[j, k] = ((y[left] - predicted) ** 2).sum()
    return errors[0], errors[1]
