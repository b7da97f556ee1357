"""The captions of causes say nothing that the numbers of the run refute."""

import re

import numpy as np
import pytest
from tests.inspection.causes.quadratics import descent, rotated, run_of

import steepest as st
from steepest.inspection import EffectiveRateDisplay, EigenDisplay, SliceDisplay, StabilityDisplay
from steepest.inspection.plots.causes.top import largest_curvature


def bowl(x, y):
    return x**2 + 10 * y**2


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


class TestStability:
    @pytest.mark.parametrize("scale", [1e200, 1e155, 0.03, 1e-200, 1e-300])
    @pytest.mark.always(3)
    def test_a_function_of_any_scale(self, scale):
        run = st.gradient_descent(lambda x, y: scale * bowl(x, y), (9, 1), learning_rate=0.11 / scale, iterations=20)
        display = StabilityDisplay.from_run(run)
        np.testing.assert_allclose(display.curvature, 20 * scale, rtol=1e-9)
        assert "above its ceiling 2 / λ in all 20 steps" in display.caption

    def test_lanczos_keeps_one_scale_where_the_first_product_needs_none(self):
        # The first product has the largest entry 0.7, the later ones larger entries.
        def product(v):
            return np.array([0.5, 0.9, 3.5]) * v

        for start in np.eye(3):
            assert largest_curvature(product, start)[0] == pytest.approx(3.5, rel=1e-9)

    @pytest.mark.parametrize("most", [60, 400])
    def test_a_step_that_begins_uphill_is_not_counted_as_below(self, most):
        run = st.minimize(rosenbrock, (-1.2, 1.0), direction="adam", step=0.05, iterations=400)
        display = StabilityDisplay.from_run(run, most=most)
        unknown, drawn = np.count_nonzero(np.isnan(display.ceiling)), len(display.at)
        assert unknown > 0
        assert f"ceiling of {unknown} more is not known" in display.caption
        above = np.count_nonzero(display.size > display.ceiling)
        said = f"{above} of" if above else f"stays below its ceiling along its own line in {drawn - unknown} of"
        assert f"{said} the {drawn} steps drawn of 400" in display.caption

    def test_the_steps_between_the_rows_of_a_trace_are_counted(self):
        run = descent(np.eye(2), [1, 2], 0.1, steps=10, iteration=7 * np.arange(11), epoch=np.arange(11))
        assert "in all 10 steps drawn of 70" in StabilityDisplay.from_run(run).caption

    def test_the_first_of_those_drawn_is_called_so(self):
        run = descent(np.diag([1.0, 10.0]), [1, 1e-3], np.append(np.full(400, 0.19), np.full(100, 0.21)), steps=500)
        assert "the first of those drawn at iteration" in StabilityDisplay.from_run(run).caption
        assert ", first at iteration 0" in StabilityDisplay([0, 1], [2, 2], [1, 1], [2, 2]).caption

    def test_a_negative_step_size_along_a_straight_line_has_no_ceiling(self):
        points = np.array([[3.0], [2.0], [1.0]])
        run = run_of(lambda x: float(x[0]), np.ones_like, lambda x, v: 0 * v, points, -0.5, rule={"name": "LBFGS"})
        display = StabilityDisplay.from_run(run)
        assert (display.ceiling == np.inf).all()
        assert display.caption.startswith("The function does not curve upwards along the lines of all 2 steps")

    @pytest.mark.parametrize(
        ("ceiling", "said"),
        [
            ([0.0, 1.0], "above its ceiling 2 / λ in 1 of the 2 steps, first at iteration 0. There no step is short"),
            ([np.nan, 1.0], "stays below its ceiling 2 / λ in 1 of the 2 steps"),
            ([np.nan, np.inf], "does not curve upwards where 1 of the 2 steps begins"),
            ([np.nan, np.nan], "None of the 2 steps has both a step size and a ceiling"),
            ([0.5, 1.0], "stays at or below its ceiling 2 / λ in all 2 steps; at most it is 100 %"),
        ],
    )
    def test_ceilings_without_a_ratio(self, ceiling, said):
        caption = StabilityDisplay([0, 1], [0.5, 0.5], ceiling, [1.0, 2.0]).caption
        assert said in caption
        assert not re.search(r"\b(nan|inf)\b|up to 0", caption)

    def test_the_picture_sets_unknown_ceilings_apart(self):
        display = StabilityDisplay([0, 1, 2], [0.5, 0.5, 0.5], [np.nan, 1, 0.1], [1, 2, 3]).plot()
        marks = {line.get_label(): list(line.get_xdata()) for line in display.ax_.lines}
        assert marks["step size"] == [1]
        assert marks["step size, ceiling not known"] == [0]
        assert marks["step size above its ceiling"] == [2]


DIGIT = "more digit takes"


class TestEigen:
    def test_a_direction_without_distance_has_no_factor(self):
        run = st.gradient_descent(lambda x, y: (x + y - 1) ** 2, (3, 5), learning_rate=0.1, iterations=40)
        display = EigenDisplay.from_run(run)
        np.testing.assert_allclose(display.measured, [np.nan, 0.6], atol=1e-6)
        assert "do not follow" not in display.caption
        # 0.6 to the power of 5 is the first one below 0.1.
        assert f"At this rate, one {DIGIT} 5 steps" in display.caption

    def test_kinks_without_curvature_have_no_factor(self):
        run = st.gradient_descent(lambda x, y: abs(x) + 3 * abs(y), (3.0, 5.0), learning_rate=0.1, iterations=40)
        display = EigenDisplay.from_run(run)
        assert np.isnan(display.measured).all()
        assert "all 0. Without curvature" in display.caption

    @pytest.mark.parametrize("step", [0.05, 0.1, 0.2])
    def test_fits_to_batches_have_no_factor(self, step):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(200, 3))
        y = X @ [1, 2, 3] + 0.1 * rng.normal(size=200)
        fit = st.fit(st.models.Linear(), X, y, step=step, batch_size=32, epochs=10)
        display = EigenDisplay.from_run(fit)
        assert np.isnan(display.measured).all()
        assert "batches of rows, whose noise hides" in display.caption
        _, right = display.plot().axes_
        assert "measured" not in [line.get_label() for line in right.lines]
        whole = EigenDisplay.from_run(st.fit(st.models.Linear(), X, y, step=step, epochs=40))
        np.testing.assert_allclose(whole.measured, whole.expected, atol=1e-6)

    @pytest.mark.parametrize("iterations", [60, 3_000])
    @pytest.mark.parametrize(
        "f", [lambda x: -np.log(x), lambda x: np.exp(-x), lambda x: 1 / x, lambda x: x**-20.0], ids=lambda f: ""
    )
    def test_without_a_minimum_no_digits_are_promised(self, f, iterations):
        # Plain descent, which crawls away for ever.
        h, x, points = 1e-4, 1.0, []

        def slope(x):
            return (f(x + h) - f(x - h)) / (2 * h)

        def bend(x):
            return (f(x + h) - 2 * f(x) + f(x - h)) / h**2

        for _ in range(iterations):
            points.append([x])
            x -= 0.002 * slope(x)
        run = run_of(lambda x: f(x[0]), slope, lambda x, v: bend(x) * v, points, 0.002)
        assert DIGIT not in EigenDisplay.from_run(run).caption

    def test_a_quadratic_that_the_run_left_half_way_promises_no_digits(self):
        display = EigenDisplay.from_run(descent(np.diag([1.0, 2.0]), [1, 1], 0.01, steps=30))
        assert DIGIT not in display.caption
        assert "to which the run has not come" in display.caption
        assert f"{DIGIT} 22 steps" in EigenDisplay.from_run(descent(np.eye(2), [1, 1], 0.1, steps=60)).caption

    def test_a_saddle_is_not_called_a_minimum(self):
        display = EigenDisplay.from_run(descent(np.diag([-2.0, 2.0]), [0, 1], 0.1, steps=60))
        assert "Along λ = −2 the function curves downwards, so the best point is no minimum" in display.caption
        assert DIGIT not in display.caption
        np.testing.assert_allclose(display.measured, [np.nan, 0.8], atol=1e-6)

    def test_a_step_to_the_minimum_itself(self):
        caption = EigenDisplay.from_run(descent(np.diag([3.0]), [np.pi], 1 / 3, steps=1)).caption
        assert caption.startswith("The curvature is 3. A step multiplies the distance along λ = 3 by 0; |1 − tλ|")
        assert DIGIT not in caption

    def test_a_distance_that_grows_lends_no_rounding_errors_to_others(self):
        matrix, _ = rotated([1.0, 4.0, 9.0])
        display = EigenDisplay.from_run(descent(matrix, [1.3, 2.1, 3.7], 0.4))
        np.testing.assert_allclose(display.measured, [0.6, 0.6, 2.6], atol=1e-6)
        assert "that of λ = 9, by 2.6; |1 − tλ| predicts 2.6, so this distance grows." in display.caption

    def test_a_run_at_rest_has_no_factor(self):
        caption = EigenDisplay.from_run(descent(np.diag([1.0, 4.0]), [0, 0], 0.1)).caption
        assert "No contraction can be measured" in caption


