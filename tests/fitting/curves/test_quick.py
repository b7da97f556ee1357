"""Fits of small curves in one compiled call, compared with the usual descent, with NIST's answers, and with SciPy."""

import numpy as np
import pytest
from scipy import optimize
from tests.oracles.nist import NonLinear

import steepest as st
from steepest.fitting.curves.quick import Attempt
from steepest.fitting.function import kernel

X = np.linspace(0, 3, 50)


def decay(x, a, b, c):
    return a * np.exp(-b * x) + c


def noisy(seed, a=2.5, b=1.3, c=0.4):
    return decay(X, a, b, c) + 0.05 * np.random.default_rng(seed).normal(size=50)


def values(fit):
    return np.array(list(fit.params.values()), dtype=float)


def usual(model, x, y, **options):
    """Fit in the usual way, which a callback asks for."""
    return st.fit(model, x, y, callback=lambda intermediate_result: None, **options)


@pytest.fixture
def quick(monkeypatch):
    """Return the list of quick answers: a fit, or None where the usual descent took over."""
    answers = []
    answer = Attempt.answer

    def noted(self, setup, found):
        answers.append(answer(self, setup, found))
        return answers[-1]

    monkeypatch.setattr(Attempt, "answer", noted)
    return answers


def digits(found, certified):
    """Return how many digits of the worst error are right."""
    return float(np.min(-np.log10(np.maximum(np.abs(found / certified - 1), 1e-15))))


@pytest.mark.parametrize("name", NonLinear.names)
def test_certified_parameters_and_deviations_from_both_starts(name, quick):
    problem = NonLinear(name)
    for k, start in enumerate(problem.starts):
        fit = st.fit(problem.predict, problem.x, problem.y, start=start)
        # Bennett5 and, from afar, MGH17 take more steps than one call has rows for.
        assert (quick[-1] is fit) == (name != "Bennett5" and (name != "MGH17" or k == 1))
        assert problem.digits(values(fit)) >= 9
        assert fit.fun * len(problem.y) == pytest.approx(problem.rss, rel=1e-6, abs=1e-20)
        assert (fit.outcome, fit.certificate.kind, fit.kind) == ("converged", "audited", "traced")
        assert fit.certificate.curvature[0] > 0
        rounded = 0.5 * 10.0 ** (np.floor(np.log10(np.abs(problem.certified))) - 10)
        error, true = np.array(fit.certificate.x_error), np.abs(values(fit) - problem.certified)
        assert np.all(true <= 2 * error + rounded)
        assert np.all(error <= 1e-10 * np.abs(problem.certified))
    found = fit.uncertainty()
    assert not found.why
    assert not found.reasons
    assert found.label == "errors of equal variance"
    assert found.degrees == pytest.approx(len(problem.y) - problem.certified.size)
    # The residuals of Lanczos1 are 1e-13 of its data. Rounding the data to doubles alone changes their squares by 1e-3.
    assert digits(found.flat_errors, problem.deviations) >= (2 if name == "Lanczos1" else 9)
    assert list(fit.standard_errors) == list(fit.params)


