"""The uncertainty of fits: properties that hold whatever computes it, closed forms, and the cases without errors."""

import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse, stats

import steepest as st
from steepest.estimators import DescentRegressor

RNG = np.random.default_rng(5)
N = 40
X = RNG.normal(size=(N, 2)) * [1, 30] + [0, 1000]
Z = X @ [0.8, 0.01] - 10
TARGETS = {
    "squared": Z + RNG.normal(size=N),
    "log loss": (RNG.random(N) < 1 / (1 + np.exp(-Z))).astype(float),
    "poisson": RNG.poisson(np.exp(Z / 2 + 1)).astype(float),
    "gamma": RNG.gamma(2.0, np.exp(Z / 2)),
    "huber": Z + RNG.standard_t(2, size=N),
}
MODELS = {
    "squared": st.models.Linear(),
    "log loss": st.models.Logistic(),
    "poisson": st.models.Poisson(),
    "gamma": st.models.Gamma(),
    "huber": st.models.Linear(),
}
# Each loss costs a compilation in each test.
LOSSES = [pytest.param(loss, marks=pytest.mark.nightly if loss in ("poisson", "huber") else ()) for loss in MODELS]
COUNTS = RNG.integers(1, 4, N).astype(float)
REPEATED = np.repeat(np.arange(N), COUNTS.astype(int))
CURVE_X = np.linspace(0, 3, 30)
CURVE_Y = 2.5 * np.exp(-1.3 * CURVE_X) + 0.4 + 0.05 * RNG.normal(size=30)


def decay(x, a, b, c):
    return a * np.exp(-b * x) + c


def linear(loss, rows=slice(None), **options):
    given = {"loss": loss} if loss == "huber" else {}
    return st.fit(MODELS[loss], X[rows], TARGETS[loss][rows], **given, **options)


def log_cosh(z, y):
    return np.log(np.cosh(z - y))


def plane(X, a, b, c):
    """The linear model as a function of its own, around 1000 so that it is well conditioned."""
    return a * X[:, 0] + b * (X[:, 1] - 1000) + c


def close(found, wanted, rtol=1e-8):
    size = np.sqrt(np.diag(wanted))
    assert np.abs((found - wanted) / size / size[:, None]).max() < rtol


