"""The bootstrap, compared with closed forms, with SciPy's, and with refits made one by one."""

import pickle
import re
from typing import NamedTuple

import jax
import numpy as np
import pytest
from scipy import linalg, stats
from tests.interrupts import interrupted

import steepest as st
from steepest.fitting.refits import refit
from steepest.fitting.refits.linear import _refits
from steepest.fitting.setup import FitSetup
from steepest.models.losses import squared

RNG = np.random.default_rng(0)
X = np.linspace(0, 3, 40)
Y = 2.5 * np.exp(-1.3 * X) + 0.4 + 0.1 * RNG.normal(size=40)
TABLE = RNG.normal(size=(60, 3)) * [1.0, 30.0, 0.01]
TARGET = TABLE @ [1.0, 0.05, -80.0] + 2.0 + RNG.normal(size=60)
A = np.column_stack([TABLE, np.ones(60)])
COUNTS = RNG.poisson(np.exp(0.5 * TABLE[:, 0] + 1)).astype(float)


def decay(x, a, b, c):
    return a * np.exp(-b * x) + c


def values(params):
    return np.concatenate([np.ravel(value) for value in params.values()])


def redrawn(rows, resamples, seed):
    """Return the rows that the bootstrap draws, as it draws few of them: all in one call."""
    return np.random.default_rng(seed).integers(0, rows, (resamples, rows))


class TestClosedForms:
    def test_the_variance_of_a_mean(self):
        boot = st.fit(lambda x, mean: mean + 0 * x, X, Y).bootstrap(4000, rng=1)
        np.testing.assert_allclose(boot.standard_errors["mean"] ** 2, Y.var() / 40, rtol=0.1)
        assert not boot.failed

    def test_rows_of_a_linear_model_have_the_variance_of_the_sandwich(self):
        fit = st.fit(st.models.Linear(), TABLE, TARGET)
        errors = A @ values(fit.params) - TARGET
        bread = np.linalg.inv(A.T @ A)
        leverage = np.einsum("ij,jk,ik->i", A, bread, A)
        # The variance of the bootstrap lies between HC0 and HC3.
        least = np.sqrt(np.diag(bread @ (A.T * errors**2) @ A @ bread))
        most = np.sqrt(np.diag(bread @ (A.T * (errors / (1 - leverage)) ** 2) @ A @ bread))
        found = values(fit.bootstrap(4000, rng=1).standard_errors)
        assert np.all((0.93 * least < found) & (found < 1.07 * most))

    @pytest.mark.parametrize("penalty", [None, st.penalties.L2(0.3)])
    def test_residuals_of_a_linear_model(self, penalty):
        # Twice as many rows as parameters, of unequal leverage.
        fit = st.fit(st.models.Linear(), TABLE[:8], TARGET[:8], penalty=penalty)
        y, ridge = TARGET[:8], 0.0 if penalty is None else 0.3 * 8 / 2
        inverse = np.linalg.inv(A[:8].T @ A[:8] + ridge * np.diag([1, 1, 1, 0])) @ A[:8].T
        errors = (y - A[:8] @ (inverse @ y)) / np.sqrt(1 - np.diag(A[:8] @ inverse))
        exact = np.sqrt(errors.var() * np.diag(inverse @ inverse.T))
        boot = fit.bootstrap(4000, "residuals", rng=1)
        np.testing.assert_allclose(values(boot.standard_errors), exact, rtol=0.05)
        np.testing.assert_allclose(
            (boot.flat.mean(axis=0) - inverse @ (A[:8] @ values(fit.params))) / exact, 0, atol=0.06
        )

    def test_residuals_of_equal_leverage_have_the_classic_variance(self):
        H = linalg.hadamard(16)[:, :9]
        y = RNG.normal(size=16)
        classic = np.sqrt(np.linalg.lstsq(H, y)[1] / 7 / 16)
        boot = st.fit(st.models.Linear(), H[:, 1:], y).bootstrap(2000, "residuals", rng=1)
        np.testing.assert_allclose(np.sqrt(np.mean(values(boot.standard_errors) ** 2)), classic, rtol=0.05)

    def test_a_row_that_determines_a_parameter_alone_is_not_drawn(self):
        alone = np.arange(20) == 7
        y = RNG.normal(size=20)
        boot = st.fit(st.models.Linear(), alone, y).bootstrap(4000, "residuals", rng=1)
        # The mean of the other 19 rows; and the one row.
        spread = np.std(y[~alone], ddof=1)
        np.testing.assert_allclose(boot.standard_errors["intercept"], spread / 19**0.5, rtol=0.06)
        np.testing.assert_allclose(boot.standard_errors["coef"], spread * (20 / 19) ** 0.5, rtol=0.06)

    def test_residuals_of_a_curve(self):
        # So little noise that the curve is linear in its parameters.
        x, y = X[::5], decay(X[::5], 2.5, 1.3, 0.4) + 0.01 * RNG.normal(size=8)
        fit = st.fit(decay, x, y)
        a, b, _ = values(fit.params)
        J = np.column_stack([np.exp(-b * x), -a * x * np.exp(-b * x), np.ones(8)])
        classic = np.sqrt(8 * fit.fun / 5 * np.diag(np.linalg.inv(J.T @ J)))
        found = values(fit.bootstrap(2000, "residuals", rng=1).standard_errors)
        np.testing.assert_allclose(found, classic, rtol=0.07)


