"""Batches without a learning rate: SAGA against a plain loop, answers against all rows at once and closed forms."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import datasets
from sklearn.linear_model import ElasticNet

import steepest as st
from steepest.fitting.linear.solvers.saga import POWERS


def table(name):
    data = getattr(datasets, f"load_{name}")()
    y = data.target.astype(float)
    if name == "diabetes":
        return st.models.Linear(), datasets.load_diabetes(scaled=False).data, y
    return st.models.Logistic(), data.data, (y == 0).astype(float)


@pytest.mark.parametrize(
    "name", ["wine", *(pytest.param(n, marks=pytest.mark.nightly) for n in ("breast_cancer", "diabetes"))]
)
@pytest.mark.parametrize("size", [32])
def test_raw_tables_end_certified_where_full_batch_ends(name, size):
    model, X, y = table(name)
    penalty = st.penalties.L2(1e-3)
    whole = st.fit(model, X, y, penalty=penalty, tolerance=1e-10)
    fit = st.fit(model, X, y, penalty=penalty, batch_size=size, rng=0)
    assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
    assert fit.fun - whole.fun <= 1e-6 * (fit.trace.value[0] - whole.fun)
    assert fit.fun - whole.fun <= fit.certificate.gap + 1e-12
    # The epochs in batches also lower the value.
    assert np.all(np.diff(fit.trace.value[:3]) < 0)
    np.testing.assert_array_equal(np.diff(fit.trace.evaluations[:3]), [2, 2])


def saga(A, y, size, epochs, strength=0.0):
    """Proximal SAGA for the lasso in NumPy alone, with the batches in order; yields the point after each epoch."""
    n, d = A.shape
    m = -(-n // size)
    batches = [np.arange(k * size, min((k + 1) * size, n)) for k in range(m)]
    v = np.ones(d)
    for _ in range(POWERS):
        v = A.T @ (A @ v) / n / np.linalg.norm(v)
    rest = size * (n - 1)
    largest = 1 + (A[:, :-1] ** 2).sum(axis=1).max()
    steepness = 2 * ((n - size) / rest * largest + n * (size - 1) / rest * np.linalg.norm(v) + 1)
    theta = np.zeros(d)

    def gradient(rows, theta):
        return 2 * A[rows].T @ (A[rows] @ theta - y[rows]) / n

    known = [gradient(rows, theta) for rows in batches]
    for _ in range(epochs):
        # The solver begins each epoch with the gradients at its current point.
        known = [gradient(rows, theta) for rows in batches]
        for j, rows in enumerate(batches):
            new = gradient(rows, theta)
            theta = theta - (m * (new - known[j]) + sum(known)) / (3 * steepness)
            theta[:-1] = np.sign(theta[:-1]) * np.maximum(np.abs(theta[:-1]) - strength / (3 * steepness), 0)
            known[j] = new
        yield theta


@pytest.mark.parametrize("size", [1, 7, 32])
@pytest.mark.always(2)
def test_its_epochs_are_saga(size):
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((100, 3)), rng.standard_normal(100)
    fit = st.fit(st.models.Linear(), X, y, batch_size=size, shuffle=False, rescale="none")
    expected = list(saga(np.c_[X, np.ones(100)], y, size, 2))
    np.testing.assert_allclose(fit.trace.x[1:3], expected, rtol=1e-9)


def test_its_epochs_take_proximal_steps_for_an_l1_penalty():
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((100, 3)), rng.standard_normal(100)
    # The solver has coordinates in which the columns are standardised.
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    fit = st.fit(st.models.Linear(), X, y, penalty=st.penalties.L1(0.1), batch_size=7, shuffle=False)
    expected = list(saga(np.c_[X, np.ones(100)], y, 7, 2, 0.1))
    assert np.any(expected[0][:-1] == 0)
    np.testing.assert_allclose(fit.trace.x[1:3], expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("rows", ["dense", "sparse"])
def test_an_elastic_net_in_batches_is_that_of_scikit_learn(rows):
    rng = np.random.default_rng(4)
    X = sp.random(300, 20, 0.3, random_state=4, format="csr")
    y = X @ np.where(np.arange(20) < 4, 5.0, 0.0) + rng.standard_normal(300)
    X = X if rows == "sparse" else X.toarray()
    fit = st.fit(st.models.Linear(), X, y, penalty=st.penalties.ElasticNet(0.1, 0.02), batch_size=16, rng=0)
    assert fit.success
    assert fit.solver.startswith("SAGA, then proximal")
    # Its loss is half of ours.
    theirs = ElasticNet(alpha=0.06, l1_ratio=0.05 / 0.06, tol=1e-14, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(fit.params["coef"], theirs.coef_, atol=1e-8)
    np.testing.assert_array_equal(fit.params["coef"] == 0, theirs.coef_ == 0)


def test_several_classes_with_an_l1_penalty_in_batches_are_those_of_all_rows():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((400, 6))
    y = np.digitize(X[:, 0] + 0.5 * rng.standard_normal(400), [-1, 1])
    whole, fit = (
        st.fit(st.models.Multinomial(), X, y, penalty=st.penalties.L1(0.05), **how) for how in ({}, {"batch_size": 8})
    )
    np.testing.assert_allclose(fit.params["coef"], whole.params["coef"], atol=1e-8)
    assert np.any(fit.params["coef"] == 0)
    assert fit.certificate.gap < 1e-10


@pytest.mark.parametrize("loss", ["poisson", "absolute"])
def test_an_l1_penalty_in_batches_needs_a_loss_of_bounded_curvature(loss):
    with pytest.raises(ValueError, match=f"in batches .* and the (?i:{loss}) loss has none: leave batch_size= out"):
        st.fit(st.models.Linear(), np.eye(20), np.ones(20), loss=loss, penalty=st.penalties.L1(0.1), batch_size=4)


@pytest.mark.parametrize("shuffle", ["batches", "rows", False])
def test_every_way_to_shuffle_and_weights(shuffle):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((203, 4)) * [1, 1e3, 1e-3, 10] + [5, 1e4, 0, 0]
    y = X @ [1, 2e-3, 300, 0.1] + rng.standard_normal(203)
    weight = rng.integers(0, 3, 203).astype(float)
    fit = st.fit(st.models.Linear(), X, y, sample_weight=weight, batch_size=10, shuffle=shuffle, rng=1)
    root = np.sqrt(weight)[:, None]
    exact = np.linalg.lstsq(root * np.c_[X, np.ones(203)], root[:, 0] * y, rcond=None)[0]
    np.testing.assert_allclose([*fit.params["coef"], fit.params["intercept"]], exact, rtol=1e-7)
    again = st.fit(st.models.Linear(), X, y, sample_weight=weight, batch_size=10, shuffle=shuffle, rng=1)
    np.testing.assert_array_equal(fit.trace.x, again.trace.x)


def test_an_epoch_that_rises_is_given_up():
    # One row at a time, in order: the last row has all the leverage, and contradicts the others.
    X = np.r_[np.ones(99) * 1e-3, 1e3][:, None]
    y = np.r_[np.ones(99), -1e6]
    fit = st.fit(st.models.Linear(), X, y, batch_size=1, shuffle=False)
    exact = np.linalg.lstsq(np.c_[X, np.ones(100)], y, rcond=None)[0]
    np.testing.assert_allclose([*fit.params["coef"], fit.params["intercept"]], exact, rtol=1e-6)
    assert np.all(np.diff(fit.trace.value) <= 0)


def test_epochs_are_a_limit_and_poisson_goes_its_own_way():
    model, X, y = table("breast_cancer")
    fit = st.fit(model, X, y, penalty=st.penalties.L2(1e-3), batch_size=8, epochs=2, rng=0)
    assert (fit.outcome, len(fit.trace)) == ("iteration limit", 3)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 2))
    y = rng.poisson(np.exp(X @ [0.3, -0.2] + 1)).astype(float)
    whole = st.fit(st.models.Poisson(), X, y)
    fit = st.fit(st.models.Poisson(), X, y, batch_size=30, rng=0)
    assert fit.fun <= whole.fun + 0.05 * (whole.trace.value[0] - whole.fun)
