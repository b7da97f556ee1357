"""Settings and fixtures of all tests."""

import gc
import os
import signal

# Nearly all of their time is spent on compiling what runs once, which need not be done with care. The pinned version of
# XLA compiles in a third of the processor's time without its emitters of fusions, and without threads of its own.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1")

# Each core has a worker already: further threads of BLAS would only wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Nothing is kept between runs: each tests what it has compiled.
os.environ["STEEPEST_CACHE"] = "0"

import jax
import pytest

from steepest.derivatives.compiled import forget

# A trace makes many objects, which the garbage collector looks at again and again. So let it come less often, and never
# look at what was imported.
gc.freeze()
gc.set_threshold(50_000, 20, 20)


@pytest.fixture(autouse=True, scope="module")
def _fresh_compiler():
    """Drop what was compiled after each file: thousands of compiled functions exhaust a process's memory maps."""
    yield
    forget()
    jax.clear_caches()


@pytest.fixture(autouse=True)
def _signals():
    """Restore the handlers of signals, which the command line leaves ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def hears_ctrl_c():
    """Hear Ctrl-C also where a shell runs the tests as a background job, which it makes deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler
