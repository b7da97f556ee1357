"""Tests of the choice of a penalty's strength: leave-one-out against refits without each row, and the rule."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_array
from sklearn.linear_model import LinearRegression, RidgeCV

from steepest import losses
from steepest.fitting.strength.approximate import losses_without
from steepest.fitting.strength.choose import choose_strength
from steepest.fitting.strength.columns import Directions
from steepest.fitting.strength.leave_one_out import squared_errors
from steepest.fitting.strength.newton import descend
from steepest.fitting.strength.record import StrengthPath
from steepest.fitting.strength.slopes import slopes_of

SMOOTH = [
    losses.log_loss, losses.softmax, losses.poisson, losses.gamma, losses.squared_hinge, losses.Huber(1.0),
]  # fmt: skip


def table(loss, seed, rows=None):
    random = np.random.default_rng(seed)
    n, p = rows or int(random.integers(20, 30)), int(random.integers(2, 4))
    X = random.normal(size=(n, p)) * 10.0 ** random.integers(-2, 3, p) + random.normal(size=p)
    z = (X - X.mean(axis=0)) / X.std(axis=0) @ random.normal(size=p) * 0.7
    weight = random.integers(1, 4, n).astype(float)
    if loss is losses.poisson:
        return X, random.poisson(np.exp(0.6 * z + 0.5)).astype(float), weight
    if loss is losses.gamma:
        return X, random.gamma(2, np.exp(0.6 * z) / 2) + 1e-3, weight
    if loss is losses.softmax:
        scores = np.column_stack([z, -z, np.zeros(n)]) + random.gumbel(size=(n, 3))
        return X, scores.argmax(axis=1).astype(float), weight
    if loss.classes:
        return X, (z + random.logistic(size=n) > 0).astype(float), weight
    return X, z + random.standard_t(3, n), weight


def standardised(X, weight):
    centred = X - np.average(X, axis=0, weights=weight)
    return centred / np.sqrt(np.average(centred**2, axis=0, weights=weight))


def refitted(loss, Z, y, weight, curve, classes):
    """Return the parameters of a fit by SciPy, as a matrix with the intercepts in the last row."""
    shape = (Z.shape[1] + 1, max(classes, 1))
    A = np.column_stack([Z, np.ones(len(Z))])

    def objective(theta):
        theta = theta.reshape(shape)
        z = A @ theta
        return weight @ loss(z if classes else z[:, 0], y) + curve / 2 * (theta[:-1] ** 2).sum()

    return minimize(objective, np.zeros(shape).ravel(), tol=1e-9).x.reshape(shape)


def loss_without_each(loss, X, y, weight, strength, classes=0):
    """Return the mean loss of rows, each at the fit to the others."""
    Z, total = standardised(X, weight), 0.0
    for i in range(len(y)):
        less = weight.copy()
        less[i] -= 1
        theta = refitted(loss, Z, y, less, strength * weight.sum(), classes)
        z = Z[i : i + 1] @ theta[:-1] + theta[-1]
        total += weight[i] * float(loss(z if classes else z[:, 0], y[i : i + 1])[0])
    return total / weight.sum()


@pytest.mark.parametrize("columns", [3, 40])
def test_squared_errors_are_those_of_refits_without_each_row(columns):
    random = np.random.default_rng(columns)
    X = (random.normal(size=(25, columns)) + 5) * np.geomspace(1e-3, 1e3, columns)
    y, weight = X[:, 0] / X[:, 0].std() + random.normal(size=25), random.integers(1, 3, 25).astype(float)
    strengths = np.array([0.5, 0.01])
    found = squared_errors(Directions.of(X, weight), y, strengths)
    A = np.column_stack([standardised(X, weight), np.ones(25)])
    for strength, errors in zip(strengths, found, strict=True):
        ridge = np.diag(np.append(np.full(columns, strength * weight.sum() / 2), 0.0))
        for i in range(25):
            less = weight.copy()
            less[i] -= 1
            theta = np.linalg.solve(A.T * less @ A + ridge, A.T @ (less * y))
            assert errors[i] == pytest.approx((A[i] @ theta - y[i]) ** 2, rel=1e-9, abs=1e-10)


def test_the_strength_of_least_squares_is_that_of_scikit_learn():
    random = np.random.default_rng(1)
    X = random.normal(size=(40, 20))
    y = X[:, :3].sum(axis=1) + 2 * random.normal(size=40)
    path = choose_strength(losses.squared, X, y, np.ones(40))
    # alpha of scikit-learn is beside the sum of squares, without a half.
    alphas = path.strengths[path.strengths > 0] * 40 / 2
    theirs = RidgeCV(alphas).fit(standardised(X, np.ones(40)), y)
    assert path.chosen * 20 == pytest.approx(theirs.alpha_)
    assert path.score == pytest.approx(-theirs.best_score_, rel=1e-9)


def check_approximation(loss, seed):
    X, y, weight = table(loss, seed)
    classes = 3 if loss is losses.softmax else 0
    slopes, directions = slopes_of(loss, y, weight, classes), Directions.of(X, weight)
    strength = 0.03 * slopes.unit
    A = directions.columns
    point = descend(slopes, A, y, weight, strength * directions.mass, np.zeros((A.shape[1], slopes.outputs)))
    assert point.converged
    near = losses_without(slopes, A, y, weight, directions.once, point)
    exact = loss_without_each(loss, X, y, weight, strength, classes)
    assert weight @ near / weight.sum() == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: loss.name)
def test_approximate_leave_one_out_is_within_two_percent_of_refits(loss):
    check_approximation(loss, 0)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1, 10))
@pytest.mark.parametrize("loss", SMOOTH, ids=lambda loss: loss.name)
def test_approximate_leave_one_out_on_ten_tables_of_each_loss(loss, seed):
    check_approximation(loss, seed)


@pytest.mark.parametrize(
    "loss", [losses.squared, *SMOOTH[:2], losses.hinge, losses.absolute], ids=lambda loss: loss.name
)
def test_a_row_of_weight_2_counts_as_two_rows_in_any_order_and_unit(loss):
    X, y, weight = table(loss, 3, rows=40)
    classes = 3 if loss is losses.softmax else 0
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(40), weight.astype(int)))
    weighted = choose_strength(loss, X, y, weight, classes)
    repeated = choose_strength(loss, X[rows] * 4.0, y[rows], np.ones(len(rows)), classes)
    assert weighted.chosen == repeated.chosen
    np.testing.assert_allclose(weighted.scores, repeated.scores, rtol=1e-6)
    np.testing.assert_allclose(weighted.paired, repeated.paired, rtol=1e-4, atol=1e-9)


def test_no_penalty_is_taken_of_a_clean_table_and_the_best_of_a_noisy_one():
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 30))
    clean = choose_strength(losses.squared, X, X @ np.arange(30.0) + 1, np.ones(60))
    assert clean.chosen == 0
    assert clean.why.startswith("no penalty: by exact leave-one-out")
    noisy = choose_strength(losses.squared, X, X[:, 0] + 3 * random.normal(size=60), np.ones(60))
    assert noisy.chosen == noisy.strengths[noisy.best] > 0
    assert noisy.scores[-1] - noisy.score > noisy.paired[-1]
    assert "without a penalty it is" in noisy.why


def test_more_columns_than_rows_always_get_a_penalty():
    random = np.random.default_rng(0)
    X = random.normal(size=(20, 50))
    path = choose_strength(losses.squared, X, X[:, 0], np.ones(20))
    assert path.chosen > 0
    assert 0 not in path.strengths
    assert "the rows do not determine any" in path.why


@pytest.mark.parametrize("separable", ["all rows", "one level"])
def test_separable_classes_always_get_a_penalty(separable):
    random = np.random.default_rng(0)
    x, level = random.normal(size=80), np.arange(80) < 6
    y = (x > 0) if separable == "all rows" else (x + random.logistic(size=80) > 0) | level
    path = choose_strength(losses.log_loss, np.column_stack([x, level]), y.astype(float), np.ones(80))
    assert path.chosen > 0
    assert "no finite coefficients are best" in path.why


def test_sparse_rows_give_the_choice_of_dense_ones():
    random = np.random.default_rng(0)
    for columns in (10, 60):
        X = random.normal(size=(40, columns)) * (random.random((40, columns)) < 0.3)
        y = X[:, 0] + random.normal(size=40)
        dense = choose_strength(losses.squared, X, y, np.ones(40))
        sparse = choose_strength(losses.squared, csr_array(X), y, np.ones(40))
        assert dense.chosen == sparse.chosen
        np.testing.assert_allclose(dense.scores, sparse.scores, rtol=1e-6)


def test_few_of_many_rows_are_compared_on_and_the_strength_is_that_of_all(monkeypatch):
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 30))
    y = X[:, :2].sum(axis=1) + 4 * random.normal(size=400)
    whole = choose_strength(losses.squared, X, y, np.ones(400))
    monkeypatch.setattr("steepest.fitting.strength.choose.most_rows", lambda columns, outputs: 10)
    part = choose_strength(losses.squared, X, y, np.ones(400))
    assert (part.rows, part.given) == (200, 400)
    assert "on 200 of 400 rows" in part.why
    assert part.chosen == pytest.approx(whole.chosen, rel=3)


def test_a_record_goes_through_json():
    X, y, weight = table(losses.squared, 0)
    path = choose_strength(losses.squared, X, y, weight)
    again = StrengthPath.from_json(path.to_json())
    assert str(again) == str(path)
    np.testing.assert_array_equal(again.scores, path.scores)


def test_too_many_coefficients_of_classes_are_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr("steepest.fitting.strength.choose.MOST_OF_CLASSES", 4)
    X, y, weight = table(losses.softmax, 0)
    with pytest.raises(ValueError, match="give a strength, such as"):
        choose_strength(losses.softmax, X, y, weight, 3)


def test_no_penalty_is_taken_if_it_is_within_one_standard_error_of_the_best():
    random = np.random.default_rng(0)
    X = random.normal(size=(100, 4))
    path = choose_strength(losses.squared, X, X.sum(axis=1) + random.normal(size=100), np.ones(100))
    above = path.scores[-1] - path.scores[path.best]
    assert 0 < above < path.paired[-1]
    assert path.chosen == 0
    share = 100 * above / path.scores[-1]
    assert f" on standardised columns, lowers the loss of rows left out by {share:.1f} %, which is no" in path.why
    # A loss that is below 0 has no share.
    below = replace(path, scores=path.scores - 9)
    assert f"lowers the loss of rows left out from {below.scores[-1]:.4g} to {below.scores.min():.4g}" in below.why


def test_a_penalty_is_a_clear_gain_where_f_is_small():
    taken = {True: [], False: []}
    for seed in range(40):
        random = np.random.default_rng(seed)
        X = random.normal(size=(100, 6))
        y = X @ random.normal(size=6) * (0.15, 0.5)[seed % 2] + random.normal(size=100)
        # The F statistic of all columns, by scikit-learn's fit.
        r2 = LinearRegression().fit(X, y).score(X, y)
        F = (r2 / 6) / ((1 - r2) / (100 - 6 - 1))
        chosen = choose_strength(losses.squared, X, y, np.ones(100)).chosen
        if not 5 < F < 20:
            taken[F < 10].append(chosen > 0)
    # A part of a clear gain is within one standard error, too: most of those with F from 2 to 5 are.
    assert len(taken[True]) > 15
    assert all(taken[True])
    assert len(taken[False]) > 10
    assert not any(taken[False])


def test_no_strength_of_separable_classes_lets_coefficients_be_beyond_belief():
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 3))
    path = choose_strength(losses.log_loss, X, (X[:, 0] > 0).astype(float), np.ones(120))
    # Coefficients of standardised columns have a prior of variance 1 / (rows times strength).
    assert (120 * path.strengths[path.strengths > 0]).min() ** -0.5 <= 10
