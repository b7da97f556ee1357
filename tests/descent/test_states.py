"""Every code of a descent's state has an exit from every loop, and no loop claims a minimum without a gradient."""

import contextlib
import itertools
import math
import signal

import numpy as np
import pytest

import steepest as st
from steepest import Outcome
from steepest.descent.driver import Driver
from steepest.descent.loop import state
from steepest.minimizing import parallel

CODES = ("RUNNING", "CANDIDATE", "STALLED", "NON_FINITE", "UNBOUNDED", "BOTTOMLESS", "NO_GRADIENT")
ROWS = np.linspace(0.0, 1.0, 12)[:, None]


@contextlib.contextmanager
def returning(seconds=120):
    """Fail if the block does not return: a hang must not hold up the suite."""

    def late(*_):
        raise AssertionError(f"no return within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def traced(x):
    return (x - 1) ** 2


def plain(x):
    return math.fabs(float(x) - 1) ** 2


def blocks():
    for _ in range(3):
        yield ROWS, 2 * ROWS[:, 0]


LOOPS = {
    # With a limit, no quick descent does without the loop.
    "compiled search": lambda: st.minimize(traced, 3.0, evaluations=10_000),
    "compiled steps": lambda: st.minimize(traced, 3.0, step=0.1, iterations=5),
    "plain search": lambda: st.minimize(plain, 3.0),
    "plain steps": lambda: st.minimize(plain, 3.0, step=0.1, iterations=5),
    "a given gradient": lambda: st.minimize(plain, 3.0, gradient=lambda x: 2 * (float(x) - 1)),
    "starts in lanes": lambda: st.minimize(traced, 3.0, restarts=2, rng=0),
    "starts in turn": lambda: st.minimize(plain, 3.0, restarts=2, rng=0),
    "a race": lambda: st.race(plain, 3.0, {"plain": 0.1, "auto": "auto"}, iterations=5).runs["auto"],
    "a map of basins": lambda: st.basins(lambda x, y: plain(x) + plain(y), ((0, 2), (0, 2)), size=2),
    "least squares": lambda: st.fit(lambda x, m: m * x, ROWS[:, 0], 2 * ROWS[:, 0]),
    "Newton's method": lambda: st.fit(st.models.Linear(), ROWS, 2 * ROWS[:, 0]),
    "a stream": lambda: st.fit(st.models.Linear(), blocks(), rng=0),
}


def test_the_codes_are_all_codes():
    assert [getattr(state, name) for name in CODES] == list(range(len(CODES)))


@pytest.mark.parametrize("loop", LOOPS)
def test_every_code_has_an_exit_from_every_loop(loop, monkeypatch):
    run_chunks, run_lanes = Driver.run_chunks, parallel._run
    for code in range(len(CODES)):

        def marked(driver, code=code):
            driver.solver.mark(code)
            return run_chunks(driver)

        def marked_lanes(drivers, progress, code=code):
            for driver in drivers:
                driver.solver.mark(code)
            return run_lanes(drivers, progress)

        monkeypatch.setattr(Driver, "run_chunks", marked)
        monkeypatch.setattr(parallel, "_run", marked_lanes)
        with returning():
            LOOPS[loop]()


def counted(f, last, then=math.nan):
    """Return f for the first `last` calls, and then another value."""
    calls = itertools.count(1)
    return lambda *x: f(*x) if next(calls) <= last else then


@pytest.mark.parametrize("then", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("options", [{}, {"iterations": 50}, {"step": 0.1}, {"direction": "momentum"}])
def test_values_that_vanish_during_a_gradient_end_the_run(options, then):
    # One of these calls is the value at a point whose differences are all lost.
    for last in range(9, 27, 3):
        with returning():
            run = st.minimize(counted(plain, last, then), 5.0, **options)
        assert run.outcome is not Outcome.CONVERGED or abs(run.x - 1) < 1e-3


@pytest.mark.parametrize(("optimize", "size"), [(st.minimize, 2), (st.maximize, 30)])
def test_no_gradient_is_no_gradient_of_0(optimize, size):
    sign = 1.0 if optimize is st.minimize else -1.0

    def f(x):
        return sign * math.fsum((np.asarray(x, float) - 1) ** 2)

    def slope(x):
        return 2 * sign * (np.asarray(x, float) - 1)

    # Neither the gradient nor differences are known after the start, so that nothing can be said of the minimum.
    for values, slopes in itertools.product((4, 12), (1, 2, 3)):
        gradient = counted(slope, slopes, np.full(size, math.nan))
        with returning():
            run = optimize(counted(f, values), np.full(size, 5.0), gradient=gradient)
        assert not run.success, run.message
