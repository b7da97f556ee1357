"""A claimed gradient: which entries are wrong, and the V of the error by the step."""

import numpy as np
import pytest
from tests.inspection.causes.quadratics import run_of

import steepest as st
from steepest.inspection import WrongGradientDisplay

EPS = np.finfo(float).eps


@pytest.mark.parametrize("at", [1.2345, 0.377, 2.71])
@pytest.mark.parametrize(("f", "slope"), [(np.exp, np.exp), (np.sin, np.cos), (np.log, lambda x: 1 / x)])
def test_the_v_of_a_right_gradient_is_lowest_at_the_steps_of_the_theory(f, slope, at):
    display = WrongGradientDisplay.from_function(f, slope, at)
    assert not display.wrong.any()
    assert EPS**0.5 / 30 < display.best_step("forward") < 30 * EPS**0.5
    assert EPS ** (1 / 3) / 30 < display.best_step("central") < 30 * EPS ** (1 / 3)
    assert np.nanmin(display.forward_error) < 1e-6
    assert np.nanmin(display.central_error) < 1e-9
    # Both arms of the V are higher by far.
    assert display.central_error[-1] > 1e-4
    assert np.nanmax(display.central_error[:12]) > 1e-4


def test_the_error_of_a_wrong_gradient_stays():
    def f(x, y):
        return x**2 + y**3

    def claimed(x, y):
        return 2 * x, 3 * y

    at = (1.1, 2.3)
    check = st.check_gradient(f, claimed, at)
    display = WrongGradientDisplay.from_function(f, claimed, at, check=check)
    np.testing.assert_array_equal(display.wrong, [False, True])
    np.testing.assert_allclose(display.measured, [2.2, 3 * 2.3**2], rtol=1e-9)
    assert display.coordinate == 1
    # The claim is 6.9 where the slope is 15.87, at each step that rounding does not blur.
    short = (display.h > 1e-9) & (display.h < 1e-3)
    np.testing.assert_allclose(display.central_error[short], 1 - 6.9 / 15.87, rtol=1e-4)
    assert "1 of 2 claimed slopes is wrong" in display.caption
    assert "The slope of y is claimed to be 6.9, and differences give 15.87" in display.caption


def test_the_slip_of_the_check_is_named():
    check = st.check_gradient(lambda x: (x**2).sum(), lambda x: -2 * x, [1.1, 2.2, 3.3])
    display = WrongGradientDisplay.from_function(
        lambda x: (x**2).sum(), lambda x: -2 * x, [1.1, 2.2, 3.3], check=check, coordinate=-1
    )
    assert display.coordinate == 2
    assert "3 of 3 claimed slopes are wrong (sign)" in display.caption


def test_many_coordinates_are_measured_in_part_and_those_named_by_a_check_always():
    weights = np.linspace(1, 2, 500)
    calls = []

    def f(x):
        calls.append(1)
        return float(weights @ x**2)

    def claimed(x):
        g = 2 * weights * x
        g[123] = 0
        return g

    at = np.linspace(0.7, 1.9, 500)
    check = st.check_gradient(f, claimed, at)
    calls.clear()
    display = WrongGradientDisplay.from_function(f, claimed, at, check=check)
    assert len(calls) < 400
    assert [name for name, wrong in zip(display.names, display.wrong, strict=True) if wrong] == ["x[123]"]
    assert display.total == 500


def test_a_claim_that_is_not_a_number_is_wrong():
    display = WrongGradientDisplay.from_function(lambda x: x**2, lambda x: np.nan, 1.3)
    assert display.wrong.all()
    assert "claimed slope is wrong" in display.caption
    display.to_figure()


def test_of_a_run_it_shows_the_gradient_that_the_run_used():
    run = run_of(lambda x: float(x @ x), lambda x: 2 * x + [0, 1], lambda x, v: 2 * v, [[1.1, 0.7], [0.5, 0.2]], 0.1)
    display = WrongGradientDisplay.from_run(run)
    np.testing.assert_array_equal(display.wrong, [False, True])
    np.testing.assert_allclose(display.measured, [2.2, 1.4], rtol=1e-9)
    np.testing.assert_allclose(WrongGradientDisplay.from_run(run, row=-1).measured, [1.0, 0.4], rtol=1e-9)
    with pytest.raises(ValueError, match=r"row=2 is not in the trace, which has 2 rows"):
        WrongGradientDisplay.from_run(run, row=2)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"the gradient has 1 entries and the point 2"):
        WrongGradientDisplay.from_function(lambda x: x @ x, lambda x: 1.0, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"the function is nan at the point"):
        WrongGradientDisplay.from_function(lambda x: np.nan, lambda x: 1.0, 1.0)
    with pytest.raises(ValueError, match=r"coordinate=3: the point has 1"):
        WrongGradientDisplay.from_function(np.exp, np.exp, 1.0, coordinate=3)
    with pytest.raises(ValueError, match=r"kind='both': give 'central' or 'forward'"):
        WrongGradientDisplay.from_function(np.exp, np.exp, 1.0).best_step("both")


