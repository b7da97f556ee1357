"""Ctrl-C is never lost, ends a descent with the best so far, and the user's own handlers stay as they are."""

import gc
import signal
import threading

import numpy as np
import pytest

import steepest as st
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.process.interrupts import check_interrupt, ignore, interruptible, listen

pytestmark = pytest.mark.usefixtures("hears_ctrl_c")


@pytest.fixture
def swallowed(monkeypatch):
    """Return a function that presses Ctrl-C in a callback of the garbage collector, after which Python goes on."""
    pressed, seen = [], []
    monkeypatch.setattr("sys.unraisablehook", lambda error: seen.append(error.exc_type))

    def press(phase, info):
        if not pressed:
            pressed.append(phase)
            signal.raise_signal(signal.SIGINT)

    def collect(*_):
        gc.callbacks.append(press)
        try:
            gc.collect()
        finally:
            gc.callbacks.remove(press)

    yield collect
    assert seen == [KeyboardInterrupt]


def plain(after, act):
    """Return a function without a trace, which acts once when it was called this often."""
    calls = []

    def f(x, y):
        calls.append(0)
        if len(calls) == after:
            act()
        return float(x) ** 2 + float(y) ** 4

    return f


X = np.arange(20.0).reshape(10, 2) ** 2 % 7
Y = X @ [1.0, 2.0] + 3
COUNTED = {"step": 1e-3, "epochs": 2_000}
RUNS = {
    "plain": lambda act: st.minimize(plain(60, act), (3, 2)),
    "restarts": lambda act: st.minimize(plain(60, act), (3, 2), restarts=5, rng=0).runs[-1],
    "race": lambda act: [*st.race(plain(60, act), (3, 2), {"a": 1e-3, "b": 1e-2}).runs.values()][-1],
    "compiled": lambda act: st.minimize(lambda x, y: x**2 + y**2, (3, 2), step=1e-3, iterations=2_000, callback=act),
    "fit": lambda act: st.fit(st.models.Linear(), X, Y, callback=act, **COUNTED),
    "stream": lambda act: st.fit(st.models.Linear(), ((X, Y) for k in range(50) if k != 5 or not act())),
    "fit_table": lambda act: st.fit_table({"a": X[:, 0], "b": Y}, "b", held_out=0, callback=act, **COUNTED),
}


@pytest.mark.parametrize("kind", RUNS)
def test_an_interrupt_that_a_callback_swallows_is_not_lost(kind, swallowed):
    run = RUNS[kind](swallowed)
    assert run.outcome == "interrupted"
    assert np.isfinite(run.fun)


def test_an_interrupt_that_a_callback_swallows_ends_a_map_of_basins(swallowed):
    assert st.basins(plain(300, swallowed), ((-1, 1), (-1, 1)), size=8).interrupted


def test_an_interrupt_during_the_last_check_keeps_the_best_point():
    # The callback ends the run, so the next call of the function checks the answer.
    checks = []

    def f(x):
        if checks:
            checks.clear()
            signal.raise_signal(signal.SIGINT)
        return float(x) ** 2 + 1

    def stop(_):
        checks.append(0)
        raise StopIteration

    run = st.minimize(f, 3.0, gradient=lambda x: 2 * x, callback=stop)
    assert run.outcome == "interrupted"
    assert run.fun < 10


def test_compiled_code_that_fails_does_not_hide_an_interrupt():
    def fail():
        with compiled_code():
            signal.raise_signal(signal.SIGINT)
            raise ValueError

    with pytest.raises(KeyboardInterrupt):
        fail()


def test_compiled_code_is_left_at_the_second_interrupt():
    done = []

    def press():
        with compiled_code():
            for _ in range(3):
                signal.raise_signal(signal.SIGINT)
                check_interrupt()
                done.append(0)

    with pytest.raises(KeyboardInterrupt):
        press()
    assert len(done) == 1


def test_an_interrupt_ends_only_the_code_that_it_came_in():
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGINT)
    with interruptible():
        check_interrupt()


def test_the_handlers_of_the_user_stay():
    def ours(*_):
        heard.append(signal.getsignal(signal.SIGINT))

    heard, term = [], signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGINT, ours)
    run = st.minimize(plain(20, lambda: signal.raise_signal(signal.SIGINT)), (3, 2), iterations=30)
    assert heard == [ours]
    assert run.outcome != "interrupted"
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == (ours, term)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_leave_the_handlers_alone():
    seen = []

    def work():
        listen(signal.SIGINT, signal.SIGTERM)
        with interruptible(), compiled_code():
            seen.append(signal.getsignal(signal.SIGINT))
        ignore(signal.SIGINT, signal.SIGTERM)
        seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler] * 2
