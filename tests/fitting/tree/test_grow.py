"""Greedy trees: those of scikit-learn, and the best split among all, tried one by one."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from steepest import losses
from steepest.fitting.tree.hard.columns import Columns
from steepest.fitting.tree.hard.criterion import criterion_of
from steepest.fitting.tree.hard.grow import grown


def greedy(X, y, loss, depth, classes=0, weight=None, categories=()):
    """Return the greedy tree of a depth."""
    criterion = criterion_of(loss, classes, classes if loss is losses.softmax else 1)
    return grown(Columns.of(X, categories), y, np.ones(len(y)) if weight is None else weight, criterion, depth)


def leaf_means(leaf, y, weight):
    """Return for each row the mean target of its leaf."""
    total, count = (np.bincount(leaf, weights=w) for w in (weight * y, weight))
    return total[leaf] / count[leaf]


@pytest.mark.parametrize("depth", [1, 3, 5])
@pytest.mark.parametrize(("loss", "criterion"), [(losses.squared, "squared_error"), (losses.poisson, "poisson")])
def test_regression_is_that_of_scikit_learn(loss, criterion, depth):
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    mine = leaf_means(greedy(X, y, loss, depth, weight=weight).leaves(X), y, weight)
    theirs = DecisionTreeRegressor(max_depth=depth, criterion=criterion, random_state=0).fit(X, y, weight).predict(X)
    np.testing.assert_allclose(mine, theirs, rtol=1e-10)


@pytest.mark.parametrize("depth", [1, 3, 5])
@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_classification_is_as_good_as_that_of_scikit_learn(load, depth):
    X, y = load(return_X_y=True)
    leaf = greedy(X, y.astype(float), losses.softmax, depth, classes=y.max() + 1).leaves(X)
    mine = np.column_stack([leaf_means(leaf, (y == k).astype(float), np.ones(len(y))) for k in range(y.max() + 1)])
    theirs = DecisionTreeClassifier(max_depth=depth, criterion="entropy", random_state=0).fit(X, y).predict_proba(X)
    # Of equal gains, scikit-learn takes any.
    mine, theirs = (-np.log(shares[np.arange(len(y)), y]).mean() for shares in (mine, theirs))
    np.testing.assert_allclose(mine, theirs, rtol=0.02, atol=1e-12)
    assert mine <= theirs * (1 + 1e-9) or depth > 1


def squared_left(right, y):
    """Return the sum of squares that a split leaves."""
    return sum(((y[side] - y[side].mean()) ** 2).sum() for side in (right, ~right) if side.any())


@pytest.mark.parametrize("seed", range(10))
def test_missing_values_go_to_the_better_side(seed):
    random = np.random.default_rng(seed)
    X = random.normal(size=(30, 3)).round(1)
    X[random.random(X.shape) < 0.3] = np.nan
    y = random.normal(size=30) + np.isnan(X[:, seed % 3])
    found = squared_left(greedy(X, y, losses.squared, 1).goes_right(0, X), y)
    tried = []
    for column in X.T:
        lacks = np.isnan(column)
        for threshold in [*column[~lacks], np.inf]:
            above = column > threshold
            tried += [squared_left(np.where(lacks, side, above), y) for side in (False, True)]
    np.testing.assert_allclose(found, min(tried), rtol=1e-12)


@pytest.mark.parametrize("loss", [losses.squared, losses.log_loss])
@pytest.mark.parametrize("seed", range(5))
def test_levels_are_parted_in_the_best_way(seed, loss):
    random = np.random.default_rng(seed)
    level = random.integers(-1, 5, size=60)
    X = (level[:, None] == np.arange(5)).astype(float)
    y = (random.random(60) < random.random(6)[level]).astype(float)
    splits = greedy(X, y, loss, 1, classes=2, categories=((0, 1, 2, 3, 4),))

    def left(right):
        if loss is losses.squared:
            return squared_left(right, y)
        total = 0.0
        for side in (right, ~right):
            for count in (y[side].sum(), (1 - y[side]).sum()):
                total -= count * np.log(count / side.sum()) if count else 0.0
        return total

    parts = [np.isin(level, part) for size in range(6) for part in itertools.combinations(range(-1, 5), size)]
    np.testing.assert_allclose(left(splits.goes_right(0, X)), min(map(left, parts)), rtol=1e-12)


def test_a_weight_counts_as_so_many_rows():
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    mine = greedy(X, y, losses.squared, 4, weight=weight.astype(float))
    repeated = greedy(np.repeat(X, weight, axis=0), np.repeat(y, weight), losses.squared, 4)
    np.testing.assert_array_equal(mine.weights, repeated.weights)
    np.testing.assert_array_equal(mine.thresholds, repeated.thresholds)


def test_rows_that_are_equal_stay_together():
    X = np.array([[1.0], [1.0], [1.0]])
    assert np.isinf(greedy(X, np.array([1.0, 2.0, 3.0]), losses.squared, 2).thresholds).all()


def test_a_quantile_is_split_where_it_changes():
    random = np.random.default_rng(0)
    X = random.uniform(size=(2000, 3))
    y = random.normal(size=2000) * np.where(X[:, 1] > 0.6, 3.0, 1.0)
    splits = greedy(X, y, losses.Quantile(0.9), 1)
    assert splits.weights[0].tolist() == [0, 1, 0]
    assert abs(splits.thresholds[0] - 0.6) < 0.02


@pytest.mark.parametrize("sign", [1, -1])
def test_values_that_no_row_lacked_are_taken_to_the_larger_side(sign):
    X = sign * np.arange(10.0)[:, None]
    splits = greedy(X, (np.arange(10) > 2).astype(float), losses.squared, 1)
    is_right = bool(splits.goes_right(0, np.array([[np.nan]]))[0])
    assert is_right == (splits.goes_right(0, X).sum() == 7)