class TestRefits:
    """Refits side by side are those that the solver of the fit makes alone."""

    def alone(self, fit, model, x, y, drawn, **options):
        boot = fit.bootstrap(len(drawn), rng=5)
        for k in range(3):
            one = st.fit(model, x[drawn[k]], y[drawn[k]], start=fit.params, **options)
            off = np.abs(values(one.params) - boot.flat[k]) / boot.flat.std(axis=0)
            assert np.all(off < 1e-5)

    def test_of_a_curve(self):
        self.alone(st.fit(decay, X, Y), decay, X, Y, redrawn(40, 50, 5))

    def test_of_a_curve_whose_resamples_need_more_steps(self, monkeypatch):
        # With a single step side by side, each refit is made alone: by the compiled descent of small curves.
        monkeypatch.setattr(refit, "FIRST_PASS", 1)
        monkeypatch.setattr(refit, "SECOND_PASS", 1)
        monkeypatch.setattr(FitSetup, "go", None)
        fit = st.fit(decay, X, Y)
        self.alone(fit, decay, X, Y, redrawn(40, 50, 5))

    @pytest.mark.parametrize("penalty", [None, st.penalties.L2(0.05)])
    def test_of_a_linear_model(self, penalty):
        model = st.models.Linear()
        fit = st.fit(model, TABLE, TARGET, penalty=penalty)
        self.alone(fit, model, TABLE, TARGET, redrawn(60, 50, 5), penalty=penalty)

    def test_many_rows_take_no_table_of_products(self):
        rng = np.random.default_rng(2)
        x = rng.normal(size=(5000, 15))
        y = x.sum(axis=1) + rng.normal(size=5000)
        fit = st.fit(st.models.Linear(), x, y)
        boot, drawn, B = fit.bootstrap(2, rng=5), redrawn(5000, 2, 5), np.column_stack([x, np.ones(5000)])
        for k in range(2):
            np.testing.assert_allclose(boot.flat[k], np.linalg.lstsq(B[drawn[k]], y[drawn[k]])[0], atol=1e-6)
        number, most = jax.ShapeDtypeStruct((), np.float32), jax.ShapeDtypeStruct((), np.int32)
        shapes = [(4, 51), (3000, 51), (1, 3000), (4, 3000), (51, 51)]
        arrays = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes]
        compiled = jax.jit(_refits(squared)).lower(*arrays, number, number, most).compile()
        # A few copies of the rows, of 0.6 MB each. The products of their entries would take 31 MB.
        assert compiled.memory_analysis().temp_size_in_bytes < 5e6

    def test_of_counts(self):
        fit = st.fit(st.models.Poisson(), TABLE, COUNTS)
        self.alone(fit, st.models.Poisson(), TABLE, COUNTS, redrawn(60, 50, 5))

    def test_by_code_that_is_not_traced(self):
        def branching(x, a, b, c):
            return decay(x, a, b, c) if float(b) > 0 else np.full(len(x), np.inf)

        boot = st.fit(branching, X, Y).bootstrap(3, rng=5)
        traced = st.fit(decay, X, Y).bootstrap(3, rng=5)
        np.testing.assert_allclose(boot.flat, traced.flat, rtol=1e-5)

    def test_with_weights(self):
        weight = RNG.uniform(0.2, 3, 40)
        fit = st.fit(decay, X, Y, sample_weight=weight)
        boot, drawn = fit.bootstrap(4, rng=5), redrawn(40, 4, 5)
        for k in range(2):
            one = st.fit(decay, X[drawn[k]], Y[drawn[k]], start=fit.params, sample_weight=weight[drawn[k]])
            np.testing.assert_allclose(boot.flat[k], values(one.params), rtol=1e-6)

    def test_the_same_seed_gives_the_same_refits(self):
        fit = st.fit(decay, X, Y)
        one, two, other = (fit.bootstrap(300, rng=seed) for seed in (3, np.random.default_rng(3), 4))
        np.testing.assert_array_equal(one.flat, two.flat)
        assert np.all(one.flat[0] != other.flat[0])

    def test_parameters_that_are_arrays(self):
        fit = st.fit(lambda X, w, b: X @ w + b, TABLE, TARGET, start={"w": np.zeros(3), "b": 0.0})
        boot = fit.bootstrap(50, rng=5)
        linear = st.fit(st.models.Linear(), TABLE, TARGET).bootstrap(50, rng=5)
        assert boot.draws["w"].shape == (50, 3)
        np.testing.assert_allclose(boot.draws["w"], linear.draws["coef"], rtol=1e-5, atol=1e-6)
        assert boot.confidence_intervals()["w"].shape == (3, 2)


