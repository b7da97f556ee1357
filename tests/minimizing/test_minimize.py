"""Descents of functions against closed forms, optax, SciPy and properties that must hold."""

import itertools
import textwrap
import time

import numpy as np
import optax
import pytest
import scipy.optimize
from tests.interrupts import interrupted

import steepest as st
from steepest.trace import Outcome


def bowl(x, y):
    return x**2 + y**2


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_by_values(x):
    """The same, in code that can't be traced."""
    return sum(100 * (float(b) - float(a) ** 2) ** 2 + (1 - float(a)) ** 2 for a, b in itertools.pairwise(x))


def rosenbrock_by_branches(x):
    """The same, in code that branches on values and is traced eagerly."""
    total = 0.0
    for a, b in itertools.pairwise(x):
        total = total + 100 * (b - a**2) ** 2 + ((1 - a) if a < 1 else (a - 1)) ** 2
    return total


ENGINES = {"traced": rosenbrock, "eager": rosenbrock_by_branches, "differences": rosenbrock_by_values}


class TestTextbook:
    def test_path_is_the_closed_form(self):
        run = st.gradient_descent(bowl, (9, 9), learning_rate=0.1, iterations=50)
        np.testing.assert_allclose(run.trace.x, 9 * 0.8 ** np.arange(51)[:, None] * np.ones(2), rtol=1e-14)
        np.testing.assert_allclose(run.trace.value, 162 * 0.64 ** np.arange(51), rtol=1e-13)
        np.testing.assert_allclose(run.trace.gradient_norm, 2 * np.sqrt(162) * 0.8 ** np.arange(51), rtol=1e-13)
        assert run.trace.step_size.tolist() == [0] + [0.1] * 50
        assert (run.outcome, run.success, run.nit, run.nfev) == ("completed", True, 50, 51)

    def test_shrinking_steps_are_the_formula(self):
        run = st.minimize(bowl, (9, 9), step=st.steps.Shrinking(0.3, decay=0.5, power=0.5), iterations=20)
        sizes = 0.3 / np.sqrt(1 + 0.5 * np.arange(20))
        np.testing.assert_allclose(run.trace.step_size[1:], sizes, rtol=1e-14)
        np.testing.assert_allclose(run.trace.x[1:, 0], 9 * np.cumprod(1 - 2 * sizes), rtol=1e-11)

    @pytest.mark.parametrize("chunked_by", ["one chunk", "a callback an iteration"])
    def test_a_function_of_the_iteration(self, chunked_by):
        def size(k):
            return 0.2 if k < 3 else 0.05

        callback = None if chunked_by == "one chunk" else (lambda intermediate_result: None)
        run = st.minimize(bowl, (9, 9), step=size, iterations=8, callback=callback)
        np.testing.assert_allclose(run.trace.step_size[1:], [0.2] * 3 + [0.05] * 5)
        np.testing.assert_allclose(run.trace.x[-1], 9 * 0.6**3 * 0.9**5, rtol=1e-13)

    def test_long_runs_are_continuous_across_chunks(self):
        run = st.minimize(lambda x: 0.5 * x**2, 1.0, step=1e-3, iterations=9_000)
        assert len(run.trace) == 9_001
        np.testing.assert_array_equal(run.trace.iteration, np.arange(9_001))
        np.testing.assert_allclose(run.trace.x[:, 0], 0.999 ** np.arange(9_001), rtol=1e-11)
        assert np.all(np.diff(run.trace.seconds) >= 0)


RULES = {
    "plain": (st.directions.Plain(), optax.sgd(0.001)),
    "momentum": (st.directions.Momentum(0.8), optax.sgd(0.001, momentum=0.8)),
    "nesterov": (st.directions.Nesterov(0.8), optax.sgd(0.001, momentum=0.8, nesterov=True)),
    "adagrad": (st.directions.AdaGrad(), optax.adagrad(0.001)),
    "rmsprop": (st.directions.RMSProp(), optax.rmsprop(0.001)),
    "adadelta": (st.directions.Adadelta(), optax.adadelta(0.001)),
    "adam": (st.directions.Adam(), optax.adam(0.001)),
    "adamw": (st.directions.AdamW(weight_decay=0.1), optax.adamw(0.001, weight_decay=0.1)),
    "nadam": (st.directions.NAdam(), optax.nadam(0.001)),
    "amsgrad": (st.directions.AMSGrad(b2=0.9), optax.amsgrad(0.001, b2=0.9)),
}


