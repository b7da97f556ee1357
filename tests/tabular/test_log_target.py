"""A target fitted as its logarithm, compared with scikit-learn, closed forms and a bootstrap."""

import csv

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error, r2_score

import steepest as st
from steepest.inspection.plots.fitted.predictions import predictions_of
from steepest.tabular.scale.log_target import LogTarget


def prices(rows=200, spread=0.6, seed=0):
    random = np.random.default_rng(seed)
    size = random.normal(size=rows)
    return pd.DataFrame({"size": size, "price": np.exp(1 + 0.5 * size + spread * random.normal(size=rows))})


@pytest.fixture(scope="module")
def fitted():
    return st.fit_table(prices(), "price", log_target=True, penalty=None)


class TestPredictions:
    def test_smearing_approaches_the_mean_of_a_lognormal_target(self):
        fitted = st.fit_table(prices(40_000), "price", log_target=True, penalty=None, held_out=0)
        at = np.array([-1.0, 0.0, 2.0])
        np.testing.assert_allclose(fitted.predict({"size": at}), np.exp(1 + 0.5 * at + 0.6**2 / 2), rtol=0.02)

    def test_a_few_impossible_rows_do_not_scale_all_predictions(self):
        frame = prices(2000, spread=0.2)
        # A size far beyond all others, as of a slip of the decimal point.
        frame.loc[[5, 7], "size"] = [-30.0, -25.0]
        fitted = st.fit_table(frame, "price", log_target=True, penalty=None, held_out=0)
        fair = frame.drop([5, 7])
        assert fitted.predict(fair).mean() == pytest.approx(fair["price"].mean(), rel=0.1)
        assert fitted.log_target.whole > 3 * fitted.log_target.factor
        assert "without 2 rows far from all others, with which it is" in fitted.notes[-1]

    def test_one_beyond_the_range_of_numbers_is_said(self, fitted):
        with pytest.warns(RuntimeWarning, match="row 2: .*beyond the range"):
            assert fitted.predict({"size": [0.0, 1e4]})[1] == np.inf

    def test_a_fit_that_goes_on_says_its_own_factor(self):
        short = st.fit_table(prices(), "price", log_target=True, penalty=None, batch_size=16, epochs=1)
        more = short.more(epochs=100)
        assert f"times {more.log_target.factor:.4g}," in more.notes[-1]
        assert more.log_target.factor != short.log_target.factor

    def test_they_are_those_of_scikit_learn_times_the_factor(self, fitted):
        frame = prices()
        known = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp)
        learned = frame[fitted.learnt]
        known.fit(learned[["size"]], learned["price"])
        factor = np.mean(learned["price"] / known.predict(learned[["size"]]))
        np.testing.assert_allclose(fitted.predict(frame), known.predict(frame[["size"]]) * factor, rtol=1e-9)

    def test_the_score_is_in_the_units_of_the_target(self, fitted):
        unseen = prices()[~fitted.learnt]
        predicted = fitted.predict(unseen)
        assert fitted.score.value == pytest.approx(r2_score(unseen["price"], predicted))
        assert fitted.score.loss == pytest.approx(mean_squared_error(unseen["price"], predicted))

    def test_pictures_of_predictions_have_the_units_of_the_target(self, fitted):
        drawn, frame = predictions_of(fitted), prices()
        learned = frame[fitted.learnt]
        np.testing.assert_allclose(drawn.truth[~drawn.unseen], learned["price"])
        np.testing.assert_allclose(drawn.outputs[~drawn.unseen], fitted.predict(learned))

    @pytest.mark.parametrize("loss", [st.losses.absolute, st.losses.Quantile(0.9)])
    def test_a_median_and_a_quantile_take_no_factor(self, loss):
        # The exponential keeps the order of numbers, so that of a quantile is the quantile.
        logs = np.log(prices()["price"].to_numpy())
        level = getattr(loss, "level", 0.5)
        guess = np.quantile(logs, level, method="inverted_cdf")
        scale = LogTarget.learn(loss, logs, np.full(len(logs), guess))
        assert scale.back(guess) == pytest.approx(np.quantile(prices()["price"], level, method="inverted_cdf"))
        assert scale.measured_by(loss) is loss
        assert scale.measured_by(st.losses.Huber(1.0)) is st.losses.squared

    def test_the_saved_folder(self, fitted, tmp_path):
        frame = prices()
        again = st.load(fitted.save(tmp_path))
        rows = list(csv.DictReader((tmp_path / "predictions.csv").read_text().splitlines()))
        unseen = frame[~fitted.learnt]
        np.testing.assert_array_equal([float(row["price"]) for row in rows], unseen["price"])
        np.testing.assert_allclose([float(row["predicted"]) for row in rows], fitted.predict(unseen))
        assert again == fitted
        for other in (again, fitted.more(), again.more(frame)):
            np.testing.assert_allclose(other.predict(frame), fitted.predict(frame), rtol=1e-9)
            assert other.score.value == pytest.approx(fitted.score.value)


