"""The estimators give the answers of scikit-learn's solvers on raw tables, and behave like its estimators."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from steepest import fit, losses, models
from steepest.estimators import DescentClassifier, DescentRegressor


@pytest.fixture(scope="module")
def diabetes():
    return load_diabetes(return_X_y=True, scaled=False)


@pytest.fixture(scope="module")
def cancer():
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order], y[order]


@pytest.fixture(scope="module")
def regressor(diabetes):
    return DescentRegressor().fit(*diabetes)


@pytest.fixture(scope="module")
def classifier(cancer):
    return DescentClassifier().fit(*cancer)


@pytest.fixture(scope="module")
def iris_classifier(iris):
    return DescentClassifier().fit(*iris)


class TestAnswers:
    def test_least_squares(self, diabetes, regressor):
        X, y = diabetes
        exact = LinearRegression().fit(X, y)
        least = np.mean((exact.predict(X) - y) ** 2)
        assert np.mean((regressor.predict(X) - y) ** 2) == pytest.approx(least, rel=1e-6)
        np.testing.assert_allclose(regressor.coef_, exact.coef_, rtol=1e-4)
        assert regressor.run_.success
        assert regressor.score(X, y) == pytest.approx(exact.score(X, y), rel=1e-9)

    def test_ridge(self, diabetes):
        X, y = diabetes
        ridge = DescentRegressor(alpha=0.2).fit(X, y)
        exact = Ridge(alpha=0.2 * len(y) / 2, solver="cholesky", tol=1e-12).fit(X, y)
        assert cost(ridge, X, y) == pytest.approx(cost(exact, X, y, 0.2), rel=1e-6)

    def test_logistic_regression(self, cancer, classifier):
        X, y = cancer
        # The default penalty is measured on standardised columns.
        Z = StandardScaler().fit_transform(X)
        exact = LogisticRegression(C=1 / (1e-4 * len(y)), solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(Z, y)
        assert classifier.run_.fun == pytest.approx(cost(exact, Z, y, 1e-4), rel=1e-6)
        np.testing.assert_allclose(classifier.predict_proba(X), exact.predict_proba(Z), atol=2e-3)
        assert (classifier.coef_.shape, classifier.intercept_.shape) == ((1, X.shape[1]), (1,))

    def test_predictions_are_in_the_units_of_y(self, diabetes):
        X, y = diabetes
        for loss in "poisson", "gamma":
            predicted = DescentRegressor(loss=loss).fit(X, y).predict(X)
            assert predicted.mean() == pytest.approx(y.mean(), rel=0.05)

    def test_units_do_not_change_the_score(self, diabetes, regressor):
        X, y = diabetes
        scaled = DescentRegressor().fit(X * 1e6, y)
        assert scaled.score(X * 1e6, y) == pytest.approx(regressor.score(X, y), rel=1e-9)

    def test_columns_in_another_order_give_coefficients_in_that_order(self, diabetes, regressor):
        X, y = diabetes
        order = np.random.default_rng(0).permutation(X.shape[1])
        permuted = DescentRegressor().fit(X[:, order], y)
        np.testing.assert_allclose(permuted.coef_, regressor.coef_[order], rtol=1e-7)
        np.testing.assert_allclose(permuted.intercept_, regressor.intercept_, rtol=1e-7)

    def test_the_intercept_is_added(self, diabetes, regressor, classifier):
        X, y = diabetes
        assert regressor.predict(np.zeros((1, 10)))[0] == regressor.intercept_ < -100
        shifted = DescentRegressor().fit(X, y + 1000)
        assert shifted.intercept_ == pytest.approx(regressor.intercept_ + 1000)
        np.testing.assert_allclose(shifted.predict(X), regressor.predict(X) + 1000)
        at_zero = classifier.decision_function(np.zeros((1, 30)))
        np.testing.assert_array_equal(at_zero, classifier.intercept_)

    def test_a_weight_counts_a_row_several_times(self, diabetes, iris):
        for estimator, (X, y) in (DescentRegressor(), diabetes), (DescentClassifier(), iris):
            repeats = np.ones(len(y), dtype=int)
            repeats[:50], repeats[50:60] = 2, 0
            weighted = clone(estimator).fit(X, y, sample_weight=repeats)
            repeated = clone(estimator).fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats))
            assert weighted.run_.fun == pytest.approx(repeated.run_.fun, rel=1e-5)

    def test_several_outputs_are_several_fits(self, diabetes, regressor):
        X, y = diabetes
        both = DescentRegressor().fit(X, np.c_[y, -2 * y])
        assert (both.coef_.shape, both.intercept_.shape, both.predict(X).shape) == ((2, 10), (2,), (442, 2))
        np.testing.assert_allclose(both.coef_, np.outer([1, -2], regressor.coef_), rtol=1e-6)
        assert len(both.runs_) == 2

    def test_more_than_two_classes(self, iris, iris_classifier):
        X, y = iris
        assert iris_classifier.score(X, y) > 0.95
        Z = StandardScaler().fit_transform(X)
        exact = LogisticRegression(C=1 / (1e-4 * len(y)), solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(Z, y)
        z = Z @ exact.coef_.T + exact.intercept_
        objective = losses.softmax(z, y.astype(float)).mean() + 1e-4 / 2 * (exact.coef_**2).sum()
        assert iris_classifier.run_.fun == pytest.approx(objective, rel=1e-4)
        assert iris_classifier.decision_function(X).shape == (150, 3)
        np.testing.assert_allclose(iris_classifier.predict_proba(X).sum(axis=1), 1)
        named = DescentClassifier().fit(X, np.array(["setosa", "versicolor", "virginica"])[y])
        assert named.classes_.tolist() == ["setosa", "versicolor", "virginica"]
        np.testing.assert_array_equal(named.predict(X), named.classes_[iris_classifier.predict(X)])

    def test_balanced_classes_have_equal_total_weights(self, cancer):
        X, y = cancer
        count = np.bincount(y)
        weight = len(y) / (2 * count)
        fits = [
            DescentClassifier(class_weight="balanced").fit(X, y),
            DescentClassifier(class_weight=dict(enumerate(weight))).fit(X, y),
            DescentClassifier().fit(X, y, sample_weight=weight[y]),
        ]
        for other in fits[1:]:
            np.testing.assert_allclose(other.coef_, fits[0].coef_, rtol=1e-9)

    def test_a_class_of_weight_0_is_left_out(self, iris):
        X, y = np.tile(iris[0], (2, 1)), np.tile(iris[1], 2)
        fitted = DescentClassifier().fit(X, y, sample_weight=(y != 1).astype(float))
        assert fitted.classes_.tolist() == [0, 2]
        assert fitted.score(X[y != 1], y[y != 1]) == 1


def pickled(estimator):
    """Return a copy of the estimator, made by pickling."""
    return pickle.loads(pickle.dumps(estimator))  # noqa: S301 - it was just made


def cost(fitted, X, y, alpha=None, l1=0.0):
    """Return the objective at the coefficients of an estimator."""
    alpha = fitted.alpha if alpha is None else alpha
    w = np.ravel(fitted.coef_)
    z = X @ w + fitted.intercept_
    loss = losses.log_loss if hasattr(fitted, "classes_") else losses.squared
    return loss(z, y).mean() + alpha / 2 * w @ w + l1 * np.abs(w).sum()


class TestOwnModel:
    @staticmethod
    def curve(X, rate, level):
        return level * np.exp(-rate * X[:, 0])

    def test_a_curve(self):
        x = np.linspace(0, 3, 50)[:, None]
        fitted = DescentRegressor(self.curve, start={"rate": 0.5, "level": 1.0}).fit(x, 2.5 * np.exp(-1.3 * x[:, 0]))
        assert fitted.run_.params == pytest.approx({"rate": 1.3, "level": 2.5})
        assert fitted.predict(x[:1]) == pytest.approx([2.5])
        assert not hasattr(fitted, "coef_")
        again = pickled(fitted)
        np.testing.assert_array_equal(again.predict(x), fitted.predict(x))

    def test_wrong_numbers_of_arguments_or_shapes(self):
        X, y = np.ones((4, 2)), np.arange(4.0)
        with pytest.raises(TypeError, match="the model takes 1 argument"):
            DescentRegressor(lambda X: X[:, 0]).fit(X, y)
        with pytest.raises(ValueError, match=r"the model returned the shape \(4, 2\) for 4 rows"):
            DescentRegressor(lambda X, w: X * w).fit(X, y)


class TestPartialFit:
    def test_its_calls_are_the_blocks_of_a_stream(self, diabetes, regressor):
        X, y = diabetes
        order = np.random.default_rng(0).permutation(len(y))
        parts = [(X[rows], y[rows]) for rows in np.array_split(order, 2)] * 20
        learner = DescentRegressor(random_state=0)
        for part in parts:
            learner.partial_fit(*part)
        seed = np.random.RandomState(0).randint(2**31 - 1)
        whole = fit(models.Linear(), iter(parts), rng=seed)
        np.testing.assert_array_equal(learner.coef_, whole.params["coef"])
        assert learner.score(X, y) > 0.95 * regressor.score(X, y)
        assert learner.n_iter_ == 40

    def test_with_a_learning_rate_it_is_a_plain_epoch(self):
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((8, 2)), rng.standard_normal(8)
        fitted = DescentRegressor(step=0.1).partial_fit(X, y).partial_fit(X, y)
        A, theta = np.c_[X, np.ones(8)], np.zeros(3)
        for _ in range(2):
            theta = theta - 0.1 * 2 * A.T @ (A @ theta - y) / 8
        np.testing.assert_allclose([*fitted.coef_, fitted.intercept_], theta)

    def test_a_class_may_be_missing_from_a_batch(self, iris):
        X, y = iris
        fitted = DescentClassifier(random_state=0)
        fitted.partial_fit(X[y == 0], y[y == 0], classes=[0, 1, 2])
        for rows in np.array_split(np.arange(150), 3) * 10:
            fitted.partial_fit(X[rows], y[rows])
        assert fitted.score(X, y) > 0.85

    def test_labels_missing_from_classes(self, iris):
        X, y = iris
        with pytest.raises(ValueError, match="classes= must be given"):
            DescentClassifier().partial_fit(X, y)
        with pytest.raises(ValueError, match=r"the label 2, but the classes are \[0, 1\]"):
            DescentClassifier().partial_fit(X, y, classes=[0, 1])

    def test_sparse_rows(self):
        rng = np.random.default_rng(0)
        X = sparse.random_array((3_000, 600), density=0.02, rng=rng, format="csr")
        y = (X @ rng.normal(size=600) > 0).astype(int)
        learner = DescentClassifier(random_state=0)
        for rows in (slice(k, k + 500) for k in range(0, 3_000, 500)):
            learner.partial_fit(X[rows], y[rows], classes=[0, 1])
        assert learner.score(X, y) > 0.85
        assert learner.coef_.shape == (1, 600)

    def test_an_l1_penalty_keeps_the_same_columns_as_all_rows(self):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((5_000, 8))
        y = X[:, 0] - X[:, 1] + rng.standard_normal(5_000)
        learner, whole = (DescentRegressor(penalty="l1", alpha=0.2, random_state=0) for _ in range(2))
        for rows in np.split(np.arange(5_000), 10):
            learner.partial_fit(X[rows], y[rows])
        np.testing.assert_array_equal(learner.coef_ == 0, whole.fit(X, y).coef_ == 0)
        assert np.sum(learner.coef_ == 0) == 6

    def test_unavailable_if_all_rows_are_needed(self):
        assert not hasattr(DescentRegressor(alpha="auto"), "partial_fit")
        assert not hasattr(DescentRegressor(loss="poisson"), "partial_fit")
        assert hasattr(DescentRegressor(loss="poisson", step=0.01), "partial_fit")
        assert not hasattr(DescentRegressor(loss=lambda z, y: (z - y) ** 2), "partial_fit")
        assert hasattr(DescentRegressor(loss=lambda z, y: (z - y) ** 2, step=0.01), "partial_fit")
        X, y = np.eye(3), np.arange(3.0)
        with pytest.raises(ValueError, match="early_stopping=True needs all rows at once"):
            DescentRegressor(early_stopping=True).partial_fit(X, y)
        with pytest.raises(ValueError, match="class_weight='balanced' needs all rows at once"):
            DescentClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])


class TestScikitLearn:
    def test_frames_of_pandas_and_polars(self, diabetes, regressor):
        X, y = diabetes
        names = load_diabetes().feature_names
        for frame in pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names):
            fitted = DescentRegressor().fit(frame, y)
            assert fitted.feature_names_in_.tolist() == names
            assert fitted.run_.trace.names == [*names, "intercept"]
            np.testing.assert_allclose(fitted.coef_, regressor.coef_, rtol=1e-9)
            with pytest.raises(ValueError, match="feature names"):
                fitted.predict(frame[names[::-1]])

    def test_a_fit_can_be_pickled(self, iris, iris_classifier, classifier, cancer):
        again = pickled(iris_classifier)
        np.testing.assert_array_equal(again.predict_proba(iris[0]), iris_classifier.predict_proba(iris[0]))
        assert again.run_ == iris_classifier.run_
        again = pickled(classifier)
        assert (again.run_.outcome, len(again.run_.trace)) == ("converged", len(classifier.run_.trace))
        assert len(pickle.dumps(classifier)) < cancer[0].nbytes / 2

    def test_searches_and_pipelines(self, diabetes):
        X, y = diabetes
        search = GridSearchCV(DescentRegressor(), {"alpha": [0.2, 0.4]}, cv=2).fit(X, y)
        assert search.best_score_ > 0.45
        assert cross_val_score(make_pipeline(StandardScaler(), DescentRegressor(alpha=0.2)), X, y, cv=2).mean() > 0.45
        names = load_diabetes().feature_names
        pipeline = make_pipeline(PolynomialFeatures(degree=1, include_bias=False), DescentRegressor())
        pipeline.set_output(transform="pandas").fit(pd.DataFrame(X, columns=names), y)
        assert pipeline[-1].feature_names_in_.tolist() == names

    def test_a_warm_start_starts_where_the_last_fit_ended(self, cancer, classifier):
        X, y = cancer
        again = DescentClassifier(warm_start=True).fit(X, y)
        again.fit(X, y)
        assert again.run_.trace.value[0] == pytest.approx(classifier.run_.fun)
        assert again.n_iter_ < classifier.n_iter_
        with pytest.raises(ValueError, match="X has 29 columns, but the last fit had 30"):
            again.fit(X[:, 1:], y)

    def test_only_the_log_loss_has_probabilities(self, classifier):
        assert hasattr(DescentClassifier(), "predict_proba")
        assert not hasattr(DescentClassifier(model="svm"), "predict_proba")
        assert not hasattr(DescentClassifier(loss="squared hinge"), "predict_log_proba")
        far = np.zeros((1, 30))
        far[0, 0] = -1e4
        assert 0 < classifier.predict_proba(far).min() < 1e-300 or classifier.predict_log_proba(far).min() == -np.inf

    def test_a_failed_run_warns_with_its_message(self):
        with pytest.warns(ConvergenceWarning, match="no finite optimum.*add penalty"):
            fitted = DescentClassifier(penalty=None).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        assert not fitted.run_.success

    def test_early_stopping_keeps_the_best_epoch_on_rows_held_out(self, iris):
        X, y = iris
        fitted = DescentClassifier(early_stopping=True, random_state=0).fit(X, y == 1)
        validation = fitted.run_.trace.validation
        assert fitted.run_.fun == pytest.approx(fitted.run_.trace.value[np.argmin(validation)])
        draws = np.random.RandomState(0)
        _, held_out = train_test_split(np.arange(150), test_size=0.1, random_state=draws, stratify=y == 1)
        assert log_loss(y[held_out] == 1, fitted.predict_proba(X[held_out])) == pytest.approx(validation.min())

    def test_sparse_and_dense_rows_give_the_same_fit(self, diabetes):
        X, y = diabetes
        X = np.where(np.abs(X - X.mean(axis=0)) < X.std(axis=0), 0, X)
        dense, rows = DescentRegressor(tol=1e-12).fit(X, y), sparse.csr_array(X)
        fitted = DescentRegressor(tol=1e-12).fit(rows, y)
        np.testing.assert_allclose(fitted.predict(rows), dense.predict(X), rtol=1e-6)

    def test_the_same_seed_gives_the_same_fit(self, diabetes):
        fits = [DescentRegressor(batch_size=32, max_epochs=2, random_state=seed) for seed in (0, 0, 1)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            first, same, other = (each.fit(*diabetes).coef_ for each in fits)
        np.testing.assert_array_equal(first, same)
        assert not np.array_equal(first, other)


def test_a_missing_scikit_learn_is_one_line():
    script = "import sys; sys.modules['sklearn'] = None; import steepest.estimators"
    errors = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False).stderr
    assert errors.splitlines()[-1].endswith('needs scikit-learn: pip install "steepest[sklearn]"')
    script = "import sys, steepest, steepest.fitting.fit; print('sklearn' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"
    )


class TestBadInput:
    @pytest.mark.parametrize(
        ("parameters", "error", "message"),
        [
            ({"model": "liner"}, ValueError, "model='liner' is not known"),
            ({"model": 3}, TypeError, "model=3: give one of"),
            ({"loss": "hinge"}, ValueError, "is for classes: use DescentClassifier"),
            ({"loss": "squard"}, ValueError, "did you mean 'squared'"),
            ({"penalty": "L2"}, ValueError, "penalty='L2' is not known"),
            ({"penalty": "l1"}, ValueError, "has no effect with alpha=0"),
            ({"alpha": -1}, ValueError, "alpha=-1: give a number that is 0 or more"),
            ({"l1_ratio": 2}, ValueError, "l1_ratio=2: give a number from 0 to 1"),
            ({"batch_size": 0}, ValueError, "batch_size=0: give a whole number"),
            ({"max_epochs": -1}, ValueError, "max_epochs=-1: give a whole number, 1 or more"),
            ({"tol": 0}, ValueError, "tol=0 can't be reached"),
            ({"start": [1.0]}, ValueError, "start= is for a model of your own"),
        ],
    )
    def test_parameters(self, diabetes, parameters, error, message):
        with pytest.raises(error, match=message):
            DescentRegressor(**parameters).fit(*diabetes)

    def test_rows(self, diabetes):
        X, y = diabetes
        frame = pd.DataFrame(X, columns=load_diabetes().feature_names)
        hole = frame.copy()
        hole.loc[3, "bmi"] = np.nan
        text = frame.assign(city="Oslo")
        for wrong, message in (hole, "X contains NaN, in row 3, column bmi"), (text, "columns city do not: encode"):
            with pytest.raises(ValueError, match=message):
                DescentRegressor().fit(wrong, y)
        with pytest.raises(ValueError, match="sample_weight has -1 in row 0"):
            DescentRegressor().fit(X, y, sample_weight=np.r_[-1.0, np.ones(441)])
        with pytest.raises(ValueError, match="sample_weight is zero in every row"):
            DescentRegressor().fit(X, y, sample_weight=np.zeros(442))
        with pytest.raises(NotFittedError):
            DescentRegressor().predict(X)

    def test_labels(self, diabetes):
        X, y = diabetes
        with pytest.raises(ValueError, match="continuous"):
            DescentClassifier().fit(X, y + 0.5)
        with pytest.raises(ValueError, match="y has only one class in the rows of positive weight, 1"):
            DescentClassifier().fit(X, np.ones(442, dtype=int))
        with pytest.raises(ValueError, match="is for numbers: use DescentRegressor"):
            DescentClassifier(loss="squared").fit(X, y > 100)

    def test_a_batch_larger_than_the_table_is_the_table(self, diabetes, regressor):
        np.testing.assert_allclose(DescentRegressor(batch_size=1000).fit(*diabetes).coef_, regressor.coef_, rtol=1e-12)


class TestOddInput:
    def test_columns_named_by_numbers(self, diabetes):
        X, y = diabetes
        frame = pd.DataFrame(X)
        frame.iloc[3, 2] = np.nan
        with pytest.raises(ValueError, match="contains NaN, in row 3, column 2"):
            DescentRegressor().fit(frame, y)
        named = frame.rename(columns="c{}".format).convert_dtypes()
        with pytest.raises(ValueError, match="contains NaN, in row 3, column c2"):
            DescentRegressor().fit(named, y)
        with pytest.raises(ValueError, match="the columns when do not"):
            DescentRegressor().fit(frame.fillna(0).assign(when=pd.Timestamp("2020-01-01")).rename(columns=str), y)

    def test_class_weight_of_an_unknown_label(self, iris):
        with pytest.raises(ValueError, match="class_weight has the label 7, but the classes are"):
            DescentClassifier(class_weight={7: 2.0}).fit(*iris)

    def test_functions_of_odd_shapes(self, diabetes):
        X, y = diabetes
        level = DescentRegressor(lambda X, w: w).fit(X, y)
        np.testing.assert_allclose(level.predict(X), np.full(len(y), y.mean()))
        with pytest.raises(TypeError, match="the model returned object at the start"):
            DescentRegressor(lambda X, w: None).fit(X, y)
        with pytest.raises(TypeError, match="takes w by name alone"):
            DescentRegressor(lambda X, *, w: X[:, 0] * w).fit(X, y)

    def test_a_fraction_out_of_range(self, diabetes):
        with pytest.raises(ValueError, match=r"validation_fraction=2.0: give the fraction"):
            DescentRegressor(early_stopping=True, validation_fraction=2.0).fit(*diabetes)

    def test_partial_fit_uses_changed_parameters(self, diabetes):
        X, y = diabetes
        same, other = (DescentRegressor(random_state=0).partial_fit(X[:200], y[:200]) for _ in range(2))
        same.partial_fit(X[200:], y[200:])
        other.set_params(alpha=100.0).partial_fit(X[200:], y[200:])
        assert np.abs(other.coef_).sum() < np.abs(same.coef_).sum()
        for parameters in ({"batch_size": 0}, {"batch_size": 2.7}, {"max_epochs": -1}):
            with pytest.raises(ValueError, match="give a whole number"):
                DescentRegressor(**parameters).partial_fit(X, y)

    @pytest.mark.parametrize("alpha", [1.0, 100.0])
    @pytest.mark.filterwarnings("ignore:.*outweighs the rows")
    def test_partial_fit_with_a_penalty_comes_near_the_best(self, alpha):
        X, y = load_breast_cancer(return_X_y=True)
        learner = DescentClassifier(alpha=alpha, random_state=0)
        for rows in np.array_split(np.random.default_rng(0).permutation(len(y)), 10):
            learner.partial_fit(X[rows], y[rows], classes=[0, 1])
        w, z = learner.coef_[0], learner.decision_function(X)
        least = DescentClassifier(alpha=alpha).fit(X, y).run_.fun
        assert np.mean(np.logaddexp(0, z) - y * z) + alpha / 2 * w @ w < 1.4 * least

    def test_probabilities_far_from_the_data(self):
        X, y = load_wine(return_X_y=True)
        fitted = DescentClassifier(penalty="l1", alpha=1e-3).fit(X, y)
        far = fitted.predict_proba(1e4 * np.random.default_rng(0).normal(size=(200, 13)) * X.std(axis=0))
        np.testing.assert_allclose(far.sum(axis=1), 1)
