"""Paths of penalties against scikit-learn's, and against the knots of least angle regression."""

import numpy as np
import pytest

import steepest as st
from steepest.fitting.penalty_path import largest_strength
from steepest.fitting.validation import LabelledRows

linear_model = pytest.importorskip("sklearn.linear_model")
datasets = pytest.importorskip("sklearn.datasets")

X, Y = datasets.load_diabetes(return_X_y=True)
CENTRED = X - X.mean(axis=0), Y - Y.mean()


def test_the_path_of_l1_is_that_of_lasso_path():
    path = st.penalty_path(st.models.Linear(), X, Y, strengths=12)
    # Its loss has a factor of ½ that ours lacks.
    _, known, _ = linear_model.lasso_path(*CENTRED, alphas=path.strengths / 2, tol=1e-12, max_iter=100_000)
    np.testing.assert_allclose(path.coef, known.T, atol=1e-6)
    assert path.strengths[0] == pytest.approx(2 * np.abs(CENTRED[0].T @ CENTRED[1]).max() / len(Y), rel=1e-5)
    assert path.active[0] == 0


def test_the_path_of_l1_passes_the_knots_of_lars():
    alphas, _, known = linear_model.lars_path(*CENTRED, method="lasso")
    path = st.penalty_path(st.models.Linear(), X, Y, strengths=2 * alphas[1:-1])
    np.testing.assert_allclose(path.coef, known.T[1:-1], atol=1e-6)
    # Between two knots the path is straight.
    middle = st.penalty_path(st.models.Linear(), X, Y, strengths=[alphas[2] + alphas[3]])
    np.testing.assert_allclose(middle.coef[0], known.T[2:4].mean(axis=0), atol=1e-6)


def test_the_path_of_an_elastic_net_is_that_of_enet_path():
    path = st.penalty_path(st.models.Linear(), X, Y, penalty="elasticnet", l1_ratio=0.3, strengths=6)
    _, known, _ = linear_model.enet_path(*CENTRED, l1_ratio=0.3, alphas=path.strengths / 2, tol=1e-12, max_iter=100_000)
    np.testing.assert_allclose(path.coef, known.T, atol=1e-6)


def test_the_path_of_l2_is_that_of_ridge():
    path = st.penalty_path(st.models.Linear(), X, Y, penalty="l2", strengths=4)
    for strength, coef in zip(path.strengths, path.coef, strict=True):
        ridge = linear_model.Ridge(alpha=len(Y) * strength / 2).fit(X, Y)
        np.testing.assert_allclose(coef, ridge.coef_, rtol=1e-6, atol=1e-6)
    # From nearly nothing to nearly all.
    assert np.linalg.norm(path.coef[0]) < 0.01 * np.linalg.norm(path.coef[-1])


@pytest.mark.parametrize(
    ("model", "loss", "y"),
    [
        (st.models.Logistic(), None, (Y > 140) * 1.0),
        (st.models.Multinomial(), None, np.digitize(Y, [100, 200]) * 1.0),
        (st.models.Linear(), "huber", Y),
    ],
)
def test_the_first_strength_is_the_least_without_coefficients(model, loss, y):
    path = st.penalty_path(model, X, y, loss=loss, strengths=[1e6])
    prepared = path.fits[0].model
    rows = LabelledRows(X, y, np.ones(len(y)))
    top = largest_strength(prepared, st.losses.named(loss or model.loss), rows, "l1", 1.0, path.spread)
    at_top, below = st.penalty_path(model, X, y, loss=loss, strengths=[top * 1.0001, top * 0.99]).active
    assert at_top == 0
    assert below > 0


def test_validation_rows_choose_and_are_not_learnt_from():
    train, held = slice(0, 100), slice(100, 442)
    noisy = np.column_stack([X, np.random.default_rng(0).normal(scale=X.std(), size=(442, 30))])
    path = st.penalty_path(st.models.Linear(), noisy[train], Y[train], validation=(noisy[held], Y[held]), strengths=9)
    errors = [np.mean((fit.predict(noisy[held]) - Y[held]) ** 2) for fit in path.fits]
    np.testing.assert_allclose(path.validation, errors)
    assert path.best == np.argmin(errors)
    # With noise for columns neither end is the best.
    assert 0 < path.best < 8
    alone = st.penalty_path(st.models.Linear(), noisy[train], Y[train], strengths=path.strengths[[3]])
    np.testing.assert_allclose(alone.coef[0], path.coef[3], atol=1e-6)
    drawn = st.penalty_path(st.models.Linear(), X, Y, validation=0.5, strengths=[1.0], rng=0)
    again = st.penalty_path(st.models.Linear(), X, Y, validation=0.5, strengths=[1.0], rng=0)
    assert drawn.validation.tolist() == again.validation.tolist()
    assert "(least)" in str(path)
    with pytest.raises(ValueError, match=r"no rows were kept for validation, .*: give validation=0.2"):
        _ = alone.best


def test_a_row_of_weight_2_counts_as_two_rows():
    weight = np.random.default_rng(0).integers(0, 3, 442)
    path = st.penalty_path(st.models.Linear(), X, Y, sample_weight=weight, strengths=4)
    twice = np.repeat(np.arange(442), weight)
    again = st.penalty_path(st.models.Linear(), X[twice], Y[twice], strengths=4)
    np.testing.assert_allclose(path.strengths, again.strengths)
    np.testing.assert_allclose(path.coef, again.coef, atol=1e-5)
    np.testing.assert_allclose(path.losses, again.losses)


def test_columns_keep_their_names_and_a_callback_ends_the_path():
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcdefghij"))
    seen = []

    def stop(fit):
        seen.append(fit)
        if len(seen) == 3:
            raise StopIteration

    path = st.penalty_path(st.models.Linear(), frame, Y, strengths=9, callback=stop)
    assert (len(path.fits), len(path.strengths), path.names[2]) == (3, 3, "c")
    assert path.fits[0].trace.names[2] == "c"
    np.testing.assert_allclose(path.spread, X.std(axis=0))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"penalty": "lasso"}, r"penalty='lasso' is not known \(known: l1, l2, elasticnet\)"),
        ({"strengths": [1.0, -1.0]}, r"strengths=\[1.0, -1.0\]: give finite numbers above 0, or how many"),
        ({"strengths": 0}, r"strengths=0: give finite numbers above 0"),
        ({"strengths": []}, r"strengths=\[\]: give finite numbers above 0"),
        ({"l1_ratio": 0}, r"l1_ratio=0: give a number above 0 and up to 1"),
        ({"loss": "absolute"}, r"the strengths of this path can't be found, as its loss has kinks"),
    ],
)
def test_what_makes_no_path_is_refused(how, message):
    with pytest.raises(ValueError, match=message):
        st.penalty_path(st.models.Linear(), X, Y, **how)


def test_other_models_are_refused():
    for model in (st.models.Tree(), st.models.SVM(kernel="rbf"), lambda X, w: X @ w):
        with pytest.raises(TypeError, match=r"a path needs a model of the columns, such as models.Linear\(\)"):
            st.penalty_path(model, X, Y)
    with pytest.raises(TypeError, match=r"penalty_path\(\) has no argument 'alpha'"):
        st.penalty_path(st.models.Linear(), X, Y, alpha=1.0)