class TestProperties:
    @pytest.mark.parametrize("robust", [False, "HC0", "HC1", "HC2", "HC3"])
    @pytest.mark.parametrize("loss", LOSSES)
    def test_a_weight_counts_as_so_many_rows(self, loss, robust):
        by_weight = linear(loss, sample_weight=COUNTS).uncertainty(robust)
        by_rows = linear(loss, REPEATED).uncertainty(robust)
        close(by_weight.covariance, by_rows.covariance)
        assert by_weight.degrees == pytest.approx(by_rows.degrees)

    @pytest.mark.parametrize("loss", LOSSES)
    def test_a_function_has_the_errors_of_the_linear_model(self, loss):
        fit = st.fit(plane, X, TARGETS[loss], start=[0, 0, 0], loss=loss, sample_weight=COUNTS)
        # From coefficients and intercept to the parameters of the function.
        T = np.array([[1, 0, 0], [0, 1, 0], [0, 1000, 1]])
        for options in ({}, {"robust": True}, {"weights": "precision"}, {"robust": "HC3", "weights": "precision"}):
            wanted = linear(loss, sample_weight=COUNTS).uncertainty(**options).covariance
            close(fit.uncertainty(**options).covariance, T @ wanted @ T.T, 1e-6)

    @pytest.mark.parametrize("loss", LOSSES)
    def test_units_of_columns_are_those_of_their_errors(self, loss):
        base = linear(loss)
        other = st.fit(base.model, X * [1e-6, 1e8], TARGETS[loss], loss=loss)
        close(other.covariance * np.outer([1e-6, 1e8, 1], [1e-6, 1e8, 1]), base.covariance)

    @pytest.mark.parametrize("robust", [False, "HC3"])
    @pytest.mark.parametrize("kind", [sparse.csr_array, np.float32])
    def test_sparse_and_single_rows(self, kind, robust):
        rows = np.where(X > 0, np.round(X), 0)
        y = TARGETS["poisson"]
        dense = st.fit(st.models.Poisson(), rows, y).uncertainty(robust)
        other = st.fit(st.models.Poisson(), rows.astype(kind) if kind is np.float32 else kind(rows), y)
        close(other.uncertainty(robust).covariance, dense.covariance, 1e-6)

    def test_many_blocks_of_rows_are_one(self, monkeypatch):
        from steepest.fitting.uncertainty import rows

        whole = [linear("gamma").uncertainty(kind).covariance for kind in (False, "HC2")]
        monkeypatch.setattr(rows, "BLOCK", 14)
        for kind, wanted in zip((False, "HC2"), whole, strict=True):
            close(linear("gamma").uncertainty(kind).covariance, wanted)

    @pytest.mark.parametrize("columns", [X, np.column_stack([X, X[:, 0]]), np.column_stack([X, X[:, 0] + 1e-6 * Z**2])])
    def test_rows_that_are_multiplied_have_the_errors_of_those_decomposed(self, columns, monkeypatch):
        from steepest.fitting.uncertainty import sums

        fit = st.fit(st.models.Linear(), columns, TARGETS["squared"])
        wanted = fit.uncertainty("HC1")
        fit._uncertain.clear()
        monkeypatch.setattr(sums, "FEW", -1)
        found = fit.uncertainty("HC1")
        np.testing.assert_allclose(found.flat_errors, wanted.flat_errors, rtol=1e-8)
        assert found.reasons == wanted.reasons

    def test_a_function_of_classes_has_the_errors_of_multinomial(self):
        y = RNG.integers(0, 3, N)
        by_class = st.fit(st.models.Multinomial(), X[:, :1], y).uncertainty()

        def scores(X, slopes, levels):
            zero = 0 * X[:, 0]
            return np.stack([zero, slopes[0] * X[:, 0] + levels[0], slopes[1] * X[:, 0] + levels[1]], axis=1)

        fit = st.fit(scores, X, y, start={"slopes": np.zeros(2), "levels": np.zeros(2)}, loss="softmax")
        C = np.zeros((4, 6))
        for k, (place, class_) in enumerate([(0, 1), (0, 2), (3, 1), (3, 2)]):
            C[k, place + class_], C[k, place] = 1, -1
        close(fit.covariance, C @ by_class.covariance @ C.T, 1e-6)
        assert fit.standard_errors["slopes"].shape == (2,)

    @pytest.mark.parametrize(
        "fit",
        [
            lambda weight: linear("huber", sample_weight=weight),
            lambda weight: linear("gamma", sample_weight=weight),
            lambda weight: linear("log loss", sample_weight=weight, penalty=st.penalties.L2(0.05)),
            lambda weight: st.fit(st.models.Linear(), X, TARGETS["huber"], loss=log_cosh, sample_weight=weight),
        ],
        ids=["huber", "gamma", "ridge", "own"],
    )
    def test_a_sandwich_is_the_infinitesimal_jackknife(self, fit):
        """Σ (∂θ/∂wᵢ)² over the weights of the rows, by fits with other weights."""
        moved, h = [], 1e-4
        for k in range(N):
            # Without a penalty only the ratios of weights count; with one the mean of the losses does, too.
            up, down = (fit(1 + sign * h * (np.eye(N)[k] - 1 / N)) for sign in (1, -1))
            flat = [np.append(each.params["coef"], each.params["intercept"]) for each in (up, down)]
            moved.append((flat[0] - flat[1]) / (2 * h))
        close(fit(np.ones(N)).uncertainty("HC0").covariance, np.transpose(moved) @ moved, 1e-4)


