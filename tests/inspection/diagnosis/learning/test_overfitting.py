"""Over-fitting, against closed forms of losses and against fits with each row left out."""

import re

import numpy as np
import pytest

import steepest as st
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.learning.overfitting import over_fitting, rise_of
from steepest.trace import Trace


def found(run):
    return list(over_fitting(Case(run, True)))


def looped(training, validation):
    """Return a run as a loop of a user's own records it: without points and without its function."""
    count = len(training)
    columns = {"iteration": np.arange(count), "value": np.asarray(training, float), "validation": validation}
    run = st.minimize(lambda x: x**2, 1.0)
    run.trace, run.objective, run.call = Trace(columns, np.empty((count, 0)), []), None, None
    return run


def test_the_rise_begins_at_the_least_loss_on_other_rows():
    epochs = np.arange(400)
    run = looped(np.exp(-epochs / 100), 1 + (epochs / 150 - 1) ** 2)
    (finding,) = found(run)
    assert finding.call == "iterations = 150"
    # The last twentieth of the losses stands for the end.
    assert f"rises from 1 to {1 + (389.5 / 150 - 1) ** 2:.3g}" in finding.text


@pytest.mark.parametrize("count", [10, 40, 300])
def test_noise_waves_and_flat_curves_are_healthy(count):
    epochs = np.linspace(0, 1, count)
    training = np.exp(-4 * epochs)
    for seed in range(30):
        draw = np.random.default_rng(seed)
        noisy = (1 + 2 * np.exp(-9 * epochs)) * (1 + 0.05 * draw.normal(size=count))
        assert rise_of(training, noisy) is None
    assert rise_of(training, 1 + np.exp(-epochs)) is None
    assert rise_of(training, 1 + 0.08 * np.sin(40 * epochs)) is None


def test_a_descent_that_diverges_on_both_is_no_over_fitting():
    assert rise_of(np.exp(np.linspace(0, 5, 50)), 1.1 * np.exp(np.linspace(0, 5, 50))) is None


def test_a_noisy_rise_is_found():
    epochs, draw = np.linspace(0, 1, 200), np.random.default_rng(3)
    validation = (1 + np.maximum(epochs - 0.4, 0)) * (1 + 0.05 * draw.normal(size=200))
    assert 0.2 < rise_of(np.exp(-4 * epochs), validation).row / 200 < 0.6


def rows(columns, count=40):
    draw = np.random.default_rng(7)
    X = draw.normal(size=(count, columns))
    return X, X[:, 0] + draw.normal(size=count)


def test_rows_left_out_are_those_of_fits_without_them():
    X, y = rows(28)
    run = st.fit(st.models.Linear(), X, y)
    (finding,) = found(run)
    Z = np.column_stack([np.ones(len(y)), X])
    missed = [y[k] - Z[k] @ np.linalg.lstsq(np.delete(Z, k, 0), np.delete(y, k), rcond=None)[0] for k in range(len(y))]
    training, held = map(float, re.findall(r"loss is ([\d.]+) on them, and ([\d.]+) on", finding.text)[0])
    np.testing.assert_allclose(held, np.mean(np.square(missed)), rtol=5e-3)
    np.testing.assert_allclose(training, run.fun, rtol=5e-3)
    draw = np.random.default_rng(8)
    fresh = draw.normal(size=(400, 28))
    target = fresh[:, 0] + draw.normal(size=400)
    cured = eval(finding.call, {"st": st, "X": X, "y": y})  # noqa: S307 - the cure is pasted
    assert np.mean((cured.predict(fresh) - target) ** 2) < 0.6 * np.mean((run.predict(fresh) - target) ** 2)


def test_a_model_that_passes_through_every_row_is_told():
    X, y = rows(45)
    (finding,) = found(st.fit(st.models.Linear(), X, y))
    assert "45 columns for 40 rows" in finding.text


def test_rows_for_validation_tell_it_too():
    X, y = rows(30, 60)
    (finding,) = found(st.fit(st.models.Linear(), X, y, validation=0.3, rng=0))
    assert finding.name == "over-fitting"


@pytest.mark.parametrize("columns", [3, 8])
def test_tables_of_few_columns_are_healthy(columns):
    X, y = rows(columns, 60)
    assert found(st.fit(st.models.Linear(), X, y)) == []
    assert found(st.fit(st.models.Linear(), X, y, validation=0.3, rng=0)) == []


def test_many_columns_without_noise_are_healthy():
    X, _ = rows(25)
    assert found(st.fit(st.models.Linear(), X, X @ np.ones(25))) == []
