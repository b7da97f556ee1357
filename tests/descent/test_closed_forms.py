"""Outcomes of functions whose minima, kinks and tails are known in closed form."""

import hashlib
import itertools

import numpy as np
import pytest
import scipy.optimize

import steepest as st

ROWS = np.random.default_rng(0).normal(size=(50, 3))
TARGETS = ROWS @ [1.0, 2.0, 3.0] + np.random.default_rng(1).normal(size=50)


def cases(table, often):
    """Return the cases of a table as parameters; the first few run always, the others nightly."""
    return [
        pytest.param(*case, id=name, marks=[] if k < often else pytest.mark.nightly)
        for k, (name, case) in enumerate(table.items())
    ]


FALLING = {
    "log": (lambda x: -np.log(1 + x**2), 1.0),
    "line": (lambda x: 3 - 2 * x, 0.0),
    "inflection": (lambda x: x**3, 1.0),
    "top of a ridge": (lambda x, y: x**2 - y**2, (1.0, 0.0)),
    "saddle of fourth order": (lambda x, y: x**2 - y**4, (1.0, 0.5)),
    "root": (lambda x: -np.sqrt(1 + x**2), 1.0),
    "parabola": (lambda x: -(x**2), 1.0),
    "pole": (lambda x: np.log(x), 1.0),
    "one of two": (lambda x, y: np.exp(x) - y + x**2, (1.0, 0.5)),
}


@pytest.mark.parametrize(("f", "start"), cases(FALLING, 5))
@pytest.mark.always(3)
def test_a_value_that_falls_without_end_is_unbounded(f, start):
    run = st.minimize(f, start)
    assert (run.outcome, run.success) == ("unbounded", False), run.message


APPROACHING = {
    "exp": (lambda x: np.exp(-x), 0.0, 0.0),
    "reciprocal": (lambda x: 1 / x, 1.0, 0.0),
    "separable classes": (
        lambda w: np.mean(np.log1p(np.exp(-np.array([[1.0, 2], [1, -0.5], [2, 1], [2, 1]]) @ w))), np.zeros(2), 0.0,
    ),
    "saturating": (lambda x: -np.tanh(x), 0.5, -1.0),
    "one of two": (lambda x, y: np.exp(-x) + (y - 1) ** 2, (0.0, 0.0), 0.0),
    "arc": (lambda x: -np.arctan(x), 0.0, -np.pi / 2),
    "bell": (lambda x: np.exp(-(x**2)), 0.5, 0.0),
    "softplus": (lambda x: np.log1p(np.exp(-x)), 0.0, 0.0),
    "cancelling": (lambda x: np.sqrt(1 + x**2) - x, 0.0, 0.0),
}  # fmt: skip


@pytest.mark.parametrize(("f", "start", "limit"), cases(APPROACHING, 4))
def test_a_limit_that_is_never_reached_is_no_minimum(f, start, limit):
    run = st.minimize(f, start)
    assert (run.outcome, run.success) == ("no finite optimum", False), run.message
    assert "as the point goes to infinity" in run.message
    assert run.fun == pytest.approx(limit, abs=1e-6)


def test_a_limit_from_below_is_no_maximum():
    run = st.maximize(lambda x: 2 - 1 / x, 1.0)
    assert run.outcome == "no finite optimum"
    assert "rises towards 2" in run.message


def least_absolute():
    """Return min Σ |y - Xb| by a linear program."""
    n, k = ROWS.shape
    A = np.block([[ROWS, -np.eye(n)], [-ROWS, -np.eye(n)]])
    cost = np.concatenate([np.zeros(k), np.ones(n)])
    bounds = [(None, None)] * k + [(0, None)] * n
    return scipy.optimize.linprog(cost, A, np.concatenate([TARGETS, -TARGETS]), bounds=bounds).fun


def least_largest():
    """Return min max |y - Xb| by a linear program."""
    ones = np.ones((len(ROWS), 1))
    A = np.block([[ROWS, -ones], [-ROWS, -ones]])
    bounds = [(None, None)] * 3 + [(0, None)]
    return scipy.optimize.linprog([0, 0, 0, 1], A, np.concatenate([TARGETS, -TARGETS]), bounds=bounds).fun


KINKED = {
    "largest of two": (lambda x, y: np.maximum(np.abs(x - 1), np.abs(y + 2)), (0.0, 0.0), 0.0),
    "least absolute deviations": (lambda b: np.sum(np.abs(TARGETS - ROWS @ b)), np.zeros(3), least_absolute),
    "least largest deviation": (lambda b: np.max(np.abs(TARGETS - ROWS @ b)), np.zeros(3), least_largest),
    "kink and bowl": (lambda x, y: np.abs(x) + y**2, (1.0, 1.0), 0.0),
    "distance": (lambda x: np.abs(x - 1), 3.0, 0.0),
    "distances": (lambda x: np.sum(np.abs(x - np.arange(4))), np.full(4, 0.3), 0.0),
    "larger of two bowls": (lambda x, y: np.maximum(x**2 + y**2, (x - 2) ** 2 + y**2), (3.0, 1.0), 1.0),
    "edge of a bowl": (lambda x: np.abs(x - 1) + (x - 1) ** 2, 3.0, 0.0),
}


