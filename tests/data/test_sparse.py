"""Sparse rows: their products against dense ones, the memory they take, and what is said of those that can't be had."""

import jax
import numpy as np
import pytest
import scipy.sparse as sp

from steepest.data.arrays import read_features
from steepest.data.batches import Layout
from steepest.data.sparse import csr
from steepest.data.sparse.csr import SparseColumns, segment_width
from steepest.derivatives.precision import double_precision

ROWS, WIDE = 40, 9


@pytest.fixture(scope="module")
def table() -> sp.csr_array:
    """Rows of very different length, one of them without entries."""
    rng = np.random.default_rng(0)
    X = sp.random_array((ROWS - 2, WIDE), density=0.2, rng=rng, format="csr") * 3
    return sp.csr_array(sp.vstack([X, sp.csr_array((1, WIDE)), sp.csr_array(rng.normal(size=(1, WIDE)))]))


@pytest.mark.parametrize("turned", ["as they are", "scaled", "mixed"])
def test_products_are_those_of_dense_rows(table, turned, monkeypatch):
    # So that the last segments are read together with some that were read before.
    monkeypatch.setattr(csr, "FEW_SEGMENTS", 0)
    rng = np.random.default_rng(1)
    mean, turn = rng.normal(size=WIDE), rng.random(WIDE) + 0.5
    turn = rng.normal(size=(WIDE, 4)) if turned == "mixed" else turn
    columns = SparseColumns(table) if turned == "as they are" else SparseColumns(table, mean, turn)
    order = rng.permutation(ROWS)
    dense = table.toarray()[order]
    if turned != "as they are":
        dense = (dense - mean) @ (turn if turned == "mixed" else np.diag(turn))
    rows = Layout.of(ROWS, WIDE, 8, "batches").arrange(columns, order)
    u, U, r = rng.normal(size=dense.shape[1]), rng.normal(size=(dense.shape[1], 2)), rng.normal(size=(2, ROWS))
    some = np.array([3, 39, 0, 7])

    @jax.jit
    def products(rows):
        whole, part, picked = rows.slice(0, ROWS), rows.slice(5, 9), rows.take(some)
        return {
            "X u": whole @ u, "X U": whole @ U, "r X": r[0] @ whole, "R X": r @ whole, "dense": whole.dense(),
            "squares": whole.squares(), "part u": part @ u, "r part": r[0, :9] @ part, "part": part.dense(),
            "picked u": picked @ u, "r picked": r[0, :4] @ picked, "bound": abs(whole) @ abs(u),
        }  # fmt: skip

    with double_precision():
        found = products(jax.device_put(rows))
    expected = {
        "X u": dense @ u, "X U": dense @ U, "r X": r[0] @ dense, "R X": r @ dense, "dense": dense,
        "squares": (dense**2).sum(axis=1), "part u": dense[5:14] @ u, "r part": r[0, :9] @ dense[5:14],
        "part": dense[5:14], "picked u": dense[some] @ u, "r picked": r[0, :4] @ dense[some],
    }  # fmt: skip
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-12, err_msg=name)
    assert np.all(np.asarray(found["bound"]) >= abs(dense) @ abs(u) - 1e-12)
    np.testing.assert_allclose(columns @ U, dense[np.argsort(order)] @ U, atol=1e-12)


def test_zeros_count_in_what_is_measured_of_columns(table):
    dense, weight = table.toarray(), np.random.default_rng(2).random(ROWS)
    np.testing.assert_array_equal(csr.edges(table), [dense.min(axis=0), dense.max(axis=0)])
    mean = np.average(dense, axis=0, weights=weight)
    np.testing.assert_allclose(csr.moments(table, weight), mean)
    np.testing.assert_allclose(
        csr.moments(table, weight, mean), np.average((dense - mean) ** 2, axis=0, weights=weight)
    )


@pytest.mark.parametrize(("itemsize", "most"), [(8, 4 / 3), (4, 1.5)])
def test_uneven_rows_take_little_more_than_even_ones(itemsize, most):
    rng = np.random.default_rng(3)
    even = np.full(1000, 75)
    assert segment_width(even, itemsize) == 75
    for lengths in (even, rng.poisson(75, 1000), rng.zipf(1.5, 1000).clip(0, 10**6), np.append(np.zeros(999, int), 1)):
        width = segment_width(lengths, itemsize)
        taken = (-(-lengths // width)).sum() * (width * (itemsize + 4) + 4)
        assert taken <= most * lengths.sum() * (itemsize + 4) + 4 * len(lengths)


def test_rows_are_kept_as_they_are_where_they_can_be():
    X = sp.csr_array(np.eye(3, dtype=np.float32))
    kept, names = read_features(X)
    assert kept.dtype == np.float32
    assert np.shares_memory(kept.data, X.data)
    assert names is None
    assert read_features(sp.csc_matrix(np.eye(3, dtype=int)))[0].dtype == np.float64


def test_entries_of_one_place_are_summed_on_a_copy():
    X = sp.csr_array((np.array([1.0, 2.0, 5.0]), np.array([1, 1, 0]), np.array([0, 2, 3])), shape=(2, 2))
    kept, _ = read_features(X)
    np.testing.assert_array_equal(kept.toarray(), [[0, 3], [5, 0]])
    np.testing.assert_array_equal(X.data, [1, 2, 5])


def test_a_frame_of_sparse_columns_stays_sparse():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame.sparse.from_spmatrix(sp.csr_array(np.eye(3)), columns=["a", "b", "c"])
    rows, names = read_features(frame)
    assert sp.issparse(rows)
    assert names == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (sp.coo_array(np.arange(3.0)), r"sparse with the shape \(3,\).*\(rows, columns\)"),
        (sp.csr_array(np.eye(2, dtype=complex)), "must hold numbers.*complex128"),
        (sp.csr_array((0, 3)), "has no rows"),
        (sp.csr_array(np.array([[0.0, 1.0], [np.nan, 0.0]])), "has nan in row 1, column 0"),
    ],
)
def test_what_can_not_be_had_is_said(X, words):
    with pytest.raises((TypeError, ValueError), match=words):
        read_features(X)


@pytest.mark.parametrize(("rows", "size"), [(100_000, 100), (16_500, 1), (200_000, 32), (7, 3), (5, 100)])
def test_blocks_hold_the_rows_and_hardly_more(rows, size):
    layout = Layout.of(rows, 30, size, "batches")
    padding = layout.blocks * layout.block - rows
    assert 0 <= padding < size * (layout.blocks + 1)
    assert layout.block % min(size, rows) == 0
