"""Input that is no table of numbers is refused in one line, which names the place and the remedy."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from steepest.arguments import closest
from steepest.data.arrays import read_features, read_target, read_weight
from steepest.estimators import DescentRegressor
from steepest.estimators.rows import check_rows_and_targets
from steepest.printable import MOST_QUOTED, quoted

Y = np.arange(3.0)


def forged(kind=sparse.csr_array, **arrays):
    """Return a sparse matrix of shape (3, 2) whose arrays were replaced after it was built."""
    matrix = kind(np.arange(6.0).reshape(3, 2) + 1)
    for name, values in arrays.items():
        setattr(matrix, name, np.asarray(values, getattr(matrix, name).dtype))
    return matrix


def forged_coo():
    matrix = sparse.coo_array(np.eye(3, 2))
    matrix.coords = (np.array([0, 9]), np.array([0, 1]))
    return matrix


FORGED = {
    "column too large": forged(indices=[0, 1, 0, 99, 0, 1]),
    "column below 0": forged(indices=[0, 1, 0, -5, 0, 1]),
    "more rows than entries": forged(indptr=[0, 2, 4, 600]),
    "rows that fall": forged(indptr=[0, 4, 2, 6]),
    "too few rows": forged(indptr=[0, 2, 6]),
    "first row late": forged(indptr=[1, 2, 4, 6]),
    "too few values": forged(data=[1.0, 2.0]),
    "row too large": forged(sparse.csc_array, indices=[0, 1, 77, 0, 1, 2]),
    "block too large": forged(sparse.bsr_array, indices=[5]),
    "coordinates": forged_coo(),
}
MALFORMED = {
    "no columns": (np.zeros((3, 0)), "has no columns"),
    "no rows": (np.zeros((0, 2)), "has no rows"),
    "sparse without columns": (sparse.csr_array((3, 0)), "has no columns"),
    "a number": (np.float64(3.0), "has no rows"),
    "None among objects": (pd.DataFrame({"a": np.array([1, None, 3], object)}), "None in row 1, column a"),
    "NA among objects": (pd.DataFrame({"a": [1, pd.NA, 3]}), "NA> in row 1, column a"),
    "NA among integers": (pd.DataFrame({"a": pd.array([1, None, 3], "Int64")}), "(NA>|nan) in row 1, column a"),
    "NA in an array": (np.array([[1, 2], [3, pd.NA]], object), "NA> in row 1, column 1"),
    "a mask": (np.ma.array(np.ones((3, 2)), mask=[[0, 0], [0, 1], [0, 0]]), "masked in row 1, column 1"),
    "unequal lengths": ([[1, 2], [3], [4, 5]], "rows of different lengths"),
    "a huge whole number": ([[1, 2], [3, 10**400]], "in row 1, column 1, more than a float can hold"),
    "equal names": (pd.DataFrame(np.eye(3), columns=["a", "b", "a"]), "two columns called 'a': rename one"),
}


@pytest.mark.parametrize("name", FORGED)
def test_index_arrays_that_point_outside_a_sparse_matrix_are_refused(name):
    for read in (read_features, lambda X: check_rows_and_targets(DescentRegressor(), X, Y, reset=True)):
        with pytest.raises(ValueError, match="X is a sparse matrix whose index arrays are wrong"):
            read(FORGED[name])


def test_the_check_of_indices_leaves_a_matrix_as_it_is():
    matrix = sparse.csr_array(np.eye(3))
    matrix.indices = np.append(matrix.indices, [7, 7]).astype(np.int32)
    matrix.data = np.append(matrix.data, [5.0, 5.0])
    read, _ = read_features(matrix)
    np.testing.assert_array_equal(read.toarray(), np.eye(3))
    assert len(matrix.data) == len(matrix.indices) == 5


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_rows_are_refused_with_their_place(name):
    X, message = MALFORMED[name]
    with pytest.raises(ValueError, match=message) as refusal:
        read_features(X)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "X",
    [
        np.ones((3, 2)) * 1j,
        np.array([["2020-01-01"]] * 3, "M8[D]"),
        np.array([["1"], ["2"], ["3"]]),
        [["x" * 100_001], ["y"], ["z"]],
        {"a": [1, 2, 3]},
        np.zeros(3, [("a", float), ("b", float)]),
        pd.DataFrame({"x" * 100_001: ["u", "v", "w"]}),
    ],
    ids=["complex", "times", "texts", "a long text", "a dict", "records", "a long name"],
)
def test_values_that_are_no_numbers_are_refused_in_a_short_line(X):
    with pytest.raises(TypeError, match="must hold numbers") as refusal:
        read_features(X)
    assert len(str(refusal.value)) < 250
    if isinstance(X, np.ndarray) and X.dtype.kind == "U":
        # scikit-learn reads texts that are numbers.
        return
    with pytest.raises((TypeError, ValueError)) as refusal:
        check_rows_and_targets(DescentRegressor(), X, Y, reset=True)
    assert len(str(refusal.value)) < 700


@pytest.mark.parametrize(
    "X",
    [
        np.array([[1, 2.5], [3, 4]], object),
        [[Decimal(1), 2.5], [3, 4]],
        pd.DataFrame({"a": pd.array([1, 3], "Int64"), "b": [2.5, 4]}),
        np.ma.array([[1, 2.5], [3, 4]]),
        np.array([[1, 2.5], [3, 4]], np.longdouble),
    ],
    ids=["objects", "decimals", "nullable", "nothing masked", "long doubles"],
)
def test_numbers_of_any_type_are_read(X):
    read, _ = read_features(X)
    assert read.dtype == float
    np.testing.assert_array_equal(read, [[1, 2.5], [3, 4]])


def test_targets_and_weights_are_read_alike():
    np.testing.assert_array_equal(read_target([True, Decimal(2), 3], 3), [1, 2, 3])
    for values, message in (
        ([1, None, 2], "None in row 1"),
        (np.ma.array([1, 2, 3], mask=[0, 1, 0]), "masked in row 1"),
    ):
        with pytest.raises(ValueError, match=message):
            read_target(values, 3)
        with pytest.raises(ValueError, match=message):
            read_weight(values, 3)


def test_long_values_are_cut():
    for value in ("x" * 10**6, [0] * 10**5, 10**5000, {"a\nb": "\n" * 500}):
        assert len(quoted(value)) <= MOST_QUOTED
        assert "\n" not in quoted(value)
    assert quoted(1.5) == "1.5"


def test_a_name_is_never_suggested_in_its_own_place():
    assert closest("data.csv", ["data.csv"]) is None
    assert closest("data.csv", ["data.csv", "data2.csv"]) == "data2.csv"
    assert closest("Momentun", ["plain", "momentum"]) == "momentum"
    assert closest("STEP", ["step"]) == "step"
