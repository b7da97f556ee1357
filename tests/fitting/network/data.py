"""Rows and small networks for the tests of networks."""

import numpy as np

import steepest as st

SMALL = st.models.Network(hidden=(8,), members=2)


def curved(rows=160, seed=0):
    """A smooth target of two columns, beside a flag and a column of one value."""
    random = np.random.default_rng(seed)
    X = np.column_stack([
        random.normal(50, 20, rows), random.uniform(0, 1e-3, rows), random.integers(0, 2, rows), np.full(rows, 7.0)
    ])  # fmt: skip
    y = 300 + 40 * np.sin((X[:, 0] - 50) / 15) + 30 * X[:, 2] + random.normal(0, 2, rows)
    return X, y


def classes(count, rows=160, seed=0):
    """Rings of points, a class each."""
    random = np.random.default_rng(seed)
    X = random.normal(0, 1, (rows, 2))
    radius = np.hypot(*X.T)
    return X, np.searchsorted(np.quantile(radius, np.arange(1, count) / count), radius)
