"""Every kind of model that the estimators fit, for scikit-learn's own checks."""

from dataclasses import dataclass

import numpy as np

from steepest.estimators import DescentClassifier, DescentRegressor


@dataclass(frozen=True)
class Plane:
    """A function whose repr is the same in every process, as the names of tests must be."""

    def __call__(self, X, w, b):
        return X @ w + b


@dataclass(frozen=True)
class Origin:
    def __call__(self, X):
        return {"w": np.zeros(X.shape[1]), "b": 0.0}


plane, origin = Plane(), Origin()


def unequal(why):
    return {f"check_sample_weight_equivalence_on_{kind}_data": why for kind in ("dense", "sparse")}


# scikit-learn excuses its own SGD from the same two.
BATCHES = unequal("a batch of rows is not a batch of other rows that weigh more")
FEATURES = unequal("the features of a kernel are drawn from the rows, of which there are others where rows repeat")
# The checks want coefficients of the same rows, told in two ways, to agree to 7 digits.
NEAR = 1e-14
# Those that compile least.
QUICK = [DescentRegressor(plane, start=origin), DescentClassifier(step=0.1, max_epochs=300)]
SLOW = [
    DescentRegressor(),
    DescentRegressor(penalty="l1", alpha=0.01),
    DescentRegressor(loss="huber", tol=NEAR),
    DescentRegressor(model="svm", alpha=0.01, tol=NEAR),
    DescentRegressor(batch_size=8),
    DescentClassifier(tol=NEAR),
    DescentClassifier(model="svm", alpha=0.01, tol=NEAR),
    DescentClassifier(loss="squared hinge", tol=NEAR),
    DescentRegressor(model="svm", kernel="rbf", n_components=50, alpha=1e-3),
    DescentClassifier(model="svm", kernel="rbf", n_components=50, alpha=1e-3),
    DescentClassifier(penalty="elasticnet", alpha=0.001, tol=NEAR),
    DescentClassifier(plane, start=origin, tol=NEAR),
    DescentClassifier(batch_size=8),
]


def excused(estimator):
    """Which checks may fail, and why."""
    if estimator.kernel != "linear":
        return FEATURES
    return BATCHES if estimator.batch_size and isinstance(estimator, DescentClassifier) else {}