class TestClosedForms:
    def test_a_line(self):
        x, y = CURVE_X, CURVE_Y
        line = stats.linregress(x, y)
        fit = st.fit(st.models.Linear(), x, y)
        assert fit.standard_errors["coef"][0] == pytest.approx(line.stderr, rel=1e-10)
        assert fit.standard_errors["intercept"] == pytest.approx(line.intercept_stderr, rel=1e-10)
        reach = stats.t.ppf(0.95, len(x) - 2) * line.stderr
        low, high = fit.confidence_intervals(0.9)["coef"][0]
        assert (low, high) == pytest.approx((line.slope - reach, line.slope + reach), rel=1e-9)
        assert fit.uncertainty().degrees == pytest.approx(28)
        assert fit.correlation[0, 1] == pytest.approx(-math.sqrt(0.75 * 58 / 59), rel=1e-3)

    def test_a_far_offset_costs_no_digits(self):
        near, far = (st.fit(st.models.Linear(), CURVE_X + shift, CURVE_Y) for shift in (0, 2.0**30))
        assert far.standard_errors["coef"][0] == pytest.approx(near.standard_errors["coef"][0], rel=1e-6)

    def test_intervals_of_a_likelihood_are_normal(self):
        found = linear("poisson").uncertainty(level=0.8)
        assert found.degrees == math.inf
        assert found.quantile() == pytest.approx(stats.norm.ppf(0.9), rel=1e-12)
        low, high = found.confidence_intervals()["coef"].T
        np.testing.assert_allclose(high - low, 2 * stats.norm.ppf(0.9) * found.standard_errors["coef"], rtol=1e-10)
        assert found.confidence_intervals(0.9)["intercept"].shape == (2,)

    def test_a_mean_has_the_error_of_a_mean(self):
        y = TARGETS["squared"]
        fit = st.fit(lambda x, m: m, X, y)
        assert fit.standard_errors["m"] == pytest.approx(y.std(ddof=1) / math.sqrt(N), rel=1e-10)

    def test_ridge_by_its_linear_map(self):
        """A ridge estimate is K y, so its covariance is s² K Kᵀ: K by fits to unit vectors."""
        rows, strength, model = slice(12), st.penalties.L2(0.3), st.models.Linear()
        A = X[rows] / [1, 20]

        def estimate(y):
            params = st.fit(model, A, y, penalty=strength).params
            return np.append(params["coef"], params["intercept"])

        K = np.stack([estimate(e) for e in np.eye(12)], axis=1)
        y = TARGETS["squared"][rows]
        fit = st.fit(model, A, y, penalty=strength)
        hat = np.column_stack([A, np.ones(12)]) @ K
        variance = ((y - hat @ y) ** 2).sum() / (12 - np.trace(hat))
        found = fit.uncertainty()
        close(found.covariance, variance * K @ K.T, 1e-6)
        assert "penalised, strength taken as fixed" in found.label
        assert found.degrees == pytest.approx(12 - np.trace(hat), rel=1e-6)
        # All parameters of a function are penalised, also its constant.
        curve = st.fit(lambda X, a, b, c: a * X[:, 0] + b * X[:, 1] + c, A, y, penalty=strength)
        assert curve.standard_errors["c"] < found.standard_errors["intercept"]

    def test_own_loss_by_its_exact_hessian(self):
        fit = st.fit(decay, CURVE_X, CURVE_Y, loss=lambda z, y: np.log1p((z - y) ** 2 / 0.01))
        theta = jnp.array(list(fit.params.values()))

        def total(t):
            z = t[0] * jnp.exp(-t[1] * CURVE_X) + t[2]
            return jnp.log1p((z - CURVE_Y) ** 2 / 0.01).sum()

        with jax.enable_x64(True):
            wanted = np.linalg.inv(np.asarray(jax.hessian(total)(theta)))
        close(fit.covariance, wanted, 1e-6)
        assert "your own loss" in fit.uncertainty().label
        by_line = st.fit(st.models.Linear(), CURVE_X, CURVE_Y, loss=lambda z, y: (z - y) ** 2 / 2)
        squared = st.fit(st.models.Linear(), CURVE_X, CURVE_Y).uncertainty()
        close(by_line.covariance, squared.covariance / squared.scale)

    def test_own_loss_that_cannot_be_traced(self):
        def cosh(z, y):
            return np.array([math.log(math.cosh(float(a) - float(b))) for a, b in zip(z, y, strict=True)])

        hidden = st.fit(st.models.Linear(), CURVE_X, CURVE_Y, loss=cosh)
        traced = st.fit(st.models.Linear(), CURVE_X, CURVE_Y, loss=lambda z, y: np.log(np.cosh(z - y)))
        close(hidden.covariance, traced.covariance, 1e-4)

    def test_only_rows_that_were_learnt_count(self):
        fit = st.fit(st.models.Linear(), X, TARGETS["squared"], validation=0.25, rng=1)
        used = fit.basis.learnt
        assert used.sum() == 30
        close(fit.covariance, linear("squared", used).covariance, 1e-4)
        # Other rows leave other errors.
        assert abs(fit.covariance[0, 0] / linear("squared").covariance[0, 0] - 1) > 0.01

    def test_batches_of_a_certified_fit(self):
        by_batches = linear("log loss", batch_size=8, rng=0)
        assert by_batches.outcome == "converged"
        close(by_batches.covariance, linear("log loss").covariance, 1e-5)