def optax_path(transformation, x, iterations):
    import jax
    import jax.numpy as jnp

    def f(x):
        return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    @jax.jit
    def step(x, state):
        value, slope = jax.value_and_grad(f)(x)
        extra = {"value": value, "grad": slope, "value_fn": f}
        updates, state = optax.with_extra_args_support(transformation).update(slope, state, x, **extra)
        return optax.apply_updates(x, updates), state

    with jax.enable_x64(True):
        x = jnp.asarray(x)
        state, path = transformation.init(x), [np.asarray(x)]
        for _ in range(iterations):
            x, state = step(x, state)
            path.append(np.asarray(x))
    return np.stack(path)


@pytest.mark.parametrize("rule", RULES)
class TestOptax:
    start = (-1.2, 1.0, 0.5)

    def test_rule_follows_the_path_of_optax(self, rule):
        direction, theirs = RULES[rule]
        run = st.minimize(rosenbrock, self.start, direction=direction, step=0.001, iterations=40)
        np.testing.assert_allclose(run.trace.x, optax_path(theirs, self.start, 40), rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("engine", ["eager", "differences"])
    @pytest.mark.always(10)
    def test_python_loop_follows_it_too(self, rule, engine):
        direction, theirs = RULES[rule]
        run = st.minimize(ENGINES[engine], self.start, direction=direction, step=0.001, iterations=15)
        assert run.kind == engine
        tolerance = 1e-12 if engine == "eager" else 1e-6
        np.testing.assert_allclose(run.trace.x, optax_path(theirs, self.start, 15), rtol=tolerance, atol=tolerance)

    @pytest.mark.always(3)
    def test_transformation_itself_is_a_rule(self, rule):
        theirs = RULES[rule][1]
        run = st.minimize(rosenbrock, self.start, step=theirs, iterations=40)
        np.testing.assert_allclose(run.trace.x, optax_path(theirs, self.start, 40), rtol=1e-12, atol=1e-12)


def test_nesterov_with_restart_ends_sooner_and_oscillates_less():
    """On an ill-conditioned quadratic the velocity oscillates; the restart of O'Donoghue and Candès resets it."""
    weights = np.array([1.0, 1000.0])

    def values(restart):
        rule = st.directions.Nesterov(0.99, restart=restart)
        f = lambda x: 0.5 * np.sum(weights * x * x)  # noqa: E731
        return st.minimize(f, (1.0, 1.0), direction=rule, step=0.0009, iterations=400).trace.value

    oscillating, restarted = values(False), values(True)
    assert restarted[-1] < 1e-6 * oscillating[-1]
    # A restart resets the velocity as soon as it leads uphill, so the value rises during one step at most.
    assert np.diff(restarted).max() <= 0.01 * np.diff(oscillating).max()


HYPER = {
    "decay of one": (
        lambda: st.directions.Momentum(1.0),
        r"Momentum\(decay=1.0\): it must be a number, 0 or more and below 1",
    ),
    "negative mean": (lambda: st.directions.Adam(b2=-0.1), r"Adam\(b2=-0.1\)"),
    "eps of NaN": (lambda: st.directions.RMSProp(eps=np.nan), "finite"),
    "text": (lambda: st.directions.AdaGrad("a"), r"AdaGrad\(initial='a'\)"),
    "no memory": (lambda: st.directions.LBFGS(0), "1 or more"),
}


@pytest.mark.parametrize("case", HYPER)
def test_bad_hyper_parameters(case):
    make, words = HYPER[case]
    with pytest.raises(ValueError, match=words):
        make()


SEARCHES = {
    "zoom": optax.lbfgs(),
    "backtracking": optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(40)),
}


@pytest.mark.parametrize("search", SEARCHES)
def test_optax_that_calls_the_function_follows_its_path(search):
    theirs, start = SEARCHES[search], (-1.2, 1.0, 0.5)
    run = st.minimize(rosenbrock, start, direction=theirs, iterations=25)
    # Its line search amplifies rounding errors from step to step.
    np.testing.assert_allclose(run.trace.x, optax_path(theirs, start, 25), rtol=1e-7, atol=1e-7)
    mirrored = st.maximize(lambda x: -rosenbrock(x), start, direction=theirs, iterations=25)
    np.testing.assert_allclose(mirrored.trace.x, run.trace.x, rtol=1e-12)


def test_optax_that_calls_a_function_that_cannot_be_traced():
    with pytest.raises(ValueError, match="calls the function itself, and this function can't be traced"):
        st.minimize(ENGINES["differences"], (-1.2, 1.0), direction=optax.lbfgs())


