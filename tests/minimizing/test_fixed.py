"""Fixed variables of `minimize`, `maximize` and `race`: the descent is that of the function of the others."""

import math

import numpy as np
import pytest
from scipy import optimize
from tests.functions import STANDARD

import steepest as st
from steepest.trace import Outcome


def valley(x, y):
    return (x - 1) ** 2 + 100 * (y - x**2) ** 2


# The best x for y = 2, from the cubic that the slope is.
BEST = max(np.roots([400, 0, 2 - 800, -2]).real)


@pytest.mark.parametrize(
    ("start", "fixed"),
    [
        ((1.2, 1.0), {"y": 2.0}),
        ((1.2, 1.0), {1: 2.0}),
        ((1.2, 1.0), [None, 2.0]),
        ((1.2, 1.0), (None, np.float32(2))),
        ({"x": 1.2}, {"y": 2.0}),
        ({"x": 1.2, "y": 7.0}, {"y": 2}),
    ],
)
def test_the_answer_is_that_of_the_function_of_the_others(start, fixed):
    run = st.minimize(valley, start, fixed=fixed)
    np.testing.assert_allclose(run.x, [BEST, 2], rtol=1e-12)
    assert np.all(run.trace.x[:, 1] == 2)
    assert (run.outcome, run.fixed, run.bounds, run.at_bound) == (Outcome.CONVERGED, {"y": 2.0}, {}, {})
    assert run.jac[1] == pytest.approx(200 * (2 - BEST**2))
    assert run.trace.gradient_norm[-1] < 1e-6
    assert "fixed  y = 2" in str(run)


@pytest.mark.parametrize("apart", [31, pytest.param(7, marks=pytest.mark.nightly)])
def test_standard_functions_with_a_part_fixed_as_scipy_minimises_the_rest(apart):
    rng = np.random.default_rng(5)
    for standard in [one for one in STANDARD if one.point.size > 1][::apart]:
        x = standard.point
        held = rng.random(x.size) < 0.5
        held[rng.integers(x.size)] = False
        free = np.flatnonzero(~held)
        fixed = dict(zip(np.flatnonzero(held).tolist(), x[held], strict=True))
        run = st.minimize(standard.value, x, fixed=fixed)

        def rest(part, value=standard.value, x=x, free=free):
            whole = x.copy()
            whole[free] = part
            return value(whole)

        with np.errstate(all="ignore"):
            theirs = optimize.minimize(rest, x[free], method="BFGS", options={"gtol": 1e-10})
        assert run.success or run.outcome == "no finite optimum", (standard.name, run.message)
        assert run.fun - theirs.fun <= 1e-6 * (standard.value(x) - theirs.fun) + 1e-12, standard.name
        np.testing.assert_array_equal(np.asarray(run.x)[held], x[held])


class TestTrees:
    start = {"w": np.ones((2, 2)), "b": 3.0}  # noqa: RUF012 - not changed

    @staticmethod
    def f(p):
        return ((p["w"] - np.array([[1.0, 2.0], [3.0, 4.0]])) ** 2).sum() + (p["b"] - 5) ** 2

    @pytest.mark.parametrize(
        ("fixed", "w", "b"),
        [
            ({"b": 1}, [[1, 2], [3, 4]], 1),
            ({"w": 0}, [[0, 0], [0, 0]], 5),
            ({"w": [[9, 8], [7, 6]]}, [[9, 8], [7, 6]], 5),
            ({"w": [[None, 8], [7, None]]}, [[1, 8], [7, 4]], 5),
            ({"w[1, 0]": 7}, [[1, 2], [7, 4]], 5),
            ({"w": {(1, 0): 7}}, [[1, 2], [7, 4]], 5),
        ],
    )
    def test_whole_arrays_and_single_entries(self, fixed, w, b):
        run = st.minimize(self.f, self.start, fixed=fixed)
        np.testing.assert_allclose(run.x["w"], w)
        assert run.x["b"] == pytest.approx(b)
        assert run.success

    def test_a_start_without_what_is_fixed(self):
        run = st.minimize(self.f, {"w": np.ones((2, 2))}, fixed={"b": 1.0})
        assert run.x["b"] == 1
        run = st.minimize(self.f, {"b": 3.0}, fixed={"w": np.zeros((2, 2))}, bounds={"b": (None, 4)})
        np.testing.assert_array_equal(run.x["w"], np.zeros((2, 2)))
        assert run.at_bound == {"b": "high"}

    def test_bounds_of_an_array(self):
        run = st.minimize(self.f, self.start, bounds={"w": (0, 2.5)})
        np.testing.assert_allclose(run.x["w"], [[1, 2], [2.5, 2.5]])
        assert run.at_bound == {"w[1, 0]": "high", "w[1, 1]": "high"}
        assert run.bounds["w[0, 0]"] == (0.0, 2.5)
        run = st.minimize(self.f, self.start, bounds={"w": [(0, 1), (0, 1), (None, None), (0, None)]})
        np.testing.assert_allclose(run.x["w"], [[1, 1], [3, 4]])