class TestParametersWithoutErrors:
    def test_columns_that_repeat_each_other(self):
        both = st.fit(st.models.Linear(), np.column_stack([X, 2 * X[:, 0] + 1]), TARGETS["squared"])
        found, alone = both.uncertainty(), linear("squared")
        assert list(found.reasons) == ["coef[0]", "coef[2]", "intercept"]
        assert np.isinf(found.standard_errors["coef"][[0, 2]]).all()
        assert found.standard_errors["coef"][1] == pytest.approx(alone.standard_errors["coef"][1], rel=1e-9)
        assert np.isnan(found.covariance[0, 1])
        assert found.confidence_intervals()["coef"][0].tolist() == [-math.inf, math.inf]

    def test_a_column_that_is_constant(self):
        fit = st.fit(st.models.Linear(), np.column_stack([X[:, 0], np.full(N, 7.3)]), TARGETS["squared"])
        assert np.isfinite(fit.standard_errors["coef"][0])
        assert np.isinf(fit.standard_errors["coef"][1])

    def test_parameters_of_a_function_that_act_as_one(self):
        fit = st.fit(lambda x, a, b, c: a * x + b + c, CURVE_X, CURVE_Y)
        line = st.fit(lambda x, a, b: a * x + b, CURVE_X, CURVE_Y)
        assert set(fit.uncertainty().reasons) == {"b", "c"}
        assert fit.standard_errors["a"] == pytest.approx(line.standard_errors["a"], rel=1e-9)

    def test_differences_that_hide_what_acts_as_one(self):
        def hidden(x, a, b, c):
            return np.array(
                [float(a) * np.exp(-float(b) * float(t)) + float(c) * np.exp(-float(b) * float(t)) for t in x]
            )

        fit = st.fit(hidden, CURVE_X, CURVE_Y)
        assert fit.kind == "differences"
        assert list(fit.uncertainty().reasons) == ["a", "c"]

    @pytest.mark.parametrize("how", ["fixed", "at_bound"])
    def test_what_is_held_has_none_and_the_others_are_those_with_it_held(self, how):
        start = {"a": 2.5, "b": 1.3, "c": 0.4}
        free = st.fit(lambda x, a, b: decay(x, a, b, 0.4), CURVE_X, CURVE_Y)
        fit = st.fit(decay, CURVE_X, CURVE_Y, start=start, epochs=1)
        fit.x = {**free.params, "c": 0.4}
        vars(fit)[how] = {"c": 0.4} if how == "fixed" else {"c": "low"}
        found = fit.uncertainty()
        assert list(found.reasons) == ["c"]
        assert ("held" if how == "fixed" else "lower bound") in found.reasons["c"]
        assert np.isnan(found.standard_errors["c"])
        close(found.covariance[:2, :2], free.covariance)
        assert found.degrees == pytest.approx(28)

    @pytest.mark.parametrize("options", [{"fixed": {"c": 0.3}}, {"bounds": {"c": (0, 0.3)}}], ids=["fixed", "bounds"])
    def test_fits_with_a_parameter_held(self, options):
        free = st.fit(lambda x, a, b: decay(x, a, b, 0.3), CURVE_X, CURVE_Y)
        found = st.fit(decay, CURVE_X, CURVE_Y, **options).uncertainty()
        assert list(found.reasons) == ["c"]
        assert "before the minimum" not in found.label
        close(found.covariance[:2, :2], free.covariance, 1e-5)
        wide = st.fit(decay, CURVE_X, CURVE_Y, bounds={"c": (0, 9)})
        assert not wide.uncertainty().reasons
        close(wide.covariance, st.fit(decay, CURVE_X, CURVE_Y).covariance, 1e-5)

    def test_a_coefficient_and_an_intercept_that_are_held(self):
        y = TARGETS["squared"]
        origin = st.fit(lambda X, w: w * X[:, 1], X, y)
        fit = st.fit(st.models.Linear(), X, y)
        fit.x = {"coef": np.array([0.0, float(origin.params["w"])]), "intercept": 0.0}
        fit.at_bound, fit.fixed = {"coef[0]": "low"}, {"intercept": 0.0}
        found = fit.uncertainty()
        assert list(found.reasons) == ["coef[0]", "intercept"]
        assert found.flat_errors[1] == pytest.approx(origin.standard_errors["w"], rel=1e-9)
        fit.at_bound, fit._uncertain = {"coef[0]": "low", "coef[1]": "low"}, {}
        assert "every parameter" in fit.uncertainty().why


