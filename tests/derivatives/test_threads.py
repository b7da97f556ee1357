"""Threads share what is compiled, wait for each other without end nowhere, and get the answers of a single thread."""

import contextlib
import threading

import jax.monitoring
import numpy as np
import pytest

import steepest as st
from steepest.derivatives import compiled
from steepest.derivatives.tracing.budget import UntraceableError, recorded, refuse, running, tracing

# The longest that a thread may take. A thread that waits for ever fails the test, and does not hold up the others.
PATIENCE = 240


def in_threads(*acts):
    """Run functions at the same time, each in its thread, and return their results."""
    results, errors = [None] * len(acts), []
    together = threading.Barrier(len(acts))

    def work(k, act):
        try:
            together.wait()
            results[k] = act()
        except Exception as error:  # noqa: BLE001 - raised again by the thread of the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k, act), daemon=True) for k, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a thread waits for ever"
    if errors:
        raise errors[0]
    return results


@pytest.fixture(scope="module")
def compilations():
    """Return a list that gets an entry for each compilation from here on."""
    seen = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, seconds, **_: seen.append(name) if name.endswith("backend_compile_duration") else None
    )
    return seen


def descend():
    return st.minimize(lambda x: ((x - 1) ** 2).sum() + (x**4).sum(), np.array([2.0, 3.0]))


def same(a, b):
    return a.trace.x.tobytes() == b.trace.x.tobytes() and a.trace.value.tobytes() == b.trace.value.tobytes()


def test_cold_threads_compile_once(compilations):
    compiled.forget()
    descend()
    alone = len(compilations)
    compiled.forget()
    runs = in_threads(*[descend] * 6)
    assert 0 < len(compilations) - alone <= alone
    assert all(same(run, runs[0]) for run in runs)


def test_answers_from_threads_are_those_of_one_thread():
    def branching(x):
        return (x[0] ** 2 if x[0] > 1 else 2 * x[0] ** 2 - x[0]) + x[1] ** 2

    def opaque(x):
        return float(x[0]) ** 2 + float(x[1] - 1) ** 4

    X = np.arange(20.0).reshape(10, 2) ** 2 % 7
    acts = [
        descend,
        lambda: st.minimize(branching, np.array([3.0, 1.0])),
        lambda: st.minimize(opaque, np.array([3.0, 2.0]), iterations=20),
        lambda: st.fit(st.models.Linear(), X, X @ [1.0, 2.0] + 3),
    ]
    alone = [act() for act in acts]
    compiled.forget()
    assert all(map(same, in_threads(*acts, *acts), alone * 2))


def test_a_function_that_minimises_itself_works_in_threads():
    # min over y of (y - x)² + y² is x² / 2, at y = x / 2.
    def outer(x):
        # An argument, and no number of the closure, for which the code would be compiled at each x.
        target = np.array([float(x)])
        return st.minimize(lambda y, c: ((y - c) ** 2 + y**2).sum(), np.ones(1), args=(target,)).fun + (x - 3.0) ** 2

    def constant(x):
        return (x - st.minimize(lambda y: (y - 2.0) ** 2, 0.0).x) ** 2

    for run in in_threads(*[lambda: st.minimize(outer, 0.0, iterations=15)] * 2):
        np.testing.assert_allclose(run.x, 2.0, atol=1e-5)
    for run in in_threads(*[lambda: st.minimize(constant, 0.0)] * 2):
        assert run.kind == "traced"
        np.testing.assert_allclose(run.x, 2.0)


def test_threads_that_share_a_lock_with_the_function_do_not_wait_for_each_other(monkeypatch):
    monkeypatch.setattr(compiled, "PATIENCE", 0.5)
    lock, holds, traces = threading.RLock(), threading.Event(), threading.Event()
    tracer = []

    def f(x):
        if type(x) is not np.ndarray and threading.get_ident() == tracer[0]:
            # The trace in one thread waits for the lock that the other holds, which waits for the trace.
            traces.set()
            holds.wait(PATIENCE)
            with lock:
                pass
        return ((x - 1) ** 2).sum()

    def trace():
        tracer.append(threading.get_ident())
        return st.minimize(f, np.zeros(2))

    def hold():
        traces.wait(PATIENCE)
        with lock:
            holds.set()
            return st.minimize(f, np.zeros(2))

    for run in in_threads(trace, hold):
        np.testing.assert_allclose(run.x, 1.0)


def test_a_trace_inside_another_leaves_its_state_alone():
    def refused(why):
        with contextlib.suppress(UntraceableError):
            refuse(why)

    def inner():
        with tracing():
            assert (running.refused, running.answers, running.spent) == ("", None, 0)
            refused("inner")

    def outer():
        with tracing(), recorded() as answers:
            refused("outer")
            running.answers.append(True)
            with pytest.raises(UntraceableError, match="inner"):
                inner()
            assert answers == [True]

    def whole():
        with pytest.raises(UntraceableError, match="outer"):
            outer()
        assert (running.refused, running.answers) == ("", None)

    in_threads(whole, whole)


def test_traces_in_two_threads_have_their_own_state():
    together = threading.Barrier(2)

    def trace(spent):
        with tracing():
            running.spent = spent
            together.wait(PATIENCE)
            seen = running.spent
            together.wait(PATIENCE)
        return seen

    assert in_threads(lambda: trace(1), lambda: trace(2)) == [1, 2]
