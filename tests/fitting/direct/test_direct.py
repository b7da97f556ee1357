"""Fits of small tables without compiled code, compared with the usual descent and with exact arithmetic."""

import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import steepest as st
from steepest.derivatives.compiled import Jitted
from steepest.fitting.direct import newton, solution
from steepest.fitting.direct.attempt import LateTableFit
from steepest.fitting.direct.newton import Curved
from steepest.fitting.setup import FitSetup
from steepest.fitting.strength.slopes import slopes_of
from steepest.models.losses.softmax import Contrasted

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)) * np.logspace(-2, 3, 4) + np.array([0.0, 5.0, -3.0, 1e4])
Y = X @ np.array([30.0, -2.0, 0.1, 0.01]) + rng.normal(size=60)
LINEAR = st.models.Linear()
SIGNAL = (Y - Y.mean()) / Y.std()
CURVED = {
    "log loss": (st.models.Logistic(), (rng.random(60) < 1 / (1 + np.exp(-SIGNAL))).astype(float)),
    "Poisson": (st.models.Poisson(), rng.poisson(np.exp(SIGNAL + 1)).astype(float)),
    "Gamma": (st.models.Gamma(), np.exp(SIGNAL) * rng.gamma(2.0, size=60)),
    "softmax": (st.models.Multinomial(), np.digitize(SIGNAL + rng.logistic(size=60), [-0.5, 0.5]).astype(float)),
}


def is_direct(fit):
    return isinstance(fit.resumable, LateTableFit)


def usual(*args, model=LINEAR, **options):
    """Fit in the usual way, which a callback asks for."""
    return st.fit(model, *args, callback=lambda intermediate_result: None, **options)


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


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize(("model", "y"), CURVED.values(), ids=CURVED)
def test_no_code_is_compiled_for_other_losses_nor_to_save_them(model, y, tmp_path):
    fit = st.fit(model, X, y, penalty="auto")
    assert is_direct(fit)
    assert "±" in str(fit)
    fit.save(tmp_path / "fit")
    assert st.load(tmp_path / "fit") == fit


@pytest.mark.parametrize(
    ("kind", "model", "y"),
    [(solution.Squares, LINEAR, Y), (newton.Curved, *CURVED["log loss"])],
    ids=["squared", "log loss"],
)
def test_a_step_that_takes_longer_has_more_seconds(monkeypatch, kind, model, y):
    at, calls = kind.at, []

    def slow(self, theta):
        calls.append(theta)
        time.sleep(0.05 * (len(calls) == 2))
        return at(self, theta)

    monkeypatch.setattr(kind, "at", slow)
    fit = st.fit(model, X, y, penalty="auto")
    seconds = fit.trace.columns["seconds"]
    assert is_direct(fit)
    assert len(calls) == len(seconds)
    assert seconds[1] - seconds[0] >= 0.05
    assert 0 < seconds[0] < seconds[-1] <= fit.seconds
    assert (np.diff(seconds) > 0).all()


class TestTheSameAsTheUsualDescent:
    @pytest.mark.parametrize(
        ("name", "penalty"), [("log loss", None), ("softmax", st.penalties.L2(0.02, scales="standard"))]
    )
    def test_for_other_losses(self, name, penalty):
        model, y = CURVED[name]
        options = {"penalty": penalty, "sample_weight": np.linspace(0, 2, 60)}
        ours, theirs = st.fit(model, X, y, **options), usual(X, y, model=model, **options)
        assert is_direct(ours)
        assert not is_direct(theirs)
        for name in ("coef", "intercept"):
            scale = np.abs(theirs.params[name]).max(axis=-1, initial=0.0)
            np.testing.assert_allclose(ours.params[name], theirs.params[name], rtol=1e-9, atol=1e-11 * scale.max())
        assert ours.fun == pytest.approx(theirs.fun, rel=1e-13)
        np.testing.assert_allclose(ours.certificate.tolerance, theirs.certificate.tolerance, rtol=1e-3)
        np.testing.assert_allclose(ours.certificate.x_error, theirs.certificate.x_error, rtol=0.3)
        assert abs(ours.nit - theirs.nit) <= 1
        np.testing.assert_allclose(ours.trace.value[:3], theirs.trace.value[:3], rtol=1e-9)
        assert list(ours.trace.columns) == list(theirs.trace.columns)
        assert (ours.trace.names, ours.trace.events) == (theirs.trace.names, theirs.trace.events)
        assert (ours.kind, ours.solver) == (theirs.kind, theirs.solver)
        assert ours.message.split("within")[0] == theirs.message.split("within")[0]

    def test_when_another_loss_goes_on(self, tmp_path):
        model, y = CURVED["log loss"]
        fit = st.fit(model, X, y)
        fit.save(tmp_path / "fit")
        again, loaded = fit.more(epochs=3), st.load(tmp_path / "fit").more(X, y, epochs=3)
        for each in (again, loaded):
            assert each.outcome == "converged"
            np.testing.assert_allclose(each.params["coef"], fit.params["coef"], rtol=1e-9)
            np.testing.assert_array_equal(each.trace.columns["epoch"], np.arange(len(each.trace)))

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


