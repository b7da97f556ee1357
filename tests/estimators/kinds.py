"""Every kind of model that the estimators fit, for scikit-learn's own checks."""

import numpy as np

from steepest.estimators import DescentClassifier, DescentRegressor


def plane(X, w, b):
    return X @ w + b


def origin(X):
    return {"w": np.zeros(X.shape[1]), "b": 0.0}


# With a batch of its own a row that counts twice is not met like two rows, until the descent has converged.
BATCHES = {
    "check_sample_weight_equivalence_on_dense_data": "batches are drawn from rows, of which a weight makes no more",
    "check_sample_weight_equivalence_on_sparse_data": "batches are drawn from rows, of which a weight makes no more",
}
# Of rows and of weights two ways to round, whose coefficients agree to 7 digits only very near to the least.
NEAR = 1e-14
QUICK = [DescentRegressor(), DescentClassifier(tol=NEAR)]
SLOW = [
    DescentRegressor(penalty="l1", alpha=0.01),
    DescentRegressor(loss="huber"),
    DescentRegressor(model="svm", alpha=1e-3),
    DescentRegressor(plane, start=origin),
    DescentRegressor(batch_size=8),
    DescentClassifier(model="svm"),
    DescentClassifier(loss="squared hinge"),
    DescentClassifier(penalty="elasticnet", alpha=0.001),
    DescentClassifier(plane, start=origin),
    DescentClassifier(batch_size=8),
    DescentClassifier(step=0.01, batch_size=8, max_epochs=50),
]


def excused(estimator):
    """Which checks may fail, and why: scikit-learn excuses its own SGD from the same."""
    return BATCHES if estimator.batch_size else {}