CALLED: list = []


def by_values(x):
    CALLED.append(np.array(x))
    return (float(x[0]) - 3) ** 2 + float(x[1]) ** 2 + float(x[0]) * float(x[2])


def noisy(x):
    CALLED.append(np.array(x))
    return float(x[0] - 3) ** 2 + float(x[1]) ** 2 + float(x[2]) + 1e-3 * NOISE.standard_normal()


NOISE = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("f", "gradient"),
    [
        (by_values, None),
        (by_values, lambda x: np.array([2 * (float(x[0]) - 3) + float(x[2]), 2 * float(x[1]), float(x[0])])),
        (noisy, None),
    ],
)
def test_no_call_has_another_value_of_a_fixed_variable(f, gradient):
    CALLED.clear()
    run = st.minimize(f, (1.0, 1.0, 1.0), fixed={2: 0.5}, gradient=gradient, restarts=1, rng=0)
    assert {x[2] for x in CALLED} == {0.5}
    assert run.x[2] == 0.5
    assert run.x[0] == pytest.approx(3 if f is noisy else 2.75, abs=0.1)
    assert run.fixed == {"x[2]": 0.5}
    if f is by_values and gradient is None:
        assert run.nfev <= len(CALLED)


def test_a_gradient_that_was_given_counts_where_variables_are_free():
    def gradient(x, y):
        return 2 * (x - 1) - 400 * x * (y - x**2), 1e9

    run = st.minimize(valley, (1.2, 1.0), gradient=gradient, fixed={"y": 2.0})
    assert run.x[0] == pytest.approx(BEST)
    assert run.outcome is Outcome.CONVERGED
    wrong = st.minimize(valley, (1.2, 1.0), gradient=lambda x, y: (-gradient(x, y)[0], 0.0), fixed={"y": 2.0})
    assert wrong.outcome is Outcome.WRONG_GRADIENT


def test_further_arguments_and_maximize():
    run = st.maximize(lambda p, k: -((p[0] - k) ** 2) - p[1] ** 2, [0.0, 4.0], args=(3.0,), fixed={1: 1.0})
    np.testing.assert_allclose(run.x, [3, 1])
    assert run.fun == pytest.approx(-1)


def test_a_kink_beside_a_fixed_variable():
    run = st.minimize(lambda x, y: abs(x - 3) + abs(y - 1), (0.0, 0.0), fixed={"y": 2.0})
    np.testing.assert_allclose(run.x, [3, 2])
    assert (run.outcome, run.fun) == (Outcome.CONVERGED, pytest.approx(1))


def test_every_search_is_allowed_as_no_line_leaves_the_box():
    for step in ("wolfe", "exact", "armijo"):
        run = st.minimize(valley, (1.2, 1.0), direction="l-bfgs", step=step, fixed={"y": 2.0})
        assert run.x[0] == pytest.approx(BEST, rel=1e-6)


