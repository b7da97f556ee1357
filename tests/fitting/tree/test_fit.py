"""The fit of trees: what restarts find, the tree that is kept, and the same bits for the same seed."""

import numpy as np
import pytest
from sklearn.datasets import load_wine, make_friedman1

import steepest as st
from steepest import losses
from steepest.descent.budget import Budget
from steepest.fitting.setup import TrainingData
from steepest.fitting.tree.pool import Candidate
from steepest.fitting.tree.setup import TreeOptions, TreeSetup
from steepest.models.splits import Splits
from steepest.models.tree import Tree


def fitted(X, y, loss=losses.squared, seed=0, epochs=None, weight=None, **settings):
    """Return the fit of a tree."""
    data = TrainingData.read(X, y, weight, None, None)
    options = TreeOptions(Tree(**settings), loss, None, epochs, seed, None)
    return TreeSetup.of(options, data, Budget.of(None, None, epochs=None)).go(None, False)[0]


def test_an_exclusive_or_is_found():
    seed = 1
    X = np.random.default_rng(seed).normal(size=(1000, 8))
    y = ((X[:, 2] > 0) ^ (X[:, 5] > 0.2)).astype(float)
    fit = fitted(X, y, losses.log_loss, seed, depth=2)
    assert ((fit.predict(X) > 0.5) == y).mean() > 0.99
    assert min(fit.hard_losses) < 0.1


def test_the_loss_is_that_of_the_predictions():
    X, y = make_friedman1(300, 6, noise=1.0, random_state=0)
    weight = np.random.default_rng(0).uniform(0.5, 2, 300)
    fit = fitted(X, y, weight=weight, depth=3, epochs=20)
    expected = np.average(losses.squared(fit.predict(X), y), weights=weight)
    np.testing.assert_allclose(fit.fun, expected, rtol=1e-12)
    assert fit.outcome == "completed"
    assert fit.certificate.kind == "none"
    assert min(fit.candidates.values()) <= fit.candidates["the greedy tree"]
    assert len(fit.soft_losses) == len(fit.hard_losses) == 16
    assert fit.leaf_rows.sum() == 300


def test_probabilities_add_up_to_one():
    X, y = load_wine(return_X_y=True)
    fit = fitted(X, y.astype(float), losses.softmax, depth=2, epochs=20)
    shares = fit.predict(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    assert (shares.argmax(axis=1) == y).mean() > 0.9
    assert "the greedy tree by the Gini index" in fit.candidates


def test_the_same_seed_gives_the_same_bits():
    X, y = make_friedman1(200, 5, noise=1.0, random_state=0)
    first, second, other = (fitted(X, y, seed=seed, depth=2, epochs=30) for seed in (3, 3, 4))
    assert first.trace.value.tolist() == second.trace.value.tolist()
    assert first.hard_losses == second.hard_losses != other.hard_losses
    np.testing.assert_array_equal(first.params["values"], second.params["values"])


def test_depth_is_chosen_on_rows_held_out():
    X = np.random.default_rng(0).uniform(size=(600, 3))
    y = np.where(X[:, 1] > 0.4, 3.0, -1.0) + np.where(X[:, 0] > 0.5, 1.0, 0.0)
    fit = fitted(X, y, epochs=5)
    assert fit.model.depth == 2
    np.testing.assert_allclose(fit.predict(X), y, atol=0.1)


def test_linear_leaves_fit_two_planes():
    X = np.random.default_rng(0).uniform(-1, 1, size=(500, 4))
    y = np.where(X[:, 2] > 0.2, 2 * X[:, 0] + 1, -3 * X[:, 1])
    fit = fitted(X, y, depth=1, leaves="linear")
    np.testing.assert_allclose(fit.predict(X), y, atol=0.05)
    assert fit.params["slopes"].shape == (2, 4)


def test_linear_leaves_refuse_classes():
    with pytest.raises(ValueError, match="linear leaves"):
        fitted(np.arange(20.0), np.arange(20) % 2, losses.log_loss, leaves="linear")


def test_a_rotated_board_is_found_by_sums():
    seed = 0
    X = np.random.default_rng(seed).uniform(-1, 1, size=(1500, 2))
    y = ((X[:, 0] + X[:, 1] > 0) ^ (X[:, 0] - X[:, 1] > 0)).astype(float)
    fit = fitted(X, y, losses.log_loss, seed, depth=2, splits="all")
    assert ((fit.predict(X) > 0.5) == y).mean() > 0.97


def test_rows_of_weight_0_count_as_left_out():
    X, y = make_friedman1(120, 5, noise=1.0, random_state=0)
    weight, wild = np.ones(120), y.copy()
    weight[100:], wild[100:] = 0, 1e6
    kept = fitted(X[:100], y[:100], depth=2, epochs=5)
    np.testing.assert_array_equal(fitted(X, wild, weight=weight, depth=2, epochs=5).predict(X), kept.predict(X))


def test_a_tree_beats_another_by_more_than_errors():
    gains = np.array([2.0, 0.0] * 50)
    # A mean of 1, and a standard error of 1 / √99.
    better, worse = (Candidate("", Splits.none(1, 1), losses) for losses in (np.zeros(100), gains))
    assert better.beats(worse, 9.9)
    assert not better.beats(worse, 10.0)
    assert not worse.beats(better)
    one = [Candidate(tree.name, tree.splits, tree.losses[:1]) for tree in (better, worse)]
    assert not one[0].beats(one[1])


def test_the_loss_is_that_of_the_rows_that_were_learnt():
    X, y = make_friedman1(100, 6, noise=1.0, random_state=0)
    fit = st.fit(Tree(depth=2, restarts=1), X, y, validation=0.3, rng=0, epochs=1)
    assert fit.evaluate(fit.params) == pytest.approx(fit.fun, rel=1e-12)
