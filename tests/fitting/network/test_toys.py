"""Problems that no linear model solves, with nothing to tune."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_moons

import steepest as st

TURNS = 3


def xor(random):
    X = random.uniform(-1, 1, (400, 2))
    return X, ((X[:, 0] > 0) ^ (X[:, 1] > 0)).astype(float)


def moons(random):
    return make_moons(400, noise=0.1, random_state=int(random.integers(2**31)))


def spirals(random):
    angle = TURNS * 2 * np.pi * np.sqrt(random.uniform(0.05, 1, 400))
    y = random.integers(0, 2, 400)
    X = angle[:, None] * np.column_stack([np.cos(angle + np.pi * y), np.sin(angle + np.pi * y)])
    return X + 0.15 * random.standard_normal(X.shape), y


def share_right(make, seed):
    random = np.random.default_rng(seed)
    X, y = make(random)
    fit = st.fit(st.models.Network(), X, y, loss="log loss", rng=seed)
    new, truth = make(random)
    return np.mean((fit.predict(new) > 0.5) == truth)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(10))
def test_every_seed_solves_every_toy(seed):
    for make in (xor, moons, spirals):
        assert share_right(make, seed) > 0.95
    random = np.random.default_rng(seed)
    x = random.uniform(-3, 3, (2, 200, 1))
    fit = st.fit(st.models.Network(), x[0], np.sin(2 * x[0, :, 0]), rng=seed)
    assert np.abs(fit.predict(x[1]) - np.sin(2 * x[1, :, 0])).mean() < 0.05
    X, y = load_digits(return_X_y=True)
    order = random.permutation(len(y))
    train, test = order[:900], order[900:]
    fit = st.fit(st.models.Network(), X[train], y[train], loss="softmax", rng=seed)
    assert np.mean(fit.predict(X[test]).argmax(axis=1) == y[test]) > 0.96
