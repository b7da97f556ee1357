"""Tests of the strength of the penalty of estimators: by default free of units, and chosen with alpha="auto"."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from steepest.estimators import DescentClassifier, DescentRegressor

UNITS = np.geomspace(1e-3, 1e3, 20)


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.normal(size=(1000, 20))
    z = X @ random.normal(size=20)
    return X, z, (z + random.logistic(size=1000) > 0).astype(int)


def test_the_default_penalty_of_a_classifier_does_not_depend_on_units(rows):
    X, _, y = rows
    one, other = DescentClassifier().fit(X, y), DescentClassifier().fit(X * UNITS, y)
    np.testing.assert_allclose(other.coef_ * UNITS, one.coef_, rtol=1e-6)
    known = make_pipeline(StandardScaler(), LogisticRegression(C=1 / (1e-4 * 1000), tol=1e-10)).fit(X, y)
    np.testing.assert_allclose(one.coef_ * X.std(axis=0), known[-1].coef_, rtol=1e-4)


def test_streams_likewise(rows):
    X, _, y = rows
    scores = []
    for units in (1.0, UNITS):
        classifier = DescentClassifier(random_state=0)
        for k in range(0, 800, 200):
            classifier.partial_fit(X[k : k + 200] * units, y[k : k + 200], classes=[0, 1])
        scores.append(classifier.score(X[800:] * units, y[800:]))
    assert scores[1] == pytest.approx(scores[0], abs=0.01)


def test_a_number_is_in_the_units_of_the_columns_and_is_warned_of_if_it_dominates(rows):
    X, _, y = rows
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DescentClassifier(alpha=1e-4).fit(X, y)
        # Words that few texts have are shrunk in any units.
        DescentClassifier(alpha=1e-4).fit(csr_array(X * UNITS), y)
    with pytest.warns(UserWarning, match=r"alpha=0.0001: the penalty outweighs the rows in the units of coef\[0\]"):
        fitted = DescentClassifier(alpha=1e-4).fit(X * UNITS, y)
    assert "scales='standard'" in fitted.run_.message
    assert [event.kind for event in fitted.run_.events] == ["penalty"]


def test_auto_is_the_choice_of_scikit_learn_on_standardised_columns(rows):
    X = rows[0][:60] * UNITS
    y = rows[1][:60] + 6 * np.random.default_rng(1).normal(size=60)
    fitted = DescentRegressor(alpha="auto").fit(X, y)
    path = fitted.run_.path
    assert path.chosen > 0
    standardised = (X - X.mean(axis=0)) / X.std(axis=0)
    known = RidgeCV(path.strengths[:-1] * 60 / 2).fit(standardised, y)
    assert path.chosen * 30 == pytest.approx(known.alpha_)
    np.testing.assert_allclose(fitted.coef_ * X.std(axis=0), known.coef_, rtol=1e-6)


def test_several_outputs_choose_a_strength_each(rows):
    X = rows[0][:60]
    Y = np.column_stack([rows[1][:60], np.random.default_rng(1).normal(size=60)])
    fitted = clone(DescentRegressor(alpha="auto")).fit(X, Y)
    first, second = (run.path.chosen for run in fitted.runs_)
    assert first < second


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": "best"}, "give a number, 'auto' or None"),
        ({"alpha": "auto", "penalty": "elasticnet"}, "give l1_ratio=None, or alpha a number"),
        ({"alpha": "auto", "penalty": None}, "chooses the strength of a penalty, and penalty=None"),
        ({"alpha": "auto", "fit_intercept": False}, "give a number"),
        ({"alpha": "auto", "positive": True}, "without bounds"),
        ({"alpha": "auto", "model": "network"}, "for linear models"),
        ({"alpha": "auto", "model": "svm", "kernel": "rbf"}, "no strength is chosen for kernel='rbf'"),
    ],
)
def test_what_makes_no_sense_is_refused(rows, options, words):
    X, _, y = rows
    with pytest.raises(ValueError, match=words):
        DescentClassifier(**options).fit(X, y)


def test_a_stream_can_not_choose():
    classifier = DescentClassifier(alpha="auto")
    assert not hasattr(classifier, "partial_fit")
    with pytest.raises(AttributeError) as refused:
        classifier.partial_fit([[0.0], [1.0]], [0, 1])
    assert "needs all rows" in str(refused.value.__cause__)
