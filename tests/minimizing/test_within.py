"""Descents within convex sets, compared with SciPy, closed forms and the conditions of Karush, Kuhn and Tucker."""

from fractions import Fraction
from operator import mul

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.optimize import LinearConstraint, NonlinearConstraint, brentq
from scipy.optimize import minimize as scipy_minimize

import steepest as st
from steepest.sets.region import Region


def quadratic(n, seed=0, least=1e-2):
    """Return a convex quadratic ½ wᵀCw - mᵀw, with C and m."""
    draws = np.random.default_rng(seed)
    turn = np.linalg.qr(draws.standard_normal((n, n)))[0]
    C, m = (turn * np.geomspace(least, 1, n)) @ turn.T, draws.standard_normal(n)
    return (lambda w: 0.5 * w @ C @ w - m @ w), C, m


def is_stationary(one, x, gradient, to):
    """Tell whether no step along -gradient leads on within a set: x = P(x - g)."""
    return np.abs(one.project(x - gradient) - x).max() <= to


SETS = {
    "simplex": (lambda n: st.sets.Simplex(), lambda n: np.full(n, 1 / n)),
    "ball": (lambda n: st.sets.Ball(0.8, centre=np.ones(n)), lambda n: np.ones(n)),
    "sum ball": (lambda n: st.sets.Ball(0.8, order=1), lambda n: np.zeros(n)),
    "box": (lambda n: st.sets.Box(-0.2, 0.3), lambda n: np.zeros(n)),
    "open box": (lambda n: st.sets.Box(low=0), lambda n: np.ones(n)),
    "half-space": (lambda n: st.sets.Halfspace(np.arange(1.0, n + 1), 0.1), lambda n: np.zeros(n)),
    "affine": (lambda n: st.sets.Affine(np.vander(np.linspace(-1, 1, n), 3).T, [1, 0, 1]), None),
}


def problem(name, n):
    make, start = SETS[name]
    one = make(n)
    return one, (one.project(np.zeros(n)) if start is None else start(n))


def by_scipy(name, one, f, slope, n):
    """Return the minimum by SLSQP, and None for sets that it does not take."""
    held = {
        "simplex": [LinearConstraint(np.ones(n), 1, 1)],
        "ball": [
            NonlinearConstraint(lambda w: np.sum((w - 1) ** 2), -np.inf, one.size and 0.64, lambda w: 2 * (w - 1))
        ],
        "half-space": [LinearConstraint(np.arange(1.0, n + 1), -np.inf, 0.1)],
        "affine": [LinearConstraint(getattr(one, "A", np.ones(n)), getattr(one, "b", 1), getattr(one, "b", 1))],
    }.get(name, [])
    bounds = {"simplex": (0, None), "box": (-0.2, 0.3), "open box": (0, None)}.get(name)
    start = problem(name, n)[1]
    return scipy_minimize(
        f, start, jac=slope, method="SLSQP", constraints=held, bounds=[bounds] * n if bounds else None,
        options={"maxiter": 1000, "ftol": 1e-16},
    ).fun  # fmt: skip


@pytest.mark.parametrize("n", [2, 12, 60])
@pytest.mark.parametrize("name", SETS)
@pytest.mark.always(8)
def test_minima_of_quadratics_satisfy_the_conditions_and_agree_with_slsqp(name, n):
    if name == "affine" and n != 12:
        return
    f, C, m = quadratic(n, seed=n)
    one, start = problem(name, n)
    run = st.minimize(f, start, within=one)
    assert run.outcome is st.Outcome.CONVERGED
    assert run.certificate.kind == "audited"
    assert one.contains(run.x)
    assert is_stationary(one, run.x, C @ run.x - m, to=1e-9)
    if name != "sum ball":
        reference = by_scipy(name, one, f, lambda w: C @ w - m, n)
        assert run.fun <= reference + 1e-8 * abs(reference)


def test_every_point_of_the_trace_lies_in_the_set():
    for name in SETS:
        one, start = problem(name, 6)
        run = st.minimize(quadratic(6)[0], start, within=one)
        assert all(one.contains(x) for x in run.trace.x), name


def test_portfolio_of_least_variance_has_the_closed_form_of_uncorrelated_assets():
    # Uncorrelated assets: the weights are the inverse variances, divided by their sum.
    variances = np.array([1.0, 2.0, 4.0, 8.0])
    run = st.minimize(lambda w: w @ (variances * w), np.full(4, 0.25), within=st.sets.Simplex())
    assert run.x == pytest.approx((1 / variances) / (1 / variances).sum(), abs=1e-14)


