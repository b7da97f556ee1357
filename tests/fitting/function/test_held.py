"""Fits of functions with bounds and fixed parameters, compared with SciPy, reduced problems and closed forms."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize
from tests.oracles.nist import NonLinear, sets

import steepest as st
from steepest.derivatives.bounds import Box
from steepest.descent.run import Run
from steepest.fitting.function.boxed import BoxedModel
from steepest.fitting.function.least_squares import LeastSquaresSolver
from steepest.fitting.function.residuals import ModelResiduals

X = np.linspace(0, 4, 60)
Y = 2.5 * np.exp(-1.3 * X) + 0.4 + 0.05 * np.cos(40 * X)


def decay(x, a, b, c):
    return a * np.exp(-b * x) + c


CALLED: list = []


def plain(x, a, b, c):
    """`decay` in code that can't be traced, which keeps the points at which it is called."""
    CALLED.append((float(a), float(b), float(c)))
    return np.array([float(a) * float(np.exp(-float(b) * float(t))) + float(c) for t in x])


def values(fit):
    return np.array(list(fit.params.values()), dtype=float)


def theirs(model, x, y, start, low, high):
    """Return SciPy's answer between bounds, and its sum of squares."""
    with np.errstate(all="ignore"):
        found = optimize.least_squares(
            lambda q: model(x, *q) - y, np.clip(start, low, high), bounds=(low, high), x_scale="jac",
            xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=3_000,
        )  # fmt: skip
    return found.x, 2 * found.cost


def assert_optimal(fit, model, x, y, low, high):
    """Check the conditions of a minimum in a box: no slope inside, and slopes outward at bounds alone.

    The largest slope allowed is a cosine of 1e-6 between the residuals and the effect of the parameter, as in MINPACK.
    """
    point, slopes = values(fit), np.array(list(fit.jac.values()), dtype=float)
    assert np.all((point >= low) & (point <= high))
    free = {name: k for k, name in enumerate(fit.trace.names)}
    for name, side in fit.at_bound.items():
        k = free.pop(name)
        assert point[k] == (low if side == "low" else high)[k]
        assert slopes[k] > 0 if side == "low" else slopes[k] < 0
    left = model(x, *point) - y
    for k in free.values():
        shift = np.where(np.arange(point.size) == k, 1e-6 * np.abs(point), 0.0)
        effect = (model(x, *(point + shift)) - model(x, *(point - shift))) / (2 * shift[k])
        # A parameter on a plateau has no effect, and no slope.
        steepest = np.linalg.norm(effect) * np.linalg.norm(left)
        assert abs(slopes[k]) * len(y) / 2 <= 1e-6 * steepest + 1e-12 * fit.fun


# The bound sends these to infinity, where SciPy gives up, too: an exponential that cancels another, or a plateau.
ENDLESS = {("Lanczos1", 0), ("Lanczos2", 0), ("Lanczos3", 0), ("MGH17", 0), ("MGH17", 1), ("MGH09", 0), ("MGH10", 0)}
FEW = ("Misra1a", "Thurber", "BoxBOD", "Eckerle4")


@pytest.mark.parametrize("name", sets(FEW))
def test_bounds_between_start_and_certified_values_as_scipys(name):
    problem = NonLinear(name)
    n = problem.certified.size
    names = [f"b{k + 1}" for k in range(n)]
    for number, start in enumerate(problem.starts):
        if (name, number) in ENDLESS:
            continue
        for bounded in {(0,), (n - 1,), (0, n - 1)}:
            low, high = np.full(n, -np.inf), np.full(n, np.inf)
            for k in bounded:
                middle = (start[k] + problem.certified[k]) / 2
                (high if problem.certified[k] > start[k] else low)[k] = middle
            bounds = {names[k]: (low[k], high[k]) for k in bounded}
            fit = st.fit(problem.predict, problem.x, problem.y, start=start, bounds=bounds)
            _, value = theirs(problem.predict, problem.x, problem.y, start, low, high)
            assert fit.fun * len(problem.y) <= value * (1 + 1e-10)
            assert fit.outcome == "converged"
            assert fit.certificate.kind == "audited"
            # Lanczos has two more minima, in which the exponentials change places.
            assert fit.at_bound or name.startswith("Lanczos")
            assert_optimal(fit, problem.predict, problem.x, problem.y, low, high)


