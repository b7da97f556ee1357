"""Certificates are compared with extended precision, with the formulas behind them, and with what they claim."""

import jax
import numpy as np
import pytest
from tests import convex

import steepest as st
from steepest.fitting.linear.glm import Glm
from steepest.models.losses.softmax import Contrasted

losses = st.losses


class TestTangents:
    """At z the tangent of slope a lies ℓ(z) + max over z' of a z' - ℓ(z') - a z below the loss, by search on a grid."""

    grid = np.linspace(-30, 30, 600_001)

    @pytest.mark.parametrize("t", [0.0, 1e-2, -0.3, 0.7])
    @pytest.mark.parametrize("z", [-1.3, 0.2, 2.5])
    @pytest.mark.parametrize(
        "loss", [losses.squared, losses.Huber(1.4), losses.log_loss, losses.squared_hinge, losses.poisson, losses.gamma]
    )
    def test_of_smooth_losses(self, loss, z, t):
        y, h = 1.0, 1e-4
        slope = (loss(z + h, y) - loss(z - h, y)) / (2 * h)
        curvature = (loss(z + h, y) - 2 * loss(z, y) + loss(z - h, y)) / h**2
        a = slope + curvature * t
        apart = loss(z, y) - a * z + (a * self.grid - loss(self.grid, y)).max()
        found = loss.fenchel_young_gap(np.float64(z), y, t)
        if np.isfinite(found):
            np.testing.assert_allclose(found, apart, atol=3e-4)
        else:
            # The maximum lies at the end of the grid: the loss has no tangent of that slope.
            assert np.abs(self.grid[np.argmax(a * self.grid - loss(self.grid, y))]) > 29 or apart > found

    @pytest.mark.parametrize("smoothing", [1.0, 1e-2])
    @pytest.mark.parametrize(
        "loss", [losses.absolute, losses.Quantile(0.9), losses.EpsilonInsensitive(0.5), losses.hinge]
    )
    def test_of_smoothed_losses_bound_the_loss_itself(self, loss, smoothing):
        y, z, t = 1.0, np.array([-1.0, 0.4, 0.999, 1.0, 1.6, 3.0]), 0.3 * smoothing
        h = 1e-4 * smoothing
        soft = [loss.smoothed(z + k * h, y, smoothing) for k in (-1, 0, 1)]
        assert np.all(loss(z, y) <= soft[1])
        assert np.all(soft[1] <= loss(z, y) + 2 * smoothing * np.log(2))
        a = (soft[2] - soft[0]) / (2 * h) + (soft[2] - 2 * soft[1] + soft[0]) / h**2 * t
        apart = loss(z, y) - a * z + (np.outer(a, self.grid) - loss(self.grid, y)).max(axis=1)
        found = loss.smoothed_fenchel_young_gap(z, y, t, smoothing)
        assert np.all(found >= apart - 1e-4)
        assert np.all(found <= apart + 1e-4 + smoothing)

    def test_of_several_classes(self):
        loss, rng = Contrasted(3), np.random.default_rng(0)
        v, y = rng.standard_normal((1, 2)), np.array([2.0])
        t = 0.2 * rng.standard_normal((1, 2))
        scores = v @ loss.contrasts.T
        p = np.exp(scores) / np.exp(scores).sum()
        q = p + (np.diag(p[0]) - p.T @ p) @ (loss.contrasts @ t[0])
        np.testing.assert_allclose(loss.fenchel_young_gap(v, y, t), (q * np.log(q / p)).sum(), rtol=1e-10)
        np.testing.assert_allclose(loss(v, y), -np.log(p[0, 2]), rtol=1e-12)


