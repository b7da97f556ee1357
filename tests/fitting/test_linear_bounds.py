"""Linear models within bounds are compared with SciPy, scikit-learn, linear programs and the rules of an optimum."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import Bounds, linprog, lsq_linear, minimize, nnls
from scipy.special import expit
from tests import convex

import steepest as st
from steepest.derivatives.bounds import Box
from steepest.derivatives.precision import compiled_code
from steepest.fitting.linear.certificates.box import Edges
from steepest.fitting.linear.quadratic.box import minimize_quadratic_box
from steepest.fitting.linear.quadratic.box_sets import RowModel
from steepest.fitting.linear.quadratic.products import DenseColumns
from steepest.fitting.linear.solvers import boxed_newton
from steepest.fitting.linear.solvers.boxed_newton import BoxStep

losses = st.losses
POSITIVE, NO_INTERCEPT = {"coef": (0, None)}, {"intercept": 0.0}
SHAPES = ((40, 10), (20, 30), (8, 3), (60, 25), (15, 15))


def table(seed):
    """Draw a table: independent, positive, correlated or integer columns, some of them zero; p > n among them."""
    rng = np.random.default_rng(seed)
    rows, columns = SHAPES[seed % len(SHAPES)]
    A, kind = rng.standard_normal((rows, columns)), seed // len(SHAPES) % 4
    if kind == 1:
        A = np.abs(A) + seed % 7
    elif kind == 2:
        A = A @ rng.standard_normal((columns, columns)) * 10 ** rng.uniform(-3, 3, columns)
    elif kind == 3:
        A = rng.integers(-1, 4, A.shape).astype(float)
        A[:, :2] *= seed % 3 > 0
    signal = A @ np.where(rng.random(columns) < 0.5, 0, rng.random(columns)) * (seed % 6 > 0)
    return A, signal + rng.standard_normal(rows) * 10 ** rng.uniform(-4, 1)


def is_determined(A, x, y):
    """Tell whether only x is best, and rounding leaves ten digits: its columns are independent, and the others held."""
    held = x <= 0
    slope = A.T @ (A @ x - y)
    free = A[:, ~held]
    strict = np.all(slope[held] > 1e-6 * np.linalg.norm(A[:, held], axis=0) * np.linalg.norm(y))
    return bool(strict) and (not free.size or np.linalg.cond(free / np.linalg.norm(free, axis=0)) < 1e4)


def compare_with_nnls(seeds):
    determined = 0
    for seed in seeds:
        A, y = table(seed)
        x, length = nnls(A, y, maxiter=10_000)
        fit = st.fit(st.models.Linear(), A, y, bounds=POSITIVE, fixed=NO_INTERCEPT)
        coef, least = fit.params["coef"], length**2 / len(y)
        assert (fit.outcome, fit.certificate.kind) == ("converged", "certified"), seed
        assert abs(fit.fun - least) <= 1e-10 * (y @ y) / len(y) * 1e-3 + 1e-10 * least, seed
        assert fit.fun - least <= fit.certificate.gap + 1e-14 * (y @ y) / len(y), seed
        assert np.all(coef >= 0)
        if is_determined(A, x, y):
            determined += 1
            np.testing.assert_allclose(coef, x, rtol=0, atol=1e-10 * max(x.max(), 1e-300), err_msg=str(seed))
            np.testing.assert_array_equal(coef == 0, x == 0)
            assert set(fit.at_bound) == {f"coef[{j}]" for j in np.flatnonzero((x == 0) & A.any(axis=0))}
    assert determined >= 0.4 * len(seeds)


def test_least_squares_without_negative_coefficients_agree_with_scipy():
    # Each shape is compiled anew, so that two of them are enough here.
    compare_with_nnls([seed for seed in range(100) if seed % len(SHAPES) < 2])


@pytest.mark.nightly
def test_a_thousand_tables_agree_with_scipy():
    compare_with_nnls(range(1_000))


def test_a_fit_ends_where_values_rise_and_fall_by_rounding():
    # The least value is a millionth of the squared targets, and the steps there lead round in a circle.
    compare_with_nnls([332, 377])


def test_more_columns_than_rows_meet_all_targets():
    rng = np.random.default_rng(1)
    A, y = rng.standard_normal((30, 1_050)), rng.standard_normal(30)
    assert nnls(A, y, maxiter=10_000)[1] < 1e-12
    fit = st.fit(st.models.Linear(), A, y, bounds=POSITIVE, fixed=NO_INTERCEPT)
    assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
    assert 0 <= fit.fun <= fit.certificate.gap < 1e-20


@pytest.mark.parametrize("rank", [12, 5])
def test_quadratic_models_meet_the_rules_of_an_optimum_and_agree_on_working_sets(rank):
    """With dependent columns many points are best, but the value and the slopes are the same at all of them."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        A = rng.standard_normal((20, rank)) @ rng.standard_normal((rank, 12))
        y, x, weight = rng.standard_normal(20), rng.random(13), rng.random(20)
        low, high = np.where(rng.random(13) < 0.7, 0.0, -np.inf), np.where(rng.random(13) < 0.5, 1.0, np.inf)
        box, A1 = Box(low, high), np.c_[A, np.ones(20)]
        H, g = A1.T @ (weight[:, None] * A1), A1.T @ (weight * (A1 @ x - y))
        model = RowModel(DenseColumns(A), weight, np.zeros(13))
        slopes = []
        for best in (minimize_quadratic_box(H, g, x, box), model.minimum(g, x, A1 @ x, box, lambda: False)):
            r = g + H @ (best - x)
            wrong = np.where(best <= low, np.minimum(r, 0), np.where(best >= high, np.maximum(r, 0), r))
            assert np.abs(wrong).max() < 1e-11
            slopes.append(r)
        np.testing.assert_allclose(*slopes, atol=1e-10)


