"""Losses with jumps on many coefficients: the same minimum as libsvm and other methods find, with a proven gap."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import minimize
from sklearn.svm import SVC, SVR

import steepest as st
from steepest.fitting import solvers
from steepest.fitting.linear.solvers.multipliers.rows import Dense, Sparse
from steepest.fitting.linear.solvers.multipliers.system import conjugate_gradients, factored

DRAWS = np.random.default_rng(5)
WIDE = DRAWS.standard_normal((90, 510)) * DRAWS.uniform(0.2, 5, 510) + DRAWS.standard_normal(510)
TEXT = sp.random_array((150, 700), density=0.03, rng=DRAWS, format="csr")
SIGNAL = WIDE[:, :4] @ [0.5, -1.0, 0.3, 0.2] + DRAWS.standard_normal(90)
LABELS = (SIGNAL > 0).astype(int)
WORDS = (TEXT[:, :60].sum(axis=1) + 0.3 * DRAWS.standard_normal(150) > 0.9).astype(int)
SMALL, NARROW = WIDE[:, :12], st.penalties.L2(0.05)
LOSSES = {
    "hinge": (st.models.Logistic(), LABELS),
    "squared hinge": (st.models.Logistic(), LABELS),
    "huber": (st.models.Linear(), SIGNAL),
    "absolute": (st.models.Linear(), SIGNAL),
    "quantile": (st.models.Linear(), SIGNAL),
    "epsilon-insensitive": (st.models.Linear(), SIGNAL),
}


def loss_of(name):
    return st.losses.Quantile(0.8) if name == "quantile" else name


def by_multipliers(monkeypatch, *arguments, **words):
    """Fit a narrow problem by the method of multipliers."""
    monkeypatch.setattr(solvers, "NEWTON_IF_JUMPS", 0)
    fit = st.fit(*arguments, **words)
    assert fit.solver.startswith("the method of multipliers")
    return fit


def svm_value(X, y, coef, intercept, C):
    margins = np.maximum(0.0, 1 - (2 * y - 1) * (X @ coef + intercept))
    return margins.mean() + coef @ coef / (2 * C * len(y))


@pytest.mark.parametrize("C", [0.03, 1.0, 30.0])
@pytest.mark.parametrize(("X", "y"), [(WIDE, LABELS), (TEXT, WORDS)], ids=["dense", "sparse"])
def test_a_support_vector_machine_is_that_of_libsvm(X, y, C):
    fit = st.fit(st.models.Logistic(), X, y, loss="hinge", penalty=st.penalties.L2(1 / (C * len(y))))
    other = SVC(kernel="linear", C=C, tol=1e-7).fit(X, y)
    coef = other.coef_.toarray() if sp.issparse(other.coef_) else other.coef_
    value = svm_value(X, y, coef.ravel(), other.intercept_[0], C)
    assert fit.solver.startswith("the method of multipliers")
    assert str(fit.outcome) == "converged", fit.message
    assert fit.certificate.kind == "certified"
    assert fit.fun == pytest.approx(svm_value(X, y, fit.params["coef"], fit.params["intercept"], C), rel=1e-12)
    assert value * (1 - 1e-4) - 1e-7 < fit.fun < value + 1e-9
    assert fit.certificate.gap < 2e-9 * max(fit.fun, 1e-3)
    np.testing.assert_allclose(fit.params["coef"], coef.ravel(), atol=2e-3 * np.abs(coef).max())


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_a_support_vector_regression_is_that_of_libsvm(epsilon):
    C, y = 0.02, SIGNAL
    other = SVR(kernel="linear", C=C, epsilon=epsilon, tol=1e-8).fit(WIDE, y)
    coef = other.coef_.ravel()
    value = np.maximum(np.abs(other.predict(WIDE) - y) - epsilon, 0).mean() + coef @ coef / (2 * C * len(y))
    loss = st.losses.EpsilonInsensitive(epsilon) if epsilon else "absolute"
    fit = st.fit(st.models.Linear(), WIDE, y, loss=loss, penalty=st.penalties.L2(1 / (C * len(y))))
    assert fit.solver.startswith("the method of multipliers")
    assert str(fit.outcome) == "converged", fit.message
    assert value * (1 - 1e-4) < fit.fun < value * (1 + 1e-9)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_a_quantile_regression_is_as_high_as_its_dual_problem(monkeypatch, level):
    """Slopes between -τ and 1 - τ that sum to 0 prove a lower bound, which SciPy raises to the minimum."""
    n, lam = len(SMALL), 0.05
    K = SMALL @ SMALL.T / (lam * n**2)

    def minus_dual(nu):
        return nu @ K @ nu / 2 + nu @ SIGNAL / n, K @ nu + SIGNAL / n

    sums = {"type": "eq", "fun": np.sum, "jac": lambda nu: np.ones(n)}
    other = minimize(
        minus_dual, np.zeros(n), jac=True, method="SLSQP", bounds=[(-level, 1 - level)] * n, constraints=[sums],
        options={"maxiter": 500, "ftol": 1e-14},
    )  # fmt: skip
    fit = by_multipliers(
        monkeypatch, st.models.Linear(), SMALL, SIGNAL, loss=st.losses.Quantile(level), penalty=NARROW, rescale="scale"
    )
    assert str(fit.outcome) == "converged", fit.message
    assert fit.fun == pytest.approx(-other.fun, rel=1e-6)
    assert -other.fun < fit.fun + 1e-8
    assert fit.certificate.gap < 1e-8 * fit.fun


@pytest.mark.parametrize("strength", [1e-3, 1.0])
def test_hubers_loss_has_the_minimum_that_scipy_finds(monkeypatch, strength):
    def value(theta):
        r = SMALL @ theta[:-1] + theta[-1] - SIGNAL
        inner = np.clip(r, -1, 1)
        slope = 2 * inner / len(r)
        gradient = np.append(SMALL.T @ slope + strength * theta[:-1], slope.sum())
        return (inner * (2 * r - inner)).mean() + strength / 2 * theta[:-1] @ theta[:-1], gradient

    other = minimize(value, np.zeros(13), jac=True, method="L-BFGS-B", options={"gtol": 1e-12, "ftol": 0})
    penalty = st.penalties.L2(strength)
    fit = by_multipliers(monkeypatch, st.models.Linear(), SMALL, SIGNAL, loss="huber", penalty=penalty, rescale="scale")
    assert str(fit.outcome) == "converged", fit.message
    assert fit.fun == pytest.approx(other.fun, rel=1e-11)
    assert fit.certificate.gap < 1e-12


@pytest.mark.parametrize("name", LOSSES)
def test_the_gap_is_never_below_the_distance(monkeypatch, name):
    # Means of many standard deviations, weights of 0, and points of all accuracies.
    (model, y), X = LOSSES[name], SMALL * 10.0 ** DRAWS.integers(-2, 3, 12) + 1e4
    weight = DRAWS.integers(0, 4, len(X)).astype(float)
    words = {"loss": loss_of(name), "penalty": NARROW, "sample_weight": weight, "rescale": "scale"}
    best = by_multipliers(monkeypatch, model, X, y, **words)
    assert best.certificate.gap < 1e-7 * best.fun
    for tolerance in (0.3, 1e-2, 1e-4, 1e-7):
        fit = by_multipliers(monkeypatch, model, X, y, tolerance=tolerance, **words)
        assert fit.certificate.kind == "certified"
        assert fit.fun - best.fun <= fit.certificate.gap


@pytest.mark.parametrize("name", ["hinge", "huber"])
def test_sparse_rows_and_single_precision_have_the_same_minimum(monkeypatch, name):
    (model, y), X = LOSSES[name], np.where(DRAWS.random(SMALL.shape) < 0.5, SMALL, 0.0).astype(np.float32)
    words = {"loss": name, "penalty": NARROW, "rescale": "scale"}
    exact = by_multipliers(monkeypatch, model, X.astype(float), y, **words)
    for form in (X, sp.csr_array(X), sp.csr_array(X.astype(float))):
        fit = by_multipliers(monkeypatch, model, form, y, **words)
        assert fit.fun == pytest.approx(exact.fun, rel=1e-5)
        assert abs(fit.fun - exact.fun) <= fit.certificate.gap + exact.certificate.gap


def test_weights_are_repetitions(monkeypatch):
    weight = DRAWS.integers(0, 4, len(SMALL)).astype(float)
    times = weight.astype(int)
    for name in ("hinge", "epsilon-insensitive", "squared hinge"):
        model, y = LOSSES[name]
        words = {"loss": loss_of(name), "penalty": NARROW, "rescale": "scale"}
        fit = by_multipliers(monkeypatch, model, SMALL, y, sample_weight=weight, **words)
        repeated = by_multipliers(monkeypatch, model, np.repeat(SMALL, times, axis=0), np.repeat(y, times), **words)
        assert fit.fun == pytest.approx(repeated.fun, rel=1e-8)


def test_one_class_needs_no_coefficients():
    for label in (0, 1):
        fit = st.fit(st.models.Logistic(), WIDE, np.full(90, label), loss="hinge", penalty=NARROW)
        assert str(fit.outcome) == "converged", fit.message
        assert fit.fun == pytest.approx(0.0, abs=1e-12)


def test_rows_that_occur_twice_and_columns_that_depend_on_others():
    X, y = np.vstack([WIDE, WIDE[:40]]), np.append(LABELS, LABELS[:40])
    X[:, 300:] = X[:, :210] * 2
    fit = st.fit(st.models.Logistic(), X, y, loss="hinge", penalty=st.penalties.L2(1e-5))
    assert str(fit.outcome) == "converged", fit.message
    assert fit.certificate.gap < 1e-9


def test_a_factorisation_gives_the_step_of_conjugate_gradients():
    h, g = DRAWS.uniform(0.1, 2, len(TEXT.toarray())), DRAWS.standard_normal(700)
    for X in (TEXT, TEXT.toarray() + 3):
        rows = Sparse(X, DRAWS.standard_normal(700)) if sp.issparse(X) else Dense(X, np.full(700, 0.5))
        A = X.toarray() - rows.mean if sp.issparse(X) else X * rows.scale
        A = A - h @ A / h.sum()
        expected = -np.linalg.solve(0.3 * np.eye(700) + A.T @ (h[:, None] * A), g)
        np.testing.assert_allclose(factored(rows, h, 0.3, g), expected, atol=1e-9 * np.abs(expected).max())
        d, _, near = conjugate_gradients(rows, h, 0.3, g, 1e-12, 2_000, lambda: False)
        assert near
        np.testing.assert_allclose(d, expected, atol=1e-7 * np.abs(expected).max())


def test_steps_by_factorisation_alone_find_the_minimum(monkeypatch):
    words = {"loss": "hinge", "penalty": st.penalties.L2(1e-3)}
    expected = st.fit(st.models.Logistic(), WIDE, LABELS, **words)
    monkeypatch.setattr(Dense, "patience", 0)
    fit = st.fit(st.models.Logistic(), WIDE, LABELS, **words)
    assert str(fit.outcome) == "converged", fit.message
    assert fit.fun == pytest.approx(expected.fun, rel=1e-8)


def test_a_squared_hinge_is_minimised_to_the_last_digit():
    s, lam, options = 2 * WORDS - 1, 1e-3, {"maxiter": 9_000, "maxfun": 9_000, "gtol": 1e-10, "ftol": 0}

    def value(theta):
        loss = np.maximum(0.0, 1 - s * (TEXT @ theta[:-1] + theta[-1]))
        slope = -2 * s * loss / len(s)
        gradient = np.append(TEXT.T @ slope + lam * theta[:-1], slope.sum())
        return (loss**2).mean() + lam / 2 * theta[:-1] @ theta[:-1], gradient

    other = minimize(
        value,
        np.zeros(701),
        jac=True,
        method="L-BFGS-B",
        options=options,
    )
    fit = st.fit(st.models.Logistic(), TEXT, WORDS, loss="squared hinge", penalty=st.penalties.L2(lam))
    assert fit.solver.startswith("the method of multipliers")
    assert fit.fun == pytest.approx(other.fun, rel=1e-9)
    assert fit.certificate.gap < 1e-12
    assert np.abs(value(np.append(fit.params["coef"], fit.params["intercept"]))[1]).max() < 1e-8


def test_a_longer_fit_goes_on_where_a_short_one_ended(tmp_path):
    words = {"loss": "hinge", "penalty": st.penalties.L2(1e-3)}
    whole = st.fit(st.models.Logistic(), TEXT, WORDS, **words)
    short = st.fit(st.models.Logistic(), TEXT, WORDS, epochs=4, **words)
    assert short.nit == 4
    short.save(tmp_path / "short")
    for more in (short.more(), st.load(tmp_path / "short").more(TEXT, WORDS)):
        np.testing.assert_array_equal(more.params["coef"], whole.params["coef"])
        np.testing.assert_array_equal(more.trace.value, whole.trace.value)


def test_a_time_limit_and_a_callback_end_the_steps():
    words = {"loss": "hinge", "penalty": st.penalties.L2(1e-4)}
    assert "time limit" in st.fit(st.models.Logistic(), TEXT, WORDS, seconds=1e-6, **words).message
    seen = []

    def stop(progress):
        seen.append(progress)
        if len(seen) == 3:
            raise StopIteration

    fit = st.fit(st.models.Logistic(), TEXT, WORDS, callback=stop, **words)
    assert (str(fit.outcome), len(seen)) == ("stopped by callback", 3)


def test_a_squared_hinge_on_separated_classes_is_minimised_to_the_last_digit():
    X = np.random.default_rng(2).standard_normal((500, 700))
    y = (X[:, :5].sum(axis=1) > 0).astype(int)
    fit = st.fit(st.models.Logistic(), X, y, loss="squared hinge", penalty=st.penalties.L2(1e-3))
    assert str(fit.outcome) == "converged", fit.message
    assert fit.certificate.gap < 1e-9 * fit.fun