@pytest.mark.parametrize("fixed", [{"c": 0.3}, {"a": 2.0}, {"a": 2.0, "b": 1.0}])
def test_fixed_parameters_are_those_of_the_reduced_problem(fixed):
    fit = st.fit(decay, X, Y, fixed=fixed)
    free = [k for k, name in enumerate("abc") if name not in fixed]

    def residuals(part):
        whole = np.array([fixed.get(name, 0.0) for name in "abc"])
        whole[free] = part
        return decay(X, *whole) - Y

    found = optimize.least_squares(residuals, np.ones(len(free)), xtol=1e-15, ftol=1e-15, gtol=1e-15)
    np.testing.assert_allclose(values(fit)[free], found.x, rtol=1e-8)
    assert fit.fun * len(Y) == pytest.approx(2 * found.cost, rel=1e-12)
    assert fit.fixed == fixed
    assert (fit.outcome, fit.bounds, fit.at_bound) == ("converged", {}, {})
    for name, value in fixed.items():
        column = fit.trace.x[:, fit.trace.names.index(name)]
        assert np.all(column == value)
        assert fit.params[name] == value
        assert fit.certificate.x_error[fit.trace.names.index(name)] == 0
    np.testing.assert_array_equal(fit.predict(X), decay(X, **fit.params))
    assert "fixed" in str(fit)


def test_bounds_and_fixed_together_by_values_are_as_by_traced_code():
    CALLED.clear()
    bounds, fixed = {"b": (0, 1), "a": (0.5, None)}, {"c": 0.3}
    traced, by_values = (st.fit(model, X, Y, bounds=bounds, fixed=fixed) for model in (decay, plain))
    assert (traced.kind, by_values.kind) == ("traced", "differences")
    np.testing.assert_allclose(values(by_values), values(traced), rtol=1e-7)
    points = np.array(CALLED)
    assert np.all((points[:, 0] >= 0.5) & (points[:, 1] >= 0) & (points[:, 1] <= 1) & (points[:, 2] == 0.3))
    for fit in (traced, by_values):
        assert fit.params["b"] == 1
        assert fit.at_bound == {"b": "high"}
        assert fit.bounds == {"a": (0.5, None), "b": (0.0, 1.0)}
        assert fit.certificate.x_error[1:] == (0, 0)
        assert fit.outcome == "converged"
        assert "b is at its upper bound 1, where the function still falls outward" in str(fit)


def test_a_start_on_a_bound_leaves_it():
    CALLED.clear()
    fit = st.fit(plain, X, Y, start={"a": 1, "b": 0, "c": 1}, bounds={"b": (0, 3)})
    free = st.fit(decay, X, Y)
    np.testing.assert_allclose(values(fit), values(free), rtol=1e-6)
    assert (fit.at_bound, fit.outcome) == ({}, "converged")
    assert np.min(np.array(CALLED)[:, 1]) >= 0


def test_bounds_that_do_not_bite_change_nothing():
    free, boxed = st.fit(decay, X, Y), st.fit(decay, X, Y, bounds={"a": (-10, 10), "b": (-10, 10)})
    np.testing.assert_allclose(values(boxed), values(free), rtol=1e-12)
    assert (boxed.outcome, boxed.at_bound) == ("converged", {})


def test_a_parameter_that_happens_to_lie_at_its_bound_is_not_held_by_it():
    y = 2 * X + 1 + 0.1 * np.cos(40 * X)
    m, b = np.polyfit(X, y, 1)
    fit = st.fit(lambda x, m, b: m * x + b, X, y, start=(4, 2), bounds={"m": (m, None), "b": (b, None)})
    np.testing.assert_allclose(values(fit), [m, b], rtol=1e-12)
    assert (fit.outcome, fit.at_bound) == ("converged", {})
    assert np.all(np.array(fit.certificate.x_error) > 0)