class TestEffectiveRates:
    @pytest.mark.filterwarnings("error")
    def test_a_parameter_that_stays_at_its_bound(self):
        rates = [[0.1, 0.1], [0.0, 0.1], [0.0, 0.1]]
        display = EffectiveRateDisplay(np.arange(3), rates, names=["x", "y"])
        assert "each moves by 0.1, at the median step with a rate above 0." in display.caption
        display = EffectiveRateDisplay(np.arange(3), [[0.0, 0.1]] * 3, names=["x", "y"])
        assert display.caption == (
            "For a slope of 1, y moves by 0.1, at the median step; the other parameter has no rate."
        )

    def test_a_bounded_run(self):
        run = st.minimize(bowl, (9, 1), direction="plain", step=0.04, bounds=[(2, None), (None, None)], iterations=40)
        caption = EffectiveRateDisplay.from_run(run).caption
        assert "by 0 " not in caption
        assert "inf" not in caption

    def test_equal_medians_have_no_factor(self):
        display = EffectiveRateDisplay(np.arange(3), [[0.4, 0.4], [0.2, 0.3], [0.5, 0.6]], names=["x", "y"])
        assert "Both parameters move alike at the median step, by 0.4 for a slope of 1, but not" in display.caption
        assert "factor" not in display.caption
        alone = EffectiveRateDisplay(np.arange(2), [[0.4, np.nan], [0.3, np.nan]], names=["x", "y"])
        assert "factor" not in alone.caption

    def test_a_slope_of_noise_has_no_rate(self):
        # The slope along z is the rounding error of a sum that is 0.
        scales = np.array([1.0, 10.0, 1e-17])
        points = np.array([[1.0, 1, 1], [0.9, 0.8, 0.9], [0.8, 0.6, 0.8]])
        run = run_of(lambda x: float(scales @ x**2) / 2, lambda x: scales * x, lambda x, v: scales * v, points, 0.1)
        display = EffectiveRateDisplay.from_run(run)
        assert np.isnan(display.rates[:, 2]).all()
        np.testing.assert_allclose(display.rates[0, :2], [0.1, 0.02])
        # The medians are those of 1 / 10 and 1 / 9, and of 2 / 100 and 2 / 80.
        assert "a factor of 4.691; the other parameter has no rate" in display.caption

    def test_a_slope_of_noise_after_convergence_has_no_rate(self):
        run = descent(np.eye(2), [1, 1], 0.9, steps=30)
        run.gradient_at = lambda x: np.maximum(np.abs(x), 1e-16)
        assert np.isnan(EffectiveRateDisplay.from_run(run).rates[-1]).all()
        # A slope that grows makes no rounding errors of those before it.
        grown = descent(np.eye(2), [1, 1], -1e3, steps=9)
        np.testing.assert_allclose(EffectiveRateDisplay.from_run(grown).rates, 1e3)

    @pytest.mark.parametrize("rate", [0.09, 0.09e200])
    def test_tiny_slopes(self, rate):
        run = st.gradient_descent(lambda x, y: 1e-200 * bowl(x, y), (9, 1), learning_rate=rate, iterations=20)
        display = EffectiveRateDisplay.from_run(run)
        if rate < 1:
            assert display.caption == "No parameter moves at the steps at which its slope is known."
        else:
            assert "Both parameters have the same rate at each step: for a slope of 1 each moves by 9e198" in (
                display.caption
            )
        display.to_figure().draw_without_rendering()

    def test_slopes_of_one_parameter_fall_by_any_factor(self):
        run = descent(np.eye(1), [1.0], 0.9, steps=60)
        np.testing.assert_allclose(EffectiveRateDisplay.from_run(run).rates, 0.9)


class TestSlices:
    def test_a_straight_path_is_not_drawn_as_the_spiral_of_its_rounding_errors(self):
        # Adam divides each slope by its size, so that all coordinates fall alike, to within its epsilon.
        weights = np.arange(1, 11.0)
        run = st.minimize(lambda x: (weights * x**2).sum(), np.ones(10), direction="adam", step=0.1, iterations=300)
        display = SliceDisplay.from_run(run, size=9)
        sizes = np.linalg.svd(run.trace.x - run.trace.x[display.best], compute_uv=False)
        assert 0 < sizes[1] < 1e-6 * sizes[0]
        assert display.straight
        np.testing.assert_allclose(display.axes @ display.axes.T, np.eye(2), atol=1e-12)
        np.testing.assert_allclose(display.grid_y[[0, -1]] * 2, np.ptp(display.grid_x) * np.array([-1, 1]))
        assert np.abs(display.path[:, 1]).max() < 1e-6 * np.ptp(display.grid_y)
        assert "this path, which is a straight line, and one that is square to it" in display.caption
        assert "extends most" not in display.caption

    def test_a_path_that_bends_is_not_called_straight(self):
        display = SliceDisplay.from_run(descent(np.diag([1.0, 1.001, 1]), [1, 2, 3], 0.1), size=9)
        assert not display.straight
        assert "straight" not in display.caption
        assert "in the two directions in which it extends most" in display.caption
