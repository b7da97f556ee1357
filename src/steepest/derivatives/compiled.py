"""The cache of compiled functions, limited by the number of memory maps that a process may have."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import coarseness, compiled_code
from steepest.derivatives.process.programs import load_or_compile, load_own
from steepest.types import Array, Function, PyTree

if TYPE_CHECKING:
    from jax.extend.core import ClosedJaxpr

# The most functions in the cache. Chosen, not measured: more functions can be reused, and take more memory.
MOST_COMPILED = 128
# The cache is shrunk when this share of the allowed memory maps is in use. Chosen, not measured: the next functions
# to be compiled, and the user's own code, must fit in the rest.
CROWDED = 0.4
# Options for quick compilation, used for at most FEW_NUMBERS numbers, where compiling takes longer than a descent. With
# the first a first result took 2 s instead of 3.5 s, and a second function 1 s instead of 2 s; code for large arrays
# takes up to twice as long. The second, one part for the code generator instead of many, saves a fifth of the time.
QUICKLY = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
FEW_NUMBERS = 100_000
# Options for code that runs for microseconds on at most VERY_FEW numbers: nothing is optimised. A curve of 50 points
# compiled in 0.2 s instead of 0.6 s, and each fit took 0.1 ms longer; with 500 points each took 0.7 ms longer.
BRIEFLY = QUICKLY | {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
VERY_FEW = 500
# How many seconds a thread waits for the trace of a function in another thread. Chosen, not measured: a trace takes
# less, and if the two threads wait for each other, so long is the delay.
PATIENCE = 10.0
# A value and its gradient.
Slope = tuple[float, np.ndarray]
Made = TypeVar("Made")
Stored = TypeVar("Stored", bound=Function)


class JitFunction(Protocol):
    """A function that `jax.jit` returned."""

    def __call__(self, *args: PyTree) -> PyTree: ...

    def trace(self, *args: PyTree) -> jax.stages.Traced: ...

    def clear_cache(self) -> None: ...


def _jit(function: Function, options: dict[str, bool | int] | None = None) -> JitFunction:
    # The type that JAX declares lacks `clear_cache`, so leave the type open.
    jitted: Any = jax.jit(function, compiler_options=options)
    return jitted


class Jitted:
    """A function that JAX compiles at its first call: quickly for few numbers, else to the fastest code.

    With `quick` false, few numbers are no reason to compile quickly: the code runs long on them. With `brief`, the code
    is not optimised for very few numbers: it makes few operations on them.

    If several threads make the first call, one traces and compiles, and the others wait. A trace runs the user's code,
    which may itself wait for a thread that waits for the trace: so after `PATIENCE` seconds a thread makes its own.
    """

    def __init__(self, function: Function, quick: bool = True, brief: bool = False) -> None:
        self.function, self.quick, self.brief = function, quick, brief
        # By the shapes and types of the arguments: the compiled functions, those that are traced only, and the locks of
        # the threads at work.
        self.ready: dict[Hashable, Function] = {}
        self.traces: dict[Hashable, tuple[JitFunction, jax.stages.Traced]] = {}
        self.locks: dict[Hashable, threading.RLock] = {}

    def __call__(self, *args: PyTree) -> PyTree:
        return self.program(*args)(*args)

    def program(self, *args: PyTree) -> Function:
        """Return the compiled function for arguments of these shapes and types, which is called in less time."""
        signature = _signature(args)
        return self.ready.get(signature) or self.compiled(signature, args)

    def code(self, *args: PyTree) -> ClosedJaxpr:
        """Return the traced code, which the first call will compile."""
        return self.traced(_signature(args), args)[1].jaxpr

    def traced(self, signature: Hashable, args: tuple[PyTree, ...]) -> tuple[JitFunction, jax.stages.Traced]:
        """Return the function traced for these arguments, by this thread or another."""
        lock = self.locks.setdefault(("trace", signature), threading.RLock())
        is_alone = lock.acquire(timeout=PATIENCE)
        try:
            known = self.traces.get(signature)
            if known is None:
                # A new function: JAX lets a thread wait, without an end, for the trace of the same function in another.
                jitted = _jit(lambda *args: self.function(*args), self.options(args) or None)
                known = self.traces[signature] = jitted, jitted.trace(*args)
            return known
        finally:
            if is_alone:
                lock.release()

    def compiled(self, signature: Hashable, args: tuple[PyTree, ...]) -> Function:
        """Return the function compiled for these arguments, by this thread or another, or by an earlier process."""
        options = self.options(args)
        with self.locks.setdefault(signature, threading.RLock()):
            own, program = ("", None) if signature in self.traces else load_own(self.function, args, options)
            if program is not None:
                return self.ready.setdefault(signature, program)
        # The code of a user is traced while no lock is held.
        jitted, traced = self.traced(signature, args)
        with self.locks.setdefault(signature, threading.RLock()):
            if signature not in self.ready:
                self.ready[signature] = load_or_compile(traced, options, own) or jitted
        return self.ready.get(signature, jitted)

    def options(self, args: tuple[PyTree, ...]) -> dict[str, bool | int]:
        """Return the options of the compiler for these arguments."""
        numbers = sum(np.size(leaf) for leaf in jax.tree.leaves(args))
        if not self.quick or numbers > FEW_NUMBERS:
            return {}
        return _options(self.brief and numbers <= VERY_FEW)

    def forget(self) -> None:
        """Drop the compiled code; the next call compiles it again."""
        for jitted, _ in list(self.traces.values()):
            jitted.clear_cache()
        for memory in (self.ready, self.traces, self.locks):
            memory.clear()


def _signature(args: tuple[PyTree, ...]) -> Hashable:
    """Return the layout of arguments, and the shape and the type of each number or array in them."""
    leaves, tree = jax.tree.flatten(args)
    return tree, *[
        (leaf.shape, leaf.dtype.char) if type(leaf) is np.ndarray
        else (getattr(leaf, "shape", ()), getattr(leaf, "dtype", type(leaf)))
        for leaf in leaves
    ]  # fmt: skip


class Compiled:
    """A pure JAX function ``(x, arrays) -> (value, gradient)``, with the code and loops compiled from it."""

    def __init__(
        self, pure: Callable[[Array, PyTree], tuple[Array, Array]], asked: Callable[[], float] = lambda: EPS
    ) -> None:  # fmt: skip
        make_room()
        # `asked` returns, once the code was traced, the rounding error of the coarsest type that the code asked for.
        self.pure, self.asked = pure, asked
        # Return value and gradient as one vector: each array that compiled code returns costs as much as a small call.
        self.jitted = Jitted(lambda x, arrays: jnp.append(*reversed(pure(x, arrays))), brief=True)
        self.loops: dict[Hashable, Any] = {}
        # The relative rounding error of the coarsest type that the code computes in, once `measure` has found it out.
        self.precision, self.measured = EPS, False
        # For fits in batches: a function that makes the updates of one epoch, one per batch, and the number of updates.
        self.epoch: Function | None = None
        self.updates = 1
        # For fits: a function ``(x, rows, mass, arrays) -> (value, gradient)`` of the objective on some of the rows.
        self.on_rows: Function | None = None

    def __call__(self, x: np.ndarray, arrays: PyTree) -> Slope:
        with compiled_code():
            both = np.array(self.jitted(x, arrays))
        return float(both[-1]), both[:-1]

    def measure(self, x: np.ndarray, arrays: PyTree) -> None:
        """Trace the code, which the first call will compile, to find out its precision."""
        with compiled_code():
            code = self.jitted.code(x, arrays)
        self.precision, self.measured = max(self.asked(), coarseness(code)), True

    def get_or_make(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return the object stored under a key; make and store it if there is none."""
        if key not in self.loops:
            make_room()
            # If two threads make an object, both use the first that is stored.
            self.loops.setdefault(key, make())
        return self.loops[key]

    def slopes(self) -> Jitted:
        """Return the compiled function ``(points, arrays) -> rows`` of gradients and values, each value at the end."""

        def make(points: Array, arrays: PyTree) -> Array:
            return jax.lax.map(lambda x: jnp.append(*reversed(self.pure(x, arrays))), points)

        return self.loop("slopes", lambda: make)

    def loop(self, key: Hashable, make: Callable[[], Function], brief: bool = False) -> Jitted:
        """Return the function compiled under a key; if there is none, compile the result of `make`."""
        return self.get_or_make(key, lambda: Jitted(make(), brief=brief))


