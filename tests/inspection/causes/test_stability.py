"""The stability ceiling against closed forms, and against whether descents just below and above it shrink."""

import numpy as np
import pytest
from tests.inspection.causes.quadratics import descent, rotated, run_of

import steepest as st
from steepest.inspection import StabilityDisplay
from steepest.inspection.plots.causes.stability import largest_stable
from steepest.inspection.plots.causes.top import largest_curvature

EIGENVALUES = np.geomspace(0.1, 50, 30)


@pytest.mark.parametrize("seed", range(5))
def test_lanczos_finds_the_largest_eigenvalue(seed):
    matrix = np.random.default_rng(seed).normal(size=(40, 40))
    matrix = matrix + matrix.T
    value, vector = largest_curvature(lambda v: matrix @ v, np.ones(40), most=40)
    assert value == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-7)
    assert vector @ matrix @ vector == pytest.approx(value, rel=1e-6)


def test_lanczos_leaves_an_eigenvector_that_is_no_longer_the_largest():
    value, _ = largest_curvature(lambda v: np.array([1.0, 7.0]) * v, np.array([1.0, 0.0]))
    assert value == pytest.approx(7, rel=1e-9)


@pytest.mark.parametrize(
    ("rule", "ceiling"),
    [
        ({"name": "Plain"}, 2 / 50),
        ({"name": "Momentum", "decay": 0.9}, 2 * 1.9 / 50),
        ({"name": "Nesterov", "decay": 0.9, "restart": False}, 2 * 1.9 / 2.8 / 50),
    ],
)
def test_ceiling_of_a_quadratic(rule, ceiling):
    matrix, _ = rotated(EIGENVALUES)
    display = StabilityDisplay.from_run(descent(matrix, np.ones(30), 0.01, rule=rule))
    np.testing.assert_allclose(display.ceiling, ceiling, rtol=1e-6)
    np.testing.assert_allclose(display.curvature, 50, rtol=1e-6)
    assert not display.above.any()


@pytest.mark.parametrize("rule", [st.directions.Plain(), st.directions.Momentum(0.8), st.directions.Nesterov(0.8)])
def test_a_step_below_the_ceiling_shrinks_and_one_above_grows(rule):
    f, start, steps = (lambda x: 10 * x**2 / 2), 1.0, 2_000
    ends = []
    for share in (0.98, 1.02):
        decay = getattr(rule, "decay", 0.0)
        size = share * float(largest_stable(type(rule).__name__, decay, 10.0))
        run = st.minimize(f, start, direction=rule, step=size, iterations=steps)
        assert StabilityDisplay.from_run(run).above.any() == (share > 1)
        ends.append(abs(run.trace.x[-1, 0]))
    assert ends[0] < 1e-6
    assert ends[1] > 1e6


def test_ceiling_follows_the_curvature_where_each_step_begins():
    x = np.array([[2.0], [1.0], [0.5]])
    quartic = run_of(
        lambda x: float(x[0] ** 4), lambda x: 4 * x**3, lambda x, v: 12 * x**2 * v, x, [0.1, 0.2], sign=1.0
    )
    display = StabilityDisplay.from_run(quartic)
    np.testing.assert_allclose(display.ceiling, [2 / 48, 2 / 12], rtol=1e-9)
    np.testing.assert_array_equal(display.size, [0.1, 0.2])
    np.testing.assert_array_equal(display.at, [0, 1])


def test_a_maximum_has_the_ceiling_of_the_minimum_of_minus_f():
    matrix, _ = rotated([1.0, 8.0])
    display = StabilityDisplay.from_run(descent(matrix, [1, 1], 0.1, sign=-1.0))
    np.testing.assert_allclose(display.ceiling, 0.25, rtol=1e-9)


def test_the_steps_at_which_the_size_crosses_its_ceiling_are_drawn():
    sizes = np.where(np.arange(20_000) < 11_234, 1e-5, 3e-4)
    run = descent(np.diag([1.0, 1e4]), [1e-3, 0], sizes, steps=20_000)
    display = StabilityDisplay.from_run(run)
    assert {11_233, 11_234} <= set(display.at)
    assert len(display.at) <= 60
    assert "the first of those drawn at iteration 11,234" in display.caption
    # |1 - tλ| = |1 - 3| = 2
    assert "grows 2 times" in display.caption


def test_other_rules_have_the_ceiling_along_their_step():
    matrix, _ = rotated([1.0, 30.0])
    run = descent(matrix, [1, 1], 0.05, rule={"name": "Adam", "b1": 0.9})
    display = StabilityDisplay.from_run(run)
    x, moves = run.trace.x[:-1], np.diff(run.trace.x, axis=0)
    level = [run.evaluate(a + c / 0.05 * m) for a, m, c in zip(x, moves, display.ceiling, strict=True)]
    np.testing.assert_allclose(level, run.trace.value[:-1], rtol=1e-8)
    assert "Adam has no ceiling 2 / λ" in display.caption


def test_a_function_that_curves_downwards_has_no_ceiling():
    display = StabilityDisplay.from_run(descent(-np.eye(2), [1, 2], 0.1))
    assert (display.ceiling == np.inf).all()
    assert "there is no ceiling" in display.caption


def test_the_picture_marks_what_is_above():
    run = descent(np.diag([1.0, 20.0]), [1, 1], np.append(np.full(10, 0.09), np.full(5, 0.2)), steps=15)
    display = StabilityDisplay.from_run(run).plot()
    marks = {line.get_label(): line.get_xdata() for line in display.ax_.lines}
    np.testing.assert_array_equal(marks["step size"], np.arange(10))
    np.testing.assert_array_equal(marks["step size above its ceiling"], np.arange(10, 15))
