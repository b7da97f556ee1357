"""Estimators of every kind of model, for scikit-learn's own checks."""

from dataclasses import dataclass

import numpy as np

from steepest.estimators import DescentClassifier, DescentRegressor
from steepest.models import Network, Tree


@dataclass(frozen=True)
class Plane:
    """A linear function. Its repr names tests, so that it must be the same in every process."""

    def __call__(self, X, w, b):
        return X @ w + b


@dataclass(frozen=True)
class Origin:
    def __call__(self, X):
        return {"w": np.zeros(X.shape[1]), "b": 0.0}


plane, origin = Plane(), Origin()


def excused_from_repeats(reason):
    return {f"check_sample_weight_equivalence_on_{kind}_data": reason for kind in ("dense", "sparse")}


# scikit-learn excuses its own stochastic gradient descent from the same two checks.
BATCHES = excused_from_repeats("batches of repeated rows differ from batches of rows with larger weights")
FEATURES = excused_from_repeats("the features of a kernel are drawn from the rows, and repeated rows change the draw")
PARTS = excused_from_repeats("a member leaves out a part of the rows, and repeated rows may fall into two parts")
HELD_OUT = excused_from_repeats("rows held out choose the tree, and a repeated row may lie on both sides")
TREE = Tree(depth=2, restarts=2)
NETWORK = Network(hidden=(8,), members=2)
# The checks compare fits to weighted and to repeated rows, and want coefficients that agree to 7 digits.
TIGHT = 1e-14
# These compile least, so that they run in every test run.
QUICK = [DescentRegressor(plane, start=origin), DescentClassifier(step=0.1, max_epochs=300)]
SLOW = [
    DescentRegressor(),
    DescentRegressor(alpha="auto"),
    DescentClassifier(alpha="auto", tol=TIGHT),
    DescentClassifier(model="svm", alpha="auto", tol=TIGHT),
    DescentRegressor(penalty="l1", alpha=0.01),
    DescentRegressor(loss="huber", tol=TIGHT),
    DescentRegressor(model="svm", alpha=0.01, tol=TIGHT),
    DescentRegressor(positive=True, alpha=0.01),
    DescentRegressor(batch_size=8),
    DescentClassifier(tol=TIGHT),
    DescentClassifier(model="svm", alpha=0.01, tol=TIGHT),
    DescentClassifier(loss="squared hinge", tol=TIGHT),
    DescentRegressor(model="svm", kernel="rbf", n_components=50, alpha=1e-3),
    DescentClassifier(model="svm", kernel="rbf", n_components=50, alpha=1e-3),
    DescentClassifier(penalty="elasticnet", alpha=0.001, tol=TIGHT),
    DescentClassifier(plane, start=origin, tol=TIGHT),
    DescentClassifier(batch_size=8),
    DescentRegressor(NETWORK, max_epochs=60),
    DescentClassifier(NETWORK, max_epochs=60),
    DescentRegressor(TREE, max_epochs=10),
    DescentClassifier(TREE, max_epochs=10),
    DescentRegressor("tree"),
    DescentClassifier("tree"),
]


def excused(estimator):
    """Return the checks that may fail, with the reason."""
    if isinstance(estimator.model, Network):
        return PARTS
    if estimator.model == "tree" or isinstance(estimator.model, Tree):
        return HELD_OUT
    if estimator.kernel != "linear":
        return FEATURES
    return BATCHES if estimator.batch_size and isinstance(estimator, DescentClassifier) else {}
