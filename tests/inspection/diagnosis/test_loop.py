"""Loops of the user's own: what batches and other rules show must not be taken for a fault, and faults are found."""

import numpy as np
import pytest

import steepest as st

LOGGED = [(), ("learning_rate",), ("learning_rate", "gradient"), ("learning_rate", "gradient", "x")]


def loop(logged, count=600, batch=16, rate=0.05, shrinks=True):
    """Least squares by plain steps on batches, whose rate falls to 0 as half a cosine."""
    chance = np.random.default_rng(4)
    X = chance.standard_normal((256, 5))
    y = X @ [1.0, -2.0, 0.5, 3.0, 1.5] + 0.5 * chance.standard_normal(256)
    w, recorder = np.zeros(5), st.Recorder()
    for k in range(count):
        rows = chance.choice(256, batch, replace=False)
        rest = X[rows] @ w - y[rows]
        size = rate * (1 + np.cos(np.pi * k / count)) / 2 if shrinks else rate
        known = {"gradient": X[rows].T @ rest / batch, "x": w, "learning_rate": size}
        recorder.step(np.mean(rest**2) / 2, **{name: known[name] for name in logged})
        w = w - size * known["gradient"]
    return recorder.run


@pytest.mark.parametrize("logged", LOGGED)
def test_batches_with_a_rate_that_falls_to_0_are_healthy(logged):
    assert not loop(logged).diagnose()


def test_losses_of_batches_alone_do_not_tell_of_noise_but_gradients_do():
    assert not loop((), batch=4, rate=0.25, shrinks=False).diagnose()
    found = loop(("learning_rate", "gradient"), batch=4, rate=0.25, shrinks=False).diagnose()
    assert found[0].name == "noise of mini-batches"
    assert found[0].confidence < 0.9
    assert "record alone" in found[0].evidence


def test_steps_that_jump_to_and_fro_are_too_long_and_no_order_of_rows():
    recorder, x, curvature = st.Recorder(), np.array([1.0, 3.0]), np.array([20.0, 1.0])
    for _ in range(60):
        recorder.step(curvature @ x**2 / 2, gradient=curvature * x, x=x, learning_rate=0.0999)
        x = x - 0.0999 * curvature * x
    names = [finding.name for finding in recorder.run.diagnose()]
    assert names[:1] == ["step above the stability limit"]
    assert "unshuffled rows" not in names


def test_values_that_overflow_and_then_are_nan_do_not_break_a_diagnosis():
    recorder, x = st.Recorder(), 1.0
    with np.errstate(all="ignore"):
        for _ in range(1_500):
            recorder.step(np.float64(x) ** 2, gradient=2 * np.float64(x), learning_rate=1.2)
            x = np.float64(x) - 1.2 * 2 * np.float64(x)
    assert recorder.run.diagnose()[0].name == "step above the stability limit"
