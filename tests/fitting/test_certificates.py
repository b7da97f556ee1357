"""Certificates held against extended precision, against what they are derived from, and against their promise."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from tests import convex

import steepest as st
from steepest.fitting.certificate import gap


@pytest.mark.parametrize("decrement", [1e-6, 1e-3, 0.1, 0.4])
def test_the_formula_is_the_least_that_the_inequality_allows(decrement):
    radius = 2.0

    def lowest(r):
        return (np.expm1(-radius * r) + radius * r) / radius**2 - decrement * r

    found = minimize_scalar(lowest, bounds=(0, 10), method="bounded", options={"xatol": 1e-12})
    np.testing.assert_allclose(gap(decrement, radius, straight=False), -found.fun, rtol=1e-3, atol=1e-16)
    assert gap(decrement, 0.0, straight=True) == decrement**2 / 2


def test_no_certificate_of_random_problems_lies_below_the_truth():
    made = tight = 0
    for _, bounds, gaps, values in convex.trials(2_000, seed=7):
        known = np.isfinite(bounds) & np.isfinite(gaps)
        assert np.all(bounds[known] >= gaps[known])
        above_rounding = known & (gaps > 1e-10 * np.abs(values))
        tight += np.count_nonzero(bounds[above_rounding] < 1.2 * gaps[above_rounding])
        made += np.count_nonzero(above_rounding)
    assert made > 500
    assert tight > 0.7 * made


@pytest.mark.parametrize(
    "penalty", [None, st.penalties.L2(1e-2), st.penalties.L1(1e-2), st.penalties.ElasticNet(1e-2, 1)]
)
@pytest.mark.parametrize("loss", ["squared", "log loss", "poisson"])
def test_a_fit_stops_by_its_certificate_and_keeps_what_it_promises(loss, penalty):
    rng = np.random.default_rng(11)
    X = rng.standard_normal((80, 4)) * [1, 10, 1, 1] + [0, 1e4, 5, 1]
    z = (X - X.mean(axis=0)) @ [1, 0.05, 0, -1]
    y = {"squared": z, "log loss": rng.uniform(size=80) < 1 / (1 + np.exp(-z)), "poisson": rng.poisson(np.exp(z / 2))}
    words = {"loss": loss, "penalty": penalty}
    fit = st.fit(st.models.Linear(), X, y[loss], tolerance=1e-4, **words)
    best = st.fit(st.models.Linear(), X, y[loss], tolerance=1e-13, **words)
    assert (fit.outcome, fit.certificate.kind, best.certificate.kind) == ("converged", "certified", "certified")
    assert fit.fun - best.fun <= fit.certificate.gap <= fit.certificate.tolerance


def test_other_rules_are_certified_too():
    rng = np.random.default_rng(12)
    X = rng.standard_normal((80, 3))
    y = rng.uniform(size=80) < 1 / (1 + np.exp(-X[:, 0]))
    for words in ({"direction": "l-bfgs"}, {"step": 1.0, "tolerance": 1e-6}):
        assert st.fit(st.models.Logistic(), X, y, **words).certificate.kind == "certified"


def test_an_event_tells_where_there_was_no_certificate_yet():
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    fit = st.fit(st.models.Logistic(), X, y, penalty=st.penalties.L2(1e-6))
    assert [event.detail for event in fit.events] == ["no certificate yet: the descent goes on"]
    assert fit.certificate.kind == "certified"