def test_after_early_stopping_each_parameter_exactly_at_a_bound_is_named():
    """At an earlier epoch the slope at a bound may point inward, but its value is the bound and no estimate."""
    x, rng = np.linspace(0.1, 4, 40), np.random.default_rng(0)
    y = 2 * np.exp(-1.5 * x) + 0.3 + 0.02 * rng.standard_normal(40)
    inward = 0
    for seed in range(2):
        fit = st.fit(
            lambda x, a, rate, off: a * np.exp(-rate * x) + off, x, y, bounds={"rate": (0, 1.2)}, validation=0.2,
            rng=seed,
        )  # fmt: skip
        assert fit.at_bound == ({"rate": "high"} if fit.params["rate"] == 1.2 else {})
        inward += fit.params["rate"] == 1.2 and fit.jac["rate"] > 0
    assert inward


def test_a_minimum_that_lies_exactly_at_a_bound():
    x = np.arange(5.0)
    fit = st.fit(lambda x, m, b: m * x + b**2, x, 3 * x, start=(4, 1), bounds={"m": (3, None), "b": (0, None)})
    assert fit.params["m"] == pytest.approx(3)
    assert fit.outcome == "converged"


def test_a_maximum_at_a_bound_is_no_minimum():
    # Into the box the value falls from b = 0, though its slope is 0 there.
    fit = st.fit(lambda x, m, b: m * x + b**2, X, 3 * X + 2, start=(3.0, 0.0), bounds={"b": (0, 5)})
    assert fit.outcome != "converged"


def test_linear_models_between_bounds_are_solved_as_scipys_do():
    rng = np.random.default_rng(0)
    for trial in range(60):
        n = int(rng.integers(1, 8))
        J, rho = rng.standard_normal((n + int(rng.integers(0, 5)), n)), rng.standard_normal(n + 12)
        rho = rho[: len(J)]
        low, high = -rng.uniform(0, 1, n) * rng.integers(0, 2, n), rng.uniform(0, 1, n)
        low[rng.random(n) < 0.2], high[rng.random(n) < 0.2] = -np.inf, np.inf
        triangle = np.linalg.qr(np.column_stack([J, rho]), mode="r")
        slopes = J.T @ rho
        held = ((low == 0) & (slopes > 0)) | ((high == 0) & (slopes < 0))
        model = BoxedModel(triangle, np.linalg.norm(J, axis=0), low, high, held)
        found = optimize.lsq_linear(J, -rho, (np.where(low == high, low - 1e-12, low), high), tol=1e-14)
        mine = np.sum((J @ model.full.p + rho) ** 2)
        assert mine <= 2 * found.cost * (1 + 1e-10) + 1e-20, trial
        assert model.decrement == pytest.approx(rho @ rho - mine, abs=1e-10)
        assert np.all((model.full.p >= low) & (model.full.p <= high))
        for side in (low, high):
            # A step that ends at a bound ends there exactly.
            assert np.all(
                model.full.p[np.abs(model.full.p - side) < 1e-12] == side[np.abs(model.full.p - side) < 1e-12]
            )
        short = model.step(0.05 * model.full.length or 1.0)
        damped = np.vstack([J, np.sqrt(short.damping) * np.diag(model.scale)])
        other = optimize.lsq_linear(damped, -np.append(rho, np.zeros(n)), (low - 1e-300, high), tol=1e-14)
        mine = np.sum((damped @ short.p + np.append(rho, np.zeros(n))) ** 2)
        assert mine <= 2 * other.cost * (1 + 1e-9) + 1e-20, trial


def test_a_point_lands_on_its_bound_in_spite_of_rounding():
    rng = np.random.default_rng(2)
    x, low = rng.uniform(0.5, 1, 2_000), -rng.uniform(0, 1e-3, 2_000)
    assert np.any(x + (low - x) > low)
    solver = SimpleNamespace(x=x, box=Box(low, np.full(x.size, np.inf)))
    np.testing.assert_array_equal(LeastSquaresSolver.after(solver, low - x), low)


