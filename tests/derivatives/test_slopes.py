"""Gradients by differences against closed forms, for functions whose scale differs from the size of the point."""

import math
import time

import numpy as np
import pytest

import steepest as st
from steepest.derivatives.bounds import Box
from steepest.derivatives.differencing.slopes import Differences
from steepest.derivatives.noise import measure_noise
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import read_call

DAY, NOW = 86_400.0, 1.7e9


def bump(at, width):
    """Return a narrow well and its derivative."""

    def f(x):
        return -math.exp(-(((x[0] - at) / width) ** 2))

    return f, lambda x: -2 * (x[0] - at) / width**2 * f(x)


def wave(period, size=1.0):
    return (lambda x: size * math.sin(x[0] / period)), (lambda x: size / period * math.cos(x[0] / period))


def scaled(unit, size):
    return (lambda x: size * math.exp(x[0] / unit)), (lambda x: size / unit * math.exp(x[0] / unit))


def noisy(size, seed):
    rng = np.random.default_rng(seed)
    return lambda x: math.cos(x[0]) + x[0] ** 2 + size * rng.standard_normal()


# Function, derivative, point, and the largest relative error that the slope may have.
CASES = {
    **{f"wave at {x:g}": (*wave(1.0), x, 1e-9) for x in (1e3, 1e4, 1e5, 1e6, -1e7, 1e8, 1e9)},
    "slower wave": (*wave(1e3), 1e12, 1e-3),
    "slow wave": (*wave(1e3), 1e9, 1e-5),
    "loud wave": (*wave(1.0, 1e12), 3e6, 1e-9),
    "seconds": (*bump(NOW, 10.0), NOW + 8, 1e-9),
    "seconds, far out": (*bump(NOW, 10.0), NOW + 30, 1e-9),
    "a minute": (*bump(NOW, 60.0), NOW - 20, 1e-9),
    "a day": (*bump(NOW, DAY), NOW + DAY / 3, 1e-9),
    "a metre in a light year": (*bump(9.46e15 / 1e6, 1.0), 9.46e9 + 0.5, 1e-6),
    "near 1": (*bump(1.0, 1e-7), 1 + 3e-8, 1e-7),
    "far and thin": (*bump(-1e5, 1e-3), -1e5 + 4e-4, 1e-6),
    "on the left": (*bump(-3e7, 2.0), -3e7 - 1, 1e-9),
    "wavelets": (
        lambda x: x[0] ** 2 + 1e-3 * math.sin(1e3 * x[0]),
        lambda x: 2 * x[0] + math.cos(1e3 * x[0]),
        1e4,
        1e-7,
    ),
    **{f"unit {u:g}": (*scaled(u, 1.0), 0.7 * u, 1e-9) for u in (1e-12, 1e-9, 1e-6, 1e3, 1e9, 1e12)},
    **{f"size {s:g}": (*scaled(1.0, s), 0.7, 1e-9) for s in (1e-12, 1e-9, 1e9, 1e12)},
    "at 0": (*wave(1.0), 0.0, 1e-9),
    "at 0, small": (*wave(1e-12), 0.0, 1e-9),
    "at 0, large": (*wave(1e12), 0.0, 1e-9),
    "the sum of two units": (
        lambda x: x[0] ** 2 + math.exp(x[0] / 1e-3),
        lambda x: 2 * x[0] + 1e3 * math.exp(x[0] / 1e-3),
        1e-3,
        1e-9,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_slopes_and_their_errors(name):
    f, slope, x, part = CASES[name]
    differences = Differences(f, np.array([x]))
    (found,) = differences(np.array([x]))[1]
    (error,) = differences.error(np.array([x]))
    true = slope([x])
    assert abs(found - true) <= max(part * abs(true), 1e-12 * part)
    assert abs(found - true) <= 3 * error
    assert error <= 1e3 * part * abs(true)


@pytest.mark.parametrize("size", [1e-12, 1e-10, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2])
def test_noise(size):
    x, good = 2.3, 0
    for k in range(5):
        differences = Differences(noisy(size, k), np.array([x]))
        (found,) = differences(np.array([x]))[1]
        (error,) = differences.error(np.array([x]))
        good += abs(found - (2 * x - math.sin(x))) <= 3 * error
        assert size / 5 < differences.noise.level < 5 * size
        assert error < 20 * size ** (2 / 3)
    assert good == 5


KINKS = {
    "a hair away": (lambda x: abs(x[0] - 1) + x[0] ** 2, 1 + 1e-6, 3 + 2e-6),
    "on the other side": (lambda x: abs(x[0] - 1) + x[0] ** 2, 1 - 1e-7, 1 - 2e-7),
    "nearer": (lambda x: abs(x[0] - 1) + x[0] ** 2, 1 + 1e-9, 3.0),
    "far": (lambda x: max(x[0], 3.0) ** 2, 3.001, 6.002),
    "flat beside it": (lambda x: max(x[0] - 1, 0.0) + 5, 1 - 0.05, 0.0),
    "from far": (lambda x: abs(x[0] - 1e8), 1e8 + 0.1, 1.0),
    "a step aside": (lambda x: (x[0] > 2) + x[0], 2 + 1e-6, 1.0),
    "many": (lambda x: sum(abs(x[0] - k / 7) for k in range(10)), 0.4, -4.0 + 0.0),
}


@pytest.mark.parametrize("name", KINKS)
def test_near_a_kink_the_slope_is_that_of_its_side(name):
    f, x, true = KINKS[name]
    differences = Differences(f, np.array([x]))
    (found,) = differences(np.array([x]))[1]
    if name == "many":
        true = sum(math.copysign(1, x - k / 7) for k in range(10))
    assert abs(found - true) <= 3 * differences.error(np.array([x]))[0]
    assert abs(found - true) <= 1e-4


def test_on_a_kink_the_error_covers_both_sides():
    for f, slopes in ((lambda x: abs(x[0]), (-1, 1)), (lambda x: max(2 * x[0], -x[0]), (-1, 2))):
        differences = Differences(f, np.zeros(1))
        (found,), (error,) = differences(np.zeros(1))[1], differences.error(np.zeros(1))
        assert found - error <= slopes[0] < slopes[1] <= found + error


WALLS = {
    "log": (math.log, 1e-9, 1e9),
    "log, from 1": (math.log, 1e-3, 1e3),
    "root": (lambda v: math.sqrt(v - 1), 1 + 1e-5, 0.5 / math.sqrt(1e-5)),
    "root, nearer": (lambda v: math.sqrt(v - 1), 1 + 1e-9, 0.5 / math.sqrt(1e-9)),
    "on the wall": (lambda v: math.sqrt(v) ** 3 if v >= 2 else math.nan, 2.0, 1.5 * math.sqrt(2)),
    "below the wall": (lambda v: v**3 if v <= 2 else math.inf, 2.0, 12.0),
    "pole": (lambda v: 1 / (v - 1), 1 + 1e-6, -1e12),
    "raises": (lambda v: math.asin(v), 1 - 1e-8, 1 / math.sqrt(2e-8 - 1e-16)),
}


@pytest.mark.parametrize("name", WALLS)
def test_beside_a_wall(name):
    f, x, true = WALLS[name]
    start = np.array([1.0 if "from" in name else x])
    differences = Differences(lambda x: f(x[0]), start)
    (found,) = differences(np.array([x]))[1]
    assert found == pytest.approx(true, rel=1e-5)
    assert abs(found - true) <= 3 * differences.error(np.array([x]))[0] + 1e-7 * abs(true)


@pytest.mark.parametrize("x", [0.0, 1e-12, 1e-7, 0.3, 1 - 1e-7, 1.0])
@pytest.mark.parametrize("low", [0.0, 1e6])
def test_f_is_not_called_outside_the_box(low, x):
    def f(x):
        assert low <= x[0] <= low + 1
        return math.exp(x[0] - low)

    at = np.array([low + x])
    differences = Differences(f, at, Box(np.array([low]), np.array([low + 1])))
    (found,) = differences(at)[1]
    assert found == pytest.approx(math.exp(at[0] - low), rel=1e-7)
    assert abs(found - math.exp(at[0] - low)) <= 3 * differences.error(at)[0]


def test_a_coordinate_without_room_has_no_slope():
    box = Box(np.array([1.0, 0.0]), np.array([1.0, 9.0]))
    differences = Differences(lambda x: x[0] * x[1], np.array([1.0, 2.0]), box)
    np.testing.assert_allclose(differences(np.array([1.0, 2.0]))[1], [0, 1], rtol=1e-9)


HOPELESS = {
    "noise alone": lambda x: float(np.random.default_rng(abs(hash(x.tobytes()))).standard_normal()),
    "stairs": lambda x: math.floor(1e3 * x[0]) / 1e3 + float(np.float32(x[0] ** 2)),
}


@pytest.mark.parametrize("name", HOPELESS)
def test_without_a_slope_the_error_is_large(name):
    differences = Differences(HOPELESS[name], np.array([1.3]))
    (found,) = differences(np.array([1.3]))[1]
    true = {"noise alone": 0.0, "stairs": 1 + 2.6}[name]
    assert abs(found - true) <= 3 * differences.error(np.array([1.3]))[0]


def test_steps_are_searched_for_only_once():
    calls = []

    def f(x):
        calls.append(1)
        return float(np.sum(np.sin(x) + x**2 / 3))

    n = 12
    differences = Differences(f, np.ones(n))
    differences(np.linspace(1, 2, n))
    assert len(calls) <= (2 * n + 1) + 2 * n + 10
    for k in range(4):
        calls.clear()
        differences(np.linspace(1, 2 + 0.1 * k, n))
        assert len(calls) == 2 * n + 1
    calls.clear()
    again = Differences(f, np.ones(n))
    here = np.linspace(1, 2, n)
    assert again(here)[1].tobytes() == Differences(f, np.ones(n))(here)[1].tobytes()


def test_steps_that_no_longer_serve_are_searched_for_again():
    # Smooth at the start; at the later points it changes a thousand times as fast.
    def f(x):
        return float(np.sum(x**2) + 5 * np.sum(np.cos(1e3 * x) * (x < 10)))

    def slope(x):
        return 2 * x - 5e3 * np.sin(1e3 * x) * (x < 10)

    differences = Differences(f, np.array([1e4, 2e4]))
    differences(np.array([1e4, 2e4]))
    for k in range(9):
        x = np.array([3.0, 4.0]) + 0.01 * k
        found = differences(x)[1]
    assert np.all(np.abs(found - slope(x)) <= 1e-6 * np.abs(slope(x)).max())


def test_the_scales_are_those_of_the_function():
    f, _ = bump(NOW, 10.0)
    differences = Differences(f, np.array([NOW + 8]))
    differences(np.array([NOW + 8]))
    assert 1 < differences.scales()[0] < 100


PLAIN = {
    "wave": (lambda x: math.sin(float(x)), 1e6, lambda x: math.cos(x)),
    "cos": (lambda x: float(np.cos(float(x))), 1e5, lambda x: -math.sin(x)),
    "well": (lambda t: -math.exp(-(((float(t) - NOW) / 10) ** 2)), NOW + 8, bump(NOW, 10.0)[1]),
}


@pytest.mark.parametrize("name", PLAIN)
def test_gradient_and_minimize_of_what_cannot_be_traced(name):
    f, x, true = PLAIN[name]
    expected = true([x]) if name == "well" else true(x)
    assert st.gradient(f)(x) == pytest.approx(expected, rel=1e-7)
    run = st.minimize(f, x)
    assert run.kind == "differences"
    assert run.fun == pytest.approx(-1, abs=1e-9)


@pytest.mark.parametrize("x", [1e5, 1e6, 1e8, NOW])
def test_right_gradients_far_from_zero_are_right_and_wrong_ones_wrong(x):
    for f, slope in ((np.sin, np.cos), (np.cos, lambda t: -np.sin(t))):
        assert st.check_gradient(f, slope, x)
        assert st.check_gradient(f, lambda t, slope=slope: -slope(t), x).slip == "sign"

    def well(t):
        return -np.exp(-(((t - x) / 10 - 0.8) ** 2))

    def fall(t):
        return -2 * ((t - x) / 10 - 0.8) / 10 * well(t)

    assert st.check_gradient(well, fall, x)
    assert st.check_gradient(well, lambda t: 2 * fall(t), x).slip == "factor 2"


def test_traced_code_far_from_zero_is_not_refused():
    calling, x = read_call(np.sin, 1e6)
    assert serve(np.sin, calling, x).kind == "traced"
    calling, x = read_call(np.sin, NOW)
    assert serve(np.sin, calling, x).slope(x)[1][0] == pytest.approx(math.cos(NOW), rel=1e-6)


def test_noise_is_measured_if_values_repeat():
    at = np.array([1.3])
    for f, level in (
        (lambda x: float(np.float32(math.exp(x[0]))), 2e-7),
        (lambda x: math.exp(float(np.float32(x[0]))), 2e-7),
        (lambda x: float(np.float16(math.exp(x[0]))), 2e-3),
        (lambda x: round(math.exp(x[0]), 4), 3e-5),
    ):
        assert level / 8 < measure_noise(f, at, f(at), np.abs(at)).level < 8 * level


class TestTime:
    @pytest.fixture(autouse=True)
    def compiled(self):
        # Compile first: a running compilation is not cut short, and these tests are about calls.
        st.minimize(self.slow(0), np.zeros(20), iterations=2)
        st.minimize(self.slow(0), np.zeros(20), iterations=2, direction="plain", step=0.01)

    @staticmethod
    def slow(seconds):
        def f(x):
            time.sleep(seconds)
            return float(np.sum((np.asarray([float(v) for v in x]) - 1.0) ** 2))

        return f

    def test_a_gradient_by_differences_is_cut_short(self):
        began = time.perf_counter()
        run = st.minimize(self.slow(0.05), np.zeros(20), seconds=0.5)
        assert time.perf_counter() - began < 0.5 + 1.0 + 0.05
        assert run.outcome is st.Outcome.TIME_LIMIT
        np.testing.assert_array_equal(run.x, 0)
        assert run.fun == 20

    def test_the_best_point_so_far_is_returned(self):
        run = st.minimize(self.slow(0.002), np.zeros(20), seconds=2, direction="plain", step=0.01)
        assert run.outcome is st.Outcome.TIME_LIMIT
        assert run.fun < 20
        assert run.fun == pytest.approx(np.sum((run.x - 1) ** 2))

    def test_a_given_gradient_is_not_checked_beyond_the_time(self):
        f = self.slow(0.05)

        def slope(x):
            time.sleep(0.05)
            return np.asarray([2 * (float(v) - 1) for v in x])

        began = time.perf_counter()
        run = st.minimize(f, np.zeros(20), gradient=slope, seconds=0.4)
        assert time.perf_counter() - began < 0.4 + 1.0 + 0.1
        assert run.outcome is st.Outcome.TIME_LIMIT


@pytest.mark.parametrize("scale", [1e300, 1e306, -1e306])
def test_the_largest_doubles_are_not_noise(scale):
    # float() keeps the code from being traced; squares of such values overflow.
    run = st.minimize(lambda x, y: scale * (math.sin(float(x)) + math.cos(float(y))), (1.0, 2.0))
    assert run.kind == "differences"
    assert run.outcome == "converged", run.message
    assert run.fun == pytest.approx(-2 * abs(scale), rel=1e-12)
