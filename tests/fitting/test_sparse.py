"""Fits to sparse rows equal those to dense rows and scikit-learn's, and never form a dense array."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

import steepest as st
from steepest.fitting.stream.learner import Moments
from steepest.models import Linear, Logistic, Poisson
from steepest.models.penalties import L1, L2, ElasticNet

ROWS, WIDE = 200, 6
FIXED = {"step": 1e-7, "epochs": 3, "batch_size": 7}
NIGHTLY = pytest.mark.nightly


@pytest.fixture(scope="module")
def table() -> tuple[sp.csr_array, dict[type, np.ndarray]]:
    """Return rows in raw units, and targets for each model."""
    rng = np.random.default_rng(0)
    X = sp.random_array((ROWS, WIDE), density=0.3, rng=rng, format="csr", data_sampler=rng.normal)
    z = X @ rng.normal(size=WIDE) + 0.3
    X = sp.csr_array(X @ sp.diags_array([1.0, 1e-3, 1e3, 1.0, 50.0, 1.0]))
    targets = {
        Linear: z + rng.normal(size=ROWS),
        Logistic: (z + rng.logistic(size=ROWS) > 0).astype(float),
        Poisson: rng.poisson(np.exp(z / 2)).astype(float),
    }
    return X, targets


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Logistic(), {"penalty": L2(0.1), "rescale": "scale"}),
        (Linear(), {"penalty": L2(0.1), **FIXED}),
        pytest.param(Linear(), {**FIXED, "shuffle": "rows"}, marks=NIGHTLY),
        pytest.param(Linear(), {}, marks=NIGHTLY),
        pytest.param(Linear(), {"penalty": L1(0.01)}, marks=NIGHTLY),
        pytest.param(Linear(), {"batch_size": 16}, marks=NIGHTLY),
        pytest.param(Linear(), {"loss": "huber"}, marks=NIGHTLY),
        pytest.param(Linear(), {"loss": lambda z, y: np.log(np.cosh(z - y)), "tolerance": 1e-12}, marks=NIGHTLY),
        pytest.param(Logistic(), {"penalty": ElasticNet(0.01, 0.01)}, marks=NIGHTLY),
        pytest.param(Logistic(), {"penalty": lambda w: 0.1 * (w**4).sum(), **FIXED}, marks=NIGHTLY),
        pytest.param(Poisson(), {"penalty": L2(0.1)}, marks=NIGHTLY),
        pytest.param(Poisson(), {"batch_size": 16, "epochs": 3}, marks=NIGHTLY),
    ],
)
def test_sparse_rows_are_fitted_as_dense_ones(table, model, words):
    X, targets = table
    weight = np.random.default_rng(1).random(ROWS)
    sparse, dense = (st.fit(model, rows, targets[type(model)], sample_weight=weight, rng=0, **words)
                     for rows in (X, X.toarray()))  # fmt: skip
    assert (sparse.outcome, sparse.certificate.kind) == (dense.outcome, dense.certificate.kind)
    assert sparse.fun == pytest.approx(dense.fun, rel=1e-9)
    unit = X.toarray().std(axis=0)
    np.testing.assert_allclose(sparse.params["coef"] * unit, dense.params["coef"] * unit, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(sparse.predict(X), dense.predict(X.toarray()), rtol=1e-9, atol=1e-9)
    assert sparse.data[0] is X


def test_the_optimum_is_that_of_scikit_learn(table):
    X, targets = table
    y = targets[Logistic]
    # In units in which scikit-learn's solver converges.
    scaled = sp.csr_array(X @ sp.diags_array(1 / X.toarray().std(axis=0)))
    fitted = st.fit(Logistic(), scaled, y, penalty=L2(0.1), rescale="scale", tolerance=1e-12)
    peer = LogisticRegression(C=1 / (0.1 * ROWS), tol=1e-12, max_iter=1000).fit(scaled, y)
    np.testing.assert_allclose(fitted.params["coef"], peer.coef_[0], atol=1e-6)
    np.testing.assert_allclose(fitted.params["intercept"], peer.intercept_[0], atol=1e-6)


def test_no_dense_array_is_formed():
    rng = np.random.default_rng(2)
    rows, wide, held = 20_000, 50_000, 10
    starts = np.arange(0, rows * held + 1, held)
    X = sp.csr_array((rng.normal(size=rows * held), rng.integers(0, wide, rows * held), starts), shape=(rows, wide))
    y = (X @ rng.normal(size=wide) > 0).astype(float)
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    fitted = st.fit(Logistic(), X, y, batch_size=64, step=0.5, epochs=2, penalty=L2(1e-5), rng=0)
    # Dense rows would take 8 GB. Most of the limit is what compiling takes.
    assert _resident("VmHWM") - before < 5e8
    assert fitted.trace.value[-1] < fitted.trace.value[0]


@pytest.mark.nightly
def test_many_columns_converge():
    rng = np.random.default_rng(3)
    X = sp.random_array((500, 3_000), density=0.01, rng=rng, format="csr")
    y = (X @ rng.normal(size=3_000) > 0).astype(float)
    fitted = st.fit(Logistic(), X, y, penalty=L2(1e-3))
    peer = LogisticRegression(C=1 / (1e-3 * 500), tol=1e-10, max_iter=10_000).fit(X, y)
    assert fitted.success
    w = peer.coef_[0]
    z = X @ w + peer.intercept_[0]
    least = np.mean(np.logaddexp(0, z) - y * z) + 1e-3 / 2 * (w @ w)
    assert fitted.fun <= least + 1e-6


def blocks_of(X, y, dense):
    for first in range(0, ROWS, 60):
        rows = slice(first, first + 60)
        yield X[rows].toarray() if dense(first) else X[rows], y[rows], 1.0 + np.arange(len(y[rows])) % 3


@pytest.mark.parametrize("model", [Linear(), Logistic()], ids=str)
def test_a_stream_of_sparse_blocks_is_that_of_dense_ones_scaled(table, model):
    X, targets = table
    words = {"rng": 0, "penalty": L2(0.01)}
    thin = st.fit(model, blocks_of(X, targets[type(model)], lambda first: False), **words)
    wide = st.fit(model, blocks_of(X, targets[type(model)], lambda first: True), rescale="scale", **words)
    np.testing.assert_allclose(thin.params["coef"], wide.params["coef"], rtol=1e-9)
    np.testing.assert_allclose(thin.trace.value, wide.trace.value, rtol=1e-9)


def test_a_penalty_in_a_sparse_stream_is_as_curved_as_the_loss():
    rng = np.random.default_rng(0)
    X = sp.random_array((3_000, 600), density=0.02, rng=rng, format="csr", data_sampler=rng.normal)
    y, penalty = (X @ rng.normal(size=600) > 0).astype(float), L2(0.1)
    stream = ((X[k : k + 300], y[k : k + 300]) for k in range(0, 3_000, 300))
    fit, best = st.fit(Logistic(), stream, penalty=penalty, rng=0), st.fit(Logistic(), X, y, penalty=penalty)
    z = X @ fit.params["coef"] + fit.params["intercept"]
    value = np.mean(np.logaddexp(0, z) - y * z) + penalty(fit.params["coef"])
    # A constant prediction has the loss log 2: the stream gains most of what can be gained on it.
    assert value - best.fun < 0.2 * (np.log(2) - best.fun)


def test_moments_of_dense_rows_continue_with_sparse_ones(table):
    X, weight = table[0], 1.0 + np.arange(ROWS) % 3
    moments = Moments(True)
    moments.add(X[:120].toarray(), weight[:120])
    moments = moments.variances_only()
    moments.add(X[120:], weight[120:])
    mean = np.average(X.toarray(), axis=0, weights=weight)
    np.testing.assert_allclose(moments.mean, mean, rtol=1e-12)
    spread = np.sqrt(np.average((X.toarray() - mean) ** 2, axis=0, weights=weight))
    np.testing.assert_allclose(moments.scale, spread, rtol=1e-12)


def test_a_column_of_one_number_in_a_sparse_stream_has_no_coefficient():
    rng = np.random.default_rng(0)
    X = np.c_[rng.normal(size=(2_000, 2)), np.full(2_000, 0.1)]
    y = X[:, 0] + 2 + 0.1 * rng.normal(size=2_000)
    fit = st.fit(Linear(), iter([(sp.csr_array(X), y)]), rng=0)
    assert abs(fit.params["coef"][2]) < 1e-9
    assert fit.params["intercept"] == pytest.approx(2, abs=0.05)


def test_blocks_of_a_stream_may_alternate_between_sparse_and_dense(table):
    X, targets = table
    fit = st.fit(Linear(), blocks_of(X, targets[Linear], lambda first: first % 120 == 0), rng=0)
    assert fit.fun < 0.9 * fit.trace.value[0]
    refused = st.fit(Linear(), blocks_of(X, targets[Linear], lambda first: not first), rescale="whiten", rng=0)
    assert (refused.outcome, refused.success) == ("function raised", False)
    assert "a stream of sparse rows can't be whitened" in refused.message


def test_the_users_functions_refuse_sparse_rows(table):
    X, targets = table
    with pytest.raises(TypeError, match=r"functions of your own take arrays: give X.toarray\(\)"):
        st.fit(lambda X, w: X @ w, X, targets[Linear], start={"w": np.zeros(WIDE)})


def _resident(what: str) -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("the peak of memory is read from Linux's /proc")
    return 1024 * next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(what))