def test_slopes_at_an_edge_are_as_accurate_as_inside():
    for b in (0.0, 1e-7, 1.0 - 1e-7, 1.0):
        x, box = np.array([2.0, b, 0.3]), Box(np.array([-np.inf, 0, 0.3]), np.array([np.inf, 1, 0.3]))
        residuals = ModelResiduals(lambda p: plain(X, *p) - Y, np.ones(3), float(np.linalg.norm(Y)), 60.0, 0.0, box=box)
        CALLED.clear()
        J = residuals.by_differences(x)
        exact = np.column_stack([np.exp(-b * X), -2 * X * np.exp(-b * X), np.zeros(60), decay(X, *x) - Y])
        np.testing.assert_allclose(J, exact, atol=2e-8)
        curved = residuals.second_order_by_differences(x).matrix
        assert curved[0, 1] == pytest.approx(-(X * np.exp(-b * X)) @ exact[:, 3], rel=1e-2)
        assert curved[1, 1] == pytest.approx((2 * X**2 * np.exp(-b * X)) @ exact[:, 3], rel=1e-2)
        assert all(0 <= point[1] <= 1 and point[2] == 0.3 for point in CALLED)


class TestOtherSolvers:
    def reference(self, loss, low, high, c):
        return optimize.minimize(
            lambda q: loss(decay(X, *q, c), Y).mean(), [1.0, 0.7], bounds=[(low, high), (None, 1)], method="L-BFGS-B",
            options={"ftol": 1e-15, "gtol": 1e-12},
        )  # fmt: skip

    def test_another_loss(self):
        huber = st.losses.Huber(0.05)
        fit = st.fit(decay, X, Y, loss=huber, bounds={"b": (None, 1)}, fixed={"c": 0.3})
        found = self.reference(huber, None, None, 0.3)
        assert fit.fun <= found.fun * (1 + 1e-9)
        np.testing.assert_allclose(values(fit)[:2], found.x, rtol=1e-5)
        assert (fit.at_bound, fit.outcome) == ({"b": "high"}, "converged")

    @pytest.mark.parametrize("rule", [{}, {"direction": "adam", "step": 0.03}, {"direction": "momentum", "step": 0.02}])
    @pytest.mark.always(2)
    def test_updates_on_batches_are_projected(self, rule):
        exact = st.fit(decay, X, Y, bounds={"b": (None, 1)}, fixed={"c": 0.3})
        fit = st.fit(decay, X, Y, batch_size=16, epochs=80, bounds={"b": (None, 1)}, fixed={"c": 0.3}, rng=0, **rule)
        assert np.all(fit.trace.x[:, 1] <= 1)
        assert np.all(fit.trace.x[:, 2] == 0.3)
        assert fit.fun <= exact.fun * 1.02
        assert fit.outcome == "completed"
        assert fit.at_bound == {"b": "high"}

    def test_a_bound_that_presses_hard_does_not_stop_the_others(self):
        def steep(x, a, b, c):
            return 1000 * (a * x + b) + c

        y, held = 1000 * (2 * X + 5) + Y, {"bounds": {"b": (None, 1)}, "fixed": {"c": 0.3}}
        fit = st.fit(steep, X, y, batch_size=16, epochs=40, start=(1, 0.9, 0), rng=0, **held)
        assert fit.fun <= st.fit(steep, X, y, **held).fun * (1 + 3e-5)

    def test_a_tree_of_parameters_by_the_names_of_its_leaves(self):
        net = st.models.Custom(
            lambda p, x: p["a"] * jnp.exp(-p["w"][0] * x) + p["w"][1], start={"a": 1.0, "w": np.array([0.5, 0.5])}
        )
        other = st.fit(decay, X, Y, bounds={"b": (0, 1)}, fixed={"c": 0.3})
        for fixed in ({"w": {1: 0.3}}, {"w[1]": 0.3}, {"w": [None, 0.3]}):
            fit = st.fit(net, X, Y, bounds={"w[0]": (0, 1)}, fixed=fixed)
            np.testing.assert_allclose(fit.trace.x[-1], values(other), rtol=1e-6)
            assert (fit.at_bound, fit.fixed) == ({"w[0]": "high"}, {"w[1]": 0.3})
            assert fit.outcome == "converged"
        batched = st.fit(net, X, Y, bounds={"w": (0.35, 1)}, batch_size=16, epochs=3, rng=0)
        assert np.all((batched.trace.x[:, 1:] >= 0.35) & (batched.trace.x[:, 1:] <= 1))

    def test_a_state_has_no_bounds(self):
        def apply(params, state, x, key):
            return params["m"] * x + params["b"], state + 1.0

        net = st.models.Custom(apply, start={"m": 0.5, "b": 0.0}, state=np.zeros(1))
        fit = st.fit(net, X, 3 * X + 1, step=0.02, epochs=300, bounds={"m": (None, 2)}, fixed={"b": 1.0})
        assert fit.params["m"] == 2
        assert fit.params["b"] == 1
        assert fit.at_bound == {"m": "high"}


