"""Levenberg-Marquardt, compared with NIST's certified answers, SciPy and closed forms; and its refusals."""

import math
import time
from fractions import Fraction
from types import SimpleNamespace
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize
from tests.interrupts import interrupted
from tests.oracles.nist import NonLinear

import steepest as st
from steepest.derivatives.clock import Clock
from steepest.fitting.function import least_squares
from steepest.fitting.function.hessian import rounding
from steepest.fitting.function.least_squares import LeastSquaresSolver
from steepest.fitting.function.levenberg import LevenbergMarquardt, LinearModel, TrustRegion
from steepest.rules.pair import Rules

NAME = "levenberg-marquardt"
X = np.linspace(0, 3, 60)
Y = 2.5 * np.exp(-1.3 * X) + 0.4 + 0.05 * np.cos(40 * X)


def decay(x, a, b, c):
    return a * np.exp(-b * x) + c


def decay_by(x, a, b, c):
    return np.column_stack([np.exp(-b * x), -a * x * np.exp(-b * x), np.ones(len(x))])


def branching(x, a, b, c):
    """`decay` in code that can't be traced."""
    if b < 0:
        return np.full(len(x), np.inf)
    return np.array([a * float(np.exp(-b * float(t))) + c for t in x])


def values(fit):
    return np.array(list(fit.params.values()), dtype=float)


@pytest.mark.parametrize("name", ["Misra1a", "Thurber", "BoxBOD", "Eckerle4", "MGH09", "Rat43"])
def test_certified_parameters_by_differences(name):
    problem = NonLinear(name)

    def hidden(x, *b):
        return problem.predict(x, *map(float, b))

    names = ", ".join(f"b{k + 1}" for k in range(problem.certified.size))
    model = eval(f"lambda x, {names}: hidden(x, {names})", {"hidden": hidden})  # noqa: S307 - a signature of its own
    for start in problem.starts:
        fit = st.fit(model, problem.x, problem.y, start=start)
        assert fit.kind == "differences"
        assert problem.digits(values(fit)) >= 6
        assert (fit.outcome, fit.certificate.kind) == ("converged", "audited")
    assert fit.uncertainty().flat_errors == pytest.approx(problem.deviations, rel=1e-6)


class TestStep:
    """The step of a linear model, compared with SciPy and the equations of the paper."""

    rng = np.random.default_rng(0)
    J, rho, scale = rng.standard_normal((20, 4)), rng.standard_normal(20), np.array([1.0, 1e3, 1e-4, 7.0])

    @property
    def linear(self):
        triangle = np.linalg.qr(np.column_stack([self.J * self.scale, self.rho]), mode="r")
        return LinearModel.of(triangle, self.scale)

    def test_within_a_wide_region_it_is_that_of_gauss_newton(self):
        step = self.linear.step(1e9)
        best = np.linalg.lstsq(self.J * self.scale, -self.rho, rcond=None)[0]
        np.testing.assert_allclose(step.p, best, rtol=1e-10)
        assert step.damping == 0
        residual = self.rho + self.J * self.scale @ best
        np.testing.assert_allclose(step.predicted, self.rho @ self.rho - residual @ residual)
        np.testing.assert_allclose(self.linear.decrement, step.predicted)

    @pytest.mark.parametrize("region", [1e-6, 1e-2, 0.1])
    def test_within_a_narrow_one_it_solves_the_damped_equations_at_the_edge(self, region):
        step, J, D = self.linear.step(region), self.J * self.scale, np.diag(self.scale)
        assert abs(step.length - region) <= 0.1 * region
        np.testing.assert_allclose(np.linalg.norm(D @ step.p), step.length)
        left = (J.T @ J + step.damping * D**2) @ step.p
        np.testing.assert_allclose(left / self.scale, -J.T @ self.rho / self.scale, rtol=1e-8)
        np.testing.assert_allclose(step.slope, 2 * self.rho @ J @ step.p)

    def test_a_region_halves_at_the_least_of_the_parabola(self):
        step, rule = self.linear.step(0.1), LevenbergMarquardt()
        # The value rises by as much as the slope predicted a fall: the parabola is least at a quarter of the step.
        shrunk = rule.next_region(0.1, step, -1.0, step.slope)
        np.testing.assert_allclose(shrunk, 0.25 * 0.1)
        assert rule.next_region(0.1, step, 0.5, 1.0) == 0.1
        assert rule.next_region(0.1, step, 0.9, 1.0) == 2 * step.length