class TestTheSameAsTheUsualDescent:
    @pytest.mark.parametrize("start", [None, (20.0, 9.0, -5.0), {"c": 0, "b": 0.5, "a": 1}])
    @pytest.mark.parametrize("weight", [None, np.linspace(0, 2, 50)])
    @pytest.mark.always(3)
    def test_in_all_that_a_fit_says(self, start, weight, quick):
        y = noisy(0)
        ours, theirs = (fit(decay, X, y, start=start, sample_weight=weight) for fit in (st.fit, usual))
        assert quick[-1] is ours
        assert ours.nit == theirs.nit
        np.testing.assert_allclose(values(ours), values(theirs), rtol=1e-12)
        np.testing.assert_allclose(ours.trace.x[:-1], theirs.trace.x[:-1], rtol=1e-6)
        np.testing.assert_allclose(ours.trace.value, theirs.trace.value, rtol=1e-8)
        np.testing.assert_allclose(ours.fun, theirs.fun, rtol=1e-14)
        for column in ("iteration", "evaluations", "epoch"):
            np.testing.assert_array_equal(ours.trace.columns[column], theirs.trace.columns[column])
        assert list(ours.trace.columns) == list(theirs.trace.columns)
        assert ours.trace.events == theirs.trace.events
        assert (ours.nfev, ours.njev, ours.kind, ours.solver) == (theirs.nfev, theirs.njev, theirs.kind, theirs.solver)
        assert ours.message.split("within")[0] == theirs.message.split("within")[0]
        assert ours.message.endswith("of the minimum: rounding hides the rest")
        np.testing.assert_allclose(ours.certificate.curvature, theirs.certificate.curvature, rtol=1e-9)
        np.testing.assert_allclose(ours.certificate.tolerance, theirs.certificate.tolerance, rtol=1e-9)
        np.testing.assert_allclose(ours.certificate.x_error, theirs.certificate.x_error, rtol=0.3)

    def test_in_steps_to_points_that_are_not_finite(self, quick):
        y = 2 * np.log(3.01 - X) + 0.01 * np.cos(9 * X)
        ours, theirs = (fit(lambda x, a, b: a * np.log(b - x), X, y, start=(1.0, 20.0)) for fit in (st.fit, usual))
        assert quick[-1] is ours
        assert ours.trace.events == theirs.trace.events != []
        np.testing.assert_allclose(values(ours), values(theirs), rtol=1e-10)

    def test_in_what_can_be_asked_of_it_later(self):
        y = noisy(1)
        ours, theirs = st.fit(decay, X, y), usual(decay, X, y)
        point = [1.0, 2.0, 3.0]
        assert ours.evaluate(point) == pytest.approx(theirs.evaluate(point), rel=1e-14)
        np.testing.assert_allclose(ours.gradient_at(point), theirs.gradient_at(point), rtol=1e-12)
        np.testing.assert_allclose(ours.curvature(point, [0, 1, 0]), theirs.curvature(point, [0, 1, 0]), rtol=1e-9)
        rows = [[0, 1], [2, 3]]
        np.testing.assert_allclose(ours.batch_gradients(point, rows), theirs.batch_gradients(point, rows), rtol=1e-12)
        np.testing.assert_array_equal(ours.predict(X), decay(X, *values(ours)))
        np.testing.assert_array_equal(ours.basis.y, y)
        again = ours.more(epochs=3)
        np.testing.assert_allclose(values(again), values(ours), rtol=1e-10)
        assert again.outcome == "converged"
        assert len(again.trace) >= len(ours.trace)

    def test_in_a_file(self, tmp_path):
        fit = st.fit(decay, X, noisy(2))
        fit.save(tmp_path / "fit")
        loaded = st.load(tmp_path / "fit")
        assert loaded == fit
        with pytest.raises(RuntimeError, match="function not at hand"):
            loaded.more(X, noisy(2), epochs=1)

    def test_for_code_written_for_jax(self, quick):
        import jax.numpy as jnp

        fit = st.fit(lambda x, a, b, c: a * jnp.exp(-b * x) + c, X, noisy(3))
        assert quick[-1] is fit
        np.testing.assert_allclose(values(fit), values(st.fit(decay, X, noisy(3))), rtol=1e-11)


class TestManyFits:
    def test_of_other_data_as_curve_fit_has_them(self, quick):
        for seed in range(20):
            y = noisy(seed, a=1 + 0.1 * seed)
            fit = st.fit(decay, X, y, start=(1, 1, 1))
            theirs = optimize.curve_fit(decay, X, y, p0=(1, 1, 1), xtol=1e-12, ftol=1e-12)[0]
            np.testing.assert_allclose(values(fit), theirs, rtol=1e-6)
            assert quick[-1] is fit

    def test_of_new_functions_with_the_same_code_are_compiled_once(self):
        calls = []

        def fitted(y):
            def model(x, a, b):
                calls.append(type(x))
                return a * np.exp(-b * x)

            return st.fit(model, X, y)

        fitted(noisy(0))
        del calls[:]
        fitted(noisy(1))
        # A plain call at the start and one at the answer, and no trace.
        assert calls == [np.ndarray, np.ndarray]

    def test_of_another_function_share_the_trace_of_the_steps(self, monkeypatch):
        calls, moved = [], kernel.next_step
        monkeypatch.setattr(kernel, "next_step", lambda *args: calls.append(1) or moved(*args))
        for power in (1, 2):
            fit = st.fit(lambda x, a, b, c, power=power: a * np.exp(-b * x) + c * x**power, X, noisy(0))
            assert fit.outcome == "converged"
        # None if an earlier test has traced them.
        assert len(calls) <= 1

    def test_of_other_shapes(self):
        for rows in (10, 20, 10):
            fit = st.fit(decay, X[:rows], noisy(0)[:rows])
            assert fit.outcome == "converged"
            assert fit.trace.x.shape[1] == 3

    def test_rows_stay_as_they_were(self):
        x, y = X.copy(), noisy(0)
        fit = st.fit(decay, x, y)
        value = fit.evaluate([1, 1, 1])
        x[:], y[:] = 0, 0
        assert fit.evaluate([1, 1, 1]) == value