# The values are `Compiled`, or `Branches` of `tracing/branches.py`; the least recently used come first.
_cache: OrderedDict[Hashable, Function] = OrderedDict()
# Held while the cache changes, and never while the user's code runs.
_changing = threading.RLock()
# Jitted functions that serve all objectives, so they are never removed; only their code is dropped.
_shared: list[Jitted] = []


@cache
def _options(brief: bool = False) -> dict[str, bool | int]:
    """Return the options for quick compilation, or none if this version of the compiler refuses them."""
    wanted = BRIEFLY if brief else QUICKLY
    try:
        jax.jit(lambda: 0.0, compiler_options=wanted).lower().compile()
    except Exception:  # noqa: BLE001 - the error for an unknown option differs between versions
        return _options() if brief else {}
    return wanted


def shared(function: Function) -> Jitted:
    """Return a jitted function that serves every objective; `forget` drops its code too."""
    jitted = Jitted(function)
    _shared.append(jitted)
    return jitted


def stored(key: Hashable) -> Function | None:
    """Return the function stored under a key, which counts as used; None if there is none."""
    with _changing:
        if key in _cache:
            _cache.move_to_end(key)
        return _cache.get(key)


def recalled(key: Hashable, kind: type[Stored], make: Callable[[], Stored]) -> Stored:
    """Return the function of this kind stored under a key; make and store it if there is none.

    All threads that ask for a key get the same function, also before it is compiled.
    """
    stored = _cache.get(key)
    if isinstance(stored, kind):
        return stored
    made = make()
    with _changing:
        stored = _cache.get(key)
        made = stored if isinstance(stored, kind) else made
        remember(key, made)
    return made


