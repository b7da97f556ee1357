"""The cut along a step against the closed forms of a quadratic."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.inspection.causes.quadratics import descent, run_of

import steepest as st
from steepest.inspection import DivergenceDisplay, LedgerDisplay
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
    assert "the ceiling of its line is t = 0.2, and the step was 0.9 times as long" in display.caption


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


def bowl(x, y):
    return x**2 + 10 * y**2


@pytest.mark.parametrize(
    ("f", "step", "strays"),
    [
        (lambda x: np.abs(x) ** 1.1, 8.0, True),  # far below the ceiling of the model, and it rises
        (lambda x: np.log(1 + x**4), 6.0, False),
        (lambda x: x**2, 0.9, False),
        (lambda x: x**2, 1.1, False),
    ],
)
@pytest.mark.always(2)
def test_the_ceiling_is_said_to_be_that_of_the_model(f, step, strays):
    run = st.gradient_descent(f, 5.0, learning_rate=step, iterations=1)
    display = DivergenceDisplay.from_run(run)
    if np.isfinite(display.ceiling):
        assert "By the quadratic model, the ceiling of its line is" in display.caption
    assert ("does not follow the model" in display.caption) == strays
    # The picture of the promises must not say the contrary.
    assert "ceiling" not in LedgerDisplay.from_run(run).caption


@pytest.mark.parametrize("sign", [1, -1])
def test_a_step_to_a_value_that_is_not_finite_is_the_one_shown(sign):
    def f(x, y):
        return sign * (np.log(x) + y**2)

    run = (st.minimize if sign > 0 else st.maximize)(f, (2.0, 1.0), step=0.3, iterations=50)
    assert run.outcome == "non-finite"
    display = DivergenceDisplay.from_run(run)
    assert not np.isfinite(display.landed.value)
    assert display.at == run.nit
    x, y = run.trace.x[-1]
    # Along the line x - t / x the logarithm ends at t = x², and falls without end before.
    assert x**2 < display.landed.t == 0.3
    shown = display.t < x**2 * 0.999
    values = sign * (np.log(x - display.t[shown] / x) + (y - display.t[shown] * 2 * y) ** 2)
    np.testing.assert_allclose(display.value[shown], values, atol=1e-9)
    assert not np.isfinite(display.value[display.t > x**2 * 1.001]).any()
    assert "landed where the value is not finite" in display.caption
    assert "no best point was found" in display.caption
    display.to_figure()


def test_a_step_that_is_not_known_is_refused_and_left_out_of_the_report(tmp_path):
    run = st.minimize(lambda x, y: np.log(x) + y**2, (2.0, 1.0), direction="momentum", step=0.05, iterations=100)
    assert run.outcome == "non-finite"
    with pytest.raises(ValueError, match=r"needs the step that met a value that is not finite and the trace lacks it"):
        DivergenceDisplay.from_run(run)
    assert DivergenceDisplay.from_run(run, iteration=2).at == 2
    page = run.report(tmp_path / "a.html")
    assert "The step that went too far" not in page.read_text()


@pytest.mark.parametrize("power", [-200, -120, 120, 200])
@pytest.mark.always(2)
def test_values_of_any_scale_have_a_ceiling(power):
    scale = 10.0**power
    run = st.gradient_descent(lambda x, y: scale * bowl(x, y), (9, 1), learning_rate=0.05 / scale, iterations=5)
    plain = DivergenceDisplay.from_run(st.gradient_descent(bowl, (9, 1), learning_rate=0.05, iterations=5))
    display = DivergenceDisplay.from_run(run)
    assert display.landed.t / display.ceiling == pytest.approx(plain.landed.t / plain.ceiling, rel=1e-6)
    assert display.exact.t / display.ceiling == pytest.approx(0.5, rel=1e-3)
    assert 0 < display.curvature < np.inf
    display.to_figure().draw_without_rendering()


@pytest.mark.parametrize("size", [0.19, 0.21, 0.5, 30.0, 1e200])
def test_the_arrow_of_the_step_stays_within_the_axes(size):
    run = descent(MATRIX, [3, 1], size, steps=1, outcome=Outcome.DIVERGED)
    display = DivergenceDisplay.from_run(run).plot()
    figure = display.figure_
    figure.draw_without_rendering()
    arrows = [text.arrow_patch for text in display.ax_.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 1
    path = arrows[0].get_path().transformed(arrows[0].get_transform())
    box = display.ax_.get_window_extent()
    across, up = path.vertices.T
    assert (box.x0 - 1 <= across).all()
    assert (across <= box.x1 + 1).all()
    assert (box.y0 - 1 <= up).all()
    assert (up <= box.y1 + 1).all()
