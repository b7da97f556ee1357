"""Tests of the strength of an L1 penalty: the losses in folds are those of scikit-learn's lasso on the same folds."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LassoCV
from sklearn.model_selection import PredefinedSplit

import steepest as st
from steepest import losses
from steepest.fitting.strength.folds import folds_of
from steepest.fitting.strength.lasso import choose_l1


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    X = random.normal(size=(80, 12)) * 10.0 ** random.integers(-2, 3, 12)
    return X, X[:, :2] / X[:, :2].std(axis=0) @ [2, -1] + 2 * random.normal(size=80)


def by_scikit_learn(X, y, weight, penalty, start, tolerance):
    """Fit a fold by scikit-learn's lasso, which halves the squared loss."""
    scales = np.ones(X.shape[1]) if penalty is None else np.array(penalty.scales)
    lasso = Lasso(alpha=penalty.strength / 2 if penalty else 1e-9, tol=1e-10, max_iter=100_000).fit(X / scales, y)
    return SimpleNamespace(success=True, params={"coef": lasso.coef_ / scales, "intercept": lasso.intercept_})


def outputs(X, params):
    return X @ params["coef"] + params["intercept"]


def test_the_path_and_the_choice_are_those_of_scikit_learn(rows):
    X, y = rows
    path = choose_l1(by_scikit_learn, outputs, losses.squared, X, y, np.ones(80))
    fold, alphas = PredefinedSplit(folds_of(X, y)), path.strengths[:-1] / 2
    known = LassoCV(alphas=alphas, cv=fold, tol=1e-10, max_iter=100_000).fit(X / X.std(axis=0), y)
    assert path.chosen == pytest.approx(2 * known.alpha_)
    # scikit-learn takes the mean of the folds, here each row counts alike.
    np.testing.assert_allclose(path.scores[:-1], known.mse_path_.mean(axis=1), rtol=0.02)
    assert path.kind == "l1"
    assert "penalty L1(" in path.why
    # At the first strength all coefficients are 0.
    first = Lasso(alpha=alphas[0]).fit(X / X.std(axis=0), y)
    assert not first.coef_.any()
    assert Lasso(alpha=0.95 * alphas[0]).fit(X / X.std(axis=0), y).coef_.any()


@pytest.mark.nightly
def test_a_fit_chooses_by_its_own_certified_fits(rows):
    X, y = rows
    fit = st.fit(st.models.Linear(), X, y, penalty="auto-l1")
    known = choose_l1(by_scikit_learn, outputs, losses.squared, X, y, np.ones(80))
    assert fit.path.chosen == known.chosen
    np.testing.assert_allclose(fit.path.scores, known.scores, rtol=1e-3)
    assert fit.certificate.kind == "certified"
    assert (fit.params["coef"] == 0).any()
    with pytest.raises(ValueError, match="leave batch_size="):
        st.fit(st.models.Linear(), X, y, penalty="auto-l1", batch_size=8)