class TestAgainstOthers:
    def test_weights_as_scipy_has_them(self):
        weight = np.random.default_rng(1).uniform(0.1, 5, len(X))
        fit = st.fit(decay, X, Y, sample_weight=weight)
        theirs, _ = optimize.curve_fit(
            decay, X, Y, p0=[1, 1, 1], jac=decay_by, sigma=weight**-0.5, xtol=1e-14, ftol=1e-14
        )
        np.testing.assert_allclose(values(fit), theirs, rtol=1e-7)
        error = decay(X, *theirs) - Y
        np.testing.assert_allclose(fit.fun, weight @ error**2 / weight.sum())

    def test_a_ridge_penalty_as_scipy_has_it(self):
        fit = st.fit(decay, X, Y, penalty=st.penalties.L2(0.3))
        root = np.sqrt(0.15)

        def residuals(p):
            return np.append((decay(X, *p) - Y) / np.sqrt(len(X)), root * p)

        theirs = optimize.least_squares(residuals, [1.0, 1, 1], xtol=1e-14, ftol=1e-14, gtol=1e-14)
        np.testing.assert_allclose(values(fit), theirs.x, rtol=1e-6)
        np.testing.assert_allclose(fit.fun, 2 * theirs.cost)

    def test_a_line_in_one_step_and_a_polish(self):
        fit = st.fit(lambda x, m, b: m * x + b, X, Y, start=(1e3, -1e3))
        np.testing.assert_allclose(values(fit), np.polyfit(X, Y, 1), rtol=1e-12)
        assert fit.nit <= 3

    @pytest.mark.parametrize("rows", [40, 3_000])
    def test_code_written_for_jax(self, rows):
        x = np.linspace(0, 3, rows)
        y = decay(x, 2.0, 0.7, 0.1) + np.sin(50 * x)
        ours = st.fit(lambda x, a, b, c: a * jnp.exp(-b * x) + c, x, y)
        np.testing.assert_allclose(values(ours), values(st.fit(decay, x, y)), rtol=1e-9)
        assert (ours.outcome, ours.kind) == ("converged", "traced")

    def test_rows_in_blocks(self):
        x = np.linspace(0, 3, 50_000)
        y = decay(x, 2.0, 0.7, 0.1) + np.sin(50 * x)
        ours = values(st.fit(decay, x, y))
        theirs, _ = optimize.curve_fit(decay, x, y, p0=[1, 1, 1], jac=decay_by, xtol=1e-14, ftol=1e-14)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
        # SciPy stops when the value no longer falls; this fit ends when the residuals are orthogonal to all columns.
        J, error = decay_by(x, *ours), decay(x, *ours) - y
        assert np.all(np.abs(J.T @ error) <= 1e-12 * np.linalg.norm(J, axis=0) * np.linalg.norm(error))

    def test_units_of_a_parameter_change_nothing(self):
        near = st.fit(decay, X, Y)
        far = st.fit(lambda x, a, b, c: decay(x, a * 2**40, b / 2**30, c), X, Y, start=(2.0**-40, 2.0**30, 1.0))
        np.testing.assert_allclose(values(far) * [2.0**40, 2.0**-30, 1], values(near), rtol=1e-11)
        assert far.nit == near.nit


class TestChoice:
    def test_auto_is_this_where_it_can_be(self):
        fit = st.fit(decay, X, Y)
        named = st.fit(decay, X, Y, direction=NAME)
        np.testing.assert_array_equal(fit.trace.x, named.trace.x)

    def test_auto_is_another_where_it_can_not(self):
        loss = st.fit(decay, X, Y, loss=lambda z, y: np.log(np.cosh(z - y)))
        penalty = st.fit(decay, X, Y, penalty=lambda p: (p**4).sum())
        assert loss.success
        assert penalty.success

    def test_many_parameters_go_another_way(self):
        rng = np.random.default_rng(0)
        A, y = rng.standard_normal((300, 201)), rng.standard_normal(300)
        start = {"w": np.zeros(201)}
        fit = st.fit(lambda A, w: A @ w, A, y, start=start)
        assert fit.success
        with pytest.raises(ValueError, match="201 parameters, and takes at most 200"):
            st.fit(lambda A, w: A @ w, A, y, start=start, direction=NAME)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"step": 0.1}, r"finds its own step size: leave step=0.1 out"),
            ({"batch_size": 5}, "needs all rows at once"),
            ({"loss": lambda z, y: np.abs(z - y)}, "for the squared loss"),
            ({"penalty": lambda p: (p**4).sum()}, "L2 is the only penalty"),
        ],
    )
    def test_refusals(self, options, words):
        with pytest.raises(ValueError, match=words):
            st.fit(decay, X, Y, direction=NAME, **options)

    def test_refused_for_linear_models_and_for_functions(self):
        with pytest.raises(ValueError, match="for functions of your own"):
            st.fit(st.models.Linear(), X, Y, direction=NAME)
        with pytest.raises(ValueError, match="needs residuals, which a function that returns one number does not have"):
            st.minimize(lambda x: x**2, 1.0, direction=NAME)


