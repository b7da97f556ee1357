"""Whether a linear model has a finite optimum: on rows for which the answer is known, and in fits of such rows."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression, PoissonRegressor

import steepest as st
from steepest.fitting.linear.certificates.recession import Recession
from steepest.models.losses.softmax import Contrasted

LOGISTIC, POISSON = st.models.Logistic(), st.models.Poisson()
losses = st.losses


def levels(rng, rows, count):
    """Return a factor and its columns without the first level."""
    level = np.append(np.arange(count), rng.integers(0, count, rows - count))
    return level, np.eye(count)[level][:, 1:]


def whole(rng, rows, columns):
    """Return rows of small whole numbers, many of them exactly on a plane, and their distances from it."""
    X = rng.integers(-3, 4, (rows, columns)).astype(float)
    return X, X @ rng.choice([-1.0, 1.0], columns)


def both(X, y):
    """Return the rows once with each target: then any direction that moves an output raises the sum of the losses."""
    return np.vstack([X, X]), np.append(y, 1 - y)


def two_classes(seed):
    """Yield (name, X, y, whether there is no finite optimum; None if unknown)."""
    rng = np.random.default_rng(seed)
    n, coin = 60, rng.integers(0, 2, 60).astype(float)
    X = rng.normal(size=(n, 3))
    level, D = levels(rng, n, 4)
    side = X @ [1, -1, 0.5]
    Z, across = whole(rng, n, 3)
    yield "a plane between them", X, (side > 0).astype(float), True
    yield "a plane that many rows lie on", Z, np.where(across == 0, coin, across > 0), True
    yield "a plane far from 0, in other units", X * [1, 1e6, 1e-6] + [1e5, 0, 3], (side > 0.4).astype(float), True
    yield "a level that is always 1", np.c_[X, D], np.where(level == 2, 1, coin), True
    yield "all levels and an intercept", np.c_[X, np.eye(4)[level]], np.where(level == 0, 0, coin), True
    yield "the level that is left out", np.c_[X, D], np.where(level == 0, 1, coin), True
    yield (
        "a level that separates within",
        np.c_[X, D, (level == 1) * X[:, 0]],
        np.where(level == 1, X[:, 0] > 0, coin),
        True,
    )
    yield "shares between them, on one side", X, np.where(side > 1, 1, np.where(side < -1, 0, 0.5)), False
    yield "each row in both", *both(X, coin), False
    yield "each level in both", *both(np.c_[X, D], coin), False
    yield (
        "nearly a plane",
        *(np.concatenate(pair) for pair in zip(both(X[:8], coin[:8]), (X, side > 0), strict=True)),
        False,
    )
    yield "a column twice", *both(np.c_[X, X[:, 0]], coin), False


def counts(seed):
    """Yield (name, X, y, whether there is no finite optimum; None if unknown)."""
    rng = np.random.default_rng(seed)
    n, some = 60, 1.0 + rng.poisson(1, 60)
    X = rng.normal(size=(n, 3))
    level, D = levels(rng, n, 4)
    Z, across = whole(rng, n, 3)
    yield "a level without counts", np.c_[X, D], np.where(level == 2, 0, some), True
    yield "all levels, one without counts", np.c_[X, np.eye(4)[level]], np.where(level == 3, 0, some), True
    yield "the level that is left out", np.c_[X, D], np.where(level == 0, 0, some), True
    yield "two levels without counts", np.c_[X, D], np.where(level % 2, 0, some), True
    yield "counts on a plane alone", Z, np.where(across == 0, some, 0) * (across <= 0), across.max() <= 0
    yield "none on one side of it", Z[across <= 0], np.where(across == 0, some, 0)[across <= 0], True
    yield "counts in as many rows as columns", X, np.where(np.arange(n) < 3, some, 0), None
    yield "counts everywhere", np.c_[X, D], some, False
    yield "rows without counts, as others have", np.vstack([X, X]), np.append(some, 0 * some), False
    yield "counts that span", np.c_[X, D], np.where(np.arange(n) < 30, some, 0), False


def several(seed):
    """Yield (name, X, y, whether there is no finite optimum; None if unknown)."""
    rng = np.random.default_rng(seed)
    n, coin = 60, np.append(np.arange(3), rng.integers(0, 3, 57)).astype(float)
    X = rng.normal(size=(n, 3))
    level, D = levels(rng, n, 4)
    scores = X @ rng.normal(size=(3, 3))
    every = np.repeat(np.arange(3.0), n)
    yield "ordered along a column", X[:, :1], np.digitize(X[:, 0], [-0.5, 0.5]).astype(float), True
    yield "ordered along a way", X, np.digitize(X @ [1, 2, 3], [-1, 1]).astype(float), True
    yield "cones", X, scores.argmax(axis=1).astype(float), True
    yield "a level that a class is never of", np.c_[X, D], np.where((level == 2) & (coin == 1), 0, coin), True
    yield "a level that is of one class", np.c_[X, D], np.where(level == 1, 2, coin), True
    yield "one apart from the rest", X, np.where(scores[:, 0] > 0, 0, 1 + coin % 2), True
    yield "two that another divides", X, np.where(X[:, 0] > 0, 2, coin % 2), True
    yield "a class that no row is of", X, np.where(coin == 1, 0, coin), True
    yield "each row in all", np.tile(X, (3, 1)), every, False
    yield "each level in all", np.tile(np.c_[X, D], (3, 1)), every, False


def decide(X, y, loss, weight=None, sparse=False, **words):
    """Return the finding of `Recession` for a model without a penalty."""
    weight = np.ones(len(y)) if weight is None else weight
    return Recession(csr_array(X) if sparse else X, np.asarray(y, float), weight, loss, True, None).decide(**words)


CASES = [
    *((losses.log_loss, *case) for seed in range(3) for case in two_classes(seed)),
    *((losses.poisson, *case) for seed in range(3) for case in counts(seed)),
    *((Contrasted(3), *case) for seed in range(3) for case in several(seed)),
]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(("loss", "what", "X", "y", "endless"), CASES)
def test_rows_whose_answer_is_known(loss, what, X, y, endless, sparse):
    found = decide(X, y, loss, sparse=sparse)
    assert found.sure
    if endless is not None:
        assert bool(found.endless) == endless


@pytest.mark.parametrize(("loss", "what", "X", "y", "endless"), CASES[::3])
def test_rows_of_no_weight_do_not_count(loss, what, X, y, endless):
    """Rows of weight 0 whose classes overlap are added, and change nothing."""
    if endless is None:
        return
    y = np.asarray(y, float)
    weight = np.repeat([1.0, 0.0], len(y))
    found = decide(np.vstack([X, X]), np.append(y, np.roll(y, 1)), loss, weight)
    assert (bool(found.endless), found.sure) == (endless, True)


@pytest.mark.parametrize("seed", range(20))
def test_a_factor_alone_has_no_finite_optimum_if_a_level_is_of_one_class(seed):
    """The best log odds of a level are those of its rows, by calculus."""
    rng = np.random.default_rng(seed)
    level, D = levels(rng, 24, 5)
    y, count = rng.integers(0, 2, 24).astype(float), rng.poisson(0.7, 24).astype(float)
    alike = any(np.ptp(y[level == k]) == 0 for k in range(5))
    assert bool(decide(D, y, losses.log_loss).endless) == alike
    empty = any(count[level == k].sum() == 0 for k in range(5))
    assert bool(decide(D, count, losses.poisson).endless) == empty


@pytest.mark.parametrize("overlap", [1e-1, 1e-3, 1e-6, 1e-9, 1e-12])
def test_classes_that_hardly_overlap_have_a_finite_optimum(overlap):
    """On a line each class reaches a little beyond the other, so the point tried first does not separate them."""
    x = np.array([-1.0, -0.5, overlap, 0.0, 0.5, 1.0])[:, None]
    y = np.array([0.0, 0, 0, 1, 1, 1])
    found = decide(x, y, losses.log_loss, point=np.array([1.0, -overlap / 2]))
    # An overlap about as small as the tolerance of the linear program may be left undecided.
    assert (found.endless, found.sure or overlap < 1e-9) == ("", True)
    x[2] = -overlap
    assert decide(x, y, losses.log_loss).endless


@pytest.mark.parametrize("rows", [30_000])
def test_many_rows_are_decided_on_a_part_of_them(rows):
    """1 % of the rows lie on a plane, of both classes; then one row is moved to the wrong side."""
    rng = np.random.default_rng(0)
    X, across = whole(rng, rows, 6)
    X = np.c_[X, rng.normal(size=(rows, 4))]
    y = np.where(across == 0, rng.integers(0, 2, rows), across > 0).astype(float)
    assert decide(X, y, losses.log_loss).endless
    # It lies far out, and no other plane separates it, as the rows on this plane are of both classes.
    wrong = np.argmax(across)
    y[wrong] = 0
    found = decide(X, y, losses.log_loss)
    assert (found.endless, found.sure) == ("", True)


@pytest.mark.parametrize(
    "loss", [losses.squared, losses.absolute, losses.hinge, losses.squared_hinge, losses.gamma, losses.Huber()]
)
def test_losses_with_a_minimum_along_every_direction(loss):
    X = np.random.default_rng(0).normal(size=(20, 2))
    found = decide(X, (X[:, 0] > 0) + 1.0 * (loss is losses.gamma), loss)
    assert (found.endless, found.sure) == ("", True)


def test_the_columns_are_named():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    level, D = levels(rng, 300, 4)
    frame = pandas.DataFrame(np.c_[rng.normal(size=300), D], columns=["age", "red", "green", "blue"])
    fit = st.fit(POISSON, frame, np.where(level == 2, 0, rng.poisson(2, 300)))
    assert (fit.outcome, fit.success) == ("no finite optimum", False)
    assert "the coefficient of 'green' grows" in fit.message
    assert "add penalty=L2(1e-3)" in fit.message


@pytest.mark.parametrize("tolerance", [None, 1e-2, 1e-6, 1e-13])
@pytest.mark.parametrize("model", [POISSON, pytest.param(LOGISTIC, marks=pytest.mark.nightly)])
def test_the_outcome_does_not_depend_on_the_tolerance(model, tolerance):
    rng = np.random.default_rng(1)
    level, D = levels(rng, 300, 4)
    X = np.c_[rng.normal(size=300), D]
    y = rng.integers(0, 2, 300).astype(float)
    bare = np.where(level == 2, 0, y)
    fit = st.fit(model, X, bare, tolerance=tolerance)
    assert (fit.outcome, fit.success, fit.certificate.kind) == ("no finite optimum", False, "none")
    assert fit.nit < 50
    assert fit.more(tolerance=1e-14).outcome == "no finite optimum"
    assert st.fit(model, X, y, tolerance=tolerance).outcome == "converged"


@pytest.mark.nightly
@pytest.mark.parametrize("tolerance", [None, 1e-3])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", ["two classes", "counts", "several"])
def test_fits_end_with_the_right_outcome(kind, sparse, tolerance):
    multinomial = st.models.Multinomial(3)
    known = {"two classes": (LOGISTIC, two_classes), "counts": (POISSON, counts), "several": (multinomial, several)}
    model, cases = known[kind]
    for what, X, y, endless in cases(5):
        fit = st.fit(model, csr_array(X) if sparse else X, np.asarray(y, float), tolerance=tolerance)
        assert endless is None or (fit.outcome == "no finite optimum") == endless, (what, fit.message)
        assert fit.outcome in ("no finite optimum", "converged"), (what, fit.message)


@pytest.mark.parametrize("seed", range(4))
def test_coefficients_of_overlapping_counts_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    X = np.c_[rng.normal(size=300), levels(rng, 300, 4)[1]]
    y = (rng.random(300) < 1 / (1 + np.exp(-X @ [1, 1, -1, 0]))).astype(float)
    fit = st.fit(POISSON, X, y)
    assert fit.outcome == "converged"
    peer = PoissonRegressor(alpha=0, tol=1e-12, max_iter=10_000, solver="newton-cholesky").fit(X, y)
    np.testing.assert_allclose(fit.params["coef"], peer.coef_, atol=1e-8)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(4))
def test_coefficients_of_overlapping_classes_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 4))
    y = (rng.random(300) < 1 / (1 + np.exp(-X @ [1, 1, -1, 0]))).astype(float)
    fit = st.fit(LOGISTIC, X, y)
    peer = LogisticRegression(penalty=None, tol=1e-12, max_iter=10_000, solver="newton-cholesky").fit(X, y)
    np.testing.assert_allclose(fit.params["coef"], peer.coef_[0], atol=1e-8)