@pytest.mark.parametrize("bounds", [(-0.2, 0.3), (0.1, np.inf), (-np.inf, 0.25), (-0.1, 0.05)])
def test_least_squares_in_a_box_agree_with_scipy(bounds):
    for seed in (0, 5, 20, 25):
        A, y = table(seed)
        A = A / np.linalg.norm(A, axis=0).clip(1e-300)
        A[:, ~A.any(axis=0)] = 1.0
        known = lsq_linear(A, y, bounds, method="bvls", tol=1e-15)
        fit = st.fit(st.models.Linear(), A, y, bounds={"coef": bounds}, fixed=NO_INTERCEPT)
        assert fit.fun == pytest.approx(2 * known.cost / len(y), rel=1e-10)
        np.testing.assert_allclose(fit.params["coef"], known.x, atol=1e-9)
        for name, side in fit.at_bound.items():
            assert fit.params["coef"][int(name[5:-1])] == bounds[side == "high"]


def shifted_table(seed):
    """Draw columns with means of 0.1 to 10,000: next to an intercept, they are nearly collinear."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(50, 12)) + 10.0 ** rng.uniform(-1, 4, 12)
    return X, (X - X.mean(0))[:, :8] @ rng.normal(size=8) / 3 + rng.normal(size=50)


def compare_shifted_tables(seeds):
    low, high = np.r_[np.full(12, -0.05), -1], np.r_[np.full(12, 0.05), 0.5]
    for seed in seeds:
        X, y = shifted_table(seed)
        for bounds, fixed, A in (
            ({"coef": (-0.05, 0.05), "intercept": (-1, 0.5)}, {}, np.c_[X, np.ones(50)]),
            ({"coef": (-0.05, 0.05)}, NO_INTERCEPT, X),
        ):
            n = A.shape[1]
            known = lsq_linear(A, y, (low[:n], high[:n]), method="bvls", tol=1e-15, max_iter=5_000)
            fit = st.fit(st.models.Linear(), X, y, bounds=bounds, fixed=fixed, seconds=60)
            assert (fit.outcome, fit.certificate.kind) == ("converged", "certified"), seed
            assert fit.fun == pytest.approx(2 * known.cost / 50, rel=1e-10), seed
            assert len(fit.trace) <= 20, seed


def test_coordinates_that_leave_and_return_to_their_bounds_come_to_rest():
    compare_shifted_tables([2, 6, 26])


@pytest.mark.nightly
def test_shifted_tables_agree_with_scipy():
    compare_shifted_tables(range(200))


@pytest.mark.parametrize("kind", ["wide", "polynomial", "low rank", "integer"])
def test_quadratic_models_in_tight_boxes_agree_with_scipy(kind):
    """Many coordinates leave their bounds and return; dependent columns among them, and columns that nearly are."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        A, side = {
            "wide": (rng.normal(size=(150, 200)) + 3 * rng.normal(size=(150, 1)), 0.1),
            "polynomial": (np.vander(np.linspace(0, 1, 80), 40, increasing=True), 1.0),
            "low rank": (rng.normal(size=(50, 8)) @ rng.normal(size=(8, 20)), 0.1),
            "integer": (np.repeat(rng.integers(-1, 3, (50, 10)), 2, axis=1).astype(float), 0.1),
        }[kind]
        y, low = 3 * rng.normal(size=len(A)), np.full(A.shape[1], -side)
        known = lsq_linear(A, y, (low, -low), method="bvls", tol=1e-15, max_iter=5_000)
        x = minimize_quadratic_box(A.T @ A, -A.T @ y, 0 * low, Box(low, -low))
        assert np.all(np.abs(x) <= side)
        assert np.sum((A @ x - y) ** 2) / 2 == pytest.approx(known.cost, rel=1e-10), seed