class TestHonesty:
    def test_a_product_is_not_determined(self):
        fit = st.fit(lambda x, a, b, c: a * b * x + c, X, Y)
        (event,) = (e for e in fit.trace.events if e.kind == "rank-deficient")
        assert event.detail == "the rows do not determine a, b: other values fit equally well"
        assert fit.outcome == "converged"
        slope, intercept = np.polyfit(X, Y, 1)
        np.testing.assert_allclose([values(fit)[0] * values(fit)[1], values(fit)[2]], [slope, intercept])

    def test_fewer_rows_than_parameters(self):
        fit = st.fit(decay, X[:2], Y[:2])
        assert fit.fun < 1e-25
        assert [e.kind for e in fit.trace.events] == ["rank-deficient"]

    def test_determined_parameters_are_not_named(self):
        assert not [e for e in st.fit(decay, X, Y).trace.events if e.kind == "rank-deficient"]

    def test_a_saddle_is_not_called_a_minimum(self):
        # (a² - 1)² has its maximum at a = 0, where the slope is 0.
        fit = st.fit(lambda x, a: a**2 * x, np.ones(5), np.ones(5), start=[0.0], direction="plain", step="armijo")
        assert fit.outcome == "saddle"
        fit = st.fit(lambda x, a: a**2 * x, np.ones(5), np.ones(5), start=[0.0])
        assert [e.kind for e in fit.trace.events] == ["saddle"]
        assert abs(values(fit)[0]) == pytest.approx(1)

    def test_a_model_that_ignores_its_parameter_is_flat(self):
        assert st.fit(lambda x, a: x + 0 * a, X, Y).outcome == "flat"

    def test_a_wall_is_never_crossed(self):
        fit = st.fit(lambda x, a, b: a * np.log(b - x), X, 2 * np.log(3.01 - X), start=(1.0, 20.0))
        np.testing.assert_allclose(values(fit), [2, 3.01], rtol=1e-9)
        assert np.all(fit.trace.x[:, 1] > 3)
        assert any(e.kind == "non-finite" for e in fit.trace.events)

    def test_rows_fall_and_count(self):
        fit = st.fit(decay, X, Y, start=(20.0, 9.0, -5.0))
        trace = fit.trace
        assert len(trace) == fit.nit + 1
        assert np.all(np.diff(trace.value) <= 1e-15)
        assert np.all(np.diff(trace.evaluations) >= 1)
        assert trace.evaluations[-1] <= fit.nfev
        gradient = st.gradient(lambda p: ((decay(X, *p) - Y) ** 2).mean())
        for row, norm in zip(trace.x, trace.gradient_norm, strict=True):
            np.testing.assert_allclose(norm, np.linalg.norm(gradient(row)), rtol=1e-7, atol=1e-12)

    def test_a_tolerance_is_kept_and_no_more(self):
        best = st.fit(decay, X, Y).fun
        fit = st.fit(decay, X, Y, start=(20.0, 9.0, -5.0), tolerance=1e-3)
        assert fit.fun - best <= 1e-3 * (fit.trace.value[0] - fit.fun)
        assert fit.nit < st.fit(decay, X, Y, start=(20.0, 9.0, -5.0)).nit
        assert fit.certificate.gap >= (fit.fun - best) / 2

    def test_a_start_where_the_model_is_not_finite(self):
        with pytest.raises(ValueError, match="start where"):
            st.fit(lambda x, a: np.log(a * x), X, Y, start=[-1.0])
        late = np.where(np.arange(2000) < 1500, 1.0, -1.0)
        with pytest.raises(ValueError, match="is nan at the start"):
            st.fit(lambda x, a: np.log(a * x), late, np.ones(2000), start=[1.0])