BY_TRIAL = [{}, {"direction": "plain"}, {"step": "wolfe"}, {"direction": "nesterov", "step": "wolfe"}]
# Plain descent takes thousands of steps down the valley. Traced again in each, they would take minutes.
SEARCHED = [(rule, engine) for rule in BY_TRIAL for engine in ENGINES if engine != "eager" or not rule]


@pytest.mark.parametrize(("rule", "engine"), SEARCHED, ids=str)
@pytest.mark.always(5)
def test_searches_find_the_minimum_of_rosenbrock(rule, engine):
    run = st.minimize(ENGINES[engine], (-1.2, 1.0), tolerance=1e-5, iterations=20_000, **rule)
    assert run.outcome is Outcome.CONVERGED, run.message
    assert run.kind == engine
    assert run.fun <= 1e-5 * 24.2
    assert run.fun == rosenbrock(run.x)
    # Plain descent has a nonmonotone search, which lets the value rise for a while.
    back = 10 if rule == {"direction": "plain"} else 1
    highest = [run.trace.value[max(k - back, 0) : k].max() for k in range(1, len(run.trace))]
    assert np.all(run.trace.value[1:] - highest <= 1e-12)


def test_armijo_rows_satisfy_the_condition():
    run = st.minimize(rosenbrock, (-1.2, 1.0), step=st.steps.Armijo(fraction=0.1), tolerance=1e-3)
    value, gnorm, t = run.trace.value, run.trace.gradient_norm, run.trace.step_size
    assert np.all(value[1:] <= value[:-1] - 0.1 * t[1:] * gnorm[:-1] ** 2 * (1 - 1e-12))
    assert run.trace.rejected.sum() == run.trace.evaluations[-1] - len(run.trace)
    assert sum(e.count for e in run.events if e.kind == "rejected") == run.trace.rejected.sum()


def test_scipy_agrees_on_the_minimum():
    def energy(x):
        return np.sum(np.cosh(x - 0.3)) + 0.1 * np.sum(x[:-1] * x[1:])

    theirs = scipy.optimize.minimize(energy, np.zeros(8), tol=1e-12)
    run = st.minimize(energy, np.zeros(8), tolerance=1e-14)
    assert run.outcome is Outcome.CONVERGED
    assert run.fun <= theirs.fun + 1e-12
    np.testing.assert_allclose(run.x, theirs.x, atol=1e-5)


def test_the_same_call_gives_the_same_answer_bit_for_bit():
    first, second = (st.minimize(rosenbrock, (-1.2, 1.0, 3.0)) for _ in range(2))
    np.testing.assert_array_equal(first.trace.x, second.trace.x)


def test_maximize_keeps_the_users_sign():
    run = st.maximize(lambda x, y: 7 - (x - 1) ** 2 - 2 * (y + 2) ** 2, (5, 5))
    assert run.outcome is Outcome.CONVERGED
    np.testing.assert_allclose(run.x, [1, -2], atol=1e-3)
    assert run.fun == pytest.approx(7)
    assert run.trace.value[0] == 7 - 16 - 98
    np.testing.assert_allclose(run.gradient_at((5, 5)), [-8, -28])
    assert "maximum" in str(run)


class TestStarts:
    def test_trees_keep_their_layout_and_order(self):
        def f(p):
            return (
                (p["slope"] - 3) ** 2 + np.sum((p["bias"] - np.arange(2)) ** 2) + (p["a"][1] + 1) ** 2 + p["a"][0] ** 2
            )

        run = st.minimize(f, {"slope": 0.0, "bias": np.ones(2), "a": (1.0, 1.0)})
        assert list(run.x) == ["slope", "bias", "a"]
        assert run.trace.names[:3] == ["slope", "bias[0]", "bias[1]"]
        assert float(run.x["slope"]) == pytest.approx(3, abs=1e-3)
        np.testing.assert_allclose(run.x["bias"], [0, 1], atol=1e-3)

    def test_a_scalar_is_a_scalar(self):
        run = st.minimize(lambda x: (x - 2) ** 2, 5)
        assert np.ndim(run.x) == 0
        assert float(run.x) == pytest.approx(2)

    def test_scalars_by_name(self):
        run = st.minimize(bowl, {"y": 1.0, "x": 9.0}, step=0.1, iterations=1)
        assert run.trace.names == ["x", "y"]
        assert run.trace.x[0].tolist() == [9, 1]

    def test_args_follow_the_point(self):
        run = st.minimize(lambda x, a, b: a * (x - b) ** 2, 0.0, args=(3.0, 4.0))
        assert float(run.x) == pytest.approx(4)


