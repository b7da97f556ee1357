"""Bounds: projected paths in closed form, random boxes against SciPy's L-BFGS-B, and every rule inside or refused."""

import numpy as np
import pytest
from scipy import optimize
from tests.functions import STANDARD

import steepest as st
from steepest.rules import directions
from steepest.trace import Outcome


def bowl(x, y):
    return x**2 + y**2


def test_a_projected_path_is_the_closed_form():
    run = st.minimize(bowl, (9, 9), bounds=[(1, 10), (-20, 20)], step=0.1, iterations=30)
    k = np.arange(31)
    np.testing.assert_allclose(run.trace.x[:, 0], np.maximum(9 * 0.8**k, 1), rtol=1e-13)
    np.testing.assert_allclose(run.trace.x[:, 1], 9 * 0.8**k, rtol=1e-13)
    # The recorded norm leaves out the entry that presses against the edge.
    assert run.trace.gradient_norm[-1] == pytest.approx(2 * 9 * 0.8**30)
    np.testing.assert_allclose(run.jac, [2, 2 * run.x[1]])


def test_the_corner_of_a_plane_is_its_minimum():
    run = st.minimize(lambda x, y: 3 * x - y, (2.0, 2.0), bounds=[(1, 10), (-3, 20)])
    assert run.x.tolist() == [1, 20]
    assert run.outcome is Outcome.CONVERGED
    assert run.certificate.gap == 0
    top = st.maximize(lambda x, y: 3 * x - y, (2.0, 2.0), bounds=[(1, 10), (-3, 20)])
    assert top.x.tolist() == [10, -3]


# Each function is compiled, so that only a few are tried in every test run.
@pytest.mark.parametrize("apart", [22, pytest.param(11, marks=pytest.mark.nightly)])
def test_random_boxes_around_standard_functions_end_where_lbfgsb_does(apart):
    rng = np.random.default_rng(3)
    functions = STANDARD[::apart]
    assert len(functions) >= 5
    for standard in functions:
        x, size = standard.point, np.where(standard.point == 0, 1, np.abs(standard.point))
        low, high = x - size * rng.uniform(0, 0.5, x.size), x + size * rng.uniform(0, 0.5, x.size)
        run = st.minimize(standard.value, x, bounds=list(zip(low, high, strict=True)))
        box = {"jac": st.gradient(standard.value), "bounds": optimize.Bounds(low, high), "method": "L-BFGS-B"}
        with np.errstate(all="ignore"):
            theirs = optimize.minimize(standard.value, x, **box, options={"ftol": 1e-15, "gtol": 1e-12})
        assert run.success, (standard.name, run.message)
        assert run.fun - theirs.fun <= 1e-6 * (standard.value(x) - theirs.fun) + 1e-300, standard.name
        assert np.all((run.trace.x >= low) & (run.trace.x <= high))


CALLED: list = []


def by_values(x):
    CALLED.append(np.array(x))
    return (float(x[0]) - 3) ** 2 + float(x[1]) ** 2


@pytest.mark.parametrize("gradient", [None, lambda x: np.array([2 * (float(x[0]) - 3), 2 * float(x[1])])])
@pytest.mark.parametrize("start", [(1.0, 1.0), (2.0, 0.5), (0.0, -1.0)])
def test_plain_code_is_never_called_outside(start, gradient):
    CALLED.clear()
    run = st.minimize(by_values, start, bounds=[(0, 2), (-1, 1)], gradient=gradient)
    points = np.array(CALLED)
    assert np.all((points >= [0, -1]) & (points <= [2, 1]))
    assert run.x[0] == 2
    assert abs(run.x[1]) < 1e-3
    assert run.success


def test_at_the_edge_of_the_domain():
    run = st.minimize(lambda x, y: np.sqrt(x) + (y - 1) ** 2, (1.0, 0.0), bounds={"x": (0.25, None)})
    np.testing.assert_allclose(run.x, [0.25, 1], atol=1e-4)
    assert run.success


@pytest.mark.parametrize("direction", directions.NAMED)
@pytest.mark.parametrize("step", [0.01, "armijo", "wolfe", "strong-wolfe", "exact"])
@pytest.mark.always(26)
def test_every_rule_stays_inside_or_is_refused(direction, step):
    def valley(x):
        return (1 - x[0]) ** 2 + 10 * (x[1] - x[0] ** 2) ** 2

    box = [(-1.0, 0.5), (0.1, 2.0)]
    chosen = {"direction": direction, "step": step, "bounds": box, "iterations": 40}
    if step in ("wolfe", "strong-wolfe", "exact"):
        with pytest.raises(ValueError, match=r"straight line.*use step='armijo'"):
            st.minimize(valley, (-0.5, 1.0), **chosen)
        return
    if direction == "adamw" and step == "armijo":
        with pytest.raises(ValueError, match="AdamW"):
            st.minimize(valley, (-0.5, 1.0), **chosen)
        return
    run = st.minimize(valley, (-0.5, 1.0), **chosen)
    low, high = np.array(box).T
    assert np.all((run.trace.x >= low) & (run.trace.x <= high))
    assert run.fun < valley((-0.5, 1.0))


