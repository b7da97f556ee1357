"""positive= and bounds= of the estimators, compared with scikit-learn."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, Ridge

from steepest.estimators import DescentClassifier, DescentRegressor

X, Y = load_diabetes(return_X_y=True, scaled=False, as_frame=True)


@pytest.mark.parametrize("intercept", [True, False])
def test_positive_regression_is_that_of_scikit_learn(intercept):
    weight = np.random.default_rng(0).random(len(Y))
    ours = DescentRegressor(positive=True, fit_intercept=intercept).fit(X, Y, sample_weight=weight)
    theirs = LinearRegression(positive=True, fit_intercept=intercept).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-10)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-9)
    assert ours.run_.certificate.kind == "certified"
    if not intercept:
        by_sparse = clone(ours).fit(sparse.csr_array(X), Y, sample_weight=weight)
        np.testing.assert_allclose(by_sparse.coef_, ours.coef_, atol=1e-9)


def test_positive_ridge_is_that_of_scikit_learn():
    ours = DescentRegressor(positive=True, alpha=2 * 5 / len(Y)).fit(X, Y)
    # Their L-BFGS-B leaves five digits.
    np.testing.assert_allclose(ours.coef_, Ridge(5, positive=True, tol=1e-12).fit(X, Y).coef_, atol=1e-4)


def test_bounds_name_columns_of_a_data_frame():
    model = DescentRegressor(bounds={"bmi": (None, 3), "sex": (0, None)})
    fitted = clone(model).fit(X, Y)
    assert fitted.get_params()["bounds"] == model.bounds
    assert fitted.run_.params["coef"][list(X.columns).index("bmi")] == 3.0
    assert fitted.coef_[list(X.columns).index("sex")] == 0.0


def test_a_warm_start_begins_at_the_nearest_point_within_new_bounds():
    model = DescentRegressor(warm_start=True).fit(X, Y)
    assert model.coef_.min() < 0
    known = LinearRegression(positive=True).fit(X, Y).coef_
    np.testing.assert_allclose(model.set_params(positive=True).fit(X, Y).coef_, known, atol=1e-9)


def test_each_class_is_fitted_against_the_rest():
    rows, labels = load_iris(return_X_y=True)
    fitted = DescentClassifier(positive=True, alpha=1e-2).fit(rows, labels)
    assert fitted.coef_.shape == (3, 4)
    assert fitted.coef_.min() == 0.0
    assert fitted.score(rows, labels) > 0.9
    np.testing.assert_allclose(fitted.predict_proba(rows).sum(axis=1), 1.0)


def test_a_function_has_bounds_of_its_parameters():
    fitted = DescentRegressor(lambda X, a, b: a * X[:, 2] + b, bounds={"a": (0, 5)}).fit(X.to_numpy(), Y)
    assert fitted.run_.params["a"] == 5.0


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        ({"model": "network", "positive": True}, ValueError, "linear in the columns"),
        ({"positive": 3}, ValueError, "give True or False"),
        ({"bounds": (0, 1)}, TypeError, "give names with pairs"),
        ({"positive": True, "bounds": {"coef": (0, 1)}}, ValueError, "give one of the two"),
        ({"bounds": {"bmx": (0, 1)}}, ValueError, "no parameter and no column"),
        ({"positive": True, "batch_size": 8}, ValueError, "^positive=True: bounds need all rows"),
        ({"bounds": {"intercept": (1, 2)}, "fit_intercept": False}, ValueError, "fit_intercept=False leaves it out"),
    ],
)
def test_what_makes_no_sense_is_refused(words, kind, says):
    with pytest.raises(kind, match=says):
        DescentRegressor(**words).fit(X, Y)


def test_a_column_with_the_name_of_a_parameter_is_refused():
    with pytest.raises(ValueError, match="rename the column"):
        DescentRegressor(positive=True).fit(X.rename(columns={"bmi": "coef"}), Y)


def test_parts_of_the_rows_are_refused():
    with pytest.raises(AttributeError):
        _ = DescentRegressor(positive=True).partial_fit