class TestGradientGiven:
    def test_as_a_function(self):
        run = st.minimize(rosenbrock, (-1.2, 1.0), gradient=scipy.optimize.rosen_der)
        assert run.outcome is Outcome.CONVERGED
        assert run.kind == "given"

    def test_in_a_pair(self):
        run = st.minimize(lambda x: (np.sum(x**2), 2 * x), np.ones(3), gradient=True)
        assert run.outcome is Outcome.CONVERGED
        assert run.fun == pytest.approx(0, abs=1e-12)

    def test_wrong_ones_are_named(self):
        run = st.minimize(rosenbrock, (-1.2, 1.0), gradient=lambda x: -scipy.optimize.rosen_der(x))
        assert run.outcome is Outcome.WRONG_GRADIENT
        assert "at the start (sign), x[0], x[1] are wrong" in run.message
        assert not run.success

    def test_of_another_length(self):
        with pytest.raises(ValueError, match="gradient returned 3 numbers where the function takes 2"):
            st.minimize(rosenbrock, (-1.2, 1.0), gradient=lambda x: np.ones(3))


class TestOutcomes:
    def outcome(self, f, start, **options):
        run = st.minimize(f, start, **options)
        assert run.message.startswith(str(run.outcome))
        assert "\n" not in run.message
        assert run.fun <= run.trace.value.min()
        return run

    def test_unbounded(self):
        run = self.outcome(lambda x: -(x**2), 1.0)
        assert run.outcome is Outcome.UNBOUNDED
        assert run.fun < -1e30

    def test_saddle(self):
        assert self.outcome(lambda x, y: x**2 - y**2, (1.0, 0.0), step=0.1).outcome is Outcome.SADDLE

    def test_flat(self):
        assert self.outcome(lambda x: 3 + 0 * x, 1.0).outcome is Outcome.FLAT

    def test_diverged_names_the_largest_step(self):
        run = self.outcome(lambda x: 5 * x**2, 1.0, step=0.3, iterations=40)
        assert run.outcome is Outcome.DIVERGED
        assert "below 0.2" in run.message
        assert run.fun == 5
        assert float(run.x) == 1

    @pytest.mark.parametrize("f", [abs, lambda x: x + 0.0, lambda x: np.where(x > 1, x, 2 * x - 1)])
    def test_a_slope_without_curvature_is_not_flat(self, f):
        run = st.minimize(f, 9.0, step=0.1, tolerance=1e-8, iterations=50)
        assert run.outcome is Outcome.ITERATION_LIMIT
        assert run.x == pytest.approx(4.0)

    @pytest.mark.parametrize("step", ["auto", "armijo"])
    def test_one_coordinate_without_curvature_is_no_minimum(self, step):
        run = st.minimize(lambda x, y: x * x + 1e-3 * y, (1.0, 1.0), step=step)
        assert run.outcome in (Outcome.UNBOUNDED, Outcome.STALLED)

    def test_where_the_value_is_infinite(self):
        run = st.minimize(lambda x: np.where(x > 0, x, -np.inf), 9.0)
        assert run.outcome is Outcome.UNBOUNDED
        assert "the value is -inf one step from [9.]" in run.message
        run = st.maximize(lambda x: x, 9.0)
        assert run.outcome is Outcome.UNBOUNDED
        assert "rises without end" in run.message

    @pytest.mark.parametrize("f", [lambda x: x, lambda x: x * (x - 1.5), lambda x: np.log(x - 0.5)])
    def test_a_search_stops_at_the_edge_of_the_domain_and_says_so(self, f):
        run = st.minimize(lambda x: np.where(x >= 1, f(x), np.nan), 9.0)
        assert run.x == pytest.approx(1.0, abs=1e-12)
        assert run.outcome is Outcome.STALLED
        assert "edge" in run.message

    def test_nan_ends_a_run_with_a_fixed_step_and_not_a_search(self):
        def f(x):
            return x - np.log(x)

        run = self.outcome(lambda x: -np.sqrt(x) + (x + 1) ** 2, 4.0, step=1.0)
        assert run.outcome is Outcome.NON_FINITE
        assert "not finite" in run.message
        searched = self.outcome(f, 30.0)
        assert searched.outcome is Outcome.CONVERGED
        assert float(searched.x) == pytest.approx(1, abs=1e-3)

    def test_function_that_raises_during_the_run(self):
        calls = []

        def f(x):
            calls.append(float(x[0]))
            if len(calls) > 60:
                raise RuntimeError("the instrument is gone")
            return float(x[0]) ** 2 + float(x[1]) ** 4

        run = st.minimize(f, (3.0, 2.0), step=0.01)
        assert run.outcome is Outcome.RAISED
        assert "the instrument is gone" in run.message
        assert run.fun < 25
        assert not run.success

    def test_limits(self):
        assert st.minimize(rosenbrock, (-1.2, 1.0), iterations=3).outcome is Outcome.ITERATION_LIMIT
        run = st.minimize(rosenbrock, (-1.2, 1.0), evaluations=10)
        assert run.outcome is Outcome.EVALUATION_LIMIT
        assert run.nfev <= 10
        run = st.minimize(rosenbrock_by_values, (-1.2, 1.0), evaluations=23)
        assert run.nfev <= 23

    def test_time(self):
        def slow(x):
            time.sleep(0.01)
            return float(x) ** 2

        began = time.perf_counter()
        run = st.minimize(slow, 100.0, step=1e-5, seconds=0.5)
        assert run.outcome is Outcome.TIME_LIMIT
        assert time.perf_counter() - began < 10

    def test_callback_stops_at_its_row(self):
        seen = []

        def callback(intermediate_result):
            seen.append((intermediate_result.nit, intermediate_result.fun, tuple(intermediate_result.x)))
            if intermediate_result.nit == 4:
                raise StopIteration

        run = st.minimize(bowl, (9, 9), step=0.1, callback=callback)
        assert run.outcome is Outcome.CALLBACK
        assert [nit for nit, _, _ in seen] == [1, 2, 3, 4]
        assert run.nit == 4
        assert seen[-1][1] == run.fun
        assert seen[-1][2] == tuple(run.trace.x[-1])

    def test_zero_iterations(self):
        run = st.minimize(bowl, (9, 9), step=0.1, iterations=0)
        assert (run.nit, run.fun, len(run.trace)) == (0, 162, 1)

    def test_a_warm_start_converges_at_once(self):
        run = st.minimize(rosenbrock, (-1.2, 1.0), tolerance=1e-14)
        again = st.minimize(rosenbrock, run.x)
        assert again.outcome is Outcome.CONVERGED
        assert again.nit <= 5

    def test_no_constant_is_called_converged_far_from_the_minimum(self):
        hessian = np.diag([1.0, 1e4, 1e6])
        run = st.minimize(lambda x: x @ hessian @ x / 2, np.ones(3), step=1e-6, iterations=2_000, tolerance=1e-8)
        assert run.outcome is Outcome.ITERATION_LIMIT


