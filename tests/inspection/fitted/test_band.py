"""The bands of a fitted curve against NIST's certified deviations, closed forms, and SciPy's covariance."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats
from tests.oracles.nist import NonLinear

import steepest as st
from steepest.inspection import LineDisplay, TrainingDisplay, plot_run
from steepest.inspection.plots.fitted.band import band_of
from steepest.inspection.plots.line import curve_of

LINEAR = json.loads((Path(__file__).parents[2] / "oracles" / "nist_linear.json").read_text())["sets"]
# NIST, Statistical Reference Datasets, Norris: the standard deviations of the intercept and of the residuals.
NORRIS = {"intercept": 0.232818234301152, "residual": 0.884796396144373}
RNG = np.random.default_rng(0)
X = np.linspace(0, 3, 40)
Y = 2 * X + RNG.normal(size=40)


def cubic(z, y):
    return np.abs(z - y) ** 3


def norris(model=None):
    y, x = np.array(LINEAR["Norris"]["rows"]).T
    return x, y, st.fit(model or st.models.Linear(), x, y)


def band_at(fit, points):
    return band_of(fit, np.asarray(points, dtype=float), lambda x, params: curve_of(fit, x, params))


def test_the_band_of_norris_has_the_certified_deviations():
    x, _, fit = norris()
    band, why = band_at(fit, [0.0])
    t = stats.t.ppf(0.975, len(x) - 2)
    assert why == ""
    assert band.spread == pytest.approx(NORRIS["residual"], rel=1e-8)
    # At x = 0 the curve is the intercept.
    assert (band.curve_high - band.curve_low)[0] / 2 == pytest.approx(t * NORRIS["intercept"], rel=1e-8)


@pytest.mark.parametrize("model", [None, lambda x, m, b: m * x + b])
def test_the_band_of_a_line_is_the_textbook_one(model):
    x, y, fit = norris(model)
    display = LineDisplay.from_run(fit)
    at, line = display.line_x, stats.linregress(x, y)
    t, s = stats.t.ppf(0.975, len(x) - 2), NORRIS["residual"]
    share = 1 / len(x) + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum()
    middle = line.intercept + line.slope * at
    np.testing.assert_allclose(display.band.curve_high, middle + t * s * np.sqrt(share), rtol=1e-7)
    np.testing.assert_allclose(display.band.low, middle - t * s * np.sqrt(1 + share), rtol=1e-7, atol=1e-7)
    assert display.r2 == pytest.approx(line.rvalue**2, rel=1e-10)


@pytest.mark.parametrize("name", ["Misra1a", "Chwirut1", "DanWood", "Thurber"])
@pytest.mark.always(2)
def test_the_band_of_a_curve_is_that_of_the_covariance_of_scipy(name):
    data = NonLinear(name)
    fit = st.fit(data.predict, data.x, data.y, start=data.starts[1])
    display = LineDisplay.from_run(fit, size=15)
    _, covariance = optimize.curve_fit(data.predict, data.x, data.y, data.certified, maxfev=20_000, xtol=1e-14)
    step = 1e-6 * np.abs(data.certified)
    shifts = np.diag(step)
    g = np.array([
        (data.predict(display.line_x, *(data.certified + h)) - data.predict(display.line_x, *(data.certified - h)))
        for h in shifts
    ]) / (2 * step[:, None])  # fmt: skip
    t = stats.t.ppf(0.975, len(data.y) - len(data.certified))
    error = t * np.sqrt(np.einsum("ip,ij,jp->p", g, covariance, g))
    np.testing.assert_allclose((display.band.curve_high - display.band.curve_low) / 2, error, rtol=1e-3)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"penalty": st.penalties.L2(0.1)}, "a penalty draws it away from least squares"),
        ({"loss": "absolute", "step": 0.1, "epochs": 3}, "its loss is the absolute one, not the squared"),
        ({"sample_weight": np.linspace(1, 2, 40)}, "its rows have different weights"),
        ({"step": 0.1, "epochs": 3}, "its descent ended before least squares"),
    ],
)
def test_without_the_theory_the_band_is_that_of_the_residuals_and_says_so(how, why):
    display = LineDisplay.from_run(st.fit(st.models.Linear(), X, Y, **how))
    assert display.band.curve_low is None
    assert display.note == why
    assert display.caption.endswith(f"it is not one of confidence, because {why}.")
    residuals = Y - np.interp(X, display.line_x, display.line_y)
    inside = (residuals > (display.band.low - display.line_y)[0]) & (
        residuals < (display.band.high - display.line_y)[0]
    )
    assert inside.mean() == pytest.approx(0.9, abs=0.026)
    labels = [text.get_text() for text in display.plot().ax_.get_legend().get_texts()]
    assert labels == ["data", "fit", "90 % of residuals"]


def test_parameters_that_the_rows_do_not_determine_have_no_theory():
    display = LineDisplay.from_run(st.fit(lambda x, a, b, c: a * x + b * x + c, X, Y))
    assert display.note == "the rows do not determine its parameters"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: st.fit(st.models.Linear(), X, 2 * X), "it goes through every row"),
        (lambda: st.fit(st.models.Logistic(), X, (Y > 3) * 1.0), "it predicts classes"),
        (
            lambda: st.fit(st.models.Poisson(), X, np.round(abs(Y)), step=0.01, epochs=1),
            "the spread of counts grows with the mean",
        ),
        (
            lambda: st.fit(st.models.Linear(), X, Y, loss=cubic, step=1e-3, epochs=1),
            "its loss is a function of your own",
        ),
    ],
)  # fmt: skip
def test_where_nothing_true_can_be_drawn_there_is_no_band(make, why):
    display = LineDisplay.from_run(make())
    assert display.band is None
    assert display.caption.endswith(f"there is no band, because {why}.")
    assert not [each for each in display.plot().ax_.collections if each.get_label() not in ("data",)]


def test_rows_kept_for_validation_do_not_count():
    fit = st.fit(st.models.Linear(), X, Y, validation=0.25, rng=0)
    assert "the fit to 30 of 40 rows" in LineDisplay.from_run(fit).caption
    alone = st.fit(st.models.Linear(), X[fit.basis.learnt], Y[fit.basis.learnt])
    assert band_at(fit, [1.0])[0].spread == pytest.approx(band_at(alone, [1.0])[0].spread, rel=1e-6)


def test_the_picture_of_a_fit_has_both_bands_and_its_training_none():
    fit = st.fit(st.models.Linear(), X, Y)
    display = plot_run(fit)
    assert type(display) is LineDisplay
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["data", "fit", "95 % confidence", "95 % of new rows"]
    table = display.table()
    assert list(table) == ["x", "fit", "curve low", "curve high", "low", "high"]
    assert (table["low"] < table["curve low"]).all()
    assert "holds the true curve with 95 % confidence" in display.caption
    assert TrainingDisplay.from_run(fit).line.band is None


def test_a_table_of_one_column_has_its_band():
    fit = st.fit_table({"age": X, "height": Y}, target="height", held_out=0)
    assert plot_run(fit).band.has_theory
