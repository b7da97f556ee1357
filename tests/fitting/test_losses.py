"""Fits by every loss on scikit-learn's tables in raw units, compared with exact solvers; defaults on both sides."""

from functools import partial

import numpy as np
import pytest
from scipy import optimize, sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
)
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC

import steepest as st

losses, L1, L2 = st.losses, st.penalties.L1, st.penalties.L2
NIGHTLY = partial(pytest.param, marks=pytest.mark.nightly)
LINEAR, SMOOTH, KINKED = st.models.Linear(), 1e-6, 1e-4


@pytest.fixture(scope="module")
def tables():
    made = {
        "diabetes": load_diabetes(return_X_y=True, scaled=False),
        "cancer": load_breast_cancer(return_X_y=True),
        "iris": load_iris(return_X_y=True),
        "wine": load_wine(return_X_y=True),
        "digits": load_digits(return_X_y=True),
    }
    X, y = made["wine"]
    made["two wines"] = X[y < 2], y[y < 2]
    return made


def objective(loss, penalty, X, y, coef, intercept, weight=None):
    """Return Σ w ℓ / Σ w + penalty at coefficients in the user's units; the tests of the losses check ℓ itself."""
    z = X @ np.transpose(coef) + intercept
    return np.average(loss(z, y), weights=weight) + (penalty(np.ravel(coef)) if penalty else 0.0)


def held(fit, loss, penalty, X, y, coef, intercept, within, kind="certified"):
    """Assert that a fit is as good as the coefficients of an exact solver, and that its certificate is true."""
    theirs = objective(loss, penalty, X, y, coef, intercept)
    ours = objective(loss, penalty, X, y, fit.params["coef"], fit.params["intercept"])
    assert fit.success, fit.message
    assert fit.fun == pytest.approx(ours, rel=1e-9)
    assert ours <= theirs + within * abs(theirs)
    assert fit.certificate.kind == kind
    # Only certificates are bounds; estimates may be too low.
    assert kind != "certified" or fit.certificate.gap >= ours - theirs - 1e-12 * abs(theirs)
    return ours, theirs


def as_linear(scaler, coef, intercept):
    """Return the coefficients of raw columns, given those of standardised ones."""
    raw = np.ravel(coef) / scaler.scale_
    return raw, np.ravel(intercept)[0] - raw @ scaler.mean_


def program(X, y, up, down, tube=0.0, l1=0.0):
    """Return the coef and intercept of least Σ (up (z - y - ε)₊ + down (y - z - ε)₊) / n + λ‖w‖₁."""
    n, p = X.shape
    unit = X.std(axis=0)
    A, one = (X - X.mean(axis=0)) / unit, np.ones((n, 1))
    cost = np.r_[np.repeat(l1 / unit, 1), l1 / unit, 0.0, np.full(n, up / n), np.full(n, down / n)]
    eye, none = sparse.eye_array(n), sparse.csr_array((n, n))
    left = sparse.hstack([sparse.csr_array(np.hstack([A, -A, one])), -eye, none])
    right = sparse.hstack([sparse.csr_array(np.hstack([-A, A, -one])), none, -eye])
    free = [(0, None)] * (2 * p) + [(None, None)] + [(0, None)] * (2 * n)
    found = optimize.linprog(cost, sparse.vstack([left, right]), np.r_[y + tube, tube - y], bounds=free, method="highs")
    assert found.status == 0
    coef = (found.x[:p] - found.x[p : 2 * p]) / unit
    return coef, found.x[2 * p] - coef @ X.mean(axis=0)