def test_entropy_on_the_simplex_has_the_answer_of_softmax():
    c = np.random.default_rng(0).standard_normal(20)
    run = st.minimize(lambda p: np.sum(p * np.log(p)) + c @ p, np.full(20, 0.05), within=st.sets.Simplex())
    assert run.x == pytest.approx(np.exp(-c) / np.exp(-c).sum(), abs=1e-13)


@pytest.mark.parametrize("least", [1e-2, 1e-5])
def test_trust_region_problem_agrees_with_its_secular_equation(least):
    # On the edge (C + λ I) w = m with the λ for which ‖w‖ = r.
    f, C, m = quadratic(15, least=least)
    values, vectors = eigh(C)
    parts = vectors.T @ m
    shift = brentq(lambda s: np.linalg.norm(parts / (values + s)) - 0.5, 1e-9, 1e3, xtol=1e-15, rtol=1e-14)
    run = st.minimize(f, np.zeros(15), within=st.sets.Ball(0.5))
    assert run.x == pytest.approx(vectors @ (parts / (values + shift)), abs=1e-10)
    assert np.linalg.norm(run.x) == pytest.approx(0.5, abs=1e-14)
    # Along the edge the curvature is that of f and the multiplier's together.
    edge = np.linalg.svd(run.x[None])[2][1:]
    along = np.linalg.eigvalsh(edge @ (C + shift * np.eye(15)) @ edge.T)
    assert run.certificate.curvature == pytest.approx((along[0], along[-1]), rel=1e-5)


def test_a_minimum_inside_a_ball_is_that_without_the_ball():
    f, C, m = quadratic(8)
    inside = np.linalg.solve(C, m)
    run = st.minimize(f, np.zeros(8), within=st.sets.Ball(2 * np.linalg.norm(inside)))
    assert run.x == pytest.approx(inside, rel=1e-9)


def test_least_squares_with_equations_solve_the_kkt_system():
    draws = np.random.default_rng(1)
    X, y, A, b = (
        draws.standard_normal((40, 7)),
        draws.standard_normal(40),
        draws.standard_normal((3, 7)),
        [1.0, -2.0, 0.5],
    )
    held = st.sets.Affine(A, b)
    run = st.minimize(lambda w: np.sum((X @ w - y) ** 2), held.project(np.zeros(7)), within=held)
    kkt = np.block([[2 * X.T @ X, A.T], [A, np.zeros((3, 3))]])
    assert run.x == pytest.approx(np.linalg.solve(kkt, np.concatenate([2 * X.T @ y, b]))[:7], abs=1e-10)
    assert run.trace.x.shape[1] == 7
    assert np.abs(run.trace.x @ A.T - b).max() < 1e-13
    # The gradient along the set is 0 at the answer.
    assert np.abs(run.jac).max() < 1e-12


