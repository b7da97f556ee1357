"""Step sizes: the schedules against optax's, the searches against closed forms, SciPy and their own conditions."""

import math

import numpy as np
import optax
import pytest
from scipy import optimize

import steepest as st
from steepest.derivatives.precision import double_precision
from steepest.rules import directions, steps

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
    (lambda: steps.BarzilaiBorwein("bb3"), "bb1, bb2, abbmin"),
    (lambda: steps.BarzilaiBorwein(history=0), "history=0"),
    (lambda: steps.Polyak(math.inf), "optimum=inf"),
    (lambda: steps.Polyak("0"), "optimum='0'"),
    (lambda: steps.DoG(first=0), "first=0"),
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
@pytest.mark.always(3)
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
    "abbmin": steps.BarzilaiBorwein(),
    "bb1": steps.BarzilaiBorwein("bb1"),
    "bb2": steps.BarzilaiBorwein("bb2"),
    "adgd": steps.AdGD(),
    "polyak": steps.Polyak(),
    "polyak known": steps.Polyak(optimum=0.0),
    "dog": steps.DoG(first=0.01),
    "dowg": steps.DoWG(first=0.01),
}


def bent(numbers):
    """Return a function of two variables; all share their code, so that a rule is compiled once for them."""
    c = np.array(numbers)
    return lambda x: (c[0] - x[0]) ** 2 + c[1] * (x[1] - c[2] * x[0] ** 2) ** 2 + c[3] * x[0] * x[1]


PROBLEMS = {
    "bowl": (bent([0.0, 4.0, 0.0, 1.0]), np.array([3.0, -2.0])),
    "valley": (bent([1.0, 10.0, 1.0, 0.0]), np.array([-0.5, 1.0])),
}


# Polyak's size goes with any direction; a few tell, and each pair costs seconds to compile.
FEW = {"polyak": ("plain", "momentum", "adam", "l-bfgs"), "polyak known": ("plain", "l-bfgs")}


PAIRS = [(way, size) for way in DIRECTIONS for size in SIZES if way in FEW.get(size, DIRECTIONS)]


def core(way, size):
    """Tell whether a pair stands in the row of the direction, or in the column of the size, that all are tried with.

    The path of each direction with a constant size is that of optax, which another test tells.
    """
    return way == "plain" or size == "armijo"


@pytest.mark.parametrize(
    ("way", "size"),
    [pytest.param(*pair, marks=() if core(*pair) else pytest.mark.nightly) for pair in PAIRS],
)
def test_every_pair_of_rules_on_every_problem_in_both_engines(way, size):
    step = SIZES[size]
    if getattr(step, "plain_only", False) and way != "plain":
        with pytest.raises(ValueError, match="is a step size for plain descent only"):
            st.minimize(PROBLEMS["bowl"][0], PROBLEMS["bowl"][1], direction=way, step=step)
        return
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
        if step.searches and getattr(step, "adapts", False):
            highest = np.array([compiled.trace.value[max(k - 10, 0) : k].max() for k in range(1, len(compiled.trace))])
            assert np.all(compiled.trace.value[1:] <= highest)
        elif step.searches:
            assert np.all(np.diff(compiled.trace.value) <= 1e-12 * np.abs(compiled.trace.value[:-1]))
            assert plain.fun <= f(start)
        else:
            # A size that follows the descent amplifies the error of the differences.
            rows = slice(15 if getattr(step, "adapts", False) else None)
            np.testing.assert_allclose(plain.trace.x[rows], compiled.trace.x[rows], rtol=2e-4, atol=2e-4)


def test_searches_are_refused_where_batches_make_values_noisy():
    xs = np.linspace(0, 1, 50)
    with pytest.raises(ValueError, match="ExactSearch needs exact values"):
        st.fit(lambda x, m, b: m * x + b, xs, 2 * xs, step="exact", batch_size=10, epochs=2)


def slope(scales, x):
    return scales * x


def barzilai_borwein(scales, x, sizes, kind):
    """Return the points of plain descent on ½ Σ c x² by the formula of the paper, from two points on."""
    for _ in range(len(sizes) - len(x) + 1):
        s, y = x[-1] - x[-2], slope(scales, x[-1] - x[-2])
        t = {"bb1": s @ s / (s @ y), "bb2": s @ y / (y @ y)}[kind]
        x.append(x[-1] - t * slope(scales, x[-1]))
    return np.array(x)


@pytest.mark.parametrize("kind", ["bb1", "bb2"])
def test_barzilai_borwein_by_its_formula(kind):
    scales = np.array([1.0, 7.0, 30.0])
    # With so long a history no step is ever refused on this function.
    step = steps.BarzilaiBorwein(kind, history=1_000)
    run = st.minimize(lambda x: (scales * x**2).sum() / 2, np.array([3.0, 2.0, 1.0]), step=step, iterations=12)
    x = barzilai_borwein(scales, [*run.trace.x[:2]], run.trace.step_size[1:], kind)
    assert run.nfev == len(run.trace)
    np.testing.assert_allclose(run.trace.x, x[: len(run.trace)], rtol=1e-9, atol=1e-12)