class TestRegression:
    def test_squared(self, tables):
        X, y = tables["diabetes"]
        scaler = StandardScaler().fit(X)
        peer = LinearRegression().fit(scaler.transform(X), y)
        held(st.fit(LINEAR, X, y), losses.squared, None, X, y, *as_linear(scaler, peer.coef_, peer.intercept_), SMOOTH)

    @pytest.mark.parametrize("shift", [0.0, 1e6])
    def test_lasso_and_elastic_net(self, tables, shift):
        X, y = tables["diabetes"]
        y = y + shift
        for penalty, peer in (
            (L1(4.0), Lasso(2.0, tol=1e-14, max_iter=100_000)),
            (st.penalties.ElasticNet(1.0, 1.0), ElasticNet(1.0, l1_ratio=0.5, tol=1e-14, max_iter=100_000)),
        ):
            peer.fit(X, y - shift)
            found = peer.coef_, peer.intercept_ + shift
            held(st.fit(LINEAR, X, y, penalty=penalty), losses.squared, penalty, X, y, *found, SMOOTH)

    @pytest.mark.parametrize("shift", [0.0, 1e6])
    @pytest.mark.parametrize(
        ("loss", "up", "down", "tube"),
        [
            (losses.absolute, 1, 1, 0.0), (losses.Quantile(0.9), 0.1, 0.9, 0.0),
            NIGHTLY(losses.Quantile(0.05), 0.95, 0.05, 0.0),
            (losses.EpsilonInsensitive(20.0), 1, 1, 20.0),
        ],
    )  # fmt: skip
    def test_losses_with_kinks(self, tables, loss, up, down, tube, shift):
        X, y = tables["diabetes"]
        fit = st.fit(LINEAR, X, y + shift, loss=loss)
        coef, intercept = program(X, y, up, down, tube)
        ours, theirs = held(fit, loss, None, X, y + shift, coef, intercept + shift, KINKED)
        assert ours >= theirs * (1 - 1e-9)
        assert fit.certificate.kind == "certified"

    @pytest.mark.parametrize("level", [0.25, 0.5])
    @pytest.mark.always(1)
    def test_quantiles_as_scikit_learn_has_them(self, tables, level):
        X, y = tables["diabetes"]
        peer = QuantileRegressor(quantile=level, alpha=0, solver="highs").fit(X, y)
        fit = st.fit(LINEAR, X, y, loss=losses.Quantile(level))
        held(fit, losses.Quantile(level), None, X, y, peer.coef_, peer.intercept_, KINKED)
        assert np.mean(y < fit.predict(X)) == pytest.approx(level, abs=0.03)

    @pytest.mark.parametrize("strength", [0.02, 0.5])
    def test_kinks_in_loss_and_penalty(self, tables, strength):
        X, y = tables["diabetes"]
        for shift in (0.0, 1e6):
            fit = st.fit(LINEAR, X, y + shift, loss="absolute", penalty=L1(strength))
            coef, intercept = program(X, y, 1, 1, 0.0, strength)
            ours, theirs = held(fit, losses.absolute, L1(strength), X, y + shift, coef, intercept + shift, KINKED)
            assert ours >= theirs * (1 - 1e-9)

    def test_kinks_in_loss_and_penalty_of_more_columns_than_rows(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(40, 60))
        y = 3 * X[:, 0] + X[:, 1] + rng.normal(size=40)
        fit = st.fit(LINEAR, X, y, loss="absolute", penalty=L1(0.1))
        coef, intercept = program(X, y, 1, 1, 0.0, 0.1)
        ours, theirs = held(fit, losses.absolute, L1(0.1), X, y, coef, intercept, KINKED)
        assert ours >= theirs * (1 - 1e-9)

    @pytest.mark.parametrize("epochs", [1, 3, 5])
    def test_an_early_end_returns_the_best_point_that_was_seen(self, tables, epochs):
        X, y = tables["diabetes"]
        near = st.fit(LINEAR, X, y, loss="absolute")
        fit = st.fit(LINEAR, X, y, loss="absolute", start=near.params, epochs=epochs)
        assert fit.fun == pytest.approx(np.abs(fit.predict(X) - y).mean(), rel=1e-12)
        assert fit.fun <= min(near.fun, fit.trace.value.min()) * (1 + 1e-8)

    def test_huber_of_a_whole_number(self, tables):
        X, y = tables["diabetes"]
        whole, real = (st.fit(LINEAR, X, 1e-3 * y, loss=losses.Huber(delta)) for delta in (1, 1.0))
        assert whole.fun == real.fun

    @pytest.mark.parametrize(("delta", "unit"), [(1.0, 1.0), (50.0, 1.0), (1.0, 1e5)])
    def test_huber(self, tables, delta, unit):
        X, y = tables["diabetes"]
        X, y, loss = (X - X.mean(axis=0)) / X.std(axis=0), unit * y, losses.Huber(delta)

        def fun(p):
            r = X @ p[:-1] + p[-1] - y
            slope = 2 * np.clip(r, -delta, delta) / len(y)
            return loss(r, 0.0).mean(), np.append(slope @ X, slope.sum())

        start = np.append(np.linalg.lstsq(X, y - y.mean(), rcond=None)[0], y.mean())
        found = optimize.minimize(fun, start, jac=True, method="BFGS", options={"maxiter": 5_000, "gtol": 1e-9})
        fit = st.fit(LINEAR, X, y, loss=loss)
        # With δ far below the errors few rows have curvature, and there may be no bound.
        kind = "certified" if unit == 1 else fit.certificate.kind
        held(fit, loss, None, X, y, found.x[:-1], found.x[-1], SMOOTH, kind)

    def test_huber_as_scikit_learn_has_it(self, tables):
        X, y = tables["diabetes"]
        scaler = StandardScaler().fit(X)
        peer = HuberRegressor(epsilon=1.35, alpha=0, tol=1e-10, max_iter=10_000).fit(scaler.transform(X), y)
        # scikit-learn also estimates a scale; with that scale fixed, its coefficients minimise our loss.
        loss = losses.Huber(1.35 * peer.scale_)
        found = as_linear(scaler, peer.coef_, peer.intercept_)
        held(st.fit(LINEAR, X, y, loss=loss), loss, None, X, y, *found, SMOOTH)

    @pytest.mark.parametrize("unit", [1.0, 1e6])
    def test_poisson_and_gamma(self, tables, unit):
        # In other units scikit-learn does not converge; the minimum of both losses is known from the first unit.
        X, y = tables["diabetes"]
        scaler = StandardScaler().fit(X)
        for model, kind in ((st.models.Poisson(), PoissonRegressor), (st.models.Gamma(), GammaRegressor)):
            peer = kind(alpha=0, solver="newton-cholesky", tol=1e-10).fit(scaler.transform(X), y)
            fit = st.fit(model, X, unit * y)
            coef, intercept = as_linear(scaler, peer.coef_, peer.intercept_)
            held(fit, model.loss, None, X, unit * y, coef, intercept + np.log(unit), SMOOTH)
            np.testing.assert_allclose(fit.predict(X), unit * peer.predict(scaler.transform(X)), rtol=2e-3)


