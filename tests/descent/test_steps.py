"""Step sizes: the schedules against optax's, the searches against closed forms, SciPy and their own conditions."""

import math

import numpy as np
import optax
import pytest
from scipy import optimize

import steepest as st
from steepest.derivatives.precision import double_precision
from steepest.descent import directions, steps

SCHEDULES = {
    "exponential": (steps.Exponential(0.3, 0.7, 20), optax.exponential_decay(0.3, 20, 0.7)),
    "staircase": (steps.Staircase(0.3, 0.7, 20), optax.exponential_decay(0.3, 20, 0.7, staircase=True)),
    "cosine": (steps.Cosine(0.3, 200), optax.cosine_decay_schedule(0.3, 200)),
    "cosine to a floor": (steps.Cosine(0.3, 200, 0.03), optax.cosine_decay_schedule(0.3, 200, alpha=0.1)),
    "one cycle": (steps.OneCycle(0.3, 200), optax.cosine_onecycle_schedule(200, 0.3)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_those_of_optax(name):
    ours, theirs = SCHEDULES[name]
    with double_precision():
        for k in (0, 1, 19, 20, 59, 60, 61, 150, 199, 200, 300):
            assert float(ours.at(k)) == pytest.approx(float(theirs(k)), rel=1e-6)


def test_the_sizes_of_a_schedule_are_the_sizes_that_are_gone():
    run = st.minimize(lambda x, y: x**2 + y**2, (9, 9), step=steps.Staircase(0.2, 0.5, 3), iterations=9)
    expected = np.repeat([0.2, 0.1, 0.05], 3)
    np.testing.assert_allclose(run.trace.step_size[1:], expected, rtol=1e-15)
    np.testing.assert_allclose(run.x, 9 * np.prod(1 - 2 * expected), rtol=1e-14)


def test_shrinking_goes_by_one_over_k_and_one_over_its_root():
    assert steps.Shrinking(1.0, decay=1.0).at(9) == 0.1
    assert steps.Shrinking(1.0, decay=1.0, power=0.5).at(99) == 0.1


BAD = [
    (lambda: steps.Constant(0), "positive and finite"),
    (lambda: steps.Constant(math.nan), "positive and finite"),
    (lambda: steps.Constant("0.1"), "must be a number"),
    (lambda: steps.Exponential(0.1, factor=1.5), r"factor=1.5\): it must be a number, positive, at most 1"),
    (lambda: steps.Staircase(0.1, every=0), "every=0"),
    (lambda: steps.Cosine(0.1, iterations=-5), "iterations=-5"),
    (lambda: steps.Shrinking(0.1, decay=-1), "0 or more"),
    (lambda: steps.OneCycle(0.1, 100, warm=2), "warm=2"),
    (lambda: steps.Armijo(shrink=1.5), "shrink=1.5"),
    (lambda: steps.Wolfe(fall=0.9, flatten=0.1), "fall must not exceed flatten"),
    (lambda: steps.ExactSearch(flatten=0), "flatten=0"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_numbers(case):
    make, words = BAD[case]
    with pytest.raises(ValueError, match=words):
        make()


def test_exact_steepest_descent_zigzags_as_the_closed_form():
    # On x² + κ y² from (κ, 1) each exact step multiplies by (κ - 1) / (κ + 1) and turns y around.
    run = st.minimize(lambda x, y: x**2 + 10 * y**2, (10.0, 1.0), direction="plain", step="exact", iterations=12)
    k = np.arange(13)
    expected = np.stack([10 * (9 / 11) ** k, (-9 / 11) ** k], axis=1)
    np.testing.assert_allclose(run.trace.x, expected, rtol=1e-9)
    assert run.nfev <= 16


RAYS = {
    "quartic": (lambda x: (x - 3) ** 4 + x**2, 10.0),
    "narrow": (lambda x: np.exp(30 * x) - 50 * x, -2.0),
    "far": (lambda x: (x / 1e6 - 1) ** 2 + (x / 1e6) ** 4, 0.0),
    "wall": (lambda x: x - np.log(x) * 3, 1e-3),
    "bump": (lambda x: np.cos(x) + x**2 / 40, 0.3),
    "kink": (lambda x: np.abs(x - 2) + x**2 / 100, 7.0),
}


@pytest.mark.parametrize("name", RAYS)
def test_exact_search_finds_the_minimum_along_the_ray(name):
    f, start = RAYS[name]
    run = st.minimize(f, start, direction="plain", step="exact", iterations=1)
    low, high = sorted([start, run.x + (run.x - start) * 0.2])
    best = optimize.minimize_scalar(f, bounds=(low, high), method="bounded", options={"xatol": 1e-10 * (high - low)})
    assert run.fun <= best.fun + 1e-12 * abs(best.fun)
    assert run.x == pytest.approx(best.x, rel=1e-5)
    assert run.nfev <= 60


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


@pytest.mark.parametrize("flatten", [0.1, 0.5, 0.9])
def test_strong_wolfe_rows_keep_both_conditions(flatten):
    run = st.minimize(rosenbrock, (-1.2, 1), direction="plain", step=steps.StrongWolfe(flatten=flatten), iterations=80)
    x, value, t = run.trace.x, run.trace.value, run.trace.step_size
    gradients = np.array([optimize.rosen_der(row) for row in x])
    for k in range(len(x) - 1):
        slope = -gradients[k] @ gradients[k]
        assert value[k + 1] <= value[k] + 1e-4 * t[k + 1] * slope + 1e-12
        assert abs(-gradients[k + 1] @ gradients[k]) <= flatten * abs(slope) * (1 + 1e-9)


DIRECTIONS = list(directions.NAMED)
SIZES = {
    "constant": steps.Constant(0.01),
    "shrinking": steps.Shrinking(0.01),
    "root": steps.Shrinking(0.01, power=0.5),
    "exponential": steps.Exponential(0.01),
    "staircase": steps.Staircase(0.01, every=10),
    "cosine": steps.Cosine(0.01, 40),
    "one-cycle": steps.OneCycle(0.01, 40),
    "armijo": steps.Armijo(),
    "wolfe": steps.Wolfe(),
    "strong-wolfe": steps.StrongWolfe(),
    "exact": steps.ExactSearch(),
}


def bent(numbers):
    """Return a function of two variables; all share their code, so that a rule is compiled once for them."""
    c = np.array(numbers)
    return lambda x: (c[0] - x[0]) ** 2 + c[1] * (x[1] - c[2] * x[0] ** 2) ** 2 + c[3] * x[0] * x[1]


PROBLEMS = {
    "bowl": (bent([0.0, 4.0, 0.0, 1.0]), np.array([3.0, -2.0])),
    "valley": (bent([1.0, 10.0, 1.0, 0.0]), np.array([-0.5, 1.0])),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", DIRECTIONS)
def test_every_pair_of_rules_on_every_problem_in_both_engines(way, size):
    step = SIZES[size]
    if way == "adamw" and step.searches:
        with pytest.raises(ValueError, match="AdamW shrinks the point"):
            st.minimize(PROBLEMS["bowl"][0], PROBLEMS["bowl"][1], direction=way, step=step)
        return
    for name, (f, start) in PROBLEMS.items():
        gone = {"direction": way, "step": step, "iterations": 30}
        compiled = st.minimize(f, start, **gone)
        assert compiled.fun < f(start)
        if name != "valley":
            continue
        plain = st.minimize(lambda x, f=f: float(f(np.array([float(v) for v in x]))), start, **gone)
        assert (compiled.kind, plain.kind) == ("traced", "differences")
        assert compiled.fun == pytest.approx(f(compiled.x), rel=1e-12)
        if step.searches:
            assert np.all(np.diff(compiled.trace.value) <= 1e-12 * np.abs(compiled.trace.value[:-1]))
            assert plain.fun <= f(start)
        else:
            np.testing.assert_allclose(plain.trace.x, compiled.trace.x, rtol=2e-4, atol=2e-4)


def test_searches_are_refused_where_batches_make_values_noisy():
    xs = np.linspace(0, 1, 50)
    with pytest.raises(ValueError, match="ExactSearch needs exact values"):
        st.fit(lambda x, m, b: m * x + b, xs, 2 * xs, step="exact", batch_size=10, epochs=2)
