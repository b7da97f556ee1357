"""Tests of L1 penalties and elastic nets: fits, certificates, and losses in folds like those of scikit-learn."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import ElasticNetCV, Lasso, LassoCV, LogisticRegression
from sklearn.model_selection import PredefinedSplit

import steepest as st
from steepest import losses
from steepest.fitting.strength import proximal
from steepest.fitting.strength.active import least_quadratic
from steepest.fitting.strength.lasso import RATIOS, Folds, choose_l1
from steepest.fitting.strength.proximal import Sample
from steepest.fitting.strength.slopes import slopes_of


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.normal(size=(80, 12)) * 10.0 ** random.integers(-2, 3, 12)
    return X, X[:, :2] / X[:, :2].std(axis=0) @ [2, -1] + 2 * random.normal(size=80)


@pytest.fixture(scope="module")
def classes(rows):
    X, y = rows
    return X, np.digitize(y, [-1.5, 1.5]).astype(float)


def standardised(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


def dealt(X, y):
    return Folds.of(losses.squared, X, y, np.ones(len(y)), 0).fold


def test_rows_that_are_0_in_most_columns_are_dealt_into_all_folds():
    random = np.random.default_rng(0)
    X = csr_array(random.normal(size=(300, 200)) * (random.random((300, 200)) < 0.02))
    y = (X @ random.normal(size=200) > 0).astype(float)
    counts = np.bincount(dealt(X, y), minlength=5)
    assert counts.min() > 45
    path = choose_l1(losses.log_loss, X, y, np.ones(300))
    # At the first strength nearly nothing is left but the share of the classes.
    share = y.mean()
    assert path.scores[0] == pytest.approx(-share * np.log(share) - (1 - share) * np.log(1 - share), rel=0.05)


def test_the_path_and_the_choice_are_those_of_scikit_learn(rows):
    X, y = rows
    path = choose_l1(losses.squared, X, y, np.ones(80))
    fold, alphas = PredefinedSplit(dealt(X, y)), path.strengths[:-1] / 2
    known = LassoCV(alphas=alphas, cv=fold, tol=1e-10, max_iter=100_000).fit(standardised(X), y)
    assert path.chosen == pytest.approx(2 * known.alpha_)
    # scikit-learn takes the mean of the folds, here each row counts alike.
    np.testing.assert_allclose(path.scores[:-1], known.mse_path_.mean(axis=1), rtol=0.02)
    assert path.kind == "l1"
    assert "penalty L1(" in path.why
    # At the first strength all coefficients are 0.
    first = Lasso(alpha=alphas[0]).fit(standardised(X), y)
    assert not first.coef_.any()
    assert Lasso(alpha=0.95 * alphas[0]).fit(standardised(X), y).coef_.any()
    # The best of many strengths is hardly better than the best of these.
    fine = LassoCV(alphas=np.geomspace(alphas[0], alphas[0] / 1e3, 100), cv=fold).fit(standardised(X), y)
    assert known.mse_path_.mean(axis=1).min() < 1.01 * fine.mse_path_.mean(axis=1).min()


def test_the_strength_of_an_elastic_net_is_that_of_scikit_learn(rows):
    random = np.random.default_rng(1)
    # Copies of two columns with noise, which share coefficients.
    hidden = random.normal(size=(80, 2))
    X = np.repeat(hidden, 6, axis=1) + 0.3 * random.normal(size=(80, 12))
    y = hidden @ [2.0, -1.0] + random.normal(size=80)
    path = choose_l1(losses.squared, X, y, np.ones(80), ratios=RATIOS)
    fold = PredefinedSplit(dealt(X, y))
    known = {
        ratio: ElasticNetCV(l1_ratio=ratio, alphas=path.strengths[:-1] / 2, cv=fold, tol=1e-8, max_iter=100_000)
        .fit(standardised(X), y).mse_path_.mean(axis=1)
        for ratio in (1.0, 0.9, 0.5)
    }  # fmt: skip
    np.testing.assert_allclose(path.scores[:-1], known[path.l1_ratio], rtol=0.02)
    assert path.scores.min() < 1.01 * min(each.min() for each in known.values())
    assert path.l1_ratio == min(known, key=lambda ratio: known[ratio].min())
    assert [ratio for ratio, _ in path.ratios] == list(RATIOS)
    assert path.kind == "elasticnet"
    assert "ElasticNet(l1=" in path.why


@pytest.mark.parametrize("count", [2, 3])
def test_losses_of_classes_in_folds_are_those_of_scikit_learn(classes, count):
    X, y = classes[0], np.minimum(classes[1], count - 1)
    path = choose_l1(losses.softmax if count > 2 else losses.log_loss, X, y, np.ones(80), count if count > 2 else 0)
    fold, Z, k = dealt(X, y), standardised(X), path.best
    assert path.strengths[k] > 0
    total = 0.0
    for held in range(5):
        rest = fold != held
        model = LogisticRegression(
            C=1 / (path.strengths[k] * rest.sum()), l1_ratio=1, solver="saga", tol=1e-7, max_iter=5_000
        ).fit(Z[rest], y[rest])
        p = model.predict_proba(Z[~rest])
        total -= np.log(p[np.arange(len(p)), y[~rest].astype(int)]).sum()
    assert path.scores[k] == pytest.approx(total / 80, rel=2e-3)


@pytest.mark.parametrize("ridge", [0.0, 0.05])
@pytest.mark.parametrize(
    "loss", [losses.log_loss, losses.softmax, losses.poisson, losses.Huber(1.0), losses.hinge, losses.absolute],
    ids=lambda loss: loss.name,
)  # fmt: skip
def test_the_certificate_of_a_fit_bounds_what_is_left(classes, monkeypatch, loss, ridge):
    X, y = standardised(classes[0]), classes[1]
    y = np.minimum(y, 1) if loss.classes and loss is not losses.softmax else y
    slopes = slopes_of(loss, y, np.ones(80), 3, apart=True)
    sample = Sample(np.column_stack([X, np.ones(80)]), y, np.full(80, 1 / 80), slopes)
    start = np.zeros((13, slopes.outputs))

    def value(theta):
        penalty = 0.03 * np.abs(theta[:-1]).sum() + ridge / 2 * (theta[:-1] ** 2).sum()
        return slopes.value(sample.columns @ theta, y).mean() + penalty

    near = sample.fitted(0.03, ridge, start)
    assert near.enough
    seen = 0
    for tolerance in (0.3, 0.03, 3e-3, 3e-4):
        monkeypatch.setattr(proximal, "TOLERANCE", tolerance)
        point = sample.fitted(0.03, ridge, start)
        assert value(point.theta) - value(near.theta) <= point.gap + 1e-12
        assert point.gap <= tolerance * value(point.theta)
        seen += point.gap > near.gap
    # Other fits end at once, or without a bound until they are at the end.
    assert seen or loss not in (losses.log_loss, losses.poisson)
    # No coefficient moves the value down: the gap is a claim about all of them.
    random = np.random.default_rng(0)
    for _ in range(20):
        other = near.theta + 1e-2 * random.normal(size=start.shape)
        assert value(other) >= value(near.theta) - near.gap


def test_the_least_of_a_quadratic_has_the_slopes_of_its_penalty():
    random = np.random.default_rng(0)
    for n in (3, 20, 40):
        A = random.normal(size=(30, n))
        H, pull, kink = A.T @ A / 30 + 1e-3 * np.eye(n), random.normal(size=n), np.full(n, 0.3)
        kink[-1] = 0
        for start in (np.zeros(n), random.normal(size=n)):
            x = least_quadratic(H, pull, kink, start)
            slope = pull - H @ x
            assert (np.abs(slope) <= kink + 1e-7).all()
            np.testing.assert_allclose(slope[x != 0], (kink * np.sign(x))[x != 0], atol=1e-7)


def test_sparse_rows_more_columns_than_rows_and_weights(rows):
    random = np.random.default_rng(0)
    for columns in (20, 90):
        X = random.normal(size=(60, columns)) * (random.random((60, columns)) < 0.3)
        y, weight = X[:, 0] - X[:, 1] + 0.5 * random.normal(size=60), random.integers(1, 4, 60).astype(float)
        dense = choose_l1(losses.squared, X, y, weight)
        assert (dense.strengths[-1] > 0) == (columns > 60)
        others = [choose_l1(losses.squared, csr_array(X), y, weight)]
        if columns < 60:
            again = np.repeat(np.arange(60), weight.astype(int))
            others.append(choose_l1(losses.squared, X[again], y[again], np.ones(len(again))))
        for other in others:
            assert dense.chosen == pytest.approx(other.chosen, rel=0.01)
            np.testing.assert_allclose(dense.scores, other.scores, rtol=1e-3)


def test_separable_classes_get_a_penalty(rows):
    X = rows[0]
    path = choose_l1(losses.log_loss, X, (X[:, 0] > 0).astype(float), np.ones(80))
    assert path.chosen > 0
    assert "no finite coefficients are best" in path.why


@pytest.mark.nightly
@pytest.mark.parametrize("penalty", ["auto-l1", "auto-elasticnet"])
def test_a_fit_takes_the_choice_and_is_certified(rows, penalty):
    X, y = rows
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = st.fit(st.models.Linear(), X, y, penalty=penalty)
    assert fit.path.chosen > 0
    assert fit.certificate.kind == "certified"
    assert (fit.params["coef"] == 0).any()
    with pytest.raises(ValueError, match="leave batch_size="):
        st.fit(st.models.Linear(), X, y, penalty=penalty, batch_size=8)