def test_no_certificate_of_random_problems_lies_below_the_truth():
    made = tight = 0
    bounded = narrow = 0
    for _, bounds, gaps, values, errors, away in convex.trials(1_500, seed=7):
        sure = np.isfinite(errors) & np.isfinite(away) & np.isfinite(gaps)[:, None]
        assert np.all(errors[sure] >= away[sure])
        bounded, narrow = bounded + np.count_nonzero(sure), narrow + np.count_nonzero(errors[sure] < 100 * away[sure])
        known = np.isfinite(bounds) & np.isfinite(gaps)
        assert np.all(bounds[known] >= gaps[known])
        above_rounding = known & (gaps > 1e-10 * np.abs(values))
        tight += np.count_nonzero(bounds[above_rounding] < 1.2 * gaps[above_rounding])
        made += np.count_nonzero(above_rounding)
    assert bounded > 1_200
    assert narrow > 0.5 * bounded
    assert made > 300
    assert tight > 0.7 * made


@pytest.mark.parametrize(
    "penalty", [None, st.penalties.L2(1e-2), st.penalties.L1(1e-2), st.penalties.ElasticNet(1e-2, 1)]
)
@pytest.mark.parametrize("loss", ["squared", "log loss", "poisson"])
@pytest.mark.always(5)
def test_a_fit_stops_by_its_certificate_and_meets_its_tolerance(loss, penalty):
    rng = np.random.default_rng(11)
    X = rng.standard_normal((80, 4)) * [1, 10, 1, 1] + [0, 1e4, 5, 1]
    z = (X - X.mean(axis=0)) @ [1, 0.05, 0, -1]
    y = {"squared": z, "log loss": rng.uniform(size=80) < 1 / (1 + np.exp(-z)), "poisson": rng.poisson(np.exp(z / 2))}
    words = {"loss": loss, "penalty": penalty}
    fit = st.fit(st.models.Linear(), X, y[loss], tolerance=1e-4, **words)
    best = st.fit(st.models.Linear(), X, y[loss], tolerance=1e-13, **words)
    assert (fit.outcome, fit.certificate.kind, best.certificate.kind) == ("converged", "certified", "certified")
    assert fit.fun - best.fun <= fit.certificate.gap <= fit.certificate.tolerance


def test_the_rounding_of_a_small_slope_is_that_of_its_terms():
    """A class is nearly separated, so its slopes p - 1 are small differences of numbers near 1."""
    _, bounds, gaps, *_ = convex.trial(178, 0)
    known = np.isfinite(bounds) & np.isfinite(gaps)
    assert np.all(bounds[known] >= gaps[known])


def test_a_common_shift_of_all_scores_is_removed_from_a_step():
    """Otherwise the shift could look like a direction along which the loss falls without end."""
    d, loss = np.random.default_rng(0).normal(size=12), Contrasted(3, apart=True)
    glm = Glm(np.zeros((4, 3)), np.arange(4) % 3, np.ones(4), 4.0, 0.0, None, None, 0.0, loss, 4)
    step = np.asarray(glm.without_common_shift(jax.numpy.asarray(d))).reshape(4, 3)
    np.testing.assert_allclose(step[:-1], d.reshape(4, 3)[:-1], rtol=1e-6)
    np.testing.assert_allclose(step[-1], d[-3:] - d[-3:].mean(), atol=1e-6)


def exact(fit, X):
    """Return outputs in extended precision."""
    return X.astype(np.longdouble) @ fit.params["coef"].astype(np.longdouble) + np.longdouble(fit.params["intercept"])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("centre", [0.0, 1e3, 1e6])
def test_the_certificate_of_a_perfect_fit_includes_rounding(dtype, centre):
    rng = np.random.default_rng(1)
    X, y = (rng.normal(size=(20, 3)) + centre).astype(dtype), np.zeros(20)
    y = X.astype(float) @ [1.0, -2.0, 0.3]
    fit = st.fit(st.models.Linear(), X, y)
    assert fit.success
    assert fit.certificate.gap >= float(((exact(fit, X) - y) ** 2).mean())


