"""What all tests share."""

import jax
import pytest

from steepest.derivatives.compiled import forget


@pytest.fixture(autouse=True, scope="module")
def _fresh_compiler():
    """Drop what was compiled after each file: thousands of compiled functions exhaust a process's memory maps."""
    yield
    forget()
    jax.clear_caches()