def test_bounded_least_squares_without_visible_gain_have_stalled(monkeypatch):
    """Steps of a millionth of the right length lower the value each time, but would not reach the minimum."""
    monkeypatch.setattr(boxed_newton, "step_in_box", lambda *words, step=boxed_newton.step_in_box: 1e-6 * step(*words))
    X, y = shifted_table(2)
    fit = st.fit(st.models.Linear(), X, y, bounds={"coef": (-0.05, 0.05)}, fixed=NO_INTERCEPT, seconds=60)
    assert fit.outcome == "stalled at rounding"
    assert len(fit.trace) < 20


SLOPES = {
    losses.log_loss: lambda z, y: expit(z) - y,
    losses.poisson: lambda z, y: np.exp(z) - y,
    losses.gamma: lambda z, y: 1 - y * np.exp(-z),
    losses.Huber(1.0): lambda z, y: 2 * np.clip(z - y, -1, 1),
    losses.squared_hinge: lambda z, y: -2 * (2 * y - 1) * np.maximum(1 - (2 * y - 1) * z, 0),
}


@pytest.mark.parametrize(
    "loss",
    [loss if loss is losses.poisson else pytest.param(loss, marks=pytest.mark.nightly) for loss in SLOPES],
    ids=str,
)
def test_other_losses_agree_with_scipy_and_meet_the_rules_of_an_optimum(loss):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        A = rng.standard_normal((60, 4)) + seed % 3
        z = (A - A.mean(axis=0)) @ rng.standard_normal(4) / 2
        draws = {
            "log loss": rng.random(60) < expit(z),
            "Poisson": rng.poisson(np.exp(z)),
            "huber": z + rng.standard_t(2, 60),
        }
        draws |= {"Gamma": rng.gamma(2, np.exp(z)), "squared hinge": rng.random(60) < expit(z)}
        y, weight = np.asarray(draws[loss.name], float), rng.random(60)
        # Rows without weight are left out: the same number each time, so that one shape is compiled.
        weight[rng.permutation(60)[:6]] = 0
        ridge = 0.05 * (seed % 2)
        pair, inner = [(0, np.inf), (-0.1, 0.3), (0.05, np.inf)][seed % 3], [(-np.inf, np.inf), (-0.2, 0.2)][seed // 3]
        low, high = np.append(np.full(4, pair[0]), inner[0]), np.append(np.full(4, pair[1]), inner[1])
        A1, p, shrinks = np.c_[A, np.ones(60)], weight / weight.sum(), ridge * np.append(np.ones(4), 0)

        def value(c, A1=A1, y=y, p=p, shrinks=shrinks):
            return p @ loss(A1 @ c, y) + c @ (shrinks * c) / 2

        def slope(c, A1=A1, y=y, p=p, shrinks=shrinks):
            return A1.T @ (p * SLOPES[loss](A1 @ c, y)) + shrinks * c

        bounds = {"coef": pair, "intercept": inner}
        penalty = st.penalties.L2(ridge) if ridge else None
        fit = st.fit(st.models.Linear(), A, y, loss=loss, penalty=penalty, sample_weight=weight, bounds=bounds)
        c = np.append(fit.params["coef"], fit.params["intercept"])
        options = {"ftol": 1e-15, "gtol": 1e-11, "maxiter": 10_000}
        known = minimize(value, np.clip(0 * c, low, high), jac=slope, bounds=Bounds(low, high), options=options)
        assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
        assert fit.fun <= known.fun + 1e-13 * abs(known.fun)
        g = slope(c)
        wrong = np.where(c <= low, np.minimum(g, 0), np.where(c >= high, np.maximum(g, 0), g))
        assert np.abs(wrong).max() < 1e-12
        # A bound is met exactly, or clearly not.
        for side in (low, high):
            np.testing.assert_array_equal(c[np.abs(c - side) < 1e-9], side[np.abs(c - side) < 1e-9])
        held = {name for name, k in zip(fit.trace.names, range(5), strict=True) if g[k] > 1e-6 and c[k] == low[k]}
        held |= {name for name, k in zip(fit.trace.names, range(5), strict=True) if g[k] < -1e-6 and c[k] == high[k]}
        assert set(fit.at_bound) == held


# Each batch of 500 problems has a shape of its own, which is compiled.
@pytest.mark.parametrize("count", [1_000, pytest.param(5_000, marks=pytest.mark.nightly)])
def test_no_certificate_of_random_problems_with_bounds_lies_below_the_truth(count):
    made = tight = 0
    for _, bounds, gaps, values, *_ in convex.trials(count, seed=3, boxed=True):
        known = np.isfinite(bounds) & np.isfinite(gaps)
        assert np.all(bounds[known] >= gaps[known])
        above_rounding = known & (gaps > 1e-9 * np.abs(values))
        tight += np.count_nonzero(bounds[above_rounding] < 1.2 * gaps[above_rounding])
        made += np.count_nonzero(above_rounding)
    assert made > 0.2 * count
    assert tight > 0.7 * made


@pytest.mark.parametrize("shift", [1e2, 1e8])
def test_no_gap_exceeds_the_loss_and_no_fit_converges_whose_loss_rounding_hides(shift):
    """No mean square is below 0. With a bounded intercept, columns far from 0 can't be centred."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 3)) + shift
    y = X @ [1, -0.5, -0.5] + 0.3 * rng.standard_normal(80)
    fit = st.fit(st.models.Linear(), X, y, bounds={"intercept": (-1, 1)})
    assert 0 < fit.certificate.gap < 1.001 * fit.fun
    assert fit.success == (shift == 1e2)


@pytest.mark.parametrize("is_poisson", [False, True])
def test_a_finite_optimum_is_found_or_excluded_as_a_linear_program_says(is_poisson):
    """A direction of the bounds along which no row's loss grows, and some row's falls."""
    seen = set()
    for seed in range(24):
        rng = np.random.default_rng(seed)
        A = rng.standard_normal((14, 3)) if seed % 3 else rng.integers(-2, 3, (14, 3)).astype(float)
        y = rng.poisson(0.5, 14).astype(float) if is_poisson else (rng.random(14) < expit(3 * A[:, 0])).astype(float)
        if is_poisson and seed % 8 > 3:
            # The second column lowers outputs of rows without a count, and no others.
            A[:, 1] = -((y == 0) & (rng.random(14) < 0.5)).astype(float)
        low, high = [np.array(side, float) for side in (
            ([0, 0, 0, -np.inf], [np.inf] * 4), ([0, 0, 0, 0], [np.inf] * 3 + [0]),
            ([-1] * 3 + [-np.inf], [1, 1, 1, np.inf]), ([0, -np.inf, -np.inf, -np.inf], [np.inf, 0.5, np.inf, 1]),
        )[seed % 4]]  # fmt: skip
        rows = np.c_[A, np.ones(14)]
        M, equal = (-rows[y == 0], rows[y > 0]) if is_poisson else ((2 * y - 1)[:, None] * rows, None)
        box = np.c_[-np.isinf(low).astype(float), np.isinf(high)]
        fixed = {} if equal is None or not len(equal) else {"A_eq": equal, "b_eq": np.zeros(len(equal))}
        falls = -linprog(-M.sum(axis=0), A_ub=-M, b_ub=np.zeros(len(M)), bounds=box, **fixed).fun > 1e-7
        bounds = {"coef": list(zip(low[:3], high[:3], strict=True)), "intercept": (low[3], high[3])}
        fit = st.fit(st.models.Poisson() if is_poisson else st.models.Logistic(), A, y, bounds=bounds)
        assert fit.outcome == ("no finite optimum" if falls else "converged"), seed
        seen.add(falls)
    assert seen == {False, True}


def test_losses_with_kinks_reach_the_optimum_of_a_linear_program():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((60, 3))
    y = X @ [1, -1, 0] + rng.standard_normal(60)
    A, e = np.c_[X, np.ones(60)], np.eye(60)
    cost, bounds = np.r_[np.zeros(4), np.full(60, 1 / 60)], [(0, 0.5)] * 3 + [(None, None)] + [(0, None)] * 60
    least = linprog(cost, np.vstack([np.c_[A, -e], np.c_[-A, -e]]), np.r_[y, -y], bounds=bounds).fun
    fit = st.fit(st.models.Linear(), X, y, loss="absolute", bounds={"coef": (0, 0.5)})
    assert fit.certificate.kind == "certified"
    assert -1e-13 <= fit.fun - least <= fit.certificate.gap + 1e-13
    assert fit.certificate.gap <= 1e-7 * fit.fun
    assert fit.at_bound == {"coef[0]": "high", "coef[1]": "low"}


def test_an_l1_penalty_is_linear_where_bounds_keep_one_sign():
    from sklearn.linear_model import Lasso

    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 3))
    y = X @ [1, -1, 0.5] + rng.standard_normal(80)
    fit = st.fit(st.models.Linear(), X, y, penalty=st.penalties.L1(0.5), bounds=POSITIVE)
    lasso = Lasso(alpha=0.25, positive=True, tol=1e-14).fit(X, y)
    np.testing.assert_allclose(fit.params["coef"], lasso.coef_, atol=1e-9)
    mirrored = st.fit(st.models.Linear(), -X, y, penalty=st.penalties.L1(0.5), bounds={"coef": (None, 0)})
    np.testing.assert_allclose(mirrored.params["coef"], -lasso.coef_, atol=1e-9)


@pytest.mark.parametrize(("rows", "ridge"), [(50, 0.1), pytest.param(1_200, 0.0, marks=pytest.mark.nightly)])
def test_many_columns_take_working_sets(rows, ridge):
    rng = np.random.default_rng(1)
    A = np.abs(rng.standard_normal((rows, 1_050)))
    y = A @ np.where(rng.random(1_050) < 0.01, rng.random(1_050), 0) + rng.standard_normal(rows)
    # The penalty is the square of further rows.
    more = np.sqrt(ridge * rows / 2) * np.eye(1_050)
    x, length = nnls(np.vstack([A, more]), np.append(y, np.zeros(1_050)), maxiter=10_000)
    penalty = st.penalties.L2(ridge) if ridge else None
    fit = st.fit(st.models.Linear(), A, y, penalty=penalty, bounds=POSITIVE, fixed=NO_INTERCEPT)
    assert fit.solver.startswith("Newton's method on working sets")
    assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
    assert fit.fun == pytest.approx(length**2 / rows, rel=1e-10)
    np.testing.assert_allclose(fit.params["coef"], x, atol=1e-10)


def test_more_coefficients_between_their_bounds_than_a_set_holds():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((100, 2_500)), rng.standard_normal(100)
    fit = st.fit(st.models.Linear(), X, y, penalty=st.penalties.L2(0.1), bounds=POSITIVE, fixed=NO_INTERCEPT)
    assert (fit.outcome, fit.certificate.kind) == ("converged", "certified"), fit.message
    w = fit.params["coef"]
    slope = 2 * X.T @ (X @ w - y) / len(y) + 0.1 * w
    inside = w > 0
    assert inside.sum() > 999
    np.testing.assert_allclose(slope[inside], 0, atol=1e-10)
    assert slope[~inside].min() > -1e-10


def test_a_step_to_a_bound_ends_on_it_in_spite_of_rounding():
    x, low = np.random.default_rng(0).standard_normal((2, 100))
    step = low - x
    assert np.any(x + step != low)
    method = BoxStep(None, Edges(Box(low, np.full(100, np.inf)), np.zeros(100)))
    with compiled_code():
        np.testing.assert_array_equal(method.reached(SimpleNamespace(x=x), step), low)


def test_sparse_rows_with_weights_agree_with_scikit_learn():
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(2)
    S = sparse.random_array((120, 12), density=0.3, rng=rng, format="csr")
    y = S @ np.abs(rng.standard_normal(12)) - S @ rng.random(12) + 0.1 * rng.standard_normal(120)
    weight = rng.integers(0, 3, 120)
    fit = st.fit(st.models.Linear(), S, y, sample_weight=weight, bounds=POSITIVE)
    known = LinearRegression(positive=True).fit(S.toarray(), y, weight)
    np.testing.assert_allclose(fit.params["coef"], known.coef_, atol=1e-10)
    assert fit.at_bound == {f"coef[{j}]": "low" for j in np.flatnonzero(known.coef_ == 0)} != {}


class TestNames:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((80, 3))
    y = X @ [1.0, -1.0, 2.0] + rng.standard_normal(80)

    def test_columns_count_before_all_coefficients(self):
        import pandas as pd

        frame = pd.DataFrame(self.X, columns=["age", "dose", "mass"])
        fit = st.fit(
            st.models.Linear(), frame, self.y, bounds={"dose": (0, None), "coef": (None, 1.5)}, fixed={"age": 0.25}
        )
        assert fit.bounds == {"dose": (0.0, None), "mass": (None, 1.5)}
        with pytest.raises(ValueError, match=r"the columns: age, dose, mass$"):
            st.fit(st.models.Linear(), frame, self.y, fixed={"z": 0.25})
        assert fit.fixed == {"age": 0.25}
        assert fit.at_bound == {"dose": "low", "mass": "high"}
        np.testing.assert_array_equal(fit.params["coef"], [0.25, 0.0, 1.5])
        np.testing.assert_allclose(fit.params["intercept"], (self.y - self.X @ [0.25, 0.0, 1.5]).mean())

    def test_entries_of_an_array_may_be_left_free(self):
        fit = st.fit(
            st.models.Linear(), self.X, self.y, fixed={"coef": [None, 1.0, None]}, bounds={"coef[0]": (0, 0.5)}
        )
        free = st.fit(st.models.Linear(), self.X[:, [2]], self.y - self.X @ [0.5, 1.0, 0.0])
        np.testing.assert_allclose(fit.params["coef"], [0.5, 1.0, free.params["coef"][0]])

    def test_a_single_column_is_fixed_outside_the_bounds_of_all(self):
        fit = st.fit(st.models.Linear(), self.X, self.y, bounds=POSITIVE, fixed={"coef[1]": -1.0})
        rest = st.fit(st.models.Linear(), self.X[:, [0, 2]], self.y + self.X[:, 1], bounds=POSITIVE)
        np.testing.assert_allclose(fit.params["coef"][[0, 2]], rest.params["coef"], atol=1e-12)
        assert fit.fixed == {"coef[1]": -1.0}

    def test_a_fit_without_any_side_is_the_plain_one(self):
        fit = st.fit(st.models.Linear(), self.X, self.y, bounds={"coef": (None, None)})
        assert fit.solver.startswith("Newton's method: ")
        assert fit.bounds == fit.fixed == fit.at_bound == {}

    @pytest.mark.parametrize(
        ("words", "kind", "says"),
        [
            ({"bounds": {"coef": (1, 0)}}, ValueError, r"coef\[0\] are \(1, 0\): low must not exceed high"),
            ({"bounds": {"coeff": (0, 1)}}, ValueError, "did you mean 'coef'"),
            ({"bounds": (0, None)}, TypeError, "give names with values"),
            ({"bounds": {"coef": [(0, 1)] * 2}}, ValueError, "or 3 pairs"),
            ({"bounds": {"coef": (0, "x")}}, ValueError, "None for a missing side"),
            ({"bounds": {"coef": (np.inf, None)}}, ValueError, "which no number meets"),
            ({"bounds": {"coef": ("0", "1")}}, ValueError, "None for a missing side"),
            ({"fixed": {"coef[0]": "1"}}, ValueError, "give a finite number"),
            ({"bounds": {"z": (0, 1)}}, ValueError, r"the columns: coef\[0\], coef\[1\], coef\[2\]$"),
            ({"bounds": {"coef[1]": (0, 1)}, "fixed": {"coef[1]": 3}}, ValueError, "outside the bounds"),
            ({"bounds": {"coef": (0, 1)}, "fixed": {"coef": 3}}, ValueError, "outside the bounds"),
            ({"fixed": {"coef": 0, "intercept": 0}}, ValueError, "leave one of them free"),
            ({"fixed": {"intercept": np.nan}}, ValueError, "give a finite number"),
            ({"bounds": POSITIVE, "batch_size": 8}, ValueError, "leave batch_size= out"),
            ({"bounds": POSITIVE, "rescale": "whiten"}, ValueError, "leave rescale= out"),
            ({"bounds": {"coef": (-1, 1)}, "penalty": st.penalties.L1(0.1)}, ValueError, "one side of 0"),
            ({"bounds": POSITIVE, "start": ([-1, 0, 0], 0)}, ValueError, r"coef\[0\] = -1, outside its bounds"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, words, kind, says):
        with pytest.raises(kind, match=says):
            st.fit(st.models.Linear(), self.X, self.y, **words)

    @pytest.mark.parametrize("columns", [["coef", "b", "c"], ["a", "intercept", "c"], ["coef[1]", "b", "c"]])
    def test_columns_with_the_name_of_another_parameter_are_refused(self, columns):
        import pandas as pd

        frame = pd.DataFrame(self.X, columns=columns)
        with pytest.raises(ValueError, match="rename the column"):
            st.fit(st.models.Linear(), frame, self.y, bounds={"coef": (0, None)})

    def test_a_tolerance_counts_only_constants_within_the_bounds(self):
        """The mean of the targets, 100, is no prediction without an intercept."""
        for fixed in (NO_INTERCEPT, {"coef[0]": 1.0}):
            words = {"bounds": POSITIVE, "fixed": fixed}
            fit = st.fit(st.models.Linear(), self.X, self.y + 100, tolerance=1e-3, **words)
            assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
            assert fit.certificate.tolerance > 1e-9 * fit.fun
            assert fit.fun - st.fit(st.models.Linear(), self.X, self.y + 100, **words).fun <= fit.certificate.tolerance
        words = {"bounds": POSITIVE, "fixed": NO_INTERCEPT, "step": 0.05, "epochs": 300}
        assert st.fit(st.models.Linear(), self.X, self.y + 100, **words).outcome == "completed"

    def test_several_classes_and_kernels_are_refused(self):
        with pytest.raises(ValueError, match="fit each class against"):
            st.fit(st.models.Multinomial(), self.X, np.arange(80) % 3, bounds=POSITIVE)
        with pytest.raises(ValueError, match="use kernel='linear'"):
            st.fit(st.models.SVM("rbf", components=5), self.X, self.y > 0, bounds={"coef": (0, None)})

    @pytest.mark.parametrize("words", [{"step": 0.05, "epochs": 300}, {"direction": "l-bfgs"}])
    def test_other_rules_stay_within_the_bounds(self, words):
        fit = st.fit(st.models.Linear(), self.X, self.y, bounds=POSITIVE, **words)
        best = st.fit(st.models.Linear(), self.X, self.y, bounds=POSITIVE)
        assert fit.trace.x[:, :3].min() >= 0
        np.testing.assert_allclose(fit.params["coef"], best.params["coef"], atol=1e-6)


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_fit_within_bounds_goes_on_bit_for_bit(tmp_path, epochs):
    # The shape of the fits to Poisson's loss above.
    rng = np.random.default_rng(5)
    X = rng.standard_normal((54, 4))
    y = rng.poisson(np.exp(X @ [0.5, -0.3, 0.2, 0.1]))
    words = {"bounds": {"coef": (0, 0.4), "intercept": (None, 0.1)}, "fixed": {"coef[3]": 0.2}}
    whole = st.fit(st.models.Poisson(), X, y, **words)
    part = st.fit(st.models.Poisson(), X, y, epochs=epochs, **words)
    part.save(tmp_path / "fit")
    loaded = st.load(tmp_path / "fit")
    assert (loaded.bounds, loaded.fixed, loaded.at_bound) == (part.bounds, part.fixed, part.at_bound)
    np.testing.assert_array_equal(loaded.predict(X), part.predict(X))
    for again in (part.more(), loaded.more(X, y)):
        np.testing.assert_array_equal(again.params["coef"], whole.params["coef"])
        assert (again.fun, again.at_bound, len(again.trace)) == (whole.fun, whole.at_bound, len(whole.trace))
