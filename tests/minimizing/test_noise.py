"""Functions whose values differ from call to call: the noise is noticed and named, and nothing is certified."""

import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest import Outcome
from steepest.derivatives.differencing.slopes import Differences

LEVELS = (1e-8, 1e-3, 0.1, 1.0)


class Noisy:
    """A function with noise, which counts its calls."""

    def __init__(self, f, level, multiplies=False, seed=0):
        self.f, self.level, self.multiplies = f, level, multiplies
        self.draws, self.calls = np.random.default_rng(seed), 0

    def __call__(self, x):
        self.calls += 1
        noise = self.level * self.draws.normal()
        value = float(self.f(np.asarray(x, float)))
        return value * (1 + noise) if self.multiplies else value + noise


def bowl(x):
    return 1 + np.sum(np.linspace(1, 10, x.size) * (x - 1) ** 2)


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


@pytest.mark.parametrize("size", [1, 2, 5, 20])
@pytest.mark.always(2)
def test_the_answer_is_as_near_as_the_noise_allows(size):
    for level, multiplies in itertools.product(LEVELS, (False, True)):
        if multiplies and level >= 0.1:
            # The noise at the start is then as large as the bowl, so that its way down is hidden.
            continue
        f = Noisy(bowl, level, multiplies)
        run = st.minimize(f, np.full(size, 5.0))
        assert run.outcome is Outcome.NOISE_FLOOR, run.message
        assert not run.success
        assert run.nfev == f.calls < 300 * (size + 1)
        # The closed form: noise hides a curvature c = 2 within √(σ / c).
        off = np.abs(run.x - 1)
        assert off.max() < 1.5 * math.sqrt(level / 2)
        assert level / 3 < run.noise < 3 * level
        assert abs(run.fun - 1) < 3 * level + 20 * off.max() ** 2 * size
        if run.certificate.x_error:
            assert np.all(off <= 1.5 * np.array(run.certificate.x_error))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("f", "start", "best"),
    [
        (lambda x: np.sum(np.cosh(x - 1)), [4.0, -3.0], 1.0),
        (lambda x: (x[0] - 1) ** 2 + (x[1] / 1e3 - 1) ** 2, [4.0, -3e3], [1.0, 1e3]),
        (lambda x: np.sum(np.abs(x - 1)), [4.0, -3.0], 1.0),
        (rosenbrock, [-1.2, 1.0], 1.0),
    ],
    ids=["cosh", "units", "kink", "valley"],
)
def test_no_noisy_function_is_called_converged(f, start, best, level):
    run = st.minimize(Noisy(f, level), np.array(start))
    assert run.outcome in (Outcome.NOISE_FLOOR, Outcome.ITERATION_LIMIT)
    assert not run.success
    if run.certificate.x_error and f(run.x) < f(np.array(start)) / 2:
        assert np.all(np.abs(run.x - best) <= 2 * np.array(run.certificate.x_error) + 1e-12)


DRAWS = np.random.default_rng(1)
TICKS = itertools.count()


def hidden(x):
    return (x - 1) ** 2 + 1e-3 * jnp.sin(1.0 * next(TICKS))


CODE = {
    "the global generator": lambda x: (x - 1) ** 2 + 1e-3 * np.random.normal(),  # noqa: NPY002 - what users write
    "a generator": lambda x: (x - 1) ** 2 + 1e-3 * DRAWS.normal(),
    "noise below the slack of a trace": lambda x: (x - 1) ** 2 + 1e-9 * DRAWS.normal(),
    "noise in the point": lambda x: (x + 1e-3 * DRAWS.normal() - 1) ** 2,
    "hidden state in JAX code": hidden,
    "a clock": lambda x: (x - 1) ** 2 + 1e-4 * (next(TICKS) % 7),
    "a branch": lambda x: (x - 1) ** 2 + 1e-3 * DRAWS.normal() if x > 0 else x * x + 1,
    # At the start the noise is lost in rounding, and shows at the answer.
    "noise below the rounding of the start": lambda x: (x - 1) ** 2 + 1e-8 * DRAWS.normal() + 0 * x,
}


