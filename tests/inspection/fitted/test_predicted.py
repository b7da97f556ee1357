"""Predicted against true, and residuals, against scikit-learn, closed forms and the rows of a fit."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

import steepest as st
from steepest.inspection import LineDisplay, PredictedDisplay, ResidualsDisplay, RocDisplay

metrics = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
Y = X @ [1.0, 2.0, -1.0] + RNG.normal(size=300)
TABLE = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "height": Y}


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_score_is_that_of_sklearn_with_weights():
    weight = RNG.uniform(size=300)
    predicted = Y + RNG.normal(size=300)
    display = PredictedDisplay(Y, predicted, weight)
    assert display.r2 == pytest.approx(metrics.r2_score(Y, predicted, sample_weight=weight))
    assert display.error == pytest.approx(metrics.root_mean_squared_error(Y, predicted, sample_weight=weight))


def test_rows_of_the_fit_are_named_as_such():
    fit = st.fit(st.models.Linear(), X, Y)
    display = PredictedDisplay.from_run(fit)
    np.testing.assert_allclose(display.predicted, fit.predict(X))
    assert "on the 300 rows it was fitted to" in display.caption
    assert texts(display.plot().ax_) == ["predicted exactly", "fitted rows"]
    new = PredictedDisplay.from_run(fit, X[:9], Y[:9])
    assert "on the 9 rows given" in new.caption
    assert new.r2 == pytest.approx(metrics.r2_score(Y[:9], fit.predict(X[:9])))


def test_the_rows_held_out_of_a_table_are_apart():
    fit = st.fit_table(TABLE, "height", rng=0)
    display = PredictedDisplay.from_run(fit)
    assert (display.unseen.sum(), (~display.unseen).sum()) == (60, 240)
    assert display.r2 == pytest.approx(fit.score.value)
    assert f"R² is {fit.score.value:.3f} on 60 held-out rows" in display.caption
    assert "on the 240 rows it was fitted to" in display.caption
    ax = display.plot().ax_
    assert (ax.get_xlabel(), texts(ax)) == ("true height", ["predicted exactly", "fitted rows", "held out"])
    assert len(ResidualsDisplay.from_run(fit).residuals) == 60
    again = PredictedDisplay.from_run(fit, TABLE)
    np.testing.assert_allclose(np.sort(again.predicted), np.sort(display.predicted))


@pytest.mark.parametrize("validation", [0.2, (X[:60], Y[:60])])
def test_rows_for_validation_are_apart(validation):
    rows = slice(None) if validation == 0.2 else slice(60, None)
    fit = st.fit(st.models.Linear(), X[rows], Y[rows], validation=validation, rng=0)
    display = PredictedDisplay.from_run(fit)
    assert display.unseen.sum() == 60
    assert ((display.truth - display.predicted)[display.unseen] ** 2).mean() == pytest.approx(
        fit.trace.validation.min(), rel=1e-6
    )


def test_rows_without_a_weight_are_left_out():
    fit = st.fit(st.models.Linear(), X, Y, sample_weight=np.r_[np.zeros(100), np.ones(200)])
    assert len(PredictedDisplay.from_run(fit).truth) == 200


def test_many_rows_are_cells_and_the_held_out_ones_alone():
    truth = RNG.normal(size=20_000)
    display = PredictedDisplay(truth, truth + 1, unseen=np.arange(20_000) < 5_000).plot()
    cells, _ = display.ax_.collections
    assert np.sum(cells.get_array()) == 5_000
    assert texts(display.ax_)[1].startswith("held out (cells of 1 to")


def test_residuals_have_the_moments_of_numpy():
    display = ResidualsDisplay(Y, np.zeros(300))
    assert (display.bias, display.spread) == pytest.approx((Y.mean(), Y.std()))
    assert display.far == np.mean(np.abs(Y - Y.mean()) > 3 * Y.std())
    places, apart = display.normal
    (known, _), _ = stats.probplot(Y, fit=True), None
    np.testing.assert_allclose(places, known[0], atol=0.2)
    np.testing.assert_allclose(apart, (np.sort(Y) - Y.mean()) / Y.std())


def test_the_running_band_follows_the_spread():
    # The residuals are normal with a spread that equals the prediction, and their median is 0.
    predicted = RNG.uniform(1, 2, 60_000)
    display = ResidualsDisplay(predicted * (1 + RNG.normal(size=60_000)), predicted)
    at, middle, low, high = display.running
    assert len(at) == 20
    np.testing.assert_allclose(middle, 0, atol=0.2)
    np.testing.assert_allclose((high - low) / 2, at, rtol=0.1)
    assert "68 % band" in display.caption


def test_residuals_are_drawn_on_two_axes_or_one():
    display = ResidualsDisplay.from_run(st.fit(st.models.Linear(), X, Y)).plot()
    left, right = display.axes_
    assert left.get_ylabel() == "residual (true − predicted)"
    assert right.get_xlabel().startswith("expected of a normal distribution")
    assert ResidualsDisplay(Y, X[:, 0]).plot(left).axes_ == (left,)
    with pytest.raises(ValueError, match=r"got 3 axes, and this picture is drawn on 2"):
        display.plot([left, right, left])


def test_rows_that_are_not_finite_are_left_out_and_said():
    display = ResidualsDisplay([1, np.nan, 3, 4, 1e300], [1, 2, np.inf, 5, 0])
    np.testing.assert_array_equal(display.residuals, [0, -1])
    assert display.caption.endswith("3 rows that are not finite, or above 1e+150, are left out.")
    with pytest.raises(ValueError, match=r"none of 1 rows has a finite target and prediction"):
        PredictedDisplay([np.nan], [1])


@pytest.mark.parametrize(("truth", "predicted"), [([1.0], [2.0]), (np.ones(50), np.full(50, 3.0)), (Y, np.zeros(300))])
def test_one_row_equal_targets_and_equal_predictions_are_drawn(truth, predicted, saved):
    display = PredictedDisplay(truth, predicted)
    assert ("There is no R²" in display.caption) == (len(set(truth)) == 1)
    saved(display)
    saved(ResidualsDisplay(truth, predicted))


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
@pytest.mark.parametrize("model", [st.models.Linear(), lambda X, a, b, c: a * X[:, 0] + b * X[:, 1] + c])
@pytest.mark.always(2)
def test_the_logarithms_of_means_are_shown_as_means(loss, model):
    counts = np.random.default_rng(1).poisson(np.exp(0.5 * X[:, 0] + 1)) + 1.0
    fit = st.fit(model, X[:, :2], counts, loss=loss)
    means = np.exp(fit.predict(X[:, :2]))
    display, residuals = PredictedDisplay.from_run(fit), ResidualsDisplay.from_run(fit)
    assert display.r2 == pytest.approx(metrics.r2_score(counts, means))
    np.testing.assert_allclose(residuals.residuals, counts - means)
    for caption in (display.caption, residuals.caption):
        assert "exp of the outputs" in caption
    column = st.fit(st.models.Linear(), X[:, 0], counts, loss=loss)
    line = LineDisplay.from_run(column)
    np.testing.assert_allclose(line.line_y, np.exp(column.predict(line.line_x)))
    assert "exp of the outputs" in line.caption


def test_models_that_predict_means_are_not_translated_again():
    counts = np.random.default_rng(1).poisson(np.exp(0.5 * X[:, 0]))
    fit = st.fit(st.models.Poisson(), X, counts)
    display = PredictedDisplay.from_run(fit)
    np.testing.assert_allclose(display.predicted, fit.predict(X))
    assert "exp of" not in display.caption


def test_log_odds_are_shown_as_probabilities():
    fit = st.fit(st.models.Linear(), X[:, 0], (Y > 0).astype(float), loss="log loss")
    line = LineDisplay.from_run(fit)
    np.testing.assert_allclose(line.line_y, expit(fit.predict(line.line_x)))
    assert "log odds" in line.caption
    assert "log odds" in RocDisplay.from_run(fit).caption


def test_the_pictures_of_a_fit_have_one_r2():
    x = X[:, 0]
    for weight in (np.random.default_rng(2).uniform(0.1, 5, 300), (np.arange(300) < 150).astype(float)):
        fit = st.fit(st.models.Linear(), x, Y, sample_weight=weight)
        expected = metrics.r2_score(Y, fit.predict(x), sample_weight=weight)
        assert LineDisplay.from_run(fit).r2 == pytest.approx(expected)
        assert PredictedDisplay.from_run(fit).r2 == pytest.approx(expected)


def test_one_value_is_no_span():
    display = PredictedDisplay(Y, np.zeros(300))
    assert "Predictions are all 0, true values go from" in display.caption
    predicted = np.r_[np.linspace(0, 1, 200), np.linspace(2, 3, 100)]
    level = ResidualsDisplay(np.r_[np.zeros(200), Y[:100]], predicted)
    assert "times the narrowest" in level.caption
    flat = ResidualsDisplay(np.r_[predicted[:200], Y[:100]], predicted)
    assert "the narrowest 68 % band has no width" in flat.caption


def test_a_fit_that_diverged_says_whose_parameters_are_shown():
    fit = st.fit(st.models.Linear(), X[:, 0], Y, step=50.0)
    assert fit.outcome == "diverged"
    for display in (PredictedDisplay, ResidualsDisplay, LineDisplay):
        assert "diverged, and these are the parameters of its best epoch, 0." in display.from_run(fit).caption
    assert "best epoch" not in PredictedDisplay.from_run(st.fit(st.models.Linear(), X, Y)).caption
