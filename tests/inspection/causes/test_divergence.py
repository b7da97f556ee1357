"""The cut along a step against the closed forms of a quadratic."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.inspection.causes.quadratics import descent, run_of

from steepest.inspection import DivergenceDisplay
from steepest.trace import Outcome

MATRIX = np.diag([1.0, 10.0])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_exact_search_of_a_quadratic(sign):
    run = descent(MATRIX, [3, 1], 0.25, steps=8, sign=sign, outcome=Outcome.DIVERGED)
    display = DivergenceDisplay.from_run(run)
    x = np.array([3.0, 1.0])
    g = MATRIX @ x
    exact = g @ g / (g @ MATRIX @ g)
    assert display.at == 0
    assert display.slope == pytest.approx(sign * -g @ g)
    assert display.curvature == pytest.approx(sign * g @ MATRIX @ g)
    assert display.exact.t == pytest.approx(exact, rel=1e-6)
    assert display.exact.value == pytest.approx(run.evaluate(x - exact * g), rel=1e-9)
    assert display.ceiling == pytest.approx(2 * exact)
    assert display.landed == pytest.approx((0.25, run.trace.value[1]))
    np.testing.assert_allclose(display.model, display.value, rtol=1e-9)
    assert f"which is {'higher' if sign > 0 else 'lower'}" in display.caption


def test_the_exact_search_of_a_curve_that_is_not_a_parabola():
    # From 3 along -f'(3), f = (x - 1)⁴ is lowest at 1.
    points = [[3.0], [3 - 0.1 * 32]]
    run = run_of(lambda x: float((x[0] - 1) ** 4), lambda x: 4 * (x - 1) ** 3, lambda x, v: 12 * (x - 1) ** 2 * v,
                 points, [0.1])  # fmt: skip
    display = DivergenceDisplay.from_run(run)
    assert display.exact.t == pytest.approx(2 / 32, rel=1e-3)
    assert display.exact.value < 1e-10
    assert display.ceiling == pytest.approx(2 * 32**2 / (48 * 32**2))


def test_a_descent_that_blew_up_is_cut_where_it_left_its_best_point():
    sizes = np.append(np.full(5, 0.05), np.full(20, 0.5))
    run = descent(MATRIX, [3, 1], sizes, steps=25, outcome=Outcome.DIVERGED)
    assert DivergenceDisplay.from_run(run).at == np.argmin(run.trace.value) == 6
    assert DivergenceDisplay.from_run(run, iteration=9).at == 9
    with pytest.raises(ValueError, match=r"iteration=25 begins no step between finite points: give one from 0 to 24"):
        DivergenceDisplay.from_run(run, iteration=25)


def test_a_descent_that_only_overshot_is_cut_at_its_longest_step():
    # The ceiling of the second coordinate is 0.2, and the exact step along it 0.1.
    sizes = np.full(10, 0.02)
    sizes[4] = 0.18
    run = descent(MATRIX, [0, 1], sizes, steps=10)
    display = DivergenceDisplay.from_run(run)
    assert display.at == 4
    assert display.exact.t == pytest.approx(0.1, rel=1e-6)
    assert "0.9 times as long as the ceiling of its line" in display.caption


def test_a_step_far_too_long_gets_a_second_picture():
    run = descent(MATRIX, [3, 1], 30.0, steps=3, outcome=Outcome.DIVERGED)
    display = DivergenceDisplay.from_run(run)
    assert display.is_zoomed
    figure = display.to_figure()
    assert len(figure.axes) == 2
    assert figure.axes[1].get_xlim()[1] < 1
    assert len(display.plot(Figure().add_subplot()).axes_) == 1


def test_a_landing_that_is_not_finite_is_marked():
    run = descent(MATRIX, [3, 1], 0.15, steps=2, value=np.array([9.5, np.nan, np.inf]), outcome=Outcome.NON_FINITE)
    display = DivergenceDisplay.from_run(run).plot()
    assert "landed where the value is not finite" in display.caption
    assert "landed: not finite" in [line.get_label() for line in display.ax_.lines]


def test_without_a_step_size_the_line_is_measured_in_steps():
    run = descent(MATRIX, [3, 1], np.nan, steps=1, value=np.array([9.5, 100.0]))
    run.trace.x[1] = [0, -9]
    display = DivergenceDisplay.from_run(run)
    assert display.unit == "share of the step"
    assert display.landed.t == 1
