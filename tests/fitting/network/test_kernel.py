"""The compiled epochs of a network, against Adam written out by hand in double precision."""

import math

import numpy as np
import pytest
from tests.fitting.network.data import curved

import steepest as st
from steepest.fitting.network import recipe

EPOCHS, BATCH = 3, 32


def random_bits(seed, shape):
    """Return 32 bits for each unit of layer 1 by whole numbers of Python: the final mix of MurmurHash3."""
    numbers = []
    for counter in range(math.prod(shape)):
        h = counter ^ ((seed * 0x9E3779B1 + 0x85EBCA77) % 2**32)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            h = (h ^ (h >> shift)) * factor % 2**32
        numbers.append(h ^ (h >> 16))
    return np.array(numbers).reshape(shape)


def by_hand(X, r, orders, parts, factor, size, epochs, dropout, seed):
    """Return the parameters after some epochs of a network with one layer of tanh units, for the squared loss."""
    names = list(parts)
    theta = {name: np.array(part, dtype=float) for name, part in parts.items()}
    first, second = ({name: np.zeros_like(part) for name, part in theta.items()} for _ in range(2))
    batches = -(-len(orders[0]) // size)
    total, done = epochs * batches, 0
    for order in orders:
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            s, W, b, v, c = (theta[name] for name in names)
            scaled = X[rows] * s
            t = done / total
            flat = 1.0 if t < 0.5 else (1 + math.cos(2 * math.pi * (t - 0.5))) / 2
            share = dropout * flat
            # The mask of a batch with fewer rows is that of a full one without its last rows.
            stays = random_bits((seed + done) % 2**32, (size, len(b)))[: len(rows)] >= share * 2**32
            slope_of_units = 1 - (units := np.tanh(scaled @ W / math.sqrt(X.shape[1]) + b)) ** 2
            h = np.where(stays, units / (1 - share), 0)
            error = 2 * (h @ v / math.sqrt(len(b)) + c - r[rows, None]) / len(rows)
            inner = (error @ v.T) / math.sqrt(len(b)) * np.where(stays, slope_of_units / (1 - share), 0)
            back = inner @ W.T / math.sqrt(X.shape[1])
            slopes = dict(zip(names, (
                (back * X[rows]).sum(axis=0), scaled.T @ inner / math.sqrt(X.shape[1]), inner.sum(axis=0),
                h.T @ error / math.sqrt(len(b)), error.sum(axis=0),
            ), strict=True))  # fmt: skip
            rate = 0.04 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t))) / 2
            done += 1
            for name, slope in slopes.items():
                first[name] = 0.9 * first[name] + 0.1 * slope
                second[name] = 0.95 * second[name] + 0.05 * slope**2
                step = first[name] / (1 - 0.9**done) / (np.sqrt(second[name] / (1 - 0.95**done)) + 1e-8)
                decay = 0.02 * flat * theta[name] if name.startswith("weights") else 0.0
                theta[name] = theta[name] - rate * (factor[name.split()[0]] * step + decay)
    return theta


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_epochs_are_those_of_adam_by_hand(dropout):
    X, y = curved()
    network = st.models.Network(hidden=(5,), members=1, activation="tanh", dropout=dropout)
    fit = st.fit(network, X, y, rng=0, batch_size=BATCH, epochs=EPOCHS, dtype=float)
    task, frame = fit.resumable.setup.task, fit.model.frame
    part = task.parts[0]
    batches, size = task.batches(part)
    start = {name: a[0] for name, a in part.kind.parts(np.asarray(part.start.theta)[None]).items()}
    left = (y - frame.linear(X, 0)[:, 0]) / frame.unit[0, 0]
    orders = task.orders(0, 0, EPOCHS)[:EPOCHS, : len(y)]
    seed = (1_000_003 * task.seed + 1) % 2**32
    expected = by_hand(
        frame.columns(X, has_waves=False), left, orders, start, recipe.FACTORS, size, EPOCHS, dropout, seed
    )
    assert batches == 5
    for name, value in fit.params["plain"].items():
        assert value[0] == pytest.approx(expected[name], abs=1e-10)


def test_a_penalty_draws_weights_in():
    X, y = curved()
    network = st.models.Network(hidden=(8,), members=1, dropout=0.0)
    sizes = [
        np.square(st.fit(network, X, y, rng=0, epochs=20, penalty=penalty).params["plain"]["weights 2"]).sum()
        for penalty in (None, st.penalties.L2(1e3))
    ]
    assert sizes[1] < 0.5 * sizes[0]


@pytest.mark.parametrize(("epochs", "share"), [(1, 1e-9), (40, 1e-3)])
def test_weights_count_as_repetitions_on_all_rows_at_once(epochs, share):
    X, y = curved(60)
    weight = np.random.default_rng(1).integers(1, 4, len(y))
    network = st.models.Network(hidden=(8,), members=1, dropout=0.0)
    how = {"rng": 0, "batch_size": 1000, "dtype": float, "epochs": epochs}
    weighted = st.fit(network, X, y, sample_weight=weight, **how).predict(X)
    repeated = st.fit(network, np.repeat(X, weight, axis=0), np.repeat(y, weight), **how).predict(X)
    # Adam takes full steps even along slopes that are rounding errors, so that errors grow from epoch to epoch.
    matters = np.abs(weighted - st.fit(network, X, y, **how).predict(X)).max()
    assert matters > 0.1 * y.std()
    assert weighted == pytest.approx(repeated, abs=share * matters)


def test_rows_of_weight_0_count_as_left_out():
    X, y = curved(60)
    weight = np.ones(60)
    weight[50:] = 0
    wild = y.copy()
    wild[50:] = 1e6
    network = st.models.Network(hidden=(8,), members=2)
    kept = st.fit(network, X[:50], y[:50], rng=0, epochs=5)
    assert np.array_equal(st.fit(network, X, wild, sample_weight=weight, rng=0, epochs=5).predict(X), kept.predict(X))


def compiled(X, y, **how):
    network = st.models.Network(hidden=(8,), members=2, dropout=how.pop("dropout", 0.15))
    return [kind.learn for kind in st.fit(network, X, y, epochs=2, **how).resumable.setup.task.kinds.values()]


def test_a_second_table_of_like_size_compiles_nothing():
    X, y = curved(150)
    first = compiled(X, y, rng=0)
    known = [len(jitted.ready) for jitted in first]
    again = compiled(X[:97, :3], y[:97], rng=1, dropout=0.3)
    assert all(one is other for one, other in zip(first, again, strict=True))
    assert [len(jitted.ready) for jitted in again] == known