class TestIntervals:
    @pytest.mark.parametrize("method", ["percentile", "basic", "bca"])
    def test_as_scipy_has_them(self, method):
        # A mean of skewed data: the fit of a constant.
        y = RNG.exponential(size=50)
        ours = st.fit(lambda x, mean: mean + 0 * x, np.arange(50.0), y).bootstrap(8000, rng=1)
        found = ours.confidence_intervals(0.9, method)["mean"]
        name = {"bca": "BCa"}.get(method, method)
        theirs = stats.bootstrap((y,), np.mean, n_resamples=8000, confidence_level=0.9, method=name, rng=2)
        width = theirs.confidence_interval.high - theirs.confidence_interval.low
        np.testing.assert_allclose(found, theirs.confidence_interval, atol=0.03 * width)

    def test_on_given_draws_as_scipy_computes_them(self):
        y = RNG.exponential(size=30)
        ours = st.fit(lambda x, mean: mean + 0 * x, np.arange(30.0), y).bootstrap(500, rng=1)
        draws = stats.bootstrap((y,), np.mean, n_resamples=500, method="BCa", rng=2).bootstrap_distribution
        ours.flat = draws[:, None]
        theirs = stats.bootstrap((y,), np.mean, n_resamples=500, method="BCa", rng=2).confidence_interval
        np.testing.assert_allclose(ours.confidence_intervals(method="bca")["mean"], theirs, rtol=1e-6)

    def test_the_table_and_the_text(self):
        boot = st.fit(decay, X, Y).bootstrap(200, rng=0)
        table = boot.to_frame()
        assert list(table.index) == ["a", "b", "c"]
        np.testing.assert_allclose(table["standard error"], values(boot.standard_errors))
        assert "200 refits with rows drawn again" in str(boot)
        assert re.search(r"b +1\.\d+ .* to ", str(boot))


def rank_of(columns, drawn):
    return np.linalg.matrix_rank(np.column_stack([columns, np.ones(len(columns))])[drawn])


class TestRank:
    """Refits whose rows do not determine the parameters have failed, and a fit to such rows has no bootstrap."""

    rare = np.column_stack([np.cos(np.arange(30.0)), np.arange(30) < 2])
    y = 2 * rare[:, 0] + np.sin(5.0 * np.arange(30))

    @pytest.mark.parametrize(
        "options",
        [{}, {"bounds": {"coef": (-9, 9)}, "resamples": 20}, {"fixed": {"coef": [2.0, None]}, "resamples": 20}],
    )
    def test_linear_refits_without_the_rows_of_a_level(self, options):
        resamples = options.pop("resamples", 100)
        boot = st.fit(st.models.Linear(), self.rare, self.y, **options).bootstrap(resamples, rng=1)
        lost = sum(rank_of(self.rare, drawn) < 3 for drawn in redrawn(30, resamples, 1))
        assert boot.failed == {"whose rows do not determine the parameters": lost}
        # No refit is a rounding error that was divided by a rounding error.
        assert np.ptp(boot.draws["coef"], axis=0).max() < 10

    def test_a_penalty_determines_them(self):
        fit = st.fit(st.models.Linear(), self.rare, self.y, penalty=st.penalties.L2(0.01))
        assert not fit.bootstrap(100, rng=1).failed

    @pytest.mark.parametrize(
        ("X", "names"),
        [
            (np.column_stack([X, X]), r"coef\[0\], coef\[1\]:"),
            (np.eye(10)[np.arange(40) % 10], r"coef\[0\], .*, …"),
        ],
    )
    def test_dependent_columns(self, X, names):
        with pytest.raises(ValueError, match=f"the rows do not determine {names}"):
            st.fit(st.models.Linear(), X, Y).bootstrap(30)

    def test_dependent_parameters_of_a_curve(self):
        with pytest.raises(ValueError, match="the rows do not determine a, b:"):
            st.fit(lambda x, a, b, c: (a + b) * x + c, X, Y).bootstrap(30)

    def test_as_many_rows_as_parameters(self):
        with pytest.raises(ValueError, match="rows: 4, free parameters: 4"):
            st.fit(st.models.Linear(), TABLE[:4], TARGET[:4]).bootstrap(30)
        with pytest.raises(ValueError, match="rows: 1, free parameters: 1"):
            st.fit(lambda x, mean: mean + 0 * x, X[:1], Y[:1]).bootstrap(30)


