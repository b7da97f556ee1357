"""`check_gradient` on 100 right gradients and 100 wrong ones (500 each night), and the name of each slip."""

import collections
import math
import zlib

import numpy as np
import pytest
from tests.functions import STANDARD

import steepest as st
from steepest.derivatives.check import Verdict

# How many gradients every test run tries.
OFTEN = 60
SLIPS = ("sign", "factor 2", "factor 1/2", "factor n", "permutation", "all coordinates moved at once", None)


def through_other_units(f, gradient, x, rng):
    units, factor = 10.0 ** rng.uniform(-6, 6, x.size), 10.0 ** rng.uniform(-6, 6)
    return lambda z: factor * f(z / units), lambda z: factor * gradient(z / units) / units, x * units


def noisy(f, gradient, x, rng):
    # The noise depends on a hash of the point, so that f stays a function of it.
    def with_noise(z):
        return f(z) * (1 + 1e-6 * np.random.default_rng(zlib.crc32(z.tobytes())).uniform(-1, 1))

    return with_noise, gradient, x


def kinked(f, gradient, x, rng):
    away = 10.0 ** rng.uniform(-4, 0, x.size) * rng.choice([-1, 1], x.size) * np.where(x == 0, 1, np.abs(x))
    weight = abs(f(x)) + 1e-3
    kinks = x + away
    return (
        lambda z: f(z) + weight * np.abs(z - kinks).sum(),
        lambda z: gradient(z) + weight * np.sign(z - kinks),
        x,
    )


def plain(f, gradient, x, rng):
    return f, gradient, x


