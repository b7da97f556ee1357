"""scikit-learn's words at the estimators: what they mean here, and which word to use instead."""

import inspect
import re
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

import steepest as st
from steepest.estimators import DescentClassifier, DescentRegressor

RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 3)) + 1
Y = X @ [1.0, 2.0, -1.0] + RNG.normal(size=60) + 1
CLASSES = np.where(Y > 2, "large", "small")


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_least_squares_without_an_intercept(kind):
    known = LinearRegression(fit_intercept=False).fit(X, Y)
    found = DescentRegressor(fit_intercept=False).fit(kind(X), Y)
    np.testing.assert_allclose(found.coef_, known.coef_, rtol=1e-10)
    assert found.intercept_ == 0.0
    np.testing.assert_allclose(found.predict(kind(X)), known.predict(X), rtol=1e-10)
    assert found.run_.certificate.kind == "certified"


def test_errors_without_an_intercept_are_those_of_the_rows_alone():
    found = DescentRegressor(fit_intercept=False, penalty=None).fit(X, Y).run_
    residuals = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    covariance = residuals @ residuals / 57 * np.linalg.inv(X.T @ X)
    np.testing.assert_allclose(found.standard_errors["coef"], np.sqrt(np.diag(covariance)), rtol=1e-9)
    assert np.isnan(found.standard_errors["intercept"])
    assert found.uncertainty().degrees == pytest.approx(57)
    assert found.summary().values["rows"] == 60
    boot = found.bootstrap(400, rng=0)
    drawn = np.random.default_rng(1).integers(0, 60, (400, 60))
    spread = np.std([np.linalg.lstsq(X[k], Y[k], rcond=None)[0] for k in drawn], axis=0)
    # Two spreads of 400 draws each differ by about 5 %, and those of 120 rows would be smaller by 30 %.
    np.testing.assert_allclose(boot.standard_errors["coef"], spread, rtol=0.2)
    classes = DescentClassifier(fit_intercept=False, penalty=None).fit(X, CLASSES).run_
    p = 1 / (1 + np.exp(-X @ classes.params["coef"]))
    information = (X.T * (p * (1 - p))) @ X
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    np.testing.assert_allclose(classes.standard_errors["coef"], errors, rtol=1e-7)


def test_ridge_without_an_intercept_and_with_weights():
    weight = RNG.uniform(0.5, 2, size=60)
    known = Ridge(3.0, fit_intercept=False, tol=1e-12).fit(X, Y, weight)
    found = DescentRegressor(fit_intercept=False, alpha=2 * 3.0 / weight.sum()).fit(X, Y, weight)
    np.testing.assert_allclose(found.coef_, known.coef_, rtol=1e-9)


def test_log_loss_without_an_intercept():
    known = LogisticRegression(fit_intercept=False, C=1 / (0.01 * 60), tol=1e-12).fit(X, CLASSES)
    found = DescentClassifier(fit_intercept=False, alpha=0.01).fit(X, CLASSES)
    np.testing.assert_allclose(found.coef_, known.coef_, rtol=1e-6)
    np.testing.assert_array_equal(found.intercept_, 0.0)


def test_the_path_of_a_learning_rate_keeps_the_intercept_at_0():
    steps = DescentRegressor(fit_intercept=False, step=0.05, max_epochs=30).fit(X, Y)
    w = np.zeros(3)
    for _ in range(30):
        w -= 0.05 * 2 * X.T @ (X @ w - Y) / len(Y)
    np.testing.assert_allclose(steps.coef_, w, rtol=1e-10)


@pytest.mark.parametrize(
    "estimator",
    [
        DescentRegressor(fit_intercept=False, loss="poisson"),
        DescentRegressor(fit_intercept=False, loss="quantile"),
        DescentRegressor(fit_intercept=False, loss=lambda z, y: (z - y) ** 2),
        DescentRegressor(lambda X, w: X @ w, fit_intercept=False, start={"w": np.ones(3)}),
        DescentRegressor("svm", kernel="rbf", alpha=0.1, fit_intercept=False),
        DescentRegressor(fit_intercept="no"),
    ],
    ids=["poisson", "quantile", "own loss", "own model", "kernel", "no boolean"],
)
def test_an_intercept_that_cannot_be_left_out_is_said(estimator):
    with pytest.raises(ValueError, match="fit_intercept="):
        estimator.fit(X, np.abs(Y))


def test_several_classes_and_streams_need_the_intercept():
    with pytest.raises(ValueError, match="fit_intercept=False does not support the softmax loss"):
        DescentClassifier(fit_intercept=False).fit(X, np.arange(60) % 3)
    with pytest.raises(ValueError, match="fit_intercept=False needs all rows at once"):
        DescentRegressor(fit_intercept=False).partial_fit(X, Y)


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("eta0", "step="), ("learning_rate", "step="), ("max_iter", "max_epochs="), ("tolerance", "tol="),
        ("epochs", "max_epochs="), ("C", "alpha="), ("average", "leave it out"), ("n_iter_no_change", "leave it out"),
        ("power_t", "step="), ("rng", "random_state="), ("solver", "direction="), ("alpah", "alpha="),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [DescentRegressor, DescentClassifier])
def test_an_unknown_parameter_is_answered_with_ours(kind, word, ours):
    with pytest.raises(TypeError, match=f"{kind.__name__}\\(\\) has no argument '{word}'.*{ours}"):
        kind(**{word: 1})
    # scikit-learn reads the parameters off the signature.
    assert set(kind().get_params()) == set(inspect.signature(kind).parameters)


@pytest.mark.parametrize(
    ("word", "ours"), [("max_iter", "epochs="), ("alpha", "L2"), ("C", "L2"), ("fit_intercept", "lambda X, w: X @ w")]
)
def test_fit_answers_the_same_words(word, ours):
    with pytest.raises(TypeError, match=ours):
        st.fit(st.models.Linear(), X, Y, **{word: 1})


