"""The captions of causes say nothing that the numbers of the run refute."""

import re

import numpy as np
import pytest
from tests.inspection.causes.quadratics import descent, run_of

import steepest as st
from steepest.inspection import StabilityDisplay
from steepest.inspection.plots.causes.top import largest_curvature


def bowl(x, y):
    return x**2 + 10 * y**2


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


class TestStability:
    @pytest.mark.parametrize("scale", [1e200, 1e155, 0.03, 1e-200, 1e-300])
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