def newton(model, X, y, penalty, steps=30):
    """Return coefficients and intercept of a loss of one output by Newton's method, in extended precision."""
    A = np.column_stack([X, np.ones(len(X))]).astype(np.longdouble)
    scale = np.abs(A).max(axis=0)
    A, y, theta = A / scale, y.astype(np.longdouble), np.zeros(A.shape[1], np.longdouble)
    bend = np.append(np.full(A.shape[1] - 1, penalty), 0.0) / scale**2
    for _ in range(steps):
        z = A @ theta
        if isinstance(model, st.models.Logistic):
            p = 1 / (1 + np.exp(-z))
            slope, curved = p - y, p * (1 - p)
        elif isinstance(model, st.models.Poisson):
            slope, curved = np.exp(z) - y, np.exp(z)
        else:
            slope, curved = 1 - y * np.exp(-z), y * np.exp(-z)
        gradient = A.T @ slope / len(y) + bend * theta
        H = A.T @ (curved[:, None] * A) / len(y) + np.diag(bend)
        # The inverse in double precision gains 10 digits with each step.
        theta = theta - np.linalg.inv(H.astype(float)) @ gradient
    return theta / scale


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="no extended precision on this machine")
@pytest.mark.parametrize("penalty", [0.0, 0.1])
@pytest.mark.parametrize("name", ["log loss", "Poisson", "Gamma"])
def test_the_certificate_of_other_losses_is_a_bound(name, penalty):
    model, y = CURVED[name]
    table = (X - X.mean(axis=0)) / X.std(axis=0) + np.array([0.0, 1.0, 10.0, 100.0])
    fit = st.fit(model, table, y, penalty=st.penalties.L2(penalty) if penalty else None)
    assert is_direct(fit)
    errors = np.abs(np.append(fit.params["coef"], fit.params["intercept"]) - newton(model, table, y, penalty))
    assert (errors <= fit.certificate.x_error).all()
    assert (np.array(fit.certificate.x_error) < 1e-6).all()


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

    def test_classes_that_a_plane_separates(self):
        with pytest.raises(NotImplementedError):
            st.fit(st.models.Logistic(), X, (X[:, 0] > 0).astype(float))
        with pytest.raises(NotImplementedError):
            st.fit(st.models.Multinomial(), X, np.digitize(X[:, 0], np.quantile(X[:, 0], [0.3, 0.6])).astype(float))

    def test_a_start_and_many_coefficients_of_other_losses(self):
        model, y = CURVED["log loss"]
        with pytest.raises(NotImplementedError):
            st.fit(model, X, y, start={"coef": [1.0, 0.0, 0.0, 0.0], "intercept": 0.0})
        wide = np.random.default_rng(1).normal(size=(200, 65))
        with pytest.raises(NotImplementedError):
            st.fit(model, wide, np.tile([0.0, 1.0], 100), penalty=st.penalties.L2(0.1))

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


@pytest.mark.parametrize("name", list(CURVED))
def test_the_bound_of_newtons_step_holds_and_is_close(name):
    model, y = CURVED[name]
    columns = (X - X.mean(axis=0)) / X.std(axis=0)
    classes = 3 if name == "softmax" else 0
    loss = Contrasted(3) if classes else model.loss
    slopes = slopes_of(model.loss, y, np.ones(60), classes)
    curved = Curved(columns, y, np.full(60, 1 / 60), 0.1, np.eye(4), loss, slopes, -np.inf)
    _, _, best, _ = curved.descend()
    for size in (0.01, 0.1, 1.0):
        here = curved.at(best.theta + size * np.random.default_rng(7).normal(size=best.theta.size))
        d = -here.metric @ (here.metric.T @ here.gradient)
        gap = curved.gap(here, d, curved.along(d))
        assert gap >= here.value - best.value
        assert size == 1.0 or gap < 1.5 * (here.value - best.value)
