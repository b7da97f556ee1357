"""The problems that test automatic steps: their minima by independent means, and `minimize` on some of them.

`benchmarks/steps.py` runs all of them, and compares with SciPy, optax and tuned constants.
"""

import numpy as np
import pytest
import scipy.optimize
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from tests.functions import STANDARD
from tests.problems import Problem, basin, every_problem
from tests.problems.glm import logistic, models, poisson
from tests.problems.polish import polished
from tests.problems.quadratics import drawn

import steepest as st

PROBLEMS = {problem.name: problem for problem in every_problem()}


def starting_with(*kinds):
    return [name for name in PROBLEMS if name.startswith(kinds)]


QUADRATICS = starting_with("quadratic_")
GLMS = starting_with("cancer_", "wine_", "diabetes_", "scales_")


def test_all_problems_are_there():
    published = {case.name for case in STANDARD if case.source.startswith("MGH")}
    assert len(published) == 35
    assert {name for name in published if not starting_with(name)} == set()
    assert (len(QUADRATICS), len(GLMS)) == (12, 9)
    assert len(PROBLEMS) - len(QUADRATICS) - len(GLMS) >= 100
    assert len(PROBLEMS) == len(every_problem())


@pytest.mark.parametrize("name", PROBLEMS)
def test_other_units_show_the_same_function(name):
    plain, scaled = PROBLEMS[name], PROBLEMS[name].through_other_units()
    assert np.all((scaled.units >= 1e-3) & (scaled.units <= 1e3))
    assert 1e-6 <= scaled.factor <= 1e6
    for x in (plain.start, 0.9 * plain.start + 0.01):
        value = scaled.objective(x / scaled.units) / scaled.factor
        assert value == pytest.approx(plain.objective(x), rel=1e-6, abs=1e-9 * abs(plain.first) + 1e-12)
    assert all(minimum < plain.first for minimum in plain.minima[:1])


def by_complex_steps(f):
    """Return value and gradient, each partial derivative from a step along the imaginary axis."""

    def slope(x):
        sides = np.repeat(x.astype(complex)[None], x.size, axis=0) + 1e-30j * np.eye(x.size)
        return float(f(x)), np.array([f(side).imag for side in sides]) / 1e-30

    return slope


LARGER = starting_with(
    "watson_9", "penalty_1_10", "variably", "chebyquad_10", "zakharov_10", "dixon_price_10", "trid_10",
    "styblinski_tang_10", "brown_10", "log_sum_exp_10", "arwhead", "cragglvy", "cube", "dixmaana", "dqdrtic", "engval1",
    "exponential_chain", "liarwhd", "nondia", "power_20", "quartic", "tquartic", "tridia",
)  # fmt: skip


@pytest.mark.parametrize("name", LARGER)
def test_minimum_is_the_one_that_scipy_finds(name):
    problem = PROBLEMS[name]
    slope = by_complex_steps(problem.f)
    tight = {"ftol": 1e-16, "gtol": 1e-12, "maxiter": 10_000, "maxfun": 10_000, "maxcor": 30}
    found = scipy.optimize.minimize(slope, problem.start, jac=True, method="L-BFGS-B", options=tight).fun
    least, descent, _ = problem.target(found)
    assert found == pytest.approx(least, abs=1e-8 * descent)


@pytest.mark.parametrize("name", QUADRATICS)
def test_quadratics_have_their_condition_and_their_minimum(name):
    size, power = name.removeprefix("quadratic_").split("_1e")
    matrix, centre = drawn(int(size), 10.0 ** int(power))
    assert np.linalg.cond(matrix) == pytest.approx(10.0 ** int(power), rel=1e-6)
    assert PROBLEMS[name].f(centre) == PROBLEMS[name].minima[0] == 0


@pytest.mark.parametrize("name", GLMS)
def test_minimum_of_a_model_is_the_one_that_other_libraries_find(name):
    loss, (X, y), ridge = models()[name]
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    if loss is logistic:
        # The penalty is on the raw columns, so these are centred but not scaled.
        found = LogisticRegression(C=1 / (ridge * len(y)), solver="newton-cholesky", tol=1e-12, max_iter=1000)
        found.fit(X - mean, y)
        slope, level = found.coef_[0], found.intercept_[0]
    elif loss is poisson:
        found = PoissonRegressor(alpha=ridge, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X - mean, y)
        slope, level = found.coef_, found.intercept_
    else:
        table = np.vstack([(X - mean) / deviation, np.diag(np.sqrt(ridge * len(y) / 2) / deviation)])
        target = np.concatenate([y - y.mean(), np.zeros(len(deviation))])
        slope, level = np.linalg.lstsq(table, target)[0] / deviation, y.mean()
    point = np.concatenate([[level - mean @ slope], slope])
    problem = PROBLEMS[name]
    least, descent, _ = problem.target(problem.f(point))
    assert problem.f(point) == pytest.approx(least, abs=1e-7 * descent)


class TestBasin:
    """The minimum that a point is compared with is the one that Newton's steps lead to."""

    def test_each_of_himmelblaus_four(self):
        slope = st.value_and_gradient(lambda v: (v[0] ** 2 + v[1] - 11) ** 2 + (v[0] + v[1] ** 2 - 7) ** 2)
        for near in ((3, 2), (-2.8, 3.1), (-3.8, -3.3), (3.6, -1.8)):
            x, value, strict = polished(slope, np.array(near, dtype=float))
            assert strict
            assert value < 1e-20
            np.testing.assert_allclose(x, near, atol=0.1)

    def test_saddles_and_slopes_have_no_minimum(self):
        assert basin(st.value_and_gradient(lambda v: v[0] ** 2 - v[1] ** 2 + v[1] ** 4), (0.0, 0.0)) is None
        assert basin(st.value_and_gradient(lambda v: np.exp(v[0]) + v[1] ** 2), (0.0, 1.0)) is None

    def test_a_value_is_compared_with_the_minimum_below_it(self):
        problem = Problem("two", lambda x: 10 * np.sum(x), np.array([1.0]), [0.0, 4.0])
        assert problem.target(4.5)[::2] == pytest.approx((4.0, 4.0 + 6e-6), rel=1e-12)
        assert problem.target(3.9)[::2] == pytest.approx((0.0, 1e-5), rel=1e-12)
        problem.learn(2.0)
        problem.learn(4.0 + 1e-9)
        assert problem.target(3.9)[0] == 2.0
        assert sorted(problem.through_other_units().minima) == [0.0, 2.0, 4.0]


DESCENDED = ["helical_valley", "beale", "powell_singular", "brown_dennis", "quadratic_10_1e6"]


@pytest.mark.parametrize("name", DESCENDED)
@pytest.mark.always(3)
def test_solved_in_its_own_units_and_in_others(name):
    for problem in (PROBLEMS[name], PROBLEMS[name].through_other_units()):
        run = st.minimize(problem.objective, problem.x0)
        least, descent, target = problem.target(run.fun)
        assert run.fun <= target, run.message
        assert run.outcome == "converged", run.message
        rounding = 1e-12 * max(abs(least), descent)
        assert run.fun - least <= 3 * run.certificate.gap + rounding, run.message
