"""The cache of compiled functions, limited by the number of memory maps that a process may have."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.types import Array, Function, Tree

if TYPE_CHECKING:
    from jax.extend.core import ClosedJaxpr

# The most functions in the cache. Chosen, not measured: more functions can be reused, and take more memory.
MOST_COMPILED = 128
# The cache is shrunk when this share of the allowed memory maps is in use. Chosen, not measured: the next functions
# to be compiled, and the user's own code, must fit in the rest.
CROWDED = 0.4
# Options for quick compilation, used for at most FEW_NUMBERS numbers, where compiling takes longer than a descent. With
# them a first result took 2 s instead of 3.5 s, and a second function 1 s instead of 2 s; code for large arrays takes
# up to twice as long.
QUICKLY, FEW_NUMBERS = {"xla_cpu_use_fusion_emitters": False}, 100_000
# A value and its gradient.
Slope = tuple[float, np.ndarray]
Made = TypeVar("Made")
Stored = TypeVar("Stored")


class JitFunction(Protocol):
    """A function that `jax.jit` returned."""

    def __call__(self, *args: Tree) -> Tree: ...

    def trace(self, *args: Tree) -> jax.stages.Traced: ...

    def clear_cache(self) -> None: ...


def _jit(function: Function, options: dict[str, bool] | None = None) -> JitFunction:
    # The type that JAX declares lacks `clear_cache`, so leave the type open.
    jitted: Any = jax.jit(function, compiler_options=options)
    return jitted


class Jitted:
    """A function that JAX compiles at its first call: quickly for few numbers, else to the fastest code."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.quick: JitFunction | None = None
        self.optimised = _jit(function)

    def __call__(self, *args: Tree) -> Tree:
        return self.of(args)(*args)

    def of(self, args: Tree) -> JitFunction:
        """Return the jitted function for arguments of this size."""
        if sum(np.size(leaf) for leaf in jax.tree.leaves(args)) > FEW_NUMBERS:
            return self.optimised
        self.quick = self.quick or _jit(self.function, _options())
        return self.quick

    def forget(self) -> None:
        """Drop the compiled code; the next call compiles it again."""
        for jitted in (self.quick, self.optimised):
            if jitted is not None:
                jitted.clear_cache()


class Compiled:
    """A pure JAX function ``(x, arrays) -> (value, gradient)``, with the code and loops compiled from it."""

    def __init__(self, pure: Callable[[Array, Tree], tuple[Array, Array]]) -> None:
        make_room()
        self.pure = pure
        # Return value and gradient as one vector: each array that compiled code returns costs as much as a small call.
        self.jitted = Jitted(lambda x, arrays: jnp.append(*reversed(pure(x, arrays))))
        self.loops: dict[Hashable, Any] = {}
        # The relative rounding error of the coarsest type that the code computes in.
        self.precision = EPS
        # For fits in batches: a function that makes the updates of one epoch, one per batch, and the number of updates.
        self.epoch: Function | None = None
        self.updates = 1

    def __call__(self, x: np.ndarray, arrays: Tree) -> Slope:
        with compiled_code():
            both = np.array(self.jitted(x, arrays))
        return float(both[-1]), both[:-1]

    def trace(self, x: np.ndarray, arrays: Tree) -> ClosedJaxpr:
        """Return the traced code, which the first call will compile."""
        with compiled_code():
            return self.jitted.of((x, arrays)).trace(x, arrays).jaxpr

    def get_or_make(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return the object stored under a key; make and store it if there is none."""
        if key not in self.loops:
            make_room()
            self.loops[key] = make()
        return self.loops[key]

    def loop(self, key: Hashable, make: Callable[[], Function]) -> Jitted:
        """Return the function compiled under a key; if there is none, compile the result of `make`."""
        return self.get_or_make(key, lambda: Jitted(make()))


# The values are `Compiled`, or `Branches` of `tracing/branches.py`; the least recently used come first.
_cache: OrderedDict[Hashable, Function] = OrderedDict()
# Jitted functions that serve all objectives, so they are never removed; only their code is dropped.
_shared: list[Jitted] = []


@cache
def _options() -> dict[str, bool]:
    """Return the options for quick compilation, or none if this version of the compiler refuses them."""
    try:
        jax.jit(lambda: 0.0, compiler_options=QUICKLY).lower().compile()
    except Exception:  # noqa: BLE001 - the error for an unknown option differs between versions
        return {}
    return QUICKLY


def shared(function: Function) -> Jitted:
    """Return a jitted function that serves every objective; `forget` drops its code too."""
    jitted = Jitted(function)
    _shared.append(jitted)
    return jitted


def recalled(key: Hashable, kind: type[Stored]) -> Stored | None:
    """Return the compiled function of this kind stored under a key, or None."""
    stored = _cache.get(key)
    return stored if isinstance(stored, kind) else None


def remember(key: Hashable, compiled: Function) -> None:
    """Store a compiled function, and drop the least recently used one if there are too many."""
    _cache[key] = compiled
    _cache.move_to_end(key)
    while len(_cache) > MOST_COMPILED:
        _cache.popitem(last=False)


def drop(key: Hashable) -> None:
    """Remove the compiled function stored under a key."""
    _cache.pop(key, None)


def forget(part: float = 1.0) -> None:
    """Drop this share of the stored functions, the least recently used first, and the code of all shared functions."""
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