@pytest.mark.parametrize("engine", ["compiled", "plain"])
def test_ctrl_c_returns_the_best_so_far(engine):
    body = "float(x[0])**2 + float(x[1])**2" if engine == "plain" else "np.sum(x**2)"
    script = textwrap.dedent(f"""
        import numpy as np, steepest as st
        f = lambda x: {body}
        run = st.minimize(f, np.ones(2), step=1e-9, iterations=10**9, tolerance=1e-14,
                          callback=lambda r: print("going", flush=True) if r.nit == 3 else None)
        print(run.outcome, run.nit, run.fun < 2, run.success)
    """)
    code, out, err = interrupted(script)
    assert code == 0, err
    outcome, nit, better, success = out.split()
    assert (outcome, better, success) == ("interrupted", "True", "False")
    assert int(nit) >= 3


class TestReuse:
    def test_a_changed_global_is_noticed(self):
        scope = {"np": np, "a": 1.0}
        exec("def f(x): return a * np.sum((x - 1)**2)", scope)  # noqa: S102 - a notebook's global scope
        assert st.minimize(scope["f"], np.zeros(2)).outcome is Outcome.CONVERGED
        scope["a"] = -1.0
        assert st.minimize(scope["f"], np.zeros(2)).outcome is Outcome.UNBOUNDED

    def test_new_data_behind_a_name_is_used(self):
        def fit(y):
            return st.minimize(lambda m: np.mean((m - y) ** 2), 0.0)

        assert float(fit(np.array([1.0, 3.0])).x) == pytest.approx(2)
        assert float(fit(np.array([5.0, 7.0])).x) == pytest.approx(6)

    def test_state_that_changes_during_the_run_is_noticed(self):
        class Box:
            target = 1.0

        box = Box()
        f = lambda x: (x - box.target) ** 2  # noqa: E731
        assert float(st.minimize(f, 0.0).x) == pytest.approx(1)
        box.target = 5.0
        assert float(st.minimize(f, 0.0).x) == pytest.approx(5)


