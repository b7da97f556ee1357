"""Fits to tables in raw units: none that claims success is worse than the mean or the most frequent class."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, LogisticRegression, QuantileRegressor
from sklearn.svm import SVC, SVR, LinearSVC

from steepest import losses
from steepest.estimators import DescentClassifier, DescentRegressor

pytestmark = pytest.mark.nightly

CLASSES = {"cancer": load_breast_cancer, "wine": load_wine, "iris": load_iris, "digits": load_digits}
NUMBERS = {"diabetes": load_diabetes, "linnerud": load_linnerud}


def fitted(estimator, X, y):
    """Return the estimator, fitted, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y)


@pytest.mark.parametrize("table", CLASSES)
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"model": "svm"},
        {"model": "svm", "kernel": "rbf", "alpha": 1e-3, "n_components": 100},
        {"loss": "squared hinge"},
        {"penalty": "l1", "alpha": 1e-3},
        {"penalty": None},
        {"batch_size": 32},
        {"early_stopping": True},
    ],
    ids=str,
)
def test_classes(table, parameters):
    X, y = CLASSES[table](return_X_y=True)
    classifier = fitted(DescentClassifier(**parameters, random_state=0), X, y)
    most_frequent = np.bincount(y).max() / len(y)
    assert classifier.score(X, y) >= most_frequent or not all(run.success for run in classifier.runs_)
    if not parameters:
        assert classifier.score(X, y) > 0.95


@pytest.mark.parametrize("table", NUMBERS)
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"loss": "huber"},
        {"loss": "absolute"},
        {"model": "svm"},
        {"loss": "poisson"},
        {"loss": "gamma"},
        {"penalty": "l1", "alpha": 1.0},
        {"batch_size": 16},
        {"early_stopping": True},
    ],
    ids=str,
)
def test_numbers(table, parameters):
    X, y = NUMBERS[table](return_X_y=True)
    regressor = fitted(DescentRegressor(**parameters, random_state=0), X, y)
    # Each loss has its own best constant, the median or the mean: by that loss no constant may be better.
    for k, run in enumerate(regressor.runs_):
        z = regressor.predict(X).reshape(len(X), -1)[:, k]
        target = y.reshape(len(X), -1)[:, k]
        median = parameters.get("loss") in ("absolute", "huber") or parameters.get("model") == "svm"
        loss = losses.absolute if median else losses.squared
        middle = np.median(target) if loss is losses.absolute else target.mean()
        slack = (
            1.1
            if parameters.get("loss") in ("huber", "gamma", "poisson") or parameters.get("early_stopping")
            else 1 + 1e-9
        )
        assert loss(z, target).mean() <= slack * loss(middle, target).mean() or not run.success


@pytest.fixture(scope="module")
def diabetes():
    return load_diabetes(return_X_y=True, scaled=False)


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    # scikit-learn's support vector machines need columns of similar scale.
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def objective(loss, fitted, X, y, ridge=0.0, l1=0.0):
    w = np.ravel(fitted.coef_)
    return loss(X @ w + fitted.intercept_, y).mean() + ridge / 2 * w @ w + l1 * np.abs(w).sum()


class TestExactSolvers:
    """Objectives equal those of scikit-learn's solvers: to 1e-6 for smooth losses, 1e-4 for others."""

    def test_elastic_net(self, diabetes):
        X, y = diabetes
        ours = DescentRegressor(penalty="elasticnet", alpha=2.0, l1_ratio=0.5).fit(X, y)
        exact = ElasticNet(alpha=1.0, l1_ratio=0.5, tol=1e-12, max_iter=100_000).fit(X, y)
        both = [objective(losses.squared, each, X, y, 1.0, 1.0) for each in (ours, exact)]
        assert both[0] == pytest.approx(both[1], rel=1e-4)
        np.testing.assert_array_equal(ours.coef_ == 0, exact.coef_ == 0)

    def test_median(self, diabetes):
        X, y = diabetes
        ours = DescentRegressor(loss="absolute").fit(X, y)
        exact = QuantileRegressor(quantile=0.5, alpha=0.0).fit(X, y)
        both = [objective(losses.absolute, each, X, y) for each in (ours, exact)]
        assert both[0] == pytest.approx(both[1], rel=1e-4)

    def test_support_vector_regression(self, diabetes):
        X, y = diabetes
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        loss = losses.EpsilonInsensitive(5.0)
        ours = DescentRegressor("svm", loss=loss, alpha=0.01).fit(X, y)
        exact = SVR(kernel="linear", C=1 / (0.01 * len(y)), epsilon=5.0, tol=1e-8).fit(X, y)
        both = [objective(loss, each, X, y, 0.01) for each in (ours, exact)]
        assert both[0] == pytest.approx(both[1], rel=1e-4)

    def test_support_vector_machine(self, cancer):
        X, y = cancer
        ours = DescentClassifier("svm", alpha=0.01).fit(X, y)
        exact = SVC(kernel="linear", C=1 / (0.01 * len(y)), tol=1e-8).fit(X, y)
        both = [objective(losses.hinge, each, X, y, 0.01) for each in (ours, exact)]
        assert both[0] == pytest.approx(both[1], rel=1e-4)

    def test_squared_hinge(self, cancer):
        X, y = cancer
        ours = DescentClassifier(loss="squared hinge", alpha=0.02, tol=1e-9).fit(X, y)
        # LinearSVC penalises its intercept; intercept_scaling=1e4 makes that negligible. Its penalty is |w|²/2.
        exact = LinearSVC(
            loss="squared_hinge", dual=False, C=1 / (0.02 * len(y)), intercept_scaling=1e4, tol=1e-10, max_iter=100_000
        ).fit(X, y)
        both = [objective(losses.squared_hinge, each, X, y, 0.02) for each in (ours, exact)]
        assert both[0] == pytest.approx(both[1], rel=1e-6)

    def test_logistic_regression_by_lbfgs(self, cancer):
        X, y = cancer
        ours = DescentClassifier(alpha=1e-3).fit(X, y)
        exact = LogisticRegression(C=1 / (1e-3 * len(y)), tol=1e-10, max_iter=100_000).fit(X, y)
        both = [objective(losses.log_loss, each, X, y, 1e-3) for each in (ours, exact)]
        assert both[0] == pytest.approx(both[1], rel=1e-6)
