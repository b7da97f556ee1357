"""The choice among finished trees, and the tree that is made again from all rows."""

import numpy as np
import pytest
from sklearn.datasets import load_wine, make_friedman1
from sklearn.tree import DecisionTreeClassifier

from steepest import losses
from steepest.fitting.tree.choice import kept_of, refitted
from steepest.fitting.tree.hard.columns import Columns
from steepest.fitting.tree.hard.criterion import Gini, criterion_of
from steepest.fitting.tree.hard.grow import grown
from steepest.fitting.tree.hard.leaves import ConstantLeaves
from steepest.fitting.tree.pool import BY_GINI, GREEDY, POLISHED, SCOUT, Candidate, Grower
from steepest.fitting.tree.setup import parted
from steepest.fitting.validation import LabelledRows
from steepest.models.splits import Splits

NONE = Splits.none(1, 1)
GREEDY_TREE = Candidate(GREEDY, NONE, np.ones(101))


def rival(name, errors):
    """Return a tree that is better than the greedy one by so many standard errors."""
    noise = np.resize([-1.0, 1.0], 100)
    gain = np.append(noise, 0.0)
    gain += errors * gain.std() / 10
    return Candidate(name, NONE, GREEDY_TREE.losses - gain)


@pytest.mark.parametrize(
    ("name", "errors", "wins"),
    [
        ("restart 3", 1.5, False),
        ("restart 3", 2.5, True),
        (SCOUT, 1.5, False),
        (POLISHED, 0.5, False),
        (POLISHED, 1.5, True),
        (BY_GINI, 1.5, True),
    ],
)
def test_the_greedy_tree_stays_unless_another_is_clearly_better(name, errors, wins):
    other = rival(name, errors)
    assert kept_of([GREEDY_TREE, other], GREEDY_TREE) is (other if wins else GREEDY_TREE)


def test_the_tree_of_an_earlier_fit_stays_beside_a_better_greedy_one():
    before = rival("restart 3", -1.5)
    assert kept_of([GREEDY_TREE, before], before) is before
    assert kept_of([GREEDY_TREE, rival(POLISHED, 3.0), rival("restart 4", 4.0)], GREEDY_TREE).name == "restart 4"


def exclusive_or(rows):
    random = np.random.default_rng(2)
    X = random.integers(0, 2, size=(rows, 6)).astype(float)
    return LabelledRows(X, (X[:, 0] + X[:, 1]) % 2, np.ones(rows))


def test_a_greedy_tree_is_not_made_worse_by_more_rows():
    rows, criterion = exclusive_or(200), criterion_of(losses.squared, 0, 1)
    grower = Grower(losses.squared, criterion, ConstantLeaves(criterion), (), lambda: False)
    splits = Splits.none(2, 6)
    for node, column in ((0, 0), (1, 1), (2, 1)):
        splits.put(node, {column: 1.0}, 0.5, False)
    again = grower.greedy(rows, grower.columns(rows), 2)
    worse = grower.losses(again, grower.leaves(again, rows), rows).mean()
    assert worse > 0.1
    found = refitted(grower, Candidate(GREEDY, splits, np.zeros(1)), rows, 2)
    assert grower.losses(found.splits, found.leaves, rows).mean() < 1e-3
    assert found.is_optimal
    # Where growing again is better, the tree that it gives is taken.
    found = refitted(grower, Candidate(GREEDY, Splits.none(2, 6), np.zeros(1)), rows, 2)
    assert grower.losses(found.splits, found.leaves, rows).mean() == pytest.approx(worse, rel=1e-12)


def test_the_tree_by_the_gini_index_is_that_of_scikit_learn():
    X, y = load_wine(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    splits = grown(Columns.of(X), y.astype(float), weight, Gini(3, 3), 3)
    known = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y, weight)
    leaves = splits.leaves(X)
    shares = np.array([np.bincount(y[leaves == k], weight[leaves == k], 3) for k in leaves])
    np.testing.assert_allclose(shares / shares.sum(axis=1, keepdims=True), known.predict_proba(X), rtol=1e-12)


def test_a_tree_grows_below_splits_that_stay():
    X, y = make_friedman1(300, 6, noise=1.0, random_state=0)
    weight, criterion = np.ones(300), criterion_of(losses.squared, 0, 1)
    above = Splits.none(1, 6)
    above.put(0, {5: 1.0}, 0.3, False)
    splits = grown(Columns.of(X), y, weight, criterion, 3, above)
    assert splits.direction(0) == {5: 1.0}
    assert splits.thresholds[0] == 0.3
    for side, own in enumerate((X[:, 5] <= 0.3, X[:, 5] > 0.3)):
        part = grown(Columns.of(X[own]), y[own], weight[own], criterion, 2)
        np.testing.assert_array_equal(splits.leaves(X[own]), part.leaves(X[own]) + 4 * side)


@pytest.mark.parametrize("seed", range(5))
def test_rows_held_out_have_targets_spread_like_the_others(seed):
    y = np.repeat([0.0, 1.0, 2.0], [70, 20, 10])
    rows = LabelledRows(np.arange(100.0)[:, None], y, np.ones(100))
    own, held = parted(rows, seed)
    assert np.bincount(held.y.astype(int)).tolist() == [14, 4, 2]
    assert sorted(np.concatenate([own.X, held.X]).ravel()) == list(range(100))
    own, held = parted(rows.at(np.arange(19)), seed)
    assert own is held