def test_random_starts_and_starts_of_ones_own_keep_the_value(tmp_path):
    run = st.minimize(valley, "random", bounds={"x": (-2, 2)}, fixed={"y": 2.0}, restarts=6, rng=0)
    assert all(np.all(each.trace.x[:, 1] == 2) for each in run.runs)
    assert all(each.fixed == {"y": 2.0} for each in run.runs)
    assert len({float(each.trace.x[0, 0]) for each in run.runs}) == 7
    assert run.x[0] == pytest.approx(BEST)
    own = st.minimize(valley, (1.2, 1.0), fixed={"y": 2.0}, restarts=[(0.5, 9.0), (1.0, 2.0)])
    assert all(each.x[1] == 2 for each in own.runs)
    run.save(tmp_path / "run")
    loaded = st.load(tmp_path / "run")
    assert loaded == run
    assert (loaded.fixed, loaded.bounds) == ({"y": 2.0}, {"x": (-2.0, 2.0)})


def test_a_race_of_rules_keeps_the_value():
    rules = {"plain": 0.001, "momentum": {"direction": "momentum", "step": 0.0005}, "auto": "auto"}
    found = st.race(valley, (1.2, 1.0), rules, fixed={"y": 2.0}, iterations=60)
    assert all(np.all(run.trace.x[:, 1] == 2) for run in found.runs.values())
    assert found.runs[found.winner].x[0] == pytest.approx(BEST)


def test_a_picture_of_two_variables_of_which_one_is_fixed_is_the_descent():
    run = st.minimize(valley, (1.2, 1.0), fixed={"y": 2.0})
    assert type(run.plot()).__name__ == "DescentDisplay"


def test_a_bounded_value_that_levels_off_has_its_minimum_at_the_bound():
    # Without the bound the value would have a limit, but no minimum.
    for f, best in ((lambda x: -np.arctan(x), -math.atan(1e9)), (lambda x: 1 / (1 + x**2), 1e-18)):
        run = st.minimize(f, 1.0, bounds=(0, 1e9))
        assert run.x == 1e9
        assert run.fun == pytest.approx(best)
        assert (run.outcome, run.at_bound) == (Outcome.CONVERGED, {"x": "high"})


def test_a_variable_that_rests_at_its_bound_without_a_slope_is_not_named():
    run = st.minimize(lambda x, y: x**2 + (y - 1) ** 2, (3.0, 3.0), bounds=[(0, None), (2, None)])
    assert run.x.tolist() == [0, 2]
    assert run.at_bound == {"y": "low"}


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ({"z": 1.0}, "fixed names 'z'; the point has x, y"),
        ({2: 1.0}, "fixed names 2"),
        ({"x": 1.0, "y": 1.0}, "every parameter is fixed"),
        ({"x": math.inf}, "x is fixed at inf: give a finite number"),
        ({"x": "a"}, "x is fixed at 'a'"),
        ({"x": 1.0, 0: 2.0}, "fixed gives x twice"),
        ([1.0], "fixed has 1 values for the point, which has 2"),
    ],
)
def test_bad_values_have_one_line(fixed, words):
    with pytest.raises(ValueError, match=words):
        st.minimize(valley, (1.2, 1.0), fixed=fixed)


def test_what_is_no_list_of_values_is_refused():
    for fixed in (3, "x"):
        with pytest.raises(TypeError, match="give values by name"):
            st.minimize(valley, (1.2, 1.0), fixed=fixed)
    with pytest.raises(ValueError, match="x is fixed at 3, outside its bounds"):
        st.minimize(valley, (1.2, 1.0), fixed={"x": 3.0}, bounds=[(0, 2), (None, None)])
    with pytest.raises(ValueError, match="x has bounds and is fixed"):
        st.minimize(valley, (1.2, 1.0), fixed={"x": 1.0}, bounds={"x": (0, 2)})
    with pytest.raises(ValueError, match=r"bounds has 3 pairs for w, which has 2 entries"):
        st.minimize(lambda p: p["w"].sum(), {"w": np.ones(2)}, bounds={"w": [(0, 1)] * 3})