@pytest.mark.parametrize("loss", ["hinge", "squared hinge"])
@pytest.mark.parametrize("centre", [1e5, 1e8])
def test_rows_without_a_loss_may_have_one_once_outputs_are_rounded(loss, centre):
    worst = 0.0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(12, 14)) + centre
        y = (rng.random(12) < 0.5).astype(float)
        fit = st.fit(st.models.Linear(), X, y, loss=loss)
        short = np.maximum(1 - (2 * y - 1) * exact(fit, X), 0)
        true = float((short ** (1 + (loss == "squared hinge"))).mean())
        if fit.certificate.kind == "certified":
            assert fit.certificate.gap >= true
            worst = max(worst, true)
    # Some rows must have a loss that double precision does not show, or nothing was tested; the hinge stops past its
    # margin.
    assert worst > 0 or loss == "hinge"


@pytest.mark.parametrize(
    ("coef", "intercept"), [(-0.62032003, -0.16668550565859247), (-0.41313897, -0.4796649166804777)]
)
def test_a_value_at_its_lower_bound_is_not_proof_for_the_gamma_loss(coef, intercept):
    """The mean of z + y e⁻ᶻ cancels here, so it agrees with its lower bound to rounding from the start on."""
    X, y = np.array([[0.0], [1.0]] * 2), np.exp([-2.0, 0, -2, 0])
    fit = st.fit(st.models.Gamma(), X, y, start={"coef": [coef], "intercept": intercept})
    d = exact(fit, X) - np.log(y.astype(np.longdouble))
    assert fit.certificate.gap >= float((np.expm1(-d) + d).mean())
    # At the start, too, and close to it.
    for step in (0.0, 1e-9, 1e-8):
        at = np.array([coef + step, intercept])
        d = X[:, 0] * np.longdouble(at[0]) + np.longdouble(at[1]) - np.log(y.astype(np.longdouble))
        report = fit.resumable.checkpoint.solver.bound(fit.view.inward(at))
        assert report is None or report.gap >= float((np.expm1(-d) + d).mean())


@pytest.mark.parametrize("seed", range(12))
def test_a_loss_whose_terms_cancel_is_not_certified_by_its_value(seed):
    rng, X = np.random.default_rng(seed), np.array([[0.0], [1.0]] * 2)
    y = np.exp([[-2.0, 0, -2, 0], [1, -1, 1, -1], [-1, 0.3, -1, 0.3]][seed % 3])
    fit = st.fit(st.models.Gamma(), X, y, start={"coef": rng.normal(size=1), "intercept": rng.normal()})
    d = exact(fit, X) - np.log(y.astype(np.longdouble))
    assert fit.certificate.gap >= float((np.expm1(-d) + d).mean())


@pytest.mark.parametrize("loss", ["hinge", "squared hinge", "absolute", "epsilon-insensitive"])
def test_a_model_that_meets_all_targets_is_certified(loss):
    X = np.random.default_rng(1).standard_normal((20, 40))
    fit = st.fit(st.models.Linear(), X, (X[:, 0] > 0).astype(float), loss=loss)
    assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
    assert fit.nit < 40
    assert fit.fun <= 1e-8
    assert fit.certificate.gap <= 1e-8


def test_other_rules_are_certified_too():
    rng = np.random.default_rng(12)
    X = rng.standard_normal((80, 3))
    y = rng.uniform(size=80) < 1 / (1 + np.exp(-X[:, 0]))
    for words in ({"direction": "l-bfgs"}, {"step": 1.0, "tolerance": 1e-6}):
        assert st.fit(st.models.Logistic(), X, y, **words).certificate.kind == "certified"


def test_nearly_separable_classes_are_certified_without_an_event():
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    fit = st.fit(st.models.Logistic(), X, y, penalty=st.penalties.L2(1e-6))
    assert not fit.events
    assert fit.certificate.kind == "certified"


def newton(A, slopes, ridge, steps=40):
    """Return the best coefficients in extended precision, by Newton steps that are refined iteratively."""
    A, theta = A.astype(np.longdouble), np.zeros(A.shape[1], np.longdouble)
    for _ in range(steps):
        first, second = slopes(A @ theta)
        gradient, H = A.T @ first / len(A) + ridge * theta, (A.T * second) @ A / len(A) + np.diag(ridge)
        step = np.zeros_like(theta)
        for _ in range(4):
            step += np.linalg.solve(H.astype(float), (gradient - H @ step).astype(float))
        theta = theta - step
    return theta


