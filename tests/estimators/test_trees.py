"""Trees in scikit-learn's estimators."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.model_selection import cross_val_score

import steepest as st
from steepest.estimators import DescentClassifier, DescentRegressor

TREE = st.models.Tree(depth=2, restarts=2)
RANDOM = np.random.default_rng(0)
X = np.where(RANDOM.random((120, 3)) < 0.1, np.nan, RANDOM.normal(size=(120, 3)))
Y = np.where(np.nan_to_num(X[:, 0], nan=2.0) > 0, 3.0, X[:, 1] > 0) + 0.1 * np.nan_to_num(X[:, 2])


def test_a_regressor_takes_missing_values():
    regressor = DescentRegressor(TREE, max_epochs=5, random_state=0).fit(X, Y)
    assert regressor.score(X, Y) > 0.8
    assert "or missing" in regressor.run_.rules()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(regressor)).predict(X), regressor.predict(X))  # noqa: S301
    assert X.tobytes() not in pickle.dumps(regressor)
    both = DescentRegressor(TREE, max_epochs=5, random_state=0).fit(X, np.column_stack([Y, -Y]))
    assert both.predict(X).shape == (120, 2)
    with pytest.raises(ValueError, match="infinity, in row 3, column 1"):
        regressor.predict(np.where(np.arange(360).reshape(120, 3) == 10, np.inf, X))


def test_a_classifier_learns_several_classes_at_once():
    X, y = load_wine(return_X_y=True)
    names = np.array(["barolo", "grignolino", "barbera"])[y]
    classifier = DescentClassifier(TREE, max_epochs=5, random_state=0)
    assert cross_val_score(clone(classifier), X, names, cv=3).mean() > 0.8
    classifier.fit(X, names)
    assert len(classifier.runs_) == 1
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
    shares = classifier.run_.predict(X)
    np.testing.assert_allclose(classifier.predict_proba(X), shares, rtol=1e-9)


def test_class_weights_count_as_row_weights():
    labels = (Y > 1).astype(int)
    weighted = DescentClassifier(TREE, max_epochs=5, class_weight={0: 3.0, 1: 1.0}, random_state=0).fit(X, labels)
    by_rows = DescentClassifier(TREE, max_epochs=5, random_state=0).fit(X, labels, np.where(labels, 1.0, 3.0))
    np.testing.assert_array_equal(weighted.predict_proba(X), by_rows.predict_proba(X))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"fit_intercept": False}, "fit_intercept=False is not for a tree"),
        ({"warm_start": True}, "warm_start=True is not for a tree"),
        ({"step": 0.1}, "step=0.1 is not for a tree"),
        ({"tol": 1e-3}, "tol=0.001 is not for a tree"),
        ({"penalty": "l1", "alpha": 0.1}, "a tree takes only penalty='l2'"),
        ({"kernel": "rbf"}, "kernel='rbf' is for model='svm'"),
    ],
)
def test_parameters_are_refused(parameters, words):
    with pytest.raises(ValueError, match=words):
        DescentRegressor(TREE, **parameters).fit(X, Y)


def test_parts_are_refused():
    with pytest.raises(AttributeError) as caught:
        DescentRegressor("tree").partial_fit(X, Y)
    assert "a tree, which needs all rows at once" in str(caught.value.__cause__)
