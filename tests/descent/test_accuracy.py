"""By default a descent continues until rounding hides the rest, and its certificate is true."""

import numpy as np
import pytest
from tests.functions import STANDARD

import steepest as st

BY_NAME = {case.name: case for case in STANDARD}
# Published minimisers of smooth functions, well conditioned and not.
SOLVED = [
    "rosenbrock", "beale", "wood", "himmelblau", "branin", "trid", "powell_singular", "discrete_boundary_value",
    "matyas", "dixon_price",
]  # fmt: skip


@pytest.mark.parametrize("name", SOLVED)
@pytest.mark.always(5)
def test_published_minima_to_rounding(name):
    case = BY_NAME[name]
    run = st.minimize(case.f, tuple(case.start) if case.scalars else np.array(case.start, float))
    assert run.outcome == "converged", run.message
    gap = run.fun - case.minimum
    assert gap <= 1e-14 * max(1, abs(case.minimum)), run.message
    assert gap <= 2 * run.certificate.gap + 1e-15 * abs(case.minimum)
    if case.minimiser is not None and name != "powell_singular":
        off = np.abs(np.ravel(run.x) - case.minimiser)
        assert np.all(off <= 1e-7 * np.maximum(1, np.abs(case.minimiser))), run.x
        # Minimisers are published with a few digits.
        assert np.all(off <= np.array(run.certificate.x_error) + 1e-6)


def scaled(factor):
    data = np.array([factor])
    return lambda x: data[0] * ((x - 3) ** 2 + (x - 3) ** 4)


@pytest.mark.parametrize("factor", [1.0, 1e12, 1e-12])
@pytest.mark.parametrize("start", [0.0, 1e4])
def test_the_answer_does_not_depend_on_units_or_start(factor, start):
    run = st.minimize(scaled(factor), start)
    assert run.outcome == "converged", run.message
    assert abs(float(run.x) - 3) <= max(run.certificate.x_error) <= 1e-12
    assert run.fun <= 1e-20 * factor


def test_a_steep_start_does_not_loosen_the_end():
    run = st.minimize(lambda x, y: np.exp(x) + (x + 2) ** 2 + (y - 3) ** 2, (40.0, 0.0))
    # The zero of exp(x) + 2 (x + 2), by the Lambert function.
    from scipy.special import lambertw

    x = -2 - float(lambertw(np.exp(-2) / 2).real)
    assert run.outcome == "converged"
    assert abs(run.x[0] - x) <= run.certificate.x_error[0] <= 1e-12
    assert run.fun == pytest.approx(np.exp(x) + (x + 2) ** 2, rel=1e-15)


def valley(w):
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


def log_loss(w):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = np.where((X[:, 0] > 0) ^ (np.arange(60) < 5), 1, -1)
    return np.mean(np.logaddexp(0, -y * (X @ w))) + 0.05 * np.sum(w**2)


@pytest.mark.parametrize("far", [1e5, 1e6, 1e15])
def test_a_valley_far_away_is_no_minimum(far):
    # Newton's step leads from a value of 1e14 to one of 1e6, whose rounding error is as much smaller.
    run = st.minimize(valley, [far, 0.0], iterations=20_000)
    assert run.outcome == "converged"
    np.testing.assert_allclose(run.x, [1, 1], rtol=1e-8)


def test_a_valley_is_no_minimum_by_differences():
    # Newton's steps lead from a value of 8e13 to one of 9e5: the errors of the differences shrink as much.
    run = st.minimize(lambda x, y: float(valley([float(x), float(y)])), [94477.65939160119, 56902.88165788222])
    assert run.fun < 1e-8
    assert run.certificate.gap < 1e-8


def test_a_hessian_is_not_trusted_beyond_its_own_size():
    # Newton's steps lead into the valley at (1500, 3.4e9), from y = -300.
    run = st.minimize(lambda x, y: (1 - x) ** 2 + 100 * (y - x**3) ** 2, [3e4, -300.0])
    assert run.outcome != "converged" or run.fun <= run.certificate.gap


def test_a_steep_point_is_no_minimum_where_the_hessian_overflows():
    # The minimum is at 1, and the slope here is -1; a trial step to the right of 710 overflows.
    run = st.minimize(lambda x: np.sum(np.exp(x - 1) - x), [-2.352602976603339e19, -9.5e19, -2.7333962536227303e19])
    assert run.outcome != "converged" or run.fun <= run.certificate.gap


