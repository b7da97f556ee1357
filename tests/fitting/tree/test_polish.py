"""The polish of trees: it finds what greed does not, and no other split of one node is better in the end."""

from itertools import product

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_friedman1

from steepest import losses
from steepest.fitting.tree.hard.columns import Columns
from steepest.fitting.tree.hard.criterion import criterion_of
from steepest.fitting.tree.hard.grow import grown
from steepest.fitting.tree.hard.leaves import ConstantLeaves, LinearLeaves, ridge
from steepest.fitting.tree.hard.polish import polished
from steepest.fitting.tree.pool import random_splits
from steepest.fitting.validation import LabelledRows
from steepest.models.splits import Splits


def both(X, y, loss, depth, classes=0, categories=()):
    """Return the greedy tree with its leaf values, and the polished one."""
    criterion, rows = criterion_of(loss, classes, 1), LabelledRows(X, y, np.ones(len(y)))
    columns, fit_leaves = Columns.of(X, categories), ConstantLeaves(criterion)
    greedy = grown(columns, y, rows.weight, criterion, depth)
    values = fit_leaves(greedy.leaves(X), 2**depth, rows).values
    return greedy, values, polished(greedy, columns, rows, loss, fit_leaves)


def mean_loss(splits, values, X, y, loss):
    """Return the mean loss of a tree."""
    return float(np.mean(loss(values[splits.leaves(X), 0], y)))


def test_polish_finds_an_exclusive_or():
    X = np.random.default_rng(0).normal(size=(1000, 8))
    y = ((X[:, 2] > 0) ^ (X[:, 5] > 0.2)).astype(float)
    greedy, values, polish = both(X, y, losses.log_loss, 2, classes=2)
    assert mean_loss(greedy, values, X, y, losses.log_loss) > 0.1
    assert mean_loss(polish.splits, polish.leaves.values, X, y, losses.log_loss) < 0.01


@pytest.mark.parametrize("loss", [losses.squared, losses.absolute, losses.Quantile(0.8)])
def test_polish_lowers_the_loss(loss):
    X, y = make_friedman1(800, 10, noise=1.0, random_state=0)
    greedy, values, polish = both(X, y, loss, 3)
    before, after = mean_loss(greedy, values, X, y, loss), mean_loss(polish.splits, polish.leaves.values, X, y, loss)
    assert after < before