class TestByDifferences:
    def test_the_same_answer(self):
        fit = st.fit(branching, X, Y)
        np.testing.assert_allclose(values(fit), values(st.fit(decay, X, Y)), rtol=1e-8)
        assert (fit.kind, fit.outcome) == ("differences", "converged")
        assert "branches on values" in fit.why

    def test_every_call_is_counted(self):
        calls = [0]

        def counted(x, a, b):
            calls[0] += 1
            return np.array([a * float(np.exp(-b * float(t))) for t in x])

        fit = st.fit(counted, X, Y, tolerance=1e-3)
        # Other calls: the attempts to trace, the measurement of noise, and the audit of the answer.
        assert fit.nfev <= calls[0] <= fit.nfev + 60

    def test_a_model_that_raises_ends_the_run_with_the_best_point(self):
        def raising(x, a, b):
            if a > 2.2:
                raise ZeroDivisionError("too large")
            return np.array([a * float(np.exp(-b * float(t))) for t in x])

        fit = st.fit(raising, X, Y)
        assert fit.outcome == "function raised"
        assert "too large" in fit.message
        assert fit.fun < fit.trace.value[0]


class TestLimits:
    def test_epochs_and_callback(self):
        assert st.fit(decay, X, Y, start=(20.0, 9.0, -5.0), epochs=2).outcome == "iteration limit"
        seen = []

        def stop(intermediate_result):
            seen.append(intermediate_result.nit)
            if len(seen) == 3:
                raise StopIteration

        fit = st.fit(decay, X, Y, start=(20.0, 9.0, -5.0), callback=stop)
        assert seen == [1, 2, 3]
        assert (fit.outcome, fit.nit) == ("stopped by callback", 3)

    def test_seconds(self):
        def slow(x, a, b, c):
            time.sleep(0.01)
            return np.array([a * float(np.exp(-b * float(t))) + c for t in x])

        fit = st.fit(slow, X, Y, start=(20.0, 9.0, -5.0), seconds=0.2)
        assert fit.outcome == "time limit"
        assert fit.fun <= fit.trace.value[0]

    def test_ctrl_c(self):
        script = """
import time, numpy as np, steepest as st
calls = [0]
def slow(x, a, b):
    calls[0] += 1
    if calls[0] == 40: print("going", flush=True)
    time.sleep(0.02)
    return np.array([a * float(np.exp(-b * float(t))) for t in x])
x = np.linspace(0, 3, 20)
fit = st.fit(slow, x, 2 * np.exp(-x) + 0.1 * np.cos(9 * x), start=(50.0, 9.0))
print(fit.outcome, fit.fun <= fit.trace.value[0])
"""
        code, out, err = interrupted(script)
        assert (code, out.split("\n")[-2]) == (0, "interrupted True"), err

    def test_the_same_twice(self):
        one, two = st.fit(decay, X, Y), st.fit(decay, X, Y)
        np.testing.assert_array_equal(one.trace.x, two.trace.x)


class FailsAfter:
    """The decay in code that can't be traced and that raises from some call on."""

    def __init__(self, calls):
        self.left = calls

    def __call__(self, x, a, b, c):
        self.left -= 1
        if self.left < 0:
            raise OSError("the instrument is gone")
        return branching(x, a, b, c)


def test_a_model_that_raises_once_the_run_is_over_says_nothing_of_its_parameters():
    whole = FailsAfter(10**9)
    complete = st.fit(whole, X, Y)
    used = 10**9 - whole.left
    for last in (1, 7):
        fit = st.fit(FailsAfter(used - last), X, Y)
        assert fit.outcome == complete.outcome == "converged"
        np.testing.assert_allclose(values(fit), values(complete), rtol=1e-6)


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_rows_of_a_chunk_that_was_cut_short_are_rescued(error, monkeypatch):
    # Only the error cuts the chunk short, however busy the machine is.
    monkeypatch.setattr(least_squares, "CHUNK_SECONDS", math.inf)

    class Line:
        """Rosenbrock's residuals, which raise at the tenth point."""

        size, rows, precision, traced, gaps, calls = 1.0, 2, 2.0**-52, False, 0, 0

        def triangle(self, x):
            self.calls += 1
            if self.calls == 10:
                raise error
            return np.array([[-20 * x[0], 10.0, 10 * (x[1] - x[0] ** 2)], [-1.0, 0.0, 1 - x[0]]])

    rules = Rules(LevenbergMarquardt(), TrustRegion())
    solver = LeastSquaresSolver(
        SimpleNamespace(clock=Clock()), rules, 1.0, 0.0, np.array([-1.2, 1.0]), None, residuals=Line()
    )
    with pytest.raises(error):
        solver.run(100, 100, 1)
    rows = solver.unfinished()
    assert len(rows) == solver.iteration > 2
    np.testing.assert_array_equal(rows[-1, 5:], solver.x)
    assert not len(solver.unfinished())


