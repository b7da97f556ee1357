"""Effective rates against the step size of plain descent and the first step of Adam."""

import numpy as np
import pytest
from tests.inspection.causes.quadratics import descent, run_of

import steepest as st
from steepest.inspection import EffectiveRateDisplay


def test_plain_descent_has_one_rate():
    sizes = np.linspace(0.01, 0.05, 40)
    display = EffectiveRateDisplay.from_run(descent(np.diag([1.0, 5.0, 9.0]), [1, 2, 3], sizes))
    np.testing.assert_allclose(display.rates, np.tile(sizes[:, None], 3), rtol=1e-9)
    assert "All 3 parameters have the same rate" in display.caption


def test_adam_moves_each_parameter_by_its_step_size_at_first():
    scales = np.array([1.0, 10.0, 1000.0])
    run = st.minimize(lambda x: (scales * x**2).sum(), np.ones(3), direction="adam", step=0.01, iterations=5)
    display = EffectiveRateDisplay.from_run(run)
    np.testing.assert_allclose(display.rates[0], 0.01 / (2 * scales), rtol=1e-6)
    assert "x[0] moves by" in display.caption
    assert "a factor of 1" in display.caption


def test_a_slope_of_zero_has_no_rate():
    display = EffectiveRateDisplay.from_run(descent(np.diag([1.0, 0.0]), [1, 1], 0.1))
    np.testing.assert_allclose(display.rates[:, 0], 0.1)
    assert np.isnan(display.rates[:, 1]).all()
    assert list(display.drawn) == [0]


def test_of_many_parameters_the_extreme_ones_have_lines():
    points = np.array([np.ones(30), 1 - 0.1 * np.arange(1, 31)])
    run = run_of(lambda x: 0.0, np.ones_like, lambda x, v: 0 * v, points, 0.1, rule={"name": "Adam"})
    display = EffectiveRateDisplay.from_run(run).plot()
    np.testing.assert_allclose(display.rates[0], 0.1 * np.arange(1, 31))
    assert sorted(display.drawn) == [0, 1, 2, 27, 28, 29]
    labels = [line.get_label() for line in display.ax_.lines]
    assert labels == ["median", "x0", "x1", "x2", "x27", "x28", "x29", "step size"]
    assert display.table()["x29"] == pytest.approx(3.0)
