"""What the tests of estimators share."""

import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def _compile_plainly():
    """Compile without optimising: nearly all of these tests' time is spent on compiling for one more shape."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