@pytest.mark.parametrize("word", ["coef_init", "intercept_init"])
def test_starts_of_a_linear_fit_are_answered(word):
    for estimator, y in ((DescentRegressor(), Y), (DescentClassifier(), CLASSES)):
        with pytest.raises(TypeError, match="warm_start=True"):
            estimator.fit(X, y, **{word: np.zeros(3)})


@pytest.mark.parametrize(
    ("loss", "ours"), [("modified_huber", "squared hinge"), ("mse", "squared"), ("logistic", "log loss")]
)
def test_a_loss_of_another_library_is_answered_with_ours(loss, ours):
    with pytest.raises(ValueError, match=f"loss='{loss}' is not known: use '{ours}'"):
        DescentClassifier(loss=loss).fit(X, CLASSES)


def test_a_ratio_is_needed_by_elastic_net_only():
    assert DescentRegressor(l1_ratio=None).fit(X, Y).n_iter_ >= 1
    with pytest.raises(ValueError, match="l1_ratio=None"):
        DescentRegressor(penalty="elasticnet", alpha=0.1, l1_ratio=None).fit(X, Y)


def test_huber_without_an_intercept_is_a_minimum_of_its_rows():
    found = DescentRegressor(loss=st.losses.Huber(1.0), fit_intercept=False).fit(X, Y)

    def loss(w):
        return st.losses.Huber(1.0)(X @ w, Y).mean()

    gradient = [(loss(found.coef_ + 1e-6 * e) - loss(found.coef_ - 1e-6 * e)) / 2e-6 for e in np.eye(3)]
    np.testing.assert_allclose(gradient, 0, atol=1e-7)


def test_the_spellings_of_scikit_learn_are_the_same_losses():
    found = [DescentRegressor(loss=loss).fit(X, Y) for loss in ("squared", "squared_error")]
    np.testing.assert_array_equal(found[0].coef_, found[1].coef_)
    found = [DescentClassifier(loss=loss).fit(X, CLASSES).predict_proba(X) for loss in ("log loss", "log_loss")]
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize(
    ("estimator", "ours"),
    [
        (DescentRegressor(max_epochs=1, batch_size=5), "allow more with max_epochs="),
        (DescentClassifier(alpha=0.0), "add penalty='l2', alpha=1e-3"),
    ],
)
def test_warnings_name_the_parameters_of_the_estimators(estimator, ours):
    y = Y if isinstance(estimator, DescentRegressor) else X[:, 0] > 1
    with pytest.warns(ConvergenceWarning) as caught:
        estimator.fit(X, y)
    assert ours in str(caught[0].message)
    assert not re.search(r"(?<!max_)epochs=|tolerance=|penalties\.|L2\(", str(caught[0].message))


@pytest.mark.parametrize(
    ("options", "ours"),
    [
        ({"model": "tree", "tol": 1e-3}, "tol=0.001 is not for a tree: no optimum is certified; limit the fit by max_"),
        ({"model": "tree", "penalty": "l1", "alpha": 1.0}, "penalty='l1', alpha=1.0: a tree takes only penalty='l2'"),
        ({"penalty": "l1", "alpha": 1.0, "bounds": {"coef": (-1, 1)}}, "penalty='l1', alpha=1.0 goes with bounds only"),
    ],
)
def test_errors_name_the_parameters_of_the_estimators(options, ours):
    with pytest.raises(ValueError, match=re.escape(ours)):
        DescentRegressor(**options).fit(X, Y)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, sparse.csc_array, sparse.coo_matrix])
def test_gaps_are_named_by_row_and_column(kind):
    A = X.copy()
    A[7, 1] = A[9, 0] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN, in row 7, column 1"):
        DescentRegressor().fit(kind(A), Y)
    y = Y.copy()
    y[3] = np.inf
    with pytest.raises(ValueError, match="Input y contains infinity, in row 3: leave the row out"):
        DescentRegressor().fit(kind(X), y)
    with pytest.raises(ValueError, match="Input y contains infinity, in row 3, column 1"):
        DescentRegressor().fit(kind(X), np.c_[Y, y])
    with pytest.raises(ValueError, match="Input y contains NaN, in row 0"):
        DescentClassifier().fit(kind(X), np.append(np.nan, CLASSES[1:] == "large"))
    for gap in (None, np.nan):
        labels = CLASSES.astype(object)
        labels[5] = gap
        with pytest.raises(ValueError, match="in row 5: leave the row out"):
            DescentClassifier().fit(kind(X), labels)


def test_many_classes_are_doubted_before_the_fit(monkeypatch):
    A, numbers = np.ones((300, 1)), np.arange(300) % 150
    monkeypatch.setattr(DescentClassifier, "_fit_outputs", lambda *_: None)
    monkeypatch.setattr(sys.modules["steepest.fitting.fit"], "fit_given", lambda *_, **__: SimpleNamespace())
    with pytest.warns(UserWarning, match="150 different whole numbers in 300 rows.*use DescentRegressor") as caught:
        DescentClassifier().fit(A, numbers)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="unique classes is greater than 50%") as caught:
        DescentClassifier().fit(A, np.arange(300))
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DescentClassifier().fit(A, [f"city {k}" for k in numbers])
        DescentClassifier().fit(A, np.arange(300) % 100)
    with pytest.warns(UserWarning, match="150 different whole numbers") as caught:
        st.fit(st.models.Multinomial(), A, numbers, epochs=1)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="another class in each of the 30 rows"):
        st.fit(st.models.Multinomial(), A[:30], np.arange(30), epochs=1)