class TestRefits:
    """A fit that starts at its own answer ends there, in a few steps and with the right outcome."""

    curves: ClassVar = {
        "exponential": (lambda x, a, b: a * np.exp(-b * x), (2, 1.3)),
        "offset": (lambda x, a, b, c: a * np.exp(-b * x) + c, (2, 1.3, 0.4)),
        "line": (lambda x, a, b: a + b * x, (1, 2)),
        "parabola": (lambda x, a, b: a + b * x**2, (1, 1)),
        "logistic": (lambda x, a, b, c: a / (1 + np.exp(-b * (x - c))), (2, 1.5, 1)),
        "two exponentials": (lambda x, a, b, c, d: a * np.exp(-b * x) + c * np.exp(-d * x), (2, 0.5, 1, 4)),
        "Gaussian": (lambda x, a, b, c: a * np.exp(-(((x - b) / c) ** 2)), (2, 1, 1.5)),
        "power": (lambda x, a, b: a * x**b, (2, 0.7)),
        "product": (lambda x, a, b, c: a * b * x + c, (1, 2, 3)),
        "untraced": (lambda x, a, b: np.array([float(a) * np.exp(-float(b) * t) for t in x]), (2, 1.3)),
    }
    linear: ClassVar = {
        "offset": (0, 2),
        "line": (0, 1),
        "parabola": (0, 1),
        "two exponentials": (0, 2),
        "product": (0, 2),
    }
    x = np.linspace(0.1, 4, 40)
    weight = np.random.default_rng(1).uniform(0.1, 5, 40)

    def check(self, name, rng):
        model, parameters = self.curves[name]
        best = np.array(parameters) * rng.uniform(0.7, 1.4, len(parameters))
        unit, offset = 10.0 ** rng.choice([-12, -6, 0, 6, 12]), 0.0
        best[list(self.linear.get(name, (0,)))] *= unit
        y = model(self.x, *best)
        y = y + rng.choice([0, 1e-14, 1e-9, 1e-5, 0.05]) * np.abs(y).max() * rng.standard_normal(40)
        if name in ("offset", "line", "parabola"):
            offset = rng.choice([0, 1e8]) * unit
            best[2 if name == "offset" else 0] += offset
        how = {}
        if rng.random() < 0.25:
            how["sample_weight"] = self.weight
        if unit == 1 and not offset and rng.random() < 0.5:
            how["penalty"] = st.penalties.L2(0.1)
        fit = st.fit(model, self.x, y + offset, start=tuple(best), epochs=1_000, **how)
        if name == "two exponentials" and not fit.success:
            # One of the exponentials fits the noise of the first row alone, and its rate grows without bound.
            assert fit.outcome == "iteration limit"
            assert fit.params["d"] > 50
            return
        again = st.fit(model, self.x, y + offset, start=fit.params, epochs=100, **how)
        tolerance = rng.choice([1e-3, 1e-8, 1e-14])
        nearer = st.fit(model, self.x, y + offset, start=fit.params, epochs=100, tolerance=tolerance, **how)
        for other in (again, nearer):
            assert (other.outcome, other.certificate.kind) == ("converged", "audited"), other.message
            assert other.nfev <= (20 if other.kind == "traced" else 100)
            either = np.add(fit.certificate.x_error, other.certificate.x_error)
            assert np.all(np.abs(values(other) - values(fit)) <= either)
            loose = np.isinf(other.certificate.x_error)
            assert loose.any() == (name == "product" and "penalty" not in how) == has_event(other, "rank-deficient")

    # The other curves are tried in the nightly test.
    @pytest.mark.parametrize("name", ["offset", "line", "Gaussian", "product", "untraced"])
    def test_end_at_once(self, name):
        for seed in range(3):
            self.check(name, np.random.default_rng(seed))

    @pytest.mark.nightly
    @pytest.mark.parametrize("name", curves)
    def test_end_at_once_a_thousand_times(self, name):
        for seed in range(100):
            self.check(name, np.random.default_rng([7, seed]))

    def test_a_sharper_tolerance_changes_nothing_at_the_answer(self):
        fit = st.fit(decay, X, Y)
        more = fit.more(tolerance=1e-14)
        assert more.outcome == "converged"
        assert more.nfev <= fit.nfev + 12
        assert np.all(np.abs(values(more) - values(fit)) <= np.array(more.certificate.x_error))

    @pytest.mark.parametrize("name", ["Misra1d", "Hahn1", "Lanczos1", "MGH10", "Bennett5"])
    def test_certified_sets(self, name):
        problem = NonLinear(name)
        fit = st.fit(problem.predict, problem.x, problem.y, start=problem.starts[1])
        again = st.fit(problem.predict, problem.x, problem.y, start=fit.params)
        assert (again.outcome, again.nfev <= 20) == ("converged", True)