def _loaded(tmp_path):
    fit = linear("poisson")
    fit.save(tmp_path / "fit")
    return st.load(tmp_path / "fit")


class TestFitsWithoutErrors:
    @pytest.mark.parametrize(
        ("fit", "why"),
        [
            (lambda: linear("squared", penalty=st.penalties.L1(0.01)), "L1 penalty sets parameters to exactly 0"),
            (lambda: linear("squared", penalty=lambda w: (w**4).sum()), "function of your own"),
            (lambda: st.fit(st.models.Linear(), X, Z, loss="absolute"), "absolute loss has kinks"),
            (lambda: st.fit(st.models.Logistic(), X[:, 0], X[:, 0] > 0), "no finite minimum"),
            (lambda: st.fit(lambda x, a, b, c: decay(x, a, b, c), CURVE_X[:3], CURVE_Y[:3]), "3 rows leave nothing"),
            (lambda: linear("squared", sample_weight=np.full(N, 0.01)), 'weights="precision"'),
            (lambda: st.fit(st.models.Linear(), iter([(X, Z), (X, Z)])), "rows came as a stream"),
            (lambda: st.fit(st.models.Network((2,)), X, Z, epochs=1), "parameters of a network"),
            (lambda: st.fit(st.models.Tree(1), X, Z, rng=0), "parameters of a tree"),
            (
                lambda: st.fit(st.models.SVM("rbf", components=5), X, Z > 0, loss="squared hinge"),
                "features of a kernel",
            ),
            (
                lambda: st.fit(
                    st.models.Custom(lambda p, x: x @ p["w"], start={"w": np.ones(2)}), X / [1, 1000], Z, epochs=2
                ),
                "network of your own",
            ),
        ],
        ids=lambda case: case if isinstance(case, str) else "",
    )
    def test_the_reason_is_given(self, fit, why):
        fit = fit()
        found = fit.uncertainty()
        assert why in found.why
        assert np.isnan(found.covariance).all()
        with pytest.warns(RuntimeWarning, match="no standard errors"):
            assert np.isnan(fit.covariance).all()

    def test_a_fit_that_has_not_converged_says_how_far_it_is(self):
        assert "standard errors before the minimum" in linear("squared", step=1e-7, epochs=3).uncertainty().label
        short = st.fit(decay, CURVE_X, CURVE_Y, step=0.01, epochs=20)
        assert "standard errors before the minimum" in short.uncertainty().label
        assert "before" not in linear("squared").uncertainty().label
        assert "before" not in st.fit(st.models.Linear(), X, 3 * X[:, 0]).uncertainty().label

    @pytest.mark.parametrize("loss", ["squared", "log loss"])
    def test_a_penalty_does_not_pull_a_fit_from_its_minimum(self, loss):
        label = linear(loss, penalty=st.penalties.L2(0.3)).uncertainty().label
        assert label.endswith("penalised, strength taken as fixed")

    def test_an_estimator_that_made_several_fits_says_so(self):
        found = DescentRegressor(penalty=None).fit(X, np.column_stack([Z, -Z])).run_.uncertainty().why
        assert "several fits" in found
        assert "stream" not in found

    @pytest.mark.parametrize(("loss", "has_factor"), [("log loss", False), ("poisson", False), ("gamma", True)])
    def test_precisions_scale_the_information_by_a_factor_if_the_loss_has_one(self, loss, has_factor):
        """As var_weights in statsmodels: twice the precision is half the covariance, unless a factor is estimated."""
        once, twice = (linear(loss, sample_weight=np.full(N, w)).uncertainty(weights="precision") for w in (1.0, 2.0))
        close(twice.covariance, once.covariance / (1 if has_factor else 2), 1e-6)
        assert ("up to a factor" in twice.label) is has_factor

    def test_a_row_that_alone_determines_a_parameter(self):
        alone = np.column_stack([X[:, 0], np.arange(N) == 3])
        fit = st.fit(st.models.Linear(), alone, TARGETS["squared"])
        assert "leverage 1" in fit.uncertainty("HC3").why
        assert not fit.uncertainty("HC1").why

    def test_a_variance_needs_a_degree_of_freedom(self):
        """Student's t with a thousandth of a degree has intervals of 1e100 and more."""
        fit = st.fit(st.models.Linear(), X[:3] / [1, 1000], Z[:3] + X[:3, 0] ** 2, penalty=st.penalties.L2(1e-4))
        assert "degrees of freedom" in fit.uncertainty().why
        strong = st.fit(st.models.Linear(), X[:6] / [1, 1000], Z[:6], penalty=st.penalties.L2(1e-4))
        assert not strong.uncertainty().why

    def test_too_few_rows_are_counted_against_parameters_and_not_the_rank(self):
        fit = st.fit(decay, CURVE_X[:2], CURVE_Y[:2])
        assert "2 rows leave nothing to estimate the variance from beside 3 parameters" in fit.uncertainty().why

    def test_a_fit_through_every_row_says_that_its_errors_are_rounding(self):
        exact = st.fit(st.models.Linear(), X, X @ [2.0, 1.0] + 1)
        assert "mean nothing" in exact.uncertainty().label
        assert "mean nothing" not in linear("squared").uncertainty().label
        assert "mean nothing" not in st.fit(decay, CURVE_X, decay(CURVE_X, 2, 1, 1).round(13)).uncertainty().label

    def test_derivatives_that_are_not_finite(self):
        fit = st.fit(decay, CURVE_X, CURVE_Y)
        fit.x = {**fit.params, "b": -1e3}
        assert "not finite" in fit.uncertainty().why

    def test_several_fits_in_one(self):
        table = {"x": list(X[:, 0]), "y": ["abc"[k % 3] for k in range(N)]}
        fit = st.fit_table(table, "y", loss="squared hinge", held_out=0)
        assert "one fit for each class" in fit.uncertainty().why

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"robust": "HC4"}, "HC4"),
            ({"robust": 1}, "HC1"),
            ({"weights": "count"}, "count"),
            ({"level": 95}, "0.95"),
            ({"level": True}, "level"),
            ({"absolute_sigma": True}, "precision"),
            ({"absolute_sigma": 1}, "absolute_sigma=1"),
            ({"absolute_sigma": True, "weights": "precision", "robust": True}, "leave one"),
        ],
    )
    def test_options_that_make_no_sense(self, options, words):
        with pytest.raises(ValueError, match=words):
            linear("squared").uncertainty(**options)

    def test_options_that_a_loss_does_not_take(self):
        with pytest.raises(ValueError, match="squared loss"):
            linear("poisson").uncertainty(weights="precision", absolute_sigma=True)
        with pytest.raises(ValueError, match="HC1"):
            st.fit(st.models.Multinomial(), X[:, 0], np.arange(N) % 3).uncertainty("HC3")


