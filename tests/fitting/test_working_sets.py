"""L1 penalties on many coefficients: the same minimum as other methods and libraries find, proven, with exact zeros."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import ElasticNet, LogisticRegression

import steepest as st
from steepest.derivatives.precision import compiled_code
from steepest.fitting import solvers
from steepest.fitting.linear.quadratic.active_set import minimize_model, shortest_subgradient
from steepest.fitting.linear.solvers import working_sets
from steepest.fitting.linear.solvers.orthants import Factor

DRAWS = np.random.default_rng(3)
SMALL = DRAWS.standard_normal((80, 30)) * DRAWS.uniform(0.2, 5, 30) + DRAWS.standard_normal(30)
SIGNAL = SMALL[:, :4] @ [0.5, -1.0, 0.3, 0.2]
TEXT = sp.random_array((120, 1_500), density=0.02, rng=DRAWS, format="csr")
LABELS = (TEXT[:, :20].sum(axis=1) + 0.3 * DRAWS.standard_normal(120) > 0.25).astype(int)
TARGETS = {
    "log": (st.models.Logistic(), (SIGNAL + DRAWS.standard_normal(80) > 0).astype(float), {}),
    "squared": (st.models.Linear(), SIGNAL + DRAWS.standard_normal(80), {}),
    "poisson": (st.models.Poisson(), DRAWS.poisson(np.exp(SIGNAL / 4)).astype(float), {}),
    "gamma": (st.models.Gamma(), DRAWS.gamma(2.0, np.exp(SIGNAL / 4)), {}),
    "huber": (st.models.Linear(), SIGNAL + DRAWS.standard_t(2, 80), {"loss": "huber"}),
}
PENALTIES = {
    "lasso": st.penalties.L1(0.05),
    "elastic net": st.penalties.ElasticNet(0.05, 0.1),
    "weak": st.penalties.L1(1e-4),
    "strong": st.penalties.L1(100.0),
}


def on_sets(monkeypatch, *arguments, **words):
    """Fit a narrow problem on working sets."""
    monkeypatch.setattr(solvers, "PROXIMAL_NEWTON", 0)
    fit = st.fit(*arguments, **words)
    assert fit.solver.startswith("proximal Newton on working sets")
    return fit


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.always(12)
def test_the_minimum_is_that_of_proximal_newton(monkeypatch, target, penalty):
    model, y, words = TARGETS[target]
    words = {**words, "penalty": PENALTIES[penalty], "rescale": "scale"}
    exact = st.fit(model, SMALL, y, **words)
    fit = on_sets(monkeypatch, model, SMALL, y, **words)
    assert fit.fun == pytest.approx(exact.fun, rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(fit.params["coef"], exact.params["coef"], rtol=1e-6, atol=1e-7)
    if target in ("log", "squared", "poisson"):
        assert str(fit.outcome) == "converged", fit.message
    if penalty == "strong":
        assert not fit.params["coef"].any()


def test_rows_may_have_weights_and_sparse_columns(monkeypatch):
    X = np.where(DRAWS.random(SMALL.shape) < 0.3, SMALL, 0.0)
    weight = DRAWS.integers(0, 4, len(X)).astype(float)
    model, y, _ = TARGETS["log"]
    words = {"penalty": st.penalties.L1(0.02), "rescale": "scale"}
    repeated = st.fit(model, np.repeat(X, weight.astype(int), axis=0), np.repeat(y, weight.astype(int)), **words)
    for rows in (X, sp.csr_array(X)):
        fit = on_sets(monkeypatch, model, rows, y, sample_weight=weight, **words)
        assert fit.fun == pytest.approx(repeated.fun, rel=1e-12)
        np.testing.assert_allclose(fit.params["coef"], repeated.params["coef"], atol=1e-7)


def test_steps_in_orthants_come_near_the_minimum():
    words = {"penalty": st.penalties.L1(2e-3)}
    fit = st.fit(st.models.Logistic(), TEXT, LABELS, **words)
    setup = fit.resumable.setup
    solver = setup.plan.solver_at(setup.start)
    with compiled_code():
        there, _ = solver.in_orthants(solver.orthants, solver.state)
    assert fit.fun <= there.value < fit.fun + 0.01 * (solver.state.value - fit.fun)
    # A coefficient that would change its sign ends at 0.
    assert 0 < np.count_nonzero(there.x) < 150
    # From a start near the minimum, the stronger penalties of the path must not lead away.
    solver.begin_at(there.x)
    with compiled_code():
        assert solver.in_orthants(solver.orthants, solver.state)[0].value <= there.value


@pytest.mark.parametrize("strength", [5e-3, 3e-4])
def test_a_certificate_is_no_lower_than_the_gap_in_extended_precision(strength):
    fit = st.fit(st.models.Logistic(), TEXT, LABELS, penalty=st.penalties.L1(strength))
    long, used = np.longdouble, np.flatnonzero(fit.params["coef"])
    X, sign = TEXT.toarray().astype(long), np.sign(fit.params["coef"][used])
    A, here = np.column_stack([X[:, used], np.ones(len(X), long)]), np.append(fit.params["coef"][used], 0).astype(long)
    here[-1] = fit.params["intercept"]

    def value(at):
        z = A @ at
        return np.logaddexp(0 * z, np.where(LABELS, -z, z)).mean() + long(strength) * np.abs(at[:-1]).sum()

    found = value(here)
    # Newton's method in the coefficients that are not 0: the steps need only double precision.
    for _ in range(8):
        p = 1 / (1 + np.exp(-(A @ here)))
        slope = A.T @ (p - LABELS) / len(X) + long(strength) * np.append(sign, 0)
        H = (A.T @ ((p * (1 - p))[:, None] * A) / len(X)).astype(float)
        here = here - np.linalg.solve(H, slope.astype(float))
    # The minimum: no sign has changed, and the slopes keep all others at 0.
    others = np.delete(X.T @ (p - LABELS) / len(X), used)
    assert np.abs(slope).max() < 1e-16
    assert np.all(np.sign(here[:-1]) == sign)
    assert np.abs(others).max() < strength
    assert -4 * np.finfo(long).eps * found <= found - value(here) <= fit.certificate.gap < 1e-11 * found
    # Nor is it at points further away, where the gap is far above rounding errors.
    setup = fit.resumable.setup
    solver, frame = setup.plan.solver_at(setup.start), setup.problem.frame
    theta = frame.from_user(np.append(fit.params["coef"], fit.params["intercept"]))
    rng = np.random.default_rng(0)
    for size in (1e-1, 1e-3, 1e-5):
        moved = theta * (1 + size * rng.standard_normal(theta.size))
        coef = frame.to_user(moved).astype(long)
        gap = value(np.append(coef[used], coef[-1])) - value(here)
        assert 0 < gap <= solver.bound(moved).gap < 10 * size


@pytest.mark.parametrize("form", [sp.csr_array, lambda X: X.toarray()])
def test_a_wide_logistic_regression_is_that_of_scikit_learn(form):
    C = 5.0
    # A large scale keeps liblinear's penalty off the intercept.
    other = LogisticRegression(C=C, l1_ratio=1, solver="liblinear", tol=1e-6, max_iter=10_000, intercept_scaling=100)
    other.fit(TEXT, LABELS)
    fit = st.fit(st.models.Logistic(), form(TEXT), LABELS, penalty=st.penalties.L1(1 / (C * len(LABELS))))
    z = TEXT @ other.coef_.ravel() + other.intercept_
    value = np.logaddexp(0, np.where(LABELS, -z, z)).mean() + np.abs(other.coef_).sum() / (C * len(LABELS))
    assert value * (1 - 1e-5) < fit.fun < value * (1 + 1e-12)
    assert fit.certificate.kind == "certified"
    assert fit.certificate.gap < 1e-10
    np.testing.assert_allclose(fit.params["coef"], other.coef_.ravel(), atol=0.01 * np.abs(other.coef_).max())


@pytest.mark.parametrize("mixed", [1.0, 0.3])
def test_a_wide_regression_is_that_of_scikit_learn(mixed):
    X = DRAWS.standard_normal((60, 1_200))
    X[:, 700] = X[:, 3]
    X[:, 701] = -X[:, 4]
    X[:, 702] = 0.0
    y = X[:, :5] @ [3.0, -2.0, 2.0, 1.0, 1.0] + 0.1 * DRAWS.standard_normal(60)
    other = ElasticNet(0.05, l1_ratio=mixed, tol=1e-10, max_iter=100_000).fit(X, y)
    penalty = st.penalties.L1(0.1) if mixed == 1 else st.penalties.ElasticNet(0.1 * mixed, 0.1 * (1 - mixed))
    fit = st.fit(st.models.Linear(), X, y, penalty=penalty)
    residual = y - other.predict(X)
    squares = 0.05 * (1 - mixed) * other.coef_ @ other.coef_
    value = residual @ residual / 60 + 0.1 * mixed * np.abs(other.coef_).sum() + squares
    assert fit.fun == pytest.approx(value, rel=1e-9)
    assert str(fit.outcome) == "converged", fit.message
    np.testing.assert_allclose(fit.predict(X), other.predict(X), atol=1e-5)
    assert fit.params["coef"][702] == 0


def test_a_weak_penalty_on_more_columns_than_rows():
    X = DRAWS.standard_normal((50, 1_100))
    y = X[:, 0] + DRAWS.standard_normal(50)
    fit = st.fit(st.models.Linear(), X, y, penalty=st.penalties.L1(1e-4))
    assert str(fit.outcome) == "converged", fit.message
    assert fit.certificate.gap < 1e-10
    assert np.count_nonzero(fit.params["coef"]) <= 50


def test_sets_smaller_than_the_support_still_find_the_minimum(monkeypatch):
    model, y, _ = TARGETS["log"]
    words = {"penalty": st.penalties.L1(0.005), "rescale": "scale"}
    exact = st.fit(model, SMALL, y, **words)
    monkeypatch.setattr(working_sets, "MOST", 8)
    assert np.count_nonzero(exact.params["coef"]) > 8
    fit = on_sets(monkeypatch, model, SMALL, y, **words)
    assert fit.fun == pytest.approx(exact.fun, rel=1e-6)


def test_a_longer_fit_goes_on_where_a_short_one_ended(tmp_path):
    words = {"penalty": st.penalties.L1(0.002)}
    whole = st.fit(st.models.Logistic(), TEXT, LABELS, **words)
    short = st.fit(st.models.Logistic(), TEXT, LABELS, epochs=2, **words)
    assert short.nit == 2
    short.save(tmp_path / "short")
    np.testing.assert_array_equal(short.more().params["coef"], whole.params["coef"])
    resumed = st.load(tmp_path / "short").more(TEXT, LABELS)
    np.testing.assert_array_equal(resumed.params["coef"], whole.params["coef"])
    np.testing.assert_array_equal(resumed.trace.value, whole.trace.value)


def test_a_time_limit_and_a_callback_end_the_rounds():
    words = {"penalty": st.penalties.L1(1e-4)}
    assert "time limit" in st.fit(st.models.Logistic(), TEXT, LABELS, seconds=1e-6, **words).message

    seen = []

    def stop(progress):
        seen.append(progress)
        if len(seen) == 3:
            raise StopIteration

    assert str(st.fit(st.models.Logistic(), TEXT, LABELS, callback=stop, **words).outcome) == "stopped by callback"
    assert len(seen) == 3


def test_a_factor_of_some_coefficients_preconditions_others():
    A = np.random.default_rng(0).standard_normal((20, 6))
    H, diagonal = A.T @ A, np.full(4, 2.0)
    factor = Factor(np.array([0, 2, 3, 5]), np.linalg.cholesky(H[np.ix_([0, 2, 3, 5], [0, 2, 3, 5])]))
    r = np.array([1.0, -2.0, 3.0, 0.5])
    inverse = np.linalg.inv(H[np.ix_([0, 2, 3, 5], [0, 2, 3, 5])])
    # Coefficient 2 may no longer move, and 4 may now.
    expected = inverse[np.ix_([0, 2, 3], [0, 2, 3])] @ r[[0, 1, 3]]
    solved = factor.solver(np.array([0, 3, 4, 5]), diagonal)(r)
    np.testing.assert_allclose(solved, [expected[0], expected[1], 1.5, expected[2]], rtol=1e-10)


def test_values_never_rise():
    fit = st.fit(st.models.Logistic(), TEXT, LABELS, penalty=st.penalties.L1(1e-3), start=DRAWS.standard_normal(1_501))
    assert np.all(np.diff(fit.trace.value) <= 1e-14)
    assert str(fit.outcome) == "converged", fit.message


@pytest.mark.parametrize("rank", [40, 15])
def test_the_model_is_minimised(rank):
    A = DRAWS.standard_normal((rank, 40)) * DRAWS.uniform(0.1, 10, 40)
    H, lam, x = A.T @ A + 1e-9 * np.eye(40), np.append(np.full(39, 0.7), 0.0), DRAWS.standard_normal(40)
    g = A.T @ DRAWS.standard_normal(rank)
    y = minimize_model(H, g, x, lam, lambda: False)
    for _ in range(20):
        y = x + (minimize_model(H, g + H @ (y - x), y, lam, lambda: False) - x)
    slope = g + H @ (y - x)
    assert np.max(np.abs(shortest_subgradient(slope, y, lam))) < 1e-6