def pickled(boot):
    return pickle.loads(pickle.dumps(boot))  # noqa: S301 - written in this line


class TestTables:
    def test_refits_of_the_encoded_columns(self):
        columns = {"size": TABLE[:, 0], "kind": np.array(list("pqr"))[np.arange(60) % 3], "y": TARGET}
        fit = st.fit_table(columns, "y", penalty=None, rng=0)
        boot = fit.bootstrap(30, rng=5)
        assert boot.names == ("size", "kind=p", "kind=q", "intercept")
        learnt_X, y = fit.fit.data
        B = np.column_stack([learnt_X, np.ones(len(y))])
        for k, rows in enumerate(redrawn(len(y), 30, 5)[:2]):
            np.testing.assert_allclose(boot.flat[k], np.linalg.lstsq(B[rows], np.asarray(y)[rows])[0], rtol=1e-5)


class Pair(NamedTuple):
    slope: float
    offset: float


class TestLayout:
    """Results of fits with held parameters, bounds and named tuples, and their copies."""

    def test_a_held_parameter_has_no_error(self):
        fit = st.fit(st.models.Linear(), X, Y, fixed={"intercept": 0.1})
        boot = fit.bootstrap(25, rng=0)
        assert re.search(r"intercept +0\.1 +— +held at this value", str(boot))
        numbers = [
            boot.standard_errors,
            boot.bias,
            boot.confidence_intervals(),
            boot.confidence_intervals(method="bca"),
        ]
        for found in numbers:
            assert np.all(np.isnan(found["intercept"]))
            assert np.all(np.isfinite(found["coef"]))
        assert np.isnan(fit.standard_errors["intercept"])
        # A line through a point: the slope is a ratio of sums.
        (rows,) = redrawn(40, 1, 0)
        np.testing.assert_allclose(boot.flat[0, 0], X[rows] @ (Y[rows] - 0.1) / (X[rows] @ X[rows]), rtol=1e-6)

    def test_basic_intervals_end_at_bounds(self):
        y = RNG.normal(size=30)
        y += 0.05 - y.mean()
        bounded = st.fit(st.models.Linear(), np.arange(30.0), y, bounds={"intercept": (0, None)}, fixed={"coef": 0.0})
        boot = bounded.bootstrap(60, rng=0)
        low, high = boot.confidence_intervals(method="basic")["intercept"]
        upper = np.quantile(boot.flat[:, 1], 0.975)
        assert 2 * 0.05 - upper < 0
        assert low == 0 < high

    def test_named_tuples_stay_named_tuples(self):
        def line(x, pair):
            return pair.slope * x + pair.offset

        boot = st.fit(line, X, Y, start={"pair": Pair(1.0, 0.0)}).bootstrap(30, rng=0)
        for found in (boot.standard_errors, boot.bias, boot.draws, boot.confidence_intervals()):
            assert isinstance(found["pair"], Pair)
        np.testing.assert_array_equal(boot.draws["pair"].offset, boot.flat[:, 1])

    def test_a_pickled_bootstrap_keeps_its_refits(self):
        boot = st.fit(decay, X, Y).bootstrap(30, rng=0)
        again = pickled(boot)
        np.testing.assert_array_equal(again.flat, boot.flat)
        assert str(again) == str(boot)
        with pytest.raises(ValueError, match="pickled without its rows"):
            again.confidence_intervals(method="bca")
        corrected = boot.bounds(method="bca")
        np.testing.assert_array_equal(pickled(boot).bounds(method="bca"), corrected)

    def test_an_l1_penalty_is_noted(self):
        boot = st.fit(st.models.Linear(), TABLE, TARGET, penalty=st.penalties.L1(0.1)).bootstrap(20, rng=0)
        assert str(boot).endswith("these intervals may miss the truth far more often than they say")
        assert "penalty" not in str(st.fit(st.models.Linear(), TABLE, TARGET).bootstrap(20, rng=0))