def assert_no_split_of_one_node_is_better(polish, X, y):
    assert polish.is_optimal
    least = mean_loss(polish.splits, polish.leaves.values, X, y, losses.squared)
    for node in range(len(polish.splits.thresholds)):
        for column in range(X.shape[1]):
            for threshold in [-np.inf, *X[:, column][~np.isnan(X[:, column])], np.inf]:
                for sign, missing in product((-1.0, 1.0), (False, True)):
                    other = polish.splits.copy()
                    other.put(node, {column: sign}, sign * threshold, missing)
                    assert mean_loss(other, polish.leaves.values, X, y, losses.squared) >= least * (1 - 1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_no_split_of_one_node_is_better(seed):
    X, y = load_diabetes(return_X_y=True)
    rows = np.random.default_rng(seed).choice(len(y), 80, replace=False)
    X, y = X[rows, :4], y[rows]
    X[::7, 2] = np.nan
    _, _, polish = both(X, y, losses.squared, 2)
    assert_no_split_of_one_node_is_better(polish, X, y)


# The trees of the last three seeds once ended with a node that has no rows on one side.
@pytest.mark.parametrize("seed", [0, 1, 3, 19, 62])
@pytest.mark.always(2)
def test_no_split_of_one_node_is_better_where_many_values_are_missing(seed):
    random = np.random.default_rng(seed)
    X = random.normal(size=(40, 2)).round()
    X[random.random(X.shape) < 0.4] = np.nan
    y = 2.0 * np.isnan(X).all(axis=1) + 0.3 * random.normal(size=40)
    rows, fit_leaves = LabelledRows(X, y, np.ones(40)), ConstantLeaves(criterion_of(losses.squared, 0, 1))
    polish = polished(random_splits(X, 3, random), Columns.of(X), rows, losses.squared, fit_leaves)
    assert_no_split_of_one_node_is_better(polish, X, y)


def test_leaf_values_are_drawn_to_that_of_all_rows():
    y = np.array([0.0, 0.0, 0.0, 1.0])
    leaf = np.array([0, 0, 0, 1])
    rows = LabelledRows(np.zeros((4, 1)), y, np.ones(4))
    # (0 + 0 + 0 + ¼) / 4, (1 + ¼) / 2, and ¼ without rows.
    odds = ConstantLeaves(criterion_of(losses.log_loss, 2, 1))(leaf, 3, rows).values
    np.testing.assert_allclose(1 / (1 + np.exp(-odds[:, 0])), [0.0625, 0.625, 0.25])


@pytest.mark.parametrize("rows", [12, 40])
@pytest.mark.parametrize("seed", range(8))
def test_the_penalty_of_a_ridge_is_chosen_by_leaving_out_each_row(seed, rows):
    random = np.random.default_rng(seed)
    Z, weight = random.normal(size=(rows, 4)), random.uniform(0.2, 3, rows)
    y = Z[:, 0] + 2 * random.normal(size=rows)
    weight /= weight.mean()
    design = np.column_stack([Z, np.ones(rows)])

    def solved(own, penalty):
        A, w = design[own], weight[own]
        return np.linalg.solve((A.T * w) @ A + np.diag([penalty] * 4 + [0.0]), (A.T * w) @ y[own])

    def left_out(penalty):
        errors = [y[k] - design[k] @ solved(np.arange(rows) != k, penalty) for k in range(rows)]
        return float(weight @ np.square(errors))

    # The largest penalty stands for an infinite one: the mean.
    penalty = min([*np.geomspace(0.1, 1e4, 11), 1e12], key=left_out)
    found = ridge(Z, y, weight)
    np.testing.assert_allclose([*found.slope, found.level], solved(weight > 0, penalty), rtol=1e-8, atol=1e-10)


def test_means_are_drawn_in_as_far_as_their_scatter_says():
    random = np.random.default_rng(0)
    truth = random.normal(size=300)
    leaf = np.repeat(np.arange(300), 4)
    y = truth[leaf] + 2 * random.normal(size=1200)
    means = ConstantLeaves(criterion_of(losses.squared, 0, 1))(
        leaf, 300, LabelledRows(np.zeros((1200, 1)), y, np.ones(1200))
    )
    # With variances 4 in leaves and 1 between them, 4 rows count as much as 4 rows of the table.
    raw = y.reshape(300, 4).mean(axis=1)
    slope = np.polyfit(raw, means.values[:, 0], 1)[0]
    assert abs(slope - 0.5) < 0.08
    assert np.mean((means.values[:, 0] - truth) ** 2) < 0.6 * np.mean((raw - truth) ** 2)


def test_a_linear_leaf_of_few_rows_has_the_slopes_of_the_table():
    X = np.random.default_rng(0).normal(size=(200, 2))
    y = X @ [3.0, -1.0]
    y[:4] += 10
    leaf = (np.arange(200) < 4).astype(int)
    leaves = LinearLeaves()(leaf, 2, LabelledRows(X, y, np.ones(200)))
    table = ridge(X / X.std(axis=0), y, np.ones(200)).slope / X.std(axis=0)
    np.testing.assert_allclose(leaves.slopes[1], table, rtol=1e-12)
    np.testing.assert_allclose(leaves.values[1, 0], np.mean(y[:4] - X[:4] @ table), rtol=1e-12)


def test_linear_leaves_stay_within_the_targets():
    X = np.linspace(-1, 1, 50)[:, None]
    y = 2 * X[:, 0]
    leaves = LinearLeaves()(np.zeros(50, dtype=int), 1, LabelledRows(X, y, np.ones(50)))
    z = leaves.outputs(np.zeros(3, dtype=int), np.array([[-9.0], [0.5], [9.0]]))[:, 0]
    np.testing.assert_allclose(z, [-2, 1, 2], atol=0.01)


def test_a_threshold_moves_along_the_direction_of_its_node():
    X = np.random.default_rng(0).normal(size=(300, 2))
    y = (X @ [1.0, 2.0] > 0.7).astype(float)
    splits = Splits.none(1, 2)
    splits.put(0, {0: 1.0, 1: 2.0}, -1.0, False)
    rows = LabelledRows(X, y, np.ones(300))
    polish = polished(splits, Columns.of(X), rows, losses.squared, ConstantLeaves(criterion_of(losses.squared, 0, 1)))
    assert polish.splits.direction(0) == {0: 1.0, 1: 2.0}
    np.testing.assert_allclose(mean_loss(polish.splits, polish.leaves.values, X, y, losses.squared), 0, atol=1e-12)