@pytest.mark.parametrize(("f", "start", "least"), cases(KINKED, 4))
def test_a_minimum_at_a_kink_is_one(f, start, least):
    least = least() if callable(least) else least
    run = st.minimize(f, start)
    assert run.outcome == "converged", run.message
    assert "kink" in run.message
    # The planes lie below a convex function, so their least value is a bound.
    assert run.fun - least <= run.certificate.gap + 1e-14 * abs(least)
    assert run.fun - least <= 1e-8 * max(abs(least), 1e-3)
    assert run.nfev < 1_000


def test_planes_prove_nothing_where_f_is_not_convex():
    # The kink at 0 is a local minimum; the deeper ones have the value -0.85.
    run = st.minimize(lambda x: np.abs(x) - 0.6 * x**2 + 0.02 * x**4, 0.5)
    assert run.outcome == "stalled at rounding"
    assert np.isnan(run.certificate.gap)


def test_a_bent_kink_is_no_saddle():
    # Differences of gradients across the kink look like negative curvature, which values do not confirm.
    run = st.minimize(lambda x, y: np.abs(x - 1) + 100 * np.abs(y - x**2), (-1.2, 1.0))
    assert run.outcome == "stalled at rounding"


def test_slopes_that_overflow_do_not_end_in_a_false_outcome():
    # All points of [0, 1] are minima.
    run = st.minimize(lambda x: 1e250 * (np.abs(x - 1) + np.abs(x)), 3.0)
    assert run.outcome == "flat"
    assert "a floor" in run.message
    assert run.fun == 1e250


FLAT = {
    "constant": (lambda x: 3 + 0 * x, 1.0, "constant"),
    "floor": (lambda w: np.maximum(w[0], 0) + np.maximum(w[1], 0), np.array([1.0, 2.0]), "floor"),
    "plateau": (lambda x: np.floor(float(x) * 3) ** 2, 2.3, "plateau"),
    "far well": (lambda x: -np.exp(-((x - 50) ** 2)), 20.0, "plateau"),
}


@pytest.mark.parametrize(("f", "start", "kind"), cases(FLAT, 4))
def test_the_message_says_what_kind_of_flatness_it_is(f, start, kind):
    run = st.minimize(f, start)
    assert (run.outcome, run.success) == ("flat", False)
    assert kind in run.message


FAR = {
    "unlike units": (lambda x, y: ((x - 1e6) / 1e6) ** 2 + ((y - 1e-6) * 1e6) ** 2, (0.0, 0.0), (1e6, 1e-6)),
    "steep walls": (lambda x: np.cosh((x - 1e5) / 1e3), 0.0, (1e5,)),
    "many scales": (lambda x: np.sum((x / np.array([1e-9, 1.0, 1e9]) - 1) ** 2), np.zeros(3), (1e-9, 1.0, 1e9)),
    "far": (lambda x: (x - 1e6) ** 2, 0.0, (1e6,)),
    "far and near": (lambda x, y: (x - 1e8) ** 2 + (y + 1e-8) ** 2, (0.0, 0.0), (1e8, -1e-8)),
    "log": (lambda x: (np.log(x) - 20) ** 2, 1.0, (np.exp(20),)),
    "offset": (lambda x: 1e10 + (x - 3) ** 2, 0.0, (3.0,)),
    "small": (lambda x: (x - 1e-12) ** 2, 1.0, (1e-12,)),
}


@pytest.mark.parametrize(("f", "start", "minimiser"), cases(FAR, 3))
def test_minima_far_from_the_start_and_in_any_units(f, start, minimiser):
    run = st.minimize(f, start)
    assert run.outcome == "converged", run.message
    np.testing.assert_allclose(np.ravel(run.x), minimiser, rtol=1e-7)
    assert np.all(np.abs(np.ravel(run.x) - minimiser) <= 2 * np.array(run.certificate.x_error))