class TestArrays:
    x = np.linspace(0, 1, 30)

    @staticmethod
    def model(x, w, m):
        return w[0] + w[1] * x + w[2] * x**2 + m * x**3

    @property
    def y(self):
        return self.model(self.x, np.array([1.0, -2.0, 3.0]), -1.0)

    start = {"w": np.zeros(3), "m": 0.0}  # noqa: RUF012 - not changed

    def design(self):
        return np.column_stack([np.ones(30), self.x, self.x**2, self.x**3])

    def test_one_pair_for_all_entries_is_non_negative_least_squares(self):
        fit = st.fit(self.model, self.x, self.y, start=self.start, bounds={"w": (0, None), "m": (0, None)})
        found, _ = optimize.nnls(self.design(), self.y)
        np.testing.assert_allclose(np.append(fit.params["w"], fit.params["m"]), found, atol=1e-12)
        assert set(fit.at_bound) == {fit.trace.names[k] for k in np.flatnonzero(found == 0)}

    def test_a_pair_for_each_entry(self):
        pairs = [(0, 0.5), (None, None), (-1, 1)]
        fit = st.fit(self.model, self.x, self.y, start=self.start, bounds={"w": pairs})
        box = np.array([0, -np.inf, -1, -np.inf]), np.array([0.5, np.inf, 1, np.inf])
        found = optimize.lsq_linear(self.design(), self.y, box, tol=1e-14, method="bvls")
        np.testing.assert_allclose(np.append(fit.params["w"], fit.params["m"]), found.x, atol=1e-9)
        assert fit.bounds == {"w[0]": (0.0, 0.5), "w[2]": (-1.0, 1.0)}

    @pytest.mark.parametrize("fixed", [{"w": [None, None, 1.0]}, {"w[2]": 1.0}, {"w": {2: 1.0}}])
    def test_single_entries_are_fixed(self, fixed):
        fit = st.fit(self.model, self.x, self.y, start=self.start, fixed=fixed)
        J = np.delete(self.design(), 2, axis=1)
        found = np.linalg.lstsq(J, self.y - self.x**2, rcond=None)[0]
        np.testing.assert_allclose([*fit.params["w"][:2], fit.params["m"]], found, rtol=1e-9)
        assert fit.fixed == {"w[2]": 1.0}

    def test_a_whole_array_is_fixed_and_shows_its_shape(self):
        w = np.array([1.0, -2.0, 3.0])
        fit = st.fit(self.model, self.x, self.y, fixed={"w": w})
        np.testing.assert_array_equal(fit.params["w"], w)
        assert fit.params["m"] == pytest.approx(-1, rel=1e-9)