@pytest.mark.parametrize("strength", [0.0, pytest.param(1e-2, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("columns", [4, pytest.param(80, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(
    "loss", ["poisson", *(pytest.param(loss, marks=pytest.mark.nightly) for loss in ("log loss", "gamma"))]
)
def test_without_a_tolerance_coefficients_have_all_their_digits(loss, columns, strength):
    rng = np.random.default_rng(columns)
    X = rng.normal(size=(300, columns))
    z = X @ rng.normal(size=columns) / columns**0.5
    y, slopes = {
        "poisson": ((count := rng.poisson(np.exp(z))), lambda z: (np.exp(z) - count, np.exp(z))),
        "log loss": (
            (own := rng.random(300) < 0.5), lambda z: (1 / (1 + np.exp(-z)) - own, 1 / (2 + np.exp(z) + np.exp(-z)))
        ),
        "gamma": ((size := rng.gamma(2, np.exp(z))), lambda z: (1 - size * np.exp(-z), size * np.exp(-z))),
    }[loss]  # fmt: skip
    y, words = np.asarray(y, float), {"loss": loss, "penalty": st.penalties.L2(strength)}
    fit = st.fit(st.models.Linear(), X, y, **words)
    best = newton(np.c_[X, np.ones(300)], slopes, np.append(np.full(columns, strength), 0.0))
    away = np.abs(np.append(fit.params["coef"], fit.params["intercept"]) - best)
    assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
    assert away.max() < 1e-14
    assert np.all(away <= fit.certificate.x_error)
    assert max(fit.certificate.x_error) < 1e-9
    again = st.fit(st.models.Linear(), X, y, **words, start=fit.params)
    assert (again.outcome, again.nit <= 1) == ("converged", True)
    assert fit.more(tolerance=1e-14).outcome == "converged"


def test_a_column_that_others_determine_may_have_any_coefficient():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    X[:, 3] = X[:, 0]
    fit = st.fit(st.models.Linear(), X, X[:, 1] + rng.normal(size=80))
    error = np.array(fit.certificate.x_error)
    np.testing.assert_array_equal(np.isinf(error), [True, False, False, True, False])
    assert error[1] < 1e-11


@pytest.mark.parametrize("penalty", [None, st.penalties.L1(1e-2)], ids=str)
def test_losses_with_kinks_reach_the_optimum_of_a_linear_program(penalty):
    """Σ |z - y| / n + λ ‖w‖₁ = Σ e / n + λ Σ c with e ≥ ±(z - y) and c ≥ ±w."""
    from scipy.optimize import linprog

    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 3))
    y = X @ [1, -1, 0] + rng.normal(size=60)
    strength = penalty.strength if penalty else 0.0
    A, e, c = np.c_[X, np.ones(60)], np.eye(60), np.eye(3)
    slack = [np.c_[s * A, -e, np.zeros((60, 3))] for s in (1, -1)]
    size = [np.c_[s * np.eye(3, 4), np.zeros((3, 60)), -c] for s in (1, -1)]
    cost = np.r_[np.zeros(4), np.full(60, 1 / 60), np.full(3, strength)]
    below = np.r_[y, -y, np.zeros(6)]
    least = linprog(cost, np.vstack([*slack, *size]), below, bounds=[(None, None)] * 4 + [(0, None)] * 63).fun
    fit = st.fit(st.models.Linear(), X, y, loss="absolute", penalty=penalty)
    assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
    assert fit.fun - least <= fit.certificate.gap + 1e-13
    assert fit.certificate.gap <= 1e-7 * fit.fun
    again = st.fit(st.models.Linear(), X, y, loss="absolute", penalty=penalty, start=fit.params)
    assert again.outcome == "converged"
    assert fit.more(tolerance=1e-14).outcome in ("converged", "stalled at rounding")