def test_lasso_in_the_form_of_a_sum_ball_agrees_with_the_penalty():
    # The minimum with ‖w‖₁ ≤ r is that of the lasso whose answer has this norm.
    from sklearn.linear_model import Lasso

    draws = np.random.default_rng(2)
    X = draws.standard_normal((50, 10))
    y = X[:, :3] @ [1.0, -2.0, 0.5] + 0.1 * draws.standard_normal(50)
    lasso = Lasso(alpha=0.2, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(X, y).coef_
    ball = st.sets.Ball(np.abs(lasso).sum(), order=1)
    run = st.minimize(lambda w: np.mean((X @ w - y) ** 2), np.zeros(10), within=ball)
    assert run.x == pytest.approx(lasso, abs=1e-7)
    assert np.array_equal(run.x == 0, lasso == 0)


def test_many_variables_converge_without_a_hessian():
    f, C, m = quadratic(400)
    run = st.minimize(f, np.full(400, 1 / 400), within=st.sets.Simplex())
    assert run.outcome is st.Outcome.CONVERGED
    assert run.certificate.kind == "estimated"
    gradient = C @ run.x - m
    assert run.x @ (gradient - gradient.min()) < 1e-12


def test_maximize_finds_a_corner_for_a_convex_function_and_leaves_the_saddle_at_the_start():
    run = st.maximize(lambda w: w @ w, np.full(3, 1 / 3), within=st.sets.Simplex())
    assert sorted(run.x) == pytest.approx([0, 0, 1])
    assert run.fun == pytest.approx(1)
    assert any(event.kind == "saddle" for event in run.events)


def test_a_corner_without_slope_is_left_between_two_edges():
    run = st.minimize(lambda w: -w[0] * w[1], np.zeros(2), within=st.sets.Box(0, 1))
    assert run.x == pytest.approx([1, 1])


def test_given_rules_do_not_leave_a_saddle_and_say_so():
    run = st.minimize(lambda w: -w @ w, np.full(3, 1 / 3), within=st.sets.Simplex(), step=0.1)
    assert run.outcome is st.Outcome.SADDLE


# --- Steps that the user chose ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["simplex", "ball", "half-space", "sum ball"])
@pytest.mark.always(2)
def test_fixed_steps_are_projected(name):
    one, x = problem(name, 5)
    f, C, m = quadratic(5)
    run = st.minimize(f, x, within=one, step=0.3, iterations=25)
    for reached in run.trace.x:
        assert reached == pytest.approx(x, abs=1e-12)
        x = one.project(x - 0.3 * (C @ x - m))


def test_momentum_is_projected_after_each_step():
    one, x = problem("simplex", 4)
    f, C, m = quadratic(4)
    run = st.minimize(f, x, within=one, step=0.2, direction=st.directions.Momentum(0.9), iterations=25)
    velocity = np.zeros(4)
    for reached in run.trace.x:
        assert reached == pytest.approx(x, abs=1e-12)
        velocity = 0.9 * velocity - (C @ x - m)
        x = one.project(x + 0.2 * velocity)


@pytest.mark.parametrize("how", [{"step": 0.1, "tolerance": 1e-9}, {"direction": "plain"}, {"step": "armijo"}])
@pytest.mark.always(2)
def test_other_rules_converge_to_the_same_minimum(how):
    f, *_ = quadratic(6)
    best = st.minimize(f, np.full(6, 1 / 6), within=st.sets.Simplex())
    run = st.minimize(f, np.full(6, 1 / 6), within=st.sets.Simplex(), iterations=5000, **how)
    assert run.outcome is st.Outcome.CONVERGED
    assert run.fun == pytest.approx(best.fun, abs=1e-8)


# --- Where f is called ------------------------------------------------------------------------------------------------


def plain(f, one, seen):
    """Return f as code that can't be traced, which notes where it is called and refuses points outside a set."""

    def called(w):
        w = np.array([float(str(part)) for part in w])
        seen.append(w)
        assert one.contains(w, 1e-11)
        return float(f(w))

    return called


@pytest.mark.parametrize("name", SETS)
@pytest.mark.always(3)
def test_differences_stay_in_the_set(name):
    one, start = problem(name, 5)
    f, *_ = quadratic(5)
    seen = []
    run = st.minimize(plain(f, one, seen), start, within=one)
    assert run.kind == "differences"
    assert len(seen) == run.nfev
    assert run.success
    exact = st.minimize(f, start, within=one)
    assert run.fun == pytest.approx(exact.fun, abs=1e-9)
    assert run.x == pytest.approx(exact.x, abs=1e-5)


@pytest.mark.parametrize(("a", "b"), [([1, 1, 1], 1), ([1, -2, 0.5], -3)])
def test_differences_converge_on_the_edge_of_a_half_space(a, b):
    def distance(x):
        # float() keeps the code from being traced.
        return sum((float(v) - k) ** 2 for k, v in enumerate(x))

    one, far = st.sets.Halfspace(a, b), np.arange(3.0)
    run = st.minimize(distance, one.project(np.zeros(3)), within=one)
    assert run.kind == "differences"
    assert run.outcome is st.Outcome.CONVERGED, run.message
    assert run.x == pytest.approx(far - np.array(a) * (far @ a - b) / (np.array(a) @ a), abs=1e-7)


def test_a_given_gradient_is_called_in_the_set_alone():
    f, C, m = quadratic(5)
    one, seen = st.sets.Simplex(), []

    def slope(w):
        assert one.contains(w)
        return C @ w - m

    run = st.minimize(plain(f, one, seen), np.full(5, 0.2), within=one, gradient=slope)
    assert run.success
    assert is_stationary(one, run.x, C @ run.x - m, to=1e-9)
    jac = st.minimize(f, np.full(5, 0.2), within=one, gradient=lambda w: C @ w - m).jac
    assert jac == pytest.approx(C @ run.x - m, abs=1e-7)


@pytest.mark.parametrize("name", ["simplex", "ball", "affine"])
def test_a_wrong_gradient_is_found(name):
    f, C, m = quadratic(5)
    one, start = problem(name, 5)
    run = st.minimize(f, start, within=one, gradient=lambda w: C @ w - 2 * m)
    assert run.outcome is st.Outcome.WRONG_GRADIENT


def test_code_that_is_undefined_outside_the_set_is_never_called_there():
    run = st.minimize(lambda w: -np.sum(np.sqrt(w) * [1.0, 2.0, 3.0]), np.full(3, 1 / 3), within=st.sets.Simplex())
    assert run.x == pytest.approx(np.array([1, 4, 9]) / 14, abs=1e-9)


def test_noisy_functions_are_refused():
    draws = np.random.default_rng(0)
    with pytest.raises(ValueError, match="within= needs values that repeat"):
        st.minimize(lambda w: w @ w + draws.standard_normal(), np.full(3, 1 / 3), within=st.sets.Simplex())


def test_noise_that_shows_later_ends_the_run():
    calls, draws = [], np.random.default_rng(0)

    def rare(w):
        calls.append(w)
        return float(str(w @ w)) + (draws.standard_normal() if len(calls) > 60 else 0.0)

    run = st.minimize(rare, np.array([0.7, 0.2, 0.1]), within=st.sets.Simplex())
    assert not run.success


# --- Several parameters -----------------------------------------------------------------------------------------------


def test_each_parameter_has_its_own_set_and_bounds_hold_the_others():
    def f(p):
        return np.sum((p["w"] - [2.0, 0, 0]) ** 2) + np.sum((p["c"] - 3) ** 2) + (p["a"] - 5) ** 2 + (p["b"] - 1) ** 2

    start = {"a": 0.0, "w": np.full(3, 1 / 3), "b": 0.0, "c": np.zeros(2)}
    run = st.minimize(f, start, within={"c": st.sets.Ball(2), "w": st.sets.Simplex()}, bounds={"a": (None, 4)})
    assert run.x["w"] == pytest.approx([1, 0, 0])
    assert run.x["c"] == pytest.approx([2**0.5, 2**0.5])
    assert (run.x["a"], run.x["b"]) == pytest.approx((4, 1))


@pytest.mark.parametrize("other", [{}, {"c": st.sets.Ball(2)}])
def test_equations_of_one_parameter_join_sets_and_bounds_of_others(other):
    def f(p):
        return np.sum((p["w"] - [3.0, 1, 0]) ** 2) + np.sum((p["c"] - 3) ** 2) + (p["a"] - 5) ** 2

    start = {"a": 1.0, "w": np.array([1.0, 1, 0]), "c": np.zeros(2)}
    run = st.minimize(f, start, within={"w": st.sets.Affine([[1, 1, 1]], [2]), **other}, bounds={"a": (0, 4)})
    assert run.success
    assert run.x["w"] == pytest.approx(np.array([3.0, 1, 0]) - 2 / 3)
    assert run.x["c"] == pytest.approx([2**0.5, 2**0.5] if other else [3, 3])
    assert run.x["a"] == pytest.approx(4)
    assert run.trace.names == ["a", "w[0]", "w[1]", "w[2]", "c[0]", "c[1]"]
    assert len(run.certificate.x_error) == 6


@pytest.mark.parametrize("one", [st.sets.Affine([[1, 1]], [1]), st.sets.Simplex()], ids=["affine", "simplex"])
def test_bounds_beside_a_set_are_recorded_by_name(one):
    def f(p):
        return ((p["w"] - 1) ** 2).sum() + (p["b"] - 3) ** 2 + (p["c"] + 5) ** 2 + (p["d"] - 4) ** 2 + p["e"] ** 2

    start = {"w": np.array([0.5, 0.5]), "b": 1.0, "c": 1.0, "d": 2.0, "e": 1.0}
    bounds = {"b": (0, 2), "c": (0, None), "d": (2, 2), "e": (-1, 1)}
    run = st.minimize(f, start, within={"w": one}, bounds=bounds)
    assert run.at_bound == {"b": "high", "c": "low"}, "each of the four minima is known on its own"
    assert run.bounds == {"b": (0, 2), "c": (0, None), "e": (-1, 1)}
    assert run.fixed == {"d": 2.0}
    assert "b = 2" in str(run)


def test_functions_of_scalars_take_sets_of_the_point_and_of_single_arguments():
    assert st.minimize(lambda x, y: x**2 + 3 * y**2, (0.5, 0.5), within=st.sets.Simplex()).x == pytest.approx(
        [0.75, 0.25]
    )
    run = st.minimize(lambda x, y: (x - 2) ** 2 + y**2, (0.5, 0.5), within={"x": st.sets.Box(0, 1)})
    assert run.x == pytest.approx([1, 0])


def test_a_set_holds_several_arguments_together(tmp_path):
    """The nearest points of a circle and of a segment have closed forms."""

    def f(x, y, z, w):
        return (x - 3) ** 2 + (y - 4) ** 2 + (z - 2) ** 2 + (w - 1) ** 2

    within = {("x", "y"): st.sets.Ball(1), ("z", "w"): st.sets.Simplex()}
    run = st.minimize(f, (0, 0, 0.5, 0.5), within=within)
    np.testing.assert_allclose(run.x, [0.6, 0.8, 1.0, 0.0], atol=1e-12)
    assert "(x, y) in Ball(1), (z, w) in Simplex()" in str(run)
    assert st.minimize(f, "random", within=within, rng=0).fun == pytest.approx(run.fun)
    run.save(tmp_path / "run")
    assert st.load(tmp_path / "run").within == within
    with pytest.warns(RuntimeWarning, match=r"the run ended on the edge of Ball\(1\)"):
        assert np.isnan(run.covariance).all()
    for keys, words in {
        (("x", "z"),): "neighbours, in the order of the point, x, y, z, w",
        (("x", "y"), ("y", "z")): "names 'y' in two sets",
        (("x", "q"),): "names 'q'",
    }.items():
        with pytest.raises(ValueError, match=words):
            st.minimize(f, (0, 0, 0, 0), within=dict.fromkeys(keys, st.sets.Ball(1)))


def test_a_race_keeps_to_sets_with_all_rates():
    rules = {"auto": "auto", "plain": 0.1}
    race = st.race(lambda w: ((w - [3, 4]) ** 2).sum(), [0, 0.1], rules, within=st.sets.Ball(1), iterations=60)
    for run in race.runs.values():
        np.testing.assert_allclose(run.x, [0.6, 0.8], atol=1e-6)
        assert np.linalg.norm(run.trace.x, axis=1).max() <= 1 + 1e-14
        assert run.within == st.sets.Ball(1)
    # No rate leads out of the ball, where values would be less than 16.
    assert race.sensitivity([0.1, 1.0]).values.min() == pytest.approx(16)
    with pytest.raises(ValueError, match="wolfe: StrongWolfe searches along a straight line, which may leave the sets"):
        st.race(lambda w: w @ w, [0, 0], {"wolfe": "strong-wolfe"}, within=st.sets.Ball(1))


def test_basins_are_those_within_the_set():
    """The double well has its four minima at the corners, and a half-plane cuts two off."""
    half = st.sets.Halfspace([1, 0], 0.5)
    found = st.basins(lambda p: (p[0] ** 2 - 1) ** 2 + (p[1] ** 2 - 1) ** 2, [(-2, 2), (-2, 2)], size=20, within=half)
    expected = [[-1, -1], [-1, 1], [0.5, -1], [0.5, 1]]
    np.testing.assert_allclose(found.minima, expected, atol=1e-4)
    np.testing.assert_allclose(found.values, [0, 0, 0.5625, 0.5625], atol=1e-9)
    np.testing.assert_array_equal(found.outside, found.grid_x[None, :] + 0 * found.grid_y[:, None] > 0.5)
    assert np.all((found.labels == -1) == found.outside)
    assert "none, as the start lies outside the sets" in str(found)
    with pytest.raises(ValueError, match="no part of the window lies in it"):
        st.basins(lambda p: p @ p, [(-2, 2), (-2, 2)], within=st.sets.Simplex())


def test_random_starts_are_drawn_in_the_set():
    seen = []
    one = st.sets.Simplex()
    wavy = plain(lambda w: np.sin(9 * w[0]) + np.cos(7 * w[1]) + w[2] ** 2, one, seen)
    run = st.minimize(wavy, np.full(3, 1 / 3), within=one, restarts=4, rng=0)
    assert len(run.runs) == 5
    assert len({tuple(each.trace.x[0]) for each in run.runs}) == 5
    assert all(each.within == one for each in run.runs)
    corner = st.minimize(lambda w: w @ w, np.eye(3)[0], within=one, restarts=np.eye(3)[1:])
    assert corner.x == pytest.approx(np.full(3, 1 / 3))
    ball = st.sets.Ball(2, centre=[5.0, 5.0])
    assert ball.contains(st.minimize(lambda w: w @ w, "random", within=ball, rng=1).trace.x[0])


# --- Endings ----------------------------------------------------------------------------------------------------------


def test_the_frank_wolfe_gap_bounds_what_is_left():
    f, *_ = quadratic(20)
    least = st.minimize(f, np.full(20, 0.05), within=st.sets.Simplex()).fun
    for tolerance in (1e-1, 1e-3, 1e-6):
        run = st.minimize(f, np.full(20, 0.05), within=st.sets.Simplex(), tolerance=tolerance)
        assert run.outcome is st.Outcome.CONVERGED
        assert run.fun - least <= run.certificate.gap + 1e-15
        assert run.certificate.gap <= run.certificate.tolerance
        assert "a bound if the function is convex" in run.message
        assert run.certificate.gap == pytest.approx(run.jac @ run.x - run.jac.min(), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_the_gap_on_an_edge_covers_the_rounding_of_the_point(seed):
    draws = np.random.default_rng(seed)
    h, t, a = 2.0 ** -np.arange(6), 100 * draws.standard_normal(6), draws.standard_normal(6)
    one = st.sets.Halfspace(a, float(a @ t) - 300)
    run = st.minimize(lambda w: 0.5 * (h * (w - t) ** 2).sum(), one.project(np.zeros(6)), within=one)
    H, T, A, X = ([Fraction(float(v)) for v in vector] for vector in (h, t, a, run.x))
    # The nearest point to t in the norm of h is t - μ a / h, where a · x = b; the value there is ½ μ (a · t - b).
    excess = sum(map(mul, A, T)) - Fraction(one.b)
    least = excess**2 / sum(v * v / c for v, c in zip(A, H, strict=True)) / 2
    left = sum(c * (x - v) ** 2 for c, x, v in zip(H, X, T, strict=True)) / 2 - least
    assert run.outcome is st.Outcome.CONVERGED
    assert left <= run.certificate.gap < 1e-12 * run.fun


def solved(M, b):
    """Solve linear equations in fractions."""
    rows = [[*map(Fraction, row), Fraction(v)] for row, v in zip(M, b, strict=True)]
    for j in range(len(rows)):
        k = next(k for k in range(j, len(rows)) if rows[k][j])
        rows[j], rows[k] = rows[k], rows[j]
        rows[j] = [v / rows[j][j] for v in rows[j]]
        for k in set(range(len(rows))) - {j}:
            rows[k] = [v - rows[k][j] * u for v, u in zip(rows[k], rows[j], strict=True)]
    return [row[-1] for row in rows]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.always(3)
def test_the_gap_within_equations_covers_the_rounding_of_the_point(seed):
    draws = np.random.default_rng(seed)
    a, t, h = draws.standard_normal(4), 10 * draws.standard_normal(4), 10 ** draws.uniform(-2, 2, 4)
    one = st.sets.Affine([a], [float(draws.standard_normal())])
    run = st.minimize(lambda w: (h * (w - t) ** 2).sum(), one.project(np.ones(4)), within=one)
    # The slope at the minimum is a multiple of a.
    M = np.block([[np.diag(2 * h), a[:, None]], [a, np.zeros((1, 1))]])
    best = solved(M.tolist(), [*(2 * Fraction(c) * Fraction(v) for c, v in zip(h, t, strict=True)), one.b[0]])[:4]
    H, T, X = ([Fraction(float(v)) for v in vector] for vector in (h, t, run.x))
    value, least = (sum(c * (x - v) ** 2 for c, x, v in zip(H, at, T, strict=True)) for at in (X, best))
    assert run.outcome is st.Outcome.CONVERGED
    assert value - least <= run.certificate.gap < 1e-11 * run.fun
    assert all(abs(x - v) <= e for x, v, e in zip(X, best, run.certificate.x_error, strict=True))


def test_a_coordinate_of_0_within_equations_has_an_error():
    run = st.minimize(lambda w: ((w - [1, 1, 2]) ** 2).sum(), np.zeros(3), within=st.sets.Affine([[1, 1, 0]], [0]))
    np.testing.assert_allclose(run.certificate.curvature, 2)
    assert max(run.certificate.x_error) < 1e-13


def test_the_error_of_each_parameter_covers_the_distance():
    f, *_ = quadratic(6)
    x = np.full(6, 1 / 6)
    run = st.minimize(f, x, within=st.sets.Simplex(), tolerance={"x": 1e-7})
    assert run.success
    exact = st.minimize(f, x, within=st.sets.Simplex())
    assert np.all(np.abs(run.x - exact.x) <= np.array(run.certificate.x_error) + 1e-15)
    assert max(run.certificate.x_error) <= 1e-7


@pytest.mark.parametrize(
    ("f", "one", "outcome"),
    [
        (lambda w: -w[0], st.sets.Halfspace([1, 1], 1), st.Outcome.UNBOUNDED),
        (lambda w: np.exp(-w[0]) + w[1] ** 2, st.sets.Box(low=0), st.Outcome.NO_FINITE_OPTIMUM),
        (lambda w: 3.0 + 0 * w[0], st.sets.Ball(1), st.Outcome.FLAT),
        (lambda w: np.sum(np.abs(w - [0.3, 0.1])) + 0.1 * w[0] ** 2, st.sets.Ball(1), st.Outcome.STALLED),
    ],
)
def test_what_has_no_minimum_or_shows_none_is_not_called_converged(f, one, outcome):
    assert st.minimize(f, np.zeros(2), within=one).outcome is outcome


@pytest.mark.parametrize("one", [st.sets.Box(-1e6, 1e6), st.sets.Halfspace([1.0] * 8, 1e6)], ids=["box", "half-space"])
def test_steep_and_shallow_directions_together_are_no_stall(one):
    draws = np.random.default_rng(1)
    turn = np.linalg.qr(draws.standard_normal((8, 8)))[0]
    C, answer = (turn * np.geomspace(1, 1e-12, 8)) @ turn.T, 100 * draws.standard_normal(8)
    C = (C + C.T) / 2
    m = C @ answer

    def f(w):
        return 0.5 * w @ C @ w - m @ w

    run = st.minimize(f, np.zeros(8), within=one)
    assert run.outcome is st.Outcome.CONVERGED, run.message
    assert run.fun == pytest.approx(f(answer), rel=1e-13), "f is least where its gradient Cw - m is 0"


def test_limits_are_kept():
    f, *_ = quadratic(30, least=1e-6)
    one, start = problem("ball", 30)
    run = st.minimize(f, start, within=one, evaluations=9)
    assert run.outcome is st.Outcome.EVALUATION_LIMIT
    assert run.nfev <= 9
    run = st.minimize(f, start, within=one, iterations=3)
    assert run.outcome is st.Outcome.ITERATION_LIMIT
    assert run.nit == 3
    assert one.contains(run.x)
    points = []

    def stop(result):
        points.append(result.x)
        if result.nit == 4:
            raise StopIteration

    run = st.minimize(f, start, within=one, callback=stop)
    assert run.outcome is st.Outcome.CALLBACK
    assert all(one.contains(x) for x in points)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            {"start": np.ones(3)},
            r"the start lies outside Simplex\(\): take .*inside, 0.333333, 0.333333, 0.333333",
        ),
        ({"within": st.sets.Ball(1, [0, 0])}, r"holds points of 2 numbers, not of 3"),
        ({"within": st.sets.Affine([[1, 1]], [1])}, r"holds points of 2 numbers, not of 3"),
        ({"within": st.sets.Affine(np.eye(3), np.full(3, 1 / 3))}, "leaves a single point"),
        ({"within": {"w": st.sets.Simplex()}}, "within names 'w'; the point has one array"),
        ({"bounds": [(0, 0.5)] * 3}, r"x\[0\] is held by both bounds= and within=: give one of the two"),
        (
            {"direction": "l-bfgs"},
            "LBFGS with Armijo does not follow the edges of sets: leave direction=",
        ),
        ({"step": "wolfe"}, "Wolfe searches along a straight line, which may leave the sets"),
        ({"start": "random"}, "how many numbers the point has: give a start"),
        ({"restarts": np.ones((1, 3))}, r"restarts\[0\] lies outside Simplex\(\)"),
    ],
)
def test_contradictions_are_refused_in_one_line(how, words):
    how = {"start": np.full(3, 1 / 3), "within": st.sets.Simplex(), **how}
    with pytest.raises(ValueError, match=words) as error:
        st.minimize(lambda w: w @ w, **how)
    assert "\n" not in str(error.value)


