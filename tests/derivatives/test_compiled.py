"""Compiled code is kept for reuse, and dropped before the process runs out of memory maps."""

from pathlib import Path

import numpy as np
import pytest

import steepest as st
from steepest.derivatives import compiled

MAPS = Path("/proc/self/maps")


def bowls(count):
    """Return functions that close over different numbers, so that each is compiled."""
    return [lambda x, k=k: (x[0] - k) ** 2 + x[1] ** 2 * (k + 1) for k in range(count)]


def test_the_same_code_is_compiled_once():
    compiled.forget()
    for _ in range(3):
        st.gradient(lambda x: np.sum(x**2))(np.ones(2))
    assert len(compiled._cache) == 1


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
