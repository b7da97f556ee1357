"""How often 95 % intervals hold the truth in simulated fits."""

import numpy as np
import pytest

import steepest as st

FITS, LEVEL = 2_000, 0.95


def coverage(intervals, truth):
    """Return the share of intervals that hold the truth, for each parameter."""
    low, high = np.moveaxis(np.asarray(intervals), -1, 0)
    return ((low <= truth) & (truth <= high)).mean(axis=0)


def test_intervals_of_a_line_hold_the_truth_in_19_of_20_samples():
    # A linear fit has the same covariance / s² for all targets, so one fit gives the intervals of all samples.
    rng = np.random.default_rng(8)
    x, truth = np.linspace(0, 1, 8), np.array([2.0, 1.0])
    y = truth[0] * x + truth[1] + rng.normal(size=(FITS, 8))
    errors = st.fit(lambda x, m, b: m * x + b, x, y[0]).uncertainty(level=LEVEL)
    A = np.column_stack([x, np.ones(8)])
    estimates, rest = np.linalg.lstsq(A, y.T, rcond=None)[:2]
    spread = np.sqrt(rest / 6)[:, None] * errors.flat_errors / np.sqrt(errors.scale)
    reach = errors.quantile() * spread
    shares = coverage(np.stack([estimates.T - reach, estimates.T + reach], axis=-1), truth)
    np.testing.assert_allclose(shares, LEVEL, atol=0.01)
    # The simulated samples scatter as their errors say.
    np.testing.assert_allclose(estimates.std(axis=1), errors.flat_errors / np.sqrt(errors.scale), rtol=0.05)


def curve(x, height, rate):
    return height * np.exp(-rate * x)


@pytest.mark.nightly
@pytest.mark.parametrize("method", ["wald", "profile"])
def test_intervals_of_a_curve_hold_the_truth_in_19_of_20_samples(method):
    rng = np.random.default_rng(1)
    x, truth = np.linspace(0, 3, 25), np.array([3.0, 1.2])
    found = []
    for _ in range(FITS):
        fit = st.fit(curve, x, curve(x, *truth) + 0.1 * rng.normal(size=25), start={"height": 2.0, "rate": 1.0})
        intervals = fit.confidence_intervals(LEVEL, method=method)
        found.append([intervals["height"], intervals["rate"]])
    np.testing.assert_allclose(coverage(found, truth), LEVEL, atol=0.01)


@pytest.mark.nightly
@pytest.mark.parametrize("method", ["wald", "profile"])
def test_intervals_of_counts_hold_the_truth_in_19_of_20_samples(method):
    rng = np.random.default_rng(2)
    X, truth = rng.normal(size=(60, 2)), np.array([0.4, -0.3, 1.5])
    found = []
    for _ in range(FITS):
        y = rng.poisson(np.exp(X @ truth[:-1] + truth[-1])).astype(float)
        intervals = st.fit(st.models.Poisson(), X, y).confidence_intervals(LEVEL, method=method)
        found.append(np.vstack([intervals["coef"], intervals["intercept"]]))
    np.testing.assert_allclose(coverage(found, truth), LEVEL, atol=0.01)


@pytest.mark.nightly
def test_bands_hold_the_curve_and_new_rows_in_19_of_20_samples():
    rng = np.random.default_rng(3)
    x, truth, at = np.linspace(0, 3, 25), np.array([3.0, 1.2]), np.array([0.5, 2.0])
    curves, rows = [], []
    for _ in range(FITS):
        fit = st.fit(curve, x, curve(x, *truth) + 0.1 * rng.normal(size=25), start={"height": 2.0, "rate": 1.0})
        _, low, high = fit.predict(at, interval="confidence", level=LEVEL)
        curves.append(np.column_stack([low, high]))
        _, low, high = fit.predict(at, interval="prediction", level=LEVEL)
        new = 0.1 * rng.normal(size=2)
        rows.append(np.column_stack([low - new, high - new]))
    np.testing.assert_allclose(coverage(curves, curve(at, *truth)), LEVEL, atol=0.01)
    np.testing.assert_allclose(coverage(rows, curve(at, *truth)), LEVEL, atol=0.01)
