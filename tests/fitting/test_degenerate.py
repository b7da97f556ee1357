"""Degenerate tables: every loss ends soon, at finite coefficients, with a true outcome."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

import steepest as st
from steepest.derivatives.precision import compiled_code
from steepest.fitting.linear.glm import whitening

losses, L1, L2 = st.losses, st.penalties.L1, st.penalties.L2
LINEAR = st.models.Linear()
ALL = [loss for loss in losses.NAMED.values() if loss is not losses.softmax]
OFTEN = ("absolute", "huber", "Gamma")
EACH = [pytest.param(loss, id=loss.name, marks=[] if loss.name in OFTEN else pytest.mark.nightly) for loss in ALL]
WITH_UNITS = [each for each, loss in zip(EACH, ALL, strict=True) if not (loss.classes or loss.name == "Poisson")]
PENALTIES = [
    None,
    pytest.param(L1(1e-3), id="L1"),
    pytest.param(L2(1e-3), id="L2", marks=pytest.mark.nightly),
]


def numbers():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((48, 3))
    return X, X[:, 0] + rng.standard_normal(48)


def targets(loss, z):
    if loss.classes:
        return (z > 0).astype(float)
    return {"Poisson": np.round(np.exp(z)), "Gamma": np.exp(z)}.get(loss.name, z)


def fitted(X, y, **words):
    """Return a fit, and assert that it is finite and took fewer than 200 iterations."""
    fit = st.fit(LINEAR, X, y, **words)
    assert all(np.all(np.isfinite(part)) for part in fit.params.values())
    assert fit.nit < 200
    return fit


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", EACH)
class TestColumnsAndRows:
    X, z = numbers()

    @pytest.mark.always(15)
    def test_columns_without_news(self, loss, penalty):
        y, words = targets(loss, self.z), {"loss": loss, "penalty": penalty, "tolerance": 1e-9}
        X = self.X.copy()
        X[:, 2] = 7.0
        constant = fitted(X, y, **words)
        X[:, 2] = X[:, 0]
        twin = fitted(X, y, **words)
        assert constant.success
        assert twin.success
        assert abs(constant.params["coef"][2]) < 1e-9
        # A copy of a column lets a ridge split the coefficient between the two, which costs less.
        if not isinstance(penalty, L2):
            assert twin.fun == pytest.approx(constant.fun, rel=1e-6)

    def test_one_row_that_counts(self, loss, penalty):
        weight = np.zeros(48)
        weight[3] = 1
        y = targets(loss, self.z)
        fit = fitted(self.X, y, loss=loss, penalty=penalty, sample_weight=weight)
        if loss.name in ("log loss", "Poisson") and y[3] == loss.least:
            assert fit.outcome == "no finite optimum"
            return
        assert fit.success
        # The intercept alone fits the row, so nothing is penalised.
        least = {"Poisson": y[3] - y[3] * np.log(max(y[3], 1)), "Gamma": 1 + np.log(abs(y[3]) or 1)}.get(loss.name, 0.0)
        if loss.name != "log loss":
            assert fit.fun == pytest.approx(least, abs=1e-6)

    def test_six_rows_eight_times(self, loss, penalty):
        y = targets(loss, self.z)[:6]
        X, words = self.X[:6], {"loss": loss, "penalty": penalty, "tolerance": 1e-6 if loss.kinked else 1e-9}
        fit = fitted(np.repeat(X, 8, axis=0), np.repeat(y, 8), **words)
        if not fit.success:
            assert (fit.outcome, penalty) == ("no finite optimum", None)
            return
        weight = np.r_[np.full(6, 8.0), np.zeros(42)]
        again = fitted(
            np.vstack([X, self.X[6:]]), np.append(y, targets(loss, self.z)[6:]), sample_weight=weight, **words
        )
        assert fit.fun == pytest.approx(again.fun, rel=1e-5, abs=1e-9)

    def test_targets_that_are_all_alike(self, loss, penalty):
        if loss.classes:
            fit = fitted(self.X, np.ones(48), loss=loss, penalty=penalty)
            assert (fit.outcome == "no finite optimum") == (loss is losses.log_loss)
            return
        fit = fitted(self.X, np.full(48, 0.1), loss=loss, penalty=penalty)
        assert fit.success, fit.message
        np.testing.assert_allclose(fit.params["coef"], 0, atol=1e-6)
        z = self.X @ fit.params["coef"] + fit.params["intercept"]
        expected = np.log(0.1) if loss.name in ("Poisson", "Gamma") else 0.1
        np.testing.assert_allclose(z, expected, atol=0.1 if loss.name == "epsilon-insensitive" else 2e-3)


@pytest.mark.parametrize("unit", [1e12, 1e-12])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", WITH_UNITS)
@pytest.mark.always(18)
def test_targets_of_any_size(loss, penalty, unit):
    X, z = numbers()
    y = targets(loss, z)
    fit = fitted(X, unit * y, loss=loss, penalty=penalty)
    assert fit.success
    if loss in (losses.squared, losses.absolute, losses.Quantile()) and penalty is None:
        alike = fitted(X, y, loss=loss)
        power = 2 if loss is losses.squared else 1
        assert fit.fun == pytest.approx(unit**power * alike.fun, rel=1e-5)


@pytest.mark.parametrize("unit", [1e2, 1e4, 1e7])
def test_huber_of_targets_far_larger_than_delta(unit):
    """Few rows lie within delta then, so that the Hessian is often singular but for rounding."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((48, 3))
        fit = fitted(X, unit * (X[:, 0] + rng.standard_normal(48)), loss=losses.Huber())
        assert fit.success, fit.message


def test_a_matrix_that_only_rounding_makes_definite_is_singular():
    for seed in range(100):
        A = np.random.default_rng(seed).standard_normal((2, 3))
        B = A.T @ A + 1e-3 * np.eye(3)
        with compiled_code():
            assert whitening(A.T @ A, np.ones(3))[1] == np.inf
            M, condition = map(np.asarray, whitening(B, np.ones(3)))
        assert condition < np.inf
        np.testing.assert_allclose(M.T @ B @ M, np.eye(3), atol=1e-9)


@pytest.mark.parametrize("penalty", [None, pytest.param(L1(1e-2), id="L1"), pytest.param(L2(1e-2), id="L2")])
@pytest.mark.parametrize("loss", [losses.absolute, pytest.param(losses.hinge, marks=pytest.mark.nightly)])
def test_more_columns_than_rows(loss, penalty):
    X = np.random.default_rng(1).standard_normal((20, 40))
    fit = fitted(X, (X[:, 0] > 0).astype(float), loss=loss, penalty=penalty)
    assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
    if penalty is None:
        assert fit.fun < 1e-6


@pytest.mark.nightly
@pytest.mark.parametrize("loss", ALL)
def test_one_row(loss):
    for penalty in (None, L1(1e-3), L2(1e-3)):
        fit = fitted(np.array([[1.0, 2.0, 3.0]]), np.array([1.0]), loss=loss, penalty=penalty)
        np.testing.assert_array_equal(fit.params["coef"], 0)
        assert fit.success == (loss is not losses.log_loss)


class TestBadInput:
    X, y = np.arange(24.0).reshape(12, 2) % 7, np.arange(12.0) % 3

    @pytest.mark.parametrize(
        ("words", "given"),
        [
            (
                "softmax takes classes numbered from 0, and row 1 has 0.5",
                {"model": st.models.Multinomial(), "y": y / 2},
            ),
            ("row 0 has -1", {"model": st.models.Multinomial(), "y": y - 1}),
            ("Multinomial needs 2 classes or more", {"model": st.models.Multinomial(), "y": 0 * y}),
            ("takes classes from 0 to 1, and y has 2", {"model": st.models.Multinomial(2), "y": y}),
            ("needs a model with a score for each class: give models.Multinomial()", {"loss": "softmax"}),
            ("takes only the softmax loss", {"model": st.models.Multinomial(), "loss": "squared"}),
            (
                "the softmax loss with 3 classes supports it with at most 332 columns, and X has 400",
                {"X": np.eye(12, 400), "model": st.models.Multinomial(), "penalty": L1(0.1)},
            ),
            ("the hinge takes targets of 0 and 1, and row 2 has 2", {"model": st.models.SVM()}),
            ("the Gamma loss takes targets above 0, and row 0 has 0", {"model": st.models.Gamma()}),
            ("only the squared loss and log loss", {"X": iter([(X, y % 2)]), "y": None, "loss": "hinge"}),
            ("only the squared loss and log loss", {"X": iter([(X, y)]), "y": None, "loss": losses.absolute}),
            ("only the squared loss and log loss", {"X": iter([(X, y)]), "y": None, "model": st.models.Multinomial()}),
            (
                "the absolute loss, which has kinks of its own, supports it with at most 999 columns, and X has 1,000",
                {"X": np.eye(12, 1000), "loss": "absolute", "penalty": L1(1)},
            ),
        ],
    )
    def test_values_refused_in_one_line(self, words, given):
        asked = {"model": LINEAR, "X": self.X, "y": self.y} | given
        with pytest.raises(ValueError) as error:
            st.fit(asked.pop("model"), asked.pop("X"), asked.pop("y"), **asked)
        assert words in str(error.value)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("words", "given"),
        [
            ("y must hold numbers, and has 'a'", {"model": st.models.Multinomial(), "y": np.repeat(["a", "b"], 6)}),
            ("loss=Huber is a class: write losses.Huber()", {"loss": losses.Huber}),
            ("model=SVM is a class: write SVM()", {"model": st.models.SVM}),
            ("loss=0.5: give one of squared", {"loss": 0.5}),
        ],
    )
    def test_kinds_refused_in_one_line(self, words, given):
        asked = {"model": LINEAR, "X": self.X, "y": self.y} | given
        with pytest.raises(TypeError) as error:
            st.fit(asked.pop("model"), asked.pop("X"), asked.pop("y"), **asked)
        assert words in str(error.value)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: st.models.SVM("poly"), lambda: st.models.SVM(kernel=None), lambda: st.models.SVM("rbf", gamma=-1),
            lambda: st.models.SVM("rbf", gamma="scale"), lambda: st.models.SVR("rbf", components=0),
            lambda: st.models.SVM("rbf", components=2.5), lambda: st.models.SVM("rbf", features="rff"),
            lambda: st.models.Multinomial(1), lambda: st.models.Multinomial("three"),
            lambda: st.models.Multinomial(2.5), lambda: st.models.SVM("rbf", seed=-1),
        ],
    )  # fmt: skip
    def test_machines_that_are_none(self, make):
        with pytest.raises(ValueError, match=r"(SVM|SVR|Multinomial)\(\w+="):
            make()

    def test_a_class_that_no_row_has(self):
        """Without a penalty the probability of the class falls without bound; with one it is small."""
        model, y = st.models.Multinomial(4), np.arange(12) % 3
        assert st.fit(model, self.X, y).outcome == "no finite optimum"
        fit = st.fit(model, self.X, y, penalty=L2(1e-2))
        assert np.all(np.isfinite(fit.predict(self.X)))
        assert fit.predict(self.X)[:, 3].max() < 0.01

    def test_a_class_in_the_middle_that_no_row_has(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(60, 2))
        y = (X @ rng.normal(size=(2, 3)) + rng.gumbel(size=(60, 3))).argmax(axis=1)
        fit = st.fit(st.models.Multinomial(3), X, np.where(y == 1, 0, y), penalty=L1(0.01))
        assert fit.outcome in {"converged", "no finite optimum"}

    def test_several_classes_with_kinks_and_columns_that_are_nearly_one(self):
        rng = np.random.default_rng(1)
        X = rng.normal(size=(100, 6))
        X[:, 1] = X[:, 0] + 1e-6 * rng.normal(size=100)
        y = (X @ rng.normal(size=(6, 4)) + rng.gumbel(size=(100, 4))).argmax(axis=1)
        fit = st.fit(st.models.Multinomial(4), X, y, penalty=L1(3e-3), tolerance=1e-8)
        assert fit.success
        assert fit.nit < 100

    @pytest.mark.parametrize("penalty", [L1(0.1), L2(0.1)], ids=str)
    @pytest.mark.always(1)
    def test_a_class_that_every_row_has(self, penalty):
        """The penalty leaves the intercepts free, and they grow without bound."""
        fit = st.fit(st.models.Multinomial(2), self.X, 0 * self.y, penalty=penalty)
        assert fit.outcome == "no finite optimum"
        assert "all targets are equal" in fit.message


TABLES = {"numbers": load_diabetes(return_X_y=True, scaled=False), "classes": load_breast_cancer(return_X_y=True)}


@pytest.mark.nightly
@pytest.mark.parametrize("words", [{}, {"batch_size": 32, "epochs": 30}, {"batch_size": 32}], ids=str)
@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.name)
def test_no_success_is_worse_than_a_constant(loss, words):
    X, y = TABLES["classes" if loss.classes else "numbers"]
    for shift in (0.0,) if loss.classes else (0.0, 1e4):
        fit = st.fit(LINEAR, X, y + shift, loss=loss, rng=0, **words)
        z = X @ fit.params["coef"] + fit.params["intercept"]
        best = min(loss(c, y + shift).mean() for c in (loss.link(np.mean(y + shift)), 0.0))
        assert not fit.success or loss(z, y + shift).mean() <= best, (fit.message, fit.fun, best)


def test_a_column_that_rounding_hides_takes_no_other_with_it():
    x = np.arange(40.0)
    # Neighbours of the first column differ by half the spacing of numbers there, and follow the second one.
    fit = st.fit(st.models.Linear(), np.column_stack([2.0**53 + x, x]), 3 * x + 1)
    np.testing.assert_allclose(fit.predict(np.column_stack([2.0**53 + x, x])), 3 * x + 1, atol=1e-9)
    assert fit.fun <= 1e-20