def remember(key: Hashable, compiled: Function) -> None:
    """Store a compiled function, and drop the least recently used one if there are too many."""
    with _changing:
        _cache[key] = compiled
        _cache.move_to_end(key)
        while len(_cache) > MOST_COMPILED:
            _cache.popitem(last=False)


def drop(key: Hashable) -> None:
    """Remove the compiled function stored under a key."""
    with _changing:
        _cache.pop(key, None)


def forget(part: float = 1.0) -> None:
    """Drop this share of the stored functions, the least recently used first, and the code of all shared functions."""
    with _changing:
        for _ in range(round(part * len(_cache))):
            _cache.popitem(last=False)
        for jitted in _shared:
            jitted.forget()
    # A loop and the function that it was compiled from refer to each other: only garbage collection frees them.
    gc.collect()


def make_room() -> None:
    """Drop compiled functions if the process comes near its limit of memory maps.

    A compiled loop takes a few hundred maps, and a process that has run out of them is killed when it
    asks for the next one.
    """
    if _crowded():
        forget(0.5)
        if _crowded():
            forget()


def _crowded() -> bool:
    limit = _most_maps()
    if not limit:
        return False
    with Path("/proc/self/maps").open("rb") as maps:
        return sum(1 for _ in maps) > CROWDED * limit


@cache
def _most_maps() -> int:
    """Return how many memory maps the process may have, or 0 if no limit can be read."""
    try:
        return int(Path("/proc/sys/vm/max_map_count").read_text())
    except (OSError, ValueError):
        return 0