class TestFailures:
    def test_separable_resamples_are_counted(self):
        rng = np.random.default_rng(0)
        x = np.r_[rng.normal(size=12), rng.normal(size=12) + 2.5]
        y = np.r_[np.zeros(12), np.ones(12)]
        boot = st.fit(st.models.Logistic(), x, y).bootstrap(100, rng=1)
        drawn = redrawn(24, 100, 1)
        # One column: classes are separable if their ranges share no point.
        parts = [(x[rows][y[rows] == 0], x[rows][y[rows] == 1]) for rows in drawn]
        apart = [not (a.size and b.size) or a.max() < b.min() or b.max() < a.min() for a, b in parts]
        assert 0 < sum(apart) < 100
        assert boot.failed == {"ended with 'no finite optimum'": sum(apart)}
        assert len(boot.flat) == 100 - sum(apart)
        assert boot.resamples == 100
        assert f"{sum(apart)} that failed" in str(boot)

    def test_a_missing_refit_without_a_row_leaves_no_bca(self):
        # Without its last row, the slope of this line is not determined.
        x, y = np.r_[np.zeros(9), 1.0], np.arange(10.0)
        boot = st.fit(lambda x, m, b: m * x + b, x, y).bootstrap(60, rng=0)
        assert sum(boot.failed.values()) == sum(9 not in rows for rows in redrawn(10, 60, 0)) > 0
        with pytest.raises(ValueError, match="1 of these refits failed"):
            boot.confidence_intervals(method="bca")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"resamples": 1}, "give a whole number of refits, 2 or more"),
            ({"kind": "columns"}, "give 'rows', 'residuals'"),
            ({"rng": "seed"}, "give a whole number from 0"),
        ],
    )
    def test_arguments(self, options, words):
        with pytest.raises(ValueError, match=words):
            st.fit(decay, X, Y).bootstrap(**options)

    def test_fits_that_have_none(self, tmp_path):
        fit = st.fit(decay, X, Y)
        fit.save(tmp_path / "fit")
        with pytest.raises(RuntimeError, match="this fit was loaded"):
            st.load(tmp_path / "fit").bootstrap()
        stream = st.fit(st.models.Linear(), iter([(TABLE, TARGET)]))
        with pytest.raises(RuntimeError, match="those of a stream are read only once"):
            stream.bootstrap()
        tree = st.fit(st.models.Tree(depth=1), X[:8], Y[:8], epochs=1, rng=0)
        with pytest.raises(RuntimeError, match=r"not for models\.Tree"):
            tree.bootstrap()
        with pytest.raises(ValueError, match="ended with 'iteration limit'"):
            st.fit(decay, X, Y, start=(20, 9, -5), epochs=2).bootstrap()
        with pytest.raises(ValueError, match="stops before its minimum"):
            st.fit(st.models.Linear(), TABLE, TARGET, validation=0.2, rng=0).bootstrap()
        with pytest.raises(ValueError, match="the rows differ in weight"):
            st.fit(st.models.Linear(), TABLE, TARGET, sample_weight=np.arange(1.0, 61)).bootstrap(kind="residuals")
        with pytest.raises(ValueError, match="for the squared loss"):
            st.fit(st.models.Poisson(), TABLE, COUNTS).bootstrap(kind="residuals")

    def test_few_refits_have_no_interval(self):
        boot = st.fit(decay, X, Y).bootstrap(5, rng=0)
        assert str(boot).startswith("bootstrap: 5 refits")
        with pytest.raises(ValueError, match="too few for an interval"):
            boot.confidence_intervals()
        for level in (95, "a", True, [0.9]):
            with pytest.raises(ValueError, match="between 0 and 1"):
                boot.confidence_intervals(level)

    def test_ctrl_c_keeps_the_refits_so_far(self):
        script = """
import time, numpy as np, steepest as st
from steepest.fitting.refits.refit import Refits
alone, calls = Refits.alone, [0]
def slow(self, counts, y):
    calls[0] += 1
    if calls[0] == 3: print("going", flush=True)
    if calls[0] > 3: time.sleep(0.05)
    return alone(self, counts, y)
Refits.alone = slow
x = np.linspace(0, 3, 20)
fit = st.fit(st.models.Linear(), x, 2 * x + np.cos(9 * x), bounds={"coef": (0, None)})
boot = fit.bootstrap(1000, rng=0)
print(boot.was_stopped, 2 <= boot.resamples < 1000, "stopped from the keyboard" in str(boot))
"""
        code, out, err = interrupted(script)
        assert (code, out.split("\n")[-2]) == (0, "True True True"), err