@pytest.mark.parametrize("far", [1e5, 1e30, 1e100])
def test_a_hessian_from_far_away_proves_nothing(far):
    run = st.minimize(log_loss, [far, 0.0])
    # Both descents begin elsewhere, so that each tests the other.
    np.testing.assert_allclose(run.x, st.minimize(log_loss, [0.5, -0.5]).x, atol=1e-6)
    assert run.outcome == "converged"
    assert run.certificate.gap < 1e-14


@pytest.mark.parametrize("far", [1e20])
def test_a_trial_that_the_rules_return_to_ends_the_descent(far):
    # The value is 0 near the minimum, because rounding loses what is added to 1.
    run = st.minimize(lambda w: np.log(1 + np.sum((w - np.array([1.0, 2.0])) ** 2)), [far, 0.0], iterations=500)
    assert run.outcome in ("converged", "stalled at rounding")
    np.testing.assert_allclose(run.x, [1, 2], atol=1e-7)


def test_a_steep_start_in_many_variables():
    run = st.minimize(lambda x: np.sum(x**4) + 0.01 * np.sum((x - 3) ** 2), np.full(300, 1000.0))
    # Each coordinate is the real root of 4 x³ + 0.02 (x - 3).
    (x,) = (root.real for root in np.roots([4, 0, 0.02, -0.06]) if abs(root.imag) < 1e-12)
    assert run.outcome == "converged"
    assert run.fun == pytest.approx(300 * (x**4 + 0.01 * (x - 3) ** 2), rel=1e-14)
    np.testing.assert_allclose(run.x, x, rtol=1e-6)


def test_the_gap_is_a_bound_where_the_curvature_vanishes():
    run = st.minimize(lambda x: np.sum((x - 1.0) ** 4), np.array([2.0, 0.5]))
    assert run.outcome == "converged"
    assert run.fun <= run.certificate.gap <= 1e-20
    assert run.nfev < 150


@pytest.mark.parametrize(
    ("tolerance", "met"),
    [
        ({"x": 1e-3}, lambda run, off: off <= max(run.certificate.x_error) <= 1e-3),
        ({"gradient": 1e-5}, lambda run, off: np.abs(run.jac).max() <= 1e-5),
        ({"value": 1e-4}, lambda run, off: run.certificate.gap <= 1e-4 * abs(run.fun)),
        ({"descent": 1e-6}, lambda run, off: run.certificate.gap <= 1e-6 * 24.2),
    ],
    ids=["x", "gradient", "value", "descent"],
)
def test_accuracies(tolerance, met):
    def f(x, y):
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2 + 1

    run = st.minimize(f, (-1.2, 1.0), tolerance=tolerance)
    assert run.outcome == "converged", run.message
    assert met(run, np.abs(run.x - 1).max())


def test_an_accuracy_beyond_rounding_is_no_success():
    run = st.minimize(lambda x, y: np.cosh(x - 1) + (y - x) ** 2, (3.0, 1.0), tolerance={"x": 1e-30})
    assert (run.outcome, run.success) == ("stalled at rounding", False)
    assert "x is known to" in run.message
    np.testing.assert_allclose(run.x, 1, atol=1e-9)


@pytest.mark.parametrize(
    ("tolerance", "words"),
    [({"xtol": 1e-3}, "'xtol'"), ({"x": -1}, "x"), ({"x": "a"}, "x"), ({"descent": 0}, "positive"), ("small", "small")],
    ids=str,
)
def test_a_tolerance_that_makes_no_sense(tolerance, words):
    with pytest.raises(ValueError, match=words):
        st.minimize(lambda x: x**2, 1.0, tolerance=tolerance)


def test_an_accuracy_of_the_value_is_the_tolerance():
    run = st.minimize(lambda x, y: 5 + (1 - x) ** 2 + 100 * (y - x**2) ** 2, (-1.2, 1.0), tolerance={"value": 1e-2})
    assert run.outcome == "converged"
    assert run.certificate.tolerance == pytest.approx(1e-2 * run.fun)
    assert run.fun - 5 <= run.certificate.gap <= 0.05


