"""Compiled code is kept for reuse, and dropped before the process runs out of memory maps."""

from pathlib import Path

import numpy as np
import pytest

import steepest as st
from steepest.derivatives import compiled
from steepest.derivatives.tracing import budget
from steepest.descent.loop import rule_solver

MAPS = Path("/proc/self/maps")


def bowls(count):
    """Return functions that close over different numbers, so that each is compiled."""
    return [lambda x, k=k: (x[0] - k) ** 2 + x[1] ** 2 * (k + 1) for k in range(count)]


def test_the_same_code_is_compiled_once():
    compiled.forget()
    for _ in range(3):
        st.gradient(lambda x: np.sum(x**2))(np.ones(2))
    assert len(compiled._cache) == 1


def valley(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def saddle(x):
    return np.float64(x[0] ** 2 + (float(x[1]) ** 2 - 1) ** 2)


@pytest.mark.parametrize(("f", "start"), [(valley, (0.0, 0.0)), (saddle, (1.0, 0.0))])
def test_descents_that_begin_again_compile_the_beginning_once(f, start, monkeypatch):
    begun, begin_at = [], rule_solver.RuleSolver.begin_at
    monkeypatch.setattr(
        rule_solver.RuleSolver, "begin_at", lambda *args, **others: begun.append(begin_at(*args, **others))
    )
    compiled.forget()
    # With a limit, the usual descent takes them, and no quick one.
    assert st.minimize(f, start, evaluations=10_000).success
    assert st.minimize(f, start, iterations=3).nit <= 3
    assert begun
    assert len(rule_solver._begin.ready) == 1


@pytest.mark.skipif(not MAPS.exists(), reason="this system does not list memory maps")
def test_room_is_made_before_the_memory_maps_run_out(monkeypatch):
    def maps():
        return len(MAPS.read_bytes().splitlines())

    compiled.forget()
    st.minimize(lambda x: x @ x, np.ones(2))
    room = 100
    most = maps() + room
    monkeypatch.setattr(compiled, "_most_maps", lambda: int(most / compiled.CROWDED))
    for k, f in enumerate(bowls(3)):
        run = st.minimize(f, np.ones(2))
        np.testing.assert_allclose(run.x, [k, 0], atol=1e-3)
        assert maps() < most + 2 * room
    assert len(compiled._cache) < 3
    # Code that was dropped is compiled again, with the same answer.
    np.testing.assert_allclose(st.minimize(bowls(1)[0], np.ones(2)).x, 0, atol=1e-3)


def test_the_limit_of_operations_is_that_of_one_trace_of_a_users_code(monkeypatch):
    """The library's own losses make operations too, whenever a table of another shape is compiled."""
    monkeypatch.setattr(budget, "MOST_OPERATIONS", 50)
    X = np.random.default_rng(0).normal(size=(40, 7))
    for loss in ("squared", "huber", "quantile"):
        assert st.fit(st.models.Linear(), X, X.sum(axis=1), loss=loss).success
    assert st.minimize(lambda x: (x - 1.25) ** 2, 0.0).kind == "traced"
    assert "more than 50 array operations" in st.minimize(lambda x: sum(np.cosh(x - k) for k in range(30)), 0.0).why
