"""L2 penalties on many coefficients: the minimum that other libraries find, proven, and no bound below the truth."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from tests import convex

import steepest as st
from steepest.derivatives.precision import double_precision
from steepest.fitting.linear.certificates.ridge import RidgeBound
from steepest.fitting.linear.coordinates import Changed, coordinates
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic.products import read_columns
from steepest.fitting.linear.solvers.newton_cg import conjugate_gradients

DRAWS = np.random.default_rng(5)
TEXT = sp.random_array((150, 2_100), density=0.02, rng=DRAWS, format="csr")
SIGNAL = TEXT[:, :40].sum(axis=1) - 0.4
LAM, NOISE = 1e-3, DRAWS.standard_normal(150)
CLASSES = np.digitize(SIGNAL + 0.3 * NOISE, [-0.2, 0.3])
# Model, targets and the slope of the loss by the output, from its textbook formula.
CASES = {
    "log": (st.models.Logistic(), (SIGNAL + 0.3 * NOISE > 0).astype(int), lambda z, y: 1 / (1 + np.exp(-z)) - y),
    "squared": (st.models.Linear(), SIGNAL + 0.3 * NOISE, lambda z, y: 2 * (z - y)),
    "poisson": (st.models.Poisson(), DRAWS.poisson(np.exp(1 + SIGNAL)), lambda z, y: np.exp(z) - y),
    "gamma": (st.models.Gamma(), DRAWS.gamma(2.0, np.exp(SIGNAL)), lambda z, y: 1 - y * np.exp(-z)),
    "softmax": (st.models.Multinomial(), CLASSES, lambda z, y: softmax(z, axis=1) - np.eye(3)[y]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.always(3)
def test_the_slopes_are_0_at_the_minimum(name):
    model, y, slope = CASES[name]
    fit = st.fit(model, TEXT, y, penalty=st.penalties.L2(LAM))
    assert fit.solver.startswith("Newton's method with conjugate gradients")
    assert fit.certificate.kind == "certified", fit.message
    assert fit.certificate.gap < 1e-12
    assert len(fit.trace.value) < 30
    coef, intercept = fit.params["coef"], fit.params["intercept"]
    r = slope(TEXT @ coef.T + intercept, y) / 150
    np.testing.assert_allclose((TEXT.T @ r).T + LAM * coef, 0, atol=1e-11)
    np.testing.assert_allclose(r.sum(axis=0), 0, atol=1e-11)


def test_the_minimum_is_that_of_scikit_learn():
    for name in ("log", "softmax"):
        model, y, _ = CASES[name]
        fit = st.fit(model, TEXT, y, penalty=st.penalties.L2(LAM))
        other = LogisticRegression(C=1 / (LAM * 150), solver="newton-cg", tol=1e-10).fit(TEXT, y)
        np.testing.assert_allclose(np.atleast_2d(fit.params["coef"]), other.coef_, atol=1e-6)


def test_dense_rows_and_weights_give_the_same():
    model, y, _ = CASES["log"]
    weight = DRAWS.integers(0, 3, 150)
    repeated = np.repeat(np.arange(150), weight)
    words = {"penalty": st.penalties.L2(LAM)}
    fit = st.fit(model, TEXT, y, sample_weight=weight, **words)
    dense = st.fit(model, TEXT.toarray(), y, sample_weight=weight, **words)
    rows = st.fit(model, TEXT[repeated], y[repeated], **words)
    for same in (dense, rows):
        assert same.fun == pytest.approx(fit.fun, rel=1e-12)
        np.testing.assert_allclose(same.params["coef"], fit.params["coef"], atol=1e-9)


def test_single_precision_states_what_its_rows_allow():
    model, y, _ = CASES["log"]
    words = {"penalty": st.penalties.L2(LAM)}
    exact = st.fit(model, TEXT.astype(np.float32).astype(float), y, **words)
    sparse = st.fit(model, TEXT.astype(np.float32), y, **words)
    dense = st.fit(model, TEXT.toarray().astype(np.float32), y, **words)
    assert sparse.certificate.gap < 1e-12
    # Dense rows are rescaled in single precision.
    assert abs(dense.fun - exact.fun) < dense.certificate.gap < 1e-4


def test_equal_targets_have_no_optimum():
    fit = st.fit(st.models.Logistic(), TEXT, np.ones(150), penalty=st.penalties.L2(LAM))
    assert str(fit.outcome) == "no finite optimum"


def test_a_tolerance_ends_earlier():
    model, y, _ = CASES["poisson"]
    words = {"penalty": st.penalties.L2(LAM)}
    exact, fit = st.fit(model, TEXT, y, **words), st.fit(model, TEXT, y, tolerance=1e-3, **words)
    assert fit.success
    assert len(fit.trace.value) < len(exact.trace.value)
    assert 0 <= fit.fun - exact.fun <= fit.certificate.gap


def test_a_far_start_is_left():
    model, y, _ = CASES["poisson"]
    words = {"penalty": st.penalties.L2(LAM)}
    fit = st.fit(model, TEXT, y, start={"coef": np.full(2_100, 0.5), "intercept": 9.0}, **words)
    assert fit.fun == pytest.approx(st.fit(model, TEXT, y, **words).fun, rel=1e-12)


FAR = np.random.default_rng(0).normal(size=(80, 520))
FAR_SIGNAL = FAR[:, :5] @ np.random.default_rng(1).normal(size=5)
COUNTS = np.abs(np.round(FAR_SIGNAL))


@pytest.mark.parametrize(("model", "y", "sizes"), [
    (st.models.Poisson(), COUNTS, (1.0, 10.0)), (st.models.Logistic(), COUNTS > 1, (30.0, 1e3, 1e6)),
], ids=["exponential", "saturated"])  # fmt: skip
def test_starts_where_the_curvature_says_little_are_left(model, y, sizes):
    words = {"penalty": st.penalties.L2(1e-2)}
    near = st.fit(model, FAR, y.astype(int), **words)
    for size in sizes:
        fit = st.fit(model, FAR, y.astype(int), start={"coef": np.full(520, size), "intercept": 0.0}, **words)
        assert fit.certificate.kind == "certified", (size, fit.message)
        assert fit.fun == pytest.approx(near.fun, rel=1e-12)


@pytest.mark.parametrize("lam", [1e-3, 1e-9])
def test_tiny_penalties_and_units_far_apart(lam):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 520)) * 10 ** rng.uniform(-4, 4, 520)
    y = (X / X.std(axis=0))[:, :5] @ rng.normal(size=5) + rng.normal(size=40)
    fit = st.fit(st.models.Linear(), X, y, penalty=st.penalties.L2(lam))
    assert len(fit.trace.value) < 20
    # The slopes of the rows at the minimum solve one equation each, here by refinement in extended precision.
    long = np.longdouble
    centred, t = X - X.astype(long).mean(axis=0), y - y.astype(long).mean()
    K = centred @ centred.T + long(lam) * 20 * np.eye(40) + np.ones((40, 40)) * long((X**2).sum() / 40)
    a = np.zeros(40, long)
    for _ in range(30):
        a += np.linalg.solve(K.astype(float), (t - K @ a).astype(float))
    coef, b = fit.params["coef"].astype(long), long(fit.params["intercept"])
    value = ((X @ coef + b - y) ** 2).mean() + long(lam) / 2 * (coef @ coef)
    least = long(lam) / 2 * (a @ t)
    above = float(value - least)
    assert abs(above) < 1e-9 * least
    assert not fit.success or fit.certificate.gap >= max(above, 8e-16 * float(least))


def test_no_bound_is_below_the_truth():
    wrong, ratios = trials(convex.LOSSES, 60, seed=3)
    assert not wrong
    assert len(ratios) > 50
    assert np.median(ratios) < 1e3


def trials(losses, count, seed):
    """Return how many bounds are below the truth, and bound / truth of those far from rounding."""
    wrong, ratios = [], []
    for number, loss in enumerate(losses):
        rng = np.random.default_rng([seed, number])
        given = convex.drawn(rng, loss, 20, 3, l1=False)
        few = ("X", "y", "weight", "ridge", "kink")
        given = replace(given, **{name: getattr(given, name)[:count] for name in few})
        given.ridge[:] = 10 ** rng.uniform(-6, 2, count) * given.X.std(axis=1).mean(axis=1) ** 2
        exact = convex.Exact(given)
        with np.errstate(all="ignore"):
            v, best = exact.optimum()
            near = convex.points(rng, exact, v, given).astype(float)
        bounds, at = [], []
        for k in range(count):
            found = coordinates(given.X[k], given.weight[k], "scale", given.ridge[k])
            A = np.empty_like(given.X[k])
            Changed(given.X[k], found).write(A, None)
            theta, mass = found.from_user(near[k]), given.weight[k].sum()
            arrays = (A[:, :0], given.y[k], given.weight[k], mass, given.ridge[k], None, None, -np.inf)
            ridge = given.ridge[k] / found.scale**2
            bound = RidgeBound(Glm(*arrays, loss, 20), read_columns(A), ridge, found, 0.0)
            with double_precision(), np.errstate(all="ignore"):
                bounds.append(bound(theta).gap)
            at.append(found.to_user(theta))
        values = exact.value_at(np.array(at))
        gaps, values = (values - best).astype(float), np.abs(values).astype(float)
        known = np.isfinite(bounds) & np.isfinite(gaps)
        wrong += [(loss, k) for k in np.flatnonzero(known & (np.array(bounds) < gaps))]
        large = known & (gaps > 1e-11 * values)
        ratios += list(np.array(bounds)[large] / gaps[large])
    return wrong, ratios


def test_conjugate_gradients_solve_and_end_in_time():
    A = DRAWS.standard_normal((30, 30))
    H, g = A @ A.T + np.eye(30), DRAWS.standard_normal(30)

    def by_diagonal(r):
        return r / H.diagonal()

    d = conjugate_gradients(lambda v: H @ v, g, by_diagonal, 1e-12, lambda: False)
    np.testing.assert_allclose(d, np.linalg.solve(H, -g), rtol=1e-8)
    # A step that ends early is still a descent direction.
    assert g @ conjugate_gradients(lambda v: H @ v, g, by_diagonal, 1e-12, lambda: True) < 0
    assert g @ conjugate_gradients(lambda v: -v, g, by_diagonal, 1e-12, lambda: False) < 0
