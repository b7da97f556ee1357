"""Least squares of small tables without compiled code, compared with the usual descent and with exact arithmetic."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import steepest as st
from steepest.derivatives.compiled import Jitted
from steepest.fitting.direct import solution
from steepest.fitting.direct.attempt import LateTableFit
from steepest.fitting.setup import FitSetup

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)) * np.logspace(-2, 3, 4) + np.array([0.0, 5.0, -3.0, 1e4])
Y = X @ np.array([30.0, -2.0, 0.1, 0.01]) + rng.normal(size=60)
LINEAR = st.models.Linear()


def is_direct(fit):
    return isinstance(fit.resumable, LateTableFit)


def usual(*args, **options):
    """Fit in the usual way, which a callback asks for."""
    return st.fit(LINEAR, *args, callback=lambda intermediate_result: None, **options)


@pytest.fixture
def nothing_compiled(monkeypatch):
    def refuse(self, *args):
        raise AssertionError("compiled code was called")

    monkeypatch.setattr(Jitted, "__call__", refuse)


@pytest.mark.usefixtures("nothing_compiled")
def test_no_code_is_compiled_for_a_fit_and_what_it_prints():
    fit = st.fit(LINEAR, X, Y)
    assert is_direct(fit)
    assert "±" in str(fit)
    assert fit.predict(X).shape == Y.shape
    assert fit.standard_errors["coef"].shape == (4,)


class TestTheSameAsTheUsualDescent:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"penalty": st.penalties.ElasticNet(0, 0.3)},
            {"sample_weight": np.linspace(0, 2, 60)},
            {"start": {"coef": [1.0, -2.0, 0.1, 0.01], "intercept": 5.0}, "penalty": st.penalties.L2(1e-3)},
        ],
    )
    def test_in_all_that_a_fit_says(self, options):
        table = pd.DataFrame(X, columns=["size", "age", "height", "speed"])
        ours, theirs = st.fit(LINEAR, table, Y, **options), usual(table, Y, **options)
        assert is_direct(ours)
        assert not is_direct(theirs)
        np.testing.assert_allclose(ours.params["coef"], theirs.params["coef"], rtol=1e-11)
        np.testing.assert_allclose(ours.params["intercept"], theirs.params["intercept"], rtol=1e-9)
        np.testing.assert_allclose(ours.fun, theirs.fun, rtol=1e-13)
        np.testing.assert_allclose(ours.certificate.tolerance, theirs.certificate.tolerance, rtol=1e-3)
        np.testing.assert_allclose(ours.certificate.x_error, theirs.certificate.x_error, rtol=0.1)
        for column in ("iteration", "evaluations", "epoch"):
            np.testing.assert_array_equal(ours.trace.columns[column], theirs.trace.columns[column])
        assert list(ours.trace.columns) == list(theirs.trace.columns)
        np.testing.assert_allclose(ours.trace.x, theirs.trace.x, rtol=1e-9, atol=1e-9)
        assert (ours.trace.names, ours.trace.events) == (theirs.trace.names, theirs.trace.events)
        assert (ours.nit, ours.nfev, ours.njev) == (theirs.nit, theirs.nfev, theirs.njev)
        assert (ours.kind, ours.solver) == (theirs.kind, theirs.solver)
        assert ours.message.split("within")[0] == theirs.message.split("within")[0]
        assert str(ours).splitlines()[1:-1] == str(theirs).splitlines()[1:-1]

    def test_in_what_can_be_asked_of_it_later(self, tmp_path):
        options = {"penalty": st.penalties.L2(0.1)}
        ours, theirs = st.fit(LINEAR, X, Y, **options), usual(X, Y, **options)
        point = {"coef": [1.0, 2.0, 3.0, 4.0], "intercept": 5.0}
        assert ours.evaluate(point) == pytest.approx(theirs.evaluate(point), rel=1e-13)
        np.testing.assert_allclose(ours.gradient_at(point), theirs.gradient_at(point), rtol=1e-9)
        rows = [[0, 1, 2], [3, 4, 5]]
        np.testing.assert_allclose(ours.batch_gradients(point, rows), theirs.batch_gradients(point, rows), rtol=1e-9)
        np.testing.assert_array_equal(ours.basis.y, Y)
        boots = [fit.bootstrap(20, rng=0).flat for fit in (ours, theirs)]
        np.testing.assert_allclose(*boots, rtol=1e-8)
        again = ours.more(epochs=3)
        assert again.outcome == "converged"
        np.testing.assert_allclose(again.params["coef"], ours.params["coef"], rtol=1e-10)
        ours.save(tmp_path / "fit")
        loaded = st.load(tmp_path / "fit")
        assert loaded == ours
        assert loaded.more(X, Y, epochs=3).outcome == "converged"

    def test_bit_for_bit_in_another_call(self):
        first, second = (st.fit(LINEAR, X, Y) for _ in range(2))
        np.testing.assert_array_equal(first.params["coef"], second.params["coef"])


def exact(X, y):
    """Return the solution of least squares, with the intercept last, in exact arithmetic."""
    A = [[*map(Fraction, row), Fraction(1)] for row in X.tolist()]
    y, n = [*map(Fraction, y.tolist())], len(A[0])
    rows = [
        [sum(a[j] * a[k] for a in A) for k in range(n)] + [sum(a[j] * t for a, t in zip(A, y, strict=True))]
        for j in range(n)
    ]
    for j in range(n):
        rows[j] = [number / rows[j][j] for number in rows[j]]
        for k in range(n):
            if k != j:
                rows[k] = [a - rows[k][j] * b for a, b in zip(rows[k], rows[j], strict=True)]
    return [row[-1] for row in rows]


def loss(point, X, y):
    """Return the mean squared error in exact arithmetic."""
    point = [Fraction(float(number)) if not isinstance(number, Fraction) else number for number in point]
    errors = [
        sum(Fraction(a) * w for a, w in zip(row, point, strict=False)) + point[-1] - Fraction(t)
        for row, t in zip(X.tolist(), y.tolist(), strict=True)
    ]
    return sum(error**2 for error in errors) / len(errors)


@pytest.mark.parametrize("spread", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize("noise", [0.0, 1e-3, 1.0])
def test_the_certificate_is_a_bound(spread, noise):
    draws = np.random.default_rng(1)
    base = draws.normal(size=30)
    table = np.column_stack([base + spread * draws.normal(size=30), base + 100, 1e3 * draws.normal(size=30)])
    y = table @ [1.0, -2.0, 3e-3] + noise * draws.normal(size=30)
    fit = st.fit(LINEAR, table, y)
    assert is_direct(fit)
    truth, found = exact(table, y), [*fit.params["coef"], fit.params["intercept"]]
    errors = [abs(Fraction(float(a)) - b) for a, b in zip(found, truth, strict=True)]
    assert all(error <= bound for error, bound in zip(errors, fit.certificate.x_error, strict=True))
    assert loss(found, table, y) - loss(truth, table, y) <= fit.certificate.gap


class TestLeftToTheUsualDescent:
    @pytest.fixture(autouse=True)
    def left(self, monkeypatch):
        """Make the usual set-up raise an error, so that it compiles nothing here."""

        def of(*args):
            raise NotImplementedError

        monkeypatch.setattr(FitSetup, "of", of)

    @pytest.mark.parametrize(
        "table",
        [
            np.column_stack([X, X[:, 0] + X[:, 1]]),
            np.column_stack([X, X[:, 0] + 1e-9 * X[:, 1]]),
            np.column_stack([X, X[:, 0] * (1 + 3e-7 * np.cos(np.arange(60)))]),
            np.column_stack([X, np.ones(60)]),
            X.astype("float32"),
            rng.normal(size=(60, 60)),
        ],
        ids=["dependent", "nearly dependent", "close", "constant", "single precision", "wide"],
    )
    def test_tables(self, table):
        with pytest.raises(NotImplementedError):
            st.fit(LINEAR, table, Y)

    @pytest.mark.parametrize(
        "options",
        [
            {"tolerance": 1e-3},
            {"epochs": 3},
            {"seconds": 1.0},
            {"bounds": {"coef": (0, None)}},
            {"fixed": {"intercept": 0.0}},
            {"validation": 0.2, "rng": 0},
            {"rescale": "scale"},
            {"loss": "huber"},
            {"penalty": st.penalties.L1(0.1)},
            {"batch_size": 20, "rng": 0},
            {"shuffle": "rows"},
            {"step": 0.1},
            {"progress": True},
        ],
        ids=lambda options: next(iter(options)),
    )
    def test_options(self, options):
        with pytest.raises(NotImplementedError):
            st.fit(LINEAR, X, Y, **options)

    def test_a_bound_above_what_rounding_hides(self, monkeypatch):
        class Vague(solution.Certifier):
            def __call__(self, *arguments):
                bound = super().__call__(*arguments)
                return replace(bound, gap=2 * bound.floor)

        monkeypatch.setattr(solution, "Certifier", Vague)
        with pytest.raises(NotImplementedError):
            st.fit(LINEAR, X, Y)

    def test_errors_are_the_same(self):
        with pytest.raises(ValueError, match="would overflow"):
            st.fit(LINEAR, X, 1e200 * Y)
        with pytest.raises(ValueError, match="the start has 2 numbers"):
            st.fit(LINEAR, X, Y, start=[1.0, 2.0])