def test_x_is_not_determined_along_a_flat_valley():
    run = st.minimize(lambda x, y, z: (x + y - 1) ** 2 + (z - 2) ** 2, (3.0, 1.0, 0.0))
    assert run.outcome == "converged"
    assert np.isinf(run.certificate.x_error[:2]).all()
    assert run.certificate.x_error[2] < 1e-7


def test_steps_are_taken_although_terms_cancel():
    # The rounding of values is 1e-8 here, a billion times what their size suggests.
    def f(x, y):
        return 1e8 * x**2 - 2e8 * x * y + 1e8 * y**2 + (x - 30) ** 4 / 1e4 + 0.1 * (x - 30) ** 2

    run = st.minimize(f, (28.0, 31.0))
    assert run.outcome == "converged", run.message
    np.testing.assert_allclose(run.x, 30, rtol=1e-7)
    assert np.all(np.abs(np.array(run.x) - 30) <= run.certificate.x_error)


def exponentials(draws, size=3, rows=5):
    """Return a random convex function Σ wᵢ exp(aᵢᵀx) + ½ xᵀQx - cᵀx, and its minimiser in extended precision."""
    A, w = draws.normal(size=(rows, size)) * 10 ** draws.uniform(-1, 1), 10 ** draws.uniform(-3, 3, rows)
    root = draws.normal(size=(size, size)) * 10 ** draws.uniform(-2, 1, size)
    Q, c = root @ root.T + 1e-3 * np.eye(size), draws.normal(size=size) * 10 ** draws.uniform(-2, 2)

    def f(x):
        return w @ np.exp(A @ x) + x @ Q @ x / 2 - c @ x

    return f, (A, w, Q, c)


def distance(A, w, Q, c, here):
    """Return how far a point lies from the minimiser, and its value above the minimum, in extended precision."""
    A, w, Q, c, here = (np.array(a, dtype=np.longdouble) for a in (A, w, Q, c, here))

    def value(x):
        with np.errstate(over="ignore"):
            return w @ np.exp(A @ x) + x @ Q @ x / 2 - c @ x

    x = here
    for _ in range(500):
        e = w * np.exp(A @ x)
        gradient, hessian = A.T @ e + Q @ x - c, A.T @ (e[:, None] * A) + Q
        # Scaled, as the range of the entries may exceed the digits of a double.
        unit = np.sqrt(np.diag(hessian))
        step = np.linalg.solve((hessian / np.outer(unit, unit)).astype(float), (gradient / unit).astype(float)) / unit
        if np.all(np.abs(step) <= 1e-18 * np.abs(x)):
            break
        while value(x - step) > value(x) and np.any(np.abs(step) > 1e-12 * np.abs(x)):
            step = step / 2
        x = x - step
    # The slopes cancel at the minimum: e^t - 1 - t is the part of each exponential that is left, with all its digits.
    off = here - x
    t = A @ off
    beyond = np.where(np.abs(t) < 1e-4, t**2 / 2 + t**3 / 6, np.expm1(t) - t)
    return np.abs(off).astype(float), float((w * np.exp(A @ x)) @ beyond + off @ Q @ off / 2)


def audited(seed, count):
    """Return the true gap as a part of the stated one, and so for the error of x, of random convex functions."""
    draws, factors = np.random.default_rng(seed), []
    for _ in range(count):
        f, data = exponentials(draws)
        start = draws.normal(size=3) * 10 ** draws.uniform(-1, 0.5)
        run = st.minimize(f, start, tolerance=[None, 1e-4][int(draws.integers(2))])
        assert run.outcome != "saddle", run.message
        if run.outcome != "converged":
            continue
        off, above = distance(*data, run.x)
        factors.append((above / run.certificate.gap, np.max(off / np.array(run.certificate.x_error))))
    return np.array(factors)


def test_audits_are_true():
    factors = audited(1, 300)
    assert len(factors) == 300
    assert factors[:, 0].max() <= 2
    assert factors[:, 1].max() <= 2


@pytest.mark.nightly
def test_many_audits_are_true():
    factors = audited(2, 100_000)
    assert len(factors) >= 99_900
    assert factors[:, 0].max() <= 2
    assert factors[:, 1].max() <= 2
