"""Intervals of predictions against statsmodels, SciPy's line and NIST's curves."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats
from tests.oracles.nist import NonLinear

import steepest as st

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "intervals.json").read_text())
X, NEW = np.array(ORACLE["X"]), np.array(ORACLE["statsmodels"]["new"])
MODELS = {
    "linear": st.models.Linear(),
    "logistic": st.models.Logistic(),
    "poisson": st.models.Poisson(),
    "gamma": st.models.Gamma(),
}
LINE_X = np.linspace(0, 3, 25)
LINE_Y = 2 * LINE_X + np.random.default_rng(1).normal(size=25)


@cache
def fit_of(name):
    return st.fit(MODELS[name], X, np.array(ORACLE["targets"][name]))


def new_fit(name, **how):
    return st.fit(MODELS[name], X, np.array(ORACLE["targets"][name]), **how)


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.always(2)
def test_the_band_of_a_model_is_that_of_statsmodels(name):
    found = fit_of(name).predict(NEW, interval="confidence")
    np.testing.assert_allclose(np.asarray(found), ORACLE["statsmodels"][name]["band"], rtol=1e-7)


def test_the_band_of_new_rows_is_that_of_statsmodels():
    fit = fit_of("linear")
    prediction, low, high = fit.predict(NEW, interval="prediction")
    np.testing.assert_allclose(np.column_stack([low, high]), ORACLE["statsmodels"]["linear"]["new rows"], rtol=1e-8)
    np.testing.assert_array_equal(prediction, fit.predict(NEW))


@pytest.mark.parametrize("model", [st.models.Linear(), lambda x, m, b: m * x + b])
@pytest.mark.parametrize("level", [0.5, 0.99])
@pytest.mark.always(2)
def test_the_bands_of_a_line_are_the_textbook_ones(model, level):
    fit, line = st.fit(model, LINE_X, LINE_Y), stats.linregress(LINE_X, LINE_Y)
    at = np.array([-5.0, 0.3, 1.5, 40.0])
    s = np.sqrt(((LINE_Y - line.intercept - line.slope * LINE_X) ** 2).sum() / 23)
    share = 1 / 25 + (at - LINE_X.mean()) ** 2 / ((LINE_X - LINE_X.mean()) ** 2).sum()
    t, middle = stats.t.ppf((1 + level) / 2, 23), line.intercept + line.slope * at
    curve = fit.predict(at, interval="confidence", level=level)
    rows = fit.predict(at, interval="prediction", level=level)
    np.testing.assert_allclose(curve.high - middle, t * s * np.sqrt(share), rtol=1e-7)
    np.testing.assert_allclose(middle - rows.low, t * s * np.sqrt(1 + share), rtol=1e-7)
    assert (curve.level, curve.interval, rows.interval) == (level, "confidence", "prediction")


@pytest.mark.parametrize("name", ["Misra1a"])
def test_the_band_of_a_curve_is_that_of_the_covariance_of_scipy(name):
    data = NonLinear(name)
    fit = st.fit(data.predict, data.x, data.y, start=data.starts[1])
    _, covariance = optimize.curve_fit(data.predict, data.x, data.y, data.certified, maxfev=20_000, xtol=1e-14)
    at = np.linspace(data.x.min(), data.x.max(), 9)
    steps = np.diag(1e-6 * np.abs(data.certified))
    g = np.array([(data.predict(at, *(data.certified + h)) - data.predict(at, *(data.certified - h))) for h in steps])
    g /= 2 * np.diag(steps)[:, None]
    t = stats.t.ppf(0.975, len(data.y) - len(data.certified))
    error = t * np.sqrt(np.einsum("ip,ij,jp->p", g, covariance, g))
    _, low, high = fit.predict(at, interval="confidence")
    np.testing.assert_allclose((high - low) / 2, error, rtol=1e-3)


def test_columns_far_from_0_do_not_blur_the_band():
    # Years, of which the intercept is the value two thousand years before.
    near = st.fit(st.models.Linear(), LINE_X, LINE_Y).predict(LINE_X, interval="confidence")
    far = st.fit(st.models.Linear(), LINE_X + 2e6, LINE_Y).predict(LINE_X + 2e6, interval="confidence")
    np.testing.assert_allclose(far.high - far.low, near.high - near.low, rtol=1e-4)


def test_a_frame_and_names_of_columns():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["age", "dose"])
    fit = st.fit(st.models.Linear(), table, np.array(ORACLE["targets"]["linear"]))
    new = pandas.DataFrame(NEW, columns=["age", "dose"])[["dose", "age"]]
    frame = fit.predict(new, interval="confidence").to_frame()
    assert list(frame) == ["prediction", "low", "high"]
    np.testing.assert_allclose(frame, ORACLE["statsmodels"]["linear"]["band"], rtol=1e-7)


def test_sparse_rows_have_the_same_band():
    from scipy.sparse import csr_array

    y = np.array(ORACLE["targets"]["poisson"])
    found = st.fit(st.models.Poisson(), csr_array(X), y).predict(csr_array(NEW), interval="confidence")
    np.testing.assert_allclose(np.asarray(found), ORACLE["statsmodels"]["poisson"]["band"], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "interval", "why"),
    [
        (lambda: fit_of("linear"), "predictions", 'give "confidence", for the curve, or "prediction"'),
        (lambda: fit_of("linear"), True, 'give "confidence"'),
        (lambda: fit_of("logistic"), "prediction", "known for the squared loss, and not for the log loss one"),
        (lambda: fit_of("gamma"), "prediction", "known for the squared loss, and not for the Gamma one"),
        (lambda: new_fit("linear", penalty=st.penalties.L2(0.1)), "prediction", "a penalty draws the curve away"),
        (lambda: new_fit("linear", loss="quantile", step=0.1, epochs=2), "confidence", "the quantile loss has kinks"),
        (
            lambda: st.fit(lambda x, a, b, c: a * x + b * x + c, LINE_X, LINE_Y),
            "confidence",
            "the rows do not determine a, b",
        ),
    ],
)
def test_an_interval_that_does_not_follow_from_the_fit_is_refused_with_the_reason(make, interval, why):
    fit = make()
    rows = LINE_X if len(fit.data[0]) == 25 else NEW
    with pytest.raises(ValueError, match=why):
        fit.predict(rows, interval=interval)


def test_the_band_of_a_fit_that_has_not_converged_warns():
    fit = new_fit("linear", step=1e-7, epochs=2)
    with pytest.warns(RuntimeWarning, match="standard errors before the minimum") as seen:
        fit.predict(NEW, interval="confidence")
    assert seen[0].filename == __file__


def test_a_row_without_a_prediction_has_no_band_and_leaves_the_others_theirs():
    fit = st.fit(lambda x, a, b: a * np.log(x) + b, LINE_X + 1, LINE_Y)
    found = np.asarray(fit.predict(np.array([2.0, -1.0, 3.0]), interval="confidence"))
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[[0, 2]], np.asarray(fit.predict(np.array([2.0, 3.0]), interval="confidence")))


def test_a_level_needs_an_interval():
    with pytest.raises(ValueError, match=r"level=0\.9 is for intervals: give interval="):
        fit_of("linear").predict(NEW, level=0.9)


@pytest.mark.parametrize("level", [0, 1, 95, "high"])
def test_a_level_out_of_range_is_refused(level):
    with pytest.raises(ValueError, match="level="):
        fit_of("linear").predict(NEW, interval="confidence", level=level)