class TestClasses:
    @pytest.mark.parametrize("name", [NIGHTLY("cancer"), "two wines"])
    def test_log_loss(self, tables, name):
        X, y = tables[name]
        penalty = L2(1e-3)
        scaler = StandardScaler().fit(X)
        # A penalty depends on the units of the columns, so the rows are standardised for both.
        Z = scaler.transform(X)
        peer = LogisticRegression(C=1 / (1e-3 * len(y)), solver="lbfgs", tol=1e-10, max_iter=10_000).fit(Z, y)
        fit = st.fit(st.models.Logistic(), Z, y, penalty=penalty)
        held(fit, losses.log_loss, penalty, Z, y, peer.coef_[0], peer.intercept_[0], SMOOTH)

    @pytest.mark.parametrize("name", ["iris", NIGHTLY("wine")])
    def test_softmax(self, tables, name):
        X, y = tables[name]
        penalty, model = L2(1e-3), st.models.Multinomial()
        peer = LogisticRegression(C=1 / (1e-3 * len(y)), solver="newton-cholesky", tol=1e-10).fit(X, y)
        fit = st.fit(model, X, y, penalty=penalty)
        held(fit, losses.softmax, penalty, X, y, peer.coef_, peer.intercept_, SMOOTH)
        np.testing.assert_allclose(fit.predict(X), peer.predict_proba(X), atol=5e-3)
        np.testing.assert_allclose(fit.params["coef"].sum(axis=0), 0, atol=1e-9)

    @pytest.mark.parametrize("penalty", [L1(0.01), st.penalties.ElasticNet(0.01, 0.01)], ids=str)
    @pytest.mark.parametrize("name", ["iris", NIGHTLY("wine")])
    def test_softmax_with_kinks(self, tables, name, penalty):
        X, y = tables[name]
        X = StandardScaler().fit_transform(X)
        l1, l2 = (penalty.l1, penalty.l2) if penalty != L1(0.01) else (0.01, 0.0)
        words = {"solver": "saga", "tol": 1e-8, "max_iter": 20_000, "l1_ratio": l1 / (l1 + l2)}
        peer = LogisticRegression(C=1 / ((l1 + l2) * len(y)), **words).fit(X, y)
        fit = st.fit(st.models.Multinomial(), X, y, penalty=penalty)
        held(fit, losses.softmax, penalty, X, y, peer.coef_, peer.intercept_, SMOOTH)
        coef = fit.params["coef"]
        np.testing.assert_array_equal(coef != 0, peer.coef_ != 0)
        # The slope of the loss is ±λ for a coefficient that is not 0, and at most λ for the others.
        slope = (np.eye(3)[y] - fit.predict(X)).T @ X / len(y) - l2 * coef
        np.testing.assert_allclose(slope[coef != 0], l1 * np.sign(coef[coef != 0]), atol=1e-2 * l1)
        assert np.abs(slope).max() < 1.01 * l1
        assert abs(fit.params["intercept"].sum()) < 1e-12

    def test_sparse_rows_of_several_classes_with_kinks(self, tables):
        X, y = tables["digits"]
        X, y, words = X[:300, :20], y[:300] % 4, {"penalty": L1(0.01), "tolerance": 1e-10}
        dense, thin = (st.fit(st.models.Multinomial(), rows, y, **words) for rows in (X, sparse.csr_array(X)))
        assert thin.fun == pytest.approx(dense.fun, rel=1e-9)
        assert thin.certificate.kind == "certified"
        # The intercepts still sum to 0 in raw units, in which the columns are not centred.
        assert abs(dense.params["intercept"].sum()) < 1e-9

    @pytest.mark.parametrize("name", [NIGHTLY("cancer"), "two wines"])
    def test_squared_hinge(self, tables, name):
        X, y = tables[name]
        X = StandardScaler().fit_transform(X)
        # liblinear penalises the intercept: scaled up it is nearly free. Its loss is C times a sum, not a mean.
        words = {"tol": 1e-8, "max_iter": 200_000, "intercept_scaling": 100.0, "dual": False}
        peer = LinearSVC(C=1 / (1e-2 * len(y)), **words).fit(X, y)
        fit = st.fit(LINEAR, X, y, loss="squared hinge", penalty=L2(1e-2))
        found = peer.coef_[0], peer.intercept_[0]
        ours, theirs = held(fit, losses.squared_hinge, L2(1e-2), X, y, *found, SMOOTH)
        assert ours == pytest.approx(theirs, rel=1e-4)

    @pytest.mark.parametrize("name", [NIGHTLY("cancer"), "two wines"])
    def test_hinge(self, tables, name):
        X, y = tables[name]
        X = StandardScaler().fit_transform(X)
        peer = SVC(kernel="linear", C=1.0, tol=1e-8).fit(X, y)
        fit = st.fit(st.models.SVM(), X, y)
        ours, theirs = held(fit, losses.hinge, L2(1 / len(y)), X, y, peer.coef_[0], peer.intercept_[0], KINKED)
        assert ours == pytest.approx(theirs, rel=1e-4)
        assert np.mean(fit.predict(X) == peer.predict(X)) > 0.99

    @pytest.mark.parametrize("loss", ["hinge", "squared hinge"])
    def test_less_than_the_commonest_class_is_no_success(self, tables, loss):
        fit = st.fit(LINEAR, *tables["cancer"], loss=loss, step=1e-7, epochs=3)
        assert not fit.success
        assert "that of a constant prediction" in fit.message

    def test_hinge_with_an_l1_penalty(self, tables):
        X, y = tables["two wines"]
        X = StandardScaler().fit_transform(X)
        penalty, (n, p), s = L1(0.02), X.shape, 2 * y - 1
        # The loss max(0, 1 - s z) is max(0, u + 1), where u is the output for rows multiplied by -s.
        cost = np.r_[np.full(2 * p, 0.02), 0, np.full(n, 1 / n)]
        A = -s[:, None] * np.hstack([X, -X, np.ones((n, 1))])
        free = [(0, None)] * (2 * p) + [(None, None)] + [(0, None)] * n
        found = optimize.linprog(cost, np.hstack([A, -np.eye(n)]), -np.ones(n), bounds=free).x
        fit = st.fit(LINEAR, X, y, loss="hinge", penalty=penalty)
        coef = found[:p] - found[p : 2 * p]
        ours, theirs = held(fit, losses.hinge, penalty, X, y, coef, found[2 * p], KINKED)
        assert ours >= theirs * (1 - 1e-9)
        np.testing.assert_array_equal(np.abs(fit.params["coef"]) > 1e-3, np.abs(coef) > 1e-3)

    def test_support_vector_regression(self, tables):
        X, y = tables["diabetes"]
        X = StandardScaler().fit_transform(X)
        peer = SVR(kernel="linear", C=1.0, epsilon=0.1, tol=1e-8).fit(X, y)
        fit = st.fit(st.models.SVR(), X, y)
        held(fit, losses.EpsilonInsensitive(0.1), L2(1 / len(y)), X, y, peer.coef_[0], peer.intercept_[0], KINKED)