def test_a_tuple_is_given_advice_that_a_tuple_can_follow():
    start = np.ones(2), 2.0
    with pytest.raises(ValueError, match="one array, or as a dict") as error:
        st.minimize(lambda p: (p[0] ** 2).sum() + p[1] ** 2, start, within=st.sets.Ball(2))
    assert "'w'" not in str(error.value), "its parts have no names"
    with pytest.raises(ValueError, match=r"within=\{'w': Ball\(2\)\}"):
        st.minimize(lambda p: (p["w"] ** 2).sum(), {"w": start[0]}, within=st.sets.Ball(2))


def test_sets_of_named_parameters_are_checked():
    start, f = {"w": np.ones(3) / 3, "b": 0.0}, lambda p: p["w"] @ p["w"] + p["b"] ** 2
    with pytest.raises(ValueError, match=r"has parts: name the part, such as within=\{'w': Simplex"):
        st.minimize(f, start, within=st.sets.Simplex())
    with pytest.raises(ValueError, match="within names 'v'; the point has w, b"):
        st.minimize(f, start, within={"v": st.sets.Simplex()})
    with pytest.raises(ValueError, match=r"w of the start lies outside Simplex\(2\)"):
        st.minimize(f, start, within={"w": st.sets.Simplex(2)})
    for what in ("simplex", st.sets.Simplex, {"w": 3}):
        with pytest.raises(TypeError, match=r"give a set of steepest\.sets"):
            st.minimize(f, start, within=what)