class TestIntervals:
    def test_of_a_new_row_they_are_exponentials_of_those_of_least_squares(self, fitted):
        learned, at = prices()[fitted.learnt], np.array([-1.0, 0.5, 3.0])
        X, new = (np.column_stack([np.ones(len(x)), x]) for x in (learned["size"], at))
        w, squares, *_ = np.linalg.lstsq(X, np.log(learned["price"]), rcond=None)
        degrees = len(X) - 2
        reach = stats.t(degrees).ppf(0.975) * np.sqrt(
            squares / degrees * (1 + np.einsum("ij,jk,ik->i", new, np.linalg.inv(X.T @ X), new))
        )
        found = fitted.predict({"size": at}, interval="prediction")
        np.testing.assert_allclose(found.low, np.exp(new @ w - reach), rtol=1e-8)
        np.testing.assert_allclose(found.high, np.exp(new @ w + reach), rtol=1e-8)
        np.testing.assert_allclose(found.prediction, fitted.predict({"size": at}))

    def test_that_of_the_mean_has_the_error_of_a_bootstrap(self):
        frame, at = prices(1000, spread=1.0), np.array([-1.5, 0.0, 1.5])
        fitted = st.fit_table(frame, "price", log_target=True, penalty=None, held_out=0)
        found = fitted.predict({"size": at}, interval="confidence")
        random, X = np.random.default_rng(1), np.column_stack([np.ones(1000), frame["size"]])
        logs, means = np.log(frame["price"].to_numpy()), []
        for _ in range(1500):
            rows = random.integers(0, 1000, 1000)
            w = np.linalg.solve(X[rows].T @ X[rows], X[rows].T @ logs[rows])
            means.append(w[0] + w[1] * at + np.log(np.exp(logs[rows] - X[rows] @ w).mean()))
        error = np.log(found.high / found.low) / (2 * 1.962)
        np.testing.assert_allclose(error, np.std(means, axis=0), rtol=0.1)

    def test_none_is_made_up_if_the_factor_is_uncertain_or_not_that_of_all_rows(self):
        few = st.fit_table(prices(50, spread=1.7), "price", log_target=True, penalty=None, held_out=0)
        with pytest.raises(ValueError, match="the smearing factor has an error of"):
            few.predict({"size": [1.0]}, interval="confidence")
        frame = prices(1000)
        random = np.random.default_rng(2)
        frame["price"] = np.exp(
            1 + 0.5 * frame["size"] + (0.5 + frame["size"].rank() / 1000) * random.normal(size=1000)
        )
        uneven = st.fit_table(frame, "price", log_target=True, penalty=None, held_out=0)
        with pytest.raises(ValueError, match="the residuals scatter unevenly"):
            uneven.predict({"size": [1.0]}, interval="confidence")
        assert [each.name for each in uneven.warnings] == ["uneven scatter"]
        assert st.fit_table(prices(1000), "price", log_target=True).warnings == []

    def test_none_is_made_up_if_the_intercept_is_fixed(self):
        fitted = st.fit_table(prices(60), "price", log_target=True, penalty=None, fixed={"intercept": 1.0})
        with pytest.raises(ValueError, match="smearing factor is not known with an intercept that is fixed"):
            fitted.predict({"size": [1.0]}, interval="confidence")


class TestWords:
    def test_effects_are_relative(self, fitted):
        learned = prices()[fitted.learnt]
        growth = 100 * (np.exp(fitted.coefficients["size"] * learned["size"].std(ddof=0)) - 1)
        text = str(fitted)
        assert f"{growth:+.3g} %" in text
        assert "one unit more multiplies price by exp(coefficient)" in text
        assert "price: fitted as its logarithm" in text

    @pytest.mark.parametrize(
        ("values", "options", "message"),
        [
            ([1, 2, 0, 3], {}, "price: the value in row 3 is 0, and log_target=True .*use loss='poisson'"),
            ([1, -2, 0, 3], {}, "price: the value in row 2 is -2, .*or leave log_target=True out"),
            (["a", "b", "a", "c"], {}, "the target 'price' is one of classes: leave it out"),
            ([1, 2, 3, 4], {"task": "classification"}, "classes have no logarithm"),
            ([1, 2, 3, 4], {"loss": "gamma"}, "log_target=True and loss=.*gamma contradict each other"),
        ],
    )
    def test_what_has_no_logarithm_is_refused(self, values, options, message):
        with pytest.raises(ValueError, match=message):
            st.fit_table({"size": [1, 2, 3, 5], "price": values}, "price", log_target=True, **options)