class Level:
    """An object that the fingerprint of code knows by its identity alone."""

    def __init__(self, value):
        self.value = value


class TestStaleCode:
    """What the code reads may change between two fits, also where no key of the cache shows it."""

    def test_an_attribute(self):
        level = Level(0.0)

        def model(x, a, b):
            return a * np.exp(-b * x) + level.value

        y = noisy(0, c=0.0)
        first = st.fit(model, X, y)
        level.value = 0.4
        second = st.fit(model, X, y + 0.4)
        np.testing.assert_allclose(values(second), values(first), rtol=1e-9)
        np.testing.assert_allclose(st.fit(model, X, y + 0.4).predict(X), decay(X, *values(second), 0.4))

    def test_an_array(self):
        offset = np.zeros(50)

        def model(x, a, b):
            return a * np.exp(-b * x) + offset

        y = noisy(0, c=0.0)
        first = st.fit(model, X, y)
        offset += 0.4
        np.testing.assert_allclose(values(st.fit(model, X, y + 0.4)), values(first), rtol=1e-9)

    def test_a_function_whose_values_differ_at_the_answer(self):
        def model(x, a, b):
            # Right at the start, where a is 1, and different from its trace elsewhere.
            return a * np.exp(-b * x) + (0.0 if not state["changed"] or float(a) == 1 else 0.5)

        state = {"changed": False}
        assert st.fit(model, X, noisy(0)).kind in ("traced", "differences")
        state["changed"] = True
        fit = st.fit(model, X, noisy(0))
        assert fit.kind != "traced" or fit.outcome == "wrong gradient"


class TestOtherWays:
    """The usual descent takes over from a quick one that is not clear."""

    def test_parameters_that_are_not_determined(self, quick):
        fit = st.fit(lambda x, a, b, c: a * b * x + c, X, noisy(0))
        assert quick == [None]
        assert "rank-deficient" in [event.kind for event in fit.trace.events]

    @pytest.mark.parametrize(
        "options", [{"tolerance": 1e-3}, {"seconds": 60.0}, {"epochs": 50}, {"penalty": st.penalties.L2(1e-3)}]
    )
    def test_options(self, options, quick):
        assert st.fit(decay, X, noisy(0), **options).outcome == "converged"
        assert not quick

    def test_a_start_where_the_model_is_not_finite(self):
        st.fit(lambda x, a: np.log(a + x), X, np.log(2 + X) + 0.01 * np.cos(X))
        for _ in range(2):
            with pytest.raises(ValueError, match="start where"):
                st.fit(lambda x, a: np.log(a + x), X, np.log(2 + X), start=[-9.0])

    def test_names_that_are_wrong(self):
        st.fit(decay, X, noisy(0))
        with pytest.raises(ValueError, match="the start names"):
            st.fit(decay, X, noisy(0), start={"a": 1.0, "b": 1.0, "d": 1.0})
        with pytest.raises(ValueError, match="the start has 2 values"):
            st.fit(decay, X, noisy(0), start=(1.0, 1.0))
        with pytest.raises(ValueError, match="every coordinate must be finite"):
            st.fit(decay, X, noisy(0), start=(1.0, np.nan, 1.0))