# --- Files and pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("within", [st.sets.Simplex(), st.sets.Ball(1, [0.5, 0.5]), st.sets.Affine([[1, 1]], [1])])
def test_a_run_is_saved_with_its_sets(within, tmp_path):
    run = st.minimize(lambda w: w @ [[2, 0], [0, 1]] @ w, [0.5, 0.5], within=within, restarts=1, rng=0)
    loaded = st.load(run.save(tmp_path / "run"))
    assert loaded == run
    assert loaded.within == within
    assert loaded.runs[1].within == within
    assert f"within  {within!r}" in str(loaded)


def test_a_run_is_saved_with_the_sets_of_its_parameters(tmp_path):
    within = {"w": st.sets.Simplex(), "c": st.sets.Box(low=0)}
    run = st.minimize(lambda p: p["w"] @ p["w"] + (p["c"] + 1) ** 2, {"w": [0.5, 0.5], "c": 1.0}, within=within)
    loaded = st.load(run.save(tmp_path / "run"))
    assert loaded == run
    assert loaded.within == within
    assert "w in Simplex(), c in Box(low=0.)" in str(loaded)


def test_a_run_without_sets_is_saved_as_before():
    assert "within" not in st.minimize(lambda x: x**2, 1.0)._header()


def test_points_outside_of_sets_have_no_value():
    run = st.minimize(lambda w: w @ w, [0.5, 0.5], within=st.sets.Ball(1))
    assert run.evaluate([0.6, 0.8]) == pytest.approx(1)
    assert np.isnan(run.evaluate([0.8, 0.8]))
    run = st.minimize(lambda w: w @ w, [0.5, 0.5], within=st.sets.Affine([[1, 1]], [1]))
    assert run.evaluate([0.75, 0.25]) == pytest.approx(0.625)
    assert np.isnan(run.evaluate([1.0, 1.0]))