def test_the_arrows_have_the_lengths_of_the_slopes():
    display = WrongGradientDisplay.from_function(lambda x, y: x * y, lambda x, y: (y, 2 * x), (1.5, 1.25)).plot()
    measured, claimed = (np.array([arrow.U[0], arrow.V[0]]) for arrow in display.ax_.collections[-2:])
    np.testing.assert_allclose(claimed / measured, [1, 2], rtol=1e-8)


def bowl(x, y):
    return x**2 + 10 * y**2


# Gradients of the bowl that are wrong a little, and at which end of the run that shows.
SLIGHTLY = {
    "at the start": lambda x, y: np.array([2 * x, 20 * y * (1 + 1e-5)]),
    "at the best point": lambda x, y: np.array([2 * x, 20 * y + (1e-3 if x < 5 else 0)]),
}


@pytest.mark.parametrize("place", SLIGHTLY)
def test_the_picture_of_a_run_says_of_its_gradient_what_the_run_says(place):
    run = st.minimize(bowl, (9, 1), gradient=SLIGHTLY[place], step=0.05, iterations=50)
    assert run.outcome == "wrong gradient"
    display = WrongGradientDisplay.from_run(run)
    np.testing.assert_array_equal(display.wrong, [False, True])
    assert f"{place[0].upper()}{place[1:]}, 1 of 2 claimed slopes is wrong" in display.caption
    assert "agree" not in display.caption
    # Two numbers that differ are never written alike.
    words = display.caption.split()
    assert words[words.index("be") + 1].strip(",") != words[words.index("give") + 1].strip(":")


def test_a_right_gradient_is_not_called_wrong_where_the_check_calls_it_right():
    rng = np.random.default_rng(0)
    for scale in 10.0 ** rng.uniform(-3, 3, 20):
        wave, at = 3 * scale, rng.uniform(1, 2, 2) / scale
        functions = (lambda x, w=wave: np.sin(w * x).sum(), lambda x, w=wave: w * np.cos(w * x), at)
        assert st.check_gradient(*functions)
        assert not WrongGradientDisplay.from_function(*functions).wrong.any()


def test_no_gradient_that_a_run_found_wrong_is_said_to_agree():
    run = st.minimize(bowl, (9, 1), gradient=lambda x, y: np.array([2 * x, 20 * y]), step=0.05, iterations=50)
    assert "all 2 claimed slopes agree" in WrongGradientDisplay.from_run(run).caption
    run.outcome = "wrong gradient"
    caption = WrongGradientDisplay.from_run(run).caption
    assert "agree" not in caption
    assert "The gradient was found to be wrong, but at the start, differences do not show it" in caption


def test_slopes_below_the_error_of_differences_are_not_judged():
    # At the kink of |x| differences are 0, with an error as large as the slopes of both sides.
    caption = WrongGradientDisplay.from_function(abs, lambda x: 1.0, 0.0).caption
    assert "agree" not in caption
    assert "can't judge" in caption


def test_the_error_of_a_claim_is_that_against_the_best_differences():
    # The shortest steps give any slope by chance, the claimed one too.
    caption = WrongGradientDisplay.from_function(bowl, lambda x, y: (2 * x, 16 * y), (9, 1)).caption
    assert "claimed to be 16, and differences give 20: the claim is off by 20 %" in caption


def test_a_best_step_is_named_only_where_longer_ones_are_worse():
    # The error of central differences comes from the third derivative, which a parabola lacks.
    curved = WrongGradientDisplay.from_function(np.exp, np.exp, 1.2).caption
    assert "adds curvature, and with central differences near" in curved
    assert "adds the third derivative" in curved
    parabola = WrongGradientDisplay.from_function(lambda x: 1.1 * x**2, lambda x: 2.2 * x, 1.37).caption
    assert "with forward differences near" in parabola
    assert "Central differences of x show rounding errors only" in parabola
    line = WrongGradientDisplay.from_function(lambda x: 1.1 * x + 0.3, lambda x: 1.1, 1.37).caption
    assert "Forward and central differences of x show rounding errors only" in line


@pytest.mark.parametrize("at", [(9.0, 1.0), (1e-3, 40.0), (5.0, 0.0), (0.0, 0.0)])
def test_the_map_has_one_scale_for_both_coordinates_so_that_gradients_cross_its_lines_squarely(at):
    display = WrongGradientDisplay.from_function(lambda x, y: 3 * x + bowl(x, y), lambda x, y: (2 * x + 3, 20 * y), at)
    ax = display.plot().axes_[0]
    assert np.ptp(ax.get_xlim()) == pytest.approx(np.ptp(ax.get_ylim()))
    assert ax.get_aspect() == 1