class TestSaved:
    def test_loads_back_equal(self, tmp_path):
        run = st.minimize(rosenbrock, (-1.2, 1.0))
        run.save(tmp_path / "run")
        again = st.load(tmp_path / "run")
        assert again == run
        assert again.outcome is run.outcome
        assert again.trace == run.trace
        np.testing.assert_array_equal(again.x, run.x)
        with pytest.raises(RuntimeError, match="function not at hand"):
            again.evaluate([1, 1])
        assert st.minimize(rosenbrock, (-1.2, 1.1)) != run

    def test_trees_come_back(self, tmp_path):
        run = st.minimize(lambda p: p["b"] ** 2 + np.sum(p["a"] ** 2), {"b": 1.0, "a": np.ones(2)})
        run.save(tmp_path)
        assert list(st.load(tmp_path).x) == ["b", "a"]

    def test_a_folder_without_a_run(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no run is saved"):
            st.load(tmp_path)
        (tmp_path / "run.json").write_text("{}")
        with pytest.raises(ValueError, match="can't be loaded"):
            st.load(tmp_path)


BAD = {
    "misspelt option": ({"toleranse": 1}, TypeError, "did you mean tolerance="),
    "a rival's word": ({"lr": 0.1}, TypeError, "here it is called step="),
    "misspelt step": ({"step": "armiho"}, ValueError, "did you mean 'armijo'"),
    "misspelt direction": ({"direction": "adan"}, ValueError, "did you mean 'adam'"),
    "negative rate": ({"step": -0.1}, ValueError, "must be a number, positive and finite"),
    "rate of NaN": ({"step": float("nan")}, ValueError, "must be a number, positive and finite"),
    "class": ({"direction": st.directions.Momentum}, TypeError, r"write Momentum\(\)"),
    "no step": ({"step": None}, TypeError, "give a number"),
    "fraction of iterations": ({"iterations": 1.5}, ValueError, "whole number"),
    "negative seconds": ({"seconds": -1}, ValueError, "positive number"),
    "two rules in one": ({"step": optax.sgd(0.1), "direction": "plain"}, ValueError, "leave direction= out"),
    "optax and a rate": ({"step": 0.1, "direction": optax.sgd(0.1)}, ValueError, "leave step=0.1 out"),
    "gradient": ({"gradient": 3}, TypeError, "give a function, or True"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options(case):
    options, error, words = BAD[case]
    with pytest.raises(error, match=words) as caught:
        st.minimize(bowl, (9, 9), **options)
    assert "\n" not in str(caught.value)


STARTS = {
    "too long": ((1, 2, 3), ValueError, "3 numbers; the function takes 2: x, y"),
    "too short": ((1,), ValueError, "1 number; the function takes 2"),
    "NaN": ((1, np.nan), ValueError, "must be finite"),
    "infinite": ((np.inf, 1), ValueError, r"x\[0\] = inf"),
    "text": (("a", "b"), TypeError, "real numbers"),
    "other names": ({"x": 1, "z": 2}, ValueError, "the function takes x, y"),
    "complex": ((1j, 2), TypeError, "real numbers"),
}


@pytest.mark.parametrize("case", STARTS)
def test_bad_starts(case):
    start, error, words = STARTS[case]
    with pytest.raises(error, match=words) as caught:
        st.minimize(bowl, start)
    assert "\n" not in str(caught.value)


def test_bad_functions():
    with pytest.raises(ValueError, match=r"returned an array of shape \(2,\): it must return one number"):
        st.minimize(lambda x: x**2, np.ones(2))
    with pytest.raises(ValueError, match="must return one real number"):
        st.minimize(lambda x: None, 1.0)
    with pytest.raises(ValueError, match="nan at the start"):
        st.minimize(lambda x: np.nan * x, 1.0)
    with pytest.raises(ZeroDivisionError) as caught:
        st.minimize(lambda x: 1 / 0, 1.0)
    assert "at the start" in caught.value.__notes__[0]
    with pytest.raises(TypeError, match="must be callable"):
        st.minimize(3, 1.0)


def test_process_wide_settings_stay_as_they_were():
    import jax

    st.minimize(bowl, (9, 9))
    assert not jax.config.jax_enable_x64


def test_rules_with_the_same_numbers_are_not_confused():
    import jax

    structures = [jax.tree_util.tree_structure(rule(0.8)) for rule in (st.directions.Momentum, st.directions.Nesterov)]
    assert structures[0] != structures[1]


RIDGES = {
    # The function, the start, the least value, and the number of minima with this value.
    "two valleys": (lambda x, y: x**2 - y**2 + y**4, (1.0, 0.0), -0.25),
    "at the very top": (lambda x: x**4 - x**2, 0.0, -0.25),
    "four valleys": (lambda x, y: (x**2 - 1) ** 2 + (y**2 - 1) ** 2, (0.0, 0.0), 0.0),
    "waves": (lambda x, y: np.cos(x) + np.cos(y), (0.0, 0.0), -2.0),
    "other units": (lambda x, y: (x / 1e3) ** 2 - (y * 1e3) ** 2 + (y * 1e3) ** 4, (1e3, 0.0), -0.25),
}


@pytest.mark.parametrize("name", RIDGES)
@pytest.mark.always(3)
def test_a_saddle_is_left_along_its_negative_curvature(name):
    f, start, least = RIDGES[name]
    run = st.minimize(f, start)
    assert run.outcome is Outcome.CONVERGED, run.message
    assert run.fun == pytest.approx(least, abs=2e-8)
    assert "saddle" in {event.kind for event in run.events}
    assert run.certificate.curvature[0] > 0
    up = st.maximize((lambda x: -f(x)) if np.ndim(start) == 0 else lambda x, y: -f(x, y), start)
    np.testing.assert_allclose(up.x, run.x)


def test_a_saddle_from_which_the_value_falls_without_end_is_no_saddle_to_the_user():
    run = st.minimize(lambda x, y: x**2 - y**2, (1.0, 0.0))
    assert run.outcome is Outcome.UNBOUNDED
    assert "the value falls without end" in run.message


@pytest.mark.parametrize("unit", [1.0, -1.0])
def test_either_side_of_a_ridge_may_fall_without_end(unit):
    run = st.minimize(lambda x: np.exp(-(x**2)) - np.maximum(unit * x, 0.0) ** 4, 0.0)
    assert run.outcome is Outcome.UNBOUNDED, run.message


def test_a_limit_on_the_way_from_a_saddle_is_not_the_limit_of_f():
    run = st.minimize(lambda x: np.exp(-(x**2)) - np.exp(-100 * (x - 12) ** 2), 0.0)
    assert run.outcome is Outcome.SADDLE, run.message
    assert "along which the value falls as far as it was followed" in run.message


def test_a_saddle_is_not_left_if_the_step_is_the_users():
    f, start, _ = RIDGES["two valleys"]
    run = st.minimize(f, start, step=0.1, tolerance=1e-8)
    assert run.outcome is Outcome.SADDLE
    assert abs(run.x[1]) < 1e-12


def test_a_saddle_is_left_inside_the_box():
    f, start, _ = RIDGES["two valleys"]
    run = st.minimize(f, start, bounds=[(-2, 2), (-0.5, 0.3)])
    np.testing.assert_allclose(run.x, [0, -0.5], atol=1e-6)
    assert run.success


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e3])
@pytest.mark.parametrize("start", [0.0, 1e-9])
@pytest.mark.always(3)
def test_a_saddle_is_found_in_any_unit(unit, start):
    run = st.minimize(lambda x, y: (x - 1) ** 2 - (unit * y) ** 2 + (unit * y) ** 4, (3.0, start))
    assert run.success, run.message
    assert run.fun == pytest.approx(-0.25, abs=1e-7)


@pytest.mark.parametrize("direction", [None, "l-bfgs", "plain"])
@pytest.mark.always(2)
def test_no_point_beside_a_degenerate_saddle_is_called_a_minimum(direction):
    # At 0 the curvature along y is 0, and 1e-15 away it is positive, and tiny.
    for start in np.random.default_rng(0).normal(size=(6, 2)) * 2:
        run = st.minimize(lambda x, y: x**2 + y**3, (start[0], abs(start[1])), direction=direction)
        assert run.outcome is Outcome.UNBOUNDED, run.message
        run = st.minimize(lambda x, y: x**2 + y**3 + y**4, (start[0], abs(start[1])), direction=direction)
        found = run.x[1] == pytest.approx(-0.75, abs=1e-6)
        # A rule of the user's own may end beside the saddle, and then claims nothing.
        assert found if direction is None else found or not run.success, run.message


@pytest.mark.parametrize("f", [lambda x, y: x**2 + y**4, lambda x, y: x**2 + 1e-14 * y**2])
def test_a_faint_curvature_is_no_saddle(f):
    run = st.minimize(f, (1.0, 2.0))
    assert run.outcome is Outcome.CONVERGED, run.message


DEGENERATE = [(lambda x: x**3, 1.0), (lambda x, y: x**2 + y**3, (1.0, 1.0)), (lambda x, y: x**2 - y**4, (1.0, 0.0))]


@pytest.mark.parametrize("case", range(len(DEGENERATE)))
@pytest.mark.parametrize("rule", [{}, {"step": "armijo", "tolerance": 1e-3}], ids=str)
@pytest.mark.always(3)
def test_a_flat_part_of_an_unbounded_function_is_no_minimum(case, rule):
    run = st.minimize(*DEGENERATE[case], **rule)
    assert run.outcome in (Outcome.UNBOUNDED, Outcome.SADDLE), run.message


def test_a_flat_minimum_is_one():
    run = st.minimize(lambda x, y: x**4 + y**4, (1.0, 2.0))
    assert run.success
    assert run.fun <= 1.7e-7


def two_wells(x, y):
    return (x - 1) ** 2 + (y**2 - 1) ** 2


@pytest.mark.parametrize("most", [3, 4, 6, 10, 14, 20, 30, 40])
def test_values_for_audits_and_saddles_count_too(most):
    run = st.minimize(two_wells, (3.0, 0.0), evaluations=most)
    assert run.outcome is Outcome.EVALUATION_LIMIT, run.message
    assert run.nfev <= most


def test_a_probe_respects_the_limit():
    units = np.logspace(-3, 3, 9)
    run = st.minimize(lambda x: (100 * np.diff(x * units) ** 2).sum() + ((x * units - 1) ** 4).sum(), np.zeros(9),
        evaluations=85)  # fmt: skip
    assert run.nfev <= 85


def test_no_saddle_is_left_after_the_last_iteration():
    run = st.minimize(two_wells, (3.0, 0.0), iterations=1)
    assert (run.outcome, run.nit) == (Outcome.SADDLE, 1)


def test_a_callback_sees_each_iteration_once():
    seen = []
    run = st.minimize(two_wells, (3.0, 0.0), callback=lambda result: seen.append(result.nit))
    assert "saddle" in {event.kind for event in run.events}
    assert seen == list(range(1, run.nit + 1))


def test_a_function_that_raises_far_from_a_saddle_ends_in_a_run():
    def f(x, y):
        if isinstance(y, (float, np.floating)) and abs(y) > 3:
            raise ValueError("outside")
        return (x - 1) ** 2 - y**2 + (y / 10) ** 4

    run = st.minimize(f, (3.0, 0.0))
    assert run.outcome is Outcome.RAISED
    assert "outside" in run.message


def test_a_wrong_optimum_is_reported():
    run = st.minimize(lambda x, y: x * x + 9 * y * y, (1.0, 1.0), step=st.steps.Polyak(optimum=1.0))
    assert "the optimum given, 1, has been reached and is not the minimum" in run.message
    assert not run.success


def test_a_value_that_falls_without_end_has_no_minimum_even_within_the_tolerance():
    run = st.minimize(lambda x: np.exp(-x), 0.0, tolerance=1e-8)
    assert (run.outcome, run.success) == (Outcome.NO_FINITE_OPTIMUM, False), run.message
    assert run.fun <= 1e-8


@pytest.mark.parametrize("start", [(1.0, 1e-9), (1.0000001, 1e-8), (1.0, 0.0)])
def test_a_start_near_the_minimum_converges_at_once(start):
    run = st.minimize(lambda x, y: x - np.log(x) + y**2, start, tolerance=1e-10)
    assert run.success, run.message
    assert run.nit <= 3


@pytest.mark.parametrize("unit", [1.0, 1e3, 3e3])
def test_a_right_gradient_is_accepted_even_with_long_steps(unit):
    run = st.minimize(lambda x: np.cos(unit * x + 1), 0.0)
    assert run.kind == "traced", run.why
    assert run.success


ROWS = np.arange(12.0).reshape(6, 2) ** 2 % 7
TARGETS = ROWS @ [1.0, 2.0] + 3
WITH_CALLBACK = {
    "minimize": lambda callback: st.minimize(lambda x: x**2, 1.0, callback=callback),
    "maximize": lambda callback: st.maximize(lambda x: -(x**2), 1.0, restarts=2, bounds=[(-1, 1)], callback=callback),
    "fit": lambda callback: st.fit(st.models.Linear(), ROWS, TARGETS, callback=callback),
    "fit of a stream": lambda callback: st.fit(st.models.Linear(), iter([(ROWS, TARGETS)]), callback=callback),
    "more": lambda callback: st.fit(st.models.Linear(), ROWS, TARGETS, epochs=1).more(callback=callback),
    "fit_table": lambda callback: st.fit_table("no such file.csv", "y", callback=callback),
}


@pytest.mark.parametrize("way", WITH_CALLBACK)
def test_a_callback_that_is_none(way):
    for given in (3, "print", [], {}):
        with pytest.raises(TypeError, match=r"callback=.*: give a function of one argument, the result so far"):
            WITH_CALLBACK[way](given)