@pytest.mark.parametrize("one", [st.sets.Simplex(), st.sets.Ball(2), st.sets.Affine([[1, 1]], [1]), st.sets.Box(0, 1)])
def test_runs_within_sets_are_drawn(one):
    run = st.minimize(lambda x, y: (x - 2) ** 2 + 3 * y**2, (0.5, 0.5), within=one)
    picture = run.plot()
    # A line has nothing around it that contour lines could show.
    assert (type(picture).__name__ == "ContourDisplay") != one.is_thin
    picture.figure_.canvas.draw()
    plt.close(picture.figure_)


def test_regions_are_compiled_once_for_all_numbers():
    import jax

    one, other = (Region((st.sets.Ball(r, centre=[r, 0.0]),), (2,)) for r in (1.0, 2.0))
    assert jax.tree.structure(one) == jax.tree.structure(other)
    assert jax.tree.structure(one) != jax.tree.structure(Region((st.sets.Ball(1.0, order=1),), (2,)))


@pytest.mark.parametrize("one", [st.sets.Ball(1), st.sets.Affine([[1.0, 1.0]], [1.0])])
def test_the_words_state_the_gap_of_the_certificate(one):
    run = st.minimize(lambda v: (v[0] - 1) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2 + 1, (0.5, 0.5), within=one)
    assert run.outcome == "converged"
    assert run.certificate.gap >= 2**-52 * run.fun
    assert f"the value is within {run.certificate.gap:.2g} of the minimum" in run.message