def test_optax_rules_are_projected_too():
    import optax

    run = st.minimize(bowl, (9.0, 9.0), bounds=[(1, 10), (2, 10)], step=optax.sgd(0.1), iterations=60)
    assert run.x.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ([(0, 10)], "1 pairs where the point has 2 coordinates"),
        ([(0, 10), (5, 1)], r"bounds of y are \(5, 1\): low must not exceed high"),
        ([(0, 10), 3], r"bounds of y are 3: give \(low, high\)"),
        ([(0, 10), ("a", 1)], "bounds of y are"),
        ([(0, 10), (np.nan, 1)], "low must not exceed high"),
        ({"z": (0, 1)}, "bounds name 'z'; the point has x, y"),
        ([(0, 10), (0, 1)], r"the start has y = 9, outside its bounds \(0, 1\): put it inside"),
    ],
)
def test_bad_bounds_have_one_line(bounds, words):
    with pytest.raises(ValueError, match=words):
        st.minimize(bowl, (9, 9), bounds=bounds)
    with pytest.raises(TypeError, match="give pairs"):
        st.minimize(bowl, (9, 9), bounds=3)


def test_one_pair_for_a_scalar_and_scipys_bounds():
    assert st.minimize(lambda x: (x - 5) ** 2, 1.0, bounds=(0, 3)).x == 3
    run = st.minimize(bowl, (9, 9), bounds=optimize.Bounds([1, 2], np.inf))
    np.testing.assert_allclose(run.x, [1, 2])


class TestEdges:
    def test_a_wrong_gradient_is_found_out_at_a_corner(self):
        def f(x, y):
            return (x - 1) ** 2 + (y - 6) ** 2

        box = [(0, 5), (0, 5)]
        for start in [(0.0, 0.0), (0.5, 0.0)]:
            run = st.minimize(f, start, gradient=lambda x, y: (2 * (x - 1), -2 * (y - 6)), bounds=box)
            assert run.outcome is Outcome.WRONG_GRADIENT
            assert "(sign)" in run.message
            right = st.minimize(f, start, gradient=lambda x, y: (2 * (x - 1), 2 * (y - 6)), bounds=box)
            assert right.x.tolist() == [1, 5]
            assert right.success

    @pytest.mark.parametrize(
        ("f", "edge"), [(np.sin, np.pi / 2), (lambda x: -((x - 0.1 - 0.2) ** 2), 0.3), (lambda x: np.cos(x), 0.0)]
    )
    def test_a_maximum_at_an_edge_is_no_minimum(self, f, edge):
        assert not st.minimize(f, edge, bounds=(edge, 10)).success

    def test_a_minimum_at_an_edge_without_a_slope_is_one(self):
        assert st.minimize(lambda x: x**3, 1.0, bounds=(0, 2)).outcome is Outcome.CONVERGED
        run = st.minimize(lambda x, y: x * x + y * y + 4 * x * y, (1.0, 1.0), bounds=[(0, 2)] * 2)
        assert (run.outcome, run.fun) == (Outcome.CONVERGED, 0)

    def test_a_fixed_variable_does_not_change_the_verdict(self):
        run = st.minimize(lambda x, y: x**2 - y**2, (1.0, 0.0), bounds=[(-2, 2), (0, 0)])
        assert run.outcome is Outcome.CONVERGED
        for edges in [(0, 0), (0, 1e-7)]:
            run = st.minimize(by_values, (1.0, 0.0), bounds=[(0, 2), edges])
            assert run.success
            assert run.x[0] == 2

    def test_differences_at_an_edge_step_inside(self):
        run = st.minimize(lambda x: (1e3 * float(x) - 2e-3) ** 2, 0.0, bounds=(0, 1))
        assert run.x == pytest.approx(2e-6, rel=1e-3)

    @pytest.mark.parametrize(
        ("f", "start", "box", "answer"),
        [
            (lambda x: 1e-3 * x, 50.0, (0, 100), 0),
            (np.log, 5e5, (1, 1e6), 1),
            (lambda x, y: x - y, (0.0, 0.0), [(-1e5, 1e5)] * 2, [-1e5, 1e5]),
        ],
    )
    def test_slopes_without_curvature_take_few_steps(self, f, start, box, answer):
        run = st.minimize(f, start, bounds=box)
        assert np.array_equal(run.x, answer)
        assert run.success
        assert run.nit < 50

    def test_a_side_without_an_edge_may_have_no_bottom(self):
        assert st.minimize(lambda x: x + 0.0, 5.0, bounds=(None, 10)).outcome is Outcome.UNBOUNDED

    @pytest.mark.parametrize("rule", ["momentum", "nesterov"])
    def test_momentum_that_presses_against_an_edge_comes_back(self, rule):
        run = st.minimize(lambda x: (x - 1) ** 2, 9.0, bounds=(0.5, 10), direction=rule, step=0.1)
        assert run.x == pytest.approx(1, abs=1e-2)
        assert run.success

    def test_random_starts_are_drawn_inside_a_single_edge(self):
        CALLED.clear()
        run = st.minimize(lambda x: (float(x) - 7) ** 2 + 0 * by_values((x, x)), "random", bounds=(5, None), rng=0)
        assert run.x == pytest.approx(7)
        assert np.all(np.array(CALLED) >= 5)
        assert st.minimize(lambda x: (x + 7) ** 2, "random", bounds=(None, -5), rng=0).x == pytest.approx(-7)


def test_a_kink_beside_a_tiny_coordinate_is_no_minimum():
    run = st.minimize(lambda x, y: np.abs(x - 1) + np.abs(y), (1e-16, 1e-16))
    assert not (run.success and run.fun > 1e-6)