class TestKernel:
    @pytest.mark.parametrize("name", ["cancer", NIGHTLY("two wines"), NIGHTLY("two digits")])
    def test_within_a_hundredth_of_exact_kernels(self, tables, name):
        X, y = tables["digits" if name == "two digits" else name]
        if name == "two digits":
            # 3 and 8, the two most similar digits.
            X, y = X[(y == 3) | (y == 8)], (y[(y == 3) | (y == 8)] == 8).astype(int)
        X, X_new, y, y_new = train_test_split(X, y, random_state=0, test_size=0.4)
        peer = make_pipeline(StandardScaler(), SVC()).fit(X, y)
        fit = st.fit(st.models.SVM("rbf"), X, y)
        assert np.mean(fit.predict(X_new) == y_new) >= peer.score(X_new, y_new) - 0.01
        assert fit.success
        assert "features approximate the kernel" in fit.message
        assert 0 <= fit.model.map.error < 0.2


def rows(loss):
    """Return a small table with targets that the loss accepts."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((48, 3)) * [1, 20, 0.1] + [0, 100, 1]
    z = X[:, 0] + rng.standard_normal(48)
    if loss.classes:
        return X, (z > 0.2).astype(float)
    return X, {"Poisson": np.round(np.exp(z)), "Gamma": np.exp(z)}.get(loss.name, z)


ALL = [loss for loss in losses.NAMED.values() if loss is not losses.softmax]
IDS = [loss.name for loss in ALL]


OFTEN = ("huber", "hinge")


@pytest.mark.parametrize("loss", [loss if loss.name in OFTEN else NIGHTLY(loss) for loss in ALL], ids=IDS)
def test_weights_are_repetitions(loss):
    X, y = rows(loss)
    weight = np.arange(48) % 3
    words = {"loss": loss, "penalty": L2(1e-3), "tolerance": 1e-9}
    fit = st.fit(LINEAR, X, y, sample_weight=weight, **words)
    again = st.fit(LINEAR, np.repeat(X, weight, axis=0), np.repeat(y, weight), **words)
    assert fit.success
    assert again.success
    assert fit.fun == pytest.approx(again.fun, rel=1e-7)
    assert fit.fun == pytest.approx(
        objective(loss, L2(1e-3), X, y, fit.params["coef"], fit.params["intercept"], weight), rel=1e-10
    )


class TestFaces:
    """Fits of sparse rows and of data frames, saved and loaded."""

    X, y = rows(losses.hinge)

    @pytest.mark.parametrize("model", [st.models.SVM("rbf", components=20), st.models.Multinomial()], ids=str)
    def test_saved_and_loaded(self, model, tmp_path):
        fit = st.fit(model, self.X, self.y, penalty=L2(1e-2))
        again = st.load(fit.save(tmp_path / "fit"))
        np.testing.assert_array_equal(again.predict(self.X), fit.predict(self.X))
        assert repr(again.model.loss) == repr(fit.model.loss)

    def test_a_frame_by_names(self):
        import pandas as pd

        frame = pd.DataFrame(self.X, columns=["a", "b", "c"])
        fit = st.fit(st.models.SVM("rbf", components=20), frame, self.y, penalty=L2(1e-2))
        np.testing.assert_array_equal(fit.predict(frame[["c", "a", "b"]]), fit.predict(self.X))

    @pytest.mark.parametrize(
        "name", ["hinge", NIGHTLY("huber"), NIGHTLY("quantile"), NIGHTLY("Gamma"), NIGHTLY("softmax")]
    )
    def test_sparse_rows_are_dense_ones(self, name):
        if name == "softmax":
            (X, y), words, model = rows(losses.hinge), {}, st.models.Multinomial()
        else:
            loss = losses.named(name.lower())
            (X, y), words, model = rows(loss), {"loss": loss}, LINEAR
        X = np.where(np.abs(X - X.mean(axis=0)) < X.std(axis=0), 0, X)
        dense, thin = (st.fit(model, A, y, penalty=L2(1e-2), **words) for A in (X, sparse.csr_array(X)))
        assert thin.success
        assert thin.fun == pytest.approx(dense.fun, abs=2 * (thin.certificate.gap + dense.certificate.gap))


@pytest.mark.parametrize("loss", ["absolute", "squared"])
def test_the_words_say_whether_rounding_or_the_loss_ends_a_fit(loss):
    # Of the loss at a kink a billionth may be left; the value has 16 digits.
    X, y = load_diabetes(return_X_y=True)
    fit = st.fit(st.models.Linear(), X, y, loss=loss)
    assert ("for a loss with kinks" in fit.message) == (fit.certificate.gap > 1e-12 * fit.fun) == (loss == "absolute")
    assert ("rounding hides the rest" in fit.message) == (loss == "squared")
