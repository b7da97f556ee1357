"""Tests of fits with penalty="auto": what they choose, what they say, and that saving and going on keep it."""

import numpy as np
import pytest

import steepest as st
from steepest import models

TRUTH = np.linspace(-0.5, 0.5, 30)


@pytest.fixture(scope="module")
def noisy():
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 30)) * 10.0 ** random.integers(-2, 3, 30)
    return X, X / X.std(axis=0) @ TRUTH + 3 * random.normal(size=60)


@pytest.fixture(scope="module")
def fit(noisy):
    return st.fit(models.Linear(), *noisy, penalty="auto")


def test_the_choice_beats_no_penalty_on_new_rows_in_any_units(noisy, fit):
    X, y = noisy
    new = np.random.default_rng(1).normal(size=(500, 30)) * X.std(axis=0)
    truth = new / X.std(axis=0) @ TRUTH
    bare = st.fit(models.Linear(), X, y)
    assert np.mean((fit.predict(new) - truth) ** 2) < 0.7 * np.mean((bare.predict(new) - truth) ** 2)
    units = np.geomspace(1e-4, 1e4, 30)
    other = st.fit(models.Linear(), X * units, y, penalty="auto")
    assert other.path.chosen == fit.path.chosen
    np.testing.assert_allclose(other.params["coef"] * units, fit.params["coef"], rtol=1e-6, atol=1e-12)


def test_the_strength_is_said_in_both_units_and_the_errors_take_it_as_fixed(noisy, fit):
    low, high = fit.path.own
    deviation = noisy[0].std(axis=0)
    assert (low, high) == pytest.approx(
        (fit.path.chosen * deviation.min() ** 2, fit.path.chosen * deviation.max() ** 2)
    )
    assert f"L2({fit.path.chosen:.3g}) on standardised columns ({low:.3g} to {high:.3g} in the units" in str(fit)
    assert "strength taken as fixed" in fit.uncertainty().label


def test_a_clean_table_keeps_its_exact_coefficients(noisy):
    X, truth = noisy[0], np.arange(30.0)
    fit = st.fit(models.Linear(), X, X @ truth + 1, penalty="auto")
    assert fit.path.chosen == 0
    assert fit.basis.penalty is None
    np.testing.assert_allclose(fit.params["coef"], truth, atol=1e-9)


def test_a_saved_fit_keeps_its_path_and_goes_on_with_its_penalty(noisy, fit, tmp_path):
    fit.save(tmp_path / "fit")
    loaded = st.load(tmp_path / "fit")
    assert str(loaded.path) == str(fit.path)
    more = loaded.more(*noisy, epochs=1)
    assert more.path.why == fit.path.why
    np.testing.assert_allclose(more.params["coef"], fit.params["coef"], rtol=1e-9)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ('is not known: give "auto"', {"penalty": "automatic"}),
        ("without bounds", {"bounds": {"coef": (0, None)}}),
        ("losses of the library", {"loss": lambda z, y: (z - y) ** 2}),
    ],
)
def test_what_can_not_be_chosen_is_refused(noisy, words, options):
    with pytest.raises(ValueError, match=words):
        st.fit(models.Linear(), *noisy, **({"penalty": "auto"} | options))


def test_other_models_and_streams_are_refused(noisy):
    with pytest.raises(ValueError, match="linear models alone"):
        st.fit(lambda X, w: X @ w, *noisy, start={"w": np.ones(30)}, penalty="auto")
    with pytest.raises(ValueError, match="kernel='rbf'"):
        st.fit(models.SVM("rbf"), noisy[0], noisy[1] > 0, penalty="auto")
    with pytest.raises(ValueError, match=r"supports only the penalties L1, L2"):
        st.fit(models.Linear(), iter([noisy]), penalty="auto")