def cases(count, manners, seed):
    """Yield functions with exact gradients at generic points, changed in each of these manners in turn."""
    rng = np.random.default_rng(seed)
    # Each function is compiled, so that few cases are of an eighth of the functions, and in all manners.
    functions = STANDARD if count > OFTEN else STANDARD[::8]
    k = found = 0
    while found < count:
        standard, manner = functions[k % len(functions)], manners[(k // len(functions)) % len(manners)]
        k += 1
        x = standard.point * (1 + 0.05 * rng.standard_normal(standard.point.size))
        f, gradient, at = manner(standard.value, st.gradient(standard.value), x, rng)
        with np.errstate(all="ignore"):
            sound = math.isfinite(f(at)) and np.all(np.isfinite(gradient(at))) and np.any(gradient(at))
        if sound:
            found += 1
            yield f, gradient, at, rng


def size(vector, x):
    return np.linalg.norm(vector * np.where(x == 0, 1, np.abs(x)))


def sabotaged(right, x, rng, slip):
    n = right.size
    weights = np.abs(right) * np.where(x == 0, 1, np.abs(x))
    changed = {
        "sign": -right,
        "factor 2": 2 * right,
        "factor 1/2": right / 2,
        "factor n": n * right,
        "permutation": np.roll(right, 1),
        "all coordinates moved at once": np.full(n, right.sum()),
    }
    if slip in changed:
        return changed[slip]
    wrong = right.copy()
    if rng.random() < 0.5:
        wrong[np.argmax(weights)] *= 1 + 2e-4 * math.sqrt(n)
    else:
        wrong *= 1 + 1.5e-4 * rng.choice([-1, 1], n)
    return wrong


COUNTS = [OFTEN, pytest.param(500, marks=pytest.mark.nightly)]


@pytest.mark.parametrize("count", COUNTS)
def test_no_false_alarm_among_right_gradients(count):
    verdicts, evaluations = collections.Counter(), []
    for f, gradient, x, _ in cases(count, [plain, through_other_units, noisy, kinked], seed=1):
        check = st.check_gradient(f, gradient, x)
        assert check.verdict is not Verdict.WRONG, str(check)
        assert check.wrong == ()
        verdicts[check.verdict] += 1
        evaluations.append(check.evaluations)
    assert verdicts[Verdict.RIGHT] >= 0.95 * count
    assert np.median(evaluations) <= 10


@pytest.mark.parametrize("tried", COUNTS)
def test_no_miss_among_sabotaged_gradients(tried):
    missed, named, count = 0, 0, 0
    for k, (f, gradient, x, rng) in enumerate(cases(tried, [plain, through_other_units], seed=2)):
        right, slip = gradient(x), SLIPS[k % len(SLIPS)]
        wrong = sabotaged(right, x, rng, slip)
        if size(wrong - right, x) < 1e-4 * size(right, x):
            continue
        check = st.check_gradient(f, lambda z, wrong=wrong: wrong, x)
        count += 1
        missed += check.verdict is not Verdict.WRONG
        named += check.slip == slip
        off = np.abs(wrong - right) > 1e-4 * np.maximum(np.abs(right), np.abs(wrong))
        assert set(check.wrong) <= set(np.flatnonzero(wrong != right))
        assert set(check.wrong) >= set(np.flatnonzero(off & (np.abs(right) * np.abs(x) > 1e-6 * size(right, x))))
    assert count >= 0.9 * tried
    assert missed == 0
    # With two coordinates a factor n is a factor 2, and a sum may equal one of its terms: only most slips are unique.
    assert named >= 0.85 * count


@pytest.mark.parametrize(
    ("wrong", "slip", "coordinates"),
    [
        (lambda x, y, z: (-2 * x, -4 * y, -6 * z), "sign", (0, 1, 2)),
        (lambda x, y, z: (2 * x, -4 * y, 6 * z), "sign", (1,)),
        (lambda x, y, z: (4 * x, 8 * y, 12 * z), "factor 2", (0, 1, 2)),
        (lambda x, y, z: (x, 2 * y, 3 * z), "factor 1/2", (0, 1, 2)),
        (lambda x, y, z: (6 * x, 12 * y, 18 * z), "factor n", (0, 1, 2)),
        (lambda x, y, z: (2 * x / 3, 4 * y / 3, 2 * z), "factor 1/n", (0, 1, 2)),
        (lambda x, y, z: (4 * y, 2 * x, 6 * z), "permutation", (0, 1)),
        (lambda x, y, z: (2 * x + 4 * y + 6 * z,) * 3, "all coordinates moved at once", (0, 1, 2)),
        (lambda x, y, z: (2 * x, 0.0, 6 * z), "zero", (1,)),
        (lambda x, y, z: (2 * x, 4 * y + 1, 6 * z), None, (1,)),
    ],
)
def test_each_slip_has_its_name(wrong, slip, coordinates):
    check = st.check_gradient(lambda x, y, z: x**2 + 2 * y**2 + 3 * z**2, wrong, (1.0, 1.5, -2.0))
    assert not check
    assert (check.slip, check.wrong) == (slip, coordinates)
    assert str(check).startswith("the gradient is wrong")


def test_the_quotient_that_moves_both_variables_is_recognised():
    def f(x, y):
        return x**2 + y**2

    check = st.check_gradient(f, lambda x, y: ((f(x + 1e-7, y + 1e-7) - f(x, y)) / 1e-7,) * 2, (3.0, 4.0))
    assert check.slip == "all coordinates moved at once"


def test_a_kink_is_no_wrong_gradient():
    def f(x, y):
        return abs(x) + y**2

    kink = st.check_gradient(f, lambda x, y: (1.0, 2 * y), (0.0, 2.0))
    assert kink.verdict is Verdict.KINK
    assert "-1 on one side and 1 on the other" in str(kink)
    assert st.check_gradient(abs, lambda x: 0.0, 0.0).verdict is Verdict.KINK
    wrong = st.check_gradient(f, lambda x, y: (3.0, 2 * y), (0.0, 2.0))
    assert (wrong.verdict, wrong.wrong) == (Verdict.WRONG, (0,))
    assert st.check_gradient(f, lambda x, y: (np.sign(x), 2 * y), (1e-3, 2.0))


def test_noise_that_hides_the_slope_is_reported():
    rng = np.random.default_rng(0)
    check = st.check_gradient(lambda x: x**2 + 10 * rng.standard_normal(), lambda x: 2 * x, 1.0)
    assert check.verdict is Verdict.NOISY
    assert not check
    # With little noise a wrong sign still shows.
    rng = np.random.default_rng(0)
    check = st.check_gradient(lambda x: x**2 * (1 + 1e-4 * rng.standard_normal()), lambda x: -2 * x, 1.0)
    assert check.slip == "sign"


def test_at_a_minimum_a_zero_gradient_is_right_and_another_is_not():
    def f(x):
        return np.sum((x - 1) ** 4) + np.sum((x - 1) ** 2)

    assert st.check_gradient(f, lambda x: 0 * x, np.ones(3))
    assert st.check_gradient(f, lambda x: 0 * x + [0, 1e-3, 0], np.ones(3)).wrong == (1,)


def test_trees_are_named_and_bad_input_has_one_line():
    point = {"slope": 2.0, "shift": [1.0, 3.0]}

    def f(p):
        return p["slope"] ** 2 + np.sum(np.asarray(p["shift"]) ** 3)

    check = st.check_gradient(f, lambda p: {"slope": 2 * p["slope"], "shift": 2 * np.asarray(p["shift"]) ** 2}, point)
    assert check.wrong == (1, 2)
    assert "shift[0]" in str(check)
    with pytest.raises(TypeError, match="must be a function"):
        st.check_gradient(f, [1, 2, 3], point)
    with pytest.raises(ValueError, match="check where it is finite"):
        st.check_gradient(np.log, lambda x: 1 / x, -1.0)
    with pytest.raises(ValueError, match="2 numbers where the function takes 3"):
        st.check_gradient(np.sum, lambda x: x[:2], np.ones(3))
    nan = st.check_gradient(np.sum, lambda x: np.array([1, np.nan, 1]), np.ones(3))
    assert nan.wrong == (1,)


def test_minimize_ends_wrong_gradient_at_the_start_or_at_the_end():
    def f(x):
        return np.sum(x**2)

    run = st.minimize(f, [3.0, 4.0], gradient=lambda x: -2 * x)
    assert run.outcome is st.Outcome.WRONG_GRADIENT
    assert "at the start (sign)" in run.message
    run = st.minimize(f, [3.0, 4.0], gradient=lambda x: np.where(x > 1, 2 * x, 2 * x - 1.0))
    assert run.outcome is st.Outcome.WRONG_GRADIENT
    assert "at the end" in run.message
    assert st.minimize(f, [3.0, 4.0], gradient=lambda x: 2 * x).success
    # Too many coordinates to check each one: only random directions are tried.
    run = st.minimize(f, np.ones(500), gradient=lambda x: np.where(np.arange(500) == 7, 3 * x, 2 * x))
    assert run.outcome is st.Outcome.WRONG_GRADIENT
    assert run.nfev < 200