@pytest.mark.parametrize("name", CODE)
def test_a_random_number_is_not_frozen_into_a_trace(name):
    start = 3e5 if "rounding" in name else 5.0
    run = st.minimize(CODE[name], start)
    assert run.outcome is Outcome.NOISE_FLOOR, run.message
    assert run.kind == "differences"
    assert float(run.x) == pytest.approx(1, abs=0.1)


def exact(x):
    return 2 * (np.asarray(x, float) - 1)


def noisy_slope(x):
    return exact(x) + 0.1 * DRAWS.normal(size=np.shape(x))


def square(x):
    return float(np.sum((np.asarray(x, float) - 1) ** 2))


GIVEN = {
    "noisy values": (Noisy(square, 0.1), exact),
    "noisy gradients": (square, noisy_slope),
    "noisy gradients of traceable code": (lambda x: ((x - 1) ** 2).sum(), noisy_slope),
    "both": (Noisy(square, 0.1), noisy_slope),
    "a pair": (lambda x: (square(x) + 0.1 * DRAWS.normal(), exact(x)), True),
    "a pair with a noisy gradient": (lambda x: (square(x), noisy_slope(x)), True),
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_gradient_that_was_given(name):
    f, gradient = GIVEN[name]
    run = st.minimize(f, np.array([5.0, -2.0]), gradient=gradient)
    assert run.outcome is Outcome.NOISE_FLOOR, run.message
    assert run.kind == "given"
    np.testing.assert_allclose(run.x, 1, atol=0.3)


def test_a_wrong_gradient_of_a_noisy_function_is_noticed():
    run = st.minimize(Noisy(square, 0.01), np.array([5.0, -2.0]), gradient=lambda x: exact(x) * [1, -1])
    assert run.outcome is Outcome.WRONG_GRADIENT
    assert "x[1] is given as 6" in run.message


def test_a_maximum():
    run = st.maximize(Noisy(lambda x: 3 - np.sum((x - 1) ** 2), 0.01), np.array([4.0, 0.0]))
    assert run.outcome is Outcome.NOISE_FLOOR
    assert "maximum" in run.message
    np.testing.assert_allclose(run.x, 1, atol=0.1)
    assert run.fun == pytest.approx(3, abs=0.05)


def test_an_edge_of_the_box_holds():
    seen = []

    def f(x):
        seen.append(x.copy())
        return square(x) + 0.01 * DRAWS.normal()

    run = st.minimize(f, np.array([4.0, 3.0]), bounds=[(2, 5), (-5, 5)])
    assert run.outcome is Outcome.NOISE_FLOOR
    assert np.all((np.array(seen) >= [2, -5]) & (np.array(seen) <= [5, 5]))
    np.testing.assert_allclose(run.x, [2, 1], atol=0.1)


def test_averages_cost_calls_and_lower_the_noise():
    runs, calls = {}, {}
    for repeats in (1, 100):
        f = Noisy(square, 0.1)
        runs[repeats] = st.minimize(f, np.array([5.0, -2.0]), repeats=repeats)
        calls[repeats] = f.calls
        assert runs[repeats].nfev == calls[repeats]
    assert runs[100].noise < 0.3 * runs[1].noise
    assert "the mean of 100 values" in runs[100].message
    assert np.abs(runs[100].x - 1).max() < 0.05
    with pytest.raises(ValueError, match="repeats=0: give how many calls"):
        st.minimize(square, np.ones(2), repeats=0)


def test_averages_of_equal_values_are_not_made():
    f = Noisy(square, 0.0)
    assert st.minimize(f, np.array([5.0, -2.0]), repeats=50).outcome is Outcome.CONVERGED
    assert f.calls < 50 * 2 + 200


@pytest.mark.parametrize(
    ("tolerance", "success"), [({"x": 0.5}, True), (0.1, True), ({"x": 1e-4}, False), (1e-9, False)]
)
def test_only_a_tolerance_above_the_noise_is_met(tolerance, success):
    run = st.minimize(Noisy(square, 0.1), np.array([5.0, -2.0]), tolerance=tolerance)
    assert run.outcome is Outcome.NOISE_FLOOR
    assert run.success is success
    assert run.certificate.kind == "estimated"
    # What is as near as was asked needs no more calls.
    assert ("as was asked" in run.message) is success
    assert ("average more calls" in run.message) is not success


def test_starts_races_and_maps():
    run = st.minimize(Noisy(square, 0.01), np.array([5.0, -2.0]), restarts=2, rng=0)
    assert {each.outcome for each in run.runs} == {Outcome.NOISE_FLOOR}
    # All lanes start where rounding hides the noise, and end as noisy descents.
    far = st.minimize(CODE["noise below the rounding of the start"], 3e5, restarts=2, rng=0)
    assert {each.outcome for each in far.runs} == {Outcome.NOISE_FLOOR}
    race = st.race(Noisy(square, 0.01), np.array([5.0, -2.0]), {"plain": 0.1, "auto": "auto"}, iterations=30)
    assert race.runs["auto"].outcome is not Outcome.CONVERGED
    f = Noisy(lambda x: (x[0] ** 2 - 1) ** 2 + x[1] ** 2, 1e-4)
    found = st.basins(lambda x, y: f(np.array([x, y])), ((-2, 2), (-2, 2)), size=4)
    np.testing.assert_allclose(found.minima[np.argsort(found.minima[:, 0])], [[-1, 0], [1, 0]], atol=0.1)


def test_a_fixed_count_is_done_and_claims_nothing():
    f = Noisy(square, 0.01)
    run = st.gradient_descent(f, np.array([5.0, -2.0]), learning_rate=0.1, iterations=40)
    assert run.outcome is Outcome.COMPLETED
    assert run.nit == 40
    assert run.nfev == f.calls
    np.testing.assert_allclose(run.x, 1, atol=0.3)


class TestDeterministic:
    @pytest.mark.parametrize("step", ["auto", 0.1])
    def test_it_costs_at_most_two_more_calls(self, step):
        """The repeats alone are extra: one at the start, and one more at the answer of compiled code."""
        calls = []

        def f(x):
            calls.append(float(x) if np.ndim(x) == 0 and not hasattr(x, "aval") else None)
            return (x - 1) ** 2

        st.minimize(f, 5.0, step=step, iterations=20)
        plain = [x for x in calls if x is not None]
        assert plain.count(5.0) <= 2
        assert len(plain) <= 5

    @pytest.mark.parametrize(
        "f",
        [
            lambda x: float(np.float32((float(x) - 1) ** 2)),
            lambda x: round((float(x) - 1) ** 2, 6),
            lambda x: math.fsum([1e8, (float(x) - 1) ** 2, -1e8]),
            lambda x: (float(x) - 1) ** 2 + 1e-9 * math.sin(1e9 * float(x)),
        ],
        ids=["single precision", "stairs", "cancelling terms", "ripples"],
    )
    def test_roughness_is_not_noise(self, f):
        assert st.minimize(f, 5.0).outcome is not Outcome.NOISE_FLOOR

    def test_sums_in_another_order_are_rounding(self):
        terms = np.random.default_rng(0).normal(size=1000) ** 2

        def f(x):
            return float(np.sum(DRAWS.permutation(terms)) * (1 + (float(x) - 1) ** 2))

        assert st.minimize(f, 5.0).outcome is Outcome.CONVERGED

    def test_a_value_that_is_lost_at_the_answer_is_no_success(self):
        first = st.minimize(lambda x: square(x), 5.0).nfev
        calls = itertools.count(1)
        run = st.minimize(lambda x: square(x) if next(calls) < first else math.nan, 5.0)
        assert not run.success
        assert math.isfinite(run.fun)


@pytest.mark.parametrize("level", LEVELS)
def test_the_errors_of_differences_include_the_noise(level):
    f, x = Noisy(square, level), np.array([3.0, -2.0])
    slope = st.finite_difference(f, x)
    assert np.all(np.abs(slope.derivative - exact(x)) <= slope.error)
    assert st.check_gradient(f, exact, x).verdict != "wrong"
    gradient = st.gradient(f)
    np.testing.assert_allclose(gradient(x), exact(x), atol=2 * math.sqrt(level))
    assert "differ from call to call" in gradient.why


def test_a_function_whose_values_repeat_is_not_averaged():
    calls = [0]

    def f(x):
        calls[0] += 1
        return math.fsum([(float(x) - 1) ** 2])

    st.minimize(f, 3.0, repeats=10**9)
    assert calls[0] < 1000


RARE = {
    "one value": lambda draws: 0.1,
    "two values": lambda draws: draws.choice([0.1, -0.1]),
    "normal": lambda draws: 0.1 * draws.normal(),
}


@pytest.mark.parametrize("noise", RARE)
@pytest.mark.parametrize("share", [0.3, 0.1, 0.05, 0.02])
@pytest.mark.always(4)
def test_rare_noise_is_not_called_converged_at_another_point(noise, share):
    """Most calls return the exact value, so that repeated calls at one point seldom differ."""
    for seed, (f, start, best) in itertools.product(
        range(2),
        [
            (lambda x: np.sum((x - 1) ** 2), [5.0], [1.0]),
            (lambda x: 5 + (x[0] - 3) ** 2 + 10 * (x[1] + 1) ** 2, [0.0, 0.0], [3.0, -1.0]),
            (lambda x: np.sum((x - 1) ** 4), [4.0, -3.0], [1.0, 1.0]),
            (rosenbrock, [-1.2, 1.0], [1.0, 1.0]),
        ],
    ):
        draws = np.random.default_rng(seed)

        def noisy(x, f=f, draws=draws):
            value = float(f(np.asarray(x, float)))
            return value + (float(RARE[noise](draws)) if draws.random() < share else 0.0)

        run = st.minimize(noisy, np.array(start))
        if run.outcome is Outcome.CONVERGED:
            assert f(run.x) - f(np.array(best)) <= 2 * run.certificate.gap + 1e-13
            assert f(run.x) - f(np.array(best)) <= 1e-6
            assert np.all(np.abs(run.x - best) <= 2 * np.array(run.certificate.x_error) + 1e-9)


@pytest.mark.parametrize(
    "f", [square, lambda x: 5 + float(np.sum(np.cosh(x - 1))), rosenbrock], ids=["square", "cosh", "rosenbrock"]
)
def test_only_an_odd_value_stands_out_from_the_values_around_it(f):
    path = [np.array([-1.2, 1.0]) * (1 - t) + np.array([1.0, 1.1]) * t for t in np.linspace(0, 0.99, 12)]
    for odd in [None, *range(1, 70, 3)]:
        calls, where = itertools.count(), []

        def once(x, odd=odd, calls=calls, where=where):
            if next(calls) == odd:
                where.append(x)
                return f(x) + 0.01
            return f(x)

        differences = Differences(once, path[0])
        for x in path:
            differences(x)
        outliers = [call.x.tolist() for call in differences.outliers()]
        assert where[0].tolist() in outliers if where else not outliers


@pytest.mark.parametrize("call", range(3, 75, 6))
def test_one_odd_value_is_found_by_a_second_call_at_its_point(call):
    """A plain quadratic takes about a hundred calls: whichever of them is off, the answer is right, or not claimed."""
    calls = itertools.count()

    def f(x):
        value = math.fsum([5, (float(x[0]) - 3) ** 2, 10 * (float(x[1]) + 1) ** 2])
        return value + 0.1 * (next(calls) == call)

    run = st.minimize(f, np.zeros(2))
    if run.outcome is Outcome.CONVERGED:
        np.testing.assert_allclose(run.x, [3, -1], atol=1e-6)
    else:
        assert run.outcome is Outcome.NOISE_FLOOR
        # The message must not say less of the noise than was seen.
        assert run.noise >= 0.05


@pytest.mark.parametrize("options", [{}, {"direction": "adam", "step": 0.1}, {"step": "armijo"}], ids=str)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.always(6)
def test_noise_of_two_values_is_not_taken_for_none(seed, options):
    # Half of all pairs of values agree.
    draws, calls = np.random.default_rng(seed), [0]

    def f(x, y):
        calls[0] += 1
        value = math.fsum([(float(x) - 3) ** 2, 10 * (float(y) + 1) ** 2, 5])
        return value + (0.1 * int(draws.integers(0, 2)) if calls[0] > 10 else 0)

    run = st.minimize(f, (0.0, 0.0), iterations=300, **options)
    true = math.hypot(run.x[0] - 3, run.x[1] + 1)
    assert run.outcome is not Outcome.CONVERGED or true < 1e-3, run.message


@pytest.mark.parametrize("after", [15, 40])
def test_a_model_whose_noise_begins_during_the_fit_is_not_called_converged(after):
    draws, calls, x = np.random.default_rng(0), itertools.count(), np.linspace(0, 3, 40)

    def model(x, a, b, c):
        values = np.array([float(a) * math.exp(-float(b) * t) + float(c) for t in x])
        return values + (0.01 * draws.normal(size=len(x)) if next(calls) > after else 0.0)

    # The limit of time only bounds a failure.
    fit = st.fit(model, x, 2 * np.exp(-x) + 0.5 + 0.1 * np.sin(9 * x), start=(1.0, 0.5, 0.0), seconds=60)
    assert fit.outcome is Outcome.NOISE_FLOOR, fit.message
    assert not fit.success


@pytest.mark.parametrize("drift", [1e-3, 1e-6, 1e-9])
def test_a_value_that_drifts_with_each_call_is_not_called_converged(drift):
    calls = itertools.count()
    run = st.minimize(lambda x: math.fsum([square(x), drift * next(calls)]), np.array([4.0, 3.0]))
    assert run.outcome in (Outcome.NOISE_FLOOR, Outcome.ITERATION_LIMIT), run.message


@pytest.mark.parametrize("share", [0.1, 0.02])
def test_a_model_with_rare_noise_is_not_called_converged_at_another_point(share):
    x = np.linspace(0, 3, 40)
    y = 2 * np.exp(-x) + 0.5 + 0.1 * np.sin(9 * x)

    def curve(x, a, b, c):
        return np.array([float(a) * math.exp(-float(b) * t) + float(c) for t in x])

    known = st.fit(curve, x, y, start=(1.0, 0.5, 0.0))
    assert known.outcome is Outcome.CONVERGED
    for seed in range(3):
        draws = np.random.default_rng(seed)

        def model(x, a, b, c, draws=draws):
            return curve(x, a, b, c) + (0.01 * draws.normal(size=len(x)) if draws.random() < share else 0.0)

        fit = st.fit(model, x, y, start=(1.0, 0.5, 0.0))
        if fit.outcome is Outcome.CONVERGED:
            np.testing.assert_allclose(fit.x, known.x, atol=1e-5)


def test_rounding_of_compiled_code_is_not_noise():
    """Compiled code rounds the best value differently from the plain calls around it."""
    run = st.minimize(lambda x: np.cos(3 * x) + x**2 / 9, 7.97501, bounds=(-9, 9), restarts=20, rng=4)
    assert {each.outcome for each in run.runs} == {Outcome.CONVERGED}
