"""Settings and fixtures of all tests."""

import gc
import os
import signal

# Nearly all of their time is spent on compiling what runs once, which need not be done with care. The pinned version of
# XLA compiles in a third of the processor's time without its emitters of fusions, and without threads of its own.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1")

# A lowered program need not tell which lines of Python it comes from.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

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

GOLDEN = (5**0.5 - 1) / 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Leave all but a few cases of a sweep that is marked ``always(n)`` to the nightly run."""
    sweeps = {}
    for item in items:
        if item.get_closest_marker("always") and not item.get_closest_marker("nightly"):
            sweeps.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for cases in sweeps.values():
        (count,) = cases[0].get_closest_marker("always").args
        # Multiples of the golden ratio are spread evenly, and skip no value of one of several parameters.
        order = sorted(range(len(cases)), key=lambda k: k * GOLDEN % 1)
        for k in order[count:]:
            cases[k].add_marker("nightly")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    """Freeze what the collected tests have imported: else each full collection of garbage looks at it, for 0.3 s."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _fresh_compiler():
    """Drop what was compiled after each file: thousands of compiled functions exhaust a process's memory maps."""
    yield
    forget()
    jax.clear_caches()


# Those before any test: a fixture of a whole file may run the command line before the fixture below begins.
HANDLERS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}


@pytest.fixture(autouse=True)
def _signals():
    """Restore the handlers of signals, which the command line leaves ignored."""
    yield
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)


@pytest.fixture
def hears_ctrl_c():
    """Hear Ctrl-C also where a shell runs the tests as a background job, which it makes deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler
