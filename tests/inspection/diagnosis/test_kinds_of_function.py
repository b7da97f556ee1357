"""What a diagnosis says depends on what the function is: quadratic, with a kink, noisy, of few digits, or a model."""

from __future__ import annotations

import numpy as np

import steepest as st
from steepest.inspection.diagnosis.case import Case


def names(run):
    return [finding.name for finding in run.diagnose()]


def test_a_line_that_diverges_is_not_blamed_on_its_targets():
    # Halving y halves the coefficients, and leaves the limit 2/λ, and with it the divergence, as it is.
    x = np.linspace(50, 150, 40)
    run = st.fit(lambda x, m, b: m * x + b, x, 3 * x, step=0.01, epochs=50)
    first = run.diagnose()[0]
    assert first.name == "step above the stability limit"
    limit = 2 / np.linalg.eigvalsh(2 / 40 * np.array([[x @ x, x.sum()], [x.sum(), 40]]))[-1]
    assert f"{limit:.3g}" in first.text


def test_raw_columns_are_ill_conditioned_beyond_the_rounding_of_differences():
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.uniform(20, 60, 200), rng.uniform(2e4, 8e4, 200)])
    run = st.fit(st.models.Linear(), X, X @ [0.5, 1e-3], step=1e-10, rescale="none", epochs=300)
    assert names(run)[0] == "ill-conditioned"


def test_directions_that_hardly_moved_are_found_among_many():
    # The eigenvalues are 2·10ᵏ: the value is within 0.1 % of the descent, and x[0] still at 1 % of its way.
    curvature = 10.0 ** np.arange(6)
    run = st.gradient_descent(
        lambda x: np.sum(curvature * (x - 1) ** 2), np.zeros(6), learning_rate=8e-6, iterations=500
    )
    assert names(run)[0] == "ill-conditioned"
    # All directions have arrived.
    steady = np.linspace(1, 3, 6)
    assert not names(
        st.gradient_descent(lambda x: np.sum(steady * (x - 1) ** 2), np.zeros(6), learning_rate=0.2, iterations=60)
    )


def test_a_kink_is_found_with_momentum_and_not_in_noise():
    centre = np.array([0.3, -1.2, 0.7])
    run = st.minimize(
        lambda x: np.max(np.abs(x - centre)), np.array([2.0, 1.5, -1.0]), direction="momentum", step=0.1, iterations=100
    )
    assert names(run)[0] == "kink"
    rng = np.random.default_rng(5)
    noisy = st.minimize(lambda x: float(x) ** 2 + 0.3 * rng.normal(), 3.0, direction="plain", step=0.1, iterations=80)
    assert not {"kink", "saddle"} & set(names(noisy))


def test_sums_in_single_precision_are_seen_beside_a_large_constant():
    centre = np.array([0.3, -1.2, 0.7], dtype="f4")

    def f(x):
        return float(np.sum((np.asarray(x, "f4") - centre) ** 2, dtype="f4") + np.float32(1000))

    assert names(st.minimize(f, np.array([2.0, 1.5, -1.0])))[0] == "rounding of float32"


def test_one_gross_row_is_found_in_a_model_of_ones_own():
    rng = np.random.default_rng(8)
    x = np.linspace(0, 1, 60)
    y = 2 * x + 0.1 * rng.normal(size=60)
    y[10] = 60
    first = st.fit(lambda x, w, b: w * x + b, x, y).diagnose()[0]
    assert first.name == "outliers"
    assert first.text.startswith("Row 10 ")


def test_far_rows_on_a_curve_are_no_outliers():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(120, 2))
    fit = st.fit(st.models.Linear(), X, np.exp(1.5 * X[:, 0]) + 0.1 * rng.normal(size=120))
    assert names(fit)[0] == "under-fitting"


def test_classes_apart_in_a_model_of_ones_own():
    x = np.random.default_rng(9).normal(size=80)
    fit = st.fit(lambda x, w, b: w * x + b, x, (x > 0.1) * 1.0, loss="log_loss", step=1.0, epochs=300)
    assert names(fit)[0] == "separable classes"


def test_a_network_that_still_falls_a_little_is_healthy():
    # It ends amid a swing at the edge of stability, and its lowest values still go down.
    rng = np.random.default_rng(14)
    X = rng.uniform(-1, 1, (64, 2))
    y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2 + 0.05 * rng.normal(size=64)
    start = {
        "A": rng.normal(size=(2, 12)), "a": np.zeros(12), "B": rng.normal(size=(12, 12)) / np.sqrt(12),
        "b": np.zeros(12), "w": rng.normal(size=12) / np.sqrt(12), "d": 0.0,
    }  # fmt: skip
    run = st.fit(
        lambda X, A, a, B, b, w, d: np.tanh(np.tanh(X @ A + a) @ B + b) @ w + d,
        X,
        y,
        start=start,
        step=0.1,
        epochs=1500,
    )
    assert not run.diagnose()


def test_only_a_constant_curvature_is_quadratic():
    start = np.array([1.0, -2.0])
    how = {"direction": "plain", "step": 0.01, "iterations": 5}
    assert Case(st.minimize(lambda x: 1e3 + np.sum(x**2) + x[0] * x[1], start, **how), True).is_quadratic
    assert not Case(st.minimize(lambda x: np.sum(x**2) + 1e-3 * x[0] ** 3, start, **how), True).is_quadratic
