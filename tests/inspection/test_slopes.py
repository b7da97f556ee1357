"""Difference quotients, secants and tangents against the formulas of polynomials."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.inspection.runs import halving, make_run

from steepest.inspection import SlopesDisplay
from steepest.inspection.plots import style


def square(**more):
    return SlopesDisplay.from_function(lambda x: x**2, lambda x: 2 * x, at=1.0, **more)


def line_of(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def test_quotients_of_a_square_are_2x_plus_h():
    display = square(h=(1.0, 0.5, -0.25), window=(-2, 2), size=9)
    np.testing.assert_array_equal(display.x, np.linspace(-2, 2, 9))
    np.testing.assert_array_equal(display.value, display.x**2)
    np.testing.assert_array_equal(display.derivative, 2 * display.x)
    # Every number here is a multiple of 1/16, so there is no rounding.
    np.testing.assert_array_equal(display.quotients, 2 * display.x + display.h[:, None])
    np.testing.assert_array_equal(display.secant_slopes, [3, 2.5, 1.75])
    assert (display.tangent_slope, display.at, display.value_at) == (2, 1, 1)


def test_quotients_of_a_cube_are_3x_squared_plus_3xh_plus_h_squared():
    display = SlopesDisplay.from_function(lambda x: x**3, lambda x: 3 * x**2, at=-0.5, h=[0.1, 2])
    x, h = display.x, display.h[:, None]
    np.testing.assert_allclose(display.quotients, 3 * x**2 + 3 * x * h + h**2, atol=1e-12)
    np.testing.assert_allclose(display.x[[0, -1]], [-3.5, 2.5])


def test_a_step_near_rounding_shows_its_noise():
    display = square(h=(1e-15,), window=(0.5, 1.5))
    assert np.abs(display.quotients - 2 * display.x).max() > 0.01


def test_upper_axes_show_tangent_and_secants_through_the_curve():
    display = square(h=(1.0, 0.5)).plot()
    upper, lower = display.axes_
    assert display.ax_ is upper
    np.testing.assert_array_equal(line_of(upper, "function").get_ydata(), display.value)
    x, y = line_of(upper, "tangent: slope 2").get_data()
    np.testing.assert_allclose(y, 1 + 2 * (x - 1))
    for label, h in (("h = 1: slope 3", 1.0), ("h = 0.5: slope 2.5", 0.5)):
        secant = line_of(upper, label)
        x, y = secant.get_data()
        np.testing.assert_allclose(y, 1 + (2 + h) * (x - 1))
        assert secant.get_markevery() == [1]
        assert (x[1], y[1]) == (1 + h, (1 + h) ** 2)
    assert not any(label.get_visible() for label in upper.get_xticklabels())
    assert lower.get_xlabel() == "x"


def test_lower_axes_show_the_derivative_and_the_quotients():
    display = square(h=(1.0, 0.5)).plot()
    lower = display.axes_[1]
    np.testing.assert_array_equal(line_of(lower, "derivative").get_ydata(), 2 * display.x)
    np.testing.assert_array_equal(line_of(lower, "h = 0.5").get_ydata(), display.quotients[1])
    marks = [(line.get_xdata()[0], line.get_ydata()[0]) for line in lower.lines if len(line.get_xdata()) == 1]
    assert marks == [(1, 3), (1, 2.5), (1, 2)]
    assert line_of(lower, "h = 1").get_color() == line_of(display.ax_, "h = 1: slope 3").get_color()
    assert [text.get_text() for text in lower.get_legend().get_texts()] == ["h = 1", "h = 0.5", "derivative"]


def test_six_steps_have_lines_of_their_own():
    lines = square(h=(2, 1, 0.5, 0.2, 0.1, -1)).plot().axes_[1].lines
    drawn = {(line.get_color(), line.get_linestyle()) for line in lines if line.get_label().startswith("h")}
    assert len(drawn) == 6


def test_limits_show_the_curve_and_not_how_far_a_steep_secant_goes():
    display = SlopesDisplay.from_function(lambda x: x**4, lambda x: 4 * x**3, at=0, h=(4.0,), window=(-1, 1)).plot()
    low, high = display.ax_.get_ylim()
    assert (low, high) == pytest.approx((-0.12, 1.12))
    assert display.ax_.get_xlim() == (-1, 1)


def test_a_run_serves_its_function_and_its_gradient():
    run = make_run(lambda p: p[0] ** 2, [[3], [1]], names=["$w"], gradient_at=lambda p: 2 * np.asarray(p))
    display = SlopesDisplay.from_run(run, at=3, h=(0.5,))
    np.testing.assert_allclose(display.quotients, [2 * display.x + 0.5])
    np.testing.assert_allclose(display.derivative, 2 * display.x)
    display.plot().figure_.canvas.draw()
    assert (display.axes_[1].get_xlabel(), display.ax_.get_title()) == ("$w", "a title")
    with pytest.raises(ValueError, match=r"the run has 2 parameters \(x, y\) and this picture needs exactly 1"):
        SlopesDisplay.from_run(halving(), at=1)


def test_slopes_take_one_axes_or_two_and_save_transparently(saved):
    figure = Figure()
    pair = figure.subplots(2, 1)
    assert square().plot(pair).axes_ == tuple(pair)
    alone = Figure().add_subplot()
    display = square().plot(alone)
    assert display.axes_[0] is alone
    assert len(alone.figure.axes) == 2
    saved(square())
    with pytest.raises(ValueError, match=r"got 3 axes, and a derivative is drawn on 2: give ax=\(upper, lower\)"):
        square().plot([*pair, alone])


def test_a_function_off_its_domain_leaves_a_gap(saved):
    display = SlopesDisplay.from_function(
        math.sqrt, lambda x: 0.5 / math.sqrt(x), at=1.0, h=(1.0, -2.0), window=(-1, 3)
    )
    assert np.isnan(display.value[display.x < 0]).all()
    assert np.isnan(display.secant_slopes[1])
    np.testing.assert_allclose(display.secant_slopes[0], math.sqrt(2) - 1)
    saved(display)
    saved(SlopesDisplay.from_function(lambda x: 1 / x, lambda x: -1 / x**2, at=1.0, window=(-2, 2), size=41))


@pytest.mark.parametrize("h", [(), (1.0, 0.0), (np.nan,), (np.inf,)])
def test_bad_steps_are_refused(h):
    with pytest.raises(ValueError, match=r"h=.* and each step must be finite and not zero: give one or more"):
        square(h=h)


def test_a_point_without_a_tangent_is_refused():
    with pytest.raises(ValueError, match=r"at=1.0 is outside the window \(2, 3\): give a window around it"):
        square(window=(2, 3))
    with pytest.raises(ValueError, match=r"window=\(3, 2\) is not finite with low < high"):
        square(window=(3, 2))
    with pytest.raises(ValueError, match=r"f\(0\) = inf with derivative 1.0, and a tangent needs both finite: choose"):
        SlopesDisplay.from_function(lambda x: np.inf, lambda x: 1.0, at=0)
    with pytest.raises(NameError, match="mistaken"):
        SlopesDisplay.from_function(lambda x: mistaken, lambda x: 1.0, at=0)  # noqa: F821


def test_a_legend_has_the_columns_that_fit_above_narrow_axes():
    figure = Figure(figsize=(12, 4), layout="constrained")
    narrow, *_ = figure.subplots(1, 4)
    display = square().plot(narrow)
    figure.canvas.draw()
    for ax in display.axes_:
        assert ax.get_legend().get_window_extent().width < 1.2 * ax.get_window_extent().width
    assert style.legend_columns(["abc"] * 9, inches=5.5) == 4
    assert style.legend_columns(["a" * 30] * 2, inches=5.5) == 2
    assert style.legend_columns(["a" * 80], inches=1) == style.legend_columns([], inches=1) == 1
