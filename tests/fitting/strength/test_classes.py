"""Tests of strengths for many coefficients of several classes: folds by conjugate gradients, against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from steepest import losses
from steepest.fitting.strength.choose import choose_strength
from steepest.fitting.strength.columns import Directions
from steepest.fitting.strength.conjugate import fitted_classes
from steepest.fitting.strength.folds import folds_of


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr("steepest.fitting.strength.choose.LARGE", 10)


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.normal(size=(150, 8)) * np.geomspace(0.01, 100, 8)
    scores = X[:, :3] / X[:, :3].std(axis=0) @ random.normal(size=(3, 4))
    return X, (scores + random.gumbel(size=(150, 4))).argmax(axis=1).astype(float)


def by_scikit_learn(Z, y, strength, weight=None):
    return LogisticRegression(C=1 / (strength * len(y)), tol=1e-8, max_iter=1_000).fit(Z, y, weight)


def test_a_fit_is_that_of_scikit_learn(rows):
    X, y = rows
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    A = np.column_stack([Z, np.ones(150)])
    theta, converged = fitted_classes(A, y.astype(int), np.ones(150), 0.02 * 150, np.zeros((4, 9)))
    known = by_scikit_learn(Z, y, 0.02)
    assert converged
    np.testing.assert_allclose(theta[:, :8], known.coef_, atol=2e-3)
    # Intercepts of all classes may grow alike.
    np.testing.assert_allclose(theta[:, 8] - theta[:, 8].mean(), known.intercept_ - known.intercept_.mean(), atol=2e-3)


def test_the_losses_in_folds_and_the_choice_are_those_of_scikit_learn(rows):
    X, y = rows
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    path, fold = (
        choose_strength(losses.softmax, X, y, np.ones(150), 4),
        folds_of(Directions.of(X, np.ones(150)).columns, y),
    )
    assert path.method == "5 folds"
    known = []
    for strength in path.strengths[:-1]:
        total = 0.0
        for k in range(5):
            rest = fold != k
            # The penalty weighs as much beside a row as in the fit to all rows.
            model = by_scikit_learn(Z[rest], y[rest], strength * 150 / rest.sum())
            total -= np.log(model.predict_proba(Z[~rest])[np.arange((~rest).sum()), y[~rest].astype(int)]).sum()
        known.append(total / 150)
    np.testing.assert_allclose(path.scores[:-1], known, rtol=2e-3)
    assert path.best == int(np.argmin(known))


def test_separable_classes_get_a_penalty_and_weights_count_as_rows(rows):
    X, _ = rows
    apart = np.digitize(X[:, 0], np.quantile(X[:, 0], [0.3, 0.6])).astype(float)
    path = choose_strength(losses.softmax, X, apart, np.ones(150), 3)
    assert path.chosen > 0
    assert "no finite coefficients are best" in path.why
    level = X.copy()
    level[:, 0] = np.arange(150) < 6
    one = np.where(level[:, 0] > 0, 3.0, rows[1])
    path = choose_strength(losses.softmax, level, one, np.ones(150), 4)
    assert path.scores[-1] == np.inf
    weight = np.random.default_rng(1).integers(1, 3, 150).astype(float)
    again = np.repeat(np.arange(150), weight.astype(int))
    weighted = choose_strength(losses.softmax, X, rows[1], weight, 4)
    repeated = choose_strength(losses.softmax, X[again], rows[1][again], np.ones(len(again)), 4)
    assert weighted.chosen == repeated.chosen
    np.testing.assert_allclose(weighted.scores, repeated.scores, rtol=1e-3)
