"""Arguments that a tree refuses, in one line that names the remedy, and those that it takes."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.tree import DecisionTreeRegressor

import steepest as st

TREE = st.models.Tree(depth=2, restarts=2)
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(100, 3))
Y = X[:, 0] ** 2 + (X[:, 1] > 0)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"step": 0.1}, "step=0.1 is not for a tree"),
        ({"direction": "adam"}, "direction='adam' is not for a tree"),
        ({"penalty": st.penalties.L1(0.1)}, "a tree takes only penalties.L2"),
        ({"tolerance": 1e-3}, "tolerance=0.001 is not for a tree"),
        ({"start": {"weights": 1}}, "start=.* is not for a tree"),
        ({"dtype": np.float32}, "dtype=.* is not for a tree"),
        ({"shuffle": False}, "shuffle=False is not for a tree"),
        ({"rescale": "whiten"}, "rescale='whiten' is not for a tree"),
        ({"batch_size": 0}, "batch_size=0: give a whole number"),
        ({"validation": 2}, "validation=2: give a fraction"),
        ({"loss": "huber"}, "a tree takes squared, absolute"),
        ({"loss": lambda z, y: (z - y) ** 2}, "a tree takes squared, absolute"),
        ({"loss": "log loss"}, "log loss"),
        ({"seconds": -1}, "seconds=-1"),
    ],
)
def test_arguments_are_refused(how, words):
    with pytest.raises(ValueError, match=words) as caught:
        st.fit(TREE, X, Y, **how)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"depth": 0}, "from 1 to 8"),
        ({"depth": 9}, "512 leaves"),
        ({"depth": 2.5}, "from 1 to 8"),
        ({"splits": "two"}, "'one' or 'all'"),
        ({"leaves": "round"}, "'constant' or 'linear'"),
        ({"restarts": 0}, "from 1 to 1024"),
        ({"categories": [[0, 1], [1, 2]]}, "give each column once"),
        ({"categories": [[0, 1]], "baselines": ["a", "b"]}, "one for each category, and there are 1"),
    ],
)
def test_settings_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        st.models.Tree(**settings)


@pytest.mark.parametrize(
    ("tree", "rows", "words"),
    [
        (TREE, (np.where(X > 2, np.inf, X), Y), "inf in row"),
        (TREE, (X, np.where(X[:, 0] > 1, np.nan, Y)), "y has nan in row"),
        (TREE, (X, Y[:50]), "give one for each row"),
        (TREE, (X[:, :0], Y), "no columns"),
        (st.models.Tree(categories=[[0, 7]]), (X, Y), "categories has the column 7, and X has 3"),
        (st.models.Tree(categories=[[0, 1]]), (X, Y), "must be 0 or 1"),
        (st.models.Tree(leaves="linear"), (X, Y > 1), None),
    ],
)
def test_rows_are_refused(tree, rows, words):
    loss = None if words else "log loss"
    with pytest.raises(ValueError, match=words or "linear leaves, which take the squared loss"):
        st.fit(tree, *rows, loss=loss)


def test_counts_may_be_zero_in_a_part_of_the_rows_only():
    # With the seed 0, the only count above 0 is held out.
    counts = np.zeros(63)
    counts[3] = 1
    fit = st.fit(TREE, X[:63], counts, loss="poisson", rng=0, epochs=2)
    assert np.isfinite(list(fit.candidates.values())).all()
    assert np.isfinite(fit.predict(X)).all()
    with pytest.raises(ValueError, match="every target is 0"):
        st.fit(TREE, X[:63], np.zeros(63), loss="poisson")


def test_missing_values_may_have_any_marker():
    pandas = pytest.importorskip("pandas")
    gaps = X > 1
    fit = st.fit(TREE, np.where(gaps, np.nan, X), Y, rng=0, epochs=2)
    frame = pandas.DataFrame(X).mask(gaps).astype("Float64")
    for rows in (np.where(gaps, None, X.astype(object)), np.ma.masked_array(X, gaps), frame):
        again = st.fit(TREE, rows, Y, rng=0, epochs=2)
        np.testing.assert_array_equal(again.predict(rows), fit.predict(np.where(gaps, np.nan, X)))


def test_a_frame_without_a_column_is_refused():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    fit = st.fit(TREE, frame, Y, rng=0, epochs=2)
    np.testing.assert_array_equal(fit.predict(frame[["c", "a", "b"]]), fit.predict(frame))
    for call in (fit.predict, lambda rows: fit.importance(rows, Y)):
        with pytest.raises(ValueError, match="X lacks the column 'b'"):
            call(frame[["a", "c"]])
    with pytest.raises(ValueError, match="2 columns and the model was fitted on 3"):
        fit.predict(X[:, :2])


def test_sparse_rows_and_narrow_ones_give_the_same_tree():
    Z = np.where(np.abs(X) > 0.5, X, 0).astype(np.float32)
    how = {"rng": 0, "epochs": 3}
    dense = st.fit(TREE, Z.astype(float), Y, **how)
    for rows in (Z, sparse.csr_array(Z)):
        fit = st.fit(TREE, rows, Y, **how)
        np.testing.assert_array_equal(fit.params["thresholds"], dense.params["thresholds"])
        np.testing.assert_array_equal(fit.predict(rows), dense.predict(Z))
        assert fit.importance(repeats=2) == dense.importance(repeats=2)


def test_without_a_penalty_leaves_have_the_means_of_their_rows():
    fit = st.fit(TREE, X, Y, penalty=st.penalties.L2(0.0), rng=0, epochs=3)
    leaves = fit.splits.leaves(X)
    for leaf in np.unique(leaves):
        np.testing.assert_allclose(fit.params["values"][leaf, 0], Y[leaves == leaf].mean(), rtol=1e-12)


def test_a_penalty_gives_the_least_penalised_loss():
    strength = 0.3
    fit = st.fit(TREE, X, Y, penalty=st.penalties.L2(strength), rng=0, epochs=3)
    leaves, mean = fit.splits.leaves(X), Y.mean()

    def total(values):
        return np.mean((values[leaves] - Y) ** 2) + strength / 2 * np.sum((values - mean) ** 2)

    values = fit.params["values"][:, 0]
    least = total(values)
    for step in np.eye(4) * 1e-4:
        assert least < min(total(values + step), total(values - step))


def test_importance_is_that_of_scikit_learn():
    from sklearn.inspection import permutation_importance

    fit = st.fit(TREE, X, Y, rng=0, epochs=3)
    found = fit.importance(repeats=200)

    class Fitted(DecisionTreeRegressor):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return fit.predict(X)

    known = permutation_importance(
        Fitted(), X, Y, scoring="neg_mean_squared_error", n_repeats=200, random_state=0
    ).importances_mean
    np.testing.assert_allclose([found[f"x{j}"] for j in range(3)], known, atol=0.05 * known.max())
    assert list(found) == sorted(found, key=lambda name: -found[name])
    with pytest.raises(ValueError, match="repeats=0"):
        fit.importance(repeats=0)