class TestErrors:
    """`x_error` compared with exact minimisers, and the rounding of values with longer arithmetic."""

    @pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
    @pytest.mark.parametrize("noise", [1e-9, 0.1])
    def test_of_a_line_whose_answer_is_known_exactly(self, offset, noise):
        x = np.linspace(-1, 3, 50)
        y = offset + 2 * x + noise * np.random.default_rng(3).standard_normal(50)
        fit = st.fit(self.curve, x, y)
        u, v = [Fraction(t) for t in x], [Fraction(t) for t in y]
        n, p, q = len(u), sum(u), sum(t * t for t in u)
        r, s = sum(v), sum(a * b for a, b in zip(u, v, strict=True))
        exact = (r * q - p * s) / (n * q - p * p), (n * s - p * r) / (n * q - p * p)
        true = np.array([abs(float(Fraction(a) - b)) for a, b in zip(values(fit), exact, strict=True)])
        error = np.array(fit.certificate.x_error)
        assert np.all(true <= error)
        assert np.all(error <= 1e3 * np.finfo(float).eps * (offset + 2))

    @staticmethod
    def curve(x, a, b):
        return a + b * x

    @pytest.mark.parametrize("offset", [0.0, 1e8])
    @pytest.mark.parametrize("noise", [0, 1e-9, 1e-3, 10])
    @pytest.mark.parametrize("rows", [40, 1000])
    def test_the_floor_of_values(self, rows, noise, offset):
        x = np.linspace(0, 3, rows)
        y = decay(x, 2.5, 1.3, offset) + noise * np.random.default_rng(4).standard_normal(rows)
        fit = st.fit(decay, x, y, start=(2.5, 1.3, offset), epochs=0)
        residuals, rng = fit.resumable.setup.plan.solver.keywords["residuals"], np.random.default_rng(5)
        off = []
        for _ in range(20):
            at = np.array([2.5, 1.3, offset]) * (1 + 1e-10 * rng.standard_normal(3))
            triangle = residuals.triangle(at)
            long = decay(x.astype(np.longdouble), *at.astype(np.longdouble)) - y
            off.append(float(triangle[:, -1] @ triangle[:, -1] - (long**2).mean()))
        assert np.max(np.abs(off)) <= rounding(residuals, triangle, at) <= 300 * np.sqrt(np.mean(np.square(off)))

    @pytest.mark.parametrize("name", ["Eckerle4", "Misra1c", "MGH09"])
    def test_by_differences_against_certified_values(self, name):
        problem = NonLinear(name)
        names = ", ".join(f"b{k + 1}" for k in range(problem.certified.size))
        scope = {"predict": problem.predict, "x": problem.x}
        model = eval(f"lambda x, {names}: predict(x, {names.replace('b', '1.0 * float(b').replace(',', '),')}))", scope)  # noqa: S307
        fit = st.fit(model, problem.x, problem.y, start=problem.starts[1])
        assert fit.kind == "differences"
        true = np.abs(values(fit) - problem.certified)
        rounded = 1e-10 * np.abs(problem.certified)
        assert np.all(true <= 2 * np.array(fit.certificate.x_error) + rounded)


def test_a_parameter_that_is_zero_is_determined():
    x = np.array([-1.0, 0, 1])
    fit = st.fit(lambda x, a, b: a + b * x, x, np.ones(3), start=(1.0, 0.0))
    assert values(fit).tolist() == [1, 0]
    assert not has_event(fit, "rank-deficient")
    assert max(fit.certificate.x_error) < 1e-14


def test_an_offset_that_vanishes_is_determined():
    fit = st.fit(decay, X, 2.5 * np.exp(-1.3 * X))
    assert not has_event(fit, "rank-deficient")
    assert max(fit.certificate.x_error) < 1e-13


def has_event(fit, kind):
    return any(event.kind == kind for event in fit.trace.events)