class TestGoingOn:
    @pytest.mark.parametrize(
        "options", [{}, {"loss": st.losses.Huber(0.05)}, {"batch_size": 16}, {"step": 0.05}], ids=str
    )
    def test_more_is_bit_for_bit_as_if_not_stopped(self, options):
        held = {"bounds": {"b": (None, 1.0)}, "fixed": {"c": 0.3}, "rng": 0}
        whole = st.fit(decay, X, Y, epochs=6, **held, **options)
        parts = st.fit(decay, X, Y, epochs=2, **held, **options).more(epochs=4)
        np.testing.assert_array_equal(parts.trace.x, whole.trace.x)
        assert (parts.bounds, parts.fixed, parts.at_bound) == (whole.bounds, whole.fixed, whole.at_bound)
        assert parts.fixed == {"c": 0.3}

    def test_a_saved_fit_has_them_and_older_folders_load(self, tmp_path, monkeypatch):
        fit = st.fit(decay, X, Y, bounds={"b": (None, 1.0)}, fixed={"c": 0.3})
        fit.save(tmp_path / "new")
        loaded = st.load(tmp_path / "new")
        assert loaded == fit
        assert (loaded.bounds, loaded.fixed, loaded.at_bound) == ({"b": (None, 1.0)}, {"c": 0.3}, {"b": "high"})
        assert str(loaded) == str(fit)
        header = Run._header
        lacking = ("bounds", "fixed", "at_bound")
        monkeypatch.setattr(Run, "_header", lambda run: {k: v for k, v in header(run).items() if k not in lacking})
        fit.save(tmp_path / "old")
        monkeypatch.undo()
        old = st.load(tmp_path / "old")
        assert (old.bounds, old.fixed, old.at_bound) == ({}, {}, {})
        assert old.params == fit.params


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bounds": {"rate": (0, 1)}}, "bounds name 'rate'; the point has a, b, c"),
        ({"bounds": {"b": (2, 1)}}, r"bounds of b are \(2, 1\): low must not exceed high"),
        ({"bounds": {"b": (np.nan, 1)}}, r"bounds of b are \(nan, 1\)"),
        ({"bounds": {"b": (np.inf, np.inf)}}, "which no number meets"),
        ({"bounds": {"b": 3}}, r"give \(low, high\)"),
        ({"bounds": {"b": [(0, 1), (0, 2)]}}, r"give \(low, high\)"),
        ({"bounds": {"b": (2, 3)}, "start": (1, 1, 1)}, r"the start has b = 1, outside its bounds \(2, 3\)"),
        ({"bounds": {"b": (0, 3)}, "fixed": {"b": 1}}, "b has bounds and is fixed.*give one of the two"),
        ({"bounds": {"b": (0, 3)}, "fixed": {"b": 5}}, r"b is fixed at 5, outside its bounds \(0, 3\)"),
        ({"fixed": {"a": 1, "b": 1, "c": 1}}, "every parameter is fixed.*leave one of them free"),
        ({"bounds": {"a": (1, 1), "b": (1, 1), "c": (2, 2)}}, "every parameter is fixed"),
        ({"fixed": {"b": np.nan}}, "b is fixed at nan: give a finite number"),
        ({"fixed": {"b": "one"}}, "b is fixed at 'one': give the number that it keeps"),
        ({"fixed": {"b": True}}, "b is fixed at True"),
        ({"fixed": {"b": [1, 2]}, "start": (1, 1, 1)}, "fixed has 2 values for b, which has 1"),
        ({"bounds": {"b": (0, 1)}, "step": "wolfe"}, "straight line"),
    ],
)
def test_contradictions_have_one_line(options, words):
    with pytest.raises(ValueError, match=words) as caught:
        st.fit(decay, X, Y, **options)
    assert "\n" not in str(caught.value)


def test_a_misspelt_name_has_a_hint_and_a_list_is_refused():
    with pytest.raises(ValueError, match="did you mean 'offset'"):
        st.fit(lambda x, offset, m: m * x + offset, X, Y, fixed={"ofset": 1.0})
    for name in ("bounds", "fixed"):
        with pytest.raises(TypeError, match="give a dict by name"):
            st.fit(decay, X, Y, **{name: [(0, 1)] * 3})


@pytest.mark.parametrize("model", [st.models.Network(), st.models.Tree()])
def test_models_without_such_parameters_refuse_them(model):
    for name, given in {"bounds": {"coef": (0, 1)}, "fixed": {"coef": 1}}.items():
        with pytest.raises(ValueError, match=f"{name}=.* is not for a"):
            st.fit(model, X[:, None], Y, **{name: given})


def test_equal_bounds_fix_a_parameter_and_a_default_start_moves_inside():
    fit = st.fit(decay, X, Y, bounds={"b": (1, 1), "a": (2, 3), "c": (5, None)})
    assert fit.fixed == {"b": 1.0}
    assert fit.trace.x[0].tolist() == [2.5, 1.0, 6.0]
    assert fit.at_bound["c"] == "low"