def test_barzilai_borwein_in_two_dimensions_gains_digits_superlinearly():
    # Barzilai and Borwein, section 4: on two variables the convergence is R-superlinear.
    run = st.minimize(lambda x, y: x**2 + 100 * y**2, (1.0, 1.0), step=steps.BarzilaiBorwein("bb1"), tolerance=1e-30)
    assert run.nfev < 40
    assert run.fun < 1e-25


def test_abbmin_takes_the_shortest_of_the_last_short_sizes():
    scales = np.logspace(0, 3, 12)
    step = steps.BarzilaiBorwein(history=1_000)
    run = st.minimize(lambda x: (scales * x**2).sum() / 2, np.ones(12), step=step, iterations=60)
    s = np.diff(run.trace.x, axis=0)
    ss, sy, yy = (s * s).sum(axis=1), (scales * s * s).sum(axis=1), (scales**2 * s * s).sum(axis=1)
    long, short = ss / sy, sy / yy
    least = np.array([short[max(k - 4, 0) : k + 1].min() for k in range(len(s))])
    wanted = np.where(short < 0.8 * long, least, long)
    gone = run.trace.rejected[2:] == 0
    np.testing.assert_allclose(run.trace.step_size[2:][gone], wanted[:-1][gone], rtol=1e-6)
    assert len(set(np.round(run.trace.step_size, 9))) > 10


def test_adgd_by_its_formula_and_by_its_guarantee():
    scales = np.array([1.0, 40.0])
    run = st.minimize(lambda x: (scales * x**2).sum() / 2, np.array([3.0, 1.0]), step="adgd", iterations=80)
    x, t = run.trace.x, run.trace.step_size
    growth = 1 / 3
    for k in range(1, len(x) - 1):
        bend = np.linalg.norm(scales * (x[k] - x[k - 1])) / np.linalg.norm(x[k] - x[k - 1])
        inside = 2 * (t[k] * bend) ** 2 - 1
        wanted = min(math.sqrt(2 / 3 + growth) * t[k], t[k] / math.sqrt(inside) if inside > 0 else math.inf)
        assert t[k + 1] == pytest.approx(wanted, rel=1e-9)
        growth = t[k + 1] / t[k]
    assert run.fun < 1e-3


def test_polyaks_size_with_the_value_known_halves_the_way_on_a_parabola():
    run = st.minimize(lambda x: 3 * (x - 1) ** 2 + 5, 9.0, step=steps.Polyak(optimum=5.0), iterations=20)
    np.testing.assert_allclose(run.trace.x[:, 0] - 1, 8 * 0.5 ** np.arange(len(run.trace)), rtol=1e-6)
    up = st.maximize(lambda x: 5 - 3 * (x - 1) ** 2, 9.0, step=steps.Polyak(optimum=5.0), iterations=20)
    np.testing.assert_allclose(up.trace.x, run.trace.x, rtol=1e-6)


def test_polyaks_size_finds_a_kink_without_knowing_the_value():
    run = st.minimize(lambda x, y: np.abs(x - 1) + 5 * np.abs(y), (3.0, 1.0), step="polyak", iterations=1_000)
    assert run.fun < 1e-12


@pytest.mark.parametrize(("ours", "theirs"), [("dog", "dog"), ("dowg", "dowg")])
def test_distance_over_gradients_goes_as_optax_does(ours, theirs):
    f, start = PROBLEMS["valley"]
    first = 0.01 * (1 + np.linalg.norm(start))
    rule = {"dog": steps.DoG(first=0.01), "dowg": steps.DoWG(first=0.01)}[ours]
    other = {
        "dog": lambda: optax.contrib.dog(init_step=("distance", first), eps=0.0),
        "dowg": lambda: optax.contrib.dowg(init_estim_sq_dist=first**2, eps=0.0),
    }[theirs]()
    mine = st.minimize(f, start, step=rule, iterations=60)
    reference = st.minimize(f, start, step=other, iterations=60)
    np.testing.assert_allclose(mine.trace.x, reference.trace.x, rtol=1e-6)


NEEDS_PLAIN = ["barzilai-borwein", "adgd", "dog", "dowg"]


@pytest.mark.parametrize("name", NEEDS_PLAIN)
def test_sizes_for_plain_descent_refuse_other_directions(name):
    with pytest.raises(ValueError, match="leave direction= out, or give Adam another step"):
        st.minimize(PROBLEMS["bowl"][0], PROBLEMS["bowl"][1], direction="adam", step=name)


@pytest.mark.parametrize("name", ["adgd", "polyak"])
def test_batches_refuse_sizes_that_need_exact_gradients(name):
    xs = np.linspace(0, 1, 50)
    with pytest.raises(ValueError, match="needs exact gradients, and a batch gives noisy ones"):
        st.fit(lambda x, m, b: m * x + b, xs, 2 * xs, step=name, batch_size=10, epochs=2)


def test_distance_over_gradients_bears_batches():
    xs = np.linspace(-1, 1, 200)
    fit = st.fit(lambda x, m, b: m * x + b, xs, 3 * xs + 1, step="dowg", batch_size=20, epochs=200, rng=0)
    np.testing.assert_allclose([*fit.params.values()], [3, 1], rtol=1e-3)