def scatter(x, draw=0):
    """Return a pseudo-random number between -1/2 and 1/2, always the same at a point of one draw."""
    digest = hashlib.md5(np.append(x, draw).astype(float).tobytes(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) / 2**32 - 0.5


def noisy(f, level, draw=0):
    """Return f with noise of this level, in code that can't be traced."""
    return lambda x: float(f(np.array(x, float))) + level * scatter(x, draw)


NOISY = {
    "faint": (noisy(lambda x: (x - 3) ** 2, 1e-9), 0.0, 3.0, 1e-9),
    "noise": (noisy(lambda x: (x - 3) ** 2, 1e-6), 0.0, 3.0, 1e-6),
    "loud": (noisy(lambda x: (x - 3) ** 2, 1e-3), 0.0, 3.0, 1e-3),
    "offset": (noisy(lambda x: 100 + (x - 3) ** 2, 1e-6), 0.0, 3.0, 1e-6),
    "steep": (noisy(lambda x: np.exp(x) - 2 * x, 1e-7), 3.0, np.log(2), 1e-7),
    "valley": (noisy(lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2, 1e-8), np.array([-1.2, 1]), 1.0, 1e-8),
    "relative": (lambda x: (1 + (float(x) - 3) ** 2) * (1 + 1e-5 * scatter(x)), 0.0, 3.0, 1e-5),
    "three": (noisy(lambda x: np.sum((x - 1) ** 2), 1e-6), np.zeros(3), 1.0, 1e-6),
}  # fmt: skip


@pytest.mark.parametrize(("f", "start", "minimiser", "level"), cases(NOISY, 8))
@pytest.mark.always(4)
def test_noise_ends_a_descent_and_widens_its_error(f, start, minimiser, level):
    run = st.minimize(f, start)
    assert run.outcome == "converged", run.message
    assert "noise" in run.message
    off = np.abs(np.ravel(run.x) - minimiser)
    assert np.all(off <= run.certificate.x_error)
    assert off.max() <= 100 * np.sqrt(level)
    assert run.certificate.gap <= 100 * level
    assert run.nfev < 1_500


def test_the_accuracy_that_noise_leaves_is_neither_overstated_nor_vague():
    converged = too_small = runs = 0
    for least, level in itertools.product((0.0, 0.01, 1.0), (1e-8, 1e-7, 1e-6)):
        gaps = []
        for draw in range(6):
            f = noisy(lambda x, least=least: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2 + least, level, draw)
            run = st.minimize(f, np.array([-1.2, 1]))
            runs += 1
            if run.outcome == "converged":
                converged += 1
                gaps.append(run.certificate.gap)
                too_small += bool(np.any(np.abs(run.x - 1) > run.certificate.x_error))
        assert np.median(gaps) <= 1_000 * level
    # Noise is a matter of luck: a run may stall, and a bar covers most draws, but not every one.
    assert converged >= 0.92 * runs
    assert too_small <= 0.1 * runs


def single(x):
    return np.asarray(x, dtype=np.float32)


SINGLE = {
    "point": (lambda x: (single(x) - 2) ** 2 + 1, 10.0),
    "result": (lambda x: single((x - 2) ** 2 + 1), 10.0),
    "far": (lambda x: (single(x) - 2) ** 2 + 1, 1e4),
    "by values": (lambda x: np.float32((float(x) - 2) ** 2 + 1), 10.0),
    "middle": (lambda x: single((x - 2) ** 2) + 1.0, 10.0),
    "half": (lambda x: np.asarray((x - 2) ** 2 + 1, dtype=np.float16), 10.0),
    "vector": (lambda x: np.sum(single(x) ** 2 - 4 * single(x) + 5), np.full(2, 9.0)),
    "cosh": (lambda x: np.cosh(single(x) - 2), 6.0),
}


@pytest.mark.parametrize(("f", "start"), cases(SINGLE, 4))
def test_single_precision_is_recognised(f, start):
    run = st.minimize(f, start)
    eps = 1e-3 if np.asarray(f(np.array(start))).dtype == np.float16 else 1.2e-7
    assert run.outcome == "converged", run.message
    assert "precision" in run.message or "noise" in run.message
    off = np.abs(np.ravel(run.x) - 2)
    assert np.all(off <= run.certificate.x_error)
    assert off.max() <= 30 * np.sqrt(eps)


def test_a_true_saddle_is_left_or_reported():
    run = st.minimize(lambda x, y: x**2 - y**2 + y**4, (1.0, 0.0))
    assert run.outcome == "converged"
    assert run.fun == pytest.approx(-0.25, rel=1e-14)
    stuck = st.minimize(lambda x, y: x**2 - y**2 + y**4, (1.0, 0.0), step="armijo", tolerance=1e-8)
    assert stuck.outcome == "saddle"


@pytest.mark.parametrize("count", [40, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_no_convex_function_is_called_a_saddle(count):
    draws, outcomes = np.random.default_rng(2), set()
    for _ in range(count):
        A = draws.normal(size=(6, 3)) * 10 ** draws.uniform(-2, 2, 3)
        b, p = draws.normal(size=6), draws.choice([1.0, 1.5, 2.0, 4.0], size=6)
        run = st.minimize(lambda x, A=A, b=b, p=p: np.sum(np.abs(A @ x - b) ** p), draws.normal(size=3))
        outcomes.add(str(run.outcome))
    assert "saddle" not in outcomes
    assert "converged" in outcomes


def test_a_run_that_stalls_states_no_distance():
    run = st.minimize(lambda x: np.where(x >= 1, x * (x - 1.5), np.nan), 9.0)
    assert run.outcome == "stalled at rounding"
    assert np.isnan(run.certificate.gap)
    assert "can't be told" in run.message
