"""Tests of penalties with scales: a penalty on standardised columns is that of columns standardised by hand."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import steepest as st
from steepest.models.penalties import L1, L2, ElasticNet


def test_scales_multiply_the_weights():
    weights = np.array([2.0, -4.0])
    assert L1(0.5, scales=(3, 1))(weights) == 5
    assert L2(0.5, scales=(3, 1))(weights) == 0.25 * (36 + 16)
    assert ElasticNet(0.5, 0.5, scales=(3, 1))(weights) == 5 + 13
    # The coefficients of several classes follow one another.
    assert L1(1.0, scales=(3, 1))(np.array([1.0, 1.0, 2.0, 0.0])) == 10


@pytest.mark.parametrize("scales", ["deviation", (), (1.0, -1.0), (1.0, np.inf), 3.0])
def test_scales_that_make_no_sense_are_refused(scales):
    with pytest.raises(ValueError, match="give a finite number above 0 for each column, or 'standard'"):
        L2(0.1, scales=scales)


@pytest.mark.parametrize("penalty", [L2(0.3), ElasticNet(0.1, 0.2)], ids=lambda p: type(p).__name__)
def test_a_fit_on_standardised_columns_is_that_of_columns_standardised_by_hand(penalty):
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 3)) * [1, 1e3, 1e-3] + [0, 5, 1]
    y, deviation = random.normal(size=60) + X[:, 0], X.std(axis=0)
    kind, *numbers = (
        type(penalty),
        *[getattr(penalty, name) for name in ("strength", "l1", "l2") if hasattr(penalty, name)],
    )
    ours = st.fit(st.models.Linear(), X, y, penalty=kind(*numbers, scales="standard"))
    by_hand = st.fit(st.models.Linear(), (X - X.mean(axis=0)) / deviation, y, penalty=penalty)
    assert ours.outcome == "converged"
    assert ours.certificate.kind == "certified"
    np.testing.assert_allclose(ours.params["coef"] * deviation, by_hand.params["coef"], rtol=1e-6, atol=1e-9)
    assert ours.basis.penalty.scales == pytest.approx(deviation)


def test_errors_under_a_penalty_on_standardised_columns(tmp_path):
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 3)) * [1, 1e3, 1e-3]
    y, deviation = random.normal(size=60) + X[:, 0], X.std(axis=0)
    ours = st.fit(st.models.Linear(), X, y, penalty=L2(0.3, scales="standard"))
    by_hand = st.fit(st.models.Linear(), X / deviation, y, penalty=L2(0.3))
    np.testing.assert_allclose(ours.uncertainty().flat_errors[:3] * deviation, by_hand.uncertainty().flat_errors[:3])
    ours.save(tmp_path / "fit")
    assert st.load(tmp_path / "fit").more(X, y, epochs=1).params["coef"] == pytest.approx(ours.params["coef"])


def test_scales_of_another_number_of_columns_and_of_other_models_are_refused():
    X, y = np.ones((4, 2)), np.ones(4)
    with pytest.raises(ValueError, match="3 scales, and the model has 2 columns"):
        st.fit(st.models.Linear(), X, y, penalty=L2(0.1, scales=(1, 2, 3)))
    with pytest.raises(ValueError, match="columns of a linear model"):
        st.fit(lambda X, w: X @ w, X, y, start={"w": np.ones(2)}, penalty=L2(0.1, scales="standard"))


def test_the_penalty_of_a_stream_is_measured_on_its_columns():
    random = np.random.default_rng(0)
    x = random.normal(size=(4000, 2))
    y = (x.sum(axis=1) + random.logistic(size=4000) > 0).astype(float)

    def learnt(units):
        blocks = ((x[k : k + 200] * units, y[k : k + 200]) for k in range(0, 4000, 200))
        penalty = L2(0.1, scales="standard")
        return st.fit(st.models.Logistic(), blocks, penalty=penalty, shuffle=False).params["coef"] * units

    one, other = learnt(np.ones(2)), learnt(np.array([1e-3, 1e3]))
    np.testing.assert_allclose(one, other, rtol=1e-3)
    np.testing.assert_allclose(one, LogisticRegression(C=1 / (0.1 * 4000)).fit(x, y).coef_[0], rtol=0.1)
