"""The descent of soft trees, against gates, gradients by differences and Adam written out in NumPy."""

import numpy as np
import pytest

from steepest import losses
from steepest.derivatives.precision import compiled_code
from steepest.fitting.tree.soft.coordinates import Ranks, Scaled
from steepest.fitting.tree.soft.kernel import Soft, Span, State, sharpener

UPDATES, TOTAL, NODES = 4, 6, 3


def mean_loss(flat, X, y, t, is_oblique, choice):
    """Return the loss of a soft tree of depth 2; a gate of one column looks at the largest entry of `choice`."""
    columns = X.shape[1]
    weights, threshold, value = np.split(flat, [NODES * columns, NODES * columns + NODES])
    weights = weights.reshape(NODES, columns)
    if not is_oblique:
        # The straight-through gate: the column chosen, with the slope of a softmax around the point.
        soft, at = (np.exp(w) / np.exp(w).sum(axis=1, keepdims=True) for w in (weights, choice))
        weights = np.eye(columns)[choice.argmax(axis=1)] + soft - at
    gates = 1 / (1 + np.exp(-3 * 20**t * (X @ weights.T - threshold)))
    root, low, high = gates.T
    shares = np.column_stack([(1 - root) * (1 - low), (1 - root) * low, root * (1 - high), root * high])
    mean = shares.mean(axis=0)
    balance = 0.03 * (1 - t) * (mean * np.log(mean + 1e-9)).sum()
    sparsity = 1e-4 * np.abs(weights).sum() if is_oblique else 0.0
    return np.mean((shares @ value - y) ** 2) + balance + sparsity


@pytest.mark.parametrize("is_oblique", [False, True])
def test_updates_are_those_of_adam_by_hand(is_oblique):
    random = np.random.default_rng(1)
    X, columns = random.uniform(-1, 1, size=(16, 2)), 2
    y = np.where(X[:, 0] > 0.2, 1.0, -1.0) + 0.3 * random.normal(size=16)
    start = Soft(
        random.normal(size=(1, NODES, columns)), random.uniform(-0.5, 0.5, (1, NODES)), random.normal(size=(1, 4, 1))
    )
    x = np.concatenate([np.ravel(part) for part in start])
    rates = np.repeat([0.03, 0.02, 0.03], [NODES * columns, NODES, 4])
    first = second = np.zeros_like(x)
    for k in range(UPDATES):
        t = k / TOTAL
        choice = x[: NODES * columns].reshape(NODES, columns)
        slope = np.array([
            (mean_loss(x + e, X, y, t, is_oblique, choice) - mean_loss(x - e, X, y, t, is_oblique, choice)) / 2e-6
            for e in 1e-6 * np.eye(len(x))
        ])  # fmt: skip
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        warm = min(1, (k + 1) / (0.05 * TOTAL)) * 0.5 * (1 + np.cos(np.pi * t))
        step = first / (1 - 0.9 ** (k + 1)) / (np.sqrt(second / (1 - 0.99 ** (k + 1))) + 1e-8)
        x = x - rates * warm * step
    single = Soft(*(np.asarray(part, np.float32) for part in start))
    nothing = Soft(*(np.zeros_like(part) for part in single))
    state = State(single, nothing, nothing, np.zeros(1, np.float32))
    orders = np.tile(np.arange(16, dtype=np.int32), (UPDATES, 1))
    span = Span(np.int32(0), np.int32(UPDATES), np.int32(TOTAL), np.int32(16))
    with compiled_code():
        sharpen = sharpener(2, losses.squared, 16, is_oblique, "by hand")
        found = sharpen(
            state, X.astype(np.float32), y.astype(np.float32), np.ones(16, np.float32), np.zeros(2, np.float32), orders,
            span,
        )  # fmt: skip
    np.testing.assert_allclose(np.concatenate([np.ravel(part) for part in found.soft]), x, atol=2e-3)


def test_splits_in_coordinates_are_splits_of_the_columns():
    random = np.random.default_rng(0)
    X = random.lognormal(size=(500, 3)) * [1, 100, 0.01]
    choice, threshold = np.array([0.2, -0.9, 0.5]), 0.3
    scaled = Scaled.of(X, np.ones(500))
    weights, level = scaled.split(choice, threshold)
    expected = scaled.inward(X) @ choice > threshold
    assert ((X @ [weights[j] for j in range(3)] > level) == expected).mean() > 0.998
    ranks = Ranks.of(X)
    ((column, weight),), level = ranks.split(choice, threshold)[0].items(), ranks.split(choice, threshold)[1]
    assert (column, weight) == (2, 1.0)
    assert ((X[:, 2] > level) == (ranks.inward(X)[:, 2] > threshold)).mean() > 0.998