class TestOnDemand:
    def test_the_arrays_that_a_fit_keeps_cannot_be_written_to(self):
        fit = linear("squared")
        with pytest.raises(ValueError, match="read-only"):
            fit.covariance[0, 0] = 7
        fit.standard_errors["coef"][0] = 7
        assert fit.standard_errors["coef"][0] != 7

    def test_nothing_is_computed_before_it_is_asked_for(self):
        calls = []

        def counted(x, a, b):
            calls.append(1)
            return a * x + b

        fit = st.fit(counted, CURVE_X, CURVE_Y)
        assert not fit._uncertain
        fit.uncertainty()
        before = len(calls)
        fit.uncertainty(level=0.5)
        assert fit.standard_errors
        assert len(calls) == before

    def test_saved_errors_need_no_rows(self, tmp_path):
        loaded = _loaded(tmp_path)
        fit = linear("poisson")
        np.testing.assert_allclose(loaded.covariance, fit.covariance, rtol=1e-9)
        assert loaded.uncertainty().label == fit.uncertainty().label
        assert "rows are not at hand" in loaded.uncertainty("HC0").why
        curve = st.fit(lambda x, a, b, c: a * x + b + c, CURVE_X, CURVE_Y)
        curve.uncertainty("HC2")
        curve.save(tmp_path / "curve")
        again = st.load(tmp_path / "curve")
        np.testing.assert_array_equal(again.uncertainty("HC2").covariance, curve.uncertainty("HC2").covariance)
        assert again.uncertainty("HC2").reasons == curve.uncertainty("HC2").reasons
        again.save(tmp_path / "again")
        assert st.load(tmp_path / "again").uncertainty("HC2").names == ("a", "b", "c")

    def test_a_table_has_the_errors_of_its_fit(self):
        fit = st.fit_table({"x": list(CURVE_X), "y": list(CURVE_Y)}, "y", held_out=0)
        wanted = st.fit(st.models.Linear(), CURVE_X, CURVE_Y)
        np.testing.assert_allclose(fit.covariance, wanted.covariance, rtol=1e-8)
        assert fit.uncertainty(robust=True).names == ("x", "intercept")
        assert fit.confidence_intervals(0.5)["coef"].shape == (1, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert fit.standard_errors["coef"].shape == (1,)
            assert fit.correlation.shape == (2, 2)


class TestRowsThatChange:
    @pytest.mark.parametrize("make", [np.copy, sparse.csr_array])
    def test_a_small_array_may_change_after_the_fit(self, make):
        rows = make(X)
        fit = st.fit(st.models.Linear(), rows, TARGETS["squared"])
        rows *= 0.5
        close(fit.covariance, linear("squared").covariance)

    @pytest.mark.parametrize("change", ["scaled", "shuffled", "one"])
    @pytest.mark.always(2)
    def test_a_large_array_that_has_changed_gives_no_errors(self, change, monkeypatch):
        monkeypatch.setattr("steepest.data.unchanged.MOST_COPIED", 100)
        rows = X.copy()
        fit = st.fit(st.models.Linear(), rows, TARGETS["squared"])
        assert not fit.uncertainty().why
        known, fit._uncertain = fit.covariance, {}
        if change == "scaled":
            rows *= 0.5
        elif change == "shuffled":
            RNG.shuffle(rows)
        else:
            rows[3, 1] += 1e-9
        assert "X has changed since the fit" in fit.uncertainty().why
        assert not fit.summary().values
        for call in (fit.more, fit.bootstrap, lambda: fit.batch_gradients(fit.params, [[0]])):
            with pytest.raises(ValueError, match="X has changed since the fit"):
                call()
        rows[:] = X
        fit._uncertain = {}
        close(fit.covariance, known)
